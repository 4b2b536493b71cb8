"""A provider's check: judged by its models, and never for the proxy's faults."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from store.domain import HealthStatus, Model, ProviderHealth, TestReport
from store.errors import FailureKind, GatewayError
from store.gateway.client import Gateway
from store.gateway.health_check import check_provider, judge
from tests.fake_litellm import KEY, PROVIDER, error, live, model, proxy

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
WRONG_KEY = error(401, "litellm.AuthenticationError: OpenAIException - Incorrect API key")
COOLED = error(429, "All deployments for selected model are in cooldown", "")


async def check(
    models: Sequence[Model],
    answers: dict[str, bytes] | None = None,
    *,
    key: str = KEY,
    served: Sequence[str] | None = None,
) -> tuple[ProviderHealth, list[str]]:
    """The check, and the ids that the proxy was asked for."""
    entries = [live(m.id) for m in models if served is None or m.id in served]
    async with proxy(entries, answers) as server:
        gateway = Gateway(server.url, key)
        try:
            health = await check_provider(gateway, PROVIDER, models, clock=lambda: NOW)
        finally:
            await gateway.aclose()
        asked = [str(r.json["model"]) for r in server.asked("/v1/chat/completions")]
    return health, asked


async def test_healthy() -> None:
    health, asked = await check([model("a"), model("b")])
    assert health.status is HealthStatus.HEALTHY
    assert health.checked_at == NOW
    assert health.latency_ms is not None
    assert health.reason is None
    assert sorted(asked) == ["a", "b"]
    assert [r.model_id for r in health.reports] == ["a", "b"]


async def test_degraded_names_who_failed_and_why() -> None:
    health, _ = await check([model("a"), model("b")], {"b": WRONG_KEY})
    assert health.status is HealthStatus.DEGRADED
    assert health.reason == "1 of 2 failed: b wrong provider key"


async def test_down_when_none_answers() -> None:
    health, _ = await check([model("a"), model("b")], {"a": WRONG_KEY, "b": WRONG_KEY})
    assert health.status is HealthStatus.DOWN
    assert health.latency_ms is None


async def test_only_held_back_is_degraded() -> None:
    health, _ = await check([model("a")], {"a": COOLED})
    assert health.status is HealthStatus.DEGRADED
    assert "a cooldown" in (health.reason or "")


async def test_ten_at_most_by_priority() -> None:
    models = [model(f"m{n:02}", priority=n) for n in range(14)]
    health, asked = await check(models)
    assert sorted(asked) == [f"m{n:02}" for n in range(4, 14)]
    assert health.reason == "10 of 14 models tested"


async def test_disabled_models_foreign_models_and_wildcards_are_not_asked() -> None:
    others = [
        model("off", is_enabled=False),
        model("else", provider_id="other"),
        model("any", model_name="openai/*"),
    ]
    health, asked = await check([model("a"), *others])
    assert asked == ["a"]
    assert health.status is HealthStatus.HEALTHY
    for models in ([others[0]], [others[2]], []):
        health, asked = await check(models)
        assert (health.status, asked) == (HealthStatus.UNKNOWN, [])
        assert "Not checked" in (health.reason or "")


async def test_a_provider_that_the_proxy_does_not_serve_yet_is_unknown() -> None:
    health, _ = await check([model("a"), model("b")], served=[])
    assert health.status is HealthStatus.UNKNOWN
    health, _ = await check([model("a"), model("b")], served=["a"])
    assert health.status is HealthStatus.DEGRADED


@pytest.mark.parametrize("key", ["sk-other-key", ""])
async def test_a_refused_key_says_nothing_about_the_provider(key: str) -> None:
    with pytest.raises(GatewayError) as caught:
        await check([model("a")], key=key)
    assert caught.value.kind in (FailureKind.PROXY_KEY, FailureKind.PROXY_KEY_MISSING)


async def test_a_proxy_that_dies_under_the_check_says_nothing_either() -> None:
    with pytest.raises(GatewayError) as caught:
        await check(
            [model("a"), model("b")], {"b": b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"}
        )
    assert caught.value.kind is FailureKind.PROXY_DOWN


async def test_a_dead_proxy_says_nothing() -> None:
    gateway = Gateway("http://127.0.0.1:1", KEY)
    with pytest.raises(GatewayError):
        await check_provider(gateway, PROVIDER, [model("a")], clock=lambda: NOW)
    await gateway.aclose()


def report(name: str, latency_ms: int, kind: FailureKind | None = None) -> TestReport:
    return TestReport(name, name, kind is None, latency_ms, kind=kind)


def test_the_latency_is_the_median_of_those_that_answered() -> None:
    reports = [report("a", 100), report("b", 900), report("c", 200)]
    reports.append(report("d", 5, FailureKind.UPSTREAM))
    assert judge(PROVIDER, reports, NOW, of=4).latency_ms == 200


def test_slow_answers_are_degraded() -> None:
    health = judge(PROVIDER, [report("a", 10_001)], NOW, of=1)
    assert health.status is HealthStatus.DEGRADED
    assert "10.0 s" in (health.reason or "")


def test_long_lists_of_failures_are_cut() -> None:
    reports = [report(f"m{n}", 5, FailureKind.TIMEOUT) for n in range(9)]
    reason = judge(PROVIDER, reports, NOW, of=9).reason or ""
    assert reason.startswith("9 of 9 failed: m0 timeout, ")
    assert reason.endswith("and 4 more")
