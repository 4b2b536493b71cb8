"""Applies on a real LiteLLM proxy with one worker, which has to be restarted."""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from store.gateway.processes import read_process
from store.plans import Outcome, StepName
from tests.fake_upstream import FakeUpstream
from tests.litellm.apply_world import ACTOR, KEYS, World, ask, serving, took_ms, world
from tests.litellm.proxy import START_S, RealProxy

pytestmark = pytest.mark.litellm

SCRIPT = """\
#!/bin/sh
# As operators write it; `mode` makes it a liar, or one that fails.
cd {folder} || exit 9
case "$(cat mode)" in
    lie) echo restarted; exit 0 ;;
    fail) echo no such unit >&2; exit 1 ;;
esac
old=$(cat proxy.pid)
kill "$old"
while [ -e "/proc/$old" ] && [ "$(cut -d' ' -f3 "/proc/$old/stat")" != Z ]; do sleep 0.1; done
env -i PATH="$PATH" HOME="$PWD" NO_PROXY=127.0.0.1 LITELLM_LOCAL_MODEL_COST_MAP=True {keys} \\
    {litellm} --config config.yaml --host 127.0.0.1 --port {port} >>restarted.log 2>&1 &
echo $! >proxy.pid
echo restarted
"""


class Restarted:
    """The proxy of the test, and the script that restarts it."""

    def __init__(self, executable: str, proxy: RealProxy) -> None:
        self.proxy = proxy
        self.folder = proxy.config.parent
        self.script = self.folder / "restart.sh"
        keys = {"LITELLM_MASTER_KEY": proxy.key, **KEYS}
        self.script.write_text(
            SCRIPT.format(
                folder=shlex.quote(str(self.folder)),
                keys=" ".join(f"{name}={shlex.quote(value)}" for name, value in keys.items()),
                litellm=shlex.quote(executable),
                port=proxy.url.rpartition(":")[2],
            )
        )
        self.script.chmod(0o700)
        (self.folder / "proxy.pid").write_text(f"{proxy.pid}\n")
        self.mode("restart")

    def mode(self, mode: str) -> None:
        (self.folder / "mode").write_text(mode)

    @property
    def pid(self) -> int:
        return int((self.folder / "proxy.pid").read_text())

    async def by_hand(self) -> None:
        process = await asyncio.create_subprocess_exec(
            str(self.script), stdout=asyncio.subprocess.DEVNULL
        )
        assert await asyncio.wait_for(process.wait(), 60) == 0

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"reload": "command", "reload_command": shlex.quote(str(self.script)), **more}


@contextmanager
def restarted(executable: str, folder: Path, base: str) -> Iterator[Restarted]:
    with serving(executable, folder, base) as proxy:
        found = Restarted(executable, proxy)
        try:
            yield found
        finally:
            _end(found.pid, proxy.pid)


def _end(pid: int, first: int) -> None:
    """End the one that the script started: no child of ours, so it is asked until it is gone."""
    if pid == first:
        return
    end = time.monotonic() + 30
    while read_process(pid) is not None and time.monotonic() < end:
        os.kill(pid, 9 if time.monotonic() > end - 20 else 15)
        time.sleep(0.2)
    assert read_process(pid) is None


async def test_one_worker(litellm_executable: str, upstream: FakeUpstream, tmp_path: Path) -> None:
    """One test for all: each restart takes half a minute."""
    with restarted(litellm_executable, tmp_path, upstream.base_url) as r:
        async with world(r.proxy, **r.settings()) as w:
            await the_outage_is_told_and_measured(w)
        async with world(r.proxy, **r.settings(verify_timeout=4)) as w:
            await a_command_that_lies_is_found_out(w, r)
            await a_command_that_fails_is_undone(w, r)
        async with world(r.proxy, **r.settings()) as w:
            await a_model_that_litellm_drops_is_missed(w)
        async with world(r.proxy, **r.settings(litellm=Path(litellm_executable))) as w:
            await litellm_s_own_check_comes_before_the_writing(w)
        async with world(r.proxy, reload="none", verify_timeout=2) as w:
            await without_a_restart_it_is_written(w, r)
        async with world(r.proxy, reload="none") as w:
            await with_a_restart_it_is_served(w, r)


