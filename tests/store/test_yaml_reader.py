"""The YAML reader: the values of `yaml.safe_load`, within bounds, and sentences with a line."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from store.errors import ImportRefused
from store.gateway.yaml_reader import dump_yaml, path_text, read_yaml

BILLION_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
MERGE_BOMB = "a0: &a0 {k: v, l: w}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 12)
)


def read(text: str) -> object:
    return read_yaml(text, name="c.yaml").value


def refusal(text: str) -> str:
    with pytest.raises(ImportRefused) as caught:
        read_yaml(text, name="c.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}",
        "a: &x {b: 1}\ne: &y {b: 2, f: 3}\nd: {<<: [*x, *y], g: 4}",
        "a: &x {b: 1}\nd:\n  c: 9\n  <<: *x\n  b: 5\n  <<: {c: 7, h: 8}",
        "a: &x [1, 2]\nb: *x\nc: [*x, *x]",
        "[0777, 0o17, 08, 0x1F, 1_000, 0b11, 1:30, 1e5, 1.5e-7, 1e-7, .5, 5., +1, -.inf, ~, =x]",
        "[yes, No, on, OFF, y, n, true, Null, '', \"\\u00e9\", 한국어]",
        "[!!str 1, !!float 1, !!int '7', ! plain, ! 'quoted']",
        "{2024-01-02: a, 2024-01-02T03:04:05Z: b, 1.5: c, true: d, null: e, =: f}",
        "a: !!binary aGVsbG8=\nb: !!set {x, y}\nc: 2001-12-14 21:59:43.10 -05:30",
        "a: |\n  one\n  two\nb: >-\n  three\n  four\n",
        "# nothing but a comment\n",
        "\ufeffa: 1\r\nb: 2\r\n",
        "--- \na: 1\n...\n",
        "%YAML 1.1\n---\na: 1\n",
    ],
)
def test_values_are_those_of_safe_load(text: str) -> None:
    expected = yaml.safe_load(text)
    found = read(text)
    assert found == expected
    assert type(found) is type(expected)


words = st.text(alphabet="aey0189.:-_+~=!&*#%@,[]{}\"'|>? \n\t<onft", max_size=24)


@given(words)
@settings(max_examples=600, deadline=None)
def test_arbitrary_text_is_read_as_safe_load_reads_it_or_refused(text: str) -> None:
    try:
        found = read(text)
    except ImportRefused:
        return
    try:
        expected = yaml.safe_load(text)
    except yaml.YAMLError:
        return  # libyaml lets a few more texts through, such as a tab at a line's end
    assert repr(found) == repr(expected)


AMBIGUOUS = (
    "on", "off", "yes", "no", "y", "N", "0777", "0o17", "08", "1e5", "1e+5", "1.5e3", "1:30", "=",
    "~", "<<", "null", ".inf", "NaN", "2024-01-02", "-", "",
)  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from(AMBIGUOUS)
    | st.dates()
    | st.datetimes().map(lambda moment: moment.replace(fold=0))
    | st.binary(max_size=8)
)
keys = st.text(max_size=8) | st.integers() | st.booleans() | st.none()
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4)
)


@given(documents)
@settings(max_examples=400, deadline=None)
def test_what_is_dumped_reads_back_the_same(value: object) -> None:
    text = dump_yaml(value)
    assert text.isascii()
    assert read(text) == value
    assert yaml.safe_load(text) == value
    assert repr(read(text)) == repr(value)


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_text_that_another_parser_could_take_for_something_else_is_quoted(text: str) -> None:
    assert dump_yaml([text]) in (f"- '{text}'\n", f'- "{text}"\n')


def test_plain_names_stay_plain_and_anchors_are_not_made() -> None:
    shared = {"model": "openai/gpt-4.1", "api_key": "os.environ/KEY"}
    assert dump_yaml({"a": shared, "b": shared}) == (
        "a:\n  model: openai/gpt-4.1\n  api_key: os.environ/KEY\n"
        "b:\n  model: openai/gpt-4.1\n  api_key: os.environ/KEY\n"
    )


def test_nan_and_infinity_load_and_dump() -> None:
    found = read(dump_yaml([math.nan, math.inf, -math.inf, 1e17, 5e-324]))
    assert isinstance(found, list)
    assert math.isnan(found[0])
    assert found[1:] == [math.inf, -math.inf, 1e17, 5e-324]


def test_dates_keep_their_zone() -> None:
    value = [date(2024, 1, 2), datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=UTC)]
    assert read(dump_yaml(value)) == value


def test_values_of_one_anchor_are_not_shared() -> None:
    found = read("a: &x {b: [1]}\nc: *x\n")
    assert isinstance(found, dict)
    found["a"]["b"].append(2)
    assert found["c"] == {"b": [1]}


def test_lines_of_parts() -> None:
    document = read_yaml("a: &x\n  b:\n    - 1\n    - 2\nc: {<<: *x, d: 3}\n", name="c.yaml")
    assert document.lines[("a", "b", 1)] == 4
    assert document.lines[("c", "d")] == 5
    assert document.where(("c", "b", 0)) == "c.yaml line 3"
    assert document.where(("c", "no", "such")) == "c.yaml line 5"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        pytest.param(
            BILLION_LAUGHS, "c.yaml line 5: comes to more than 100,000 values", id="laughs"
        ),
        pytest.param(
            MERGE_BOMB, "c.yaml line 6: comes to more than 100,000 values", id="merge bomb"
        ),
        pytest.param("a: [" + "x, " * 100_001 + "]", "holds more than 100,000", id="long list"),
        ("a: " + "[" * 60 + "]" * 60, "c.yaml line 1: is nested deeper than 50 levels"),
        pytest.param("[" * 100_000, "nested deeper than 50", id="brackets"),
        pytest.param(
            "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60)),
            "nested deeper than 50",
            id="a ladder of aliases",
        ),
        ("a: 1\nb: 2\na: 3\n", "c.yaml line 3: the key a stands twice"),
        ("a: 1\n---\nb: 2\n", "c.yaml line 2: a second document begins"),
        ("a: &x [1, *x]\n", "c.yaml line 1: an alias (*) stands inside its own anchor"),
        ("a: &x {<<: *x}\n", "line 1: an alias (*) stands inside its own anchor"),
        ("a: 1\nb: *y\n", "c.yaml line 2: an alias (*) names an anchor (&) that is not above it"),
        ("a: &x 1\nb: &x 2\n", "c.yaml line 2: names an anchor (&) a second time"),
        ("a: 1\nb: !!python/object/apply:os.system [ls]\n", "c.yaml line 2: holds a tag (!)"),
        ("b: !mine 1\n", "c.yaml line 1: holds a tag (!)"),
        ("b: !!omap [a: 1]\n", "c.yaml line 1: holds a tag (!)"),
        ("a: =\n", "line 1: holds a tag (!) or sign"),
        ("a: 1\nb: 2026-13-45\n", "c.yaml line 2: reads like a date but is none"),
        ("a: !!int x\n", "c.yaml line 1: reads like a number but is none"),
        ("a: !!bool x\n", "c.yaml line 1: reads like a value but is none"),
        ("a: !!timestamp x\n", "c.yaml line 1: reads like a date but is none"),
        pytest.param(
            "a: &a {"
            + ", ".join(f"k{n}: 1" for n in range(20_000))
            + "}\n"
            + "".join(f"b{n}: {{<<: *a}}\n" for n in range(5_000)),
            "c.yaml line 4: comes to more than 100,000 values by its merge keys",
            id="many merges",
        ),
        pytest.param(f"a: {'9' * 5000}\n", "line 1: reads like a number but is none", id="digits"),
        pytest.param(f"a: 0x{'f' * 5000}\n", "line 1: the number is too large", id="hex digits"),
        ("a: {<<: 1}\n", "c.yaml line 1: `<<` merges mappings only"),
        ("a: {<<: [1]}\n", "c.yaml line 1: `<<` merges mappings only"),
        ("? [a]\n: 1\n", "c.yaml line 1: a list or mapping cannot be a key"),
        ("a: b\n\tc: d\n", "c.yaml line 2, column"),
        ("a:\n  - b\n c: d\n", "c.yaml line 3, column 2"),
        ("a: [1,\n", "c.yaml line 2, column 1"),
        ("a: 1\nb: \x00\n", "c.yaml line 2: holds the character U+0000"),
        ("a: \x1b[31m\n", "c.yaml line 1: holds the character U+001B"),
        ("a: \ud800\n", "c.yaml line 1: holds the character U+D800"),
    ],
)
def test_refusals_name_the_line(text: str, part: str) -> None:
    message = refusal(text)
    assert part in message
    assert "\n" not in message
    assert message.endswith(".")


def test_a_large_text_is_refused_before_it_is_parsed() -> None:
    assert refusal("a" * (10 * 2**20 + 1)) == "c.yaml is larger than 10 MiB."


def test_paths_are_printable_and_hold_no_key() -> None:
    assert path_text(("model_list", 2, "litellm_params", "api_key")) == (
        "model_list[2].litellm_params.api_key"
    )
    assert path_text(("a\x1b]52;c;x\x07", "sk-abcdefghijkl")) == "'a\\x1b]52;c;x\\x07'.[redacted]"
