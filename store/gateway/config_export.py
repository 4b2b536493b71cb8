"""Providers, models and routes to LiteLLM's configuration file, with all that was kept of it.

A value is written only where what the kept document says differs from what the store says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from store.domain import Model, Provider, Route
from store.errors import ImportRefused, InvalidField
from store.gateway.config_entry import Notes, Raw, plain_number, write_entry
from store.gateway.config_kept import Kept, UnknownEntry, load_kept
from store.gateway.config_routes import (
    ALIASES,
    CONTEXT_FALLBACKS,
    DEFAULT_FALLBACKS,
    FALLBACKS,
    LITELLM,
    ROUTER,
    alias_targets,
    effective,
    read_settings,
    section,
)
from store.gateway.yaml_reader import dump_yaml, read_yaml
from store.gateway.yaml_text import same

_MODEL_LIST: Final = "model_list"


def export_yaml(
    kept: str, providers: Sequence[Provider], models: Sequence[Model], routes: Sequence[Route]
) -> str:
    """The configuration file's text. Arguments and errors are those of `export_document`."""
    return dump_yaml(export_document(kept, providers, models, routes))


def export_document(
    kept: str, providers: Sequence[Provider], models: Sequence[Model], routes: Sequence[Route]
) -> dict[Any, Any]:
    """The configuration file as one mapping. Arguments and errors are those of `export`."""
    return export(kept, providers, models, routes).document


@dataclass(frozen=True, slots=True)
class Exported:
    """A configuration file as one mapping."""

    document: dict[Any, Any]
    order: tuple[int | None, ...]
    """For each entry of its `model_list` the place that it had among the kept ones; None for a
    new one."""


def export(
    kept: str, providers: Sequence[Provider], models: Sequence[Model], routes: Sequence[Route]
) -> Exported:
    """The configuration file as the store would have it.

    Disabled models, models of disabled providers and disabled routes are left out, and so are
    the places in chains that name such a model where its group has no other deployment.

    Args:
        kept: `ConfigFile.kept` of the last import; empty for none.

    Raises:
        ImportRefused: what was kept cannot be read.
        InvalidField: two routes speak for one model, or a route's name hides another model.
    """
    known = load_kept(kept)
    by_id = {provider.id: provider for provider in providers}
    served = []
    for model in sorted(models, key=lambda model: model.position):
        provider = by_id.get(model.provider_id)
        if provider is None:
            raise InvalidField(f"model {model.model_name}", "its provider is missing.")
        if model.is_enabled and provider.is_enabled:
            served.append((model, write_entry(_kept_entry(model), model, provider)))
    document = known.document
    entries = _ordered(known, served)
    if entries or isinstance(document.get(_MODEL_LIST), list):
        document[_MODEL_LIST] = [raw for _, raw in entries]
    _RouteWriter(known, models, [model for model, _ in served]).write(routes)
    return Exported(document, tuple(place for place, _ in entries))


def same_entry(model: Model, other: Model, provider: Provider) -> bool:
    """Whether both models of `provider` would stand in the file as the same entry."""
    try:
        one, two = (write_entry(_kept_entry(each), each, provider) for each in (model, other))
    except ImportRefused:
        return False
    return same(one, two)


def _kept_entry(model: Model) -> Raw | None:
    if not model.kept.strip():
        return None
    value = read_yaml(model.kept, name=f"the kept entry of {model.model_name}", slack=True).value
    if not isinstance(value, dict):
        raise ImportRefused(f"the kept entry of {model.model_name} is not a mapping. Import again.")
    return value


def _ordered(known: Kept, served: Sequence[tuple[Model, Raw]]) -> list[tuple[int | None, Any]]:
    """Models in the store's order; each unknown entry behind the model that it stood behind.

    With each its place among the kept entries, None for a new one.
    """
    present = {model.id for model, _ in served}
    unknown_after: dict[str | None, list[tuple[int | None, Any]]] = {}
    places: dict[str, int] = {}
    last: str | None = None
    for place, entry in enumerate(known.entries):
        if isinstance(entry, UnknownEntry):
            unknown_after.setdefault(last, []).append((place, entry.value))
        else:
            places[entry] = place
            last = entry if entry in present else last
    entries = list(unknown_after.get(None, ()))
    for model, raw in served:
        entries += [(places.get(model.id), raw), *unknown_after.get(model.id, ())]
    return entries


