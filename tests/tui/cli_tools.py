"""Running the command line in tests: in this process, and in one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60
"""Against hanging only."""

MAIN = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler);"
    "from tui.cli import main; raise SystemExit(main())"
)


def environment(home: Path, **more: str) -> dict[str, str]:
    """A bare environment, whose folders are all below `home`."""
    return {"HOME": str(home), "TMPDIR": str(home), "PYTHONPATH": str(ROOT), "TZ": "UTC", **more}


def start(home: Path, *args: str, code: str = MAIN, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        env=environment(home, **more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(home: Path, *args: str, code: str = MAIN, **more: str) -> subprocess.CompletedProcess[str]:
    process = start(home, *args, code=code, **more)
    try:
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    return subprocess.CompletedProcess(args, process.returncode, out, err)


@dataclass
class Cli:
    """`aitui` in this process. After a call: its exit status, stdout and stderr."""

    capture: pytest.CaptureFixture[str]
    status: int = -1
    out: str = ""
    err: str = ""

    def __call__(self, *args: str) -> Cli:
        from tui.cli import main

        self.capture.readouterr()
        self.status = main(args)
        self.out, self.err = self.capture.readouterr()
        return self

    def json(self, *args: str) -> Any:
        self(*args, "--json")
        assert self.out.isascii()
        return json.loads(self.out)


def clear_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    import os

    for name in os.environ:
        if name.startswith(("AITUI_", "XDG_", "LITELLM_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("TZ", "UTC")


def fake_store(monkeypatch: pytest.MonkeyPatch, **topics: object) -> None:
    """Put a made-up door in the place of the real one."""
    door = SimpleNamespace(**topics)

    @asynccontextmanager
    async def open_session(*_: object, **__: object) -> AsyncIterator[object]:
        yield door

    monkeypatch.setattr("store.session.open_session", open_session)


def topic(things: Sequence[object] = (), **more: object) -> SimpleNamespace:
    """A topic with an `all()`."""

    async def everything() -> tuple[object, ...]:
        return tuple(things)

    return SimpleNamespace(all=everything, **more)
