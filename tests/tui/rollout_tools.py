"""A scripted rollout in the place of the door's own, and plans to give it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from store.database import SqliteDatabase
from store.errors import NotFound
from store.history import History
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
)
from store.settings import Settings
from store.times import to_text
from store.validation import World

AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def diff(name: str, old: Any, new: Any, **more: Any) -> FieldDiff:
    return FieldDiff(name, old, new, **{"in_file": True, "in_live": True, **more})


CREATED = Change(
    ChangeKind.CREATE,
    Subject.MODEL,
    "m-new",
    "new-model",
    (diff("model", None, "openai/new-model"), diff("input_cost_per_token", None, 0.000002)),
)
CHANGED = Change(ChangeKind.CHANGE, Subject.MODEL, "m-gpt", "gpt-4.1", (diff("timeout", 30, 60),))
DELETED = Change(
    ChangeKind.DELETE, Subject.MODEL, "m-old", "old-model", (diff("model", "openai/old", None),)
)
DRIFTED = Change(
    ChangeKind.CHANGE,
    Subject.ROUTER,
    "",
    "router settings",
    (diff("num_retries", 5, 3, drift=True, in_file=False),),
)


def plan(*changes: Change, **more: Any) -> Plan:
    values: dict[str, Any] = {
        "changes": changes,
        "notes": (),
        "blockers": (),
        "made_at": AT,
        "file": "/etc/litellm/config.yaml",
        "live_error": None,
        "reload": "SIGHUP to gunicorn 4242: no outage",
        "fingerprint": "f1",
        "yaml": "model_list: []\n",
        "yaml_before": "",
    }
    return Plan(**(values | more))


def step(name: StepName, state: StepState = StepState.DONE, detail: str = "", ms: int = 10) -> Step:
    return Step(name, state, detail, None if state is StepState.RUNNING else ms)


WENT_WELL = (
    step(StepName.CHECK, detail="3 models"),
    step(StepName.BACKUP, detail="/etc/litellm/config.yaml.bak"),
    step(StepName.WRITE, detail="/etc/litellm/config.yaml"),
    step(StepName.RELOAD, ms=1200),
    step(StepName.VERIFY, detail="4 workers agree", ms=4200),
)
WENT_BACK = (
    *WENT_WELL[:4],
    step(StepName.VERIFY, StepState.FAILED, "1 of 4 workers disagrees", 90_000),
    step(StepName.RESTORE),
    step(StepName.RELOAD_BACK),
    step(StepName.VERIFY_BACK),
)


def report(outcome: Outcome = Outcome.SERVED, **more: Any) -> ApplyReport:
    return ApplyReport(
        **{"revision": 7, "outcome": outcome, "steps": WENT_WELL, "took_ms": 4200, **more}
    )


def revision(number: int, outcome: Outcome = Outcome.SERVED, **more: Any) -> Revision:
    return Revision(
        **{
            "number": number,
            "kind": RevisionKind.APPLY,
            "outcome": outcome,
            "actor": "ops@desk",
            "started_at": AT,
            "finished_at": AT,
            "file": "/etc/litellm/config.yaml",
            **more,
        }
    )


@dataclass
class FakeRollout:
    """Plays what a test scripts, and remembers what it was asked for."""

    plans: list[Plan] = field(default_factory=lambda: [plan()])
    """The last one is given again."""
    ends: list[ApplyReport | Exception] = field(default_factory=list)
    """What each apply comes to, after the steps of its report."""
    history: tuple[Revision, ...] = ()
    cut_off: Revision | None = None
    recovery: ApplyReport | None = None
    yaml: str = "model_list: []\n"
    hang: bool = False
    """Whether an apply waits at its last step until it is stopped or cancelled."""
    world: Callable[[datetime], Awaitable[World]] | None = None
    """What the store held at a time: the door's history, once there is a door."""
    calls: list[tuple[Any, ...]] = field(default_factory=list)
    stopped: asyncio.Event = field(default_factory=asyncio.Event)

    async def plan(self, *, to_revision: int | None = None) -> Plan:
        self.calls.append(("plan", to_revision))
        found = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
        return replace(found, to_revision=to_revision)

    async def apply(
        self, plan: Plan, *, actor: str, smoke: bool, on_step: Callable[[Step], None]
    ) -> ApplyReport:
        self.calls.append(("apply", plan.fingerprint, smoke))
        end = self.ends.pop(0)
        if isinstance(end, Exception):
            raise end
        for one in end.steps:
            on_step(step(one.name, StepState.RUNNING, "under way"))
            on_step(one)
        if self.hang:
            async with asyncio.timeout(30):
                await self.stopped.wait()
        return end

    def stop(self) -> None:
        self.calls.append(("stop",))
        self.stopped.set()

    async def unfinished(self) -> Revision | None:
        return self.cut_off

    async def recover(self, *, actor: str, on_step: Callable[[Step], None]) -> ApplyReport | None:
        self.calls.append(("recover",))
        for one in self.recovery.steps if self.recovery else ():
            on_step(one)
        return self.recovery

    async def revisions(self, limit: int = 100) -> tuple[Revision, ...]:
        return self.history[:limit]

    async def revision(self, number: int) -> Revision:
        for one in self.history:
            if one.number == number:
                return one
        raise NotFound(f"revision: there is no {number}. `aitui revisions` lists them.")

    async def revision_yaml(self, number: int) -> str:
        await self.revision(number)
        return self.yaml

    async def world_at(self, number: int) -> World:
        one = await self.revision(number)
        if one.to_revision is not None:
            return await self.world_at(one.to_revision)
        assert self.world is not None
        return await self.world(one.started_at)

    async def adopt(
        self, plan: Plan, change_ids: Collection[str], *, actor: str
    ) -> tuple[str, ...]:
        self.calls.append(("adopt", tuple(change_ids)))
        return tuple(f"{one} is as the proxy has it" for one in change_ids)

    def asked_for(self, what: str) -> Sequence[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] == what]


def put_in_place(monkeypatch: pytest.MonkeyPatch, rollout: FakeRollout) -> None:
    """Let every door that is opened have this rollout."""

    def make(settings: Settings, database: SqliteDatabase, *others: object) -> FakeRollout:
        (history,) = (each for each in others if isinstance(each, History))

        async def world(at: datetime) -> World:
            newest = await database.one(
                "SELECT max(id) AS id FROM audit_log WHERE at <= ?", (to_text(at),)
            )
            assert newest is not None
            return await history.world_at(newest["id"] or 0)

        rollout.world = world
        return rollout

    monkeypatch.setattr("store.store.Rollout", make)
