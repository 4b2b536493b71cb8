"""All cards of a tab in one view that draws only the lines it is asked for.

Three widgets a card would cost seconds with 2,000 models; this view costs milliseconds. Every
text that reaches a line goes through `clean` here, whatever it comes from.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.actions import Place, bindings
from tui.text import cell_width, clean, fit


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one tone; a tone is the name of a component class, `card--TONE`."""

    text: str
    tone: str = "text"


@dataclass(frozen=True, slots=True)
class CardLine:
    """One line of a card: spans from the left, and spans that end at the right edge."""

    left: tuple[Span, ...] = ()
    right: tuple[Span, ...] = ()
    boxed: bool = False
    """Drawn inside the card's inner box, with the boxed lines around it."""


@dataclass(frozen=True, slots=True)
class CardButton:
    """An action that the card offers; `action` is that of the tab's binding."""

    label: str
    action: str


@dataclass(frozen=True, slots=True)
class Card:
    """What one card shows."""

    lines: tuple[CardLine, ...]
    buttons: tuple[CardButton, ...] = ()
    dimmed: bool = False

    @property
    def height(self) -> int:
        """Terminal rows: the lines, the border, and the inner box's own border."""
        return len(self.lines) + 2 + (2 if any(line.boxed for line in self.lines) else 0)


class CardItem(Protocol):
    """A thing that can be drawn as a card. The card itself is made only when it is seen."""

    @property
    def id(self) -> str: ...
    @property
    def height(self) -> int: ...
    def card(self) -> Card: ...


PLAIN = "╭─╮│╰╯"
CHOSEN = "┏━┓┃┗┛"  # seen without colour too
TONES = ("text", "title", "muted", "good", "warn", "bad", "accent", "button", "border", "chosen")


