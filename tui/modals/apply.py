"""An apply before the operator's eyes: a line a step, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from store.plans import Outcome, Step, StepName, StepState
from tui import format as fmt
from tui.modals.dialog import Dialog
from tui.plan_words import STEP_CELLS, STEP_SIGNS, STEP_WORDS, TIME_CELLS
from tui.runs import ApplyRun
from tui.text import cell_width, fit, safe, wrap
from tui.widgets.plan_lines import change_line, joined

if TYPE_CHECKING:
    from tui.applying import Applying

STEP_TONES = {StepState.FAILED: "$text-error", StepState.SKIPPED: "dim", StepState.RUNNING: "bold"}
MAX_DETAIL_LINES = 3
DETAIL_INDENT = 4
RUNNING_HINT = "esc hides it, and it goes on · x or ctrl+c stops it"
STOPPING_HINT = "esc hides it, and it goes on"
OVER_HINT = "p compares again · esc back"


class ApplyScreen(Dialog[None]):
    """Shows a run that belongs to the app; closing this changes nothing about it."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("x,ctrl+c", "stop", "Stop", id="apply.stop"),
        Binding("p", "plan", "Plan", id="apply.plan"),
    ]

    def __init__(self, applying: Applying, run: ApplyRun) -> None:
        super().__init__(run.title, RUNNING_HINT)
        self._applying = applying
        self._run = run
        self._end_seen = False

    def body(self) -> ComposeResult:
        yield Static("", id="apply-time", markup=False)
        yield Static("", id="apply-steps", markup=False)
        yield Static("", id="apply-end", markup=False)

    def on_mount(self) -> None:
        self._run.on_change = self._changed
        self.set_interval(1.0, self._tick)

    def on_resize(self) -> None:
        self._paint()

    def on_unmount(self) -> None:
        if self._run.on_change == self._changed:
            self._run.on_change = lambda: None

    def _changed(self) -> None:
        """Called from within the apply, to which nothing of the screen's may happen."""
        self.call_later(self._paint)

    def _tick(self) -> None:
        if not self._run.is_over:
            self._paint()

    def action_stop(self) -> None:
        if not self._run.is_over and not self._run.stopping:
            self._ask_to_stop()

    @work(exclusive=True, group="question", exit_on_error=False)
    async def _ask_to_stop(self) -> None:
        from tui.modals.confirm import ConfirmScreen

        question = ConfirmScreen(
            "Stop and put the old configuration back?",
            "The proxy is told to load the old file again. Cancel lets the apply go on.",
            yes="Stop",
        )
        if await self.app.push_screen_wait(question):
            if self._run.is_over:
                self._applying.app.tell("Too late: it had ended before you answered.", "warning")
            else:
                self._applying.stop()

    def action_plan(self) -> None:
        if self._run.is_over:
            self.dismiss(None)
            self._applying.app.run_edit(self._applying.show_plan())

    # --- paint -------------------------------------------------------------------------------

    def _paint(self) -> None:
        if not self.is_attached or not self.query("#apply-end"):
            return  # it is closing
        run = self._run
        word = "after" if run.is_over else "Stopping," if run.stopping else "Running,"
        time = fmt.latency(run.elapsed_ms) if run.is_over else _whole_seconds(run.elapsed_ms)
        self.query_one("#apply-time", Static).update(safe(f"{word} {time}".capitalize()))
        width = max(20, min(92, self.size.width * 9 // 10) - 8)
        lines = [line for step in run.lines for line in self._step(step, width)]
        self.query_one("#apply-steps", Static).update(joined(lines))
        self.query_one("#apply-end", Static).update(self._end())
        running = STOPPING_HINT if run.stopping else RUNNING_HINT
        self.hint(OVER_HINT if run.is_over else running)
        if run.is_over and not self._end_seen:
            self._end_seen = True
            body = self.query_one(".dialog-body", VerticalScroll)
            self.call_after_refresh(body.scroll_end, animate=False)

    def _step(self, step: Step | StepName, width: int) -> list[Content]:
        """A step's line, and those on which its detail goes on."""
        if isinstance(step, StepName):
            sign = "–" if self._run.is_over else "·"
            return [safe(f"{sign} {STEP_WORDS[step]}", style="dim")]
        took = self._run.elapsed_in(step)
        running = step.state is StepState.RUNNING
        time = "" if took is None else _whole_seconds(took) if running else fmt.latency(took)
        head = f"{STEP_SIGNS[step.state]} {fit(STEP_WORDS[step.name], STEP_CELLS)}"
        tone = STEP_TONES.get(step.state, "")
        line = f"{head}{fit(time, TIME_CELLS, align='right')}"
        if cell_width(line) + 2 + cell_width(step.detail) <= width:
            return [safe(f"{line}  {step.detail}".rstrip(), style=tone)]
        below = wrap(step.detail, width - DETAIL_INDENT, MAX_DETAIL_LINES)
        return [
            safe(line, style=tone),
            *(safe(f"{' ' * DETAIL_INDENT}{d}", style=tone) for d in below),
        ]

    def _end(self) -> Content:
        run, report = self._run, self._run.report
        if not run.is_over:
            return Content()
        if report is None:
            tone = "$text-warning" if run.stopping else "$text-error"
            return safe(f"\n{run.ending}", limit=2_000, style=tone)
        sign, tone = (
            ("✓", "$text-success") if report.outcome is Outcome.SERVED else ("✗", "$text-error")
        )
        if report.outcome is Outcome.WRITTEN:
            sign, tone = "▲", "$text-warning"
        lines = [safe(f"\n{sign} {run.ending}", limit=2_000, style=tone)]
        if report.still_different:
            lines.append(safe(f"\nStill different ({len(report.still_different)}):", style="bold"))
            lines += [change_line(change) for change in report.still_different]
        return joined(lines)


def _whole_seconds(ms: int) -> str:
    """A running time: only its seconds move, so that a slow line is not kept busy."""
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes}m {seconds:02}s" if minutes else f"{seconds}s"
