"""Use by model as horizontal bars, true to scale to an eighth of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from tui.text import clean, fit

EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `share` of the whole, 0 to 1, and the words beside it."""

    label: str
    share: float
    value: str


class Bars(Widget):
    """A line a bar: `████████░░░░ gpt-4.1 (72%)`."""

    COMPONENT_CLASSES = {"bars--fill", "bars--rest", "bars--label", "bars--value"}  # noqa: RUF012
    DEFAULT_CSS = """
    Bars {
        height: auto;
        & .bars--fill { color: $primary; }
        & .bars--rest { color: $foreground 20%; }
        & .bars--label { color: $foreground; text-style: bold; }
        & .bars--value { color: $text-muted; }
    }
    """

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._bars: Sequence[Bar] = ()

    def show(self, bars: Sequence[Bar]) -> None:
        self._bars = bars
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._bars))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._bars):
            text = "No requests in this period." if not self._bars and y == 0 else ""
            style = self.get_component_rich_style("bars--value")
            return Strip([Segment(fit(text, width), style)], width)
        bar = self._bars[y]
        room = max(8, min(40, width * 2 // 5))
        cells, rest = filled(bar.share, room)
        words = fit(clean(f" {bar.label}", one_line=True), max(1, min(44, width - room - 10)))
        strip = Strip(
            [
                Segment(cells, self.get_component_rich_style("bars--fill")),
                Segment(rest, self.get_component_rich_style("bars--rest")),
                Segment(words, self.get_component_rich_style("bars--label")),
                Segment(bar.value.rjust(10), self.get_component_rich_style("bars--value")),
            ]
        )
        return strip.apply_style(self.rich_style).adjust_cell_length(width, self.rich_style)


def filled(share: float, width: int) -> tuple[str, str]:
    """The bar's filled and empty part, `width` cells together.

    A share above zero always shows at least an eighth of a cell, and never as much as a larger one.
    """
    share = max(0.0, min(1.0, share))
    eighths = round(share * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    full, part = divmod(eighths, 8)
    text = "█" * full + (EIGHTHS[part] if part else "")
    return text, "░" * (width - len(text))
