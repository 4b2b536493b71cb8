"""Removing a thing: its consequences first, then the question, then all of it in one change."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.editor import Consequences
    from store.store import Store
    from tui.commands.edit_fields import Thing
    from tui.commands.parsing import Parser


def add_remove_options(parser: Parser, *, along: str | None) -> None:
    """`along`: the help of `--along`, where a removal can have consequences."""
    from tui.commands.asking import add_yes_option
    from tui.commands.edit_fields import add_version_option

    if along:
        parser.add_argument("--along", action="store_true", help=along)
    else:
        parser.set_defaults(along=False)
    add_yes_option(parser)
    add_version_option(parser)


async def remove(store: Store, thing: Thing, label: str, args: argparse.Namespace) -> int:
    """Ask, and remove it; the exit status.

    Raises:
        InUse: others use it and `--along` was not given.
        StaleEdit: somebody else changed it meanwhile.
    """
    from store.domain import Route
    from store.editor import sentence
    from store.errors import InUse
    from store.store import local_actor
    from tui import output
    from tui.commands.asking import agreed
    from tui.commands.edit_fields import check_version
    from tui.commands.shapes import removed_json

    check_version(thing, args)
    effects = await store.edit.consequences(thing)
    if not effects.is_empty and not args.along:
        raise InUse(
            f"{label!r} is in use: {sentence(effects)} Add --along to do that in the same change."
        )
    if not (isinstance(thing, Route) and thing.is_default):  # which the door refuses: no question
        what = "" if effects.is_empty else f" {sentence(effects)}"
        refused = await agreed(args, f"Remove {label}?{what}")
        if refused is not None:
            return refused
    effects = await store.edit.remove(
        thing, actor=local_actor(), along=args.along, expected=effects
    )
    if args.json:
        output.say_json(removed_json(thing, effects))
        return output.EXIT_OK
    _say(label, effects)
    return output.EXIT_OK


def _say(label: str, effects: Consequences) -> None:
    from tui import output
    from tui.commands.edit_fields import PROXY_AS_IT_WAS

    output.say(f"{label} is removed from the store.")
    for model in effects.models:
        output.say(f"  model {model.model_name} went with it")
    for route in effects.routes_changed:
        output.say(f"  route {route.name} is without it")
    for route in effects.routes_removed:
        output.say(f"  route {route.name} is removed: nothing of its chain was left")
    output.tell(f"`aitui history undo` takes it back. {PROXY_AS_IT_WAS}")
