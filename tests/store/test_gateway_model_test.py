"""Testing a model: what is asked of the proxy, and what is made of its answer."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.domain import HealthStatus, Model, TestReport
from store.errors import FailureKind
from store.gateway.client import Gateway
from store.gateway.model_request import store_cost
from store.gateway.model_test import TestProgress, test_model, test_models
from tests.fake_litellm import KEY, PROVIDER, chunk, error, hello, live, model, proxy, short
from tests.scripted_server import Request, Scripted, answer, serve, sse

PRICED = {"input_cost_per_1k": Decimal("0.01"), "output_cost_per_1k": Decimal("0.03")}


CUT_OFF = sse(chunk("He"), done=False).replace(b"close", b"close\r\ncontent-length: 999")


async def run(
    tested: Model, data: bytes | None = None, entry: dict[str, object] | None = None
) -> tuple[TestReport, Scripted, Gateway]:
    """A test of `tested` by a proxy that serves it and answers with `data`."""
    answers = {} if data is None else {tested.id: data}
    async with proxy([entry or live(tested.id)], answers) as server:
        gateway = Gateway(server.url, KEY)
        report = await test_model(gateway, tested, PROVIDER, timeout_s=5)
        await gateway.aclose()
    return report, server, gateway


async def test_a_good_answer() -> None:
    seen: list[TestProgress] = []
    async with proxy([live("a")]) as server:
        gateway = Gateway(server.url, KEY)
        report = await test_model(gateway, model("a"), PROVIDER, on_progress=seen.append)
        await gateway.aclose()
    assert report.success
    assert report.response == "Hello there"
    assert (report.prompt_tokens, report.completion_tokens) == (20, 8)
    assert report.served_by == "a"
    assert report.ttft_ms is not None
    assert 0 <= report.ttft_ms <= report.latency_ms
    assert [progress.text for progress in seen] == ["Hello", "Hello there"]
    assert report.kind is report.error is report.mend is None
    assert report.health is HealthStatus.HEALTHY


async def test_the_request_pins_the_deployment_and_switches_help_off() -> None:
    _, server, _ = await run(model("a"))
    sent = server.asked("/v1/chat/completions")
    assert len(sent) == 1
    body = sent[0].json
    assert body["model"] == "a"
    assert body["disable_fallbacks"] is True
    assert body["num_retries"] == 0
    assert body["timeout"] == 5
    assert body["max_tokens"] == 16
    assert body["cache"] == {"no-cache": True}
    assert body["metadata"] == {"tags": ["aitui-test"]}
    assert body["stream"] is True
    assert body["stream_options"] == {"include_usage": True}


async def test_another_deployments_answer_is_a_failure() -> None:
    report, _, _ = await run(model("a"), hello("b"))
    assert not report.success
    assert report.kind is FailureKind.OTHER_DEPLOYMENT
    assert report.served_by == "b"
    assert "instead of a" in (report.error or "")


async def test_costs_by_the_store_on_a_stream_and_unpriced_without_prices() -> None:
    report, _, _ = await run(model("a", **PRICED))
    assert (report.cost_usd, report.cost_source) == (Decimal("0.00044"), "store")
    report, _, _ = await run(model("a"))
    assert (report.cost_usd, report.cost_source) == (None, "unpriced")


async def test_the_proxys_own_cost_wins_but_its_zero_for_an_unpriced_model_does_not() -> None:
    plain = {
        "choices": [{"message": {"content": "Hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1},
    }
    dumb = model("a", supports_streaming=False, **PRICED)
    data = answer(plain, x_litellm_model_id="a", x_litellm_response_cost="9.8e-05")
    report, server, _ = await run(dumb, data)
    assert "stream" not in server.asked("/v1/chat/completions")[0].json
    assert (report.response, report.ttft_ms) == ("Hi", None)
    assert (report.cost_usd, report.cost_source) == (Decimal("0.000098"), "proxy")
    unpriced = model("a", supports_streaming=False)
    zero = answer(plain, x_litellm_model_id="a", x_litellm_response_cost="0.0")
    report, _, _ = await run(unpriced, zero)
    assert (report.cost_usd, report.cost_source) == (None, "unpriced")
    for nonsense in ("NaN", "-1", "free", "Infinity"):
        data = answer(plain, x_litellm_model_id="a", x_litellm_response_cost=nonsense)
        report, _, _ = await run(unpriced, data)
        assert report.cost_usd is None


@given(
    st.integers(0, 10**9),
    st.integers(0, 10**9),
    st.decimals(0, 100, places=6),
    st.decimals(0, 100, places=6),
)
def test_store_cost_is_exact(prompt: int, completion: int, into: Decimal, out: Decimal) -> None:
    tested = model("a", input_cost_per_1k=into, output_cost_per_1k=out)
    cost = store_cost(tested, prompt, completion)
    assert cost is not None
    assert cost * 1000 == into * prompt + out * completion


def test_store_cost_needs_what_it_counts() -> None:
    only_input = model("a", input_cost_per_1k=Decimal("1"))
    assert store_cost(only_input, 500, 0) == Decimal("0.5")
    assert store_cost(only_input, 500, 1) is None
    assert store_cost(only_input, None, None) is None
    assert store_cost(model("a"), 500, 1) is None


async def test_an_embedding_model_is_asked_for_a_vector() -> None:
    data = answer(
        {"data": [{"embedding": [0.1, 0.2]}], "usage": {"prompt_tokens": 5}},
        x_litellm_model_id="a",
    )
    # The store's `chat` is a default; LiteLLM knows better.
    report, server, _ = await run(model("a"), data, live("a", mode="embedding"))
    assert report.success
    assert "2 dimensions" in report.response
    assert "max_tokens" not in server.asked("/v1/embeddings")[0].json


async def test_a_completion_model_gets_a_prompt() -> None:
    data = answer({"choices": [{"text": "Hi", "finish_reason": "stop"}]}, x_litellm_model_id="a")
    report, server, _ = await run(model("a", mode="completion"), data)
    assert (report.success, report.response) == (True, "Hi")
    assert "prompt" in server.asked("/v1/completions")[0].json


@pytest.mark.parametrize(
    ("lists", "status", "kind"),
    [
        ({"healthy_endpoints": [{"model_id": "a"}], "unhealthy_endpoints": []}, 200, None),
        (
            {
                "healthy_endpoints": [],
                "unhealthy_endpoints": [
                    {
                        "model_id": "a",
                        "error": "litellm.AuthenticationError: OpenAIException - no\nstack trace:",
                        "exception_status": 401,
                    }
                ],
            },
            503,
            FailureKind.WRONG_KEY,
        ),
        ({"healthy_endpoints": [], "unhealthy_endpoints": []}, 503, FailureKind.BAD_ANSWER),
        (
            {"detail": {"error": "Model with ID a not found"}},
            404,
            FailureKind.UNKNOWN_MODEL,
        ),
    ],
)
async def test_other_modes_are_left_to_litellms_own_check(
    lists: dict[str, object], status: int, kind: FailureKind | None
) -> None:
    async with proxy([live("a")], {"/health": answer(lists, status)}) as server:
        gateway = Gateway(server.url, KEY)
        tested = model("a", mode="image_generation")
        report = await test_model(gateway, tested, PROVIDER)
        await gateway.aclose()
        assert server.asked("/health")[0].target.endswith("?model_id=a")
    assert report.kind is kind
    assert report.success is (kind is None)
    shown = report.response if report.success else report.error
    if kind in (None, FailureKind.WRONG_KEY):
        assert "own health check" in (shown or "")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (
            error(401, "litellm.AuthenticationError: OpenAIException - Incorrect API key"),
            FailureKind.WRONG_KEY,
        ),
        (
            error(429, "No deployments available. All are in cooldown. Try again in 7 seconds"),
            FailureKind.COOLDOWN,
        ),
        (error(400, "No connected db.", "no_db_connection"), FailureKind.PROXY_KEY),
        (
            sse(chunk("He"), {"error": {"message": "litellm.RateLimitError: slow", "code": "429"}}),
            FailureKind.RATE_LIMIT,
        ),
        (sse(chunk("He"), done=False), FailureKind.UPSTREAM),
        (sse(), FailureKind.BAD_ANSWER),
        (answer(b"<html>", content_type="text/html"), FailureKind.BAD_ANSWER),
        (answer(b"[" * 100_000), FailureKind.BAD_ANSWER),
        (answer([]), FailureKind.BAD_ANSWER),
        (answer({"choices": []}), FailureKind.BAD_ANSWER),
        (answer(b"<html>", 503, "text/html"), FailureKind.PROXY_DOWN),
        (answer(b"x" * (5 << 20)), FailureKind.BAD_ANSWER),
        (answer(b"", 302, location="http://elsewhere.test/"), FailureKind.BAD_ANSWER),
        (b"", FailureKind.PROXY_DOWN),
        (CUT_OFF, FailureKind.PROXY_DOWN),
    ],
    ids=short,
)
async def test_failures_end_in_a_report(data: bytes, kind: FailureKind) -> None:
    report, _, _ = await run(model("a"), data)
    assert not report.success
    assert report.kind is kind
    assert report.error
    assert report.mend
    assert "\n" not in report.error
    assert KEY not in report.error


async def test_a_models_failures_do_not_open_the_breaker() -> None:
    down = error(500, "litellm.InternalServerError: OpenAIException - Boom")
    async with proxy([live("a")], {"a": down}) as server:
        gateway = Gateway(server.url, KEY)
        for _ in range(12):
            report = await test_model(gateway, model("a"), PROVIDER)
            assert report.kind is FailureKind.UPSTREAM
        assert gateway.breaker.state == "closed"
        await gateway.aclose()


async def test_a_slow_model_times_out_and_does_not_open_the_breaker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("store.gateway.model_request.GRACE_S", 0)
    async with proxy([live("a")], delay_s={"a": 30}) as server, asyncio.timeout(30):
        gateway = Gateway(server.url, KEY)
        for _ in range(6):
            report = await test_model(gateway, model("a"), PROVIDER, timeout_s=0.05)
            assert report.kind is FailureKind.TIMEOUT
            assert "0.05 s" in (report.error or "")
        assert gateway.breaker.state == "closed"
        await gateway.aclose()


async def test_an_answer_that_drips_keeps_what_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.gateway.model_request.GRACE_S", 0)

    async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path == "/model/info":
            writer.write(answer({"data": [live("a")]}))
            return
        writer.write(sse(chunk("Once"), done=False))
        for _ in range(2_000):
            await writer.drain()
            await asyncio.sleep(0.01)
            writer.write(b": still here\n")

    async with serve(drip) as server, asyncio.timeout(30):
        gateway = Gateway(server.url, KEY)
        report = await test_model(gateway, model("a"), PROVIDER, timeout_s=0.3)
        await gateway.aclose()
    assert report.kind is FailureKind.TIMEOUT
    assert report.response == "Once"
    assert report.ttft_ms is not None
    assert "did not end" in (report.error or "")


async def test_a_dead_proxy_and_then_an_open_breaker() -> None:
    now = iter(range(0, 10_000, 2))
    gateway = Gateway("http://127.0.0.1:1", KEY, clock=lambda: float(next(now)) / 10)
    kinds = []
    for _ in range(20):
        report = await test_model(gateway, model("a"), PROVIDER)
        kinds.append(report.kind)
    assert kinds[0] is FailureKind.PROXY_DOWN
    assert kinds[-1] is FailureKind.BREAKER_OPEN
    await gateway.aclose()


async def test_a_cancelled_test_is_cancelled() -> None:
    async with proxy([live("a")], delay_s={"a": 30}) as server:
        gateway = Gateway(server.url, KEY)
        task = asyncio.create_task(test_model(gateway, model("a"), PROVIDER))
        async with asyncio.timeout(10):
            while not server.asked("/v1/chat/completions"):
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gateway.aclose()


async def test_many_come_as_they_finish_and_the_listing_is_asked_once() -> None:
    models = [model(f"m{n}") for n in range(9)]
    entries = [live(m.id) for m in models]
    async with proxy(entries, delay_s={"m0": 1.0}) as server:
        gateway = Gateway(server.url, KEY)
        reports = [r async for r in test_models(gateway, [(m, PROVIDER) for m in models])]
        await gateway.aclose()
        assert len(server.asked("/model/info")) == 1
    assert {r.model_id for r in reports} == {m.id for m in models}
    assert all(r.success for r in reports)
    assert reports[0].model_id != "m0"


async def test_stopping_the_iteration_stops_the_tests() -> None:
    models = [model(f"m{n}") for n in range(20)]
    entries = [live(m.id) for m in models]
    slow = {m.id: 30.0 for m in models[1:]}
    async with proxy(entries, delay_s=slow) as server, asyncio.timeout(20):
        gateway = Gateway(server.url, KEY)
        before = asyncio.all_tasks()
        async with aclosing(test_models(gateway, [(m, PROVIDER) for m in models])) as reports:
            async for report in reports:
                assert report.model_id == "m0"
                break
        ours = {t for t in asyncio.all_tasks() - before if "test_model" in repr(t.get_coro())}
        assert ours == set()
        assert len(server.asked("/v1/chat/completions")) <= 5
        await gateway.aclose()
