"""Where each value of a YAML text stands: from which character to which, and in which style.

The places are those of libyaml's events, put right where they do not serve edits: its end of a
block collection lies behind the comments and blank lines that follow it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import yaml

_BREAKS: Final = "\n\r\x85\u2028\u2029"
_BREAK: Final = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""What YAML 1.1 ends a line by."""
_NOTHING: Final = re.compile(rf"(?:[ \t{_BREAKS}]+|#[^{_BREAKS}]*)*")
_BLANK_LINE: Final = re.compile("[ \t]*(?:\r\n|[\n\r\x85\u2028\u2029])")
_PROPERTY: Final = re.compile(r"!<[^>]*>|[&!][^\s,\[\]{}]*")
_EXPLICIT: Final = re.compile(r"(?:^|[\s{,])\?[ \t]+$")
_PREFIX: Final = "tag:yaml.org,2002:"
_PARSER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_RESOLVER: Final[Any] = yaml.resolver.Resolver()
_CONSTRUCTOR: Final = yaml.constructor.SafeConstructor()


class Text:
    """A text with its lines; positions are characters from its beginning."""

    def __init__(self, text: str) -> None:
        self.text = text
        ends = list(_BREAK.finditer(text))
        self.newline = ends[0].group() if ends else "\n"
        self._starts = [0, *(end.end() for end in ends)]

    def line_start(self, at: int) -> int:
        return self._starts[bisect_right(self._starts, at) - 1]

    def line_end(self, at: int) -> int:
        """Where the line of `at` ends, before its line break."""
        found = _BREAK.search(self.text, at)
        return found.start() if found else len(self.text)

    def next_line(self, at: int) -> int:
        """Where the next line begins, or the text ends."""
        found = _BREAK.search(self.text, at)
        return found.end() if found else len(self.text)

    def line_above(self, at: int) -> int:
        """Where the line above the line of `at` begins; -1 for the first line."""
        number = bisect_right(self._starts, at) - 1
        return self._starts[number - 1] if number else -1

    def column(self, at: int) -> int:
        return at - self.line_start(at)

    def tail(self, at: int, column: int) -> int:
        """Where what ends at `at` and stands at `column` ends with the comments below it.

        Comment lines directly below are its own where they are indented deeper than it is.
        """
        end = self.line_end(at)
        while True:
            line = self.next_line(end)
            stop = self.line_end(line)
            text = self.text[line:stop]
            indent = len(text) - len(text.lstrip(" "))
            if line == end or indent <= column or text[indent : indent + 1] != "#":
                return end
            end = stop

    def begins_line(self, at: int) -> bool:
        """Whether nothing but blanks stands before `at` in its line."""
        return not self.text[self.line_start(at) : at].strip(" \t")

    def is_blank(self, line: int) -> bool:
        """Whether the line that begins at `line` is blank, its end included."""
        return _BLANK_LINE.match(self.text, line) is not None

    def token(self, at: int) -> int:
        """The first character from `at` that is no blank, line break or comment."""
        found = _NOTHING.match(self.text, at)
        return found.end() if found else at


@dataclass(slots=True, eq=False)
class Span:
    """A value in the text."""

    kind: Literal["mapping", "sequence", "scalar", "alias"]
    start: int
    end: int
    bare: int
    """Behind the anchor and tag, if there are any; else `start`."""
    body: int
    """Where the value itself begins."""
    flow: bool = False
    style: str = ""
    """Of a scalar: a quote, `|`, `>`, or nothing."""
    anchor: str = ""
    """The name of its anchor; of an alias, the name that it asks for."""
    tagged: bool = False
    odd: bool = False
    """A mapping with explicit keys (`? key`), or without braces inside of a flow list."""
    items: list[Span] = field(default_factory=list)
    """Of a list, its items; of a mapping, keys and values in turn."""
    key: Hashable = None
    """Of a scalar that is a key: its value."""
    is_merge: bool = False
    """Of a scalar that is a key: it is `<<`."""

    @property
    def is_empty(self) -> bool:
        """A null that no character stands for: `key:`."""
        return self.kind == "scalar" and self.body == self.end

    @property
    def pairs(self) -> list[tuple[Span, Span]]:
        return list(zip(self.items[::2], self.items[1::2], strict=True))


