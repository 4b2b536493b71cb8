"""The rules of providers, models and routes: each names its field, and none raises."""

from __future__ import annotations

from dataclasses import fields, replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.domain import STRATEGIES, Model, Provider, Route
from store.validation import (
    MAX_NAME,
    MAX_PRICE,
    MAX_PRIORITY,
    MAX_RETRIES,
    MAX_TEXT,
    MAX_TIMEOUT_S,
    MAX_TOKENS,
    MODES,
    World,
    changes_host,
    conflicts,
    problems,
)
from tests.store.edit_samples import KEY, model, provider, route

PROVIDER = provider(id="p1")
MODEL = model("p1", id="m1")
ROUTE = route("fast", "m1", id="r1")
WORLD = World((PROVIDER,), (MODEL, model("p1", "b", id="m2")), (ROUTE,))

KEYS = (
    KEY,
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA-0123456789abcdef",
    "hf_abcdefghijklmnopqrst",
    "gsk_abcdefghijklmnopqrst",
    "ghp_abcdefghijklmnop",
    "-----BEGIN RSA PRIVATE KEY",
)


def broken(thing: Provider | Model | Route, world: World = WORLD) -> list[str]:
    return [problem.field_name for problem in problems(thing, world)]


def test_the_samples_break_no_rule() -> None:
    assert [broken(thing) for thing in (PROVIDER, MODEL, ROUTE)] == [[], [], []]


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("name", ""),
        ("name", " "),
        ("name", "Open AI"),
        ("name", "openai\n"),
        ("name", "-openai"),
        ("name", "한국"),
        ("name", "a" * (MAX_NAME + 1)),
        ("display_name", ""),
        ("display_name", " OpenAI"),
        ("display_name", "OpenAI\n"),
        ("display_name", "Open\x1b[31mAI"),
        ("display_name", "Open\ud800AI"),
        ("display_name", "a" * (MAX_NAME + 1)),
        ("litellm_provider", "open ai"),
        ("litellm_provider", "openai/"),
        ("litellm_provider", "openai\n"),
        ("api_base_url", "ftp://host"),
        ("api_base_url", "host/v1"),
        ("api_base_url", "https://"),
        ("api_base_url", "https://user:secret@host/v1"),
        ("api_base_url", "https://user@host/v1"),
        ("api_base_url", "https://host:port/v1"),
        ("api_base_url", "https://[host/v1"),
        ("api_base_url", "https://host/v1\n"),
        ("api_base_url", "https://host/a b"),
        ("api_base_url", "https://host/\x7f"),
        ("api_base_url", "https://host/\ud800"),
        ("api_base_url", f"https://host/v1?key={KEY}"),
        ("api_base_url", "https://host/" + "a" * MAX_TEXT),
        ("api_base_url", "os.environ/OPENAI_BASE\n"),
        ("api_base_url", "os.environ/"),
        ("api_key_env", "OPENAI_API_KEY\n"),
        ("api_key_env", "\nOPENAI_API_KEY"),
        ("api_key_env", "OPENAI_API_KEY "),
        ("api_key_env", "OPENAI-API-KEY"),
        ("api_key_env", "1KEY"),
        ("api_key_env", "CLÉ"),
        ("api_key_env", "KEY\ud800"),
        ("api_key_env", "os.environ/KEY"),
        ("api_key_env", "abcdef0123456789abcdef0123456789"),
    ],
)
def test_a_provider_s_rules(field_name: str, value: Any) -> None:
    assert set(broken(replace(PROVIDER, **{field_name: value}))) == {field_name}


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("name", "openai-eu.2_b"),
        ("name", "0"),
        ("display_name", "오픈 AI 🙂"),
        ("litellm_provider", ""),
        ("litellm_provider", "text-completion-openai"),
        ("litellm_provider", "vertex_ai"),
        ("api_base_url", None),
        ("api_base_url", ""),
        ("api_base_url", "http://127.0.0.1:11434"),
        ("api_base_url", "http://[::1]:11434/v1"),
        ("api_base_url", "os.environ/OPENAI_BASE"),
        ("api_key_env", None),
        ("api_key_env", "_k1"),
        ("api_key_env", "TEAM_A_2026_OPENAI_API_KEY"),
        ("api_key_env", "AzureOpenAiProductionKey"),
    ],
)
def test_what_a_provider_may_be(field_name: str, value: Any) -> None:
    assert broken(replace(PROVIDER, **{field_name: value})) == []


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("model_name", ""),
        ("model_name", "gpt\n"),
        ("model_name", "a" * (MAX_NAME + 1)),
        ("display_name", ""),
        ("display_name", "a\u2028b"),
        ("provider_id", "p2"),
        ("provider_id", ""),
        ("litellm_model", ""),
        ("litellm_model", "openai/gpt 4"),
        ("litellm_model", "openai/gpt\u00a04"),
        ("litellm_model", "openai/gpt-4\n"),
        ("description", "a" * (MAX_TEXT + 1)),
        ("description", "a\nb"),
        ("description", "a "),
        ("context_window", 0),
        ("context_window", -1),
        ("context_window", MAX_TOKENS + 1),
        ("max_tokens", 0),
        ("max_tokens", MAX_TOKENS + 1),
        ("input_cost_per_1k", Decimal("-0.1")),
        ("input_cost_per_1k", Decimal("NaN")),
        ("input_cost_per_1k", Decimal("sNaN")),
        ("input_cost_per_1k", Decimal("Infinity")),
        ("output_cost_per_1k", MAX_PRICE + 1),
        ("mode", "chatting"),
        ("mode", ""),
        ("mode", KEY),
        ("priority", MAX_PRIORITY + 1),
        ("priority", -MAX_PRIORITY - 1),
        ("weight", -0.1),
        ("weight", float("nan")),
        ("weight", float("inf")),
        ("timeout_seconds", 0),
        ("timeout_seconds", -1.0),
        ("timeout_seconds", float("nan")),
        ("timeout_seconds", MAX_TIMEOUT_S + 1),
    ],
)
def test_a_model_s_rules(field_name: str, value: Any) -> None:
    assert set(broken(replace(MODEL, **{field_name: value}))) == {field_name}


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("model_name", "*"),
        ("model_name", "GPT-4o (EU)"),
        ("litellm_model", "openai/*"),
        ("litellm_model", "os.environ/MODEL"),
        ("description", None),
        ("context_window", 1),
        ("max_tokens", MAX_TOKENS),
        ("input_cost_per_1k", Decimal(0)),
        ("output_cost_per_1k", MAX_PRICE),
        ("priority", -MAX_PRIORITY),
        ("weight", 0.0),
        ("timeout_seconds", 0.5),
        *(("mode", mode) for mode in MODES),
    ],
)
def test_what_a_model_may_be(field_name: str, value: Any) -> None:
    assert broken(replace(MODEL, **{field_name: value})) == []


