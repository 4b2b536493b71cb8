"""The gateway's client against a real LiteLLM proxy."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from store.domain import HealthStatus, Model, Provider, TestReport
from store.errors import FailureKind, GatewayError
from store.gateway.client import Gateway
from store.gateway.health_check import check_provider
from store.gateway.model_test import TestProgress, test_model, test_models
from tests.fake_upstream import COMPLETION_TOKENS, PROMPT_TOKENS, FakeUpstream
from tests.litellm.proxy import RealProxy, free_port

pytestmark = pytest.mark.litellm
NOW = datetime(2026, 1, 2, tzinfo=UTC)
ANSWER = "Hello from the fake"


@pytest.fixture
async def gateway(real_proxy: RealProxy) -> AsyncIterator[Gateway]:
    gateway = Gateway(real_proxy.url, real_proxy.key)
    yield gateway
    await gateway.aclose()


@pytest.fixture
def provider(upstream: FakeUpstream) -> Provider:
    return Provider(
        "fake", "fake", "Fake", "openai", upstream.base_url, api_key_env="THE_PROVIDERS_KEY"
    )


def model(name: str, upstream_model: str | None = None, **changes: object) -> Model:
    """The store's side of the entry `name`, with its id unless `id` is given."""
    fields: dict[str, object] = {
        "id": f"id-{name}",
        "provider_id": "fake",
        "model_name": name,
        "display_name": name,
        "litellm_model": upstream_model or f"openai/ok-{name}",
    }
    return Model(**(fields | changes))  # type: ignore[arg-type]


async def report_of(
    gateway: Gateway, provider: Provider, tested: Model, timeout_s: float = 20
) -> TestReport:
    async with asyncio.timeout(60):
        return await test_model(gateway, tested, provider, timeout_s=timeout_s)


async def test_status_key_and_deployments(gateway: Gateway, upstream: FakeUpstream) -> None:
    status = await gateway.status()
    assert status.reachable
    assert status.kind is None
    assert status.version is not None
    assert status.version.startswith("1.")
    assert status.latency_ms is not None
    await gateway.check_key()
    live = {d.id: d for d in await gateway.deployments()}
    assert len(live) == 17
    assert live["id-good"].litellm_model == "openai/ok-good"
    assert live["id-good"].api_base == upstream.base_url
    assert live["id-vector"].mode == "embedding"
    assert {live["cooled"].model_name, live["cooled-b"].model_name} == {"cooled"}


async def test_a_good_model_streams(gateway: Gateway, provider: Provider) -> None:
    seen: list[TestProgress] = []
    report = await test_model(gateway, model("good"), provider, on_progress=seen.append)
    assert report.success
    assert report.response == ANSWER
    assert report.served_by == "id-good"
    assert report.ttft_ms is not None
    assert report.ttft_ms < report.latency_ms
    assert (report.prompt_tokens, report.completion_tokens) == (PROMPT_TOKENS, COMPLETION_TOKENS)
    assert report.cost_usd is None
    assert len(seen) >= 2
    assert seen[-1].text == ANSWER


async def test_costs(gateway: Gateway, provider: Provider) -> None:
    prices: dict[str, Any] = {
        "input_cost_per_1k": Decimal("0.01"),
        "output_cost_per_1k": Decimal("0.03"),
    }
    streamed = await report_of(gateway, provider, model("priced", **prices))
    assert (streamed.cost_usd, streamed.cost_source) == (Decimal("0.00044"), "store")
    whole = model("priced", supports_streaming=False, **prices)
    report = await report_of(gateway, provider, whole)
    assert report.cost_source == "proxy"
    assert report.cost_usd == streamed.cost_usd


async def test_a_failing_model_is_asked_once_and_no_fallback_hides_it(
    gateway: Gateway, provider: Provider, upstream: FakeUpstream
) -> None:
    before, others = upstream.calls("err500-x"), upstream.calls("ok-good")
    report = await report_of(gateway, provider, model("failing", "openai/err500-x"))
    assert report.kind is FailureKind.UPSTREAM
    assert report.error == "The server had an error"
    assert upstream.calls("err500-x") == before + 1
    assert upstream.calls("ok-good") == others


@pytest.mark.parametrize(
    ("name", "upstream_model", "kind"),
    [
        ("limited", "openai/err429-x", FailureKind.RATE_LIMIT),
        ("gone", "openai/err404-x", FailureKind.UNKNOWN_MODEL),
        ("long", "openai/err400ctx-x", FailureKind.CONTEXT_WINDOW),
        ("rude", "openai/errpolicy-x", FailureKind.CONTENT_POLICY),
        ("broken", "openai/miderr-x", FailureKind.UPSTREAM),
        ("unauthorised", None, FailureKind.WRONG_KEY),
        ("keyless", None, FailureKind.WRONG_KEY),
        ("picture", None, FailureKind.UNKNOWN_MODEL),
    ],
)
async def test_failures_are_told_apart(
    gateway: Gateway, provider: Provider, name: str, upstream_model: str | None, kind: FailureKind
) -> None:
    report = await report_of(gateway, provider, model(name, upstream_model))
    assert report.kind is kind
    assert report.error
    assert "litellm." not in report.error
    assert "Traceback" not in report.error
    assert gateway.breaker.state == "closed"
    if kind is FailureKind.WRONG_KEY:
        assert "THE_PROVIDERS_KEY" in (report.mend or "")


