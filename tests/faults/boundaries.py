"""Counts the boundaries of an apply, and kills the process or lets a call fail at one of them.

A boundary is a call that changes the configuration file's folder, a commit of the store, the
reload, or a reading of the proxy; before it, amid it, and after it. Nothing in the product knows
of it: the calls are wrapped here, in a process of its own.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from store.database import SqliteDatabase
from store.errors import FailureKind, GatewayError, ReloadFailed
from store.gateway import apply, read_back
from store.gateway.apply_target import BLOCK
from store.gateway.reload_command import CommandReloader


class Mode(StrEnum):
    COUNT = "count"
    KILL = "kill"
    FAIL = "fail"
    """That one call fails."""
    FAIL_ON = "fail-on"
    """That one fails, and each call of its kind from then on: a full disk, a dead proxy."""


FOLDER_CALLS = (
    "replace", "rename", "link", "unlink", "chmod", "fchmod", "fsync", "ftruncate",
    "posix_fallocate",
)  # fmt: skip


class Boundaries:
    """Wraps the calls; `seen` are the boundaries so far, by name."""

    def __init__(self, folder: Path, mode: Mode, at: int, *, in_place: bool) -> None:
        self.seen: list[str] = []
        self._folder = os.fspath(folder)
        self._mode = mode
        self._at = at
        self._in_place = in_place
        self._lock = threading.Lock()
        self._broken: str | None = None

    def wrap(self) -> None:
        """From now on."""
        for name in FOLDER_CALLS:
            setattr(os, name, self._folder_call(name, getattr(os, name)))
        os.open = self._open(os.open)
        os.write = self._write(os.write)
        self._wrap_async(SqliteDatabase, "_commit", "commit", _disk_error)
        self._wrap_async(CommandReloader, "reload", "reload", _reload_error)
        self._wrap_async(CommandReloader, "_follow", "command", _reload_error)
        for module in (apply, read_back):
            self._wrap_async(module, "read_live", "read", _gateway_error)

    def reached(self, name: str, kind: str, error: Callable[[], Exception] | None) -> None:
        """Raises `error`, or does not return, where this is the boundary that was chosen."""
        with self._lock:
            self.seen.append(name)
            is_it = len(self.seen) == self._at
            if is_it and self._mode is Mode.KILL:
                os.kill(os.getpid(), signal.SIGKILL)
            if is_it and self._mode is Mode.FAIL_ON:
                self._broken = kind
            if error is not None and ((is_it and self._mode is Mode.FAIL) or self._broken == kind):
                raise error()

    def _is_ours(self, place: object) -> bool:
        """Whether a path or a handle is in the configuration file's folder."""
        if isinstance(place, int):
            try:
                place = os.readlink(f"/proc/self/fd/{place}")
            except OSError:
                return False
        path = os.fsdecode(place) if isinstance(place, str | bytes | os.PathLike) else ""
        return os.path.dirname(path) == self._folder or path == self._folder

    def _folder_call(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(place: Any, *args: Any, **options: Any) -> Any:
            if not self._is_ours(place):
                return real(place, *args, **options)
            if name == "replace" and self._in_place:
                raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
            self.reached(f"before {name}", "file", _no_room)
            result = real(place, *args, **options)
            self.reached(f"after {name}", "file", None)
            return result

        return wrapped

    def _open(self, real: Callable[..., int]) -> Callable[..., int]:
        def wrapped(path: Any, flags: int, *args: Any, **options: Any) -> int:
            if not self._is_ours(path):
                return real(path, flags, *args, **options)
            is_new = bool(flags & os.O_CREAT)
            self.reached("before open", "file" if is_new else "open", _no_room)
            handle = real(path, flags, *args, **options)
            self.reached("after open", "open", None)
            return handle

        return wrapped

    def _write(self, real: Callable[..., int]) -> Callable[..., int]:
        def wrapped(handle: int, data: Any) -> int:
            if not self._is_ours(handle):
                return real(handle, data)
            self.reached("before write", "file", _no_room)
            half = random.randrange(len(data) // BLOCK + 1) * BLOCK
            written = real(handle, data[:half])
            self.reached("amid write", "file", _no_room)
            written += real(handle, data[half:])
            self.reached("after write", "file", None)
            return written

        return wrapped

    def _wrap_async(
        self, owner: Any, attribute: str, name: str, error: Callable[[], Exception]
    ) -> None:
        real: Callable[..., Awaitable[Any]] = getattr(owner, attribute)

        async def wrapped(*args: Any, **options: Any) -> Any:
            self.reached(f"before {name}", name, error)
            result = await real(*args, **options)
            # What was committed cannot fail any more.
            self.reached(f"after {name}", name, None if name == "commit" else error)
            return result

        setattr(owner, attribute, wrapped)


def _no_room() -> Exception:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _disk_error() -> Exception:
    return sqlite3.OperationalError("disk I/O error")


def _reload_error() -> Exception:
    return ReloadFailed("the reload failed as it was told to.")


def _gateway_error() -> Exception:
    return GatewayError(FailureKind.PROXY_DOWN, "the proxy did not answer as it was told to.")
