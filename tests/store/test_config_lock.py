"""One apply a file at a time: who waits, who is told of whom; no lock outlives its owner."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from store.errors import ConfigFileError
from store.gateway import config_lock
from store.gateway.config_lock import hold_lock, is_locked
from store.plans import ApplyRefused

HOLDER = """
import asyncio, sys
from pathlib import Path
from store.gateway.config_lock import hold_lock

async def main():
    async with hold_lock(Path(sys.argv[1]), wait_s=0, say=print, actor="kim"):
        print("held", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.touch()
    return path


def hold(path: Path, **more: Any) -> Any:
    return hold_lock(path, **{"wait_s": 0.0, "say": lambda _: None, **more})


async def test_held_and_given_back(file: Path) -> None:
    lock = file.with_name(".config.yaml.aitui-lock")
    for _ in range(2):
        async with hold(file, actor="kim"):
            assert is_locked(file)
            assert stat.S_IMODE(lock.stat().st_mode) == 0o600
            assert '"actor": "kim"' in lock.read_text()
        assert not is_locked(file)
        assert list(file.parent.iterdir()) == [file]


async def test_the_second_is_told_of_the_first(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    async with hold(file, actor="kim"):
        with pytest.raises(ApplyRefused, match=rf"kim \(process {os.getpid()} on .* UTC\)"):
            async with hold(link):
                raise AssertionError("both held it")
    async with hold(link):
        pass


async def test_the_second_waits_for_the_first(file: Path) -> None:
    said: list[str] = []
    order: list[str] = []

    async def second() -> None:
        async with hold(file, wait_s=30, say=said.append):
            order.append("second")

    async with hold(file, actor="kim\x1b[31m"):
        waiting = asyncio.create_task(second())
        while not said:
            await asyncio.sleep(0.01)
        order.append("first")
    await asyncio.wait_for(waiting, 30)
    assert order == ["first", "second"]
    assert len(said) == 1
    assert said[0].startswith("waiting for kim[31m (process ")


async def test_many_at_once_never_two(file: Path) -> None:
    inside = most = done = 0

    async def one() -> None:
        nonlocal inside, most, done
        async with hold(file, wait_s=60):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= 1
            done += 1

    await asyncio.wait_for(asyncio.gather(*(one() for _ in range(8))), 60)
    assert (most, done) == (1, 8)


async def test_a_killed_holder_holds_nothing(file: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(file)]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert is_locked(file)
        with pytest.raises(ApplyRefused, match=rf"kim \(process {process.pid} on"):
            async with hold(file):
                pass
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    finally:
        process.kill()
        process.communicate()
    assert not is_locked(file), "although its lock file is still there"
    async with hold(file):
        assert is_locked(file)


async def test_a_planted_lock_is_not_followed(file: Path, tmp_path: Path) -> None:
    lock = file.with_name(".config.yaml.aitui-lock")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock.symlink_to(victim)
    with pytest.raises(ApplyRefused, match="no plain file"):
        async with hold(file):
            pass
    assert victim.read_text() == "precious"
    lock.unlink()
    os.mkfifo(lock)
    with pytest.raises(ApplyRefused, match="no plain file"):
        async with hold(file):
            pass
    assert not is_locked(file)


@pytest.mark.parametrize(
    "note", ["", "[]", "{", '{"actor": {"a": 1}, "pid": "sk-THISISAKEY1234567890"}']
)
async def test_a_strange_note_is_no_trouble(file: Path, note: str) -> None:
    async with hold(file):
        file.with_name(".config.yaml.aitui-lock").write_text(note)
        with pytest.raises(ApplyRefused, match="is applying to") as caught:
            async with hold(file):
                pass
    assert "THISISAKEY" not in str(caught.value)


async def test_a_folder_that_may_not_be_written(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, real = tmp_path / "shared", os.open
    shared.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(shared))

    def refusing(path: Any, flags: int, *rest: int, **named: Any) -> int:
        if flags & os.O_CREAT and Path(path).parent == file.parent:
            raise PermissionError(errno.EACCES, "refused")
        return real(path, flags, *rest, **named)

    monkeypatch.setattr(os, "open", refusing)
    async with hold(file):
        assert len(list(shared.iterdir())) == 1
        assert is_locked(file)
        with pytest.raises(ApplyRefused, match="is applying to"):
            async with hold(file):
                pass
    assert not list(shared.iterdir())


async def test_one_who_may_not_write_the_folder_is_seen_by_one_who_may(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(shared))
    real = config_lock._places
    monkeypatch.setattr(config_lock, "_places", lambda path: real(path)[::-1])
    async with hold(file, actor="kim"):
        assert [entry.suffix for entry in shared.iterdir()] == [".lock"]
        monkeypatch.setattr(config_lock, "_places", real)
        with pytest.raises(ApplyRefused, match="kim"):
            async with hold(file):
                pass
    async with hold(file):
        pass


async def test_no_file_to_lock(file: Path) -> None:
    file.unlink()
    assert not is_locked(file)
    with pytest.raises(ConfigFileError, match="no file"):
        async with hold(file):
            pass
