"""Plan, apply and adopt against a proxy that says what no proxy should, and careless commands."""

from __future__ import annotations

import copy
import json
import os
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from store.demo.completions import Stream
from store.demo.served import Served
from store.demo.wire import Reply, Request
from store.environment import Environment
from store.errors import AituiError, ImportRefused
from store.gateway.deployments import entries_in
from store.gateway.live import routing_in
from store.gateway.yaml_comments import key_in_comment
from store.plans import ApplyRefused, Outcome
from store.settings import Settings
from store.store import open_store
from tests.lying_litellm import KEY, FakeLiteLLM
from tests.store import rollout_world
from tests.store.rollout_world import ACTOR, CONFIG, World, world

Bend = Callable[[Any], None]


class Bent(FakeLiteLLM):
    """It says what `rows` and `router` make of its answers."""

    rows: Bend | None = None
    router: Bend | None = None

    async def answer(self, request: Request, served: Served) -> Reply | Stream:
        reply = await super().answer(request, served)
        if not isinstance(reply, Reply):
            return reply
        value: Any = copy.deepcopy(reply.value)
        if request.path == "/model/info" and self.rows is not None:
            self.rows(value["data"])
        if request.path == "/get/config/callbacks" and self.router is not None:
            self.router(value["router_settings"])
        return replace(reply, value=value)


@pytest.fixture(autouse=True)
def bent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout_world, "FakeLiteLLM", Bent)


def bend(w: World, *, rows: Bend | None = None, router: Bend | None = None) -> None:
    assert isinstance(w.fake, Bent)
    w.fake.rows, w.fake.router = rows, router


def one_more(name: str = "new", model_id: str = "id-new", **params: object) -> Bend:
    row = {
        "model_name": name,
        "litellm_params": {"model": "openai/new", **params},
        "model_info": {"id": model_id},
    }
    return lambda rows: rows.append(row)


def nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = {"a": value}
    return value


async def adopt_all(w: World) -> tuple[str, ...]:
    plan = await w.plan()
    ids = [change.id for change in plan.changes]
    assert ids
    return await w.store.rollout.adopt(plan, ids, actor=ACTOR)


def everything_in(path: Path) -> str:
    """The store's whole content, as text."""
    with sqlite3.connect(path) as database:
        return "\n".join(database.iterdump())


# --- what the proxy says -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_retries", "abc"),
        ("num_retries", float("inf")),
        ("num_retries", -1),
        ("timeout", [1]),
        ("timeout", float("nan")),
        ("timeout", 10**400),
        ("timeout", "os.environ/SECONDS"),
        ("routing_strategy", {"x": 1}),
        ("routing_strategy", KEY),
    ],
)
async def test_a_setting_that_no_import_takes_is_not_adopted(
    tmp_path: Path, name: str, value: object
) -> None:
    async with world(tmp_path) as w:
        before = await w.store.routes.all()
        bend(w, router=lambda settings: settings.update({name: value}))
        with pytest.raises(AituiError, match=r"cannot be taken") as caught:
            await adopt_all(w)
        assert KEY not in str(caught.value)
        assert await w.store.routes.all() == before
        assert (await w.plan()).yaml == CONFIG


@pytest.mark.parametrize("depth", [60, 480, 900])
async def test_what_is_nested_deeply_ends_no_plan(tmp_path: Path, depth: int) -> None:
    async with world(tmp_path) as w:
        bend(
            w,
            rows=lambda rows: rows[0]["litellm_params"].update(deep=nested(depth)),
            router=lambda settings: settings.update(fallbacks=[{"alpha": nested(depth)}]),
        )
        plan = await w.plan()
        assert {change.name for change in plan.changes} == {"alpha"}
        model = next(change for change in plan.changes if change.subject == "model")
        with pytest.raises(ImportRefused, match="nested deeper"):
            await w.store.rollout.adopt(plan, [model.id], actor=ACTOR)


@pytest.mark.parametrize("key", [KEY, "Correct-Horse-9"])
async def test_a_key_that_the_proxy_sends_back_goes_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """Also one of no known shape, in names, chains, aliases and settings."""
    monkeypatch.setattr(rollout_world, "KEY", key)
    async with world(tmp_path) as w:
        w.fake.key = key
        bend(
            w,
            rows=one_more(key, key, text=key, inside={key: [key]}, **{key: 1}),
            router=lambda settings: settings.update(
                routing_strategy=key,
                model_group_alias={key: "alpha", "q": key, "h": {"model": key, "hidden": True}},
                fallbacks=[{key: [key, "beta"]}],
                context_window_fallbacks=[{"alpha": [key]}],
            ),
        )
        plan = await w.plan()
        assert plan.live_error is None
        assert len(plan.changes) == 8
        assert key not in repr(plan)
        for change in plan.changes:
            if change.name != "alpha" or change.subject != "fallbacks":
                with pytest.raises(AituiError) as caught:
                    await w.store.rollout.adopt(plan, [change.id], actor=ACTOR)
                assert key not in str(caught.value)
        assert len(await w.store.models.all()) == 3
        assert len(await w.store.routes.all()) == 1
        store = tmp_path / "aitui.db"
    assert key not in everything_in(store)


@pytest.mark.parametrize(
    "params",
    [
        {"api_base": "https://user:hunter2-hunter2@host/v1"},
        {"extra_headers": {"Authorization": "Bearer hunter2-hunter2"}},
        {"vertex_credentials": {"type": "service_account", "private_key": "hunter2-hunter2"}},
        {"custom": "hu****r2"},
    ],
)
async def test_a_value_that_is_shown_in_part_is_not_adopted(
    tmp_path: Path, params: dict[str, Any]
) -> None:
    """The stand-in for a key would be written into the file."""
    async with world(tmp_path) as w:
        bend(w, rows=one_more(**params))
        with pytest.raises(AituiError, match="without the key in it"):
            await adopt_all(w)
        assert len(await w.store.models.all()) == 3
        assert "hunter2" not in everything_in(tmp_path / "aitui.db")