class CardView(ScrollView, can_focus=True):
    """A list of cards with a cursor. It keeps its place when the items change underneath."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"card--{tone}" for tone in TONES}
    BINDINGS: ClassVar[list[Binding]] = bindings(Place.CARDS)  # type: ignore[assignment]

    DEFAULT_CSS = """
    CardView {
        background: $background;
        overflow-x: hidden;
        & .card--text { color: $foreground; }
        & .card--title { color: $foreground; text-style: bold; }
        & .card--muted { color: $text-muted; }
        & .card--good { color: $text-success; }
        & .card--warn { color: $text-warning; }
        & .card--bad { color: $text-error; }
        & .card--accent { color: $text-accent; }
        & .card--button { color: $text-primary; text-style: bold; }
        & .card--border { color: $foreground 40%; }
        & .card--chosen { color: $accent; text-style: bold; }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)
    """The chosen card's index."""

    class Chosen(Message):
        """The card was opened with enter or a double click."""

        def __init__(self, view: CardView, item_id: str) -> None:
            self.item_id = item_id
            self.view = view
            super().__init__()

        @property
        def control(self) -> CardView:
            return self.view

    class Pressed(Message):
        """One of the card's buttons was clicked; `action` is the tab's."""

        def __init__(self, view: CardView, item_id: str, action: str) -> None:
            self.item_id = item_id
            self.action = action
            self.view = view
            super().__init__()

        @property
        def control(self) -> CardView:
            return self.view

    def __init__(self, *, empty: Callable[[], str], id: str | None = None) -> None:
        super().__init__(id=id)
        self._items: Sequence[CardItem] = ()
        self._tops: list[int] = []
        self._empty = empty
        self.hidden: frozenset[str] = frozenset()
        """Actions whose buttons are not drawn."""
        self._drawn: dict[tuple[str, bool], list[Strip]] = {}
        self._hits: dict[str, list[tuple[int, int, str]]] = {}

    # --- the items ---------------------------------------------------------------------------

    def show(self, items: Sequence[CardItem]) -> None:
        """Show these, keeping the cursor on the same thing and the view at the same place."""
        old = self._items
        same_shape = len(old) == len(items) and all(
            a is b or (a.id == b.id and a.height == b.height)
            for a, b in zip(old, items, strict=True)
        )
        if same_shape and items:
            self._items = items
            for index, (before, after) in enumerate(zip(old, items, strict=True)):
                if before is not after and before != after:
                    self._drawn.pop((after.id, False), None)
                    self._drawn.pop((after.id, True), None)
                    self.refresh(self._region(index))
            return
        chosen = self.chosen_id
        offset = self.scroll_offset.y - self._top(self.cursor) if old else 0
        self._drawn.clear()
        self._items = items
        self._lay_out()
        last = min(self.cursor, max(0, len(items) - 1))
        index = next((i for i, item in enumerate(items) if item.id == chosen), last)
        self.set_reactive(CardView.cursor, index)
        if items:
            self.scroll_to(y=max(0, self._top(index) + offset), animate=False)
        self.refresh()

    def _lay_out(self) -> None:
        """Where each card begins, and how long the whole is."""
        self._tops = []
        top = 0
        for item in self._items:
            self._tops.append(top)
            top += item.height
        self.virtual_size = Size(self._content_width, top)

    @property
    def chosen_id(self) -> str | None:
        """The id of the card under the cursor."""
        return self._items[self.cursor].id if self.cursor < len(self._items) else None

    def choose(self, item_id: str) -> None:
        """Put the cursor on that card, if it is there."""
        for index, item in enumerate(self._items):
            if item.id == item_id:
                self.cursor = index

    # --- moving ------------------------------------------------------------------------------

    def action_move(self, step: int) -> None:
        self.cursor = self.cursor + step

    def action_page(self, pages: int) -> None:
        target = self._top(self.cursor) + pages * max(1, self.scrollable_content_region.height)
        self.cursor = self._index_at(target)

    def action_edge(self, end: bool) -> None:
        self.cursor = len(self._items) - 1 if end else 0

    def action_open(self) -> None:
        if self.chosen_id is not None:
            self.post_message(self.Chosen(self, self.chosen_id))

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._items) - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        if not self._items or old == new:
            return
        for index in (old, new):
            if index < len(self._items):
                self.refresh(self._region(index))
        # Keep a line of the neighbour in sight, so that one sees that there is more.
        self.scroll_to_region(
            Region(0, self._top(new), 1, self._items[new].height), animate=False, force=True
        )

    def on_click(self, event: events.Click) -> None:
        y = event.y + self.scroll_offset.y
        if not self._items or y >= self._tops[-1] + self._items[-1].height:
            return
        index = self._index_at(y)
        item = self._items[index]
        self.cursor = index
        if y == self._top(index) + item.height - 1:
            for start, end, action in self._hits.get(item.id, ()):
                if start <= event.x < end:
                    self.post_message(self.Pressed(self, item.id, action))
                    return
        if event.chain == 2:
            self.action_open()

    # --- drawing -----------------------------------------------------------------------------

    @property
    def _content_width(self) -> int:
        return max(20, self.scrollable_content_region.width)

    def on_resize(self) -> None:
        self._drawn.clear()
        self.virtual_size = Size(self._content_width, self.virtual_size.height)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._drawn.clear()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        if not self._items:
            return self._empty_line(y, width)
        line = y + self.scroll_offset.y
        if line >= self._tops[-1] + self._items[-1].height:
            return Strip.blank(width, self.rich_style)
        index = self._index_at(line)
        strips = self._strips(index)
        return strips[line - self._top(index)]

    def _empty_line(self, y: int, width: int) -> Strip:
        lines = self._empty().splitlines()
        first = max(0, (self.size.height - len(lines)) // 3)
        text = lines[y - first] if first <= y < first + len(lines) else ""
        padding = " " * max(0, (width - cell_width(text)) // 2)
        style = self.get_component_rich_style("card--muted")
        return Strip([Segment(fit(padding + text, width), style)], width)

    def _strips(self, index: int) -> list[Strip]:
        item = self._items[index]
        key = (item.id, index == self.cursor)
        if key not in self._drawn:
            if len(self._drawn) > 400:  # some screenfuls, however long the list
                self._drawn.clear()
            self._drawn[key] = self._draw(item, index == self.cursor)
        return self._drawn[key]

    def _draw(self, item: CardItem, chosen: bool) -> list[Strip]:
        card = item.card()
        width = self._content_width
        corners = CHOSEN if chosen else PLAIN
        border = self._style("chosen" if chosen else "border")
        side = Segment(corners[3], border)
        base = self.rich_style
        inner = width - 4
        rows: list[list[Segment]] = []
        box_open = False
        for line in card.lines:
            if line.boxed and not box_open:
                rows.append([Segment("┌" + "─" * (inner - 2) + "┐", self._style("border"))])
            if box_open and not line.boxed:
                rows.append([Segment("└" + "─" * (inner - 2) + "┘", self._style("border"))])
            box_open = line.boxed
            rows.append(self._boxed(line, inner) if line.boxed else self._spans(line, inner, card))
        if box_open:
            rows.append([Segment("└" + "─" * (inner - 2) + "┘", self._style("border"))])
        space = Segment(" ", base)
        top = Segment(corners[0] + corners[1] * (width - 2) + corners[2], border)
        strips = [Strip([top], width)]
        strips += [Strip([side, space, *row, space, side], width) for row in rows]
        strips.append(self._bottom(item, card, width, corners, border))
        return [strip.apply_style(base) for strip in strips]

    def _boxed(self, line: CardLine, inner: int) -> list[Segment]:
        edge = self._style("border")
        return [Segment("│ ", edge), *self._spans(line, inner - 4, None), Segment(" │", edge)]

    def _spans(self, line: CardLine, width: int, card: Card | None) -> list[Segment]:
        """The line in exactly `width` cells: the left part gives way to the right one."""
        dimmed = card is not None and card.dimmed
        right = [(clean(s.text, one_line=True), self._style(s.tone, dimmed)) for s in line.right]
        room = width - min(width // 2, sum(cell_width(text) for text, _ in right))
        right_room = width - room
        segments: list[Segment] = []
        for span in line.left:
            text = clean(span.text, one_line=True)
            if cell_width(text) > room:
                text = fit(text, room)
            room -= cell_width(text)
            segments.append(Segment(text, self._style(span.tone, dimmed)))
            if room <= 0:
                break
        segments.append(Segment(" " * max(0, room), self.rich_style))
        for text, style in right:
            shown = text if cell_width(text) <= right_room else fit(text, right_room)
            right_room -= cell_width(shown)
            segments.append(Segment(shown, style))
        return segments

    def _bottom(self, item: CardItem, card: Card, width: int, corners: str, border: Style) -> Strip:
        """The lower border with the card's buttons in it, and where a click meets them."""
        labels = [
            (f"[{button.label}]", button.action)
            for button in card.buttons
            if button.action not in self.hidden
        ]
        taken = sum(cell_width(label) + 1 for label, _ in labels)
        start = width - 2 - taken
        if start < 2:
            labels, start = [], width - 2
        segments = [Segment(corners[4] + corners[1] * (start - 1), border)]
        hits = []
        x = start
        for label, action in labels:
            hits.append((x, x + cell_width(label), action))
            segments.append(Segment(label, self._style("button")))
            segments.append(Segment(corners[1], border))
            x += cell_width(label) + 1
        segments.append(Segment(corners[1] * (width - 1 - x) + corners[5], border))
        self._hits[item.id] = hits
        return Strip(segments, width)

    def _style(self, tone: str, dimmed: bool = False) -> Style:
        return self.get_component_rich_style(f"card--{'muted' if dimmed else tone}")

    def _top(self, index: int) -> int:
        return self._tops[index] if index < len(self._tops) else 0

    def _index_at(self, line: int) -> int:
        return max(0, min(bisect_right(self._tops, line) - 1, len(self._items) - 1))

    def _region(self, index: int) -> Region:
        """Where the card stands in the view just now."""
        top = self._top(index) - self.scroll_offset.y
        return Region(0, top, self.size.width, self._items[index].height)
