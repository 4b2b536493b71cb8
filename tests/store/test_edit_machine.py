"""Any run of edits keeps the store's promises: the log replays to the state, and no id dangles.

AITUI_EXAMPLES sets how many runs are tried.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from store.domain import Model, Provider, Route
from store.environment import Environment
from store.errors import InUse, NotFound, Rejected, StaleEdit
from store.history import AnyThing, Key
from store.settings import Settings
from store.store import open_store
from tests.store.conftest import NOW
from tests.store.edit_samples import (
    ACTOR,
    dangling,
    entries,
    integrity_problems,
    model,
    present,
    provider,
    replayed,
    route,
    unversioned,
)

EXAMPLES = int(os.environ.get("AITUI_EXAMPLES", "25"))
REFUSALS = (Rejected, InUse, NotFound, StaleEdit)
Result = TypeVar("Result")

# Few names and numbers: edits are to meet.
picks = st.integers(0, 7)
names = st.sampled_from(["a", "b", "c", "d"])
prices = st.none() | st.decimals("0", "10", places=12)


class Edits(RuleBasedStateMachine):
    """One operator, or several whose edits meet: what is edited may be stale by then."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "aitui.db"
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        opened = open_store(
            Settings(store_path=self.path, time_zone="UTC"), Environment({}), clock=lambda: NOW
        )
        self.store = self.run(self.stack.enter_async_context(opened))
        self.seen: list[AnyThing] = []
        """As operators read them: fresh or stale."""
        self.state: dict[Key, AnyThing] = {}
        self.rows = 0
        self.versions: dict[Key, int] = {}

    def run(self, job: Coroutine[Any, Any, Result]) -> Result:
        return self.runner.run(job)

    def attempt(self, job: Coroutine[Any, Any, object]) -> None:
        """An edit may be refused by a rule of ours, but never by SQLite (StoreError)."""
        with suppress(*REFUSALS):
            self.run(job)

    def pick(self, number: int, kind: type[Any] | None = None) -> Any:
        """A thing as someone read it, mostly the present one; None where there is none."""
        things = [t for t in self.state.values() if kind is None or isinstance(t, kind)]
        stale = [t for t in self.seen[-5:] if kind is None or isinstance(t, kind)]
        if number == 7 and stale:
            return stale[0]
        return things[number % len(things)] if things else None

    def model_id(self, number: int) -> str:
        found = self.pick(number, Model)
        return found.id if found is not None else "m-nobody"

    @initialize()
    def begin(self) -> None:
        added = self.run(self.store.edit.add(provider("first"), actor=ACTOR))
        self.run(self.store.edit.add(model(added.id, "first"), actor=ACTOR))

    @rule(name=names)
    def add_provider(self, name: str) -> None:
        self.attempt(self.store.edit.add(provider(name), actor=ACTOR))

    @rule(name=names, of=picks, price=prices)
    def add_model(self, name: str, of: int, price: Any) -> None:
        owner = self.pick(of, Provider)
        new = model(owner.id if owner else "p-nobody", name, input_cost_per_1k=price)
        self.attempt(self.store.edit.add(new, actor=ACTOR))

    @rule(name=names, chain=st.lists(picks, max_size=4), is_default=st.booleans())
    def add_route(self, name: str, chain: list[int], is_default: bool) -> None:
        ids = [self.model_id(number) for number in chain]
        primary = ids[0] if ids else None
        new = route(
            name, primary, *ids[1:3], context_window_fallback_ids=tuple(ids[3:]),
            is_default=is_default,
        )  # fmt: skip
        self.attempt(self.store.edit.add(new, actor=ACTOR))

    @rule(which=picks)
    def add_back(self, which: int) -> None:
        """Under its old id, whether it is there or was removed."""
        if self.seen:
            thing: Any = self.seen[which % len(self.seen)]
            self.attempt(self.store.edit.add(thing, actor=ACTOR))

    @rule(which=picks, name=names, price=prices, to=picks)
    def save(self, which: int, name: str, price: Any, to: int) -> None:
        before = self.pick(which)
        after: AnyThing
        if isinstance(before, Model):
            owner = self.pick(to, Provider)
            owner_id = owner.id if owner else "p-nobody"
            after = replace(before, model_name=name, output_cost_per_1k=price, provider_id=owner_id)
        elif isinstance(before, Provider):
            after = replace(before, name=name)
        elif isinstance(before, Route):
            after = replace(before, name=name, num_retries=to)
        else:
            return
        self.attempt(self.store.edit.save(before, after, actor=ACTOR))

    @rule(which=picks, chain=st.lists(picks, max_size=4))
    def save_chain(self, which: int, chain: list[int]) -> None:
        before = self.pick(which, Route)
        if before is not None:
            ids = [self.model_id(number) for number in chain]
            after = replace(
                before, primary_model_id=ids[0] if ids else None, fallback_model_ids=tuple(ids[1:])
            )
            self.attempt(self.store.edit.save(before, after, actor=ACTOR))

    @rule(which=picks)
    def toggle(self, which: int) -> None:
        thing = self.pick(which)
        if thing is not None:
            topic: Any = {
                Provider: self.store.providers, Model: self.store.models, Route: self.store.routes
            }[type(thing)]  # fmt: skip
            self.attempt(
                topic.set_enabled(
                    thing.id, not thing.is_enabled, actor=ACTOR, version=thing.version
                )
            )

    @rule(which=picks)
    def make_default(self, which: int) -> None:
        thing = self.pick(which, Route)
        if thing is not None:
            self.attempt(self.store.edit.make_default(thing, actor=ACTOR))

    @rule(which=picks, along=st.booleans())
    def remove(self, which: int, along: bool) -> None:
        thing = self.pick(which)
        if thing is not None:
            self.attempt(self.store.edit.remove(thing, actor=ACTOR, along=along))

    @rule()
    def undo_last(self) -> None:
        change = self.store.last_change_id
        assert change is not None
        self.attempt(self.store.history.undo(change, actor=ACTOR))

    @rule(which=st.integers(0, 10_000))
    def undo_any(self, which: int) -> None:
        log = self.run(entries(self.store))
        change = log[which % len(log)].change_id
        self.attempt(self.store.history.undo(change, actor=ACTOR))

    @rule(which=st.integers(0, 10_000))
    def restore(self, which: int) -> None:
        log = self.run(entries(self.store))
        self.attempt(self.store.history.restore(log[which % len(log)].id, actor=ACTOR))

    @rule(which=st.integers(0, 10_000))
    def restore_all(self, which: int) -> None:
        """To any point, and never refused: that state was there once."""
        log = self.run(entries(self.store))
        chosen = log[which % len(log)]
        self.run(self.store.history.restore_all(chosen.id, actor=ACTOR))
        end = max(entry.id for entry in log if entry.change_id == chosen.change_id)
        then = replayed(tuple(entry for entry in log if entry.id <= end))
        assert unversioned(self.run(present(self.store))) == unversioned(then)

    @invariant()
    def promises_are_kept(self) -> None:
        now, log = self.run(present(self.store)), self.run(entries(self.store))
        assert replayed(log) == now
        assert dangling(now) == []
        assert sum(isinstance(t, Route) and t.is_default for t in now.values()) <= 1
        self._every_change_has_its_row(now, len(log) - self.rows)
        for key, thing in now.items():
            assert thing.version >= self.versions.get(key, 0)
            if thing != self.state.get(key):
                assert thing.version > self.versions.get(key, 0)
            self.versions[key] = thing.version
        self.seen = [*self.seen, *(t for key, t in self.state.items() if now.get(key) != t)][-40:]
        self.state, self.rows = now, len(log)

    def _every_change_has_its_row(self, now: dict[Key, AnyThing], new_rows: int) -> None:
        keys = now.keys() | self.state.keys()
        changed = {key for key in keys if now.get(key) != self.state.get(key)}
        if new_rows == 0:
            assert not changed
            return
        log = self.run(self.store.history.entries(limit=new_rows))
        assert {(entry.entity, entry.entity_id) for entry in log} == changed
        # The first edit of a run was two.
        assert len({entry.change_id for entry in log}) == (1 if self.rows else 2)
        assert log[0].change_id == self.store.last_change_id
        assert all(entry.before != entry.after for entry in log)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.runner.close()
        assert integrity_problems(self.path) == []
        self.folder.cleanup()


TestEdits = Edits.TestCase
TestEdits.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
