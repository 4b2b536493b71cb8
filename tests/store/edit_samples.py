"""Helpers of the edits' tests: sample things, and a look at a whole store."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from store.domain import AuditEntry, Health, Model, Provider, Route
from store.history import AnyThing, Key, replay
from store.store import Store

KEY = "sk-live-0123456789abcdef"
ACTOR = "ann@desk"


def provider(name: str = "openai", **changed: Any) -> Provider:
    values: dict[str, Any] = {
        "id": "",
        "name": name,
        "display_name": name.upper(),
        "litellm_provider": "openai",
        "api_base_url": "https://api.example.com/v1",
        "api_key_env": "OPENAI_API_KEY",
    }
    return Provider(**values | changed)


def model(provider_id: str, name: str = "gpt-4o", **changed: Any) -> Model:
    values: dict[str, Any] = {
        "id": "",
        "provider_id": provider_id,
        "model_name": name,
        "display_name": name.upper(),
        "litellm_model": f"openai/{name}",
        "context_window": 128_000,
        "input_cost_per_1k": Decimal("0.0025"),
    }
    return Model(**values | changed)


def route(name: str, primary: str | None, *fallbacks: str, **changed: Any) -> Route:
    values: dict[str, Any] = {
        "id": "",
        "name": name,
        "primary_model_id": primary,
        "fallback_model_ids": fallbacks,
    }
    return Route(**values | changed)


async def present(store: Store) -> dict[Key, AnyThing]:
    """Everything there is, without health, which is no part of an edit."""
    return {
        **{("provider", p.id): replace(p, health=Health()) for p in await store.providers.all()},
        **{("model", m.id): replace(m, health=Health()) for m in await store.models.all()},
        **{("route", r.id): r for r in await store.routes.all()},
    }


async def entries(store: Store) -> tuple[AuditEntry, ...]:
    """The whole audit log, the oldest first."""
    return tuple(reversed(await store.history.entries(limit=1_000_000)))


def replayed(log: tuple[AuditEntry, ...]) -> dict[Key, AnyThing]:
    """What is there after these changes."""
    return {key: thing for key, thing in replay(log).items() if thing is not None}


def unversioned(things: dict[Key, AnyThing]) -> dict[Key, AnyThing]:
    return {key: replace(thing, version=0) for key, thing in things.items()}


def dangling(things: dict[Key, AnyThing]) -> list[str]:
    """Ids that name nothing that is there."""
    found = []
    for (_, thing_id), thing in things.items():
        if isinstance(thing, Model) and ("provider", thing.provider_id) not in things:
            found.append(f"{thing_id} -> {thing.provider_id}")
        if isinstance(thing, Route):
            used = [*thing.fallback_model_ids, *thing.context_window_fallback_ids]
            if thing.primary_model_id is not None:
                used.append(thing.primary_model_id)
            found += [f"{thing_id} -> {i}" for i in used if ("model", i) not in things]
    return found


def dump(path: Path) -> list[str]:
    """The whole database as SQL, as another connection sees it."""
    connection = sqlite3.connect(path)
    try:
        return list(connection.iterdump())
    finally:
        connection.close()


def integrity_problems(path: Path) -> list[str]:
    """What SQLite's own check finds.

    SQLite up to 3.40 tells of NULL values in tables WITHOUT ROWID whose key columns are not
    declared first, where there are none.
    """
    connection = sqlite3.connect(path)
    try:
        rows = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        return [row for row in rows if row != "ok" and not row.startswith("NULL value in")]
    finally:
        connection.close()
