"""The serial writer: in order, one at a time, nothing lost."""

from __future__ import annotations

import asyncio

import pytest

from store.errors import AituiError, StaleEdit
from tui.writer import SerialWriter


class Log:
    def __init__(self) -> None:
        self.done: list[str] = []
        self.failed: list[str] = []
        self.crashes: list[Exception] = []

    def writer(self) -> SerialWriter:
        return SerialWriter(self.done.append, self._fail, self.crashes.append)

    def _fail(self, what: str, error: AituiError) -> None:
        self.failed.append(f"{what}: {error}")


async def test_saves_run_in_order_and_never_beside_each_other() -> None:
    log, running, order = Log(), 0, []
    writer = log.writer()

    def save(number: int):  # type: ignore[no-untyped-def]
        async def run() -> None:
            nonlocal running
            running += 1
            assert running == 1
            await asyncio.sleep(0.001 * (5 - number % 5))
            order.append(number)
            running -= 1

        return run

    for number in range(20):
        writer.submit(str(number), save(number))
    await writer.finish()
    assert order == list(range(20))
    assert log.done == [str(number) for number in range(20)]


async def test_a_failed_save_is_told_and_the_next_one_runs() -> None:
    log = Log()
    writer = log.writer()

    async def fails() -> None:
        raise StaleEdit("changed by somebody else")

    async def works() -> None:
        return None

    writer.submit("first", fails)
    writer.submit("second", works)
    await writer.finish()
    assert log.failed == ["first: changed by somebody else"]
    assert log.done == ["second"]


async def test_a_fault_of_ours_is_told_and_the_saves_behind_it_still_run() -> None:
    log = Log()
    writer = log.writer()

    async def breaks() -> None:
        raise ZeroDivisionError

    async def works() -> None:
        return None

    writer.submit("first", breaks)
    writer.submit("second", works)
    await writer.finish()
    assert [type(error) for error in log.crashes] == [ZeroDivisionError]
    assert log.done == ["second"]


async def test_the_caller_s_cancellation_does_not_cancel_the_save() -> None:
    log = Log()
    writer = log.writer()
    saved = asyncio.Event()

    async def slow() -> None:
        await asyncio.sleep(0.05)
        saved.set()

    async def caller() -> None:
        writer.submit("slow", slow)
        await writer.finish()

    task = asyncio.create_task(caller())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(saved.wait(), 5)


async def test_finish_may_be_called_twice_and_takes_no_more_saves() -> None:
    log = Log()
    writer = log.writer()
    await writer.finish()
    await writer.finish()
    with pytest.raises(RuntimeError, match="closed"):
        writer.submit("late", asyncio.Event().wait)
