"""A store, a real proxy and its file; and clients that go on asking while the proxy reloads."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from store.domain import Model, Route
from store.environment import Environment
from store.plans import ApplyReport, Plan, Step, StepName
from store.settings import Settings
from store.store import Store, open_store
from tests.litellm.conftest import MASTER_KEY
from tests.litellm.proxy import RealProxy, start_proxy

ACTOR = "ada@ops"
KEYS = {"TEAM_KEY": "good-key-of-the-team", "REFUSED_KEY": "wrong-key-of-the-team"}
STAYING = ("stay-a", "stay-b", "stay-route")
"""Asked before, during and after each apply."""
EVERY_S = 0.15
"""Between two requests of a client: with three clients about 20 a second."""

CONFIG = """\
# The proxy of the tests.
model_list:
  - model_name: stay-a  # two deployments
    litellm_params:
      model: openai/ok-a1
      api_base: {base}
      api_key: os.environ/TEAM_KEY
      timeout: 30
    model_info:
      id: id-a1
  - model_name: stay-a
    litellm_params: {{model: openai/ok-a2, api_base: {base}, api_key: os.environ/TEAM_KEY}}
  - model_name: stay-b
    litellm_params:
      model: openai/ok-b
      api_base: {base}
      api_key: os.environ/TEAM_KEY
      input_cost_per_token: 0.000001
    model_info:
      id: id-b
  - model_name: stay-c
    litellm_params:
      model: openai/ok-c
      api_base: {base}
      api_key: os.environ/TEAM_KEY
    model_info:
      id: id-c
  - model_name: stream
    litellm_params:
      model: openai/slow-2-stream
      api_base: {base}
      api_key: os.environ/TEAM_KEY
    model_info:
      id: id-stream

router_settings:
  routing_strategy: simple-shuffle
  num_retries: 0
  timeout: 60
  fallbacks: [{{stay-a: [stay-b]}}, {{stay-route: [stay-b]}}]
  model_group_alias: {{stay-route: stay-c}}

general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
"""


@dataclass
class World:
    """Everything of one proxy."""

    store: Store
    proxy: RealProxy
    steps: list[Step] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.proxy.config

    async def edit(self, model_id: str, **changes: Any) -> None:
        before = await self.store.models.get(model_id)
        await self.store.edit.save(before, replace(before, **changes), actor=ACTOR)

    async def add_model(self, name: str, litellm_model: str) -> Model:
        """A model of the same provider as `id-b`."""
        like = await self.store.models.get("id-b")
        model = replace(
            like, id=f"id-{name}", model_name=name, display_name=name, litellm_model=litellm_model,
            kept="", version=1,
        )  # fmt: skip
        return await self.store.edit.add(model, actor=ACTOR)

    async def remove_model(self, model_id: str) -> None:
        model = await self.store.models.get(model_id)
        await self.store.edit.remove(model, actor=ACTOR, along=True)

    async def route(self, name: str) -> Route:
        return next(route for route in await self.store.routes.all() if route.name == name)

    async def edit_route(self, name: str, **changes: Any) -> None:
        before = await self.route(name)
        await self.store.edit.save(before, replace(before, **changes), actor=ACTOR)

    async def plan(self, to_revision: int | None = None) -> Plan:
        return await self.store.rollout.plan(to_revision=to_revision)

    async def apply(self, plan: Plan | None = None, *, smoke: bool = False) -> ApplyReport:
        self.steps.clear()
        return await self.store.rollout.apply(
            plan or await self.plan(), actor=ACTOR, smoke=smoke, on_step=self.steps.append
        )


def took_ms(report: ApplyReport, *names: StepName) -> int:
    """How long these steps took together."""
    return sum(step.took_ms or 0 for step in report.steps if step.name in names)


@contextlib.contextmanager
def serving(
    executable: str, folder: Path, base: str, *arguments: str, text: str = CONFIG
) -> Iterator[RealProxy]:
    """A proxy that serves `text`."""
    config = folder / "config.yaml"
    config.write_text(text.format(base=base))
    with start_proxy(
        executable, config, key=MASTER_KEY, environment=KEYS, arguments=arguments
    ) as proxy:
        yield proxy


@asynccontextmanager
async def world(proxy: RealProxy, **settings: Any) -> AsyncIterator[World]:
    """A store that has imported the proxy's file."""
    values: dict[str, Any] = {
        "store_path": proxy.config.with_name("aitui.db"),
        "gateway_url": proxy.url,
        "config_file": proxy.config,
    }
    environment = Environment({"LITELLM_MASTER_KEY": proxy.key, **KEYS})
    async with open_store(Settings(**{**values, **settings}), environment) as store:
        await store.configuration.import_file(proxy.config, actor=ACTOR)
        yield World(store, proxy)


