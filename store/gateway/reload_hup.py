"""Reloading by SIGHUP: to a gunicorn or granian master of LiteLLM, and to nothing else.

Measured on LiteLLM 1.106.2 (two cores): gunicorn serves the changed file after 0.3 s, its old
workers are gone after 0.4 s; granian brings its new worker up beside the old one, 3.5 s with one
worker and 6 s with two, which disagree meanwhile. Both finish the requests that they have. Under
load, in 40 changes of a gunicorn worker, 4 of 5,000 connections were closed before any answer:
those that the old worker had accepted and read nothing from. A uvicorn without workers dies.
uvicorn's own supervisor (`--num_workers 2`) replaces one worker after the other, 7 s each, if a new
one is up within `--timeout_worker_healthcheck`; with its default of 5 s it gave up in silence and
kept the old workers. A file that LiteLLM refuses at its start ends the masters of both gunicorn
(after 2 s) and granian (after 5 s): so the file has to be checked first.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import pwd
import signal
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from store.errors import ReloadFailed
from store.gateway.processes import (
    Process,
    Proxy,
    Role,
    Server,
    can_look,
    read_process,
    read_proxy,
    script_of,
)
from store.gateway.workers import OldWorkers
from store.plans import ApplyRefused
from store.settings import Settings

MAX_PID: Final = 2**22
"""The largest id that Linux gives."""
SLOW_WORKER_S: Final = 30.0
"""LiteLLM's workers need 7 s to start on an idle machine; a busy one takes longer."""
_MEND: Final = "Set gateway.reload to `command` (e.g. `systemctl restart litellm`) or to `none`."


class HupReloader:
    """Proves what the process is each time, and sends the signal to that very process."""

    automatic: Final = True
    is_fatal: Final = True

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._sent_to: Process | None = None
        self._old: OldWorkers | None = None

    def describe(self) -> str:
        try:
            proxy = find_master(self._settings)
        except ApplyRefused:
            return f"SIGHUP to the process of gateway.pid ({self._settings.pid or 'not set'})"
        return f"SIGHUP to {name_of(proxy)}; {what_it_does(proxy)}"

    async def check(self) -> None:
        """Raises ApplyRefused where the process is not proved to be this proxy's master."""
        await asyncio.to_thread(find_master, self._settings)

    async def reload(self, say: Callable[[str], None]) -> None:
        """Send the signal; what came of it is read back by the caller. Raises ReloadFailed."""
        say(f"SIGHUP sent to {name_of(await asyncio.to_thread(self._send))}.")

    def fire(self) -> None:
        """As `reload`. Raises ReloadFailed."""
        self._send()

    def why_gone(self) -> str | None:
        """Why nothing is to be waited for: the master that got the signal has ended."""
        sent_to = self._sent_to
        if sent_to is None:
            return None
        now = read_process(sent_to.pid)
        if now is not None and now.started == sent_to.started:
            return None
        return (
            f"Process {sent_to.pid} ended after the SIGHUP: LiteLLM does not start with this file, "
            "as its own log says. Start the proxy again."
        )

    def executable(self) -> Path | None:
        """The script that the master runs; not another user's, which is not ours to run."""
        try:
            process = find_master(self._settings).process
        except ApplyRefused:
            return None
        script = script_of(process)
        if process.uid != os.geteuid() or script is None or script.name != "litellm":
            return None
        return script if os.access(script, os.X_OK) else None

    def old_workers(self) -> int | None:
        """How many workers of before the signal still take requests."""
        return None if self._old is None else self._old.count()

    def _send(self) -> Proxy:
        if gone := self.why_gone():
            raise ReloadFailed(gone)
        before, self._old = self._old, None
        try:
            # The handle is taken before the proof: where the id is given away in between, the
            # handle is that of the process which has ended, and nothing is hit.
            pid = read_pid(self._settings)
            handle = _handle(pid)
            try:
                proxy = find_master(self._settings, pid=pid)
                self._old = OldWorkers.of((proxy,)).without(before)
                _signal(handle, proxy.process)
            finally:
                if handle is not None:
                    os.close(handle)
        except ApplyRefused as error:
            raise ReloadFailed(str(error)) from None
        except ProcessLookupError:
            raise ReloadFailed(f"Process {pid} ended just before the SIGHUP.") from None
        except OSError as error:
            raise ReloadFailed(f"SIGHUP to process {pid}: {error.strerror}.") from None
        self._sent_to = proxy.process
        return proxy