async def the_outage_is_told_and_measured(w: World) -> None:
    await w.edit("id-a1", timeout_seconds=41.0)
    plan = await w.plan()
    assert "restarts the proxy: about 20 s without service" in plan.reload
    report = await w.apply(plan)
    assert report.outcome is Outcome.SERVED, report
    assert report.outage_ms is not None
    assert report.outage_ms > 1000
    plan = await w.plan()
    assert plan.is_empty, plan.changes
    seconds = round(report.outage_ms / 1000)
    assert f"about {seconds} s without service, as the last time" in plan.reload
    print(f"restarted: {report.took_ms / 1000:.1f} s, {seconds} s without service")


async def a_command_that_lies_is_found_out(w: World, r: Restarted) -> None:
    r.mode("lie")
    before = w.config.read_bytes()
    await w.edit("id-a1", timeout_seconds=42.0)
    report = await w.apply()
    assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.VERIFY), report
    assert "timeout is 41" in str(report.reason)
    assert w.config.read_bytes() == before
    await w.edit("id-a1", timeout_seconds=41.0)

    await use_key(w, "REFUSED_KEY")  # what no endpoint shows
    report = await w.apply()
    assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.VERIFY), report
    assert "ran before may still answer" in str(report.reason)
    assert w.config.read_bytes() == before
    await use_key(w, "TEAM_KEY")


async def a_command_that_fails_is_undone(w: World, r: Restarted) -> None:
    r.mode("fail")
    before = w.config.read_bytes()
    await use_key(w, "REFUSED_KEY")
    report = await w.apply()
    assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.RELOAD), report
    assert "no such unit" in str(report.reason)
    assert w.config.read_bytes() == before
    await use_key(w, "TEAM_KEY")
    r.mode("restart")


async def a_model_that_litellm_drops_is_missed(w: World) -> None:
    before = w.config.read_bytes()
    await w.edit("id-c", litellm_model="nobody/x")
    report = await w.apply()
    assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.VERIFY), report
    assert "stay-c" in str(report.reason)
    assert w.config.read_bytes() == before
    assert set(await ask(w.proxy, "stay-c", 2)) == {200}
    print(f"verify failed after {took_ms(report, StepName.VERIFY) / 1000:.1f} s")


async def litellm_s_own_check_comes_before_the_writing(w: World) -> None:
    before, files = w.config.read_bytes(), set(w.config.parent.iterdir())
    await w.edit("id-c", litellm_model="nobody/x")
    report = await w.apply()
    assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.CHECK), report
    assert "would drop the rest" in str(report.reason)
    assert (w.config.read_bytes(), set(w.config.parent.iterdir())) == (before, files)
    assert [step.name for step in report.steps] == [StepName.CHECK]


async def without_a_restart_it_is_written(w: World, r: Restarted) -> None:
    await use_key(w, "REFUSED_KEY")
    report = await w.apply()
    assert report.outcome is Outcome.WRITTEN, report
    assert set(await ask(w.proxy, "stay-c", 2)) == {200}
    assert (await w.plan()).is_empty
    assert (await w.store.rollout.revisions(1))[0].outcome is Outcome.WRITTEN
    await r.by_hand()
    await is_back(w)
    assert (await w.plan()).is_empty
    assert (await w.store.rollout.revisions(1))[0].outcome is Outcome.SERVED
    assert 200 not in await ask(w.proxy, "stay-c", 2)


async def with_a_restart_it_is_served(w: World, r: Restarted) -> None:
    await w.edit("id-a1", timeout_seconds=43.0)
    async with asyncio.TaskGroup() as tasks:
        applying = tasks.create_task(w.apply())
        while not any(step.name is StepName.VERIFY for step in w.steps):
            await asyncio.sleep(0.05)
        await r.by_hand()
    assert applying.result().outcome is Outcome.SERVED, applying.result()
    assert applying.result().outage_ms


async def use_key(w: World, variable: str) -> None:
    provider = await w.store.providers.get((await w.store.models.get("id-c")).provider_id)
    await w.store.edit.save(provider, replace(provider, api_key_env=variable), actor=ACTOR)


async def is_back(w: World) -> None:
    end = time.monotonic() + START_S
    while (await w.plan()).live_error is not None:
        assert time.monotonic() < end, "the proxy did not come back"
        await asyncio.sleep(0.5)
