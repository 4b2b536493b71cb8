"""Pieces of text that replace parts of a YAML text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from store.gateway.yaml_reader import Path
from store.gateway.yaml_spans import Span, Text
from store.gateway.yaml_text import (
    Layout,
    block_text,
    child_step,
    flow_text,
    is_block,
    scalar_text,
)


@dataclass(frozen=True, slots=True)
class Edit:
    """`text` instead of what stands from `start` to `end`."""

    start: int
    end: int
    text: str
    list_path: Path | None = None
    """The list whose items it adds, drops or moves."""
    moves: bool = False
    """The text holds parts of the old one, in another order."""


@dataclass(frozen=True, slots=True)
class Place:
    """What holds a value."""

    kind: Literal["root", "mapping", "sequence"]
    column: int = 0
    """Where the key or dash stands."""
    flow: bool = False
    """The value stands inside of `[]` or `{}`."""
    after: int = 0
    """Behind the colon of the value's key."""


class Pieces:
    """The edits of one round; positions are those of the text before any of them."""

    def __init__(self, text: Text, layout: Layout) -> None:
        self.text = text
        self.layout = layout
        self.edits: list[Edit] = []
        self.lists_size: dict[Path, int] = {}
        self._list_path: Path | None = None

    @property
    def lists(self) -> set[Path]:
        """Lists whose items these edits add, drop or move."""
        return {edit.list_path for edit in self.edits if edit.list_path is not None}

    def put(self, start: int, end: int, text: str, *, moves: bool = False) -> None:
        self.edits.append(Edit(start, end, text, self._list_path, moves))

    def begin_list(self, path: Path, size: int) -> None:
        """Edits from here to `end_list` are parts of one: the list at `path` gets `size` items."""
        self._list_path = path
        self.lists_size[path] = size

    def end_list(self) -> None:
        self._list_path = None

    def _sorted(self) -> tuple[list[Edit], list[Edit]]:
        """The edits that can be made together, and those that overlap with one of them."""
        fit: list[Edit] = []
        wait: list[Edit] = []
        done = 0
        for edit in sorted(self.edits, key=lambda edit: (edit.start, edit.end)):
            if edit.start < done:
                wait.append(edit)
            else:
                fit.append(edit)
                done = edit.end
        return fit, wait

    def deferred(self) -> set[Path | None]:
        """Lists of which an edit has to wait for the next round."""
        return {edit.list_path for edit in self._sorted()[1]}

    def apply(self) -> str:
        """The text with the edits; where two overlap, with the first of them."""
        parts: list[str] = []
        done = 0
        for edit in self._sorted()[0]:
            parts += [self.text.text[done : edit.start], edit.text]
            done = edit.end
        return "".join(parts) + self.text.text[done:]

    def new_line(self, column: int) -> str:
        return self.layout.newline + " " * column

    def after_key(self, key: Span) -> int:
        """Behind the colon of a key, or the key itself where it has none."""
        colon = self.text.token(key.end)
        return colon + 1 if self.text.text.startswith(":", colon) else key.end

    def place_of(self, mapping: Span, key: Span) -> Place:
        column = self.text.column(key.start)
        return Place("mapping", column, mapping.flow, self.after_key(key))

    def place_in_list(self, node: Span) -> Place:
        return Place("sequence", self.text.column(node.body), node.flow)

    def at_end(self, value: object) -> None:
        """Write the value behind a text that holds none."""
        text, end = self.text, len(self.text.text)
        before = "" if text.column(end) == 0 else self.layout.newline
        self.put(end, end, before + block_text(value, 0, self.layout) + self.layout.newline)

    def replace(self, node: Span, value: object, place: Place) -> None:
        """Write a value anew. Its anchor stays, but goes with its tag if it has one."""
        if node.tagged:
            start = node.start
            node = replace(node, bare=start, body=start, flow=True, anchor="", style="")
        if place.flow or not is_block(value):
            self._inline(node, value, place)
        elif place.kind == "mapping":
            self._below_key(node, value, place)
        else:
            self._compact(node, value, place)

    def _apart(self, at: int) -> str:
        """A blank, where what is put in would touch what stands before."""
        return "" if at == 0 or self.text.text[at - 1] in " \t\n\r[{,(" else " "

    def _inline(self, node: Span, value: object, place: Place) -> None:
        quote = node.style if node.style in ("'", '"') else ""
        if place.flow:
            is_text = isinstance(value, str)
            text = scalar_text(value, flow=True, quote=quote) if is_text else flow_text(value)
        else:
            text = scalar_text(value, quote=quote)
        old = self.text.text
        if node.is_empty:
            colon = ":" if place.kind == "mapping" and old[place.after - 1] != ":" else ""
            at = node.end
            touches = at < len(old) and old[at] not in " \t\n\r,]}"
            before = colon + (" " if colon else self._apart(at))
            self.put(at, at, before + text + (" " if touches else ""))
        elif node.kind in ("mapping", "sequence") and not node.flow and place.kind == "mapping":
            at = node.bare if node.bare > node.start else place.after
            self.put(at, at, " " + text)
            self.put(self.text.line_start(node.body), self.text.next_line(node.end), "")
        else:
            self.put(node.body, node.end, text)

    def _below_key(self, node: Span, value: object, place: Place) -> None:
        """A block collection on the lines below its key; the comment behind the key stays."""
        text = self.text
        column = place.column + child_step(value, self.layout)
        if node.kind in ("mapping", "sequence") and not node.flow:
            as_before = (node.kind == "sequence") == isinstance(value, list)
            column = text.column(node.body) if as_before else column
            lines = " " * column + block_text(value, column, self.layout)
            self.put(text.line_start(node.body), node.end, lines)
            return
        kept = node.bare if node.bare > node.start else place.after
        start = kept + len(text.text[kept : node.body].rstrip())
        end = text.line_end(node.end)
        lines = self.new_line(column) + block_text(value, column, self.layout)
        if node.end > start:
            self.put(start, node.end, "")
        self.put(end, end, lines)

    def _compact(self, node: Span, value: object, place: Place) -> None:
        """A block collection behind a dash, or at the root."""
        text = self.text
        if place.kind == "root":
            self._root(node, value)
            return
        # An anchor before a collection's first key would be that key's.
        named = node.bare > node.start and text.line_start(node.start) == text.line_start(node.body)
        column = place.column + 2 if node.is_empty or named else text.column(node.body)
        lines = block_text(value, column, self.layout)
        if named:
            self.put(node.bare, node.end, self.new_line(column) + lines)
        else:
            self.put(node.body, node.end, self._apart(node.body) + lines)

    def _root(self, node: Span, value: object) -> None:
        text = self.text
        lines = block_text(value, 0, self.layout)
        if node.is_empty:
            # Behind `---` and its comment.
            at = node.end if text.begins_line(node.end) else text.line_end(node.end)
            after = self.layout.newline if at == node.end else ""
            self.put(at, at, ("" if at == node.end else self.layout.newline) + lines + after)
        elif text.begins_line(node.body):
            self.put(text.line_start(node.body), node.end, lines)
        else:
            self.put(
                node.bare if node.bare > node.start else node.body,
                node.end,
                self.layout.newline + lines,
            )
