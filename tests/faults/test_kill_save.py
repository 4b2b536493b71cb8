"""kill -9 at any moment of an edit: it is wholly there with its log, or wholly absent.

AITUI_KILLS sets how often a process is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

from store.domain import AuditEntry
from store.environment import Environment
from store.settings import Settings
from store.store import open_store
from tests.store.edit_samples import (
    dangling,
    entries,
    integrity_problems,
    model,
    present,
    provider,
    replayed,
)

KILLS = int(os.environ.get("AITUI_KILLS", "10"))
ROOT = Path(__file__).parents[2]
READY_S = 60


def _kill_at_random(path: Path, seed: int, dice: random.Random) -> list[str]:
    """Let a process edit and kill it; the changes that it acknowledged before."""
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.edit_child", str(path), "kill", str(seed)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    hang = threading.Timer(READY_S, child.kill)
    hang.start()
    try:
        assert json.loads(child.stdout.readline()) == {"ready": True}
        # Sometimes within the first edit, mostly after a few dozen.
        time.sleep(dice.choice([dice.random() / 50, dice.random() / 2]))
        child.send_signal(signal.SIGKILL)
        rest = child.stdout.read()
    finally:
        hang.cancel()
        child.kill()
        child.stdout.close()
        child.wait()
    assert child.returncode == -signal.SIGKILL
    # A line that the kill cut in two was not acknowledged.
    return [json.loads(line)["ack"] for line in rest.splitlines(keepends=True) if line[-1] == "\n"]


async def _look(settings: Settings) -> tuple[AuditEntry, ...]:
    """The store opens, and what is there is exactly what the log tells."""
    async with open_store(settings, Environment({})) as store:
        log, now = await entries(store), await present(store)
        assert replayed(log) == now
        assert dangling(now) == []
        kept = await store.history.entries(limit=1_000_000)
        documents = [e.after for e in kept if e.entity == "configuration"]
        row = await store._database.one("SELECT document FROM kept_config")
        assert (None if row is None else {"document": row["document"]}) == (
            documents[0] if documents else None
        )
        return log


def _whole(log: tuple[AuditEntry, ...]) -> None:
    """No change is half there: its rows stand together, and each begins where another ended."""
    ids = [entry.change_id for entry in log]
    runs = 1 + sum(a != b for a, b in pairwise(ids)) if ids else 0
    assert runs == len(set(ids))
    states: dict[tuple[str, str], object] = {}
    for entry in log:
        key = (entry.entity, entry.entity_id)
        assert states.get(key) == entry.before
        states[key] = entry.after


def test_killed_at_any_moment_nothing_is_half_there_or_lost(tmp_path: Path) -> None:
    dice = random.Random(3)
    settings = Settings(store_path=tmp_path / "aitui.db", time_zone="UTC")
    acknowledged: set[str] = set()
    rows = 0
    for number in range(KILLS):
        acknowledged.update(_kill_at_random(settings.store_path, number, dice))
        log = asyncio.run(_look(settings))
        _whole(log)
        assert integrity_problems(settings.store_path) == []
        assert acknowledged <= {entry.change_id for entry in log}
        assert len(log) >= rows, "what was there once stays"
        rows = len(log)
    assert acknowledged
    asyncio.run(_still_usable(settings))


async def _still_usable(settings: Settings) -> None:
    async with open_store(settings, Environment({})) as store:
        owner = await store.edit.add(provider("after-all"), actor="operator")
        await store.edit.add(model(owner.id, "after-all"), actor="operator")
        assert owner in await store.providers.all()
