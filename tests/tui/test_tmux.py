"""The app in tmux, which measures characters by itself: columns stay, and nothing is left over."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from rich.cells import cell_len

from tests.pty_app import python
from tests.tui.cli_tools import environment
from tests.tui.test_pty_app import MAIN, make_store


class Tmux:
    """The app in tmux: a terminal with a mind of its own about the width of characters."""

    def __init__(self, home: Path, *args: str) -> None:
        self._env = {**environment(home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        self._tmux = ["tmux", "-S", str(home / "tmux"), "-f", "/dev/null"]
        size = ("-x", "80", "-y", "24")
        self._do("new-session", "-d", "-s", "app", *size, *python("-c", MAIN), *args)

    def _do(self, *args: str) -> str:
        done = subprocess.run(
            [*self._tmux, *args], env=self._env, capture_output=True, text=True, timeout=20
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self) -> list[str]:
        return self._do("capture-pane", "-p", "-t", "app").splitlines()

    def press(self, *keys: str) -> list[str]:
        """Press keys, and wait until the screen stands still."""
        self._do("send-keys", "-t", "app", *keys)
        deadline = time.monotonic() + 20
        before: list[str] = []
        while time.monotonic() < deadline:
            time.sleep(0.3)
            rows = self.rows()
            if rows == before:
                break
            before = rows
        return before

    def wait_for(self, words: str) -> list[str]:
        deadline = time.monotonic() + 20
        while not any(words in row for row in self.rows()):
            assert time.monotonic() < deadline, "\n".join(self.rows())
            time.sleep(0.1)
        return self.rows()

    def close(self) -> None:
        with contextlib.suppress(AssertionError):
            self._do("kill-session", "-t", "app")


@pytest.fixture
def korean(tmp_path: Path) -> Iterator[Tmux]:
    if shutil.which("tmux") is None:
        pytest.skip("needs tmux")
    store = make_store(tmp_path)
    with closing(sqlite3.connect(store)) as other, other:
        other.execute("UPDATE ai_providers SET display_name = '사내 서버 🚀 (로컬)'")
        other.execute(
            "UPDATE ai_models SET model_name = '라마-3 🦙', description = "
            "'⚠️ 경고 ✔️ 완료 ⏸️ 👩🏽‍💻 👨‍👩‍👧 1️⃣ é é ｶﾞ ½ …' WHERE model_name = 'gpt-4o'"
        )
    app = Tmux(tmp_path, "--store", str(store), "--gateway-url", "http://127.0.0.1:9")
    try:
        app.wait_for("라마-3")
        app.wait_for("proxy down")
        yield app
    finally:
        app.close()


def edges(rows: list[str]) -> set[int]:
    """The columns in which the cards' lines end."""
    framed = [row.rstrip() for row in rows if row.startswith(("│", "┃"))]
    assert len(framed) >= 5
    assert all(row.endswith(row[0]) for row in framed)
    return {cell_len(row) for row in framed}


def test_in_tmux_korean_and_emoji_keep_their_columns(korean: Tmux) -> None:
    assert edges(korean.press("j")) == {80}
    assert edges(korean.press("2")) == {80}


def test_in_tmux_what_is_painted_in_parts_is_what_is_painted_whole(korean: Tmux) -> None:
    """Only cells that change are written; writing all of them again must change nothing."""
    for key in ("j", "Enter", "Escape", "2", "?", "Escape", "3", "4", "1", "k"):
        in_parts = korean.press(key)
        if key not in ("Enter", "?"):  # a dialog keeps the key to itself
            assert korean.press("R")[1:] == in_parts[1:], key  # the header counts seconds
