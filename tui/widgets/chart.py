"""The dated trend, drawn by plotext. Import this late: the library is slow to load."""

from __future__ import annotations

import math
from collections.abc import Sequence

from textual.color import Color
from textual.message import Message
from textual_plotext import PlotextPlot

from tui import format as fmt
from tui.text import clean


class TrendChart(PlotextPlot):
    """A bar a day (or hour). More points than columns are summed up, so that nothing is hidden."""

    DEFAULT_CSS = """
    TrendChart { height: 1fr; min-height: 8; }
    """

    class Drawn(Message):
        """The chart was drawn with `points` points a bar."""

        def __init__(self, points: int) -> None:
            self.points = points
            super().__init__()

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._labels: list[str] = []
        self._values: list[float] = []
        self._money = False

    def show(self, labels: Sequence[str], values: Sequence[float], *, money: bool) -> None:
        """Draw these values, a label each, in order of time."""
        self._labels = [clean(label, one_line=True, limit=20) for label in labels]
        self._values = list(values)
        self._money = money
        self._draw()

    def on_resize(self) -> None:
        self._draw()

    def _draw(self) -> None:
        plot = self.plt
        plot.clear_data()
        plot.clear_figure()
        if not self._values or self.size.width < 20:
            self.refresh()
            return
        points = -(-len(self._values) // max(1, self.size.width - 12))
        labels, values = grouped(self._labels, self._values, points)
        positions = [float(number) for number in range(1, len(values) + 1)]
        top = round_up(max(values))
        ticks = [0.0, top / 2, top] if self._money or top > 1 else [0.0, top]
        color = self.app.theme_variables.get("primary", "#0178d4")
        # Where a bar has few columns, gaps would come and go with the rounding.
        gaps = self.size.width / len(values) >= 6
        plot.bar(positions, values, width=0.7 if gaps else 1.0, color=Color.parse(color).rgb)
        plot.ylim(0, top)
        plot.yticks(ticks, [self._tick(value) for value in ticks])
        step = max(1, -(-len(labels) * 8 // max(8, self.size.width - 12)))
        plot.xticks(positions[::step], labels[::step])
        plot.grid(False, False)
        self.refresh()
        self.post_message(self.Drawn(points))

    def _tick(self, value: float) -> str:
        return fmt.price(round(value, 4)) if self._money else fmt.compact(value)


def round_up(value: float) -> float:
    """The next 1, 2, 4, 5 or 10 times a power of ten: an axis that ends on a round number."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 5, 10, 20) if step * power >= value)


def grouped(
    labels: Sequence[str], values: Sequence[float], points: int
) -> tuple[list[str], list[float]]:
    """Neighbours added up, `points` at a time, under the first one's label."""
    starts = range(0, len(values), points)
    return [labels[i] for i in starts], [sum(values[i : i + points]) for i in starts]
