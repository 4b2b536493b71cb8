"""`aitui history`: every change, field by field, and the ways back."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from zoneinfo import ZoneInfo

    from store.domain import AuditEntry
    from store.store import Store
    from tui.commands.context import Context
    from tui.commands.parsing import Commands

ENTITIES = ("provider", "model", "route", "configuration", "setting")
DEFAULT_LIMIT = 20
_VERBS = {
    "create": "added",
    "update": "changed",
    "remove": "removed",
    "enable": "enabled",
    "disable": "disabled",
    "import": "imported",
    "undo": "taken back:",
    "restore": "restored:",
}


def register(commands: Commands) -> None:
    from tui.commands.parsing import positive

    parser = commands.add(
        "history",
        run_history,
        "show every change, and go back to an earlier state",
        about="The newest change comes first. Times are those of the time zone.",
        examples=(
            "aitui history --entity model --name gpt-4.1",
            "aitui history show 12",
            "aitui history undo",
            "aitui history restore 12",
        ),
    )
    parser.add_argument("--entity", choices=ENTITIES, help=", ".join(ENTITIES))
    parser.add_argument("--name", metavar="NAME", help="only what is called so")
    parser.add_argument(
        "--limit", metavar="N", type=positive, default=DEFAULT_LIMIT, help=f"({DEFAULT_LIMIT})"
    )
    parser.add_argument("--before", metavar="ID", type=positive, help="only changes before this")
    _register_below(commands.below(parser))


def _register_below(group: Commands) -> None:
    from tui.commands.asking import add_yes_option
    from tui.commands.parsing import positive

    parser = group.add(
        "show",
        run_show,
        "show one change whole",
        examples=("aitui history show 12", "aitui history show 12 --json"),
        failed="there is no such change",
    )
    parser.add_argument("id", metavar="ID", type=positive, help="a change's number")
    parser = group.add(
        "restore",
        run_restore,
        "bring a thing, or everything, back to how it was after a change",
        about="It asks first. It is a change of its own, which can be undone like any other.",
        examples=(
            "aitui history restore 12                that thing alone",
            "aitui history restore 12 --everything   every provider, model and route",
        ),
        failed="refused, or you said no; nothing was written",
        writes=True,
    )
    parser.add_argument("id", metavar="ID", type=positive, help="a change's number")
    parser.add_argument(
        "--everything", action="store_true", help="everything, not that thing alone"
    )
    add_yes_option(parser)
    parser = group.add(
        "undo",
        run_undo,
        "take back a change, whole: by default your last one",
        about=(
            "What was done at once is taken back at once. It is refused where somebody changed\n"
            "the thing again since. An undo is a change too: undone, the first change is back."
        ),
        examples=("aitui history undo", "aitui history undo 12"),
        failed="refused; nothing was written",
        writes=True,
    )
    parser.add_argument(
        "change", metavar="CHANGE", nargs="?", help="a change's number, or a changeId of --json"
    )


async def run_history(context: Context, args: argparse.Namespace) -> int:
    from store.history import HistoryFilter
    from tui import output
    from tui.commands.shapes import change_json

    which = HistoryFilter(entity=args.entity, name=args.name)
    async with context.store() as store:
        entries = await store.history.entries(which, before_id=args.before, limit=args.limit)
        names = await _names(store, entries)
        zone = store.zone
    if args.json:
        output.say_json({"changes": [change_json(entry) for entry in entries]})
        return output.EXIT_OK
    for entry in entries:
        _say(entry, zone, names)
    if not entries:
        output.tell("There are no changes like that.")
    elif len(entries) == args.limit:
        output.tell(f"Older ones: add --before {entries[-1].id}")
    return output.EXIT_OK


async def _names(store: Store, entries: Sequence[AuditEntry]) -> dict[str, str]:
    """id -> name for every id in these changes; what was removed since has its last name."""
    from store.history import HistoryFilter, differences
    from tui.differences import known_names

    names = await known_names(store)
    values = [
        value
        for entry in entries
        for change in differences(entry)
        if change.name.endswith(("_id", "_ids"))
        for value in (change.before, change.after)
    ]
    ids = {each for value in values for each in (value if isinstance(value, list) else [value])}
    for thing_id in ids - names.keys() - {None}:
        found = await store.history.entries(HistoryFilter(entity_id=str(thing_id)), limit=1)
        if found:
            names[str(thing_id)] = found[0].name
    return names


def _headline(entry: AuditEntry, zone: ZoneInfo) -> str:
    when = entry.at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    verb = _VERBS.get(entry.action, entry.action)
    return f"{entry.id}  {when}  {entry.actor}  {verb} {entry.entity} {entry.name}"


def _say(
    entry: AuditEntry, zone: ZoneInfo, names: Mapping[str, str], *, whole: bool = False
) -> None:
    """A change as a headline and its fields; of what came or went the fields only if `whole`."""
    from store.history import differences
    from tui import output
    from tui.differences import lines

    output.say(_headline(entry, zone))
    if whole or (entry.before is not None and entry.after is not None):
        for line in lines(differences(entry), names):
            output.say(f"    {line}")


async def run_show(context: Context, args: argparse.Namespace) -> int:
    from tui import output
    from tui.commands.shapes import change_json

    async with context.store() as store:
        entry = await store.history.entry(args.id)
        names = await _names(store, [entry])
        zone = store.zone
    if args.json:
        output.say_json(change_json(entry, whole=True))
        return output.EXIT_OK
    _say(entry, zone, names, whole=True)
    return output.EXIT_OK


async def run_restore(context: Context, args: argparse.Namespace) -> int:
    from store.history import KINDS
    from store.store import local_actor
    from tui.commands.asking import agreed

    async with context.store() as store:
        entry = await store.history.entry(args.id)
        if args.everything:
            what = "every provider, model and route"
        elif entry.entity not in KINDS:  # which the door refuses: no question
            return _say_done(
                store, await store.history.restore(entry.id, actor=local_actor()), args
            )
        else:
            what = f"{entry.entity} {entry.name}"
            await _preview(store, entry)
        when = entry.at.astimezone(store.zone).strftime("%Y-%m-%d %H:%M:%S")
        question = f"Bring {what} back to how it was after change {entry.id} ({when})?"
        refused = await agreed(args, question)
        if refused is not None:
            return refused
        restore = store.history.restore_all if args.everything else store.history.restore
        done = await restore(entry.id, actor=local_actor())
        return _say_done(store, done, args)


async def _preview(store: Store, entry: AuditEntry) -> None:
    """Tell what would change. The newest state in the history is the present one."""
    from dataclasses import replace

    from store.history import HistoryFilter, differences
    from tui import output
    from tui.differences import lines

    which = HistoryFilter(entity=entry.entity, entity_id=entry.entity_id)
    (newest,) = await store.history.entries(which, limit=1)
    step = replace(entry, before=newest.after)
    if step.after is None:
        output.tell(f"{entry.entity} {entry.name} would be removed.")
        return
    # Which route is the default one is left as it is.
    changes = [change for change in differences(step) if change.name != "is_default"]
    for line in lines(changes, await _names(store, [step])):
        output.tell(f"    {line}")


async def run_undo(context: Context, args: argparse.Namespace) -> int:
    from store.store import local_actor
    from tui import output

    actor = local_actor()
    async with context.store() as store:
        entry = None
        change_id = args.change
        if change_id is None:
            entry = await _last_of(store, actor)
        elif change_id.isascii() and change_id.isdigit() and len(change_id) < 19:
            entry = await store.history.entry(int(change_id))
        if entry is not None:
            change_id = entry.change_id
            if not args.json:
                output.tell(f"Taking back: {_headline(entry, store.zone)}")
        done = await store.history.undo(change_id, actor=actor)
        return _say_done(store, done, args)


async def _last_of(store: Store, actor: str) -> AuditEntry:
    """The last change that `actor` made. Raises NotFound."""
    from store.errors import NotFound

    before = None
    while page := await store.history.entries(before_id=before, limit=500):
        for entry in page:
            if entry.actor == actor:
                return entry
        before = page[-1].id
    raise NotFound(f"history: {actor} has changed nothing yet. `aitui history` lists all changes.")


def _say_done(store: Store, done: tuple[str, ...], args: argparse.Namespace) -> int:
    from tui import output
    from tui.commands.edit_fields import PROXY_AS_IT_WAS

    if args.json:
        change = store.last_change_id if done else None
        output.say_json({"changed": bool(done), "changeId": change, "done": list(done)})
        return output.EXIT_OK
    for line in done:
        output.say(line)
    output.tell(PROXY_AS_IT_WAS if done else "Nothing had to be changed: it is like that already.")
    return output.EXIT_OK
