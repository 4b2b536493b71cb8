"""Reloading by the operator's own command, e.g. `systemctl restart litellm`."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import errno
import fcntl
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

from store.checks import redact
from store.errors import ReloadFailed
from store.gateway.reload_hup import local_port
from store.gateway.workers import OldWorkers
from store.plans import ApplyRefused
from store.settings import Settings

MAX_KEPT: Final = 64 << 10
"""Bytes of a command's output that are looked at in one go, and in one line."""
MAX_OUTPUT: Final = 64 << 20
"""A command that writes more than this is ended."""
MAX_SAID: Final = 100
"""Lines that are passed on as they come; of what follows the last ones are."""
LAST_LINES: Final = 10
MAX_WIDTH: Final = 500
POLL_S: Final = 0.1
SETTLE_S: Final = 2.0
"""What a command left running may take to send its output elsewhere (a shell's `>FILE &`)."""
GRACE_S: Final = 5.0
"""From the TERM to the KILL of a command that takes too long."""
SHORT_GRACE_S: Final = 0.5
"""The same for one whose apply is stopped."""

_ESCAPES: Final = re.compile(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|.)")
_BEARER: Final = re.compile(r"(\b(?:Bearer|Basic)\s+)[^\s'\"$]+", re.IGNORECASE)
"""In a command that calls the proxy; a variable (`$KEY`) is no key."""
_ASSIGNED: Final = re.compile(
    r"([\w-]*(?:key|token|secret|passw(?:or)?d|pwd|credentials?)(?:=|:\s*(?=\S{8})))[^\s'\"$]+",
    re.IGNORECASE,
)
"""`--password=…`, `API_KEY=…`, a header's `X-Api-Key: …`."""
_USER: Final = re.compile(r"(://[^/?#\s@:]*:|\s(?:-u|--user)[\s=]+[^\s:]+:)[^/?#\s@'\"$]+")
"""The password in a URL, and the one that curl is given beside a user's name."""
_SECRET_NAMES: Final = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL", re.IGNORECASE)

Say = Callable[[str], None]


