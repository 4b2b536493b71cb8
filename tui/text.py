"""The only way from data to the screen: text without escapes, measured in terminal cells.

Names, answers and errors come from files, providers and models, so any of them may hold an
escape sequence, Textual markup or text made to break a layout. `clean()` gives harmless plain
text, `safe()` the same as something to show, and `fit()` and `wrap()` cut it to whole cells.
Widths are Rich's; characters on whose width terminals disagree with Rich are taken out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len, get_character_cell_size

if TYPE_CHECKING:
    from rich.text import Text
    from textual.content import Content

REPLACEMENT = "�"
ELLIPSIS = "…"
TAB = "    "
DEFAULT_LIMIT = 10_000
"""Characters. More than any screen shows, and still quick to lay out."""
MAX_MARKS = 4
"""Zero-width marks kept on one base character. No written language stacks more."""

_MARK = "mark"
_DROP = ""

_PLAIN = re.compile(r"[ -~¡-¬®-˿가-힣一-鿿]*")
"""Text that needs no closer look: printable, one code point a character, no marks."""

_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))
"""Rich adds no cell for them, and terminals that do not join them add two."""
_VARIATIONS = frozenset(
    [*map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0)), "\u034f"]
) | frozenset("\u180b\u180c\u180d\u180f")
"""Variation selectors and the grapheme joiner. `⚠` with U+FE0F is two cells in Rich and one in
tmux; without it both say one."""
_BLANKS = frozenset("\u115f\u1160\u17b4\u17b5\u3164\uffa0\u2800")
"""Letters by category that look like nothing: a name made of them would be invisible."""


def clean(text: object, *, limit: int = DEFAULT_LIMIT, one_line: bool = False) -> str:
    """`text` as harmless plain text of at most `limit` characters; longer ends with `…`.

    Control, format, private, unassigned and surrogate characters become `�`, of which newline
    and tab are kept (a space each with `one_line`). Carriage return and newline together are a
    newline. Decomposed Hangul is composed. Never raises, whatever the object.
    """
    raw, was_cut = _as_str(text, max(limit, 0) * 4 + 64)
    if not _PLAIN.fullmatch(raw):
        raw = _replace(raw, one_line)
        if not unicodedata.is_normalized("NFC", raw):
            # A few compositions have more marks than they were given, hence the second look.
            raw = _replace(unicodedata.normalize("NFC", raw), one_line)
    if len(raw) <= limit and not was_cut:
        return raw
    return raw[: limit - 1] + ELLIPSIS if limit > 0 else ""


def safe(
    text: object, *, limit: int = DEFAULT_LIMIT, one_line: bool = False, style: str = ""
) -> Content:
    """`clean(text)` for a widget: shown as it is, brackets too. `style` is ours, never data."""
    from textual.content import Content  # the commands clean text too, and need no Textual

    return Content.styled(clean(text, limit=limit, one_line=one_line), style)


def safe_rich(
    text: object, *, limit: int = DEFAULT_LIMIT, one_line: bool = True, style: str = ""
) -> Text:
    """`clean(text)` for the widgets that want Rich's `Text`: DataTable and Tree."""
    from rich.text import Text

    return Text(clean(text, limit=limit, one_line=one_line), style=style, end="")


def cell_width(text: object) -> int:
    """How many terminal cells `text` takes on one line once it is clean."""
    return cell_len(clean(text, one_line=True))


def fit(text: object, width: int, *, align: Literal["left", "right"] = "left") -> str:
    """`text` on one line in exactly `width` cells: padded, or cut with `…`."""
    if width <= 0:
        return ""
    line = clean(text, one_line=True)
    if cell_len(line) > width:
        line = _head(line, width - 1)[0] + ELLIPSIS
    padding = " " * (width - cell_len(line))
    return padding + line if align == "right" else line + padding