def parse_spans(text: Text) -> Span | None:
    """The root of a text that `read_yaml` has accepted; None if it holds no document."""
    root: Span | None = None
    stack: list[Span] = []
    named: dict[str, yaml.ScalarEvent] = {}
    for event in yaml.parse(text.text, Loader=_PARSER):
        if isinstance(event, yaml.CollectionEndEvent):
            span = stack.pop()
            assert event.end_mark is not None
            _close(span, event.end_mark.index, text)
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        span = _span(event, text)
        if stack:
            _add(stack[-1], span, event, text, named)
        else:
            root = span
        if isinstance(event, yaml.ScalarEvent) and event.anchor:
            named[event.anchor] = event
        if isinstance(event, yaml.CollectionStartEvent):
            stack.append(span)
    return root


def _span(event: yaml.NodeEvent, text: Text) -> Span:
    assert event.start_mark is not None
    assert event.end_mark is not None
    start, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, yaml.AliasEvent):
        return Span("alias", start, end, start, start, anchor=event.anchor or "")
    assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
    anchor, tagged = event.anchor or "", event.tag is not None
    bare = start
    for _ in range(bool(anchor) + tagged):
        found = _PROPERTY.match(text.text, text.token(bare))
        bare = found.end() if found else bare
    if isinstance(event, yaml.ScalarEvent):
        style = event.style or ""
        if style in ("|", ">"):
            end = _block_scalar_end(text.text, bare, end)
        empty = not event.value and not style.strip("|>") and (end <= bare or start == end)
        body = bare if empty or bare == start else text.token(bare)
        end = body if empty else end
        return Span("scalar", start, end, bare, body, style=style, anchor=anchor, tagged=tagged)
    mapping = isinstance(event, yaml.MappingStartEvent)
    body = start if bare == start else text.token(bare)
    return Span(
        "mapping" if mapping else "sequence",
        start,
        end,
        bare,
        body,
        flow=bool(event.flow_style),
        anchor=anchor,
        tagged=tagged,
    )


def _block_scalar_end(text: str, bare: int, end: int) -> int:
    """Before the line break that ends the scalar: blank lines count only where `+` keeps them."""
    header = _BREAK.split(text[bare:end].lstrip(), maxsplit=1)[0].split("#")[0]
    if "+" not in header:
        return bare + len(text[bare:end].rstrip(" \t" + _BREAKS))
    if text.endswith("\r\n", bare, end):
        return end - 2
    return end - 1 if end > bare and text[end - 1] in _BREAKS else end


def _add(
    parent: Span, span: Span, event: yaml.NodeEvent, text: Text, named: dict[str, yaml.ScalarEvent]
) -> None:
    """Add a child; it is a key where its mapping holds an even number of parts."""
    if parent.kind == "mapping" and len(parent.items) % 2 == 0:
        source = named.get(span.anchor) if isinstance(event, yaml.AliasEvent) else event
        if isinstance(source, yaml.ScalarEvent):
            span.key, span.is_merge = _key(source)
        before = text.text[text.line_start(span.start) : span.start]
        parent.odd |= span.kind == "alias" or _EXPLICIT.search(before) is not None
    elif parent.kind == "mapping" and span.is_empty and span.start == span.bare:
        key = parent.items[-1]
        if not text.text.startswith(":", text.token(key.end)):  # {key} or `? key`
            span.start = span.end = span.bare = span.body = key.end
    parent.items.append(span)


def _key(event: yaml.ScalarEvent) -> tuple[Hashable, bool]:
    """The value of a key as PyYAML makes it, and whether the key is `<<`."""
    tag = event.tag
    if tag is None or tag == "!":
        implicit = event.implicit if tag is None else (True, False)
        tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, implicit)
    if tag in (_PREFIX + "merge", _PREFIX + "value"):
        return event.value, tag == _PREFIX + "merge"
    construct = yaml.SafeLoader.yaml_constructors[tag]
    value: Hashable = construct(_CONSTRUCTOR, yaml.ScalarNode(tag, event.value))
    return value, False


def _close(span: Span, end: int, text: Text) -> None:
    if span.flow and text.text[span.body] in "[{":
        span.end = end
    else:
        span.odd |= span.flow
        span.end = span.items[-1].end if span.items else span.bare


def descendants(span: Span) -> Iterator[Span]:
    """The span and everything in it, as it stands in the text."""
    stack = [span]
    while stack:
        found = stack.pop()
        yield found
        stack.extend(reversed(found.items))
