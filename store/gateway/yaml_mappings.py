"""Entries of a YAML mapping put in and taken out."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from store.gateway.yaml_pieces import Pieces
from store.gateway.yaml_spans import Span
from store.gateway.yaml_text import entry_text, pair_text


def drop_entries(pieces: Pieces, node: Span, gone: Sequence[bool]) -> None:
    """Take entries out; at least one stays."""
    if not any(gone):
        return
    pairs = node.pairs
    bounds = [(key.start, max(key.end, pieces.after_key(key), value.end)) for key, value in pairs]
    if node.flow:
        drop_from_flow(pieces, bounds, gone)
        return
    text = pieces.text
    first = next(index for index, is_gone in enumerate(gone) if not is_gone)
    if first and not text.begins_line(bounds[0][0]):
        # Behind a dash: what stands below comes up, a comment first if there is one.
        below = text.next_line(bounds[first - 1][1])
        start = (
            below
            + len(text.text[below : bounds[first][0]])
            - len(text.text[below : bounds[first][0]].lstrip())
        )
        pieces.put(bounds[0][0], start, "")
    else:
        first = 0
    for (start, end), is_gone in list(zip(bounds, gone, strict=True))[first:]:
        if is_gone:
            last = text.tail(end, text.column(pairs[-1][0].start))
            pieces.put(text.line_start(start), text.next_line(last), "")


def add_entries(
    pieces: Pieces, node: Span, gone: Sequence[bool], added: Mapping[Hashable, object]
) -> None:
    """Put entries in behind the last one that stays."""
    pairs = node.pairs
    last = max(index for index, is_gone in enumerate(gone) if not is_gone)
    key, value = pairs[last]
    end = max(key.end, value.end, pieces.after_key(key))
    if node.flow:
        before = pairs[last - 1][1].end if last else node.body
        append_to_flow(
            pieces, key.start, end, before, [pair_text(name, part) for name, part in added.items()]
        )
        return
    column = pieces.text.column(pairs[0][0].start)
    at = pieces.text.tail(end, column)
    for name, part in added.items():
        line = entry_text(name, part, column, pieces.layout)
        pieces.put(at, at, pieces.new_line(column) + line)


def drop_from_flow(pieces: Pieces, bounds: Sequence[tuple[int, int]], gone: Sequence[bool]) -> None:
    """Take parts out of `[]` or `{}`; a part with lines of its own goes with them."""
    text = pieces.text
    first = next(index for index, is_gone in enumerate(gone) if not is_gone)
    for index, ((start, end), is_gone) in enumerate(zip(bounds, gone, strict=True)):
        if not is_gone:
            continue
        comma = text.token(end)
        behind = comma + 1 if text.text.startswith(",", comma) else end
        rest = text.text[behind : text.line_end(behind)].strip()
        alone = text.begins_line(start) and (not rest or rest.startswith("#"))
        if alone and text.line_start(behind) == text.line_start(end):
            pieces.put(text.line_start(start), text.next_line(behind), "")
        elif index < first:
            pieces.put(start, bounds[index + 1][0], "")
        else:
            pieces.put(bounds[index - 1][1], end, "")


def append_to_flow(pieces: Pieces, start: int, end: int, before: int, parts: list[str]) -> None:
    """Put parts behind the one from `start` to `end`; on lines of their own if that has its own.

    Args:
        before: where the part before that ends, or the collection begins.
    """
    text = pieces.text
    comma = text.token(end)
    trailing = text.text.startswith(",", comma)
    behind = comma + 1 if trailing else end
    rest = text.text[behind : text.line_end(behind)].strip()
    own_line = text.begins_line(start) and text.line_start(before) != text.line_start(start)
    if own_line and (not rest or rest.startswith("#")):
        if not trailing:
            pieces.put(end, end, ",")
        line_end = text.line_end(behind)
        between = "," + pieces.new_line(text.column(start))
        joined = between[1:] + between.join(parts) + ("," if trailing else "")
        pieces.put(line_end, line_end, joined)
    else:
        pieces.put(end, end, ", " + ", ".join(parts))
