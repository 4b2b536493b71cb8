"""A real LiteLLM proxy on loopback, for as long as a block runs."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

START_S = 180
"""LiteLLM takes half a minute to start on a small machine, and longer on a busy one."""
STOP_S = 5


@dataclass(frozen=True, slots=True)
class RealProxy:
    """A proxy that serves, and the master key that it takes."""

    url: str
    key: str
    config: Path
    log: Path
    pid: int = 0
    """The process that was started: the master, where there are workers."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def start_proxy(
    executable: str,
    config: Path,
    *,
    key: str,
    environment: Mapping[str, str] | None = None,
    arguments: Sequence[str] = (),
) -> Iterator[RealProxy]:
    """Starts LiteLLM with `config`, waits until it is ready, ends it by its pid.

    `arguments` are further ones of LiteLLM's command line, e.g. `--run_gunicorn`.

    Its environment holds nothing of ours but PATH and HOME, so that no key and no proxy of the
    machine reaches it. Raises RuntimeError with the end of its log when it does not come up.
    """
    port = free_port()
    log = config.with_suffix(".log")
    env = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(config.parent),
        "LITELLM_MASTER_KEY": key,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "NO_PROXY": "127.0.0.1,localhost",
        **(environment or {}),
    }
    command = [executable, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    command += arguments
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=env, cwd=config.parent, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        url = f"http://127.0.0.1:{port}"
        _await_ready(process, url, log)
        yield RealProxy(url, key, config, log, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)


def _await_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with opener.open(f"{url}/health/readiness", timeout=5) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    tail = log.read_bytes()[-2_000:].decode(errors="replace")
    raise RuntimeError(f"LiteLLM did not start within {START_S} s. The end of its log:\n{tail}")
