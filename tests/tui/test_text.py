"""Nothing foreign reaches the terminal, and what is shown has the width it claims."""

from __future__ import annotations

import asyncio
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.content import Content
from textual.widgets import DataTable, OptionList, Static

from tui.text import ELLIPSIS, MAX_MARKS, REPLACEMENT, cell_width, clean, fit, safe, safe_rich, wrap

FORBIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
OSC_52 = "\x1b]52;c;ZXZpbA==\x07"

HARD = st.text(
    alphabet=st.one_of(
        st.characters(codec=None, categories=None),
        st.sampled_from("\x1b\x07\x9b\x00\x7f\r\n\t\u200d\ufe0f\u202e\u2028\ud800\udfff\ue000"),
        st.sampled_from("\u0301\u0345\u0f74\u1161\u11a8\u1100\u3164\u0958\ufb2c한⚠🇰🇷👍🏽"),
        st.sampled_from("[]/@=ab "),
    ),
    max_size=60,
)


def forbidden(text: str, allowed: str = "") -> list[str]:
    return [
        hex(ord(char))
        for char in text
        if char not in allowed
        and (unicodedata.category(char) in FORBIDDEN_CATEGORIES or char in "\ufe0e\ufe0f")
    ]


@given(HARD)
def test_nothing_forbidden_is_left(text: str) -> None:
    assert forbidden(clean(text), "\n\t") == []
    assert forbidden(clean(text, one_line=True)) == []
    clean(text).encode("utf-8")


@given(HARD)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    once = clean(text, one_line=True)
    assert clean(once, one_line=True) == once


@given(HARD)
def test_what_is_shown_is_the_clean_text(text: str) -> None:
    assert isinstance(safe(text), Content)
    assert safe(text).plain == clean(text)
    assert safe_rich(text).plain == clean(text, one_line=True)


@given(HARD, st.integers(min_value=0, max_value=20))
def test_the_limit_holds(text: str, limit: int) -> None:
    cut = clean(text, limit=limit)
    assert len(cut) <= limit
    assert cut == clean(text) or limit == 0 or cut.endswith(ELLIPSIS)


@given(HARD, st.integers(min_value=-1, max_value=40), st.sampled_from(["left", "right"]))
def test_fit_is_exactly_as_wide_as_asked(text: str, width: int, align: str) -> None:
    fitted = fit(text, width, align=align)  # type: ignore[arg-type]
    assert cell_len(fitted) == max(width, 0)
    assert forbidden(fitted) == []


@given(HARD, st.integers(min_value=1, max_value=20), st.integers(min_value=1, max_value=5))
def test_wrapped_lines_fit(text: str, width: int, max_lines: int) -> None:
    lines = wrap(text, width, max_lines)
    assert 1 <= len(lines) <= max_lines
    assert all(cell_len(line) <= width for line in lines)
    assert all(forbidden(line) == [] for line in lines)


@given(HARD)
def test_a_base_carries_few_marks(text: str) -> None:
    run = 0
    for char in clean(text):
        run = run + 1 if char not in "\n\t" and cell_len(char) == 0 else 0
        assert run <= MAX_MARKS


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("gpt-4.1", "gpt-4.1"),
        (f"gpt{OSC_52}", "gpt�]52;c;ZXZpbA==�"),
        ("a\x9b31mb", "a�31mb"),
        ("a\x7fb\x00c", "a�b�c"),
        ("one\r\ntwo\tthree", "one\ntwo\tthree"),
        ("over\rwrite", "over�write"),
        ("admin\u202egnp.exe", "admin�gnp.exe"),
        ("zero\u200bwidth\u2060x\ufeff", "zero�width�x�"),
        ("a\u2028b\u2029c\u0085d", "a�b�c�d"),
        ("\ud800x\udfff", "�x�"),
        ("\ue000\U000f0000", "��"),
        ("no\u00a0break", "no break"),
        ("\u3164", "�"),
        ("👨\u200d👩", "👨�👩"),
        ("⚠\ufe0f ✔\ufe0f ⏸\ufe0f", "⚠ ✔ ⏸"),
        ("👍🏽", "👍"),
        ("\u0301x", "�x"),
        ("a\n\u0301", "a\n�"),
        ("\u1112\u1161\u11ab", "한"),
        ("e" + "\u0323" * 50, "ẹ" + "\u0323" * 3),
        ("한국어 모델 🚀 🇰🇷", "한국어 모델 🚀 🇰🇷"),
        (b"caf\xc3\xa9 \xff", "café �"),
        (None, "None"),
        (12, "12"),
    ],
)
def test_examples(given_text: object, shown: str) -> None:
    assert clean(given_text) == shown


