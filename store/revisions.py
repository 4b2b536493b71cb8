"""Revisions: what was applied, by whom, what came of it; and the journal of the one under way.

A row whose outcome is `running` says what an apply has begun. It is written before each step, so
that an apply that was cut off, by whatever, is found and finished or undone.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from store.database import Row, SqliteDatabase, Transaction, Value
from store.errors import NotFound
from store.plans import (
    Change,
    ChangeKind,
    FieldDiff,
    Outcome,
    PlanValue,
    Revision,
    RevisionKind,
    Step,
    StepName,
    StepState,
    Subject,
)
from store.times import Clock, from_text, to_text

KEPT_FILES = 100
"""Revisions whose file is kept; of older ones only the plan is."""

_COLUMNS = (
    "number, kind, outcome, actor, started_at, finished_at, file, to_revision, changes_json,"
    " steps_json, reason, failed_step, outage_ms"
)


@dataclass(frozen=True, slots=True)
class Begun:
    """What the journal says of an apply before it begins."""

    kind: RevisionKind
    actor: str
    file: str
    changes: tuple[Change, ...]
    yaml: str
    yaml_before: str
    audit_id: int
    """The newest row of the audit log that is part of it."""
    to_revision: int | None = None
    audit_before: int | None = None
    """For an undo, the newest row of the audit log when it begins: what it was planned from."""


@dataclass(frozen=True, slots=True)
class Journal:
    """An apply that was begun and has no end yet."""

    number: int
    actor: str
    file: str
    step: StepName
    """The last step that was begun."""
    yaml: str
    yaml_before: str
    in_place: bool
    backup: str | None
    host: str
    pid: int
    to_revision: int | None
    audit_id: int
    audit_before: int | None


@dataclass(frozen=True, slots=True)
class Basis:
    """What was applied last: the revision's number and file."""

    number: int
    yaml: str
    waits: bool
    """Whether the proxy has not loaded it yet, as far as is known."""


class Revisions:
    """The revisions' topic of the door."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self, limit: int = 100) -> tuple[Revision, ...]:
        """The newest first."""
        rows = await self._database.all(
            f"SELECT {_COLUMNS} FROM revisions ORDER BY number DESC LIMIT ?",  # noqa: S608
            (limit,),
        )
        return tuple(_read(row) for row in rows)

    async def get(self, number: int) -> Revision:
        """Raises NotFound."""
        row = await self._database.one(
            f"SELECT {_COLUMNS} FROM revisions WHERE number = ?",  # noqa: S608
            (number,),
        )
        if row is None:
            raise NotFound(f"revision: there is no {number}. `aitui revisions` lists them.")
        return _read(row)

    async def yaml(self, number: int) -> str:
        """The file as that revision left it. Raises NotFound, also where it is kept no more."""
        row = await self._database.one("SELECT yaml FROM revisions WHERE number = ?", (number,))
        if row is None:
            raise NotFound(f"revision: there is no {number}. `aitui revisions` lists them.")
        if row["yaml"] is None:
            raise NotFound(
                f"revision {number}: its file is not kept any more; the newest {KEPT_FILES} are."
            )
        return str(row["yaml"])

    async def audit_id(self, number: int) -> int:
        """The newest row of the audit log that is part of a revision. Raises NotFound."""
        row = await self._database.one("SELECT audit_id FROM revisions WHERE number = ?", (number,))
        if row is None:
            raise NotFound(f"revision: there is no {number}. `aitui revisions` lists them.")
        return int(row["audit_id"])

    async def basis(self) -> Basis | None:
        """The last revision that counts as applied, to tell drift by."""
        row = await self._database.one(
            "SELECT number, yaml, outcome FROM revisions WHERE yaml IS NOT NULL"
            " AND outcome IN ('served', 'written', 'recorded') ORDER BY number DESC LIMIT 1"
        )
        if row is None:
            return None
        return Basis(int(row["number"]), str(row["yaml"]), row["outcome"] == Outcome.WRITTEN)

    async def was_served(self, yaml: str) -> bool:
        """Whether that very file was served before."""
        row = await self._database.one(
            "SELECT 1 FROM revisions WHERE outcome = 'served' AND yaml = ? LIMIT 1", (yaml,)
        )
        return row is not None

    async def last_outage_ms(self) -> int | None:
        """How long the proxy was away at the last apply that went well and measured it."""
        row = await self._database.one(
            "SELECT outage_ms FROM revisions WHERE outage_ms > 0 AND outcome = 'served'"
            " ORDER BY number DESC LIMIT 1"
        )
        return None if row is None else int(row["outage_ms"])

    async def running(self) -> Journal | None:
        """The apply that has no end yet; None where there is none."""
        row = await self._database.one(
            "SELECT * FROM revisions WHERE outcome = 'running' ORDER BY number DESC LIMIT 1"
        )
        if row is None:
            return None
        return Journal(
            number=row["number"],
            actor=row["actor"],
            file=row["file"],
            step=StepName(row["step"]),
            yaml=row["yaml"] or "",
            yaml_before=row["yaml_before"] or "",
            in_place=bool(row["in_place"]),
            backup=row["backup"],
            host=row["host"] or "",
            pid=row["pid"] or 0,
            to_revision=row["to_revision"],
            audit_id=row["audit_id"],
            audit_before=row["audit_before"],
        )

    async def begin(self, begun: Begun) -> int:
        """Write the journal's row; the revision's number."""
        async with self._database.write() as tx:
            number = await _insert(
                tx, begun, Outcome.RUNNING, to_text(self._clock()), StepName.CHECK
            )
            await tx.execute(
                "UPDATE revisions SET yaml = NULL WHERE number <= ? AND outcome <> 'running'",
                (number - KEPT_FILES,),
            )
        return number

    async def reached(
        self,
        number: int,
        step: StepName,
        *,
        in_place: bool | None = None,
        backup: str | None = None,
    ) -> None:
        """Say which step begins now; it is on the disk before the step is."""
        async with self._database.write() as tx:
            await tx.execute(
                "UPDATE revisions SET step = ?, in_place = coalesce(?, in_place),"
                " backup = coalesce(?, backup) WHERE number = ?",
                (step, None if in_place is None else int(in_place), backup, number),
            )

    async def finish(
        self,
        number: int,
        outcome: Outcome,
        steps: Sequence[Step],
        *,
        failed_step: StepName | None = None,
        reason: str | None = None,
        outage_ms: int | None = None,
        also: Callable[[Transaction], Awaitable[None]] | None = None,
    ) -> None:
        """Close the journal's row, with what has to be there along with it, or not at all."""
        async with self._database.write() as tx:
            if also is not None:
                await also(tx)
            await tx.execute(
                "UPDATE revisions SET outcome = ?, finished_at = ?, steps_json = ?,"
                " failed_step = ?, reason = ?, outage_ms = ?, yaml_before = NULL WHERE number = ?",
                (
                    outcome,
                    to_text(self._clock()),
                    json.dumps([asdict(step) for step in steps]),
                    failed_step,
                    reason,
                    outage_ms,
                    number,
                ),
            )

    async def served_at_last(self, number: int) -> None:
        """A written file has been loaded meanwhile."""
        async with self._database.write() as tx:
            await tx.execute(
                "UPDATE revisions SET outcome = 'served' WHERE number = ? AND outcome = 'written'",
                (number,),
            )


