"""History: every change field by field, and the way back to any earlier state.

A way back is a change of its own, with its own rows in the audit log. Replaying the log from
empty gives the present state, so a state is rebuilt by replaying it up to a point.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any, cast

from store.audit import as_json, read_entry
from store.database import SqliteDatabase, Transaction
from store.domain import AuditEntry, Model, Provider, Route
from store.errors import InUse, NotFound, Rejected, StaleEdit
from store.models import Models
from store.providers import Providers
from store.routes import Routes
from store.topic import Topic, thing_name
from store.validation import World, conflicts

AnyThing = Provider | Model | Route
Key = tuple[str, str]
"""(entity, id)"""
Wanted = dict[Key, AnyThing | None]
"""States to reach; None: not there."""
Step = tuple[Key, AnyThing | None, AnyThing | None]
"""A thing as it is, and as it is to be."""

KINDS: dict[str, type[Any]] = {"provider": Provider, "model": Model, "route": Route}
_DECIMALS = {"input_cost_per_1k", "output_cost_per_1k"}
_TUPLES = {"fallback_model_ids", "context_window_fallback_ids"}
_PARK = {
    "provider": "UPDATE ai_providers SET name = ? WHERE id = ?",
    "route": "UPDATE ai_routes SET name = ?, is_default = 0 WHERE id = ?",
}
"""Free a unique name, and the default's place, until the same transaction writes the real ones:
things may have swapped their names."""
_UNTIL = "SELECT * FROM audit_log WHERE id <= ? ORDER BY id"
_UNSEEN = {"version", "position"}
"""Fields that change by themselves, so no difference is made of them."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a change; None where the thing was not there."""

    name: str
    before: object
    after: object


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """Which changes to look at; None is all."""

    entity: str | None = None
    entity_id: str | None = None
    name: str | None = None


ALL = HistoryFilter()


