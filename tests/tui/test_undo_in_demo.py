"""Undo from the revisions, in the demo: its own store, proxy and file, and nothing scripted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from store.environment import Environment
from store.plans import Outcome
from tests.tui.conftest import running, settings_for
from tests.tui.test_app import screen_text
from tui.app import AituiApp
from tui.modals.apply import ApplyScreen
from tui.modals.confirm import ConfirmScreen
from tui.modals.plan import PlanScreen
from tui.modals.revisions import RevisionsScreen

HANG_S = 40.0
"""A real rollout waits for a real file to be loaded: generous, and against hanging only."""


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    async with asyncio.timeout(HANG_S):
        while not condition():
            await pilot.pause(0.05)


async def applied(pilot: Pilot[None], app: AituiApp) -> None:
    """Answer the question, see the end, and leave the view."""
    await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
    await pilot.press("y")
    await until(pilot, lambda: isinstance(app.screen, ApplyScreen))
    await until(pilot, lambda: app.applying.run is not None and app.applying.run.is_over)
    assert app.applying.run is not None
    assert app.applying.run.succeeded, app.applying.run.ending
    await until(pilot, lambda: "was read back and serves it" in screen_text(app))
    await pilot.press("escape")
    await pilot.pause()


async def test_undo_brings_back_file_store_and_proxy(tmp_path: Path) -> None:
    app = AituiApp(settings_for(tmp_path / "unused.db"), Environment({}), demo=True, poll=False)
    async with running(app) as pilot:
        store = app.store
        path = store.settings.config_file
        assert path is not None
        before = path.read_bytes()
        model = next(m for m in await store.models.all() if m.timeout_seconds is None)
        await store.edit.save(model, replace(model, timeout_seconds=77), actor="ops")
        await pilot.press("a")
        await applied(pilot, app)
        assert b"77" in path.read_bytes()
        assert path.read_bytes() != before

        await pilot.press("V")
        await until(pilot, lambda: isinstance(app.screen, RevisionsScreen))
        await until(pilot, lambda: "served" in screen_text(app))
        await pilot.press("j", "u")
        await until(pilot, lambda: isinstance(app.screen, PlanScreen))
        await until(pilot, lambda: "Undo to revision 1: ~1" in screen_text(app))
        assert "The store goes back as well:" in screen_text(app)
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "timeout_seconds: 77 -> none" in screen_text(app)
        await applied(pilot, app)

        assert path.read_bytes() == before
        assert (await store.models.get(model.id)).timeout_seconds is None
        newest, *_ = await store.rollout.revisions()
        assert (newest.outcome, newest.to_revision) == (Outcome.SERVED, 1)
        assert (await store.rollout.plan()).is_empty
        await until(pilot, lambda: "undo → 1" in screen_text(app))
