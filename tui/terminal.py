"""Leaving the terminal as it was found: signals, a lost connection, and crashes.

A Textual app that is killed by SIGTERM or SIGHUP leaves the terminal raw, and one that crashes
prints its variables. `run_guarded()` runs a `GuardedApp` so that every end is an orderly one:
writes under way are waited for, the terminal is restored, and the process is out in time even
if the app no longer reacts.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import select
import signal
import termios
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from rich.console import RenderableType
from textual.driver import Driver
from textual.worker import WorkerFailed

from tui import crash
from tui.keys import KeysInTurn

WRITES_S = 1.5
"""Seconds that writes under way get once the app has to leave."""
FORCED_S = 1.85
"""Seconds from the signal to the end of the process, whatever still hangs."""
CRASHED_S = 5.0
"""Seconds that a crashed app gets to close by itself."""
RESTORE_S = 0.1
"""Seconds to wait for a terminal that may not take any more output."""

HUNG_UP = 128 + signal.SIGHUP
STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

RESTORE = (
    "\x1b[?2026l"  # end a synchronized update
    "\x1b[?2004l"  # bracketed paste off
    "\x1b[?7h"  # wrap long lines
    "\x1b[?2048l"  # no reports of the window's size
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1016l"  # mouse off
    "\x1b[<u"  # kitty keyboard protocol: back to what was; before the screen is left
    "\x1b[?1049l"  # leave the alternate screen
    "\x1b[?25h"  # show the cursor
    "\x1b[?1004l"  # no reports of focus
    "\x1b[0m"  # plain colours
)
"""Undoes all that Textual's driver turns on."""

_CLOSE = 0
_CRASHED = 255


@dataclass(slots=True)
class SavedTerminal:
    """The terminal's state before the app took it. Without a terminal there is none."""

    fd: int | None
    attributes: list[Any] | None

    @classmethod
    def take(cls) -> SavedTerminal:
        """The state of the first of standard input and error that is a terminal."""
        for fd in (0, 2):
            with contextlib.suppress(termios.error, OSError):
                return cls(fd, termios.tcgetattr(fd))
        return cls(None, None)

    def is_gone(self) -> bool:
        """Whether there was a terminal and it has hung up."""
        if self.fd is None:
            return False
        poller = select.poll()
        poller.register(self.fd, 0)
        return any(events for _, events in poller.poll(0))

    def is_changed(self) -> bool:
        """Whether the terminal's settings differ from the saved ones."""
        if self.fd is None:
            return False
        try:
            return termios.tcgetattr(self.fd) != self.attributes
        except termios.error:
            return False

    def restore(self) -> None:
        """Put the terminal back by hand. For when Textual's driver did not come to do it.

        Takes `RESTORE_S` at most: a terminal that takes no output must not keep the process.
        """
        if self.fd is None:
            return
        thread = threading.Thread(target=self._restore, name="aitui-restore", daemon=True)
        thread.start()
        thread.join(RESTORE_S)

    def _restore(self) -> None:
        assert self.fd is not None
        # A process in the background is stopped by this signal when it sets the terminal.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(self.fd, termios.TCSANOW, self.attributes or [])
            termios.tcflush(self.fd, termios.TCIFLUSH)
        with contextlib.suppress(OSError):
            os.write(self.fd, RESTORE.encode("ascii"))


