"""Plan, apply, verify and undo, on a fake proxy that loads its file, and may lie about it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from store.domain import Route
from store.plans import (
    ApplyRefused,
    ChangeKind,
    Outcome,
    PlanChanged,
    RevisionKind,
    StepName,
    StepState,
)
from tests.lying_litellm import Lie
from tests.store.rollout_world import ACTOR, CONFIG, world


async def test_after_an_import_the_proxy_is_in_step(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        plan = await w.plan()
        assert plan.is_empty, plan.changes
        assert plan.blockers == ()
        assert plan.live_error is None
        assert plan.yaml == plan.yaml_before == CONFIG
        assert (await w.store.rollout.state()).in_step
        (revision,) = await w.store.rollout.revisions()
        assert (revision.kind, revision.outcome) == (RevisionKind.IMPORT, Outcome.RECORDED)


async def test_one_edit_is_planned_applied_and_served(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        plan = await w.plan()
        (change,) = plan.changes
        (field,) = change.fields
        assert (change.kind, change.name, field.name) == (ChangeKind.CHANGE, "alpha", "timeout")
        assert (float(field.old), field.new, field.drift) == (30, 45, False)  # type: ignore[arg-type]
        assert (await w.store.rollout.state()).pending == 1
        report = await w.apply(plan)
        assert report.outcome is Outcome.SERVED, report
        assert w.config.read_text() == CONFIG.replace("timeout: 30", "timeout: 45")
        assert (await w.plan()).is_empty
        states = {step.name: step.state for step in report.steps}
        assert states == {
            StepName.CHECK: StepState.DONE,
            StepName.BACKUP: StepState.DONE,
            StepName.WRITE: StepState.DONE,
            StepName.RELOAD: StepState.DONE,
            StepName.VERIFY: StepState.DONE,
        }
        newest = (await w.store.rollout.revisions())[0]
        assert (newest.outcome, newest.changed, newest.actor) == (Outcome.SERVED, 1, ACTOR)
        assert await w.store.rollout.revision_yaml(newest.number) == w.config.read_text()


async def test_a_disabled_model_goes_and_comes_back_as_it_was(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        beta = await w.model("id-beta")
        await w.store.models.set_enabled("id-beta", False, actor=ACTOR, version=beta.version)
        plan = await w.plan()
        assert plan.count(ChangeKind.DELETE) == 1
        assert (await w.apply(plan)).outcome is Outcome.SERVED
        assert "beta" not in w.config.read_text()
        beta = await w.model("id-beta")
        await w.store.models.set_enabled("id-beta", True, actor=ACTOR, version=beta.version)
        assert (await w.apply()).outcome is Outcome.SERVED
        assert "weight: 2" in w.config.read_text()
        assert (await w.plan()).is_empty


@pytest.mark.parametrize(
    "lie",
    [
        Lie.IGNORES_FIELD,
        Lie.DROPS_MODEL,
        Lie.WORKERS_DISAGREE,
        Lie.BROKEN_AFTER_RELOAD,
    ],
)
async def test_a_proxy_that_lies_is_found_out_and_undone(tmp_path: Path, lie: Lie) -> None:
    async with world(tmp_path, lie=lie) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        report = await w.apply()
        assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.VERIFY), report
        assert report.reason
        assert report.still_different == ()
        assert w.config.read_text() == CONFIG
        assert (await w.store.rollout.revisions())[0].outcome is Outcome.UNDONE
        assert (await w.store.rollout.state()).pending == 1


async def test_a_router_that_ignores_its_settings_is_found_out(tmp_path: Path) -> None:
    async with world(tmp_path, lie=Lie.IGNORES_ROUTER) as w:
        (route,) = await w.store.routes.all()
        await w.store.edit.save(route, replace(route, num_retries=5), actor=ACTOR)
        report = await w.apply()
        assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.VERIFY), report
        assert "num_retries" in str(report.reason)


async def test_a_proxy_that_keeps_the_new_state_is_reported_as_not_undone(tmp_path: Path) -> None:
    async with world(tmp_path, lie=Lie.OLD_AFTER_RESTORE) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        report = await w.apply()
        assert report.outcome is Outcome.NOT_UNDONE, report
        assert w.config.read_text() == CONFIG
        different = {change.name for change in report.still_different}
        assert "alpha" in different


async def test_a_proxy_that_never_comes_back(tmp_path: Path) -> None:
    async with world(tmp_path, lie=Lie.NEVER_COMES_BACK) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        report = await w.apply()
        assert report.outcome is Outcome.NOT_UNDONE, report
        assert report.failed_step is StepName.VERIFY
        assert w.config.read_text() == CONFIG
        assert report.outage_ms


async def test_workers_that_come_round_late_are_waited_for(tmp_path: Path) -> None:
    async with world(tmp_path, lie=Lie.WORKERS_DISAGREE, reads=8, verify_timeout=20) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        assert (await w.apply()).outcome is Outcome.SERVED


async def test_drift_is_told_apart_from_what_was_edited_here(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.config.write_text(CONFIG.replace("weight: 2", "weight: 7"))
        await w.edit("id-alpha", timeout_seconds=45.0)
        plan = await w.plan()
        drift = {change.name: change.drift for change in plan.changes}
        assert drift == {"alpha": False, "beta": True}
        state = await w.store.rollout.state()
        assert (state.pending, state.drifted) == (1, 1)


async def test_a_file_that_was_changed_since_the_plan_is_noticed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        plan = await w.plan()
        text = CONFIG.replace("# The team's proxy.", "# The other team's proxy.")
        w.config.write_text(text)
        with pytest.raises(PlanChanged) as changed:
            await w.apply(plan)
        assert w.config.read_text() == text
        assert (await w.apply(changed.value.plan)).outcome is Outcome.SERVED
        assert w.config.read_text() == text.replace("timeout: 30", "timeout: 45")


async def test_nothing_to_do_is_no_revision(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        with pytest.raises(ApplyRefused, match="nothing to apply"):
            await w.apply()
        assert len(await w.store.rollout.revisions()) == 1


async def test_undo_takes_the_store_back_as_well(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        await w.apply()
        await w.edit("id-alpha", timeout_seconds=50.0)
        gamma = await w.model("id-gamma")
        await w.store.models.set_enabled("id-gamma", False, actor=ACTOR, version=gamma.version)
        assert (await w.apply()).outcome is Outcome.SERVED
        plan = await w.plan(to_revision=2)
        assert {change.name for change in plan.changes} >= {"alpha", "gamma"}
        report = await w.apply(plan)
        assert report.outcome is Outcome.SERVED, report
        assert w.config.read_text() == CONFIG.replace("timeout: 30", "timeout: 45")
        assert (await w.model("id-alpha")).timeout_seconds == 45
        assert (await w.model("id-gamma")).is_enabled
        assert (await w.plan()).is_empty
        newest = (await w.store.rollout.revisions())[0]
        assert (newest.kind, newest.to_revision) == (RevisionKind.UNDO, 2)


async def test_an_undo_that_fails_leaves_the_store(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        await w.apply()
        w.fake.begin(Lie.IGNORES_FIELD)
        report = await w.apply(await w.plan(to_revision=1))
        assert report.outcome is Outcome.UNDONE, report
        assert (await w.model("id-alpha")).timeout_seconds == 45


async def test_a_proxy_with_its_models_in_a_database_is_left_alone(tmp_path: Path) -> None:
    async with world(tmp_path, lie=Lie.DB_MODE) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        plan = await w.plan()
        assert any("store_model_in_db" in blocker for blocker in plan.blockers)
        with pytest.raises(ApplyRefused):
            await w.apply(plan)
        assert w.config.read_text() == CONFIG


async def test_without_a_reload_it_waits_for_the_restart(tmp_path: Path) -> None:
    async with world(tmp_path, reload="none", verify_timeout=10) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        assert (await w.apply()).outcome is Outcome.SERVED  # the fake watches its file


async def test_without_a_restart_it_is_written_and_served_later(tmp_path: Path) -> None:
    async with world(tmp_path, reload="none", lie=Lie.SLOW_RELOAD, seconds=6) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        report = await w.apply()
        assert report.outcome is Outcome.WRITTEN, report
        assert w.config.read_text() != CONFIG
        for _ in range(200):
            if (await w.plan()).is_empty:
                break
            await asyncio.sleep(0.1)
        assert (await w.store.rollout.revisions())[0].outcome is Outcome.SERVED


async def test_the_smoke_test_asks_every_model_that_changed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        report = await w.apply(smoke=True)
        assert report.outcome is Outcome.SERVED, report
        (smoke,) = [step for step in report.steps if step.name is StepName.SMOKE]
        assert smoke.detail == "1 models answered"


async def test_an_alias_goes_with_its_route(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        w.config.write_text(
            CONFIG.replace("  timeout: 60", "  timeout: 60\n  model_group_alias: {theirs: beta}")
        )
        await w.fake.reload()
        beta = await w.model("id-beta")
        route = Route("", "quick", primary_model_id=beta.id)
        added = await w.store.edit.add(route, actor=ACTOR)
        assert (await w.apply()).outcome is Outcome.SERVED
        assert "model_group_alias: {theirs: beta, quick: beta}" in w.config.read_text()
        await w.store.edit.remove(added, actor=ACTOR)
        assert (await w.apply()).outcome is Outcome.SERVED
        assert "model_group_alias: {theirs: beta}" in w.config.read_text()


async def test_an_alias_goes_with_its_route_and_its_model(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        beta = await w.model("id-beta")
        model = await w.store.edit.add(
            replace(beta, id="id-new", model_name="new", kept="", position=9), actor=ACTOR
        )
        route = Route("", "quick", primary_model_id=model.id)
        await w.store.edit.add(route, actor=ACTOR)
        assert (await w.apply()).outcome is Outcome.SERVED
        assert "quick: new" in w.config.read_text()
        assert (await w.apply(await w.plan(to_revision=1))).outcome is Outcome.SERVED
        assert "quick" not in w.config.read_text()
        assert (await w.plan()).is_empty


async def test_what_waits_for_a_restart_is_no_drift(tmp_path: Path) -> None:
    async with world(tmp_path, reload="none", watch=False) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        assert (await w.apply()).outcome is Outcome.WRITTEN
        plan = await w.plan()
        assert [(change.name, change.drift) for change in plan.changes] == [("alpha", False)]
        assert any("waits for the proxy's restart" in note for note in plan.notes)
        assert (await w.store.rollout.state()).pending == 1
        await w.fake.reload()
        assert (await w.plan()).is_empty


async def test_a_store_of_which_no_plan_can_be_made_is_not_in_step(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        beta = await w.model("id-beta")
        await w.store.edit.add(Route("", "gamma", primary_model_id=beta.id), actor=ACTOR)
        plan = await w.plan()
        assert plan.changes == ()
        assert any("another model" in blocker for blocker in plan.blockers)
        state = await w.store.rollout.state()
        assert state.blocked
        assert not state.in_step


async def test_an_edit_beside_a_drift_does_not_hide_it(tmp_path: Path) -> None:
    async with world(tmp_path, watch=False) as w:
        await w.say(CONFIG.replace("weight: 2", "weight: 7"))
        await w.edit("id-beta", timeout_seconds=45.0)
        plan = await w.plan()
        assert (len(plan.changes), plan.drifted, plan.asked_for) == (1, 1, 1)


async def test_a_disabled_primary_does_not_hold_an_apply_up(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        alpha = await w.model("id-alpha")
        await w.store.models.set_enabled("id-alpha", False, actor=ACTOR, version=alpha.version)
        plan = await w.plan()
        assert plan.blockers == ()
        assert any("disabled" in note for note in plan.notes)
        assert (await w.apply(plan)).outcome is Outcome.SERVED


async def test_a_stop_is_heard_from_the_very_start(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        applying = asyncio.create_task(w.apply(await w.plan()))
        await asyncio.sleep(0)
        w.store.rollout.stop()
        report = await applying
        assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.CHECK), report
        assert "stopped by the operator" in str(report.reason)
        assert w.config.read_text() == CONFIG
        assert (await w.apply()).outcome is Outcome.SERVED, "the next one is not stopped"


async def test_nothing_is_said_to_be_served_that_was_not_read(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.fake.hang_up()
        plan = await w.plan()
        assert plan.is_empty
        assert plan.live_error is not None
        with pytest.raises(ApplyRefused, match="could not be read"):
            await w.apply(plan)
        assert len(await w.store.rollout.revisions()) == 1
