"""History: every change field by field, and the way back, which is a change of its own."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from store.domain import HealthStatus, Model, ProviderHealth, Route
from store.errors import AituiError, InUse, NotFound, Rejected, StaleEdit
from store.history import FieldChange, HistoryFilter, differences
from store.store import Store
from store.topic import thing_name
from tests.store.conftest import NOW
from tests.store.edit_samples import (
    ACTOR,
    dangling,
    dump,
    entries,
    model,
    present,
    provider,
    replayed,
    route,
    unversioned,
)


@contextmanager
def unwritten(store: Store) -> Iterator[None]:
    before = dump(store.settings.store_path)
    yield
    assert dump(store.settings.store_path) == before


async def undo_last(store: Store) -> tuple[str, ...]:
    change = store.last_change_id
    assert change is not None
    return await store.history.undo(change, actor="undoer")


async def seeded(store: Store) -> tuple[Model, Model, Route, Route]:
    """Two models of a provider, a default route and another."""
    openai = await store.edit.add(provider(), actor=ACTOR)
    gpt = await store.edit.add(model(openai.id), actor=ACTOR)
    mini = await store.edit.add(model(openai.id, "mini"), actor=ACTOR)
    default = await store.edit.add(route("default", gpt.id, mini.id, is_default=True), actor=ACTOR)
    fast = await store.edit.add(route("fast", mini.id), actor=ACTOR)
    return gpt, mini, default, fast


async def test_differences_name_the_fields(store: Store) -> None:
    gpt, *_ = await seeded(store)
    after = replace(gpt, description="new", input_cost_per_1k=Decimal("0.5"), position=9)
    await store.edit.save(gpt, after, actor=ACTOR)
    assert differences((await entries(store))[-1]) == (
        FieldChange("description", None, "new"),
        FieldChange("input_cost_per_1k", "0.0025", "0.5"),
    )


async def test_differences_of_what_came_and_went(store: Store) -> None:
    *_, fast = await seeded(store)
    came = {c.name: c for c in differences((await entries(store))[-1])}
    assert came["name"] == FieldChange("name", None, "fast")
    assert came["num_retries"] == FieldChange("num_retries", None, 3)
    assert "version" not in came
    await store.edit.remove(fast, actor=ACTOR)
    went = {c.name: c for c in differences((await entries(store))[-1])}
    assert went["name"] == FieldChange("name", "fast", None)


async def test_changes_are_filtered_and_paged(store: Store) -> None:
    gpt, mini, *_ = await seeded(store)
    await store.edit.save(gpt, replace(gpt, model_name="gpt-5"), actor=ACTOR)
    every = await store.history.entries()
    assert [e.id for e in every] == sorted((e.id for e in every), reverse=True)
    first = await store.history.entries(limit=2)
    assert first + await store.history.entries(before_id=first[-1].id) == every
    models = await store.history.entries(HistoryFilter(entity="model"))
    assert {e.entity_id for e in models} == {gpt.id, mini.id}
    one = await store.history.entries(HistoryFilter("model", gpt.id))
    assert [e.action for e in one] == ["update", "create"]
    assert [e.id for e in await store.history.entries(HistoryFilter(name="gpt-5"))] == [one[0].id]
    assert await store.history.entries(HistoryFilter(entity_id="nobody")) == ()
    assert await store.history.entry(one[0].id) == one[0]


async def test_there_is_no_such_change(store: Store) -> None:
    await seeded(store)
    with unwritten(store):
        with pytest.raises(NotFound, match="there is no change 999"):
            await store.history.entry(999)
        with pytest.raises(NotFound):
            await store.history.restore(999, actor=ACTOR)
        with pytest.raises(NotFound):
            await store.history.restore_all(999, actor=ACTOR)
        with pytest.raises(NotFound):
            await store.history.undo("no such", actor=ACTOR)


@pytest.mark.parametrize(
    "change", ["add", "save", "disable", "remove", "along", "provider", "default", "new default"]
)
async def test_every_kind_of_change_is_undone_and_done_again(store: Store, change: str) -> None:
    gpt, mini, _, fast = await seeded(store)
    (openai,) = await store.providers.all()
    before = await present(store)
    match change:
        case "add":
            await store.edit.add(model(openai.id, "third"), actor=ACTOR)
        case "save":
            await store.edit.save(gpt, replace(gpt, priority=5), actor=ACTOR)
        case "disable":
            await store.models.set_enabled(gpt.id, False, actor=ACTOR, version=1)
        case "remove":
            await store.edit.remove(fast, actor=ACTOR)
        case "along":
            await store.edit.remove(mini, actor=ACTOR, along=True)
        case "provider":
            await store.edit.remove(openai, actor=ACTOR, along=True)
        case "default":
            await store.edit.make_default(fast, actor=ACTOR)
        case "new default":
            await store.edit.add(route("third", gpt.id, is_default=True), actor=ACTOR)
    done = await present(store)
    assert await undo_last(store)
    undone = await present(store)
    assert unversioned(undone) == unversioned(before)
    assert all(undone[key].version >= before[key].version for key in before)
    last = (await entries(store))[-1]
    assert (last.action, last.actor) == ("undo", "undoer")
    assert replayed(await entries(store)) == undone
    # Undo is a change like any other, so it is undone as well.
    assert await undo_last(store)
    assert unversioned(await present(store)) == unversioned(done)
    assert replayed(await entries(store)) == await present(store)


async def test_what_was_touched_since_is_not_undone(store: Store) -> None:
    gpt, mini, *_ = await seeded(store)
    saved = await store.edit.save(gpt, replace(gpt, priority=1), actor=ACTOR)
    change = store.last_change_id
    assert change is not None
    theirs = await store.edit.save(saved, replace(saved, priority=2), actor="bob")
    with unwritten(store), pytest.raises(StaleEdit, match="changed again since") as stale:
        await store.history.undo(change, actor=ACTOR)
    assert stale.value.theirs == theirs
    # What others did to other things is no hindrance.
    assert await undo_last(store)
    await store.edit.save(mini, replace(mini, priority=7), actor="bob")
    again = (await entries(store))[-2].change_id
    assert await store.history.undo(again, actor=ACTOR)


async def test_one_change_is_undone_once(store: Store) -> None:
    gpt, *_, fast = await seeded(store)
    await store.edit.save(gpt, replace(gpt, priority=1), actor=ACTOR)
    saved = store.last_change_id
    await store.edit.remove(fast, actor=ACTOR)
    removed = store.last_change_id
    for change in (saved, removed):
        assert change is not None
        await store.history.undo(change, actor=ACTOR)
        with unwritten(store), pytest.raises(StaleEdit):
            await store.history.undo(change, actor=ACTOR)


async def test_a_removal_after_a_removal_hides_no_change(store: Store) -> None:
    *_, fast = await seeded(store)
    await store.edit.remove(fast, actor=ACTOR)
    first = store.last_change_id
    assert first is not None
    back = await store.edit.add(fast, actor=ACTOR)
    await store.edit.remove(back, actor="bob")
    with unwritten(store), pytest.raises(StaleEdit):
        await store.history.undo(first, actor=ACTOR)


async def test_an_undo_whole_or_not_at_all(store: Store) -> None:
    """Taking a model back would also take back its routes, one of which was edited since."""
    _, mini, default, _ = await seeded(store)
    await store.edit.remove(mini, actor=ACTOR, along=True)
    change = store.last_change_id
    assert change is not None
    default = await store.routes.get(default.id)
    await store.edit.save(default, replace(default, num_retries=9), actor="bob")
    with unwritten(store), pytest.raises(StaleEdit, match="'default'"):
        await store.history.undo(change, actor=ACTOR)


async def test_an_undo_that_would_break_the_rest_is_refused(store: Store) -> None:
    gpt, *_ = await seeded(store)
    spare = await store.edit.add(model(gpt.provider_id, "spare"), actor=ACTOR)
    added = store.last_change_id
    user = await store.edit.add(route("user", spare.id), actor=ACTOR)
    assert added is not None
    with unwritten(store), pytest.raises(InUse, match=r"'user' uses .*\(spare\)"):
        await store.history.undo(added, actor=ACTOR)
    await store.edit.remove(user, actor=ACTOR)
    removed = store.last_change_id
    assert removed is not None
    await store.edit.add(route("user", gpt.id), actor="bob")
    with unwritten(store), pytest.raises(Rejected, match="name: there is a route 'user' already"):
        await store.history.undo(removed, actor=ACTOR)


async def test_an_undo_brings_no_second_default(store: Store) -> None:
    openai = await store.edit.add(provider(), actor=ACTOR)
    gpt = await store.edit.add(model(openai.id), actor=ACTOR)
    await store.edit.add(route("one", gpt.id, is_default=True), actor=ACTOR)
    await undo_last(store)
    removed = store.last_change_id
    assert removed is not None
    await store.edit.add(route("two", gpt.id, is_default=True), actor="bob")
    with unwritten(store), pytest.raises(InUse, match="Only one route can be the default"):
        await store.history.undo(removed, actor=ACTOR)


async def test_one_thing_is_restored(store: Store) -> None:
    gpt, *_ = await seeded(store)
    for priority in (1, 2, 3):
        gpt = await store.edit.save(gpt, replace(gpt, priority=priority), actor=ACTOR)
    log = await store.history.entries(HistoryFilter("model", gpt.id))
    assert await store.history.restore(log[2].id, actor="bob") == ("model gpt-4o is as it was",)
    restored = await store.models.get(gpt.id)
    assert (restored.priority, restored.version) == (1, 5)
    assert (await entries(store))[-1].action == "restore"
    with unwritten(store):
        assert await store.history.restore(log[2].id, actor="bob") == ()


async def test_what_was_removed_comes_back_under_its_id(store: Store) -> None:
    _, mini, *_ = await seeded(store)
    await store.edit.remove(mini, actor=ACTOR, along=True)
    created = (await store.history.entries(HistoryFilter("model", mini.id)))[-1]
    assert await store.history.restore(created.id, actor=ACTOR) == ("model mini is back",)
    assert await store.models.get(mini.id) == replace(mini, version=3)


async def test_a_restored_removal_removes(store: Store) -> None:
    *_, fast = await seeded(store)
    await store.edit.remove(fast, actor=ACTOR)
    removal = (await entries(store))[-1]
    await undo_last(store)
    assert await store.history.restore(removal.id, actor=ACTOR) == ("route fast is removed",)


async def test_a_restore_keeps_which_route_is_the_default(store: Store) -> None:
    *_, default, fast = await seeded(store)
    created = {e.name: e.id for e in await entries(store)}
    await store.edit.make_default(fast, actor=ACTOR)
    assert await store.history.restore(created["default"], actor=ACTOR) == ()
    assert [r.name for r in await store.routes.all() if r.is_default] == ["fast"]
    assert not (await store.routes.get(default.id)).is_default


async def test_a_restore_never_removes_the_default(store: Store) -> None:
    *_, fast = await seeded(store)
    await store.edit.remove(fast, actor=ACTOR)
    removal = (await entries(store))[-1]
    await undo_last(store)
    await store.edit.make_default(await store.routes.get(fast.id), actor=ACTOR)
    with unwritten(store), pytest.raises(InUse, match="default route cannot be removed"):
        await store.history.restore(removal.id, actor=ACTOR)


async def test_a_restore_that_would_break_the_rest_is_refused(store: Store) -> None:
    gpt, mini, _, fast = await seeded(store)
    log = {e.name: e.id for e in await entries(store)}
    await store.edit.save(fast, replace(fast, primary_model_id=gpt.id), actor=ACTOR)
    await store.edit.remove(mini, actor=ACTOR, along=True)
    with unwritten(store), pytest.raises(Rejected, match="primary_model_id"):
        await store.history.restore(log["fast"], actor=ACTOR)
    removal = (await store.history.entries(HistoryFilter("model", mini.id)))[0]
    await store.history.restore(log["mini"], actor=ACTOR)
    await store.history.restore(log["fast"], actor=ACTOR)
    with unwritten(store), pytest.raises(InUse, match=r"'fast' uses .*\(mini\)"):
        await store.history.restore(removal.id, actor=ACTOR)


async def test_one_id_may_stand_for_a_provider_and_a_model(store: Store) -> None:
    await store.edit.add(provider(id="same"), actor=ACTOR)
    await store.edit.add(model("same", id="m1"), actor=ACTOR)
    await store.edit.add(model("same", "twin", id="same"), actor=ACTOR)
    assert await undo_last(store) == ("model twin is removed",)


async def test_everything_is_restored_although_names_were_swapped(store: Store) -> None:
    *_, default, fast = await seeded(store)
    start = (await entries(store))[-1].id
    before = await present(store)
    default = await store.edit.save(default, replace(default, name="x"), actor=ACTOR)
    fast = await store.edit.save(fast, replace(fast, name="default"), actor=ACTOR)
    default = await store.edit.save(default, replace(default, name="fast"), actor=ACTOR)
    await store.edit.make_default(fast, actor=ACTOR)
    swapped, middle = await present(store), (await entries(store))[-1].id
    assert len(await store.history.restore_all(start, actor=ACTOR)) == 2
    assert unversioned(await present(store)) == unversioned(before)
    await store.history.restore_all(middle, actor=ACTOR)
    assert unversioned(await present(store)) == unversioned(swapped)
    assert replayed(await entries(store)) == await present(store)


async def test_health_survives_a_restore(store: Store) -> None:
    await seeded(store)
    (openai,) = await store.providers.all()
    await store.edit.save(openai, replace(openai, display_name="O"), actor=ACTOR)
    await store.providers.record_health(ProviderHealth(openai.id, HealthStatus.DOWN, NOW, 1, "no"))
    await undo_last(store)
    (after,) = await store.providers.all()
    assert (after.display_name, after.health.status) == ("OPENAI", HealthStatus.DOWN)


async def test_what_an_import_brought_comes_back(store: Store, tmp_path: Path) -> None:
    """A file may hold what a form would not take, such as a description of several lines."""
    path = tmp_path / "litellm.yaml"
    path.write_text(
        "model_list:\n  - model_name: m\n    litellm_params: {model: openai/m}\n"
        '    model_info: {id: m1, description: "two\\nlines"}\n'
    )
    await store.configuration.import_file(path, actor=ACTOR)
    imported = store.last_change_id
    before = await present(store)
    model_before = await store.models.get("m1")
    assert "\n" in (model_before.description or "")
    await store.models.set_enabled("m1", False, actor=ACTOR, version=1)
    await undo_last(store)
    assert unversioned(await present(store)) == unversioned(before)
    # The rest of the file came in the same change, and that has no history of its own.
    assert imported is not None
    with unwritten(store), pytest.raises(InUse, match="import it again"):
        await store.history.undo(imported, actor=ACTOR)
    kept = (await store.history.entries(HistoryFilter(entity="configuration")))[0]
    with unwritten(store), pytest.raises(InUse):
        await store.history.restore(kept.id, actor=ACTOR)


async def _random_edit(store: Store, dice: random.Random, number: int) -> None:
    things = list((await present(store)).values())
    providers = [p.id for p in await store.providers.all()]
    models = [m.id for m in await store.models.all()]
    kind = dice.choice(["provider", "model", "route", "save", "save", "remove", "default", "undo"])
    if kind == "provider" or not providers:
        await store.edit.add(provider(f"p{number}"), actor=ACTOR)
    elif kind == "model" or not models:
        await store.edit.add(model(dice.choice(providers), f"m{number}"), actor=ACTOR)
    elif kind == "route":
        chain = dice.sample(models, k=min(len(models), 3))
        is_default = dice.random() < 0.3
        await store.edit.add(route(f"r{number}", *chain, is_default=is_default), actor=ACTOR)
    elif kind == "undo":
        await undo_last(store)
    elif kind == "default":
        routes = await store.routes.all()
        if routes:
            await store.edit.make_default(dice.choice(routes), actor=ACTOR)
    else:
        thing: Any = dice.choice(things)
        if kind == "remove":
            await store.edit.remove(thing, actor=ACTOR, along=True)
        elif isinstance(thing, Model):
            await store.edit.save(thing, replace(thing, priority=number), actor=ACTOR)
        else:
            name = dice.choice([thing_name(thing), f"n{dice.randrange(5)}"])
            flipped = replace(thing, name=name, is_enabled=not thing.is_enabled)
            await store.edit.save(thing, flipped, actor=ACTOR)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_every_point_of_a_random_history_can_be_restored(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    for number in range(40):
        try:
            await _random_edit(store, dice, number)
        except AituiError:
            assert dangling(await present(store)) == []
    log = await entries(store)
    assert len(log) > 20
    for entry in dice.sample(log, k=len(log)):
        await store.history.restore_all(entry.id, actor="restorer")
        now = await present(store)
        # A change is restored whole, whichever of its rows was chosen.
        end = max(e.id for e in log if e.change_id == entry.change_id)
        assert unversioned(now) == unversioned(replayed(tuple(e for e in log if e.id <= end)))
        assert replayed(await entries(store)) == now
