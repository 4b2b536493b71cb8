"""A change in the store field by field, as lines: `context_window: 128000 -> 200000`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from store.domain import Model, Provider, Route
    from store.history import FieldChange
    from store.store import Store
    from store.validation import World

SKIPPED = frozenset({"id", "version", "position", "kept"})
"""Nothing that an operator sets: names of rows, and the file's own entry."""
MAX_VALUE = 200
"""Characters of a value in a line."""
MAX_LINES = 40
"""Of what the store takes back."""


async def known_names(store: Store) -> dict[str, str]:
    """id -> name, of every provider and model, so that a change can be read."""
    world = await store.edit.world()
    names = {provider.id: provider.name for provider in world.providers}
    return names | {model.id: model.model_name for model in world.models}


def between(before: Provider | Model | Route, after: Provider | Model | Route) -> list[FieldChange]:
    """What differs between two states of a thing."""
    from store.history import FieldChange, as_fields

    old, new = as_fields(before), as_fields(after)
    return [
        FieldChange(name, old[name], new[name])
        for name in old
        if name not in SKIPPED and old[name] != new[name]
    ]


def lines(changes: Iterable[FieldChange], names: Mapping[str, str]) -> list[str]:
    """One line a field. `names` turns ids into names."""
    return [
        f"{change.name}: {shown(change.name, change.before, names)}"
        f" -> {shown(change.name, change.after, names)}"
        for change in changes
    ]


def shown(field: str, value: object, names: Mapping[str, str] | None = None) -> str:
    """A value for people; one that the operator cannot set is not spelled out."""
    from tui.text import clean

    if value is None or value in ("", (), []):
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field in ("kept", "document"):
        return f"{len(str(value).splitlines())} lines"
    if isinstance(value, list | tuple):
        return ", ".join(_named(value, names or {}))
    if isinstance(value, float):
        return f"{value:g}"
    text = (names or {}).get(str(value), str(value)) if field.endswith("_id") else str(value)
    return clean(text, limit=MAX_VALUE, one_line=True)


def _named(ids: Sequence[object], names: Mapping[str, str]) -> list[str]:
    from tui.text import clean

    return [clean(names.get(str(one), str(one)), limit=MAX_VALUE, one_line=True) for one in ids]


async def store_changes(store: Store, revision: int) -> list[str]:
    """What the store takes back on its way to that revision, as lines; empty if it says the same.

    Raises:
        NotFound: there is no such revision.
    """
    from store.topic import thing_name

    now = _things(await store.edit.world())
    then = _things(await store.rollout.world_at(revision))
    names = {each.id: thing_name(each) for each in (*then.values(), *now.values())}
    found: list[str] = []
    for thing_id, thing in (now | then).items():
        before, after = now.get(thing_id), then.get(thing_id)
        if before is None or after is None:
            found.append(f"{'+' if before is None else '-'} {_title(thing)}")
        elif fields := between(before, after):
            found.append(f"~ {_title(thing)}")
            found += (f"    {line}" for line in lines(fields, names))
    more = len(found) - MAX_LINES
    return [*found[:MAX_LINES], f"… and {more} more lines"] if more > 0 else found


def _things(world: World) -> dict[str, Provider | Model | Route]:
    every: tuple[Provider | Model | Route, ...] = (*world.providers, *world.models, *world.routes)
    return {thing.id: thing for thing in every}


def _title(thing: Provider | Model | Route) -> str:
    from store.topic import thing_name
    from tui.text import clean

    return f"{type(thing).__name__.lower()} {clean(thing_name(thing), limit=100, one_line=True)}"
