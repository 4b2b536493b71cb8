"""Edits: one place through which the forms, the commands and the API change the configuration.

Every edit is checked inside its transaction, where nobody else can write meanwhile, so that no
id is left dangling however many operators work at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, cast
from uuid import uuid4

from store.database import SqliteDatabase, Transaction
from store.domain import Model, Provider, Route
from store.errors import InUse, InvalidField, Rejected
from store.models import Models
from store.providers import Providers
from store.routes import Routes
from store.topic import Thing, Topic, thing_name
from store.validation import World, problems

AnyThing = Provider | Model | Route


@dataclass(frozen=True, slots=True)
class Consequences:
    """What removing a thing takes along: models of a provider, and what becomes of routes."""

    models: tuple[Model, ...] = ()
    routes_changed: tuple[Route, ...] = ()
    """As they will be."""
    routes_removed: tuple[Route, ...] = ()
    """Nothing of their chain would be left."""

    @property
    def is_empty(self) -> bool:
        return not (self.models or self.routes_changed or self.routes_removed)


class Editor:
    """The edits' topic of the door."""

    def __init__(
        self, database: SqliteDatabase, providers: Providers, models: Models, routes: Routes
    ) -> None:
        self._database = database
        self._providers = providers
        self._models = models
        self._routes = routes

    async def world(self) -> World:
        """Everything in the store, for a form's checks."""
        return World(
            await self._providers.all(), await self._models.all(), await self._routes.all()
        )

    async def add(self, thing: Thing, *, actor: str) -> Thing:
        """Add a new thing; it gets an id if it has none. Raises Rejected."""
        new = thing if thing.id else replace(thing, id=f"{_PREFIXES[type(thing)]}-{_random()}")
        async with self._database.write() as tx:
            world = await self._world(tx)
            if isinstance(new, Model):
                last = max((model.position for model in world.models), default=-1)
                new = replace(new, position=last + 1)
            self._check(new, world)
            if isinstance(new, Route) and new.is_default:
                await self._unset_default(tx, world, actor)
            return await self._topic(new).insert(tx, new, actor)

    async def save(self, before: Thing, after: Thing, *, actor: str) -> Thing:
        """Write `after` over `before`, as it was read.

        Raises:
            Rejected: a rule is broken; names the fields.
            InUse: the default route stays the default until another is made it.
            StaleEdit: somebody else changed it meanwhile; `theirs` is what stands there now.
        """
        if after == before:
            return before
        async with self._database.write() as tx:
            # Before the rules: what a stale form breaks, its operator cannot see yet.
            before = await self._topic(before).current(tx, before)
            world = await self._world(tx)
            self._check(after, world)
            if isinstance(after, Route) and after.is_default:
                await self._unset_default(tx, world, actor, but=after.id)
            return await self._topic(after).update(tx, before, after, actor)

    async def make_default(self, route: Route, *, actor: str) -> Route:
        """Make it the default route; the one before stays as a route of its own."""
        return await self.save(route, replace(route, is_default=True, is_enabled=True), actor=actor)

    async def consequences(self, thing: AnyThing) -> Consequences:
        """What removing it would take along."""
        return consequences(thing, await self.world())

    async def remove(
        self,
        thing: AnyThing,
        *,
        actor: str,
        along: bool = False,
        expected: Consequences | None = None,
    ) -> Consequences:
        """Remove a thing; with `along`, its consequences in the same change.

        Args:
            expected: the consequences that were agreed to; others are refused.

        Raises:
            InUse: others use it, and `along` was not given; it is the default route; or its
                consequences are others than those expected.
            StaleEdit: somebody else changed it meanwhile.
        """
        async with self._database.write() as tx:
            topic: Topic[Any] = self._topic(thing)
            thing = await topic.current(tx, thing)
            world = await self._world(tx)
            effects = consequences(thing, world)
            if isinstance(thing, Route) and thing.is_default:
                raise InUse("The default route cannot be removed: make another the default first.")
            if not effects.is_empty and not along:
                raise InUse(f"{thing_name(thing)!r} is in use: {sentence(effects)}")
            if expected is not None and effects != expected:
                raise InUse(
                    f"{thing_name(thing)!r} is used otherwise by now, so nothing was removed. "
                    f"Now: {sentence(effects) if not effects.is_empty else 'nothing uses it.'}"
                )
            routes = {route.id: route for route in world.routes}
            for route in effects.routes_changed:
                await self._routes.update(tx, routes[route.id], route, actor)
            for route in effects.routes_removed:
                await self._routes.delete(tx, route, actor)
            for model in effects.models:
                await self._models.delete(tx, model, actor)
            await topic.delete(tx, thing, actor)
        return effects

    async def _world(self, tx: Transaction) -> World:
        return World(
            await self._providers.all_in(tx),
            await self._models.all_in(tx),
            await self._routes.all_in(tx),
        )

    async def _unset_default(
        self, tx: Transaction, world: World, actor: str, but: str | None = None
    ) -> None:
        for route in world.routes:
            if route.is_default and route.id != but:
                if route.primary_model_id is None:
                    raise Rejected(
                        (
                            InvalidField(
                                "is_default",
                                f"the default route {route.name!r} has no primary model, so it "
                                "cannot be a route of its own. Choose its primary first.",
                            ),
                        )
                    )
                await self._routes.update(tx, route, replace(route, is_default=False), actor)

    def _check(self, thing: AnyThing, world: World) -> None:
        found = problems(thing, world)
        was_default = any(route.id == thing.id and route.is_default for route in world.routes)
        if isinstance(thing, Route) and was_default and not thing.is_default:
            raise InUse("This is the default route: make another the default instead.")
        if found:
            raise Rejected(found)

    def _topic(self, thing: Thing) -> Topic[Thing]:
        topics: dict[type[Any], Topic[Any]] = {
            Provider: self._providers,
            Model: self._models,
            Route: self._routes,
        }
        return cast("Topic[Thing]", topics[type(thing)])


