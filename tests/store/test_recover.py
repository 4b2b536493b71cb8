"""Applies that were cut off: what `recover` makes of them where the file is not as it was."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from store.errors import ConfigFileError
from store.gateway import apply
from store.gateway.config_write import replace_file
from store.plans import ApplyRefused, ApplyReport, Outcome, PlanChanged, Step, StepName, StepState
from store.store import open_store
from tests.lying_litellm import Lie
from tests.store.rollout_world import ACTOR, CONFIG, World, world

INCLUDING = CONFIG.replace("model_list:", "include: [more.yaml]\nmodel_list:")
MORE = """\
model_list:
  - model_name: delta
    litellm_params: {model: openai/gpt-d, api_key: os.environ/OPENAI_API_KEY}
    model_info: {id: id-delta}
"""


async def cut_off(w: World, at: StepName) -> None:
    """Leave an apply as a kill does, once that step is done: nothing is put back."""
    tasks: list[asyncio.Task[ApplyReport]] = []

    def on_step(step: Step) -> None:
        if (step.name, step.state) == (at, StepState.DONE):
            tasks[0].cancel()

    await w.edit("id-alpha", timeout_seconds=45.0)
    plan = await w.plan()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(apply.Apply, "_put_back_at_once", lambda self: None)
        rollout = w.store.rollout
        tasks.append(asyncio.create_task(rollout.apply(plan, actor=ACTOR, on_step=on_step)))
        with pytest.raises(asyncio.CancelledError):
            await tasks[0]


async def recovered(w: World) -> ApplyReport:
    report = await w.store.rollout.recover(actor=ACTOR)
    assert report is not None
    return report


async def test_models_of_included_files_are_looked_for_as_well(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(MORE)
    async with world(tmp_path, text=INCLUDING) as w:
        await cut_off(w, StepName.WRITE)
        report = await recovered(w)
        assert report.outcome is Outcome.SERVED, report
        assert (await w.plan()).is_empty


async def test_an_included_file_that_changes_makes_the_plan_anew(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(MORE)
    async with world(tmp_path, text=INCLUDING) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        plan = await w.plan()
        (tmp_path / "more.yaml").write_text(MORE.replace("gpt-d", "gpt-e"))
        with pytest.raises(PlanChanged):
            await w.apply(plan)
        assert w.config.read_text() == INCLUDING


async def test_a_file_that_is_gone_is_asked_for(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await cut_off(w, StepName.WRITE)
        new = w.config.read_text()
        w.config.unlink()
        with pytest.raises(ApplyRefused, match="Put the file back .*aitui-backup-.*then apply"):
            await w.store.rollout.recover(actor=ACTOR)
        assert await w.store.rollout.unfinished() is not None
        w.config.write_text(new)
        assert (await recovered(w)).outcome is Outcome.SERVED


async def test_one_whose_file_is_another_by_now_does_not_block_for_ever(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await cut_off(w, StepName.WRITE)
        moved = w.config.rename(tmp_path / "moved.yaml")
        settings = replace(w.store.settings, config_file=moved)
        async with open_store(settings, w.store.environment) as store:
            report = await store.rollout.recover(actor=ACTOR)
            assert report is not None
            assert report.outcome is Outcome.NOT_UNDONE
            assert "cannot be read by now" in str(report.reason)
            assert await store.rollout.unfinished() is None


async def test_an_old_file_that_could_not_be_put_back_is_tried_again(tmp_path: Path) -> None:
    async with world(tmp_path, lie=Lie.DROPS_MODEL) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        calls: list[bytes] = []

        def full(path: Path, data: bytes) -> bool:
            calls.append(data)
            if len(calls) > 1:
                raise ConfigFileError("the disk is full.")
            return replace_file(path, data)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(apply, "replace_file", full)
            report = await w.apply()
        assert report.outcome is Outcome.NOT_UNDONE
        assert "the next `aitui apply` tries it again" in str(report.reason)
        assert await w.store.rollout.unfinished() is not None
        report = await recovered(w)
        assert report.outcome is Outcome.UNDONE, report
        assert w.config.read_text() == CONFIG
