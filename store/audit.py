"""The log of changes: who, when, what, and the thing before and after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from store.database import Row, SqliteDatabase, Transaction
from store.domain import AuditEntry, Health
from store.times import from_text, to_text


def as_json(thing: object) -> dict[str, object]:
    """A thing's editable state for the audit log. Health is an observation, so it is left out."""
    state: dict[str, object] = {}
    for item in fields(thing):  # type: ignore[arg-type]
        value = getattr(thing, item.name)
        if isinstance(value, Health):
            continue
        state[item.name] = str(value) if isinstance(value, Decimal) else value
    return state


async def write_audit(
    tx: Transaction,
    *,
    at: datetime,
    actor: str,
    action: str,
    entity: str,
    entity_id: str,
    name: str,
    before: Mapping[str, object] | None,
    after: Mapping[str, object] | None,
) -> None:
    """Add one row to the audit log, inside the transaction of the change it tells of."""
    await tx.execute(
        "INSERT INTO audit_log"
        " (change_id, at, actor, action, entity, entity_id, name, before_json, after_json)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            tx.change_id,
            to_text(at),
            actor,
            action,
            entity,
            entity_id,
            name,
            None if before is None else json.dumps(before),
            None if after is None else json.dumps(after),
        ),
    )


class Audit:
    """Reading the log of changes."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def latest(self, limit: int = 200) -> tuple[AuditEntry, ...]:
        """The newest changes first."""
        rows = await self._database.all(
            "SELECT * FROM audit_log ORDER BY id DESC LIMIT ?", (limit,)
        )
        return tuple(read_entry(row) for row in rows)


def read_entry(row: Row) -> AuditEntry:
    """One row of the log."""

    def state(text: str | None) -> dict[str, Any] | None:
        return None if text is None else json.loads(text)

    at = from_text(row["at"])
    assert at is not None
    return AuditEntry(
        id=row["id"],
        change_id=row["change_id"],
        at=at,
        actor=row["actor"],
        action=row["action"],
        entity=row["entity"],
        entity_id=row["entity_id"],
        name=row["name"],
        before=state(row["before_json"]),
        after=state(row["after_json"]),
    )
