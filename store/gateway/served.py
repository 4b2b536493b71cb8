"""What a configuration serves, in values that can be compared with what a proxy serves.

Fields have LiteLLM's names: those of `litellm_params` alone, those of `model_info` behind
`model_info.`. A mapping, or a list of more than texts, is its JSON text. No value is a key.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from store.checks import ENV_REFERENCE
from store.gateway.config_entry import Entry, Notes, Raw, read_entry
from store.gateway.config_file import entry_ids
from store.gateway.config_routes import (
    ALIASES,
    CONTEXT_FALLBACKS,
    DEFAULT_FALLBACKS,
    FALLBACKS,
    LITELLM,
    ROUTER,
    effective,
    read_settings,
    section,
)
from store.gateway.secrets import is_key
from store.gateway.yaml_reader import MAX_DEPTH
from store.plans import PlanValue

HIDDEN: Final = "[redacted]"
"""Stands for a key; what holds it is compared with nothing."""
TOO_DEEP: Final = "…"
"""Stands for what is nested deeper than a file can say it."""
INFO: Final = "model_info."
GROUP: Final = "model_name"
MODEL: Final = "model"
ID: Final = "model_info.id"
PRICES: Final = ("input_cost_per_token", "output_cost_per_token")

Fields = Mapping[str, PlanValue]
_EMPTY: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of `model_list`. A field that is null, or not there, is not in `fields`."""

    id: str
    """`model_info.id`, or the one that an import derives where that says nothing."""
    fields: Fields

    @property
    def group(self) -> str:
        return str(self.fields[GROUP])

    @property
    def model(self) -> str:
        return str(self.fields[MODEL])

    @property
    def api_base(self) -> str:
        return str(self.fields.get("api_base") or self.fields.get("base_url") or "").rstrip("/")

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for whatever name is asked; LiteLLM goes by the group's name."""
        return "*" in self.group


@dataclass(frozen=True, slots=True)
class Alias:
    target: PlanValue
    """The group that it stands for."""
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Routing:
    """What the router does with every request. Chains are names of groups, by the group's name."""

    settings: Fields = field(default_factory=lambda: _EMPTY)
    """Strategy, retries, timeout in seconds and `default_fallbacks`, as they are in force."""
    fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _EMPTY)
    context_fallbacks: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: _EMPTY)
    aliases: Mapping[str, Alias] = field(default_factory=lambda: _EMPTY)


@dataclass(frozen=True, slots=True)
class Served:
    """What a configuration serves. Deployments are by id, in the file's order."""

    deployments: Mapping[str, Deployment]
    routing: Routing = Routing()


def served_in(document: Mapping[Any, Any]) -> Served:
    """What LiteLLM would serve from a configuration file's value, its includes resolved.

    Entries that are no models are left out; a setting that breaks a rule is LiteLLM's default.
    """
    listed = document.get("model_list")
    entries: list[tuple[int, Raw, Entry]] = []
    for index, raw in enumerate(listed if isinstance(listed, list) else ()):
        entry = read_entry(raw, Notes())
        if entry is not None:
            entries.append((index, raw, entry))
    ids = entry_ids([(index, entry) for index, _, entry in entries])
    deployments = {
        ids[index]: Deployment(ids[index], _fields(raw, entry)) for index, raw, entry in entries
    }
    return Served(deployments, _routing(document))


def _fields(raw: Raw, entry: Entry) -> Fields:
    params: Raw = raw["litellm_params"]
    info: Raw = raw.get("model_info") or {}
    fields: dict[str, PlanValue] = {GROUP: entry.model_name}
    for key, value in params.items():
        _add(fields, str(key), str(key), value)
    for key, value in info.items():
        name = str(key)
        if name == "id":
            if entry.id is not None:
                fields[ID] = plan_value("id", entry.id)
        elif name in PRICES and params.get(key) is None:
            _add(fields, name, name, value)  # counts as if it stood with the others
        elif not ("cost" in name and params.get(key) is not None):  # those count for LiteLLM
            _add(fields, INFO + name, name, value)
    return fields


def _add(fields: dict[str, PlanValue], name: str, key: str, value: object) -> None:
    found = plan_value(key, value)
    if found is None:
        return
    if name in PRICES and isinstance(found, str) and not is_reference(found):
        with suppress(ValueError):
            found = float(found)  # LiteLLM takes text for a price; YAML reads 1e-7 as one
    fields[name] = found


