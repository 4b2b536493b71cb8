"""Streams and places that a shell can hand over: full, closed, gone, a pipe, no text."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.cli_tools import DEADLINE_S, MAIN, environment, run

CONFIG = """\
model_list:
- model_name: gpt
  litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a configuration, and a store of it."""
    (tmp_path / "c.yaml").write_text(CONFIG)
    assert run(tmp_path, "import", str(tmp_path / "c.yaml")).returncode == 0
    return tmp_path


def shell(home: Path, line: str, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run `aitui` by a shell line, in which it is `"$@"`."""
    return subprocess.run(
        ["/bin/sh", "-c", line, "sh", sys.executable, "-c", MAIN, *args],
        env={**environment(home, **more), "PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )


def crash_logs(home: Path) -> list[Path]:
    return list(home.rglob("crash-*.log"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("args", [("models", "list"), ("models", "list", "--json"), ("--help",)])
def test_a_full_disk_behind_stdout_is_one_sentence(home: Path, args: tuple[str, ...]) -> None:
    done = shell(home, '"$@" > /dev/full', *args)
    assert done.returncode == 1
    assert done.stderr == "aitui: stdout: cannot be written: No space left on device.\n"
    assert crash_logs(home) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_behind_stderr_changes_no_status(home: Path) -> None:
    assert shell(home, '"$@" 2> /dev/full', "models", "show", "nope").returncode == 1
    assert crash_logs(home) == []


@pytest.mark.parametrize(
    ("line", "args", "status"),
    [
        ('"$@" >&-', ("models", "list"), 0),
        ('"$@" >&-', ("--version",), 0),
        ('"$@" 2>&-', ("models", "show", "nope"), 1),
        ('"$@" <&- >&- 2>&-', (), 2),
    ],
)
def test_closed_streams_crash_nothing(
    home: Path, line: str, args: tuple[str, ...], status: int
) -> None:
    assert shell(home, line, *args).returncode == status
    assert crash_logs(home) == []


def test_a_user_whose_name_is_no_text_can_change_things(home: Path) -> None:
    done = run(home, "models", "disable", "gpt", LOGNAME=os.fsdecode(b"\xff"))
    assert (done.returncode, crash_logs(home)) == (0, [])


def test_a_file_whose_name_is_no_text_can_be_imported(home: Path) -> None:
    name = os.fsdecode(b"\xff.yaml")
    try:
        (home / name).write_text(CONFIG.replace("gpt", "new"))
    except OSError:
        pytest.skip("this file system takes only text for a name")
    done = run(home, "import", str(home / name))
    assert (done.returncode, crash_logs(home)) == (0, [])


@pytest.mark.parametrize(
    "args", [("import", "c.yaml"), ("export", "-o", "x.yaml"), ("models", "list", "--store", "x")]
)
def test_a_folder_that_is_gone_is_one_sentence(home: Path, args: tuple[str, ...]) -> None:
    gone = home / "gone"
    gone.mkdir()
    done = shell(home, f"cd '{gone}' && rmdir '{gone}' && exec \"$@\"", *args)
    assert done.returncode == 1
    assert done.stderr.startswith("aitui: ")
    assert done.stderr.count("\n") == 1
    assert crash_logs(home) == []


def test_a_locale_without_korean_shows_it_spelled_out(home: Path) -> None:
    (home / "k.yaml").write_text(CONFIG.replace("model_name: gpt", "model_name: 한국어"))
    assert run(home, "import", str(home / "k.yaml")).returncode == 0
    done = run(home, "models", "list", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert done.returncode == 0
    assert "\\ud55c" in done.stdout
