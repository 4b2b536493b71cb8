"""A whole day's work: add a provider, its model and a route; break it; mend it; undo it all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store.environment import Environment
from store.settings import Settings
from store.store import open_store
from tests.tui.conftest import fixed_clock, make_app, running, settled
from tests.tui.form_tools import choose, dump, fill, form, go_to, question, save, told
from tests.tui.test_app import screen_text, wait_until
from tui.modals.form import FormScreen
from tui.palette import ThingCommands


async def test_add_break_mend_and_undo_it_all(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        before, rows = await dump(app.store)

        await go_to(pilot, "providers")
        await pilot.press("n")
        await choose(pilot, "preset", "groq")
        await save(pilot)
        assert "GROQ_API_KEY" in screen_text(app)

        await go_to(pilot, "models")
        await pilot.press("n")
        await choose(pilot, "provider_id", "groq")
        await fill(pilot, litellm_model="groq/llama-70b")
        assert form(pilot).field("model_name").text == "llama-70b"
        await fill(pilot, context_window="131k", input_cost_per_1k="$0.59/1M")
        await save(pilot)
        assert "llama-70b" in screen_text(app)

        await go_to(pilot, "routes")
        await pilot.press("n")
        await fill(pilot, name="quick")
        await choose(pilot, "primary_model_id", "llama-70b")
        await choose(pilot, "fallback_model_ids", "gpt-4o")
        await save(pilot)
        assert "quick Route" in screen_text(app)

        # Break it: the model goes, and the route with it loses its primary.
        model = next(m for m in await app.store.models.all() if m.model_name == "llama-70b")
        await go_to(pilot, "models", model.id)
        await pilot.press("d")
        await settled(pilot)
        text = screen_text(app)
        assert "Remove model llama-70b?" in text
        assert "1 route uses it." in text
        assert "Route quick loses it. gpt-4o serves first then." in text
        assert question(pilot).focused is question(pilot).query_one("#cancel")
        await pilot.press("enter")  # the cursor is on Cancel
        await settled(pilot)
        assert model in await app.store.models.all()
        await pilot.press("d")
        await settled(pilot)
        await pilot.press("y")
        await wait_until(pilot, lambda: "llama-70b is removed" in told(pilot))
        route = next(r for r in await app.store.routes.all() if r.name == "quick")
        assert route.primary_model_id != model.id

        # Mend it, and then take back everything, one by one.
        await pilot.press("u")
        await wait_until(pilot, lambda: "Undone: llama-70b is removed" in told(pilot))
        route = next(r for r in await app.store.routes.all() if r.name == "quick")
        assert route.primary_model_id == model.id
        for what in ("Route quick is added", "llama-70b is added", "Groq is added"):
            await pilot.press("u")
            await wait_until(pilot, lambda what=what: f"Undone: {what}" in told(pilot))  # type: ignore[misc]
        await pilot.press("u")
        await wait_until(pilot, lambda: any("Nothing to undo" in text for text in told(pilot)))
        after, more = await dump(app.store)
        assert after == before
        assert more > rows  # each undo has rows of its own


async def test_undo_refuses_what_somebody_changed_since(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await pilot.press("space")
        await wait_until(pilot, lambda: "gpt-4.1 is disabled" in told(pilot))
        async with open_store(filled_store, Environment({}), clock=fixed_clock) as other:
            model = await other.models.get("demo-gpt-4.1-vas")
            await other.edit.save(model, replace(model, priority=5), actor="other")
        await pilot.press("u")
        await wait_until(pilot, lambda: any("changed again since" in text for text in told(pilot)))
        after = await app.store.models.get("demo-gpt-4.1-vas")
        assert (after.is_enabled, after.priority) == (False, 5)


async def test_disabling_and_setting_the_default_are_undone_in_turn(
    filled_store: Settings,
) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        before, _ = await dump(app.store)
        await pilot.press("space")
        await wait_until(pilot, lambda: "gpt-4.1 is disabled" in told(pilot))
        await go_to(pilot, "routes", "demo-route-fast")
        await pilot.press("D")
        await wait_until(pilot, lambda: "fast is the default route" in told(pilot))
        default = [r.name for r in await app.store.routes.all() if r.is_default]
        assert default == ["fast"]
        await pilot.press("u", "u")
        await wait_until(pilot, lambda: sum("Undone" in text for text in told(pilot)) == 2)
        after, _ = await dump(app.store)
        assert [replace(m, version=0) for m in after.models] == [
            replace(m, version=0) for m in before.models
        ]
        assert [r.name for r in after.routes if r.is_default] == ["default"]


async def test_the_default_route_is_not_removed(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await go_to(pilot, "routes", "demo-route-default")
        await pilot.press("d")
        await wait_until(pilot, lambda: any("make another the default" in t for t in told(pilot)))
        assert len(app.screen_stack) == 1


async def test_a_provider_goes_with_its_models(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await go_to(pilot, "providers", "demo-ollama")
        await pilot.press("d")
        await settled(pilot)
        assert "Model llama3 goes with it." in screen_text(app)
        await pilot.press("right", "enter")
        await wait_until(pilot, lambda: "ollama is removed" in told(pilot))
        world, _ = await dump(app.store)
        assert not [m for m in world.models if m.provider_id == "demo-ollama"]


async def test_what_is_gone_meanwhile_is_told(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await go_to(pilot, "routes", "demo-route-fast")
        async with open_store(filled_store, Environment({}), clock=fixed_clock) as other:
            await other.edit.remove(await other.routes.get("demo-route-fast"), actor="other")
        for key in ("e", "d", "c"):
            await pilot.press(key)
            await settled(pilot)
            assert not isinstance(app.screen, FormScreen)
        assert any("is not there any more" in text for text in told(pilot))


@pytest.mark.parametrize(
    ("query", "tab", "thing_id"),
    [
        ("codellama", "models", "demo-codellama"),
        ("provider ollama", "providers", "demo-ollama"),
        ("long-context", "routes", "demo-route-long-context"),
    ],
)
async def test_the_palette_goes_to_a_thing_by_its_name(
    filled_store: Settings, query: str, tab: str, thing_id: str
) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await pilot.press("slash", *"zzz", "enter")  # what a filter hides is found all the same
        provider = ThingCommands(app.screen)
        await provider.startup()
        hits = [hit async for hit in provider.search(query)]
        await max(hits).command()
        await settled(pilot)
        assert app.tabs.current == tab
        assert app.tab is not None
        assert app.tab.cards.chosen_id == thing_id  # type: ignore[attr-defined]


async def test_cards_keep_their_place_when_others_add_before_them(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await pilot.press("s")  # by name
        await go_to(pilot, "models", "demo-gpt-4o-openai")
        cards = app.tab.cards  # type: ignore[union-attr]
        in_view = cards._top(cards.cursor) - cards.scroll_offset.y
        async with open_store(filled_store, Environment({}), clock=fixed_clock) as other:
            model = await other.models.get("demo-codellama")
            await other.edit.add(replace(model, id="", model_name="aaa"), actor="other")
        await pilot.press("R")
        await settled(pilot)
        assert cards.chosen_id == "demo-gpt-4o-openai"
        assert cards._top(cards.cursor) - cards.scroll_offset.y == in_view
