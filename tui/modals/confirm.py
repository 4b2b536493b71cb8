"""A question before something is lost. The cursor stands on Cancel."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Button, Static

from tui.modals.dialog import Dialog
from tui.text import safe


class ConfirmScreen(Dialog[bool]):
    """Answers True for yes, False for Cancel."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n", "answer(False)", "No", id="confirm.no"),
        Binding("left,right", "other", "Other button", show=False, id="confirm.other"),
    ]

    def __init__(self, question: str, consequences: str = "", *, yes: str = "Yes") -> None:
        super().__init__(question, "y yes · n or esc no")
        self._consequences = consequences
        self._yes = yes

    def body(self) -> ComposeResult:
        if self._consequences:
            yield Static(safe(self._consequences, limit=2_000), id="consequences", markup=False)
        with Horizontal(classes="buttons"):
            yield Button("Cancel", id="cancel", compact=True)
            yield Button(safe(self._yes, one_line=True), id="yes", variant="error", compact=True)

    def on_mount(self) -> None:
        self.query_one("#cancel", Button).focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        self.dismiss(yes)

    def action_back(self) -> None:
        self.dismiss(False)

    def action_other(self) -> None:
        focused = self.focused
        target = "#yes" if focused is not None and focused.id == "cancel" else "#cancel"
        self.query_one(target, Button).focus()
