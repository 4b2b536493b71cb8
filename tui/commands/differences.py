"""A change field by field, as lines: `context_window: 128000 -> 200000`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from store.history import FieldChange
    from store.store import Store
    from tui.commands.edit_fields import Thing

SKIPPED = frozenset({"id", "version", "position", "kept"})
"""Nothing that an operator sets: names of rows, and the file's own entry."""
MAX_VALUE = 200
"""Characters of a value in a line."""


async def known_names(store: Store) -> dict[str, str]:
    """id -> name, of every provider and model, so that a change can be read."""
    world = await store.edit.world()
    names = {provider.id: provider.name for provider in world.providers}
    return names | {model.id: model.model_name for model in world.models}


def between(before: Thing, after: Thing) -> list[FieldChange]:
    """What differs between two states of a thing."""
    from store.history import FieldChange
    from tui.commands.shapes import editable

    old, new = editable(before), editable(after)
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