class _RouteWriter:
    def __init__(self, known: Kept, models: Sequence[Model], served: Sequence[Model]) -> None:
        self.known = known
        self.document = known.document
        self.names = {model.id: model.model_name for model in models}
        self.groups = {model.model_name for model in served}

    def write(self, routes: Sequence[Route]) -> None:
        enabled = [route for route in routes if route.is_enabled]
        default = next((route for route in enabled if route.is_default), None)
        if default is not None:
            self._settings(default)
        keys = self._keys(enabled)
        self._default_fallbacks(default)
        first = next((key for key, route in keys.items() if route is default), None)
        for kind in (FALLBACKS, CONTEXT_FALLBACKS):
            wanted = {key: self._chain(route, kind) for key, route in keys.items()}
            self._list(kind, wanted, first)
        self._aliases(keys, routes)

    def _settings(self, route: Route) -> None:
        now = read_settings(self.document, Notes())
        for key, old, new in (
            ("routing_strategy", now.strategy, route.routing_strategy),
            ("num_retries", now.retries, route.num_retries),
            ("timeout", now.timeout, plain_number(route.timeout_seconds)),
        ):
            if old != new:
                self._put(ROUTER, key, new)

    def _keys(self, routes: Sequence[Route]) -> dict[str, Route]:
        """The name under which each route stands in the file: its group's, or an alias."""
        keys: dict[str, Route] = {}
        for route in sorted(routes, key=lambda route: not route.is_default):
            group = self.names.get(route.primary_model_id or "")
            if group is None or group not in self.groups:
                continue
            key = group if route.is_default else route.name
            if key != group and key in self.groups:
                raise InvalidField(
                    f"route {route.name}",
                    f"its name is that of another model than its primary, {group}. Rename it.",
                )
            if key in keys:
                raise InvalidField(
                    f"route {route.name}",
                    f"the route {keys[key].name} speaks for {key} already. Remove one of the two.",
                )
            keys[key] = route
        return keys

    def _chain(self, route: Route, kind: str) -> list[str]:
        ids = route.fallback_model_ids if kind == FALLBACKS else route.context_window_fallback_ids
        return self._served_names(ids)

    def _served_names(self, ids: Sequence[str]) -> list[str]:
        names = (self.names.get(model_id) for model_id in ids)
        return [name for name in names if name is not None and name in self.groups]

    def _default_fallbacks(self, default: Route | None) -> None:
        name, value = effective(self.document, DEFAULT_FALLBACKS)
        chained = default is not None and default.primary_model_id is None
        wanted = self._served_names(default.fallback_model_ids) if default and chained else []
        if wanted == value or not (wanted or self.known.default_is_managed):
            return
        if wanted:
            self._put(name, DEFAULT_FALLBACKS, list(dict.fromkeys(wanted)))
        else:
            self._empty(name, DEFAULT_FALLBACKS)

    def _list(self, kind: str, wanted: dict[str, list[str]], first: str | None) -> None:
        """Bring one list of fallbacks to `wanted`; entries that are no routes stay in place."""
        name, value = effective(self.document, kind)
        present = value if isinstance(value, list) else []
        managed = set(self.known.managed.get(kind, ()))
        left = dict(wanted)
        result: list[Any] = []
        ours: list[int] = []  # places in `result` of entries that are routes
        gone: set[object] = set()  # a second entry of a key took no effect, and shall not now
        for index, entry in enumerate(present):
            key = next(iter(entry), None) if isinstance(entry, dict) and len(entry) == 1 else None
            if index in managed or left.get(key or ""):
                assert isinstance(key, str)
                chain = left.pop(key, None)
                if chain is None or (not chain and entry[key]):
                    gone.add(key)  # the route is gone, or has no chain any more
                    continue
                ours.append(len(result))
                same = chain == entry[key]
                result.append(entry if same else {key: list(dict.fromkeys(chain))})
            elif key is None or key not in gone:
                result.append(entry)
        added = [{key: list(dict.fromkeys(chain))} for key, chain in left.items() if chain]
        ours += range(len(result), len(result) + len(added))
        result += added
        if kind == FALLBACKS and first is not None:
            _bring_first(result, ours, first, self.groups)
        if result == present:
            return
        if result:
            self._put(name, kind, result)
        else:
            self._empty(name, kind)

    def _aliases(self, keys: dict[str, Route], routes: Sequence[Route]) -> None:
        targets = alias_targets(self.document)
        kept = section(self.document, ROUTER).get(ALIASES)
        aliases = dict(kept) if isinstance(kept, dict) else {}
        # One without a chain cannot be told from an alias of the operator's, but by its route.
        ours = [route.name for route in routes if self._is_of(route, targets.get(route.name))]
        for name in (*self.known.aliases, *ours):
            if name not in keys:
                aliases.pop(name, None)
        for key, route in keys.items():
            group = self.names[route.primary_model_id or ""]
            if key == group or targets.get(key) == group:
                continue
            before = aliases.get(key)
            aliases[key] = {**before, "model": group} if isinstance(before, dict) else group
        if aliases != (kept if isinstance(kept, dict) else {}):
            self._put(ROUTER, ALIASES, aliases)

    def _is_of(self, route: Route, target: str | None) -> bool:
        """Whether an alias of that target is this route's; its model may have gone with it."""
        own = self.names.get(route.primary_model_id or "")
        return target is not None and (target == own or (own is None and target not in self.groups))

    def _put(self, name: str, key: str, value: object) -> None:
        self.document[name] = {**section(self.document, name), key: value}

    def _empty(self, name: str, key: str) -> None:
        """Empty a list. LiteLLM would then take the other section's, which no one asked for."""
        for each in {name, LITELLM}:
            if section(self.document, each).get(key):
                self._put(each, key, [])


def _bring_first(result: list[Any], ours: Sequence[int], first: str, groups: set[str]) -> None:
    """Move the default route's entry before the other groups': an import takes the first one."""
    of_groups = [place for place in ours if next(iter(result[place])) in groups]
    place = next((place for place in of_groups if first in result[place]), None)
    if place is not None and place != of_groups[0]:
        result.insert(of_groups[0], result.pop(place))
