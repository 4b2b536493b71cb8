"""`aitui routes …`: the chains of models that serve when one fails, listed and shown."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.domain import Route
    from store.store import Store
    from tui.commands.context import Context
    from tui.commands.parsing import Commands


def register(commands: Commands) -> None:
    from tui.commands import edit_routes, route_advice

    group = commands.group("routes", "list, add, change, check and explain routes")
    group.add(
        "list",
        run_list,
        "list the routes and their chains",
        examples=("aitui routes list", "aitui routes list --json"),
    )
    parser = group.add(
        "show",
        run_show,
        "show one route",
        examples=("aitui routes show default", "aitui routes show fast --json"),
        failed="there is no such route",
    )
    parser.add_argument("name", metavar="NAME", help=edit_routes.NAME_HELP)
    edit_routes.register(group)
    route_advice.register(group)


async def find_route(store: Store, name: str) -> Route:
    """The route of that name or id. Raises NotFound, which lists the names there are."""
    from store.errors import NotFound

    routes = await store.routes.all()
    for route in routes:
        if name in (route.name, route.id):
            return route
    known = ", ".join(route.name for route in routes) or "none yet"
    raise NotFound(f"route: there is no {name!r}. Known: {known}.")


def _chain(ids: Iterable[str | None], names: dict[str, str]) -> str:
    return " -> ".join(names.get(one, f"? ({one})") for one in ids if one is not None) or "-"


async def run_show(context: Context, args: argparse.Namespace) -> int:
    from tui import format as fmt
    from tui import output
    from tui.commands.shapes import route_json

    async with context.store() as store:
        route = await find_route(store, args.name)
        names = {model.id: model.model_name for model in await store.models.all()}
    if args.json:
        output.say_json(route_json(route))
        return output.EXIT_OK
    output.say_fields(
        {
            "route": route.name,
            "id": route.id,
            "description": route.description,
            "default": "yes" if route.is_default else "no",
            "enabled": "yes" if route.is_enabled else "no",
            "strategy": f"{fmt.strategy(route.routing_strategy)} ({route.routing_strategy})",
            "primary": _chain([route.primary_model_id], names),
            "fallbacks": _chain(route.fallback_model_ids, names),
            "long context": _chain(route.context_window_fallback_ids, names),
            "retries": route.num_retries,
            "timeout": f"{route.timeout_seconds:g} s",
            "version": route.version,
        }
    )
    return output.EXIT_OK


async def run_list(context: Context, args: argparse.Namespace) -> int:
    from tui import output
    from tui.commands.shapes import route_json

    async with context.store() as store:
        routes = await store.routes.all()
        names = {model.id: model.model_name for model in await store.models.all()}
    if args.json:
        output.say_json({"routes": [route_json(route) for route in routes]})
        return output.EXIT_OK
    if not routes:
        output.tell("There are no routes yet. Begin with `aitui import litellm_config.yaml`.")
        return output.EXIT_OK

    output.say_table(
        ("NAME", "DEFAULT", "ENABLED", "STRATEGY", "RETRIES", "TIMEOUT", "CHAIN", "LONG CONTEXT"),
        [
            (
                route.name,
                "yes" if route.is_default else "",
                "yes" if route.is_enabled else "no",
                route.routing_strategy,
                route.num_retries,
                f"{route.timeout_seconds:g} s",
                _chain((route.primary_model_id, *route.fallback_model_ids), names),
                _chain(route.context_window_fallback_ids, names),
            )
            for route in routes
        ],
        right=frozenset({"RETRIES", "TIMEOUT"}),
    )
    return output.EXIT_OK
