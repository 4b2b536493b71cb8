"""`router_settings` and `litellm_settings` as routes.

Which of the two sections counts, and what counts where neither says anything, is as LiteLLM
1.106.2 does it (`Router.__init__` in `litellm/router.py`): `router_settings` wins, key by key and
whole; an empty list or a timeout of null is taken from `litellm_settings`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from store.checks import ENV_REFERENCE, redact
from store.domain import STRATEGIES, Route
from store.gateway.config_entry import Notes
from store.gateway.config_kept import Kept
from store.gateway.yaml_reader import Path

ROUTER: Final = "router_settings"
LITELLM: Final = "litellm_settings"
FALLBACKS: Final = "fallbacks"
CONTEXT_FALLBACKS: Final = "context_window_fallbacks"
DEFAULT_FALLBACKS: Final = "default_fallbacks"
ALIASES: Final = "model_group_alias"

DEFAULT_STRATEGY: Final = "simple-shuffle"
DEFAULT_RETRIES: Final = 2
"""`openai.DEFAULT_MAX_RETRIES`, which LiteLLM's router falls back to."""
DEFAULT_TIMEOUT_S: Final = 6000.0
"""`litellm.constants.DEFAULT_REQUEST_TIMEOUT_SECONDS`."""
MAX_RETRIES: Final = 1_000_000

DEFAULT_NAME: Final = "default"

