"""The fields of a form: a label, a control, a note beside it and what is wrong below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Select, Static
from textual.widgets._select import SelectCurrent, SelectOverlay

from tui.text import clean, safe, safe_rich
from tui.widgets.check import Check
from tui.widgets.field_words import label as label_of

CATALOGUE = "from the catalogue"
Options = list[tuple[Text, str]]
"""Of a Select: Rich's text, since that alone can be searched by typing."""
CONTROLS = "Input, Select, Check, ChainEditor"


class ChoiceList(SelectOverlay):
    """The open list. It closes at once, so that keys typed ahead act where that leads."""

    def action_select(self) -> None:
        if self.highlighted is not None and isinstance(self.parent, Choice):
            self.parent.pick(self.highlighted)


class Choice(Select[str], inherit_bindings=False):
    """A choice that `enter` opens; up and down move between the fields."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("enter,space", "show_overlay", "Choose", show=False)
    ]

    def compose(self) -> ComposeResult:
        yield SelectCurrent(self.prompt)
        yield ChoiceList().data_bind(compact=Select.compact)

    def action_show_overlay(self) -> None:
        super().action_show_overlay()
        self.screen.set_focus(self.query_one(ChoiceList), scroll_visible=False)

    def pick(self, index: int) -> None:
        """Take the option at that place, and close the list."""
        self.value = self._options[index][1]
        self.expanded = False
        self.screen.set_focus(self, scroll_visible=False)


class Field(Vertical):
    """One field. `name` is the thing's own field, so that an error finds its place."""

    DEFAULT_CSS = """
    Field { height: auto; border-left: blank; }
    Field:focus-within { border-left: outer $accent; }
    Field:focus-within .field-label { color: $foreground; text-style: bold; }
    Field > Horizontal { height: auto; }
    Field .field-label { width: 16; color: $text-muted; }
    Field .field-note { width: auto; color: $text-accent; padding: 0 0 0 1; }
    Field .field-problem { color: $text-error; padding: 0 0 0 16; height: auto; }
    Field .field-more { color: $text-muted; padding: 0 0 0 16; height: auto; }
    Field.-wrong .field-label { color: $text-error; text-style: bold; }
    Field Input, Field Select { width: 1fr; }
    Field Input, Field SelectCurrent { background: $boost; }
    Field Input:focus, Field Select:focus > SelectCurrent { background: $panel; }
    """
    hint: ClassVar[str] = "↑ ↓ fields"
    """What the keys do in this kind of field."""

    class Edited(Message):
        """The operator changed the field."""

        def __init__(self, field: Field) -> None:
            self.field = field
            super().__init__()

        @property
        def control(self) -> Field:
            return self.field

    def __init__(self, name: str, *, label: str = "") -> None:
        super().__init__(id=f"field-{name}")
        self.field_name = name
        self.label = label or label_of(name)
        self.origin = ""
        """The text as the program last put it: another one is the operator's."""
        self.given = False
        """Whether the value was there before the form: the catalogue then leaves it alone."""
        self.touched = False
        """Whether the operator typed here: the catalogue then leaves it alone, too."""
        self.filled = False
        """Whether its value came from the catalogue."""
        self._said: dict[str, str] = {}
        self._places: dict[str, Static] = {}

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(self.label, classes="field-label", markup=False)
            yield self.make_control()

    def make_control(self) -> Widget:
        """The widget that takes the value."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The value as text."""
        raise NotImplementedError

    @property
    def is_changed(self) -> bool:
        """Whether something else stands here than the program put."""
        return self.text != self.origin

    def put(self, text: str) -> None:
        """Set the value, as the program does: it does not count as typed."""
        raise NotImplementedError

    def fill(self, text: str) -> None:
        """Set what the catalogue knows, marked as such; what was typed or given stays."""
        if self.touched or self.given or text == self.text:
            return
        self.put(text)
        self.filled = bool(text)
        self.show_note()

    def show_note(self, text: str = "") -> None:
        """A word beside the value; where that came from the catalogue, it says so."""
        parts = (text, CATALOGUE if self.filled else "")
        words = " · ".join(part for part in parts if part)
        self._show("note", words, safe(words, one_line=True))

    def show_problem(self, problem: str | None) -> None:
        """What is wrong, below the field; None for nothing."""
        self.set_class(problem is not None, "-wrong")
        words = f"✗ {problem}" if problem else ""
        self._show("problem", words, safe(words))

    def show_more(self, content: Content | None) -> None:
        """What else there is to know, below the field; None for nothing."""
        self._show("more", "" if content is None else content.markup, content or safe(""))

    def _show(self, part: str, words: str, content: Content) -> None:
        """Most fields never have anything to say, so the places for it are made when they do."""
        if self._said.get(part, "") == words:
            return  # each change lays out the whole form anew
        self._said[part] = words
        place = self._places.get(part)
        if place is None:
            place = self._places[part] = Static(content, classes=f"field-{part}", markup=False)
            row = self.query_one(Horizontal) if part == "note" else self
            row.mount(place, before=self._places.get("more") if part == "problem" else None)
        else:
            place.update(content)
            place.display = bool(words)

    def focus_control(self) -> None:
        """Put the cursor here."""
        for widget in self.query(CONTROLS):
            self.screen.set_focus(widget)  # at once: keys that were typed ahead come next
            return

    @on(events.DescendantFocus)
    @on(events.Resize)
    def _bring_into_sight(self) -> None:
        """The whole field under the cursor, with what is said below it once that is laid out."""
        if self.has_focus_within:
            self.call_after_refresh(self.scroll_visible, animate=False)

    def was_edited(self) -> None:
        self.touched = True
        if self.filled:
            self.filled = False
            self.show_note()
        self.post_message(self.Edited(self))


