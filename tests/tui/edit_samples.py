"""A store with a few providers, models and routes for the commands to change."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from store.domain import AuditEntry, Model, Provider, Route
from store.environment import Environment
from store.settings import Settings
from store.store import Store, open_store
from store.validation import World
from tui.cli import build_parser

Result = TypeVar("Result")

OPENAI = Provider("p-openai", "openai", "OpenAI", "openai", api_key_env="OPENAI_API_KEY")
VAS = Provider("p-vas", "vas", "Copilot", "openai", "https://vas.example.com/v1", "VAS_KEY")
OLLAMA = Provider("p-ollama", "ollama", "Ollama", "ollama", "http://127.0.0.1:11434")
GPT = Model(
    "m-gpt",
    "p-vas",
    "gpt-4.1",
    "GPT-4.1",
    "openai/gpt-4.1",
    description="Primary",
    context_window=128_000,
    input_cost_per_1k=Decimal("0.01"),
)
MINI = Model("m-mini", "p-openai", "gpt-mini", "Mini", "openai/gpt-mini")
TWIN = Model("m-twin", "p-openai", "gpt-4.1", "GPT-4.1", "openai/gpt-4.1")
LLAMA = Model("m-llama", "p-ollama", "llama3", "Llama", "ollama/llama3")
DEFAULT = Route(
    "r-default",
    "default",
    primary_model_id="m-gpt",
    fallback_model_ids=("m-mini",),
    is_default=True,
)
FAST = Route("r-fast", "fast", primary_model_id="m-mini", fallback_model_ids=("m-llama",))


def in_store(path: Path, use: Callable[[Store], Awaitable[Result]]) -> Result:
    """Open the store at `path` and do something with it."""

    async def work() -> Result:
        settings = Settings(store_path=path, time_zone="Asia/Seoul")
        async with open_store(settings, Environment({})) as store:
            return await use(store)

    return asyncio.run(work())


def fill(path: Path, *more: Model) -> None:
    async def write(store: Store) -> None:
        for provider in (OPENAI, VAS, OLLAMA):
            await store.edit.add(provider, actor="filler")
        for model in (GPT, MINI, LLAMA, *more):
            await store.edit.add(model, actor="filler")
        for route in (DEFAULT, FAST):
            await store.edit.add(route, actor="filler")

    in_store(path, write)


def world(path: Path) -> World:
    return in_store(path, lambda store: store.edit.world())


def model(path: Path, model_id: str) -> Model:
    return next(each for each in world(path).models if each.id == model_id)


def provider(path: Path, name: str) -> Provider:
    return next(each for each in world(path).providers if each.name == name)


def route(path: Path, name: str) -> Route:
    return next(each for each in world(path).routes if each.name == name)


def changes(path: Path) -> tuple[AuditEntry, ...]:
    """The whole history, the newest first."""
    return in_store(path, lambda store: store.history.entries(limit=10_000))


def commands() -> dict[tuple[str, ...], argparse.ArgumentParser]:
    """Every command of the command line that does something, by its words."""

    def walk(
        words: tuple[str, ...], parser: argparse.ArgumentParser
    ) -> Iterator[tuple[tuple[str, ...], argparse.ArgumentParser]]:
        if parser.get_default("handler") is not None:
            yield words, parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, below in action.choices.items():
                    yield from walk((*words, name), below)

    return dict(walk((), build_parser()))
