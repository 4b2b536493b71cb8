"""The question before an apply: what it does, what it costs, and deletions by their number."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Button, Input, Label, Static

from store.plans import Change, ChangeKind, Plan
from tui.format import plural
from tui.modals.confirm import ConfirmScreen
from tui.modals.dialog import Dialog
from tui.plan_words import STORE_GOES_BACK, change_name, counted, things, unread
from tui.text import clean, safe

MOST_NAMES = 8
MOST_TAKEN_BACK = 12
"""Lines of what the store takes back; the plan shows them all."""


def question_for(plan: Plan, *, smoke: bool, taken_back: Sequence[str] = ()) -> ConfirmScreen:
    """The question that fits the plan. The cursor stands on Cancel.

    Args:
        plan: what would be applied.
        smoke: whether each changed model gets a request afterwards.
        taken_back: what an undo takes back in the store itself, as lines.
    """
    if plan.to_revision is None:
        title, yes = "Apply to the proxy?", "Apply"
    else:
        title, yes = f"Undo to revision {plan.to_revision}?", "Undo"
    reload = clean(plan.reload, one_line=True, limit=400).rstrip(". ")
    lines = [f"Plan: {counted(plan)}", f"Reload: {reload}.", *unread(plan)]
    if smoke:
        lines.append("Then each changed model gets one real request, which is billed.")
    lines.append("If a step fails, the old configuration comes back.")
    deleted = [change for change in plan.changes if change.kind is ChangeKind.DELETE]
    if deleted:
        names = [f"- {clean(change_name(change), one_line=True, limit=60)}" for change in deleted]
        count = plural(len(deleted), "deletion")
        lines += [f"{count}, {things(deleted)}:", *_first(names, MOST_NAMES)]
    if taken_back:
        lines += [STORE_GOES_BACK, *_first([f"  {line}" for line in taken_back], MOST_TAKEN_BACK)]
    text = "\n".join(lines)
    return (
        CountedQuestion(title, text, deleted, yes=yes)
        if deleted
        else ConfirmScreen(title, text, yes=yes)
    )


def _first(lines: Sequence[str], most: int) -> list[str]:
    more = len(lines) - most
    return [*lines[:most], f"… and {more} more."] if more > 1 else list(lines)


class CountedQuestion(ConfirmScreen):
    """Yes only with the number of deletions. Digits go to its field from wherever one is."""

    def __init__(
        self, question: str, consequences: str, deleted: Sequence[Change], *, yes: str
    ) -> None:
        super().__init__(question, consequences, yes=yes)
        self._number = len(deleted)
        self._hint = f"type {self._number}, then enter · n or esc no"

    def body(self) -> ComposeResult:
        yield Static(safe(self._consequences, limit=4_000), id="consequences", markup=False)
        with Horizontal(classes="explain-field counted"):
            yield Label(f"Type {self._number} to delete them:", classes="counted-label")
            yield Input(restrict=r"\d{0,9}", compact=True, id="count")
        with Horizontal(classes="buttons"):
            yield Button("Cancel", id="cancel", compact=True)
            yield Button(safe(self._yes, one_line=True), id="yes", variant="error", compact=True)

    def on_key(self, event: events.Key) -> None:
        field = self.query_one("#count", Input)
        if event.character and event.character.isdecimal() and not field.has_focus:
            event.stop()
            field.focus()
            field.insert_text_at_cursor(event.character)

    @on(Input.Submitted, "#count")
    def _submitted(self) -> None:
        self.action_answer(True)

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.prevent_default()
        self.action_answer(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        if yes and self.query_one("#count", Input).value.lstrip("0") != str(self._number):
            self.hint(f"Not yet: type {self._number}, the number of deletions, then enter · esc no")
            self.query_one("#count", Input).focus()
            return
        self.dismiss(yes)


class Refusal(Dialog[None]):
    """Why a plan cannot be applied."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("This plan cannot be applied")
        self._plan = plan

    def body(self) -> ComposeResult:
        text = "\n".join(f"✗ {clean(blocker, limit=600)}" for blocker in self._plan.blockers)
        yield Static(safe(text, limit=6_000), id="blockers", markup=False)