def test_a_mode_that_was_imported_stays_valid() -> None:
    newer = replace(MODEL, mode="telepathy")
    assert broken(newer, replace(WORLD, models=(newer,))) == []


@pytest.mark.parametrize(
    ("field_name", "value"),
    [
        ("name", ""),
        ("name", "fast\n"),
        ("name", "a" * (MAX_NAME + 1)),
        ("description", "a\x00b"),
        ("routing_strategy", "fastest"),
        ("routing_strategy", ""),
        ("primary_model_id", None),
        ("primary_model_id", "m9"),
        ("fallback_model_ids", ("m2", "m9")),
        ("context_window_fallback_ids", ("m9",)),
        ("num_retries", -1),
        ("num_retries", MAX_RETRIES + 1),
        ("timeout_seconds", 0),
        ("timeout_seconds", float("inf")),
    ],
)
def test_a_route_s_rules(field_name: str, value: Any) -> None:
    assert set(broken(replace(ROUTE, **{field_name: value}))) == {field_name}


def test_what_a_route_may_be() -> None:
    for strategy in STRATEGIES:
        assert broken(replace(ROUTE, routing_strategy=strategy)) == []
    assert broken(replace(ROUTE, num_retries=0, fallback_model_ids=("m2",))) == []
    assert broken(replace(ROUTE, is_default=True, primary_model_id=None)) == []


def test_the_default_route_is_enabled() -> None:
    assert broken(replace(ROUTE, is_default=True, is_enabled=False)) == ["is_enabled"]


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(
    ("thing", "field_name"),
    [
        (PROVIDER, "name"),
        (PROVIDER, "display_name"),
        (PROVIDER, "litellm_provider"),
        (PROVIDER, "api_base_url"),
        (PROVIDER, "api_key_env"),
        (MODEL, "model_name"),
        (MODEL, "display_name"),
        (MODEL, "litellm_model"),
        (MODEL, "description"),
        (MODEL, "mode"),
        (ROUTE, "name"),
        (ROUTE, "description"),
        (ROUTE, "routing_strategy"),
    ],
)
def test_a_pasted_key_is_refused_and_not_repeated(thing: Any, field_name: str, key: str) -> None:
    for text in (key, f"my key is {key}"):
        found = problems(replace(thing, **{field_name: text}), WORLD)
        assert {problem.field_name for problem in found} == {field_name}
        assert all(key not in str(problem) for problem in found)