def is_reference(value: object) -> bool:
    """Whether only the proxy's environment knows the value."""
    return isinstance(value, str) and value.startswith(ENV_REFERENCE)


def plan_value(key: str, value: object) -> PlanValue:
    """A value of a file, or of the proxy, that stands under `key`; never a key's."""
    found = _plain(key, value, inside=False)
    if isinstance(found, list) and all(isinstance(item, str) for item in found):
        return tuple(found)
    if isinstance(found, dict | list):
        return json.dumps(found, sort_keys=True, ensure_ascii=False)
    return found  # type: ignore[no-any-return]


def _plain(key: str, value: object, *, inside: bool, depth: int = 1) -> Any:
    """Texts, numbers, lists and mappings of them, in which no key is."""
    if depth > MAX_DEPTH and isinstance(value, dict | list | tuple | set):
        return TOO_DEEP
    if isinstance(value, dict):
        inside = inside or is_key(key, "x" * 8)
        return {
            str(name): _plain(str(name), item, inside=inside, depth=depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, list | tuple | set):
        items = sorted(map(str, value)) if isinstance(value, set) else value
        return [_plain(key, item, inside=inside, depth=depth + 1) for item in items]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, date):
        value = value.isoformat()
    elif not isinstance(value, str | int | float):
        value = str(value)
    if is_reference(value):
        return HIDDEN if is_key("reference", str(value).removeprefix(ENV_REFERENCE)) else value
    return HIDDEN if is_key(key, value, inside=inside) else value


def _routing(document: Mapping[Any, Any]) -> Routing:
    settings = read_settings(document, Notes())
    chains = chains_in(effective(document, FALLBACKS)[1])
    defaults = [section(document, name).get(DEFAULT_FALLBACKS) for name in (ROUTER, LITELLM)]
    if any(value is not None for value in defaults):
        # LiteLLM appends it to the other chains, and the last one of that name counts.
        chains["*"] = _names(defaults[0] or defaults[1])
    retries = ((ROUTER, "num_retries"), (LITELLM, "num_retries"))
    timeouts = ((ROUTER, "timeout"), (LITELLM, "request_timeout"))
    strategies = ((ROUTER, "routing_strategy"),)
    return routing(
        {
            "routing_strategy": _reference(document, strategies) or settings.strategy,
            "num_retries": _reference(document, retries) or settings.retries,
            "timeout": _reference(document, timeouts) or settings.timeout,
        },
        chains,
        chains_in(effective(document, CONTEXT_FALLBACKS)[1]),
        aliases_in(section(document, ROUTER).get(ALIASES)),
    )


def _reference(document: Mapping[Any, Any], places: tuple[tuple[str, str], ...]) -> str | None:
    """The reference that stands where a setting is read from; None for another value."""
    values = (section(document, name).get(key) for name, key in places)
    first = next((value for value in values if value is not None), None)
    return str(plan_value("setting", first)) if is_reference(first) else None


def routing(
    settings: Fields,
    chains: dict[str, tuple[str, ...]],
    contexts: dict[str, tuple[str, ...]],
    aliases: Mapping[str, Alias],
) -> Routing:
    """The parts as one; the chain of every group without one of its own is `default_fallbacks`."""
    default = chains.pop("*", ())
    return Routing(
        {**settings, DEFAULT_FALLBACKS: default or None},
        chains,
        contexts,
        aliases,
    )


def chains_in(value: object) -> dict[str, tuple[str, ...]]:
    """A list such as `[{a: [b, c]}]`, by its keys.

    As `get_fallback_model_group` in `litellm/router_utils/fallback_event_handlers.py` reads it:
    of a name's entries the first one counts, of those of `*` the last.
    """
    chains: dict[str, tuple[str, ...]] = {}
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict) and entry:
            key, targets = next(iter(entry.items()))
            if key == "*" or str(key) not in chains:
                chains[str(key)] = _names(targets)
    return chains


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return () if value is None else (str(plan_value("model", value)),)
    return tuple(str(plan_value("model", item)) for item in value)


def aliases_in(value: object) -> dict[str, Alias]:
    """`model_group_alias`, of which LiteLLM takes texts and mappings with `model`."""
    aliases: dict[str, Alias] = {}
    for name, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, dict):
            hidden = item.get("hidden") is True
            aliases[str(name)] = Alias(plan_value("model", item.get("model")), hidden)
        else:
            aliases[str(name)] = Alias(plan_value("model", item))
    return aliases
