"""Reading what a proxy serves: all of it, a part, over new connections, and from sick proxies."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from store.errors import GatewayError
from store.gateway.client import Gateway
from store.gateway.live import (
    DB_MODE_PATH,
    DETAILS_PATH,
    MODELS_PATH,
    SETTINGS_PATH,
    Live,
    read_live,
    routing_in,
    rows_in,
)
from store.gateway.served import Alias, Routing
from tests.scripted_server import Handler, Request, answer, serve
from tests.store.live_samples import callbacks, live_of, model_info
from tests.store.test_difference import RICH

KEY = "sk-key-of-the-gateway"
NO_DATABASE = {"status": "healthy", "db": "Not connected"}
ANSWERS: dict[str, tuple[int, object]] = {
    MODELS_PATH: (200, model_info(RICH)),
    SETTINGS_PATH: (200, callbacks(RICH)),
    DETAILS_PATH: (200, NO_DATABASE),
}


def handler(changes: Mapping[str, tuple[int, object]] | None = None) -> Handler:
    """A proxy that serves RICH but for `changes`, which are by the path."""
    answers = {**ANSWERS, **(changes or {})}

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        status, body = answers.get(request.target, (404, {"detail": "Not Found"}))
        writer.write(answer(body, status))

    return handle


async def read(server: Handler, **options: bool) -> Live:
    async with serve(server) as running:
        gateway = Gateway(running.url, KEY)
        try:
            return await read_live(gateway, **options)
        finally:
            await gateway.aclose()


def says_no(status: int, text: str) -> tuple[int, object]:
    return status, {"error": {"message": text, "type": "x", "code": str(status)}}


async def test_all_of_it() -> None:
    live = await read(handler())
    assert live == live_of(RICH)
    assert (live.db_mode, live.has_database, live.problems) == (False, False, ())


async def test_settings_that_cannot_be_read_are_told() -> None:
    live = await read(handler({SETTINGS_PATH: says_no(400, "while parsing a flow node")}))
    assert live.rows == live_of(RICH).rows
    assert live.routing is None
    [problem] = live.problems
    assert "compared with the file alone" in problem
    assert "while parsing a flow node" in problem


async def test_models_that_cannot_be_read_are_an_error() -> None:
    with pytest.raises(GatewayError, match="answered 500 to /model/info: No."):
        await read(handler({MODELS_PATH: says_no(500, "No.")}))


async def test_a_proxy_without_any_model() -> None:
    text = "LLM Model List not loaded in. Make sure you passed models in your config.yaml"
    live = await read(handler({MODELS_PATH: (500, {"detail": {"error": text}})}))
    assert live.rows == ()


@pytest.mark.parametrize(
    ("said", "db_mode"),
    [
        ((200, {"field_name": "store_model_in_db", "field_value": True}), True),
        ((200, {"field_name": "store_model_in_db", "field_value": "True"}), True),
        ((200, {"field_name": "store_model_in_db", "field_value": False}), False),
        ((200, {"field_name": "store_model_in_db", "field_value": None}), False),
    ],
)
async def test_a_proxy_with_a_database(said: tuple[int, object], db_mode: bool) -> None:
    connected = (200, {"status": "healthy", "db": "connected"})
    live = await read(handler({DETAILS_PATH: connected, DB_MODE_PATH: said}))
    assert (live.has_database, live.db_mode) == (True, db_mode)


async def test_a_database_whose_mode_is_not_told() -> None:
    connected = (200, {"status": "healthy", "db": "connected"})
    refusal = says_no(400, "Field name=store_model_in_db is not set")
    live = await read(handler({DETAILS_PATH: connected, DB_MODE_PATH: refusal}))
    assert (live.has_database, live.db_mode) == (True, False)


async def test_models_of_the_database_tell_of_it() -> None:
    body = model_info(RICH)
    body["data"][0]["model_info"]["db_model"] = True
    live = await read(handler({MODELS_PATH: (200, body)}), ask_mode=False)
    assert live.db_mode
    assert live.has_database
    assert [row.in_database for row in live.rows[:2]] == [True, False]


@contextlib.asynccontextmanager
async def keeping() -> AsyncIterator[tuple[str, list[list[str]]]]:
    """A proxy that keeps its connections open: its URL, and what each connection carried."""
    carried: list[list[str]] = []

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[str] = []
        carried.append(mine)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                closing = "connection: close" in head.lower()
                mine.append(head.split()[1] + (" and close" if closing else ""))
                data = json.dumps(ANSWERS[head.split()[1]][1]).encode()
                length = f"content-length: {len(data)}\r\n\r\n".encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" + length)
                writer.write(data)
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", carried
    finally:
        server.close()
        await asyncio.wait_for(server.wait_closed(), 10)


async def test_each_new_connection_is_one() -> None:
    async with keeping() as (url, carried):
        gateway = Gateway(url, KEY)
        first = await read_live(gateway)
        assert carried == [[MODELS_PATH, SETTINGS_PATH, DETAILS_PATH]]
        for _ in range(2):
            assert await read_live(gateway, new_connection=True, ask_mode=False) == first
        close = [[f"{MODELS_PATH} and close"], [f"{SETTINGS_PATH} and close"]]
        assert carried[1:] == close * 2
        await read_live(gateway, ask_mode=False)
        assert carried[0][3:] == [MODELS_PATH, SETTINGS_PATH]  # the first one is still open
        await gateway.aclose()


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "something that is not JSON"),
        (b"<html>", "an HTML page"),
        (b"[]", "JSON of another shape"),
        (b'{"data": [{"model_name": "a"', "JSON that breaks off"),
        (b'{"data": [' + b"[" * 100_000, "JSON nested too deeply"),
        (b"\xff", "something that is not JSON"),
    ],
)
def test_what_is_no_list_of_models(body: bytes, what: str) -> None:
    found = rows_in(body, str)
    assert isinstance(found, str)
    assert found.startswith(what) or body == b""


def test_rows_that_are_none_are_left_out() -> None:
    good: dict[str, Any] = {
        "model_name": "a",
        "litellm_params": {"model": "openai/a", "n" * 300: 1, "weight": None},
        "model_info": {"id": "1", "key": "a", "more": {"x": [None]}},
    }
    bad = [None, 1, {}, {**good, "model_name": 1}, {**good, "model_info": {"id": 3}},
           {**good, "litellm_params": {}}, {**good, "litellm_params": [], "x": 1}]  # fmt: skip
    rows = rows_in(json.dumps({"data": [*bad, good]}).encode(), str)
    assert not isinstance(rows, str)
    assert [dict(row.fields) for row in rows] == [
        {
            "model_name": "a",
            "model": "openai/a",
            "model_info.id": "1",
            "model_info.more": '{"x": [null]}',
        }
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"router_settings": []}', b"\xff", b"{"])
def test_what_is_no_settings(body: bytes) -> None:
    assert isinstance(routing_in(body), str)


def test_settings_of_odd_shapes() -> None:
    found = routing_in(
        json.dumps(
            {
                "router_settings": {
                    "routing_strategy": None,
                    "timeout": {"connect": 1},
                    "fallbacks": [1, {}, {"a": "b"}, {"a": ["c"]}, {"*": ["x"]}, {"*": None}],
                    "context_window_fallbacks": {"a": ["b"]},
                    "model_group_alias": {"x": {"hidden": True}, "y": 1, "z": {"model": "a"}},
                }
            }
        ).encode()
    )
    assert found == Routing(
        {
            "routing_strategy": None,
            "num_retries": None,
            "timeout": '{"connect": 1}',
            "default_fallbacks": None,
        },
        {"a": ("b",)},
        {},
        {"x": Alias(None, hidden=True), "y": Alias(1), "z": Alias("a")},
    )


async def test_no_key_travels() -> None:
    secret = "abcdefgh12345678"
    body = model_info(RICH)
    params = body["data"][0]["litellm_params"]
    params |= {
        "note": f"it is {KEY}",
        "api_base": f"https://user:{secret}@h/v1",
        "headers": {"Authorization": f"Bearer {secret}", "x": [f"sk-{secret}"]},
        "custom_token": secret,
    }
    body["data"][0]["model_info"]["webhook_secret"] = secret
    live = await read(handler({MODELS_PATH: (200, body)}))
    assert secret not in repr(live)
    assert KEY not in repr(live)
    assert live.rows[0].fields["headers"] == '{"Authorization": "[redacted]", "x": ["[redacted]"]}'
