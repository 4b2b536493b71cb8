"""How far an apply is, as its view shows it: it lives longer than the view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from store.plans import ApplyReport, Step, StepName, StepState
from tui.plan_words import ending

USUAL = (StepName.CHECK, StepName.BACKUP, StepName.WRITE, StepName.RELOAD, StepName.VERIFY)
"""What is seen to come before anything was told."""


@dataclass(slots=True)
class ApplyRun:
    """One apply, undo or recovery from its begin to its end."""

    title: str
    expected: tuple[StepName, ...] = USUAL
    steps: dict[StepName, Step] = field(default_factory=dict)
    """Each step as it was told last, in the order in which they began."""
    started: float = field(default_factory=lambda: monotonic())
    step_started: dict[StepName, float] = field(default_factory=dict)
    report: ApplyReport | None = None
    trouble: str | None = None
    """Why there is no report: the apply was not begun, or was stopped before it wrote."""
    ended: float | None = None
    stopping: bool = False
    """Whether the operator asked for its end."""
    on_change: Callable[[], None] = lambda: None
    """The view's repaint; it may be another one tomorrow."""

    @property
    def is_over(self) -> bool:
        return self.ended is not None

    @property
    def succeeded(self) -> bool:
        return self.report is not None and self.report.success

    @property
    def ending(self) -> str:
        """How it ended, in sentences; empty while it runs."""
        if self.report is not None:
            return ending(self.report)
        return self.trouble or ""

    @property
    def elapsed_ms(self) -> int:
        """So far, or in all."""
        if self.report is not None and self.report.took_ms:
            return self.report.took_ms
        return round(((self.ended or monotonic()) - self.started) * 1000)

    def elapsed_in(self, step: Step) -> int | None:
        """A step's time: as it was told, or so far; None where neither is known."""
        if step.state is not StepState.RUNNING or self.is_over:
            return step.took_ms
        return round((monotonic() - self.step_started[step.name]) * 1000)

    def tell(self, step: Step) -> None:
        """Take over how far a step is."""
        self.step_started.setdefault(step.name, monotonic())
        self.steps[step.name] = step
        self.on_change()

    def end(self, report: ApplyReport | None = None, trouble: str | None = None) -> None:
        """It is over; a report's steps are the last word."""
        if report is not None:
            self.steps.update((step.name, step) for step in report.steps)
        self.report, self.trouble, self.ended = report, trouble, monotonic()
        self.on_change()

    @property
    def lines(self) -> tuple[Step | StepName, ...]:
        """The steps in their order: those that were told, and the names of those to come."""
        names = [name for name in StepName if name in self.steps or name in self.expected]
        return tuple(self.steps.get(name, name) for name in names)
