"""The test of one model: what it answers, as it comes, and how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Static

from store.domain import TestReport
from store.errors import AituiError
from store.store import Store
from tui import format as fmt
from tui.modals.dialog import Dialog
from tui.text import safe

if TYPE_CHECKING:
    from store.gateway.model_test import TestProgress

REPAINT_MS = 60
"""Words come faster than a line to a far host carries repaints."""


class TestModelScreen(Dialog[None]):
    """Sends one request when it opens; `t` again, `esc` stops it and goes back."""

    __test__ = False
    BINDINGS: ClassVar[list[Binding]] = [Binding("t", "again", "Test again", id="test.again")]

    def __init__(self, store: Store, model_id: str, model_name: str, *, start: bool = True) -> None:
        super().__init__(f"Test {model_name}", "esc stops the test and goes back")
        self._store = store
        self._model_id = model_id
        self._start = start
        self._painted_ms = -REPAINT_MS

    def body(self) -> ComposeResult:
        yield Static("Waiting for the first token …", id="test-facts", markup=False)
        yield Static("", id="test-answer", markup=False)

    def on_mount(self) -> None:
        if self._start:
            self._run_test()

    def action_again(self) -> None:
        self._painted_ms = -REPAINT_MS
        self.query_one("#test-facts", Static).update("Waiting for the first token …")
        self.query_one("#test-answer", Static).update("")
        self._run_test()

    @work(exclusive=True, group="test", exit_on_error=False)
    async def _run_test(self) -> None:
        try:
            report = await self._store.gateway.test_model(
                self._model_id, on_progress=self.show_progress
            )
        except AituiError as error:
            self.query_one("#test-facts", Static).update(safe(str(error)))
            return
        self.show_report(report)

    def show_progress(self, progress: TestProgress) -> None:
        """What has come of the answer so far."""
        if progress.elapsed_ms - self._painted_ms < REPAINT_MS:
            return
        self._painted_ms = progress.elapsed_ms
        first = f"first token after {fmt.latency(progress.ttft_ms)} · " if progress.ttft_ms else ""
        facts = f"Answering …  {first}{fmt.latency(progress.elapsed_ms)}"
        self.query_one("#test-facts", Static).update(safe(facts))
        self.query_one("#test-answer", Static).update(safe("\n" + progress.text, limit=4_000))

    def show_report(self, report: TestReport) -> None:
        """How it ended."""
        self.query_one("#test-facts", Static).update(safe("\n".join(facts(report))))
        answer = report.response if report.success else ""
        self.query_one("#test-answer", Static).update(safe("\n" + answer, limit=4_000))
        self.hint("t tests again · esc back")


def facts(report: TestReport) -> list[str]:
    """The report's numbers and words, a line each."""
    if not report.success:
        lines = [f"✗ {report.kind} after {fmt.latency(report.latency_ms)}", "", report.error or ""]
        if report.mend:
            lines += ["", f"→ {report.mend}"]
        return lines
    return [
        "✓ answered",
        "",
        f"Latency      {fmt.latency(report.latency_ms)}",
        f"First token  {fmt.latency(report.ttft_ms)}",
        f"Tokens       {_tokens(report)}",
        f"Cost         {_cost(report)}",
        f"Served by    {report.served_by or 'not said'}",
    ]


def _tokens(report: TestReport) -> str:
    if report.prompt_tokens is None and report.completion_tokens is None:
        return "not said"
    return f"{fmt.count(report.prompt_tokens)} in, {fmt.count(report.completion_tokens)} out"


def _cost(report: TestReport) -> str:
    if report.cost_usd is None:
        return "unpriced"
    source = "LiteLLM's figure" if report.cost_source == "proxy" else "from the prices here"
    return f"{fmt.price(report.cost_usd)} ({source})"
