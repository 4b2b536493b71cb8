"""Adopt: where the proxy is right and the store is not, the store takes what the proxy has."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from store.chains import read_chains
from store.configuration import Draft, match_models, match_providers
from store.database import SqliteDatabase
from store.domain import Model, Provider, Route
from store.errors import AituiError
from store.models import Models
from store.plans import Change, ChangeKind, FieldDiff, PlanValue, Subject
from store.providers import Providers
from store.routes import Routes
from store.topic import thing_name
from store.validation import World, conflicts

if TYPE_CHECKING:
    from store.gateway.comparison import Comparison
    from store.gateway.config_file import ConfigFile

AnyThing = Provider | Model | Route
Kind = TypeVar("Kind", Model, Route)

ACTION = "adopt"
_SETTINGS = {
    "routing_strategy": "routing_strategy",
    "num_retries": "num_retries",
    "timeout": "timeout_seconds",
}
"""LiteLLM's name of a setting, and the default route's."""
_CHAINS = {
    Subject.FALLBACKS: "fallback_model_ids",
    Subject.CONTEXT_FALLBACKS: "context_window_fallback_ids",
}


@dataclass(slots=True)
class _Edits:
    """What is going to be written: things before and after; None for a new one."""

    providers: list[tuple[Provider | None, Provider]] = field(default_factory=list)
    models: dict[str, tuple[Model | None, Model]] = field(default_factory=dict)
    routes: dict[str, tuple[Route | None, Route]] = field(default_factory=dict)

    def all(self) -> Iterator[tuple[AnyThing | None, AnyThing]]:
        yield from self.providers
        yield from self.models.values()
        yield from self.routes.values()


async def adopt(
    database: SqliteDatabase,
    providers: Providers,
    models: Models,
    routes: Routes,
    made: Comparison,
    changes: Sequence[Change],
    *,
    actor: str,
) -> tuple[str, ...]:
    """Take these changes' present values into the store, all in one transaction.

    What the store has and the proxy lacks is disabled, not removed: that is taken back with a key.
    A sentence for each thing that was changed.

    Raises:
        AituiError: something cannot be taken over; nothing was written.
    """
    from store.gateway.adopted import adopted_models

    file = None
    if any(change.subject is Subject.MODEL for change in changes):
        assert made.desired is not None
        file = await asyncio.to_thread(adopted_models, changes, made.base, made.desired.document)
    async with database.write() as tx:
        world = World(await providers.all_in(tx), await models.all_in(tx), await routes.all_in(tx))
        edits = _Edits()
        if file is not None:
            _take_models(file, world, edits)
        _switch_off(changes, world, edits)
        _Routes(_after(world, edits), edits).take(changes)
        after = _after(world, edits)
        for _, thing in edits.all():
            for problem in conflicts(thing, after):
                raise problem
        for _, provider in edits.providers:
            await providers.insert(tx, provider, actor, ACTION)
        for before, model in edits.models.values():
            if before is None:
                await models.insert(tx, model, actor, ACTION)
            else:
                await models.update(tx, before, model, actor, ACTION)
        for old, route in edits.routes.values():
            if old is None:
                await routes.insert(tx, route, actor, ACTION)
            else:
                await routes.update(tx, old, route, actor, ACTION)
    return tuple(_sentences(edits))


def _take_models(file: ConfigFile, world: World, edits: _Edits) -> None:
    draft = Draft()
    provider_ids = match_providers(file.providers, world.providers, draft)
    match_models(file.models, provider_ids, world.models, draft, providers=file.providers)
    edits.providers += draft.providers
    last = max((model.position for model in world.models), default=-1)
    for before, model in draft.models:
        place = last + 1 + model.position if before is None else before.position
        edits.models[model.id] = (before, replace(model, position=place))


def _switch_off(changes: Sequence[Change], world: World, edits: _Edits) -> None:
    """Models that the proxy does not have."""
    gone = {c.key for c in changes if c.subject is Subject.MODEL and c.kind is ChangeKind.CREATE}
    for model in world.models:
        if model.id in gone and model.is_enabled:
            edits.models[model.id] = (model, replace(model, is_enabled=False))


def _after(world: World, edits: _Edits) -> World:
    return World(
        (*world.providers, *(provider for _, provider in edits.providers)),
        _merged(world.models, edits.models),
        _merged(world.routes, edits.routes),
    )


def _merged(now: Sequence[Kind], pairs: Mapping[str, tuple[Kind | None, Kind]]) -> tuple[Kind, ...]:
    there: list[Kind] = [pairs[each.id][1] if each.id in pairs else each for each in now]
    new: list[Kind] = [after for before, after in pairs.values() if before is None]
    return tuple(there + new)


class _Routes:
    """Router settings, chains and aliases as routes of the store."""

    def __init__(self, world: World, edits: _Edits) -> None:
        self.edits = edits
        self.routes = {route.id: route for route in world.routes}
        self.keys = read_chains(world.routes, world.models, world.providers).keys
        self.groups: dict[str, str] = {}
        for model in sorted(world.models, key=lambda model: not model.is_enabled):
            self.groups.setdefault(model.model_name, model.id)

    def take(self, changes: Sequence[Change]) -> None:
        from store.gateway.adopted import check_shown

        for change in changes:
            if change.subject is not Subject.MODEL:
                check_shown(change.id, change.key, *(diff.old for diff in change.fields))
            if change.subject is Subject.ROUTER:
                for diff in change.fields:
                    self._setting(diff)
            elif change.subject is Subject.ALIAS:
                self._alias(change)
            elif change.subject in _CHAINS:
                self._chain(change)

    def _setting(self, diff: FieldDiff) -> None:
        from store.gateway.adopted import adopted_setting

        default = next((route for route in self.routes.values() if route.is_default), None)
        if default is None:
            raise AituiError(f"{diff.name}: there is no default route to hold it. Add one first.")
        if diff.name in _SETTINGS:
            if diff.old is not None:
                value = adopted_setting(diff.name, diff.old)
                self._put(replace(default, **{_SETTINGS[diff.name]: value}))  # type: ignore[arg-type]
        elif default.primary_model_id is not None:
            raise AituiError(
                f"{diff.name}: the default route {default.name} has a primary, so it cannot be the "
                "chain of all. Give it none, or change the file."
            )
        else:
            self._put(replace(default, fallback_model_ids=self._ids(diff.name, diff.old)))

    def _chain(self, change: Change) -> None:
        name = _CHAINS[change.subject]
        ids = self._ids(change.name, change.fields[0].old)
        route = self._route(change.key)
        if route is None:
            self._add(change.key, change.key, **{name: ids})
            return
        after = replace(route, **{name: ids})  # type: ignore[arg-type]
        is_empty = not (after.fallback_model_ids or after.context_window_fallback_ids)
        is_needed = after.is_default or after.name not in self.groups
        self._put(after if not is_empty or is_needed else replace(after, is_enabled=False))

    def _alias(self, change: Change) -> None:
        target = next((d.old for d in change.fields if d.name == "model_group_alias"), None)
        route = self._route(change.key)
        if target is None and route is not None:
            self._put(replace(route, is_enabled=False))
        elif route is not None:
            (primary,) = self._ids(change.name, (str(target),))
            self._put(replace(route, primary_model_id=primary))
        elif target is not None:
            self._add(change.key, str(target))

    def _route(self, key: str) -> Route | None:
        """The route that speaks for `key`, as edited so far."""
        found = self.keys.get(key)
        if found is None:
            found = next((route for route in self.routes.values() if route.name == key), None)
        return None if found is None else self.routes[found.id]

    def _put(self, route: Route) -> None:
        before = self.edits.routes.get(route.id, (self.routes[route.id], route))[0]
        if before != route:
            self.edits.routes[route.id] = (before, route)
        self.routes[route.id] = route

    def _add(self, name: str, group: str, **chains: tuple[str, ...]) -> None:
        (primary,) = self._ids(name, (group,))
        route = Route(
            id=f"r-{uuid4().hex[:12]}",
            name=name,
            primary_model_id=primary,
            **chains,  # type: ignore[arg-type]
        )
        self.edits.routes[route.id] = (None, route)
        self.routes[route.id] = route

    def _ids(self, what: str, names: PlanValue) -> tuple[str, ...]:
        """The first model of each of these groups. Raises AituiError for a group without one."""
        found = names if isinstance(names, tuple) else ()
        for name in found:
            if name not in self.groups:
                raise AituiError(
                    f"{what}: it names {name!r}, which is no model of the store. "
                    "Adopt that model first."
                )
        return tuple(self.groups[name] for name in found)


def _sentences(edits: _Edits) -> Iterator[str]:
    for before, thing in edits.all():
        entity = type(thing).__name__.lower()
        if before is None:
            done = "is added"
        elif before.is_enabled and not thing.is_enabled:
            done = "is disabled"
        else:
            done = "is as the proxy has it"
        yield f"{entity} {thing_name(thing)} {done}"
