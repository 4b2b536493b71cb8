"""`aitui revisions`: every apply, undo and import, and what came of it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from store.plans import Revision
    from store.store import Store
    from tui.commands.context import Context
    from tui.commands.parsing import Commands

DEFAULT_LIMIT = 20
MAX_REASON = 60
"""Characters of a reason in the table; the revision alone shows it whole."""


def register(commands: Commands) -> None:
    from tui.commands.parsing import positive

    parser = commands.add(
        "revisions",
        run_revisions,
        "list what was applied, or show one revision",
        about="The newest comes first. Times are those of the time zone.",
        examples=(
            "aitui revisions --limit 5",
            "aitui revisions 7                its plan, its steps, and what came of it",
            "aitui revisions 7 --yaml         the proxy's file as it was then",
        ),
        failed="there is no such revision",
    )
    parser.add_argument(
        "number", metavar="N", nargs="?", type=positive, help="show that revision alone"
    )
    parser.add_argument(
        "--limit", metavar="N", type=positive, default=DEFAULT_LIMIT, help=f"({DEFAULT_LIMIT})"
    )
    parser.add_argument(
        "--yaml", action="store_true", help="with a revision: print the file's text instead"
    )


async def run_revisions(context: Context, args: argparse.Namespace) -> int:
    from tui import output

    if args.number is not None:
        return await _one(context, args)
    if args.yaml:
        output.tell_error("--yaml needs a revision's number: aitui revisions N --yaml")
        return output.EXIT_USAGE
    from tui.commands.plan_shapes import revision_json

    async with context.store() as store:
        revisions = await store.rollout.revisions(args.limit)
        cut_off = await _cut_off(store)
        zone = store.zone
    if args.json:
        output.say_json({"revisions": [revision_json(revision) for revision in revisions]})
        return output.EXIT_OK
    if not revisions:
        output.tell(
            "There are no revisions yet. `aitui plan` shows what `aitui apply` would change;"
            " each apply is one."
        )
        return output.EXIT_OK
    output.say_table(
        ("REVISION", "WHEN", "WHO", "KIND", "OUTCOME", "+", "~", "-", "REASON"),
        [_row(revision, zone, cut_off) for revision in revisions],
        right=frozenset({"REVISION", "+", "~", "-"}),
    )
    if len(revisions) == args.limit and revisions[-1].number > 1:
        output.tell(f"Older ones: add --limit {args.limit * 10}")
    return output.EXIT_OK


async def _cut_off(store: Store) -> int | None:
    unfinished = await store.rollout.unfinished()
    return None if unfinished is None else unfinished.number


def _row(revision: Revision, zone: ZoneInfo, cut_off: int | None) -> tuple[object, ...]:
    from tui.plan_words import outcome_words
    from tui.text import clean

    return (
        revision.number,
        _time(revision.started_at, zone),
        revision.actor,
        _kind(revision),
        outcome_words(revision, cut_off),
        revision.created,
        revision.changed,
        revision.deleted,
        clean(revision.reason or "", limit=MAX_REASON, one_line=True),
    )


def _time(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def _kind(revision: Revision) -> str:
    back = "" if revision.to_revision is None else f" to {revision.to_revision}"
    return f"{revision.kind}{back}"


async def _one(context: Context, args: argparse.Namespace) -> int:
    from store.checks import redact
    from tui import output
    from tui.commands.plan_shapes import revision_json

    yaml = None
    async with context.store() as store:
        revision = await store.rollout.revision(args.number)
        if args.yaml:
            # A file with a key is not applied; should one hold what looks like one all the same:
            yaml = redact(await store.rollout.revision_yaml(args.number))
        cut_off = await _cut_off(store)
        zone = store.zone
    if args.json:
        shape = revision_json(revision)
        output.say_json(shape if yaml is None else shape | {"yaml": yaml})
    elif yaml is not None:
        _say_yaml(yaml)
    else:
        _say(revision, zone, cut_off)
    return output.EXIT_OK


def _say_yaml(text: str) -> None:
    """The file byte for byte, unless it holds what a terminal might obey."""
    from tui import output

    lines_only = text.replace("\r\n", "\n")
    if all(char in "\n\t" or char.isprintable() for char in lines_only):
        output.say_file(text)
        return
    output.say_block(text)
    output.tell("It holds control characters, shown as \N{REPLACEMENT CHARACTER}: --json has them.")


def _say(revision: Revision, zone: ZoneInfo, cut_off: int | None) -> None:
    from tui import format as fmt
    from tui import output
    from tui.commands.plan_lines import change_lines, step_line
    from tui.plan_words import STEP_WORDS, outcome_words

    took = None
    if revision.finished_at is not None:
        elapsed = revision.finished_at - revision.started_at
        took = fmt.latency(max(round(elapsed.total_seconds() * 1000), 0))
    output.say_fields(
        {
            "revision": revision.number,
            "kind": _kind(revision),
            "outcome": outcome_words(revision, cut_off),
            "who": revision.actor,
            "when": _time(revision.started_at, zone),
            "took": took,
            "file": revision.file,
            "failed step": revision.failed_step and STEP_WORDS[revision.failed_step],
            "reason": revision.reason,
            "outage": None if revision.outage_ms is None else fmt.latency(revision.outage_ms),
        }
    )
    for block in (
        change_lines(revision.changes, sides=False),
        [step_line(step) for step in revision.steps],
    ):
        if block:
            output.say()
        for line in block:
            output.say(line)