class History:
    """The history's topic of the door."""

    def __init__(
        self, database: SqliteDatabase, providers: Providers, models: Models, routes: Routes
    ) -> None:
        self._database = database
        self._topics: dict[str, Topic[Any]] = {
            "provider": providers,
            "model": models,
            "route": routes,
        }

    async def entries(
        self, which: HistoryFilter = ALL, *, before_id: int | None = None, limit: int = 200
    ) -> tuple[AuditEntry, ...]:
        """The newest changes first; with `before_id`, the page behind that one."""
        conditions: list[str] = ["id < ?"]
        params: list[str | int] = [2**62 if before_id is None else before_id]
        for column, value in (
            ("entity", which.entity),
            ("entity_id", which.entity_id),
            ("name", which.name),
        ):
            if value is not None:
                conditions.append(f"{column} = ?")
                params.append(value)
        rows = await self._database.all(
            f"SELECT * FROM audit_log WHERE {' AND '.join(conditions)}"  # noqa: S608
            " ORDER BY id DESC LIMIT ?",
            (*params, limit),
        )
        return tuple(read_entry(row) for row in rows)

    async def entry(self, entry_id: int) -> AuditEntry:
        """One change. Raises NotFound."""
        row = await self._database.one("SELECT * FROM audit_log WHERE id = ?", (entry_id,))
        if row is None:
            raise NotFound(f"history: there is no change {entry_id}. `aitui history` lists them.")
        return read_entry(row)

    async def undo(self, change_id: str, *, actor: str) -> tuple[str, ...]:
        """Take back one change, whole; what was done, in words.

        Raises:
            StaleEdit: a thing was changed again since, so taking it back would overwrite that.
            InUse: others use what would be removed, or another route is the default by now.
            Rejected: a name is taken by now, or what the older state uses is gone.
            NotFound: no such change.
        """
        async with self._database.write() as tx:
            rows = await tx.all(
                "SELECT * FROM audit_log WHERE change_id = ? ORDER BY id DESC", (change_id,)
            )
            if not rows:
                raise NotFound("history: there is no such change.")
            present = await self._present(tx)
            wanted: Wanted = {}
            for entry in map(read_entry, rows):
                key = (entry.entity, entry.entity_id)
                _require_thing(entry)
                if key not in wanted:
                    await _require_untouched(tx, entry, present.get(key))
                wanted[key] = from_json(entry.entity, entry.before)
            return await self._reach(tx, wanted, present, actor, "undo")

    async def restore(self, entry_id: int, *, actor: str) -> tuple[str, ...]:
        """Bring one thing to its state right after that change; what was done, in words.

        Which route is the default one stays as it is.

        Raises:
            NotFound: no such change.
            InUse: the thing was removed then, and others use it now, or it is the default route.
            Rejected: its name is taken by now, or what that state uses is gone.
        """
        entry = await self.entry(entry_id)
        _require_thing(entry)
        key = (entry.entity, entry.entity_id)
        async with self._database.write() as tx:
            present = await self._present(tx)
            thing, now = from_json(entry.entity, entry.after), present.get(key)
            is_default = isinstance(now, Route) and now.is_default
            if is_default and thing is None:
                raise InUse("The default route cannot be removed: make another the default first.")
            if isinstance(thing, Route):
                thing = replace(thing, is_default=is_default)
            return await self._reach(tx, {key: thing}, present, actor, "restore")

    async def restore_all(self, entry_id: int, *, actor: str) -> tuple[str, ...]:
        """Bring every provider, model and route to how it was right after that change, whole.

        Raises:
            NotFound: no such change.
        """
        entry = await self.entry(entry_id)
        row = await self._database.one(
            "SELECT max(id) FROM audit_log WHERE change_id = ?", (entry.change_id,)
        )
        assert row is not None
        return await self.restore_at(int(row[0]), actor=actor)

    async def restore_at(self, audit_id: int, *, actor: str) -> tuple[str, ...]:
        """Bring every provider, model and route to how it was after that row of the audit log."""
        async with self._database.write() as tx:
            return await self.restore_in(tx, audit_id, actor=actor)

    async def restore_in(self, tx: Transaction, audit_id: int, *, actor: str) -> tuple[str, ...]:
        """As `restore_at`, in a transaction that does more."""
        present = await self._present(tx)
        rows = await tx.all(_UNTIL, (audit_id,))
        wanted: Wanted = dict.fromkeys(present)
        wanted |= replay(map(read_entry, rows))
        return await self._reach(tx, wanted, present, actor, "restore")

    async def world_at(self, audit_id: int) -> World:
        """Everything as it was after that row of the audit log; nothing is changed."""
        states = replay(map(read_entry, await self._database.all(_UNTIL, (audit_id,))))
        return _world(thing for thing in states.values() if thing is not None)

    async def _present(self, tx: Transaction) -> dict[Key, AnyThing]:
        return {
            (entity, thing.id): thing
            for entity, topic in self._topics.items()
            for thing in await topic.all_in(tx)
        }

    async def _reach(
        self,
        tx: Transaction,
        wanted: Wanted,
        present: Mapping[Key, AnyThing],
        actor: str,
        action: str,
    ) -> tuple[str, ...]:
        """Write what differs. Removals come first and additions last: names are free by then.

        An import may have brought values that a form would not take, and they come back too;
        only what breaks the configuration as a whole is refused.
        """
        steps = [
            (key, present.get(key), _as_present(thing, present.get(key)))
            for key, thing in wanted.items()
        ]
        steps = [step for step in steps if step[1] != step[2]]
        _check(steps, present)
        done = []
        for (entity, _), before, after in steps:
            if before is not None and after is None:
                await self._topics[entity].delete(tx, before, actor, action)
                done.append(f"{entity} {thing_name(before)} is removed")
        changed = [(key, b, a) for key, b, a in steps if b is not None and a is not None]
        for (entity, thing_id), _, _ in changed:
            if entity in _PARK:
                await tx.execute(_PARK[entity], (f"\x1f{thing_id}", thing_id))
        for (entity, _), before, after in changed:
            await self._topics[entity].update(tx, before, after, actor, action)
            done.append(f"{entity} {thing_name(after)} is as it was")
        order = list(KINDS)
        for (entity, _), before, after in sorted(steps, key=lambda step: order.index(step[0][0])):
            if before is None and after is not None:
                await self._topics[entity].insert(tx, after, actor, action)
                done.append(f"{entity} {thing_name(after)} is back")
        return tuple(done)


def differences(entry: AuditEntry) -> tuple[FieldChange, ...]:
    """A change field by field, in the fields' own order."""
    before, after = entry.before or {}, entry.after or {}
    names = dict.fromkeys((*before, *after))
    return tuple(
        FieldChange(name, before.get(name), after.get(name))
        for name in names
        if name not in _UNSEEN and before.get(name) != after.get(name)
    )


