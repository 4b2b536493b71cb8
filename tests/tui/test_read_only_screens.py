"""Read-only: whatever is pressed, chosen or clicked, the store stays as it is, and says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from store.settings import Settings
from tests.tui.conftest import make_app, running, settings_for, settled
from tests.tui.form_tools import TABS, dump, go_to, the_app
from tests.tui.test_app import screen_text
from tui.actions import ACTIONS, Action, Place
from tui.app import AituiApp
from tui.modals.confirm import ConfirmScreen
from tui.modals.form import FormScreen
from tui.modals.history import HistoryScreen
from tui.palette import ActionCommands, ThingCommands
from tui.widgets.cards import CardView

LEAVING = {"app.quit"}
PLACES = {Place.MODELS: "1", Place.PROVIDERS: "2", Place.ROUTES: "3", Place.USAGE: "4"}
HERE = {Place.APP: "1", Place.CARDS: "1", **PLACES}


@pytest.fixture
def read_only(filled_store: Settings) -> Settings:
    return replace(filled_store, read_only=True)


async def back_to_the_list(pilot: Pilot[None]) -> None:
    app = the_app(pilot)
    await settled(pilot)
    assert not isinstance(app.screen, FormScreen | ConfirmScreen)
    while len(app.screen_stack) > 1:
        app.pop_screen()
    await pilot.pause()


async def unchanged(app: AituiApp, before: object) -> None:
    await app.writer.finish()
    assert await dump(app.store) == before


@pytest.mark.parametrize("place", HERE, ids=str)
async def test_no_binding_writes(read_only: Settings, place: Place) -> None:
    app = make_app(read_only)
    async with running(app) as pilot:
        before = await dump(app.store)
        actions = [a for a in ACTIONS if a.place is place and a.id not in LEAVING]
        assert actions
        for action in actions:
            await pilot.press(HERE[place])
            for key in action.keys.split(","):
                await pilot.press(key)
                if action.writes:
                    assert len(app.screen_stack) == 1, action.id
                await back_to_the_list(pilot)
        await unchanged(app, before)


async def test_no_palette_entry_writes(read_only: Settings) -> None:
    app = make_app(read_only)
    async with running(app) as pilot:
        before = await dump(app.store)
        done = set(LEAVING)
        for tab in PLACES.values():
            await pilot.press(tab)
            await settled(pilot)
            provider = ActionCommands(app.screen)
            offered = list(provider._actions())
            assert not [action.id for action in offered if action.writes]
            for action in (a for a in offered if a.id not in done):
                done.add(action.id)
                await app.run_registered(action)
                await back_to_the_list(pilot)
        things = ThingCommands(app.screen)
        await things.startup()
        hits = [hit async for hit in things.search("demo")] or [
            hit async for hit in things.search("o")
        ]
        assert hits
        await hits[0].command()
        await unchanged(app, before)


@pytest.mark.parametrize(
    "action", [action for action in ACTIONS if action.writes], ids=lambda action: action.id
)
async def test_what_writes_is_refused_however_it_is_asked_for(
    read_only: Settings, action: Action
) -> None:
    app = make_app(read_only)
    async with running(app) as pilot:
        before = await dump(app.store)
        await pilot.press(HERE[action.place])
        await settled(pilot)
        await app.run_registered(action)
        await settled(pilot)
        assert len(app.screen_stack) == 1
        await unchanged(app, before)


@pytest.mark.parametrize("tab", TABS)
async def test_no_kind_of_card_has_a_button_that_writes(read_only: Settings, tab: str) -> None:
    app = make_app(read_only)
    async with running(app, (120, 40)) as pilot:
        before = await dump(app.store)
        await go_to(pilot, tab)
        cards = app.tab.query_one(CardView)  # type: ignore[union-attr]
        tried: set[tuple[str, ...]] = set()
        for item in cards._items:
            kind = tuple(button.label for button in item.card().buttons)
            if kind in tried:
                continue
            tried.add(kind)
            cards.choose(item.id)
            await pilot.pause()
            drawn = [action for _, _, action in cards._hits.get(item.id, ())]
            assert not set(drawn) & cards.hidden
            for button in item.card().buttons:  # drawn or not: none of them may write
                cards.post_message(CardView.Pressed(cards, item.id, button.action))
                await back_to_the_list(pilot)
        await unchanged(app, before)


async def test_the_header_and_the_help_say_so(read_only: Settings) -> None:
    app = make_app(read_only)
    async with running(app) as pilot:
        assert screen_text(app).startswith(" read-only ")
        footer = screen_text(app).splitlines()[-1]
        assert "New" not in footer
        assert "Test" in footer
        await pilot.press("question_mark")
        await settled(pilot)
        text = screen_text(app)
        assert "Remove it, after a question" not in text
        assert "Change this model" not in text
        assert "Send this model one real request" in text


async def test_the_history_can_be_read_and_not_restored(read_only: Settings) -> None:
    app = make_app(read_only)
    async with running(app) as pilot:
        before = await dump(app.store)
        await pilot.press("H")
        await settled(pilot)
        assert isinstance(app.screen, HistoryScreen)
        assert "restore" not in screen_text(app)
        await pilot.press("r", "E")
        await settled(pilot)
        assert isinstance(app.screen, HistoryScreen)
        await unchanged(app, before)


async def test_an_empty_list_offers_nothing_that_writes(tmp_path: Path) -> None:
    settings = settings_for(tmp_path / "new.db")
    async with running(make_app(settings)):
        pass  # read-only creates no store
    app = make_app(replace(settings, read_only=True))
    async with running(app) as pilot:
        for key in "123":
            await pilot.press(key)
            await settled(pilot)
            assert "Start without --read-only to add one." in screen_text(app)
            assert "n adds one" not in screen_text(app)
