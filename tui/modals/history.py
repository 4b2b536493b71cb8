"""History: every change with who, when and what, field by field; and the way back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from store.domain import AuditEntry
from store.errors import AituiError, InUse
from store.history import ALL, FieldChange, HistoryFilter, differences
from tui.failures import FailureMixin
from tui.modals.confirm import ConfirmScreen
from tui.modals.form import Desk
from tui.text import clean, fit, safe
from tui.widgets.field_words import Names, label, names_in, words

PAGE = 200
ONE_LINE = 40
"""Characters of two values that still stand side by side at 80 columns."""
HINT = "r restore this · E restore all · f only this thing · esc back"
READ_ONLY_HINT = "f only this thing · esc back"
WRITES = frozenset({"restore", "restore_all"})


class HistoryScreen(FailureMixin, ModalScreen[None]):
    """The newest change first; below, what it changed."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("escape,q", "back", "Back", id="dialog.back"),
        Binding("r", "restore", "Restore this", id="history.restore"),
        Binding("E", "restore_all", "Restore everything", id="history.restore_all"),
        Binding("f", "filter", "Only this thing", id="history.filter"),
        Binding("j", "step(1)", "Down", show=False, id="history.down"),
        Binding("k", "step(-1)", "Up", show=False, id="history.up"),
        Binding("g", "edge(False)", "Newest", show=False, id="history.first"),
        Binding("G", "edge(True)", "Oldest", show=False, id="history.last"),
    ]

    def __init__(self, desk: Desk, which: HistoryFilter = ALL) -> None:
        super().__init__()
        self._store = desk.store
        self._desk = desk
        self._which = which
        self._entries: list[AuditEntry] = []
        self._names: Names = {}
        self._at_end = False

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog history"):
            yield Static("History", classes="dialog-title", markup=False)
            yield OptionList(id="changes", markup=False, compact=True)
            with VerticalScroll(id="change-scroll", can_focus=False):
                yield Static("", id="change", markup=False)
            hint = READ_ONLY_HINT if self._store.read_only else HINT
            yield Static(hint, classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        self._changes.focus()
        self._read(anew=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return not (self._store.read_only and action in WRITES)

    @property
    def _changes(self) -> OptionList:
        return self.query_one("#changes", OptionList)

    @property
    def chosen(self) -> AuditEntry | None:
        """The change under the cursor."""
        index = self._changes.highlighted
        return None if index is None or index >= len(self._entries) else self._entries[index]

    @work(exclusive=True, group="read", exit_on_error=False)
    async def _read(self, anew: bool = False) -> None:
        last = None if anew or not self._entries else self._entries[-1].id
        page = await self._store.history.entries(self._which, before_id=last, limit=PAGE)
        world = await self._store.edit.world()
        self._at_end = len(page) < PAGE
        if anew:
            self._entries = []
            self._changes.clear_options()
        self._entries += page
        # What was removed is called as it was when it went.
        old = {entry.entity_id: entry.name for entry in reversed(self._entries)}
        self._names = {**old, **names_in(world)}
        self._changes.add_options([Option(self._line(entry)) for entry in page])
        title = "History" if self._which == ALL else f"History of {self._which.name}"
        self.query_one(".dialog-title", Static).update(safe(title, one_line=True, limit=200))
        if not self._entries:
            self._changes.display = False
            self.query_one("#change", Static).update("No changes yet.")
        elif anew:
            self._changes.display = True
            self._changes.highlighted = 0

    def _line(self, entry: AuditEntry) -> Content:
        at = entry.at.astimezone(self._store.zone)
        who = entry.actor.partition("@")[0]
        entity = "config" if entry.entity == "configuration" else entry.entity
        left = f"{at:%Y-%m-%d %H:%M}  {fit(entry.action, 8)} {fit(entity, 9)}"
        return safe(f"{left}{fit(entry.name, 20)} {fit(who, 20)}", one_line=True)

    @on(OptionList.OptionHighlighted, "#changes")
    def _highlighted(self) -> None:
        entry = self.chosen
        if entry is None:
            return
        at = entry.at.astimezone(self._store.zone)
        head = f"{at:%Y-%m-%d %H:%M:%S %Z} by {entry.actor}"
        parts = [safe(head, style="dim", limit=300), *describe(entry, self._names)]
        self.query_one("#change", Static).update(Content("\n").join(parts))
        self.query_one("#change-scroll", VerticalScroll).scroll_home(animate=False)
        if entry is self._entries[-1] and not self._at_end:
            self._read()

    def action_step(self, step: int) -> None:
        if step > 0:
            self._changes.action_cursor_down()
        else:
            self._changes.action_cursor_up()

    def action_edge(self, end: bool) -> None:
        if end:
            self._changes.action_last()
        else:
            self._changes.action_first()

    def action_filter(self) -> None:
        entry = self.chosen
        if self._which != ALL or entry is None:
            self._which = ALL
        else:
            self._which = HistoryFilter(entry.entity, entry.entity_id, entry.name)
        self._read(anew=True)

    def action_restore(self) -> None:
        if entry := self.chosen:
            what = f"{entry.entity} {fit_name(entry.name)}"
            self._ask_and_do(
                f"Remove {what} again?" if entry.after is None else f"Restore {what}?",
                f"It will be {self._as_of(entry)}.",
                f"{what} is {self._as_of(entry)}",
                lambda: self._store.history.restore(entry.id, actor=self._desk.actor),
            )

    def action_restore_all(self) -> None:
        if entry := self.chosen:
            self._ask_and_do(
                "Restore every provider, model and route?",
                f"All will be {self._as_of(entry)}; what was added since is removed.",
                f"Everything is {self._as_of(entry)}",
                lambda: self._store.history.restore_all(entry.id, actor=self._desk.actor),
            )

    def _as_of(self, entry: AuditEntry) -> str:
        at = entry.at.astimezone(self._store.zone)
        gone = "gone, as" if entry.after is None else "as"
        return f"{gone} on {at:%m-%d} at {at:%H:%M:%S}"

    @work(group="save", exit_on_error=False)
    async def _ask_and_do(
        self,
        question: str,
        consequences: str,
        done: str,
        do: Callable[[], Awaitable[tuple[str, ...]]],
    ) -> None:
        async def save() -> object:
            steps = await do()
            if not steps:
                raise InUse("Nothing to restore: it is so already.")
            return steps

        text = f"{consequences}\nThat is a change of its own: u undoes it."
        if not await self.app.push_screen_wait(ConfirmScreen(question, text, yes="Restore")):
            return
        try:
            await self._desk.submit(done, save)
        except AituiError as error:
            message = clean(str(error), limit=400)
            self.app.notify(message, severity="error", markup=False)
        self._read(anew=True)

    def action_back(self) -> None:
        self.dismiss(None)


def fit_name(name: str) -> str:
    """A name that leaves room for the words around it."""
    return clean(name, one_line=True, limit=40)


def describe(entry: AuditEntry, names: Names) -> Iterable[Content]:
    """What a change did, a line a field: `+` new, `~` other, `-` gone."""
    if entry.entity == "configuration":
        return [safe("The configuration file's unmanaged parts were taken over.")]
    found = [change for change in differences(entry) if change.name != "id"]
    # Of a whole thing only what it says; of a change also what is empty now.
    whole = entry.before is None or entry.after is None
    lines = [_line(change, entry, names) for change in found if not (whole and _is_empty(change))]
    return lines or [safe("No field changed.")]


def _is_empty(change: FieldChange) -> bool:
    return all(value in (None, "", [], False) for value in (change.before, change.after))


def _line(change: FieldChange, entry: AuditEntry, names: Names) -> Content:
    name = fit(label(change.name), 16)
    before, after = (
        clean(words(change.name, value, names), limit=300)
        for value in (change.before, change.after)
    )
    if entry.before is None:
        return safe(f"+ {name}{after}", style="$text-success")
    if entry.after is None:
        return safe(f"- {name}{before}", style="$text-error")
    if len(before) + len(after) <= ONE_LINE:
        return safe(f"~ {name}{before}  →  {after}")
    return safe(f"~ {name}{before}\n{' ' * 16}→ {after}")
