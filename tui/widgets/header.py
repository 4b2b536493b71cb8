"""The first line: the tabs, how the proxy is, and how far it is from the store."""

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
from store.plans import SyncState
from tui.text import cell_width, clean, fit


@dataclass(frozen=True, slots=True)
class Tab:
    name: str
    key: str
    label: str


Words = tuple[str, str]
"""What is said, and its kind: good, warn, bad or muted."""
GAP = "  "


def sync_words(state: SyncState, *, short: bool = False) -> Words | None:
    """How far the proxy is from the store; None where there is nothing to say."""
    if state.unfinished is not None:
        return "cut off" if short else "apply cut off", "bad"
    if state.blocked:
        return "blocked" if short else "no plan: see p", "bad"
    if state.pending and state.drifted:
        return (
            f"{state.pending} + drift" if short else f"{state.pending} not applied, drift",
            "warn",
        )
    if state.pending:
        return f"{state.pending} waiting" if short else f"{state.pending} not applied", "warn"
    if state.drifted:
        return "drift", "warn"
    return ("in step", "good") if state.in_step else None


class HeaderBar(Widget):
    """One line: `aitui  1 Models  2 Providers  …            in step  ● proxy 1.106.2`."""

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
    applying: reactive[bool] = reactive(False)
    """Whether an apply is under way."""

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
        self._sync: SyncState | None = None
        self._shown: tuple[Words, ...] = ()
        """The words as they were last drawn."""

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

    def show_sync(self, state: SyncState) -> None:
        """How far the proxy is from the store."""
        self._sync = state
        self._repaint_status()

    def _repaint_status(self) -> None:
        """Idle is silent: nothing is written while the words stay the same."""
        if self._words(self._room) != self._shown:
            self.refresh()

    @property
    def _room(self) -> int:
        """The cells right of the tabs, but for the last one."""
        tabs = sum(len(_label(tab)) for tab in self._tabs)
        return max(0, self.size.width - len(self._brand[0]) - tabs - 1)

    @property
    def _brand(self) -> Words:
        return (" read-only ", "warn") if self.read_only else (" aitui ", "brand")

    def on_click(self, event: events.Click) -> None:
        for start, end, name in self._zones:
            if start <= event.x < end:
                self.post_message(self.TabClicked(name))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        brand, kind = self._brand
        segments = [Segment(brand, self.get_component_rich_style(f"header--{kind}"))]
        x = len(brand)
        self._zones = []
        for tab in self._tabs:
            text = _label(tab)
            kind = "current" if tab.name == self.current else "tab"
            segments.append(Segment(text, self.get_component_rich_style(f"header--{kind}")))
            self._zones.append((x, x + len(text), tab.name))
            x += len(text)
        words = self._shown = self._words(self._room)
        segments.append(Segment(" " * max(0, self._room - _width(words))))
        for index, (text, kind) in enumerate(words):
            segments.append(Segment(GAP if index else ""))
            segments.append(Segment(text, self.get_component_rich_style(f"header--{kind}")))
        segments.append(Segment(" "))
        return Strip(segments).apply_style(self.rich_style).adjust_cell_length(width)

    def _words(self, room: int) -> tuple[Words, ...]:
        """What fits beside the tabs: first the whole, then shorter, the proxy's trouble at last."""
        proxy = _clean(self._proxy_words())
        brief = _clean(self._proxy_words(short=True))
        for short in (False, True):
            sync = self._sync_words(short=short)
            if sync is None:
                break
            for words in ((sync, proxy), (sync, brief)):
                if _width(words) <= room:
                    return words
        return ((fit(proxy[0], min(room, cell_width(proxy[0]))), proxy[1]),)

    def _sync_words(self, *, short: bool) -> Words | None:
        if self.applying:
            return "applying …", "warn"
        return None if self._sync is None else sync_words(self._sync, short=short)

    def _proxy_words(self, *, short: bool = False) -> Words:
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
        # A version is not news; that the proxy is up is.
        words = f"● {'demo' if self._demo else 'proxy'}" if short else f"● {what}"
        return words if short else f"{words} {status.version or 'up'}", "good"


def _label(tab: Tab) -> str:
    return f" {tab.key} {tab.label} "


def _clean(words: Words) -> Words:
    return clean(words[0], one_line=True), words[1]


def _width(words: Sequence[Words]) -> int:
    return sum(cell_width(text) for text, _ in words) + len(GAP) * (len(words) - 1)
