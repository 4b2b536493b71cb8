"""The plan: what an apply would change in the running proxy, and what differs though unasked."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from store.errors import AituiError
from store.plans import Change, Plan
from tui.modals.listed import ListScreen
from tui.plan_words import (
    STORE_GOES_BACK,
    STORE_ONLY,
    change_name,
    counts,
    nothing_differs,
    sentence,
    sides_seen,
    unknown,
    unread,
)
from tui.text import clean, safe
from tui.widgets.plan_lines import change_details, change_line, joined

if TYPE_CHECKING:
    from tui.applying import Applying

HINT = "a apply · d adopt · s smoke · y diff · r compare anew · esc back"
DRIFT_HINT = "a apply · d adopt · D adopt drift · s smoke · y diff · r anew · esc"
UNDO_HINT = "a undo · s smoke · y diff · r compare anew · esc back"
READ_ONLY_HINT = "y file's diff · r compare anew · esc back"
EMPTY_HINT = "r compare anew · y file's diff · esc back"
ADOPTS = frozenset({"adopt", "adopt_drift"})
WRITES = ADOPTS | {"apply", "smoke"}


class PlanScreen(ListScreen):
    """Reads the proxy in the background; the screen stays alive."""

    BINDINGS: ClassVar[list[Binding]] = [
        Binding("a", "apply", "Apply", id="plan.apply"),
        Binding("d", "adopt", "Adopt this", id="plan.adopt"),
        Binding("D", "adopt_drift", "Adopt all drift", id="plan.adopt_drift"),
        Binding("s", "smoke", "Smoke tests", id="plan.smoke"),
        Binding("y", "diff", "The file's diff", id="plan.diff"),
        Binding("r,R", "anew", "Compare anew", id="plan.anew"),
    ]

    def __init__(
        self,
        applying: Applying,
        *,
        plan: Plan | None = None,
        to_revision: int | None = None,
        ask: bool = False,
        note: str = "",
    ) -> None:
        """Args:
        plan: to be shown as it is; None compares first.
        to_revision: the revision that the plan goes back to.
        ask: whether the question before an apply follows by itself.
        note: what the operator has to know first.
        """
        super().__init__()
        self._applying = applying
        self._plan = plan
        self._to_revision = plan.to_revision if plan is not None else to_revision
        self._ask = ask
        self._note = note
        self._smoke = False
        self._taken_back: list[str] = []
        """What an undo takes back in the store itself, as lines."""

    @property
    def plan(self) -> Plan | None:
        """What is shown; None while it is compared, or if it could not be."""
        return self._plan

    @property
    def _read_only(self) -> bool:
        return self._applying.app.store.read_only

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if self._to_revision is not None and action in ADOPTS:
            return False  # what a revision says is over; only the present can be taken over
        return not (self._read_only and action in WRITES)

    def on_mount(self) -> None:
        if self._plan is not None:
            self._show(self._plan)
        else:
            self.action_anew()

    # --- compare -----------------------------------------------------------------------------

    def action_anew(self) -> None:
        self._plan = None
        self.title_is(self._title("Plan"))
        self.lines.display = False
        self.show_part("says", safe(self._note, style="$text-warning", limit=2_000))
        self.show_part("foot", Content())
        self.show_details(safe("Comparing the store with the proxy and its file …"))
        self.hint_is("esc back")
        self._compare()

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _compare(self) -> None:
        try:
            plan = await self._applying.rollout.plan(to_revision=self._to_revision)
            self._taken_back = await self._applying.taken_back(plan)
        except AituiError as error:
            self.show_details(safe(str(error), style="$text-error", limit=2_000))
            self.hint_is("r again · esc back")
            return
        self._show(plan)
        if self._ask:
            self._ask = False
            self.action_apply()

    def _title(self, word: str) -> str:
        return word if self._to_revision is None else f"Undo to revision {self._to_revision}"

    # --- show --------------------------------------------------------------------------------

    def _show(self, plan: Plan) -> None:
        chosen = self.chosen
        self._plan = plan
        drifted = f", {plan.drifted} drift" if plan.drifted else ""
        total = f": {counts(plan)}{drifted}" if plan.changes else ""
        self.title_is(self._title("Plan") + total)
        self.show_part("says", self._first_things(plan))
        self.lines.clear_options()
        self.lines.add_options([Option(change_line(change)) for change in plan.changes])
        self.lines.display = bool(plan.changes)
        self._show_foot()
        self.hint_is(self._keys(plan))
        if plan.changes:
            ids = [change.id for change in plan.changes]
            self.lines.highlighted = ids.index(chosen) if chosen in ids else 0
            self.lines.focus()
        else:
            self.show_details(joined([*self._in_step(plan), *self._after_all(plan)]))

    def _keys(self, plan: Plan) -> str:
        if self._read_only:
            return READ_ONLY_HINT
        if not plan.changes:
            return EMPTY_HINT
        if plan.to_revision is not None:
            return UNDO_HINT
        return DRIFT_HINT if plan.drifted else HINT

    @property
    def chosen(self) -> str | None:
        """The id of the change under the cursor, of this plan or of the one before."""
        change = self._change
        return None if change is None else change.id

    @property
    def _change(self) -> Change | None:
        index = self.lines.highlighted
        if self._plan is None or index is None or index >= len(self._plan.changes):
            return None
        return self._plan.changes[index]

    def _first_things(self, plan: Plan) -> Content:
        lines = [safe(self._note, style="$text-warning", limit=2_000)] if self._note else []
        if told := " ".join(unread(plan)):
            lines.append(safe(f"▲ {told}", style="$text-warning", limit=600))
        for blocker in plan.blockers:
            lines.append(safe(f"✗ {blocker}", style="$text-error", limit=600))
        return joined(lines)

    def _in_step(self, plan: Plan) -> list[Content]:
        at = plan.made_at.astimezone(self._applying.app.store.zone)
        in_step = plan.live_error is None and unknown(plan) is None
        said = safe(nothing_differs(plan), style="$text-success" if in_step else "")
        lines = [said, safe(f"Compared on {at:%Y-%m-%d at %H:%M:%S %Z}.", style="dim")]
        if in_step and self._taken_back:
            lines.append(safe(f"\n{STORE_ONLY}", style="$text-warning"))
        return lines

    def _after_all(self, plan: Plan) -> list[Content]:
        """What follows the details: the store's own way back, and the notes."""
        lines = []
        if self._taken_back:
            lines.append(safe(f"\n{STORE_GOES_BACK}", style="bold"))
            lines += [safe(f"  {line}", one_line=True, limit=400) for line in self._taken_back]
        return lines + [safe(f"\nNote: {note}", limit=600, style="dim") for note in plan.notes]

    def _show_foot(self) -> None:
        plan = self._plan
        if plan is None or not plan.changes:
            self.show_part("foot", Content())
            return
        smoke = "one request to each changed model" if self._smoke else "off"
        text = f"Reload: {clean(plan.reload, limit=300)}\nSmoke tests: {smoke}"
        if plan.file is not None:
            text = f"File: {clean(plan.file, limit=300, one_line=True)}\n{text}"
        self.show_part("foot", safe(text))

    @on(OptionList.OptionHighlighted, "#lines")
    def _highlighted(self) -> None:
        change, plan = self._change, self._plan
        if change is not None and plan is not None:
            details = change_details(change, sides=sides_seen(plan))
            self.show_details(joined([*details, *self._after_all(plan)]))

    # --- keys --------------------------------------------------------------------------------

    def action_smoke(self) -> None:
        self._smoke = not self._smoke
        self._show_foot()

    def action_diff(self) -> None:
        from tui.modals.file_diff import FileDiffScreen

        if self._plan is not None:
            self.app.push_screen(FileDiffScreen(self._plan))

    def action_apply(self) -> None:
        app = self._applying.app
        if self._plan is not None and not app.store.read_only:
            app.run_edit(self._applying.ask(self._plan, smoke=self._smoke))

    @on(OptionList.OptionSelected, "#lines")
    def _selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()

    def action_adopt(self) -> None:
        change = self._change
        if change is not None:
            name = clean(change_name(change), one_line=True, limit=60)
            self._adopt([change.id], f"Take {name} over into the store?")

    def action_adopt_drift(self) -> None:
        if self._plan is None:
            return
        ids = [change.id for change in self._plan.changes if change.drift]
        if not ids:
            self._applying.app.tell("Nothing has drifted: every difference was made here.")
            return
        self._adopt(ids, f"Take all drift over into the store ({len(ids)})?")

    @work(group="save", exit_on_error=False)
    async def _adopt(self, ids: Collection[str], question: str) -> None:
        from tui.modals.confirm import ConfirmScreen

        plan = self._plan
        assert plan is not None
        text = (
            "The store gets what the proxy and its file say, and the difference is gone. The "
            "proxy is not changed. H, the history, is the way back."
        )
        if not await self.app.push_screen_wait(ConfirmScreen(question, text, yes="Adopt")):
            return
        try:
            done = await self._applying.adopt(plan, ids)
        except AituiError as error:
            self._applying.app.tell(str(error), "error")
        else:
            self._note = " ".join(f"Adopted: {sentence(clean(each, limit=200))}" for each in done)
        self.action_anew()
