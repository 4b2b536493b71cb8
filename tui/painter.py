"""Writes only what changed: over SSH, bytes are what a key costs.

Textual writes whole lines of every widget that it repaints: 6 kB when a list scrolls at 80x24,
most of it borders and blanks that stood there before. `Painter` remembers what was written,
cell by cell, and writes the cells that differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from rich.cells import cell_len, get_character_cell_size
from rich.color import ColorSystem
from rich.console import Console
from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

Cell = tuple[str, Style | None]
"""A character in its style; the second cell of a wide character is an empty text."""

NEAR = 12
"""Cells between two changes that cost less to write again than to jump over."""


class Painter:
    """What stands on the terminal, as far as it is known. Hyperlinks are not written."""

    def __init__(self) -> None:
        self._rows: dict[int, list[Cell | None]] = {}
        """By line; a cell is None where it is not known what stands there."""

    def forget(self) -> None:
        """Somebody else may have written to the terminal: what comes next is written whole."""
        self._rows.clear()

    def wrap(self, update: LayoutUpdate | ChopsUpdate) -> CompositorUpdate:
        """The update, so that it writes only what changed once it is rendered.

        Textual drops updates while it is closing, so nothing is remembered before that.
        """
        return _Changes(update, self)

    def write(self, update: LayoutUpdate | ChopsUpdate, console: Console) -> str:
        """The sequences that bring the terminal up to date, which it then counts as."""
        written: list[str] = []
        pen = _Pen(console, written)
        for x, y, cells, first, last in _pieces(update):
            row = self._rows.setdefault(y, [])
            row.extend([None] * (x + len(cells) - len(row)))
            for left, right in _runs(row, x, cells, first, last):
                written.append(Control.move_to(x + left, y).segment.text)
                pen.draw(cells[left:right])
                row[x + left : x + right] = cells[left:right]
        pen.lift()
        return "".join(written)


class _Pen:
    """Writes cells, and a style only where it is another than the one before."""

    def __init__(self, console: Console, written: list[str]) -> None:
        self._colors = console._color_system or ColorSystem.TRUECOLOR
        self._written = written
        self._style: Style | None = None

    def draw(self, cells: Iterable[Cell]) -> None:
        write = self._written.append
        for char, style in cells:
            if style != self._style and not (char == " " and _blank(self._style) == style):
                codes = "" if style is None else Strip.render_ansi(style, self._colors)
                write(f"\x1b[0;{codes}m" if codes else "\x1b[0m")
                self._style = style
            write(char)

    def lift(self) -> None:
        """Leave the terminal in its plain style."""
        if self._style is not None:
            self._written.append("\x1b[0m")


class _Changes(CompositorUpdate):
    """An update of Textual's, to be written through the painter."""

    def __init__(self, update: LayoutUpdate | ChopsUpdate, painter: Painter) -> None:
        self._update = update
        self._painter = painter

    def render_segments(self, console: Console) -> str:
        return self._painter.write(self._update, console)


def _pieces(
    update: LayoutUpdate | ChopsUpdate,
) -> Iterator[tuple[int, int, list[Cell], int, int]]:
    """(x, y, cells, first, last): the cells at x, of which those from first to last are to show."""
    if isinstance(update, LayoutUpdate):
        for y, strips in enumerate(update.strips, update.region.y):
            cells = [cell for strip in strips for cell in _cells(strip)]
            yield update.region.x, y, cells, 0, len(cells)
        return
    for y, start, end in update.spans:
        for x, strip in update.chops[y].items():
            if strip is not None and x < end and x + strip.cell_length > start:
                cells = _cells(strip)
                yield x, y, cells, max(start - x, 0), min(len(cells), end - x)


@lru_cache(maxsize=1024)
def _blank(style: Style | None) -> Style | None:
    """The style of a blank: only the background shows, so that blanks are alike more often."""
    if style is None or style.reverse or style.underline or style.underline2:
        return style
    if style.strike or style.overline or style.link:
        return style
    return Style(bgcolor=style.bgcolor)


def _cells(segments: Iterable[Segment]) -> list[Cell]:
    """One entry a terminal cell."""
    cells: list[Cell] = []
    for text, style, _ in segments:
        if text.isascii():
            blank = (" ", _blank(style))
            cells += [blank if char == " " else (char, style) for char in text]
            continue
        width = cell_len(text)
        sizes = [get_character_cell_size(char) for char in text]
        if sum(sizes) == width and 0 not in sizes:
            for char, size in zip(text, sizes, strict=True):
                cells.append((char, style))
                if size == 2:
                    cells.append(("", style))
        elif width:
            # Marks belong to what is before them: the text is taken as one wide character.
            cells.append((text, style))
            cells += [("", style)] * (width - 1)
    return cells


def _runs(
    row: list[Cell | None], x: int, cells: list[Cell], first: int, last: int
) -> Iterator[tuple[int, int]]:
    """Where `cells` from `first` to `last` differ from the row at `x`; near ones are joined."""
    left = right = -1
    for index in range(first, last):
        if row[x + index] == cells[index]:
            continue
        if left >= 0 and index - right > NEAR:
            yield left, right
            left = -1
        if left < 0:
            left = index
            while left > 0 and not cells[left][0]:
                left -= 1  # never begin within a wide character
        right = index + 1
        while right < len(cells) and not cells[right][0]:
            right += 1
    if left >= 0:
        yield left, right
