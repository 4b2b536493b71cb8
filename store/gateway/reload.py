"""How the proxy is made to load its file: a signal, a command, or by whoever restarts it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

from store.gateway.reload_command import CommandReloader
from store.gateway.reload_hup import HupReloader, local_port
from store.gateway.workers import OldWorkers
from store.settings import Settings


class Reloader(Protocol):
    """One way to reload."""

    @property
    def automatic(self) -> bool:
        """Whether `reload` does it; else somebody has to restart the proxy."""
        ...

    def describe(self) -> str:
        """What it will do, and the outage to expect: one line for the plan."""
        ...

    async def check(self) -> None:
        """Raises ApplyRefused if it cannot work, or would break the proxy. Changes nothing."""
        ...

    async def reload(self, say: Callable[[str], None]) -> None:
        """Make the proxy load its file; whether it did is read back by the caller.

        `say` gets lines for the operator, free of keys. Raises ReloadFailed.
        """
        ...

    def fire(self) -> None:
        """As `reload`, without waiting: for an apply that is cut off. Raises ReloadFailed."""
        ...

    def why_gone(self) -> str | None:
        """Why the proxy will not come back by itself after `reload`; None where that is open."""
        ...

    @property
    def is_fatal(self) -> bool:
        """Whether a file that LiteLLM refuses ends the proxy for good, so that it is checked."""
        ...

    def executable(self) -> Path | None:
        """LiteLLM's executable, where the running proxy tells it and it may be run."""
        ...

    def old_workers(self) -> int | None:
        """How many processes that ran before the last reload may still answer.

        At a second reload those that outlived the first one do not count: they have the file from
        before it. None where it cannot be seen, as with a proxy on another machine.
        """
        ...


class NoReloader:
    """The file is written, and the proxy loads it when somebody restarts it."""

    automatic: Final = False
    is_fatal: Final = False

    def __init__(self, settings: Settings) -> None:
        self._port = local_port(settings.gateway_url)
        self._old: OldWorkers | None = None

    def describe(self) -> str:
        return (
            "the file is written; the proxy serves it after its next restart, which aitui waits for"
        )

    async def check(self) -> None:
        """Nothing to check; what runs now is what has to be restarted."""
        self._old = await asyncio.to_thread(OldWorkers.at, self._port)

    async def reload(self, say: Callable[[str], None]) -> None:
        """Nothing to do."""

    def fire(self) -> None:
        """Nothing to do."""

    def why_gone(self) -> str | None:
        return None

    def executable(self) -> Path | None:
        return None

    def old_workers(self) -> int | None:
        return None if self._old is None else self._old.count()


def make_reloader(
    settings: Settings, last_outage_ms: int | None = None, *, secrets: Sequence[str] = ()
) -> Reloader:
    """The way that `gateway.reload` asks for.

    `last_outage_ms` is how long the proxy did not answer at an earlier apply, as measured;
    `secrets` are values to keep out of what a command prints, beside the environment's keys.
    """
    if settings.reload == "hup":
        return HupReloader(settings)
    if settings.reload == "command":
        return CommandReloader(settings, last_outage_ms, secrets)
    return NoReloader(settings)
