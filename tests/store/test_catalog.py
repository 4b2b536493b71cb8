"""The price catalogue: replaced as a whole, looked up and completed offline."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from store.catalog import Catalog
from store.database import SqliteDatabase, open_database
from store.domain import CatalogEntry, PriceMap
from store.environment import Environment
from store.errors import FailureKind, GatewayError, StoreError
from store.migrator import APPLICATION_ID, MIGRATIONS, migrate
from store.settings import Settings
from store.store import Store, open_store
from tests.scripted_server import Request, answer, serve
from tests.store.test_catalog_map import FIXTURE, MAPS, entries

NOW = datetime(2026, 3, 18, 6, 30, 0, 123_456, tzinfo=UTC)
MODELS = len(entries(FIXTURE.read_bytes()))
SOURCE = "http://gateway.test:4000"


def entry(name: str, provider: str = "openai", mode: str = "chat") -> CatalogEntry:
    return CatalogEntry(name, provider, mode)


class Source:
    """A gateway's map that a test changes, and that fails on demand."""

    def __init__(self) -> None:
        self.entries = entries(FIXTURE.read_bytes())
        self.error: Exception | None = None

    async def __call__(self) -> PriceMap:
        if self.error is not None:
            raise self.error
        return PriceMap(SOURCE, self.entries)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    database = await open_database(tmp_path / "aitui.db")
    yield database
    await database.close()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
async def catalog(database: SqliteDatabase, source: Source) -> Catalog:
    catalog = Catalog(database, lambda: NOW, source)
    await catalog.refresh()
    source.error = GatewayError(FailureKind.PROXY_DOWN, "No proxy answers.")  # from here offline
    return catalog


GOOD = {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(MAPS)
async def test_junk_beside_a_good_entry_hurts_nothing(
    database: SqliteDatabase, junk: dict[str, object]
) -> None:
    found = entries(json.dumps({**junk, "good": GOOD}).encode())

    async def fetch() -> PriceMap:
        return PriceMap(SOURCE, found)

    catalog = Catalog(database, lambda: NOW, fetch)
    info = await catalog.refresh()
    assert info.entries == len(found)
    rows = await database.all("SELECT litellm_model FROM price_catalog")
    assert {row["litellm_model"] for row in rows} == {e.litellm_model for e in found}
    good = await catalog.lookup("openai/good")
    assert good is not None
    assert good.input_cost_per_1k == Decimal("0.001")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("gpt-4o", "gpt-4o"),
        ("openai/gpt-4o", "gpt-4o"),
        ("OpenAI/GPT-4o", "gpt-4o"),
        (" openai/gpt-4o ", "gpt-4o"),
        ("openai/gpt-3.5-turbo-instruct", "gpt-3.5-turbo-instruct"),
        ("azure/gpt-4o", "azure/gpt-4o"),
        ("azure/eu/gpt-4o", "azure/eu/gpt-4o"),
        ("azure_ai/cohere-embed-v3-english", "azure_ai/Cohere-embed-v3-english"),
        ("anthropic/claude-sonnet-4-5", "claude-sonnet-4-5"),
        ("vertex_ai/claude-sonnet-5", "vertex_ai/claude-sonnet-5"),
        ("vertex_ai/gemini-2.5-pro", "gemini-2.5-pro"),
        ("vertex_ai_beta/gemini-2.5-pro", "gemini-2.5-pro"),
        ("gemini/gemini-2.5-pro", "gemini/gemini-2.5-pro"),
        ("bedrock/us.anthropic.claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6"),
        ("bedrock/converse/us.anthropic.claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6"),
        (
            "bedrock/us-east-1/anthropic.claude-instant-v1",
            "bedrock/us-east-1/anthropic.claude-instant-v1",
        ),
        ("ollama_chat/llama3", "ollama/llama3"),
        (
            "fireworks_ai/code-llama-13b",
            "fireworks_ai/accounts/fireworks/models/code-llama-13b",
        ),
        ("openai/ft:gpt-4o-2024-08-06:org::id", "ft:gpt-4o-2024-08-06"),
        ("ft:gpt-4o-2024-08-06:org:suffix:id", "ft:gpt-4o-2024-08-06"),
        ("low/1024-x-1024/gpt-image-1.5", "low/1024-x-1024/gpt-image-1.5"),
        # Another seller's model of the same name, or none.
        ("groq/gpt-4o", None),
        ("azure/gpt-4o-mini", None),
        ("azure/us/gpt-4o", None),
        ("azure_ai/gpt-4o", None),
        ("openai/claude-sonnet-4-5", None),
        ("gemini/gemini-2.5-flash", None),
        ("bedrock_mantle/us.anthropic.claude-sonnet-4-6", None),
        ("anthropic/us.anthropic.claude-sonnet-4-6", None),
        ("ollama/llama", None),
        ("openai/", None),
        ("/gpt-4o", None),
        ("", None),
        ("gpt-4o%", None),
        ("\ud800\x00", None),
        ("os.environ/MODEL", None),
    ],
)
async def test_lookup(catalog: Catalog, name: str, key: str | None) -> None:
    found = await catalog.lookup(name)
    assert (None if found is None else found.litellm_model) == key


