"""What the doctor finds about an apply that was cut off, or that left something else serving."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from store.doctor import Finding, Level
from store.errors import AituiError
from store.plans import Outcome

if TYPE_CHECKING:
    from store.store import Store

APPLY: Final = "apply"


async def apply_findings(store: Store) -> Sequence[Finding]:
    """Nothing where no apply is open. Never raises AituiError."""
    try:
        cut_off = await store.rollout.unfinished()
        newest = await store.rollout.revisions(1)
    except AituiError as error:
        return [Finding(Level.FAIL, APPLY, str(error), "Restore the store from a backup.")]
    if cut_off is not None:
        when = cut_off.started_at.astimezone(store.zone)
        return [
            Finding(
                Level.FAIL,
                APPLY,
                f"an apply of revision {cut_off.number} by {cut_off.actor} was cut off "
                f"({when:%Y-%m-%d %H:%M:%S}): {cut_off.file} may be the new one or the old one.",
                "`aitui apply` finishes or undoes it.",
            )
        ]
    if newest and newest[0].outcome is Outcome.NOT_UNDONE:
        return [
            Finding(
                Level.WARN,
                APPLY,
                f"revision {newest[0].number} by {newest[0].actor} failed and could not be undone: "
                f"{newest[0].reason or 'no reason was noted.'}",
                "`aitui plan` says what differs; `aitui apply` makes it serve what the store says.",
            )
        ]
    return []
