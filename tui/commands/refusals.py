"""Edits that are refused: every problem on a line of its own, and what stands there instead."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.errors import Rejected, StaleEdit
    from tui.commands.context import Context
    from tui.commands.edit_fields import Thing
    from tui.commands.parsing import Handler
    from tui.commands.shapes import Json


async def refusable(handler: Handler, context: Context, args: argparse.Namespace) -> int:
    """Run a command; an edit that the door refuses is shown in full, and is status 1."""
    from store.errors import Rejected, StaleEdit
    from tui import output

    try:
        return await handler(context, args)
    except Rejected as error:
        for problem in error.problems:
            output.tell_error(problem)
        if args.json:
            output.say_json(_rejected_json(error))
    except StaleEdit as error:
        output.tell_error(error)
        _show_theirs(error)
        if args.json:
            output.say_json(_stale_json(error))
    return output.EXIT_FAILED


def _rejected_json(error: Rejected) -> Json:
    return {
        "changed": False,
        "error": "rejected",
        "problems": [
            {
                "field": problem.field_name,
                "message": str(problem).removeprefix(f"{problem.field_name}: "),
            }
            for problem in error.problems
        ],
    }


def _stale_json(error: StaleEdit) -> Json:
    return {
        "changed": False,
        "error": "stale",
        "message": str(error),
        "theirs": None if error.theirs is None else _theirs_json(_thing(error)),
    }


def _theirs_json(thing: Thing) -> Json:
    from store.domain import Model, Provider
    from tui.commands.shapes import model_json, provider_json, route_json

    if isinstance(thing, Model):
        return model_json(thing, None)
    if isinstance(thing, Provider):
        return provider_json(thing, key_is_set=None)
    return route_json(thing)


def _thing(error: StaleEdit) -> Thing:
    from store.domain import Model, Provider, Route

    assert isinstance(error.theirs, Provider | Model | Route)
    return error.theirs


def _show_theirs(error: StaleEdit) -> None:
    from tui import output
    from tui.commands.shapes import editable
    from tui.differences import SKIPPED, shown

    if error.theirs is None:
        output.tell("It is not there any more.")
        return
    theirs = _thing(error)
    output.tell(f"As it stands now, version {theirs.version}:")
    for name, value in editable(theirs).items():
        if name not in SKIPPED:
            output.tell(f"  {name}: {shown(name, value)}")
