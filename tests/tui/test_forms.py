"""The forms while they are filled in: checks, the catalogue and chains."""

from __future__ import annotations

from decimal import Decimal

import pytest
from textual.widgets import Select

from store.errors import StoreError
from store.settings import Settings
from tests.tui.conftest import make_app, running, settings_for, settled
from tests.tui.form_tools import (
    choose,
    fill,
    form,
    go_to,
    question,
    save,
    settled_form,
    the_app,
)
from tests.tui.test_app import screen_text, wait_until
from tui.modals.form import FormScreen
from tui.modals.model_form import ModelForm, ModelSuggester
from tui.widgets.chain import ChainEditor, ChainField
from tui.widgets.fields import CATALOGUE, TextField

KEY = "sk-live-0123456789abcdef0123456789"


# --- checks while typing ------------------------------------------------------------------------


async def test_a_wrong_field_is_told_while_typing_and_right_again_when_mended(
    filled_store: Settings,
) -> None:
    async with running(make_app(filled_store)) as pilot:
        await go_to(pilot, "providers")
        await pilot.press("n")
        await fill(pilot, name="Not a name")
        assert "use small letters, digits" in screen_text(the_app(pilot))
        await fill(pilot, name="a-name")
        assert "use small letters" not in screen_text(the_app(pilot))
        await fill(pilot, api_base_url="ftp://x")
        assert form(pilot).field("api_base_url").has_class("-wrong")


async def test_an_untouched_form_blames_nobody(filled_store: Settings) -> None:
    async with running(make_app(filled_store)) as pilot:
        for tab in ("models", "providers", "routes"):
            await go_to(pilot, tab)
            await pilot.press("n")
            await settled_form(pilot)
            assert not form(pilot).query(".-wrong")
            await pilot.press("escape")
            await settled(pilot)
            assert not isinstance(pilot.app.screen, FormScreen)


async def test_a_failed_save_puts_the_cursor_on_the_first_wrong_field_and_keeps_what_was_typed(
    filled_store: Settings,
) -> None:
    async with running(make_app(filled_store)) as pilot:
        await pilot.press("n")
        await fill(pilot, description="typed", context_window="many")
        await pilot.press("f2")
        await pilot.pause()
        assert form(pilot).field("provider_id").has_focus_within
        await choose(pilot, "provider_id", "openai")
        await fill(pilot, litellm_model="openai/own", model_name="own")
        await pilot.press("f2")
        await pilot.pause()
        assert form(pilot).field("context_window").has_focus_within
        assert form(pilot).field("description").text == "typed"
        assert "write a number of tokens" in screen_text(the_app(pilot))


