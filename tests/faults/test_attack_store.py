"""The store under bad luck: killed, full, raced for, named oddly."""

from __future__ import annotations

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from store.database import open_database
from store.errors import StoreError
from store.migrator import MIGRATIONS, _back_up, latest_version, migrate
from tests.tui.cli_tools import DEADLINE_S, MAIN, environment, run, start

KILLS = int(os.environ.get("AITUI_KILLS", "6"))
MODELS = 40

CHURN = """
import asyncio, sys
from pathlib import Path
from store.environment import Environment
from store.settings import load_settings
from store.store import open_store

async def main():
    print("go", flush=True)
    turn = 0
    while True:
        async with open_store(load_settings({"store": sys.argv[1]}, {}), Environment({})) as store:
            for _ in range(5):
                turn += 1
                await store.configuration.import_file(Path(sys.argv[2 + turn % 2]), actor="a")
                for model in (await store.models.all())[:4]:
                    done = await store.models.set_enabled(
                        model.id, not model.is_enabled, actor="a", version=model.version
                    )
                    print(done.id, done.version, flush=True)

asyncio.run(main())
"""


def write_config(path: Path, prefix: str, *, retries: int = 1, models: int = MODELS) -> Path:
    entries = "".join(
        f"- model_name: {prefix}{number}\n"
        f"  litellm_params: {{model: openai/x{number}, api_key: os.environ/K, rpm: {retries}}}\n"
        for number in range(models)
    )
    path.write_text(f"model_list:\n{entries}router_settings: {{num_retries: {retries}}}\n")
    return path


def check(store: Path, acknowledged: dict[str, int]) -> None:
    """Whole, every version has its audit row, and nothing that was acknowledged is lost."""
    connection = sqlite3.connect(store)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        for table, entity in (("ai_models", "model"), ("ai_routes", "route")):
            for thing, version in connection.execute(f"SELECT id, version FROM {table}"):
                rows = connection.execute(
                    "SELECT count(*) FROM audit_log WHERE entity = ? AND entity_id = ?",
                    (entity, thing),
                ).fetchone()[0]
                assert rows == version
                assert version >= acknowledged.get(thing, 0)
        assert connection.execute("SELECT count(*) FROM ai_models").fetchone()[0] in (0, MODELS)
    finally:
        connection.close()


def test_kills_amid_imports_and_changes_lose_nothing(tmp_path: Path) -> None:
    store = tmp_path / "s.db"
    files = [write_config(tmp_path / f"{n}.yaml", "m", retries=n + 1) for n in range(2)]
    chance = random.Random(20)
    acknowledged: dict[str, int] = {}
    for turn in range(KILLS):
        process = start(tmp_path, str(store), *map(str, files), code=CHURN)
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        time.sleep(chance.random() * (0.05 if turn % 3 == 0 else 0.3))
        process.kill()
        out, err = process.communicate(timeout=DEADLINE_S)
        assert err == ""
        for line in out.split("\n")[:-1]:
            name, _, version = line.partition(" ")
            acknowledged[name] = int(version)
        if store.exists():
            check(store, acknowledged)
    done = run(tmp_path, "export", "--store", str(store))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("same_file", [True, False])
def test_imports_at_once_all_succeed(tmp_path: Path, same_file: bool) -> None:
    store = tmp_path / "s.db"
    files = [write_config(tmp_path / f"{n}.yaml", f"m{n}-", retries=n) for n in range(4)]
    processes = [
        start(tmp_path, "import", str(files[0] if same_file else file), "--store", str(store))
        for file in files
    ]
    for process in processes:
        _, err = process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0, err
    connection = sqlite3.connect(store)
    try:
        count = connection.execute("SELECT count(*) FROM ai_models").fetchone()[0]
        kept = connection.execute("SELECT version FROM kept_config").fetchone()[0]
    finally:
        connection.close()
    assert (count, kept) == ((MODELS, 1) if same_file else (4 * MODELS, 4))


@pytest.mark.parametrize("limit", [0x1000, 0x10000, 0x1D000, 0x20000])
def test_a_full_disk_writes_nothing_by_halves(tmp_path: Path, limit: int) -> None:
    def no_larger_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    first = write_config(tmp_path / "1.yaml", "m")
    second = write_config(tmp_path / "2.yaml", "n", models=300)
    old, new = tmp_path / "old.db", tmp_path / "new.db"
    assert run(tmp_path, "import", str(first), "--store", str(old)).returncode == 0
    for store in (old, new):
        done = subprocess.run(
            [sys.executable, "-c", MAIN, "import", str(second), "--store", str(store)],
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            preexec_fn=no_larger_files,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("aitui: store: ")
        assert done.stderr.count("\n") == 1
        assert str(store) in done.stderr
    check(old, {})
    assert [path.name for path in tmp_path.iterdir() if ".new-" in path.name] == []


def newer_schema(folder: Path) -> Path:
    """Our migrations, and one more."""
    copies = folder / "migrations"
    copies.mkdir()
    for script in MIGRATIONS.glob("*.sql"):
        (copies / script.name).write_text(script.read_text())
    (copies / f"{latest_version() + 1:04}_more.sql").write_text("CREATE TABLE more (id INTEGER);")
    return copies


async def test_a_late_upgrade_keeps_the_copy_from_before(tmp_path: Path) -> None:
    path, copies = tmp_path / "s.db", newer_schema(tmp_path)
    await (await open_database(path)).close()
    first = sqlite3.connect(path, isolation_level=None)
    backup = migrate(first, path, copies)
    first.close()
    assert backup is not None
    before = backup.read_bytes()
    assert backup.stat().st_mode & 0o777 == 0o600

    late = sqlite3.connect(path, isolation_level=None)
    try:
        _back_up(late, path, latest_version())  # as one that read the version too early
    finally:
        late.close()
    assert backup.read_bytes() == before
    assert [name.name for name in tmp_path.iterdir() if ".new-" in name.name] == []


async def test_no_copy_no_upgrade(tmp_path: Path) -> None:
    path, copies = tmp_path / "s.db", newer_schema(tmp_path)
    await (await open_database(path)).close()
    (tmp_path / f"s.db.schema-{latest_version()}.bak").mkdir()
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        with pytest.raises(StoreError, match="no copy could be made"):
            migrate(connection, path, copies)
        assert connection.execute("PRAGMA user_version").fetchone()[0] == latest_version()
    finally:
        connection.close()


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_a_store_that_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = Path(os.devnull)
    if kind == "pipe":
        path = tmp_path / "pipe"
        os.mkfifo(path)
    done = run(tmp_path, "models", "list", "--store", str(path))
    assert done.returncode == 1
    assert "is a pipe or device, not a file" in done.stderr


@pytest.mark.parametrize("name", [":memory:", "file:x?mode=memory"])
async def test_a_name_that_means_something_to_sqlite_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    await (await open_database(Path(name))).close()
    await (await open_database(Path(name))).close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("target", ["nowhere/x.db", "loop.db"])
async def test_a_link_to_nothing_is_one_sentence(tmp_path: Path, target: str) -> None:
    link = tmp_path / "loop.db"
    link.symlink_to(tmp_path / target)
    with pytest.raises(StoreError, match=r"cannot"):
        await open_database(link)
