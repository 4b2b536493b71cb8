"""Which item of an old list each item of a new one was."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Iterator, Sequence
from typing import Final

from store.gateway.yaml_text import freeze, same

_MAX_COMPARED: Final = 2_000
"""Pairs of items that are compared to find the likeliest; beyond, they are taken in order."""


def align(
    old: Sequence[object], new: Sequence[object], told: Sequence[int | None] | None = None
) -> list[int | None]:
    """For each item of `new` its index in `old`, None for an added one.

    Without (or with an impossible) `told`, equal items are the same; what is left between them is
    matched in order.
    """
    if told is not None and _possible(told, len(old), len(new)):
        return list(told)
    head = 0
    while head < min(len(old), len(new)) and same(old[head], new[head]):
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and same(old[-1 - tail], new[-1 - tail]):
        tail += 1
    came: list[int | None] = [None] * len(new)
    came[:head] = range(head)
    came[len(new) - tail :] = range(len(old) - tail, len(old))
    places: dict[Hashable, deque[int]] = defaultdict(deque)
    for index in range(head, len(old) - tail):
        places[freeze(old[index])].append(index)
    for index in range(head, len(new) - tail):
        found = places.get(freeze(new[index]))
        if found:
            came[index] = found.popleft()
    _match_rest(came, old, new)
    return came


def _possible(told: Sequence[int | None], old: int, new: int) -> bool:
    kept = [index for index in told if index is not None]
    return (
        len(told) == new and len(set(kept)) == len(kept) and all(0 <= index < old for index in kept)
    )


def _match_rest(came: list[int | None], old: Sequence[object], new: Sequence[object]) -> None:
    """Match what changed with what stood between the same neighbours, so that nothing moves."""
    used = {index for index in came if index is not None}
    start = behind = 0
    for at, index in enumerate([*came, len(old)]):
        if index is None:
            continue
        left = [i for i in range(behind, index) if i not in used]
        for gap, i in _pairs_in_order(left, range(start, at), old, new):
            came[gap] = i
            used.add(i)
        start, behind = at + 1, index + 1


def _pairs_in_order(
    left: list[int], gaps: range, old: Sequence[object], new: Sequence[object]
) -> Iterator[tuple[int, int]]:
    """Pairs of an added and a lost item: as many as there can be, the likeliest of them."""
    spare = len(left) - len(gaps)
    if not spare or abs(spare) * min(len(left), len(gaps)) > _MAX_COMPARED:
        yield from zip(gaps, left, strict=False)
        return
    few, many = (left, list(gaps)) if spare < 0 else (list(gaps), left)
    spare = abs(spare)
    # best[skipped]: the likeness of the first pairs with so many of `many` skipped, and the pairs.
    best: list[tuple[float, tuple[int, ...]]] = [(0.0, ())] * (spare + 1)
    for at, one in enumerate(few):
        for skipped in range(spare + 1):
            other = many[at + skipped]
            i, gap = (one, other) if few is left else (other, one)
            score, chosen = best[skipped]
            found = (score + _likeness(old[i], new[gap]), (*chosen, other))
            best[skipped] = max(found, best[skipped - 1], key=_score) if skipped else found
    for one, other in zip(few, best[spare][1], strict=True):
        yield (other, one) if few is left else (one, other)


def _score(found: tuple[float, tuple[int, ...]]) -> float:
    return found[0]


def _likeness(one: object, other: object) -> float:
    """How much of two values is the same."""
    if isinstance(one, dict) and isinstance(other, dict):
        return sum(
            1.0 if same(value, other[key]) else 0.1 for key, value in one.items() if key in other
        )
    if isinstance(one, list) and isinstance(other, list):
        return float(sum(same(a, b) for a, b in zip(one, other, strict=False)))
    return 0.0
