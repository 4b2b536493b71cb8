"""What of the models and routes is in the proxy's configuration, in LiteLLM's own terms.

A route is an entry of `fallbacks` under a key: the default route's key is the group of its
primary, another route's key is its own name, which is an alias where it is not that group's name.
A default route without a primary is `default_fallbacks`. Disabled things are left out, as the
export leaves them out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from store.domain import Model, Provider, Route

MAX_FALLBACKS: Final = 5
"""`litellm.constants.ROUTER_MAX_FALLBACKS`. A request that has come this deep follows no further
chain; a chain that it is in already is still tried to its end."""
DEFAULT_STRATEGY: Final = "simple-shuffle"
DEFAULT_RETRIES: Final = 2
"""`openai.DEFAULT_MAX_RETRIES`, which LiteLLM 1.106.2 takes where nothing is set."""


@dataclass(frozen=True, slots=True)
class Chains:
    """The proxy's configuration. Chains hold names of groups, each once, and none is empty."""

    names: Mapping[str, str]
    """The group of every model, by the model's id."""
    members: Mapping[str, tuple[Model, ...]]
    """All models of each group, in the file's order."""
    groups: Mapping[str, tuple[Model, ...]]
    """The served ones; a group without any is absent."""
    off: Mapping[str, str]
    """Why a model is not served, by its id."""
    keys: Mapping[str, Route]
    aliases: Mapping[str, str]
    """The group that the key of a route stands for, where it is not the group's own name."""
    fallbacks: Mapping[str, tuple[str, ...]]
    contexts: Mapping[str, tuple[str, ...]]
    default_chain: tuple[str, ...]
    default: Route | None
    refused: Mapping[str, str]
    """Why the export refuses a route, by the route's id. One such refuses the whole export."""
    prefixes: Collection[str]
    """The providers' litellm prefixes."""

    @property
    def strategy(self) -> str:
        return self.default.routing_strategy if self.default is not None else DEFAULT_STRATEGY

    @property
    def retries(self) -> int:
        return self.default.num_retries if self.default is not None else DEFAULT_RETRIES

    def key(self, route: Route) -> str | None:
        """The name under which `route` is, or would be, in the file; None without a primary."""
        group = self.names.get(route.primary_model_id or "")
        if group is None:
            return None
        return group if route.is_default else route.name

    def of(self, chains: Mapping[str, tuple[str, ...]], name: str) -> str | None:
        """The key in `chains` that counts for `name`: its own, or the name without its prefix.

        As `get_fallback_model_group` in `litellm/router_utils/fallback_event_handlers.py`, which
        takes the chain of `gpt-4o` for `openai/gpt-4o`. Its other direction needs LiteLLM's price
        map and is not known here.
        """
        if name in chains:
            return name
        prefix, slash, rest = name.partition("/")
        return rest if slash and prefix in self.prefixes and rest in chains else None


def read_chains(
    routes: Sequence[Route], models: Sequence[Model], providers: Sequence[Provider]
) -> Chains:
    """The proxy's configuration as the export writes it; a refused route has no place in it."""
    off = _off(models, providers)
    members: dict[str, list[Model]] = {}
    for model in sorted(models, key=lambda model: model.position):
        members.setdefault(model.model_name, []).append(model)
    served = {
        name: tuple(model for model in group if model.id not in off)
        for name, group in members.items()
    }
    groups = {name: group for name, group in served.items() if group}
    names = {model.id: model.model_name for model in models}
    enabled = sorted((r for r in routes if r.is_enabled), key=lambda route: not route.is_default)
    default = next((route for route in enabled if route.is_default), None)
    keys, refused = _keys(enabled, names, groups)

    def chain(ids: Iterable[str]) -> tuple[str, ...]:
        found = (names.get(model_id, "") for model_id in ids)
        return tuple(dict.fromkeys(name for name in found if name in groups))

    fallbacks = {key: chain(route.fallback_model_ids) for key, route in keys.items()}
    contexts = {key: chain(route.context_window_fallback_ids) for key, route in keys.items()}
    chained = default is not None and default.primary_model_id is None
    return Chains(
        names=names,
        members={name: tuple(group) for name, group in members.items()},
        groups=groups,
        off=off,
        keys=keys,
        aliases={
            key: names[route.primary_model_id or ""]
            for key, route in keys.items()
            if key != names[route.primary_model_id or ""]
        },
        fallbacks={key: found for key, found in fallbacks.items() if found},
        contexts={key: found for key, found in contexts.items() if found},
        default_chain=chain(default.fallback_model_ids) if default and chained else (),
        default=default,
        refused=refused,
        prefixes=frozenset(p.litellm_provider for p in providers if p.litellm_provider),
    )


def _off(models: Iterable[Model], providers: Iterable[Provider]) -> dict[str, str]:
    known = {provider.id: provider for provider in providers}
    off = {}
    for model in models:
        provider = known.get(model.provider_id)
        if not model.is_enabled:
            off[model.id] = "is disabled"
        elif provider is None:
            off[model.id] = "has a provider that is missing"
        elif not provider.is_enabled:
            off[model.id] = f"belongs to the provider {provider.name}, which is disabled"
    return off


def _keys(
    enabled: Iterable[Route], names: Mapping[str, str], groups: Collection[str]
) -> tuple[dict[str, Route], dict[str, str]]:
    keys: dict[str, Route] = {}
    refused: dict[str, str] = {}
    for route in enabled:
        group = names.get(route.primary_model_id or "")
        if group is None or group not in groups:
            continue
        key = group if route.is_default else route.name
        if key != group and key in groups:
            refused[route.id] = f"its name is that of another model than its primary, {group}"
        elif key in keys:
            refused[route.id] = f"the route {keys[key].name} speaks for {key} already"
        else:
            keys[key] = route
    return keys, refused


def way_back(key: str, group: str, chains: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    """The shortest way from the chain of `key` to it or to `group`, through others' chains.

    Not longer than LiteLLM follows chains of chains. The key itself is left out, the end is in.
    """
    came_from: dict[str, str] = {}
    level = [name for name in chains.get(key, ()) if name not in (key, group)]
    seen = set(level)
    for _ in range(MAX_FALLBACKS - 1):
        following = []
        for name in level:
            for target in chains.get(name, ()):
                if target in (key, group):
                    path = [target, name]
                    while path[-1] in came_from:
                        path.append(came_from[path[-1]])
                    return tuple(reversed(path))
                if target not in seen:
                    seen.add(target)
                    came_from[target] = name
                    following.append(target)
        level = following
    return None
