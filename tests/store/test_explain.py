"""Which model serves a request, and why. `tests/litellm/test_explain.py` holds it to reality."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from store.domain import Model, Provider, Route
from store.errors import NotFound
from store.explain import Explanation, Outcome, explain

PROVIDERS = [Provider("p1", "one", "One", "openai"), Provider("p2", "two", "Two", "anthropic")]
LARGE = 200_000


def model(name: str, model_id: str | None = None, **changes: Any) -> Model:
    facts: dict[str, Any] = {"provider_id": "p1", "context_window": LARGE, **changes}
    return Model(
        id=model_id or name,
        model_name=name,
        display_name=name,
        litellm_model=f"openai/{model_id or name}",
        **facts,
    )


def route(name: str, primary: str | None, *chain: str, **changes: Any) -> Route:
    facts: dict[str, Any] = {"routing_strategy": "simple-shuffle", **changes}
    return Route(
        id=f"r-{name}", name=name, primary_model_id=primary, fallback_model_ids=chain, **facts
    )


def ask(
    asked: str,
    models: list[Model],
    *routes: Route,
    tokens: int = 100,
    failing: Collection[str] = (),
    **changes: Any,
) -> Explanation:
    return explain(
        asked,
        tokens=tokens,
        failing=failing,
        routes=routes,
        models=models,
        providers=changes.pop("providers", PROVIDERS),
        **changes,
    )


def order(found: Explanation) -> list[tuple[str, str]]:
    return [(step.model_id or step.model_name, step.outcome.value) for step in found.steps]


def reasons(found: Explanation, name: str) -> str:
    return "; ".join(
        step.reason for step in found.steps if name in (step.model_id, step.model_name)
    )


ABC = [model(name) for name in "abc"]


def test_a_model_without_a_route_serves_itself() -> None:
    found = ask("a", ABC)
    assert found.served_by == "a"
    assert order(found) == [("a", "serves")]
    assert found.notes == ()


def test_fallbacks_in_order_with_retries() -> None:
    found = ask("a", ABC, route("a", "a", "b", "c"), failing=["a", "b"])
    assert found.served_by == "c"
    assert order(found) == [("a", "stands for"), ("a", "fails"), ("b", "fails"), ("c", "serves")]
    assert "asked 1 + 2 times" in reasons(found, "a")
    assert reasons(found, "c") == "place 2 in the chain of a"


def test_the_default_route_gives_the_retries_and_is_reached_by_its_primary() -> None:
    default = route("default", "a", "b", is_default=True, num_retries=5)
    found = ask("default", ABC, default, failing=["a"])
    assert found.served_by == "b"
    assert "clients ask for its primary, a" in found.steps[0].reason
    assert "asked 1 + 5 times" in reasons(found, "a")
    own = ask("b", ABC, default, route("b", "b", num_retries=1), failing=["b"])
    assert "asked 1 + 5 times" in reasons(own, "b")
    assert any("one number of retries for all routes: 5" in note for note in own.notes)


def test_nobody_serves() -> None:
    found = ask("a", ABC, route("a", "a", "b"), failing=["one"])
    assert found.served_by is None
    last = found.steps[-1]
    assert (last.model_id, last.model_name, last.outcome) == (None, "a", Outcome.FAILS)
    assert "the error of the model that was asked first" in last.reason
    assert "model's own error" in ask("c", ABC, failing=["c"]).steps[-1].reason


def test_an_alias_has_a_chain_of_its_own() -> None:
    routes = [route("a", "a", "b"), route("fast", "a", "c")]
    assert ask("fast", ABC, *routes, failing=["a"]).served_by == "c"
    assert ask("a", ABC, *routes, failing=["a"]).served_by == "b"
    assert ask("fast", ABC, routes[0], route("fast", "a"), failing=["a"]).served_by is None


def test_a_fallback_s_own_chain_comes_before_the_next_of_the_chain() -> None:
    models = [model(name) for name in "abcd"]
    routes = [route("a", "a", "b", "d"), route("b", "b", "a", "c")]
    found = ask("a", models, *routes, failing=["a", "b"])
    assert found.served_by == "c"
    assert ("a", "skipped") in order(found)
    assert "tried already" in reasons(found, "a")


def test_a_fallback_without_a_chain_goes_on_with_that_of_the_name_asked_for() -> None:
    models = [model(name) for name in "abcde"]
    routes = [route("a", "a", "b", "e"), route("b", "b", "c", "d")]
    found = ask("a", models, *routes, failing=["a", "b", "c"])
    assert [name for name, _ in order(found)] == ["a", "a", "b", "c", "e"]


def test_a_long_chain_is_tried_to_its_end_and_a_deep_one_is_not() -> None:
    models = [model(name) for name in "abcdefgh"]
    every = [m.id for m in models]
    long = route("a", "a", *every[1:])
    assert ask("a", models, long, failing=every[:-1]).served_by == "h"
    deep = [route(one, one, two) for one, two in pairwise(every)]
    found = ask("a", models, *deep, failing=every[:-1])
    assert found.served_by is None
    assert [name for name, _ in order(found)][-2:] == ["f", "a"]
    assert any("The chain of f is not followed" in note for note in found.notes)


def test_a_circle_ends() -> None:
    routes = [route("a", "a", "b"), route("b", "b", "a")]
    found = ask("a", ABC, *routes, failing=["a", "b"])
    assert found.served_by is None
    assert [name for name, what in order(found) if what == "fails"] == ["a", "b", "a"]


def test_the_default_chain_takes_what_has_none_of_its_own() -> None:
    default = route("default", None, "b", "c", is_default=True)
    assert ask("a", ABC, default, failing=["a", "b"]).served_by == "c"
    assert ask("default", ABC, default, failing=["b"]).served_by == "c"
    with_own = ask("a", ABC, default, route("a", "a", "b"), failing=["a", "b"])
    assert with_own.served_by is None


@pytest.mark.parametrize("pre_call_checks", [False, True])
def test_a_context_error_goes_to_the_context_window_chain(pre_call_checks: bool) -> None:
    models = [model("a", context_window=8_000), model("b"), model("c")]
    chained = route("a", "a", "b", context_window_fallback_ids=("c",))
    found = ask("a", models, chained, tokens=9_000, pre_call_checks=pre_call_checks)
    assert found.served_by == "c"
    assert "8,000 is smaller than 9,000 tokens" in reasons(found, "a")
    assert ("a", "skipped" if pre_call_checks else "fails") in order(found)
    assert any("enable_pre_call_checks" in note for note in found.notes) is not pre_call_checks


def test_an_ordinary_chain_takes_a_context_error_only_where_no_route_has_a_context_chain() -> None:
    models = [model("a", context_window=8_000), model("b"), model("c")]
    plain = route("a", "a", "b")
    assert ask("a", models, plain, tokens=9_000).served_by == "b"
    other = route("c", "c", context_window_fallback_ids=("b",))
    found = ask("a", models, plain, other, tokens=9_000)
    assert found.served_by is None
    assert any("a has no context-window chain" in note for note in found.notes)


def test_windows_that_are_too_small_or_not_known_in_the_chain() -> None:
    models = [
        model("a"),
        model("b", context_window=8_000),
        model("c", context_window=None),
    ]
    found = ask("a", models, route("a", "a", "b", "c"), tokens=9_000, failing=["a"])
    assert found.served_by == "c"
    assert "the provider refuses" in reasons(found, "b")
    assert "its window is not known" in reasons(found, "c")


def test_disabled_things_are_skipped() -> None:
    models = [model("a"), model("b", is_enabled=False), model("c", provider_id="p2"), model("d")]
    providers = [PROVIDERS[0], replace(PROVIDERS[1], is_enabled=False)]
    found = ask("a", models, route("a", "a", "b", "c", "d"), failing=["a"], providers=providers)
    assert found.served_by == "d"
    assert reasons(found, "b") == "is not in the proxy's configuration: it is disabled"
    assert "the provider two, which is disabled" in reasons(found, "c")


def test_a_disabled_route_and_a_disabled_primary_have_no_effect() -> None:
    models = [model("a"), model("b"), model("off", is_enabled=False)]
    found = ask("a", models, route("a", "a", "b", is_enabled=False), failing=["a"])
    assert found.served_by is None
    assert "the route is disabled" in found.steps[0].reason
    lost = ask("fast", models, route("fast", "off", "b"))
    assert lost.served_by is None
    assert "answers 400" in lost.steps[-1].reason
    default = route("default", None, "b", is_default=True)
    assert ask("off", models, default).served_by is None


def test_a_load_balanced_group() -> None:
    models = [model("a", "a1", weight=3), model("a", "a2", weight=1), model("a", "a3"), model("b")]
    chained = route("default", "a1", "b", is_default=True, num_retries=1)
    found = ask("a", models, chained)
    assert order(found) == [("a1", "serves"), ("a2", "serves"), ("a3", "skipped")]
    assert "75% of requests" in reasons(found, "a1")
    assert "no weight" in reasons(found, "a3")
    half = ask("a", models, chained, failing=["a2"])
    assert half.served_by == "a"
    assert any("6.2% of requests" in note for note in half.notes)
    assert ask("a", models, chained, failing=["a1", "a2"]).served_by == "b"
    other = replace(chained, routing_strategy="least-busy")
    assert "picked by least-busy" in reasons(ask("a", models, other), "a3")


def test_a_strategy_that_picks_nothing() -> None:
    default = route("d", "a", "b", is_default=True, routing_strategy="provider-budget-routing")
    found = ask("a", ABC, default)
    assert found.served_by is None
    assert "answers 429" in reasons(found, "b")


def test_a_chain_counts_for_a_name_with_the_provider_s_prefix() -> None:
    models = [model("openai/a", "pa"), model("other/a", "oa"), *ABC]
    chained = route("a", "a", "b")
    assert ask("openai/a", models, chained, failing=["pa"]).served_by == "b"
    assert ask("other/a", models, chained, failing=["oa"]).served_by is None


def test_what_the_export_refuses_is_said() -> None:
    found = ask("b", ABC, route("b", "a", "c"))
    assert found.served_by == "b"
    assert any("The export refuses this configuration" in note for note in found.notes)


def test_unknown_names() -> None:
    with pytest.raises(NotFound, match="nobody: no route and no model"):
        ask("nobody", ABC)
    with pytest.raises(NotFound, match="failing: nobody is no model and no provider"):
        ask("a", ABC, failing=["nobody"])
