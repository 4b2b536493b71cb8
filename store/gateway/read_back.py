"""Reading the proxy back until every worker that answers says the same."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from store.errors import AituiError, GatewayError
from store.gateway.apply_target import Target
from store.gateway.client import Gateway
from store.gateway.live import Live, read_live
from store.gateway.outage import Outage
from store.gateway.reload import Reloader
from store.plans import Change

AGREEING_READS: Final = 6
"""Reads in a row, each over a connection of its own, until the workers count as agreed."""
DIFFERING_READS: Final = 12
"""Reads in a row that find a difference, from a proxy that is through with its reload."""
BETWEEN_READS_S: Final = 0.15
STOPPED: Final = "stopped by the operator."
UNSEEN: Final = "what changed cannot be seen in the proxy"
WaitsFor = Callable[[Live], str | None]


async def read_back(
    gateway: Gateway,
    differs: Callable[[Live], tuple[Change, ...]],
    *,
    timeout_s: float,
    say: Callable[[str], None],
    stop: asyncio.Event,
    why_gone: Callable[[], str | None],
    waits_for: WaitsFor | None = None,
    is_final: Callable[[], bool] = lambda: False,
) -> str:
    """Ask until `differs` finds nothing any more; how that was proved, in words.

    `waits_for` says why an answer without a difference proves nothing yet; `is_final` whether what
    answers has loaded all that it will load, so that a difference will stay.

    Raises:
        AituiError: it still differs, or does not answer, after `timeout_s`, or for good; or `stop`
            was set; or it does not answer and `why_gone` knows that it never will.
    """
    agreed, differed, last = 0, 0, ""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            live = await read_live(gateway, new_connection=True, ask_mode=False)
            different = differs(live)
            last = f"it still differs: {summary(different)}" if different else ""
            if not different and waits_for is not None:
                last = waits_for(live) or ""
            agreed = 0 if last else agreed + 1
            differed = differed + 1 if different and is_final() else 0
        except GatewayError as error:
            agreed, differed, last = 0, 0, str(error)
            gone = why_gone()
            if gone is not None:
                raise AituiError(gone) from None
        if agreed >= AGREEING_READS:
            return f"{agreed} reads in a row agree"
        if differed >= DIFFERING_READS:
            raise AituiError(f"{last} ({differed} reads in a row, after its reload)")
        if stop.is_set():
            raise AituiError(STOPPED)
        if time.monotonic() > deadline:
            raise AituiError(f"{last or 'its workers disagree'} (after {timeout_s:.0f} s)")
        say(last or f"{agreed} of {AGREEING_READS} reads agree")
        await asyncio.sleep(BETWEEN_READS_S)


async def or_stopped(work: Awaitable[str] | Awaitable[None], stop: asyncio.Event) -> str:
    """Wait for it, unless the operator stops the apply. Raises AituiError then."""
    task = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise AituiError(STOPPED)
        return await task or ""
    finally:
        for each in (task, stopped):
            each.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)


def asking(say: Callable[[str], None], timeout_s: float, outage: Outage) -> Callable[[str], None]:
    """`say`, which asks for the restart that nobody has seen yet."""

    def ask(detail: str) -> None:
        say(detail if outage.was_seen else f"restart the proxy now ({timeout_s:g} s): {detail}")

    return ask


def until_new(reloader: Reloader, target: Target, outage: Outage) -> WaitsFor:
    """Until nothing of what ran before can answer; a proxy does not show all that it loads.

    Where that cannot be told, a reload that went well is trusted; a restart that nobody has
    promised has to be seen.
    """

    left = until_gone(reloader)

    def ask(live: Live) -> str | None:
        if found := left(live):
            return found
        if (
            reloader.old_workers() == 0
            or reloader.automatic
            or outage.was_seen
            or target.shows_in(live)
        ):
            return None
        return f"{UNSEEN}; its restart is waited for"

    return ask


def until_shown(target: Target) -> WaitsFor:
    """Until what the proxy shows proves by itself that it loaded the new file."""
    return lambda live: None if target.shows_in(live) else UNSEEN


def until_gone(reloader: Reloader) -> WaitsFor:
    """Until nothing answers that ran before the last reload."""

    def ask(live: Live) -> str | None:
        old = reloader.old_workers()
        return f"{old} of the processes that ran before may still answer" if old else None

    return ask


def until_still_old(reloader: Reloader, target: Target) -> WaitsFor:
    """Until it is sure, without a reload back, that nothing has loaded the new file."""

    def ask(live: Live) -> str | None:
        if reloader.old_workers() == 0 or target.shows_in(live):
            return None
        return f"{UNSEEN}, and the reload back failed"

    return ask


def summary(changes: tuple[Change, ...]) -> str:
    """The first difference in words, and how many more there are."""
    first = changes[0]
    what = f"{first.subject} {first.name}"
    if first.fields:
        one = first.fields[0]
        what += f", {one.name} is {one.old!r}, not {one.new!r}"
    return what if len(changes) == 1 else f"{what}; and {len(changes) - 1} more"