async def record_import(tx: Transaction, *, at: datetime, actor: str, file: str, yaml: str) -> None:
    """Leave a revision of what an import found, inside its transaction: what drift is told by."""
    rows = await tx.all("SELECT coalesce(max(id), 0) AS audit_id FROM audit_log")
    begun = Begun(RevisionKind.IMPORT, actor, file, (), yaml, "", int(rows[0]["audit_id"]))
    await _insert(tx, begun, Outcome.RECORDED, to_text(at), StepName.VERIFY, finished=to_text(at))


async def _insert(
    tx: Transaction,
    begun: Begun,
    outcome: Outcome,
    now: str,
    step: StepName,
    finished: str | None = None,
) -> int:
    rows = await tx.all("SELECT coalesce((SELECT max(number) FROM revisions), 0) + 1 AS number")
    number = int(rows[0]["number"])
    values: dict[str, Value] = {
        "number": number,
        "kind": begun.kind,
        "outcome": outcome,
        "actor": begun.actor,
        "started_at": now,
        "finished_at": finished,
        "file": begun.file,
        "audit_id": begun.audit_id,
        "to_revision": begun.to_revision,
        "audit_before": begun.audit_before,
        "changes_json": _changes_json(begun.changes),
        "steps_json": "[]",
        "yaml": begun.yaml,
        "yaml_before": begun.yaml_before if outcome is Outcome.RUNNING else None,
        "step": step,
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    await tx.execute(
        f"INSERT INTO revisions ({', '.join(values)})"  # noqa: S608 names are ours
        f" VALUES ({', '.join('?' * len(values))})",
        tuple(values.values()),
    )
    return number


def _changes_json(changes: Iterable[Change]) -> str:
    return json.dumps([asdict(change) for change in changes])


def _read(row: Row) -> Revision:
    changes = tuple(_change(item) for item in json.loads(row["changes_json"]))
    kinds = [change.kind for change in changes]
    started = from_text(row["started_at"])
    assert started is not None
    return Revision(
        number=row["number"],
        kind=RevisionKind(row["kind"]),
        outcome=Outcome(row["outcome"]),
        actor=row["actor"],
        started_at=started,
        finished_at=from_text(row["finished_at"]),
        file=row["file"],
        created=kinds.count(ChangeKind.CREATE),
        changed=kinds.count(ChangeKind.CHANGE),
        deleted=kinds.count(ChangeKind.DELETE),
        to_revision=row["to_revision"],
        failed_step=StepName(row["failed_step"]) if row["failed_step"] else None,
        reason=row["reason"],
        outage_ms=row["outage_ms"],
        changes=changes,
        steps=tuple(_step(item) for item in json.loads(row["steps_json"])),
    )


def _change(item: Mapping[str, Any]) -> Change:
    return Change(
        kind=ChangeKind(item["kind"]),
        subject=Subject(item["subject"]),
        key=item["key"],
        name=item["name"],
        fields=tuple(
            FieldDiff(
                name=field["name"],
                old=_value(field["old"]),
                new=_value(field["new"]),
                in_file=field["in_file"],
                in_live=field["in_live"],
                drift=field["drift"],
            )
            for field in item["fields"]
        ),
    )


def _value(value: Any) -> PlanValue:
    return tuple(value) if isinstance(value, list) else value


def _step(item: Mapping[str, Any]) -> Step:
    return Step(
        name=StepName(item["name"]),
        state=StepState(item["state"]),
        detail=item["detail"],
        took_ms=item["took_ms"],
    )
