"""How long a proxy is away: what an operator is told before the next restart."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from store.errors import GatewayError
from store.gateway.client import Gateway

EVERY_S = 0.2
MAX_ANSWER = 1 << 16


class Outage:
    """Time without an answer, ms, as far as it was seen; None before the proxy was asked."""

    def __init__(self) -> None:
        self._gone_since: float | None = None
        self._ms = 0
        self._was_asked = False

    def saw(self, answered: bool, at: float) -> None:
        """The proxy did, or did not, answer at that time (monotonic seconds)."""
        self._was_asked = True
        if answered and self._gone_since is not None:
            self._ms += round((at - self._gone_since) * 1000)
            self._gone_since = None
        elif not answered and self._gone_since is None:
            self._gone_since = at

    @property
    def ms(self) -> int | None:
        if not self._was_asked:
            return None
        going_on = 0 if self._gone_since is None else time.monotonic() - self._gone_since
        return self._ms + round(going_on * 1000)

    @property
    def was_seen(self) -> bool:
        """Whether the proxy was away at all."""
        return self._ms > 0 or self._gone_since is not None


@contextlib.asynccontextmanager
async def watch_outage(gateway: Gateway) -> AsyncIterator[Outage]:
    """Ask the proxy five times a second whether it lives, for as long as the block runs."""
    outage = Outage()

    async def ask() -> None:
        while True:
            at = time.monotonic()
            try:
                await gateway.read("/health/liveliness", lambda body: body, cap=MAX_ANSWER)
            except GatewayError:
                outage.saw(False, at)
            else:
                outage.saw(True, time.monotonic())
            await asyncio.sleep(EVERY_S)

    task = asyncio.create_task(ask())
    try:
        yield outage
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
