"""What a plan finds between the desired state, the file and the proxy, and what it cannot see."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from store.gateway.difference import agrees, difference
from store.gateway.live import Live
from store.gateway.served import served_in
from store.plans import ChangeKind, FieldDiff, Subject
from tests.store.live_samples import live_of

Document = dict[Any, Any]

RICH: Document = {
    "model_list": [
        {
            "model_name": "fast",
            "litellm_params": {
                "model": "openai/gpt-4o",
                "api_base": "http://h/v1",
                "api_key": "os.environ/A_KEY",
                "timeout": 5,
                "weight": 9,
                "rpm": 500,
                "input_cost_per_token": 0.000002,
                "tags": ["a", "b"],
                "extra_headers": {"x-team": "t1", "X-Api-Key": "os.environ/A_KEY"},
            },
            "model_info": {"id": "one", "mode": "chat", "owner": "us", "supports_vision": True},
        },
        {
            "model_name": "fast",
            "litellm_params": {"model": "azure/gpt", "api_base": None, "api_version": "2024-10-21"},
            "model_info": {"id": "two", "nested": {"a": [1, None]}, "output_cost_per_token": 1e-6},
        },
        {
            "model_name": "named",
            "litellm_params": {"model": "os.environ/MODEL", "litellm_credential_name": "main"},
            "model_info": {"id": "three"},
        },
        {
            "model_name": "wild-*",
            "litellm_params": {"model": "anthropic/*", "api_key": "os.environ/B", "timeout": 7},
            "model_info": {"id": "four"},
        },
        {"model_name": "openai/*", "litellm_params": {"model": "openai/*"}},
        {"model_name": "same", "litellm_params": {"model": "openai/o3"}},
        {"model_name": "same", "litellm_params": {"model": "openai/o3"}},
        {"not": "a model"},
    ],
    "router_settings": {
        "routing_strategy": "latency-based-routing",
        "num_retries": 1,
        "timeout": 60,
        "fallbacks": [{"fast": ["named", "same"]}, {"short": ["same"]}],
        "default_fallbacks": ["same"],
        "context_window_fallbacks": [{"fast": ["same"]}],
        "model_group_alias": {"short": "fast", "quiet": {"model": "same", "hidden": True}},
    },
}


def entry(document: Document, index: int) -> Document:
    return document["model_list"][index]  # type: ignore[no-any-return]


def changed(change: Callable[[Document], object], document: Document = RICH) -> Document:
    result = copy.deepcopy(document)
    change(result)
    return result


def with_ids(document: Document) -> Document:
    """The document as an apply writes it: every deployment has the id that an import derives."""
    result = copy.deepcopy(document)
    ids = iter(served_in(document).deployments)
    for each in result["model_list"]:
        if "litellm_params" in each:
            each["model_info"] = {**(each.get("model_info") or {}), "id": next(ids)}
    return result


def params(**values: Any) -> Callable[[Document], object]:
    return lambda document: entry(document, 0)["litellm_params"].update(values)


def info(**values: Any) -> Callable[[Document], object]:
    return lambda document: entry(document, 0)["model_info"].update(values)


def router(**values: Any) -> Callable[[Document], object]:
    return lambda document: document["router_settings"].update(values)


WRITTEN = with_ids(RICH)
SERVED = served_in(WRITTEN)


def test_a_proxy_in_step_differs_in_nothing() -> None:
    found = difference(SERVED, SERVED, live_of(WRITTEN), SERVED)
    assert found.changes == ()
    told = " ".join(found.notes)
    assert "1 value read from the proxy's environment" in told
    assert "Keys cannot be compared" in told
    assert "The proxy shows openai/*, wild-* as the models that it knows" in told


def test_a_file_without_ids_that_is_served_differs_in_nothing() -> None:
    assert agrees(served_in(RICH), live_of(RICH)) == ()


@pytest.mark.parametrize(
    ("change", "subject", "name", "old", "new"),
    [
        (params(timeout=6), Subject.MODEL, "timeout", 5.0, 6),
        (params(weight=1), Subject.MODEL, "weight", 9, 1),
        (params(weight=None), Subject.MODEL, "weight", 9, None),
        (params(input_cost_per_token=3e-6), Subject.MODEL, "input_cost_per_token", 2e-6, 3e-6),
        (params(input_cost_per_token=None), Subject.MODEL, "input_cost_per_token", 2e-6, None),
        (params(api_base="http://i/v1"), Subject.MODEL, "api_base", "http://h/v1", "http://i/v1"),
        (params(model="openai/o3"), Subject.MODEL, "model", "openai/gpt-4o", "openai/o3"),
        (params(tags=["a"]), Subject.MODEL, "tags", ("a", "b"), ("a",)),
        (params(max_parallel_requests=3), Subject.MODEL, "max_parallel_requests", None, 3),
        (params(use_in_pass_through=True), Subject.MODEL, "use_in_pass_through", False, True),
        (info(mode="embedding"), Subject.MODEL, "model_info.mode", "chat", "embedding"),
        (info(owner=None), Subject.MODEL, "model_info.owner", "us", None),
        (info(supports_vision=False), Subject.MODEL, "model_info.supports_vision", True, False),
        (info(max_input_tokens=9), Subject.MODEL, "model_info.max_input_tokens", 128_000, 9),
        (lambda d: entry(d, 0).update(model_name="slow"), Subject.MODEL, "model_name", "fast",
         "slow"),
        (lambda d: entry(d, 3)["litellm_params"].update(timeout=8), Subject.MODEL, "timeout", 7.0,
         8),
        (router(num_retries=0), Subject.ROUTER, "num_retries", 1, 0),
        (router(timeout=61), Subject.ROUTER, "timeout", 60, 61.0),
        (router(routing_strategy="simple"), Subject.ROUTER, "routing_strategy",
         "latency-based-routing", "simple-shuffle"),
        (router(default_fallbacks=["fast"]), Subject.ROUTER, "default_fallbacks",
         ("same",), ("fast",)),
        (router(default_fallbacks=[]), Subject.ROUTER, "default_fallbacks", ("same",), None),
        (router(fallbacks=[{"fast": ["same"]}, {"short": ["same"]}]), Subject.FALLBACKS,
         "fallbacks", ("named", "same"), ("same",)),
        (router(fallbacks=[{"fast": ["named", "same"]}, {"short": []}]), Subject.FALLBACKS,
         "fallbacks", ("same",), ()),
        (router(context_window_fallbacks=[{"fast": ["named"]}]), Subject.CONTEXT_FALLBACKS,
         "context_window_fallbacks", ("same",), ("named",)),
        (router(model_group_alias={"short": "same", "quiet": {"model": "same", "hidden": True}}),
         Subject.ALIAS, "model_group_alias", "fast", "same"),
        (router(model_group_alias={"short": "fast", "quiet": "same"}),
         Subject.ALIAS, "hidden", True, None),
    ],
)  # fmt: skip
def test_one_edit_is_one_change_of_one_field(
    change: Callable[[Document], object], subject: Subject, name: str, old: object, new: object
) -> None:
    desired = served_in(changed(change, WRITTEN))
    found = difference(desired, SERVED, live_of(WRITTEN), SERVED).changes
    assert len(found) == 1
    assert (found[0].kind, found[0].subject) == (ChangeKind.CHANGE, subject)
    [field] = found[0].fields
    assert (field.name, field.old, field.new) == (name, old, new)
    assert (field.in_file, field.in_live, field.drift) == (True, True, False)
    assert [c.fields[0].name for c in agrees(desired, live_of(WRITTEN))] == [name]


@pytest.mark.parametrize(
    "change", [params(timeout=6), info(owner="them"), router(num_retries=0), router(fallbacks=[])]
)
def test_what_nobody_edited_here_is_drift(change: Callable[[Document], object]) -> None:
    other = changed(change, WRITTEN)
    both = difference(SERVED, served_in(other), live_of(other), SERVED).changes
    assert both
    assert all(each.drift and each.in_file and each.in_live for each in both)
    live = difference(SERVED, SERVED, live_of(other), SERVED).changes
    assert live
    assert all(each.drift and not each.in_file and each.in_live for each in live)
    file = difference(SERVED, served_in(other), live_of(WRITTEN), SERVED).changes
    assert file
    assert all(each.drift and each.in_file and not each.in_live for each in file)
    unknown = difference(SERVED, served_in(other), live_of(other), None).changes
    assert unknown
    assert not any(each.drift for each in unknown)


def test_an_edit_and_drift_of_one_model_are_told_apart() -> None:
    live = changed(params(weight=3), WRITTEN)
    desired = served_in(changed(params(timeout=6), WRITTEN))
    [change] = difference(desired, SERVED, live_of(live), SERVED).changes
    assert change.fields == (
        FieldDiff("timeout", 5.0, 6, in_file=True, in_live=True, drift=False),
        FieldDiff("weight", 3, 9, in_file=False, in_live=True, drift=True),
    )
    assert not change.drift


def test_what_the_price_map_fills_cannot_be_seen() -> None:
    desired = served_in(changed(info(supports_vision=None), WRITTEN))
    found = difference(desired, SERVED, live_of(WRITTEN), SERVED)
    [change] = found.changes
    assert change.fields == (
        FieldDiff("model_info.supports_vision", True, None, True, None, False),
    )
    assert any("dropped model_info.supports_vision cannot be seen" in note for note in found.notes)
    assert agrees(desired, live_of(WRITTEN)) == ()


def test_references_and_keys_are_not_compared_with_the_proxy() -> None:
    desired = served_in(
        changed(params(api_base="os.environ/BASE", api_key="os.environ/NEW_KEY"), WRITTEN)
    )
    [change] = difference(desired, SERVED, live_of(WRITTEN), SERVED).changes
    assert change.fields == (
        FieldDiff("api_base", "http://h/v1", "os.environ/BASE", True, None, False),
        FieldDiff("api_key", "os.environ/A_KEY", "os.environ/NEW_KEY", True, None, False),
    )


def test_no_key_is_told() -> None:
    key = "sk-abcdefghijklmnop"
    other = changed(params(api_key=key, note=key, api_base=f"https://u:{key}@h/v1"), WRITTEN)
    found = difference(SERVED, served_in(other), live_of(other), served_in(other))
    assert "abcdefghij" not in repr(found)
    assert {field.name for field in found.changes[0].fields} == {"api_key", "note", "api_base"}


def gone(index: int) -> Callable[[Document], object]:
    return lambda document: document["model_list"].pop(index)


@pytest.mark.parametrize("index", [0, 2, 3, 4, 5])
def test_a_model_that_is_missing_is_created(index: int) -> None:
    before = changed(gone(index), WRITTEN)
    [change] = difference(SERVED, served_in(before), live_of(before), served_in(before)).changes
    model_id = list(SERVED.deployments)[index]
    assert (change.kind, change.key, change.drift) == (ChangeKind.CREATE, model_id, False)
    fields = SERVED.deployments[model_id].fields
    assert {field.name: field.new for field in change.fields} == fields
    assert all(field.in_file and field.in_live and field.old is None for field in change.fields)
    [change] = difference(SERVED, served_in(before), live_of(before), SERVED).changes
    assert change.drift  # it was there at the last apply, and nobody removed it here
    [change] = agrees(SERVED, live_of(before))
    assert (change.kind, change.key) == (ChangeKind.CREATE, model_id)


@pytest.mark.parametrize("index", [0, 2, 3, 4, 5])
@pytest.mark.parametrize("base", [RICH, WRITTEN], ids=["without ids", "with ids"])
def test_a_model_that_is_not_wanted_is_deleted(index: int, base: Document) -> None:
    before = served_in(base)
    desired = served_in(changed(gone(index), WRITTEN))
    deletes = [
        each
        for each in difference(desired, before, live_of(base), before).changes
        if each.kind is ChangeKind.DELETE
    ]
    model_id = list(SERVED.deployments)[index]
    [change] = deletes
    assert (change.key, change.drift) == (model_id, False)
    assert all(field.in_file and field.in_live and field.new is None for field in change.fields)
    [change] = [
        each
        for each in difference(desired, before, live_of(base), desired).changes
        if each.kind is ChangeKind.DELETE
    ]
    assert change.drift  # nobody here removed it: somebody else added it
    [change] = [each for each in agrees(desired, live_of(base)) if each.kind is ChangeKind.DELETE]
    assert change.name.split()[0] == before.deployments[model_id].group or "/" in change.name


def test_a_model_of_the_proxy_alone_is_deleted() -> None:
    extra = {"model_name": "x", "litellm_params": {"model": "openai/x", "weight": 2},
             "model_info": {"id": "x", "owner": "me"}}  # fmt: skip
    live = live_of(changed(lambda document: document["model_list"].append(extra), WRITTEN))
    [change] = difference(SERVED, SERVED, live, SERVED).changes
    assert (change.kind, change.key, change.name) == (ChangeKind.DELETE, "x", "x")
    assert {field.name: field.old for field in change.fields} == {
        "model_name": "x", "model": "openai/x", "weight": 2, "model_info.owner": "me",
        "model_info.id": "x",
    }  # fmt: skip
    assert (change.drift, change.in_file, change.in_live) == (True, False, True)


def test_models_of_the_database_are_left_alone() -> None:
    extra = {"model_name": "x", "litellm_params": {"model": "openai/x"}, "model_info": {"id": "x"}}
    live = live_of(changed(lambda document: document["model_list"].append(extra), WRITTEN))
    rows = tuple(replace(row, in_database=row.id == "x") for row in live.rows)
    found = difference(SERVED, SERVED, replace(live, rows=rows), SERVED)
    assert found.changes == ()
    assert any("1 deployment in the proxy's database" in note for note in found.notes)


def test_ids_are_written_once() -> None:
    file = served_in(RICH)
    found = difference(SERVED, file, live_of(RICH), file)
    assert [change.fields for change in found.changes] == [
        (FieldDiff("model_info.id", None, model_id, True, True, False),)
        for model_id in list(SERVED.deployments)[4:]
    ]
    assert any("3 deployments without model_info.id" in note for note in found.notes)
    # Imported with its ids, and the file not written since: not drift either.
    assert not any(each.drift for each in difference(SERVED, file, live_of(RICH), SERVED).changes)
    assert difference(SERVED, SERVED, live_of(WRITTEN), file).changes == ()


def test_an_edited_model_without_an_id_is_still_the_same_model() -> None:
    def edit(document: Document) -> None:
        entry(document, 5)["litellm_params"].update(model="openai/o4", timeout=3)

    desired = served_in(changed(edit, WRITTEN))
    found = difference(desired, served_in(RICH), live_of(RICH), served_in(RICH)).changes
    [change] = [each for each in found if len(each.fields) > 1]
    assert {field.name: (field.old, field.new) for field in change.fields} == {
        "model": ("openai/o3", "openai/o4"),
        "timeout": (None, 3),
        "model_info.id": (None, list(SERVED.deployments)[5]),
    }
    assert {each.kind for each in found} == {ChangeKind.CHANGE}


def test_a_group_of_several_is_told_apart_by_its_models() -> None:
    def edit(document: Document) -> None:
        entry(document, 0)["litellm_params"]["timeout"] = 6
        entry(document, 2)["litellm_params"]["timeout"] = 6

    desired = served_in(changed(edit, WRITTEN))
    found = difference(desired, SERVED, live_of(WRITTEN), None).changes
    assert [change.name for change in found] == ["fast (openai/gpt-4o)", "named"]


def test_changes_are_sorted() -> None:
    def edit(document: Document) -> None:
        document["model_list"].pop(0)
        entry(document, 0)["litellm_params"]["weight"] = 4
        new = {"model_name": "new", "litellm_params": {"model": "openai/n"}}
        document["model_list"].append({**new, "model_info": {"id": "n"}})
        document["router_settings"]["fallbacks"] = [{"named": ["same"]}]
        document["router_settings"]["num_retries"] = 5

    desired = served_in(changed(edit, WRITTEN))
    found = difference(desired, SERVED, live_of(WRITTEN), SERVED).changes
    assert [(each.kind, each.id) for each in found] == [
        (ChangeKind.CREATE, "model n"),
        (ChangeKind.CREATE, "fallbacks named"),
        (ChangeKind.CHANGE, "model two"),
        (ChangeKind.CHANGE, "router settings router"),
        (ChangeKind.DELETE, "model one"),
        (ChangeKind.DELETE, "fallbacks fast"),
        (ChangeKind.DELETE, "fallbacks short"),
    ]


def test_without_the_proxy_the_file_is_compared_alone() -> None:
    desired = served_in(changed(params(timeout=6), changed(router(num_retries=0), WRITTEN)))
    found = difference(desired, SERVED, None, SERVED).changes
    assert [each.fields for each in found] == [
        (FieldDiff("timeout", 5, 6, True, None, False),),
        (FieldDiff("num_retries", 1, 0, True, None, False),),
    ]


def test_settings_that_could_not_be_read_are_told() -> None:
    desired = served_in(changed(router(num_retries=0), WRITTEN))
    live = replace(live_of(WRITTEN), routing=None, problems=("It said no.",))
    found = difference(desired, SERVED, live, SERVED)
    assert [each.fields for each in found.changes] == [
        (FieldDiff("num_retries", 1, 0, True, None, False),)
    ]
    assert found.notes[0] == "It said no."
    assert difference(SERVED, SERVED, live, SERVED).changes == ()  # the aliases' rows are known


def test_a_deployment_for_some_environments_is_not_missed() -> None:
    conditional = changed(info(supported_environments=["production"]), WRITTEN)
    served = served_in(conditional)
    live = live_of(changed(gone(0), WRITTEN))
    assert difference(served, served, live, served).changes == ()


def test_two_deployments_with_one_id() -> None:
    twice = changed(lambda document: entry(document, 2)["model_info"].update(id="two"), RICH)
    assert agrees(served_in(twice), live_of(twice)) == ()
    found = agrees(served_in(with_ids(twice)), live_of(twice))
    assert {field.name for each in found for field in each.fields} == {"model_info.id"}


def test_no_proxy_and_no_file() -> None:
    assert difference(SERVED, None, None, SERVED).changes == ()
    assert agrees(served_in({}), Live((), None)) == ()
