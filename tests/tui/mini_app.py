"""A small app that the terminal tests start in a process of its own: `python mini_app.py HOW`."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from textual.app import ComposeResult
from textual.widgets import Static

from tui.terminal import GuardedApp, run_guarded

SECRET = "sk-test-1234567890abcdef"
OPAQUE = "opaque-0123456789"


class MiniApp(GuardedApp):
    """`how` says what goes wrong; a file `written` is the sign that writes were waited for."""

    def __init__(self, how: str, folder: Path) -> None:
        super().__init__()
        self.how = how
        self.folder = folder

    def compose(self) -> ComposeResult:
        yield Static(f"ready {os.getpid()}")

    def secrets(self) -> Iterable[str]:
        return [OPAQUE]

    async def finish_writes(self) -> None:
        if self.how == "hanging-writes":
            while True:
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    continue
        await asyncio.sleep(0.2)
        (self.folder / "written").write_text("yes")

    def on_mount(self) -> None:
        if self.how == "crash-at-mount":
            self.fail()

    async def on_key(self) -> None:
        if self.how == "crash":
            self.fail()
        elif self.how == "worker-crash":
            self.run_worker(self.fail_later())
        elif self.how == "blocked":
            time.sleep(3600)
        elif self.how == "thread":
            threading.Thread(target=self.fail, name="mine").start()
        elif self.how == "task":
            forgotten = asyncio.create_task(self.fail_later())
            await asyncio.sleep(0.1)
            assert forgotten.done()
            del forgotten
        elif self.how == "status":
            self.exit(return_code=3)
        if self.how in ("thread", "task"):
            self.exit()

    async def fail_later(self) -> None:
        self.fail()

    def fail(self) -> None:
        api_key = SECRET
        local_only = "private-value-of-a-local"
        raise ValueError(f"bad key {api_key} or {OPAQUE} \x1b]52;c;eA==\x07 of {len(local_only)}")


if __name__ == "__main__":
    sys.exit(run_guarded(MiniApp(sys.argv[1], Path(sys.argv[2]))))
