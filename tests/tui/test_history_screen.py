"""The history: who, when and what, and the way back to any state."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from textual.pilot import Pilot

from store.domain import Health, Model
from store.settings import Settings
from tests.tui.conftest import make_app, running, settings_for, settled
from tests.tui.form_tools import dump, go_to, question, the_app, told
from tests.tui.test_app import screen_text, wait_until
from tui.app import AituiApp
from tui.modals.history import HistoryScreen

MODEL = "demo-gpt-4.1-vas"


async def change(app: AituiApp, **changes: object) -> None:
    model = await app.store.models.get(MODEL)
    after = replace(model, **changes)  # type: ignore[arg-type]
    await app.store.edit.save(model, after, actor="kim@ops")


def history(pilot: Pilot[None]) -> HistoryScreen:
    screen = pilot.app.screen
    assert isinstance(screen, HistoryScreen), screen_text(the_app(pilot))
    return screen


async def test_who_when_and_what_field_by_field(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await change(app, context_window=64_000, description=None, supports_vision=False)
        await pilot.press("H")
        await settled(pilot)
        text = screen_text(app)
        assert "2026-03-18 15:30  update   model    gpt-4.1" in text
        assert "2026-03-18 15:30:00 KST by kim@ops" in text
        assert "~ Context         128k  →  64k" in text
        assert "~ Vision          yes  →  no" in text
        await pilot.press("G")
        await settled(pilot)
        assert "create" in screen_text(app)
        assert "+ Name" in screen_text(app)


async def test_names_stand_for_ids(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        route = await app.store.routes.get("demo-route-fast")
        after = replace(route, fallback_model_ids=("demo-llama3", "demo-codellama"))
        await app.store.edit.save(route, after, actor="kim@ops")
        await pilot.press("H")
        await settled(pilot)
        assert "→ llama3, codellama" in screen_text(app)
        assert "demo-llama3" not in screen_text(app)


async def test_only_one_thing_s_changes(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await change(app, priority=3)
        await pilot.press("y")
        await settled(pilot)
        screen = history(pilot)
        assert {entry.entity_id for entry in screen._entries} == {MODEL}
        assert "History of gpt-4.1" in screen_text(app)
        await pilot.press("f")
        await settled(pilot)
        assert len({entry.entity_id for entry in screen._entries}) > 5
        await pilot.press("j", "f")
        await settled(pilot)
        assert len({entry.entity_id for entry in screen._entries}) == 1


async def test_a_thing_is_restored_after_a_question_and_u_takes_it_back(
    filled_store: Settings,
) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await change(app, description="first")
        await change(app, description="second")
        await pilot.press("y")
        await settled(pilot)
        await pilot.press("j", "r")
        await settled(pilot)
        assert "Restore model gpt-4.1?" in screen_text(app)
        assert question(pilot).focused is question(pilot).query_one("#cancel")
        await pilot.press("y")
        await wait_until(pilot, lambda: told(pilot))
        await settled(pilot)
        assert (await app.store.models.get(MODEL)).description == "first"
        assert history(pilot)._entries[0].action == "restore"
        await pilot.press("escape", "u")
        await wait_until(pilot, lambda: any("Undone" in text for text in told(pilot)))
        assert (await app.store.models.get(MODEL)).description == "second"


async def test_everything_is_restored(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        before, _ = await dump(app.store)
        await change(app, description="first")
        await go_to(pilot, "providers", "demo-ollama")
        await pilot.press("d")
        await settled(pilot)
        await pilot.press("y")
        await wait_until(pilot, lambda: "ollama is removed" in told(pilot))
        await pilot.press("H")
        await settled(pilot)
        entries = history(pilot)._entries
        steps = next(i for i, entry in enumerate(entries) if entry.actor == "demo")
        await pilot.press(*"j" * steps, "E")
        await settled(pilot)
        assert "Restore every provider, model and route?" in screen_text(app)
        await pilot.press("y")
        await wait_until(pilot, lambda: any("Everything is as on" in t for t in told(pilot)))
        after, _ = await dump(app.store)
        for then, now in ((before.models, after.models), (before.routes, after.routes)):
            assert {replace(t, version=0, **_unseen(t)) for t in then} == {
                replace(t, version=0, **_unseen(t)) for t in now
            }


def _unseen(thing: object) -> dict[str, object]:
    """Health is no part of the configuration."""
    return {"health": Health()} if isinstance(thing, Model) else {}


async def test_restoring_what_is_so_already_says_so(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await change(app, description="first")
        _, rows = await dump(app.store)
        await pilot.press("y", "r")
        await settled(pilot)
        await pilot.press("y")
        await wait_until(pilot, lambda: any("so already" in text for text in told(pilot)))
        assert (await dump(app.store))[1] == rows


async def test_a_long_history_is_read_page_by_page(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        for number in range(205):
            await change(app, priority=number + 100)
        await pilot.press("y")
        await settled(pilot)
        screen = history(pilot)
        assert len(screen._entries) == 200
        await pilot.press("G")
        await settled(pilot)
        assert len(screen._entries) == 206
        assert screen.chosen is screen._entries[199]  # the cursor keeps its place


async def test_an_empty_history(tmp_path: Path) -> None:
    app = make_app(settings_for(tmp_path / "new.db"))
    async with running(app) as pilot:
        await pilot.press("H")
        await settled(pilot)
        assert "No changes yet." in screen_text(app)
        await pilot.press("r", "E", "f", "j", "escape")
        await settled(pilot)
        assert len(app.screen_stack) == 1
