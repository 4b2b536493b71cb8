"""Writing a file whole or not at all."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

from store.errors import AituiError


def check_target(path: Path, *, replace: bool) -> None:
    """Refuse a target that must not be written, before any work. Raises AituiError."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        if not path.parent.is_dir():
            raise AituiError(f"export: there is no folder {path.parent}. Make it first.") from None
        return
    except OSError as error:
        raise AituiError(f"export: cannot write {path}: {error.strerror}.") from None
    if not stat.S_ISREG(mode):
        raise AituiError(f"export: {path} is not a file. Name another, or leave -o out.")
    if not replace:
        raise AituiError(f"export: {path} exists. Name another file, or add --force.")


def write_whole(path: Path, text: str, *, replace: bool) -> str | None:
    """Write `text` so that a reader sees the old file or the new one. Blocking.

    An existing file keeps its mode, a new one is 0600. Returns a note where the file had to be
    written in place. Raises AituiError.
    """
    try:
        path = path.resolve()  # through a link, not over it
        # mkstemp makes it 0600, which a new file keeps.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise AituiError(f"export: cannot write {path}: {error.strerror}.") from None
    draft = Path(name)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        return _put(draft, path, replace=replace)
    except OSError as error:
        raise AituiError(
            f"export: cannot write {path}: {error.strerror}. The file is as it was."
        ) from None
    finally:
        draft.unlink(missing_ok=True)


def _put(draft: Path, path: Path, *, replace: bool) -> str | None:
    if not replace:
        try:
            os.link(draft, path)  # unlike a rename it never goes over a file made meanwhile
        except FileExistsError:
            raise AituiError(f"export: {path} exists. Name another file, or add --force.") from None
        except OSError:  # a file system without hard links
            check_target(path, replace=False)
            os.replace(draft, path)
    else:
        if path.exists():
            shutil.copymode(path, draft)
        try:
            os.replace(draft, path)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            return _write_in_place(draft, path)
    _sync_folder(path.parent)
    return None


def _write_in_place(draft: Path, path: Path) -> str:
    """For a file that is a mount of its own, as Docker binds single files: no rename goes there."""
    backup = path.with_name(path.name + ".bak")
    shutil.copy2(path, backup)
    with path.open("r+b") as file:
        file.write(draft.read_bytes())
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    return f"{path} is a mount, so it was written in place; what it held before is in {backup}."


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
