"""A finding of the linter in a line."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content

from store.linter import Lint, Severity
from tui.text import safe

SIGNS = {Severity.ERROR: "✗", Severity.WARNING: "▲", Severity.NOTE: "·"}
STYLES = {
    Severity.ERROR: "$text-error",
    Severity.WARNING: "$text-warning",
    Severity.NOTE: "",
}


def lint_line(lint: Lint) -> str:
    """`▲ gpt-4o is disabled. Enable it, or take it out.`"""
    return f"{SIGNS[lint.severity]} {lint.message} {lint.mend}".rstrip()


def lint_lines(lints: Sequence[Lint]) -> Content | None:
    """Findings below each other, each in its colour; None for none."""
    if not lints:
        return None
    return Content("\n").join(
        safe(lint_line(lint), limit=1_000, style=STYLES[lint.severity]) for lint in lints
    )


def lint_count(lints: Sequence[Lint]) -> str:
    """`✗ 1 error · ▲ 2 warnings`; empty for none of either."""
    parts = []
    for severity in (Severity.ERROR, Severity.WARNING):
        if number := sum(lint.severity is severity for lint in lints):
            plural = "" if number == 1 else "s"
            parts.append(f"{SIGNS[severity]} {number} {severity}{plural}")
    return " · ".join(parts)