def wrap(text: object, width: int, max_lines: int) -> list[str]:
    """`text` in one to `max_lines` lines of at most `width` cells, broken at spaces if it can be.

    The last line ends with `…` where text was left out. No lines if there is no room for any.
    """
    if width <= 0 or max_lines <= 0:
        return []
    cleaned = clean(text).replace("\t", TAB).rstrip()
    lines: list[str] = []
    for line in _all_lines(cleaned, width):
        if len(lines) == max_lines:
            lines[-1] = _head(lines[-1], width - 1)[0].rstrip() + ELLIPSIS
            break
        lines.append(line)
    return lines


def _as_str(text: object, bound: int) -> tuple[str, bool]:
    """The object's first `bound` characters, before anything costly looks at it; was that a cut?"""
    try:
        if isinstance(text, bytes | bytearray | memoryview):
            return bytes(text[:bound]).decode("utf-8", errors="replace"), len(text) > bound
        # A subclass's own __str__ or slicing must not run again once the text is taken.
        whole = str.__str__(text if isinstance(text, str) else str(text))
    except Exception:  # noqa: BLE001 - the object's own code may raise anything; it is data here
        return REPLACEMENT, False
    return whole[:bound], len(whole) > bound


def _replace(text: str, one_line: bool) -> str:
    """`text` with every character classified, and floods of marks cut to MAX_MARKS a base."""
    out: list[str] = []
    room: int | None = None  # marks that the base still takes; None where there is no base
    for char in text.replace("\r\n", "\n"):
        if char in "\n\t":
            out.append(" " if one_line else char)
            room = None
            continue
        kind = _classify(char)
        if kind is _DROP or (room == 0 and kind is _MARK):
            continue
        if kind is not _MARK:
            out.append(kind)
            room = MAX_MARKS
        elif room is None:  # it would land on what stands to the left: a border, another cell
            out.append(REPLACEMENT)
            room = MAX_MARKS
        else:
            out.append(char)
            room -= 1
    return "".join(out)


@lru_cache(maxsize=8192)
def _classify(char: str) -> str:
    """What stands for `char`: itself, a space, `�`, `_DROP`, or `_MARK` for a zero-width mark."""
    if char in _VARIATIONS or char in _SKIN_TONES:
        return _DROP
    if unicodedata.category(char) == "Zs":
        return " "
    # str.isprintable() is false for categories Cc, Cf, Cs, Co, Cn, Zl and Zp.
    if not char.isprintable() or char in _BLANKS:
        return REPLACEMENT
    return char if get_character_cell_size(char) else _MARK


def _clusters(text: str) -> Iterator[tuple[str, int]]:
    """What must not be cut apart, with its cells: a base and its marks, or a flag's two letters."""
    cluster, size, flag = "", 0, False
    for char in text:
        cells = get_character_cell_size(char)
        regional = "\U0001f1e6" <= char <= "\U0001f1ff"
        if cluster and (cells == 0 or (regional and flag)):
            cluster, size, flag = cluster + char, size + cells, False
            continue
        if cluster:
            yield cluster, size
        cluster, size, flag = char, cells, regional
    if cluster:
        yield cluster, size


def _head(text: str, width: int) -> tuple[str, str]:
    """`text` split where its first `width` cells end, or a cell before a wide character."""
    taken, used = 0, 0
    for cluster, cells in _clusters(text):
        if used + cells > width:
            break
        taken, used = taken + len(cluster), used + cells
    return text[:taken], text[taken:]


def _all_lines(text: str, width: int) -> Iterator[str]:
    """Every line that `text` needs, made as they are asked for."""
    for paragraph in text.split("\n"):
        rest = paragraph.rstrip()
        while cell_len(rest) > width:
            head, tail = _head(rest, width)
            if not head:  # one wide character, and a single column for it
                head, tail = ELLIPSIS, _head(rest, 2)[1]
            elif not tail.startswith(" ") and " " in head.strip():
                head, _, word = head.rpartition(" ")
                tail = word + tail
            yield head.rstrip()
            rest = tail.lstrip()
            if not rest:
                break
        else:
            yield rest
