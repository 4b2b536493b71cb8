"""Revisions: every apply with who, when, what and what came of it; and the way back to one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from store.errors import AituiError
from store.plans import Outcome, Revision, RevisionKind, Step, StepState
from tui import format as fmt
from tui.modals.listed import ListScreen
from tui.plan_words import (
    STEP_CELLS,
    STEP_SIGNS,
    STEP_WORDS,
    TIME_CELLS,
    counts,
    failed_words,
    outcome_words,
)
from tui.text import fit, safe
from tui.widgets.plan_lines import change_line, joined

if TYPE_CHECKING:
    from tui.applying import Applying

MOST = 200
HINT = "u or enter goes back to this · r read again · esc back"
READ_ONLY_HINT = "r read again · esc back"
OUTCOME_TONES = {
    Outcome.SERVED: "$text-success",
    Outcome.WRITTEN: "$text-warning",
    Outcome.UNDONE: "$text-warning",
    Outcome.NOT_UNDONE: "$text-error",
    Outcome.RUNNING: "$text-error",
}


class RevisionsScreen(ListScreen):
    """The newest first; below, what it changed and how it went."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("u", "undo_to", "Undo to this", id="revisions.undo"),
        Binding("r,R", "read", "Read again", id="revisions.read"),
    ]

    def __init__(self, applying: Applying) -> None:
        super().__init__()
        self._applying = applying
        self._revisions: tuple[Revision, ...] = ()
        self._cut_off: int | None = None
        """The one whose end nobody knows."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (self._applying.app.store.read_only and action == "undo_to")

    def on_mount(self) -> None:
        self.title_is("Revisions")
        self.show_part("says", Content())
        self.show_part("foot", Content())
        self.hint_is(READ_ONLY_HINT if self._applying.app.store.read_only else HINT)
        self.lines.focus()
        self.action_read()

    def on_screen_resume(self) -> None:
        """Back from a plan that may have been applied."""
        if self._revisions:
            self.action_read()

    def action_read(self) -> None:
        self._read()

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self) -> None:
        try:
            revisions = await self._applying.rollout.revisions(MOST)
            cut_off = await self._applying.rollout.unfinished()
        except AituiError as error:
            self.show_part("says", safe(str(error), style="$text-error", limit=600))
            return
        self.show_part("says", Content())
        before = None if self.chosen is None else self.chosen.number
        number = None if cut_off is None else cut_off.number
        if revisions and (revisions, number) == (self._revisions, self._cut_off):
            return
        self._revisions, self._cut_off = revisions, number
        self.lines.clear_options()
        self.lines.add_options([Option(self._line(revision)) for revision in revisions])
        self.lines.display = bool(revisions)
        if not revisions:
            self.show_details(safe("No revisions yet: each apply makes one."))
            return
        numbers = [revision.number for revision in revisions]
        self.lines.highlighted = numbers.index(before) if before in numbers else 0
        self.lines.focus()

    @property
    def chosen(self) -> Revision | None:
        """The revision under the cursor."""
        index = self.lines.highlighted
        there = index is not None and index < len(self._revisions)
        return self._revisions[index] if there and index is not None else None

    def _line(self, revision: Revision) -> Content:
        at = revision.started_at.astimezone(self._applying.app.store.zone)
        who = revision.actor.partition("@")[0]
        number = fit(str(revision.number), 4, align="right")
        left = f"{number} {at:%Y-%m-%d %H:%M}  {fit(who, 12)} {fit(_kind(revision), 10)} "
        return Content.assemble(
            safe(left, one_line=True),
            safe(
                fit(outcome_words(revision, self._cut_off), 11),
                style=OUTCOME_TONES.get(revision.outcome, "dim"),
            ),
            safe(counts(revision), one_line=True),
        )

    @on(OptionList.OptionHighlighted, "#lines")
    def _highlighted(self) -> None:
        if (revision := self.chosen) is not None:
            self.show_details(joined(self._details(revision)))

    def _details(self, revision: Revision) -> list[Content]:
        zone = self._applying.app.store.zone
        at = revision.started_at.astimezone(zone)
        took = ""
        if revision.finished_at is not None:
            ms = (revision.finished_at - revision.started_at).total_seconds() * 1000
            took = f", took {fmt.latency(ms)}"
        back = f" to revision {revision.to_revision}" if revision.to_revision is not None else ""
        lines = [
            safe(f"{at:%Y-%m-%d %H:%M:%S %Z} by {revision.actor}{took}", style="dim", limit=300),
            safe(
                f"{revision.kind}{back}: {outcome_words(revision, self._cut_off)}. {revision.file}",
                limit=600,
            ),
        ]
        if revision.failed_step is not None or revision.reason:
            text = f"✗ {failed_words(revision)}"
            lines.append(safe(text, limit=1_000, style="$text-error"))
        if revision.outage_ms:
            lines.append(safe(f"The proxy did not answer for {fmt.latency(revision.outage_ms)}."))
        lines += [change_line(change) for change in revision.changes]
        return lines + [_step(step) for step in revision.steps]

    @on(OptionList.OptionSelected, "#lines")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        if not self._applying.app.store.read_only:
            self.action_undo_to()

    def action_undo_to(self) -> None:
        if (revision := self.chosen) is not None:
            self._applying.app.run_edit(self._applying.show_plan(revision.number))


def _kind(revision: Revision) -> str:
    if revision.kind is RevisionKind.UNDO and revision.to_revision is not None:
        return f"undo → {revision.to_revision}"
    return str(revision.kind)


def _step(step: Step) -> Content:
    time = fit("" if step.took_ms is None else fmt.latency(step.took_ms), TIME_CELLS, align="right")
    tone = "$text-error" if step.state is StepState.FAILED else "dim"
    text = f"{STEP_SIGNS[step.state]} {fit(STEP_WORDS[step.name], STEP_CELLS)}{time}  {step.detail}"
    return safe(text, one_line=True, limit=300, style=tone)
