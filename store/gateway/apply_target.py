"""From which file to which an apply goes, and what the proxy serves with each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from store.gateway.difference import agrees
from store.gateway.live import Live
from store.gateway.served import Served

BLOCK: Final = 512
"""Bytes: no disk and no memory page writes less of a file at once."""


@dataclass(frozen=True, slots=True)
class Target:
    """From what to what. `wanted` and `previous` are what the proxy serves with the two files."""

    path: Path
    before: bytes
    after: bytes
    wanted: Served
    previous: Served
    live_before: Live | None
    """What the proxy served before; None where it could not be read."""

    @property
    def writes(self) -> bool:
        return self.before != self.after

    def shows_in(self, live: Live) -> bool:
        """Whether a proxy that serves `wanted`, as `live` does, cannot have the old file any more.

        Most of what a file says can be read back, but no key and no reference.
        """
        if self.live_before is not None:
            return bool(agrees(self.wanted, self.live_before))
        return bool(agrees(self.previous, live))

    def owns(self, current: bytes) -> bool:
        """Whether the file is one that this apply has, or had; else somebody else wrote it."""
        return current in (self.after, self.before) or self.is_torn(current)

    def is_torn(self, current: bytes) -> bool:
        """Whether overwritings were cut off midway, forward or back.

        Room for a longer file is made before it is written: zeros at the end, which no YAML has.
        """
        if current in (self.before, self.after):
            return False
        return (
            _is_overwritten(current, self.before, self.after)
            or _is_overwritten(current, self.after, self.before)
            or _is_patchwork(current, self.before, self.after)
        )


def _is_overwritten(current: bytes, old: bytes, new: bytes) -> bool:
    """The new file's start, up to any byte, on the old one's rest."""
    start = _common(current, new)
    rest = current[start:]
    if not rest:
        return len(current) >= len(old)
    return rest in (old[start:], old.ljust(len(new), b"\0")[start:])


def _is_patchwork(current: bytes, one: bytes, other: bytes) -> bool:
    """Each block is of one of the two, as where the way back was cut off as well, or the power."""
    size = max(len(one), len(other))
    if not min(len(one), len(other)) <= len(current) <= size:
        return False
    wholes = (
        one.ljust(size, b"\0"),
        other.ljust(size, b"\0"),
        one + other[len(one) :],
        other + one[len(other) :],
    )
    for start in range(0, len(current), BLOCK):
        block = current[start : start + BLOCK]
        if not any(whole.startswith(block, start) for whole in wholes):
            return False
    return True


def _common(one: bytes, other: bytes) -> int:
    """The length of the common start."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
