"""Is a provider healthy? LiteLLM has no such check: its models are tested, and judged together."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from contextlib import aclosing
from datetime import datetime

from store.domain import HealthStatus, Model, Provider, ProviderHealth, TestReport
from store.errors import FailureKind
from store.gateway.client import Gateway
from store.gateway.deployments import LiveDeployment
from store.gateway.failures import OUR_SIDE, ProxyError
from store.gateway.matching import is_wildcard, match
from store.gateway.model_test import test_models

MAX_MODELS = 10
"""A check is paid for: each model costs a request."""
SLOW_MS = 10_000
PROMPT = "Say hi."
_HELD_BACK = (FailureKind.COOLDOWN, FailureKind.RATE_LIMIT)
_MAX_NAMED = 5


async def check_provider(
    gateway: Gateway,
    provider: Provider,
    models: Sequence[Model],
    *,
    clock: Callable[[], datetime],
    timeout_s: float = 20,
    concurrency: int = 4,
    on_report: Callable[[TestReport], None] | None = None,
) -> ProviderHealth:
    """Tests the provider's enabled models (10 at most, by priority) and judges the provider.

    Healthy when all answer, down when none does, degraded otherwise, and also when those that
    failed are only held back for now or answers take over 10 s. Unknown when there is nothing to
    test. `clock` is UTC. Raises GatewayError when the proxy itself fails: a provider is not down
    because the proxy is.
    """
    usable = [m for m in models if m.provider_id == provider.id and m.is_enabled]
    testable = sorted((m for m in usable if not is_wildcard(m)), key=lambda m: -m.priority)
    if not testable:
        what = "only wildcard models" if usable else "no enabled models"
        return _unknown(provider, clock(), f"Not checked: {what}.")
    live = await gateway.deployments()
    chosen = testable[:MAX_MODELS]
    if not any(_is_live(model, provider, live) for model in chosen):
        return _unknown(
            provider,
            clock(),
            "Not checked: the proxy serves none of its models yet. "
            "Export the configuration and restart the proxy.",
        )
    reports: list[TestReport] = []
    tests = test_models(
        gateway,
        [(model, provider) for model in chosen],
        concurrency=concurrency,
        prompt=PROMPT,
        timeout_s=timeout_s,
    )
    async with aclosing(tests):
        async for report in tests:
            if report.kind in OUR_SIDE:
                raise ProxyError(report.kind, report.error or "", report.mend or "")
            reports.append(report)
            if on_report is not None:
                on_report(report)
    order = {model.id: place for place, model in enumerate(chosen)}
    reports.sort(key=lambda report: order[report.model_id])
    return judge(provider, reports, clock(), of=len(testable))


def judge(
    provider: Provider, reports: Sequence[TestReport], at: datetime, *, of: int
) -> ProviderHealth:
    """The provider's health by its models' reports; `of` is how many there were to test."""
    good = [report for report in reports if report.success]
    bad = [report for report in reports if not report.success]
    latency_ms = round(statistics.median(r.latency_ms for r in good)) if good else None
    slow = latency_ms is not None and latency_ms > SLOW_MS
    if not bad:
        status = HealthStatus.DEGRADED if slow else HealthStatus.HEALTHY
    elif good or all(report.kind in _HELD_BACK for report in bad):
        status = HealthStatus.DEGRADED
    else:
        status = HealthStatus.DOWN
    reasons = []
    if bad:
        reasons.append(f"{len(bad)} of {len(reports)} failed: {_named(bad)}")
    if slow:
        reasons.append(f"answers take {(latency_ms or 0) / 1000:.1f} s")
    if len(reports) < of:
        reasons.append(f"{len(reports)} of {of} models tested")
    return ProviderHealth(
        provider_id=provider.id,
        status=status,
        checked_at=at,
        latency_ms=latency_ms,
        reason="; ".join(reasons) or None,
        reports=tuple(reports),
    )


def _named(bad: Sequence[TestReport]) -> str:
    named = [f"{report.model_name} {report.kind}" for report in bad[:_MAX_NAMED]]
    more = len(bad) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def _is_live(model: Model, provider: Provider, live: Sequence[LiveDeployment]) -> bool:
    try:
        match(model, provider, live)
    except ProxyError:
        return False
    return True


def _unknown(provider: Provider, at: datetime, reason: str) -> ProviderHealth:
    return ProviderHealth(provider.id, HealthStatus.UNKNOWN, at, None, reason)
