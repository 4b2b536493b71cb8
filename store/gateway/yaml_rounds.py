"""One round of edits of a YAML text: what differs between its value and the wanted one."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from store.gateway.yaml_align import align
from store.gateway.yaml_lists import edit_block_list, edit_flow_list
from store.gateway.yaml_mappings import add_entries, drop_entries
from store.gateway.yaml_pieces import Edit, Pieces, Place
from store.gateway.yaml_reader import Path
from store.gateway.yaml_spans import Span, Text, descendants
from store.gateway.yaml_text import Layout, same, typed, typed_keys


class Round:
    """The edits of one text.

    Args:
        moved: see `edit_yaml`; lists whose items this round puts in place are entered here, so
            that the next round knows them.
        depth: values at paths of this length are written anew as a whole; None: none is.
    """

    def __init__(
        self,
        text: Text,
        root: Span | None,
        moved: dict[Path, Sequence[int | None]],
        depth: int | None = None,
    ) -> None:
        self.text = text
        self.root = root
        self.moved = moved
        self.depth = depth
        self.pieces = Pieces(text, _layout(text, root))
        self.coming: dict[str, object] = {}
        """What the values with an anchor are to become, so that aliases can simply stay."""

    def edit(self, old: object, new: object) -> str:
        """The text with what can be edited in one go put in."""
        pieces = self.pieces
        if self.root is None:
            pieces.at_end(new)
            return pieces.apply()
        self._value(self.root, old, new, (), Place("root"))
        lost = self._lost_anchors()
        if lost:
            pieces.edits.clear()
            self._expand(self.root, old, lost, Place("root"))
            return pieces.apply()
        for path in pieces.lists:
            self.moved.pop(path, None)
        for path in pieces.lists - pieces.deferred():
            size = pieces.lists_size[path]
            self.moved[path] = range(size)
        return pieces.apply()

    def _value(self, node: Span, old: object, new: object, path: Path, place: Place) -> None:
        if node.kind == "alias":
            if not same(self.coming.get(node.anchor, old), new):
                self.pieces.replace(node, new, place)
            return
        if node.anchor:
            self.coming[node.anchor] = new
        if same(old, new):
            return
        whole = node.tagged or (self.depth is not None and len(path) >= self.depth)
        if whole:
            self.pieces.replace(node, new, place)
        elif node.kind == "mapping" and isinstance(old, dict) and isinstance(new, dict):
            self._mapping(node, old, new, path, place)
        elif node.kind == "sequence" and isinstance(old, list) and isinstance(new, list):
            self._list(node, old, new, path, place)
        else:
            self.pieces.replace(node, new, place)

    def _mapping(
        self,
        node: Span,
        old: dict[Any, object],
        new: dict[Any, object],
        path: Path,
        place: Place,
    ) -> None:
        own = {typed(key.key): key for key, _ in node.pairs if not key.is_merge}
        wanted = typed_keys(new)
        merged = self._merged(node, {k: v for k, v in old.items() if typed(k) not in own})
        unmerge = any(name not in wanted and name not in own for name in typed_keys(merged))
        gone = [unmerge if key.is_merge else typed(key.key) not in wanted for key, _ in node.pairs]
        known = typed_keys(merged)
        added: dict[Hashable, object] = {
            key: value
            for key, value in new.items()
            if typed(key) not in own
            and (unmerge or typed(key) not in known or not same(value, merged[key]))
        }
        if all(gone) or (node.odd and (any(gone) or added)):
            self.pieces.replace(node, new, place)
            return
        for (key, value), is_gone in zip(node.pairs, gone, strict=True):
            if not is_gone and not key.is_merge:
                self._value(
                    value,
                    old[key.key],
                    new[key.key],
                    (*path, _part(key.key)),
                    self.pieces.place_of(node, key),
                )
        drop_entries(self.pieces, node, gone)
        if added:
            add_entries(self.pieces, node, gone, added)

    def _merged(self, node: Span, old: dict[Any, object]) -> dict[Any, object]:
        """What the mapping's merge keys are going to give it; `old` is what they give it now."""
        found: dict[Any, object] = {}
        for key, value in node.pairs:
            for source in reversed(value.items or [value]) if key.is_merge else ():
                coming = self.coming.get(source.anchor) if source.kind == "alias" else None
                if not isinstance(coming, dict):
                    return old
                found.update(coming)
        return found

    def _list(
        self, node: Span, old: list[object], new: list[object], path: Path, place: Place
    ) -> None:
        came = align(old, new, self.moved.get(path))
        if came == list(range(len(old))):
            inner = self.pieces.place_in_list(node)
            for index, item in enumerate(node.items):
                self._value(item, old[index], new[index], (*path, index), inner)
            return
        if not any(index is not None for index in came):
            self.pieces.replace(node, new, place)
            return
        self.pieces.begin_list(path, len(new))
        edit_list = edit_flow_list if node.flow else edit_block_list
        done = edit_list(self.pieces, node, came, new, place)
        self.pieces.end_list()
        if not done:
            self.pieces.replace(node, new, place)

    def _lost_anchors(self) -> set[str]:
        """Names of anchors that the edits take away while aliases that stay ask for them."""
        if "*" not in self.text.text:
            return set()
        assert self.root is not None
        edits = [edit for edit in self.pieces.edits if edit.end > edit.start]
        anchors, aliases = [], []
        for span in descendants(self.root):
            if span.kind == "alias":
                aliases.append(span)
            elif span.anchor:
                anchors.append(span)
        gone = {span.anchor for span, _ in _covered(anchors, edits)}
        dying = {id(span) for span, edit in _covered(aliases, edits) if not edit.moves}
        return {span.anchor for span in aliases if span.anchor in gone and id(span) not in dying}

    def _expand(self, node: Span, value: object, names: set[str], place: Place) -> None:
        """Write out the aliases of `names`, and take away merges of them: the next round pins."""
        if node.kind == "alias":
            if node.anchor in names:
                self.pieces.replace(node, value, place)
        elif node.kind == "sequence" and isinstance(value, list):
            inner = self.pieces.place_in_list(node)
            for item, part in zip(node.items, value, strict=True):
                self._expand(item, part, names, inner)
        elif node.kind == "mapping" and isinstance(value, dict):
            gone = [
                key.is_merge and any(span.anchor in names for span in descendants(merged))
                for key, merged in node.pairs
            ]
            if all(gone):
                self.pieces.replace(node, {}, place)
                return
            for (key, inner_node), is_gone in zip(node.pairs, gone, strict=True):
                if not is_gone and not key.is_merge:
                    inner = self.pieces.place_of(node, key)
                    self._expand(inner_node, value[key.key], names, inner)
            drop_entries(self.pieces, node, gone)


def _part(key: Hashable) -> str | int:
    return key if isinstance(key, str | int) else str(key)


def _covered(spans: list[Span], edits: list[Edit]) -> Iterator[tuple[Span, Edit]]:
    """The spans whose beginning an edit covers."""
    ordered = sorted(edits, key=lambda edit: edit.start)
    at = 0
    for span in sorted(spans, key=lambda span: span.start):
        while at < len(ordered) and ordered[at].end <= span.start:
            at += 1
        if at < len(ordered) and ordered[at].start <= span.start:
            yield span, ordered[at]


def _layout(text: Text, root: Span | None) -> Layout:
    """How the file indents, as its first nested collections show it."""
    layout = Layout(newline=text.newline)
    found: set[str] = set()
    for span in descendants(root) if root else ():
        if span.kind != "mapping" or span.flow or span.odd:
            continue
        for key, value in span.pairs:
            if value.flow or value.kind not in ("mapping", "sequence") or value.kind in found:
                continue
            step = text.column(value.body) - text.column(key.start)
            found.add(value.kind)
            if value.kind == "sequence":
                layout = replace(layout, dash=step)
            else:
                layout = replace(layout, step=step)
        if len(found) == 2:
            break
    return layout
