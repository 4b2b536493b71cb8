"""A hostile proxy: it sends the key back, too much, in crumbs, or figures that are none."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from decimal import Decimal

import pytest

from store.domain import Model, Provider, TestReport
from store.errors import FailureKind, GatewayError
from store.gateway.answers import MAX_VALUES, NotJson, clean, decode
from store.gateway.client import Gateway
from store.gateway.deployments import MAX_ENTRIES, deployments_in
from store.gateway.model_test import test_model as run_test
from tests.scripted_server import Request, Scripted, serve
from tests.scripted_server import answer as http

KEY = "Zq9hunterLmXwv7TrKp4Ns8"
"""Of no known shape, so that only knowing it helps."""
PROVIDER = Provider(id="p", name="openai", display_name="OpenAI", litellm_provider="openai")
MODEL = Model(
    id="m-1", provider_id="p", model_name="gpt", display_name="gpt", litellm_model="openai/gpt"
)
LIVE = {
    "data": [
        {
            "model_name": "gpt",
            "litellm_params": {"model": "openai/gpt"},
            "model_info": {"id": "m-1"},
        }
    ]
}
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
REDIRECT = b"HTTP/1.1 302 X\r\ncontent-length: 0\r\nlocation: "


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def delta(text: str) -> bytes:
    return event({"choices": [{"delta": {"content": text}}]})


async def status_of(answer: bytes) -> str:
    """Everything that the gateway says of a proxy that always answers so."""

    async def handler(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)

    async with serve(handler) as server:
        gateway = Gateway(server.url, KEY)
        try:
            said = repr(await gateway.status())
            try:
                said += repr(await gateway.deployments())
            except GatewayError as error:
                said += f"{error} {error!r}"
            return said
        finally:
            await gateway.aclose()


async def report_on(answer: bytes) -> TestReport:
    """The report on a model that answers so, through a proxy that is well otherwise."""

    async def handler(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(http(LIVE) if request.method == "GET" else answer)

    async with serve(handler) as server:
        gateway = Gateway(server.url, KEY)
        try:
            return await run_test(gateway, MODEL, PROVIDER, timeout_s=5)
        finally:
            await gateway.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\n" + KEY.encode() + b"\r\n\r\n",
        b"HTTP/1.1 " + KEY.encode() + b"\r\n\r\n",
        b"x" * 60 + KEY.encode() + b"\r\n\r\n",
        CHUNKED + KEY.encode() + b"\r\n",
        REDIRECT + f"http://{KEY}.example/".encode() + b"\r\n\r\n",
        REDIRECT + f"http://u:{KEY}@{'h' * 70}{KEY}/".encode() + b"\r\n\r\n",
        HEAD + json.dumps({"litellm_version": KEY}).encode(),
        HEAD + json.dumps({"litellm_version": "x" * 30 + KEY}).encode(),
        http({"error": {"message": f"Bearer {KEY}", "type": KEY, "code": KEY}}, 500),
    ],
    ids=["header", "status", "cut", "chunk", "host", "far-host", "version", "late", "error"],
)
async def test_a_key_that_is_sent_back_is_not_shown(answer: bytes) -> None:
    said = (await status_of(answer)).lower()
    assert KEY[:8].lower() not in said


@pytest.mark.parametrize(
    "answer",
    [
        http({"choices": [{"message": {"content": "hi"}}]}, x_litellm_model_id=KEY),
        http({"choices": [{"message": {"content": "hi"}}]}, x_litellm_model_group=KEY),
        STREAM + delta("x" * 3_990 + KEY[:5]) + delta(KEY[5:]) + b"data: [DONE]\n\n",
        STREAM + event({"error": {"message": KEY, "code": KEY}}),
    ],
    ids=["served-by", "group", "cut", "error"],
)
async def test_a_key_that_a_model_sends_back_is_not_shown(answer: bytes) -> None:
    report = await report_on(answer)
    assert KEY[:5] not in repr(report)


async def test_an_id_of_another_deployment_is_cut() -> None:
    report = await report_on(
        http({"choices": [{"message": {"content": "hi"}}]}, x_litellm_model_id="A" * 20_000)
    )
    assert report.kind is FailureKind.OTHER_DEPLOYMENT
    assert len(repr(report)) < 2_000


@pytest.mark.parametrize("cost", ["1e999999", "1e300", "nan", "inf", "-1"])
async def test_a_cost_that_is_no_money_is_none(cost: str) -> None:
    report = await report_on(
        http({"choices": [{"message": {"content": "hi"}}]}, x_litellm_response_cost=cost)
    )
    assert (report.success, report.cost_usd, report.cost_source) == (True, None, "unpriced")


async def test_a_cost_that_is_money_is_taken() -> None:
    report = await report_on(
        http({"choices": [{"message": {"content": "hi"}}]}, x_litellm_response_cost="0.25")
    )
    assert report.cost_usd == Decimal("0.25")


@pytest.mark.parametrize("error", [5, "", [1], {}, {"x": 1}])
async def test_an_error_that_says_nothing_is_no_success(error: object) -> None:
    report = await report_on(STREAM + event({"error": error or {"message": 5}}))
    assert not report.success


async def test_an_answer_in_crumbs_is_ended() -> None:
    answer = CHUNKED + b"1\r\nx\r\n" * 20_000
    assert "pieces of a few bytes" in await status_of(answer)


def test_json_of_millions_of_values_is_not_read() -> None:
    with pytest.raises(NotJson, match="more values"):
        decode(b"[" + b"{}," * MAX_VALUES + b"{}]")
    assert decode(b"[" + b"1," * 5_000 + b"1]") == [1] * 5_001


@pytest.mark.parametrize(
    "body",
    [
        b'{"data":[' + b"{}," * (MAX_ENTRIES + 1) + b"{}]}",
        b'{"data":[[' + b"{}," * 200_000 + b"{}]]}",
        b'{"data":[{"x":"' + b"y" * (1 << 20) + b'"}]}',
    ],
)
def test_a_listing_that_is_too_much_is_no_listing(body: bytes) -> None:
    assert isinstance(deployments_in(body), str)


def test_an_error_of_spaces_costs_little() -> None:
    started = time.process_time()
    for _ in range(20):
        assert clean("a" + " " * 7_000 + "x") == "a x"
    assert time.process_time() - started < 2  # it was 5 s and more


async def test_a_name_server_that_does_not_answer_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The look-up must not run in a thread that the end of the program waits for."""
    import threading

    asked, answered = threading.Event(), threading.Event()

    def silent(*_: object, **__: object) -> list[object]:
        asked.set()
        answered.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    monkeypatch.setattr("store.gateway.http.CONNECT_S", 0.2)
    gateway = Gateway("http://proxy.invalid:4000", None)
    try:
        status = await gateway.status()
        assert asked.is_set()
        assert status.kind is FailureKind.PROXY_DOWN
        assert "no connection within" in (status.error or "")
        names = [thread.name for thread in threading.enumerate() if not thread.daemon]
        assert "look-up" not in names
        await asyncio.wait_for(asyncio.get_running_loop().shutdown_default_executor(), 10)
    finally:
        answered.set()
        await gateway.aclose()


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Scripted] = []

    async def handler(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(http({}))

    async with serve(handler) as server, serve(handler) as thief:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, thief.url)
        gateway = Gateway(server.url, KEY)
        await gateway.status()
        await gateway.aclose()
        seen += [server, thief]
    assert seen[0].requests
    assert not seen[1].requests
