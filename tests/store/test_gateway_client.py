"""The gateway's client against proxies that are well, sick and hostile."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import struct
import subprocess
import sys

import pytest

from store.errors import FailureKind, GatewayError
from store.gateway import client as client_module
from store.gateway.breaker import Breaker
from store.gateway.client import Gateway
from tests.fake_litellm import KEY, error, live, proxy, short
from tests.scripted_server import Handler, Request, answer, serve


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def says(data: bytes) -> Handler:
    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return handle


async def refused(gateway: Gateway) -> GatewayError:
    """What asking for the deployments raises; the gateway is closed."""
    try:
        with pytest.raises(GatewayError) as caught:
            await gateway.deployments()
    finally:
        await gateway.aclose()
    sentence = str(caught.value)
    assert KEY not in sentence
    assert "\n" not in sentence
    assert len(sentence) < 700
    return caught.value


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_well_proxy() -> None:
    async with proxy([live("a"), live("b", mode="embedding")]) as server:
        gateway = Gateway(server.url + "/", KEY)
        status = await gateway.status()
        assert (status.reachable, status.kind, status.breaker) == (True, None, "closed")
        assert [d.id for d in await gateway.deployments()] == ["a", "b"]
        await gateway.aclose()
        sent = server.asked("/model/info")[0]
        assert sent.headers["authorization"] == f"Bearer {KEY}"
        assert sent.headers["accept-encoding"] == "identity"
        assert KEY not in sent.target


async def test_the_version_is_told() -> None:
    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        details = {"status": "healthy", "litellm_version": "1.106.2"}
        writer.write(answer(details if request.path.endswith("details") else {"status": "ok"}))

    async with serve(handle) as server:
        gateway = Gateway(server.url, KEY)
        assert (await gateway.status()).version == "1.106.2"
        await gateway.aclose()


async def test_the_key_is_in_no_repr_and_the_url_is() -> None:
    gateway = Gateway("http://127.0.0.1:1", KEY)
    assert KEY not in repr(gateway)
    assert "http://127.0.0.1:1" in repr(gateway)
    assert KEY not in repr(await gateway.status())
    assert KEY not in repr(gateway._http)
    await gateway.aclose()


async def test_deployments_and_status_are_asked_once_in_five_seconds() -> None:
    clock = Clock()
    async with proxy([live("a")]) as server:
        gateway = Gateway(server.url, KEY, clock=clock)
        await asyncio.gather(*(gateway.deployments() for _ in range(20)))
        await gateway.deployments()
        await gateway.status()
        await gateway.status()
        assert len(server.asked("/model/info")) == 1
        assert len(server.asked("/health/readiness")) == 1
        await gateway.status(fresh=True)
        assert len(server.asked("/health/readiness")) == 2
        clock.now += 6
        await gateway.deployments()
        assert len(server.asked("/model/info")) == 2
        await gateway.aclose()


async def test_a_cancelled_asker_does_not_cancel_the_others() -> None:
    async def slow(request: Request, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(answer({"data": []}))

    async with serve(slow) as server:
        gateway = Gateway(server.url, KEY)
        first = asyncio.create_task(gateway.deployments())
        second = asyncio.create_task(gateway.deployments())
        await asyncio.sleep(0.05)
        first.cancel()
        assert await second == ()
        assert first.cancelled()
        await gateway.aclose()


@pytest.mark.parametrize(
    ("key", "data", "kind"),
    [
        ("sk-wrong-one", error(400, "No connected db.", "no_db_connection"), FailureKind.PROXY_KEY),
        (
            None,
            error(401, "Authentication Error, No api key passed in.", "auth_error"),
            FailureKind.PROXY_KEY_MISSING,
        ),
        # LiteLLM without its database client stumbles over a missing key.
        (
            None,
            answer(b"Internal Server Error", 500, "text/plain"),
            FailureKind.PROXY_KEY_MISSING,
        ),
    ],
    ids=short,
)
async def test_a_key_that_is_missing_or_refused(
    key: str | None, data: bytes, kind: FailureKind
) -> None:
    async with serve(says(data)) as server:
        gateway = Gateway(server.url, key, key_env="MY_PROXY_KEY")
        with pytest.raises(GatewayError, match="MY_PROXY_KEY") as caught:
            await gateway.check_key()
        assert caught.value.kind is kind
        for _ in range(6):
            with pytest.raises(GatewayError):
                await gateway.check_key()
        assert gateway.breaker.state == "closed", "the proxy works; it says no"
        await gateway.aclose()


async def test_a_status_tells_a_refused_key_of_a_proxy_that_runs() -> None:
    async with proxy([]) as server:
        gateway = Gateway(server.url, "sk-not-the-key")
        status = await gateway.status()
        assert status.reachable
        assert status.kind is FailureKind.PROXY_KEY
        await gateway.aclose()


@pytest.mark.parametrize(
    "key", ["sk-line\nbreak-inside", "ключ", "sk-a\x00b"], ids=["line", "cyrillic", "nul"]
)
async def test_a_key_that_no_header_can_carry_is_named_and_not_shown(key: str) -> None:
    gateway = Gateway("http://127.0.0.1:1", key)
    failure = await refused(gateway)
    assert failure.kind is FailureKind.PROXY_KEY
    assert "LITELLM_MASTER_KEY" in str(failure)
    assert key not in str(failure)


async def test_nobody_listens() -> None:
    gateway = Gateway(f"http://127.0.0.1:{free_port()}", KEY)
    status = await gateway.status()
    assert not status.reachable
    assert status.kind is FailureKind.PROXY_DOWN
    assert (await refused(gateway)).kind is FailureKind.PROXY_DOWN


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        (answer(b"<!doctype html><h1>Welcome", content_type="text/html"), "bad", "an HTML page"),
        (answer(b"[" * 100_000), "bad", "LiteLLM"),
        (answer(b'{"data": [' + b'{"a":' * 100_000), "bad", "deeply"),
        (answer({"data": "none"}), "bad", "another shape"),
        (answer(b"hello", content_type="text/plain"), "bad", "not JSON"),
        (answer(b"", content_type="text/event-stream"), "bad", "empty body"),
        (answer(gzip.compress(b'{"data": []}'), content_encoding="gzip"), "bad", "not JSON"),
        (answer(b"<html>", 502, "text/html"), "down", "502"),
        (answer({"detail": "Not Found"}, 404), "bad", "404"),
        (error(500, "Traceback: no router", ""), "down", "500"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "bad", "does not speak HTTP"),
        (b"", "down", "broke the connection"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "down", "broke the connection"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000, "bad", "does not speak HTTP"),
    ],
    ids=short,
)
async def test_answers_that_are_none(data: bytes, kind: str, said: str) -> None:
    expected = FailureKind.BAD_ANSWER if kind == "bad" else FailureKind.PROXY_DOWN
    async with serve(says(data)) as server:
        failure = await refused(Gateway(server.url, KEY))
    assert failure.kind is expected
    assert said in str(failure)


async def test_a_redirect_is_refused_and_the_key_not_carried_along() -> None:
    async with serve(says(answer({"data": []}))) as other:
        there = answer(b"", 307, location=f"{other.url}/model/info?x=1")
        async with serve(says(there)) as server:
            failure = await refused(Gateway(server.url, KEY))
        assert failure.kind is FailureKind.BAD_ANSWER
        assert "redirect" in str(failure)
        assert other.requests == []


async def test_200_megabytes_are_not_read() -> None:
    sent = 0

    async def flood(request: Request, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 209715200\r\n\r\n")
        for _ in range(200):
            writer.write(b"x" * (1 << 20))
            await writer.drain()
            sent += 1 << 20

    async with serve(flood) as server:
        failure = await refused(Gateway(server.url, KEY))
    assert failure.kind is FailureKind.BAD_ANSWER
    assert "16 MiB" in str(failure)
    assert sent < 40 << 20


async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
    """Never silent for as long as a read's timeout, and never done."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    for _ in range(2_000):
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def silence(request: Request, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@pytest.mark.parametrize("handler", [drip, silence])
async def test_the_deadline_is_around_the_whole_call(
    handler: Handler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "CONTROL_DEADLINE_S", 0.3)
    async with serve(handler) as server, asyncio.timeout(15):
        gateway = Gateway(server.url, KEY)
        failure = await refused(gateway)
        assert failure.kind is FailureKind.PROXY_DOWN
        assert "did not answer" in str(failure)


async def test_a_reset_in_the_middle() -> None:
    async def reset(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        await writer.drain()
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with serve(reset) as server:
        failure = await refused(Gateway(server.url, KEY))
    assert failure.kind is FailureKind.PROXY_DOWN


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(says(answer({"data": []}))) as spy, proxy([live("a")]) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, spy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        gateway = Gateway(server.url, KEY)
        assert len(await gateway.deployments()) == 1
        await gateway.aclose()
        assert spy.requests == []


async def test_nothing_is_logged_of_a_call(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        async with proxy([live("a")]) as server:
            gateway = Gateway(server.url, KEY)
            await gateway.deployments()
            await gateway.aclose()
    assert KEY not in caplog.text
    assert [r for r in caplog.records if r.name.startswith(("httpx", "httpcore"))] == []


async def test_a_key_in_the_proxys_own_words_is_redacted() -> None:
    async with serve(says(error(500, f"config broken near api_key={KEY}!"))) as server:
        failure = await refused(Gateway(server.url, KEY))
    assert "[redacted]" in str(failure)


async def test_the_breaker_opens_says_when_it_tries_again_and_closes() -> None:
    clock = Clock()
    gateway = Gateway(f"http://127.0.0.1:{free_port()}", KEY, clock=clock)
    for _ in range(5):
        clock.now += 2
        with pytest.raises(GatewayError):
            await gateway.deployments()
    clock.now += 2
    with pytest.raises(GatewayError, match="28 s") as caught:
        await gateway.deployments()
    assert caught.value.kind is FailureKind.BREAKER_OPEN
    status = await gateway.status()
    assert (status.breaker, status.retry_in_s, status.reachable) == ("open", 28, False)
    assert status.kind is FailureKind.BREAKER_OPEN
    clock.now += 28
    async with proxy([live("a")]) as server:
        await gateway.aclose()
        gateway.url = server.url
        assert (await gateway.status()).reachable
        assert gateway.breaker.state == "closed"
        await gateway.aclose()


async def test_a_cancelled_probe_leaves_room_for_the_next() -> None:
    clock = Clock()
    breaker = Breaker(clock)
    for _ in range(5):
        permit = breaker.enter()
        assert permit is not None
        permit.failure()
    clock.now += 30
    async with serve(silence) as server:
        gateway = Gateway(server.url, KEY, breaker=breaker, clock=clock)
        probe = asyncio.create_task(gateway.check_key())
        async with asyncio.timeout(10):
            while not server.requests:
                await asyncio.sleep(0.01)
        with pytest.raises(GatewayError) as caught:
            await gateway.check_key()
        assert caught.value.kind is FailureKind.BREAKER_OPEN
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert breaker.enter() is not None
        await gateway.aclose()


def test_httpx_is_not_loaded_before_the_first_call() -> None:
    code = (
        "import sys, store.gateway.client, store.gateway.model_test, store.gateway.health_check;"
        "store.gateway.client.Gateway('http://127.0.0.1:1', 'k');"
        "sys.exit('httpx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


async def test_closing_twice_and_while_asking() -> None:
    async with serve(silence) as server:
        gateway = Gateway(server.url, KEY)
        asking = asyncio.create_task(gateway.deployments())
        await asyncio.sleep(0.05)
        async with asyncio.timeout(10):
            await gateway.aclose()
            await gateway.aclose()
            await asyncio.gather(asking, return_exceptions=True)
        assert asking.done()
