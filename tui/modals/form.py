"""A form: checked while typing, saved through the store, never lost by accident."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar, cast

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Button, Input, Static

from store.domain import Model, Provider, Route
from store.errors import AituiError, InvalidField, Rejected, StaleEdit
from store.store import Store
from store.validation import World, problems
from tui.modals.confirm import ConfirmScreen
from tui.modals.dialog import Dialog
from tui.text import safe
from tui.widgets.field_words import names_in
from tui.widgets.fields import Field

Thing = TypeVar("Thing", Provider, Model, Route)
Value = TypeVar("Value")
Submit = Callable[[str, Callable[[], Awaitable[object]]], Awaitable[object]]
"""The app's serial writer: (what it is, the save) -> its result."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What a form works with: the door, the way to the writer, and who is at work."""

    store: Store
    submit: Submit
    actor: str


class Reading:
    """What the fields say, with every field that cannot be read."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._texts = {field.field_name: field.text for field in fields}
        self.problems: list[InvalidField] = []

    def text(self, name: str) -> str:
        return self._texts[name].strip()

    def flag(self, name: str) -> bool:
        return self._texts[name] == "yes"

    def get(self, name: str, parse: Callable[[str, str], Value | None]) -> Value | None:
        """The parsed value; None, and a problem noted, where it cannot be read."""
        try:
            return parse(name, self._texts[name])
        except InvalidField as error:
            self.problems.append(error)
            return None

    def needed(self, name: str, parse: Callable[[str, str], Value | None], other: Value) -> Value:
        """Like `get`; nothing typed is a problem, and `other` stands in for the checks."""
        value = self.get(name, parse)
        if value is None:
            if not self.text(name):
                self.problems.append(InvalidField(name, "must not be empty."))
            return other
        return value


class FormBody(VerticalScroll, inherit_bindings=False):
    """The fields' place. It follows the cursor; the arrow keys are the form's."""


class FormScreen(Dialog[Any], Generic[Thing]):
    """Base of the forms. Dismissed with the saved thing, or None.

    What was typed stays when a save fails; going back asks before it throws anything away.
    """

    BINDINGS: ClassVar[list[Binding]] = [
        # Not a priority: it waits for the letters that were typed ahead of it.
        Binding("f2", "save", "Save", id="form.save"),
        Binding("escape", "back", "Back", id="dialog.back"),
        Binding("q", "ignore", show=False),  # a letter that missed its field closes nothing
        Binding("down", "app.focus_next", "Next field", show=False, id="form.next"),
        Binding("up", "app.focus_previous", "Field before", show=False, id="form.previous"),
        Binding("pagedown", "edge(True)", "Last field", show=False, id="form.last"),
        Binding("pageup", "edge(False)", "First field", show=False, id="form.first"),
    ]

    def __init__(
        self, title: str, desk: Desk, world: World, before: Thing, *, focus: str = ""
    ) -> None:
        """`before`: the thing as it was read, with an empty id for a new one; `focus`: a field."""
        super().__init__(title)
        self._store = desk.store
        self._desk = desk
        self._first = focus
        self.world = world
        self.before: Thing = before
        self._tried = False
        self._said = ""
        self._fields: list[Field] = []
        self.is_saving = False
        """Whether a save is under way."""
        self.after_save: Callable[[], Awaitable[None]] | None = None
        """What waits for the save to end, well or not."""

    def make_fields(self) -> ComposeResult:
        """The form's fields, in order."""
        raise NotImplementedError

    def build(self, reading: Reading) -> Thing:
        """The thing as the fields say it."""
        raise NotImplementedError

    def texts(self, thing: Thing) -> dict[str, str]:
        """What the fields say of a thing, by the field's name."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog form"):
            yield Static(safe(self._title, one_line=True), classes="dialog-title", markup=False)
            with FormBody(classes="dialog-body", can_focus=False):
                yield from self.make_fields()
            yield Static("", id="form-error", markup=False)
            with Horizontal(classes="form-bottom"):
                yield Button("Save F2", id="save", variant="primary", compact=True)
                yield Button("Cancel esc", id="cancel", compact=True)
                yield Static("", classes="dialog-hint", markup=False)

    def on_mount(self) -> None:
        self._fields = list(self.query(Field))
        for field in self.fields:
            field.given = not self.is_new and field.text not in ("", "no")
        first = self.field(self._first) if self._first else self.fields[0]
        first.focus_control()
        self.check()

    @property
    def fields(self) -> list[Field]:
        return self._fields

    def field(self, name: str) -> Field:
        """The field of that name. Raises KeyError."""
        for field in self._fields:
            if field.field_name == name:
                return field
        raise KeyError(name)

    @property
    def is_new(self) -> bool:
        return not self.before.id

    @property
    def is_dirty(self) -> bool:
        """Whether something would be lost by leaving."""
        return any(field.is_changed or field.filled for field in self.fields)

    @property
    def title_text(self) -> str:
        """The form's title, for a question about it."""
        return self._title

    def read(self) -> tuple[Thing, tuple[InvalidField, ...]]:
        """The thing as it stands in the form, and everything that is wrong with it."""
        reading: Reading = Reading(self.fields)
        thing = self.build(reading)
        wrong = {problem.field_name for problem in reading.problems}
        # Where no other name is typed, the display name is the name: told once is enough.
        if isinstance(thing, Provider | Model) and not reading.text("display_name"):
            wrong.add("display_name")
        rules: list[InvalidField] = [
            p for p in problems(thing, self.world) if p.field_name not in wrong
        ]
        return thing, (*reading.problems, *rules)

    # --- while typing ------------------------------------------------------------------------

    @on(Field.Edited)
    def _edited(self, event: Field.Edited) -> None:
        self._say("")
        self.was_edited(event.field)
        self.check()

    def was_edited(self, field: Field) -> None:
        """What follows from an edit; a form may fill in other fields."""

    def check(self) -> None:
        """Say what is wrong: of the fields that say something, and of all after a try to save."""
        _, found = self.read()
        self.show_problems(found, everywhere=self._tried)

    def show_problems(self, found: Sequence[InvalidField], *, everywhere: bool) -> None:
        said = {problem.field_name: str(problem).partition(": ")[2] for problem in reversed(found)}
        rest = dict(said)
        for field in self.fields:
            problem = rest.pop(field.field_name, None)
            field.show_problem(problem if everywhere or field.touched or field.text else None)
        if everywhere and rest:
            self._say(" ".join(rest.values()))

    def _say(self, sentence: str) -> None:
        if sentence == self._said:
            return
        self._said = sentence
        error = self.query_one("#form-error", Static)
        error.display = bool(sentence)
        error.update(safe(sentence, limit=600))

    @on(events.DescendantFocus)
    def _cursor_moved(self, event: events.DescendantFocus) -> None:
        """Say what the keys do where the cursor is."""
        inside = [node for node in event.widget.ancestors if isinstance(node, Field)]
        self.hint(inside[0].hint if inside else "enter presses it")

    def hint(self, text: str) -> None:
        # Its place and size stay, so nothing has to be laid out.
        self.query_one(".dialog-hint", Static).update(safe(text), layout=False)

    def action_ignore(self) -> None:
        """Nothing."""

    def action_edge(self, end: bool) -> None:
        self.fields[-1 if end else 0].focus_control()

    # --- saving ------------------------------------------------------------------------------

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_save()

    @on(Button.Pressed)
    async def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "save":
            self.action_save()
        elif event.button.id == "cancel":
            await self.action_back()

    def action_save(self) -> None:
        if self.is_saving:
            return
        self._tried = True
        self._say("")
        thing, found = self.read()
        self.show_problems(found, everywhere=True)
        if found:
            self._focus_first(found)
        elif thing == self.before and not self.is_new:
            self.dismiss(None)  # nothing to write
        else:
            self.is_saving = True
            self._save(thing)

    def _focus_first(self, found: Sequence[InvalidField]) -> None:
        wrong = {problem.field_name for problem in found}
        for field in self.fields:
            if field.field_name in wrong:
                field.focus_control()
                return

    # Not exclusive: a save under way is never cancelled by another.
    @work(group="save", exit_on_error=False)
    async def _save(self, thing: Thing) -> None:
        try:
            if await self.may_save(thing):
                saved = await self._desk.submit(self.sentence(thing), lambda: self._write(thing))
                self.dismiss(saved)
        except Rejected as error:
            self.show_problems(error.problems, everywhere=True)
            self._focus_first(error.problems)
        except StaleEdit as error:
            await self._resolve(error)
        except AituiError as error:
            self._say(str(error))
        finally:
            self.is_saving = False
            if self.after_save is not None:
                self.app.call_later(self.after_save)
                self.after_save = None

    async def _write(self, thing: Thing) -> object:
        if self.is_new:
            return await self._store.edit.add(thing, actor=self._desk.actor)
        return await self._store.edit.save(self.before, thing, actor=self._desk.actor)

    async def may_save(self, thing: Thing) -> bool:
        """A last question before the save; a form may have one."""
        return True

    def sentence(self, thing: Thing) -> str:
        """What the save does, for the message when it is done."""
        raise NotImplementedError

    async def _resolve(self, error: StaleEdit) -> None:
        """Somebody else was faster: show all three, and let the operator choose."""
        from tui.modals.conflict import ConflictScreen, Resolution

        if error.theirs is None:
            self._say("Somebody else removed it meanwhile; nothing was written. esc goes back.")
            return
        before, self.before = self.before, cast(Thing, error.theirs)
        self.world = await self._store.edit.world()
        self.world_changed()
        # From here on the edit stands on their version: what no field shows is theirs.
        mine, _ = self.read()
        screen = ConflictScreen(before, mine, self.before, names_in(self.world))
        choice = await self.app.push_screen_wait(screen)
        if choice is Resolution.THEIRS:
            self.dismiss(None)
        elif choice is Resolution.MINE:
            self.call_later(self.action_save)
        else:
            self._take_untouched(self.before)

    def world_changed(self) -> None:
        """Offer what is there now; a form with choices overrides it."""

    def _take_untouched(self, theirs: Thing) -> None:
        """Edit on: what the operator did not type is theirs from here on."""
        texts = self.texts(theirs)
        for field in self.fields:
            if field.field_name in texts and not field.is_changed:
                field.put(texts[field.field_name])
        self.check()
        self._say("What you did not change is theirs now; what you changed is still here.")

    async def action_back(self) -> None:  # type: ignore[override]
        if self.is_saving:
            return
        if not self.is_dirty:
            self.dismiss(None)
            return
        changed = ", ".join(
            field.label for field in self.fields if field.is_changed or field.filled
        )
        question = ConfirmScreen(
            "Throw away what you typed?", f"Not saved yet: {changed}.", yes="Throw away"
        )
        await self.app.push_screen(question, self._answered)

    def _answered(self, throw_away: bool | None) -> None:
        if throw_away:
            self.dismiss(None)