def test_one_line_has_no_lines() -> None:
    assert clean("one\ntwo\tthree\r\nfour", one_line=True) == "one two three four"


def test_an_object_that_cannot_be_text_is_a_replacement() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no")

    class Sly(str):
        __slots__ = ()

        def __str__(self) -> str:
            raise RuntimeError("no")

        def __getitem__(self, key: object) -> str:
            return "\x1b"

    assert clean(Broken()) == REPLACEMENT
    assert clean(Sly("fine")) == "fine"
    assert clean(memoryview(b"fine")) == "fine"


def test_a_huge_text_is_cut_and_says_so() -> None:
    assert clean("x" * 1_000_000) == "x" * 9_999 + ELLIPSIS
    assert clean("\ufe0f" * 1_000_000) == ELLIPSIS
    assert len(clean("e" + "\u0301\u0323" * 500_000)) < 10
    assert clean(b"\xed\x95\x9c" * 100_000).endswith(ELLIPSIS)


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("모델", 6, "모델  "),
        ("모델이름", 5, "모델…"),
        ("모델이름", 4, "모… "),
        ("모델", 1, "…"),
        ("🇰🇷🇰🇷🇰🇷", 4, "🇰🇷… "),
        ("e\u0323\u0300x", 1, "…"),
        ("two\nlines", 9, "two lines"),
        ("⚠\ufe0f", 2, "⚠ "),
    ],
)
def test_fit_examples(text: str, width: int, expected: str) -> None:
    assert fit(text, width) == expected


def test_fit_can_align_to_the_right() -> None:
    assert fit("모델", 6, align="right") == "  모델"


def test_cell_width_counts_cells_of_the_clean_text() -> None:
    assert cell_width("한글 ⚠\ufe0f") == 6
    assert cell_width("\x1b") == 1


@pytest.mark.parametrize(
    ("text", "width", "max_lines", "expected"),
    [
        ("Fast, cheap fallback model", 12, 3, ["Fast, cheap", "fallback", "model"]),
        ("Fast, cheap fallback model", 12, 2, ["Fast, cheap", "fallback…"]),
        ("abcdefghij", 4, 2, ["abcd", "efg…"]),
        ("한국어모델", 5, 9, ["한국", "어모", "델"]),
        ("한", 1, 2, ["…"]),
        ("one\n\ntwo\n", 9, 9, ["one", "", "two"]),
        ("", 9, 2, [""]),
        ("word", 0, 2, []),
        ("word", 2, 0, []),
    ],
)
def test_wrap_examples(text: str, width: int, max_lines: int, expected: list[str]) -> None:
    assert wrap(text, width, max_lines) == expected


NASTY = [
    "[/nope]",
    "[@click=app.exit]x[/]",
    "[bold",
    "[link=https://example.org]x[/link]",
    "\\[red]",
    f"name{OSC_52}",
    "\x1b]8;;http://evil\x1b\\x\x9b2J",
    "tab\there",
]


class _Shown(App[None]):
    def compose(self) -> ComposeResult:
        for text in NASTY:
            yield Static(safe(text))
        yield OptionList(*[safe(text) for text in NASTY])
        yield DataTable()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_column(safe_rich("[/head]"))
        for text in NASTY:
            table.add_row(safe_rich(text))


def _screen_lines(app: App[None]) -> list[str]:
    return [strip.text for strip in app.screen._compositor.render_strips()]


async def test_widgets_show_it_literally_and_let_nothing_through() -> None:
    app = _Shown()
    async with app.run_test(size=(60, 60)) as pilot:
        await pilot.pause()
        lines = _screen_lines(app)
        text = "\n".join(lines)
        assert forbidden(text, "\n") == []
        for literal in (
            "[/nope]",
            "[@click=app.exit]x[/]",
            "[bold",
            "[link=https://example.org]x[/link]",
            "\\[red]",
            "name�]52;c;ZXZpbA==�",
        ):
            assert text.count(literal) == 3, literal
        assert "[/head]" in text
        assert all(cell_len(line) == 60 for line in lines)
        await pilot.click(Static, offset=(0, 0))
        assert app.is_running


@settings(max_examples=5, deadline=None)
@given(st.lists(HARD, min_size=1, max_size=8))
def test_any_text_is_rendered_without_control_characters(texts: list[str]) -> None:
    class Fuzzed(App[None]):
        def compose(self) -> ComposeResult:
            for text in texts:
                yield Static(safe(text))

    async def render() -> str:
        app = Fuzzed()
        async with app.run_test(size=(80, 40)) as pilot:
            await pilot.pause()
            return "\n".join(_screen_lines(app))

    assert forbidden(asyncio.run(render()), "\n") == []
