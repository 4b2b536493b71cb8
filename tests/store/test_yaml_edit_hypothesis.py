"""Random YAML, random changes: the value is always right, and what nobody touched stays.

AITUI_EXAMPLES sets how many examples are tried.
"""

from __future__ import annotations

import copy
import os
import random
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from store.gateway.yaml_align import align
from store.gateway.yaml_edit import edit_yaml
from store.gateway.yaml_reader import Path, dump_yaml, read_yaml
from store.gateway.yaml_text import is_block, same
from tests.store import yaml_samples as samples

EXAMPLES = int(os.environ.get("AITUI_EXAMPLES", "100"))
runs = settings(max_examples=EXAMPLES, deadline=None)
randoms = st.integers(0, 2**32).map(random.Random)
newlines = st.sampled_from(["\n", "\r\n"])


def read(text: str) -> Any:
    return read_yaml(text, name="c.yaml").value


def lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").split("\n")


def is_subsequence(part: list[str], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(line in rest for line in part)


def scalars(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each scalar, as its container and its key or index in it."""
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts:
        if is_block(part):
            yield from scalars(part)
        else:
            yield value, key


def lists(value: Any, path: Path = ()) -> Iterator[tuple[Path, list[Any]]]:
    """Each list with its path."""
    if isinstance(value, list):
        yield path, value
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts:
        if is_block(part):
            yield from lists(part, (*path, key))


def mappings(value: Any) -> Iterator[dict[Any, Any]]:
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, dict | list):
            yield from mappings(part)


@given(randoms, newlines)
@runs
def test_the_value_is_always_the_wanted_one(rnd: random.Random, newline: str) -> None:
    text = samples.Writer(rnd, newline).text(samples.document(rnd))
    old = read(text)
    assert edit_yaml(text, old) == text
    wanted = samples.changed(rnd, old) if rnd.random() < 0.8 else samples.document(rnd)
    edited = edit_yaml(text, wanted)
    assert same(read(edited), wanted)
    assert edit_yaml(edited, wanted) == edited


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates()
    | st.datetimes() | st.binary(max_size=9),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=5) | st.integers() | st.booleans(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(anything, anything, randoms)
@runs
def test_any_value_becomes_any_other(one: Any, other: Any, rnd: random.Random) -> None:
    for text in (dump_yaml(one), samples.Writer(rnd).text(one)):
        assert same(read(edit_yaml(text, other)), other)


@given(randoms, newlines)
@runs
def test_one_scalar_is_one_line(rnd: random.Random, newline: str) -> None:
    text = samples.Writer(rnd, newline, simple=True).text(samples.document(rnd))
    wanted = read(text)
    places = list(scalars(wanted)) if is_block(wanted) else []
    if not places:
        return
    holder, key = rnd.choice(places)
    before = holder[key]
    holder[key] = rnd.choice([*samples.TEXTS, *samples.SCALARS])
    if same(before, holder[key]):
        return
    edited = edit_yaml(text, wanted)
    assert same(read(edited), wanted)
    assert len(lines(edited)) == len(lines(text))
    differing = [pair for pair in zip(lines(text), lines(edited), strict=True) if len({*pair}) > 1]
    assert len(differing) == 1
    old_line, new_line = differing[0]
    if old_line.endswith("# why: [x"):
        assert new_line.endswith("# why: [x")


@given(randoms, newlines)
@runs
def test_an_added_key_touches_one_old_line_at_most(rnd: random.Random, newline: str) -> None:
    text = samples.Writer(rnd, newline, simple=True).text(samples.document(rnd))
    wanted = read(text)
    places = list(mappings(wanted)) if is_block(wanted) else []
    if not places:
        return
    holder = rnd.choice(places)
    holder["added"] = samples.value(rnd, 2)
    edited = edit_yaml(text, wanted)
    assert same(read(edited), wanted)
    kept = lines(text)
    if not is_subsequence(kept, lines(edited)):  # `{a: 1}` and `a: {}` are edited in their line
        assert any(
            is_subsequence(kept[:at] + kept[at + 1 :], lines(edited)) for at in range(len(kept))
        )


@given(randoms)
@runs
def test_comments_survive_where_nothing_is_taken_away(rnd: random.Random) -> None:
    text = samples.Writer(rnd, simple=True).text(samples.document(rnd))
    wanted = read(text)
    if not is_block(wanted):
        return
    for holder, key in list(scalars(wanted)):
        if rnd.random() < 0.3:
            holder[key] = samples.value(rnd, 2)
    for holder in list(mappings(wanted)):
        if rnd.random() < 0.2:
            holder["added"] = samples.value(rnd, 2)
    stay = {path: range(len(part)) for path, part in lists(read(text))}
    edited = edit_yaml(text, wanted, moved=stay)
    assert same(read(edited), wanted)
    for comment in ("# head", "# tail", "# note: 'x", "# why: [x", "# left", "# start"):
        assert edited.count(comment) == text.count(comment)


@given(randoms)
@runs
def test_a_dropped_list_item_drops_its_lines_only(rnd: random.Random) -> None:
    items = [samples.value(rnd, 2) for _ in range(rnd.randint(2, 6))]
    text = samples.Writer(rnd, simple=True).text({"list": items, "z": 1})
    wanted = copy.deepcopy(read(text))
    at = rnd.randrange(len(items))
    del wanted["list"][at]
    came = [index for index in range(len(items)) if index != at]
    edited = edit_yaml(text, wanted, moved={("list",): came})
    assert same(read(edited), wanted)
    in_flow = re.search(r"^['\"]?list['\"]?: \[", text, re.MULTILINE)
    assert in_flow or is_subsequence(lines(edited), lines(text))


@given(randoms)
@runs
def test_moved_items_take_their_comments_along(rnd: random.Random) -> None:
    count = rnd.randint(2, 6)
    text = "list:\n" + "".join(
        f"  # about {index}\n  - id: {index} # of {index}\n    v: 0\n" for index in range(count)
    )
    came: list[int | None] = list(rnd.sample(range(count), rnd.randint(1, count)))
    came.insert(rnd.randint(0, len(came)), None)
    wanted = [
        {"id": 99, "v": 9} if index is None else {"id": index, "v": rnd.choice([0, 0, 1])}
        for index in came
    ]
    edited = edit_yaml(text, {"list": wanted}, moved={("list",): came})
    expected = "list:\n" + "".join(
        "  - id: 99\n    v: 9\n"
        if index is None
        else f"  # about {index}\n  - id: {index} # of {index}\n    v: {item['v']}\n"
        for index, item in zip(came, wanted, strict=True)
    )
    assert edited == expected


@given(st.lists(st.integers(0, 5), max_size=8), st.lists(st.integers(0, 5), max_size=8))
@runs
def test_equal_items_are_matched(old: list[int], new: list[int]) -> None:
    came = align(old, new)
    kept = [index for index in came if index is not None]
    assert len(came) == len(new)
    assert len(set(kept)) == len(kept)
    for value in set(new):  # as many as there are in both keep their place
        matched = [i for i, at in enumerate(came) if at is not None and new[i] == old[at] == value]
        assert len(matched) == min(old.count(value), new.count(value))