class Guard:
    """Sees to it that the process ends after a signal, a hang-up or a crash.

    It is a thread, so that it works while the event loop is busy or blocked. Signals only write
    a byte to its pipe. It asks the loop for an orderly end, and when that takes too long it
    restores the terminal and ends the process.
    """

    def __init__(
        self,
        terminal: SavedTerminal,
        stop: Callable[[int], Awaitable[None]],
        last_words: Callable[[], None],
    ) -> None:
        """`stop(status)` is run in the current loop; `last_words()` before an end by force."""
        self.status: int | None = None
        """The exit status that was decided on: 128 + signal, 1 for a crash."""
        self.app_left = False
        """Whether the driver has restored the terminal already."""
        self._terminal = terminal
        self._stop = stop
        self._last_words = last_words
        self._loop = asyncio.get_running_loop()
        self._read_end, self._write_end = os.pipe()
        os.set_blocking(self._write_end, False)
        self._thread = threading.Thread(target=self._watch, name="aitui-guard", daemon=True)
        self._previous: dict[signal.Signals, Any] = {}
        self._task: asyncio.Future[None] | None = None
        self._told = False

    def start(self) -> None:
        """Take over the signals and begin to watch. Call it in the main thread."""
        self._thread.start()
        for signum in STOP_SIGNALS:
            # An ignored hang-up was asked for (nohup). The lost terminal is noticed all the same.
            if signal.getsignal(signum) != signal.SIG_IGN:
                self._previous[signum] = signal.signal(signum, self._on_signal)

    def filter_continue(self) -> None:
        """Let SIGCONT restart the driver only while there is a terminal and no end has begun.

        A hang-up is followed by SIGCONT, and Textual then starts its threads a second time.
        """
        restart = signal.getsignal(signal.SIGCONT)
        if not callable(restart):
            return

        def on_continue(signum: int, frame: FrameType | None) -> None:
            if not self._told and not self._terminal.is_gone():
                restart(signum, frame)

        signal.signal(signal.SIGCONT, on_continue)

    def close(self) -> None:
        """Stop watching and give the signals back; the deadline of a stop that began stays."""
        if self._told:
            return
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)
        self._tell(_CLOSE)
        self._thread.join(1)
        os.close(self._read_end)
        os.close(self._write_end)

    def hang_up(self) -> None:
        """The terminal is lost. From any thread."""
        self._tell(signal.SIGHUP)

    def crashed(self) -> None:
        """The app is closing after an error; it has CRASHED_S."""
        self._tell(_CRASHED)

    def _on_signal(self, signum: int, _frame: FrameType | None) -> None:
        self._tell(signum)

    def _tell(self, byte: int) -> None:
        self._told = self._told or byte != _CLOSE
        with contextlib.suppress(OSError):  # full: then the thread has enough to read
            os.write(self._write_end, bytes([byte]))

    def _watch(self) -> None:
        """The thread: wait for a reason to leave, ask for it, and enforce it."""
        reason = self._wait_for_reason()
        if reason == _CLOSE:
            return
        crashed = reason == _CRASHED
        self.status = 1 if crashed else 128 + reason
        if not crashed:
            with contextlib.suppress(RuntimeError):  # the loop is closed: the app has left
                self._loop.call_soon_threadsafe(self._begin_stop)
        time.sleep(CRASHED_S if crashed else FORCED_S)
        if not self.app_left:
            self._terminal.restore()
        self._last_words()
        os._exit(self.status)

    def _wait_for_reason(self) -> int:
        poller = select.poll()
        poller.register(self._read_end, select.POLLIN)
        if self._terminal.fd is not None:
            poller.register(self._terminal.fd, 0)  # reports a hang-up only, not input
        while True:
            # The timeout is for systems whose poll() does not wake up for a terminal.
            for fd, _events in poller.poll(1000):
                return os.read(fd, 1)[0] if fd == self._read_end else int(signal.SIGHUP)

    def _begin_stop(self) -> None:
        assert self.status is not None
        self._task = asyncio.ensure_future(self._stop(self.status))


class GuardedApp(KeysInTurn):
    """An app for `run_guarded()`. What it must not lose and must not tell, it says itself."""

    def __init__(self) -> None:
        super().__init__()
        self.crash: Exception | None = None
        """The error that ended the app."""
        self.guard: Guard | None = None

    async def finish_writes(self) -> None:
        """Override: return when every write that was begun is stored. It gets WRITES_S."""

    def secrets(self) -> Iterable[str]:
        """Override: the values of the keys in use, so that no report of a crash holds one."""
        return ()

    def _build_driver(
        self, headless: bool, inline: bool, mouse: bool, size: tuple[int, int] | None
    ) -> Driver:
        driver = super()._build_driver(headless, inline, mouse, size)
        if self.guard is not None:
            self.guard.filter_continue()
        return driver

    def _handle_exception(self, error: Exception) -> None:
        """Close without printing: Textual would show local variables. `run_guarded()` tells."""
        if isinstance(error, WorkerFailed) and isinstance(error.error, Exception):
            error = error.error
        self._return_code = 1
        if self._exception is None:  # what run_test() raises again, for tests
            self._exception = error
            self._exception_event.set()
        if self.crash is None:
            self.crash = error
            if self.guard is not None:
                self.guard.crashed()
        self._close_messages_no_wait()

    def panic(self, *renderables: RenderableType) -> None:
        """Textual's last word for errors in its input thread; treated as any other error."""
        with self.console.capture() as capture:
            for renderable in renderables:
                self.console.print(renderable)
        self._handle_exception(RuntimeError(capture.get()))


