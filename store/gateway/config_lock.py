"""One apply a file at a time, whoever begins it. The lock ends with the process that holds it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import getpass
import hashlib
import json
import os
import socket
import stat
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from store.checks import printable, redact
from store.errors import ConfigFileError
from store.plans import ApplyRefused

POLL_S: Final = 0.2
MAX_NOTE: Final = 4096

_NOT_WRITABLE: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


def resolve_file(path: Path) -> Path:
    """The file that `path` leads to. Raises ConfigFileError where there is none."""
    try:
        return path.resolve(strict=True)
    except FileNotFoundError:
        raise ConfigFileError(f"There is no file {path}. Correct gateway.config_file.") from None
    except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links (Python < 3.13)
        why = error.strerror if isinstance(error, OSError) else "its links lead in a circle"
        raise ConfigFileError(f"{path} cannot be found: {why}.") from None


@asynccontextmanager
async def hold_lock(
    path: Path, *, wait_s: float, say: Callable[[str], None], actor: str | None = None
) -> AsyncIterator[None]:
    """Keep every other apply off the file for as long as the block runs.

    Waits at most `wait_s` seconds for another one, and says whose it is. The lock is a file beside
    the proxy's, or in the folder for temporary files where that folder may not be written.

    Raises:
        ApplyRefused: another apply still holds it, or the lock cannot be had.
        ConfigFileError: there is no such file.
    """
    file = resolve_file(path)
    deadline = time.monotonic() + wait_s
    told, tries = "", 0
    while (held := _try(file)) is None:
        tries += 1
        if tries == 1:
            # `is_locked` takes the lock for a moment too; that is no apply.
            await asyncio.sleep(POLL_S)
            continue
        holder = _holder(file)
        if time.monotonic() >= deadline:
            raise ApplyRefused(
                f"{holder} is applying to {file} and did not finish within {wait_s:g} s. Wait for "
                "that apply to end, then make a new plan. Nothing was changed."
            )
        if holder != told:
            say(f"waiting for {holder}, whose apply to {file.name} is under way")
            told = holder
        await asyncio.sleep(POLL_S)
    handle, lock = held
    try:
        _note(handle, actor)
        yield
    finally:
        _give_back(handle, lock)


def is_locked(path: Path) -> bool:
    """Whether an apply to the file is under way now, as far as that can be seen."""
    return any(_is_taken(lock) for lock in _places(path.resolve()))


def _is_taken(lock: Path) -> bool:
    try:
        handle = _open(lock, create=False)
    except ApplyRefused:
        return False  # no lock of ours; an apply will say so
    except OSError:
        return True  # another user's, which it removes when it ends
    if handle is None:
        return False
    try:
        return not _take(handle)
    finally:
        os.close(handle)


def _places(file: Path) -> tuple[Path, Path]:
    """Beside the file; and where the folder may not be written, a place that everybody finds."""
    key = hashlib.sha256(os.fsencode(file)).hexdigest()[:16]
    return (
        file.with_name(f".{file.name}.aitui-lock"),
        Path(tempfile.gettempdir(), f"aitui-{key}.lock"),
    )


def _try(file: Path) -> tuple[int, Path] | None:
    """The lock's handle and path, or None where another has it. Raises ApplyRefused."""
    beside, elsewhere = _places(file)
    for lock, is_last in ((beside, False), (elsewhere, True)):
        try:
            handle = _open(lock, create=True)
        except OSError as error:
            if error.errno in _NOT_WRITABLE and not is_last and not lock.exists():
                continue
            raise _no_lock(lock, error) from None
        if handle is None:
            return None
        try:
            taken = _take(handle)
        except OSError as error:
            os.close(handle)
            raise _no_lock(lock, error) from None
        # One with other rights on the folder has the other place; both look after taking theirs.
        other = elsewhere if lock == beside else beside
        if not taken or not _is_still(handle, lock) or _is_taken(other):
            _give_back(handle, lock if taken else None)
            return None
        return handle, lock
    raise AssertionError("unreachable")


def _open(lock: Path, *, create: bool) -> int | None:
    """A handle of the lock's file; None where there is none, or it was gone in between.

    Raises OSError, and ApplyRefused for what is no plain file: a link could lead anywhere.
    """
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(lock, flags)
    except FileNotFoundError:
        if not create:
            return None
        # Never O_CREAT alone: it would open what another put there in the meantime.
        with contextlib.suppress(FileExistsError):
            return os.open(lock, flags | os.O_CREAT | os.O_EXCL, 0o600)
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise _not_plain(lock) from None
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _not_plain(lock)
    return handle


def _take(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _give_back(handle: int, taken: Path | None) -> None:
    if taken is not None and _is_still(handle, taken):
        # Gone before it is free: who waits for this file finds that it is no more, and begins anew.
        with contextlib.suppress(OSError):
            taken.unlink()
    os.close(handle)


def _is_still(handle: int, lock: Path) -> bool:
    """Whether the file of that name is still the one that was locked."""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.fstat(handle), os.lstat(lock))
    return False


def _note(handle: int, actor: str | None) -> None:
    """Who holds it, for whoever waits. Not worth failing for."""
    note = {
        "actor": actor or _user(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}",
    }
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(note).encode(), 0)


def _holder(file: Path) -> str:
    """Who holds the lock, as its note says: another's text, so that it is cut and cleaned."""
    for note in _notes(file):
        values = [
            redact("".join(c for c in str(note.get(key, "?")) if c.isprintable())[:80])
            for key in ("actor", "host", "pid", "since")
        ]
        who, host, pid, since = values
        return f"{who} (process {pid} on {host}, since {since} UTC)"
    return "another aitui"


def _notes(file: Path) -> Iterator[dict[str, object]]:
    for lock in _places(file):
        with contextlib.suppress(OSError, ValueError, ApplyRefused, RecursionError):
            handle = _open(lock, create=False)
            if handle is None:
                continue
            try:
                note = json.loads(os.pread(handle, MAX_NOTE, 0))
            finally:
                os.close(handle)
            if isinstance(note, dict):
                yield note


def _user() -> str:
    try:
        return printable(getpass.getuser())
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def _not_plain(lock: Path) -> ApplyRefused:
    return ApplyRefused(f"{lock} is no plain file, so that it is not used as a lock. Remove it.")


def _no_lock(lock: Path, error: OSError) -> ApplyRefused:
    hint = "Remove it if no apply is under way." if lock.exists() else "Mend that first."
    return ApplyRefused(
        f"The lock {lock} cannot be had: {(error.strerror or 'unknown error').lower()}. {hint}"
    )
