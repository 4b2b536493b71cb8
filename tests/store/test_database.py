"""The store's file: created private and whole, refused when it is not ours, never half-written."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from store.database import open_database
from store.errors import StoreError
from store.migrator import APPLICATION_ID, latest_version, migrate

SETTING = "INSERT INTO app_settings (name, value, updated_at) VALUES (?, ?, '')"


async def test_a_new_store_is_private_whole_and_in_wal_mode(tmp_path: Path) -> None:
    old = os.umask(0o000)
    try:
        path = tmp_path / "deep" / "aitui.db"
        database = await open_database(path)
    finally:
        os.umask(old)
    try:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        for name in ("-wal", "-shm"):
            beside = path.with_name(path.name + name)
            assert not beside.exists() or stat.S_IMODE(beside.stat().st_mode) == 0o600
        assert (await database.all("PRAGMA journal_mode"))[0][0] == "wal"
        assert (await database.all("PRAGMA foreign_keys"))[0][0] == 1
        async with database.write() as tx:
            assert (await tx.all("PRAGMA synchronous"))[0][0] == 2  # FULL
    finally:
        await database.close()
    assert [p.name for p in path.parent.iterdir() if "new-" in p.name] == []


@pytest.mark.parametrize(
    ("content", "word"),
    [(b"", "zero bytes"), (b"hello, this is no database", "not a SQLite database")],
)
async def test_what_is_no_store_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, word: str
) -> None:
    path = tmp_path / "other"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=word):
        await open_database(path)
    assert path.read_bytes() == content


async def test_a_foreign_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "foreign.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program"):
        await open_database(path)
    assert path.read_bytes() == before


async def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "aitui.db"
    await (await open_database(path)).close()
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {latest_version() + 1}")
    connection.close()
    with pytest.raises(StoreError, match="newer aitui"):
        await open_database(path)


async def test_a_folder_and_an_unwritable_place_are_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        await open_database(tmp_path)
    with pytest.raises(StoreError, match="cannot create"):
        await open_database(Path("/proc/nowhere/aitui.db"))


def test_an_upgrade_is_preceded_by_a_private_copy(tmp_path: Path) -> None:
    scripts = tmp_path / "migrations"
    scripts.mkdir()
    (scripts / "0001_one.sql").write_text("CREATE TABLE one (x);")
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path, isolation_level=None)
    assert migrate(connection, path, scripts) is None
    connection.execute("INSERT INTO one VALUES ('kept')")
    later = tmp_path / "later"
    later.mkdir()
    (later / "0001_one.sql").write_text("CREATE TABLE one (x);")
    (later / "0002_two.sql").write_text("-- a; comment\nCREATE TABLE two (y);\nDROP TABLE one;")
    backup = migrate(connection, path, later)
    assert backup is not None
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    old = sqlite3.connect(backup)
    assert old.execute("SELECT x FROM one").fetchall() == [("kept",)]
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    old.close()
    connection.close()


def test_a_failed_upgrade_leaves_everything_as_it_was(tmp_path: Path) -> None:
    scripts = tmp_path / "migrations"
    scripts.mkdir()
    (scripts / "0001_one.sql").write_text("CREATE TABLE one (x);")
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path, isolation_level=None)
    migrate(connection, path, scripts)
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "0001_one.sql").write_text("CREATE TABLE one (x);")
    (bad / "0002_bad.sql").write_text("CREATE TABLE two (y);\nINSERT INTO nowhere VALUES (1);")
    with pytest.raises(StoreError, match="it is as it was"):
        migrate(connection, path, bad)
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    assert tables == [("one",)]
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


async def test_a_failed_transaction_writes_nothing(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "a.db")
    try:

        async def fail_midway() -> None:
            async with database.write() as tx:
                await tx.execute(SETTING, ("a", "1"))
                raise ZeroDivisionError

        async def break_a_rule() -> None:
            async with database.write() as tx:
                await tx.execute(SETTING, ("a", "1"))
                await tx.execute(SETTING, ("a", "2"))

        with pytest.raises(ZeroDivisionError):
            await fail_midway()
        assert await database.all("SELECT * FROM app_settings") == []
        with pytest.raises(StoreError, match="UNIQUE"):
            await break_a_rule()
        assert await database.all("SELECT * FROM app_settings") == []
    finally:
        await database.close()


async def test_a_cancelled_transaction_is_rolled_back_and_the_next_one_works(
    tmp_path: Path,
) -> None:
    database = await open_database(tmp_path / "a.db")
    started = asyncio.Event()

    async def write_and_hang() -> None:
        async with database.write() as tx:
            await tx.execute(SETTING, ("a", "1"))
            started.set()
            await asyncio.sleep(60)

    try:
        task = asyncio.create_task(write_and_hang())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with database.write() as tx:
            await tx.execute(SETTING, ("b", "2"))
        rows = await database.all("SELECT name FROM app_settings")
        assert [row["name"] for row in rows] == ["b"]
    finally:
        await database.close()


async def test_cancelling_a_read_interrupts_the_query(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "a.db")
    endless = (
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"
    )
    try:
        task = asyncio.create_task(database.all(endless))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        # The reader is free again; it would hang here otherwise.
        rows = await asyncio.wait_for(database.all("SELECT 1"), 10)
        assert rows[0][0] == 1
    finally:
        await database.close()


async def test_the_reader_cannot_write(tmp_path: Path) -> None:
    database = await open_database(tmp_path / "a.db")
    try:
        with pytest.raises(StoreError):
            await database.all("INSERT INTO app_settings VALUES ('a', '1', 1, '')")
    finally:
        await database.close()


async def test_another_connection_s_commit_changes_the_version(tmp_path: Path) -> None:
    first = await open_database(tmp_path / "a.db")
    second = await open_database(tmp_path / "a.db")
    try:
        before = await first.version()
        assert await first.version() == before
        async with second.write() as tx:
            await tx.execute(SETTING, ("a", "1"))
        assert await first.version() != before
    finally:
        await first.close()
        await second.close()


async def test_two_processes_create_the_same_store_at_once(tmp_path: Path) -> None:
    path = tmp_path / "race.db"
    program = (
        "import asyncio, sys; from pathlib import Path; from store.database import open_database\n"
        "async def main():\n"
        "    d = await open_database(Path(sys.argv[1]))\n"
        "    async with d.write() as tx:\n"
        '        await tx.execute("INSERT INTO app_settings (name, value, updated_at)'
        " VALUES (?, '1', '')\", (sys.argv[2],))\n"
        "    await d.close()\n"
        "asyncio.run(main())"
    )
    racers = [
        subprocess.Popen([sys.executable, "-c", program, str(path), str(number)])
        for number in range(4)
    ]
    assert [racer.wait(60) for racer in racers] == [0, 0, 0, 0]
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM app_settings").fetchone() == (4,)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    connection.close()