class CommandReloader:
    """Runs the command as a process group of its own, bounded in time and in what it prints."""

    automatic: Final = True
    is_fatal: Final = False

    def __init__(
        self, settings: Settings, last_outage_ms: int | None = None, secrets: Sequence[str] = ()
    ) -> None:
        self._command = settings.reload_command
        self._has_shell = settings.reload_shell
        self._timeout = settings.reload_timeout
        self._last_outage_ms = last_outage_ms
        self._secrets = (*secrets, *_secrets_in(os.environ, settings.gateway_key_env))
        self._port = local_port(settings.gateway_url)
        self._old: OldWorkers | None = None
        self._fired: list[subprocess.Popen[bytes]] = []

    def describe(self) -> str:
        shown = _cleaned(self._command or "", self._secrets)
        what = f"runs `{shown}`" if shown else "runs gateway.reload_command"
        if self._last_outage_ms is None:
            return (
                f"{what}, which restarts the proxy: about 20 s without service; LiteLLM takes that "
                "long to start"
            )
        if not self._last_outage_ms:
            return f"{what}; the last time no outage was seen"
        seconds = max(1, round(self._last_outage_ms / 1000))
        return f"{what}: about {seconds} s without service, as the last time"

    async def check(self) -> None:
        """Raises ApplyRefused where there is no such program."""
        program = self._arguments()[0]
        if await asyncio.to_thread(shutil.which, program) is None:
            raise ApplyRefused(
                f"gateway.reload_command: there is no program {_shown(program)!r} that can be run. "
                "Correct its name or path."
            )

    async def reload(self, say: Say) -> None:
        """Run the command until it ends. Raises ReloadFailed where it fails or takes too long."""
        arguments = self._arguments()
        now = await asyncio.to_thread(OldWorkers.at, self._port)
        self._old = None if now is None else now.without(self._old)
        with _Output() as output:
            lines = _Lines(say, self._secrets)
            try:
                async with _running(arguments, output) as process:
                    status = await self._follow(process, output, lines)
            except OSError as error:
                raise _not_started(arguments[0], error) from None
            lines.end()
            if await _stays_open(output):
                say(
                    f"The command left a process running that writes to {output.keep()}. Send its "
                    "output elsewhere in the command (>FILE 2>&1)."
                )
        if status != 0:
            how = f"ended with status {status}" if status > 0 else f"was ended by signal {-status}"
            raise ReloadFailed(f"gateway.reload_command {how}{lines.last_words()}")

    def fire(self) -> None:
        """Start the command and leave it to itself. Raises ReloadFailed."""
        arguments = self._arguments()
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own command
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise _not_started(arguments[0], error) from None
        self._fired.append(process)

    def why_gone(self) -> str | None:
        return None

    def old_workers(self) -> int | None:
        return None if self._old is None else self._old.count()

    def executable(self) -> Path | None:
        return None

    def _arguments(self) -> list[str]:
        if self._command is None:
            raise ApplyRefused(
                "gateway.reload is `command`, and gateway.reload_command is not set. Say what "
                "restarts the proxy, e.g. `systemctl restart litellm`."
            )
        return ["/bin/sh", "-c", self._command] if self._has_shell else shlex.split(self._command)

    async def _follow(
        self, process: asyncio.subprocess.Process, output: _Output, lines: _Lines
    ) -> int:
        """Pass on what it prints until it ends, and give its status. Raises ReloadFailed."""
        ended = asyncio.ensure_future(process.wait())
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._timeout
        try:
            while not ended.done():
                await asyncio.wait((ended,), timeout=POLL_S)
                lines.take(*output.new())
                if ended.done():
                    break
                if clock() >= deadline or output.size > MAX_OUTPUT:
                    long = f"took longer than {self._timeout:g} s (gateway.reload_timeout)"
                    much = f"wrote more than {MAX_OUTPUT >> 20} MiB"
                    why = much if output.size > MAX_OUTPUT else long
                    await _end(process)
                    lines.take(*output.new())
                    raise ReloadFailed(
                        f"gateway.reload_command {why} and was ended{lines.last_words()}"
                    )
            lines.take(*output.new())
            return ended.result()
        finally:
            ended.cancel()


class _Output:
    """A file for what the command prints.

    No pipe: a proxy that the command starts in the background inherits it, and would break when
    aitui goes.
    """

    def __init__(self) -> None:
        self._handle, name = tempfile.mkstemp(prefix="aitui-reload-", suffix=".log")
        self._path = Path(name)
        self._read = 0
        self._is_kept = False

    def __enter__(self) -> _Output:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._handle)
        if not self._is_kept:
            self._path.unlink(missing_ok=True)

    @contextmanager
    def for_writing(self) -> Iterator[int]:
        """Opened anew, so that it can be told whether the command's own handle is still open."""
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            yield handle
        finally:
            os.close(handle)

    @property
    def size(self) -> int:
        return os.fstat(self._handle).st_size

    def new(self) -> tuple[bytes, bool]:
        """What was printed since the last call, and whether that is only the end of it."""
        size = self.size
        start = max(self._read, size - MAX_KEPT)
        is_cut = start > self._read
        self._read = size
        return os.pread(self._handle, size - start, start), is_cut

    @property
    def is_held(self) -> bool:
        """Whether another process has the file open: only then a write lease is refused."""
        lease = getattr(fcntl, "F_SETLEASE", None)
        if lease is None:
            return False
        try:
            fcntl.fcntl(self._handle, lease, fcntl.F_WRLCK)
        except OSError as error:
            return error.errno == errno.EAGAIN
        fcntl.fcntl(self._handle, lease, fcntl.F_UNLCK)
        return False

    def keep(self) -> Path:
        self._is_kept = True
        return self._path


