"""Processes that apply, undo or recover, and are killed or fail at a boundary, for the fault tests.

    python -m tests.faults.apply_child STORE CONFIG URL PID

reads a job a line from its input, and forks a process for each: so that a hundred of them do not
import everything a hundred times. For each it prints a line with how that one ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

# All that an apply would import later, once for all processes.
from store.environment import Environment
from store.errors import AituiError
from store.gateway import comparison, read_back
from store.plans import ApplyReport
from store.settings import Settings
from store.store import open_store
from tests.faults.boundaries import Boundaries, Mode
from tests.lying_litellm import KEY

ACTOR = "child@ops"
DEADLINE_S = 60
"""Against hanging only."""

assert comparison


@dataclass(frozen=True)
class Job:
    """What one process does."""

    kind: str
    """`apply`, `undo` or `recover`"""
    mode: Mode = Mode.COUNT
    at: int = 0
    """The boundary, from 1 on."""
    in_place: bool = False
    to_revision: int | None = None


@dataclass(frozen=True)
class Ended:
    """How it ended."""

    killed: bool
    seen: tuple[str, ...] = ()
    """The boundaries that it came by; not known of one that was killed."""
    outcome: str | None = None
    error: str | None = None
    """The operator's message, where it was one; what was raised, where it should not have been."""
    is_message: bool = True


def settings_of(store: Path, config: Path, url: str, pid: int, **more: Any) -> Settings:
    """Of a proxy of its own, that loads its file at a SIGHUP."""
    return Settings(
        store_path=store,
        config_file=config,
        gateway_url=url,
        reload="command",
        reload_command=f"kill -HUP {pid}",
        verify_timeout=more.pop("verify_timeout", 2),
        time_zone="UTC",
        **more,
    )


def environment() -> Environment:
    return Environment({"LITELLM_MASTER_KEY": KEY, "OPENAI_API_KEY": "set"})


async def carry_out(settings: Settings, job: Job) -> ApplyReport | None:
    async with open_store(settings, environment()) as store:
        if job.kind == "recover":
            return await store.rollout.recover(actor=ACTOR)
        plan = await store.rollout.plan(to_revision=job.to_revision)
        return await store.rollout.apply(plan, actor=ACTOR)


def run(settings: Settings, job: Job) -> Ended:
    read_back.BETWEEN_READS_S = 0.01  # type: ignore[misc]
    assert settings.config_file is not None
    boundaries = Boundaries(
        settings.config_file.resolve().parent, job.mode, job.at, in_place=job.in_place
    )
    boundaries.wrap()
    try:
        report = asyncio.run(carry_out(settings, job))
    except AituiError as error:
        return Ended(False, tuple(boundaries.seen), error=f"{type(error).__name__}: {error}")
    except Exception as error:  # noqa: BLE001 - told, and then the test fails
        return Ended(False, tuple(boundaries.seen), error=repr(error), is_message=False)
    outcome = None if report is None else report.outcome
    reason = None if report is None else report.reason
    return Ended(False, tuple(boundaries.seen), outcome, reason)


def fork(settings: Settings, job: Job) -> Ended:
    """Let a process of its own do it."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            signal.alarm(DEADLINE_S)
            with os.fdopen(writer, "w") as told:
                json.dump(asdict(run(settings, job)), told)
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        text = told.read()
    _, status = os.waitpid(pid, 0)
    if not text:
        killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        return Ended(killed, error=None if killed else f"status {status}", is_message=killed)
    return Ended(**json.loads(text))


def main() -> None:
    store, config, url, pid = sys.argv[1:]
    settings = settings_of(Path(store), Path(config), url, int(pid))
    for line in sys.stdin:
        job = json.loads(line)
        ended = fork(settings, Job(**{**job, "mode": Mode(job["mode"])}))
        print(json.dumps(asdict(ended)), flush=True)


if __name__ == "__main__":
    main()
