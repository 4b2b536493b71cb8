"""Fill a fresh store with the demo: its providers, models, routes, health and 90 days of use."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from store.audit import write_audit
from store.database import SqliteDatabase, Transaction
from store.demo.catalog import MODELS, PROVIDERS, ROUTES
from store.demo.served import CONFIG
from store.demo.traffic import make_traffic
from store.domain import HealthStatus
from store.gateway.config_file import ConfigFile, read_config
from store.models import Models
from store.providers import Providers
from store.revisions import record_import
from store.routes import Routes
from store.times import to_text
from store.usage import Usage

ACTOR = "demo"
SOURCE = "demo"


@dataclass(frozen=True, slots=True)
class _Check:
    """How a last health check went, `minutes_ago`."""

    status: HealthStatus
    minutes_ago: float
    latency_ms: int | None = None
    reason: str | None = None


_PROVIDER_CHECKS = {
    "demo-vas": _Check(HealthStatus.HEALTHY, 4, 412),
    "demo-openai": _Check(HealthStatus.HEALTHY, 4, 388),
    "demo-gemini": _Check(HealthStatus.HEALTHY, 3, 1_640),
    "demo-anthropic": _Check(
        HealthStatus.DEGRADED, 3, 719, "1 of 2 failed: claude-3-opus provider error"
    ),
    "demo-ollama": _Check(
        HealthStatus.DOWN, 3, None, "2 of 2 failed: llama3 provider error, codellama provider error"
    ),
}
"""Absent: the provider without a key, which nobody could check."""

_MODEL_CHECKS = {
    "demo-gpt-4.1-vas": _Check(HealthStatus.HEALTHY, 4, 431),
    "demo-gpt-4o-vas": _Check(HealthStatus.HEALTHY, 4, 402),
    "demo-claude-sonnet-4-vas": _Check(HealthStatus.HEALTHY, 4, 588),
    "demo-gpt-4o-openai": _Check(HealthStatus.HEALTHY, 4, 388),
    "demo-gpt-3.5-turbo": _Check(HealthStatus.DEGRADED, 4, 96, "held back by the proxy (cooldown)"),
    "demo-text-embedding-3-small": _Check(HealthStatus.HEALTHY, 4, 121),
    "demo-gemini-1.5-flash": _Check(HealthStatus.HEALTHY, 3, 347),
    "demo-gemini-1.5-pro": _Check(HealthStatus.HEALTHY, 3, 2_810),
    "demo-claude-3-opus": _Check(HealthStatus.DOWN, 3, 512, "Overloaded"),
    "demo-claude-3-haiku": _Check(HealthStatus.HEALTHY, 3, 359),
    "demo-llama3": _Check(HealthStatus.DOWN, 3, None, "Cannot connect to host 127.0.0.1:11434"),
    "demo-codellama": _Check(HealthStatus.DOWN, 3, None, "Cannot connect to host 127.0.0.1:11434"),
}


async def fill_demo(database: SqliteDatabase, usage: Usage, now: datetime, zone: ZoneInfo) -> None:
    """Write the demo into an empty store. The same `now` and `zone` give the same rows.

    What the proxy's file holds is in it as an import would have brought it in.
    """
    created = now - timedelta(days=90)
    file = await asyncio.to_thread(read_config, CONFIG)
    async with database.write() as tx:
        await _insert_things(database, tx, created, {m.id: m.kept for m in file.models})
        await _insert_kept(tx, created, file)
        await _insert_health(tx, now)
    traffic = make_traffic(now, zone)
    await usage.record_rollups(traffic.rollups)
    await usage.record(traffic.records)


async def _insert_things(
    database: SqliteDatabase, tx: Transaction, at: datetime, kept: Mapping[str, str]
) -> None:
    def clock() -> datetime:
        return at

    providers, models = Providers(database, clock), Models(database, clock)
    routes = Routes(database, clock)
    for provider in PROVIDERS:
        await providers.insert(tx, provider, ACTOR)
    for model in MODELS:
        await models.insert(tx, replace(model, kept=kept.get(model.id, "")), ACTOR)
    for route in ROUTES:
        await routes.insert(tx, route, ACTOR)


async def _insert_kept(tx: Transaction, at: datetime, file: ConfigFile) -> None:
    await tx.execute(
        "INSERT INTO kept_config (id, document, source_text, source, imported_at)"
        " VALUES (1, ?, ?, ?, ?)",
        (file.kept, file.text, SOURCE, to_text(at)),
    )
    await write_audit(
        tx,
        at=at,
        actor=ACTOR,
        action="create",
        entity="configuration",
        entity_id="kept",
        name=SOURCE,
        before=None,
        after={"document": file.kept},
    )
    await record_import(tx, at=at, actor=ACTOR, file=CONFIG.name, yaml=file.text or "")


async def _insert_health(tx: Transaction, now: datetime) -> None:
    for table, checks in (("ai_providers", _PROVIDER_CHECKS), ("ai_models", _MODEL_CHECKS)):
        await tx.many(
            f"UPDATE {table} SET health_status = ?, last_health_check = ?,"  # noqa: S608 ours
            " health_latency_ms = ?, health_reason = ? WHERE id = ?",
            [(*_health(check, now), key) for key, check in checks.items()],
        )
    await tx.many(
        "INSERT INTO health_checks (status, checked_at, latency_ms, reason, provider_id)"
        " VALUES (?, ?, ?, ?, ?)",
        [(*_health(check, now), key) for key, check in _PROVIDER_CHECKS.items()],
    )


def _health(check: _Check, now: datetime) -> tuple[str, str, int | None, str | None]:
    at = to_text(now - timedelta(minutes=check.minutes_ago))
    return check.status.value, at, check.latency_ms, check.reason
