"""Read-only writes nothing: no command does, and the door refuses whoever asks."""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.database import open_database
from store.demo.start import demo_environment
from store.environment import Environment
from store.errors import AituiError, ReadOnly, StoreError
from store.settings import Settings, load_settings
from store.store import Store, local_actor, open_store
from tests.tui.cli_tools import Cli, clear_environment, run
from tests.tui.edit_samples import FAST, GPT, VAS, changes, commands, fill, in_store
from tui.cli import build_parser
from tui.commands.parsing import Parser

SENTENCE = "read-only: nothing is changed. Start without --read-only to edit."
CONFIG = "model_list:\n- model_name: new\n  litellm_params:\n    model: ollama/new\n"

READING: dict[tuple[str, ...], tuple[str, ...]] = {
    ("export",): (),
    ("models", "list"): (),
    ("models", "show"): ("gpt-4.1",),
    ("models", "test"): ("--all", "--timeout", "1"),
    ("providers", "list"): (),
    ("providers", "show"): ("vas",),
    ("providers", "check"): ("vas",),
    ("providers", "presets"): (),
    ("routes", "list"): (),
    ("routes", "show"): ("default",),
    ("routes", "lint"): (),
    ("routes", "explain"): ("default",),
    ("plan",): (),
    ("revisions",): (),
    ("history",): (),
    ("history", "show"): ("1",),
    ("catalog", "show"): (),
    ("usage",): (),
    ("doctor",): (),
}
WRITING: dict[tuple[str, ...], tuple[str, ...]] = {
    ("import",): ("{config}",),
    ("models", "add"): ("new", "--provider", "vas"),
    ("models", "set"): ("gpt-4.1", "--priority", "9"),
    ("models", "remove"): ("gpt-mini", "--along", "--yes"),
    ("models", "enable"): ("off",),
    ("models", "disable"): ("gpt-4.1",),
    ("providers", "add"): ("--preset", "groq"),
    ("providers", "set"): ("vas", "--display-name", "New"),
    ("providers", "enable"): ("groq-off",),
    ("providers", "disable"): ("vas",),
    ("providers", "remove"): ("vas", "--along", "--yes"),
    ("routes", "add"): ("new", "--primary", "gpt-4.1"),
    ("routes", "set"): ("fast", "--retries", "1"),
    ("routes", "clone"): ("fast", "new"),
    ("routes", "default"): ("fast",),
    ("routes", "enable"): ("off",),
    ("routes", "disable"): ("fast",),
    ("routes", "remove"): ("fast", "--yes"),
    ("apply",): ("--yes",),
    ("undo",): ("1", "--yes"),
    ("history", "restore"): ("1", "--everything", "--yes"),
    ("history", "undo"): (),
    ("catalog", "refresh"): (),
}
NEEDS_THE_PROXY = {("catalog", "refresh"), ("apply",), ("undo",)}


def dump(path: Path) -> list[str]:
    """Everything in the store, and the file itself, byte for byte."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as reader:
        lines = list(reader.iterdump())
    stat = path.stat()
    return [*lines, hashlib.sha256(path.read_bytes()).hexdigest(), str(stat.st_mtime_ns)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aitui.db"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which every command of the walk finds what it names."""
    path = tmp_path_factory.mktemp("filled") / "aitui.db"
    fill(path)

    async def add(store: Store) -> None:
        actor = local_actor()
        model = replace(GPT, id="m-off", model_name="off", is_enabled=False)
        await store.edit.add(model, actor=actor)
        provider = replace(VAS, id="p-off", name="groq-off", is_enabled=False)
        await store.edit.add(provider, actor=actor)
        route = replace(FAST, id="r-off", name="off", is_enabled=False)
        await store.edit.add(route, actor=actor)

    in_store(path, add)
    return path


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    path: Path,
    filled: Path,
) -> Cli:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AITUI_STORE", str(path))
    monkeypatch.setenv("AITUI_GATEWAY_URL", "http://127.0.0.1:9")  # nobody answers there
    (tmp_path / "config.yaml").write_text(CONFIG, encoding="utf-8")
    shutil.copy(filled, path)
    return Cli(capsys)


def given(arguments: tuple[str, ...], tmp_path: Path) -> list[str]:
    return [text.format(config=tmp_path / "config.yaml") for text in arguments]


