"""One question at a time: who asks while an answer is under way gets that answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """A short memory of one value, filled by at most one call at a time.

    A value stands for `ttl_s` seconds of `clock`, a failure for `failure_ttl_s`. The call goes on
    as long as anybody waits for it: the last one to be cancelled cancels it.
    """

    def __init__(self, clock: Callable[[], float], ttl_s: float, failure_ttl_s: float) -> None:
        self._clock = clock
        self._ttl_s = ttl_s
        self._failure_ttl_s = failure_ttl_s
        self._kept: tuple[float, T] | None = None
        self._failed: tuple[float, Exception] | None = None
        self._task: asyncio.Task[T] | None = None
        self._waiting = 0

    async def get(self, ask: Callable[[], Awaitable[T]], *, fresh: bool = False) -> T:
        """The kept value, or `ask`'s. Raises what `ask` raised."""
        now = self._clock()
        if not fresh:
            if self._kept is not None and now - self._kept[0] < self._ttl_s:
                return self._kept[1]
            if self._failed is not None and now - self._failed[0] < self._failure_ttl_s:
                raise self._failed[1].with_traceback(None)
        task = self._task
        if task is None or task.done():
            task = self._task = asyncio.create_task(self._run(ask))
            self._waiting = 0
        self._waiting += 1
        try:
            return await asyncio.shield(task)
        finally:
            if self._task is task:
                self._waiting -= 1
                if self._waiting == 0 and not task.done():
                    task.cancel()
                    self._task = None

    async def _run(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            value = await ask()
        except Exception as error:
            self._kept, self._failed = None, (self._clock(), error)
            raise
        self._kept, self._failed = (self._clock(), value), None
        return value

    async def aclose(self) -> None:
        """Stops what is under way."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
