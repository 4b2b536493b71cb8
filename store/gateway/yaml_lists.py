"""Items of a YAML list put in, taken out and moved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from store.gateway.yaml_mappings import append_to_flow, drop_from_flow
from store.gateway.yaml_pieces import Pieces, Place
from store.gateway.yaml_spans import Span
from store.gateway.yaml_text import flow_text, item_text

Came = Sequence[int | None]


def _in_order(came: Came) -> bool:
    kept = [index for index in came if index is not None]
    return kept == sorted(kept)


def _added(came: Came, new: Sequence[object]) -> Iterator[tuple[int | None, list[object]]]:
    """New items in groups, each with the old item that it stands behind; None: with none."""
    behind: int | None = None
    group: list[object] = []
    for index, value in zip(came, new, strict=True):
        if index is None:
            group.append(value)
            continue
        if group:
            yield behind, group
        behind, group = index, []
    if group:
        yield behind, group


def edit_flow_list(
    pieces: Pieces, node: Span, came: Came, new: Sequence[object], place: Place
) -> bool:
    """Put the items of `[a, b]` in their new places; their content stays. False: it cannot be."""
    items = node.items
    old = pieces.text.text
    if not _in_order(came):
        inner = old[node.body : node.end]
        if "#" in inner or "\n" in inner or "\r" in inner:
            return False
        texts = [
            flow_text(value) if index is None else old[items[index].start : items[index].end]
            for index, value in zip(came, new, strict=True)
        ]
        pieces.put(items[0].start, items[-1].end, ", ".join(texts), moves=True)
        return True
    kept = {index for index in came if index is not None}
    drop_from_flow(
        pieces,
        [(item.start, item.end) for item in items],
        [index not in kept for index in range(len(items))],
    )
    for behind, values in _added(came, new):
        texts = [flow_text(value) for value in values]
        if behind is None:
            at = items[min(kept)].start
            pieces.put(at, at, ", ".join(texts) + ", ")
        elif behind == len(items) - 1:
            before = items[behind - 1].end if behind else node.body
            append_to_flow(pieces, items[behind].start, items[behind].end, before, texts)
        else:
            at = items[behind].end
            pieces.put(at, at, ", " + ", ".join(texts))
    return True


def edit_block_list(
    pieces: Pieces, node: Span, came: Came, new: Sequence[object], place: Place
) -> bool:
    """Put the items of a block list in their new places; their content stays. False: it cannot."""
    items = _BlockItems(pieces, node, place)
    if not _in_order(came):
        return items.reorder(came, new)
    kept = {index for index in came if index is not None}
    items.drop(kept)
    for behind, values in _added(came, new):
        if behind is None:
            items.put_before(min(kept), values)
        else:
            items.put_behind(behind, values)
    return True


class _BlockItems:
    """The lines of a block list's items."""

    def __init__(self, pieces: Pieces, node: Span, place: Place) -> None:
        self.pieces = pieces
        self.text = pieces.text
        self.items = node.items
        self.column = self.text.column(node.body)
        behind = (self.text.token(item.end) for item in self.items[:-1])
        self.dashes = [node.body, *behind]
        # Comments above the first item are its own only below a key; a file's head is nobody's.
        above = place.after if place.kind == "mapping" else node.body
        self.ends = [above, *(item.end for item in self.items)]
        last = self.items[-1]
        width = last.start - self.dashes[-1]
        inline = self.text.line_start(last.start) == self.text.line_start(self.dashes[-1])
        self.width = width if inline and 2 <= width <= 8 and not last.is_empty else 2

    def head(self, index: int) -> int:
        """Where the item begins, with the comment lines directly above it."""
        text = self.text
        start = text.line_start(self.dashes[index])
        while True:
            above = text.line_above(start)
            if above <= self.ends[index] or above < 0:
                return start
            line = text.text[above : text.line_end(above)]
            if not line.startswith(" " * self.column + "#"):
                return start
            start = above

    def tail(self, index: int) -> int:
        """Where the item's last line ends, with the comments below that are its own."""
        return self.text.tail(self.items[index].end, self.column)

    def _lines(self, values: Sequence[object]) -> list[str]:
        return [item_text(value, self.column, self.pieces.layout, self.width) for value in values]

    def drop(self, kept: set[int]) -> None:
        text, first = self.text, 0
        if not text.begins_line(self.dashes[0]):
            first = min(kept)
            if first:
                self.pieces.put(self.dashes[0], self.dashes[first], "")
        for index in range(first, len(self.items)):
            if index in kept:
                continue
            start, end = self.head(index), text.next_line(self.tail(index))
            above = text.line_above(start)
            if text.is_blank(end) and (above < 0 or text.is_blank(above) or index == 0):
                end = text.next_line(end)  # the blank line that set it apart goes along
            self.pieces.put(start, end, "")

    def put_before(self, index: int, values: Sequence[object]) -> None:
        after = self.pieces.new_line(self.column)
        if self.text.begins_line(self.dashes[index]):
            at = self.head(index)
            lines = "".join(
                " " * self.column + line + self.pieces.layout.newline
                for line in self._lines(values)
            )
        else:
            at = self.dashes[index]
            lines = "".join(line + after for line in self._lines(values))
        self.pieces.put(at, at, lines)

    def put_behind(self, index: int, values: Sequence[object]) -> None:
        at = self.tail(index)
        gap = self.pieces.layout.newline if self.are_apart else ""
        before = gap + self.pieces.new_line(self.column)
        self.pieces.put(at, at, "".join(before + line for line in self._lines(values)))

    @cached_property
    def are_apart(self) -> bool:
        """Whether blank lines stand between the items."""
        return len(self.items) > 1 and all(
            self.text.is_blank(self.text.line_above(self.head(index)))
            for index in range(1, len(self.items))
        )

    def reorder(self, came: Came, new: Sequence[object]) -> bool:
        text = self.text
        if not all(text.begins_line(dash) for dash in self.dashes):
            return False
        starts = [self.head(index) for index in range(len(self.items))]
        end = text.next_line(self.tail(len(self.items) - 1))
        newline = self.pieces.layout.newline
        chunks = [
            text.text[start:stop] for start, stop in zip(starts, [*starts[1:], end], strict=True)
        ]
        broken = text.column(end) == 0
        if not broken:
            chunks[-1] += newline
        parts = [
            " " * self.column + self._lines([value])[0] + newline
            if index is None
            else chunks[index]
            for index, value in zip(came, new, strict=True)
        ]
        joined = "".join(parts)
        joined = joined if broken else joined.removesuffix(newline)
        self.pieces.put(starts[0], end, joined, moves=True)
        return True
