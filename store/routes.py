"""Routes: a primary model and the chain that serves when it fails."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from store.database import Row, Value
from store.domain import Route
from store.errors import InUse
from store.topic import Table, Topic


def _ids(text: str | None) -> tuple[str, ...]:
    return tuple(json.loads(text)) if text else ()


def _read(row: Row) -> Route:
    return Route(
        id=row["id"],
        name=row["name"],
        description=row["description"],
        routing_strategy=row["routing_strategy"],
        primary_model_id=row["primary_model_id"],
        fallback_model_ids=_ids(row["fallback_model_ids"]),
        context_window_fallback_ids=_ids(row["context_window_fallback_ids"]),
        num_retries=row["num_retries"],
        timeout_seconds=row["timeout_seconds"],
        is_default=bool(row["is_default"]),
        is_enabled=bool(row["is_enabled"]),
        version=row["version"],
    )


def _columns(route: Route) -> dict[str, Value]:
    return {
        "name": route.name,
        "description": route.description,
        "routing_strategy": route.routing_strategy,
        "primary_model_id": route.primary_model_id,
        "fallback_model_ids": json.dumps(route.fallback_model_ids),
        "context_window_fallback_ids": json.dumps(route.context_window_fallback_ids),
        "num_retries": route.num_retries,
        "timeout_seconds": route.timeout_seconds,
        "is_default": int(route.is_default),
        "is_enabled": int(route.is_enabled),
    }


class Routes(Topic[Route]):
    """The routes' topic of the door."""

    table = Table("ai_routes", "route", "is_default DESC, name, id", _read, _columns)

    async def set_enabled(self, thing_id: str, enabled: bool, *, actor: str, version: int) -> Route:
        """Enable or disable a route. Raises InUse for the default one, NotFound or StaleEdit."""
        if not enabled and (await self.get(thing_id)).is_default:
            raise InUse(
                "The default route gives the proxy's strategy, so it stays enabled: "
                "make another the default first."
            )
        return await super().set_enabled(thing_id, enabled, actor=actor, version=version)

    async def retired(self, present: Iterable[Route]) -> tuple[Route, ...]:
        """Routes that were removed, disabled: an alias of that name in a file was ours.

        `present` are the routes that count as there; another one of theirs is retired as well.
        """
        there = tuple(present)
        ids, names = {route.id for route in there}, {route.name for route in there}
        rows = await self._database.all(f"SELECT * FROM {self.table.name} ORDER BY id")  # noqa: S608
        return tuple(
            replace(route, is_enabled=False, is_default=False)
            for route in map(self.table.read, rows)
            if route.id not in ids and route.name not in names
        )