def test_the_walk_goes_over_every_command() -> None:
    walked = commands()
    assert set(walked) == {*READING, *WRITING}
    marked = {words for words, parser in walked.items() if parser.get_default("writes")}
    assert marked == set(WRITING)


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_command_that_reads_works_and_changes_nothing(
    cli: Cli, path: Path, words: tuple[str, ...]
) -> None:
    cli(*words, *READING[words])
    usual = (cli.status, cli.out)
    before = dump(path)
    cli(*words, *READING[words], "--read-only")
    assert cli.status == usual[0]
    assert SENTENCE not in cli.err
    assert "Traceback" not in cli.err
    if words not in {("doctor",), ("models", "test")}:  # which tell settings and latencies
        assert cli.out == usual[1]
    assert dump(path) == before


@pytest.mark.parametrize("as_json", [False, True])
@pytest.mark.parametrize("words", WRITING, ids=" ".join)
def test_a_command_that_writes_is_refused(
    cli: Cli, path: Path, tmp_path: Path, words: tuple[str, ...], as_json: bool
) -> None:
    before = dump(path)
    cli("--read-only", *words, *given(WRITING[words], tmp_path), *["--json"] * as_json)
    assert (cli.status, cli.out, cli.err) == (1, "", f"aitui: {SENTENCE}\n")
    assert dump(path) == before


