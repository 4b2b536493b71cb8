"""A rollout without a proxy: it makes the plans it is given, and an apply goes on by command."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace

from store.errors import AituiError, NotFound
from store.plans import (
    ApplyReport,
    Change,
    ChangeKind,
    FieldDiff,
    Outcome,
    Plan,
    Revision,
    RevisionKind,
    Step,
    StepName,
    StepState,
    Subject,
    SyncState,
)
from store.store import Store
from store.validation import World
from tests.tui.conftest import NOW
from tui.app import AituiApp

FILE = "/etc/litellm/config.yaml"
BEFORE = """\
model_list:
  - model_name: gpt-4.1
    litellm_params:
      model: openai/gpt-4.1
      api_key: sk-live-0123456789abcdef0123
      timeout: 30
router_settings:
  num_retries: 2
"""
AFTER = BEFORE.replace("timeout: 30", "timeout: 60").replace("num_retries: 2", "num_retries: 3")

CHANGED = Change(
    ChangeKind.CHANGE,
    Subject.MODEL,
    "m-12ab",
    "gpt-4.1",
    (FieldDiff("timeout", 30, 60, in_file=True, in_live=True),),
)
CREATED = Change(
    ChangeKind.CREATE,
    Subject.MODEL,
    "m-77",
    "라마-3",
    (
        FieldDiff("model", None, "ollama/llama3", in_file=True, in_live=True),
        FieldDiff("input_cost_per_token", None, 0.0000025, in_file=True, in_live=True),
        FieldDiff("model_info.supports_vision", None, True, in_file=True, in_live=None),
    ),
)
DELETED = Change(
    ChangeKind.DELETE,
    Subject.ALIAS,
    "quick",
    "quick",
    (FieldDiff("model_group_alias.quick", "gpt-4.1", None, in_file=True, in_live=True),),
)
DRIFTED = Change(
    ChangeKind.CHANGE,
    Subject.ROUTER,
    "",
    "router",
    (
        FieldDiff("num_retries", 2, 3, in_file=False, in_live=True, drift=True),
        FieldDiff(
            "routing_strategy",
            "usage-based-routing-v2",
            "latency-based-routing",
            in_file=False,
            in_live=True,
            drift=True,
        ),
    ),
)
PLAN = Plan(
    changes=(CREATED, CHANGED, DRIFTED, DELETED),
    notes=("Keys are never visible: whether they are the same is not known.",),
    blockers=(),
    made_at=NOW,
    file=FILE,
    live_error=None,
    reload="SIGHUP to gunicorn (pid 4120); no outage.",
    fingerprint="1",
    yaml=AFTER,
    yaml_before=BEFORE,
)
HARMLESS = replace(PLAN, changes=(CHANGED,))
IN_STEP = replace(PLAN, changes=(), notes=(), yaml=BEFORE)
ACTOR = "kim@ops-1"
STEPS = (
    Step(StepName.CHECK, StepState.DONE, "14 models; LiteLLM took the file", 310),
    Step(StepName.BACKUP, StepState.DONE, f"{FILE}.aitui-20260318-153000", 4),
    Step(StepName.WRITE, StepState.DONE, FILE, 12),
    Step(StepName.RELOAD, StepState.DONE, "SIGHUP to gunicorn (pid 4120)", 25),
    Step(StepName.VERIFY, StepState.DONE, "4 of 4 workers agree", 1840),
)
SERVED = ApplyReport(12, Outcome.SERVED, STEPS, 2_300, outage_ms=0)
WRITTEN = ApplyReport(
    12,
    Outcome.WRITTEN,
    (*STEPS[:3], Step(StepName.RELOAD, StepState.SKIPPED, "gateway.reload is none")),
    400,
)
FAILED = (
    *STEPS[:4],
    Step(StepName.VERIFY, StepState.FAILED, "gpt-4.1 still has timeout 30", 30_000),
    Step(StepName.RESTORE, StepState.DONE, FILE, 9),
    Step(StepName.RELOAD_BACK, StepState.DONE, "SIGHUP to gunicorn (pid 4120)", 20),
)
WHY = "The proxy answers, but it still serves timeout 30 for gpt-4.1."
UNDONE = ApplyReport(
    12,
    Outcome.UNDONE,
    (*FAILED, Step(StepName.VERIFY_BACK, StepState.DONE, "4 of 4 workers agree", 900)),
    32_100,
    failed_step=StepName.VERIFY,
    reason=WHY,
)
NOT_UNDONE = ApplyReport(
    12,
    Outcome.NOT_UNDONE,
    (*FAILED, Step(StepName.VERIFY_BACK, StepState.FAILED, "gave up after 30 s", 30_000)),
    62_100,
    failed_step=StepName.VERIFY,
    reason=WHY,
    still_different=(CHANGED,),
    outage_ms=18_000,
)


def revision(number: int, outcome: Outcome = Outcome.SERVED, **more: object) -> Revision:
    one = Revision(
        number=number,
        kind=RevisionKind.APPLY,
        outcome=outcome,
        actor=ACTOR,
        started_at=NOW.replace(hour=number % 24),
        finished_at=NOW.replace(hour=number % 24, minute=31),
        file=FILE,
        created=1,
        changed=2,
        deleted=1,
        changes=PLAN.changes,
        steps=STEPS,
    )
    return replace(one, **more)  # type: ignore[arg-type]


class FakeRollout:
    """`say` makes an apply go on: a step is told, a report ends it, an error is raised."""

    def __init__(self, plan: Plan | AituiError = PLAN) -> None:
        self.made: Plan | AituiError = plan
        self.may_compare = asyncio.Event()
        self.may_compare.set()
        self.sync: SyncState | AituiError = SyncState()
        self.cut_off: Revision | None = None
        self.past: tuple[Revision, ...] = ()
        self.calls: list[tuple[object, ...]] = []
        """What was asked for that changes something."""
        self.stops = 0
        self.cancelled = False
        self.plans = 0
        self.door: Store | None = None
        self._script: asyncio.Queue[Step | ApplyReport | Exception | None] = asyncio.Queue()

    def say(self, *script: Step | ApplyReport | Exception | None) -> None:
        for each in script:
            self._script.put_nowait(each)

    async def plan(self, *, to_revision: int | None = None) -> Plan:
        self.plans += 1
        await self.may_compare.wait()
        if isinstance(self.made, AituiError):
            raise self.made
        return replace(self.made, to_revision=to_revision)

    async def apply(
        self, plan: Plan, *, actor: str, smoke: bool = False, on_step: Callable[[Step], None]
    ) -> ApplyReport:
        self.calls.append(("apply", plan, actor, smoke))
        report = await self._go(on_step)
        assert report is not None
        return report

    async def recover(self, *, actor: str, on_step: Callable[[Step], None]) -> ApplyReport | None:
        self.calls.append(("recover", actor))
        self.cut_off = None
        return await self._go(on_step)

    async def _go(self, on_step: Callable[[Step], None]) -> ApplyReport | None:
        try:
            while isinstance(said := await self._script.get(), Step):
                on_step(said)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if isinstance(said, Exception):
            raise said
        return said

    def stop(self) -> None:
        self.stops += 1

    async def unfinished(self) -> Revision | None:
        return self.cut_off

    async def revisions(self, limit: int = 100) -> tuple[Revision, ...]:
        return self.past[:limit]

    async def revision(self, number: int) -> Revision:
        for one in self.past:
            if one.number == number:
                return one
        raise NotFound(f"There is no revision {number}.")

    async def world_at(self, number: int) -> World:
        """As the store is: an undo takes nothing back in it."""
        await self.revision(number)
        assert self.door is not None
        return await self.door.edit.world()

    async def adopt(self, plan: Plan, ids: Collection[str], *, actor: str) -> tuple[str, ...]:
        self.calls.append(("adopt", tuple(ids), actor))
        return tuple(f"{each} is as the proxy has it." for each in ids)

    async def state(self, *, fresh: bool = False) -> SyncState:
        if isinstance(self.sync, AituiError):
            raise self.sync
        return self.sync


def with_fake(app: AituiApp, plan: Plan | AituiError = PLAN) -> FakeRollout:
    """The app's rollout from now on."""
    fake = FakeRollout(plan)
    app.actor = ACTOR
    fake.door = app.store
    app.store.rollout = fake  # type: ignore[assignment]
    return fake