class TextField(Field):
    """A line of text."""

    def __init__(
        self,
        name: str,
        value: str = "",
        *,
        label: str = "",
        placeholder: str = "",
        suggester: Suggester | None = None,
        echo: Callable[[str], str] | None = None,
    ) -> None:
        """`echo` says beside the field how its text was understood."""
        super().__init__(name, label=label)
        self.origin = clean(value, one_line=True, limit=4_000)
        self._placeholder = placeholder
        self._suggester = suggester
        self._echo = echo

    def make_control(self) -> Widget:
        # Not selected on focus: a key too many would wipe out what stands there.
        return Input(
            self.origin,
            placeholder=self._placeholder,
            compact=True,
            suggester=self._suggester,
            select_on_focus=False,
        )

    def on_mount(self) -> None:
        self.show_note()

    @property
    def input(self) -> Input:
        return self.query_one(Input)

    @property
    def text(self) -> str:
        return self.input.value

    def put(self, text: str) -> None:
        self.origin = clean(text, one_line=True, limit=4_000)
        self.input.value = self.origin
        self.input.cursor_position = len(self.origin)
        self.show_note()

    def show_note(self, text: str = "") -> None:
        super().show_note(text or (self._echo(self.text) if self._echo else ""))

    @on(Input.Changed)
    def _changed(self, event: Input.Changed) -> None:
        event.stop()
        # The program's own change comes back as an event as well, maybe after a later one.
        if self.touched or self.is_changed:
            self.was_edited()
            self.show_note()


class ChoiceField(Field):
    """One of several values."""

    hint = "enter opens the list"

    def __init__(
        self, name: str, options: Sequence[tuple[str, str]], value: str | None, *, label: str = ""
    ) -> None:
        """`options`: (what is shown, the value)."""
        super().__init__(name, label=label)
        self._options = list(options)
        self.origin = value if value is not None and value in self._keys else ""

    @property
    def _keys(self) -> set[str]:
        return {key for _, key in self._options}

    def _shown(self) -> Options:
        return [(safe_rich(shown, limit=200), key) for shown, key in self._options]

    def make_control(self) -> Widget:
        if not self.origin:
            return Choice(self._shown(), prompt="Choose …", compact=True)
        return Choice(self._shown(), value=self.origin, prompt="Choose …", compact=True)

    @property
    def text(self) -> str:
        value = self.query_one(Choice).value
        return value if isinstance(value, str) else ""

    def offer(self, options: Sequence[tuple[str, str]]) -> None:
        """Offer these from now on; the value stays if it is among them."""
        text = self.text
        self._options = list(options)
        with self.prevent(Select.Changed):
            select = self.query_one(Choice)
            select.set_options(self._shown())
            if text in self._keys:
                select.value = text

    def put(self, text: str) -> None:
        self.origin = text if text in self._keys else ""
        with self.prevent(Select.Changed):
            select = self.query_one(Choice)
            if self.origin:
                select.value = self.origin
            else:
                select.clear()
        self.show_note()

    @on(Select.Changed)
    def _changed(self, event: Select.Changed) -> None:
        event.stop()
        # Textual tells of the first value as well.
        if self.touched or self.is_changed:
            self.was_edited()


class FlagField(Field):
    """Yes or no."""

    hint = "space ticks it"

    def __init__(self, name: str, value: bool) -> None:
        super().__init__(name)
        self.origin = "yes" if value else "no"

    def make_control(self) -> Widget:
        return Check("", self.origin == "yes")

    @property
    def text(self) -> str:
        return "yes" if self.query_one(Check).value else "no"

    def fill(self, text: str) -> None:
        super().fill(text)
        self.filled = self.filled and text == "yes"  # that it cannot is nothing to be marked
        self.show_note()

    def put(self, text: str) -> None:
        self.origin = text
        with self.prevent(Check.Changed):
            self.query_one(Check).value = text == "yes"

    @on(Check.Changed)
    def _changed(self, event: Check.Changed) -> None:
        event.stop()
        self.was_edited()
