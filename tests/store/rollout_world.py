"""A store, its proxy's file and a fake proxy that loads it: for tests of plan, apply and undo."""

from __future__ import annotations

import shlex
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from store.domain import Model
from store.environment import Environment
from store.plans import ApplyReport, Plan, Step
from store.settings import Settings
from store.store import Store, open_store
from tests.lying_litellm import KEY, FakeLiteLLM, Lie

CONFIG = """\
# The team's proxy.
model_list:
  - model_name: alpha   # the default
    litellm_params:
      model: openai/gpt-a
      api_key: os.environ/OPENAI_API_KEY
      timeout: 30
    model_info:
      id: id-alpha
  - model_name: beta
    litellm_params: {model: openai/gpt-b, api_key: os.environ/OPENAI_API_KEY, weight: 2}
    model_info: {id: id-beta}
  - model_name: gamma
    litellm_params:
      model: openai/gpt-c
      api_key: os.environ/OPENAI_API_KEY
    model_info:
      id: id-gamma

router_settings:
  routing_strategy: simple-shuffle
  num_retries: 1
  timeout: 60
  fallbacks: [{alpha: [beta, gamma]}]

general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
"""

ACTOR = "ada@ops"


@dataclass
class World:
    """Everything of one test. The proxy watches its file unless it is told to reload."""

    store: Store
    fake: FakeLiteLLM
    config: Path
    steps: list[Step] = field(default_factory=list)

    async def model(self, model_id: str) -> Model:
        return await self.store.models.get(model_id)

    async def edit(self, model_id: str, **changes: object) -> None:
        before = await self.model(model_id)
        after = replace(before, **changes)  # type: ignore[arg-type]
        await self.store.edit.save(before, after, actor=ACTOR)

    async def say(self, text: str) -> None:
        """Somebody edits the file, and the proxy loads it."""
        self.config.write_text(text)
        await self.fake.reload()

    async def plan(self, to_revision: int | None = None) -> Plan:
        return await self.store.rollout.plan(to_revision=to_revision)

    async def apply(self, plan: Plan | None = None, *, smoke: bool = False) -> ApplyReport:
        self.steps.clear()
        return await self.store.rollout.apply(
            plan or await self.plan(), actor=ACTOR, smoke=smoke, on_step=self.steps.append
        )


@asynccontextmanager
async def world(
    tmp_path: Path,
    *,
    lie: Lie = Lie.NONE,
    text: str = CONFIG,
    verify_timeout: float = 2,
    reload: str = "command",
    watch: bool = True,
    command: str = "pass",
    **lying: object,
) -> AsyncIterator[World]:
    """A store that has imported `text`, and a proxy that serves it.

    `command` is what Python does in the reload command; the proxy watches its file by itself.
    """
    config = tmp_path / "litellm.yaml"
    config.write_text(text)
    settings = Settings(
        store_path=tmp_path / "aitui.db",
        config_file=config,
        reload=reload,  # type: ignore[arg-type]
        reload_command=f"{shlex.quote(sys.executable)} -c {shlex.quote(command)}",
        verify_timeout=verify_timeout,
    )
    async with FakeLiteLLM(config, lie=lie, watch=watch, **lying) as fake:  # type: ignore[arg-type]
        settings = replace(settings, gateway_url=fake.url)
        environment = Environment({"LITELLM_MASTER_KEY": KEY, "OPENAI_API_KEY": "set"})
        async with open_store(settings, environment) as store:
            await store.configuration.import_file(config, actor=ACTOR)
            yield World(store, fake, config)
