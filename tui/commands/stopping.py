"""Ctrl+C while an apply runs: the first undoes it with its proof, the second leaves at once."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Stopping:
    """Whether the operator wants it stopped."""

    def __init__(self, stop: Callable[[], None], tell: Callable[[str], None]) -> None:
        self._stop = stop
        self._tell = tell
        self._task = asyncio.current_task()
        self.was_asked = False

    def interrupt(self) -> None:
        """What Ctrl+C does."""
        if self.was_asked and self._task is not None:
            self._task.cancel()
            return
        self.was_asked = True
        self._stop()
        self._tell("Stopping, and undoing what was begun. Ctrl+C again leaves without proof.")


@contextmanager
def stopping_on_interrupt(
    stop: Callable[[], None], tell: Callable[[str], None]
) -> Iterator[Stopping]:
    """While inside, SIGINT calls `stop`, and a second one cancels this task."""
    stopping = Stopping(stop, tell)
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN or threading.current_thread() is not threading.main_thread():
        yield stopping
        return
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stopping.interrupt)
    try:
        yield stopping
    finally:
        loop.remove_signal_handler(signal.SIGINT)
        signal.signal(signal.SIGINT, before)
