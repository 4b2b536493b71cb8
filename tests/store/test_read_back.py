"""Reading back: what proves that a file was loaded, and what never will."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from store.errors import AituiError
from store.gateway import read_back as module
from store.gateway.client import Gateway
from store.gateway.live import Live
from store.gateway.read_back import AGREEING_READS, DIFFERING_READS, read_back
from store.plans import Change, ChangeKind, Outcome, StepName, Subject
from tests.store.rollout_world import ACTOR, CONFIG, World, world

DIFFERENT = (Change(ChangeKind.CHANGE, Subject.MODEL, "id-a", "alpha"),)
SAME: tuple[Change, ...] = ()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts the reads; none of them waits."""
    count = [0]

    async def read_live(*_: object, **__: object) -> Live:
        count[0] += 1
        return Live((), None)

    monkeypatch.setattr(module, "read_live", read_live)
    monkeypatch.setattr(module, "BETWEEN_READS_S", 0)
    return count


async def back(found: Iterator[tuple[Change, ...]], **more: Any) -> str:
    return await asyncio.wait_for(
        read_back(
            cast(Gateway, None),
            lambda live: next(found),
            timeout_s=20,
            say=lambda _: None,
            stop=asyncio.Event(),
            why_gone=lambda: None,
            **more,
        ),
        30,
    )


async def test_answers_count_from_when_nothing_is_waited_for(reads: list[int]) -> None:
    waits = iter(["1 of before"] * 5 + [None] * 50)
    await back(iter([SAME] * 60), waits_for=lambda live: next(waits))
    assert reads == [5 + AGREEING_READS]


async def test_a_difference_after_the_reload_is_final(reads: list[int]) -> None:
    final = iter([False] * 3 + [True] * 60)
    with pytest.raises(AituiError, match="model alpha"):
        await back(iter([DIFFERENT] * 60), is_final=lambda: next(final))
    assert reads == [3 + DIFFERING_READS]


async def test_a_difference_that_goes_is_not(reads: list[int]) -> None:
    found = [DIFFERENT] * (DIFFERING_READS - 1) + [SAME] + [DIFFERENT] * 3 + [SAME] * 20
    await back(iter(found), is_final=lambda: True)
    assert reads == [DIFFERING_READS + 3 + AGREEING_READS]


async def use_key(w: World, variable: str) -> None:
    """What no endpoint of a proxy shows."""
    provider = await w.store.providers.get((await w.model("id-alpha")).provider_id)
    await w.store.edit.save(provider, replace(provider, api_key_env=variable), actor=ACTOR)


async def test_what_cannot_be_seen_is_not_served_without_a_restart(tmp_path: Path) -> None:
    async with world(tmp_path, reload="none", verify_timeout=1) as w:
        await use_key(w, "NEW_KEY")
        report = await w.apply()
        assert report.outcome is Outcome.WRITTEN, report
        assert "NEW_KEY" in w.config.read_text()
        assert (await w.plan()).is_empty
        assert (await w.store.rollout.revisions())[0].outcome is Outcome.WRITTEN


@pytest.mark.parametrize(
    ("is_seen", "outcome"), [(True, Outcome.UNDONE), (False, Outcome.NOT_UNDONE)]
)
async def test_a_command_that_always_fails(tmp_path: Path, is_seen: bool, outcome: Outcome) -> None:
    """The proxy still serves the old file, which is proved where the change can be seen."""
    async with world(tmp_path, watch=False, command="raise SystemExit(3)", verify_timeout=1) as w:
        if is_seen:
            await w.edit("id-alpha", timeout_seconds=45.0)
        else:
            await use_key(w, "NEW_KEY")
        report = await w.apply()
        assert (report.outcome, report.failed_step) == (outcome, StepName.RELOAD), report
        assert "status 3" in str(report.reason)
        assert w.config.read_text() == CONFIG
