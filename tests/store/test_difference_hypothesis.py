"""Generated and large states: no false drift, one edit is one change, nothing is told twice."""

from __future__ import annotations

import copy

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from store.gateway.difference import agrees, difference
from store.gateway.served import Served, served_in
from store.plans import Change, ChangeKind
from tests.store.live_samples import live_of
from tests.store.test_difference import Document, changed, entry, with_ids

numbers = st.integers(1, 10**6) | st.floats(0.001, 10**6)
texts = st.text(min_size=1, max_size=8).map("n".__add__)
groups = st.sampled_from(["a", "b", "c/d", "한국어", "openai/*", "wild-*"])
values = {
    "timeout": numbers,
    "weight": st.integers(0, 9),
    "rpm": st.integers(1, 9_999),
    "api_base": st.sampled_from(["http://h/v1", "http://i/v1/", "os.environ/BASE"]),
    "api_key": st.sampled_from(["os.environ/A_KEY", "os.environ/B_KEY"]),
    "input_cost_per_token": st.floats(0, 1),
    "drop_params": st.booleans(),
    "use_litellm_proxy": st.booleans(),
    "tags": st.lists(texts, max_size=2),
    "headers": st.dictionaries(texts, texts | st.none(), max_size=2),
    "x_note": texts | st.integers() | st.booleans(),
}
infos = {
    "mode": st.sampled_from(["chat", "embedding"]),
    "owner": texts,
    "max_input_tokens": st.integers(1, 10**6),
    "supports_vision": st.booleans(),
    "more": st.lists(st.integers() | texts, max_size=3),
    "output_cost_per_token": st.floats(0, 1),
}
entries = st.fixed_dictionaries(
    {
        "model_name": groups,
        "litellm_params": st.fixed_dictionaries(
            {"model": st.sampled_from(["openai/a", "azure/b", "openai/*", "os.environ/M"])},
            optional=dict(values),
        ),
    },
    optional={
        "model_info": st.fixed_dictionaries(
            {}, optional={"id": st.sampled_from(["i1", "i2", "i3", 4]), **infos}
        )
    },
)
chains = st.lists(
    st.dictionaries(groups | st.just("*"), st.lists(groups, max_size=3), min_size=1, max_size=1),
    max_size=3,
)
sections = {
    "fallbacks": chains,
    "context_window_fallbacks": chains,
    "default_fallbacks": st.none() | st.lists(groups, max_size=2),
    "num_retries": st.none() | st.integers(0, 9),
}
documents = st.fixed_dictionaries(
    {"model_list": st.lists(entries, max_size=6)},
    optional={
        "router_settings": st.fixed_dictionaries(
            {},
            optional={
                **sections,
                "timeout": st.none() | numbers,
                "routing_strategy": st.sampled_from(["simple-shuffle", "least-busy"]),
                "model_group_alias": st.dictionaries(
                    st.sampled_from(["x", "y", "a"]),
                    groups
                    | st.builds(lambda m, h: {"model": m, "hidden": h}, groups, st.booleans()),
                    max_size=3,
                ),
            },
        ),
        "litellm_settings": st.fixed_dictionaries(
            {}, optional={**sections, "request_timeout": st.none() | numbers}
        ),
    },
)


@given(documents)
@settings(max_examples=150, deadline=None)
def test_any_document_that_is_served_is_in_step(document: Document) -> None:
    # The rows of two wildcards of one id cannot be told apart.
    wildcards = [str(each.get("model_info")) for each in document["model_list"] if "*" in str(each)]
    assume(len(wildcards) == len(set(wildcards)) or "'id'" not in str(wildcards))
    served = served_in(document)
    live = live_of(document)
    assert difference(served, served, live, served).changes == ()
    assert agrees(served, live) == ()


@given(documents, st.data())
@settings(max_examples=150, deadline=None)
def test_any_one_edit_is_found_and_nothing_else(document: Document, data: st.DataObject) -> None:
    document = with_ids(document)
    served = served_in(document)
    if not served.deployments:
        return
    model_id = data.draw(st.sampled_from(list(served.deployments)))
    name = data.draw(st.sampled_from(["timeout", "weight", "rpm", "headers", "x_note", "tags"]))
    edited = copy.deepcopy(document)
    index = list(served.deployments).index(model_id)
    before = edited["model_list"][index]["litellm_params"].get(name)
    wanted = {"headers": {"other": "y"}, "tags": ["other"], "x_note": "other"}.get(name, 0.5)
    assume(before != wanted)
    edited["model_list"][index]["litellm_params"][name] = wanted
    [change] = difference(served_in(edited), served, live_of(document), served).changes
    assert (change.kind, change.key) == (ChangeKind.CHANGE, model_id)
    [field] = change.fields
    assert (field.name, field.in_file, field.in_live, field.drift) == (name, True, True, False)
    assert (field.old is None) == (before is None)


@given(documents, documents, documents)
@settings(max_examples=100, deadline=None)
def test_any_three_states_are_compared(one: Document, two: Document, three: Document) -> None:
    desired, file, live = served_in(one), served_in(two), live_of(three)
    found = difference(desired, file, live, file).changes
    assert_told_once(found)
    # What is said to be equal is: where nothing is in the file, the file says the same.
    if not any(each.in_file for each in found):
        assert comparable(desired) == comparable(file)


def assert_told_once(found: tuple[Change, ...]) -> None:
    ids = [each.id for each in found]
    assert len(ids) == len(set(ids))
    assert all(field.in_file or field.in_live for each in found for field in each.fields)


def comparable(served: Served) -> object:
    return {key: dict(each.fields) for key, each in served.deployments.items()}, served.routing


def many(count: int, with_id: bool) -> Document:
    return {
        "model_list": [
            {
                "model_name": f"group-{number % (count // 4)}",
                "litellm_params": {"model": f"openai/m-{number}", "timeout": number + 1,
                                   "api_base": "os.environ/BASE", "weight": 1},
                "model_info": {"owner": "us"} | ({"id": f"id-{number}"} if with_id else {}),
            }
            for number in range(count)
        ]
    }  # fmt: skip


@pytest.mark.parametrize("with_id", [True, False])
def test_thousands_of_deployments(with_id: bool) -> None:
    document = many(2_000, with_id)
    live = live_of(document)
    served = served_in(document)
    assert difference(served, served, live, served).changes == ()
    other = changed(lambda each: entry(each, 1_234)["litellm_params"].update(weight=2), document)
    [change] = difference(served_in(other), served, live, served).changes
    assert [field.name for field in change.fields] == ["weight"]
