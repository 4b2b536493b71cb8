"""What a process is, as Linux's /proc tells: how a SIGHUP to it can be proved to be harmless.

Measured on LiteLLM 1.106.2 with gunicorn 23, granian 2.8 and uvicorn 0.54. A master and its workers
have the same command line, and a granian worker catches SIGHUP as its master does: a master is what
has workers, catches SIGHUP, and is itself nobody's worker. A uvicorn without workers does not catch
SIGHUP, so that it dies of it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")
MAX_READ: Final = 256 << 10
_SIGHUP_BIT: Final = 1
_LISTEN: Final = "0A"
_SPAWNED: Final = "multiprocessing.spawn"
"""Stands in the command line of a worker that was not forked but started anew."""


class Server(StrEnum):
    """What serves LiteLLM's requests in that process."""

    GUNICORN = "gunicorn"
    GRANIAN = "granian"
    HYPERCORN = "hypercorn"
    UVICORN = "uvicorn"


class Role(StrEnum):
    MASTER = "master"
    WORKER = "worker"
    ALONE = "alone"
    """Without workers: it serves itself, or has not started them yet."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that is running."""

    pid: int
    started: int
    """Clock ticks since the machine's start: with the pid it names a process for good."""
    parent: int
    uid: int
    is_inside: bool
    """Whether it runs in another process namespace: a container."""
    catches_hup: bool
    program: str
    """The executable's name; empty where it may not be seen."""
    arguments: tuple[str, ...] = field(repr=False)
    """Its command line; may hold a key, so that it is never shown."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A process that runs LiteLLM's proxy."""

    process: Process
    server: Server
    role: Role
    workers: tuple[int, ...]
    config: Path | None
    """The file that it was told to load, absolute; None where it was told none, or it is hidden."""
    hides_config: bool
    """Whether its command line does not say which file it loads (a process title covers it)."""
    ports: frozenset[int]
    """Where it listens, its workers with it; of its command line where that cannot be seen."""
    worker_timeout: float | None
    """Seconds that uvicorn gives a new worker to start; None is its default, 5."""


def can_look() -> bool:
    """Whether this machine has the /proc that all of this rests on."""
    return (PROC / "self" / "stat").is_file()


def read_process(pid: int) -> Process | None:
    """The process, or None where there is none (any more)."""
    try:
        stat = _read(f"{pid}/stat").rpartition(b") ")[2].split()
        if stat[0] in (b"Z", b"X"):
            return None
        status = dict(
            line.split(":", 1) for line in _read(f"{pid}/status").decode().splitlines() if line
        )
        arguments = _read(f"{pid}/cmdline").decode(errors="surrogateescape").split("\0")
    except (OSError, IndexError):
        return None
    return Process(
        pid=pid,
        started=int(stat[19]),
        parent=int(stat[1]),
        uid=int(status["Uid"].split()[1]),
        is_inside=len(status.get("NSpid", "").split()) > len(_own_namespaces()),
        catches_hup=bool(int(status["SigCgt"], 16) & _SIGHUP_BIT),
        program=os.path.basename(_link(f"{pid}/exe") or ""),
        arguments=tuple(arguments[:-1] if arguments[-1] == "" else arguments),
    )


def read_proxy(process: Process) -> Proxy | None:
    """What LiteLLM proxy `process` is, or None where it is something else."""
    parent = read_process(process.parent)
    if _is_spawned(process) and parent is not None:
        boss = read_proxy(parent)
        return None if boss is None else _worker_of(boss, process)
    options = _options(process)
    if options is None:
        return None
    flags, server, hides = options
    workers = tuple(child.pid for child in _children(process.pid) if _works_for(child, process))
    if parent is not None and _works_for(process, parent):
        role = Role.WORKER
    else:
        role = Role.MASTER if workers else Role.ALONE
    config = _value(flags, "--config", "-c")
    cwd = _link(f"{process.pid}/cwd")
    port = _value(flags, "--port")
    seconds = _value(flags, "--timeout_worker_healthcheck")
    if seconds is None:
        seconds = _variable(process.pid, "TIMEOUT_WORKER_HEALTHCHECK")
    said = frozenset({int(port)} if port and port.isdecimal() else ())
    return Proxy(
        process=process,
        server=server,
        role=role,
        workers=workers,
        config=None if config is None else Path(cwd or "/", config),
        hides_config=hides,
        ports=_ports((process.pid, *workers)) or said,
        worker_timeout=float(seconds) if seconds and seconds.isdecimal() else None,
    )


def proxies_at(port: int) -> tuple[Proxy, ...]:
    """The LiteLLM proxies on this machine that listen on `port`: masters, and those alone.

    Best effort: processes of other users are not seen, and neither are those in containers.
    """
    found = []
    for pid in sorted(int(entry) for entry in os.listdir(PROC) if entry.isdecimal()):
        process = read_process(pid)
        if process is None or _options(process) is None:
            continue
        proxy = read_proxy(process)
        if proxy is not None and proxy.role is not Role.WORKER and port in proxy.ports:
            found.append(proxy)
    return tuple(found)


def may_listen(pid: int) -> bool:
    """Whether a process may take new requests: one that only finishes its last ones does not."""
    try:
        os.listdir(PROC / str(pid) / "fd")
    except FileNotFoundError:
        return False
    except OSError:
        return True  # another user's
    return bool(_ports((pid,)))