def find_master(settings: Settings, *, pid: int | None = None) -> Proxy:
    """The proxy's master, proved. Raises ApplyRefused with what is wrong, and the mend.

    `pid` is what `gateway.pid` said a moment ago; it is read anew without.
    """
    if not can_look():
        raise ApplyRefused(
            "gateway.reload: `hup` needs Linux's /proc to prove what a process is before it gets "
            f"a SIGHUP, which kills a LiteLLM without workers. {_MEND}"
        )
    pid = read_pid(settings) if pid is None else pid
    process = read_process(pid)
    if process is None:
        raise ApplyRefused(
            f"gateway.pid: no process {pid} is running. Start the proxy, or name its master's id."
        )
    _refuse_strangers(process)
    proxy = read_proxy(process)
    if proxy is None:
        raise ApplyRefused(
            f"gateway.pid: process {pid} ({process.program or 'unknown'}) is no LiteLLM proxy. "
            "Name the gunicorn or granian master that runs it."
        )
    _refuse_harm(proxy)
    _refuse_others(proxy, settings)
    return proxy


def read_pid(settings: Settings) -> int:
    """The id that `gateway.pid` says or that its file holds now. Raises ApplyRefused."""
    if settings.pid is None:
        raise ApplyRefused(
            "gateway.pid is not set: gateway.reload `hup` needs the id of the gunicorn or granian "
            "master, or the path of a file that holds it."
        )
    where, text = "gateway.pid", settings.pid
    if not text.isdecimal():
        path = _pid_file(settings, text)
        where, text = f"gateway.pid: {path}", _read_pid_file(path)
        if not (text.isascii() and text.isdecimal()):
            what = "is empty" if not text else "does not hold the id of a process"
            raise ApplyRefused(f"{where} {what}. Name the pid file of the proxy's master.")
    pid = int(text)
    if pid == 1:
        raise ApplyRefused(f"{where}: process 1 is the system's first. Name the proxy's master.")
    if pid in (os.getpid(), os.getppid()):
        raise ApplyRefused(f"{where}: process {pid} is aitui's own. Name the proxy's master.")
    if not 1 < pid <= MAX_PID:
        raise ApplyRefused(f"{where}: {text[:20]} is not the id of a process.")
    return pid


def name_of(proxy: Proxy) -> str:
    """`the gunicorn master of LiteLLM, process 123`."""
    return f"the {proxy.server} {proxy.role} of LiteLLM, process {proxy.process.pid}"


def what_it_does(proxy: Proxy) -> str:
    """What a SIGHUP does to a master, in a few words."""
    if proxy.server is Server.UVICORN:
        return f"its {len(proxy.workers)} workers are replaced one by one, about 10 s each"
    return "requests under way are finished, visible in about 5 s"


def _pid_file(settings: Settings, text: str) -> Path:
    """A relative path starts at the settings file, where it was said there."""
    said_in_file = settings.sources.get("pid", "").startswith("file ")
    return (settings.file.parent if said_in_file and settings.file else Path()) / text


def _read_pid_file(path: Path) -> str:
    try:
        # A FIFO would be waited for without an end.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ApplyRefused(f"gateway.pid: {path} is no file. Name a pid file.")
            return file.read(64).decode(errors="replace").strip()
    except FileNotFoundError:
        raise ApplyRefused(
            f"gateway.pid: there is no file {path}. Start the proxy, or name another file."
        ) from None
    except OSError as error:
        raise ApplyRefused(f"gateway.pid: cannot read {path}: {error.strerror}.") from None


def _refuse_strangers(process: Process) -> None:
    if process.is_inside:
        raise ApplyRefused(
            f"gateway.pid: process {process.pid} runs in a container. Set gateway.reload to "
            "`command`, with gateway.reload_command `docker restart NAME`; or `docker kill "
            "--signal HUP NAME`, if LiteLLM runs in it with --run_gunicorn or --run_granian."
        )
    if os.geteuid() not in (0, process.uid):
        raise ApplyRefused(
            f"gateway.pid: process {process.pid} belongs to {_user(process.uid)}. Run aitui as "
            "that user, or set gateway.reload to `command`, e.g. `sudo systemctl reload litellm`."
        )


