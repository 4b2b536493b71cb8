"""The first line: the tabs, and how the proxy is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from store.domain import GatewayStatus
from tui.text import cell_width, clean, fit


@dataclass(frozen=True, slots=True)
class Tab:
    name: str
    key: str
    label: str


class HeaderBar(Widget):
    """One line: `aitui  1 Models  2 Providers  …            ● proxy 1.106.2`."""

    COMPONENT_CLASSES = {  # noqa: RUF012
        "header--brand",
        "header--tab",
        "header--current",
        "header--good",
        "header--bad",
        "header--warn",
        "header--muted",
    }
    DEFAULT_CSS = """
    HeaderBar {
        height: 1;
        dock: top;
        background: $panel;
        & .header--brand { color: $text-accent; text-style: bold; }
        & .header--tab { color: $foreground; }
        & .header--current { color: $foreground; text-style: bold reverse; }
        & .header--good { color: $text-success; }
        & .header--warn { color: $text-warning; }
        & .header--bad { color: $text-error; }
        & .header--muted { color: $text-muted; }
    }
    """

    current: reactive[str] = reactive("models")
    """The name of the tab in sight."""
    read_only: reactive[bool] = reactive(False)
    """Whether nothing can be changed: said in front."""

    class TabClicked(Message):
        def __init__(self, name: str) -> None:
            self.name = name
            super().__init__()

    def __init__(self, tabs: Sequence[Tab], *, demo: bool = False) -> None:
        super().__init__()
        self._tabs = tabs
        self._demo = demo
        self._status: GatewayStatus | None = None
        self._retry_at: float | None = None
        self._zones: list[tuple[int, int, str]] = []
        self._shown: tuple[str, str] | None = None
        """The words and their kind as they were last drawn."""

    def on_mount(self) -> None:
        self.set_interval(1.0, self._tick)

    def _tick(self) -> None:
        """The countdown of an open circuit breaker."""
        if self._retry_at is not None:
            self._repaint_status()

    def show_status(self, status: GatewayStatus) -> None:
        self._status = status
        retry = status.retry_in_s if status.breaker == "open" else None
        self._retry_at = None if retry is None else monotonic() + retry
        self._repaint_status()

    def _repaint_status(self) -> None:
        """Idle is silent: nothing is written while the words stay the same."""
        if self._words() != self._shown:
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        for start, end, name in self._zones:
            if start <= event.x < end:
                self.post_message(self.TabClicked(name))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        brand, kind = (" aitui ", "brand") if not self.read_only else (" read-only ", "warn")
        segments = [Segment(brand, self.get_component_rich_style(f"header--{kind}"))]
        x = len(brand)
        self._zones = []
        for tab in self._tabs:
            text = f" {tab.key} {tab.label} "
            kind = "current" if tab.name == self.current else "tab"
            segments.append(Segment(text, self.get_component_rich_style(f"header--{kind}")))
            self._zones.append((x, x + len(text), tab.name))
            x += len(text)
        words, kind = self._shown = self._words()
        room = max(0, width - x - 1)
        text = clean(words, one_line=True)
        text = fit(text, min(room, cell_width(text)))
        segments.append(Segment(" " * (room - cell_width(text))))
        segments.append(Segment(text + " ", self.get_component_rich_style(f"header--{kind}")))
        return Strip(segments).apply_style(self.rich_style).adjust_cell_length(width)

    def _words(self) -> tuple[str, str]:
        status = self._status
        what = "demo proxy" if self._demo else "proxy"
        if status is None:
            return f"○ {what} …", "muted"
        if self._retry_at is not None:
            left = max(0, round(self._retry_at - monotonic()))
            # On a narrow screen it is the countdown that has to stay.
            words = "breaker open" if self.size.width < 100 else "breaker open, next try in"
            return f"✗ {what}: {words} {left}s", "bad"
        if not status.reachable:
            return f"✗ {what} down", "bad"
        if status.kind is not None:
            return f"▲ {what}: {status.kind}", "warn"
        return f"● {what} {status.version or 'up'}", "good"
