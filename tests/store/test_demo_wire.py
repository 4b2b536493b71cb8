"""Bad clients of the pretend proxy: answered or let go, never a hang."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from store.demo.proxy import MAX_CONNECTIONS
from tests.store.running_demo import HANG_S, Running, running


@pytest.fixture
async def demo() -> AsyncIterator[Running]:
    async with running() as demo:
        yield demo


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 200_000, b"7", b'{"model": "gpt-4.1"}']
)
async def test_bad_bodies_are_refused(demo: Running, body: bytes) -> None:
    for path in ("/v1/chat/completions", "/v1/embeddings"):
        response = await demo.client.post(path, content=body)
        assert response.status_code == 400
        assert response.json()["error"]["code"] == "400"


@pytest.mark.parametrize(
    "change",
    [
        {"messages": []},
        {"messages": "hi"},
        {"model": None},
        {"model": ["gpt-4.1"]},
        {"model": {"a": 1}},
    ],
)
async def test_bad_values_are_refused(demo: Running, change: dict[str, object]) -> None:
    body = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "x"}], **change}
    response = await demo.client.post("/v1/chat/completions", json=body)
    assert response.status_code == 400


@pytest.mark.parametrize(
    "change",
    [
        {"timeout": "soon"},
        {"timeout": -1},
        {"timeout": True},
        {"max_tokens": 0},
        {"max_tokens": "many"},
        {"stream": "yes"},
        {"stream_options": 7},
    ],
)
async def test_odd_options_are_passed_over(demo: Running, change: dict[str, object]) -> None:
    assert (await demo.chat("gpt-4.1", **change)).status_code == 200


async def _raw(demo: Running, data: bytes, *, end: bool = False) -> bytes:
    """Everything that comes back for some bytes, until the proxy closes the connection."""
    async with asyncio.timeout(HANG_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", demo.port)
        try:
            writer.write(data)
            await writer.drain()
            if end:
                writer.write_eof()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GARBAGE\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\n", 400),
        (b"\r\n", 400),
        (b"GET /v1/models\r\n", 400),
        (b"GET  /v1/models HTTP/1.1\r\n", 400),
        (b"G\x00T / HTTP/1.1\r\n", 400),
        (b"GET http://other/ HTTP/1.1\r\n", 400),
        (b"GET / HTTP/2.0\r\n", 505),
        (b"GET / SPDY/1\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nbad name: x\r\n\r\n", 400),
        (b"GET //[ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 101 + b"\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + (b"a: " + b"b" * 9_000 + b"\r\n") * 8 + b"\r\n", 431),
        (b"POST /v1/embeddings HTTP/1.1\r\n\r\n{}", 411),
        (b"POST /v1/embeddings HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n", 413),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1_0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n12", 400),
    ],
)
async def test_malformed_requests_are_answered_and_closed(
    demo: Running, data: bytes, status: int
) -> None:
    answer = await _raw(demo, data)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"connection: close" in answer
    assert (await demo.client.get("/health/liveliness")).status_code == 200


async def test_a_body_that_is_too_large_is_refused_readably(demo: Running) -> None:
    response = await demo.client.post("/v1/embeddings", content=b"x" * 1_100_000)
    assert response.status_code == 413


@pytest.mark.parametrize(
    "data",
    [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x", b"POST / HTTP/1.1\r\nContent-Length: 9"],
)
async def test_clients_that_leave_midway_are_let_go(demo: Running, data: bytes) -> None:
    answer = await _raw(demo, data, end=True)
    assert answer == b"" if not data else answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (b"", b""),
        (b"GET / HT", b""),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", b"HTTP/1.1 408 "),
        (b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf", b"HTTP/1.1 408 "),
    ],
)
async def test_silent_clients_are_cut_off(data: bytes, start: bytes) -> None:
    async with running(deadline_s=0.05) as demo:
        answer = await _raw(demo, data)
    assert answer.startswith(start)
    assert bool(answer) == bool(start)


async def test_old_and_closing_clients_get_a_closed_connection(demo: Running) -> None:
    old = await _raw(demo, b"GET /health/liveliness HTTP/1.0\r\n\r\n")
    assert old.endswith(b'"I\'m alive!"')
    closing = await _raw(demo, b"GET /health/liveliness HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert b"connection: close" in closing


async def test_two_requests_at_once_are_answered_in_order(demo: Running) -> None:
    one = b"GET /health/liveliness HTTP/1.1\r\n\r\n"
    two = b"GET /health/readiness HTTP/1.1\r\nConnection: close\r\n\r\n"
    answer = await _raw(demo, one + two)
    assert 0 < answer.index(b"alive") < answer.index(b"Not connected")


async def test_too_many_connections_are_refused(demo: Running) -> None:
    held = [await asyncio.open_connection("127.0.0.1", demo.port) for _ in range(MAX_CONNECTIONS)]
    try:
        assert (await _raw(demo, b"")).startswith(b"HTTP/1.1 503 ")
    finally:
        for _, writer in held:
            writer.close()


async def test_stopping_ends_what_is_under_way() -> None:
    async with running(pace=1_000.0) as demo:
        asking = asyncio.create_task(demo.chat("gemini-1.5-pro", stream=True))
        silent = await asyncio.open_connection("127.0.0.1", demo.port)
        while len(demo.proxy._connections) < 2:
            await asyncio.sleep(0.001)
        async with asyncio.timeout(HANG_S):
            await demo.proxy.stop()
            with pytest.raises(httpx.HTTPError):
                await asking
            assert await silent[0].read() == b""
        silent[1].close()
        await demo.proxy.stop()
