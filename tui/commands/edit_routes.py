"""`aitui routes add|set|clone|default|enable|disable|remove`: chains by the models' names."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tui.commands.edit_fields import FieldOption

if TYPE_CHECKING:
    from collections.abc import Iterable

    from store.domain import Model, Provider, Route
    from store.errors import InvalidField
    from store.store import Store
    from store.validation import World
    from tui.commands.context import Context
    from tui.commands.parsing import Commands, Parser

FIELDS = (
    FieldOption("--description", "description", "optional", "TEXT", "a sentence about it"),
    FieldOption(
        "--strategy",
        "routing_strategy",
        "text",
        "NAME",
        "simple-shuffle, latency-based-routing, cost-based-routing, …",
    ),
    FieldOption("--retries", "num_retries", "whole", "N", "before the next in the chain (3)"),
    FieldOption("--timeout", "timeout_seconds", "time", "S", "of one request: 30s, 2m (120)"),
)
REFUSED = "refused: every problem is told, and nothing was written"
NAME_HELP = "a route's name or id"


def register(group: Commands) -> None:
    _register_add(group)
    _register_set(group)
    _register_others(group)


def _add_chain_options(parser: Parser) -> None:
    chains = parser.add_argument_group("chains, by the models' names")
    first = chains.add_mutually_exclusive_group()
    first.add_argument("--primary", metavar="MODEL", help="the model that serves first")
    first.add_argument(
        "--no-primary", action="store_true", help="none: for the default route of all models"
    )
    for word, text in (
        ("fallback", "the next to serve when one fails"),
        ("context-fallback", "the next to serve when a prompt is too long"),
    ):
        field = word.replace("-", "_")
        chain = chains.add_mutually_exclusive_group()
        chain.add_argument(
            f"--{word}",
            metavar="MODEL",
            dest=field,
            action="append",
            help=f"{text}; give it again for the next. Replaces the whole chain",
        )
        chain.add_argument(
            f"--no-{word}s", dest=f"no_{field}", action="store_true", help="empty that chain"
        )


def _register_add(group: Commands) -> None:
    from tui.commands.edit_fields import add_field_options

    parser = group.add(
        "add",
        run_add,
        "add a route to the store",
        about="What LiteLLM will make of it is checked at once: warnings do not stop it.",
        examples=(
            "aitui routes add fast --primary gemini-1.5-flash --fallback claude-3-haiku",
            "aitui routes add smart --primary gpt-4.1 --fallback claude-sonnet-4 \\\n"
            "      --fallback gemini-1.5-pro --context-fallback gemini-1.5-pro --retries 2",
        ),
        failed=REFUSED,
        writes=True,
    )
    parser.add_argument("name", metavar="NAME", help="its name, which clients can ask for")
    parser.add_argument("--default", action="store_true", help="make it the default route")
    parser.add_argument("--disabled", action="store_true", help="add it without enabling it")
    _add_chain_options(parser)
    add_field_options(parser, FIELDS)


def _register_set(group: Commands) -> None:
    from tui.commands.edit_fields import add_field_options, add_version_option

    parser = group.add(
        "set",
        run_set,
        "change a route in the store",
        about="Only what is named is changed; a chain that is named is replaced whole.",
        examples=(
            "aitui routes set fast --fallback claude-3-haiku --fallback gpt-3.5-turbo",
            "aitui routes set default --primary gpt-4.1 --timeout 2m",
            "aitui routes set fast --no-fallbacks --if-version 4",
        ),
        failed=REFUSED,
        writes=True,
    )
    parser.add_argument("name", metavar="NAME", help=NAME_HELP)
    parser.add_argument("--rename", metavar="NEW", help="another name")
    add_version_option(parser)
    _add_chain_options(parser)
    add_field_options(parser, FIELDS)


def _register_others(group: Commands) -> None:
    from tui.commands.edit_fields import add_version_option
    from tui.commands.removing import add_remove_options

    parser = group.add(
        "clone",
        run_clone,
        "add a route like another one",
        about="The clone is not the default route, and everything else is the same.",
        examples=("aitui routes clone default trial",),
        failed=REFUSED,
        writes=True,
    )
    parser.add_argument("name", metavar="NAME", help=NAME_HELP)
    parser.add_argument("new", metavar="NEW", help="the clone's name")
    for word, handler, summary in (
        ("default", run_default, "make a route the default one"),
        ("enable", run_enable, "enable a route in the store"),
        ("disable", run_disable, "disable a route in the store"),
    ):
        parser = group.add(
            word,
            handler,
            summary,
            about="The change is audited. The running proxy is not touched.",
            examples=(f"aitui routes {word} fast",),
            writes=True,
        )
        parser.add_argument("name", metavar="NAME", help=NAME_HELP)
        add_version_option(parser)
    parser = group.add(
        "remove",
        run_remove,
        "remove a route from the store",
        about="The default route stays: make another the default first. It asks first.",
        examples=("aitui routes remove trial --yes",),
        failed="it is the default route, or you said no; nothing was written",
        writes=True,
    )
    parser.add_argument("name", metavar="NAME", help=NAME_HELP)
    add_remove_options(parser, along=None)


def _read_chains(args: argparse.Namespace, world: World) -> dict[str, Any]:
    """The chains that were named, as ids. Raises Rejected for names that are no models."""
    from store.errors import Rejected

    problems: list[InvalidField] = []
    values: dict[str, Any] = {}

    def ids(field: str, names: Iterable[str]) -> tuple[str, ...]:
        found = ((name, find_for_chain(name, world.models, world.providers)) for name in names)
        return tuple(_id_of(field, name, model, problems) for name, model in found)

    if args.no_primary:
        values["primary_model_id"] = None
    elif args.primary is not None:
        (values["primary_model_id"],) = ids("primary_model_id", [args.primary])
    for option, field in (
        ("fallback", "fallback_model_ids"),
        ("context_fallback", "context_window_fallback_ids"),
    ):
        if getattr(args, f"no_{option}"):
            values[field] = ()
        elif getattr(args, option) is not None:
            values[field] = ids(field, getattr(args, option))
    if problems:
        raise Rejected(tuple(problems))
    return values


def _id_of(field: str, name: str, model: Model | None, problems: list[InvalidField]) -> str:
    from store.errors import InvalidField

    if model is not None:
        return model.id
    problems.append(
        InvalidField(field, f"there is no model {name!r}. `aitui models list` shows what there is.")
    )
    return ""


def find_for_chain(
    name: str, models: Iterable[Model], providers: Iterable[Provider]
) -> Model | None:
    """The model that a chain means by `name`: an id, provider/model_name or model_name.

    Of several deployments of a name it is the first: a chain goes by the name they share.
    """
    owners = {provider.id: provider.name for provider in providers}
    models = tuple(models)
    for names in (
        lambda model: model.id,
        lambda model: f"{owners.get(model.provider_id)}/{model.model_name}",
        lambda model: model.model_name,
    ):
        for model in models:
            if names(model) == name:
                return model
    return None


async def run_add(context: Context, args: argparse.Namespace) -> int:
    from dataclasses import replace

    from store.editor import new_route
    from store.store import local_actor
    from tui import output
    from tui.commands.edit_fields import read_fields

    values = read_fields(args, FIELDS)
    async with context.store() as store:
        world = await store.edit.world()
        values |= _read_chains(args, world)
        new = replace(
            new_route(world),
            name=args.name,
            is_default=args.default,
            is_enabled=not args.disabled,
            **values,
        )
        added = await store.edit.add(new, actor=local_actor())
        await _say(store, None, added, args)
    return output.EXIT_OK


async def _say(
    store: Store,
    before: Route | None,
    after: Route,
    args: argparse.Namespace,
    verb: str | None = None,
) -> None:
    """Tell what was written, and on stderr what LiteLLM will make of it."""
    from store.linter import Severity, lint_route
    from tui import output
    from tui.commands.edit_fields import say_saved
    from tui.commands.shapes import route_json

    if args.json:
        changed = before is None or before.version != after.version
        output.say_json({"changed": changed, "route": route_json(after)})
    else:
        await say_saved(store, f"route {after.name}", before, after, verb=verb)
    world = await store.edit.world()
    for lint in lint_route(after, world.routes, world.models, world.providers):
        if lint.severity is not Severity.NOTE:
            output.tell(f"{lint.severity.value}: {lint.field}: {lint.message} {lint.mend}")


async def run_set(context: Context, args: argparse.Namespace) -> int:
    from dataclasses import replace

    from store.store import local_actor
    from tui import output
    from tui.commands.edit_fields import check_version, read_fields
    from tui.commands.routes import find_route

    values = read_fields(args, FIELDS)
    if args.rename is not None:
        values["name"] = args.rename
    async with context.store() as store:
        before = await find_route(store, args.name)
        values |= _read_chains(args, await store.edit.world())
        if not values:
            output.tell_error("nothing to change was named; `aitui routes set --help` lists it.")
            return output.EXIT_USAGE
        check_version(before, args)
        after = await store.edit.save(before, replace(before, **values), actor=local_actor())
        await _say(store, before, after, args)
    return output.EXIT_OK


async def run_clone(context: Context, args: argparse.Namespace) -> int:
    from dataclasses import replace

    from store.store import local_actor
    from tui import output
    from tui.commands.routes import find_route

    async with context.store() as store:
        route = await find_route(store, args.name)
        clone = replace(route, id="", name=args.new, is_default=False, version=1)
        added = await store.edit.add(clone, actor=local_actor())
        await _say(store, None, added, args, verb="added")
    return output.EXIT_OK


async def run_default(context: Context, args: argparse.Namespace) -> int:
    from store.store import local_actor
    from tui import output
    from tui.commands.edit_fields import check_version
    from tui.commands.routes import find_route

    async with context.store() as store:
        before = await find_route(store, args.name)
        check_version(before, args)
        after = await store.edit.make_default(before, actor=local_actor())
        await _say(store, before, after, args, verb="the default route")
    return output.EXIT_OK


async def run_enable(context: Context, args: argparse.Namespace) -> int:
    return await _set_enabled(context, args, enabled=True)


async def run_disable(context: Context, args: argparse.Namespace) -> int:
    return await _set_enabled(context, args, enabled=False)


async def _set_enabled(context: Context, args: argparse.Namespace, *, enabled: bool) -> int:
    from dataclasses import replace

    from store.store import local_actor
    from tui import output
    from tui.commands.edit_fields import check_version
    from tui.commands.routes import find_route

    async with context.store() as store:
        before = await find_route(store, args.name)
        check_version(before, args)
        # Not `set_enabled` of the topic: the default route must stay enabled, and the edit knows.
        after = replace(before, is_enabled=enabled)
        after = await store.edit.save(before, after, actor=local_actor())
        await _say(store, before, after, args, verb="enabled" if enabled else "disabled")
    return output.EXIT_OK


async def run_remove(context: Context, args: argparse.Namespace) -> int:
    from tui.commands.removing import remove
    from tui.commands.routes import find_route

    async with context.store() as store:
        route = await find_route(store, args.name)
        return await remove(store, route, f"route {route.name}", args)
