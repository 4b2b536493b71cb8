"""The test of every enabled model: a line each, a bar, and the way to stop."""

from __future__ import annotations

from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Static
from textual.worker import Worker

from store.domain import TestReport
from store.errors import AituiError
from store.store import Store
from tui import format as fmt
from tui.modals.dialog import Dialog
from tui.text import cell_width, fit, safe
from tui.widgets.bars import filled


class TestAllScreen(Dialog[None]):
    """Four tests at a time. `s` stops; what was tested stays stored."""

    __test__ = False
    BINDINGS: ClassVar[list[Binding]] = [Binding("s", "stop", "Stop", id="test_all.stop")]

    def __init__(self, store: Store) -> None:
        super().__init__("Test all enabled models", "s stops · esc stops and goes back")
        self._store = store
        self._reports: list[TestReport] = []
        self._total = 0
        self._worker: Worker[None] | None = None

    def body(self) -> ComposeResult:
        yield Static("Asking the proxy …", id="all-bar", markup=False)
        yield Static("", id="all-lines", markup=False)

    def on_mount(self) -> None:
        self._worker = self._run_tests()

    def action_stop(self) -> None:
        if self._worker is not None and not self._worker.is_finished:
            self._worker.cancel()
            self._paint("Stopped")
            self.hint("esc back")

    @work(exclusive=True, group="test", exit_on_error=False)
    async def _run_tests(self) -> None:
        try:
            self._total = await self._store.gateway.count_testable()
            self._paint("Testing")
            async for report in self._store.gateway.test_all():
                self._reports.append(report)
                self._paint("Testing")
        except AituiError as error:
            self.query_one("#all-bar", Static).update(safe(str(error)))
            return
        self._paint("Done")
        self.hint("esc back")

    def _paint(self, word: str) -> None:
        done = len(self._reports)
        failed = sum(not report.success for report in self._reports)
        bar, rest = filled(done / self._total if self._total else 0, 30)
        text = f"{bar}{rest} {word}: {done} of {self._total}"
        if failed:
            text += f", {failed} failed"
        self.query_one("#all-bar", Static).update(safe(text))
        width = max((cell_width(report.model_name) for report in self._reports), default=10)
        lines = [line(report, min(width, 30)) for report in self._reports]
        self.query_one("#all-lines", Static).update(safe("\n".join(lines), limit=60_000))


def line(report: TestReport, width: int) -> str:
    """One report in a line: sign, name, what came of it."""
    name = fit(report.model_name, width)
    if report.success:
        first = "" if report.ttft_ms is None else f"  first token {fmt.latency(report.ttft_ms)}"
        return f"✓ {name}  {fmt.latency(report.latency_ms):>7}{first}"
    return f"✗ {name}  {fmt.latency(report.latency_ms):>7}  {report.kind}"
