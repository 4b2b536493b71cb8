"""Carries out plans: one apply a file at a time, and the end of one that was cut off.

What needs YAML or HTTP is imported with the first call: the dashboard starts without either.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from store.database import SqliteDatabase, Transaction
from store.editor import Editor
from store.errors import AituiError, ConfigFileError, ReadOnly
from store.gateway.service import GatewayService
from store.history import History
from store.planner import Planner
from store.plans import (
    ApplyRefused,
    ApplyReport,
    ChangeKind,
    Outcome,
    Plan,
    PlanChanged,
    Revision,
    RevisionKind,
    Step,
    StepName,
    StepState,
    Subject,
)
from store.revisions import Begun, Journal, Revisions
from store.settings import Settings

if TYPE_CHECKING:
    from store.gateway.apply_tools import Tools
    from store.gateway.comparison import Comparison

LOCK_WAIT_S = 10.0
"""How long another operator's apply is waited for before it is told who holds the lock."""
OnStep = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class _Undone:
    """What an undo does to the store: from which row of the audit log back to which."""

    audit_id: int
    audit_before: int


class Applier:
    """Applies plans and finishes what was cut off. Made by the rollout."""

    def __init__(
        self,
        settings: Settings,
        database: SqliteDatabase,
        planner: Planner,
        revisions: Revisions,
        editor: Editor,
        history: History,
        gateway: GatewayService,
    ) -> None:
        self._settings = settings
        self._database = database
        self._planner = planner
        self._revisions = revisions
        self._editor = editor
        self._history = history
        self._gateway = gateway
        self._lock = asyncio.Lock()
        self._stop = asyncio.Event()

    @property
    def is_busy(self) -> bool:
        """Whether an apply of this process is under way."""
        return self._lock.locked()

    async def apply(
        self, plan: Plan, *, actor: str, smoke: bool = False, on_step: OnStep
    ) -> ApplyReport:
        """As `Rollout.apply`."""
        if self._database.read_only is not None:
            raise ReadOnly(self._database.read_only)
        if plan.blockers:
            raise ApplyRefused(" ".join(plan.blockers))
        path = self._settings.config_file
        assert path is not None
        async with self._alone(path, actor, on_step):
            if await self._revisions.running() is not None:
                raise ApplyRefused("an earlier apply was cut off: finish or undo that one first.")
            made = await self._planner.compare(plan.to_revision)
            if made.plan.fingerprint != plan.fingerprint:
                raise PlanChanged(
                    "the file or the store changed since the plan was made.", made.plan
                )
            if made.plan.blockers:
                raise ApplyRefused(" ".join(made.plan.blockers))
            if made.plan.is_empty and made.plan.live_error is not None:
                raise ApplyRefused(
                    "the file says it already, and whether the proxy serves it could not be read: "
                    f"{made.plan.live_error}"
                )
            if made.plan.is_empty:
                return await self._only_in_store(made, actor)
            return await self._carry_out(made, actor, smoke, on_step)

    def stop(self) -> None:
        """Stop the apply that is under way and undo it, with the proof."""
        self._stop.set()

    async def _only_in_store(self, made: Comparison, actor: str) -> ApplyReport:
        """The proxy is as it shall be; an undo may still have the store to take back."""
        to_revision = made.plan.to_revision
        if to_revision is None:
            raise ApplyRefused("nothing to apply: the proxy serves what the store says.")
        done = await self._history.restore_at(made.audit_id, actor=actor)
        if not done:
            raise ApplyRefused(f"nothing to undo: it is all as revision {to_revision} has it.")
        number = await self._begin(made, actor)
        await self._revisions.finish(number, Outcome.SERVED, ())
        return ApplyReport(number, Outcome.SERVED, (), 0)

    async def _carry_out(
        self, made: Comparison, actor: str, smoke: bool, on_step: OnStep
    ) -> ApplyReport:
        plan = made.plan
        assert made.base is not None
        assert made.wanted is not None
        from store.gateway.apply import Apply
        from store.gateway.apply_checks import check_file, test_models
        from store.gateway.apply_target import Target
        from store.gateway.served import served_in

        number = await self._begin(made, actor)
        target = Target(
            path=made.base.path,
            before=made.base.data,
            after=plan.yaml.encode(),
            wanted=made.wanted,
            previous=served_in(made.base.document),
            live_before=made.live,
        )
        models = [
            change.key
            for change in plan.changes
            if change.subject is Subject.MODEL and change.kind is not ChangeKind.DELETE
        ]
        undone = None if made.audit_before is None else _Undone(made.audit_id, made.audit_before)
        async with self._tools(undone, actor, on_step) as tools:
            if smoke:
                world = (
                    await self._history.world_at(made.audit_id)
                    if undone is not None
                    else await self._editor.world()
                )
                tools = replace(tools, smoke=partial(test_models, tools.gateway, world, models))
            check = partial(check_file, made, self._settings, tools.reloader, self._revisions)
            tools = replace(tools, check=check)
            return await Apply(number, target, tools).run()

    async def _begin(self, made: Comparison, actor: str) -> int:
        plan = made.plan
        assert made.base is not None
        return await self._revisions.begin(
            Begun(
                kind=RevisionKind.APPLY if plan.to_revision is None else RevisionKind.UNDO,
                actor=actor,
                file=str(made.base.path),
                changes=plan.changes,
                yaml=plan.yaml,
                yaml_before=plan.yaml_before,
                audit_id=made.audit_id,
                to_revision=plan.to_revision,
                audit_before=made.audit_before,
            )
        )

    @asynccontextmanager
    async def _tools(
        self, undone: _Undone | None, actor: str, on_step: OnStep
    ) -> AsyncIterator[Tools]:
        from store.gateway.apply_tools import Tools
        from store.gateway.reload import make_reloader

        async def settle(tx: Transaction) -> None:
            """An undo is one of the store as well."""
            assert undone is not None
            rows = await tx.all("SELECT coalesce(max(id), 0) FROM audit_log")
            done = await self._history.restore_in(tx, undone.audit_id, actor=actor)
            if done and rows[0][0] != undone.audit_before:
                raise AituiError(
                    "somebody changed it after the undo was planned, which would be lost. "
                    "Plan it again."
                )

        outage_ms = await self._revisions.last_outage_ms()
        try:
            async with self._gateway.observer() as observer:
                yield Tools(
                    revisions=self._revisions,
                    gateway=observer,
                    reloader=make_reloader(self._settings, last_outage_ms=outage_ms),
                    settle=None if undone is None else settle,
                    on_step=on_step,
                    verify_timeout_s=self._settings.verify_timeout,
                    stop=self._stop,
                )
        finally:
            self._planner.forget()
            self._gateway.forgive()

    # --- one that was cut off ------------------------------------------------------------------

    async def unfinished(self) -> Revision | None:
        """An apply that was cut off, so that nobody knows how it ended; or None."""
        journal = await self._revisions.running()
        if journal is None or self.is_busy:
            return None
        from store.gateway.config_lock import is_locked

        if await asyncio.to_thread(is_locked, Path(journal.file)):
            return None  # it is under way in another process
        return await self._revisions.get(journal.number)

    async def recover(self, *, actor: str, on_step: OnStep) -> ApplyReport | None:
        """As `Rollout.recover`."""
        if self._database.read_only is not None:
            raise ReadOnly(self._database.read_only)
        journal = await self._revisions.running()
        if journal is None:
            return None
        await asyncio.to_thread(importlib.import_module, "store.gateway.apply")
        from store.gateway.apply import Apply
        from store.gateway.apply_target import Target
        from store.gateway.comparison import served_with
        from store.gateway.config_write import read_bytes

        path = Path(journal.file)
        try:
            await asyncio.to_thread(read_bytes, path)
        except ConfigFileError as error:
            return await self._give_up(journal, str(error))
        async with self._alone(path, actor, on_step):
            journal = await self._revisions.running()
            if journal is None:
                return None  # another process was faster
            target = Target(
                path=path,
                before=journal.yaml_before.encode(),
                after=journal.yaml.encode(),
                wanted=await asyncio.to_thread(served_with, path, journal.yaml),
                previous=await asyncio.to_thread(served_with, path, journal.yaml_before),
                live_before=None,
            )
            undone = None
            if journal.audit_before is not None:
                undone = _Undone(journal.audit_id, journal.audit_before)
            async with self._tools(undone, actor, on_step) as tools:
                return await Apply(journal.number, target, tools).resume()

    async def _give_up(self, journal: Journal, why: str) -> ApplyReport:
        """Its file is gone: nothing can be proved unless it comes back. Raises ApplyRefused."""
        if self._settings.config_file == Path(journal.file):
            copy = "" if journal.backup is None else f" ({journal.backup} is a copy from before it)"
            raise ApplyRefused(
                f"revision {journal.number} was cut off, and its file cannot be read. {why} Put "
                f"the file back{copy}; then apply again."
            )
        reason = f"it was cut off, and its file cannot be read by now. {why}"
        await self._revisions.finish(
            journal.number, Outcome.NOT_UNDONE, (), failed_step=journal.step, reason=reason
        )
        return ApplyReport(journal.number, Outcome.NOT_UNDONE, (), 0, journal.step, reason)

    @asynccontextmanager
    async def _alone(self, path: Path, actor: str, on_step: OnStep) -> AsyncIterator[None]:
        """One apply a file at a time, whoever begins it. Raises ApplyRefused."""
        from store.gateway.config_lock import hold_lock

        def say(detail: str) -> None:
            on_step(Step(StepName.CHECK, StepState.RUNNING, detail))

        if self._lock.locked():
            raise ApplyRefused("an apply is under way here already: wait for its end.")
        self._stop.clear()  # before the first wait, so that no later `stop` is missed
        async with self._lock, hold_lock(path, wait_s=LOCK_WAIT_S, say=say, actor=actor):
            yield
