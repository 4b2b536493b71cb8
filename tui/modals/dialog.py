"""What the modals share: a frame with a title, and the way back."""

from __future__ import annotations

from typing import ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.failures import FailureMixin
from tui.text import safe

Result = TypeVar("Result")


class Dialog(FailureMixin, ModalScreen[Result]):
    """A framed modal. `esc` goes back; the body scrolls when it is too long."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape,q", "back", "Back", id="dialog.back"),
        Binding("j,down", "scroll(1)", "Down", show=False, id="dialog.down"),
        Binding("k,up", "scroll(-1)", "Up", show=False, id="dialog.up"),
    ]

    def __init__(self, title: str, hint: str = "esc back") -> None:
        super().__init__()
        self._title = title
        self._hint = hint

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(safe(self._title, one_line=True), classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-body"):
                yield from self.body()
            yield Static(self._hint, classes="dialog-hint", markup=False)

    def body(self) -> ComposeResult:
        """The widgets between title and hint."""
        yield from ()

    def hint(self, text: str) -> None:
        """Say what the keys do now."""
        self.query_one(".dialog-hint", Static).update(safe(text))

    def action_back(self) -> None:
        self.dismiss(None)

    def action_scroll(self, step: int) -> None:
        self.query_one(".dialog-body", VerticalScroll).scroll_relative(y=step, animate=False)
