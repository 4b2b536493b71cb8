"""What the views with a list above and its details below share."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from tui.failures import FailureMixin
from tui.text import safe


class ListScreen(FailureMixin, ModalScreen[None]):
    """A title, what has to be known first, the list, the chosen line's details, and the keys."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape,q", "back", "Back", id="dialog.back"),
        Binding("j,down", "step(1)", "Down", show=False, id="listed.down"),
        Binding("k,up", "step(-1)", "Up", show=False, id="listed.up"),
        Binding("g", "edge(False)", "First", show=False, id="listed.first"),
        Binding("G", "edge(True)", "Last", show=False, id="listed.last"),
        Binding("J,shift+down", "scroll(1)", "Details down", show=False, id="listed.scroll_down"),
        Binding("K,shift+up", "scroll(-1)", "Details up", show=False, id="listed.scroll_up"),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog listed"):
            yield Static("", classes="dialog-title", markup=False)
            yield Static("", id="says", markup=False)
            yield OptionList(id="lines", markup=False, compact=True)
            with VerticalScroll(id="details-scroll", can_focus=False):
                yield Static("", id="details", markup=False)
            yield Static("", id="foot", markup=False)
            yield Static("", classes="dialog-hint", markup=False)

    @property
    def lines(self) -> OptionList:
        return self.query_one("#lines", OptionList)

    def title_is(self, text: str) -> None:
        self.query_one(".dialog-title", Static).update(safe(text, one_line=True, limit=200))

    def hint_is(self, text: str) -> None:
        self.query_one(".dialog-hint", Static).update(safe(text, one_line=True))

    def show_part(self, name: str, content: Content) -> None:
        """`says` or `foot`; without text it takes no room."""
        part = self.query_one(f"#{name}", Static)
        part.display = bool(content.plain)
        part.update(content)

    def show_details(self, content: Content) -> None:
        self.query_one("#details", Static).update(content)
        self.query_one("#details-scroll", VerticalScroll).scroll_home(animate=False)

    def action_step(self, step: int) -> None:
        if not self.lines.display:
            self.action_scroll(step)
        elif step > 0:
            self.lines.action_cursor_down()
        else:
            self.lines.action_cursor_up()

    def action_edge(self, end: bool) -> None:
        if end:
            self.lines.action_last()
        else:
            self.lines.action_first()

    def action_scroll(self, step: int) -> None:
        self.query_one("#details-scroll", VerticalScroll).scroll_relative(
            y=3 * step, animate=False, force=True
        )

    def action_back(self) -> None:
        self.dismiss(None)
