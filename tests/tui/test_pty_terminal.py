"""However the app ends, the terminal is as it was and nothing secret is on it."""

from __future__ import annotations

import os
import re
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pty_app import PtyApp, is_running, python
from tests.tui.mini_app import OPAQUE, SECRET

MINI = str(Path(__file__).with_name("mini_app.py"))
SLACK_S = 3.0
"""What a loaded machine may add to the promised seconds."""

Start = Callable[..., PtyApp]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def start_mini(how: str, ignore_hangup: bool = False) -> PtyApp:
        env = {"XDG_STATE_HOME": str(tmp_path / "state"), "HOME": str(tmp_path)}
        return PtyApp(python(MINI, how, str(tmp_path)), env=env, ignore_hangup=ignore_hangup)

    return start_mini


def pid_shown(app: PtyApp) -> int:
    app.wait_for(lambda app: re.search(r"ready \d+\s", app.text) is not None)
    found = re.search(r"ready (\d+)", app.text)
    assert found is not None
    return int(found[1])


def assert_restored(app: PtyApp) -> None:
    assert app.settings() == app.settings_before
    raw = bytes(app.raw)
    for on, off in (
        (b"\x1b[?1049h", b"\x1b[?1049l"),
        (b"\x1b[?25l", b"\x1b[?25h"),
        (b"\x1b[?1000h", b"\x1b[?1000l"),
        (b"\x1b[?1003h", b"\x1b[?1003l"),
        (b"\x1b[?1006h", b"\x1b[?1006l"),
        (b"\x1b[?2004h", b"\x1b[?2004l"),
        (b"\x1b[?1004h", b"\x1b[?1004l"),
        (b"\x1b[?7l", b"\x1b[?7h"),
    ):
        assert on in raw, on
        assert raw.rfind(off) > raw.rfind(on), off
    # One level of the kitty keyboard protocol was pushed, and one popped.
    assert len(re.findall(rb"\x1b\[>[0-9]+u", raw)) == raw.count(b"\x1b[<u") == 1


