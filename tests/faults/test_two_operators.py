"""Two operators apply to one file at once, or one of them edits it by hand meanwhile.

AITUI_RACES sets how many races are run; a tenth as many here, since each is of processes.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from store.errors import AituiError
from store.gateway import apply, read_back
from store.plans import ApplyRefused, ApplyReport, Outcome, PlanChanged, Step, StepName, StepState
from store.store import Store, open_store
from tests.faults.apply_child import environment
from tests.faults.apply_world import ACTOR, fault_world
from tests.lying_litellm import Lie
from tests.store.rollout_world import CONFIG, world
from tests.store.rollout_world import World as Rolled

STEPS = (StepName.CHECK, StepName.BACKUP, StepName.WRITE, StepName.RELOAD, StepName.VERIFY)
RACES = max(2, int(os.environ.get("AITUI_RACES", "20")) // 10)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_back, "BETWEEN_READS_S", 0.01)


# --- two at once -------------------------------------------------------------------------------


async def set_timeout(store: Store, model_id: str, seconds: float) -> None:
    model = await store.models.get(model_id)
    await store.edit.save(model, replace(model, timeout_seconds=seconds), actor=ACTOR)


def timeouts(config: Path) -> list[str]:
    return re.findall(r"timeout: (\d+)", config.read_text())


async def race(ann: Store, bob: Store) -> tuple[list[ApplyReport], list[AituiError]]:
    """Both plan, and then both apply."""
    plans = await ann.rollout.plan(), await bob.rollout.plan()
    ends = await asyncio.gather(
        ann.rollout.apply(plans[0], actor=ACTOR),
        bob.rollout.apply(plans[1], actor="bob@ops"),
        return_exceptions=True,
    )
    reports = [end for end in ends if isinstance(end, ApplyReport)]
    told = [end for end in ends if isinstance(end, AituiError)]
    assert len(reports) + len(told) == 2, ends
    return reports, told


async def test_of_two_stores_one_applies_and_the_other_plans_anew(tmp_path: Path) -> None:
    """Neither sees half of what the other wrote, and what one wrote is never lost unseen."""
    async with fault_world(tmp_path) as w:
        theirs = replace(w.settings, store_path=tmp_path / "theirs.db")
        async with open_store(theirs, environment()) as other:
            await other.configuration.import_file(w.config, actor="bob@ops")
            for number in range(RACES):
                await set_timeout(w.store, "id-alpha", 100.0 + number)
                await set_timeout(other, "id-beta", 500.0 + number)
                reports, told = await race(w.store, other)
                assert [report.outcome for report in reports] == [Outcome.SERVED]
                (changed,) = told
                assert isinstance(changed, PlanChanged)
                assert await w.serves_the_file()
                # What the other one did shows in the new plan as a drift, not as an order.
                assert changed.plan.drifted == 1
                winner = w.store if await is_served(w.store) else other
                loser = other if winner is w.store else w.store
                drift = [change.id for change in changed.plan.changes if change.drift]
                await loser.rollout.adopt(changed.plan, drift, actor="either")
                report = await loser.rollout.apply(await loser.rollout.plan(), actor="either")
                assert report.outcome is Outcome.SERVED
                plan = await winner.rollout.plan()
                every = [change.id for change in plan.changes]
                await winner.rollout.adopt(plan, every, actor="either")
                assert timeouts(w.config)[:2] == [str(100 + number), str(500 + number)]
                assert w.left_over() == []


async def is_served(store: Store) -> bool:
    newest = (await store.rollout.revisions(1))[0]
    return newest.outcome is Outcome.SERVED and (await store.rollout.plan()).is_empty


async def test_of_two_doors_to_one_store_one_finds_nothing_left_to_do(
    tmp_path: Path,
) -> None:
    async with fault_world(tmp_path) as w, open_store(w.settings, environment()) as other:
        for number in range(RACES):
            await w.edit()
            before = (await w.newest()).number
            reports, told = await race(w.store, other)
            assert [report.outcome for report in reports] == [Outcome.SERVED], number
            assert isinstance(told[0], PlanChanged | ApplyRefused)
            assert (await w.newest()).number == before + 1
            assert (await w.store.rollout.plan()).is_empty
            await w.is_at_rest()


async def test_of_two_processes_one_applies_and_the_other_is_told(tmp_path: Path) -> None:
    async with fault_world(tmp_path) as w:
        for _ in range(RACES):
            await w.edit()
            before = (await w.newest()).number
            ours, theirs = await asyncio.gather(w.apply(), w.child("apply"), return_exceptions=True)
            assert not isinstance(theirs, BaseException)
            if theirs.outcome is None:
                assert isinstance(ours, ApplyReport)
                assert ours.outcome is Outcome.SERVED
                assert str(theirs.error).startswith(("PlanChanged", "ApplyRefused"))
            else:
                assert theirs.outcome == Outcome.SERVED
                assert isinstance(ours, PlanChanged | ApplyRefused)
            assert (await w.newest()).number == before + 1
            await w.is_at_rest()


async def test_whoever_waits_is_told_for_whom(tmp_path: Path) -> None:
    async with fault_world(tmp_path, "--lie", "slow-reload", "--seconds", "1") as w:
        slow = replace(w.settings, verify_timeout=20)
        async with open_store(slow, environment()) as ann, open_store(slow, environment()) as bob:
            await w.edit()
            plan, theirs = await ann.rollout.plan(), await bob.rollout.plan()
            heard: list[Step] = []
            first = asyncio.create_task(ann.rollout.apply(plan, actor="ann@ops"))
            while not w.left_over():
                await asyncio.sleep(0.01)
            with pytest.raises(PlanChanged):
                await bob.rollout.apply(theirs, actor="bob@ops", on_step=heard.append)
            assert (await first).outcome is Outcome.SERVED
            assert any("waiting for ann@ops (process" in step.detail for step in heard)


# --- a hand in the file ------------------------------------------------------------------------


def when(step: StepName, state: StepState, do: Callable[[], object]) -> Callable[[Step], None]:
    """Do that at the moment when the apply tells that step; once."""
    done: list[bool] = []

    def on_step(told: Step) -> None:
        if (told.name, told.state) == (step, state) and not done:
            done.append(True)
            do()

    return on_step


async def apply_with(w: Rolled, on_step: Callable[[Step], None]) -> ApplyReport:
    return await w.store.rollout.apply(await w.plan(), actor=ACTOR, on_step=on_step)


BY_HAND = CONFIG.replace("# The team's proxy.", "# By hand.").replace("weight: 2", "weight: 9")


async def test_a_file_that_is_edited_before_the_write_is_left_alone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        report = await apply_with(
            w, when(StepName.BACKUP, StepState.DONE, lambda: w.config.write_text(BY_HAND))
        )
        assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.WRITE)
        assert "changed meanwhile by somebody else" in str(report.reason)
        assert w.config.read_text() == BY_HAND
        assert (await w.apply()).outcome is Outcome.SERVED


@pytest.mark.parametrize("step", [StepName.WRITE, StepName.RELOAD])
async def test_an_undo_does_not_overwrite_what_was_written_by_hand(
    tmp_path: Path, step: StepName
) -> None:
    async with world(tmp_path, lie=Lie.DROPS_MODEL) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        report = await apply_with(
            w, when(step, StepState.DONE, lambda: w.config.write_text(BY_HAND))
        )
        assert (report.outcome, report.failed_step) == (Outcome.NOT_UNDONE, StepName.VERIFY)
        (restore,) = [step for step in report.steps if step.name is StepName.RESTORE]
        assert "changed by somebody else after it was written" in restore.detail
        assert w.config.read_text() == BY_HAND
        assert await w.store.rollout.unfinished() is None
        w.fake.begin(Lie.NONE)
        assert (await w.apply()).outcome is Outcome.SERVED


@pytest.mark.parametrize("is_folder", [False, True], ids=["gone", "a folder"])
@pytest.mark.parametrize("step", [StepName.BACKUP, StepName.RELOAD])
async def test_a_file_that_goes_away_meanwhile(
    tmp_path: Path, is_folder: bool, step: StepName
) -> None:
    async with world(tmp_path, watch=False) as w:

        def away() -> None:
            w.config.unlink()
            if is_folder:
                w.config.mkdir()

        await w.edit("id-alpha", timeout_seconds=45.0)
        report = await apply_with(w, when(step, StepState.DONE, away))
        written = step is StepName.RELOAD
        assert report.outcome is (Outcome.NOT_UNDONE if written else Outcome.UNDONE), report
        assert ("is a folder" if is_folder else "no file") in " ".join(
            step.detail for step in report.steps
        )
        assert await w.store.rollout.unfinished() is None
        with pytest.raises(AituiError):
            await w.plan()
        if is_folder:
            shutil.rmtree(w.config)
        w.config.write_text(CONFIG)
        await w.fake.reload()
        report = await w.store.rollout.apply(
            await w.plan(),
            actor=ACTOR,
            on_step=when(StepName.RELOAD, StepState.DONE, lambda: reload_soon(w)),
        )
        assert report.outcome is Outcome.SERVED


_TASKS: set[asyncio.Task[None]] = set()


def reload_soon(w: Rolled) -> None:
    _TASKS.add(asyncio.ensure_future(w.fake.reload()))


# --- a proxy that is gone ------------------------------------------------------------------------


async def test_a_proxy_that_is_dead_before_and_after(tmp_path: Path) -> None:
    async with fault_world(tmp_path) as w:
        await w.edit()
        w.proxy.process.kill()
        w.proxy.process.wait()
        before = w.config.read_bytes()
        plan = await w.store.rollout.plan()
        assert plan.live_error
        report = await w.store.rollout.apply(plan, actor=ACTOR)
        # The command that shall reload it fails: there is no such process.
        assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.RELOAD)
        assert w.config.read_bytes() == before
        assert await w.store.rollout.unfinished() is None


async def test_a_proxy_that_dies_on_the_way_is_waited_for_and_the_file_put_back(
    tmp_path: Path,
) -> None:
    async with fault_world(tmp_path) as w:
        await w.edit()
        before = w.config.read_bytes()

        def die() -> None:
            w.proxy.process.kill()
            w.proxy.process.wait()

        report = await w.store.rollout.apply(
            await w.store.rollout.plan(),
            actor=ACTOR,
            on_step=when(StepName.RELOAD, StepState.DONE, die),
        )
        assert (report.outcome, report.failed_step) == (Outcome.NOT_UNDONE, StepName.VERIFY)
        assert report.outage_ms is not None
        assert w.config.read_bytes() == before


# --- what nobody thought of ----------------------------------------------------------------------


async def test_a_mistake_of_ours_midway_puts_the_old_file_back_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        plan = await w.plan()

        async def broken(*_: object, **__: object) -> str:
            raise KeyError("a mistake")

        with monkeypatch.context() as patch:
            patch.setattr(apply, "read_back", broken)
            with pytest.raises(KeyError):
                await w.apply(plan)
        assert w.config.read_text() == CONFIG
        assert await w.store.rollout.unfinished() is not None
        report = await w.store.rollout.recover(actor=ACTOR)
        assert report is not None
        assert report.outcome is Outcome.UNDONE


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", [StepState.RUNNING, StepState.DONE])
async def test_whoever_watches_and_fails_leaves_no_mixed_state(
    tmp_path: Path, step: StepName, state: StepState
) -> None:
    """A broken pipe, a screen that is gone: the file is the old one, and a recovery ends it."""
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)

        def gone() -> None:
            raise RuntimeError("the screen is gone")

        with pytest.raises(RuntimeError):
            await apply_with(w, when(step, state, gone))
        assert w.config.read_text() == CONFIG
        report = await w.store.rollout.recover(actor=ACTOR)
        assert report is not None
        assert report.outcome is Outcome.UNDONE
        assert (await w.apply()).outcome is Outcome.SERVED


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", [StepState.RUNNING, StepState.DONE])
async def test_cancelled_at_any_step_the_old_file_is_back(
    tmp_path: Path, step: StepName, state: StepState
) -> None:
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        plan = await w.plan()
        tasks: list[asyncio.Task[ApplyReport]] = []
        watch = when(step, state, lambda: tasks[0].cancel())
        tasks.append(asyncio.create_task(w.store.rollout.apply(plan, actor=ACTOR, on_step=watch)))
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]
        newest = (await w.store.rollout.revisions(1))[0]
        if newest.outcome is Outcome.SERVED:
            assert w.config.read_text() == plan.yaml, "it was closed before the cancellation"
            return
        assert w.config.read_text() == CONFIG
        report = await w.store.rollout.recover(actor=ACTOR)
        assert report is not None
        assert report.outcome is Outcome.UNDONE


# --- an undo, and an edit beside it --------------------------------------------------------------


async def test_an_edit_beside_an_undo_is_not_lost(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        await w.apply()
        await w.edit("id-alpha", timeout_seconds=50.0)
        await w.apply()
        plan = await w.plan(to_revision=2)
        await w.edit("id-gamma", description="edited since the plan")
        with pytest.raises(PlanChanged) as changed:
            await w.apply(plan)
        tasks: list[asyncio.Task[None]] = []

        def edit() -> None:
            tasks.append(asyncio.ensure_future(w.edit("id-gamma", description="and meanwhile")))

        report = await w.store.rollout.apply(
            changed.value.plan, actor=ACTOR, on_step=when(StepName.RELOAD, StepState.DONE, edit)
        )
        await asyncio.gather(*tasks)
        assert report.outcome is Outcome.UNDONE, report
        assert "the store could not follow" in str(report.reason)
        assert (await w.model("id-gamma")).description == "and meanwhile"
        assert (await w.model("id-alpha")).timeout_seconds == 50
        assert "timeout: 50" in w.config.read_text()