async def test_what_the_door_refuses_stays_in_the_form(
    filled_store: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(filled_store)

    async def refuse(*args: object, **more: object) -> None:
        raise StoreError("The disk is full: free some space and save again.")

    async with running(app) as pilot:
        await pilot.press("e")
        await fill(pilot, description="kept")
        monkeypatch.setattr(app.store.edit, "save", refuse)
        await pilot.press("enter")
        await wait_until(pilot, lambda: "The disk is full" in screen_text(app))
        assert form(pilot).field("description").text == "kept"
        monkeypatch.undo()
        await save(pilot)
        assert (await app.store.models.get("demo-gpt-4.1-vas")).description == "kept"


@pytest.mark.parametrize("field", ["api_key_env", "name", "api_base_url"])
async def test_a_pasted_key_is_refused_and_not_shown(filled_store: Settings, field: str) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await go_to(pilot, "providers", "demo-openai")
        await pilot.press("e")
        text_field = form(pilot).field(field)
        assert isinstance(text_field, TextField)
        text_field.input.value = KEY
        await pilot.pause()
        assert KEY not in screen_text(app)
        await pilot.press("f2")
        await pilot.pause()
        assert form(pilot).field(field).has_class("-wrong")
        assert KEY not in screen_text(app)
        assert "key" in screen_text(app)


# --- the catalogue ------------------------------------------------------------------------------


async def test_the_catalogue_fills_in_and_marks_it_and_leaves_what_was_typed(
    demo_store: Settings,
) -> None:
    app = make_app(demo_store)
    async with running(app) as pilot:
        assert await app.store.catalog.info() is None
        await pilot.press("n")
        await settled_form(pilot)  # the form asks the proxy, since there is no catalogue yet
        assert await app.store.catalog.info() is not None
        assert "Prices of 2026-03-18" in screen_text(app)
        await fill(pilot, max_tokens="2k")
        await choose(pilot, "provider_id", "openai")
        assert form(pilot).field("litellm_model").text == "openai/"
        form(pilot).field("litellm_model").focus_control()
        await pilot.press(*"gpt-4o")
        await settled_form(pilot)
        fields = {field.field_name: field for field in form(pilot).fields}
        assert fields["model_name"].text == "gpt-4o"
        assert fields["context_window"].text == "128k"
        assert fields["context_window"].filled
        assert fields["max_tokens"].text == "2k"
        assert not fields["max_tokens"].filled
        assert fields["supports_vision"].text == "yes"
        assert screen_text(app).count(CATALOGUE) == 4
        await fill(pilot, input_cost_per_1k="$7/1M")
        assert not fields["input_cost_per_1k"].filled
        await fill(pilot, litellm_model="openai/unheard-of")
        assert fields["context_window"].text == ""
        assert fields["supports_vision"].text == "no"
        assert fields["input_cost_per_1k"].text == "$7/1M"
        await save(pilot)
        model = next(m for m in await app.store.models.all() if m.model_name == "unheard-of")
        assert model.input_cost_per_1k == Decimal("0.007")
        assert (model.max_tokens, model.context_window) == (2_000, None)


async def test_an_edit_keeps_what_was_there_before_the_catalogue(demo_store: Settings) -> None:
    app = make_app(demo_store)
    async with running(app) as pilot:
        await app.store.catalog.refresh()
        before = await app.store.models.get("demo-gpt-4.1-vas")
        await pilot.press("e")
        await fill(pilot, litellm_model="openai/gpt-4o")
        await save(pilot)
        after = await app.store.models.get("demo-gpt-4.1-vas")
        assert after.litellm_model == "openai/gpt-4o"
        assert after.input_cost_per_1k == before.input_cost_per_1k
        assert after.context_window == before.context_window


async def test_without_a_proxy_the_form_says_so_and_works(filled_store: Settings) -> None:
    app = make_app(settings_for(filled_store.store_path))
    async with running(app) as pilot:
        await pilot.press("n")
        await settled_form(pilot)
        assert "No price catalogue yet" in screen_text(app)
        await choose(pilot, "provider_id", "openai")
        await fill(pilot, litellm_model="openai/gpt-x", model_name="x")
        await save(pilot)
        assert any(model.model_name == "x" for model in await app.store.models.all())


async def test_model_strings_are_completed_with_and_without_prefix(demo_store: Settings) -> None:
    app = make_app(demo_store)
    async with running(app) as pilot:
        await app.store.catalog.refresh()
        suggester = ModelSuggester(app.store)
        assert await suggester.get_suggestion("openai/gpt-4.") == "openai/gpt-4.1"
        assert await suggester.get_suggestion("gpt-4.") == "gpt-4.1"
        assert await suggester.get_suggestion("OpenAI/GPT-4.") == "OpenAI/GPT-4.1"
        assert await suggester.get_suggestion("groq/gpt-4.") is None
        assert await suggester.get_suggestion("g") is None
        assert await suggester.get_suggestion("openai/") is None
        await pilot.press("n")
        form(pilot).field("litellm_model").focus_control()
        await pilot.press(*"gpt-4.")
        await wait_until(pilot, lambda: "gpt-4.1" in screen_text(app))
        await pilot.press("right")
        assert form(pilot).field("litellm_model").text == "gpt-4.1"


# --- providers ----------------------------------------------------------------------------------


async def test_a_preset_fills_in_and_takes_a_free_name(filled_store: Settings) -> None:
    async with running(make_app(filled_store)) as pilot:
        await go_to(pilot, "providers")
        await pilot.press("n")
        await choose(pilot, "preset", "azure")
        assert form(pilot).field("api_key_env").text == "AZURE_API_KEY"
        assert "AZURE_API_VERSION" in screen_text(the_app(pilot))
        await choose(pilot, "preset", "openai")
        assert form(pilot).field("name").text == "openai-2"
        assert "not set here" in screen_text(the_app(pilot))
        await fill(pilot, name="mine")
        await choose(pilot, "preset", "groq")
        assert form(pilot).field("name").text == "mine"
        assert form(pilot).field("litellm_provider").text == "groq"


async def test_another_host_is_asked_about_first(
    filled_store: Settings,
) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await go_to(pilot, "providers", "demo-vas")
        await pilot.press("e")
        await fill(pilot, api_base_url="https://new.example.com/v1")
        await pilot.press("f2")
        await settled(pilot)
        text = screen_text(app)
        assert "vas.example.com" in text
        assert "new.example.com" in text
        assert question(pilot).focused is question(pilot).query_one("#cancel")
        await pilot.press("enter")
        await settled(pilot)
        assert form(pilot).field("api_base_url").text == "https://new.example.com/v1"
        assert (await app.store.providers.get("demo-vas")).api_base_url != (
            "https://new.example.com/v1"
        )
        await pilot.press("f2")
        await settled(pilot)
        await pilot.press("y")
        await wait_until(pilot, lambda: len(app.screen_stack) == 1)
        assert (await app.store.providers.get("demo-vas")).api_base_url == (
            "https://new.example.com/v1"
        )


async def test_a_prefix_alone_is_no_model(filled_store: Settings) -> None:
    async with running(make_app(filled_store)) as pilot:
        await pilot.press("n")
        await choose(pilot, "provider_id", "openai")
        await pilot.press("f2")
        await pilot.pause()
        assert form(pilot).field("litellm_model").has_focus_within
        assert "name the model behind the prefix" in screen_text(the_app(pilot))


async def test_configure_leads_to_the_key_variable(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await go_to(pilot, "models", "demo-claude-3.5-sonnet")
        await pilot.press("c")
        assert form(pilot).field("api_key_env").has_focus_within
        await pilot.press(*"ANTHROPIC", "underscore", *"KEY", "enter")
        await wait_until(pilot, lambda: len(app.screen_stack) == 1)
        model = await app.store.models.get("demo-claude-3.5-sonnet")
        provider = await app.store.providers.get(model.provider_id)
        assert provider.api_key_env == "ANTHROPIC_KEY"


# --- routes -------------------------------------------------------------------------------------


async def test_a_chain_is_edited_in_place_and_the_linter_speaks(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await go_to(pilot, "routes", "demo-route-default")
        before = await app.store.routes.get("demo-route-default")
        await pilot.press("e")
        chain = form(pilot).field("fallback_model_ids")
        assert isinstance(chain, ChainField)
        chain.focus_control()
        await pilot.press("enter", *"gpt-4-turbo", "enter")  # a disabled model
        await pilot.pause()
        assert chain.ids == (*before.fallback_model_ids, "demo-gpt-4-turbo")
        assert "gpt-4-turbo is disabled" in screen_text(app)
        await pilot.press("K")
        assert chain.ids[1] == "demo-gpt-4-turbo"
        await pilot.press("delete")
        await pilot.pause()
        assert chain.ids == before.fallback_model_ids
        assert "gpt-4-turbo is disabled" not in screen_text(app)
        assert not form(pilot).is_dirty
        await pilot.press("up", "J")
        assert chain.ids == before.fallback_model_ids[::-1]
        await save(pilot)
        after = await app.store.routes.get("demo-route-default")
        assert after.fallback_model_ids == before.fallback_model_ids[::-1]


async def test_the_chain_s_buttons_work_with_the_mouse(filled_store: Settings) -> None:
    async with running(make_app(filled_store)) as pilot:
        await go_to(pilot, "routes", "demo-route-default")
        await pilot.press("e")
        chain = form(pilot).field("fallback_model_ids")
        assert isinstance(chain, ChainField)
        first, second = chain.ids
        await pilot.click("#field-fallback_model_ids .down")
        assert chain.ids == (second, first)
        await pilot.click("#field-fallback_model_ids .out")
        assert chain.ids == (second,)


async def test_up_and_down_walk_over_every_field(
    filled_store: Settings,
) -> None:
    async with running(make_app(filled_store)) as pilot:
        await go_to(pilot, "routes", "demo-route-default")
        await pilot.press("e")
        await settled_form(pilot)
        screen = form(pilot)
        seen = []
        for _ in range(18):
            inside = [field for field in screen.fields if field.has_focus_within]
            seen += [field.field_name for field in inside if field.field_name not in seen]
            for field in inside:  # under the cursor is in sight
                assert field.region.overlaps(screen.query_one(".dialog-body").region)
            await pilot.press("down")
        assert seen == [field.field_name for field in screen.fields]
        assert not any(select.expanded for select in screen.query(Select))
        screen.query_one(ChainEditor).focus()
        await pilot.press("up", "up")
        assert screen.field("primary_model_id").has_focus_within


async def test_the_field_under_the_cursor_is_scrolled_into_sight(filled_store: Settings) -> None:
    async with running(make_app(filled_store)) as pilot:
        await pilot.press("e")
        await settled_form(pilot)
        screen = form(pilot)
        for _ in range(len(screen.fields)):
            await pilot.press("tab")
            body = screen.query_one(".dialog-body").region
            for field in screen.fields:
                if field.has_focus_within:
                    assert body.contains_region(field.region), field.field_name


async def test_enter_opens_a_list_and_saves_nothing(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await pilot.press("e", "enter")
        await pilot.pause()
        assert form(pilot).query_one(Select).expanded
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, ModelForm)
        assert not form(pilot).query_one(Select).expanded


async def test_a_clone_takes_a_free_name_and_is_not_the_default(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        for name in ("default-copy", "default-copy-2"):
            await go_to(pilot, "routes", "demo-route-default")
            await pilot.press("c")
            assert form(pilot).field("name").text == name
            await save(pilot)
        routes = await app.store.routes.all()
        assert [route.name for route in routes if route.is_default] == ["default"]
