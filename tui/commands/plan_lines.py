"""A plan, its changes and an apply's steps as lines of plain text. Pure functions."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from store.plans import Change, ChangeKind, FieldDiff, Step, StepState
from tui import plan_words as words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.plans import Plan

MAX_VALUE = 100
"""Characters of a value in a line."""
_SEEN_BEFORE = 20
"""Characters that are shown ahead of the place where two long texts begin to differ."""


def plan_lines(plan: Plan) -> list[str]:
    """The whole plan, and how many changes it makes; but for its blockers."""
    lines = []
    if plan.to_revision is not None:
        lines.append(f"Back to revision {plan.to_revision}:")
    lines += words.unread(plan)
    lines += change_lines(plan.changes, sides=words.sides_seen(plan))
    if lines and (plan.notes or plan.changes):
        lines.append("")
    lines += [f"note: {note}" for note in plan.notes]
    if plan.changes:
        lines.append(f"reload: {plan.reload}")
    return [*lines, count_line(plan)]


def count_line(plan: Plan) -> str:
    """`Plan: 1 to create, 2 to change, 1 to delete.`, or why there is nothing to do."""
    return words.nothing_differs(plan) if plan.is_empty else f"Plan: {words.counted(plan)}"


def change_lines(changes: Sequence[Change], *, sides: bool) -> list[str]:
    """A line a change and an indented one a field. `sides`: say which side alone differs."""
    names = Counter((change.subject, change.name) for change in changes)
    lines = []
    for change in changes:
        twins = names[change.subject, change.name] > 1
        lines += _change(change, sides=sides, with_key=twins)
    return lines


def _change(change: Change, *, sides: bool, with_key: bool) -> list[str]:
    marks = [_marks(field, sides=sides) for field in change.fields]
    same = marks[0] if marks and len(set(marks)) == 1 else ""
    width = max((len(_cut(field.name)) for field in change.fields), default=0)
    head = f"{words.SIGNS[change.kind]} {words.change_name(change, with_key=with_key)}"
    return [
        _marked(head, same),
        *(
            _marked(f"    {_cut(field.name):{width}}  {_values(field, change.kind)}", mark)
            for field, mark in zip(change.fields, ["" if same else m for m in marks], strict=True)
        ),
    ]


def _marked(line: str, marks: str) -> str:
    return f"{line}  ({marks})" if marks else line


def _marks(field: FieldDiff, *, sides: bool) -> str:
    marks = (words.DRIFT if field.drift else "", words.where(field, sides=sides))
    return ", ".join(filter(None, marks))


def _values(field: FieldDiff, kind: ChangeKind) -> str:
    price = words.price_words(field, kind)
    return _sides(field, kind) + (f"  ({price})" if price else "")


def _sides(field: FieldDiff, kind: ChangeKind) -> str:
    sides = words.sides_of(field, kind)
    if len(sides) == 2:
        old, new = sides
        if (
            isinstance(old, tuple)
            and isinstance(new, tuple)
            and max(len(old), len(new)) > words.MAX_ITEMS
        ):
            return words.list_words(old, new, limit=MAX_VALUE)
        if isinstance(old, str) and isinstance(new, str) and max(len(old), len(new)) > MAX_VALUE:
            sides = _where_they_differ(old, new)
    return f" {words.ARROW} ".join(words.value_words(value, limit=MAX_VALUE) for value in sides)


def _where_they_differ(old: str, new: str) -> tuple[str, str]:
    """Two texts without the beginning they share, if that would hide where they differ."""
    same = next(
        (n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b),
        min(len(old), len(new)),
    )
    start = same - _SEEN_BEFORE
    if start < _SEEN_BEFORE:
        return old, new
    return f"…{old[start:]}", f"…{new[start:]}"


def _cut(text: str) -> str:
    from tui.text import clean

    return clean(text, limit=MAX_VALUE, one_line=True)


def step_line(step: Step) -> str:
    """`✓ Write the file        10ms  /etc/litellm/config.yaml`."""
    from tui import format as fmt

    took = "" if step.took_ms is None else fmt.latency(step.took_ms)
    detail = step.detail
    if step.state is StepState.FAILED:
        detail = f"failed: {detail}" if detail else "failed"
    elif step.state is StepState.SKIPPED:
        detail = f"skipped: {detail}" if detail else "skipped"
    head = f"{words.STEP_SIGNS[step.state]} {words.STEP_WORDS[step.name]:{words.STEP_CELLS}}"
    return f"{head}{took:>{words.TIME_CELLS}}  {detail}".rstrip()
