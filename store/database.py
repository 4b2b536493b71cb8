"""The store's file: connections, transactions, migrations and the signal that something changed.

One process holds two connections, a reader and a writer: beside a long read a write would wait
on a single one. Writers begin IMMEDIATE (a plain BEGIN that reads first fails with "database is
locked" beside a second writer) and sync FULL (NORMAL loses acknowledged writes at power cuts).
The SQL elsewhere is written so that PostgreSQL could run it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import aiosqlite

from store.errors import ReadOnly, StoreError
from store.migrator import APPLICATION_ID, latest_version, migrate

Value = str | int | float | bytes | None
Row = sqlite3.Row

BUSY_TIMEOUT_MS = 5_000


class Transaction(Protocol):
    """One write transaction. What it did is there as a whole, or not at all."""

    @property
    def change_id(self) -> str:
        """Names what is done at once, in the audit log."""
        ...

    async def all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]: ...
    async def execute(self, sql: str, params: Sequence[Value] = ()) -> int:
        """Run one statement; the number of rows it changed."""
        ...

    async def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None: ...


class SqliteDatabase:
    """The embedded default. Open it with `open_database`, close it with `close`."""

    def __init__(
        self,
        path: Path,
        reader: aiosqlite.Connection,
        writer: aiosqlite.Connection,
        read_only: str | None = None,
    ) -> None:
        self.path = path
        self.read_only = read_only
        """What asked that nothing be written, e.g. `--read-only`; None where writes are let in."""
        self._reader = reader
        self._writer = writer
        self._reading = asyncio.Lock()
        self._writing = asyncio.Lock()
        self.last_change_id: str | None = None
        """Of the last transaction with audit rows that was committed here."""

    async def all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        """Every row of a query. Cancelling the caller interrupts the query itself."""
        async with self._reading:
            query = asyncio.ensure_future(self._reader.execute_fetchall(sql, tuple(params)))
            try:
                return list(await asyncio.shield(query))
            except asyncio.CancelledError:
                # Cancelling alone would leave the connection's thread busy with the query.
                await self._reader.interrupt()
                await asyncio.wait([query])
                if not query.cancelled():
                    query.exception()
                raise
            except sqlite3.Error as error:
                raise _store_error(self.path, error) from error

    async def one(self, sql: str, params: Sequence[Value] = ()) -> Row | None:
        """The first row of a query, or None."""
        rows = await self.all(sql, params)
        return rows[0] if rows else None

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        """A transaction: committed on leaving, rolled back on any exception or cancellation.

        Raises:
            ReadOnly: nothing may be written; nothing was begun.
        """
        if self.read_only is not None:
            raise ReadOnly(self.read_only)
        async with self._writing:
            transaction = _SqliteTransaction(self._writer)
            try:
                try:
                    await _finish(self._writer.execute("BEGIN IMMEDIATE"))
                    yield transaction
                    await self._commit(transaction)
                except BaseException:
                    if self._writer.in_transaction:
                        await _finish(self._writer.execute("ROLLBACK"))
                    raise
            except sqlite3.Error as error:
                raise _store_error(self.path, error) from error

    async def _commit(self, transaction: _SqliteTransaction) -> None:
        commit = asyncio.ensure_future(self._writer.execute("COMMIT"))
        try:
            await _finish(commit)
        finally:
            # Whoever waited may be cancelled, and the change is there none the less.
            if commit.done() and not commit.cancelled() and commit.exception() is None:
                self.last_change_id = transaction.audited or self.last_change_id

    async def version(self) -> int:
        """A number that changes whenever anyone, in any process, has committed (7 µs)."""
        rows = await self.all("PRAGMA data_version")
        return int(rows[0][0])

    async def close(self) -> None:
        """Wait for a running write, then close both connections (an open one hangs the exit)."""
        async with self._writing:
            await self._reader.close()
            await self._writer.close()


class _SqliteTransaction:
    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection
        self.audited: str | None = None
        """The change's id, once a row of the audit log asked for it."""

    @property
    def change_id(self) -> str:
        if self.audited is None:
            self.audited = uuid4().hex
        return self.audited

    async def all(self, sql: str, params: Sequence[Value] = ()) -> list[Row]:
        return list(await self._connection.execute_fetchall(sql, tuple(params)))

    async def execute(self, sql: str, params: Sequence[Value] = ()) -> int:
        cursor = await self._connection.execute(sql, tuple(params))
        count = cursor.rowcount
        await cursor.close()
        return count

    async def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        await self._connection.executemany(sql, rows)


async def _finish(statement: Awaitable[object]) -> None:
    """Await a BEGIN, COMMIT or ROLLBACK to its end, even if the caller is cancelled meanwhile.

    Else the connection's thread would run it later, in the midst of the next transaction.
    """
    task = asyncio.ensure_future(statement)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


async def open_database(path: Path, *, read_only: str | None = None) -> SqliteDatabase:
    """Open the store at `path`, creating it (mode 0600) or upgrading it first.

    Args:
        read_only: what asked that nothing be written, e.g. `--read-only`. Nothing is created or
            upgraded then, and the file is opened such that SQLite itself cannot write to it.

    Raises:
        StoreError: the file is zero-length, foreign, newer than this program, or unreadable; or
            it would have to be created or upgraded, and is read-only.
    """
    path = _absolute(path)
    try:
        await asyncio.to_thread(_prepare if read_only is None else _look, path)
        reader = await _connect(path, "rw" if read_only is None else "ro")
        try:
            writer = await _connect(path, "rw" if read_only is None else "ro")
            if read_only is not None:
                await writer.execute("PRAGMA query_only = ON")
        except BaseException:
            await reader.close()
            raise
        await reader.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise _store_error(path, error) from error
    return SqliteDatabase(path, reader, writer, read_only)


