"""What the commands print of a store, as text and as JSON."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from store.domain import (
    Health,
    HealthStatus,
    Model,
    ModelUsage,
    Provider,
    RequestStatus,
    Route,
    TrendPoint,
    UsageOverview,
    UsageRecord,
    UsageTotals,
)
from store.environment import Environment
from store.settings import load_settings
from store.store import open_store
from tests.tui.cli_tools import Cli, clear_environment, fake_store, topic
from tui.commands.usage import PERIODS

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)

OPENAI = Provider("p-openai", "openai", "OpenAI", "openai", api_key_env="OPENAI_API_KEY")
VAS = Provider("p-vas", "vas", "GitHub Copilot", "openai", "https://vas.example.com/v1", "VAS_KEY")
GPT = Model(
    "m-gpt",
    "p-vas",
    "gpt-4.1",
    "GPT-4.1",
    "openai/gpt-4.1",
    description="Primary model",
    context_window=128_000,
    input_cost_per_1k=Decimal("0.01"),
    output_cost_per_1k=Decimal("0.03"),
    supports_vision=True,
    health=Health(HealthStatus.HEALTHY, NOW, 300),
)
MINI = Model("m-mini", "p-openai", "gpt-mini", "미니 모델", "openai/gpt-mini", is_enabled=False)
TWIN = replace(GPT, id="m-twin", provider_id="p-openai", priority=-1)
ROUTE = Route(
    "r1",
    "default",
    primary_model_id="m-gpt",
    fallback_model_ids=("m-mini", "m-gone"),
    context_window_fallback_ids=("m-mini",),
    timeout_seconds=1.5,
    is_default=True,
)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AITUI_STORE", str(tmp_path / "aitui.db"))
    return Cli(capsys)


def fill(tmp_path: Path, *models: Model, routes: tuple[Route, ...] = ()) -> None:
    """Put two providers and these models into the store that `cli` uses."""

    async def write() -> None:
        settings = load_settings({"store": str(tmp_path / "aitui.db")}, {})
        async with (
            open_store(settings, Environment({})) as store,
            store._database.write() as tx,
        ):
            for provider in (OPENAI, VAS):
                await store.providers.insert(tx, provider, "test")
            for model in models:
                await store.models.insert(tx, model, "test")
            for route in routes:
                await store.routes.insert(tx, route, "test")

    asyncio.run(write())


def record(tmp_path: Path, *records: UsageRecord) -> None:
    async def write() -> None:
        settings = load_settings({"store": str(tmp_path / "aitui.db")}, {})
        async with open_store(settings, Environment({})) as store:
            assert await store.usage.record(records) == len(records)

    asyncio.run(write())


def audit(tmp_path: Path) -> list[tuple[str, str]]:
    async def read() -> list[tuple[str, str]]:
        settings = load_settings({"store": str(tmp_path / "aitui.db")}, {})
        async with open_store(settings, Environment({})) as store:
            return [(entry.action, entry.name) for entry in await store.audit.latest()]

    return asyncio.run(read())


@pytest.mark.parametrize("args", [("models", "list"), ("providers", "list"), ("routes", "list")])
def test_an_empty_store_says_how_to_begin(cli: Cli, args: tuple[str, ...]) -> None:
    assert cli(*args).status == 0
    assert cli.out == ""
    assert "aitui import litellm_config.yaml" in cli.err


def test_models_are_listed_as_aligned_columns(cli: Cli, tmp_path: Path) -> None:
    fill(tmp_path, GPT, MINI)
    assert cli("models", "list").status == 0
    header, *rows = cli.out.splitlines()
    assert header.split()[:4] == ["MODEL", "PROVIDER", "HEALTH", "ENABLED"]
    assert rows[0].split() == [
        *("gpt-4.1", "vas", "unknown", "yes", "128K", "$0.01", "$0.03", "openai/gpt-4.1")
    ]
    assert rows[1].split()[:4] == ["gpt-mini", "openai", "unknown", "no"]
    column = header.index("LITELLM MODEL")
    assert all(row[column:].startswith("openai/") for row in rows)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ((), ["gpt-4.1", "gpt-mini", "gpt-4.1"]),
        (("--enabled",), ["gpt-4.1", "gpt-4.1"]),
        (("--provider", "openai"), ["gpt-mini", "gpt-4.1"]),
        (("--provider", "openai", "--enabled"), ["gpt-4.1"]),
        (("--search", "MINI"), ["gpt-mini"]),
        (("--search", "미니"), ["gpt-mini"]),
        (("--search", "primary"), ["gpt-4.1", "gpt-4.1"]),
        (("--search", "nothing like it"), []),
    ],
)
def test_models_are_filtered(
    cli: Cli, tmp_path: Path, args: tuple[str, ...], expected: list[str]
) -> None:
    fill(tmp_path, GPT, MINI, TWIN)
    answer = cli.json("models", "list", *args)
    assert [model["modelName"] for model in answer["models"]] == expected


def test_an_unknown_provider_in_a_filter_is_an_error(cli: Cli, tmp_path: Path) -> None:
    fill(tmp_path, GPT)
    assert cli("models", "list", "--provider", "nobody").status == 1
    assert "Known: " in cli.err
    assert "openai" in cli.err


def test_a_model_as_json_has_the_words_of_the_api(cli: Cli, tmp_path: Path) -> None:
    fill(tmp_path, GPT)
    (model,) = cli.json("models", "list")["models"]
    wanted = {
        "id": "m-gpt",
        "modelName": "gpt-4.1",
        "displayName": "GPT-4.1",
        "provider": {"id": "p-vas", "name": "vas", "displayName": "GitHub Copilot"},
        "contextWindow": 128_000,
        "capabilities": {"vision": True, "streaming": True, "functionCalling": False},
        "cost": {"inputPer1k": 0.01, "outputPer1k": 0.03},
        "isEnabled": True,
        "healthStatus": "unknown",
    }
    assert {name: model[name] for name in wanted} == wanted


@pytest.mark.parametrize("name", ["m-gpt", "vas/gpt-4.1"])
def test_a_model_is_found_by_id_and_by_provider(cli: Cli, tmp_path: Path, name: str) -> None:
    fill(tmp_path, GPT, TWIN)
    assert cli.json("models", "show", name)["id"] == "m-gpt"


@pytest.mark.parametrize("command", ["show", "test", "enable", "disable"])
def test_an_ambiguous_name_lists_the_choices_and_does_nothing(
    cli: Cli, tmp_path: Path, command: str
) -> None:
    fill(tmp_path, GPT, TWIN)
    before = audit(tmp_path)
    assert cli("models", command, "gpt-4.1").status == 1
    assert cli.out == ""
    for choice in ("vas/gpt-4.1 (id m-gpt)", "openai/gpt-4.1 (id m-twin)"):
        assert choice in cli.err
    assert audit(tmp_path) == before


def test_an_unknown_name_says_where_to_look(cli: Cli, tmp_path: Path) -> None:
    fill(tmp_path, GPT)
    assert cli("models", "show", "nope").status == 1
    assert "models list" in cli.err


def test_show_tells_todays_use(cli: Cli, tmp_path: Path) -> None:
    fill(tmp_path, GPT)
    now = datetime.now(UTC)
    record(
        tmp_path,
        UsageRecord("a", "m-gpt", now, RequestStatus.SUCCESS, cost_usd=Decimal("1.25")),
        UsageRecord("b", "m-gpt", now, RequestStatus.ERROR, prompt_tokens=1500),
    )
    assert cli("models", "show", "gpt-4.1").status == 0
    assert "today          2 requests, 1.5K tokens, $1.25" in cli.out
    assert "key            VAS_KEY (not set here)" in cli.out
    assert cli.json("models", "show", "gpt-4.1")["today"] == {
        "requests": 2,
        "tokens": 1500,
        "cost": 1.25,
        "unpricedRequests": 1,
    }


def test_disable_and_enable_are_written_and_audited_once(cli: Cli, tmp_path: Path) -> None:
    fill(tmp_path, GPT)
    assert cli("models", "disable", "gpt-4.1").status == 0
    assert cli.out == "vas/gpt-4.1 is disabled in the store.\n"
    assert "proxy is as it was" in cli.err
    assert cli("models", "disable", "gpt-4.1").out == "vas/gpt-4.1 is disabled already.\n"
    answer = cli.json("models", "enable", "gpt-4.1")
    assert (answer["changed"], answer["model"]["isEnabled"]) == (True, True)
    assert audit(tmp_path)[:2] == [("enable", "gpt-4.1"), ("disable", "gpt-4.1")]
    assert [action for action, _ in audit(tmp_path)].count("disable") == 1


def test_providers_say_whether_their_key_is_set(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path)
    monkeypatch.setenv("VAS_KEY", "sk-THISISAKEY1234567890")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert cli("providers", "list").status == 0
    assert "VAS_KEY (set)" in cli.out
    assert "OPENAI_API_KEY (not set here)" in cli.out
    answer = cli.json("providers", "list")["providers"]
    assert {one["name"]: one["keyIsSet"] for one in answer} == {"vas": True, "openai": False}
    assert "THISISAKEY" not in cli.out


def test_routes_show_their_chain_by_name(cli: Cli, tmp_path: Path) -> None:
    fill(tmp_path, GPT, MINI, routes=(ROUTE,))
    assert cli("routes", "list").status == 0
    assert "gpt-4.1 -> gpt-mini -> ? (m-gone)" in cli.out
    assert "1.5 s" in cli.out
    (route,) = cli.json("routes", "list")["routes"]
    assert route["primaryModelId"] == "m-gpt"
    assert route["fallbackModelIds"] == ["m-mini", "m-gone"]
    assert route["contextWindowFallbackIds"] == ["m-mini"]
    assert (route["isDefault"], route["timeoutSeconds"]) == (True, 1.5)


def test_the_periods_are_those_of_the_store() -> None:
    from store.periods import Period

    assert tuple(period.value for period in Period) == PERIODS


def test_usage_as_text_and_as_json(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    totals = UsageTotals(10, 9, 2_000, 1_500_000_000, 0, 12_000)
    free = UsageTotals(2, 2, 30, 0, 2, 100)
    overview = UsageOverview(
        NOW,
        NOW,
        totals + free,
        UsageTotals(6, 6, 1_000, 1_000_000_000, 0, 9_000),
        (ModelUsage("m-gpt", "gpt-4.1", totals), ModelUsage("m-old", "removed", free)),
        (TrendPoint(NOW, "Sun", totals),),
        "Asia/Seoul",
    )

    async def answer(period: object) -> UsageOverview:
        assert period == "30d"
        return overview

    fake_store(
        monkeypatch,
        usage=SimpleNamespace(overview=answer),
        providers=topic([VAS]),
        models=topic([GPT]),
    )
    assert cli("usage", "--period", "30d").status == 0
    assert "Last 30 Days (Asia/Seoul)" in cli.out
    assert "requests  12 (+100%)" in cli.out
    assert "cost      $1.50 + unpriced (+50%)" in cli.out
    rows = [line.split() for line in cli.out.splitlines()]
    assert ["gpt-4.1", "vas", "10", "83%", "2K", "$1.50", "1.2s", "1"] in rows
    assert ["removed", "-", "2", "17%", "30", "unpriced", "50ms", "0"] in rows
    answer_json = cli.json("usage", "--period", "30d")
    assert answer_json["summary"] == {
        "totalRequests": 12,
        "totalTokens": 2030,
        "totalCost": 1.5,
        "avgLatencyMs": 12_100 / 12,
        "errors": 1,
        "unpricedRequests": 2,
    }
    assert answer_json["breakdown"][0] == {
        "model": {"id": "m-gpt", "name": "gpt-4.1"},
        "requests": 10,
        "tokens": 2000,
        "cost": 1.5,
        "unpricedRequests": 0,
    }
    assert answer_json["trend"][0]["date"] == "2026-11-22T12:00:00.000Z"


def test_usage_of_an_empty_store_is_no_error(cli: Cli) -> None:
    assert cli("usage").status == 0
    assert "requests  0" in cli.out
    assert cli.json("usage", "--period", "month")["breakdown"] == []


def test_wide_characters_do_not_break_the_columns(cli: Cli, tmp_path: Path) -> None:
    fill(
        tmp_path, GPT, replace(MINI, model_name="모델-하나 🙂"), replace(TWIN, model_name="e\u0301")
    )
    assert cli("models", "list").status == 0
    lines = cli.out.splitlines()
    places = {
        cell_len(line[: line.index(word)])
        for line, word in zip(
            lines, ("LITELLM", "openai/gpt-4.1", "openai/gpt-mini", "openai/gpt-4.1"), strict=True
        )
    }
    assert len(places) == 1


def test_an_output_that_is_not_unicode_loses_nothing(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io
    import sys

    fill(tmp_path, replace(MINI, model_name="모델"))
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    from tui.cli import main

    assert main(["models", "list"]) == 0
    assert b"\\ubaa8\\ub378" in raw.getvalue()