class _Lines:
    """A command's output as lines for the operator: no keys, no control characters, not too many.

    A line is cleaned whole, so that no key is missed for having come in two pieces; a piece whose
    beginning or end was missed is left out.
    """

    def __init__(self, say: Say, secrets: Sequence[str]) -> None:
        self._say = say
        self._secrets = secrets
        self._decode = codecs.getincrementaldecoder("utf-8")(errors="replace").decode
        self._rest = ""
        self._count = 0
        self._last: list[str] = []

    def take(self, data: bytes, is_cut: bool = False) -> None:
        if is_cut:
            self._rest, data = "", data.partition(b"\n")[2]
        *lines, rest = re.split(r"[\r\n]+", self._rest + self._decode(data))
        for line in lines:
            self._pass_on(line)
        self._rest = rest[:MAX_KEPT]

    def end(self) -> None:
        """The command has ended by itself, so that what it said last is a whole line."""
        self.take(b"\n")
        if self._count > MAX_SAID:
            for line in self._last:
                self._say(line)

    def last_words(self) -> str:
        """`: what it said last`, to end a sentence with."""
        return f": {self._last[-1]}" if self._last else ", and said nothing."

    def _pass_on(self, line: str) -> None:
        line = _cleaned(line, self._secrets)
        if not line:
            return
        self._count += 1
        self._last = [*self._last, line][-LAST_LINES:]
        if self._count <= MAX_SAID:
            self._say(line)
        elif self._count == MAX_SAID + 1:
            self._say("… (more; its last lines follow when it ends)")


def _cleaned(text: str, secrets: Sequence[str]) -> str:
    """One line without keys and control characters, and not too long."""
    line = "".join(c if c.isprintable() else " " for c in _ESCAPES.sub("", text)).strip()
    line = redact(line, secrets)
    for pattern in (_BEARER, _ASSIGNED, _USER):
        line = pattern.sub(r"\1[redacted]", line)
    return line[:MAX_WIDTH]


def _shown(program: str) -> str:
    """What the command calls first. Without a shell, `KEY=… restart` calls its first word."""
    name, sign, _ = program.partition("=")
    return _cleaned(name, ()) + (f"{sign}…" if sign else "")


def _not_started(program: str, error: OSError) -> ReloadFailed:
    return ReloadFailed(
        f"gateway.reload_command: {_shown(program)} cannot be started: {error.strerror}."
    )


@asynccontextmanager
async def _running(
    arguments: Sequence[str], output: _Output
) -> AsyncIterator[asyncio.subprocess.Process]:
    """The command, which is ended with all that it started where the block is left before it."""
    with output.for_writing() as handle:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
        )
    try:
        yield process
    except asyncio.CancelledError:
        # Whoever hangs up is gone in two seconds; the old file has to be put back within them.
        if process.returncode is None:
            await asyncio.shield(_end(process, SHORT_GRACE_S))
        raise
    finally:
        if process.returncode is None:
            await asyncio.shield(_end(process))


async def _stays_open(output: _Output) -> bool:
    clock = asyncio.get_running_loop().time
    deadline = clock() + SETTLE_S
    while output.is_held:
        if clock() >= deadline:
            return True
        await asyncio.sleep(POLL_S)
    return False


async def _end(process: asyncio.subprocess.Process, grace_s: float = GRACE_S) -> None:
    """TERM to its whole group; KILL to what is left after a while."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), grace_s)
    finally:
        with contextlib.suppress(ProcessLookupError):
            # A group's number is not given away while any of it is there.
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()


def _secrets_in(environ: Mapping[str, str], key_name: str) -> tuple[str, ...]:
    """The values that should not be printed, the longest first."""
    found = {
        value.strip()
        for name, value in environ.items()
        if (name == key_name or _SECRET_NAMES.search(name)) and len(value.strip()) >= 8
    }
    return tuple(sorted(found, key=lambda value: (-len(value), value)))
