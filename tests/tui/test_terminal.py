"""The parts of an orderly end that need no terminal: what is told, logged and undone."""

from __future__ import annotations

import inspect
import re
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.app import ComposeResult
from textual.drivers import linux_driver
from textual.widgets import Static

from tui import crash
from tui.terminal import RESTORE, GuardedApp, SavedTerminal

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)
SECRET = "opaque-0123456789"


def raised(message: str) -> Exception:
    hidden = f"local of {message}"
    try:
        raise ValueError(message)
    except ValueError as error:
        assert hidden
        return error


def test_restoring_undoes_every_mode_that_textual_turns_on() -> None:
    source = re.sub(r"(?m)^ *#.*$", "", inspect.getsource(linux_driver))
    turned_on = set(re.findall(r"\\x1b\[\?(\d+)h", source))
    assert {"1049", "1000", "2004"} <= turned_on
    undone = set(re.findall(r"\x1b\[\?(\d+)l", RESTORE))
    assert turned_on - {"7", "25"} <= undone
    assert "\x1b[?25h" in RESTORE
    assert "\x1b[?7h" in RESTORE
    assert RESTORE.index("\x1b[<u") < RESTORE.index("\x1b[?1049l")


def test_nothing_is_done_where_there_is_no_terminal() -> None:
    terminal = SavedTerminal(None, None)
    terminal.restore()
    assert not terminal.is_gone()
    assert not terminal.is_changed()


def test_a_report_has_no_secret_no_local_and_no_escape(tmp_path: Path) -> None:
    error = raised(f"key {SECRET} and sk-test-1234567890 \x1b[2J")
    error.add_note(f"noted {SECRET}")
    error.__cause__ = raised(f"caused by {SECRET}")
    said = crash.report([error], [SECRET], folder=tmp_path)
    (log,) = tmp_path.glob("crash-*.log")
    text = log.read_text()
    for shown in (said, text):
        assert SECRET not in shown
        assert "sk-test" not in shown
        assert "\x1b" not in shown
        assert "local of" not in shown.replace('f"local of {message}"', "")
    assert said.startswith(
        "aitui stopped because of an error of its own: ValueError: key [redacted] and [redacted]"
    )
    assert str(log) in said
    assert "noted [redacted]" in text
    assert "caused by [redacted]" in text
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_secret_that_cleaning_would_join_is_redacted() -> None:
    joined = "sk-test-\ufe0f1234567890"
    assert "1234567890" not in crash.one_line(raised(joined))


def test_a_long_secret_is_not_cut_out_of_its_shape() -> None:
    message = "x" * (crash.MAX_MESSAGE_CHARS - 20) + " sk-test-1234567890"
    assert "sk-" not in crash.one_line(raised(message))


def test_an_error_that_cannot_speak_is_told_by_its_type() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert crash.one_line(Mute()) == "Mute"
    assert crash.one_line(ValueError("two\nlines")) == "ValueError: two lines"


def test_only_the_newest_logs_are_kept(tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("not ours")
    paths = [
        crash.write_log([raised("x")], folder=tmp_path, now=NOW + timedelta(seconds=n))
        for n in range(crash.KEPT_LOGS + 3)
    ]
    assert sorted(tmp_path.glob("crash-*.log")) == paths[3:]
    assert (tmp_path / "other.txt").exists()


def test_a_log_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = crash.report([raised("boom")], folder=tmp_path / "file" / "folder")
    assert "ValueError: boom" in said
    assert "could not be written to a file: Not a directory." in said


def test_a_log_is_never_written_through_an_existing_file(tmp_path: Path) -> None:
    path = crash.write_log([raised("first")], folder=tmp_path, now=NOW)
    with pytest.raises(FileExistsError):
        crash.write_log([raised("second")], folder=tmp_path, now=NOW)
    assert "first" in path.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="the folder's place is another elsewhere")
def test_logs_go_to_the_folder_for_state(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert crash.crash_folder() == tmp_path / "aitui"


class _Failing(GuardedApp):
    def compose(self) -> ComposeResult:
        yield Static("x")

    def on_key(self) -> None:
        raise ValueError("in a handler")


async def test_in_a_pilot_an_error_reaches_the_test_and_prints_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = _Failing()

    async def run() -> None:
        async with app.run_test() as pilot:
            await pilot.press("x")
            await pilot.pause()

    with pytest.raises(ValueError, match="in a handler"):
        await run()
    assert app.return_code == 1
    assert isinstance(app.crash, ValueError)
    assert capsys.readouterr() == ("", "")


async def test_a_panic_is_an_error_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    app = _Failing()

    async def run() -> None:
        async with app.run_test() as pilot:
            app.panic("the input thread failed")
            await pilot.pause()

    with pytest.raises(RuntimeError, match="the input thread failed"):
        await run()
    assert capsys.readouterr() == ("", "")