async def test_a_provider_that_the_proxy_cannot_reach(gateway: Gateway, provider: Provider) -> None:
    nowhere = replace(provider, api_base_url="http://127.0.0.1:1/v1")
    report = await report_of(gateway, nowhere, model("unreachable", "openai/ok-x"))
    assert report.kind is FailureKind.UPSTREAM
    assert "cannot reach Fake" in (report.error or "")
    assert "http://127.0.0.1:1/v1" in (report.mend or "")


async def test_a_slow_model_times_out(gateway: Gateway, provider: Provider) -> None:
    report = await report_of(gateway, provider, model("slow", "openai/slow-20-x"), timeout_s=1)
    assert report.kind is FailureKind.TIMEOUT
    assert report.latency_ms < 10_000
    assert gateway.breaker.state == "closed"


async def test_a_cooled_down_model_is_told_apart(
    gateway: Gateway, provider: Provider, upstream: FakeUpstream
) -> None:
    cooled = model("cooled", "openai/err429-a", id="cooled")
    kinds = []
    for _ in range(6):
        report = await report_of(gateway, provider, cooled)
        kinds.append(report.kind)
        if report.kind is FailureKind.COOLDOWN:
            break
    assert kinds[-1] is FailureKind.COOLDOWN, kinds
    assert report.health is HealthStatus.DEGRADED
    asked = upstream.calls("err429-a") + upstream.calls("err429-b")
    again = await report_of(gateway, provider, cooled)
    assert again.kind is FailureKind.COOLDOWN
    assert upstream.calls("err429-a") + upstream.calls("err429-b") == asked


async def test_embeddings_and_completions(gateway: Gateway, provider: Provider) -> None:
    vector = model("vector", "openai/text-embedding-3-small")
    report = await report_of(gateway, provider, vector)
    assert report.success
    assert "dimensions" in report.response
    legacy = model("legacy", "text-completion-openai/ok-legacy", mode="completion")
    report = await report_of(gateway, provider, legacy)
    assert (report.success, report.response) == (True, ANSWER)


async def test_a_model_that_the_proxy_does_not_serve(gateway: Gateway, provider: Provider) -> None:
    report = await report_of(gateway, provider, model("nowhere"))
    assert report.kind is FailureKind.NOT_SERVED
    assert "restart" in (report.mend or "")
    # Another id in the store, but the only deployment of that name, model and address.
    report = await report_of(gateway, provider, model("good", id="another-id"))
    assert (report.success, report.served_by) == (True, "id-good")


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("sk-not-the-master-key", FailureKind.PROXY_KEY),
        (None, FailureKind.PROXY_KEY_MISSING),
    ],
)
async def test_a_wrong_or_missing_proxy_key(
    real_proxy: RealProxy, provider: Provider, key: str | None, kind: FailureKind
) -> None:
    gateway = Gateway(real_proxy.url, key)
    try:
        with pytest.raises(GatewayError) as caught:
            await gateway.check_key()
        assert caught.value.kind is kind
        report = await report_of(gateway, provider, model("good"))
        assert report.kind is kind
        status = await gateway.status()
        assert (status.reachable, status.kind) == (True, kind)
        with pytest.raises(GatewayError):
            await check_provider(gateway, provider, [model("good")], clock=lambda: NOW)
    finally:
        await gateway.aclose()


async def test_no_proxy_at_all(provider: Provider) -> None:
    gateway = Gateway(f"http://127.0.0.1:{free_port()}", "sk-any")
    try:
        report = await report_of(gateway, provider, model("good"))
        assert report.kind is FailureKind.PROXY_DOWN
        with pytest.raises(GatewayError):
            await check_provider(gateway, provider, [model("good")], clock=lambda: NOW)
    finally:
        await gateway.aclose()


async def test_providers_are_healthy_degraded_and_down(
    gateway: Gateway, provider: Provider
) -> None:
    good, failing = model("good"), model("failing", "openai/err500-x")
    unauthorised = model("unauthorised")

    async def status(*models: Model) -> tuple[HealthStatus, str | None]:
        found = await check_provider(gateway, provider, models, clock=lambda: NOW)
        assert (found.latency_ms is None) == (not any(r.success for r in found.reports))
        return found.status, found.reason

    assert await status(good, model("priced")) == (HealthStatus.HEALTHY, None)
    assert await status(good, failing) == (
        HealthStatus.DEGRADED,
        "1 of 2 failed: failing provider error",
    )
    assert await status(failing, unauthorised) == (
        HealthStatus.DOWN,
        "2 of 2 failed: failing provider error, unauthorised wrong provider key",
    )


async def test_all_at_four_at_a_time_and_stopped(gateway: Gateway, provider: Provider) -> None:
    names = {"good": None, "priced": None, "gone": "openai/err404-x", "failing": "openai/err500-x"}
    pairs = [(model(name, upstream_model), provider) for name, upstream_model in names.items()]
    reports = [report async for report in test_models(gateway, pairs)]
    assert {r.model_name for r in reports if r.success} == {"good", "priced"}
    assert len(reports) == 4
    slow = [(model("slow", "openai/slow-20-x"), provider)] * 4
    async with asyncio.timeout(15), aclosing(test_models(gateway, [*pairs[:1], *slow])) as some:
        async for report in some:
            assert report.model_name == "good"
            break
