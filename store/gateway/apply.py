"""One apply: check, back up, write, reload, read back; and all of it back again where one fails.

Before each step the journal says which one begins, so that an apply that is cut off, by whatever,
is found and finished or undone (`resume`). At any moment the file is the old or the new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial

from store.database import Transaction
from store.errors import AituiError, GatewayError
from store.gateway.apply_target import Target
from store.gateway.apply_tools import Say, Tools
from store.gateway.config_write import back_up, read_bytes, replace_file
from store.gateway.difference import agrees
from store.gateway.live import Live, read_live
from store.gateway.outage import Outage, watch_outage
from store.gateway.read_back import (
    WaitsFor,
    asking,
    or_stopped,
    read_back,
    until_gone,
    until_new,
    until_shown,
    until_still_old,
)
from store.gateway.to_its_end import to_its_end
from store.plans import ApplyReport, Change, Outcome, Step, StepName, StepState


class _Failed(Exception):
    """A step failed; the report tells it."""

    def __init__(self, step: StepName, reason: str) -> None:
        super().__init__(reason)
        self.step = step
        self.reason = reason


class _NotLoaded(Exception):
    """Without a reload of ours: the proxy goes on with what it had, as it should."""


@dataclass(slots=True)
class Apply:
    """The apply of one revision. Call `run`, or `resume` for one that was cut off."""

    number: int
    target: Target
    tools: Tools
    steps: list[Step] = field(default_factory=list)
    outage_ms: int | None = None
    _began: float = field(default_factory=time.monotonic)
    _has_written: bool = False
    _has_reloaded: bool = False
    _journal_error: str | None = None
    _is_closed: bool = False
    """Whether the journal says how it ended: from then on nothing is put back."""
    _is_open: bool = False
    """Whether the old file could not be put back, though it should be: then nothing has ended."""

    async def run(self) -> ApplyReport:
        """Apply it. Never raises for what fails: the report tells it.

        Cancelled, it puts the old file back and has it loaded without waiting, and leaves the
        proof to `resume`.
        """
        return await self._guarded(self._forward)

    async def resume(self) -> ApplyReport:
        """Finish an apply that was cut off, or undo it. Never raises for what fails."""
        current = await asyncio.to_thread(read_bytes, self.target.path)
        self._has_written = self.target.writes and current != self.target.before
        self._has_reloaded = True  # nobody knows
        if current == self.target.after:
            return await self._guarded(self._finish_forward)
        if current == self.target.before or self.target.is_torn(current):
            reason = "it was cut off; the old file was put back"
            return await self._guarded(None, _Failed(StepName.WRITE, reason))
        reason = "it was cut off, and the file was changed since by somebody else: it is as it is"
        return await self._end(Outcome.NOT_UNDONE, _Failed(StepName.WRITE, reason))

    async def _guarded(
        self, forward: Callable[[], Awaitable[Outcome]] | None, failure: _Failed | None = None
    ) -> ApplyReport:
        try:
            if forward is not None:
                try:
                    return await self._end_served(await forward())
                except _Failed as error:
                    failure = error
            assert failure is not None
            outcome, different = await self._back()
            return await self._end(outcome, failure, different)
        except BaseException:  # a cancellation, or what nobody thought of
            if not self._is_closed:
                self._put_back_at_once()
            raise

    # --- forward -----------------------------------------------------------------------------

    async def _forward(self) -> Outcome:
        await self._step(StepName.CHECK, self._check)
        if self.target.writes:
            await self._step(StepName.BACKUP, self._back_up)
            await self._step(StepName.WRITE, self._write)
        else:
            self._skip(StepName.WRITE, "the file says it already")
        return await self._load_and_verify()

    async def _finish_forward(self) -> Outcome:
        """The new file is there. Whether the proxy has it is asked before it is reloaded again."""
        try:
            async with asyncio.timeout(5):
                differs = partial(agrees, self.target.wanted)
                await self._agree(differs, 5, lambda _: None, until_shown(self.target))
        except (TimeoutError, AituiError):
            return await self._load_and_verify()
        self._skip(StepName.RELOAD, "the proxy serves it already")
        return Outcome.SERVED

    async def _load_and_verify(self) -> Outcome:
        async with watch_outage(self.tools.gateway) as outage:
            try:
                if self.tools.reloader.automatic:
                    await self._step(StepName.RELOAD, self._reload)
                else:
                    self._skip(StepName.RELOAD, self.tools.reloader.describe())
                await self._step(StepName.VERIFY, lambda say: self._verify(say, outage))
            except _NotLoaded:
                return Outcome.WRITTEN
            finally:
                self.outage_ms = outage.ms
        if self.tools.smoke is not None:
            await self._step(StepName.SMOKE, self.tools.smoke)
        return Outcome.SERVED

    async def _check(self, say: Say) -> str:
        await self.tools.reloader.check()
        return (
            ""
            if self.tools.check is None
            else await or_stopped(self.tools.check(say), self.tools.stop)
        )

    async def _back_up(self, say: Say) -> str:
        backup = await to_its_end(asyncio.to_thread(back_up, self.target.path))
        await self._journal(StepName.BACKUP, backup=str(backup))
        return str(backup)

    async def _write(self, say: Say) -> str:
        if await asyncio.to_thread(read_bytes, self.target.path) != self.target.before:
            raise AituiError("the file was changed meanwhile by somebody else. Plan again.")
        self._has_written = True
        in_place = await self._replace(self.target.after)
        await self._journal(StepName.WRITE, in_place=in_place)
        return f"{self.target.path}" + (", overwritten: it cannot be replaced" if in_place else "")

    async def _reload(self, say: Say) -> str:
        self._has_reloaded = True
        await or_stopped(self.tools.reloader.reload(say), self.tools.stop)
        return self.tools.reloader.describe()

    async def _verify(self, say: Say, outage: Outage) -> str:
        reloader, target = self.tools.reloader, self.target
        try:
            say = say if reloader.automatic else asking(say, self.tools.verify_timeout_s, outage)
            waits_for = until_new(reloader, target, outage)
            return await self._agree(
                partial(agrees, target.wanted), self.tools.verify_timeout_s, say, waits_for
            )
        except AituiError as error:
            if reloader.automatic or outage.was_seen:
                raise
            # Nobody has restarted it, so nothing has failed.
            self._tell(Step(StepName.VERIFY, StepState.SKIPPED, "waits for the proxy's restart"))
            raise _NotLoaded from error

    # --- back --------------------------------------------------------------------------------

    async def _back(self) -> tuple[Outcome, tuple[Change, ...]]:
        self.tools.stop.clear()
        try:
            if self._has_written:
                await self._step(StepName.RESTORE, self._restore)
        except _Failed:
            live = await self._live_or_none()
            return Outcome.NOT_UNDONE, () if live is None else self._differs_from_before(live)
        waits_for: WaitsFor | None = None
        if self._has_reloaded and self.target.writes and self.tools.reloader.automatic:
            waits_for = until_gone(self.tools.reloader)
            try:
                await self._step(StepName.RELOAD_BACK, self._reload)
            except _Failed:  # the reload before may have failed as well, and changed nothing
                waits_for = until_still_old(self.tools.reloader, self.target)
        if not self._has_written and not self._has_reloaded:
            return Outcome.UNDONE, ()
        if self.target.live_before is None and await self._live_or_none() is None:
            self._skip(StepName.VERIFY_BACK, "the proxy does not answer")
            return Outcome.UNDONE, ()
        left: list[tuple[Change, ...]] = [()]

        async def verify_back(say: Say) -> str:
            def differs(live: Live) -> tuple[Change, ...]:
                left[0] = self._differs_from_before(live)
                return left[0]

            timeout = self.tools.verify_timeout_s if self.tools.reloader.automatic else 5.0
            return await self._agree(differs, timeout, say, waits_for)

        try:
            await self._step(StepName.VERIFY_BACK, verify_back)
        except _Failed:
            return Outcome.NOT_UNDONE, left[0]
        return Outcome.UNDONE, ()

    async def _restore(self, say: Say) -> str:
        target = self.target
        current = await asyncio.to_thread(read_bytes, target.path)
        if current == target.before:
            return "the file is the old one already"
        if current != target.after and not target.is_torn(current):
            raise AituiError(
                "the file was changed by somebody else after it was written: it is as it is"
            )
        self._is_open = True  # for where it fails: `resume` then tries it again
        await self._replace(target.before)
        self._is_open = False
        return str(target.path)

    async def _replace(self, data: bytes) -> bool:
        """Not left halfway: its thread would write on while the old file is put back."""
        return await to_its_end(asyncio.to_thread(replace_file, self.target.path, data))

    def _differs_from_before(self, live: Live) -> tuple[Change, ...]:
        """What is not as before; what differed from its own file then counts as before."""
        now = agrees(self.target.previous, live)
        if not now or self.target.live_before is None:
            return now
        then = agrees(self.target.previous, self.target.live_before)
        return tuple(change for change in now if change not in then)

    def _put_back_at_once(self) -> None:
        """Without a wait: the terminal is gone, or the machine goes down."""
        if not self._has_written:
            return
        with contextlib.suppress(AituiError, OSError):  # `resume` finds it, and says why
            current = read_bytes(self.target.path)
            if current != self.target.before and self.target.owns(current):
                replace_file(self.target.path, self.target.before)
            if self._has_reloaded:
                self.tools.reloader.fire()

    # --- steps -------------------------------------------------------------------------------

    async def _step(self, name: StepName, do: Callable[[Say], Awaitable[str]]) -> None:
        began = time.monotonic()

        def took() -> int:
            return round((time.monotonic() - began) * 1000)

        def say(detail: str) -> None:
            self._tell(Step(name, StepState.RUNNING, detail, took()))

        self._tell(Step(name, StepState.RUNNING))
        try:
            await self._journal(name)
            detail = await do(say)
        except AituiError as error:
            self._tell(Step(name, StepState.FAILED, str(error), took()))
            raise _Failed(name, str(error)) from error
        except OSError as error:
            reason = f"{error.filename or self.target.path}: {error.strerror or 'failed'}."
            self._tell(Step(name, StepState.FAILED, reason, took()))
            raise _Failed(name, reason) from error
        self._tell(Step(name, StepState.DONE, detail, took()))

    def _skip(self, name: StepName, why: str) -> None:
        self._tell(Step(name, StepState.SKIPPED, why))

    def _tell(self, step: Step) -> None:
        self.steps = [each for each in self.steps if each.name is not step.name] + [step]
        self.tools.on_step(step)

    async def _journal(
        self, name: StepName, *, in_place: bool | None = None, backup: str | None = None
    ) -> None:
        """A journal that cannot be written stops the apply, but not the way back."""
        try:
            await self.tools.revisions.reached(self.number, name, in_place=in_place, backup=backup)
        except AituiError as error:
            if name not in (StepName.RESTORE, StepName.RELOAD_BACK, StepName.VERIFY_BACK):
                raise
            self._journal_error = str(error)

    async def _live_or_none(self) -> Live | None:
        try:
            return await read_live(self.tools.gateway, ask_mode=False)
        except GatewayError:
            return None

    async def _agree(
        self,
        differs: Callable[[Live], tuple[Change, ...]],
        timeout_s: float,
        say: Say,
        waits_for: WaitsFor | None = None,
    ) -> str:
        return await read_back(
            self.tools.gateway,
            differs,
            timeout_s=timeout_s,
            say=say,
            stop=self.tools.stop,
            why_gone=self.tools.reloader.why_gone if self._has_reloaded else _never,
            waits_for=waits_for,
            is_final=lambda: self._has_reloaded and self.tools.reloader.old_workers() == 0,
        )

    async def _end_served(self, outcome: Outcome) -> ApplyReport:
        """Close the journal; and the store goes along at once, or it is all undone."""
        if self.tools.settle is None:
            return await self._end(outcome)
        report = self._report(outcome)
        try:
            await to_its_end(self._close(report, self.tools.settle))
        except AituiError as error:
            raise _Failed(StepName.VERIFY, f"the store could not follow: {error}") from error
        return report

    async def _end(
        self,
        outcome: Outcome,
        failure: _Failed | None = None,
        different: tuple[Change, ...] = (),
    ) -> ApplyReport:
        report = self._report(outcome, failure, different)
        if self._is_open:
            noted = "The old file could not be put back; the next `aitui apply` tries it again."
            return replace(report, reason=f"{report.reason} {noted}")
        try:
            await to_its_end(self._close(report))
        except AituiError as error:
            self._journal_error = str(error)
        if self._journal_error is None:
            return report
        noted = f"The journal could not be written: {self._journal_error}"
        return replace(report, reason=f"{report.reason} {noted}" if report.reason else noted)

    def _report(
        self,
        outcome: Outcome,
        failure: _Failed | None = None,
        different: tuple[Change, ...] = (),
    ) -> ApplyReport:
        return ApplyReport(
            revision=self.number,
            outcome=outcome,
            steps=tuple(self.steps),
            took_ms=round((time.monotonic() - self._began) * 1000),
            failed_step=None if failure is None else failure.step,
            reason=None if failure is None else failure.reason,
            still_different=different,
            outage_ms=self.outage_ms,
        )

    async def _close(
        self,
        report: ApplyReport,
        also: Callable[[Transaction], Awaitable[None]] | None = None,
    ) -> None:
        await self.tools.revisions.finish(
            self.number,
            report.outcome,
            report.steps,
            failed_step=report.failed_step,
            reason=report.reason,
            outage_ms=report.outage_ms,
            also=also,
        )
        self._is_closed = True


def _never() -> None:
    return None
