"""The pretend proxy running for a test, with a client that has its key."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from store.demo.proxy import DemoProxy
from store.demo.served import CONFIG

HANG_S = 20.0
"""A generous deadline: whatever takes longer hangs."""


@dataclass
class Running:
    proxy: DemoProxy
    url: str
    client: httpx.AsyncClient

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    async def chat(self, model: str, **more: object) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "ping"}], **more}
        return await self.client.post("/v1/chat/completions", json=body)


@asynccontextmanager
async def running(
    config: Path = CONFIG,
    *,
    pace: float = 0,
    deadline_s: float = 10.0,
    requests_per_minute: int = 60,
    watch_s: float | None = None,
) -> AsyncIterator[Running]:
    """The proxy and its client. A crash in one of its handlers fails the test."""
    crashes: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: crashes.append(context))
    proxy = DemoProxy(
        config,
        pace=pace,
        deadline_s=deadline_s,
        requests_per_minute=requests_per_minute,
        watch_s=watch_s,
    )
    url = await proxy.start()
    headers = {"Authorization": f"Bearer {proxy.key}"}
    try:
        async with httpx.AsyncClient(
            base_url=url, headers=headers, trust_env=False, timeout=HANG_S
        ) as client:
            yield Running(proxy, url, client)
    finally:
        async with asyncio.timeout(HANG_S):
            await proxy.stop()
        gc.collect()  # a task's exception that nobody asked for is told when the task goes
        assert crashes == []
