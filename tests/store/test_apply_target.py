"""Which contents of the file an apply takes for its own, cut off midway, and which not."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from store.gateway.apply_target import BLOCK, Target
from store.gateway.served import served_in

EMPTY = served_in({})
OLD = b"".join(b"model_%03d: {timeout: 30}\n" % number for number in range(200))
LONGER = OLD.replace(b"30", b"3000")
SHORTER = OLD.replace(b"{timeout: 30}", b"{}")
SAME_SIZE = OLD.replace(b"30", b"45")


def target(before: bytes, after: bytes) -> Target:
    return Target(Path("x"), before, after, EMPTY, EMPTY, None)


def cut_off(content: bytes, new: bytes, at: int) -> bytes:
    """`new` is written over `content`, after room was made, and comes as far as `at`."""
    return new[:at] + content.ljust(len(new), b"\0")[at:]


@pytest.mark.parametrize("after", [LONGER, SHORTER, SAME_SIZE], ids=["longer", "shorter", "same"])
def test_an_overwriting_that_was_cut_off_is_ours(after: bytes) -> None:
    one = target(OLD, after)
    for at in range(0, len(after) + 1, 7):
        torn = cut_off(OLD, after, at)
        assert one.owns(torn), at
        assert one.is_torn(torn) is (torn not in (OLD, after))


@pytest.mark.parametrize("after", [LONGER, SHORTER, SAME_SIZE], ids=["longer", "shorter", "same"])
def test_so_is_one_whose_way_back_was_cut_off_as_well(after: bytes) -> None:
    one = target(OLD, after)
    dice = random.Random(5)
    for _ in range(500):
        content = OLD
        for new in dice.choices([OLD, after], k=dice.randint(1, 4)):
            content = cut_off(content, new, dice.randrange(len(new) // BLOCK + 1) * BLOCK)
        assert one.owns(content)


def test_what_somebody_else_wrote_is_not() -> None:
    for after in (LONGER, SHORTER, SAME_SIZE):
        one = target(OLD, after)
        for text in (
            b"",
            OLD + b"# one more line\n",
            after + b"# one more line\n",
            OLD.replace(b"model_100", b"model_abc"),
            after.replace(b"model_100", b"model_abc"),
            OLD.replace(b"30", b"35"),
            OLD[: len(OLD) // 2],
        ):
            assert not one.owns(text)
