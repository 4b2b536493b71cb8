"""How every form, question, finding, conflict and history view looks, at the two sizes.

Nothing here depends on time, on a proxy, on the machine's user or on a random id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from store.domain import CatalogEntry, Model, PriceMap, Route
from store.errors import FailureKind, GatewayError
from store.validation import World
from tests.tui.conftest import settled
from tests.tui.form_tools import choose, fill, form, go_to, settled_form, the_app
from tests.tui.test_app import wait_until
from tests.tui.test_snapshots import SIZES, Camera, Size
from tui.modals.conflict import ConflictScreen
from tui.modals.history import HistoryScreen
from tui.modals.route_form import RouteForm
from tui.widgets.field_words import names_in

Step = Callable[[Pilot[None]], Awaitable[None]]
ACTOR = "kim@ops-1"
ENTRIES = (
    CatalogEntry(
        "gpt-4o", "openai", "chat", 128_000, 16_384, Decimal("0.0025"), Decimal("0.01"), True, True
    ),
    CatalogEntry("gpt-4o-mini", "openai", "chat", 128_000, 16_384, Decimal("0.00015")),
)

pytestmark = pytest.mark.parametrize("size", SIZES)


@pytest.fixture
def looks_the_same(snap_compare: Callable[..., bool], demo_file: Path, tmp_path: Path) -> Camera:
    return Camera(snap_compare, demo_file, tmp_path)


def then(*steps: Step, catalogue: bool = True) -> Step:
    """These steps, as one operator, with a price catalogue or with a proxy that is down."""

    async def fetch() -> PriceMap:
        if not catalogue:
            raise GatewayError(FailureKind.PROXY_DOWN, "The proxy at http://h:4000 is down.")
        return PriceMap("http://h:4000", ENTRIES)

    async def go(pilot: Pilot[None]) -> None:
        app = the_app(pilot)
        app.actor = ACTOR
        app.store.catalog._fetch = fetch
        for step in steps:
            await step(pilot)
            await settled_form(pilot)

    return go


def keys(*names: str) -> Step:
    async def go(pilot: Pilot[None]) -> None:
        for name in names:
            await pilot.press(name)
            await settled(pilot)

    return go


def at(tab: str, thing_id: str | None = None) -> Step:
    return lambda pilot: go_to(pilot, tab, thing_id)


def picks(name: str, typed: str) -> Step:
    return lambda pilot: choose(pilot, name, typed)


def types(**texts: str) -> Step:
    return lambda pilot: fill(pilot, **texts)


# --- the forms ----------------------------------------------------------------------------------

FORMS: dict[str, Step] = {
    "model-add": then(keys("n")),
    "model-add-without-catalogue": then(keys("n"), catalogue=False),
    "model-filled-in": then(
        keys("n"), picks("provider_id", "openai"), types(litellm_model="openai/gpt-4o")
    ),
    "model-wrong": then(
        keys("n"), types(context_window="many", input_cost_per_1k="dear"), keys("f2")
    ),
    "model-edit": then(keys("e")),
    "model-edit-end": then(keys("e", "pagedown")),
    "model-choosing": then(keys("e", "enter")),
    "provider-add": then(at("providers"), keys("n")),
    "provider-preset": then(at("providers"), keys("n"), picks("preset", "azure")),
    "provider-edit": then(at("providers", "demo-vas"), keys("e")),
    "provider-pasted-key": then(
        at("providers", "demo-vas"), keys("e"), types(api_key_env="sk-live-0123456789abcdef0123")
    ),
    "configure": then(at("models", "demo-claude-3.5-sonnet"), keys("c")),
    "route-add": then(at("routes"), keys("n")),
    "route-edit": then(at("routes", "demo-route-default"), keys("e")),
    "route-clone": then(at("routes", "demo-route-fast"), keys("c")),
    "route-in-the-chain": then(
        at("routes", "demo-route-default"), keys("e", "down", "down", "down", "down", "down")
    ),
    "route-choosing": then(
        at("routes", "demo-route-default"), keys("e", "down", "down", "down", "down", "enter")
    ),
    "route-wrong": then(
        at("routes", "demo-route-fast"),
        keys("e"),
        types(name="default", num_retries="", timeout_seconds="soon"),
        keys("f2"),
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_form(looks_the_same: Camera, size: Size, name: str) -> None:
    assert looks_the_same(size, FORMS[name])


def test_form_without_colour(
    looks_the_same: Camera, size: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert looks_the_same(size, FORMS["model-wrong"])


def test_form_on_a_light_theme(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, FORMS["model-filled-in"], theme="textual-light")


# --- the linter's findings ----------------------------------------------------------------------

FLASH, PRO, GPT = "demo-gemini-1.5-flash", "demo-gemini-1.5-pro", "demo-gpt-4.1-vas"
HAIKU, TURBO, LLAMA = "demo-claude-3-haiku", "demo-gpt-4-turbo", "demo-llama3"
FINDINGS: dict[str, dict[str, Any]] = {
    "chain": {
        "fallback_model_ids": (TURBO, HAIKU, HAIKU, FLASH, "demo-text-embedding-3-small", "gone")
    },
    "too-long": {
        "fallback_model_ids": (
            HAIKU,
            GPT,
            PRO,
            LLAMA,
            "demo-codellama",
            "demo-gpt-4o-openai",
            "demo-claude-3-opus",
        )
    },
    "circle": {"fallback_model_ids": (GPT,)},
    "hides-a-model": {"name": "gpt-4o", "num_retries": 1, "timeout_seconds": 30.0},
    "context": {"context_window_fallback_ids": (LLAMA, HAIKU, "demo-claude-3.5-sonnet")},
    "alone": {"fallback_model_ids": (), "primary_model_id": LLAMA},
    "nothing-served": {"fallback_model_ids": (TURBO,)},
    "primary-disabled": {"primary_model_id": TURBO},
    "strategy": {"is_default": True, "routing_strategy": "provider-budget-routing"},
}


@pytest.mark.parametrize("name", FINDINGS)
def test_finding(looks_the_same: Camera, size: Size, name: str) -> None:
    async def go(pilot: Pilot[None]) -> None:
        app = the_app(pilot)
        world = await app.store.edit.world()
        fast = next(route for route in world.routes if route.name == "fast")
        route = replace(fast, **FINDINGS[name])
        await app.push_screen(RouteForm("Edit route fast", app.editing._desk, world, route))
        form(pilot).field("fallback_model_ids").focus_control()

    assert looks_the_same(size, then(go))


# --- questions ----------------------------------------------------------------------------------

QUESTIONS: dict[str, Step] = {
    "remove-model": then(keys("d")),
    "remove-model-of-nothing": then(at("models", "demo-codellama"), keys("d")),
    "remove-provider": then(at("providers", "demo-gemini"), keys("d")),
    "remove-route": then(at("routes", "demo-route-fast"), keys("d", "right")),
    "throw-away": then(keys("e"), types(description="typed"), keys("escape")),
    "leave": then(keys("e"), types(description="typed"), keys("ctrl+q")),
    "another-host": then(
        at("providers", "demo-vas"),
        keys("e"),
        types(api_base_url="https://vas.eu.example.com/v1"),
        keys("f2"),
    ),
    "restore": then(keys("H", "j", "r")),
    "restore-all": then(keys("H", "j", "E")),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_question(looks_the_same: Camera, size: Size, name: str) -> None:
    assert looks_the_same(size, QUESTIONS[name])


# --- two operators, the history, explain ---------------------------------------------------------


@pytest.mark.parametrize("kind", ["model", "route"])
def test_conflict(looks_the_same: Camera, size: Size, kind: str) -> None:
    async def go(pilot: Pilot[None]) -> None:
        app = the_app(pilot)
        world = await app.store.edit.world()
        before, mine, theirs = _three(world, kind)
        screen = ConflictScreen(before, mine, theirs, names_in(world))
        app.push_screen(screen)
        await wait_until(pilot, lambda: app.screen is screen)

    assert looks_the_same(size, then(go))


def _three(world: World, kind: str) -> tuple[Model | Route, Model | Route, Model | Route]:
    if kind == "model":
        model = next(model for model in world.models if model.id == GPT)
        long = "라마-3 🦙 사내: the primary of every AI feature, except at night and on holidays"
        mine = replace(model, description=long, input_cost_per_1k=Decimal("0.002"))
        theirs = replace(model, description=None, context_window=64_000, supports_vision=False)
        return model, mine, theirs
    route = next(route for route in world.routes if route.is_default)
    mine_too = replace(route, fallback_model_ids=(HAIKU,), timeout_seconds=30.0)
    return route, mine_too, replace(route, fallback_model_ids=(FLASH, HAIKU, LLAMA), num_retries=1)


async def some_changes(pilot: Pilot[None]) -> None:
    edit = the_app(pilot).store.edit
    world = await edit.world()
    model = next(model for model in world.models if model.id == GPT)
    changed = replace(model, context_window=64_000, description=None, supports_vision=False)
    await edit.save(model, changed, actor="lee@ops-2")
    route = next(route for route in world.routes if route.name == "fast")
    longer = replace(route, fallback_model_ids=(HAIKU, LLAMA, GPT), routing_strategy="least-busy")
    await edit.save(route, longer, actor=ACTOR)
    await edit.remove(await the_app(pilot).store.models.get("demo-codellama"), actor=ACTOR)


HISTORIES: dict[str, Step] = {
    "all": then(some_changes, keys("H")),
    "a-chain": then(some_changes, keys("H", "j")),
    "fields": then(some_changes, keys("H", "j", "j")),
    "one-thing": then(some_changes, keys("y")),
    "created": then(keys("H", "j", "j")),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_history(looks_the_same: Camera, size: Size, name: str) -> None:
    assert looks_the_same(size, HISTORIES[name])


def test_empty_history(looks_the_same: Camera, size: Size) -> None:
    async def go(pilot: Pilot[None]) -> None:
        await keys("H")(pilot)
        assert isinstance(pilot.app.screen, HistoryScreen)

    assert looks_the_same(size, go, empty=True)


def test_explain(looks_the_same: Camera, size: Size) -> None:
    async def go(pilot: Pilot[None]) -> None:
        await go_to(pilot, "routes", "demo-route-default")
        await pilot.press("x")
        await settled(pilot)
        pilot.app.screen.query_one("#failing", Input).value = "gpt-4.1, gemini-1.5-flash"
        await pilot.pause()

    assert looks_the_same(size, go)


def test_sorted_and_narrowed_models(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, keys("s", "s", "v"))


@pytest.mark.parametrize("tab", ["1", "3"])
def test_read_only(looks_the_same: Camera, size: Size, tab: str) -> None:
    assert looks_the_same(size, keys(tab), read_only=True)  # type: ignore[arg-type]
