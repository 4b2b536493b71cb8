"""Edits of YAML texts: each construct, and the exact text that comes out."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import pytest

from store.errors import AituiError, ImportRefused
from store.gateway.yaml_edit import edit_yaml
from store.gateway.yaml_reader import read_yaml
from store.gateway.yaml_rounds import Round
from store.gateway.yaml_text import same

CONFIG = """\
# our gateway
model_list:
  # the cheap one
  - model_name: gpt-4o-mini  # for chat
    litellm_params:
      model: 'openai/gpt-4o-mini'
      api_key: "os.environ/KEY"
      timeout: 30   # seconds

  - model_name: claude
    litellm_params: {model: anthropic/claude, rpm: 5}  # flow

router_settings:
  num_retries: 2
  # routing_strategy: least-busy
  fallbacks: [{"gpt-4o-mini": ["claude"]}]
# the end
"""


def read(text: str) -> Any:
    return read_yaml(text, name="c.yaml").value


def edited(text: str, change: Callable[[Any], object], **moved: Any) -> str:
    """`text` after `change` was made to its value; what `change` returns is the value if a list."""
    wanted = copy.deepcopy(read(text))
    returned = change(wanted)
    wanted = returned if isinstance(returned, tuple) and len(returned) == 1 else (wanted,)
    result = edit_yaml(text, wanted[0], **moved)
    assert same(read(result), wanted[0])
    return result


def put(*path: Any) -> Callable[[Any], None]:
    """A change that sets the value at the path; the last part is the value."""

    def change(value: Any) -> None:
        *parents, key, new = path
        for part in parents:
            value = value[part]
        value[key] = new

    return change


def drop(*path: Any) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        for part in path[:-1]:
            value = value[part]
        del value[path[-1]]

    return change


def insert(*path: Any) -> Callable[[Any], None]:
    def change(value: Any) -> None:
        *parents, index, new = path
        for part in parents:
            value = value[part]
        value.insert(index, new)

    return change


@pytest.mark.parametrize(
    "text",
    [
        CONFIG,
        CONFIG.replace("\n", "\r\n"),
        CONFIG.rstrip("\n"),
        "\ufeff" + CONFIG,
        CONFIG + "  \n\n \n",
        "",
        "# only a comment",
        "---\na: 1\n...\n",
        "%YAML 1.1\n---\na: &x {b: 1}\nc: *x\n",
        "? a\n: b\n",
        "a: .nan\nb: 2001-12-14 21:59:43.10 -05:30\n",
    ],
)
def test_an_equal_value_leaves_the_text_alone(text: str) -> None:
    assert edit_yaml(text, read(text)) == text
    if isinstance(read(text), dict):
        assert edit_yaml(text, dict(reversed(read(text).items()))) == text


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        (put("model_list", 0, "litellm_params", "timeout", 31), "timeout: 30 ", "timeout: 31 "),
        (put("model_list", 0, "litellm_params", "model", "azure/x"), "'openai/gpt-4o-mini'",
         "'azure/x'"),
        (put("model_list", 0, "litellm_params", "api_key", "os.environ/B"), '"os.environ/KEY"',
         '"os.environ/B"'),
        (put("model_list", 0, "model_name", "on"), "name: gpt-4o-mini ", "name: 'on' "),
        (put("model_list", 0, "model_name", "한"), "name: gpt-4o-mini ", 'name: "\\uD55C" '),
        (put("model_list", 0, "litellm_params", "timeout", None), "30 ", "null "),
        (put("model_list", 0, "litellm_params", "timeout", 30.0), "30 ", "30.0 "),
        (put("model_list", 0, "litellm_params", "timeout", []), "30 ", "[] "),
        (put("model_list", 1, "litellm_params", "rpm", 6), "rpm: 5}", "rpm: 6}"),
        (put("model_list", 1, "litellm_params", "note", "a, b"), "5}", "5, note: 'a, b'}"),
        (drop("model_list", 1, "litellm_params", "rpm"), ", rpm: 5}", "}"),
        (drop("model_list", 1, "litellm_params", "model"), "{model: anthropic/claude, ", "{"),
        (put("model_list", 1, "litellm_params", {}), "{model: anthropic/claude, rpm: 5}", "{}"),
        (put("router_settings", "fallbacks", 0, "gpt-4o-mini", []), '["claude"]', "[]"),
        (insert("router_settings", "fallbacks", 0, "gpt-4o-mini", 1, "x"), '["claude"]',
         '["claude", x]'),
        (insert("router_settings", "fallbacks", 0, "gpt-4o-mini", 0, "x"), '["claude"]',
         '[x, "claude"]'),
        (drop("router_settings", "num_retries"), "  num_retries: 2\n", ""),
        (put("router_settings", "timeout", 5), '["claude"]}]\n', '["claude"]}]\n  timeout: 5\n'),
        (put("general_settings", {"x": [1]}), '["claude"]}]\n',
         '["claude"]}]\ngeneral_settings:\n  x:\n    - 1\n'),
        (drop("model_list", 0),
         CONFIG[CONFIG.index("  # the cheap"):CONFIG.index("  - model_name: c")], ""),
        (put("model_list", 0, "model_info", {"id": "m"}), "timeout: 30   # seconds\n",
         "timeout: 30   # seconds\n    model_info:\n      id: m\n"),
        (drop("model_list", 0, "model_name"),
         "model_name: gpt-4o-mini  # for chat\n    litellm_params:\n      model:",
         "litellm_params:\n      model:"),
        (insert("model_list", 2, {"model_name": "new", "litellm_params": {"model": "m"}}),
         "rpm: 5}  # flow\n",
         "rpm: 5}  # flow\n\n  - model_name: new\n    litellm_params:\n      model: m\n"),
        (insert("model_list", 0, {"model_name": "new"}), "  # the cheap",
         "  - model_name: new\n  # the cheap"),
        (put("router_settings", "num_retries", {"a": 1}), "num_retries: 2\n",
         "num_retries:\n    a: 1\n"),
        (put("router_settings", 3), CONFIG[CONFIG.index(":\n  num_ret"):CONFIG.index("# the end")],
         ": 3\n"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_edits_of_a_configuration(
    change: Callable[[Any], None], before: str, after: str, newline: str
) -> None:
    assert CONFIG.count(before) == 1
    text = CONFIG.replace("\n", newline)
    expected = CONFIG.replace(before, after).replace("\n", newline)
    assert edited(text, change) == expected
    assert edited("\ufeff" + text, change) == "\ufeff" + expected


@pytest.mark.parametrize(
    ("text", "change", "expected"),
    [
        # nothing becomes something
        ("a:\nb: 1\n", put("a", 2), "a: 2\nb: 1\n"),
        ("a:   # why\n", put("a", "x"), "a: x   # why\n"),
        ("a:  # why\nb: 1\n", put("a", [1, 2]), "a:  # why\n  - 1\n  - 2\nb: 1\n"),
        ("a: 1  # why\nb: 1\n", put("a", {"c": 1}), "a:  # why\n  c: 1\nb: 1\n"),
        ("a: []\nb:\n- 1\n", put("a", [1]), "a:\n- 1\nb:\n- 1\n"),
        ("a: {}  # none\n", put("a", {"b": {"c": 1}}), "a:  # none\n  b:\n    c: 1\n"),
        ("- 1\n-\n- 2\n", put(1, "x"), "- 1\n- x\n- 2\n"),
        ("- # why\n- 2\n", put(0, {"a": 1}), "- a: 1 # why\n- 2\n"),
        ("{a, b: , c: 1}\n", put("a", 1), "{a: 1, b: , c: 1}\n"),
        ("{a, b: , c: 1}\n", put("b", 1), "{a, b: 1, c: 1}\n"),
        ("{a, b: }\n", put("b", {"x": [1]}), "{a, b: {x: [1]}}\n"),
        ("", lambda _: ({"a": [1]},), "a:\n  - 1\n"),
        ("# top\n", lambda _: ({"a": 1},), "# top\na: 1\n"),
        ("# top", lambda _: ({"a": 1},), "# top\na: 1\n"),
        ("--- # top\n# more\n", lambda _: ({"a": 1},), "--- # top\n# more\na: 1\n"),
        # something becomes nothing
        ("a:\n  b: 1\n  # old\nc: 1\n", drop("a", "b"), "a: {}\n  # old\nc: 1\n"),
        ("a:\n- 1\nb: 1\n", drop("a", 0), "a: []\nb: 1\n"),
        ("a: {b: 1}  # why\n", drop("a", "b"), "a: {}  # why\n"),
        ("# top\na: 1\n", drop("a"), "# top\n{}\n"),
        ("a:\n  b: 1\nc: 1", drop("c"), "a:\n  b: 1\n"),
        ("{a: 1}\n", drop("a"), "{}\n"),
        # lists
        ("a:\n- 1\n- 2\nb: 1\n", insert("a", 2, 3), "a:\n- 1\n- 2\n- 3\nb: 1\n"),
        ("a:\n    - 1 # one\n    - 2 # two\n# end\n", insert("a", 2, [3, {"c": 4}]),
         "a:\n    - 1 # one\n    - 2 # two\n    - - 3\n      - c: 4\n# end\n"),
        ("a:\n- 1\n- 2", insert("a", 1, 3), "a:\n- 1\n- 3\n- 2"),
        ("a:\n- 1\n- 2", insert("a", 2, 3), "a:\n- 1\n- 2\n- 3"),
        ("a:\n-   b: 1\n    c: 2\n", insert("a", 1, {"b": 2, "c": 3}),
         "a:\n-   b: 1\n    c: 2\n-   b: 2\n    c: 3\n"),
        ("- - 1\n  - 2\n- 3\n", insert(0, 0, 0), "- - 0\n  - 1\n  - 2\n- 3\n"),
        ("- - 1\n  - 2\n- 3\n", drop(0, 0), "- - 2\n- 3\n"),
        ("- - 1\n  - 2\n- 3\n", put(0, 1, {"a": 1, "b": 2}), "- - 1\n  - a: 1\n    b: 2\n- 3\n"),
        ("a:\n- x\n# of y\n- y\n- z\n", drop("a", 1), "a:\n- x\n- z\n"),
        ("a:\n- x\n# a note\n\n- y\n- z\n", drop("a", 1), "a:\n- x\n# a note\n\n- z\n"),
        ("a:\n- x\n\n- y\n\n- z\n", drop("a", 1), "a:\n- x\n\n- z\n"),
        ("a:\n- x\n- x\n- x\n", drop("a", 0), "a:\n- x\n- x\n"),
        ("a:\n- x\n- x # 2\n", insert("a", 0, "q"), "a:\n- q\n- x\n- x # 2\n"),
        ("# file\n\n- a\n- b\n", drop(0), "# file\n\n- b\n"),
        ("# file\n- a\n- b\n", drop(0), "# file\n- b\n"),
        ("l: [{a: [b]}, {c: [d]}]\n", lambda v: (drop("l", 0)(v), insert("l", 0, "c", 1, "x")(v)),
         "l: [{c: [d, x]}]\n"),
        ("l:\n- a: 1 # one\n  b: 1\n- a: 2 # two\n  b: 2\n",
         lambda v: (put("l", 1, "b", 3)(v), insert("l", 0, {"a": 0})(v), drop("l", 1)(v)),
         "l:\n- a: 0 # one\n- a: 2 # two\n  b: 3\n"),
        ("l:\n- a: 2 # two\n  b: 2\n",
         lambda v: (put("l", 0, "b", 3)(v), insert("l", 0, {"c": 0})(v)),
         "l:\n- c: 0\n- a: 2 # two\n  b: 3\n"),
        ("l:\n  - a: 1\n\n  # of 2\n  - a: 2\n\nz: 1\n", drop("l", 0),
         "l:\n  # of 2\n  - a: 2\n\nz: 1\n"),
        ("l:\n  - a: 1\n\n  # of 2\n  - a: 2\n\nz: 1\n", drop("l", 1), "l:\n  - a: 1\n\nz: 1\n"),
        ("a: [1, 2, 3]\n", lambda v: v["a"].reverse(), "a: [3, 2, 1]\n"),
        ("a:\n- 1 # one\n- 2 # two\n- 3", lambda v: v["a"].reverse(),
         "a:\n- 3\n- 2 # two\n- 1 # one"),
        ("l:\n- a: 1\n  # r: 2\n# end\n", insert("l", 1, {"a": 2}),
         "l:\n- a: 1\n  # r: 2\n- a: 2\n# end\n"),
        ("l:\n- a: 1\n  # r: 2\n- b: 1\n  # r: 3\n", drop("l", 0), "l:\n- b: 1\n  # r: 3\n"),
        ("l:\n- a: 1\n  # r: 2\n- b: 1\n  # r: 3", lambda v: v["l"].reverse(),
         "l:\n- b: 1\n  # r: 3\n- a: 1\n  # r: 2"),
        ("a:\n  b: 1\n  # c: 2\n# end\n", put("d", 3), "a:\n  b: 1\n  # c: 2\nd: 3\n# end\n"),
        ("a:\n  b: 1\n  # c: 2\n# of d\nd: 3\n", drop("a"), "# of d\nd: 3\n"),
        # mappings
        ("a:\n  b: 1\n\n# of c\nc: 1\n", put("a", "d", 1), "a:\n  b: 1\n  d: 1\n\n# of c\nc: 1\n"),
        ("- a: 1 # one\n  # of b\n  b: 2\n", drop(0, "a"), "- # of b\n  b: 2\n"),
        ("- a: 1\n  b: 2\n  c: 3\n", lambda v: (drop(0, "a")(v), drop(0, "b")(v)), "- c: 3\n"),
        ("a: 1\n", put("x: y", 1), "a: 1\n'x: y': 1\n"),
        ("a: 1\n", put(True, "true"), "a: 1\ntrue: 'true'\n"),
        ("1: a\n", lambda _: ({True: "a"},), "true: a\n"),
        ("a:\tx\t# tabs\n", put("a", "z"), "a:\tz\t# tabs\n"),
        ("---\na: 1\n...\n", put("b", 2), "---\na: 1\nb: 2\n...\n"),
        ("--- {a: 1}\n", put("b", 2), "--- {a: 1, b: 2}\n"),
        ("? a\n: b\n", put("a", 1), "? a\n: 1\n"),
        ("? a\n: b\n", put("c", 1), "a: b\nc: 1\n"),
        # flow over several lines
        ("a: [\n  x,  # 1\n  y,  # 2\n]\n", insert("a", 2, "z"),
         "a: [\n  x,  # 1\n  y,  # 2\n  z,\n]\n"),
        ("a: [\n  x,\n  y  # 2\n]\n", insert("a", 2, "z"), "a: [\n  x,\n  y,  # 2\n  z\n]\n"),
        ("a: [\n  x,  # 1\n  y,  # 2\n]\n", drop("a", 0), "a: [\n  y,  # 2\n]\n"),
        ("a: {\n  x: 1,\n  y: 2\n}  # end\n", put("a", "y", 3),
         "a: {\n  x: 1,\n  y: 3\n}  # end\n"),
        ("a: {\n  x: 1,\n  y: 2\n}\n", drop("a", "x"), "a: {\n  y: 2\n}\n"),
        ("a: [[1, 2], {b: 3}]\n", put("a", 1, "b", {"c": "d"}), "a: [[1, 2], {b: {c: d}}]\n"),
        ("a: [b: 1, c]\n", put("a", 0, "b", 2), "a: [b: 2, c]\n"),
        # scalars of several lines
        ("a: |\n  one\n  two\n\nb: 1\n", put("b", 2), "a: |\n  one\n  two\n\nb: 2\n"),
        ("a: |\n  one\n  two\n\nb: 1\n", put("a", "x"), "a: x\n\nb: 1\n"),
        ("a: |\n  one\nb: >-\n  x\n  y\n", put("b", "z\n"), 'a: |\n  one\nb: "z\\n"\n'),
        ("- |+\n  one\n\n\n", insert(1, 2), "- |+\n  one\n\n\n- 2\n"),
        ("a: one\n  two\nb: 1\n", put("a", "x"), "a: x\nb: 1\n"),
        ("a: 'it''s\n\n  so' # why\n", put("a", "it's"), "a: 'it''s' # why\n"),
        # anchors, aliases, merge keys, tags
        ("a: &x 1\nb: *x\n", put("b", 2), "a: &x 1\nb: 2\n"),
        ("a: &x 1\nb: *x\n", put("a", 2), "a: &x 2\nb: 1\n"),
        ("a: &x 1\nb: *x # why\n", drop("a"), "b: 1 # why\n"),
        ("a: &x {b: 1}\nc: *x\n", put("c", "b", 2), "a: &x {b: 1}\nc:\n  b: 2\n"),
        ("a: &x\n  b: 1\nc: *x\n", lambda v: (put("a", "b", 2)(v), put("c", "b", 2)(v)),
         "a: &x\n  b: 2\nc: *x\n"),
        ("a: &x {t: 1, u: 2}\nb:\n  <<: *x\n  v: 3\n",
         lambda v: (put("a", "t", 9)(v), put("b", "t", 9)(v), drop("a", "u")(v), drop("b", "u")(v)),
         "a: &x {t: 9}\nb:\n  <<: *x\n  v: 3\n"),
        ("a: &x {t: 1, u: 2}\nb:\n  <<: *x # all\n  v: 3\n", put("b", "t", 9),
         "a: &x {t: 1, u: 2}\nb:\n  <<: *x # all\n  v: 3\n  t: 9\n"),
        ("a: &x {t: 1, u: 2}\nb:\n  <<: *x\n  v: 3\n", put("a", "t", 9),
         "a: &x {t: 9, u: 2}\nb:\n  <<: *x\n  v: 3\n  t: 1\n"),
        ("a: &x {t: 1, u: 2}\nb:\n  <<: *x\n  v: 3\n", drop("b", "t"),
         "a: &x {t: 1, u: 2}\nb:\n  v: 3\n  u: 2\n"),
        ("a: &x {t: 1}\nb: {<<: *x}\nc:\n- *x\n", drop("a"), "b:\n  t: 1\nc:\n- t: 1\n"),
        ("a: &x {t: 1}\nb: {<<: *x}\n", drop("b", "t"), "a: &x {t: 1}\nb: {}\n"),
        ("- &x a\n- *x\n- b\n", lambda v: (["b", "a", "a"],), "- b\n- &x a\n- a\n"),
        ("a: &x 1\nb: *x\n", put("a", {"c": 2}), "a: &x\n  c: 2\nb: 1\n"),
        ("- &x 1\n- *x\n", put(0, {"c": 2}), "- &x\n  c: 2\n- 1\n"),
        ("a: !!str 1\n", put("a", 2), "a: 2\n"),
        ("a: !!set {x, y}\nb: 1\n", put("a", ["x"]), "a:\n  - x\nb: 1\n"),
        ("a: !!map\n  b: 1\nc: 1\n", put("a", "b", 2), "a:\n  b: 2\nc: 1\n"),
        ("a: !!binary aGVsbG8=\n", put("a", b"x"), 'a: !!binary "eA=="\n'),
    ],
)  # fmt: skip
def test_each_construct(text: str, change: Callable[[Any], object], expected: str) -> None:
    assert edited(text, change) == expected


def test_an_anchor_that_others_merge_is_edited_and_they_keep_their_values() -> None:
    text = "base: &b\n  t: 1\n  u: 2\nm:\n- <<: *b\n  id: 1\n- <<: *b\n  id: 2\n"
    change = put("base", "t", 5)
    assert edited(text, change) == (
        "base: &b\n  t: 5\n  u: 2\nm:\n- <<: *b\n  id: 1\n  t: 1\n- <<: *b\n  id: 2\n  t: 1\n"
    )


def test_moved_says_which_item_was_which() -> None:
    text = "l:\n# first\n- n: a\n  v: 1\n- n: b # second\n  v: 2\n- n: c\n  v: 3\n"
    wanted = {"l": [{"n": "c", "v": 9}, {"id": "new"}, {"n": "a", "v": 1}]}
    assert edit_yaml(text, wanted, moved={("l",): [2, None, 0]}) == (
        "l:\n- n: c\n  v: 9\n- id: new\n# first\n- n: a\n  v: 1\n"
    )


@pytest.mark.parametrize("told", [[0], [0, 0], [5, 1], [-1, 0], [None, None]])
def test_an_impossible_moved_is_no_harm(told: list[int | None]) -> None:
    wanted = {"l": ["b", "c"]}
    result = edit_yaml("l:\n- a\n- b\n", wanted, moved={("l",): told})
    assert read(result) == wanted


def test_types_are_part_of_the_value() -> None:
    text = "a: 1\nb: 1.0\nc: true\nd: '1'\ne: .nan\nf: -0.0\n"
    wanted = {"a": True, "b": 1, "c": "true", "d": 1, "e": math.nan, "f": 0.0}
    assert edit_yaml(text, wanted) == "a: true\nb: 1\nc: 'true'\nd: 1\ne: .nan\nf: 0.0\n"


def test_edits_that_touch_each_other() -> None:
    text = "a:\n  b:\n    - 1\n  c: 2\nd:\n- {x: 1}\n- q\n"
    wanted = {"a": {"b": [2, {"k": [3]}], "f": 5}, "d": ["q", {"x": [1], "z": None}], "f": []}
    assert edit_yaml(text, wanted) == (
        "a:\n  b:\n    - 2\n    - k:\n      - 3\n  f: 5\nd:\n- q\n- x:\n  - 1\n  z: null\nf: []\n"
    )


def test_long_text_and_a_key_too_long_for_one_line() -> None:
    wanted = {"a": "w " * 3000, "k" * 2000: {"b": "한" * 700}}
    assert same(read(edit_yaml("a: 1\nb: {}\n", wanted)), wanted)


def test_a_place_that_cannot_be_edited_costs_no_more_than_its_section(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An edit that cannot be read: the values round it are written anew, the others stay."""
    real = Round.edit

    def clumsy(self: Any, old: object, new: object) -> str:
        return "a: [" if self.depth is None else real(self, old, new)

    monkeypatch.setattr(Round, "edit", clumsy)
    text = "a: # one\n  b: {c: {d: {x: 1}}} # two\n  f: 'x'\ng: 'why' # three\n"
    assert edited(text, put("a", "b", "c", "d", "x", 2)) == (
        "a: # one\n  b: {c: {d: {x: 2}}} # two\n  f: 'x'\ng: 'why' # three\n"
    )
    monkeypatch.setattr(Round, "edit", lambda self, old, new: "a: [")
    assert edited("# top\n" + text, put("a", "f", "z")) == (
        "# top\na:\n  b:\n    c:\n      d:\n        x: 1\n  f: z\ng: why\n"
    )


def test_text_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(ImportRefused):
        edit_yaml("a: [", {"a": 1})


def test_a_value_that_yaml_cannot_hold_is_refused() -> None:
    with pytest.raises(ImportRefused, match="the configuration line 1"):
        edit_yaml("a: 1\n", {"a": "\ud800"})
    with pytest.raises(AituiError, match="cannot be written"):
        edit_yaml("a: 1\n", {"a": (1, 2)})