_PREFIXES: dict[type[Any], str] = {Provider: "p", Model: "m", Route: "r"}


def _random() -> str:
    return uuid4().hex[:12]


def consequences(thing: AnyThing, world: World) -> Consequences:
    """What removing `thing` takes along."""
    if isinstance(thing, Route):
        return Consequences()
    models: tuple[Model, ...] = ()
    gone = {thing.id}
    if isinstance(thing, Provider):
        models = tuple(model for model in world.models if model.provider_id == thing.id)
        gone = {model.id for model in models}
    changed, removed = [], []
    for route in world.routes:
        rest = without(route, gone)
        if rest is None:
            removed.append(route)
        elif rest != route:
            changed.append(rest)
    return Consequences(models, tuple(changed), tuple(removed))


def new_route(world: World) -> Route:
    """A new route has the default one's strategy, retries and timeout: LiteLLM knows one set."""
    default = next((route for route in world.routes if route.is_default), None)
    if default is None:
        return Route("", "", is_default=True)
    return Route(
        "",
        "",
        routing_strategy=default.routing_strategy,
        num_retries=default.num_retries,
        timeout_seconds=default.timeout_seconds,
    )


def without(route: Route, model_ids: Iterable[str]) -> Route | None:
    """The route without these models: the next in its chain steps up. None if nothing is left."""
    gone = set(model_ids)
    chain = [model_id for model_id in route.fallback_model_ids if model_id not in gone]
    context = tuple(i for i in route.context_window_fallback_ids if i not in gone)
    primary = route.primary_model_id
    if primary in gone:
        primary = chain[0] if chain else None
        if primary is None and not route.is_default:
            return None
        # What steps up is no fallback of itself.
        chain = [model_id for model_id in chain if model_id != primary]
        context = () if primary is None else tuple(i for i in context if i != primary)
    return replace(
        route,
        primary_model_id=primary,
        fallback_model_ids=tuple(chain),
        context_window_fallback_ids=context,
    )


def sentence(effects: Consequences) -> str:
    """The consequences in words: `1 model goes with it (gpt-4o); 1 route would lose it (fast).`"""
    parts = []
    for things, verb, verbs in (
        (effects.models, "model goes with it", "models go with it"),
        (effects.routes_changed, "route would lose it", "routes would lose it"),
        (effects.routes_removed, "route would be removed", "routes would be removed"),
    ):
        if things:
            names = ", ".join(thing_name(thing) for thing in things[:5])
            more = ", …" if len(things) > 5 else ""
            parts.append(f"{len(things)} {verb if len(things) == 1 else verbs} ({names}{more})")
    return "; ".join(parts) + "."
