"""What the linter finds in routes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from store.chains import read_chains
from store.domain import Model, Provider, Route
from store.errors import InvalidField
from store.gateway.config_export import export_document
from store.linter import Lint, Severity, lint_all, lint_route
from tests.store.test_explain import LARGE, PROVIDERS, model, route

MODELS = [model(name) for name in "abcdefgh"]
E, W, N = Severity.ERROR, Severity.WARNING, Severity.NOTE


def lints(
    *routes: Route, models: list[Model] | None = None, providers: list[Provider] | None = None
) -> tuple[Lint, ...]:
    """The findings for the first of `routes`."""
    known = MODELS if models is None else models
    found = lint_route(routes[0], routes, known, providers or PROVIDERS)
    assert all(lint.route_id == routes[0].id for lint in found)
    assert all(lint.message.endswith(".") and lint.mend.endswith(".") for lint in found)
    return found


def only(*routes: Route, **changes: Any) -> Lint:
    (found,) = lints(*routes, **changes)
    return found


def kind(lint: Lint) -> tuple[Severity, str, int | None]:
    return lint.severity, lint.field, lint.index


def test_a_sound_route_has_no_findings() -> None:
    assert lints(route("a", "a", "b", "c", context_window_fallback_ids=())) == ()
    assert lints(route("default", None, "b", is_default=True)) == ()


@pytest.mark.parametrize(
    ("bad", "severity", "words"),
    [
        (route("x", None, "b"), E, "has no primary"),
        (route("x", "gone", "b"), E, "gone is no model"),
        (route("x", "off", "b"), E, "is disabled, so the whole route is left out"),
        (route("x", "half1", "b"), W, "other deployments of that name serve"),
        (route("x", "far", "b"), E, "belongs to the provider two, which is disabled"),
    ],
)
def test_primaries(bad: Route, severity: Severity, words: str) -> None:
    models = [
        *MODELS,
        model("off", is_enabled=False),
        model("half", "half1", is_enabled=False),
        model("half", "half2"),
        model("far", provider_id="p2"),
    ]
    providers = [PROVIDERS[0], replace(PROVIDERS[1], is_enabled=False)]
    found = only(bad, models=models, providers=providers)
    assert kind(found) == (severity, "primary", None)
    assert words in found.message


@pytest.mark.parametrize("field", ["fallbacks", "context"])
def test_places_of_a_chain(field: str) -> None:
    models = [
        model("a", context_window=10),
        model("b"),
        model("b", "b2"),
        model("off", is_enabled=False),
        model("vector", mode="embedding"),
        model("answers", mode="responses"),
    ]
    ids = ("gone", "off", "b", "b2", "a", "vector", "answers")
    chain = () if field == "context" else ids
    bad = route("a", "a", *chain, context_window_fallback_ids=ids if field == "context" else ())
    found = [lint for lint in lints(bad, models=models) if lint.index is not None]
    assert [kind(lint) for lint in found] == [
        (E, field, 0),
        (W, field, 1),
        (E, field, 3),
        (E, field, 4),
        (E, field, 5),
    ]
    words = ["is no model", "is disabled", "already", "falls back to itself", "mode embedding"]
    assert all(word in lint.message for word, lint in zip(words, found, strict=True))


def test_an_alias_that_falls_back_to_its_primary_asks_it_twice() -> None:
    found = only(route("fast", "a", "a", "b"))
    assert kind(found) == (E, "fallbacks", 0)
    assert "asks its primary, a, once more" in found.message


def test_a_circle_of_chains() -> None:
    first, second, third = route("a", "a", "d", "b"), route("b", "b", "c"), route("c", "c", "a")
    found = only(first, second, third)
    assert kind(found) == (W, "fallbacks", 1)
    assert "a → b → c → a" in found.message
    assert found.mend == "Take b out of this chain, or mend the chain of c."
    assert "fast → b → c → a" in only(route("fast", "a", "b"), second, third).message
    assert lints(first, second, replace(third, is_enabled=False)) == ()


def test_a_circle_longer_than_litellm_follows_is_none() -> None:
    names = "abcdefg"
    routes = [route(one, one, two) for one, two in zip(names, names[1:] + "a", strict=True)]
    assert lints(*routes) == ()
    five = [route(one, one, two) for one, two in zip("abcde", "bcdea", strict=True)]
    assert "a → b → c → d → e → a" in only(*five).message


def test_a_chain_longer_than_max_fallbacks() -> None:
    found = only(route("a", "a", *"bcdefg"))
    assert kind(found) == (W, "fallbacks", 5)
    assert "6 models, more than max_fallbacks (5): LiteLLM 1.106.2 tries them all" in found.message
    assert lints(route("a", "a", *"bcdef")) == ()


def test_a_name_that_hides_a_model() -> None:
    found = only(route("b", "a", "c"))
    assert kind(found) == (E, "name", None)
    assert "is that of a model, but this route's primary is a: the export refuses" in found.message
    off = [model("a"), model("c"), model("b", is_enabled=False)]
    assert kind(only(route("b", "a", "c"), models=off)) == (W, "name", None)


def test_two_routes_for_one_key() -> None:
    default, own = route("default", "a", "b", is_default=True), route("a", "a", "c")
    for pair in ((default, own), (own, default)):
        found = only(*pair)
        assert kind(found) == (E, "name", None)
        assert f"The route {pair[1].name} speaks for a" in found.message
    assert lints(default, replace(own, is_enabled=False)) == ()


def test_windows_of_a_context_window_chain() -> None:
    models = [
        model("a", context_window=100),
        model("small", context_window=100),
        model("large"),
        model("unknown", context_window=None),
    ]
    bad = route("a", "a", "large", context_window_fallback_ids=("small", "large", "unknown"))
    found = lints(bad, models=models)
    assert [kind(lint) for lint in found] == [(W, "context", 0), (N, "context", 2)]
    assert "100 tokens, is not larger" in found[0].message


def test_a_context_window_chain_without_a_primary_and_a_route_without_one() -> None:
    bad = route("d", None, "b", is_default=True, context_window_fallback_ids=("c",))
    assert kind(only(bad)) == (E, "context", None)
    other = route("c", "c", "d", context_window_fallback_ids=("e",))
    models = [replace(m, context_window=10 if m.id == "c" else LARGE) for m in MODELS]
    found = only(route("a", "a", "b"), other, models=models)
    assert kind(found) == (N, "context", None)
    assert "no fallback after a context-window error" in found.message


def test_nothing_takes_over() -> None:
    found = only(route("a", "a"))
    assert kind(found) == (N, "fallbacks", None)
    assert "lone deployment" in found.message
    assert lints(route("a", "a"), route("d", None, "b", is_default=True)) == ()
    assert lints(route("a", "a"), models=[model("a"), model("a", "a2")]) == ()
    off = lints(route("a", "a", "b"), models=[model("a"), model("b", is_enabled=False)])
    assert [kind(lint) for lint in off] == [(W, "fallbacks", 0), (W, "fallbacks", None)]


def test_weights() -> None:
    models = [model("a", weight=1), model("a", "a2", weight=2), model("b")]
    default = route("d", "a", "b", is_default=True)
    assert lints(default, models=models) == ()
    latency = replace(default, routing_strategy="latency-based-routing")
    assert kind(only(latency, models=models)) == (N, "strategy", None)
    found = only(default, models=[models[0], replace(models[1], weight=None), models[2]])
    assert kind(found) == (W, "primary", None)
    assert "openai/a2 in a has no weight" in found.message


def test_strategies() -> None:
    default = route("d", "a", "b", is_default=True)
    for strategy, severity in (
        ("simple", E),
        ("provider-budget-routing", E),
        ("lar1", N),
    ):
        found = only(replace(default, routing_strategy=strategy))
        assert kind(found) == (severity, "strategy", None)
        assert strategy in found.message


def test_what_only_the_default_route_can_say() -> None:
    default = route("d", "a", "b", is_default=True, num_retries=3, timeout_seconds=30)
    mine = route("c", "c", "b", routing_strategy="least-busy", num_retries=1, timeout_seconds=0.5)
    found = lints(mine, default)
    assert [kind(lint) for lint in found] == [
        (W, field, None) for field in ("strategy", "retries", "timeout")
    ]
    assert "the default route's, 30 s, counts, not 0.5 s" in found[2].message
    assert lints(mine) == ()


def test_a_disabled_route_has_errors_alone() -> None:
    bad = route("x", "gone", "off", is_enabled=False)
    models = [*MODELS, model("off", is_enabled=False)]
    assert [kind(lint) for lint in lints(bad, models=models)] == [(E, "primary", None)]


def test_an_unsaved_edit_stands_in_for_the_saved_route() -> None:
    saved = route("a", "a", "b")
    edited = replace(saved, fallback_model_ids=("a",))
    (found, *_) = lint_route(edited, [saved], MODELS, PROVIDERS)
    assert kind(found) == (E, "fallbacks", 0)
    new = route("a", "a", "c")
    assert lint_route(replace(new, id="new"), [saved], MODELS, PROVIDERS)[0].field == "name"


def test_all_routes_in_their_order() -> None:
    routes = [route("c", None), route("a", "gone"), route("b", "b", "b")]
    found = lint_all(routes, MODELS, PROVIDERS)
    assert list(dict.fromkeys(lint.route_id for lint in found)) == ["r-c", "r-a", "r-b"]
    assert found == lint_all(routes, MODELS, PROVIDERS)


def test_the_chains_are_those_of_the_export() -> None:
    models = [*MODELS, model("off", is_enabled=False), model("a", "a2"), model("off", "off2")]
    routes = [
        route("d", "a", "off", "b", "b", is_default=True, context_window_fallback_ids=("c",)),
        route("fast", "a2", "c"),
        route("g", "g"),
        route("h", "h", "a", "a2", is_enabled=False),
        route("e", "off2", "b"),
    ]
    for given in (routes[:4], [replace(routes[0], primary_model_id=None), *routes[1:4]]):
        chains = read_chains(given, models, PROVIDERS)
        settings = export_document("", PROVIDERS, models, given)["router_settings"]
        fallbacks = {k: tuple(v) for each in settings["fallbacks"] for k, v in each.items()}
        assert chains.fallbacks == fallbacks
        assert chains.default_chain == tuple(settings.get("default_fallbacks", ()))
        assert chains.aliases == settings["model_group_alias"]
    refused = read_chains(routes, models, PROVIDERS).refused
    assert list(refused) == ["r-e"]
    with pytest.raises(InvalidField, match="its name is that of another model"):
        export_document("", PROVIDERS, models, routes)
