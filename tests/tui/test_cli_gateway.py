"""What the commands print of tests and checks, and that nothing hostile gets through them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest

from store.domain import (
    Health,
    HealthStatus,
    Model,
    Provider,
    ProviderHealth,
    Route,
    TestReport,
    UsageTotals,
)
from store.errors import FailureKind, GatewayError, NotFound
from tests.tui.cli_tools import Cli, clear_environment, fake_store, topic

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOSTILE = "x\x1b]52;c;eA==\x07\r\nforged\u202e line"

OPENAI = Provider("p-openai", "openai", "OpenAI", "openai", api_key_env="OPENAI_API_KEY")
VAS = Provider("p-vas", "vas", "GitHub Copilot", "openai", "https://vas.example.com/v1", "VAS_KEY")
GPT = Model("m-gpt", "p-vas", "gpt-4.1", "GPT-4.1", "openai/gpt-4.1")
MINI = Model("m-mini", "p-openai", "gpt-mini", "Mini", "openai/gpt-mini", is_enabled=False)
ROUTE = Route("r1", "default", primary_model_id="m-gpt")


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    clear_environment(monkeypatch, tmp_path)
    return Cli(capsys)


def report(**changes: object) -> TestReport:
    base = TestReport("m-gpt", "gpt-4.1", True, 412, 120, "Hello!", 10, 4)
    return replace(base, **changes)  # type: ignore[arg-type]


def fake_gateway(monkeypatch: pytest.MonkeyPatch, **methods: object) -> None:
    async def find(name: str, providers: object) -> Model:
        return GPT

    async def get(provider_id: str) -> Provider:
        return VAS

    async def find_provider(name: str) -> Provider:
        if name != "vas":
            raise NotFound("provider: there is none")
        return VAS

    fake_store(
        monkeypatch,
        providers=topic([OPENAI, VAS], get=get, find=find_provider),
        models=topic([GPT, MINI], find=find),
        gateway=SimpleNamespace(**methods),
    )


def test_a_model_that_answers(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, object, float]] = []

    async def test_model(model_id: str, *, prompt: object, timeout_s: float) -> TestReport:
        asked.append((model_id, prompt, timeout_s))
        return report(cost_usd=Decimal("0.00035"), cost_source="proxy", served_by="m-gpt")

    fake_gateway(monkeypatch, test_model=test_model)
    assert cli("models", "test", "gpt-4.1", "--prompt", "Hi", "--timeout", "7").status == 0
    assert asked == [("m-gpt", "Hi", 7.0)]
    for line in (
        "result       ok",
        "latency      412ms",
        "first token  120ms",
        "tokens       10 in, 4 out",
        "cost         $0.00035 (LiteLLM's figure)",
    ):
        assert line in cli.out.splitlines()
    assert cli.out.endswith("\n\nHello!\n")
    assert cli.err == ""
    answer = cli.json("models", "test", "gpt-4.1")
    assert (answer["success"], answer["latencyMs"], answer["response"]) == (True, 412, "Hello!")
    assert (answer["error"], answer["cost"], answer["ttftMs"]) == (None, 0.00035, 120)


def test_a_model_that_fails_is_status_1_with_the_mend(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test_model(*_: object, **__: object) -> TestReport:
        return report(
            success=False,
            response="",
            ttft_ms=None,
            prompt_tokens=None,
            completion_tokens=None,
            kind=FailureKind.WRONG_KEY,
            error="invalid api key",
            mend="Set VAS_KEY where LiteLLM runs.",
        )

    fake_gateway(monkeypatch, test_model=test_model)
    assert cli("models", "test", "gpt-4.1").status == 1
    assert "result   failed: wrong provider key" in cli.out
    assert "mend     Set VAS_KEY where LiteLLM runs." in cli.out
    assert "cost" not in cli.out
    answer = cli.json("models", "test", "gpt-4.1")
    assert cli.status == 1
    assert (answer["success"], answer["kind"]) == (False, "wrong provider key")
    assert answer["response"] is None


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (HealthStatus.HEALTHY, 0),
        (HealthStatus.DEGRADED, 1),
        (HealthStatus.DOWN, 1),
        (HealthStatus.UNKNOWN, 1),
    ],
)
def test_a_checked_provider_decides_the_status(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, status: HealthStatus, expected: int
) -> None:
    checked: list[str] = []

    async def check_provider(provider_id: str) -> ProviderHealth:
        checked.append(provider_id)
        return ProviderHealth(provider_id, status, NOW, 90, "because", (report(),))

    fake_gateway(monkeypatch, check_provider=check_provider)
    assert cli("providers", "check").status == expected
    assert checked == ["p-vas"], "a provider without an enabled model has nothing to ask"
    assert f"vas       {status.value}" in cli.out
    assert cli.err == f"1/1 vas: {status.value}\n"
    one = cli.json("providers", "check", "vas")
    assert (one["status"], one["latencyMs"], one["error"]) == (status.value, 90, "because")
    assert one["models"][0]["model"]["id"] == "m-gpt"
    many = cli.json("providers", "check")
    assert [answer["provider"]["name"] for answer in many["providers"]] == ["vas"]


def test_a_check_without_a_proxy_is_one_sentence(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check_provider(provider_id: str) -> ProviderHealth:
        raise GatewayError(FailureKind.PROXY_DOWN, "No proxy answers at http://127.0.0.1:1.")

    fake_gateway(monkeypatch, check_provider=check_provider)
    assert cli("providers", "check").status == 1
    assert cli.out == ""
    assert cli.err == "aitui: No proxy answers at http://127.0.0.1:1.\n"


def test_nothing_hostile_reaches_the_output(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = replace(VAS, name=HOSTILE, display_name=HOSTILE, api_key_env=HOSTILE)
    model = replace(
        GPT,
        model_name=HOSTILE,
        display_name=HOSTILE,
        litellm_model=HOSTILE,
        description=HOSTILE,
        health=Health(HealthStatus.DOWN, NOW, 1, HOSTILE),
    )
    route = replace(ROUTE, name=HOSTILE, routing_strategy=HOSTILE)
    bad = report(
        success=False,
        response=HOSTILE,
        error=HOSTILE,
        mend=HOSTILE,
        served_by=HOSTILE,
        model_name=HOSTILE,
    )

    async def one(*_: object, **__: object) -> Model:
        return model

    async def owner(*_: object) -> Provider:
        return provider

    async def today() -> dict[str, UsageTotals]:
        return {}

    async def test_model(*_: object, **__: object) -> TestReport:
        return bad

    async def check_provider(provider_id: str) -> ProviderHealth:
        return ProviderHealth(provider_id, HealthStatus.DOWN, NOW, None, HOSTILE, (bad,))

    fake_store(
        monkeypatch,
        providers=topic([provider], get=owner, find=owner),
        models=topic([model], find=one, set_enabled=one),
        routes=topic([route]),
        usage=SimpleNamespace(today=today),
        gateway=SimpleNamespace(test_model=test_model, check_provider=check_provider),
        key_is_set=lambda _: False,
    )
    commands = (
        ("models", "list"),
        ("models", "show", "x"),
        ("models", "test", "x"),
        ("models", "disable", "x"),
        ("models", "enable", "x"),
        ("providers", "list"),
        ("providers", "check"),
        ("routes", "list"),
    )
    for command in commands:
        for more in ((), ("--json",)):
            cli(*command, *more)
            text = cli.out + cli.err
            assert cli.out, command
            for character in "\x1b\x07\x9b\r\u202e":
                assert character not in text, (command, more)
            if command[:2] != ("models", "test"):  # an answer may have lines of its own
                assert "\nforged" not in text, command
