"""Options that set a thing's fields: how they are declared, and how what was typed is read."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from store.domain import Model, Provider, Route
    from store.store import Store
    from tui.commands.parsing import Parser

    Thing: TypeAlias = Provider | Model | Route

PROXY_AS_IT_WAS = (
    "The running proxy is as it was: `aitui plan` shows the difference, `aitui apply` removes it."
)


class FieldOption(NamedTuple):
    """One option. `kind`: text, optional, tokens, price, seconds, time, whole, number or flag.

    Of these, text, time (seconds as well), whole and flag cannot be emptied.
    """

    flag: str
    field: str
    kind: str
    metavar: str
    help: str


def add_field_options(parser: Parser, options: Iterable[FieldOption]) -> None:
    """Add the options; one that is not given leaves its field alone."""
    group = parser.add_argument_group("fields (`none` empties one that may be empty)")
    for option in options:
        # The prefix keeps a field's name apart from the command's own arguments.
        dest = f"field_{option.field}"
        if option.kind == "flag":
            group.add_argument(
                option.flag,
                dest=dest,
                action=argparse.BooleanOptionalAction,
                default=argparse.SUPPRESS,
                help=option.help,
            )
        else:
            group.add_argument(
                option.flag,
                dest=dest,
                metavar=option.metavar,
                default=argparse.SUPPRESS,
                help=option.help,
            )


def add_version_option(parser: Parser) -> None:
    parser.add_argument(
        "--if-version",
        metavar="N",
        type=int,
        help="only if its version is still N (as --json shows it): for scripts",
    )


def check_version(thing: Thing, args: argparse.Namespace) -> None:
    """Raise StaleEdit, with the thing as it is, unless it has the version that was asked for."""
    from store.errors import StaleEdit
    from store.topic import thing_name

    if args.if_version is not None and args.if_version != thing.version:
        raise StaleEdit(
            f"{thing_name(thing)!r} has version {thing.version}, not {args.if_version}: it was "
            "changed since you read it; nothing was written. Look at it again.",
            thing,
        )


def read_fields(args: argparse.Namespace, options: Iterable[FieldOption]) -> dict[str, Any]:
    """The fields that were named, with their values.

    Raises:
        Rejected: values that cannot be read, all of them.
    """
    from store.errors import InvalidField, Rejected

    readers = _readers()
    values: dict[str, Any] = {}
    problems = []
    for option in options:
        dest = f"field_{option.field}"
        if not hasattr(args, dest):
            continue
        given = getattr(args, dest)
        try:
            values[option.field] = (
                given if option.kind == "flag" else readers[option.kind](option.field, given)
            )
        except InvalidField as error:
            problems.append(error)
    if problems:
        raise Rejected(tuple(problems))
    return values


def _readers() -> dict[str, Callable[[str, str], object]]:
    from store import quantities
    from store.errors import InvalidField

    def or_none(read: Callable[[str, str], object]) -> Callable[[str, str], object]:
        return lambda field, text: read(field, "" if text.strip().lower() == "none" else text)

    def never_none(
        read: Callable[[str, str], object], message: str
    ) -> Callable[[str, str], object]:
        def checked(field: str, text: str) -> object:
            if (value := read(field, text)) is None:
                raise InvalidField(field, message)
            return value

        return checked

    return {
        "text": lambda field, text: text,
        "optional": or_none(lambda field, text: text or None),
        "tokens": or_none(quantities.parse_tokens),
        "price": or_none(quantities.parse_price),
        "seconds": or_none(quantities.parse_seconds),
        "number": or_none(quantities.parse_number),
        "whole": never_none(quantities.parse_whole, "write a whole number, e.g. 3."),
        "time": never_none(quantities.parse_seconds, "write seconds, e.g. 120, 30s or 2m."),
    }


async def say_saved(
    store: Store, label: str, before: Thing | None, after: Thing, *, verb: str | None = None
) -> None:
    """Tell what was written: that it was added, or field by field what changed."""
    from tui import differences, output

    if before is None:
        output.say(f"{label} is {verb or 'added'} in the store.")
    elif before.version == after.version:
        output.say(f"{label} is like that already.")
        return
    else:
        output.say(f"{label} is {verb or 'changed'} in the store.")
        names = await differences.known_names(store)
        for line in differences.lines(differences.between(before, after), names):
            output.say(f"  {line}")
    output.tell(PROXY_AS_IT_WAS)