def as_fields(thing: object) -> dict[str, object]:
    """A thing's editable fields by name, without those that change by themselves."""
    return {name: value for name, value in as_json(thing).items() if name not in _UNSEEN}


def replay(entries: Iterable[AuditEntry]) -> Wanted:
    """Every thing's state after these changes, oldest first; None for what was removed."""
    states: Wanted = {}
    for entry in entries:
        if entry.entity in KINDS:
            states[entry.entity, entry.entity_id] = from_json(entry.entity, entry.after)
    return states


def from_json(entity: str, state: Mapping[str, object] | None) -> AnyThing | None:
    """A thing from the audit log's JSON. What was not logged (health) has its default."""
    if state is None:
        return None
    kind = KINDS[entity]
    values: dict[str, Any] = {}
    for item in fields(kind):
        if item.name not in state:
            continue
        value = state[item.name]
        if item.name in _DECIMALS and value is not None:
            value = Decimal(str(value))
        elif item.name in _TUPLES:
            value = tuple(cast("Sequence[str]", value))
        values[item.name] = value
    return cast(AnyThing, kind(**values))


def _as_present(thing: AnyThing | None, present: AnyThing | None) -> AnyThing | None:
    """`thing` with what is no part of an edit taken from what is there now."""
    if thing is None or present is None:
        return thing
    if isinstance(thing, Route):
        return replace(thing, version=present.version)
    return replace(thing, version=present.version, health=cast("Provider | Model", present).health)


def _world(things: Iterable[AnyThing]) -> World:
    things = tuple(things)
    return World(
        tuple(thing for thing in things if isinstance(thing, Provider)),
        tuple(thing for thing in things if isinstance(thing, Model)),
        tuple(thing for thing in things if isinstance(thing, Route)),
    )


def _check(steps: Sequence[Step], present: Mapping[Key, AnyThing]) -> None:
    """Raise Rejected or InUse if the state that is to be reached breaks a rule."""
    state = dict(present)
    for key, _, after in steps:
        if after is None:
            state.pop(key, None)
        else:
            state[key] = after
    world = _world(state.values())
    gone = {key: before for key, before, after in steps if before is not None and after is None}
    users: tuple[Model | Route, ...] = (*world.models, *world.routes)
    for thing in users:
        if used := sorted(thing_name(gone[key]) for key in _uses(thing) & gone.keys()):
            raise InUse(
                f"{thing_name(thing)!r} uses what would be removed ({', '.join(used)}). "
                "Change or restore that first."
            )
    found = [p for _, _, after in steps if after is not None for p in conflicts(after, world)]
    if found:
        raise Rejected(tuple(found))
    defaults = [route.name for route in world.routes if route.is_default]
    if len(defaults) > 1:
        raise InUse(f"Only one route can be the default: {' or '.join(map(repr, defaults))}.")


def _uses(thing: Model | Route) -> set[Key]:
    if isinstance(thing, Model):
        return {("provider", thing.provider_id)}
    primary = () if thing.primary_model_id is None else (thing.primary_model_id,)
    used = (*primary, *thing.fallback_model_ids, *thing.context_window_fallback_ids)
    return {("model", model_id) for model_id in used}


def _require_thing(entry: AuditEntry) -> None:
    if entry.entity not in KINDS:
        raise InUse(
            f"history: a change of the {entry.entity} cannot be taken back here; "
            "set or import it again."
        )


async def _require_untouched(tx: Transaction, entry: AuditEntry, present: AnyThing | None) -> None:
    """Raise StaleEdit if the thing was changed since; a change that was undone is none."""
    later = await tx.all(
        "SELECT * FROM audit_log WHERE entity = ? AND entity_id = ? AND id > ? ORDER BY id",
        (entry.entity, entry.entity_id, entry.id),
    )
    standing: list[AuditEntry] = []
    for row in map(read_entry, later):
        if row.action == "undo" and standing and _seen(row.after) == _seen(standing[-1].before):
            standing.pop()
        else:
            standing.append(row)
    if standing:
        raise StaleEdit(
            f"{entry.entity} {entry.name!r} was changed again since; undoing would overwrite that. "
            "Restore it from the history instead.",
            present,
        )


def _seen(state: Mapping[str, object] | None) -> dict[str, object] | None:
    if state is None:
        return None
    return {name: value for name, value in state.items() if name not in _UNSEEN}
