"""The pretend proxy takes a changed file as a gunicorn master does: late, and without a gap."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from store.demo.proxy import DemoProxy
from store.demo.served import CONFIG, Served
from tests.store.running_demo import HANG_S, Running, running

NEW = """
  - model_name: brand-new
    litellm_params: {model: ollama/brand-new, api_base: "http://127.0.0.1:11434", timeout: 3}
    model_info: {id: demo-brand-new}

router_settings:"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return Path(shutil.copy(CONFIG, tmp_path))


@pytest.fixture
async def demo(config: Path) -> AsyncIterator[Running]:
    async with running(config, watch_s=0.01) as demo:
        yield demo


async def groups(demo: Running) -> list[str]:
    response = await demo.client.get("/v1/models")
    assert response.status_code == 200
    return [entry["id"] for entry in response.json()["data"]]


async def serves(demo: Running, name: str, *, wanted: bool = True) -> None:
    """Returns once it does, or once it does not any more."""
    async with asyncio.timeout(HANG_S):
        while (name in await groups(demo)) is not wanted:
            await asyncio.sleep(0.01)


async def test_a_new_model_answers_and_a_removed_one_is_unknown(
    demo: Running, config: Path
) -> None:
    assert (await demo.chat("brand-new")).status_code == 400
    config.write_text(CONFIG.read_text().replace("\nrouter_settings:", NEW))
    await serves(demo, "brand-new")
    response = await demo.chat("brand-new")
    assert response.status_code == 200
    assert response.headers["x-litellm-model-id"] == "demo-brand-new"
    config.write_text(CONFIG.read_text())
    await serves(demo, "brand-new", wanted=False)
    gone = await demo.chat("demo-brand-new")
    assert (gone.status_code, "Invalid model name" in gone.text) == (400, True)


async def test_a_file_that_is_replaced_is_seen_too(demo: Running, config: Path) -> None:
    draft = config.with_suffix(".new")
    draft.write_text(CONFIG.read_text().replace("    fast: gemini", "    quick: gemini"))
    draft.replace(config)
    await serves(demo, "quick")
    router = (await demo.client.get("/get/config/callbacks")).json()["router_settings"]
    assert router["model_group_alias"] == {
        "long-context": "gemini-1.5-pro",
        "quick": "gemini-1.5-flash",
    }


async def test_a_broken_file_leaves_the_old_one_in_force(demo: Running, config: Path) -> None:
    before = await groups(demo)
    loads = _count_loads(demo.proxy)
    config.write_text("model_list: [")
    async with asyncio.timeout(HANG_S):
        while not loads:
            await asyncio.sleep(0.01)
    assert await groups(demo) == before
    config.write_text(CONFIG.read_text().replace("\nrouter_settings:", NEW))
    await serves(demo, "brand-new")


def _count_loads(proxy: DemoProxy) -> list[bool]:
    """An item for each time that the file was read, whatever came of it."""
    loads: list[bool] = []
    load = proxy.load

    async def counted() -> Served:
        try:
            return await load()
        finally:
            loads.append(True)

    proxy.load = counted  # type: ignore[method-assign]
    return loads


async def test_while_it_reloads_the_old_file_is_served_without_a_gap(config: Path) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    class Slow(DemoProxy):
        async def load(self) -> Served:
            loaded = await super().load()
            if self._served.deployments:
                begun.set()
                await go_on.wait()
            return loaded

    proxy = Slow(config, pace=0, watch_s=0.01)
    url = await proxy.start()
    headers = {"Authorization": f"Bearer {proxy.key}"}
    try:
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as client:
            demo = Running(proxy, url, client)
            config.write_text(CONFIG.read_text().replace("\nrouter_settings:", NEW))
            async with asyncio.timeout(HANG_S):
                await begun.wait()
            for _ in range(20):
                assert "brand-new" not in await groups(demo)
            assert (await demo.chat("gpt-4.1")).status_code == 200
            go_on.set()
            await serves(demo, "brand-new")
    finally:
        async with asyncio.timeout(HANG_S):
            await proxy.stop()


async def test_chains_are_told_by_name(demo: Running) -> None:
    general = await demo.client.get("/fallback/gpt-4.1")
    assert general.json() == {
        "model": "gpt-4.1",
        "fallback_models": ["gemini-1.5-flash", "claude-3-haiku"],
        "fallback_type": "general",
    }
    longer = await demo.client.get("/fallback/gpt-4.1?fallback_type=context_window")
    assert longer.json()["fallback_models"] == ["gemini-1.5-pro"]
    none = await demo.client.get("/fallback/llama3")
    assert none.status_code == 404
    assert none.json()["detail"] == {"error": "No general fallbacks configured for model 'llama3'"}
    assert (await demo.client.get("/fallback/gpt-4.1?fallback_type=x")).status_code == 422


async def test_a_file_without_models_is_litellms_error(demo: Running, config: Path) -> None:
    config.write_text("general_settings: {}\n")
    await serves(demo, "gpt-4.1", wanted=False)
    response = await demo.client.get("/model/info")
    assert (response.status_code, "not loaded in" in response.text) == (500, True)
