"""A LiteLLM proxy for tests of apply, verify and undo: it loads its file when told to, and may lie.

It answers as the demo's pretend proxy does. A lie is told of every file but the one that was
loaded when the lie began: once that one is back, the proxy is honest again, unless the lie says
otherwise.

    python -m tests.fake_litellm --config litellm_config.yaml [--port N] [--pid-file F] [--lie X]

prints its URL when it listens, and loads its file again at each SIGHUP.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Any, Self

from store.demo import shapes
from store.demo.completions import Stream
from store.demo.proxy import DemoProxy, Worker
from store.demo.served import Deployment, Served
from store.demo.wire import Reply, Request
from store.errors import ImportRefused

KEY = "sk-master-for-tests"
_READS = ("/model/info", "/get/config/callbacks")


class Lie(StrEnum):
    """What a proxy does that answers 200 all the same."""

    NONE = "none"
    IGNORES_FIELD = "ignores-field"
    """Deployments that it had before keep their old value of one of the `litellm_params`."""
    DROPS_MODEL = "drops-model"
    """The last model of a new file is not there."""
    WORKERS_DISAGREE = "workers-disagree"
    """One connection of each two is answered from the old file, for ever or for `reads` answers."""
    NEVER_COMES_BACK = "never-comes-back"
    """From the next reload on it refuses connections, until `come_back`."""
    SLOW_RELOAD = "slow-reload"
    """It serves a file `seconds` after it was told to."""
    BROKEN_AFTER_RELOAD = "broken-after-reload"
    """With a new file it answers 500 to everything."""
    IGNORES_ROUTER = "ignores-router"
    """Router settings and aliases stay as they were."""
    DB_MODE = "db-mode"
    """It runs with a database, and says so of every model."""
    OLD_AFTER_RESTORE = "old-after-restore"
    """A new file is served without its last model, and so it stays when the old one is back."""


class FakeLiteLLM(DemoProxy):
    """`async with FakeLiteLLM(config) as fake:` serves at `fake.url` and takes `fake.key`."""

    def __init__(
        self,
        config: Path,
        *,
        lie: Lie = Lie.NONE,
        field: str = "timeout",
        seconds: float = 1.0,
        reads: int | None = None,
        watch: bool = False,
        port: int = 0,
        key: str = KEY,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Set up, without listening yet.

        Args:
            field: of `litellm_params`, what IGNORES_FIELD keeps.
            seconds: how long SLOW_RELOAD takes.
            reads: how often WORKERS_DISAGREE tells models or router settings from the old file;
                None for ever.
            watch: whether it reloads by itself when its file has changed.
        """
        super().__init__(
            config,
            variables=variables,
            pace=0,
            watch_s=0.05 if watch else None,
            requests_per_minute=1_000_000,
        )
        self.key = key
        self.url = ""
        self.lie = lie
        self.field = field
        self.seconds = seconds
        self.reads = reads
        self.reloads = 0
        self.refused: list[str] = []
        """Why a file was not loaded, for each such reload."""
        self._port = port
        self._old = self._served
        self._old_file = b""
        self._is_old = True
        self._connection = 0
        self._is_old_turn = False
        self._rng = Random(4)
        self._late: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self.url = await self.start(self._port)
        self._port = int(self.url.rpartition(":")[2])
        self.begin(self.lie)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        await self.stop()

    def begin(self, lie: Lie) -> None:
        """Lie from now on, of every file but the one that is loaded."""
        self.lie = lie
        self._old, self._old_file, self._is_old = self._served, self.config.read_bytes(), True

    async def reload(self) -> None:
        """Load the file now; with SLOW_RELOAD later.

        Raises:
            ImportRefused: LiteLLM would not start with it. It is in `refused`, too, and what was
                loaded goes on serving.
        """
        self.reloads += 1
        if self.lie is Lie.NEVER_COMES_BACK:
            await self.hang_up()
        elif self.lie is Lie.SLOW_RELOAD:
            task = asyncio.create_task(self._load_late())
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        else:
            await self._load_now()

    async def come_back(self) -> None:
        """Listen again, with what the file says now."""
        await self._load_now()
        await self.listen(self._port)

    async def _load_late(self) -> None:
        await asyncio.sleep(self.seconds)
        with contextlib.suppress(ImportRefused):
            await self._load_now()

    async def _load_now(self) -> None:
        is_old = self.config.read_bytes() == self._old_file
        try:
            loaded = await self.load()
        except ImportRefused as error:
            self.refused.append(str(error))
            raise
        if self.lie is Lie.OLD_AFTER_RESTORE and is_old and not self._is_old:
            return
        self._is_old = is_old
        self._served = loaded if is_old else self._bent(loaded)

    def _bent(self, loaded: Served) -> Served:
        if self.lie in (Lie.DROPS_MODEL, Lie.OLD_AFTER_RESTORE):
            return replace(loaded, deployments=loaded.deployments[:-1])
        if self.lie is Lie.IGNORES_ROUTER:
            return replace(self._old, deployments=loaded.deployments)
        if self.lie is Lie.IGNORES_FIELD:
            before = {each.id: each for each in self._old.deployments}
            kept = (self._with_old_field(each, before.get(each.id)) for each in loaded.deployments)
            return replace(loaded, deployments=tuple(kept))
        return loaded

    def _with_old_field(self, now: Deployment, before: Deployment | None) -> Deployment:
        if before is None:
            return now
        row: dict[str, Any] = {**now.row}
        for part in ("litellm_params", "model_info"):  # where prices stand a second time
            kept = {key: value for key, value in row[part].items() if key != self.field}
            if self.field in before.row[part]:
                kept[self.field] = before.row[part][self.field]
            row[part] = kept
        return replace(now, row=row)

    def worker(self) -> Worker:
        """A worker that has the old file, where workers disagree and it is its turn."""
        # Not simply every second one: a client that asks two things in turn over connections of
        # their own would get each of them from one and the same worker.
        if self._connection % 2 == 0:
            self._is_old_turn = self._rng.random() < 0.5
        else:
            self._is_old_turn = not self._is_old_turn
        self._connection += 1
        if self.lie is Lie.WORKERS_DISAGREE and self._is_old_turn:
            return self._old_worker
        return super().worker()

    def _old_worker(self) -> Served:
        return self._served if self._is_old or self.reads == 0 else self._old

    async def answer(self, request: Request, served: Served) -> Reply | Stream:
        """As the demo's proxy, but for the lie."""
        if served is self._old and self.reads and request.path in _READS:
            self.reads -= 1
        if self.lie is Lie.BROKEN_AFTER_RELOAD and not self._is_old:
            return shapes.error(500, "Internal server error", "internal_server_error")
        if self.lie is not Lie.DB_MODE:
            return await super().answer(request, served)
        if request.path == "/health/readiness":
            return Reply({"status": "healthy", "db": "connected"})
        if request.path == "/health/readiness/details":
            return Reply({**shapes.readiness_details(), "db": "connected"})
        if request.path == "/config/field/info":
            name = request.query.get("field_name")
            return Reply({"field_name": name, "field_value": name == "store_model_in_db"})
        rows = tuple(_in_database(each) for each in served.deployments)
        return await super().answer(request, replace(served, deployments=rows))


