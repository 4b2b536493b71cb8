"""A configuration file's value as what it serves."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from store.gateway.served import Alias, plan_value, served_in
from tests.store.config_samples import CONFIGS, parse


def entry(name: str = "a", model: str = "openai/a", **more: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": model}, **more}


def fields(**params: Any) -> dict[str, Any]:
    each = entry()
    each["litellm_params"] |= params
    [deployment] = served_in({"model_list": [each]}).deployments.values()
    return dict(deployment.fields)


def settings(document: dict[str, Any]) -> dict[str, Any]:
    return dict(served_in(document).routing.settings)


def test_fields_are_named_by_their_section() -> None:
    each = entry(model_info={"id": 7, "mode": "chat", "nothing": None}, unknown=1)
    each["litellm_params"] |= {"timeout": 5, "api_base": None}
    [(model_id, deployment)] = served_in({"model_list": [each]}).deployments.items()
    assert model_id == deployment.id == "7"
    assert deployment.fields == {
        "model_name": "a",
        "model": "openai/a",
        "timeout": 5,
        "model_info.id": "7",
        "model_info.mode": "chat",
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (5.0, 5.0),
        (True, True),
        ("x", "x"),
        (["a", "b"], ("a", "b")),
        ([], ()),
        ([1, None], "[1, null]"),
        ({"b": 1, "a": {"c": [True]}}, '{"a": {"c": [true]}, "b": 1}'),
        ({1: "x", "y": date(2024, 10, 21)}, '{"1": "x", "y": "2024-10-21"}'),
        (date(2024, 10, 21), "2024-10-21"),
        (b"x", "b'x'"),
        ("한국어", "한국어"),
        ({"k": "한국어"}, '{"k": "한국어"}'),
        (None, None),
    ],
)
def test_values(value: object, expected: object) -> None:
    found = plan_value("anything", value)
    assert (type(found), found) == (type(expected), expected)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("api_key", "os.environ/A_KEY", "os.environ/A_KEY"),
        ("api_key", "dummy", "dummy"),
        ("api_key", "real-looking-1234567", "[redacted]"),
        ("api_key", "os.environ/sk-abcdefghijklmn", "[redacted]"),
        ("note", "see sk-abcdefghijklmn", "[redacted]"),
        ("api_base", "https://user:word@h/v1", "[redacted]"),
        ("max_tokens", 100, 100),
        ("litellm_credential_name", "main", "main"),
        ("extra_headers", {"Authorization": "Bearer abcdefgh"}, '{"Authorization": "[redacted]"}'),
        ("extra_headers", {"X-Key": "os.environ/K"}, '{"X-Key": "os.environ/K"}'),
        ("password", {"value": "hunter22"}, '{"value": "[redacted]"}'),
        ("tags", ["a", "sk-abcdefghijklmn"], ("a", "[redacted]")),
    ],
)
def test_no_value_is_a_key(name: str, value: object, expected: object) -> None:
    assert fields(**{name: value})[name] == expected


def test_prices_are_one_field_wherever_they_stand() -> None:
    assert fields(input_cost_per_token="1e-7")["input_cost_per_token"] == 1e-7
    each = entry(model_info={"input_cost_per_token": 2e-6, "output_cost_per_token": 3e-6})
    each["litellm_params"]["input_cost_per_token"] = 1e-6
    [deployment] = served_in({"model_list": [each]}).deployments.values()
    assert deployment.fields == {
        "model_name": "a",
        "model": "openai/a",
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 3e-6,
    }


SAMPLES = [path for path in sorted(CONFIGS.glob("*.yaml")) if "include:" not in path.read_text()]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_ids_are_those_of_an_import(path: Path) -> None:
    file = parse(path.read_text())
    served = served_in(file.document)
    assert list(served.deployments) == [model.id for model in file.models]
    assert [each.group for each in served.deployments.values()] == [
        model.model_name for model in file.models
    ]


@pytest.mark.parametrize(
    "document", [{}, {"model_list": None}, {"model_list": 3}, {"model_list": [1, {}, None]}]
)
def test_nothing_that_is_a_model(document: dict[str, Any]) -> None:
    assert served_in(document).deployments == {}


def test_settings_that_are_not_there_are_litellms() -> None:
    expected = {"routing_strategy": "simple-shuffle", "num_retries": 2, "timeout": 6000.0,
                "default_fallbacks": None}  # fmt: skip
    assert settings({}) == expected
    assert settings({"router_settings": None, "litellm_settings": None}) == expected


def test_the_section_that_counts() -> None:
    document = {
        "router_settings": {"num_retries": 0, "timeout": None, "fallbacks": [],
                            "context_window_fallbacks": [{"a": ["b"]}]},
        "litellm_settings": {"num_retries": 4, "request_timeout": 33,
                             "fallbacks": [{"a": ["c"]}, {"a": ["d"]}],
                             "default_fallbacks": ["e"],
                             "context_window_fallbacks": [{"x": ["y"]}]},
    }  # fmt: skip
    routing = served_in(document).routing
    assert routing.settings == {"routing_strategy": "simple-shuffle", "num_retries": 0,
                                "timeout": 33.0, "default_fallbacks": ("e",)}  # fmt: skip
    assert routing.fallbacks == {"a": ("c",)}
    assert routing.context_fallbacks == {"a": ("b",)}


def test_references_are_kept_as_they_are() -> None:
    document = {
        "router_settings": {"num_retries": "os.environ/RETRIES", "timeout": 5},
        "litellm_settings": {"num_retries": 4, "request_timeout": "os.environ/TIMEOUT"},
    }
    found = settings(document)
    assert (found["num_retries"], found["timeout"]) == ("os.environ/RETRIES", 5.0)


def test_the_last_chain_for_all_counts() -> None:
    chains = [{"*": ["a"]}, {"b": ["c"]}, {"*": ["d"]}]
    assert settings({"router_settings": {"fallbacks": chains}})["default_fallbacks"] == ("d",)
    both = {"fallbacks": chains, "default_fallbacks": ["e"]}
    assert settings({"router_settings": both})["default_fallbacks"] == ("e",)
    none = {"fallbacks": chains, "default_fallbacks": []}
    routing = served_in({"router_settings": none}).routing
    assert routing.settings["default_fallbacks"] is None
    assert routing.fallbacks == {"b": ("c",)}


def test_aliases() -> None:
    aliases = {"x": "a", "y": {"model": "b", "hidden": True}, "z": {"model": "c"}}
    routing = served_in({"router_settings": {"model_group_alias": aliases}}).routing
    assert routing.aliases == {"x": Alias("a"), "y": Alias("b", hidden=True), "z": Alias("c")}