def booted_at() -> float | None:
    """The machine's start, in seconds of UTC's epoch; None where unknown.

    /proc/stat has it too, but in whole seconds: a proxy is restarted within one.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return None if clock is None else time.time() - time.clock_gettime(clock)


def _own_namespaces() -> list[str]:
    for line in _read("self/status").decode().splitlines():
        if line.startswith("NSpid:"):
            return line.split()[1:]
    return []


def _worker_of(boss: Proxy, process: Process) -> Proxy:
    return Proxy(
        process, boss.server, Role.WORKER, (), boss.config, boss.hides_config, boss.ports, None
    )


def _is_spawned(process: Process) -> bool:
    return any(_SPAWNED in argument for argument in process.arguments[1:5])


def _works_for(child: Process, parent: Process) -> bool:
    """Whether `child` is a worker of `parent`: forked, started anew, or titled so."""
    if child.parent != parent.pid:
        return False
    title = " ".join(child.arguments[:2])
    if title.startswith("gunicorn: worker"):
        return True
    forked = child.arguments == parent.arguments and child.program == parent.program
    return (forked or _is_spawned(child)) and _options(parent) is not None


def _options(process: Process) -> tuple[Sequence[str], Server, bool] | None:
    """The options that LiteLLM was started with, what serves it, and whether they are hidden.

    None where it is no LiteLLM: the interpreter has to be Python, so that neither `sh -c` nor an
    init program with `litellm` behind it is taken for the proxy.
    """
    if not process.program.startswith(("python", "pypy", "litellm", "gunicorn", "granian")):
        return None
    title = " ".join(process.arguments)
    if title.startswith(("gunicorn: master [", "gunicorn: worker [")):
        # gunicorn writes it over the command line where setproctitle is installed.
        return (), Server.GUNICORN, True
    name, rest = _script(process.arguments)
    if name == "litellm":
        for server in (Server.GUNICORN, Server.HYPERCORN, Server.GRANIAN):
            if f"--run_{server}" in rest:
                return rest, server, False
        return rest, Server.UVICORN, False
    if name in tuple(Server) and any(a.startswith("litellm.proxy.proxy_server") for a in rest):
        return (), Server(name), True
    return None


def script_of(process: Process) -> Path | None:
    """The file that a Python process runs, absolute; None where it runs a module."""
    _, rest = _script(process.arguments)
    words = process.arguments[: len(process.arguments) - len(rest)]
    if not words or "-m" in words:
        return None
    return Path(_link(f"{process.pid}/cwd") or "/", words[-1])


def _script(arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The name of the script or module that runs, and what follows it."""
    words = list(arguments)
    if words and os.path.basename(words[0]).startswith(("python", "pypy")):
        words.pop(0)
        while words and words[0].startswith("-") and words[0] != "-m":
            option = words.pop(0)
            if option in ("-X", "-W") and words:
                words.pop(0)
        if words[:1] == ["-m"]:
            module = words[1] if len(words) > 1 else ""
            return module.partition(".")[0], words[2:]
    if not words:
        return "", ()
    if words[0].endswith(("litellm/proxy/proxy_cli.py", "litellm/__main__.py")):
        return "litellm", words[1:]
    return os.path.basename(words[0]), words[1:]


def _value(options: Sequence[str], *names: str) -> str | None:
    """What an option was given, in the ways of writing that LiteLLM (click) takes; the last."""
    found = None
    words = iter(options)
    for word in words:
        if word in names:
            found = next(words, None)
        elif word.startswith("--") and word.partition("=")[0] in names and "=" in word:
            found = word.partition("=")[2]
        elif not word.startswith("--") and word[:2] in names:
            found = word[2:]
    return found


def _children(pid: int) -> Iterator[Process]:
    numbers: set[int] = set()
    with contextlib.suppress(OSError):
        for thread in os.listdir(PROC / str(pid) / "task"):
            text = _read(f"{pid}/task/{thread}/children")
            numbers.update(int(number) for number in text.split())
    for number in sorted(numbers):
        if (child := read_process(number)) is not None:
            yield child


def _ports(pids: Iterable[int]) -> frozenset[int]:
    """The TCP ports on which these processes listen, as far as that may be seen."""
    sockets: set[str] = set()
    first = None
    for pid in pids:
        first = first or pid
        with contextlib.suppress(OSError):
            for number in os.listdir(PROC / str(pid) / "fd"):
                link = _link(f"{pid}/fd/{number}") or ""
                if link.startswith("socket:["):
                    sockets.add(link[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in _read(f"{first}/net/{table}", 4 << 20).decode().splitlines()[1:]:
                columns = line.split()
                if len(columns) > 9 and columns[3] == _LISTEN and columns[9] in sockets:
                    found.add(int(columns[1].rpartition(":")[2], 16))
    return frozenset(found)


def _variable(pid: int, name: str) -> str | None:
    """One variable that the process was started with; the others are left alone."""
    prefix = f"{name}=".encode()
    with contextlib.suppress(OSError):
        for entry in _read(f"{pid}/environ").split(b"\0"):
            if entry.startswith(prefix):
                return entry[len(prefix) :].decode(errors="replace")
    return None


def _read(name: str, limit: int = MAX_READ) -> bytes:
    with (PROC / name).open("rb") as file:
        return file.read(limit)


def _link(name: str) -> str | None:
    try:
        return os.readlink(PROC / name)
    except OSError:
        return None
