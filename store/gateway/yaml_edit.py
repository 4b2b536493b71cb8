"""Changing a YAML text to another value, and as little of its text as that takes.

A round compares the value of the text with the wanted one, makes pieces of text for what differs
and puts them in. Rounds go on until the text reads back as the wanted value: so what an edit does
elsewhere (to those that merge an edited anchor, say) is found and put right in the next round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from store.errors import AituiError, ImportRefused
from store.gateway.yaml_reader import Path, dump_yaml, read_yaml
from store.gateway.yaml_rounds import Round
from store.gateway.yaml_spans import Text, parse_spans
from store.gateway.yaml_text import same

_ROUNDS: Final = 30
_COARSER: Final = (None, 3, 2, 1)
"""How deep to look for what differs: below, a value is written anew as a whole."""
_BOM: Final = "\ufeff"
_NAME: Final = "the configuration"


def edit_yaml(
    text: str, desired: object, *, moved: Mapping[Path, Sequence[int | None]] | None = None
) -> str:
    """`text`, changed so that `read_yaml` reads `desired` from it, and as little as possible.

    Order, comments, quoting, indentation, flow style, anchors and merge keys stay as they are
    wherever the value stays. A text that already has the value comes back as it is. The order of
    keys in `desired` is no reason to change anything.

    Args:
        moved: by the path of a list in `desired`, which index in the old list each item was, None
            for new ones. Without it items are matched by equality, then by position.

    Raises:
        ImportRefused: `text` is not YAML that `read_yaml` takes, or `desired` breaks its bounds.
        AituiError: `desired` would read back as another value.
    """
    bom = _BOM if text.startswith(_BOM) else ""
    text = text.removeprefix(_BOM)
    value = read_yaml(text, name=_NAME).value
    known = dict(moved or {})
    for depth in _COARSER:
        text, value = _rounds(text, value, desired, known, depth)
        if same(value, desired):
            return bom + text
    text = _head(text) + dump_yaml(desired)
    if not same(read_yaml(text, name=_NAME).value, desired):
        raise AituiError(
            "The configuration cannot be written as YAML: a value in it would read back as another."
        )
    return bom + text


def _rounds(
    text: str,
    value: object,
    desired: object,
    moved: dict[Path, Sequence[int | None]],
    depth: int | None,
) -> tuple[str, object]:
    """Edit until the value is right, or nothing gets better: the last text that can be read."""
    seen = {text}
    for _ in range(_ROUNDS):
        if same(value, desired):
            break
        lines = Text(text)
        told = dict(moved)
        edited = Round(lines, parse_spans(lines), told, depth).edit(value, desired)
        if edited in seen:
            break
        try:
            value = read_yaml(edited, name=_NAME).value
        except ImportRefused:
            break
        text = edited
        seen.add(text)
        moved.clear()
        moved.update(told)
    return text, value


def _head(text: str) -> str:
    """The comments and blank lines at the top, which a text written anew keeps."""
    lines = text.splitlines(keepends=True)
    end = next((i for i, line in enumerate(lines) if line.strip() and line[0] != "#"), len(lines))
    head = "".join(lines[:end])
    return head + "\n" if head and not head.endswith(("\n", "\r")) else head
