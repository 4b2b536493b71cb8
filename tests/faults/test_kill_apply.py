"""kill -9, or a failing call, at any boundary of an apply, an undo and a recovery.

Afterwards the file is the old or the new one, `aitui apply` finishes or undoes what was begun, and
the proxy serves exactly its file. AITUI_KILLS sets how many boundaries are tried, for each of the
ways to go wrong.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from store.gateway import read_back
from store.plans import Outcome
from tests.faults.apply_child import Ended
from tests.faults.apply_world import ACTOR, FaultWorld, fault_world
from tests.faults.boundaries import Mode

KILLS = int(os.environ.get("AITUI_KILLS", "4"))
SEED = os.environ.get("AITUI_SEED", "1")
SCENARIOS = [
    ("apply", False), ("undo", True), ("recover", False), ("apply", True), ("undo", False),
    ("recover", True),
]  # fmt: skip
"""What a process does, and whether it has to write the file in place."""
BOUNDARIES = 90
"""At least as many as there are: a few processes end before theirs, which is checked as well."""
FIRST_OPEN = 8
"""From about this one on the journal is open."""
OLD_OR_NEW = {
    Outcome.SERVED: "after",
    Outcome.WRITTEN: "after",
    Outcome.UNDONE: "before",
}


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wait between two readings is no boundary."""
    monkeypatch.setattr(read_back, "BETWEEN_READS_S", 0.01)


class Trial:
    """One process that is cut off, or in which something fails; and what there was before."""

    def __init__(self, world: FaultWorld, kind: str, *, in_place: bool) -> None:
        self.world = world
        self.kind = kind
        self.in_place = in_place
        self.to_revision: int | None = None
        self.files: dict[str, bytes] = {}
        self.things: dict[str, tuple[object, ...]] = {}
        self.number = 0
        """The newest revision before."""

    async def prepare(self) -> None:
        """Have something to apply, or to undo."""
        world = self.world
        if self.kind == "undo":
            self.to_revision = await world.last_served(but=1)
            self.things["after"] = await world.things_at(self.to_revision)
        else:
            await world.edit()
        plan = await world.store.rollout.plan(to_revision=self.to_revision)
        assert not plan.is_empty
        assert plan.blockers == ()
        self.files = {"before": world.config.read_bytes(), "after": plan.yaml.encode()}
        self.things["before"] = await world.things()
        self.things.setdefault("after", self.things["before"])
        self.number = (await world.newest()).number

    async def go(self, mode: Mode, at: int, kind: str | None = None) -> Ended:
        ended = await self.world.child(
            kind or self.kind,
            mode=mode,
            at=at,
            in_place=self.in_place,
            to_revision=None if kind == "recover" else self.to_revision,
        )
        assert ended.is_message, ended
        return ended

    async def check(self, ended: Ended) -> str:
        """Whatever happened, it is told, it can be mended, and nothing is mixed."""
        world, rollout = self.world, self.world.store.rollout
        data = world.config.read_bytes()
        if not self.in_place:
            assert data in self.files.values()
        cut_off = await rollout.unfinished()
        newest = await world.newest()
        if cut_off is None:
            await self._closed(data, ended)
        else:
            assert newest.number == cut_off.number == self.number + 1
            assert cut_off.outcome is Outcome.RUNNING
            report = await rollout.recover(actor=ACTOR)
            assert report is not None
            assert report.outcome in OLD_OR_NEW, report
            await self._is(OLD_OR_NEW[report.outcome])
            assert await rollout.unfinished() is None
        how = (await world.newest()).outcome if cut_off else "closed"
        await world.is_at_rest()
        await world.works_again()
        return str(how)

    async def _closed(self, data: bytes, ended: Ended) -> None:
        """Nothing was begun, or it came to an end that is told."""
        newest = await self.world.newest()
        if newest.number == self.number:
            assert data == self.files["before"]
            assert ended.outcome is None
        elif newest.outcome in OLD_OR_NEW:
            await self._is(OLD_OR_NEW[newest.outcome])
        else:
            # Not undone: what failed goes on failing. The file is one of the two all the same.
            assert newest.outcome is Outcome.NOT_UNDONE
            assert newest.reason
            assert data in self.files.values()
            await self._reload_by_hand()

    async def _is(self, which: str) -> None:
        assert self.world.config.read_bytes() == self.files[which]
        assert await self.world.things() == self.things[which]

    async def _reload_by_hand(self) -> None:
        """As the operator would; it is seen when the proxy serves its file."""
        os.kill(self.world.proxy.pid, 1)
        for _ in range(200):
            if await self.world.serves_the_file():
                return
        raise AssertionError("the proxy does not load its file")


@pytest.mark.parametrize("in_place", [False, True], ids=["replaced", "in-place"])
async def test_what_is_cut_off_below_are_all_the_boundaries(tmp_path: Path, in_place: bool) -> None:
    async with fault_world(tmp_path) as world:
        await world.works_again()
        await world.works_again()
        for kind in ("apply", "undo"):
            trial = Trial(world, kind, in_place=in_place)
            await trial.prepare()
            ended = await trial.go(Mode.COUNT, 0)
            assert ended.outcome == Outcome.SERVED, ended
            await trial.check(ended)
            seen = Counter(ended.seen)
            assert ("after replace" in seen) is not in_place
            for name in ("before write", "amid write", "after fsync", "after reload", "after read"):
                assert seen[name], name
            assert ended.seen.index("after commit") + 1 >= FIRST_OPEN
            assert len(ended.seen) <= BOUNDARIES


@pytest.mark.parametrize("mode", [Mode.KILL, Mode.FAIL, Mode.FAIL_ON], ids=str)
async def test_cut_off_or_failing_at_any_boundary(tmp_path: Path, mode: Mode) -> None:
    dice = random.Random(f"{mode} {SEED}")
    ends: Counter[str] = Counter()
    left: dict[tuple[str, bool], list[int]] = {}
    async with fault_world(tmp_path) as world:
        await world.works_again()
        await world.works_again()
        for number in range(KILLS):
            what = SCENARIOS[number % len(SCENARIOS)]
            # Each boundary once before any of them a second time.
            places = left.setdefault(what, [])
            places += [] if places else dice.sample(range(1, BOUNDARIES + 1), BOUNDARIES)
            kind, in_place = what
            trial = Trial(world, "apply" if kind == "recover" else kind, in_place=in_place)
            told = f"{kind} in_place={in_place}"
            await trial.prepare()
            if kind == "recover":
                cut = dice.randint(FIRST_OPEN, BOUNDARIES)
                told += f", cut off at {cut}"
                await trial.go(Mode.KILL, cut)
            at = places.pop()
            ended = await trial.go(mode, at, kind)
            try:
                how = await trial.check(ended)
            except AssertionError as error:
                where = ended.seen[at - 1 : at]
                raise AssertionError(f"{told}, {mode} at {at} {where}: {ended}") from error
            ends[f"{kind}: {'killed' if ended.killed else ended.outcome}, then {how}"] += 1
    print(f"\n{mode} {KILLS} times: {dict(sorted(ends.items()))}")
    assert mode is not Mode.KILL or any("killed" in end for end in ends)
