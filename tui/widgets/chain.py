"""A chain of models, edited in place: add, remove, move up and down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, OptionList, Select
from textual.widgets.option_list import Option

from tui.text import clean, safe, safe_rich
from tui.widgets.fields import Choice, Field, Options

NO_CHAIN = "none; enter adds a model"
SEPARATOR = "\n"
"""Between the ids in a chain field's text: no id has a line break, but some have commas."""


class ChainEditor(OptionList):
    """The chain as numbered lines. At its ends, up and down go on to the next field."""

    BINDINGS: ClassVar[list[Binding]] = [  # type: ignore[assignment]
        Binding("delete,backspace,minus", "take_out", "Take out", id="chain.remove"),
        Binding("K,shift+up", "shift(-1)", "Move up", id="chain.up"),
        Binding("J,shift+down", "shift(1)", "Move down", id="chain.down"),
        Binding("enter,plus,insert", "add", "Add", id="chain.add"),
        Binding("down,j", "go(1)", "Down", show=False),
        Binding("up,k", "go(-1)", "Up", show=False),
    ]
    DEFAULT_CSS = """
    ChainEditor {
        height: auto;
        max-height: 8;
        min-height: 1;
        border: none;
        padding: 0;
        background: $boost;
        width: 1fr;
    }
    ChainEditor > .option-list--option-highlighted { background: transparent; color: $foreground; }
    ChainEditor:focus > .option-list--option-highlighted { text-style: reverse; }
    """

    class Changed(Message):
        """The chain is another one now."""

    class AddRequested(Message):
        """Another model is to be chosen."""

    def __init__(self, ids: Sequence[str], names: dict[str, str]) -> None:
        super().__init__(markup=False, compact=True)
        self.ids = list(ids)
        self._names = names

    def on_mount(self) -> None:
        self._draw(0)

    def add(self, model_id: str) -> None:
        """Put a model at the chain's end."""
        self.ids.append(model_id)
        self._draw(len(self.ids) - 1)
        self.post_message(self.Changed())

    def set(self, ids: Sequence[str], names: dict[str, str] | None = None) -> None:
        self.ids = list(ids)
        self._names = self._names if names is None else names
        self._draw(0)

    def action_add(self) -> None:
        self.post_message(self.AddRequested())

    def action_take_out(self) -> None:
        if self.highlighted is not None and self.highlighted < len(self.ids):
            index = self.highlighted
            self.ids.pop(index)
            self._draw(min(index, len(self.ids) - 1))
            self.post_message(self.Changed())

    def action_shift(self, step: int) -> None:
        index = self.highlighted
        if index is None or not 0 <= index + step < len(self.ids):
            return
        self.ids[index], self.ids[index + step] = self.ids[index + step], self.ids[index]
        self._draw(index + step)
        self.post_message(self.Changed())

    def action_go(self, step: int) -> None:
        """A line on; over the ends to the field beside."""
        index = self.highlighted
        if index is not None and 0 <= index + step < len(self.ids):
            self.highlighted = index + step
        elif step > 0:
            self.screen.focus_next()
        else:
            self.screen.focus_previous()

    def _draw(self, highlighted: int) -> None:
        self.clear_options()
        for number, model_id in enumerate(self.ids, 1):
            name = clean(self._names.get(model_id, model_id), one_line=True, limit=200)
            self.add_option(Option(safe(f"{number}. {name}")))
        if not self.ids:
            self.add_option(Option(safe(NO_CHAIN), disabled=True))
        elif highlighted >= 0:
            self.highlighted = highlighted


class ChainField(Field):
    """A chain and, below it, the choice of what to add. The buttons are for the mouse."""

    hint = "enter adds · del takes out · K J move"
    DEFAULT_CSS = """
    ChainField .chain-add { padding: 0 0 0 16; height: 1; }
    ChainField Button { width: 5; min-width: 5; }
    """

    def __init__(
        self, name: str, ids: Sequence[str], names: dict[str, str], groups: Sequence[str]
    ) -> None:
        """`groups`: the ids that can be added, one a group of deployments."""
        super().__init__(name)
        self.origin = SEPARATOR.join(ids)
        self._names = names
        self._groups = groups

    def compose(self) -> ComposeResult:
        yield from super().compose()
        with Horizontal(classes="chain-add"):
            yield Choice(self._options(), prompt="Add a model …", compact=True)
            for text, action in (("▲", "up"), ("▼", "down"), ("✗", "out")):
                button = Button(text, classes=action, compact=True)
                button.can_focus = False
                yield button

    def _options(self) -> Options:
        return [(safe_rich(self._names[key], limit=200), key) for key in self._groups]

    def make_control(self) -> Widget:
        return ChainEditor(self.origin.split(SEPARATOR) if self.origin else (), self._names)

    @property
    def editor(self) -> ChainEditor:
        return self.query_one(ChainEditor)

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self.editor.ids)

    @property
    def text(self) -> str:
        return SEPARATOR.join(self.ids)

    def put(self, text: str) -> None:
        self.origin = text
        self.editor.set([part for part in text.split(SEPARATOR) if part], self._names)

    def offer(self, names: dict[str, str], groups: Sequence[str]) -> None:
        """Offer these from now on; the chain stays."""
        self._names = names
        self._groups = groups
        with self.prevent(Select.Changed):
            self.query_one(Choice).set_options(self._options())
        self.editor.set(self.ids, names)

    @on(ChainEditor.AddRequested)
    def _open(self, event: ChainEditor.AddRequested) -> None:
        event.stop()
        self.query_one(Choice).action_show_overlay()

    @on(Select.Changed)
    def _added(self, event: Select.Changed) -> None:
        event.stop()
        if isinstance(event.value, str):
            self.editor.add(event.value)
            with self.prevent(Select.Changed):
                event.select.clear()
            self.editor.focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.has_class("out"):
            self.editor.action_take_out()
        else:
            self.editor.action_shift(-1 if event.button.has_class("up") else 1)
        self.editor.focus()

    @on(ChainEditor.Changed)
    def _changed(self, event: ChainEditor.Changed) -> None:
        event.stop()
        self.was_edited()