@pytest.mark.parametrize("words", sorted(WRITING.keys() - NEEDS_THE_PROXY), ids=" ".join)
def test_the_door_itself_refuses_whatever_the_command_does(
    cli: Cli,
    path: Path,
    tmp_path: Path,
    words: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same commands without the check before them; without read-only they do write."""

    def parser_without_marks() -> Parser:
        parser = build_parser()
        for found in _parsers(parser):
            found.set_defaults(writes=False)
        return parser

    monkeypatch.setattr("tui.cli.build_parser", parser_without_marks)
    before, written = dump(path), len(changes(path))
    arguments = given(WRITING[words], tmp_path)
    cli(*words, *arguments, "--read-only")
    assert (cli.status, cli.out) == (1, "")
    assert cli.err.endswith(f"aitui: {SENTENCE}\n")
    assert dump(path) == before
    assert cli(*words, *arguments).status == 0, cli.err
    assert len(changes(path)) > written


def _parsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    below = [
        found
        for action in parser._actions
        if isinstance(action, argparse._SubParsersAction)
        for each in action.choices.values()
        for found in _parsers(each)
    ]
    return [parser, *below]


def test_a_dry_run_is_no_write(cli: Cli, path: Path, tmp_path: Path) -> None:
    before = dump(path)
    assert cli("import", str(tmp_path / "config.yaml"), "--dry-run", "--read-only").status == 0
    assert "+ model new" in cli.out
    assert dump(path) == before


def test_the_sentence_names_what_asked_for_it(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "settings.yaml"
    settings.write_text("read_only: true\n", encoding="utf-8")
    cli("models", "disable", "gpt-4.1", "--config", str(settings))
    assert f"Start without read_only in {settings} to edit." in cli.err
    monkeypatch.setenv("AITUI_READ_ONLY", "yes")
    cli("models", "disable", "gpt-4.1")
    assert "Start without AITUI_READ_ONLY to edit." in cli.err
    monkeypatch.setenv("AITUI_READ_ONLY", "perhaps")
    assert cli("models", "list").status == 1
    assert cli.err == "aitui: AITUI_READ_ONLY: write yes or no.\n"
    monkeypatch.setenv("AITUI_READ_ONLY", "no")
    assert cli("models", "disable", "gpt-4.1").status == 0


def test_no_store_is_made(cli: Cli, tmp_path: Path) -> None:
    missing = tmp_path / "folder" / "none.db"
    assert cli("models", "list", "--read-only", "--store", str(missing)).status == 1
    assert f"there is none at {missing}, and read-only makes none" in cli.err
    assert not missing.parent.exists()


def test_in_a_process_of_its_own(cli: Cli, path: Path, tmp_path: Path) -> None:
    before = dump(path)
    done = run(tmp_path, "--read-only", "models", "disable", "gpt-4.1", AITUI_STORE=str(path))
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"aitui: {SENTENCE}\n")
    done = run(tmp_path, "models", "list", AITUI_STORE=str(path), AITUI_READ_ONLY="1")
    assert done.returncode == 0
    assert "gpt-4.1" in done.stdout
    assert dump(path) == before


# The door


async def test_the_database_refuses_before_it_begins_and_sqlite_refuses_besides(
    path: Path,
) -> None:
    await (await open_database(path)).close()
    database = await open_database(path, read_only="--read-only")
    try:
        with pytest.raises(ReadOnly, match="Start without --read-only to edit"):
            async with database.write():
                pytest.fail("a transaction began")
        for connection in (database._reader, database._writer):
            for sql in ("DELETE FROM audit_log", "CREATE TABLE x (a)", "PRAGMA user_version = 9"):
                with pytest.raises(sqlite3.OperationalError, match="readonly"):
                    await connection.execute(sql)
            await connection.execute("PRAGMA query_only = OFF")
            with pytest.raises(sqlite3.OperationalError, match="readonly"):
                await connection.execute("DELETE FROM audit_log")
    finally:
        await database.close()


async def test_a_store_that_has_to_be_upgraded_is_refused_and_left_alone(path: Path) -> None:
    await (await open_database(path)).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="has to be upgraded"):
        await open_database(path, read_only="--read-only")
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir() if ".bak" in each.name] == []


@pytest.mark.parametrize("content", [b"", b"hello\n"])
async def test_a_file_that_is_no_store_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError):
        await open_database(path, read_only="--read-only")
    assert path.read_bytes() == content


async def test_what_another_process_left_in_its_log_is_read_and_stays_there(
    path: Path, tmp_path: Path
) -> None:
    """As after a kill: the last change is in the write-ahead log only."""
    left = tmp_path / "left.db"
    database = await open_database(path)
    async with database.write() as tx:
        await tx.execute("INSERT INTO app_settings VALUES ('a', 'b', 1, 'now')")
    for end in ("", "-wal"):
        shutil.copy(f"{path}{end}", f"{left}{end}")
    await database.close()
    before = [Path(f"{left}{end}").read_bytes() for end in ("", "-wal")]
    assert before[1]
    reading = await open_database(left, read_only="--read-only")
    rows = await reading.all("SELECT value FROM app_settings")
    await reading.close()
    assert [row["value"] for row in rows] == ["b"]
    assert [Path(f"{left}{end}").read_bytes() for end in ("", "-wal")] == before


async def test_another_process_changes_are_seen(path: Path) -> None:
    writing = await open_database(path)
    reading = await open_database(path, read_only="--read-only")
    seen = await reading.version()
    async with writing.write() as tx:
        await tx.execute("INSERT INTO app_settings VALUES ('a', 'b', 1, 'now')")
    assert await reading.version() != seen
    assert len(await reading.all("SELECT * FROM app_settings")) == 1
    await reading.close()
    await writing.close()


async def test_tests_and_checks_run_and_are_not_stored(tmp_path: Path) -> None:
    now = datetime(2026, 3, 18, 6, 30, tzinfo=UTC)
    settings = load_settings({"store": str(tmp_path / "x.db"), "read_only": "yes"}, {})
    key_env = settings.gateway_key_env
    async with demo_environment(lambda: now, settings.zone(), pace=0) as made_up:
        settings = replace(settings, store_path=made_up.store_path, gateway_url=made_up.url)
        environment = Environment({key_env: made_up.key, **made_up.variables})
        before = dump(made_up.store_path)
        async with open_store(settings, environment, clock=lambda: now) as store:
            assert store.read_only
            models = await store.models.all()
            assert (await store.gateway.test_model("demo-gpt-4.1-vas")).success
            reports = [report async for report in store.gateway.test_all()]
            assert len(reports) == await store.gateway.count_testable()
            health = await store.gateway.check_provider("demo-vas")
            assert health.checked_at == now
            assert health.reports
            assert await store.models.all() == models
            with pytest.raises(AituiError, match="read-only"):
                await store.catalog.refresh()
        assert dump(made_up.store_path) == before
        writable = replace(settings, read_only=False)
        async with open_store(writable, environment, clock=lambda: now) as store:
            assert not store.read_only
            await store.gateway.check_provider("demo-vas")
        assert dump(made_up.store_path) != before  # so the comparison can fail


async def test_every_way_to_write_through_the_door_is_refused(tmp_path: Path, path: Path) -> None:
    settings = Settings(store_path=path, time_zone="UTC")
    async with open_store(settings, Environment({})) as store:
        await store.shared_settings.set("time_zone", "Asia/Seoul", actor="x")
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    async with open_store(replace(settings, read_only=True), Environment({})) as store:
        for attempt in (
            lambda: store.shared_settings.set("time_zone", "Europe/Berlin", actor="x"),
            lambda: store.configuration.import_file(config, actor="x"),
            lambda: store.history.undo("0" * 32, actor="x"),
            lambda: store.usage.record_rollups([]),
        ):
            with pytest.raises(ReadOnly):
                await attempt()
        assert await store.configuration.export()