def test_a_key_in_a_url_is_refused_as_a_key() -> None:
    url = f"https://host/v1?token={KEY}"
    (found,) = problems(replace(PROVIDER, api_base_url=url), WORLD)
    assert "looks like a key" in str(found)


def test_names_are_taken_by_others_only() -> None:
    assert broken(replace(PROVIDER, id="p2")) == ["name"]
    assert broken(replace(ROUTE, id="r2")) == ["name"]
    # Models of one name are a group that LiteLLM balances between.
    assert broken(replace(MODEL, id="m3")) == []


def test_the_first_field_comes_first() -> None:
    wrong = replace(MODEL, timeout_seconds=0, priority=-(10**9), provider_id="p9", display_name="")
    found = broken(wrong)
    order = [item.name for item in fields(Model)]
    assert found == sorted(found, key=order.index)
    assert found[0] == "provider_id"


def test_conflicts_are_the_rules_of_the_whole() -> None:
    wrong = replace(ROUTE, name="", primary_model_id="m9", num_retries=-1)
    assert [problem.field_name for problem in conflicts(wrong, WORLD)] == ["primary_model_id"]


@pytest.mark.parametrize(
    ("before", "after", "hosts"),
    [
        ("https://a/v1", "https://b/v1", ("a", "b")),
        ("https://a/v1", "https://a/v2", None),
        ("https://a/v1", "https://A/v1", None),
        ("https://a/v1", "https://a:8443/v1", ("a", "a:8443")),
        (None, "https://b/v1", ("openai's own", "b")),
        ("https://a/v1", None, ("a", "openai's own")),
        ("https://a/v1", "os.environ/BASE", ("a", "os.environ/BASE")),
        ("https://a/v1", "https://[b", None),
        ("https://a/v1", "https://a/v1", None),
    ],
)
def test_a_key_would_go_to_another_host(
    before: str | None, after: str | None, hosts: tuple[str, str] | None
) -> None:
    old, new = replace(PROVIDER, api_base_url=before), replace(PROVIDER, api_base_url=after)
    assert changes_host(old, new) == hosts
    assert changes_host(old, replace(new, api_key_env=None)) is None


words = st.text(max_size=12) | st.sampled_from(
    [
        "",
        "p1",
        "m1",
        "https://[",
        "http://a:b",
        "http://a:99999",
        "os.environ/",
        "//",
        KEY,
        "\ud800",
    ]
)
decimals = st.none() | st.decimals()
numbers = st.none() | st.floats()
whole = st.none() | st.integers()
ids = st.lists(words, max_size=3).map(tuple)
things = st.one_of(
    st.builds(
        Provider, id=words, name=words, display_name=words, litellm_provider=words,
        api_base_url=st.none() | words, api_key_env=st.none() | words,
    ),
    st.builds(
        Model, id=words, provider_id=words, model_name=words, display_name=words,
        litellm_model=words, description=st.none() | words, context_window=whole, max_tokens=whole,
        input_cost_per_1k=decimals, output_cost_per_1k=decimals, mode=words,
        priority=st.integers(), weight=numbers, timeout_seconds=numbers,
    ),
    st.builds(
        Route, id=words, name=words, description=st.none() | words, routing_strategy=words,
        primary_model_id=st.none() | words, fallback_model_ids=ids,
        context_window_fallback_ids=ids, num_retries=st.integers(), timeout_seconds=st.floats(),
        is_default=st.booleans(), is_enabled=st.booleans(),
    ),
)  # fmt: skip


@given(things)
@settings(max_examples=500, deadline=None)
def test_no_thing_makes_the_rules_raise(thing: Provider | Model | Route) -> None:
    names = {item.name for item in fields(thing)}
    for problem in problems(thing, WORLD):
        assert problem.field_name in names
        assert KEY not in str(problem)


@given(words, words)
@settings(max_examples=300, deadline=None)
def test_no_url_makes_the_hosts_raise(before: str, after: str) -> None:
    changes_host(replace(PROVIDER, api_base_url=before), replace(PROVIDER, api_base_url=after))
