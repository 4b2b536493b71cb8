"""What providers, models and routes share: versioned rows whose changes are audited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Generic, TypeVar

from store.audit import as_json, write_audit
from store.database import Row, SqliteDatabase, Transaction, Value
from store.domain import Health, HealthStatus, Model, Provider, Route
from store.errors import NotFound, StaleEdit
from store.times import Clock, from_text, to_text

Thing = TypeVar("Thing", Provider, Model, Route)

_LASTING = ("id", "version", "created_at")
"""Columns that a removed row keeps when it comes back."""


def thing_name(thing: Provider | Model | Route) -> str:
    """What people call it."""
    return thing.model_name if isinstance(thing, Model) else thing.name


def read_health(row: Row) -> Health:
    """The health columns that providers and models share."""
    return Health(
        HealthStatus(row["health_status"] or "unknown"),
        from_text(row["last_health_check"]),
        row["health_latency_ms"],
        row["health_reason"],
    )


@dataclass(frozen=True, slots=True)
class Table(Generic[Thing]):
    """How a thing is kept: its table, and the way in and out of a row."""

    name: str
    entity: str
    order: str
    read: Callable[[Row], Thing]
    columns: Callable[[Thing], dict[str, Value]]


class Topic(Generic[Thing]):
    """What providers, models and routes share: reading, and versioned, audited writing."""

    table: Table[Thing]

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def all(self) -> tuple[Thing, ...]:
        """Everything that is not removed, in its order."""
        rows = await self._database.all(self._select("") + f" ORDER BY {self.table.order}")
        return tuple(self.table.read(row) for row in rows)

    async def get(self, thing_id: str) -> Thing:
        """The thing of that id. Raises NotFound."""
        row = await self._database.one(self._select("AND id = ?"), (thing_id,))
        if row is None:
            raise NotFound(f"{self.table.entity}: there is none with the id {thing_id!r}.")
        return self.table.read(row)

    async def set_enabled(self, thing_id: str, enabled: bool, *, actor: str, version: int) -> Thing:
        """Enable or disable one thing.

        Raises:
            NotFound: there is none of that id.
            StaleEdit: somebody else changed it meanwhile.
        """
        before = await self.get(thing_id)
        after = replace(before, is_enabled=enabled)
        if before.is_enabled == enabled:
            return before
        async with self._database.write() as tx:
            return await self.update(
                tx,
                replace(before, version=version),
                after,
                actor,
                action="enable" if enabled else "disable",
            )

    async def insert(
        self, tx: Transaction, thing: Thing, actor: str, action: str = "create"
    ) -> Thing:
        """Add a thing, with its audit row, inside the caller's transaction.

        One that was removed comes back under its id, with a version above its last one.
        """
        now = self._clock()
        values: dict[str, Value] = {
            "id": thing.id,
            **self.table.columns(thing),
            "version": 1,
            "created_at": to_text(now),
            "updated_at": to_text(now),
        }
        table = self.table.name
        back = ", ".join(f"{name} = excluded.{name}" for name in values if name not in _LASTING)
        count = await tx.execute(
            f"INSERT INTO {table} ({', '.join(values)})"  # noqa: S608 names are ours
            f" VALUES ({', '.join('?' * len(values))})"
            f" ON CONFLICT (id) DO UPDATE SET {back}, removed_at = NULL,"
            f" version = {table}.version + 1 WHERE {table}.removed_at IS NOT NULL",
            tuple(values.values()),
        )
        if count == 0:
            raise StaleEdit(
                f"{self.table.entity} {thing_name(thing)!r}: somebody else added one with the "
                f"id {thing.id!r} meanwhile; nothing was written. Look at it again.",
                await self._read_one(tx, thing.id),
            )
        added = await self._read_one(tx, thing.id)
        assert added is not None
        await self._audit(tx, now, actor, action, None, added)
        return added

    async def update(
        self, tx: Transaction, before: Thing, after: Thing, actor: str, action: str = "update"
    ) -> Thing:
        """Write `after` over `before`, with its audit row, inside the caller's transaction.

        Raises:
            StaleEdit: the row's version is not `before.version` any more; nothing is written.
        """
        await self.current(tx, before)
        now = self._clock()
        values: dict[str, Value] = {**self.table.columns(after), "updated_at": to_text(now)}
        assignments = ", ".join(f"{name} = ?" for name in values)
        count = await tx.execute(
            f"UPDATE {self.table.name} SET {assignments}, version = version + 1"  # noqa: S608
            " WHERE id = ? AND version = ? AND removed_at IS NULL",
            (*values.values(), after.id, before.version),
        )
        # Read back: a price has the digits that its column keeps, and the log tells what is there.
        changed = await self._read_one(tx, after.id)
        assert count == 1
        assert changed is not None
        await self._audit(tx, now, actor, action, before, changed)
        return changed

    async def delete(
        self, tx: Transaction, before: Thing, actor: str, action: str = "remove"
    ) -> None:
        """Remove a thing, with its audit row, inside the caller's transaction.

        Its row stays, marked: use that was recorded still names it, and it can be restored.

        Raises:
            StaleEdit: the row's version is not `before.version` any more; nothing is written.
        """
        await self.current(tx, before)
        now = self._clock()
        await tx.execute(
            f"UPDATE {self.table.name} SET removed_at = ?, version = version + 1"  # noqa: S608
            " WHERE id = ? AND version = ? AND removed_at IS NULL",
            (to_text(now), before.id, before.version),
        )
        await self._audit(tx, now, actor, action, before, None)

    async def current(self, tx: Transaction, before: Thing) -> Thing:
        """The thing as it stands, with its present health.

        Raises:
            StaleEdit: it was changed or removed since it was read as `before`.
        """
        now = await self._read_one(tx, before.id)
        if now is None or now.version != before.version:
            raise StaleEdit(
                f"{self.table.entity} {thing_name(before)!r} was "
                f"{'removed' if now is None else 'changed'} by somebody else "
                "since you read it; nothing was written. Look at it again.",
                now,
            )
        return now

    async def all_in(self, tx: Transaction) -> tuple[Thing, ...]:
        """`all` inside a transaction, where nobody else can write meanwhile."""
        rows = await tx.all(self._select("") + f" ORDER BY {self.table.order}")
        return tuple(self.table.read(row) for row in rows)

    async def _read_one(self, tx: Transaction, thing_id: str) -> Thing | None:
        rows = await tx.all(self._select("AND id = ?"), (thing_id,))
        return self.table.read(rows[0]) if rows else None

    def _select(self, condition: str) -> str:
        return f"SELECT * FROM {self.table.name} WHERE removed_at IS NULL {condition}"  # noqa: S608

    async def _audit(
        self,
        tx: Transaction,
        now: datetime,
        actor: str,
        action: str,
        before: Thing | None,
        after: Thing | None,
    ) -> None:
        thing = after or before
        assert thing is not None
        await write_audit(
            tx,
            at=now,
            actor=actor,
            action=action,
            entity=self.table.entity,
            entity_id=thing.id,
            name=thing_name(thing),
            before=None if before is None else as_json(before),
            after=None if after is None else as_json(after),
        )
