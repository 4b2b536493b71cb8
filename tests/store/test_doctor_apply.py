"""The doctor on applies: one that was cut off, and one that could not be undone."""

from __future__ import annotations

from pathlib import Path

from store.doctor import Level
from store.doctor_apply import apply_findings
from store.gateway.config_lock import hold_lock
from store.plans import Outcome, RevisionKind
from store.revisions import Begun, Revisions
from store.times import utc_now
from tests.lying_litellm import Lie
from tests.store.rollout_world import ACTOR, CONFIG, World, world


async def cut_off(w: World) -> None:
    """As a process leaves it that was killed before it wrote anything."""
    begun = Begun(RevisionKind.APPLY, ACTOR, str(w.config), (), CONFIG, CONFIG, 0)
    await Revisions(w.store._database, utc_now).begin(begun)


async def test_where_nothing_is_open_there_is_nothing_to_say(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert await apply_findings(w.store) == []


async def test_one_that_was_cut_off_is_a_failure_until_it_is_finished(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await cut_off(w)
        async with hold_lock(w.config, wait_s=0, say=print):
            assert await apply_findings(w.store) == [], "it is under way"
        (finding,) = await apply_findings(w.store)
        assert finding.level is Level.FAIL
        assert f"an apply of revision 2 by {ACTOR} was cut off" in finding.message
        assert finding.mend == "`aitui apply` finishes or undoes it."
        await w.store.rollout.recover(actor=ACTOR)
        assert await apply_findings(w.store) == []


async def test_one_that_could_not_be_undone_is_a_warning(tmp_path: Path) -> None:
    async with world(tmp_path, lie=Lie.OLD_AFTER_RESTORE) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        assert (await w.apply()).outcome is Outcome.NOT_UNDONE
        (finding,) = await apply_findings(w.store)
        assert finding.level is Level.WARN
        assert "revision 2" in finding.message