def _absolute(path: Path) -> Path:
    """So that no name means something else to SQLite, as `:memory:` does."""
    try:
        return path.absolute()
    except OSError as error:
        raise StoreError(
            f"store: the current folder is gone, so {path} cannot be found. Change to another."
        ) from error


def _uri(path: Path, mode: str) -> str:
    # `ro` also keeps the last one to leave from moving the write-ahead log into the file.
    return f"{path.absolute().as_uri()}?mode={mode}"


async def _connect(path: Path, mode: str) -> aiosqlite.Connection:
    connection = await aiosqlite.connect(_uri(path, mode), uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    # A text that is not UTF-8 in one row must not hide all the others.
    connection.text_factory = _lenient
    for pragma in (
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
        "foreign_keys = ON",
        "synchronous = FULL",
        "wal_autocheckpoint = 16000",
    ):
        await connection.execute(f"PRAGMA {pragma}")
    return connection


def _lenient(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _prepare(path: Path) -> None:
    """Create, check or upgrade the file with a connection of its own."""
    try:
        exists = path.exists()
    except OSError as error:
        raise StoreError(f"store: cannot look at {path}: {error.strerror}.") from error
    if not exists:
        _create(path)
    _refuse_what_is_not_ours(path)
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        _check_identity(path, connection)
        migrate(connection, path)
        connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()


def _look(path: Path) -> None:
    """Check the file without a change to it, for read-only."""
    try:
        path.stat()
    except FileNotFoundError:
        raise StoreError(
            f"store: there is none at {path}, and read-only makes none. "
            "Name another, or start once without read-only."
        ) from None
    except OSError as error:
        raise StoreError(f"store: cannot look at {path}: {error.strerror}.") from error
    _refuse_what_is_not_ours(path)
    connection = sqlite3.connect(_uri(path, "ro"), uri=True, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        _check_identity(path, connection)
        version = connection.execute("PRAGMA user_version").fetchone()[0]
    finally:
        connection.close()
    if version < latest_version():
        raise StoreError(
            f"store: {path} has to be upgraded (schema {version}, this aitui needs "
            f"{latest_version()}), and read-only changes nothing. Start once without read-only."
        )


def _create(path: Path) -> None:
    """Make a whole new store beside its place, then link it there.

    A crash midway leaves no half-made store, and of two processes that start at once one wins.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.new-{os.getpid()}")
        draft.unlink(missing_ok=True)
        # A file made by SQLite would take the umask.
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise StoreError(f"store: cannot create {path}: {error.strerror}.") from error
    try:
        connection = sqlite3.connect(draft, isolation_level=None)
        try:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            migrate(connection, draft)
        except (StoreError, sqlite3.Error) as error:
            cause = error.__cause__ if isinstance(error, StoreError) else error
            raise StoreError(
                f"store: cannot create {path}: {cause or error}. Check that the disk has room."
            ) from error
        finally:
            connection.close()
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another process made it first; theirs is as good
        except OSError:  # a file system without hard links
            try:
                os.replace(draft, path)
            except OSError as error:
                raise StoreError(f"store: cannot create {path}: {error.strerror}.") from error
    finally:
        draft.unlink(missing_ok=True)


def _refuse_what_is_not_ours(path: Path) -> None:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise StoreError(f"store: {path} is a folder. Name a file, e.g. {path / 'aitui.db'}.")
        if not stat.S_ISREG(mode):  # reading from a pipe would wait for ever
            raise StoreError(f"store: {path} is a pipe or device, not a file. Name another.")
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise StoreError(f"store: cannot read {path}: {error.strerror}.") from error
    if head == b"":
        raise StoreError(
            f"store: {path} is empty (zero bytes), so it is no store. "
            "If it is not needed, remove it and start again; else restore it from a backup."
        )
    if head != b"SQLite format 3\x00":
        raise StoreError(f"store: {path} is not a SQLite database. Name another file.")


def _check_identity(path: Path, connection: sqlite3.Connection) -> None:
    application_id = connection.execute("PRAGMA application_id").fetchone()[0]
    if application_id != APPLICATION_ID:
        raise StoreError(
            f"store: {path} is a database of another program. Nothing was changed in it; "
            "name another file."
        )
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > latest_version():
        raise StoreError(
            f"store: {path} was written by a newer aitui (schema {version}, this one knows "
            f"{latest_version()}). Upgrade aitui, or name another file."
        )


def _store_error(path: Path, error: sqlite3.Error) -> StoreError:
    """SQLite's own words as one sentence with the mend."""
    text = str(error)
    mends = {
        "locked": "Another program holds it; try again when it is done.",
        "busy": "Another program holds it; try again when it is done.",
        "disk I/O": "Check that the disk has room and is sound.",
        "full": "Free some space on the disk; nothing of this change was written.",
        "readonly": "Make the file and its folder writable for you.",
        "read-only": "Make the file and its folder writable for you.",
        "malformed": "Restore it from a backup.",
        "not a database": "Restore it from a backup, or name another file.",
        "unable to open": "Check that the folder exists and is yours.",
    }
    mend = next((mend for word, mend in mends.items() if word in text), "Nothing was written.")
    return StoreError(f"store: {path}: {text}. {mend}")