def why_harmful(proxy: Proxy) -> str | None:
    """Why a SIGHUP must not be sent to it, or would do nothing; None where it reloads."""
    try:
        _refuse_harm(proxy)
    except ApplyRefused as error:
        return str(error)
    return None


def _refuse_harm(proxy: Proxy) -> None:
    process, server = proxy.process, proxy.server
    if proxy.role is Role.WORKER:
        raise ApplyRefused(
            f"gateway.pid: process {process.pid} is a {server} worker; name its master, process "
            f"{process.parent}, or better the master's pid file."
        )
    if server is Server.HYPERCORN:
        raise ApplyRefused(
            f"gateway.pid: process {process.pid} is LiteLLM with hypercorn: SIGHUP would kill it. "
            f"{_MEND}"
        )
    if not process.catches_hup or proxy.role is Role.ALONE:
        if server is Server.UVICORN:
            raise ApplyRefused(
                f"gateway.pid: process {process.pid} is a single uvicorn worker: SIGHUP would kill "
                "it. Start LiteLLM with --run_gunicorn or --run_granian, or set gateway.reload to "
                "`command` (e.g. `systemctl restart litellm`)."
            )
        raise ApplyRefused(
            f"gateway.pid: process {process.pid} is a {server} master without workers: it is still "
            "starting, or stopping. Try again in some seconds."
        )
    if server is Server.UVICORN and (proxy.worker_timeout or 0) < SLOW_WORKER_S:
        raise ApplyRefused(
            f"gateway.pid: process {process.pid} is uvicorn's supervisor. It gives a new worker "
            f"{proxy.worker_timeout or 5:.0f} s to start, LiteLLM takes longer, and then it keeps "
            "the old one. Start it with --timeout_worker_healthcheck 90, or with --run_gunicorn."
        )


def _refuse_others(proxy: Proxy, settings: Settings) -> None:
    """Raise where it is LiteLLM, but not the proxy that the settings mean."""
    pid, wanted = proxy.process.pid, settings.config_file
    if wanted is None:
        raise ApplyRefused("gateway.config_file is not set. Name the file that the proxy loads.")
    if not proxy.hides_config:
        if proxy.config is None:
            raise ApplyRefused(
                f"gateway.pid: process {pid} was started without --config, so that it does not "
                f"load {wanted}. Start it with --config {wanted}."
            )
        if not _is_same(proxy.config, wanted):
            raise ApplyRefused(
                f"gateway.pid: process {pid} loads {proxy.config}, and gateway.config_file is "
                f"{wanted}. Make them the same."
            )
    port = local_port(settings.gateway_url)
    if port is not None and proxy.ports and port not in proxy.ports:
        theirs = ", ".join(str(number) for number in sorted(proxy.ports))
        raise ApplyRefused(
            f"gateway.pid: process {pid} listens on port {theirs}, and gateway.url is "
            f"{settings.gateway_url}. Make them the same."
        )
    if proxy.hides_config and (port is None or port not in proxy.ports):
        raise ApplyRefused(
            f"gateway.pid: process {pid} does not show which file it loads, nor that it serves "
            f"{settings.gateway_url}. {_MEND}"
        )


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one.resolve() == other.resolve()


def local_port(url: str) -> int | None:
    """The port of a URL that leads to this machine directly; None for any other."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_local = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_local = host == "localhost" or host.endswith(".localhost")
    if not is_local:
        return None
    return parts.port or (443 if parts.scheme == "https" else 80)


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _handle(pid: int) -> int | None:
    """A handle of the process; None where the kernel has none (before Linux 5.3)."""
    try:
        return os.pidfd_open(pid)
    except (OSError, AttributeError):
        return None


def _signal(handle: int | None, proved: Process) -> None:
    if handle is not None:
        signal.pidfd_send_signal(handle, signal.SIGHUP)
        return
    now = read_process(proved.pid)
    if now is None or now.started != proved.started:
        raise ProcessLookupError(proved.pid)
    os.kill(proved.pid, signal.SIGHUP)