def wait_until_gone(pid: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while is_running(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs after {seconds} s"
        time.sleep(0.02)


def crash_log(tmp_path: Path) -> Path:
    logs = list((tmp_path / "state").rglob("crash-*.log"))
    assert len(logs) == 1
    return logs[0]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_it_in_order(start: Start, tmp_path: Path, signum: int) -> None:
    with start("plain") as app:
        app.wait_for("ready")
        assert app.settings() != app.settings_before
        app.signal(signum)
        assert app.wait(2 + SLACK_S) == 128 + signum
        assert_restored(app)
    assert (tmp_path / "written").exists()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("how", ["hanging-writes", "blocked"])
def test_a_signal_ends_it_though_it_hangs(start: Start, how: str) -> None:
    with start(how) as app:
        app.wait_for("ready")
        if how == "blocked":
            app.press("x")
            app.read(0.5)
        app.signal(signal.SIGTERM)
        assert app.wait(2 + SLACK_S) == 128 + signal.SIGTERM
        assert_restored(app)


def test_stopped_and_continued_it_still_restores_the_terminal(start: Start) -> None:
    with start("plain") as app:
        app.wait_for("ready")
        app.signal(signal.SIGSTOP)
        app.signal(signal.SIGCONT)
        app.read(0.5)
        app.signal(signal.SIGTERM)
        assert app.wait(2 + SLACK_S) == 128 + signal.SIGTERM
        assert app.settings() == app.settings_before


def test_a_terminal_that_takes_no_output_does_not_keep_it(start: Start) -> None:
    with start("plain") as app:
        app.wait_for("ready")
        app.resize(200, 60)  # repaints more than the terminal holds, and nobody reads it
        for columns in range(120, 200):
            app.resize(columns, 60)
            time.sleep(0.005)
        app.signal(signal.SIGTERM)
        deadline = time.monotonic() + 2 + SLACK_S
        while app.process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert app.process.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("ignored", [False, True])
def test_a_lost_terminal_ends_it(start: Start, tmp_path: Path, ignored: bool) -> None:
    with start("plain", ignore_hangup=ignored) as app:
        pid = pid_shown(app)
        assert pid == app.process.pid
        app.hang_up()
        assert app.wait(3 + SLACK_S) == 128 + signal.SIGHUP
        assert not is_running(pid)
    assert (tmp_path / "written").exists()
    assert not (tmp_path / "state").exists()


def test_a_lost_terminal_ends_it_though_it_hangs(start: Start) -> None:
    with start("blocked", ignore_hangup=True) as app:
        pid = pid_shown(app)
        app.press("x")
        app.read(0.5)
        app.hang_up()
        wait_until_gone(pid, 3 + SLACK_S)


@pytest.mark.parametrize("trap", ["trap '' HUP", ":"])
def test_a_lost_terminal_leaves_no_orphan_behind_a_shell(tmp_path: Path, trap: str) -> None:
    script = f'{trap}; "$@"; exit $?'
    with PtyApp(["sh", "-c", script, "sh", *python(MINI, "plain", str(tmp_path))]) as app:
        pid = pid_shown(app)
        assert pid != app.process.pid
        app.hang_up()
        wait_until_gone(pid, 3 + SLACK_S)
    assert (tmp_path / "written").exists()


@pytest.mark.parametrize("how", ["crash", "worker-crash", "crash-at-mount"])
def test_a_crash_tells_no_secret(start: Start, tmp_path: Path, how: str) -> None:
    with start(how) as app:
        if how != "crash-at-mount":
            app.wait_for("ready")
            app.press("x")
        assert app.wait() == 1
        assert_restored(app)
        said = bytes(app.raw).rpartition(b"\x1b[?1049l")[2].decode()
    assert "aitui stopped because of an error of its own: ValueError: bad key" in said
    log = crash_log(tmp_path)
    assert log.name in said.replace("\r\n", "")
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert stat.S_IMODE(log.parent.stat().st_mode) == 0o700
    logged = log.read_text()
    assert "in fail" in logged
    assert "ValueError: bad key [redacted] or [redacted]" in logged
    for secret in (SECRET, OPAQUE, "\x1b]52"):
        assert secret.encode() not in bytes(app.raw)
        assert secret not in logged
    # The line that made the value is our source and may be shown; the frame's values may not.
    assert "local_only = " not in logged
    assert "api_key = " not in said + logged
    assert (tmp_path / "written").exists()


@pytest.mark.parametrize("how", ["thread", "task"])
def test_an_error_in_the_background_is_told_at_the_end(
    start: Start, tmp_path: Path, how: str
) -> None:
    with start(how) as app:
        app.wait_for("ready")
        app.press("x")
        assert app.wait() == 0
        assert_restored(app)
    raw = bytes(app.raw)
    assert b"ValueError: bad key [redacted]" in raw
    assert SECRET.encode() not in raw
    assert SECRET not in crash_log(tmp_path).read_text()


def test_an_ordinary_end_says_nothing_and_keeps_its_status(start: Start, tmp_path: Path) -> None:
    with start("status") as app:
        app.wait_for("ready")
        app.press("x")
        assert app.wait() == 3
        assert_restored(app)
    after = bytes(app.raw).rpartition(b"\x1b[?1049l")[2]
    assert re.sub(rb"\x1b\[\?[0-9]+[hl]", b"", after) == b""
    assert not (tmp_path / "state").exists()


def test_the_harness_shows_what_a_program_draws() -> None:
    script = "printf '\\033[2;3Hhere'; stty size; read line; echo got $line; exit 7"
    with PtyApp(["sh", "-c", script], size=(100, 30)) as app:
        app.wait_for("30 100")
        assert app.lines[1].startswith("  here")
        app.send("word\n")
        assert app.wait() == 7
        assert "got word" in app.text


def test_the_harness_ends_what_it_started() -> None:
    with PtyApp(["sleep", "600"]) as app:
        pid = app.process.pid
        assert is_running(pid)
        with pytest.raises(AssertionError, match="did not come"):
            app.wait_for("never", timeout=0.2)
    assert not is_running(pid)


def test_without_a_terminal_a_signal_still_ends_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        python(MINI, "plain", str(tmp_path)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(MINI).parents[2])},
    )
    try:
        assert process.stderr is not None
        assert process.stderr.read(1)
        process.terminate()
        process.communicate(timeout=10)
        assert process.returncode == 128 + signal.SIGTERM
    finally:
        process.kill()
        process.wait()
