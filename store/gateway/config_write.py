"""Writing the proxy's file so that it is the old one or the new one, whole, whatever happens.

A symbolic link stays: what it leads to is read, kept and replaced.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from store.errors import ConfigFileError
from store.gateway.config_lock import hold_lock as hold_lock
from store.gateway.config_lock import is_locked as is_locked
from store.gateway.config_lock import resolve_file
from store.gateway.yaml_reader import MAX_BYTES

KEPT_BACKUPS: Final = 5
_DRAFT: Final = ".aitui-new-"

_NO_REPLACE: Final = frozenset(
    {errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOTSUP}
)
"""Why a file cannot be put in another's place, although that one may be writable."""


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises ConfigFileError."""
    with _opened(resolve_file(path), os.O_RDONLY, "read") as handle:
        data = _read_all(handle, MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ConfigFileError(f"{path} is larger than {MAX_BYTES >> 20} MiB.")
    return data


def back_up(path: Path, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Path:
    """Copy the file beside itself, for its owner only, and keep the newest five such copies.

    Where the folder may not be written, the copy goes to the folder of aitui's own data.
    Raises ConfigFileError.
    """
    file = resolve_file(path)
    with _opened(file, os.O_RDONLY, "read") as handle:
        data = _read_all(handle, MAX_BYTES)
        mode = os.fstat(handle).st_mode & 0o600
    stamp = f"{now().astimezone(UTC):%Y%m%d-%H%M%S}"
    for folder in (file.parent, _own_folder()):
        try:
            backup = _copy(folder, f"{file.name}.aitui-backup-{stamp}", data, mode)
        except OSError as error:
            if folder == file.parent and error.errno in (*_NO_REPLACE, errno.ENOENT):
                continue
            raise ConfigFileError(
                f"{path} cannot be backed up to {folder}: {_why(error)}. It was left as it is."
            ) from None
        _sync_folder(folder)
        # The oldest is the file from before aitui: it stays.
        for old in backups_of(file, folder)[KEPT_BACKUPS:-1]:
            with contextlib.suppress(OSError):
                old.unlink()
        return backup
    raise AssertionError("unreachable")


def backups_of(path: Path, folder: Path | None = None) -> list[Path]:
    """The copies that `back_up` made of a file, newest first."""
    file = path.resolve()
    made = re.compile(re.escape(file.name) + r"\.aitui-backup-(\d{8}-\d{6})(?:-(\d+))?")
    found = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder or file.parent):
            match = made.fullmatch(entry.name)
            if match and entry.is_file(follow_symlinks=False):
                found.append((match[1], int(match[2] or 0), Path(entry.path)))
    return [path for *_, path in sorted(found, reverse=True)]


def replace_file(path: Path, data: bytes) -> bool:
    """Put `data` in place of the file's content; mode, owner and attributes stay.

    True where it had to be written in place, because it cannot be replaced (a bind mount, a folder
    that may not be written): only then could a reader meet it half written. Raises ConfigFileError;
    the file is then as it was, except where writing in place broke off, which the message says.
    """
    file = resolve_file(path)
    with _opened(file, os.O_RDONLY, "read") as handle:
        before = os.fstat(handle)
        _drop_leftovers(file)
        try:
            _replace(file, data, handle, before)
        except OSError as error:
            if error.errno not in _NO_REPLACE:
                raise ConfigFileError(
                    f"{path} cannot be written: {_why(error)}. It was left as it is."
                ) from None
        else:
            return False
    _write_in_place(file, data)
    return True


def why_in_place(path: Path) -> str | None:
    """Why the file can only be written in place; None where it can be replaced. May be wrong."""
    file = resolve_file(path)
    if file in _mount_points():
        return "it is a mount of its own (a bind mount)"
    if not os.access(file.parent, os.W_OK | os.X_OK):
        return f"{file.parent} may not be written"
    if file.stat().st_uid != os.geteuid() and os.geteuid() != 0:
        return "it belongs to another user, and would not any more"
    return None


def _replace(file: Path, data: bytes, original: int, before: os.stat_result) -> None:
    """Raises OSError; the file is then untouched and the new one is gone."""
    new = file.with_name(f".{file.name}{_DRAFT}{secrets.token_hex(6)}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        try:
            _write_all(handle, data)
            ours = os.fstat(handle)
            if (ours.st_uid, ours.st_gid) != (before.st_uid, before.st_gid):
                os.fchown(handle, before.st_uid, before.st_gid)
            os.fchmod(handle, stat.S_IMODE(before.st_mode))
            _copy_attributes(original, handle)
            os.fsync(handle)
        finally:
            os.close(handle)
        os.replace(new, file)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
    _sync_folder(file.parent)


def _write_in_place(file: Path, data: bytes) -> None:
    with _opened(file, os.O_RDWR, "written") as handle:
        size = os.fstat(handle).st_size
        try:
            if len(data) > size:
                # Room first: a full disk is found before the first byte is overwritten.
                _reserve(handle, size, len(data) - size)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, size)
            raise ConfigFileError(
                f"{file} cannot be written: {_why(error)}. It was left as it is."
            ) from None
        try:
            os.lseek(handle, 0, os.SEEK_SET)
            _write_all(handle, data)
            os.ftruncate(handle, len(data))
            os.fsync(handle)
        except OSError as error:
            raise ConfigFileError(
                f"{file} is only partly written: {_why(error)}. Put its newest backup back."
            ) from None


def _reserve(handle: int, start: int, count: int) -> None:
    try:
        os.posix_fallocate(handle, start, count)
    except (AttributeError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            raise


@contextlib.contextmanager
def _opened(file: Path, flags: int, what: str) -> Iterator[int]:
    """A regular file. Raises ConfigFileError; never waits (as it would for a FIFO)."""
    try:
        handle = os.open(file, flags | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise ConfigFileError(f"There is no file {file} any more.") from None
    except OSError as error:
        raise ConfigFileError(_not_opened(file, what, error)) from None
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
            raise ConfigFileError(f"{file} is {kind}. Correct gateway.config_file.")
        yield handle
    finally:
        os.close(handle)


def _not_opened(file: Path, what: str, error: OSError) -> str:
    if error.errno == errno.EISDIR:
        return f"{file} is a folder. Correct gateway.config_file."
    if error.errno == errno.ENXIO:
        return f"{file} is no regular file. Correct gateway.config_file."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{file} may not be {what}. Run aitui as a user who may, or change its mode."
    return f"{file} cannot be {what}: {_why(error)}."


def _read_all(handle: int, limit: int) -> bytes:
    data = bytearray()
    while len(data) < limit and (part := os.read(handle, min(1 << 20, limit - len(data)))):
        data += part
    return bytes(data)


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _copy(folder: Path, name: str, data: bytes, mode: int) -> Path:
    """A new file of that name, with a number where there is one already. Raises OSError.

    It has its name only when it is whole: half a copy must not pass for the newest one.
    """
    if folder == _own_folder():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{name.partition('.aitui-backup-')[0]}{_DRAFT}{secrets.token_hex(6)}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            os.fchmod(handle, mode)
            _write_all(handle, data)
            os.fsync(handle)
        finally:
            os.close(handle)
        number, path = 1, folder / name
        while os.path.lexists(path):  # the apply's lock keeps others from taking the name
            number += 1
            path = folder / f"{name}-{number}"
        os.rename(draft, path)
    except BaseException:
        with contextlib.suppress(OSError):
            draft.unlink()
        raise
    return path


def _own_folder() -> Path:
    from platformdirs import user_data_path

    return user_data_path("aitui", appauthor=False) / "backups"


def _drop_leftovers(file: Path) -> None:
    """What a crash left between writing and renaming. The lock says that nobody is at it now."""
    ours = re.compile(
        re.escape(f".{file.name}") + rf"({re.escape(_DRAFT)}[0-9a-f]{{12}}|\.aitui-check-\d+)"
    )
    with contextlib.suppress(OSError):
        for entry in list(os.scandir(file.parent)):
            if ours.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    os.unlink(entry.path)


def _copy_attributes(source: int, target: int) -> None:
    """Access lists and labels, as far as the file system and our rights allow."""
    if not hasattr(os, "listxattr"):
        return
    with contextlib.suppress(OSError):
        for name in os.listxattr(source):
            with contextlib.suppress(OSError):
                os.setxattr(target, name, os.getxattr(source, name))


def _sync_folder(folder: Path) -> None:
    """So that the new name survives a power cut. Not every file system can; then it is as it is."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _mount_points() -> frozenset[Path]:
    """Where something is mounted, as Linux tells (man proc_pid_mountinfo: the fifth column)."""
    try:
        lines = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return frozenset()
    found = set()
    for line in lines:
        columns = line.split(b" ")
        if len(columns) > 4:
            plain = re.sub(rb"\\([0-7]{3})", lambda m: bytes((int(m[1], 8) & 0xFF,)), columns[4])
            found.add(Path(os.fsdecode(plain)))
    return frozenset(found)


def _why(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    return (error.strerror or type(error).__name__).lower()
