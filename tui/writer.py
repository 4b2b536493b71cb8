"""The one writer: changes are saved one after the other, shielded, and awaited on exit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from store.errors import AituiError

Save = Callable[[], Awaitable[object]]
Outcome = asyncio.Future[object]


class SerialWriter:
    """A queue of saves with one task that works it off.

    A save that was handed over is carried out even if the widget that asked for it is gone;
    `finish` waits for all of them. What went wrong is told to `on_error`, and a fault of ours to
    `on_crash`; neither keeps the saves behind it from being carried out.
    """

    def __init__(
        self,
        on_done: Callable[[str], None],
        on_error: Callable[[str, AituiError], None],
        on_crash: Callable[[Exception], None],
    ) -> None:
        self._queue: asyncio.Queue[tuple[str, Save, Outcome, bool] | None] = asyncio.Queue()
        self._on_done = on_done
        self._on_error = on_error
        self._on_crash = on_crash
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self._pending = 0

    @property
    def pending(self) -> int:
        """Saves that are not finished yet."""
        return self._pending

    def submit(self, what: str, save: Save, *, tell_error: bool = True) -> Outcome:
        """Queue a save; `what` says it in words, for the message when it is done or fails.

        Returns:
            A future of the save's result, for those who wait. Without `tell_error` its error is
            for them to tell; cancelling it does not cancel the save.
        """
        if self._closed:
            raise RuntimeError("the writer is closed")
        outcome = asyncio.get_running_loop().create_future()
        # An error that nobody waits for has been told by `on_error`.
        outcome.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._pending += 1
        self._queue.put_nowait((what, save, outcome, tell_error))
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="serial writer")
        return outcome

    async def finish(self) -> None:
        """Take no more saves, and wait until the last is done."""
        self._closed = True
        if self._task is not None:
            self._queue.put_nowait(None)
            await asyncio.shield(self._task)

    async def _work(self) -> None:
        while (item := await self._queue.get()) is not None:
            what, save, outcome, tell_error = item
            try:
                result = await save()
            except AituiError as error:
                if tell_error:
                    self._on_error(what, error)
                _fail(outcome, error)
            except Exception as error:  # noqa: BLE001 - the saves behind it are still carried out
                self._on_crash(error)
                _fail(outcome, error)
            else:
                self._on_done(what)
                if not outcome.done():
                    outcome.set_result(result)
            finally:
                self._pending -= 1


def _fail(outcome: Outcome, error: Exception) -> None:
    if not outcome.done():
        outcome.set_exception(error)
