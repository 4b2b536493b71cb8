"""Reports of tests that went well and of every way to fail, the same each time."""

from __future__ import annotations

from decimal import Decimal

from store.domain import TestReport
from store.errors import FailureKind


def report(**more: object) -> TestReport:
    values: dict[str, object] = {
        "model_id": "demo-gpt-4.1-vas",
        "model_name": "gpt-4.1",
        "success": True,
        "latency_ms": 812,
        "ttft_ms": 341,
        "response": "Hello! GPT-4.1 here, all systems normal.",
        "prompt_tokens": 13,
        "completion_tokens": 10,
        "cost_usd": Decimal("0.00043"),
        "cost_source": "proxy",
        "served_by": "demo-gpt-4.1-vas",
    }
    return TestReport(**{**values, **more})  # type: ignore[arg-type]


KOREAN = (
    "안녕하세요! 저는 사내 서버에서 돌아가는 라마 모델입니다 🦙. "
    "오늘은 게이트웨이의 모든 경로가 정상입니다: 주 모델, 대체 모델, 긴 문맥 모델까지 모두 "
    "응답했습니다. 표와 색인을 다시 만들었고, 남은 일은 두 가지입니다.\n"
    "1. 비용 한도를 확인하기 ✅\n2. 만료되는 키를 교체하기 🔑\n\n"
) * 6
ANSWERS = {
    "short": report(),
    "korean": report(
        model_id="demo-llama3",
        model_name="라마-3 🦙 사내",
        response=KOREAN,
        cost_usd=None,
        cost_source="unpriced",
        served_by=None,
        prompt_tokens=None,
        completion_tokens=None,
    ),
    "one-long-word": report(response="x" * 900, cost_source="store"),
}
FAILURES = {
    FailureKind.PROXY_DOWN: (
        "The proxy at http://127.0.0.1:4000 does not answer.",
        "Start it, or set gateway_url to where it is.",
    ),
    FailureKind.BREAKER_OPEN: (
        "The circuit breaker is open after 5 failures in a row; the next try is in 28 s.",
        "Wait, or press R once the proxy is up.",
    ),
    FailureKind.PROXY_KEY: (
        "The proxy at http://127.0.0.1:4000 refuses the key in LITELLM_MASTER_KEY.",
        "Set LITELLM_MASTER_KEY to the proxy's master key.",
    ),
    FailureKind.PROXY_KEY_MISSING: (
        "The proxy at http://127.0.0.1:4000 asks for a key, and LITELLM_MASTER_KEY is not set.",
        "Set LITELLM_MASTER_KEY to the proxy's master key.",
    ),
    FailureKind.UNKNOWN_MODEL: (
        "The model `gpt-4.1` does not exist or you do not have access to it.",
        "Correct the LiteLLM model, or ask GitHub Copilot for access.",
    ),
    FailureKind.NOT_SERVED: (
        "The proxy does not serve gpt-4.1 (demo-gpt-4.1-vas) yet.",
        "Export the configuration and restart the proxy, then test again.",
    ),
    FailureKind.WRONG_KEY: (
        "Incorrect API key provided. You can find your API key in your account's settings.",
        "Set VAS_API_KEY to a valid key of GitHub Copilot in the environment of the proxy, and "
        "restart it.",
    ),
    FailureKind.COOLDOWN: (
        "The proxy holds gpt-4.1 back after failures (cooldown) and asked no provider.",
        "Test again in 30 s; the failures before it tell the cause.",
    ),
    FailureKind.RATE_LIMIT: (
        "Rate limit reached for gpt-4.1: 500 requests a minute.",
        "Wait a minute, or raise the limit at GitHub Copilot.",
    ),
    FailureKind.TIMEOUT: (
        "gpt-4.1 did not answer within 20 s.",
        "Test again with more time; if it stays slow, look at GitHub Copilot.",
    ),
    FailureKind.CONTEXT_WINDOW: (
        "This model's maximum context length is 8192 tokens. " * 8,
        "Test with a shorter prompt, or a larger model.",
    ),
    FailureKind.CONTENT_POLICY: (
        "요청이 콘텐츠 정책에 의해 거부되었습니다 🚫.",
        "Test with another prompt: the provider filters this.",
    ),
    FailureKind.UPSTREAM: (
        "The server is overloaded.",
        "Look at the status page or the logs of GitHub Copilot, then test again.",
    ),
    FailureKind.BAD_ANSWER: (
        "http://127.0.0.1:4000 answers, but not as a LiteLLM proxy does: it sent text/html.",
        "Set gateway_url to the proxy's own address.",
    ),
    FailureKind.OTHER_DEPLOYMENT: (
        "demo-gpt-4o-openai answered in its place.",
        "Export the configuration and restart the proxy.",
    ),
    FailureKind.CANCELLED: ("The test was stopped.", ""),
}

REPORTS = [
    report(),
    report(model_name="gemini-1.5-flash", latency_ms=1_204, ttft_ms=None),
    report(model_name="라마-3 🦙 사내", latency_ms=12_480, ttft_ms=2_500),
    report(model_name="claude-3.5-sonnet", success=False, kind=FailureKind.WRONG_KEY),
    report(model_name="gpt-3.5-turbo", success=False, kind=FailureKind.COOLDOWN, latency_ms=9),
    report(model_name="codellama", success=False, kind=FailureKind.UPSTREAM, latency_ms=31),
    report(model_name="a-model-with-a-name-that-is-longer-than-the-column", latency_ms=700),
]
