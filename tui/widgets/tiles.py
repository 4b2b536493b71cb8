"""The summary's boxes: a name, a number, its change, and a note in the lower border."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tui.text import cell_width, clean, fit


@dataclass(frozen=True, slots=True)
class Tile:
    name: str
    value: str
    change: str = ""
    note: str = ""


class Tiles(Widget):
    """Boxes side by side, as wide as the screen lets them be."""

    COMPONENT_CLASSES = {"tiles--name", "tiles--value", "tiles--change", "tiles--edge"}  # noqa: RUF012
    DEFAULT_CSS = """
    Tiles {
        height: 5;
        & .tiles--name { color: $text-muted; }
        & .tiles--value { color: $foreground; text-style: bold; }
        & .tiles--change { color: $text-accent; }
        & .tiles--edge { color: $foreground 40%; }
    }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tiles: Sequence[Tile] = ()

    def show(self, tiles: Sequence[Tile]) -> None:
        self._tiles = tiles
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 5

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if not self._tiles:
            return Strip.blank(width, self.rich_style)
        gap = 1
        each = min(26, (width - gap * (len(self._tiles) - 1)) // len(self._tiles))
        segments: list[Segment] = []
        for tile in self._tiles:
            segments += self._row(tile, y, each)
            segments.append(Segment(" " * gap))
        strip = Strip(segments).apply_style(self.rich_style)
        return strip.adjust_cell_length(width, self.rich_style)

    def _row(self, tile: Tile, y: int, width: int) -> list[Segment]:
        edge = self.get_component_rich_style("tiles--edge")
        if y == 0:
            return [Segment("╭" + "─" * (width - 2) + "╮", edge)]
        if y == 4:
            note = clean(f" {tile.note} " if tile.note else "", one_line=True)
            note = fit(note, min(cell_width(note), width - 4))
            line = "─" * (width - 3 - cell_width(note))
            name = self.get_component_rich_style("tiles--name")
            return [Segment("╰─", edge), Segment(note, name), Segment(line + "╯", edge)]
        text, kind = {
            1: (tile.name, "name"),
            2: (tile.value, "value"),
            3: (tile.change, "change"),
        }[y]
        style: Style = self.get_component_rich_style(f"tiles--{kind}")
        return [
            Segment("│ ", edge),
            Segment(_centred(clean(text, one_line=True), width - 4), style),
            Segment(" │", edge),
        ]


def _centred(text: str, width: int) -> str:
    room = max(0, width - cell_width(text))
    return fit(" " * (room // 2) + text, width)
