"""Backups and writes of the proxy's file: whole, with mode and owner, whatever goes wrong."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from store.errors import ConfigFileError
from store.gateway import config_write
from store.gateway.config_write import (
    back_up,
    backups_of,
    read_bytes,
    replace_file,
    why_in_place,
)
from store.gateway.yaml_reader import MAX_BYTES

OLD, NEW = b"model_list: []\n", b"model_list:\n- model_name: new\n"
NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_bytes(OLD)
    path.chmod(0o640)
    return path


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def fail(name: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a call of the system fail, as often as it is made."""

    def failing(*_: object, **__: object) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, name, failing)


def test_replaced_with_mode_and_owner(file: Path) -> None:
    before = file.stat()
    assert not replace_file(file, NEW)
    after = file.stat()
    assert read_bytes(file) == NEW
    assert after.st_ino != before.st_ino
    assert (after.st_mode, after.st_uid, after.st_gid) == (
        before.st_mode, before.st_uid, before.st_gid,
    )  # fmt: skip
    assert names(file.parent) == ["config.yaml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_anothers_file_stays_anothers(file: Path) -> None:
    os.chown(file, 12345, 23456)
    assert not replace_file(file, NEW)
    after = file.stat()
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (12345, 23456, 0o640)


def test_where_the_owner_cannot_be_kept_it_is_written_in_place(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fstat

    def anothers(handle: int) -> os.stat_result:
        found = real(handle)
        return os.stat_result((*found[:4], found.st_uid + (found.st_size == len(OLD)), *found[5:]))

    monkeypatch.setattr(os, "fstat", anothers)
    fail("fchown", errno.EPERM, monkeypatch)
    inode = file.stat().st_ino
    assert replace_file(file, NEW)
    assert (file.read_bytes(), file.stat().st_ino) == (NEW, inode)
    assert names(file.parent) == ["config.yaml"]


def test_attributes_are_kept(file: Path) -> None:
    try:
        os.setxattr(file, "user.note", b"ours")
    except OSError:
        pytest.skip("this file system has no attributes")
    replace_file(file, NEW)
    assert os.getxattr(file, "user.note") == b"ours"


def test_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    link = tmp_path / "etc" / "link.yaml"
    link.symlink_to("../config.yaml")
    assert not replace_file(link, NEW)
    assert link.is_symlink()
    assert file.read_bytes() == NEW
    assert back_up(link).parent == tmp_path, "beside the file, not beside the link"


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES])
@pytest.mark.parametrize("data", [NEW, b"x\n", b""])
def test_what_cannot_be_replaced_is_written_in_place(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int, data: bytes
) -> None:
    fail("replace", number, monkeypatch)
    before = file.stat()
    assert replace_file(file, data)
    assert file.read_bytes() == data
    assert (file.stat().st_ino, file.stat().st_mode) == (before.st_ino, before.st_mode)
    assert names(file.parent) == ["config.yaml"], "no temporary file is left"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_leaves_the_file_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch, number: int, call: str
) -> None:
    fail(call, number, monkeypatch)
    with pytest.raises(ConfigFileError, match="It was left as it is") as caught:
        replace_file(file, NEW)
    assert ("the disk is full" in str(caught.value)) is (number != errno.EIO)
    assert file.read_bytes() == OLD
    assert names(file.parent) == ["config.yaml"]


