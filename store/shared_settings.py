"""Settings that belong to the store, not to one operator's machine: audited like all the rest."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from store.audit import write_audit
from store.database import SqliteDatabase
from store.errors import InvalidField
from store.times import Clock, to_text

TIME_ZONE = "time_zone"
"""The zone of "today" and of a day's bucket, e.g. `Asia/Seoul`, for everyone who uses the store."""


class SharedSettings:
    """The shared settings' topic of the door."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def get(self, name: str) -> str | None:
        """The setting's value, or None where it was never set."""
        row = await self._database.one("SELECT value FROM app_settings WHERE name = ?", (name,))
        return None if row is None else str(row["value"])

    async def set(self, name: str, value: str, *, actor: str) -> None:
        """Set it, with an audit row. Raises InvalidField for an unknown setting or a bad value."""
        _check(name, value)
        before = await self.get(name)
        if before == value:
            return
        now = self._clock()
        async with self._database.write() as tx:
            await tx.execute(
                "INSERT INTO app_settings (name, value, updated_at) VALUES (?, ?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = excluded.value,"
                " updated_at = excluded.updated_at, version = app_settings.version + 1",
                (name, value, to_text(now)),
            )
            await write_audit(
                tx,
                at=now,
                actor=actor,
                action="create" if before is None else "update",
                entity="setting",
                entity_id=name,
                name=name,
                before=None if before is None else {"value": before},
                after={"value": value},
            )


def _check(name: str, value: str) -> None:
    if name != TIME_ZONE:
        raise InvalidField("setting", f"there is no {name!r}. Known: {TIME_ZONE}.")
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidField(
            name, f"{value!r} is no time zone. Give one such as Asia/Seoul."
        ) from None
