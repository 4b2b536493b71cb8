"""Forms lose nothing: not by leaving, not by keys typed ahead, not by quitting during a save."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from store.settings import Settings
from tests.tui.conftest import make_app, running, settings_for, settled
from tests.tui.form_tools import (
    choose,
    fill,
    form,
    go_to,
    question,
    save,
    told,
)
from tests.tui.test_app import screen_text, wait_until
from tui.modals.form import FormScreen


@pytest.mark.parametrize("keys", [["escape"], ["ctrl+q"]], ids="".join)
async def test_leaving_asks_before_it_throws_away(filled_store: Settings, keys: list[str]) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await pilot.press("e")
        await fill(pilot, description="typed")
        await pilot.press(*keys)
        await settled(pilot)
        assert question(pilot).focused is question(pilot).query_one("#cancel")
        await pilot.press(*keys)  # a second time opens no second question
        await settled(pilot)
        assert len(app.screen_stack) <= 3
        await pilot.press("escape")
        await settled(pilot)
        if isinstance(app.screen, FormScreen):
            assert form(pilot).field("description").text == "typed"
        assert app.is_running


async def test_typed_and_taken_back_is_not_asked_about(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await pilot.press("e", "down", "x", "backspace", "escape")
        await settled(pilot)
        assert len(app.screen_stack) == 1
        await pilot.press("e", "f2")
        await settled(pilot)
        assert len(app.screen_stack) == 1
        assert told(pilot) == []


async def test_throwing_away_by_mouse(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await pilot.press("e")
        await fill(pilot, description="typed")
        await pilot.click("#cancel")
        await settled(pilot)
        await pilot.click("#yes")
        await settled(pilot)
        assert len(app.screen_stack) == 1
        assert (await app.store.models.get("demo-gpt-4.1-vas")).description != "typed"


async def test_keys_typed_ahead_go_into_the_form_and_not_into_the_list(
    filled_store: Settings,
) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await go_to(pilot, "providers")
        # One burst, as a slow line delivers it: nothing is disabled, checked or removed.
        for key in ("n", "down", *"oddhAx", "f2"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await wait_until(pilot, lambda: isinstance(app.screen, FormScreen))
        await settled(pilot)
        assert form(pilot).field("name").text == "oddhAx"
        assert form(pilot).field("name").has_class("-wrong")  # F2 came last, and small letters


async def test_two_presses_open_one_form(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await pilot.press("n", "n")
        await settled(pilot)
        assert len(app.screen_stack) == 2


async def test_quitting_while_a_form_saves_loses_nothing(
    filled_store: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(filled_store)
    ended: list[str] = []
    async with running(app) as pilot:
        store_save = app.store.edit.save

        async def slow(before: object, after: object, *, actor: str) -> object:
            await asyncio.sleep(0.2)
            saved = await store_save(before, after, actor=actor)  # type: ignore[type-var]
            ended.append("saved")
            return saved

        monkeypatch.setattr(app.store.edit, "save", slow)
        await pilot.press("e")
        await fill(pilot, description="just in time")
        await pilot.press("f2", "ctrl+q")
        await wait_until(pilot, lambda: not app.is_running or app._exit)
    assert ended == ["saved"]


async def test_ctrl_p_opens_nothing_over_a_form(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await pilot.press("e", "ctrl+p")
        await settled(pilot)
        assert isinstance(app.screen, FormScreen)


async def test_a_model_needs_a_provider_first(tmp_path: Path) -> None:
    app = make_app(settings_for(tmp_path / "new.db"))
    async with running(app) as pilot:
        await pilot.press("n")
        await settled(pilot)
        assert told(pilot) == ["Add a provider first: it says where the model is served."]
        await go_to(pilot, "routes")
        await pilot.press("n")
        await settled(pilot)
        assert "Add the default route" in screen_text(app)


async def test_the_search_does_not_hide_what_was_added(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await pilot.press("slash", *"gemini", "enter", "n")
        await choose(pilot, "provider_id", "openai")
        await fill(pilot, litellm_model="openai/brand-new", model_name="brand-new")
        await save(pilot)
        await wait_until(pilot, lambda: "brand-new" in screen_text(app))
        assert app.query_one("#search", Input).value == ""
