"""`aitui apply` and `aitui undo`: make the proxy serve what the store says, or said."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from store.plans import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.plans import Revision
    from tui.commands.context import Context
    from tui.commands.parsing import Commands

_SERVED = (Outcome.SERVED, Outcome.WRITTEN)
_CAN_GO_BACK_TO = (*_SERVED, Outcome.RECORDED)
MAX_REVISIONS = 10_000
"""How far back the revision that is served now is looked for."""
_ABOUT_DELETIONS = (
    "A plan that deletes asks for the number of deletions. Without a terminal give --yes,\n"
    "and with deletions their number too: --delete N."
)


def register(commands: Commands) -> None:
    from tui.commands.applying import add_apply_options
    from tui.commands.parsing import positive

    parser = commands.add(
        "apply",
        run_apply,
        "make the proxy serve what the store says, and prove it",
        about=(
            "It shows the plan and asks. Then it checks, makes a backup, writes the proxy's file,\n"
            "reloads the proxy, and reads back until every worker serves it. If a step fails, the\n"
            f"old configuration comes back, and that is proved as well.\n\n{_ABOUT_DELETIONS}"
        ),
        examples=(
            "aitui apply",
            "aitui apply --yes --delete 2     in a script; the plan deletes two",
            "aitui apply --smoke              and send a request to each changed model",
        ),
        failed="refused, or it failed and was undone",
        writes=True,
    )
    add_apply_options(parser)
    parser = commands.add(
        "undo",
        run_undo,
        "bring back an earlier revision: by default the one before",
        about=(
            "The store and the proxy go back to how they were at that revision, which is a\n"
            f"revision of its own and can be undone as well.\n\n{_ABOUT_DELETIONS}"
        ),
        examples=("aitui undo", "aitui undo 5", "aitui plan --to 5     look first"),
        failed="refused, or it failed and was undone",
        writes=True,
    )
    parser.add_argument(
        "revision", metavar="REVISION", nargs="?", type=positive, help="see `aitui revisions`"
    )
    add_apply_options(parser)


async def run_apply(context: Context, args: argparse.Namespace) -> int:
    from tui.commands.applying import Carrying

    async with context.store() as store:
        return await Carrying(store, args).run()


async def run_undo(context: Context, args: argparse.Namespace) -> int:
    from tui.commands.applying import Carrying
    from tui.differences import store_changes

    async with context.store() as store:
        if args.revision is None:
            target = one_before(await store.rollout.revisions(MAX_REVISIONS))
        else:
            target = await store.rollout.revision(args.revision)
        changes = await store_changes(store, target.number)
        return await Carrying(store, args, target.number, changes).run()


def one_before(revisions: Sequence[Revision]) -> Revision:
    """The revision before the one that is served now; `revisions` has the newest first.

    Raises:
        NotFound: there is none.
    """
    from store.errors import NotFound

    sound = [revision for revision in revisions if revision.outcome in _CAN_GO_BACK_TO]
    served = next((n for n, one in enumerate(sound) if one.outcome in _SERVED), None)
    if served is None:
        raise NotFound("undo: nothing was applied yet. `aitui revisions` lists what there is.")
    if served + 1 == len(sound):
        raise NotFound(
            f"undo: there is no revision before {sound[served].number}, the one that is served."
        )
    return sound[served + 1]
