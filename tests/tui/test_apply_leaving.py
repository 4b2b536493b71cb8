"""Leaving while an apply is under way: asked first, put back first, and never stuck."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from store.plans import ApplyReport
from store.settings import Settings
from tests.tui.conftest import make_app, running, settled
from tests.tui.fake_rollout import HARMLESS, STEPS, UNDONE, with_fake
from tests.tui.test_app import screen_text, wait_until
from tests.tui.test_apply_screen import asked, begun
from tui.modals.apply import ApplyScreen
from tui.modals.confirm import ConfirmScreen


async def test_quitting_asks_and_waits_for_the_old_configuration(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await begun(pilot, *STEPS[:3])
        await pilot.press("escape", "q")
        await wait_until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "Put the old configuration back, and leave?" in screen_text(app)
        await pilot.press("enter")  # Cancel
        await settled(pilot)
        assert app.applying.busy
        assert fake.stops == 0
        await pilot.press("q")
        await wait_until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await wait_until(pilot, lambda: isinstance(app.screen, ApplyScreen))
        assert fake.stops == 1
        assert not app._exit
        fake.say(UNDONE)
        await wait_until(pilot, lambda: app._exit)
    assert not fake.cancelled


async def test_quitting_twice_leaves_without_the_proof(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await begun(pilot, *STEPS[:3])
        for _ in range(2):
            await pilot.press("ctrl+q")
            await wait_until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.press("y")
            await wait_until(pilot, lambda: not isinstance(app.screen, ConfirmScreen))
            await settled(pilot)
        await wait_until(pilot, lambda: app._exit)
    assert fake.cancelled


async def test_a_signal_cancels_it_and_does_not_wait_for_ever(
    filled_store: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the guard of the terminal calls."""
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await begun(pilot, *STEPS[:3])
        await asyncio.wait_for(app.finish_writes(), 5)
        assert fake.cancelled
        assert not app.applying.busy


async def test_an_apply_that_does_not_end_is_left_behind(
    filled_store: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.applying.STOP_S", 0.05)
    app = make_app(filled_store)
    release = asyncio.Event()
    async with running(app) as pilot:
        fake = with_fake(app, HARMLESS)

        async def stubborn(*args: object, **more: object) -> ApplyReport:
            for _ in count():
                try:
                    await release.wait()
                    return UNDONE
                except asyncio.CancelledError:
                    continue
            raise AssertionError

        monkeypatch.setattr(fake, "apply", stubborn)
        await asked(pilot)
        await pilot.press("y")
        await wait_until(pilot, lambda: app.applying.busy)
        await asyncio.wait_for(app.finish_writes(), 5)
        await asyncio.wait_for(app.finish_writes(), 5)
        assert app.applying.busy
        release.set()
