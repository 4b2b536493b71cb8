"""What a process is, seen on real processes with LiteLLM's command lines."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.gateway.processes import (
    Process,
    Proxy,
    Role,
    Server,
    can_look,
    proxies_at,
    read_process,
    read_proxy,
)
from tests.store import fake_master

pytestmark = pytest.mark.skipif(not can_look(), reason="needs Linux's /proc")


def proxy_of(pid: int) -> Proxy:
    process = read_process(pid)
    assert process is not None
    proxy = read_proxy(process)
    assert proxy is not None
    return proxy


@pytest.mark.parametrize(
    ("arguments", "server"),
    [
        (("--run_gunicorn",), Server.GUNICORN),
        (("--run_granian", "--num_workers", "2"), Server.GRANIAN),
        (("--num_workers", "2", "--timeout_worker_healthcheck", "90"), Server.UVICORN),
    ],
)
def test_a_master_and_its_workers(tmp_path: Path, arguments: list[str], server: Server) -> None:
    with fake_master.start(tmp_path, *arguments) as fake:
        proxy = proxy_of(fake.pid)
        assert (proxy.server, proxy.role) == (server, Role.MASTER)
        assert list(proxy.workers) == sorted(fake.workers)
        assert proxy.process.catches_hup
        assert proxy.config == tmp_path / "config.yaml"
        assert proxy.ports == {fake.port}
        assert proxy.worker_timeout == (90 if server is Server.UVICORN else None)
        for pid in fake.workers:
            worker = proxy_of(pid)
            assert (worker.server, worker.role) == (server, Role.WORKER)
            assert worker.process.catches_hup is (server is Server.GRANIAN)


def test_a_single_uvicorn_does_not_catch_the_signal(tmp_path: Path) -> None:
    with fake_master.start(tmp_path) as fake:
        proxy = proxy_of(fake.pid)
    assert (proxy.server, proxy.role) == (Server.UVICORN, Role.ALONE)
    assert not proxy.process.catches_hup


def test_a_master_without_workers_is_no_master(tmp_path: Path) -> None:
    with fake_master.start(tmp_path, "--run_gunicorn", habits="childless") as fake:
        assert proxy_of(fake.pid).role is Role.ALONE


def test_another_program_is_no_proxy(tmp_path: Path) -> None:
    with fake_master.start(tmp_path, "--run_gunicorn", name="litellm-exporter") as fake:
        process = read_process(fake.pid)
        assert process is not None
        assert read_proxy(process) is None


def test_a_program_that_only_holds_the_proxy_is_none() -> None:
    command = ["sh", "-c", "sleep 60; true", "litellm", "--run_gunicorn"]
    holder = subprocess.Popen(command, start_new_session=True)
    try:
        process = read_process(holder.pid)
        assert process is not None
        assert read_proxy(process) is None
    finally:
        os.killpg(holder.pid, 9)
        holder.wait()


def test_no_process_and_an_ended_one() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # a zombie
    assert read_process(ended.pid) is None
    ended.wait()
    assert read_process(ended.pid) is None
    assert read_process(2**31 - 2) is None


def test_this_process() -> None:
    process = read_process(os.getpid())
    assert process is not None
    assert (process.parent, process.uid) == (os.getppid(), os.geteuid())
    assert not process.is_inside
    again = read_process(os.getpid())
    assert again is not None
    assert again.started == process.started


def test_who_listens_on_a_port(tmp_path: Path) -> None:
    with fake_master.start(tmp_path, "--run_gunicorn") as fake:
        found = proxies_at(fake.port)
        assert [proxy.process.pid for proxy in found] == [fake.pid], "the master, no worker"
        assert proxies_at(1) == ()


def test_a_command_line_is_not_shown(tmp_path: Path) -> None:
    with fake_master.start(tmp_path, "--add_key", "sk-THISISAKEY1234567890") as fake:
        assert "THISISAKEY" not in repr(proxy_of(fake.pid))


@pytest.mark.parametrize(
    ("words", "server", "config"),
    [
        ("/opt/bin/python3 -u -X dev /opt/bin/litellm --config=a.yaml --run_gunicorn",
         Server.GUNICORN, "a.yaml"),
        ("python3 -m litellm -c a.yaml --run_granian", Server.GRANIAN, "a.yaml"),
        ("python /app/litellm/proxy/proxy_cli.py --config a.yaml -c b.yaml",
         Server.UVICORN, "b.yaml"),
        ("litellm -ca.yaml --run_hypercorn", Server.HYPERCORN, "a.yaml"),
        ("gunicorn: master [litellm]", Server.GUNICORN, None),
        ("python /opt/bin/gunicorn litellm.proxy.proxy_server:app -w 2", Server.GUNICORN, None),
        ("python /opt/bin/granian litellm.proxy.proxy_server:app", Server.GRANIAN, None),
    ],
)  # fmt: skip
def test_command_lines(words: str, server: Server, config: str | None) -> None:
    proxy = read_proxy(process_with(words))
    assert proxy is not None
    assert proxy.server is server
    assert (proxy.config and proxy.config.name) == config
    assert proxy.hides_config is (config is None)


@pytest.mark.parametrize(
    "words",
    ["python", "", "python -m http.server", "python /x/serve.py litellm", "gunicorn app:app"],
)
def test_other_command_lines(words: str) -> None:
    assert read_proxy(process_with(words)) is None


def process_with(words: str) -> Process:
    """A process that is not there, with that command line."""
    return Process(2**31 - 2, 1, 2**31 - 3, 0, False, True, "python3.11", tuple(words.split()))