def _in_database(each: Deployment) -> Deployment:
    return replace(
        each, row={**each.row, "model_info": {**each.row["model_info"], "db_model": True}}
    )


async def _serve(args: argparse.Namespace) -> None:
    stopped = asyncio.Event()
    fake = FakeLiteLLM(
        args.config,
        lie=Lie(args.lie),
        field=args.field,
        seconds=args.seconds,
        reads=args.reads,
        watch=args.watch,
        port=args.port,
        key=args.key,
    )
    loop = asyncio.get_running_loop()
    turns: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        try:
            await fake.reload()
        except ImportRefused as error:
            print(error, file=sys.stderr, flush=True)

    def hup() -> None:
        task = asyncio.create_task(reload())
        turns.add(task)
        task.add_done_callback(turns.discard)

    async with fake:
        loop.add_signal_handler(signal.SIGHUP, hup)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        if args.pid_file is not None:
            args.pid_file.write_text(f"{os.getpid()}\n")
        print(fake.url, flush=True)
        await stopped.wait()


def main(argv: Sequence[str] | None = None) -> None:
    """The command line; returns after SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m tests.fake_litellm", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pid-file", type=Path)
    parser.add_argument("--key", default=KEY)
    parser.add_argument("--lie", choices=[lie.value for lie in Lie], default=Lie.NONE.value)
    parser.add_argument("--field", default="timeout")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--reads", type=int)
    parser.add_argument("--watch", action="store_true")
    asyncio.run(_serve(parser.parse_args(argv)))
