"""Reloading by a command: bounded in time and output, shown without keys, nothing left running."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from store.errors import ReloadFailed
from store.gateway import reload_command
from store.gateway.processes import can_look, read_process
from store.gateway.reload import make_reloader
from store.plans import ApplyRefused
from store.settings import Settings

SECRET = "quite-a-secret-value"


def command(text: str | None, **more: Any) -> Settings:
    return Settings(store_path=Path("aitui.db"), reload="command", reload_command=text, **more)


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


async def run(settings: Settings, **more: Any) -> list[str]:
    said: list[str] = []
    await asyncio.wait_for(make_reloader(settings, **more).reload(said.append), 60)
    return said


async def test_output_is_passed_on_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THEIR_API_KEY", SECRET)
    monkeypatch.setenv("PLAIN", "passed-on")
    code = f"""
import os, sys
print("\\x1b[31mred\\x1b[0m", os.environ["PLAIN"])
print("key", os.environ["THEIR_API_KEY"], file=sys.stderr, flush=True)
print("a sk-THISISAKEY1234567890", "{"given" + "-secret"}")
print(len(sys.stdin.read()), os.getpid() == os.getsid(0))
"""
    said = await run(command(python(code)), secrets=("given-secret",))
    assert sorted(said) == sorted(
        ["red passed-on", "key [redacted]", "a [redacted] [redacted]", "0 True"]
    )


async def test_without_a_shell_unless_asked() -> None:
    assert await run(command("echo $HOME; echo '* x'")) == ["$HOME; echo * x"]
    assert await run(command("echo one; echo two >&2", reload_shell=True)) == ["one", "two"]


async def test_a_command_that_fails() -> None:
    with pytest.raises(ReloadFailed, match="ended with status 3: no such unit"):
        await run(command("echo first; echo no such unit >&2; exit 3", reload_shell=True))
    with pytest.raises(ReloadFailed, match="ended with status 1, and said nothing"):
        await run(command("false"))
    with pytest.raises(ReloadFailed, match="was ended by signal 9"):
        await run(command("kill -9 $$", reload_shell=True))


async def test_a_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    text = f"trap '' TERM; sleep 600 & echo $! $$ > {pids}; echo waiting; wait; sleep 600"
    settings = command(text, reload_shell=True, reload_timeout=1.0)
    saved, reload_command.GRACE_S = reload_command.GRACE_S, 0.5  # type: ignore[misc]
    try:
        with pytest.raises(ReloadFailed, match="longer than 1 s .*was ended: waiting"):
            await run(settings)
    finally:
        reload_command.GRACE_S = saved  # type: ignore[misc]
    await_end(pids)


async def test_a_cancelled_reload_ends_the_command(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    task = asyncio.create_task(
        make_reloader(command(f"sleep 600 & echo $! $$ > {pids}; wait", reload_shell=True)).reload(
            lambda _: None
        )
    )
    end = time.monotonic() + 30
    while not (pids.exists() and pids.read_text()) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await_end(pids)


def await_end(pids: Path) -> None:
    end = time.monotonic() + 30
    numbers = [int(text) for text in pids.read_text().split()]
    assert len(numbers) == 2
    while any(is_running(pid) for pid in numbers) and time.monotonic() < end:
        time.sleep(0.02)
    assert not any(is_running(pid) for pid in numbers)


def is_running(pid: int) -> bool:
    if can_look():
        return read_process(pid) is not None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_much_output_is_bounded() -> None:
    code = f"""
for n in range(200_000):
    print("line", n, "{SECRET}" if n % 2 else "")
print("x" * 1_000_000)
print("the end")
"""
    said = await run(command(python(code)), secrets=(SECRET,))
    assert len(said) <= reload_command.MAX_SAID + reload_command.LAST_LINES + 1
    assert said[-1] == "the end"
    assert max(len(line) for line in said) <= reload_command.MAX_WIDTH
    assert not any("secret" in line for line in said)


async def test_output_without_an_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload_command, "MAX_OUTPUT", 1 << 20)
    with pytest.raises(ReloadFailed, match="wrote more than 1 MiB and was ended: yy"):
        await run(command("yes yy"))


async def test_what_the_command_leaves_running_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a script does that starts the proxy with `&`: nobody waits for it or breaks its output."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    pid_file = tmp_path / "pid"
    text = f"sh -c 'sleep 0.5; echo late; sleep 600' & echo $! > {pid_file}; echo started"
    said = await run(command(text, reload_shell=True))
    pid = int(pid_file.read_text())
    try:
        assert is_running(pid)
        assert said[0] == "started"
        assert len(said) == 2
        (log,) = tmp_path.glob("aitui-reload-*.log")
        assert str(log) in said[1]
        end = time.monotonic() + 30
        while "late" not in log.read_text() and time.monotonic() < end:
            await asyncio.sleep(0.02)
        assert log.read_text() == "started\nlate\n"
    finally:
        os.killpg(os.getpgid(pid), signal.SIGKILL)


async def test_no_output_is_left_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    await run(command("echo done"))
    with pytest.raises(ReloadFailed):
        await run(command("false"))
    assert not list(tmp_path.iterdir())


async def test_programs_that_are_not_there(tmp_path: Path) -> None:
    script = tmp_path / "restart.sh"
    script.write_text("echo no first line\n")
    for text in ("no-such-program-anywhere x", str(script), str(tmp_path)):
        with pytest.raises(ApplyRefused, match="there is no program"):
            await make_reloader(command(text)).check()
        with pytest.raises(ReloadFailed, match="cannot be started"):
            await run(command(text))
        with pytest.raises(ReloadFailed, match="cannot be started"):
            make_reloader(command(text)).fire()
    script.chmod(0o700)
    await make_reloader(command(str(script))).check()
    with pytest.raises(ReloadFailed, match=r"cannot be started: Exec format error"):
        await run(command(str(script)))
    with pytest.raises(ApplyRefused, match="reload_command is not set"):
        await make_reloader(command(None)).check()
    await make_reloader(command("no-such | thing", reload_shell=True)).check()


async def test_fired_and_left_to_itself(tmp_path: Path) -> None:
    done = tmp_path / "done"
    reloader = make_reloader(command(f"sleep 0.1; echo $$ > {done}", reload_shell=True))
    reloader.fire()
    assert not done.exists(), "nobody waits for it"
    end = time.monotonic() + 30
    while not (done.exists() and done.read_text()) and time.monotonic() < end:
        await asyncio.sleep(0.02)
    assert int(done.read_text()) != os.getpgrp()


def test_the_outage_is_told_beforehand() -> None:
    settings = command("systemctl restart litellm")
    assert make_reloader(settings).automatic
    told = make_reloader(settings).describe()
    assert "`systemctl restart litellm`" in told
    assert "about 20 s without service; LiteLLM takes that long to start" in told
    assert (
        "about 8 s without service, as the last time" in make_reloader(settings, 8_200).describe()
    )
    assert "no outage was seen" in make_reloader(settings, 0).describe()


def test_a_key_in_the_command_is_not_shown() -> None:
    command = "curl -H 'Authorization: Bearer tok3n-0123456' sk-abcdef123456 -H \"Bearer $KEY\""
    settings = Settings(store_path=Path("x"), reload="command", reload_command=command)
    said = make_reloader(settings).describe()
    assert "tok3n" not in said
    assert "sk-abcdef" not in said
    assert "Bearer $KEY" in said
