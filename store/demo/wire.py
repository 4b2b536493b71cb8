"""HTTP/1.1 on asyncio streams, as little as a pretend proxy needs, and bounded everywhere.

Requests have a Content-Length or no body; transfer codings are refused. Whatever comes in, an
answer or the connection's end follows within the deadlines.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

MAX_HEAD_BYTES = 64 * 1024
MAX_BODY_BYTES = 1024 * 1024
MAX_HEADERS = 100
_DRAIN_BYTES = 8 * 1024 * 1024
_DRAIN_S = 1.0
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


class BadRequest(Exception):
    """A request that is answered with `status` and the connection's end."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    keep_alive: bool


async def read_request(reader: asyncio.StreamReader, deadline_s: float) -> Request | None:
    """The next request, or None where the client has gone or stayed silent.

    Raises:
        BadRequest: it is malformed, too large, or not complete within `deadline_s`.
    """
    begun = False
    try:
        async with asyncio.timeout(deadline_s):
            first = await _line(reader, 0)
            begun = True
            method, target, version = _request_line(first)
            headers = await _headers(reader, len(first))
            body = await reader.readexactly(_body_length(method, headers))
    except TimeoutError:
        if not begun:
            return None
        raise BadRequest(408, "the request did not end in time") from None
    except asyncio.IncompleteReadError as error:
        if not begun and not error.partial:
            return None
        raise BadRequest(400, "the request ended too early") from None
    connection = headers.get("connection", "").lower()
    keep_alive = "close" not in connection and (version == "1.1" or "keep-alive" in connection)
    try:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True, max_num_fields=100))
    except ValueError:
        raise BadRequest(400, "the target is not a URL") from None
    return Request(method, unquote(parts.path), query, headers, body, keep_alive)


async def _headers(reader: asyncio.StreamReader, used: int) -> dict[str, str]:
    headers: dict[str, str] = {}
    count = 0
    while line := await _line(reader, used):
        used += len(line) + 2
        count += 1
        if count > MAX_HEADERS:
            raise BadRequest(431, f"more than {MAX_HEADERS} headers")
        name, value = _header(line)
        if name == "content-length" and headers.get(name, value) != value:
            raise BadRequest(400, "two different Content-Length headers")
        headers[name] = value
    return headers


async def _line(reader: asyncio.StreamReader, used: int) -> str:
    try:
        raw = await reader.readuntil(b"\n")
    except asyncio.LimitOverrunError:
        raise BadRequest(431, "the head is too large") from None
    if used + len(raw) > MAX_HEAD_BYTES:
        raise BadRequest(431, "the head is too large")
    return raw.rstrip(b"\r\n").decode("latin-1")


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3:
        raise BadRequest(400, "not a request line")
    method, target, protocol = parts
    if not method or not _TOKEN.issuperset(method):
        raise BadRequest(400, "not a method")
    if protocol not in ("HTTP/1.0", "HTTP/1.1"):
        raise BadRequest(505 if protocol.startswith("HTTP/") else 400, "speak HTTP/1.1")
    if not target.startswith("/"):
        raise BadRequest(400, "the target must begin with a slash")
    return method, target, protocol.removeprefix("HTTP/")


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not name or not _TOKEN.issuperset(name):
        raise BadRequest(400, "not a header")
    return name.lower(), value.strip(" \t")


def _body_length(method: str, headers: Mapping[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise BadRequest(411, "send a Content-Length instead of a transfer coding")
    text = headers.get("content-length")
    if text is None:
        if method in ("POST", "PUT", "PATCH"):
            raise BadRequest(411, "a body needs a Content-Length")
        return 0
    if not (text.isascii() and text.isdigit()):
        raise BadRequest(400, "Content-Length is not a number")
    if len(text) > 12 or int(text) > MAX_BODY_BYTES:
        raise BadRequest(413, "the body is over 1 MiB")
    return int(text)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer, JSON."""

    value: object
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


def _head(status: int, headers: list[tuple[str, str]], *, keep_alive: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    lines.append("connection: keep-alive" if keep_alive else "connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


async def send(writer: asyncio.StreamWriter, reply: Reply, *, keep_alive: bool) -> None:
    """Write a whole answer."""
    body = json.dumps(reply.value, ensure_ascii=False).encode()
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        *reply.headers,
    ]
    writer.write(_head(reply.status, headers, keep_alive=keep_alive) + body)
    await writer.drain()


class EventStream:
    """Server-sent events in chunks, so that the connection can live on after the last one."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def open(self, headers: tuple[tuple[str, str], ...], *, keep_alive: bool) -> None:
        fixed = [
            ("content-type", "text/event-stream; charset=utf-8"),
            ("transfer-encoding", "chunked"),
            ("cache-control", "no-cache"),
        ]
        self._writer.write(_head(200, [*fixed, *headers], keep_alive=keep_alive))
        await self._writer.drain()

    async def event(self, value: object) -> None:
        """One `data:` event: JSON, or the text as it is (`[DONE]`)."""
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        data = f"data: {text}\n\n".encode()
        self._writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await self._writer.drain()

    async def close(self) -> None:
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()


async def linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read what a refused client still sends, within a bound.

    Closing at once would reset the connection, and the client might never see its answer.
    """
    if writer.can_write_eof():
        writer.write_eof()
    left = _DRAIN_BYTES
    try:
        async with asyncio.timeout(_DRAIN_S):
            while left > 0 and (data := await reader.read(65_536)):
                left -= len(data)
    except TimeoutError:
        return
