"""The fake that tests of apply trust: our gateway can read it, and each of its lies is one."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from store.demo.served import CONFIG
from store.errors import GatewayError, ImportRefused
from store.gateway.client import Gateway
from store.gateway.live import Live, read_live
from tests.fake_litellm import KEY, FakeLiteLLM, Lie

HANG_S = 20.0
ROOT = Path(__file__).parents[2]
OLD = CONFIG.read_text()
NEW_TIMEOUT = OLD.replace("timeout: 30  ", "timeout: 31  ")
NEW_STRATEGY = OLD.replace("latency-based-routing", "simple-shuffle")
NEW_MODEL = OLD.replace(
    "\nrouter_settings:",
    "\n  - {model_name: new, litellm_params: {model: openai/new}, model_info: {id: new}}\n"
    "router_settings:",
)
MODELS = OLD.count("- model_name: ")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return Path(shutil.copy(CONFIG, tmp_path))


async def read(url: str) -> Live:
    gateway = Gateway(url, KEY)
    try:
        return await read_live(gateway, new_connection=True)
    finally:
        await gateway.aclose()


def ids(live: Live) -> list[str]:
    return list(dict.fromkeys(row.id for row in live.rows))


def timeout(live: Live) -> object:
    return next(row.fields["timeout"] for row in live.rows if row.id == "demo-codellama")


def strategy(live: Live) -> str:
    assert live.routing is not None
    return str(live.routing.settings["routing_strategy"])


async def load(fake: FakeLiteLLM, text: str) -> None:
    fake.config.write_text(text)
    await fake.reload()


async def test_our_gateway_reads_what_it_loaded(config: Path) -> None:
    assert len({OLD, NEW_TIMEOUT, NEW_STRATEGY, NEW_MODEL}) == 4
    async with FakeLiteLLM(config) as fake:
        live = await read(fake.url)
        assert (len(ids(live)), len(live.rows)) == (MODELS, MODELS + 2)
        assert (timeout(live), strategy(live)) == (30, "latency-based-routing")
        assert (live.db_mode, live.has_database, live.problems) == (False, False, ())
        gateway = Gateway(fake.url, fake.key)
        assert [each.id for each in await gateway.deployments()][:MODELS] == ids(live)
        assert (await gateway.status()).version == "1.106.2"
        await gateway.aclose()
        config.write_text(NEW_TIMEOUT)
        assert timeout(await read(fake.url)) == 30, "it loads its file when it is told to"
        await fake.reload()
        assert timeout(await read(fake.url)) == 31
        assert fake.reloads == 1


async def test_a_broken_file_is_told_and_the_old_one_goes_on(config: Path) -> None:
    async with FakeLiteLLM(config) as fake:
        with pytest.raises(ImportRefused):
            await load(fake, "model_list: [")
        assert (fake.reloads, len(fake.refused)) == (1, 1)
        assert len(ids(await read(fake.url))) == MODELS


async def test_it_can_watch_its_file(config: Path) -> None:
    async with FakeLiteLLM(config, watch=True) as fake:
        config.write_text(NEW_TIMEOUT)
        async with asyncio.timeout(HANG_S):
            while timeout(await read(fake.url)) != 31:
                await asyncio.sleep(0.01)


async def test_it_ignores_a_field(config: Path) -> None:
    async with FakeLiteLLM(config, lie=Lie.IGNORES_FIELD) as fake:
        await load(fake, NEW_TIMEOUT)
        assert timeout(await read(fake.url)) == 30
        await load(fake, NEW_MODEL)
        assert "new" in ids(await read(fake.url)), "only that field"
        fake.begin(Lie.NONE)
        await load(fake, NEW_TIMEOUT)
        assert timeout(await read(fake.url)) == 31


async def test_it_ignores_a_price(config: Path) -> None:
    dearer = OLD.replace("input_cost_per_token: 0.00001\n", "input_cost_per_token: 0.00009\n")
    assert dearer != OLD
    async with FakeLiteLLM(config, lie=Lie.IGNORES_FIELD, field="input_cost_per_token") as fake:
        await load(fake, dearer)
        row = (await read(fake.url)).rows[0]
        assert row.id == "demo-gpt-4.1-vas"
        assert float(str(row.fields["input_cost_per_token"])) == 0.00001


@pytest.mark.parametrize("lie", [Lie.DROPS_MODEL, Lie.OLD_AFTER_RESTORE])
async def test_it_drops_the_last_model(config: Path, lie: Lie) -> None:
    async with FakeLiteLLM(config, lie=lie) as fake:
        await load(fake, NEW_MODEL)
        dropped = ids(await read(fake.url))
        assert ("new" in dropped, len(dropped)) == (False, MODELS)
        await load(fake, NEW_TIMEOUT)
        assert len(ids(await read(fake.url))) == MODELS - 1
        await load(fake, OLD)
        stays = lie is Lie.OLD_AFTER_RESTORE
        assert len(ids(await read(fake.url))) == MODELS - stays
        assert fake.reloads == 3


@pytest.mark.parametrize("reads", [None, 4])
async def test_its_workers_disagree(config: Path, reads: int | None) -> None:
    async with FakeLiteLLM(config, lie=Lie.WORKERS_DISAGREE, reads=reads) as fake:
        await load(fake, NEW_TIMEOUT.replace("latency-based-routing", "simple-shuffle"))
        seen = [await read(fake.url) for _ in range(30)]
    found = [(timeout(live), strategy(live)) for live in seen]
    assert {seconds for seconds, _ in found} == {30, 31}
    assert {name for _, name in found} == {"latency-based-routing", "simple-shuffle"}
    old = sum((seconds == 30) + (name != "simple-shuffle") for seconds, name in found)
    assert old == reads if reads is not None else old > 10
    assert (set(found[15:]) == {(31, "simple-shuffle")}) == (reads is not None)


async def test_it_never_comes_back_until_it_is_told(config: Path) -> None:
    async with FakeLiteLLM(config, lie=Lie.NEVER_COMES_BACK) as fake:
        await load(fake, NEW_TIMEOUT)
        with pytest.raises(GatewayError):
            await read(fake.url)
        await load(fake, OLD)
        with pytest.raises(GatewayError):
            await read(fake.url)
        await fake.come_back()
        assert timeout(await read(fake.url)) == 30


async def test_it_is_slow(config: Path) -> None:
    async with FakeLiteLLM(config, lie=Lie.SLOW_RELOAD, seconds=0.05) as fake:
        served = fake.worker()
        before = served()
        await load(fake, NEW_TIMEOUT)
        assert served() is before
        async with asyncio.timeout(HANG_S):
            while timeout(await read(fake.url)) != 31:
                await asyncio.sleep(0.01)


async def test_it_breaks_with_a_new_file(config: Path) -> None:
    async with FakeLiteLLM(config, lie=Lie.BROKEN_AFTER_RELOAD) as fake:
        await load(fake, NEW_TIMEOUT)
        with pytest.raises(GatewayError, match="500"):
            await read(fake.url)
        await load(fake, OLD)
        assert timeout(await read(fake.url)) == 30


async def test_it_ignores_the_router(config: Path) -> None:
    async with FakeLiteLLM(config, lie=Lie.IGNORES_ROUTER) as fake:
        await load(fake, NEW_STRATEGY.replace("timeout: 30  ", "timeout: 31  "))
        live = await read(fake.url)
        assert (strategy(live), timeout(live)) == ("latency-based-routing", 31)


async def test_it_says_that_it_has_a_database(config: Path) -> None:
    async with FakeLiteLLM(config, lie=Lie.DB_MODE) as fake:
        live = await read(fake.url)
        assert (live.db_mode, live.has_database) == (True, True)
        assert all(row.in_database for row in live.rows)


# As a process of its own


@contextmanager
def process(config: Path, *more: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command line, and its URL."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_litellm", "--config", str(config), *more],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    watchdog = threading.Timer(HANG_S, started.kill)
    watchdog.start()
    try:
        assert started.stdout is not None
        yield started, started.stdout.readline().strip()
    finally:
        watchdog.cancel()
        started.kill()
        started.communicate()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(headers=headers, trust_env=False) as client:
        yield client


async def test_a_process_reloads_on_sighup(config: Path, tmp_path: Path) -> None:
    pid_file = tmp_path / "litellm.pid"
    with process(config, "--pid-file", str(pid_file)) as (started, url):
        pid = int(pid_file.read_text())
        assert pid == started.pid
        for text, seconds in ((NEW_TIMEOUT, 31), (OLD, 30)):
            config.write_text(text)
            os.kill(pid, signal.SIGHUP)
            async with asyncio.timeout(HANG_S):
                while timeout(await read(url)) != seconds:
                    await asyncio.sleep(0.02)
        started.terminate()
        assert await asyncio.to_thread(started.wait, HANG_S) == 0


async def test_a_process_can_lie_and_survives_a_broken_file(
    config: Path, client: httpx.AsyncClient
) -> None:
    with process(config, "--lie", "ignores-router", "--watch") as (started, url):
        config.write_text("model_list: [")
        assert started.stderr is not None
        os.kill(started.pid, signal.SIGHUP)
        told = await asyncio.to_thread(started.stderr.readline)
        assert "litellm_config.yaml" in told
        assert (await client.get(f"{url}/v1/models")).status_code == 200
        config.write_text(NEW_STRATEGY.replace("timeout: 30  ", "timeout: 31  "))
        async with asyncio.timeout(HANG_S):
            while timeout(live := await read(url)) != 31:
                await asyncio.sleep(0.02)
        assert strategy(live) == "latency-based-routing"
