"""What the tests of the forms share."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.pilot import Pilot

from store.store import Store
from store.validation import World
from tests.tui.conftest import settled
from tests.tui.test_app import screen_text, wait_until
from tui.app import AituiApp
from tui.modals.confirm import ConfirmScreen
from tui.modals.form import FormScreen
from tui.widgets.cards import CardView

TABS = {"models": "1", "providers": "2", "routes": "3"}


def the_app(pilot: Pilot[None]) -> AituiApp:
    assert isinstance(pilot.app, AituiApp)
    return pilot.app


def form(pilot: Pilot[None]) -> FormScreen[Any]:
    """The form on the screen."""
    screen = pilot.app.screen
    assert isinstance(screen, FormScreen), screen_text(the_app(pilot))
    return screen


def question(pilot: Pilot[None]) -> ConfirmScreen:
    screen = pilot.app.screen
    assert isinstance(screen, ConfirmScreen), screen_text(the_app(pilot))
    return screen


def told(pilot: Pilot[None]) -> list[str]:
    """Every toast so far."""
    return [toast.message for toast in the_app(pilot)._notifications]


async def go_to(pilot: Pilot[None], tab: str, thing_id: str | None = None) -> None:
    """Show a tab, with the cursor on that thing."""
    await pilot.press(TABS[tab])
    await settled(pilot)
    if thing_id is not None:
        app = the_app(pilot)
        assert app.tab is not None
        cards = app.tab.query_one(CardView)
        cards.choose(thing_id)
        assert cards.chosen_id == thing_id
        await pilot.pause()


async def fill(pilot: Pilot[None], **texts: str) -> None:
    """Put the cursor into each field, empty it and paste: one event, where keys are many."""
    for name, text in texts.items():
        form(pilot).field(name).focus_control()
        await pilot.pause()
        await pilot.press("end", "ctrl+u")
        pilot.app.post_message(events.Paste(text))
        await settled_form(pilot)


async def choose(pilot: Pilot[None], name: str, typed: str) -> None:
    """Open a field's list and pick what typing leads to."""
    form(pilot).field(name).focus_control()
    await pilot.pause()
    await pilot.press("enter")
    await pilot.pause()
    await pilot.press(*typed)
    await pilot.pause()
    await pilot.press("enter")
    await settled_form(pilot)


async def save(pilot: Pilot[None]) -> None:
    """F2, and wait until the form is gone."""
    await pilot.press("f2")
    await wait_until(pilot, lambda: not isinstance(pilot.app.screen, FormScreen))
    await settled(pilot)


async def settled_form(pilot: Pilot[None]) -> None:
    """What was typed has been looked up and checked."""
    for _ in range(2):
        await pilot.pause()
        lookups = [w for w in pilot.app.workers if w.group in ("catalogue", "refresh")]
        if lookups:
            await pilot.app.workers.wait_for_complete(lookups)
    await pilot.pause()


async def dump(store: Store) -> tuple[World, int]:
    """All that a write would change: the configuration, and the number of audit rows."""
    return await store.edit.world(), len(await store.audit.latest(100_000))