async def test_a_name_with_another_providers_prefix_is_not_taken(
    database: SqliteDatabase, source: Source
) -> None:
    source.entries = (entry("openai/x", "azure"), entry("y", "openai"), entry("X", "groq"))
    catalog = Catalog(database, lambda: NOW, source)
    await catalog.refresh()
    assert await catalog.lookup("openai/x") is None
    assert await catalog.lookup("groq/x") == entry("X", "groq")


async def test_of_names_that_differ_in_case_the_exact_one_is_taken(
    database: SqliteDatabase, source: Source
) -> None:
    source.entries = (entry("M", mode="embedding"), entry("m", mode="rerank"), entry("n"))
    catalog = Catalog(database, lambda: NOW, source)
    await catalog.refresh()
    for name, mode in (("M", "embedding"), ("m", "rerank"), ("N", "chat")):
        found = await catalog.lookup(name)
        assert found is not None
        assert found.mode == mode


async def test_every_entry_comes_back_as_it_was_read(catalog: Catalog) -> None:
    for kept in entries(FIXTURE.read_bytes()):
        assert await catalog.lookup(kept.litellm_model) == kept


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("gpt-4o", ["gpt-4o", "gpt-4o-mini", "azure/gpt-4o"]),
        ("GPT-4o-m", ["gpt-4o-mini"]),
        ("openai/gpt-4o", ["gpt-4o", "gpt-4o-mini"]),
        ("azure/", ["azure/gpt-4o", "azure/eu/gpt-4o"]),
        ("eu gpt", ["azure/eu/gpt-4o"]),
        ("sonnet claude", ["claude-sonnet-4-5", "vertex_ai/claude-sonnet-5"]),
        ("vertex_ai/gem", ["gemini-2.5-pro"]),
        ("embed", ["text-embedding-3-small", "azure_ai/Cohere-embed-v3-english"]),
        ("nonesuch", []),
        ("gpt nonesuch", []),
        ("", []),
        ("  ", []),
        ("%", []),
        ("_", []),
        ("'; DROP TABLE price_catalog; --", []),
        ("\ud800", []),
    ],
)
async def test_suggest(catalog: Catalog, text: str, best: list[str]) -> None:
    found = [e.litellm_model for e in await catalog.suggest(text)]
    assert found[: len(best)] == best
    assert best or not found


async def test_suggestions_are_limited_and_unique(catalog: Catalog) -> None:
    found = await catalog.suggest("a", limit=5)
    assert len(found) == len(set(found)) == 5
    assert await catalog.suggest("a", limit=0) == ()
    assert await catalog.suggest("gpt " * 5_000, limit=1) != ()
    assert await catalog.suggest("x" * 100_000) == ()


async def test_an_empty_catalogue_knows_nothing(database: SqliteDatabase, source: Source) -> None:
    catalog = Catalog(database, lambda: NOW, source)
    assert await catalog.info() is None
    assert await catalog.lookup("gpt-4o") is None
    assert await catalog.suggest("gpt") == ()


