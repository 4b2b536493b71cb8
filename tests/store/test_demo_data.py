"""The demo's content: complete, believable, bounded, and the same each time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
import yaml

from store.checks import looks_like_key
from store.database import SqliteDatabase, open_database
from store.demo.catalog import KEYLESS_PROVIDER_ID, MODELS, PROVIDERS, ROUTES, VARIABLES
from store.demo.data import fill_demo
from store.demo.served import CONFIG
from store.demo.start import demo_environment
from store.demo.traffic import HABITS, MAX_RECORDS, incident_day, make_traffic
from store.domain import Health, HealthStatus
from store.environment import Environment
from store.models import Models
from store.periods import Period
from store.plans import ChangeKind, Outcome
from store.providers import Providers
from store.revisions import Revisions
from store.routes import Routes
from store.session import open_session
from store.settings import Settings
from store.store import Store
from store.usage import Usage

NOW = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
SEOUL = ZoneInfo("Asia/Seoul")


@asynccontextmanager
async def filled(
    folder: Path, now: datetime = NOW, zone: ZoneInfo = SEOUL
) -> AsyncIterator[tuple[SqliteDatabase, Usage]]:
    database = await open_database(folder / "demo.db")
    try:
        usage = Usage(database, lambda: now, lambda: zone)
        await fill_demo(database, usage, now, zone)
        yield database, usage
    finally:
        await database.close()


async def _dump(database: SqliteDatabase) -> dict[str, list[tuple[object, ...]]]:
    tables = await database.all("SELECT name FROM sqlite_master WHERE type = 'table'")
    dump = {
        row["name"]: [tuple(r) for r in await database.all(f"SELECT * FROM {row['name']}")]
        for row in tables
    }
    # The second column names the transaction, which is another one each time.
    dump["audit_log"] = [(row[0], *row[2:]) for row in dump["audit_log"]]
    return dump


async def test_the_same_moment_gives_the_same_rows(tmp_path: Path) -> None:
    dumps = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        async with filled(tmp_path / name) as (database, _):
            dumps.append(await _dump(database))
    assert dumps[0] == dumps[1]
    assert make_traffic(NOW, SEOUL, seed=1) != make_traffic(NOW, SEOUL, seed=2)


async def test_things_come_back_as_the_catalog_has_them(tmp_path: Path) -> None:
    async with filled(tmp_path) as (database, _):
        providers = {p.id: p for p in await Providers(database, lambda: NOW).all()}
        models = {m.id: m for m in await Models(database, lambda: NOW).all()}
        routes = {r.id: r for r in await Routes(database, lambda: NOW).all()}
    assert {k: replace(p, health=Health()) for k, p in providers.items()} == {
        p.id: p for p in PROVIDERS
    }
    read = {k: replace(m, health=Health(), kept="") for k, m in models.items()}
    assert read == {m.id: m for m in MODELS}
    assert [bool(models[m.id].kept) for m in MODELS] == [m.is_enabled for m in MODELS]
    assert routes == {r.id: r for r in ROUTES}
    states = [provider.health.status for provider in providers.values()]
    assert set(states) == set(HealthStatus)
    assert providers[KEYLESS_PROVIDER_ID].health == Health()
    for provider in providers.values():
        checked = provider.health.checked_at
        assert checked is None or NOW - timedelta(minutes=10) < checked < NOW


async def test_every_thing_has_its_audit_row(tmp_path: Path) -> None:
    async with filled(tmp_path) as (database, _):
        rows = await database.all("SELECT * FROM audit_log")
    ids = [*(p.id for p in PROVIDERS), *(m.id for m in MODELS), *(r.id for r in ROUTES), "kept"]
    assert sorted(row["entity_id"] for row in rows) == sorted(ids)
    for row in rows:
        assert (row["actor"], row["action"], row["before_json"]) == ("demo", "create", None)
        assert isinstance(json.loads(row["after_json"]), dict)


async def test_routes_and_providers_name_things_that_are_there() -> None:
    ids = {model.id for model in MODELS}
    for route in ROUTES:
        named = (*route.fallback_model_ids, *route.context_window_fallback_ids)
        assert {route.primary_model_id, *named} <= ids
    assert {model.provider_id for model in MODELS} == {provider.id for provider in PROVIDERS}
    assert HABITS.keys() <= ids
    assert sum(habit.share for habit in HABITS.values()) == pytest.approx(1.0)


async def test_use_is_believable(tmp_path: Path) -> None:
    async with filled(tmp_path) as (_, usage):
        month = await usage.overview(Period.DAYS_30)
        week = await usage.overview(Period.DAYS_7)
        quarter = await usage.overview(Period.DAYS_90)
        today = await usage.today()
    shares = [used.totals.requests / month.current.requests for used in month.by_model[:3]]
    assert [used.model_name for used in month.by_model[:3]] == [
        *("gpt-4.1", "gemini-1.5-flash", "claude-3-haiku"),
    ]
    assert 0.55 < shares[0] < 0.75
    assert 0.12 < shares[1] < 0.22
    assert 0.05 < shares[2] < 0.13
    assert 6_000 < week.current.requests < 14_000
    assert 0.01 < month.current.errors / month.current.requests < 0.03
    assert month.current.requests > month.previous.requests, "the team grows"
    assert len(quarter.trend) == 90
    assert all(point.totals.requests > 100 for point in quarter.trend)
    assert sum(totals.requests for totals in today.values()) > 300
    for used in month.by_model:
        unpriced = used.model_name in ("llama3", "codellama")
        assert (used.totals.cost_nano_usd == 0) == unpriced
        assert used.totals.unpriced_requests == (used.totals.requests if unpriced else 0)
    days = {point.start.astimezone(SEOUL).date(): point.totals for point in month.trend}
    worst = max(days, key=lambda day: days[day].errors / days[day].requests)
    assert worst == incident_day(date(2026, 11, 20))
    weekend = [totals.requests for day, totals in days.items() if day.weekday() >= 5]
    assert max(weekend) < 1_000


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "UTC"])
@pytest.mark.parametrize("hour", [0, 12, 23])
def test_rows_are_bounded_and_end_now(zone: str, hour: int) -> None:
    now = datetime(2026, 11, 4, hour, 59, tzinfo=UTC)
    traffic = make_traffic(now, ZoneInfo(zone))
    assert 500 < len(traffic.records) <= MAX_RECORDS
    assert len(traffic.rollups) < 30_000
    assert max(record.created_at for record in traffic.records) <= now
    first = min(record.created_at for record in traffic.records).astimezone(ZoneInfo(zone))
    yesterday = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=1)
    assert first.date() == yesterday
    assert max(r.at for r in traffic.rollups).astimezone(ZoneInfo(zone)).date() < yesterday
    assert len({record.dedup_key for record in traffic.records}) == len(traffic.records)


def test_nothing_looks_like_a_key() -> None:
    assert not any(looks_like_key(str(thing)) for thing in (PROVIDERS, MODELS, ROUTES, VARIABLES))
    keyless = next(provider for provider in PROVIDERS if provider.id == KEYLESS_PROVIDER_ID)
    assert keyless.api_key_env is None


@asynccontextmanager
async def demo_session() -> AsyncIterator[Store]:
    settings = Settings(store_path=Path("unused"), time_zone="Asia/Seoul", reload="hup", pid="1")
    async with open_session(settings, Environment({}), demo=True, clock=lambda: NOW) as store:
        yield store


async def test_the_store_and_the_proxys_file_are_in_step() -> None:
    async with demo_session() as store:
        file = store.settings.config_file
        assert file is not None
        assert file.parent == store.settings.store_path.parent
        assert await store.configuration.export() == file.read_text() == CONFIG.read_text()
        report = await store.configuration.import_file(file, actor="me", dry_run=True)
        assert (report.created, report.warnings) == ((), ())
        assert set(report.changed) <= {"kept configuration"}  # which names its source
        assert store.settings.reload == "none"
        assert store.settings.pid is None


async def test_a_change_is_planned_applied_and_undone() -> None:
    async with demo_session() as store:
        assert (await store.rollout.state(fresh=True)).in_step
        llama = await store.models.find("llama3")
        await store.edit.save(llama, replace(llama, timeout_seconds=7), actor="me")
        await store.edit.remove(await store.models.find("codellama"), actor="me")
        plan = await store.rollout.plan()
        assert (plan.count(ChangeKind.CHANGE), plan.count(ChangeKind.DELETE)) == (1, 1)
        assert (plan.blockers, plan.live_error, plan.drifted) == ((), None, 0)
        applied = await store.rollout.apply(plan, actor="me")
        assert applied.outcome is Outcome.SERVED
        back = await store.rollout.plan(to_revision=1)
        assert (back.count(ChangeKind.CHANGE), back.count(ChangeKind.CREATE)) == (1, 1)
        assert (await store.rollout.apply(back, actor="me")).outcome is Outcome.SERVED
        assert (await store.rollout.state(fresh=True)).in_step
        assert {model.id for model in await store.models.all()} == {m.id for m in MODELS}


async def test_what_the_file_held_is_the_first_revision(tmp_path: Path) -> None:
    async with filled(tmp_path) as (database, _):
        revisions = Revisions(database, lambda: NOW)
        (first,) = await revisions.all()
        assert (first.kind, first.outcome, first.changes) == ("import", "recorded", ())
        assert await revisions.yaml(first.number) == CONFIG.read_text()
        newest = await database.one("SELECT max(id) FROM audit_log")
        assert newest is not None
        assert await revisions.audit_id(first.number) == newest[0]


async def test_the_proxy_runs_what_the_store_exports() -> None:
    async with demo_session() as store:
        exported = yaml.safe_load(await store.configuration.export())
        url, key_env = store.settings.gateway_url, store.settings.gateway_key_env
        headers = {"Authorization": f"Bearer {store.environment.get(key_env)}"}
        async with httpx.AsyncClient(trust_env=False, base_url=url, headers=headers) as client:
            live = (await client.get("/model/info")).json()["data"]
            router = (await client.get("/get/config/callbacks")).json()["router_settings"]
        providers = {provider.id: provider for provider in await store.providers.all()}
        lacking = {
            model.provider_id
            for model in await store.models.all()
            if providers[model.provider_id].lacks_key(model)
        }
    aliases = exported["router_settings"]["model_group_alias"]
    assert [row["model_name"] for row in live[-len(aliases) :]] == list(aliases)
    for entry, served in zip(exported["model_list"], live[: -len(aliases)], strict=True):
        assert entry["model_name"] == served["model_name"]
        assert entry["model_info"]["id"] == served["model_info"]["id"]
        params = {k: v for k, v in entry["litellm_params"].items() if k != "api_key"}
        assert params.items() <= served["litellm_params"].items()
    assert exported["router_settings"].items() <= router.items()
    assert lacking == {KEYLESS_PROVIDER_ID}


async def test_the_environment_is_there_and_then_gone() -> None:
    async with demo_environment(lambda: NOW, SEOUL, pace=0) as demo:
        folder = demo.store_path.parent
        assert folder.stat().st_mode & 0o777 == 0o700
        assert demo.store_path.stat().st_mode & 0o777 == 0o600
        database = await open_database(demo.store_path)
        row = await database.one("SELECT count(*) FROM ai_models")
        await database.close()
        assert row is not None
        assert row[0] == len(MODELS)
        headers = {"Authorization": f"Bearer {demo.key}"}
        async with httpx.AsyncClient(trust_env=False, headers=headers) as client:
            assert (await client.get(f"{demo.url}/v1/models")).status_code == 200
        assert demo.key not in repr(demo)
        url = demo.url
    assert not folder.exists()
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{url}/health/liveliness")


async def test_the_environment_is_gone_after_a_crash_too() -> None:
    folders: list[Path] = []

    async def crash() -> None:
        async with demo_environment(lambda: NOW, SEOUL) as demo:
            folders.append(demo.store_path.parent)
            assert folders[0].exists()
            raise RuntimeError("crash")

    with pytest.raises(RuntimeError, match="crash"):
        await crash()
    assert not folders[0].exists()