@dataclass
class Load:
    """What the clients asked, and what went wrong."""

    sent: int = 0
    failed: list[str] = field(default_factory=list)
    """One line for each request that was not answered with 200 and an answer."""
    streams: int = 0
    asked_again: list[str] = field(default_factory=list)
    """One line for each connection that was closed before any answer."""


@asynccontextmanager
async def load(proxy: RealProxy) -> AsyncIterator[Load]:
    """Clients that ask for `STAYING` one after the other until the block is left.

    One opens a connection for each request; two keep theirs, as SDKs do; a fourth reads a stream
    of 2 s after the other.
    """
    result = Load()
    stop = asyncio.Event()
    clients = [
        asyncio.create_task(_ask(proxy, result, stop, keeps=keeps)) for keeps in (False, True, True)
    ]
    clients.append(asyncio.create_task(_stream(proxy, result, stop)))
    try:
        yield result
    finally:
        stop.set()
        async with asyncio.timeout(60):
            await asyncio.gather(*clients)


async def ask(proxy: RealProxy, model: str, times: int = 8) -> list[int]:
    """The statuses of as many requests, each over a connection of its own."""
    async with _client(proxy, keeps=False) as client:
        return [
            (await client.post("/v1/chat/completions", json=_body(model))).status_code
            for _ in range(times)
        ]


def _client(proxy: RealProxy, *, keeps: bool = True) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=proxy.url,
        headers={"Authorization": f"Bearer {proxy.key}"},
        timeout=30,
        trust_env=False,
        limits=httpx.Limits(max_keepalive_connections=4 if keeps else 0),
    )


def _body(model: str, **more: object) -> dict[str, object]:
    return {"model": model, "messages": [{"role": "user", "content": "Hello?"}], **more}


async def _ask(proxy: RealProxy, result: Load, stop: asyncio.Event, *, keeps: bool) -> None:
    async with _client(proxy, keeps=keeps) as client:
        for model in itertools.cycle(STAYING):
            if stop.is_set():
                return
            await asyncio.sleep(EVERY_S)
            result.sent += 1
            await _one(client, result, _body(model), ends="Hello")


async def _stream(proxy: RealProxy, result: Load, stop: asyncio.Event) -> None:
    async with _client(proxy, keeps=False) as client:
        while not stop.is_set():
            result.streams += 1
            await _one(client, result, _body("stream", stream=True), ends="[DONE]")


async def _one(
    client: httpx.AsyncClient, result: Load, body: Mapping[str, object], *, ends: str
) -> None:
    """One request; what is wrong with its answer is noted."""
    problem, began = "", time.monotonic()
    try:
        answer = await _begun(client, result, body)
        try:
            text = (await answer.aread()).decode()
        finally:
            await answer.aclose()
        if answer.status_code != 200 or ends not in text:
            problem = f"{answer.status_code} {text[-200:]}"
    except httpx.HTTPError as error:
        problem = repr(error)
    if problem:
        result.failed.append(f"{body['model']}, {time.monotonic() - began:.1f} s: {problem}")


async def _begun(
    client: httpx.AsyncClient, result: Load, body: Mapping[str, object]
) -> httpx.Response:
    """An answer that has begun. As SDKs do, it asks again, where there is none, up to twice.

    When uvicorn shuts down, it closes what it accepted and has read nothing from yet.
    """
    for tries_left in (2, 1, 0):
        request = client.build_request("POST", "/v1/chat/completions", json=body)
        try:
            return await client.send(request, stream=True)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as error:
            result.asked_again.append(f"{body['model']}: {error!r}")
            if not tries_left:
                raise
    raise AssertionError
