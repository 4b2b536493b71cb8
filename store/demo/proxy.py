"""A pretend LiteLLM proxy on loopback: real HTTP, made-up answers, a configuration file of its own.

It runs in the event loop of the program that shows it: it never blocks, since all it does is
wait, look up and write a few kilobytes; its file is read in a thread.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random

from store.demo import shapes
from store.demo.completions import Stream, chat, embeddings, health
from store.demo.served import Deployment, Served, load_served
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
from store.errors import ImportRefused

MAX_CONNECTIONS = 100
_FALLBACK = "/fallback/"

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
    "/config/field/info",
}
Worker = Callable[[], Served]
"""Who answers a connection: says what it serves, as of now."""

_CHAT = frozenset({"/v1/chat/completions", "/chat/completions"})
_EMBEDDINGS = frozenset({"/v1/embeddings", "/embeddings"})


class DemoProxy:
    """The proxy of one run. `key` is what it asks for: random, and of no real key's shape."""

    def __init__(
        self,
        config: Path,
        *,
        variables: Mapping[str, str] | None = None,
        seed: int = 4,
        pace: float = 1.0,
        deadline_s: float = 15.0,
        requests_per_minute: int = 60,
        watch_s: float | None = 0.5,
        reload_s: float = 1.0,
    ) -> None:
        """Set up, without listening yet.

        Args:
            config: the file that it loads, and loads again when it has changed.
            variables: what `os.environ/NAME` in that file stands for.
            seed: of the latencies and answers.
            pace: multiplies every delay; 0 answers at once.
            deadline_s: how long a client may take for a request, and stay silent between two.
            requests_per_minute: of one deployment, before it answers 429.
            watch_s: how often it looks at its file; None for never.
            reload_s: how long it then takes to serve it, as a gunicorn master does.
        """
        self.key = f"demo-{secrets.token_hex(16)}"
        self.config = config
        self._variables = variables or {}
        self._upstream = Upstream(Random(seed), pace=pace, requests_per_minute=requests_per_minute)
        self._deadline_s = deadline_s
        self._watch_s = watch_s
        self._reload_s = reload_s * pace
        self._served = Served((), {}, {})
        self._server: asyncio.Server | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> str:
        """Load the file and listen on 127.0.0.1, on a free port or that one; the base URL.

        Raises:
            ImportRefused: LiteLLM would not start with that file.
        """
        stamp = _stamp(self.config)
        self._served = await self.load()
        if self._watch_s is not None:
            self._watcher = asyncio.create_task(self._watch(stamp, self._watch_s))
        return await self.listen(port)

    async def listen(self, port: int) -> str:
        """Take connections. The base URL."""
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", port, limit=MAX_HEAD_BYTES
        )
        port = self._server.sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    async def load(self) -> Served:
        """What the file says now. Raises ImportRefused."""
        return await asyncio.to_thread(load_served, self.config, self._variables)

    async def reload(self) -> None:
        """Serve what the file says now; the requests under way end with what they began with.

        Raises:
            ImportRefused: LiteLLM would not start with that file; the old one goes on serving.
        """
        self._served = await self.load()

    async def _watch(self, stamp: tuple[int, ...], every_s: float) -> None:
        """Reload when the file has changed, until this task is cancelled."""
        while True:
            await asyncio.sleep(every_s)
            now = _stamp(self.config)
            if now == stamp:
                continue
            stamp = now
            await asyncio.sleep(self._reload_s)
            with suppress(ImportRefused):  # the old workers go on, as gunicorn's would
                await self.reload()

    async def stop(self) -> None:
        """Stop listening and end every connection. Does nothing where it does not run."""
        if self._watcher is not None:
            self._watcher.cancel()
            await asyncio.gather(self._watcher, return_exceptions=True)
            self._watcher = None
        await self.hang_up()

    async def hang_up(self) -> None:
        """Take no connections any more, and end those that there are."""
        if self._server is None:
            return
        self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

    def worker(self) -> Worker:
        """Who answers the connection that comes in now."""
        return lambda: self._served

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
        worker = self.worker()
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
            answer = await self.answer(request, worker())
            if isinstance(answer, Stream):
                events = EventStream(writer)
                await events.open(answer.headers, keep_alive=request.keep_alive)
                await answer.send(events)
                await events.close()
            else:
                await send(writer, answer, keep_alive=request.keep_alive)
            if not request.keep_alive:
                return

    async def answer(self, request: Request, served: Served) -> Reply | Stream:
        """The answer of a worker that serves `served`."""
        path = request.path
        is_get = path in _GET or path.startswith(_FALLBACK)
        if not is_get and path not in _CHAT | _EMBEDDINGS:
            return Reply({"detail": "Not Found"}, 404)
        if request.method != ("GET" if is_get else "POST"):
            return Reply({"detail": "Method Not Allowed"}, 405)
        if path not in _PUBLIC and (refusal := self._refusal(request)) is not None:
            return refusal
        if path in _CHAT:
            return await chat(self._upstream, served, request)
        if path in _EMBEDDINGS:
            return await embeddings(self._upstream, served, request)
        if path == "/health":
            return await health(self._upstream, _asked_for(request, served))
        return _lookup(request, served)

    def _refusal(self, request: Request) -> Reply | None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not given:
            return shapes.key_missing()
        if not hmac.compare_digest(given.encode("latin-1", "replace"), self.key.encode()):
            return shapes.key_refused()
        return None


def _stamp(path: Path) -> tuple[int, ...]:
    """Another one once the file was written or replaced; empty where there is none."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _asked_for(request: Request, served: Served) -> list[Deployment]:
    """The deployments that `/health` is asked for: all, a group's, or one."""
    group, model_id = request.query.get("model"), request.query.get("model_id")
    return [
        each
        for each in served.deployments
        if group in (None, each.model_name) and model_id in (None, each.id)
    ]


def _lookup(request: Request, served: Served) -> Reply:
    """What needs no upstream."""
    path = request.path
    if path in ("/health/liveliness", "/health/liveness"):
        return Reply("I'm alive!")
    if path == "/health/readiness":
        return Reply({"status": "healthy", "db": "Not connected"})
    if path == "/health/readiness/details":
        return Reply(shapes.readiness_details())
    if path in ("/v1/models", "/models"):
        return Reply(shapes.model_list(served))
    if path in ("/model/info", "/v1/model/info"):
        return shapes.model_info(served, request.query.get("litellm_model_id"))
    if path == "/model_group/info":
        return Reply(shapes.model_group_info(served, request.query.get("model_group")))
    if path == "/get/config/callbacks":
        return Reply(shapes.callbacks(served))
    if path == "/config/field/info":
        return shapes.no_database()
    if path.startswith(_FALLBACK):
        kind = request.query.get("fallback_type", "general")
        return shapes.fallback(served, path.removeprefix(_FALLBACK), kind)
    return Reply(shapes.cost_map())
