"""Edits through the door: checked and written whole, with their consequences, or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from store.domain import HealthStatus, Model, Provider, ProviderHealth, Route
from store.editor import Consequences, sentence
from store.environment import Environment
from store.errors import AituiError, InUse, NotFound, Rejected, StaleEdit
from store.store import Store, open_store
from tests.store.edit_samples import (
    ACTOR,
    KEY,
    dangling,
    dump,
    entries,
    model,
    present,
    provider,
    replayed,
    route,
)


@dataclass(frozen=True, slots=True)
class Made:
    """A provider with two models of its own, another with one, and three routes."""

    openai: Provider
    gemini: Provider
    gpt: Model
    mini: Model
    flash: Model
    default: Route
    fast: Route
    lone: Route


@pytest.fixture
async def made(store: Store) -> Made:
    openai = await store.edit.add(provider(), actor=ACTOR)
    gemini = await store.edit.add(provider("gemini", litellm_provider="gemini"), actor=ACTOR)
    gpt = await store.edit.add(model(openai.id), actor=ACTOR)
    mini = await store.edit.add(model(openai.id, "gpt-4o-mini"), actor=ACTOR)
    flash = await store.edit.add(model(gemini.id, "flash"), actor=ACTOR)
    default = route(
        "default", gpt.id, flash.id, is_default=True, context_window_fallback_ids=(mini.id,)
    )
    return Made(
        openai, gemini, gpt, mini, flash,
        await store.edit.add(default, actor=ACTOR),
        await store.edit.add(route("fast", mini.id, flash.id, gpt.id), actor=ACTOR),
        await store.edit.add(route("lone", mini.id), actor=ACTOR),
    )  # fmt: skip


@pytest.fixture
async def other(store: Store, made: Made) -> AsyncIterator[Store]:
    """A second operator at the same store."""
    assert made
    async with open_store(store.settings, Environment({})) as opened:
        yield opened


@contextmanager
def unwritten(store: Store) -> Iterator[None]:
    """Nothing at all is written inside."""
    before, change = dump(store.settings.store_path), store.last_change_id
    yield
    assert dump(store.settings.store_path) == before
    assert store.last_change_id == change


async def test_added_things_get_ids_and_are_audited(store: Store, made: Made) -> None:
    assert [thing.id[:2] for thing in (made.openai, made.gpt, made.fast)] == ["p-", "m-", "r-"]
    assert len({thing.id for thing in (made.gpt, made.mini, made.flash)}) == 3
    assert [m.position for m in (made.gpt, made.mini, made.flash)] == [0, 1, 2]
    log = await entries(store)
    assert len({entry.change_id for entry in log}) == len(log) == 8
    assert {(entry.action, entry.actor, entry.before) for entry in log} == {("create", ACTOR, None)}
    assert replayed(log) == await present(store)


async def test_a_given_id_is_kept_and_never_written_over(store: Store, made: Made) -> None:
    mine = await store.edit.add(model(made.openai.id, "mine", id="my-id"), actor=ACTOR)
    assert mine.id == "my-id"
    with unwritten(store), pytest.raises(StaleEdit, match="my-id") as stale:
        await store.edit.add(model(made.openai.id, "other", id="my-id"), actor=ACTOR)
    assert stale.value.theirs == mine


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("openai", {"display_name": "OpenAI EU", "api_base_url": None, "is_enabled": False}),
        ("gpt", {"description": "the large one", "priority": 3, "weight": 2.5}),
        ("fast", {"num_retries": 0, "timeout_seconds": 1.5, "fallback_model_ids": ()}),
    ],
)
async def test_a_save_is_written_and_audited(
    store: Store, made: Made, kind: str, changed: dict[str, Any]
) -> None:
    before: Any = getattr(made, kind)
    saved = await store.edit.save(before, replace(before, **changed), actor="bob")
    assert saved == replace(before, **changed, version=2)
    assert saved in (await present(store)).values()
    entry = (await entries(store))[-1]
    assert entry.change_id == store.last_change_id
    assert (entry.actor, entry.action, entry.entity_id) == ("bob", "update", before.id)
    assert entry.before is not None
    assert entry.after is not None
    assert (entry.before["version"], entry.after["version"]) == (1, 2)


async def test_a_save_of_nothing_new_writes_nothing(store: Store, made: Made) -> None:
    with unwritten(store):
        assert await store.edit.save(made.gpt, replace(made.gpt), actor=ACTOR) == made.gpt


async def test_the_log_holds_the_price_that_was_stored(store: Store, made: Made) -> None:
    long = Decimal("0.00012345678901234567890123456789")
    saved = await store.edit.save(made.gpt, replace(made.gpt, input_cost_per_1k=long), actor=ACTOR)
    assert saved.input_cost_per_1k is not None
    assert abs(saved.input_cost_per_1k - long) < Decimal("1e-19")
    assert saved == await store.models.get(made.gpt.id)
    assert replayed(await entries(store)) == await present(store)


async def test_health_is_an_observation_and_no_change(store: Store, made: Made) -> None:
    change = store.last_change_id
    report = ProviderHealth(
        made.openai.id, HealthStatus.DOWN, datetime(2026, 3, 18, tzinfo=UTC), 9, "no answer"
    )
    await store.providers.record_health(report)
    assert store.last_change_id == change
    # The form was opened before the check: its save neither fails nor takes the health back.
    after = replace(made.openai, display_name="O")
    assert (await store.edit.save(made.openai, after, actor=ACTOR)).health.reason == "no answer"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda made: provider("open ai"),
        lambda made: provider("openai"),
        lambda made: provider("eu", api_key_env=KEY),
        lambda made: model("p-gone"),
        lambda made: model(made.openai.id, f"gpt {KEY}"),
        lambda made: route("default", made.gpt.id),
        lambda made: route("new", None),
        lambda made: route("new", made.gpt.id, "m-gone"),
    ],
)
async def test_what_breaks_a_rule_is_not_added(store: Store, made: Made, wrong: Any) -> None:
    with unwritten(store), pytest.raises(Rejected) as rejected:
        await store.edit.add(wrong(made), actor=ACTOR)
    assert rejected.value.problems
    assert KEY not in str(rejected.value)


async def test_what_breaks_a_rule_is_not_saved(store: Store, made: Made) -> None:
    changes: list[tuple[Any, Any]] = [
        (made.openai, replace(made.openai, name="gemini")),
        (made.gpt, replace(made.gpt, provider_id="p-gone")),
        (made.fast, replace(made.fast, fallback_model_ids=("m-gone",))),
        (made.fast, replace(made.fast, is_default=True, is_enabled=False)),
    ]
    for before, after in changes:
        with unwritten(store), pytest.raises(Rejected):
            await store.edit.save(before, after, actor=ACTOR)


async def test_a_stale_save_carries_theirs(store: Store, other: Store, made: Made) -> None:
    things: list[tuple[Any, str]] = [
        (made.openai, "display_name"), (made.gpt, "description"), (made.fast, "description")
    ]  # fmt: skip
    for before, field_name in things:
        mine: dict[str, Any] = {field_name: "mine"}
        changed = replace(before, **{field_name: "theirs"})
        theirs = await other.edit.save(before, changed, actor="bob")
        with unwritten(store), pytest.raises(StaleEdit, match="changed by somebody") as stale:
            await store.edit.save(before, replace(before, **mine), actor=ACTOR)
        assert stale.value.theirs == theirs
        # Keep mine: the same save over theirs.
        kept = await store.edit.save(theirs, replace(theirs, **mine), actor=ACTOR)
        assert kept.version == 3


async def test_a_save_of_what_was_removed_is_stale(store: Store, other: Store, made: Made) -> None:
    await other.edit.remove(made.lone, actor="bob")
    with unwritten(store), pytest.raises(StaleEdit, match="removed by somebody") as stale:
        await store.edit.save(made.lone, replace(made.lone, num_retries=1), actor=ACTOR)
    assert stale.value.theirs is None


async def test_stale_is_told_before_the_rules(store: Store, other: Store, made: Made) -> None:
    """Else the form would speak of a rule that what its operator sees does not break."""
    await other.edit.make_default(made.fast, actor="bob")
    with unwritten(store), pytest.raises(StaleEdit):
        await store.edit.save(made.fast, replace(made.fast, num_retries=1), actor=ACTOR)
    with unwritten(store), pytest.raises(StaleEdit):
        await store.edit.remove(made.fast, actor=ACTOR)
    await other.edit.save(made.gpt, replace(made.gpt, priority=1), actor="bob")
    with unwritten(store), pytest.raises(StaleEdit):
        await store.edit.remove(made.gpt, actor=ACTOR)


async def test_make_default_swaps_in_one_change(store: Store, made: Made) -> None:
    off = await store.routes.set_enabled(made.fast.id, False, actor=ACTOR, version=1)
    default = await store.edit.make_default(off, actor=ACTOR)
    assert default.is_default
    assert default.is_enabled
    routes = {r.name: r for r in await store.routes.all()}
    assert [name for name, r in routes.items() if r.is_default] == ["fast"]
    assert routes["default"].version == 2
    rows = [e for e in await entries(store) if e.change_id == store.last_change_id]
    assert [e.name for e in rows] == ["default", "fast"]
    with unwritten(store):
        assert await store.edit.make_default(default, actor=ACTOR) == default


async def test_a_new_default_takes_over(store: Store, made: Made) -> None:
    await store.edit.add(route("new", made.gpt.id, is_default=True), actor=ACTOR)
    assert [r.name for r in await store.routes.all() if r.is_default] == ["new"]
    rows = [e for e in await entries(store) if e.change_id == store.last_change_id]
    assert [e.name for e in rows] == ["default", "new"]


async def test_a_default_without_a_primary_cannot_stand_alone(store: Store, made: Made) -> None:
    bare = replace(made.default, primary_model_id=None)
    await store.edit.save(made.default, bare, actor=ACTOR)
    with unwritten(store), pytest.raises(Rejected, match="Choose its primary first") as rejected:
        await store.edit.make_default(made.fast, actor=ACTOR)
    assert [problem.field_name for problem in rejected.value.problems] == ["is_default"]


async def test_the_default_route_is_protected(store: Store, made: Made) -> None:
    with unwritten(store), pytest.raises(InUse, match="make another the default"):
        await store.edit.remove(made.default, actor=ACTOR, along=True)
    with unwritten(store), pytest.raises(InUse, match="make another the default"):
        await store.edit.save(made.default, replace(made.default, is_default=False), actor=ACTOR)
    with unwritten(store), pytest.raises(Rejected, match="is_enabled"):
        await store.edit.save(made.default, replace(made.default, is_enabled=False), actor=ACTOR)
    with unwritten(store), pytest.raises(InUse, match="stays enabled"):
        await store.routes.set_enabled(made.default.id, False, actor=ACTOR, version=1)


async def test_a_model_in_use_is_not_removed_by_accident(store: Store, made: Made) -> None:
    effects = await store.edit.consequences(made.mini)
    with unwritten(store), pytest.raises(InUse) as refused:
        await store.edit.remove(made.mini, actor=ACTOR)
    assert str(refused.value) == (
        "'gpt-4o-mini' is in use: 2 routes would lose it (default, fast); "
        "1 route would be removed (lone)."
    )
    assert sentence(effects) in str(refused.value)


async def test_along_mends_the_routes_in_the_same_change(store: Store, made: Made) -> None:
    expected = await store.edit.consequences(made.mini)
    assert await store.edit.remove(made.mini, actor=ACTOR, along=True) == expected
    routes = {r.name: r for r in await store.routes.all()}
    assert set(routes) == {"default", "fast"}
    assert routes["default"].context_window_fallback_ids == ()
    assert routes["fast"].primary_model_id == made.flash.id
    assert routes["fast"].fallback_model_ids == (made.gpt.id,)
    log = await entries(store)
    rows = [e for e in log if e.change_id == store.last_change_id]
    assert {(e.action, e.name) for e in rows} == {
        ("update", "default"), ("update", "fast"), ("remove", "lone"), ("remove", "gpt-4o-mini"),
    }  # fmt: skip
    assert len(rows) == 4
    assert replayed(log) == await present(store)
    with pytest.raises(NotFound):
        await store.models.get(made.mini.id)


async def test_a_provider_goes_with_its_models(store: Store, made: Made) -> None:
    with unwritten(store), pytest.raises(InUse, match=r"2 models go with it \(gpt-4o, gpt-4o-mini"):
        await store.edit.remove(made.openai, actor=ACTOR)
    effects = await store.edit.remove(made.openai, actor=ACTOR, along=True)
    assert {m.model_name for m in effects.models} == {"gpt-4o", "gpt-4o-mini"}
    assert [p.name for p in await store.providers.all()] == ["gemini"]
    assert [m.model_name for m in await store.models.all()] == ["flash"]
    routes = {r.name: r for r in await store.routes.all()}
    assert set(routes) == {"default", "fast"}
    assert routes["default"].primary_model_id == made.flash.id
    log = await entries(store)
    assert len([e for e in log if e.change_id == store.last_change_id]) == 6
    assert replayed(log) == await present(store)
    assert dangling(await present(store)) == []


async def test_the_default_route_outlives_its_last_model(store: Store, made: Made) -> None:
    await store.edit.remove(made.openai, actor=ACTOR, along=True)
    await store.edit.remove(made.gemini, actor=ACTOR, along=True)
    (default,) = await store.routes.all()
    assert (default.primary_model_id, default.fallback_model_ids) == (None, ())
    assert await store.models.all() == ()


async def test_what_nobody_uses_goes_at_once(store: Store, made: Made) -> None:
    assert (await store.edit.remove(made.lone, actor=ACTOR)).is_empty
    spare = await store.edit.add(model(made.openai.id, "spare"), actor=ACTOR)
    assert (await store.edit.remove(spare, actor=ACTOR)).is_empty
    with unwritten(store), pytest.raises(StaleEdit):
        await store.edit.remove(spare, actor=ACTOR)


async def test_a_removed_name_and_id_can_be_taken_again(store: Store, made: Made) -> None:
    await store.edit.remove(made.lone, actor=ACTOR)
    again = await store.edit.add(route("lone", made.gpt.id), actor=ACTOR)
    assert (again.id != made.lone.id, again.version) == (True, 1)
    await store.edit.remove(again, actor=ACTOR)
    back = await store.edit.add(made.lone, actor=ACTOR)
    assert (back.id, back.version) == (made.lone.id, 3)


@pytest.mark.parametrize("first_is_removal", [True, False])
async def test_two_editors_leave_no_id_dangling(
    store: Store, other: Store, made: Made, first_is_removal: bool
) -> None:
    """One takes a model into a route while the other removes it: one of them is told."""
    spare = await store.edit.add(model(made.gemini.id, "spare"), actor=ACTOR)
    grown = replace(made.fast, fallback_model_ids=(spare.id,))
    jobs = [
        store.edit.remove(spare, actor=ACTOR),
        other.edit.save(made.fast, grown, actor="bob"),
    ]
    ran = await asyncio.gather(
        *(jobs if first_is_removal else reversed(jobs)), return_exceptions=True
    )
    failed = [result for result in ran if isinstance(result, BaseException)]
    assert [type(error) for error in failed] in ([InUse], [Rejected])
    assert dangling(await present(store)) == []


async def test_two_editors_and_a_provider(store: Store, other: Store, made: Made) -> None:
    ran = await asyncio.gather(
        store.edit.remove(made.gemini, actor=ACTOR, along=True),
        *(other.edit.add(model(made.gemini.id, f"m{n}"), actor="bob") for n in range(5)),
        return_exceptions=True,
    )
    assert all(isinstance(r, Consequences | Model | Rejected) for r in ran)
    assert isinstance(ran[0], Consequences)
    things = await present(store)
    assert dangling(things) == []
    assert ("provider", made.gemini.id) not in things


async def test_a_default_raced_for_is_one(store: Store, other: Store, made: Made) -> None:
    ran = await asyncio.gather(
        store.edit.make_default(made.fast, actor=ACTOR),
        other.edit.make_default(made.lone, actor="bob"),
        return_exceptions=True,
    )
    assert not [r for r in ran if isinstance(r, BaseException) and not isinstance(r, AituiError)]
    assert len([r for r in await store.routes.all() if r.is_default]) == 1


async def test_a_failure_midway_writes_nothing(
    store: Store, made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last step of a removal fails, after its routes were mended."""

    async def fails(*_: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(store.models, "delete", fails)
    with unwritten(store), pytest.raises(OSError, match="the disk"):
        await store.edit.remove(made.mini, actor=ACTOR, along=True)
    monkeypatch.undo()
    assert not (await store.edit.remove(made.mini, actor=ACTOR, along=True)).is_empty


async def test_a_write_cancelled_while_it_waits_leaves_the_store_usable(
    store: Store, other: Store, made: Made
) -> None:
    async with other._database.write():
        waiting = asyncio.create_task(
            store.edit.save(made.gpt, replace(made.gpt, priority=1), actor=ACTOR)
        )
        await asyncio.sleep(0.05)
        waiting.cancel()
        await asyncio.sleep(0.05)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    saved = await store.edit.save(made.gpt, replace(made.gpt, priority=2), actor=ACTOR)
    assert (saved.priority, saved.version) == (2, 2)
    assert (await other.models.get(made.gpt.id)).priority == 2
