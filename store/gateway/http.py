"""One bounded HTTP call to the proxy.

httpx's timeouts are for each read, so a server that drips a byte a second outlives them, and its
decoding lets a small compressed answer become a huge one. Here a deadline is around the whole
call, no compression is asked for or undone, the body is capped, and neither the environment's
proxies nor a redirect can take the key elsewhere.
"""

from __future__ import annotations

import asyncio
import io
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import httpcore
import httpx

from store.checks import redact
from store.errors import FailureKind
from store.gateway.answers import Answer, one_line
from store.gateway.failures import ProxyError
from store.gateway.network import Network

# httpx logs whole URLs at INFO, httpcore whole headers at DEBUG.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

CONNECT_S = 5.0
CRUMBS = 2_000
"""Pieces of an answer from which on they must have `CRUMB_BYTES` on average.

Each costs the same, however small: a proxy that sends single bytes would keep us busy.
"""
CRUMB_BYTES = 16
_BROKEN = ("disconnected", "closed connection", "incomplete")


class Http:
    """The connection pool of one proxy. `key` goes into the Authorization header only."""

    def __init__(self, url: str, key: str | None) -> None:
        self._url = url
        self._secrets = (key,) if key else ()
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "aitui",
        }
        if key:
            headers["Authorization"] = f"Bearer {key}"
        secure = url.lower().startswith("https:")
        context = ssl.create_default_context() if secure else None
        self._client = _client(url, headers, context, keepalive=8)
        self._once = _client(url, {**headers, "Connection": "close"}, context, keepalive=0)

    def __repr__(self) -> str:
        return f"Http({self._url!r})"

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: dict[str, object] | None = None,
        deadline_s: float,
        cap: int,
        on_chunk: Callable[[bytes], None] | None = None,
        new_connection: bool = False,
    ) -> Answer:
        """The complete answer, whatever its status below 300 or from 400.

        `on_chunk` sees each piece of a 200 as it comes; `cap` is in bytes. With `new_connection`
        another worker of the proxy may answer than on the connections that are open. Raises
        TimeoutError after `deadline_s` seconds, and ProxyError for what is no HTTP answer, a
        redirect, or a body over the cap.
        """
        client = self._once if new_connection else self._client
        try:
            async with asyncio.timeout(deadline_s):
                return await self._exchange(client, method, path, params, body, cap, on_chunk)
        except httpx.HTTPError as error:
            raise self._as_proxy_error(error) from None
        except (httpx.InvalidURL, UnicodeError) as error:
            raise self._unusable_url(str(error)) from None

    async def _exchange(
        self,
        client: httpx.AsyncClient,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: dict[str, object] | None,
        cap: int,
        on_chunk: Callable[[bytes], None] | None,
    ) -> Answer:
        started = time.monotonic()
        async with client.stream(method, path, params=params, json=body) as response:
            if 300 <= response.status_code < 400:
                raise self._redirect(response.headers.get("location", ""), response.status_code)
            received = io.BytesIO()  # gives what it holds without a copy, unlike a bytearray
            count = size = 0
            async for chunk in response.aiter_raw():
                count += 1
                if count % 64 == 0:
                    # Thousands of one-byte chunks may be there at once; others have a turn.
                    await asyncio.sleep(0)
                if count > CRUMBS and size < count * CRUMB_BYTES:
                    raise self._crumbs(path)
                size += len(chunk)
                if size > cap:
                    raise ProxyError(
                        FailureKind.BAD_ANSWER,
                        f"{self._url} sent more than {_size(cap)} for {path}; the rest was not "
                        "read.",
                        "Check that the gateway URL is LiteLLM's.",
                    )
                received.write(chunk)
                if on_chunk is not None and response.status_code == 200:
                    on_chunk(chunk)
            return Answer(
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=received.getvalue(),
                elapsed_ms=round((time.monotonic() - started) * 1000),
            )

    def _shown(self, text: str, limit: int) -> str:
        """What came from the other side, for a sentence: it may have sent our own key back."""
        return one_line(redact(text, self._secrets), limit)

    def _redirect(self, location: str, status: int) -> ProxyError:
        try:
            parts = urlsplit(location)
            host = parts.netloc.rpartition("@")[2]
            target = f"{parts.scheme}://{host}" if host else "another path"
        except ValueError:
            target = "an unreadable address"
        return ProxyError(
            FailureKind.BAD_ANSWER,
            f"{self._url} redirects to {self._shown(target, 100)}; redirects are not followed, "
            "since they would carry the key along.",
            "Set the gateway URL to the address where LiteLLM itself answers.",
            status=status,
        )

    def _crumbs(self, path: str) -> ProxyError:
        return ProxyError(
            FailureKind.BAD_ANSWER,
            f"{self._url} sends its answer to {path} in pieces of a few bytes; the rest was not "
            "read.",
            "Check that the gateway URL is LiteLLM's.",
        )

    def _unusable_url(self, why: str) -> ProxyError:
        return ProxyError(
            FailureKind.PROXY_DOWN,
            f"The gateway URL {self._url} cannot be used: {self._shown(why, 100)}.",
            "Set it to one such as http://127.0.0.1:4000.",
        )

    def _as_proxy_error(self, error: httpx.HTTPError) -> ProxyError:
        why = self._shown(str(error), 120).rstrip(".") or type(error).__name__
        if isinstance(error, httpx.ConnectTimeout):
            return self._down(f"no connection within {CONNECT_S:.0f} s")
        if isinstance(error, httpx.ConnectError):
            return self._down(why)
        if isinstance(error, httpx.UnsupportedProtocol):
            return self._unusable_url(why)
        garbled = isinstance(error, httpx.ProtocolError) and not any(
            part in str(error) for part in _BROKEN
        )
        if garbled:
            return ProxyError(
                FailureKind.BAD_ANSWER,
                f"What answers at {self._url} does not speak HTTP as LiteLLM does: {why}.",
                "Check host and port of the gateway URL.",
            )
        return ProxyError(
            FailureKind.PROXY_DOWN,
            f"The proxy at {self._url} broke the connection before its answer was complete.",
            "Look at the proxy's log; it may be restarting.",
        )

    def _down(self, why: str) -> ProxyError:
        return ProxyError(
            FailureKind.PROXY_DOWN,
            f"No proxy answers at {self._url} ({why}).",
            "Start LiteLLM, or correct the gateway URL.",
        )

    async def aclose(self) -> None:
        await self._client.aclose()
        await self._once.aclose()


def _client(
    url: str, headers: Mapping[str, str], context: ssl.SSLContext | None, *, keepalive: int
) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=16, max_keepalive_connections=keepalive)
    return httpx.AsyncClient(
        base_url=url,
        headers=headers,
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(None, connect=CONNECT_S),
        transport=_transport(context, limits),
    )


def _transport(context: ssl.SSLContext | None, limits: httpx.Limits) -> httpx.AsyncHTTPTransport:
    """httpx's transport, on `Network`. httpx has no argument for it, httpcore has."""
    transport = httpx.AsyncHTTPTransport(
        verify=False if context is None else context, trust_env=False, limits=limits
    )
    transport._pool = httpcore.AsyncConnectionPool(
        ssl_context=context,
        max_connections=limits.max_connections,
        max_keepalive_connections=limits.max_keepalive_connections,
        keepalive_expiry=limits.keepalive_expiry,
        network_backend=Network(),
    )
    return transport


def _size(count: int) -> str:
    return f"{count / (1 << 20):g} MiB" if count >= 1 << 20 else f"{count} bytes"
