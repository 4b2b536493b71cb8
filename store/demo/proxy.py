"""A pretend LiteLLM proxy on loopback: real HTTP, made-up answers.

It runs in the event loop of the program that shows it: it never blocks, since all it does is
wait, look up and write a few kilobytes.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from random import Random

from store.demo import shapes
from store.demo.completions import Stream, chat, embeddings, health
from store.demo.upstream import Upstream
from store.demo.wire import (
    MAX_HEAD_BYTES,
    BadRequest,
    EventStream,
    Reply,
    Request,
    linger,
    read_request,
    send,
)
from store.domain import Model

MAX_CONNECTIONS = 100

_PUBLIC = frozenset(
    {
        "/health/liveliness",
        "/health/liveness",
        "/health/readiness",
        "/public/litellm_model_cost_map",
    }
)
_GET = _PUBLIC | {
    "/health",
    "/health/readiness/details",
    "/v1/models",
    "/models",
    "/model/info",
    "/v1/model/info",
    "/model_group/info",
    "/get/config/callbacks",
}
_CHAT = frozenset({"/v1/chat/completions", "/chat/completions"})
_EMBEDDINGS = frozenset({"/v1/embeddings", "/embeddings"})


class DemoProxy:
    """The proxy of one run. `key` is what it asks for: random, and of no real key's shape."""

    def __init__(
        self,
        *,
        seed: int = 4,
        pace: float = 1.0,
        deadline_s: float = 15.0,
        requests_per_minute: int = 60,
    ) -> None:
        """Set up, without listening yet.

        Args:
            seed: of the latencies and answers.
            pace: multiplies every delay; 0 answers at once.
            deadline_s: how long a client may take for a request, and stay silent between two.
            requests_per_minute: of one deployment, before it answers 429.
        """
        self.key = f"demo-{secrets.token_hex(16)}"
        self._upstream = Upstream(Random(seed), pace=pace, requests_per_minute=requests_per_minute)
        self._deadline_s = deadline_s
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Listen on a free port of 127.0.0.1; the base URL."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, limit=MAX_HEAD_BYTES
        )
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    async def stop(self) -> None:
        """Stop listening and end every connection. Does nothing where it does not run."""
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._converse(reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            pass  # the client has gone, or the proxy stops: there is nobody to tell
        finally:
            self._connections.discard(task)
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other, until one side has had enough."""
        if len(self._connections) > MAX_CONNECTIONS:
            reply = shapes.error(503, "Too many connections.", "internal_server_error")
            await send(writer, reply, keep_alive=False)
            return
        while True:
            try:
                request = await read_request(reader, self._deadline_s)
            except BadRequest as error:
                reply = shapes.error(error.status, str(error), "invalid_request_error")
                await send(writer, reply, keep_alive=False)
                await linger(reader, writer)
                return
            if request is None:
                return
            answer = await self._answer(request)
            if isinstance(answer, Stream):
                events = EventStream(writer)
                await events.open(answer.headers, keep_alive=request.keep_alive)
                await answer.send(events)
                await events.close()
            else:
                await send(writer, answer, keep_alive=request.keep_alive)
            if not request.keep_alive:
                return

    async def _answer(self, request: Request) -> Reply | Stream:
        path = request.path
        if path not in _GET | _CHAT | _EMBEDDINGS:
            return Reply({"detail": "Not Found"}, 404)
        if request.method != ("GET" if path in _GET else "POST"):
            return Reply({"detail": "Method Not Allowed"}, 405)
        if path not in _PUBLIC and (refusal := self._refusal(request)) is not None:
            return refusal
        if path in _CHAT:
            return await chat(self._upstream, request)
        if path in _EMBEDDINGS:
            return await embeddings(self._upstream, request)
        if path == "/health":
            return await health(self._upstream, _models_in(request))
        return _lookup(request)

    def _refusal(self, request: Request) -> Reply | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not given:
            return shapes.key_missing()
        if not hmac.compare_digest(given.encode("latin-1", "replace"), self.key.encode()):
            return shapes.key_refused()
        return None


def _models_in(request: Request) -> list[Model]:
    """The deployments that `/health` is asked for: all, a group's, or one."""
    group, model_id = request.query.get("model"), request.query.get("model_id")
    return [
        model
        for model in shapes.SERVED
        if group in (None, model.model_name) and model_id in (None, model.id)
    ]


def _lookup(request: Request) -> Reply:
    """What needs no upstream."""
    path = request.path
    if path in ("/health/liveliness", "/health/liveness"):
        return Reply("I'm alive!")
    if path == "/health/readiness":
        return Reply({"status": "healthy", "db": "Not connected"})
    if path == "/health/readiness/details":
        return Reply(shapes.readiness_details())
    if path in ("/v1/models", "/models"):
        return Reply(shapes.model_list())
    if path in ("/model/info", "/v1/model/info"):
        return _model_info(request.query.get("litellm_model_id"))
    if path == "/model_group/info":
        return Reply(shapes.model_group_info(request.query.get("model_group")))
    if path == "/get/config/callbacks":
        return Reply(shapes.callbacks())
    return Reply(shapes.cost_map())


def _model_info(model_id: str | None) -> Reply:
    found = [model for model in shapes.SERVED if model_id in (None, model.id)]
    if not found:
        text = f"Model id = {model_id} not found on litellm proxy"
        return Reply({"detail": {"error": text}}, 400)
    return Reply({"data": [shapes.model_info(model) for model in found]})
