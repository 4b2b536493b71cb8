"""`aitui plan`: what an apply would change in the proxy, and taking over what the proxy has."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.plans import Change, Plan
    from store.store import Store
    from tui.commands.context import Context
    from tui.commands.parsing import Commands

EXIT_CHANGES = 2
"""Something differs, as other tools that plan have it."""
EVERYTHING = "all"


def register(commands: Commands) -> None:
    from tui.commands.parsing import positive

    parser = commands.add(
        "plan",
        run_plan,
        "show what an apply would change in the proxy, or adopt what the proxy has",
        about=(
            "It compares the store with what the proxy serves and with its file, and changes\n"
            "nothing: + creates, ~ changes, - deletes. `drift` differs although nothing was\n"
            "edited here. The status tells a script whether something differs.\n\n"
            "With --adopt it changes the store instead, so --read-only refuses that."
        ),
        examples=(
            "aitui plan",
            "aitui plan --diff                and the lines of the file that change",
            "aitui plan --to 5                what going back to revision 5 would change",
            "aitui plan --adopt gpt-4.1       the proxy is right about gpt-4.1: take it over",
            "aitui plan --json || echo 'something differs'",
        ),
        failed="an error",
        usage="something differs (or wrong usage)",
    )
    parser.add_argument(
        "--to", metavar="REVISION", type=positive, help="go back to that revision (see undo)"
    )
    parser.add_argument(
        "--adopt",
        metavar="CHANGE",
        nargs="*",
        action=_Adopt,
        help="take what the proxy has into the store: models by name or id, `router`, fallbacks"
        " by their group, `all`; without a CHANGE everything that drifted",
    )
    parser.add_argument("--yes", "-y", action="store_true", help="with --adopt: do not ask")
    parser.add_argument(
        "--diff", action="store_true", help="show the change of the proxy's file, too, as a diff"
    )


class _Adopt(argparse.Action):
    """`--adopt` writes to the store; without it `plan` only reads."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        namespace.adopt = values
        namespace.writes = True


async def run_plan(context: Context, args: argparse.Namespace) -> int:
    from tui import output
    from tui.commands.plan_lines import plan_lines
    from tui.commands.plan_shapes import plan_json
    from tui.file_diff import file_diff
    from tui.plan_words import unknown

    if args.adopt is not None and args.to is not None:
        output.tell_error("--adopt goes with the present plan, not with --to.")
        return output.EXIT_USAGE
    async with context.store() as store:
        unfinished = await store.rollout.unfinished()
        with output.waiting("Reading the proxy"):
            plan = await store.rollout.plan(to_revision=args.to)
        if args.adopt is not None:
            return await _adopt(store, plan, args)
    if unfinished is not None:
        output.tell(
            f"Revision {unfinished.number} by {unfinished.actor} was cut off:"
            " `aitui apply` finishes or undoes it first."
        )
    if args.json:
        document = plan_json(plan) | {"unfinished": unfinished.number if unfinished else None}
        if args.diff:
            document["diff"] = file_diff(plan.yaml_before, plan.yaml)
        output.say_json(document)
    else:
        for line in plan_lines(plan):
            output.say(line)
        if args.diff:
            for line in file_diff(plan.yaml_before, plan.yaml):
                output.say(line)
        for blocker in plan.blockers:
            output.say(f"It cannot be applied: {blocker}")
    if plan.changes:
        return EXIT_CHANGES
    return output.EXIT_OK if unknown(plan) is None else output.EXIT_FAILED


async def _adopt(store: Store, plan: Plan, args: argparse.Namespace) -> int:
    """Show what the store would take over, ask, and take it."""
    from store.store import local_actor
    from tui import format as fmt
    from tui import output
    from tui.commands.asking import agreed
    from tui.commands.plan_lines import change_lines

    chosen = choose(plan.changes, args.adopt)
    if not chosen:
        output.tell(_nothing_to_take(plan))
        if args.json:
            output.say_json({"changed": False, "changeId": None, "adopted": [], "done": []})
        return output.EXIT_OK
    output.tell("The store would change:")
    for line in change_lines([_turned(change) for change in chosen], sides=False):
        output.tell(f"  {line}")
    refused = await agreed(args, f"Take {fmt.plural(len(chosen), 'difference')} into the store?")
    if refused is not None:
        return refused
    ids = [change.id for change in chosen]
    done = await store.rollout.adopt(plan, ids, actor=local_actor())
    if args.json:
        change_id = store.last_change_id if done else None
        output.say_json(
            {"changed": bool(done), "changeId": change_id, "adopted": ids, "done": list(done)}
        )
        return output.EXIT_OK
    for line in done:
        output.say(line)
    output.tell("`aitui history undo` takes it back. `aitui plan` shows what still differs.")
    return output.EXIT_OK


def _nothing_to_take(plan: Plan) -> str:
    from tui.plan_words import nothing_differs

    if plan.is_empty:
        return nothing_differs(plan)
    return (
        "Nothing drifted: what differs was edited here. Name what to take all the same:"
        f" {_listed(plan.changes)}, or `{EVERYTHING}`."
    )


def choose(changes: Sequence[Change], wanted: Sequence[str]) -> list[Change]:
    """The changes of those names or ids, in the plan's order; none named: what drifted.

    Raises:
        NotFound: a name fits none, or more than one.
    """
    if not wanted:
        return [change for change in changes if change.drift]
    if list(wanted) == [EVERYTHING]:
        return list(changes)
    ids = {_one(changes, text).id for text in wanted}
    return [change for change in changes if change.id in ids]


def _one(changes: Sequence[Change], text: str) -> Change:
    from store.errors import NotFound
    from tui.plan_words import change_name

    found = [change for change in changes if text in _names(change)]
    # A group with several deployments: `gpt-4.1 (openai/gpt-4.1)`.
    found = found or [change for change in changes if change.name.startswith(f"{text} ")]
    if len(found) == 1:
        return found[0]
    if not found:
        known = _listed(changes) if changes else "none"
        raise NotFound(f"--adopt: nothing called {text!r} differs. What does: {known}.")
    candidates = ", ".join(
        f"{change.id!r} ({change_name(change)})"
        if change.id != change_name(change)
        else f"{change.id!r}"
        for change in found
    )
    raise NotFound(f"--adopt: {text!r} could be any of {candidates}. Give one of these.")


def _names(change: Change) -> tuple[str, ...]:
    """What an operator may call it."""
    from store.plans import Subject

    router = ("router",) if change.subject is Subject.ROUTER else ()
    return (change.id, change.key, change.name, f"{change.subject} {change.name}", *router)


def _listed(changes: Sequence[Change]) -> str:
    from tui.plan_words import MAX_ITEMS, change_name

    shown = ", ".join(repr(change_name(change)) for change in changes[:MAX_ITEMS])
    more = len(changes) - MAX_ITEMS
    return f"{shown} and {more} more" if more > 0 else shown


def _turned(change: Change) -> Change:
    """The change as the store sees it, when the proxy's side wins."""
    from dataclasses import replace

    from store.plans import ChangeKind

    turned = {ChangeKind.CREATE: ChangeKind.DELETE, ChangeKind.DELETE: ChangeKind.CREATE}
    return replace(
        change,
        kind=turned.get(change.kind, change.kind),
        fields=tuple(replace(field, old=field.new, new=field.old) for field in change.fields),
    )
