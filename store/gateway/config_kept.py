"""What an import keeps of the document around the models, as one YAML text.

The text holds the document with its `model_list` emptied; the order of the list's entries (ids of
models, and whole entries that could not be understood); and which fallback entries and aliases
are routes of the store, so that an export knows which ones are its own.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from store.errors import ImportRefused
from store.gateway.yaml_reader import dump_yaml, read_yaml

FORMAT: Final = 1
_MARK: Final = "aitui_kept"


@dataclass(slots=True)
class Kept:
    """The kept document. `managed` has, by list name, the indexes of entries that are routes."""

    document: dict[Any, Any] = field(default_factory=dict)
    entries: list[str | UnknownEntry] = field(default_factory=list)
    """In the file's order: a model's id, or an entry that is no model."""
    managed: dict[str, list[int]] = field(default_factory=dict)
    default_is_managed: bool = False
    """Whether `default_fallbacks` is the default route."""
    aliases: list[str] = field(default_factory=list)
    """Names under `model_group_alias` that are routes."""


@dataclass(frozen=True, slots=True)
class UnknownEntry:
    """An entry of `model_list` that is kept whole, because it cannot be understood."""

    value: Any


def dump_kept(kept: Kept) -> str:
    return dump_yaml(
        {
            _MARK: FORMAT,
            "document": kept.document,
            "entries": [
                {"kept": entry.value} if isinstance(entry, UnknownEntry) else entry
                for entry in kept.entries
            ],
            "managed": kept.managed,
            "default_is_managed": kept.default_is_managed,
            "aliases": kept.aliases,
        }
    )


def load_kept(text: str) -> Kept:
    """The kept document; an empty one for an empty text.

    Raises:
        ImportRefused: the text is not what `dump_kept` wrote.
    """
    if not text.strip():
        return Kept()
    # The wrapping adds a few values and levels to what the reader's bounds let in.
    value = read_yaml(text, name="the kept configuration", slack=True).value
    if not isinstance(value, Mapping) or value.get(_MARK) != FORMAT:
        raise ImportRefused("the kept configuration is not one of this version. Import again.")
    return Kept(
        document=copy.copy(value["document"]),
        entries=[
            UnknownEntry(entry["kept"]) if isinstance(entry, Mapping) else str(entry)
            for entry in value["entries"]
        ],
        managed={key: list(indexes) for key, indexes in value["managed"].items()},
        default_is_managed=bool(value["default_is_managed"]),
        aliases=list(value["aliases"]),
    )
