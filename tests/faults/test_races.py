"""Two operators save the same thing from the same version: one wins, the other is told.

AITUI_RACES sets how many races are run inside one process; a tenth as many between two.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from store.domain import Model, Provider, Route
from store.environment import Environment
from store.errors import StaleEdit
from store.history import AnyThing
from store.settings import Settings
from store.store import Store, open_store
from tests.store.edit_samples import (
    entries,
    integrity_problems,
    model,
    present,
    provider,
    replayed,
    route,
)

RACES = int(os.environ.get("AITUI_RACES", "60"))
ROOT = Path(__file__).parents[2]


async def seeded(store: Store) -> list[AnyThing]:
    """A provider, a model and a route to race for."""
    owner = await store.edit.add(provider(), actor="seed")
    served = await store.edit.add(model(owner.id), actor="seed")
    return [owner, served, await store.edit.add(route("r", served.id), actor="seed")]


def edited(thing: Any, who: str, number: int) -> Any:
    if isinstance(thing, Provider):
        return replace(thing, display_name=f"{who} {number}")
    return replace(thing, description=f"{who} {number}")


def job(store: Store, thing: Any, who: str, number: int, kind: str) -> Coroutine[Any, Any, Any]:
    if kind == "toggle":
        topic: Any = {Provider: store.providers, Model: store.models, Route: store.routes}[
            type(thing)
        ]
        return topic.set_enabled(  # type: ignore[no-any-return]
            thing.id, not thing.is_enabled, actor=who, version=thing.version
        )
    return store.edit.save(thing, edited(thing, who, number), actor=who)


async def test_one_of_two_saves_wins_and_the_other_is_told(tmp_path: Path) -> None:
    settings = Settings(store_path=tmp_path / "aitui.db", time_zone="UTC")
    dice = random.Random(1)
    async with (
        open_store(settings, Environment({})) as ann,
        open_store(settings, Environment({})) as bob,
    ):
        things = await seeded(ann)
        rows = len(await entries(ann))
        for number in range(RACES):
            place = dice.randrange(3)
            thing = things[place]
            jobs = {
                "ann": job(ann, thing, "ann", number, "save"),
                "bob": job(bob, thing, "bob", number, dice.choice(["save", "save", "toggle"])),
            }
            order = dice.sample(list(jobs), k=2)
            results = await asyncio.gather(*(jobs[who] for who in order), return_exceptions=True)
            won = [r for r in results if not isinstance(r, BaseException)]
            lost = [r for r in results if isinstance(r, BaseException)]
            assert len(won) == len(lost) == 1, results
            assert isinstance(lost[0], StaleEdit)
            assert lost[0].theirs == won[0]
            assert won[0].version == thing.version + 1
            for store in (ann, bob):
                assert won[0] in (await present(store)).values()
            things[place] = won[0]
        log = await entries(ann)
        assert len(log) == rows + RACES
        assert replayed(log) == await present(bob)
        winners = [entry.actor for entry in log[rows:]]
        assert len({entry.change_id for entry in log[rows:]}) == RACES
        assert set(winners) == {"ann", "bob"}


async def test_an_edit_and_a_removal_race(tmp_path: Path) -> None:
    settings = Settings(store_path=tmp_path / "aitui.db", time_zone="UTC")
    async with (
        open_store(settings, Environment({})) as ann,
        open_store(settings, Environment({})) as bob,
    ):
        _, served, _ = await seeded(ann)
        for number in range(max(RACES // 4, 4)):
            one = await ann.edit.add(route(f"n{number}", served.id), actor="seed")
            jobs: list[Coroutine[Any, Any, object]] = [
                ann.edit.save(one, edited(one, "ann", number), actor="ann"),
                bob.edit.remove(one, actor="bob"),
            ]
            results = await asyncio.gather(
                *(jobs if number % 2 else reversed(jobs)), return_exceptions=True
            )
            lost = [r for r in results if isinstance(r, BaseException)]
            assert [type(r) for r in lost] == [StaleEdit]
            there = ("route", one.id) in await present(ann)
            last = (await entries(ann))[-1]
            assert (last.action, last.entity_id) == ("update" if there else "remove", one.id)
        assert replayed(await entries(ann)) == await present(bob)


def _racer(path: Path, name: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.edit_child", str(path), "race", name],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _answer(racer: subprocess.Popen[str]) -> dict[str, Any]:
    assert racer.stdout is not None
    return dict(json.loads(racer.stdout.readline()))


async def test_two_processes_race(tmp_path: Path) -> None:
    settings = Settings(store_path=tmp_path / "aitui.db", time_zone="UTC")
    dice = random.Random(2)
    races = max(RACES // 10, 6)
    async with open_store(settings, Environment({})) as store:
        *_, one = await seeded(store)
        rows = len(await entries(store))
        racers = [_racer(settings.store_path, name) for name in ("ann", "bob")]
        try:
            assert [_answer(racer) for racer in racers] == [{"ready": True}] * 2
            for number in range(races):
                for racer in racers:
                    assert racer.stdin is not None
                    wait_s = dice.random() / 500
                    told = {"id": one.id, "version": one.version, "wait_s": wait_s}
                    racer.stdin.write(json.dumps(told) + "\n")
                    racer.stdin.flush()
                answers = [await asyncio.to_thread(_answer, racer) for racer in racers]
                assert sorted(answer["won"] for answer in answers) == [False, True], number
                (won,) = [answer["saved"] for answer in answers if answer["won"]]
                (theirs,) = [answer["theirs"] for answer in answers if not answer["won"]]
                assert theirs == won
                one = await store.routes.get(one.id)
                assert (one.description, one.version) == (won["description"], won["version"])
        finally:
            for racer in racers:
                racer.communicate(timeout=30)
        assert [racer.returncode for racer in racers] == [0, 0]
        log = await entries(store)
        assert len(log) == rows + races
        assert replayed(log) == await present(store)
    assert integrity_problems(settings.store_path) == []
