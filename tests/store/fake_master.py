"""Processes that look like LiteLLM's to /proc: real ones, with real signals, without LiteLLM."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.litellm.proxy import free_port

DEADLINE_S = 30

SCRIPT = """
import os, signal, socket, subprocess, sys, time

arguments = sys.argv[1:]
value = lambda name: arguments[arguments.index(name) + 1]
listening = socket.create_server(("127.0.0.1", int(value("--port"))))
log = os.environ["FAKE_LOG"]
master = os.getpid()

def note(line):
    with open(log, "a") as file:
        file.write(line + "\\n")

def hung_up(*_):
    note("hup")
    if "ends" in os.environ.get("FAKE_HABITS", ""):
        os._exit(3)

def wait():
    for _ in range(600):
        time.sleep(0.1)
        if os.getppid() == 1:
            break
    os._exit(0)

has_master = {"--run_gunicorn", "--run_granian", "--num_workers"} & set(arguments)
if has_master:
    signal.signal(signal.SIGHUP, hung_up)
workers = 2 if has_master and "childless" not in os.environ.get("FAKE_HABITS", "") else 0
for _ in range(workers):
    if (child := os.fork()) == 0:
        if "--run_granian" not in arguments:
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
        for _ in range(600):
            time.sleep(0.1)
            if os.getppid() != master:
                break
        os._exit(0)
    note(f"worker {child}")
note("ready")
for _ in range(600):
    time.sleep(0.1)
"""


@dataclass(frozen=True, slots=True)
class Fake:
    pid: int
    port: int
    config: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def workers(self) -> list[int]:
        lines = self.log.read_text().splitlines()
        return [int(line.split()[1]) for line in lines if line.startswith("worker ")]

    def hangups(self) -> int:
        return self.log.read_text().splitlines().count("hup")

    def await_hangups(self, count: int) -> None:
        end = time.monotonic() + DEADLINE_S
        while self.hangups() < count and time.monotonic() < end:
            time.sleep(0.02)
        assert self.hangups() == count


@contextlib.contextmanager
def start(
    folder: Path, *arguments: str, name: str = "litellm", habits: str = "", with_config: bool = True
) -> Iterator[Fake]:
    """A process with LiteLLM's command line; a master with two workers where its options ask so."""
    port = free_port()
    script, log, config = folder / name, folder / f"{port}.log", folder / "config.yaml"
    script.write_text(SCRIPT)
    log.touch()
    if not config.exists():
        config.write_text("model_list: []\n")
    told = ["--config", config.name] if with_config else []
    command = [sys.executable, str(script), *told, "--port", str(port), *arguments]
    env = {**os.environ, "FAKE_LOG": str(log), "FAKE_HABITS": habits}
    process = subprocess.Popen(command, cwd=folder, env=env, stdin=subprocess.DEVNULL)
    fake = Fake(process.pid, port, config, log, process)
    try:
        end = time.monotonic() + DEADLINE_S
        while "ready" not in log.read_text() and time.monotonic() < end:
            assert process.poll() is None
            time.sleep(0.02)
        yield fake
    finally:
        process.kill()
        process.wait(DEADLINE_S)
