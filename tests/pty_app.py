"""A program in a real terminal: started in a pseudo-terminal, typed to, read from a screen.

Every wait has a deadline, and `PtyApp` ends what it started by its process id.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyte

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell ignores it for what it runs in the background, and every child would with it.
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.default_int_handler)

DEADLINE_S = 20.0
"""How long a wait lasts before it fails. Generous: it is against hanging only."""

_NOT_FOR_PYTE = re.compile(
    rb"\x1b\[[<>=][0-9;]*u|\x1b\[\?[0-9;]*\$p|\x1b\]22;[^\x07\x1b]*(?:\x07|\x1b\\)"
)
"""Kitty keyboard modes, mode queries and pointer shapes: pyte would print them."""

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "backspace": "\x7f",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "ctrl+c": "\x03",
    "ctrl+p": "\x10",
    "ctrl+q": "\x11",
}


class PtyApp:
    """One program and its terminal. Use it in a `with`: leaving kills what still runs."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        ignore_hangup: bool = False,
    ) -> None:
        """`size` is columns and rows; `env` adds to a plain environment, see `environment()`.

        `ignore_hangup` starts the program with SIGHUP ignored, as nohup does.
        """
        self.raw = bytearray()
        """Everything that the program wrote to the terminal."""
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)
        self._held = b""
        self._master: int | None
        self._master, slave = pty.openpty()
        set_size(slave, size)
        self.settings_before = termios.tcgetattr(slave)

        def take_terminal() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            signal.signal(signal.SIGHUP, signal.SIG_IGN if ignore_hangup else signal.SIG_DFL)

        try:
            self.process = subprocess.Popen(
                list(argv),
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=environment(env or {}),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=take_terminal,  # the terminal must be the session's own for SIGHUP
            )
        finally:
            os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.hang_up()
        self.process.wait(DEADLINE_S)

    @property
    def lines(self) -> list[str]:
        """The screen's rows, without the blanks at their ends."""
        # pyte's own `display` fails where half of a wide character has been written over.
        columns, buffer = range(self.screen.columns), self.screen.buffer
        rows = range(self.screen.lines)
        return ["".join(buffer[y][x].data for x in columns).rstrip() for y in rows]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    def settings(self) -> list[Any]:
        """The terminal's settings now, as `termios.tcgetattr` gives them."""
        assert self._master is not None
        return termios.tcgetattr(self._master)

    def send(self, text: str | bytes) -> None:
        """Type text as it is."""
        assert self._master is not None
        os.write(self._master, text.encode() if isinstance(text, str) else text)

    def press(self, *keys: str) -> None:
        """Press keys by name (`enter`, `down`, `ctrl+q`, or one character)."""
        for key in keys:
            self.send(KEYS.get(key, key))

    def resize(self, columns: int, rows: int) -> None:
        """Change the terminal's size; the program gets SIGWINCH."""
        assert self._master is not None
        set_size(self._master, (columns, rows))
        self.screen.resize(rows, columns)

    def signal(self, signum: int) -> None:
        """Send a signal to the program, and to nothing else."""
        self.process.send_signal(signum)

    def hang_up(self) -> None:
        """Take the terminal away, as a lost connection does."""
        if self._master is not None:
            os.close(self._master)
            self._master = None

    def read(self, seconds: float = 0.1) -> bool:
        """Take in what comes within `seconds`; False once the program's end is closed."""
        assert self._master is not None
        ready, _, _ = select.select([self._master], [], [], seconds)
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says EIO when no one has the other end open
            return False
        if not data:
            return False
        self.raw += data
        self._feed(data)
        return True

    def wait_for(
        self, expected: str | Callable[[PtyApp], bool], timeout: float = DEADLINE_S
    ) -> None:
        """Read until the text is on the screen, or the condition holds.

        Raises AssertionError with the screen if it does not come, or the program ends first.
        """
        deadline = time.monotonic() + timeout
        while True:
            if expected in self.text if isinstance(expected, str) else expected(self):
                return
            if time.monotonic() > deadline or not self.read():
                raise AssertionError(f"{expected!r} did not come. The screen:\n{self.text}")

    def wait(self, timeout: float = DEADLINE_S) -> int:
        """Read until the program has ended; its exit status, negative for a signal's number."""
        deadline = time.monotonic() + timeout
        is_open = self._master is not None
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise AssertionError(f"still running after {timeout} s. The screen:\n{self.text}")
            if is_open:
                is_open = self.read()
            else:
                time.sleep(0.02)
        while is_open and self._has_output():
            is_open = self.read(0)
        return self.process.returncode

    def _has_output(self) -> bool:
        return self._master is not None and bool(select.select([self._master], [], [], 0)[0])

    def _feed(self, data: bytes) -> None:
        """Show the bytes, but for what pyte does not know; an unfinished sequence is held back."""
        data = _NOT_FOR_PYTE.sub(b"", self._held + data)
        start = data.rfind(b"\x1b", max(len(data) - 32, 0))
        unfinished = start >= 0 and re.fullmatch(rb"\x1b(?:[\[\]][^@-~]*)?", data[start:])
        cut = start if unfinished else len(data)
        self._held = data[cut:]
        self._stream.feed(data[:cut])


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """A terminal's plain environment: nothing of the caller's settings for colours or Textual."""
    unwanted = ("TEXTUAL", "NO_COLOR", "FORCE_COLOR", "COLORTERM", "COLUMNS", "LINES", "AITUI")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    root = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join([root, *filter(None, [kept.get("PYTHONPATH")])])
    return {
        **kept,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": path,
        **extra,
    }


def python(*arguments: str) -> list[str]:
    """The command line for this Python, e.g. `python("-m", "tui.cli", "--demo")`."""
    return [sys.executable, *arguments]


def set_size(fd: int, size: tuple[int, int]) -> None:
    columns, rows = size
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def is_running(pid: int) -> bool:
    """Whether the process exists and is not only waiting to be collected."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        if Path("/proc/self/stat").exists():
            return False
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    return stat.rpartition(")")[2].split()[0] != "Z"
