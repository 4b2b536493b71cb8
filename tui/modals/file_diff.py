"""What an apply does to the proxy's file, as a diff."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from store.plans import Plan
from tui.modals.dialog import Dialog
from tui.text import safe
from tui.widgets.plan_lines import diff_lines, joined


class FileDiffScreen(Dialog[None]):
    """Every line that changes, with those around it. No key is seen."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("g,home", "edge(False)", "Top", show=False, id="diff.first"),
        Binding("G,end", "edge(True)", "End", show=False, id="diff.last"),
        Binding("y", "back", "Back", show=False, id="diff.back"),
    ]

    def __init__(self, plan: Plan) -> None:
        name = plan.file or "the proxy's file"
        super().__init__(f"Diff of {name}", "j k PgUp PgDn g G scroll · esc back")
        self._plan = plan

    def body(self) -> ComposeResult:
        yield Static("Comparing …", id="diff", markup=False)

    def on_mount(self) -> None:
        self._compare()

    # A large file of which half is changed takes seconds.
    @work(thread=True, exclusive=True, group="read", exit_on_error=False)
    def _compare(self) -> None:
        lines = diff_lines(self._plan.yaml_before, self._plan.yaml)
        shown = joined(lines) if lines else safe("The file stays as it is.")
        self.app.call_from_thread(self._show, shown)

    def _show(self, shown: Content) -> None:
        if self.is_mounted:
            self.query_one("#diff", Static).update(shown)

    def action_edge(self, end: bool) -> None:
        body = self.query_one(".dialog-body", VerticalScroll)
        if end:
            body.scroll_end(animate=False)
        else:
            body.scroll_home(animate=False)
