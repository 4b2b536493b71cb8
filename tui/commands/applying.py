"""Carrying out a plan: show it, ask, apply it step by step, and say how it ended."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from store.plans import ChangeKind, Outcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from store.plans import ApplyReport, Plan, Step
    from store.store import Store
    from tui.commands.parsing import Parser

    Work = Callable[[Callable[[Step], None]], Awaitable[ApplyReport | None]]

MAX_ROUNDS = 3
"""How often a plan is made anew because the file or the store changed meanwhile."""


def add_apply_options(parser: Parser) -> None:
    from tui.commands.asking import add_yes_option
    from tui.commands.parsing import whole

    add_yes_option(parser)
    parser.add_argument(
        "--delete",
        metavar="N",
        type=whole,
        help="how many deletions are meant; the plan must have as many",
    )
    parser.add_argument(
        "--smoke", action="store_true", help="send one request to each changed model (billed)"
    )


@dataclass(slots=True)
class Carrying:
    """One `apply` or `undo`, from the question to the report."""

    store: Store
    args: argparse.Namespace
    to_revision: int | None = None
    store_changes: Sequence[str] = ()
    """Lines that are shown below the plan: what the store itself takes back."""
    plan: Plan | None = None
    recovered: ApplyReport | None = None
    report: ApplyReport | None = None
    error: str | None = None
    """Why nothing was applied, in a word or two."""
    was_stopped: bool = False

    async def run(self) -> int:
        """Finish what was cut off, then plan, ask and apply; the exit status.

        Raises:
            ReadOnly, ApplyRefused: nothing was done.
            AituiError: the store or the file cannot be read, or they kept changing.
        """
        from tui import output
        from tui.commands.plan_shapes import plan_json, report_json

        status = await self._run()
        if self.args.json:
            output.say_json(
                {
                    "applied": self.report is not None and self.report.success,
                    "error": self.error,
                    "report": report_json(self.report) if self.report else None,
                    "plan": plan_json(self.plan) if self.plan else None,
                    "storeChanges": list(self.store_changes),
                    "recovered": report_json(self.recovered) if self.recovered else None,
                }
            )
        return status

    async def _run(self) -> int:
        from tui import output

        self.recovered = await self._recover()
        if self.was_stopped:
            self.error = "stopped"
            return output.EXIT_STOPPED
        if self.recovered is not None and self.recovered.outcome is Outcome.NOT_UNDONE:
            self.error = "not undone"
            return output.EXIT_FAILED
        with output.waiting("Reading the proxy"):
            self.plan = await self.store.rollout.plan(to_revision=self.to_revision)
        return await self._rounds(self.plan)

    async def _rounds(self, plan: Plan) -> int:
        """Ask and apply; again where the plan has to be made anew meanwhile."""
        from store.errors import AituiError
        from store.plans import PlanChanged
        from tui import output

        agreed: int | None = None
        for _ in range(MAX_ROUNDS):
            self.plan = plan
            self._show(plan)
            status = self._nothing_to_ask(plan)
            if status is not None:
                return status
            deletions = plan.count(ChangeKind.DELETE)
            if not (self.args.yes and agreed is not None and deletions <= agreed):
                self.error = await _ask(plan, self.args)
                if self.error is not None:
                    return output.EXIT_FAILED
            agreed = deletions
            try:
                self.report = await self._apply(plan)
            except PlanChanged as error:
                output.tell(str(error))
                plan = error.plan
                continue
            self._say_end(self.report)
            if self.report.success:
                return output.EXIT_OK
            return output.EXIT_STOPPED if self.was_stopped else output.EXIT_FAILED
        raise AituiError(
            "apply: the file or the store changed each time while this was under way; nothing"
            " was done. Try again when nobody else edits them."
        )

    def _nothing_to_ask(self, plan: Plan) -> int | None:
        """The exit status of a plan that is not applied; None for one that can be."""
        from tui import output
        from tui.plan_words import STORE_ONLY, unknown

        if plan.is_empty and unknown(plan) is None:
            if not self.store_changes:
                return output.EXIT_OK
            output.tell_error(STORE_ONLY)
            self.error = "store only"
            return output.EXIT_FAILED
        for blocker in plan.blockers:
            output.tell_error(blocker)
        if plan.blockers or plan.is_empty:
            self.error = "blocked" if plan.blockers else "unknown"
            return output.EXIT_FAILED
        return None

    def _tell(self, line: str) -> None:
        """The plan, the steps, the end; with --json the document alone is the result."""
        from tui import output

        (output.tell if self.args.json else output.say)(line)

    def _show(self, plan: Plan) -> None:
        from tui.commands.plan_lines import plan_lines
        from tui.plan_words import STORE_GOES_BACK

        for line in plan_lines(plan):
            self._tell(line)
        if self.store_changes:
            self._tell(STORE_GOES_BACK)
        for line in self.store_changes:
            self._tell(f"  {line}")

    async def _recover(self) -> ApplyReport | None:
        """Finish or undo an apply that was cut off, whoever began it."""
        from store.plans import ApplyRefused
        from store.store import local_actor
        from tui import output
        from tui.commands.asking import agreed
        from tui.plan_words import ending

        rollout = self.store.rollout
        unfinished = await rollout.unfinished()
        if unfinished is None:
            return None
        when = unfinished.started_at.astimezone(self.store.zone).strftime("%Y-%m-%d %H:%M:%S")
        output.tell(
            f"Revision {unfinished.number} by {unfinished.actor} was cut off ({when})."
            " It is finished or undone first."
        )
        if await agreed(self.args, "Do that now? The proxy may be reloaded for it.") is not None:
            raise ApplyRefused("the apply that was cut off is as it was.")
        report = await self._watched(
            lambda on_step: rollout.recover(actor=local_actor(), on_step=on_step)
        )
        if report is None:
            output.tell("Somebody else has dealt with it meanwhile.")
        elif report.outcome is Outcome.UNDONE:
            self._tell(ending(report))  # which is what it is for, and no failure
        else:
            self._say_end(report)
        return report

    async def _apply(self, plan: Plan) -> ApplyReport:
        from store.store import local_actor

        report = await self._watched(
            lambda on_step: self.store.rollout.apply(
                plan, actor=local_actor(), smoke=self.args.smoke, on_step=on_step
            )
        )
        assert report is not None
        return report

    async def _watched(self, work: Work) -> ApplyReport | None:
        """Do it with its steps shown. Ctrl+C undoes it; cancelled, it says what is left behind."""
        import asyncio

        from tui.commands.steps import StepView
        from tui.commands.stopping import stopping_on_interrupt

        view = StepView(as_json=self.args.json)
        with stopping_on_interrupt(self.store.rollout.stop, view.tell) as stopping:
            try:
                report = await work(view)
            except asyncio.CancelledError:
                view.tell_stopped()
                raise
            finally:
                view.clear()
                self.was_stopped = stopping.was_asked
        view.check(report)
        return report

    def _say_end(self, report: ApplyReport) -> None:
        """How it ended; on stderr where it failed, and nothing is left out."""
        from tui import format as fmt
        from tui import output
        from tui.commands.plan_lines import change_lines
        from tui.plan_words import ending

        said = ending(report)
        if report.success:
            self._tell(f"{said} It took {fmt.latency(report.took_ms)}.")
            return
        output.tell_error(said)
        for line in change_lines(report.still_different, sides=False):
            output.tell(f"  {line}")


async def _ask(plan: Plan, args: argparse.Namespace) -> str | None:
    """None if the operator agrees, else why not, in a word for the document.

    Deletions are agreed to by their number: typed, or given with --delete.
    """
    from tui import format as fmt
    from tui import output
    from tui.commands.asking import can_ask, said_yes, typed
    from tui.plan_words import things

    deletions = plan.count(ChangeKind.DELETE)
    total = len(plan.changes)
    if args.delete is not None and args.delete != deletions:
        output.tell_error(
            f"nothing was changed: the plan makes {fmt.plural(deletions, 'deletion')}, and"
            f" --delete says {args.delete}. Look at the plan, and give its number."
        )
        return "deletions"
    counted = args.delete is not None or not deletions
    if args.yes and counted:
        return None
    if not can_ask():
        flags = "--yes" if counted else f"--yes --delete {deletions}"
        output.tell_error(
            f"nothing was changed: add {flags} to apply {fmt.plural(total, 'change')} without a"
            " terminal to ask on."
        )
        return "not asked"
    if counted:
        which = "this change" if total == 1 else f"these {total} changes"
        agreed = await said_yes(f"Apply {which}?")
    else:
        gone = things(change for change in plan.changes if change.kind is ChangeKind.DELETE)
        agreed = await typed(f"Type {deletions} to delete {gone} and apply:") == str(deletions)
    if agreed:
        return None
    output.tell("Nothing was changed.")
    return "declined"
