"""What serves a proxy now, so that it can be told later whether anything of it still answers.

A new key's reference, for one, is nothing that a proxy shows: that it was loaded is proved by
workers that are new, and by nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from store.gateway.processes import (
    Process,
    Proxy,
    booted_at,
    can_look,
    may_listen,
    proxies_at,
    read_process,
)

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


class OldWorkers:
    """Processes that have to be gone, or to listen no more: those that finish their requests."""

    def __init__(self, processes: Iterable[Process]) -> None:
        self._processes = tuple(processes)

    @classmethod
    def of(cls, proxies: Iterable[Proxy]) -> OldWorkers:
        """Those that answer the requests of these proxies: the workers, or it alone."""
        found = (
            process
            for proxy in proxies
            for pid in proxy.workers or (proxy.process.pid,)
            if (process := read_process(pid)) is not None
        )
        return cls(found)

    @classmethod
    def at(cls, port: int | None) -> OldWorkers | None:
        """Those that serve a port of this machine; None where they cannot be seen."""
        if port is None or not can_look():
            return None
        found = cls.of(proxies_at(port))
        return found if found._processes else None

    def without(self, others: OldWorkers | None) -> OldWorkers:
        """These but for `others`."""
        if others is None:
            return self
        known = {(each.pid, each.started) for each in others._processes}
        return OldWorkers(p for p in self._processes if (p.pid, p.started) not in known)

    def count(self) -> int:
        """How many of them may still answer a new request."""
        return sum(_may_answer(process) for process in self._processes)

    def started_after(self, at: datetime) -> bool:
        """Whether all of them were started after that time."""
        booted = booted_at()
        return booted is not None and all(
            booted + process.started / _TICKS_PER_S > at.astimezone(UTC).timestamp()
            for process in self._processes
        )


def _may_answer(process: Process) -> bool:
    now = read_process(process.pid)
    return now is not None and now.started == process.started and may_listen(process.pid)