@dataclass(slots=True)
class _Trouble:
    """What went wrong during a run, to be told once when the terminal is free again."""

    app: GuardedApp
    terminal: SavedTerminal
    errors: list[BaseException] = field(default_factory=list)
    output_lost: bool = False
    once: threading.Lock = field(default_factory=threading.Lock)

    def in_thread(self, args: threading.ExceptHookArgs) -> None:
        """A thread ended with an error; `threading.excepthook`."""
        error = args.exc_value
        if error is not None and not (isinstance(error, OSError) and error.errno == errno.EIO):
            self.errors.append(error)
        # Without its writing thread Textual blocks as soon as its queue is full.
        if args.thread is not None and args.thread.name == "textual-output":
            self.output_lost = True
            if self.app.guard is not None:
                self.app.guard.hang_up()

    def in_loop(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A task's error that nobody waited for; asyncio's exception handler."""
        error = context.get("exception")
        self.errors.append(error or RuntimeError(str(context.get("message"))))

    def tell(self) -> None:
        """Log the errors and tell the operator of the first, unless there is nobody to tell."""
        errors = [*([self.app.crash] if self.app.crash else []), *self.errors[:5]]
        if not errors or self.terminal.is_gone() or not self.once.acquire(blocking=False):
            return
        text = crash.report(errors, self.app.secrets())
        with contextlib.suppress(OSError):
            os.write(2, text.encode("utf-8", errors="replace"))


def run_guarded(app: GuardedApp) -> int:
    """Run the app to its end, and return the exit status for the process.

    That is 128 + the signal's number after SIGTERM, SIGHUP or SIGINT, 129 when the terminal was
    lost, 1 after a crash (told on standard error in two lines), and else the app's own. After a
    signal the process must end at once: FORCED_S after it, it is ended.
    """
    terminal = SavedTerminal.take()
    trouble = _Trouble(app, terminal)
    previous = threading.excepthook
    threading.excepthook = trouble.in_thread
    try:
        status = asyncio.run(_run(app, terminal, trouble))
    finally:
        threading.excepthook = previous
        if terminal.is_changed() or trouble.output_lost:
            terminal.restore()
    trouble.tell()
    return status


async def _run(app: GuardedApp, terminal: SavedTerminal, trouble: _Trouble) -> int:
    async def stop(status: int) -> None:
        await _bounded(app.finish_writes(), trouble.errors)
        app.exit(return_code=status)

    asyncio.get_running_loop().set_exception_handler(trouble.in_loop)
    guard = app.guard = Guard(terminal, stop, trouble.tell)
    guard.start()
    try:
        await app.run_async()
    except Exception as error:  # noqa: BLE001 - the last place where it can be told without locals
        app.crash = app.crash or error
    guard.app_left = not terminal.is_changed() and not trouble.output_lost
    if app.crash is not None:
        await _bounded(app.finish_writes(), trouble.errors)
    guard.close()
    if terminal.is_gone():
        return HUNG_UP
    if guard.status is not None:
        return guard.status
    return 1 if app.crash is not None else app.return_code or 0


async def _bounded(writes: Awaitable[None], errors: list[BaseException]) -> None:
    """Wait for the writes, for WRITES_S at most; an error of theirs goes to `errors`."""
    task = asyncio.ensure_future(writes)
    done, _ = await asyncio.wait({task}, timeout=WRITES_S)
    if done and not task.cancelled() and (error := task.exception()) is not None:
        errors.append(error)
