"""The terminal shows what Textual meant to show, although only changes are written."""

from __future__ import annotations

import random
from typing import Any

import pyte
from rich.color import ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from tui.painter import Painter

WIDTH, HEIGHT = 24, 5
STYLES = (
    Style.parse("red on blue"),
    Style.parse("bold green on blue"),
    Style.parse("white on black"),
    Style.parse("reverse white on black"),
    Style.parse("underline white on black"),
    None,
)
WORDS = ("abc", " ", "      ", "│ ", "한국어", "서", "🚀", "e\u0301x", "─────", "모델 x")
CONSOLE = Console(color_system="256", force_terminal=True, _environ={})
Lines = list[list[Strip]]


def line(random: random.Random, width: int = WIDTH) -> Strip:
    segments = [Segment(random.choice(WORDS), random.choice(STYLES)) for _ in range(width)]
    return Strip(segments).adjust_cell_length(width)


def full(lines: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[strip] for strip in lines], Region(0, 0, WIDTH, HEIGHT))


def part(lines: list[Strip], spans: list[tuple[int, int, int]]) -> ChopsUpdate:
    return ChopsUpdate([{0: strip} for strip in lines], spans, [[WIDTH]] * HEIGHT)


class Screen:
    """A terminal that reads what is written."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.Stream(self.screen)
        self.feed("\x1b[?7l")  # pyte would wrap a mark of the last column onto the next line

    def feed(self, text: str) -> None:
        self._stream.feed(text)

    def cells(self) -> list[list[Any]]:
        """Each cell as it is seen: of a blank without underline only the background is."""
        rows = [[self.screen.buffer[y][x] for x in range(WIDTH)] for y in range(HEIGHT)]
        return [[_seen(cell) for cell in row] for row in rows]


def _seen(cell: Any) -> Any:
    if cell.data == " " and not (cell.reverse or cell.underscore):
        return cell._replace(fg="default", bold=False)
    return cell


def expected(lines: list[Strip]) -> list[list[Any]]:
    """What Textual's own writing shows on an empty terminal."""
    screen = Screen()
    screen.feed(full(lines).render_segments(CONSOLE))
    return screen.cells()


def test_every_change_shows_the_same_as_a_whole_repaint() -> None:
    assert CONSOLE._color_system is ColorSystem.EIGHT_BIT
    for seed in range(150):
        made = random.Random(seed)
        screen, painter = Screen(), Painter()
        lines = [line(made) for _ in range(HEIGHT)]
        screen.feed(painter.write(full(lines), CONSOLE))
        assert screen.cells() == expected(lines), seed
        for _ in range(8):
            changed = made.sample(range(HEIGHT), made.randint(1, HEIGHT))
            for y in changed:
                lines[y] = line(made) if made.random() < 0.7 else nearly(made, lines[y])
            spans = [(y, 0, WIDTH) for y in sorted(changed)]
            screen.feed(painter.write(part(lines, spans), CONSOLE))
            assert screen.cells() == expected(lines), seed


def nearly(made: random.Random, strip: Strip) -> Strip:
    """The same line with one segment of another style."""
    segments = list(strip)
    index = made.randrange(len(segments))
    segments[index] = Segment(segments[index].text, made.choice(STYLES))
    return Strip(segments)


def test_nothing_is_written_where_nothing_changed() -> None:
    made = random.Random(1)
    lines = [line(made) for _ in range(HEIGHT)]
    painter = Painter()
    painter.write(full(lines), CONSOLE)
    assert painter.write(full(lines), CONSOLE) == ""
    assert painter.write(part(lines, [(2, 0, WIDTH)]), CONSOLE) == ""


def test_only_the_span_is_written() -> None:
    old = [Strip([Segment("a" * WIDTH)])] * HEIGHT
    new = [Strip([Segment("b" * WIDTH)])] * HEIGHT
    screen, painter = Screen(), Painter()
    screen.feed(painter.write(full(old), CONSOLE))
    written = painter.write(part(new, [(1, 3, 7)]), CONSOLE)
    assert written == "\x1b[2;4Hbbbb"
    screen.feed(written)
    assert screen.screen.display[1] == "aaabbbb" + "a" * 17


def test_what_is_forgotten_is_written_whole() -> None:
    made = random.Random(2)
    lines = [line(made) for _ in range(HEIGHT)]
    screen, painter = Screen(), Painter()
    screen.feed(painter.write(full(lines), CONSOLE))
    screen.feed("\x1b[2J\x1b[1;1Hgarbage of another program")
    painter.forget()
    screen.feed(painter.write(full(lines), CONSOLE))
    assert screen.cells() == expected(lines)
