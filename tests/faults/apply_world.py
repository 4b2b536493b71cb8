"""A store, a fake proxy in a process of its own, and processes that apply, for the fault tests."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from store.domain import Model, Provider, Route
from store.gateway.config_lock import is_locked
from store.gateway.desired import read_base
from store.gateway.difference import agrees
from store.gateway.live import read_live
from store.gateway.served import served_in
from store.plans import ApplyReport, Outcome, Revision
from store.settings import Settings
from store.store import Store, open_store
from store.validation import World
from tests.faults.apply_child import Ended, Job, environment, settings_of
from tests.store.rollout_world import CONFIG

ROOT = Path(__file__).parents[2]
ACTOR = "ada@ops"
READY_S = 60
"""Against hanging only."""


@dataclass
class Proxy:
    """A fake LiteLLM in a process of its own."""

    url: str
    pid: int
    process: subprocess.Popen[str]


@contextmanager
def proxy_of(config: Path, *options: str) -> Iterator[Proxy]:
    """It loads `config`, and loads it again at each SIGHUP."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_litellm", "--config", str(config), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, "the fake proxy did not start"
        yield Proxy(url, process.pid, process)
    finally:
        process.kill()
        process.stdout.close()
        process.wait()


@dataclass
class FaultWorld:
    """Everything of one test."""

    store: Store
    settings: Settings
    config: Path
    proxy: Proxy
    children: subprocess.Popen[str]
    edits: int = 0

    async def child(self, kind: str, **more: Any) -> Ended:
        """Let a process do that, and say how it ended."""
        return await asyncio.to_thread(self._child, Job(kind, **more))

    def _child(self, job: Job) -> Ended:
        assert self.children.stdin is not None
        assert self.children.stdout is not None
        self.children.stdin.write(json.dumps(asdict(job)) + "\n")
        self.children.stdin.flush()
        told = json.loads(self.children.stdout.readline())
        return Ended(**{**told, "seen": tuple(told["seen"])})

    async def edit(self) -> None:
        """Something to apply, another thing each time."""
        self.edits += 1
        model = await self.store.models.get("id-alpha")
        after = replace(model, timeout_seconds=100.0 + self.edits)
        await self.store.edit.save(model, after, actor=ACTOR)
        if self.edits % 3 == 0:
            gamma = await self.store.models.get("id-beta")
            await self.store.models.set_enabled(
                gamma.id, not gamma.is_enabled, actor=ACTOR, version=gamma.version
            )

    async def things(self) -> tuple[object, ...]:
        """What the store says, without what changes by itself."""
        return _things(await self.store.edit.world())

    async def things_at(self, number: int) -> tuple[object, ...]:
        return _things(await self.store.rollout.world_at(number))

    async def newest(self) -> Revision:
        return (await self.store.rollout.revisions(1))[0]

    async def last_served(self, *, but: int) -> int:
        """The revision before the one that is served, to undo to."""
        sound = [
            each.number
            for each in await self.store.rollout.revisions(50)
            if each.outcome is Outcome.SERVED
        ]
        return sound[but]

    async def serves_the_file(self) -> bool:
        """Whether the proxy serves exactly what its file says."""
        wanted = served_in(read_base(self.config).document)
        async with self.store.gateway.observer() as gateway:
            live = await read_live(gateway, new_connection=True)
        return agrees(wanted, live) == ()

    async def apply(self) -> ApplyReport:
        return await self.store.rollout.apply(await self.store.rollout.plan(), actor=ACTOR)

    def left_over(self) -> list[str]:
        """What an apply should not leave beside the file."""
        return [
            each.name
            for each in self.config.parent.iterdir()
            if each != self.config and ".aitui-backup-" not in each.name
        ]

    async def is_at_rest(self) -> None:
        """Nothing is begun and open, nobody has the lock, and the proxy serves its file."""
        assert await self.store.rollout.unfinished() is None
        assert (await self.newest()).outcome is not Outcome.RUNNING
        assert not is_locked(self.config)
        assert await self.serves_the_file()

    async def works_again(self) -> None:
        """The next plan can be applied, is served, and clears away what was left."""
        await self.edit()
        report = await self.apply()
        assert report.outcome is Outcome.SERVED, report
        assert (await self.store.rollout.plan()).is_empty
        assert self.left_over() == []
        await self.is_at_rest()


def _things(world: World) -> tuple[object, ...]:
    providers = [replace(each, version=0) for each in world.providers]
    models = [replace(each, version=0) for each in world.models]
    routes = [replace(each, version=0) for each in world.routes]
    every: list[Provider | Model | Route] = [*providers, *models, *routes]
    return tuple(sorted(every, key=lambda each: (type(each).__name__, each.id)))


@asynccontextmanager
async def fault_world(tmp_path: Path, *options: str) -> AsyncIterator[FaultWorld]:
    """A store that has imported its file, and a proxy that serves it."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    config = folder / "litellm.yaml"
    config.write_text(CONFIG)
    with proxy_of(config, *options) as proxy:
        arguments = (tmp_path / "aitui.db", config, proxy.url, proxy.pid)
        settings = settings_of(*arguments)
        async with open_store(settings, environment()) as store:
            await store.configuration.import_file(config, actor=ACTOR)
            children = subprocess.Popen(
                [sys.executable, "-m", "tests.faults.apply_child", *map(str, arguments)],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            try:
                yield FaultWorld(store, settings, config, proxy, children)
            finally:
                children.kill()
                for pipe in (children.stdin, children.stdout):
                    assert pipe is not None
                    pipe.close()
                children.wait()