async def test_a_refresh_replaces_the_whole_and_writes_no_audit_row(
    database: SqliteDatabase, source: Source
) -> None:
    moments = iter([NOW, NOW + timedelta(days=1)])
    catalog = Catalog(database, lambda: next(moments), source)
    first = await catalog.refresh()
    assert first == await catalog.info()
    assert (first.entries, first.source) == (len(source.entries), SOURCE)
    assert first.fetched_at == NOW.replace(microsecond=123_000)
    source.entries = (entry("only-one"),)
    second = await catalog.refresh()
    assert second == await catalog.info()
    assert (second.entries, second.fetched_at - first.fetched_at) == (1, timedelta(days=1))
    assert await catalog.lookup("gpt-4o") is None
    assert await catalog.lookup("only-one") == entry("only-one")
    assert await database.all("SELECT * FROM audit_log") == []


async def test_a_failed_refresh_keeps_the_old_one(catalog: Catalog, source: Source) -> None:
    before = (await catalog.info(), await catalog.suggest("a", 100))
    with pytest.raises(GatewayError, match="No proxy answers"):
        await catalog.refresh()
    source.error = None
    source.entries = (entry("a"), entry("a"))  # breaks the table's key half-way
    with pytest.raises(StoreError, match="UNIQUE"):
        await catalog.refresh()
    assert (await catalog.info(), await catalog.suggest("a", 100)) == before


async def test_two_refreshes_at_once_leave_one_whole_map(
    database: SqliteDatabase, source: Source
) -> None:
    catalog = Catalog(database, lambda: NOW, source)
    done = await asyncio.gather(*(catalog.refresh() for _ in range(4)))
    assert set(done) == {await catalog.info()}
    rows = await database.all("SELECT COUNT(*) FROM price_catalog")
    assert rows[0][0] == len(source.entries)


async def test_it_works_offline_after_a_restart(tmp_path: Path) -> None:
    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(FIXTURE.read_bytes()))

    path = tmp_path / "aitui.db"
    async with serve(handle) as server:
        url = server.url
        async with opened(path, url) as (store, catalog):
            info = await catalog.refresh()
            assert (info.entries, info.source) == (MODELS, url)
            assert (await store.gateway.status()).reachable
        assert [r.target for r in server.requests if "cost_map" in r.path] == [
            "/public/litellm_model_cost_map?catalog_only=true"
        ]
    async with opened(path, url) as (_, catalog):
        assert await catalog.info() == info
        found = await catalog.lookup("openai/gpt-4o")
        assert found is not None
        assert found.output_cost_per_1k == Decimal("0.01")
        with pytest.raises(GatewayError) as caught:
            await catalog.refresh()
        assert caught.value.kind is FailureKind.PROXY_DOWN
        assert await catalog.info() == info


class opened:  # noqa: N801
    """A store at `path`, and a catalogue over it that asks the store's gateway."""

    def __init__(self, path: Path, url: str) -> None:
        settings = Settings(store_path=path, gateway_url=url, time_zone="UTC")
        self._open = open_store(settings, Environment({}), clock=lambda: NOW)

    async def __aenter__(self) -> tuple[Store, Catalog]:
        store = await self._open.__aenter__()
        return store, Catalog(store._database, store.clock, store.gateway.price_map)

    async def __aexit__(self, *error: object) -> None:
        await self._open.__aexit__(None, None, None)


async def test_a_store_of_schema_1_is_upgraded_after_a_copy(tmp_path: Path) -> None:
    first = tmp_path / "migrations"
    first.mkdir()
    script = "0001_initial.sql"
    (first / script).write_text((MIGRATIONS / script).read_text())
    path = tmp_path / "aitui.db"
    old = sqlite3.connect(path, isolation_level=None)
    old.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    assert migrate(old, path, first) is None
    old.execute("INSERT INTO app_settings (name, value, updated_at) VALUES ('a', 'kept', '')")
    old.close()

    database = await open_database(path)
    try:
        version = (await database.all("PRAGMA user_version"))[0][0]
        assert version >= 2
        rows = await database.all("SELECT value FROM app_settings")
        assert [row["value"] for row in rows] == ["kept"]
        assert (await Catalog(database, lambda: NOW, Source()).refresh()).entries == MODELS
    finally:
        await database.close()
    backup = path.with_name("aitui.db.schema-1.bak")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    copy = sqlite3.connect(backup)
    assert copy.execute("PRAGMA user_version").fetchone() == (1,)
    assert copy.execute("SELECT value FROM app_settings").fetchall() == [("kept",)]
    tables = copy.execute("SELECT name FROM sqlite_master WHERE name LIKE 'price_%'").fetchall()
    assert tables == []
    copy.close()
