"""Two operators edited the same thing: yours, theirs and before, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from store.history import as_fields
from tui.modals.dialog import Dialog
from tui.text import fit, safe, wrap
from tui.widgets.field_words import Names, label, words

COLUMNS = ("Yours", "Theirs", "Before")
LABEL_CELLS = 15
MOST_LINES = 6
"""Lines of one value; what is longer ends with an ellipsis."""


class Resolution(StrEnum):
    THEIRS = "theirs"
    MINE = "mine"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which the three are not all the same."""

    label: str
    yours: str
    theirs: str
    before: str

    @property
    def is_clash(self) -> bool:
        """Whether both changed it, and not to the same."""
        return len({self.yours, self.theirs, self.before}) == 3

    @property
    def sign(self) -> str:
        return "✗" if self.is_clash else " "


class ConflictScreen(Dialog[Resolution]):
    """Nothing was written. `t` takes theirs, `m` keeps mine, `e` edits on."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("t", "choose('theirs')", "Take theirs", id="conflict.theirs"),
        Binding("m", "choose('mine')", "Keep mine", id="conflict.mine"),
        Binding("e", "choose('edit')", "Edit on", id="conflict.edit"),
        Binding("left", "app.focus_previous", show=False),
        Binding("right", "app.focus_next", show=False),
    ]

    def __init__(self, before: object, mine: object, theirs: object, names: Names) -> None:
        super().__init__("Somebody else changed it while you were editing", "esc edits on")
        self._rows = differences(before, mine, theirs, names)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Static(self._title, classes="dialog-title", markup=False)
            with VerticalScroll(classes="dialog-body", can_focus=False):
                yield Static("", id="conflict", markup=False)
            with Horizontal(classes="form-bottom"):
                yield Button("Edit on e", id="edit", compact=True)
                yield Button("Take theirs t", id="theirs", compact=True)
                yield Button("Keep mine m", id="mine", variant="error", compact=True)
                yield Static(self._hint, classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        self.query_one("#edit", Button).focus()

    def on_resize(self) -> None:
        # The dialog's frame, padding and scroll bar.
        width = max(40, min(92, self.size.width * 9 // 10) - 6)
        each = (width - LABEL_CELLS - 2) // 3
        parts = [
            safe(
                "Nothing was written. ✗ marks what both of you changed;\n"
                "keeping yours writes the whole column over theirs.\n",
                style="dim",
            )
        ]
        parts.append(_line("", COLUMNS, each, "bold"))
        for row in self._rows:
            parts += _lines(row, each)
        self.query_one("#conflict", Static).update(Content("\n").join(parts))

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(Resolution(event.button.id or "edit"))

    def action_choose(self, what: str) -> None:
        self.dismiss(Resolution(what))

    def action_back(self) -> None:
        self.dismiss(Resolution.EDIT)


def differences(
    before: object, mine: object, theirs: object, names: Names
) -> tuple[Difference, ...]:
    """The fields in which the three are not all the same."""
    a, b, c = as_fields(before), as_fields(mine), as_fields(theirs)
    return tuple(
        Difference(
            label(name),
            words(name, b.get(name), names),
            words(name, c.get(name), names),
            words(name, a[name], names),
        )
        for name in a
        if not a[name] == b.get(name) == c.get(name)
    )


def _lines(row: Difference, each: int) -> list[Content]:
    """The row in as many lines as its longest value needs."""
    cells = [wrap(value, each, MOST_LINES) for value in (row.yours, row.theirs, row.before)]
    style = "$text-warning" if row.is_clash else ""
    return [
        _line(f"{row.sign} {row.label}" if number == 0 else "", values, each, style)
        for number, values in enumerate(zip_longest(*cells, fillvalue=""))
    ]


def _line(name: str, values: Sequence[str], each: int, style: str) -> Content:
    columns = " ".join(fit(value, each) for value in values)
    return safe(fit(name, LABEL_CELLS) + columns, style=style)
