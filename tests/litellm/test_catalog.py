"""The price catalogue against LiteLLM's own map, proxy and look-up."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from store.catalog import Catalog
from store.database import open_database
from store.domain import CatalogEntry, PriceMap
from store.gateway.catalog import entries_in, fetch_price_map
from store.gateway.client import Gateway
from tests.litellm.proxy import RealProxy

pytestmark = pytest.mark.litellm
NO_MODELS = {"sample_spec", "fallback_generalizations"}

ASK = """
import json, sys
import litellm
litellm.suppress_debug_info = True
found = {}
for name in json.load(sys.stdin):
    try:
        info = litellm.get_model_info(name)
    except Exception:
        continue
    found[name] = [info["input_cost_per_token"], info["output_cost_per_token"]]
print(json.dumps(found))
"""
"""LiteLLM's own prices of the names on standard input. It gives 0 for what is unpriced."""


@pytest.fixture(scope="session")
def map_file(litellm_executable: str) -> Path:
    """The map that LiteLLM is delivered with."""
    home = Path(litellm_executable).parent.parent
    name = "litellm/model_prices_and_context_window_backup.json"
    (found,) = home.glob(f"lib/python3*/site-packages/{name}")
    return found


@pytest.fixture
async def catalog(map_file: Path, tmp_path: Path) -> AsyncIterator[Catalog]:
    async def fetch() -> PriceMap:
        return PriceMap("file", read(map_file))

    database = await open_database(tmp_path / "aitui.db")
    catalog = Catalog(database, lambda: datetime(2026, 1, 2, tzinfo=UTC), fetch)
    await catalog.refresh()
    yield catalog
    await database.close()


def read(path: Path) -> tuple[CatalogEntry, ...]:
    found = entries_in(path.read_bytes())
    assert isinstance(found, tuple)
    return found


def test_every_price_and_limit_of_the_map_is_exact(map_file: Path) -> None:
    raw: dict[str, dict[str, Any]] = json.loads(map_file.read_bytes(), parse_float=Decimal)
    found = {entry.litellm_model: entry for entry in read(map_file)}
    assert set(raw) - set(found) == NO_MODELS
    for name, entry in found.items():
        told = raw[name]
        for price, field in (
            (entry.input_cost_per_1k, "input_cost_per_token"),
            (entry.output_cost_per_1k, "output_cost_per_token"),
        ):
            assert price == (told[field] * 1000 if field in told else None), name
        if told.get("max_input_tokens"):
            assert entry.context_window == told["max_input_tokens"], name
        if told.get("max_output_tokens"):
            assert entry.max_tokens == told["max_output_tokens"], name
        assert entry.supports_vision is told.get("supports_vision", False), name


async def test_every_entry_comes_back_from_the_store(catalog: Catalog, map_file: Path) -> None:
    entries = read(map_file)
    for entry in entries:
        assert await catalog.lookup(entry.litellm_model) == entry
    assert len(entries) > 3_000


async def test_prices_are_those_that_litellm_would_bill(
    catalog: Catalog, map_file: Path, litellm_executable: str
) -> None:
    entries = read(map_file)
    providers = sorted({entry.provider.partition("-")[0] for entry in entries})
    names = {entry.litellm_model for entry in entries}
    # The right prefix, and for every name one that is mostly wrong.
    names |= {f"{e.provider.partition('-')[0]}/{e.litellm_model}" for e in entries}
    names |= {
        f"{providers[i * 7 % len(providers)]}/{e.litellm_model.rpartition('/')[2]}"
        for i, e in enumerate(entries)
    }
    # LiteLLM asks these over the network.
    asked = sorted(n for n in names if not n.startswith(("ollama", "lemonade", "github_copilot")))
    theirs = ask_litellm(litellm_executable, asked)
    compared = 0
    for name in asked:
        ours = await catalog.lookup(name)
        price = theirs.get(name)
        if ours is None or price is None or not any(price):
            continue
        assert (ours.input_cost_per_1k or 0, ours.output_cost_per_1k or 0) == price, name
        compared += 1
    assert compared > 4_000


def ask_litellm(executable: str, names: list[str]) -> dict[str, tuple[Decimal, Decimal]]:
    """LiteLLM's prices, USD per 1,000 tokens."""
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "PATH": ""}
    done = subprocess.run(
        [str(Path(executable).parent / "python"), "-c", ASK],
        input=json.dumps(names),
        capture_output=True,
        text=True,
        env=env,
        timeout=180,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1], parse_float=Decimal)
    return {name: (prices[0] * 1000, prices[1] * 1000) for name, prices in told.items()}


async def test_a_real_proxys_map(real_proxy: RealProxy, map_file: Path) -> None:
    gateway = Gateway(real_proxy.url, real_proxy.key)
    fetched = await fetch_price_map(gateway)
    await gateway.aclose()
    assert fetched.source == real_proxy.url
    # The map as it was delivered: neither deployments nor their own prices are in it.
    assert set(fetched.entries) == set(read(map_file))
