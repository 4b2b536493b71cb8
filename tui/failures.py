"""Faults of ours in background work: told and logged, where Textual would say nothing.

Workers do not end the app (`exit_on_error=False`), and Textual tells their errors only to the
node that started them.
"""

from __future__ import annotations

from typing import Protocol, cast

from textual.worker import Worker, WorkerState


class TellsFailures(Protocol):
    """What the app does for this."""

    def tell_failure(self, error: BaseException) -> None: ...


class FailureMixin:
    """For every node that starts workers."""

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        error = event.worker.error
        if event.state is WorkerState.ERROR and error is not None:
            cast(TellsFailures, event.worker.node.app).tell_failure(error)
