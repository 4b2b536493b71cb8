"""Plan, apply, verify, undo: the proxy serves what the store says, or what it served before."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from store.adoption import adopt
from store.applier import Applier
from store.configuration import Configuration
from store.database import SqliteDatabase
from store.editor import Editor
from store.errors import AituiError
from store.gateway.service import GatewayService
from store.history import History
from store.models import Models
from store.planner import Planner
from store.plans import (
    ApplyReport,
    Change,
    Plan,
    PlanChanged,
    Revision,
    Step,
    SyncState,
)
from store.providers import Providers
from store.revisions import Revisions
from store.routes import Routes
from store.settings import Settings
from store.times import Clock
from store.validation import World

STATE_S = 10.0
"""How old what the header says of the proxy may be: reading 2,000 models takes a second of CPU."""
OnStep = Callable[[Step], None]


def _ignore(step: Step) -> None:
    return


@dataclass(frozen=True, slots=True)
class _State:
    """What was found out at a moment (monotonic seconds)."""

    key: object
    at: float
    found: SyncState

    def holds(self, key: object) -> bool:
        return key == self.key and time.monotonic() - self.at < STATE_S


class Rollout:
    """The rollout's topic of the door."""

    def __init__(
        self,
        settings: Settings,
        database: SqliteDatabase,
        clock: Clock,
        providers: Providers,
        models: Models,
        routes: Routes,
        configuration: Configuration,
        editor: Editor,
        history: History,
        gateway: GatewayService,
    ) -> None:
        self._database = database
        self._providers = providers
        self._models = models
        self._routes = routes
        self._history = history
        self._revisions = Revisions(database, clock)
        self._state: _State | None = None
        self._planner = Planner(
            settings,
            database,
            clock,
            routes,
            configuration,
            editor,
            history,
            gateway,
            self._revisions,
        )
        self._applier = Applier(
            settings, database, self._planner, self._revisions, editor, history, gateway
        )

    @property
    def applying(self) -> bool:
        """Whether an apply of this process is under way."""
        return self._applier.is_busy

    # --- plan --------------------------------------------------------------------------------

    async def plan(self, *, to_revision: int | None = None) -> Plan:
        """What an apply would change now; or what an undo to that revision would.

        Raises:
            AituiError: the store or the file cannot be read. A proxy that cannot be read is said
                in the plan, which then compares with the file alone.
            NotFound: no such revision.
        """
        return (await self._planner.compare(to_revision)).plan

    async def state(self, *, fresh: bool = False) -> SyncState:
        """How far the proxy is from the store, for the header. Never raises AituiError.

        Unless `fresh`, at most 10 s old where nothing was changed here.
        """
        try:
            key = await self._planner.stamp()
            if fresh or self._state is None or not self._state.holds(key):
                self._state = _State(key, time.monotonic(), await self._ask_state())
        except AituiError as error:
            return SyncState(unknown=str(error))
        return self._state.found

    async def _ask_state(self) -> SyncState:
        cut_off = await self.unfinished()
        plan = await self.plan()
        is_blocked = bool(plan.blockers) and not plan.yaml
        return SyncState(
            pending=plan.asked_for,
            drifted=plan.drifted,
            unknown=plan.blockers[0] if is_blocked else plan.live_error,
            blocked=is_blocked,
            unfinished=None if cut_off is None else cut_off.number,
        )

    async def adopt(
        self, plan: Plan, change_ids: Collection[str], *, actor: str
    ) -> tuple[str, ...]:
        """Take what the proxy has into the store, for these changes of a plan.

        A sentence for each thing that was changed.

        Raises:
            PlanChanged: the file, the proxy or the store is not as in the plan.
            AituiError: it cannot be taken over; nothing was written.
        """
        made = await self._planner.compare(plan.to_revision)
        chosen = tuple(change for change in made.plan.changes if change.id in change_ids)
        known = [change for change in plan.changes if change.id in change_ids]
        if _taken(chosen) != _taken(known):
            raise PlanChanged("what is served changed since the plan was made.", made.plan)
        if not chosen:
            return ()
        return await adopt(
            self._database, self._providers, self._models, self._routes, made, chosen, actor=actor
        )

    # --- apply -------------------------------------------------------------------------------

    async def apply(
        self, plan: Plan, *, actor: str, smoke: bool = False, on_step: OnStep = _ignore
    ) -> ApplyReport:
        """Carry out a plan, step by step, or put everything back.

        Cancelled, it puts the old file back, has it loaded without waiting, and leaves the proof
        to `recover`. `stop` ends it with the proof.

        Raises:
            ReadOnly: nothing may be changed.
            ApplyRefused: it was not begun: blockers, another apply, or nothing to do.
            PlanChanged: the file or the store is not as it was when the plan was made.
        """
        return await self._applier.apply(plan, actor=actor, smoke=smoke, on_step=on_step)

    def stop(self) -> None:
        """Stop the apply that is under way and undo it, with the proof."""
        self._applier.stop()

    async def unfinished(self) -> Revision | None:
        """An apply that was cut off, so that nobody knows how it ended; or None."""
        return await self._applier.unfinished()

    async def recover(self, *, actor: str, on_step: OnStep = _ignore) -> ApplyReport | None:
        """Finish an apply that was cut off, or undo it; None where there is none.

        Raises:
            ReadOnly: nothing may be changed.
            ApplyRefused: it is under way after all, or its file cannot be read.
            ImportRefused: a file that it includes cannot be read.
        """
        return await self._applier.recover(actor=actor, on_step=on_step)

    # --- revisions -----------------------------------------------------------------------------

    async def revisions(self, limit: int = 100) -> tuple[Revision, ...]:
        """What was applied, the newest first."""
        return await self._revisions.all(limit)

    async def revision(self, number: int) -> Revision:
        """Raises NotFound."""
        return await self._revisions.get(number)

    async def world_at(self, number: int) -> World:
        """Everything in the store as that revision has it. Raises NotFound."""
        return await self._history.world_at(await self._revisions.audit_id(number))

    async def revision_yaml(self, number: int) -> str:
        """The file as that revision left it. Raises NotFound."""
        return await self._revisions.yaml(number)


def _taken(changes: Sequence[Change]) -> set[tuple[str, str, str, object]]:
    """What an adoption of these changes would take, wherever it stands."""
    return {(c.id, c.kind, field.name, field.old) for c in changes for field in c.fields}
