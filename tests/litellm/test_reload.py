"""Reloading real LiteLLM proxies: by SIGHUP where that is safe, by a command anywhere."""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from store.errors import GatewayError, ReloadFailed
from store.gateway.client import Gateway
from store.gateway.processes import Role, Server, proxies_at, read_process, read_proxy
from store.gateway.reload import make_reloader
from store.plans import ApplyRefused
from store.settings import Settings
from tests.litellm.conftest import MASTER_KEY
from tests.litellm.proxy import RealProxy, start_proxy

pytestmark = pytest.mark.litellm
DEADLINE_S = 300.0


def write(config: Path, *names: str) -> None:
    entries = [
        {
            "model_name": name,
            "litellm_params": {"model": "openai/x", "api_base": "http://127.0.0.1:1/v1"},
            "model_info": {"id": f"id-{name}"},
        }
        for name in names
    ]
    general = {"master_key": "os.environ/LITELLM_MASTER_KEY"}
    config.write_text(yaml.safe_dump({"model_list": entries, "general_settings": general}))


@contextmanager
def started(executable: str, folder: Path, *arguments: str) -> Iterator[RealProxy]:
    config = folder / "config.yaml"
    write(config, "one")
    with start_proxy(executable, config, key=MASTER_KEY, arguments=arguments) as proxy:
        yield proxy


def settings_for(proxy: RealProxy, **more: Any) -> Settings:
    values: dict[str, Any] = {
        "store_path": proxy.config.with_name("aitui.db"),
        "gateway_url": proxy.url,
        "config_file": proxy.config,
        "reload": "hup",
        "pid": str(proxy.pid),
    }
    return Settings(**{**values, **more})


async def await_names(proxy: RealProxy, *names: str, answers: int = 10) -> float:
    """Until that many answers in a row say that these are served; the seconds that it took."""
    begun, right = time.monotonic(), 0
    while right < answers:
        assert time.monotonic() - begun < DEADLINE_S, f"{names} were not served in time"
        gateway = Gateway(proxy.url, proxy.key)  # a connection of its own, for another worker
        try:
            found = {deployment.model_name for deployment in await gateway.deployments()}
        except GatewayError:
            found = set()
        finally:
            await gateway.aclose()
        right = right + 1 if found == set(names) else 0
        await asyncio.sleep(0 if right else 0.1)
    return time.monotonic() - begun


@pytest.mark.parametrize(
    ("arguments", "server", "workers"),
    [
        (("--run_gunicorn",), Server.GUNICORN, 1),
        (("--run_gunicorn", "--num_workers", "2"), Server.GUNICORN, 2),
        (("--run_granian",), Server.GRANIAN, 1),
        (
            ("--num_workers", "2", "--timeout_worker_healthcheck", "240"),
            Server.UVICORN,
            2,
        ),
    ],
)
async def test_a_master_reloads(
    litellm_executable: str,
    tmp_path: Path,
    arguments: tuple[str, ...],
    server: Server,
    workers: int,
) -> None:
    with started(litellm_executable, tmp_path, *arguments) as proxy:
        (found,) = proxies_at(int(proxy.url.rpartition(":")[2]))
        assert (found.process.pid, found.server, found.role) == (proxy.pid, server, Role.MASTER)
        assert len(found.workers) == workers
        for pid in found.workers:
            with pytest.raises(ApplyRefused, match="worker; name its master"):
                await make_reloader(settings_for(proxy, pid=str(pid))).check()
        reloader = make_reloader(settings_for(proxy))
        await reloader.check()
        await await_names(proxy, "one")
        for names in (("one", "two"), ("two",)):
            write(proxy.config, *names)
            await reloader.reload(lambda _: None)
            took = await await_names(proxy, *names)
            print(f"{' '.join(arguments)}: visible after {took:.1f} s")
            assert reloader.why_gone() is None


async def test_a_single_uvicorn_is_refused_and_goes_on(
    litellm_executable: str, tmp_path: Path
) -> None:
    with started(litellm_executable, tmp_path) as proxy:
        reloader = make_reloader(settings_for(proxy))
        with pytest.raises(ApplyRefused, match="SIGHUP would kill it"):
            await reloader.check()
        with pytest.raises(ReloadFailed, match="SIGHUP would kill it"):
            await reloader.reload(pytest.fail)
        await await_names(proxy, "one")


@pytest.mark.parametrize("arguments", [("--run_gunicorn",), ("--run_granian",)])
async def test_a_file_that_litellm_refuses_ends_the_master_and_that_is_told(
    litellm_executable: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    with started(litellm_executable, tmp_path, *arguments) as proxy:
        reloader = make_reloader(settings_for(proxy))
        with proxy.config.open("a") as file:
            file.write("router_settings: {routing_strategy: simple}\n")
        await reloader.reload(lambda _: None)
        end = time.monotonic() + DEADLINE_S
        while reloader.why_gone() is None and time.monotonic() < end:
            await asyncio.sleep(0.1)
        assert "LiteLLM does not start with this file" in (reloader.why_gone() or "")


RESTART = """#!/bin/sh
# As operators write it: end the proxy by its pid file, start it anew in the background.
kill "$(cat proxy.pid)"
while kill -0 "$(cat proxy.pid)" 2>/dev/null && [ "$(ps -o stat= -p "$(cat proxy.pid)")" != Z ]; do
    sleep 0.2
done
nohup {litellm} --config config.yaml --host 127.0.0.1 --port {port} >proxy.log 2>&1 &
echo $! >proxy.pid
echo restarted
"""


async def test_a_command_restarts_a_single_uvicorn(
    litellm_executable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("LITELLM_MASTER_KEY", MASTER_KEY),
        ("LITELLM_LOCAL_MODEL_COST_MAP", "True"),
        ("NO_PROXY", "127.0.0.1,localhost"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    pid_file, script = tmp_path / "proxy.pid", tmp_path / "restart.sh"
    with started(litellm_executable, tmp_path) as proxy:
        pid_file.write_text(f"{proxy.pid}\n")
        port = proxy.url.rpartition(":")[2]
        script.write_text(RESTART.format(litellm=shlex.quote(litellm_executable), port=port))
        script.chmod(0o700)
        reloader = make_reloader(
            settings_for(proxy, reload="command", pid=None, reload_command=str(script))
        )
        assert "without service" in reloader.describe()
        await reloader.check()
        write(proxy.config, "one", "two")
        said: list[str] = []
        try:
            await reloader.reload(said.append)
            took = await await_names(proxy, "one", "two")
            print(f"restarted: visible after {took:.1f} s")
            new = read_process(int(pid_file.read_text()))
            assert new is not None
            assert (found := read_proxy(new)) is not None
            assert found.role is Role.ALONE
        finally:
            end_restarted(int(pid_file.read_text()), proxy.pid)
        assert said == ["restarted"]


def end_restarted(pid: int, first: int) -> None:
    """The one that the script started: no child of ours, so that it is asked until it is gone."""
    if pid == first:
        return
    end = time.monotonic() + 30
    while read_process(pid) is not None and time.monotonic() < end:
        os.kill(pid, 9 if time.monotonic() > end - 20 else 15)
        time.sleep(0.2)
    assert read_process(pid) is None