def test_a_full_disk_is_found_before_writing_in_place(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail("replace", errno.EBUSY, monkeypatch)
    fail("posix_fallocate", errno.ENOSPC, monkeypatch)
    with pytest.raises(ConfigFileError, match="disk is full. It was left as it is"):
        replace_file(file, NEW)
    assert file.read_bytes() == OLD


def test_writing_in_place_that_breaks_off_is_told(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail("replace", errno.EBUSY, monkeypatch)
    fail("ftruncate", errno.EIO, monkeypatch)
    with pytest.raises(ConfigFileError, match="only partly written.*backup"):
        replace_file(file, NEW)


def test_what_a_crash_left_is_cleared(file: Path) -> None:
    folder = file.parent
    (folder / ".config.yaml.aitui-new-0123456789ab").write_text("half")
    (folder / ".other.yaml.aitui-new-0123456789ab").write_text("not ours")
    replace_file(file, NEW)
    assert names(folder) == [".other.yaml.aitui-new-0123456789ab", "config.yaml"]


def no_file(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


@pytest.mark.parametrize(
    ("become", "message"),
    [
        (no_file, "no file"),
        (a_folder, "is a folder"),
        (a_pipe, "no regular file"),
        (a_circle, "cannot be found"),
    ],
)
@pytest.mark.parametrize("do", [read_bytes, back_up, lambda path: replace_file(path, NEW)])
def test_what_is_no_file_is_refused(
    file: Path, become: Callable[[Path], None], message: str, do: Callable[[Path], object]
) -> None:
    become(file)
    with pytest.raises(ConfigFileError, match=message):
        do(file)
    assert not any("aitui" in name for name in names(file.parent))


def test_a_file_that_is_too_large_is_not_read(file: Path) -> None:
    os.truncate(file, MAX_BYTES + 1)
    with pytest.raises(ConfigFileError, match="larger than"):
        read_bytes(file)


def test_a_backup_is_a_copy_for_its_owner(file: Path) -> None:
    backup = back_up(file, now=lambda: NOON)
    assert backup == file.with_name("config.yaml.aitui-backup-20260102-120000")
    assert backup.read_bytes() == OLD
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    file.chmod(0o400)
    assert stat.S_IMODE(back_up(file, now=lambda: NOON).stat().st_mode) == 0o400


def test_the_newest_five_backups_and_the_first_are_kept(file: Path) -> None:
    others = (
        "config.yaml.aitui-backup-by-hand",
        "config.yaml.bak",
        "b.aitui-backup-20200101-000000",
    )
    for other in others:
        (file.parent / other).write_text("not ours")
    made = [back_up(file, now=partial(NOON.__add__, timedelta(seconds=n // 2))) for n in range(12)]
    assert len(set(made)) == 12, "two in one second have names of their own"
    kept = [*made[:-6:-1], made[0]]
    assert backups_of(file) == kept
    assert set(names(file.parent)) == {"config.yaml", *others, *(p.name for p in kept)}


def test_a_full_disk_while_backing_up(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fail("fsync", errno.ENOSPC, monkeypatch)
    with pytest.raises(ConfigFileError, match="cannot be backed up.*the disk is full"):
        back_up(file)
    assert names(file.parent) == ["config.yaml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write any folder")
def test_a_folder_that_may_not_be_written(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = file.parent / "own"
    monkeypatch.setattr(config_write, "_own_folder", lambda: own)
    own.mkdir()
    file.parent.chmod(0o500)
    try:
        assert "may not be written" in (why_in_place(file) or "")
        assert replace_file(file, NEW)
        assert back_up(file).parent == own
    finally:
        file.parent.chmod(0o700)
    assert file.read_bytes() == NEW


def test_where_the_backup_cannot_lie_beside_it_lies_with_our_data(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, real = file.parent / "own" / "backups", os.open
    monkeypatch.setattr(config_write, "_own_folder", lambda: own)

    def refusing(path: Any, flags: int, *rest: int, **named: Any) -> int:
        if flags & os.O_CREAT and Path(path).parent == file.parent:
            raise PermissionError(errno.EACCES, "refused")
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refusing)
    backup = back_up(file)
    assert backup.parent == own
    assert stat.S_IMODE(own.stat().st_mode) == 0o700
    assert backup.read_bytes() == OLD


MOUNTED = """
import sys
from pathlib import Path
from store.gateway.config_write import back_up, replace_file, why_in_place
file = Path(sys.argv[1])
print(why_in_place(file))
print(replace_file(file, b"x" * 100_000), replace_file(file, b"short"), back_up(file).name)
"""


def test_a_bind_mount(file: Path) -> None:
    """As in a container: the file alone is mounted from elsewhere."""
    elsewhere = file.parent / "elsewhere.yaml"
    elsewhere.write_bytes(OLD)
    script = 'mount --bind "$1" "$2" && exec "$3" -c "$4" "$2"'
    command = ["unshare", "-rm", "sh", "-c", script, "sh"]
    command += [str(elsewhere), str(file), sys.executable, MOUNTED]
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare here")
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60, cwd=Path(__file__).parents[2]
    )
    if done.returncode != 0 and ("mount" in done.stderr or "unshare" in done.stderr):
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    why, result = done.stdout.splitlines()
    assert "bind mount" in why
    assert result.startswith("True True config.yaml.aitui-backup-")
    assert elsewhere.read_bytes() == b"short"
    assert file.read_bytes() == OLD, "outside, nothing is mounted over it"
    assert why_in_place(file) is None