Document = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for every route of a file. Timeout in seconds."""

    strategy: str
    retries: int
    timeout: float


def section(document: Document, name: str) -> dict[Any, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def effective(document: Document, key: str) -> tuple[str, Any]:
    """The section whose `key` counts for LiteLLM, and its value; (ROUTER, None) for none."""
    for name in (ROUTER, LITELLM):
        value = section(document, name).get(key)
        if value:
            return name, value
    return ROUTER, None


def read_settings(document: Document, notes: Notes) -> Settings:
    """Strategy, retries and timeout; what breaks a rule is an error in `notes`."""
    for name in (ROUTER, LITELLM):
        if not isinstance(document.get(name), dict | None):
            notes.errors.append(((name,), "must be a mapping"))
    retries = [_retries(document, name, notes) for name in (ROUTER, LITELLM)]
    timeouts = [
        _timeout(document, (ROUTER, "timeout"), notes),
        _timeout(document, (LITELLM, "request_timeout"), notes),
    ]
    return Settings(
        _strategy(document, notes),
        next((value for value in retries if value is not None), DEFAULT_RETRIES),
        next((value for value in timeouts if value is not None), DEFAULT_TIMEOUT_S),
    )


def _strategy(document: Document, notes: Notes) -> str:
    path = (ROUTER, "routing_strategy")
    value = section(document, ROUTER).get("routing_strategy")
    if value is None or _is_reference(value, path, notes):
        return DEFAULT_STRATEGY
    if value == "simple":
        return DEFAULT_STRATEGY
    if not isinstance(value, str) or value not in STRATEGIES:
        notes.errors.append((path, f"must be one of {', '.join(STRATEGIES)}"))
        return DEFAULT_STRATEGY
    return value


def _retries(document: Document, name: str, notes: Notes) -> int | None:
    path = (name, "num_retries")
    value = section(document, name).get("num_retries")
    if value is None or _is_reference(value, path, notes):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_RETRIES:
        return value
    notes.errors.append((path, "must be a whole number, zero or more"))
    return None


def _timeout(document: Document, path: tuple[str, str], notes: Notes) -> float | None:
    value = section(document, path[0]).get(path[1])
    if value is None or _is_reference(value, path, notes):
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            seconds = float(value)
        except OverflowError:
            seconds = math.inf
        if math.isfinite(seconds) and seconds > 0:
            return seconds
    notes.errors.append((path, "must be a number of seconds, more than zero"))
    return None


def _is_reference(value: object, path: Path, notes: Notes) -> bool:
    """Whether only the proxy's environment knows the value; LiteLLM's default is shown then."""
    if isinstance(value, str) and value.startswith(ENV_REFERENCE):
        notes.warnings.append((path, "is read from the proxy's environment"))
        return True
    return False


def shown(value: object) -> str:
    """A name from the file for a message: short, printable, without a key."""
    text = repr(value) if isinstance(value, str) else type(value).__name__
    return redact(text if len(text) <= 80 else text[:80] + "…")


def alias_targets(document: Document) -> dict[str, str]:
    """Aliases of groups, with the group that each stands for."""
    found = section(document, ROUTER).get(ALIASES)
    targets: dict[str, str] = {}
    for name, value in found.items() if isinstance(found, dict) else ():
        target = value.get("model") if isinstance(value, dict) else value
        if isinstance(name, str) and isinstance(target, str):
            targets[name] = target
    return targets


@dataclass(frozen=True, slots=True)
class _Chain:
    key: str
    primary_id: str
    ids: tuple[str, ...]
    is_alias: bool


class RouteReader:
    """The file's routes; what cannot be one stays in the kept document, with a warning."""

    def __init__(self, kept: Kept, groups: Mapping[str, str], notes: Notes) -> None:
        """`groups`: the id of the first model of each group, by the group's name."""
        self.kept = kept
        self.document = kept.document
        self.groups = groups
        self.notes = notes
        self.aliases = {
            name: target
            for name, target in alias_targets(kept.document).items()
            if target in groups and name not in groups
        }

    def read(self) -> tuple[Route, ...]:
        """The routes, the default one first. Notes in `kept` which of its entries they are."""
        settings = read_settings(self.document, self.notes)
        if section(self.document, ROUTER).get("routing_strategy") == "simple":
            path = (ROUTER, "routing_strategy")
            self.notes.warnings.append(
                (path, f"is 'simple', which LiteLLM refuses; now {DEFAULT_STRATEGY}")
            )
            self.document[ROUTER] = {**self.document[ROUTER], "routing_strategy": DEFAULT_STRATEGY}
        default_ids = self._default_fallbacks()
        chains = self._list(FALLBACKS, has_default=default_ids is not None)
        first = next((chain for chain in chains.values() if not chain.is_alias), None)
        primary = first if default_ids is None else None
        contexts = self._list(
            CONTEXT_FALLBACKS, has_default=default_ids is not None, primary=primary
        )
        if primary is not None:
            del chains[primary.key]
        context = contexts.pop(primary.key, None) if primary is not None else None
        default = Route(
            id="r-default",
            name=DEFAULT_NAME,
            routing_strategy=settings.strategy,
            primary_model_id=primary.primary_id if primary is not None else None,
            fallback_model_ids=primary.ids if primary is not None else default_ids or (),
            context_window_fallback_ids=context.ids if context is not None else (),
            num_retries=settings.retries,
            timeout_seconds=settings.timeout,
            is_default=True,
        )
        return (default, *self._others(settings, chains, contexts))

    def _others(
        self, settings: Settings, chains: dict[str, _Chain], contexts: dict[str, _Chain]
    ) -> list[Route]:
        routes = []
        for name in dict.fromkeys((*chains, *contexts)):
            chain, context = chains.get(name), contexts.get(name)
            either = chain or context
            assert either is not None
            if either.is_alias:
                self.kept.aliases.append(name)
            routes.append(
                Route(
                    id="r-"
                    + hashlib.sha256(name.encode("utf-8", "backslashreplace")).hexdigest()[:12],
                    name=name,
                    routing_strategy=settings.strategy,
                    primary_model_id=either.primary_id,
                    fallback_model_ids=chain.ids if chain else (),
                    context_window_fallback_ids=context.ids if context else (),
                    num_retries=settings.retries,
                    timeout_seconds=settings.timeout,
                )
            )
        return routes

    def _default_fallbacks(self) -> tuple[str, ...] | None:
        name, value = self._effective_list(DEFAULT_FALLBACKS)
        if value is None:
            return None
        ids = self._targets(value, (name, DEFAULT_FALLBACKS))
        self.kept.default_is_managed = ids is not None
        return ids

    def _effective_list(self, key: str) -> tuple[str, list[Any] | None]:
        for name in (ROUTER, LITELLM):
            value = section(self.document, name).get(key)
            if value is not None and not isinstance(value, list):
                self.notes.errors.append(((name, key), "must be a list"))
        name, value = effective(self.document, key)
        if name == ROUTER and value and section(self.document, LITELLM).get(key):
            self.notes.warnings.append(
                ((LITELLM, key), f"is not in force, because {ROUTER}.{key} is there")
            )
        return name, value if isinstance(value, list) else None

    def _list(
        self, key: str, *, has_default: bool, primary: _Chain | None = None
    ) -> dict[str, _Chain]:
        name, value = self._effective_list(key)
        chains: dict[str, _Chain] = {}
        seen: set[str] = set()
        for index, entry in enumerate(value or ()):
            path = (name, key, index)
            chain = self._entry(entry, path, seen)
            if chain is None:
                continue
            is_primary = not has_default and (
                chain.key == primary.key
                if primary is not None
                else key == FALLBACKS and all(other.is_alias for other in chains.values())
            )
            if chain.key == DEFAULT_NAME and (chain.is_alias or not is_primary):
                self._warn(path, f"cannot be a route: {DEFAULT_NAME!r} is the default route's name")
                continue
            chains[chain.key] = chain
            self.kept.managed.setdefault(key, []).append(index)
        return chains

    def _entry(self, entry: object, path: Path, seen: set[str]) -> _Chain | None:
        if not isinstance(entry, dict) or len(entry) != 1:
            self._warn(path, "is not a mapping of one model to its fallbacks")
            return None
        key, value = next(iter(entry.items()))
        if not isinstance(key, str):
            self._warn(path, "has a key that is no model's name")
            return None
        if key in seen:
            self._warn((*path, key), "is a second entry of that name, which has no effect")
            return None
        seen.add(key)
        group = self.aliases.get(key, key)
        if group not in self.groups:
            self._warn((*path, key), f"belongs to {shown(key)}, which is no model")
            return None
        ids = self._targets(value, (*path, key))
        if ids is None:
            return None
        return _Chain(key, self.groups[group], ids, is_alias=key not in self.groups)

    def _targets(self, value: object, path: Path) -> tuple[str, ...] | None:
        if not isinstance(value, list):
            self._warn(path, "is not a list of models")
            return None
        ids = []
        for index, target in enumerate(value):
            if not isinstance(target, str) or target not in self.groups:
                what = "an alias" if isinstance(target, str) and target in self.aliases else None
                self._warn((*path, index), f"names {shown(target)}, which is {what or 'no model'}")
                return None
            ids.append(self.groups[target])
        return tuple(ids)

    def _warn(self, path: Path, text: str) -> None:
        self.notes.warnings.append((path, text))
