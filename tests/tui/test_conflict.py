"""Two operators at the same thing: nothing is written over without being seen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from textual.pilot import Pilot

from store.domain import Model, Provider, Route
from store.environment import Environment
from store.settings import Settings
from store.store import open_store
from tests.tui.conftest import fixed_clock, make_app, running, settled
from tests.tui.form_tools import fill, form, go_to
from tests.tui.test_app import screen_text, wait_until
from tui.app import AituiApp
from tui.modals.conflict import ConflictScreen, differences

MODEL = "demo-gpt-4.1-vas"


async def other_changes(settings: Settings, model_id: str = MODEL, **changes: Any) -> None:
    async with open_store(settings, Environment({}), clock=fixed_clock) as other:
        model = await other.models.get(model_id)
        await other.edit.save(model, replace(model, **changes), actor="other@host")


async def collide(pilot: Pilot[None], settings: Settings) -> AituiApp:
    """Mine: description and priority. Theirs: description and weight, and it is disabled."""
    app = pilot.app
    assert isinstance(app, AituiApp)
    await pilot.press("e")
    await fill(pilot, description="mine", priority="7")
    await other_changes(settings, description="theirs", weight=3.0, is_enabled=False)
    await pilot.press("f2")
    await wait_until(pilot, lambda: isinstance(app.screen, ConflictScreen))
    await settled(pilot)
    return app


async def test_all_three_are_shown_and_nothing_is_written(filled_store: Settings) -> None:
    async with running(make_app(filled_store)) as pilot:
        app = await collide(pilot, filled_store)
        text = screen_text(app)
        assert "Yours" in text
        assert "✗ Description  mine" in text
        assert "theirs" in text
        assert "GPT-4.1 via VAS" in text
        # No field of the form: theirs stays, whatever is chosen.
        assert ["Enabled", "no", "no", "yes"] in [line.split()[2:6] for line in text.splitlines()]
        assert app.screen.focused is app.screen.query_one("#edit")
        assert (await app.store.models.get(MODEL)).description == "theirs"


async def test_t_takes_theirs(filled_store: Settings) -> None:
    async with running(make_app(filled_store)) as pilot:
        app = await collide(pilot, filled_store)
        await pilot.press("t")
        await settled(pilot)
        assert len(app.screen_stack) == 1
        model = await app.store.models.get(MODEL)
        assert (model.description, model.weight, model.priority) == ("theirs", 3.0, 10)


async def test_m_keeps_mine(filled_store: Settings) -> None:
    async with running(make_app(filled_store)) as pilot:
        app = await collide(pilot, filled_store)
        await pilot.press("m")
        await wait_until(pilot, lambda: len(app.screen_stack) == 1)
        model = await app.store.models.get(MODEL)
        assert (model.description, model.weight, model.priority) == ("mine", None, 7)
        assert not model.is_enabled


@pytest.mark.parametrize("key", ["e", "escape", "enter"])
async def test_e_edits_on_with_theirs_where_nothing_was_typed(
    filled_store: Settings, key: str
) -> None:
    async with running(make_app(filled_store)) as pilot:
        app = await collide(pilot, filled_store)
        await pilot.press(key)
        await settled(pilot)
        assert form(pilot).field("weight").text == "3"
        assert form(pilot).field("description").text == "mine"
        assert form(pilot).is_dirty
        await pilot.press("f2")
        await wait_until(pilot, lambda: len(app.screen_stack) == 1)
        model = await app.store.models.get(MODEL)
        assert (model.description, model.weight, model.priority) == ("mine", 3.0, 7)


async def test_a_second_collision_is_shown_again(filled_store: Settings) -> None:
    async with running(make_app(filled_store)) as pilot:
        app = await collide(pilot, filled_store)
        await other_changes(filled_store, description="theirs again")
        await pilot.press("m")
        await wait_until(pilot, lambda: "theirs again" in screen_text(app))
        assert isinstance(app.screen, ConflictScreen)


async def test_what_they_removed_is_told_and_what_was_typed_stays(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await go_to(pilot, "routes", "demo-route-fast")
        await pilot.press("e")
        await fill(pilot, description="mine")
        async with open_store(filled_store, Environment({}), clock=fixed_clock) as other:
            await other.edit.remove(await other.routes.get("demo-route-fast"), actor="other")
        await pilot.press("f2")
        await wait_until(pilot, lambda: "removed it meanwhile" in screen_text(app))
        assert form(pilot).field("description").text == "mine"


async def test_a_chain_that_came_from_them_can_be_edited_on(filled_store: Settings) -> None:
    """Theirs uses a model that was not there when the form was opened, and no primary."""
    app = make_app(filled_store)
    async with running(app) as pilot:
        await go_to(pilot, "routes", "demo-route-default")
        await pilot.press("e")
        await fill(pilot, description="mine")
        async with open_store(filled_store, Environment({}), clock=fixed_clock) as other:
            model = await other.models.get("demo-llama3")
            new = await other.edit.add(replace(model, id="", model_name="new"), actor="other")
            route = await other.routes.get("demo-route-default")
            theirs = replace(route, primary_model_id=None, fallback_model_ids=(new.id,))
            await other.edit.save(route, theirs, actor="other")
        await pilot.press("f2")
        await wait_until(pilot, lambda: isinstance(app.screen, ConflictScreen))
        await settled(pilot)
        assert "new" in screen_text(app)
        assert new.id not in screen_text(app)
        await pilot.press("e")
        await settled(pilot)
        await pilot.press("f2")
        await wait_until(pilot, lambda: len(app.screen_stack) == 1)
        saved = await app.store.routes.get("demo-route-default")
        assert saved.fallback_model_ids == (new.id,)
        assert saved.primary_model_id is None
        assert saved.description == "mine"


@pytest.mark.parametrize(
    "before",
    [
        Provider("p", "a", "A", "openai"),
        Model("m", "p", "a", "A", "openai/a"),
        Route("r", "a", fallback_model_ids=("m",)),
    ],
    ids=["provider", "model", "route"],
)
def test_a_clash_is_what_both_changed_to_something_else(before: Provider | Model | Route) -> None:
    mine = replace(before, is_enabled=False)
    theirs = replace(before, is_enabled=False)
    (same,) = differences(before, mine, theirs, {})
    assert not same.is_clash
    assert differences(before, before, before, {}) == ()
    name = "model_name" if isinstance(before, Model) else "name"
    mine, theirs = replace(before, **{name: "b"}), replace(before, **{name: "c"})
    (clash,) = differences(before, mine, theirs, {})
    assert (clash.label, clash.yours, clash.theirs, clash.before) == ("Name", "b", "c", "a")
    assert clash.is_clash
