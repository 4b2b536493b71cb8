"""Numbered migrations: `migrations/0001_….sql`, each in a transaction of its own.

An upgrade is preceded by a copy of the store beside it, so that a bad one can be taken back.
"""

from __future__ import annotations

import os
import sqlite3
from functools import cache
from pathlib import Path

from store.errors import StoreError

APPLICATION_ID = 0x41495455
"""`AITU` in SQLite's header, so that another program's database is never taken for a store."""

MIGRATIONS = Path(__file__).parent / "migrations"


@cache
def scripts(folder: Path = MIGRATIONS) -> dict[int, Path]:
    """Schema version -> its script, in order."""
    return {int(path.name[:4]): path for path in sorted(folder.glob("[0-9][0-9][0-9][0-9]_*.sql"))}


def latest_version(folder: Path = MIGRATIONS) -> int:
    """The schema version that this program writes."""
    return max(scripts(folder))


def migrate(connection: sqlite3.Connection, path: Path, folder: Path = MIGRATIONS) -> Path | None:
    """Bring the open database to the latest schema; the backup's path if one was made.

    Raises:
        StoreError: a migration failed; the database is as it was, and the sentence names the
            backup.
    """
    current = _version(connection)
    pending = [version for version in scripts(folder) if version > current]
    if not pending:
        return None
    backup = _back_up(connection, path, current) if current else None
    for version in pending:
        _apply(connection, path, version, scripts(folder)[version], backup)
    return backup


def _apply(
    connection: sqlite3.Connection, path: Path, version: int, script: Path, backup: Path | None
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection) < version:  # another process may have been faster
            for statement in _statements(script.read_text(encoding="utf-8")):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        where = f" A copy from before is {backup}." if backup else ""
        raise StoreError(
            f"store: {path} could not be upgraded to schema {version} ({error}); "
            f"it is as it was.{where}"
        ) from error


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _statements(script: str) -> list[str]:
    """The script's statements. `executescript` would commit the transaction around them."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements


def _back_up(connection: sqlite3.Connection, path: Path, version: int) -> Path:
    """Copy the store beside itself. Raises StoreError where there is no room for a copy."""
    backup = path.with_name(f"{path.name}.schema-{version}.bak")
    draft = path.with_name(f".{backup.name}.new-{os.getpid()}")
    try:
        draft.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        target = sqlite3.connect(draft)
        try:
            connection.backup(target)
            copied = _version(target)
        finally:
            target.close()
        # Another process may have upgraded meanwhile: then the copy from before is its own.
        if copied == version:
            os.replace(draft, backup)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(
            f"store: {path} has to be upgraded, and no copy could be made before ({error}). "
            "Nothing was changed; check that its folder is yours and has room."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return backup
