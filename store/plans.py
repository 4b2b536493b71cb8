"""The words of plan, apply, verify and undo. Frozen values, as in `domain`.

The store is the desired state; the proxy, and the file it loads, are the actual one. A plan is the
difference between them, an apply removes it, and drift is a difference that nobody asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from store.errors import AituiError

PlanValue = str | int | float | bool | None | tuple[str, ...]
"""A value of the configuration as a plan shows it; None is "not set". Never a key."""


class ChangeKind(StrEnum):
    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"


class Subject(StrEnum):
    """What a change is about."""

    MODEL = "model"
    ROUTER = "router settings"
    """Strategy, retries, timeout and `default_fallbacks`: what holds for every request."""
    FALLBACKS = "fallbacks"
    CONTEXT_FALLBACKS = "context window fallbacks"
    ALIAS = "alias"


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """One field of a change: what is served (or, unread, what the file says), and what shall be."""

    name: str
    """LiteLLM's path without its section where that is clear: `timeout`, `model_info.mode`."""
    old: PlanValue
    new: PlanValue
    in_file: bool
    """Whether the file differs from the store here."""
    in_live: bool | None
    """Whether the proxy differs from the store here; None where that cannot be seen."""
    drift: bool = False
    """Whether it differs although nothing was edited here since the last apply or import."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs, field by field."""

    kind: ChangeKind
    subject: Subject
    key: str
    """Names the thing within its subject: a deployment's id, a group's or an alias's name."""
    name: str
    """What people call it: a model's group, with its provider's model where that is needed."""
    fields: tuple[FieldDiff, ...] = ()

    @property
    def drift(self) -> bool:
        """Whether none of it was asked for here."""
        return bool(self.fields) and all(field.drift for field in self.fields)

    @property
    def in_file(self) -> bool:
        return any(field.in_file for field in self.fields)

    @property
    def in_live(self) -> bool:
        return any(field.in_live for field in self.fields)

    @property
    def id(self) -> str:
        """Names the change, to choose it: `model m-12ab`."""
        return f"{self.subject} {self.key}"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an apply would change, and what it rests on."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    """What cannot be compared, and why; what else the operator should know."""
    blockers: tuple[str, ...]
    """Why this plan cannot be applied; empty where it can. One sentence each, with the mend."""
    made_at: datetime
    file: str | None
    """The proxy's file; None where the setting does not name it."""
    live_error: str | None
    """Why the proxy could not be read; None where it was."""
    reload: str
    """How an apply makes the proxy take the file, in words, with the outage to expect."""
    fingerprint: str
    """Changes when the file's bytes or the store's content change."""
    yaml: str
    """The file's text after the apply."""
    yaml_before: str
    """The file's text now."""
    to_revision: int | None = None
    """The revision that this plan goes back to; None for what the store says now."""

    @property
    def is_empty(self) -> bool:
        return not self.changes

    def count(self, kind: ChangeKind) -> int:
        return sum(change.kind is kind for change in self.changes)

    @property
    def drifted(self) -> int:
        """How many things differ, at least in part, although nobody asked for it here."""
        return sum(any(each.drift for each in change.fields) for change in self.changes)

    @property
    def asked_for(self) -> int:
        """How many things differ, at least in part, because of an edit here."""
        return sum(not change.drift for change in self.changes)


class PlanChanged(AituiError):
    """The file or the store changed since the plan was made; nothing was done. `plan` is new."""

    def __init__(self, message: str, plan: Plan) -> None:
        super().__init__(message)
        self.plan = plan


class ApplyRefused(AituiError):
    """An apply that was not begun: one sentence with the mend. Nothing was changed."""


class StepName(StrEnum):
    """The steps of an apply, in their order; the last three only where one failed."""

    CHECK = "check"
    BACKUP = "backup"
    WRITE = "write"
    RELOAD = "reload"
    VERIFY = "verify"
    SMOKE = "smoke"
    RESTORE = "restore"
    RELOAD_BACK = "reload back"
    VERIFY_BACK = "verify back"


class StepState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Step:
    """How far an apply is. A running step may be told several times, with another `detail`."""

    name: StepName
    state: StepState
    detail: str = ""
    """What was found, or what is waited for: one line."""
    took_ms: int | None = None


class Outcome(StrEnum):
    RUNNING = "running"
    """Under way, or cut off: nothing has said how it ended."""
    SERVED = "served"
    """The proxy was read back and serves it."""
    WRITTEN = "written"
    """The file is written; the proxy has not loaded it yet (reload `none`)."""
    UNDONE = "undone"
    """A step failed; the file and the proxy are as before, and the read-back proved it."""
    NOT_UNDONE = "not undone"
    """A step failed, and what was before could not be proved to serve again."""
    RECORDED = "recorded"
    """An import: what the file held then. Nothing was applied."""


@dataclass(frozen=True, slots=True)
class ApplyReport:
    """How an apply ended."""

    revision: int
    outcome: Outcome
    steps: tuple[Step, ...]
    took_ms: int
    failed_step: StepName | None = None
    reason: str | None = None
    """Why that step failed: a sentence or two, with the mend where there is one."""
    still_different: tuple[Change, ...] = ()
    """What differs from the state before, where it could not be undone."""
    outage_ms: int | None = None
    """How long the proxy did not answer, as measured; None where that was not watched."""

    @property
    def success(self) -> bool:
        return self.outcome in (Outcome.SERVED, Outcome.WRITTEN)


class RevisionKind(StrEnum):
    APPLY = "apply"
    UNDO = "undo"
    IMPORT = "import"


@dataclass(frozen=True, slots=True)
class Revision:
    """One apply (or import): who, when, what, and what came of it. Times are UTC."""

    number: int
    kind: RevisionKind
    outcome: Outcome
    actor: str
    started_at: datetime
    finished_at: datetime | None
    file: str
    created: int = 0
    changed: int = 0
    deleted: int = 0
    to_revision: int | None = None
    """For an undo, the revision that it goes back to."""
    failed_step: StepName | None = None
    reason: str | None = None
    outage_ms: int | None = None
    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class SyncState:
    """What the header says: how far the proxy is from the store."""

    pending: int = 0
    """Changes made here that are not applied."""
    drifted: int = 0
    """Differences that nobody asked for here."""
    unknown: str | None = None
    """Why it cannot be told; None where it can."""
    unfinished: int | None = None
    """The number of an apply that was cut off."""
    blocked: bool = False
    """Whether no plan can be made of what the store says; `unknown` tells why."""

    @property
    def in_step(self) -> bool:
        return not (self.pending or self.drifted or self.unknown or self.unfinished)
