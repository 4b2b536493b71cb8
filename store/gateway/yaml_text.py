"""Values as pieces of YAML text, by the rules of `dump_yaml`; and when two values are the same."""

from __future__ import annotations

import base64
import re
from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from store.gateway.yaml_reader import dump_yaml

_LONG: Final = 500
"""PyYAML breaks long text over lines, which only fits at the indentation that it was made for."""
_PLAIN_IN_FLOW: Final = re.compile(r"[A-Za-z0-9_./+*-]+(?: [A-Za-z0-9_./+*-]+)*")
_ESCAPED: Final = re.compile(r"[^ !#-\[\]-~]")


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is laid out, for what is added to it."""

    newline: str = "\n"
    step: int = 2
    """Columns by which a mapping in a mapping is indented."""
    dash: int = 2
    """Columns by which the dashes of a list stand behind the key that holds it."""


def same(one: object, other: object) -> bool:
    """Equal to the type: 1 is neither 1.0 nor True. The order of keys is no difference."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        assert isinstance(other, dict)
        if len(one) != len(other):
            return False
        for key, value in one.items():
            if key not in other or not same(value, other[key]):
                return False
        return all(type(key) is str for key in one) or typed_keys(one) == typed_keys(other)
    if isinstance(one, list):
        assert isinstance(other, list)
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float | set):
        return freeze(one) == freeze(other)
    return one == other


def typed(key: Hashable) -> tuple[type, Hashable]:
    """A key that tells 1, 1.0 and True apart."""
    return type(key), repr(key) if isinstance(key, float) else key


def typed_keys(mapping: dict[Hashable, object]) -> set[tuple[type, Hashable]]:
    return {typed(key) for key in mapping}


def freeze(value: object) -> Hashable:
    """Something hashable that is equal for what `same` calls the same."""
    if isinstance(value, dict):
        return dict, frozenset((typed(key), freeze(part)) for key, part in value.items())
    if isinstance(value, list):
        return list, tuple(freeze(part) for part in value)
    if isinstance(value, set):
        return set, frozenset(freeze(part) for part in value)
    if isinstance(value, float):
        return float, repr(value)  # not a number is then itself, and 0.0 is not -0.0
    return type(value), value


def is_block(value: object) -> bool:
    """Whether the value takes lines of its own outside of flow collections."""
    return isinstance(value, dict | list) and bool(value)


def scalar_text(value: object, *, flow: bool = False, quote: str = "") -> str:
    """One line for a scalar (or an empty collection), ASCII only.

    Args:
        flow: it stands inside of `[]` or `{}`.
        quote: the quotes of what it replaces, which text keeps where it can.
    """
    if isinstance(value, str):
        return _string(value, flow, quote)
    if isinstance(value, bytes):
        return f'!!binary "{base64.b64encode(value).decode()}"'
    if isinstance(value, set):
        return "!!set " + flow_text(dict.fromkeys(value))
    return dump_yaml(value).strip()


@lru_cache(maxsize=4096)
def _string(value: str, flow: bool, quote: str) -> str:
    fits_line = value.isascii() and value.isprintable()
    if quote == '"' or len(value) > _LONG or not fits_line:
        return '"' + _ESCAPED.sub(_escape, value) + '"'
    text = dump_yaml(value).strip()
    plain = text[:1] not in ("'", '"')
    if quote == "'" or (plain and flow and not _PLAIN_IN_FLOW.fullmatch(value)):
        return "'" + value.replace("'", "''") + "'"
    return text


def _escape(found: re.Match[str]) -> str:
    char = found.group()
    if char in '"\\':
        return "\\" + char
    if char in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02X}"
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"


def flow_text(value: object) -> str:
    """The value in one line, to stand inside of `[]` or `{}`."""
    if isinstance(value, list):
        return "[" + ", ".join(flow_text(part) for part in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(pair_text(key, part) for key, part in value.items()) + "}"
    return scalar_text(value, flow=True)


def pair_text(key: object, value: object) -> str:
    """A key and its value in one line, to stand inside of `{}`."""
    return f"{scalar_text(key, flow=True)}: {flow_text(value)}"


def block_text(value: object, column: int, layout: Layout) -> str:
    """The value in block style at `column`; the first line without its indentation."""
    if not is_block(value):
        return scalar_text(value)
    if isinstance(value, list):
        parts = [item_text(part, column, layout) for part in value]
    else:
        assert isinstance(value, dict)
        parts = [entry_text(key, part, column, layout) for key, part in value.items()]
    return (layout.newline + " " * column).join(parts)


def item_text(value: object, column: int, layout: Layout, width: int = 2) -> str:
    """A list's item with its dash at `column`, the item `width` columns behind it."""
    return "-" + " " * (width - 1) + block_text(value, column + width, layout)


def entry_text(key: object, value: object, column: int, layout: Layout) -> str:
    """A mapping's key at `column`, with its value."""
    if not is_block(value):
        return f"{scalar_text(key)}: {scalar_text(value)}"
    inner = column + child_step(value, layout)
    return f"{scalar_text(key)}:{layout.newline}{' ' * inner}{block_text(value, inner, layout)}"


def child_step(value: object, layout: Layout) -> int:
    """By how many columns a collection is indented below its key."""
    return layout.dash if isinstance(value, list) else layout.step
