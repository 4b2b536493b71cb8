"""Edits in processes of their own: exit statuses, and questions on a real terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tui.cli_tools import DEADLINE_S, MAIN, environment, run
from tests.tui.edit_samples import fill, world


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aitui.db"


def test_a_journey_in_processes_of_its_own(tmp_path: Path) -> None:
    steps: list[tuple[int, tuple[str, ...]]] = [
        (0, ("providers", "add", "--preset", "ollama")),
        (0, ("models", "add", "llama3", "--provider", "ollama", "--context-window", "8k")),
        (1, ("models", "add", "llama4", "--provider", "ollama", "--mode", "telepathy")),
        (0, ("routes", "add", "default", "--default", "--primary", "llama3")),
        (1, ("models", "remove", "llama3", "--yes")),
        (2, ("models", "set", "llama3")),
        (0, ("history", "undo")),
    ]
    for status, args in steps:
        done = run(tmp_path, *args)
        assert done.returncode == status, (args, done.stderr)
        assert "Traceback" not in done.stderr
    done = run(tmp_path, "routes", "list", "--json")
    assert json.loads(done.stdout) == {"routes": []}


def ask(tmp_path: Path, path: Path, typed: bytes | None, *args: str) -> tuple[int, str]:
    """Run a command on a terminal, and answer its question; None is Ctrl+C by signal."""
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", MAIN, *args],
        env=environment(tmp_path, AITUI_STORE=str(path)),
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    deadline = time.monotonic() + DEADLINE_S
    try:
        while time.monotonic() < deadline:
            if not select.select([leader], [], [], 0.2)[0]:
                continue
            try:
                block = os.read(leader, 4096)
            except OSError:  # the other end is closed
                break
            shown += block
            if b"[y/N]" in shown and typed != b"":
                if typed is None:
                    process.send_signal(signal.SIGINT)
                else:
                    os.write(leader, typed)
                typed = b""
        return process.wait(timeout=DEADLINE_S), shown.decode()
    finally:
        process.kill()
        process.wait()
        os.close(leader)


@pytest.mark.parametrize(
    ("typed", "status"), [(b"\n", 1), (b"maybe\n", 1), (b"\x04", 1), (b"y\n", 0), (None, 130)]
)
def test_a_removal_asks_on_a_terminal_and_no_is_the_default(
    tmp_path: Path, path: Path, typed: bytes | None, status: int
) -> None:
    fill(path)
    done, shown = ask(tmp_path, path, typed, "models", "remove", "gpt-mini", "--along")
    assert done == status, shown
    assert "Remove openai/gpt-mini? 2 routes would lose it (default, fast). [y/N]" in shown
    left = {each.id for each in world(path).models}
    assert ("m-mini" in left) is (status != 0)