async def test_half_a_character_is_undone_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON may hold one half of a pair; no database takes it, and the journal has to be closed."""

    def ascii_only(value: object, **_: object) -> str:
        return json.dumps(value)

    wire = SimpleNamespace(dumps=ascii_only, loads=json.loads, JSONDecodeError=ValueError)
    monkeypatch.setattr("store.demo.wire.json", wire)
    async with world(tmp_path, verify_timeout=1) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        plan = await w.plan()
        bend(w, rows=one_more("a\ud800b", text="\udcff"))
        report = await w.apply(plan)
        assert report.outcome in (Outcome.UNDONE, Outcome.NOT_UNDONE)
        assert "a\\ud800b" in str(report.reason)
        assert await w.store.rollout.unfinished() is None
        assert w.config.read_text() == CONFIG


def test_half_characters_in_the_routers_settings_are_shown_as_text() -> None:
    from store.checks import printable

    body = json.dumps(
        {"router_settings": {"model_group_alias": {"\ud800": "x\udcff"}, "timeout": "\ud800"}}
    ).encode()
    found = routing_in(body, printable)
    assert not isinstance(found, str)
    assert list(found.aliases) == ["\\ud800"]
    assert found.aliases["\\ud800"].target == "x\\udcff"
    assert found.settings["timeout"] == "\\ud800"


async def test_another_proxy_than_the_files_is_told(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text("model_list:\n- {model_name: o, litellm_params: {model: openai/o}}\n")
    async with world(tmp_path) as w:
        assert not any("none of the file's models" in note for note in (await w.plan()).notes)
        w.fake.config = other
        await w.fake.reload()
        assert any("none of the file's models" in note for note in (await w.plan()).notes)


# --- what stands in the file, and beside it ------------------------------------------------------


async def test_an_empty_store_does_not_empty_a_file(tmp_path: Path) -> None:
    config = tmp_path / "litellm.yaml"
    config.write_text(CONFIG)
    settings = Settings(store_path=tmp_path / "aitui.db", config_file=config, reload="none")
    async with open_store(settings, Environment({})) as store:
        plan = await store.rollout.plan()
        assert any("aitui import" in blocker for blocker in plan.blockers)
        with pytest.raises(ApplyRefused, match="aitui import"):
            await store.rollout.apply(plan, actor=ACTOR)
        await store.configuration.import_file(config, actor=ACTOR)
        assert (await store.rollout.plan()).blockers == ()
    assert config.read_text() == CONFIG


async def test_a_path_that_is_no_text_is_refused_before_it_begins(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this file system takes text only")
    async with world(folder) as w:
        await w.edit("id-alpha", timeout_seconds=45.0)
        plan = await w.plan()
        assert any("UTF-8" in blocker for blocker in plan.blockers)
        with pytest.raises(ApplyRefused, match="UTF-8"):
            await w.apply(plan)
        assert w.config.read_text() == CONFIG


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("# api_key: 0123456789abcdef0123456789abcdef", True),
        ('#api_key: "0123456789abcdef0123456789abcdef"', True),
        ("x: 1 # token=0123456789abcdefABCDEFGH12", True),
        ("# api_key: os.environ/AZURE_API_KEY_OF_THE_TEAM_1", False),
        ("# api_key: MY_VERY_LONG_VARIABLE_NAME_12", False),
        ("# password: ask in the channel of the platform team", False),
        ("# id: 0123456789abcdef0123456789abcdef", False),
        ("x: 'y #api_key: 0123456789abcdef0123456789abcdef'", False),
    ],
)
def test_a_key_that_was_commented_out_is_found(line: str, found: bool) -> None:
    assert key_in_comment(f"a: 1\n{line}\n") == (2 if found else None)


@pytest.mark.parametrize(
    "command",
    ["RESTART_KEY=hunter2-hunter2 curl http://127.0.0.1:9", "sh -c 'echo TOKEN=hunter2-x; exit 3'"],
)
async def test_a_key_in_the_reload_command_is_neither_shown_nor_kept(
    tmp_path: Path, command: str
) -> None:
    config = tmp_path / "litellm.yaml"
    config.write_text(CONFIG)
    path = tmp_path / "aitui.db"
    steps: list[object] = []
    async with FakeLiteLLM(config, watch=True) as fake:
        settings = Settings(
            store_path=path,
            config_file=config,
            gateway_url=fake.url,
            reload="command",
            reload_command=command,
            verify_timeout=1,
        )
        keys = Environment({"LITELLM_MASTER_KEY": KEY, "OPENAI_API_KEY": "set"})
        async with open_store(settings, keys) as store:
            await store.configuration.import_file(config, actor=ACTOR)
            w = World(store, fake, config)
            await w.edit("id-alpha", timeout_seconds=45.0)
            plan = await w.plan()
            report = await store.rollout.apply(plan, actor=ACTOR, on_step=steps.append)
    assert report.outcome is Outcome.UNDONE
    assert "hunter2" not in repr((plan.reload, report, steps))
    assert "hunter2" not in everything_in(path)


@pytest.mark.parametrize("is_ascii", [True, False])
def test_entries_are_read_piece_by_piece_whatever_their_characters(is_ascii: bool) -> None:
    """A piece may end within a character, and an entry may be longer than most."""
    text = "\ud55c\U0001f642"
    rows = [{"model_name": text * count} for count in (1, 2_338, 2_339, 2_340, 6_000, 1)]
    body = json.dumps({"data": rows}, ensure_ascii=is_ascii).encode()
    assert list(entries_in(body)) == rows
