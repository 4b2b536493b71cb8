"""A plan as lines of a widget: a line a change, a change field by field, the file's diff."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from store.plans import Change, ChangeKind, FieldDiff, Subject
from tui import plan_words as words
from tui.file_diff import file_diff
from tui.format import plural
from tui.plan_words import ARROW, SIGNS
from tui.text import cell_width, fit, safe

TONES = {
    ChangeKind.CREATE: "$text-success",
    ChangeKind.CHANGE: "",
    ChangeKind.DELETE: "$text-error",
}
SUBJECTS = {
    Subject.MODEL: "model",
    Subject.ROUTER: "router",
    Subject.FALLBACKS: "chain",
    Subject.CONTEXT_FALLBACKS: "long",
    Subject.ALIAS: "alias",
}
"""One short word each, for a column; the details say the whole."""
ONE_LINE = 50
"""Cells of a name and two values that still stand side by side at 80 columns."""
NAMES = 22
"""Cells of the column of names in a list."""
MAX_NAME = 32
"""Cells of a field's name."""
MAX_VALUE = 300


def change_line(change: Change) -> Content:
    """One line: `~ model  gpt-4.1  drift: timeout 30 → 60`."""
    sign, tone = SIGNS[change.kind], TONES[change.kind]
    head = f"{sign} {fit(SUBJECTS[change.subject], 7)}{fit(change.name, NAMES)} "
    drift = "drift: " if change.drift else ""
    if not drift and any(field.drift for field in change.fields):
        drift = "partly drift: "
    return Content.assemble(
        safe(head, one_line=True, style=tone),
        safe(drift, style="$text-warning"),
        safe(_summary(change), one_line=True, limit=MAX_VALUE),
    )


def _summary(change: Change) -> str:
    """What matters most in a few words; the list cuts what does not fit."""
    if len(change.fields) == 1:
        field = change.fields[0]
        return f"{field.name} {_values(field, change.kind)}"
    if change.kind is ChangeKind.CHANGE:
        return ", ".join(field.name for field in change.fields)
    for field in change.fields:
        if field.name in ("model", "litellm_params.model"):
            return _values(field, change.kind)
    return plural(len(change.fields), "field") if change.fields else ""


def _values(field: FieldDiff, kind: ChangeKind) -> str:
    """On one line; a price as people compare prices."""
    price = words.price_words(field, kind).removesuffix(" tokens")
    return price or f" {ARROW} ".join(_sides(field, kind))


def _sides(field: FieldDiff, kind: ChangeKind) -> list[str]:
    return [words.value_words(v, limit=MAX_VALUE) for v in words.sides_of(field, kind)]


def change_details(change: Change, *, sides: bool = True) -> list[Content]:
    """The whole change, a field a line; which side alone differs, once or at each field."""
    verb = {ChangeKind.CREATE: "Create", ChangeKind.CHANGE: "Change", ChangeKind.DELETE: "Delete"}
    own_key = change.subject is not Subject.ROUTER and change.key not in (change.name, "")
    known_as = f"  ({change.key})" if own_key else ""
    places = {words.where(field, sides=sides) for field in change.fields}
    same = f"  {places.pop()}" if len(places) == 1 else ""
    head = f"{verb[change.kind]} {words.change_name(change)}{known_as}"
    names = max((cell_width(field.name) for field in change.fields), default=0)
    width = min(names + 2, MAX_NAME)
    lines = [_field_line(each, change.kind, width, sides and not same) for each in change.fields]
    title = safe(head, one_line=True, limit=MAX_VALUE, style="bold")
    return [Content.assemble(title, safe(same, style="dim")), *lines]


def _field_line(field: FieldDiff, kind: ChangeKind, width: int, tell_where: bool) -> Content:
    old, *new = _sides(field, kind)
    indent = " " * (width + 2)
    value = old
    if new and width + cell_width(old) + cell_width(new[0]) <= ONE_LINE:
        value = f"{old} {ARROW} {new[0]}"
    elif new:
        value = f"{old}\n{indent}{ARROW} {new[0]}"
    price = words.price_words(field, kind)
    room = not new and width + cell_width(old) + cell_width(price) <= ONE_LINE
    shown_price = f"  ({price})" if room else f"\n{indent}({price})"
    where = words.where(field) if tell_where else ""
    return Content.assemble(
        safe(f"{SIGNS[kind]} {fit(field.name, width)}{value}", style=TONES[kind], limit=1_000),
        safe("  drift" if field.drift else "", style="$text-warning"),
        safe(f"  {where}" if where else "", style="dim"),
        safe(shown_price if price else "", style="dim"),
    )


def diff_lines(before: str, after: str) -> list[Content]:
    """The file's text as it is and as it will be, as a unified diff without keys."""
    return [_diff_line(line) for line in file_diff(before, after)]


def _diff_line(line: str) -> Content:
    tone = {"+": "$text-success", "-": "$text-error"}.get(line[:1], "")
    if line.startswith(("--- now", "+++ after", "@@")):
        tone = "dim"
    return safe(line, one_line=True, limit=400, style=tone)


def joined(lines: Iterable[Content]) -> Content:
    return Content("\n").join(lines)
