"""The steps of an apply as they happen: finished ones a line each, the running one in place."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from store.errors import AituiError
from store.plans import Step, StepName, StepState
from tui import output
from tui.commands.plan_lines import step_line
from tui.plan_words import AS_BEFORE, IS_BACK, ending

if TYPE_CHECKING:
    from store.plans import ApplyReport


class StepView:
    """What an apply calls with each step.

    It never raises: an apply must come to its end also where nobody reads what it says. What
    went wrong with the output is raised by `check`, afterwards.
    """

    def __init__(self, *, as_json: bool) -> None:
        """`as_json`: the result is a document, so that the steps go to stderr."""
        self._say = output.tell if as_json else output.say
        self._line = output.Redrawn()
        self._steps: dict[StepName, StepState] = {}
        self._failure: AituiError | OSError | None = None

    def __call__(self, step: Step) -> None:
        self._steps[step.name] = step.state
        try:
            if step.state is StepState.RUNNING:
                self._line.draw(step_line(step))
                return
            self._line.clear()
            if self._failure is None:
                self._say(step_line(step))
        except (AituiError, OSError) as error:  # a closed pipe, a terminal that is gone
            self._failure = error

    def clear(self) -> None:
        """Take the running step's line away."""
        with suppress(OSError):
            self._line.clear()

    def check(self, report: ApplyReport | None) -> None:
        """Raise what the output failed with, if it did, once the apply is over."""
        if self._failure is not None:
            if report is not None:
                output.tell(ending(report))
            raise self._failure

    def tell(self, text: str) -> None:
        """A line on stderr in between. Never raises: stderr may be gone as well."""
        self.clear()
        with suppress(OSError):
            output.tell(text)

    def tell_stopped(self) -> None:
        """Say on stderr how far it got and what was taken back, as far as the steps told."""
        self.tell(f"Stopped. {self._left_behind()}")

    def _left_behind(self) -> str:
        if self._steps.get(StepName.VERIFY_BACK) is StepState.DONE:
            return IS_BACK
        if StepName.WRITE not in self._steps:
            return AS_BEFORE
        return (
            "The old configuration was put back without waiting for the proof:"
            " the next `aitui apply` looks after that first."
        )
