"""What an apply does to the proxy's file, as a unified diff in which no key is seen."""

from __future__ import annotations

import difflib
import re

from store.checks import ENV_REFERENCE, redact

MAX_DIFF_LINES = 4_000
HIDDEN = "[redacted]"

_PAIR = re.compile(r"^([\s-]*)(['\"]?)([\w.-]+)\2(\s*:\s+)(\S.*)$")
_SECRET_NAME = re.compile(
    r"(key|keys|token|secret|password|passwd|authorization|credentials)$", re.IGNORECASE
)
_PLAIN_VALUE = re.compile(
    rf"(['\"]?)({re.escape(ENV_REFERENCE)}\w+|[-+]?[\d.]{{1,20}}(?:e[-+]?\d{{1,3}})?|true|false|null|~)\1(\s+#.*)?",
    re.IGNORECASE,
)
"""What may stand under such a name: a variable's name, a count, nothing."""


def file_diff(before: str, after: str) -> list[str]:
    """The lines of the diff; none where nothing changes."""
    lines = difflib.unified_diff(
        without_keys(before), without_keys(after), "now", "after the apply", lineterm=""
    )
    shown = [line for line, _ in zip(lines, range(MAX_DIFF_LINES), strict=False)]
    if len(shown) == MAX_DIFF_LINES:
        shown.append("… and more.")
    return shown


def without_keys(text: str) -> list[str]:
    """The lines of YAML; literals under names such as `api_key`, and keys by shape, are hidden."""
    shown: list[str] = []
    block: int | None = None
    """How far a name is indented whose hidden value goes on in the lines below it."""
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if block is not None and line.strip() and indent <= block:
            block = None
        if block is not None:
            shown.append(" " * indent + HIDDEN if line.strip() else line)
            continue
        pair = _PAIR.match(line)
        if pair is None or not _SECRET_NAME.search(pair[3]):
            shown.append(redact(line))
        elif pair[5].startswith(("|", ">")):
            block = len(pair[1])
            shown.append(line)
        else:
            plain = _PLAIN_VALUE.fullmatch(pair[5])
            shown.append(redact(line) if plain else line[: pair.start(5)] + HIDDEN)
    return shown
