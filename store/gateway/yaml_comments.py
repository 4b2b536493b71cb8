"""What a YAML text holds beside its values: comments above all."""

from __future__ import annotations

from typing import Any, Final

import yaml

from store.checks import redact
from store.gateway.secrets import names_key

_PARSER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def key_in_comment(text: str) -> int | None:
    """The 1-based line of the first comment that holds what looks like a key; None for none.

    Values are not looked at: the search for literal keys has judged them, and it knows which
    stand-ins (`sk-no-key-required`) are no keys.

    Args:
        text: a text that `read_yaml` has read.
    """
    text = text.removeprefix("\ufeff")
    if redact(text) == text and not any(map(names_key, text.split("#")[1:])):
        return None
    rest = _without_values(text)
    return next((n for n, line in enumerate(rest, start=1) if _holds_key(line)), None)


def _holds_key(line: str) -> bool:
    return redact(line) != line or names_key(line.partition("#")[2])


def _without_values(text: str) -> list[str]:
    """The text's lines, with spaces in place of every scalar."""
    lines = _lines(text)
    for event in yaml.parse(text, Loader=_PARSER):
        if not isinstance(event, yaml.ScalarEvent):
            continue
        first, last = event.start_mark, event.end_mark
        assert first is not None
        assert last is not None
        begin, end = (first.line, first.column), (last.line, last.column)
        if event.style in ("|", ">"):
            begin = (first.line + 1, 0)  # behind the sign, a comment may stand on its line
            end = (_last_of_block(lines, begin[0], last.line), 0)
        _blank(lines, begin, end)
    return lines


def _lines(text: str) -> list[str]:
    """Lines as YAML counts them."""
    for sign in ("\r\n", "\r", "\x85", "\u2028", "\u2029"):
        text = text.replace(sign, "\n")
    return text.split("\n")


def _last_of_block(lines: list[str], first: int, end: int) -> int:
    """The end of a block's own lines: comments behind it are less indented than its text."""
    indented = [n for n in range(first, min(end, len(lines))) if lines[n].strip()]
    if not indented:
        return first
    depth = len(lines[indented[0]]) - len(lines[indented[0]].lstrip(" "))
    for number in indented:
        if len(lines[number]) - len(lines[number].lstrip(" ")) < depth:
            return number
    return end


def _blank(lines: list[str], begin: tuple[int, int], end: tuple[int, int]) -> None:
    for number in range(begin[0], min(end[0] + 1, len(lines))):
        line = lines[number]
        start = begin[1] if number == begin[0] else 0
        stop = end[1] if number == end[0] else len(line)
        lines[number] = line[:start] + " " * max(0, stop - start) + line[stop:]
