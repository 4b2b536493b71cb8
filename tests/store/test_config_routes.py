"""Routes in and out of `router_settings` and `litellm_settings`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from store.domain import Route
from store.errors import InvalidField
from store.gateway.config_export import export_yaml
from store.gateway.config_file import ConfigFile
from tests.store.config_samples import exported, parse

MODELS = "model_list:\n" + "".join(
    f"- {{model_name: {name}, litellm_params: {{model: openai/{name}}}, "
    f"model_info: {{id: i{name}}}}}\n"
    for name in "abcd"
)


def read(settings: str) -> ConfigFile:
    return parse(f"{MODELS}{settings}\n")


def route(file: ConfigFile, name: str) -> Route:
    return next(route for route in file.routes if route.name == name)


def settings_of(file: ConfigFile, **changed: Any) -> dict[str, Any]:
    document = exported(file, **changed)
    del document["model_list"]
    return document


def with_route(file: ConfigFile, name: str, **changes: Any) -> list[Route]:
    return [replace(r, **changes) if r.name == name else r for r in file.routes]


def reread(file: ConfigFile, routes: list[Route]) -> ConfigFile:
    return parse(export_yaml(file.kept, file.providers, file.models, routes))


def test_the_first_chain_is_the_default_route_s() -> None:
    file = read(
        "router_settings: {fallbacks: [{a: [b, c]}, {b: [d]}], "
        "context_window_fallbacks: [{c: [d]}, {a: [d]}]}"
    )
    assert [r.name for r in file.routes] == ["default", "b", "c"]
    default = file.routes[0]
    assert default.is_default
    assert default.primary_model_id == "ia"
    assert default.fallback_model_ids == ("ib", "ic")
    assert default.context_window_fallback_ids == ("id",)
    assert route(file, "b").fallback_model_ids == ("id",)
    assert route(file, "c").context_window_fallback_ids == ("id",)


def test_default_fallbacks_are_the_default_route_s_chain() -> None:
    file = read("router_settings: {default_fallbacks: [b, c], fallbacks: [{a: [d]}]}")
    default = file.routes[0]
    assert (default.primary_model_id, default.fallback_model_ids) == (None, ("ib", "ic"))
    assert route(file, "a").primary_model_id == "ia"


def test_without_chains_there_is_a_default_route_without_one() -> None:
    (default,) = read("router_settings: {}").routes
    assert default.primary_model_id is None
    assert default.fallback_model_ids == ()
    # What LiteLLM does where the file says nothing.
    assert default.routing_strategy == "simple-shuffle"
    assert (default.num_retries, default.timeout_seconds) == (2, 6000)


@pytest.mark.parametrize(
    ("settings", "retries", "timeout"),
    [
        ("litellm_settings: {num_retries: 4, request_timeout: 9}", 4, 9),
        ("litellm_settings: {num_retries: 4}\nrouter_settings: {num_retries: 0, timeout: 7}", 0, 7),
        ("litellm_settings: {num_retries: 4}\nrouter_settings: {num_retries: null}", 4, 6000),
        ("router_settings: {num_retries: os.environ/N, timeout: 1.5}", 2, 1.5),
    ],
)
def test_router_settings_win_over_litellm_settings(
    settings: str, retries: int, timeout: float
) -> None:
    default = read(settings).routes[0]
    assert (default.num_retries, default.timeout_seconds) == (retries, timeout)


def test_lists_of_litellm_settings_count_where_the_router_has_none() -> None:
    file = read("router_settings: {fallbacks: []}\nlitellm_settings: {fallbacks: [{a: [b]}]}")
    assert file.routes[0].fallback_model_ids == ("ib",)
    changed = settings_of(file, routes=with_route(file, "default", fallback_model_ids=("ic",)))
    assert changed["litellm_settings"] == {"fallbacks": [{"a": ["c"]}]}
    shadowed = read("router_settings: {fallbacks: [{c: [d]}]}\nlitellm_settings: {fallbacks: [x]}")
    assert shadowed.routes[0].primary_model_id == "ic"
    assert "litellm_settings.fallbacks is not in force" in shadowed.warnings[0]


def test_a_list_that_becomes_empty_does_not_wake_the_other_one() -> None:
    file = read(
        "router_settings: {fallbacks: [{a: [b]}]}\nlitellm_settings: {fallbacks: [{c: [d]}]}"
    )
    changed = settings_of(file, routes=with_route(file, "default", fallback_model_ids=()))
    assert changed == {"router_settings": {"fallbacks": []}, "litellm_settings": {"fallbacks": []}}


def test_a_chain_names_the_first_deployment_of_a_group() -> None:
    file = parse(
        f"{MODELS}- {{model_name: b, litellm_params: {{model: openai/b2}}}}\n"
        "router_settings: {fallbacks: [{a: [b]}]}\n"
    )
    assert file.routes[0].fallback_model_ids == ("ib",)


@pytest.mark.parametrize(
    ("entry", "warning"),
    [
        ("{a: [nope]}", "router_settings.fallbacks[0].a[0] names 'nope', which is no model"),
        ("{a: [quick]}", "router_settings.fallbacks[0].a[0] names 'quick', which is an alias"),
        ("{a: [{model: b}]}", "router_settings.fallbacks[0].a[0] names dict, which is no model"),
        ("{a: b}", "router_settings.fallbacks[0].a is not a list of models"),
        ("{nope: [a]}", "router_settings.fallbacks[0].nope belongs to 'nope', which is no model"),
        ("{1: [a]}", "router_settings.fallbacks[0] has a key that is no model's name"),
        ("{}", "router_settings.fallbacks[0] is not a mapping of one model to its fallbacks"),
        ("text", "router_settings.fallbacks[0] is not a mapping of one model to its fallbacks"),
    ],
)
def test_entries_that_are_no_routes_stay(entry: str, warning: str) -> None:
    file = read(
        f"router_settings: {{fallbacks: [{entry}, {{b: [c]}}], model_group_alias: {{quick: a}}}}"
    )
    assert file.warnings == (f"c.yaml line 6: {warning}; kept as it is.",)
    assert file.routes[0].primary_model_id == "ib"
    kept = settings_of(file)["router_settings"]["fallbacks"][0]
    gone = settings_of(file, routes=[])["router_settings"]["fallbacks"]
    assert gone == [kept]


def test_a_second_chain_of_one_group_has_no_effect_and_gets_none() -> None:
    file = read("router_settings: {fallbacks: [{a: [b]}, {a: [c]}]}")
    assert file.routes[0].fallback_model_ids == ("ib",)
    assert "a second entry of that name" in file.warnings[0]
    assert settings_of(file, routes=[]) == {"router_settings": {"fallbacks": []}}


def test_an_unknown_target_s_chain_gives_way_to_a_new_route_of_its_group() -> None:
    file = read("router_settings: {fallbacks: [{a: [nope]}, {b: [c]}]}")
    added = Route("r9", "a", primary_model_id="ia", fallback_model_ids=("id",))
    assert settings_of(file, routes=[*file.routes, added])["router_settings"]["fallbacks"] == [
        {"b": ["c"]},
        {"a": ["d"]},
    ]


def test_an_alias_with_a_chain_of_its_own_is_a_route() -> None:
    text = (
        "router_settings: {fallbacks: [{quick: [c]}, {a: [b]}], "
        "model_group_alias: {quick: a, other: b}}"
    )
    file = read(text)
    assert [(r.name, r.primary_model_id) for r in file.routes] == [
        ("default", "ia"),
        ("quick", "ia"),
    ]
    assert settings_of(file)["router_settings"]["fallbacks"] == [{"quick": ["c"]}, {"a": ["b"]}]
    moved = settings_of(file, routes=with_route(file, "quick", primary_model_id="id"))
    assert moved["router_settings"]["model_group_alias"] == {"quick": "d", "other": "b"}
    gone = settings_of(file, routes=[file.routes[0]])
    assert gone["router_settings"] == {
        "fallbacks": [{"a": ["b"]}],
        "model_group_alias": {"other": "b"},
    }


def test_a_new_route_becomes_an_alias_and_reads_back() -> None:
    file = read("router_settings: {fallbacks: [{a: [b]}]}")
    added = Route(
        "r9", "long", primary_model_id="ic", fallback_model_ids=("id",),
        context_window_fallback_ids=("ia",),
    )  # fmt: skip
    assert settings_of(file, routes=[*file.routes, added]) == {
        "router_settings": {
            "fallbacks": [{"a": ["b"]}, {"long": ["d"]}],
            "context_window_fallbacks": [{"long": ["a"]}],
            "model_group_alias": {"long": "c"},
        }
    }
    again = route(reread(file, [*file.routes, added]), "long")
    assert again.primary_model_id == "ic"
    assert again.fallback_model_ids == ("id",)
    assert again.context_window_fallback_ids == ("ia",)


def test_changed_settings_are_written_where_they_win() -> None:
    file = read("litellm_settings: {num_retries: 4, request_timeout: 9, cache: true}")
    routes = with_route(
        file, "default", num_retries=1, timeout_seconds=30.0, routing_strategy="least-busy"
    )
    assert settings_of(file, routes=routes) == {
        "litellm_settings": {"num_retries": 4, "request_timeout": 9, "cache": True},
        "router_settings": {"routing_strategy": "least-busy", "num_retries": 1, "timeout": 30},
    }
    default = reread(file, routes).routes[0]
    assert (default.num_retries, default.timeout_seconds) == (1, 30)


def test_the_default_route_s_chain_stays_first_so_that_it_reads_back() -> None:
    file = read("router_settings: {fallbacks: [{a: [b]}, {b: [c]}]}")
    routes = with_route(file, "default", primary_model_id="id")
    assert settings_of(file, routes=routes)["router_settings"]["fallbacks"] == [
        {"d": ["b"]},
        {"b": ["c"]},
    ]
    assert reread(file, routes).routes[0].primary_model_id == "id"


def test_a_default_route_without_primary_becomes_default_fallbacks_and_back() -> None:
    file = read("router_settings: {fallbacks: [{a: [b]}]}")
    routes = with_route(file, "default", primary_model_id=None)
    assert settings_of(file, routes=routes) == {
        "router_settings": {"fallbacks": [], "default_fallbacks": ["b"]}
    }
    again = reread(file, routes)
    assert again.routes[0].fallback_model_ids == ("ib",)
    back = with_route(again, "default", primary_model_id="ia")
    assert settings_of(again, routes=back) == {
        "router_settings": {"fallbacks": [{"a": ["b"]}], "default_fallbacks": []}
    }


def test_disabled_routes_and_models_that_are_not_served_leave_the_chains() -> None:
    file = read("router_settings: {fallbacks: [{a: [b, c]}, {b: [c]}]}")
    routes = with_route(file, "b", is_enabled=False)
    models = [replace(m, is_enabled=m.id != "ic") for m in file.models]
    assert settings_of(file, routes=routes, models=models) == {
        "router_settings": {"fallbacks": [{"a": ["b"]}]}
    }
    without_primary = [replace(m, is_enabled=m.id != "ia") for m in file.models]
    assert settings_of(file, models=without_primary) == {
        "router_settings": {"fallbacks": [{"b": ["c"]}]}
    }


def test_renamed_models_are_renamed_in_chains() -> None:
    file = read("router_settings: {fallbacks: [{a: [b, c]}]}")
    models = [replace(m, model_name="new") if m.id == "ib" else m for m in file.models]
    assert settings_of(file, models=models)["router_settings"]["fallbacks"] == [{"a": ["new", "c"]}]


@pytest.mark.parametrize(
    ("name", "primary", "message"),
    [
        ("d", "ic", "route d: its name is that of another model"),
        ("a", "ia", "route a: the route default speaks for a already"),
    ],
)
def test_routes_that_clash_are_a_sentence(name: str, primary: str, message: str) -> None:
    file = read("router_settings: {fallbacks: [{a: [b]}]}")
    added = Route("r9", name, primary_model_id=primary, fallback_model_ids=("id",))
    with pytest.raises(InvalidField) as caught:
        exported(file, routes=[*file.routes, added])
    assert message in str(caught.value)


def test_a_group_called_default_keeps_its_chain() -> None:
    file = parse(
        f"{MODELS}- {{model_name: default, litellm_params: {{model: openai/x}}}}\n"
        "router_settings: {fallbacks: [{a: [b]}, {default: [c]}]}\n"
    )
    assert [r.name for r in file.routes] == ["default"]
    assert "cannot be a route: 'default' is the default route's name" in file.warnings[0]
    assert exported(file)["router_settings"]["fallbacks"] == [{"a": ["b"]}, {"default": ["c"]}]
