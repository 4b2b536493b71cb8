"""An OpenAI-like provider on loopback whose behaviour follows the asked model's name.

`ok-…` answers, `err401-… err404-… err429-… err500-…` fail with that status, `err400ctx-…` says the
context window is exceeded, `errpolicy-…` that the content is refused, `slow-<seconds>-…` waits
first, `miderr-…` sends an error inside the stream, `midcut-…` drops the connection inside it.
Any other name answers. A bearer key that begins with `wrong` is refused with 401 whatever the
model. `GET /_log` lists the requests seen.

Run it alone with `python -m tests.fake_upstream PORT`.
"""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

WORDS = ("Hello", " from", " the", " fake")
PROMPT_TOKENS = 20
COMPLETION_TOKENS = 8
MAX_WAIT_S = 30.0
"""No behaviour waits longer, so that a forgotten client cannot hold a thread for ever."""

_USAGE = {
    "prompt_tokens": PROMPT_TOKENS,
    "completion_tokens": COMPLETION_TOKENS,
    "total_tokens": PROMPT_TOKENS + COMPLETION_TOKENS,
}
_INVALID = "invalid_request_error"
_ERRORS: dict[str, tuple[int, str, str, str]] = {
    "err401": (401, "Incorrect API key provided: sk-bad***", _INVALID, "invalid_api_key"),
    "err404": (404, "The model does not exist.", _INVALID, "model_not_found"),
    "err429": (429, "Rate limit reached for requests", "requests", "rate_limit_exceeded"),
    "err500": (500, "The server had an error", "server_error", "server_error"),
    "err400ctx": (
        400,
        "This model's maximum context length is 8192 tokens. Your messages have 9000 tokens.",
        _INVALID,
        "context_length_exceeded",
    ),
    "errpolicy": (
        400,
        "The response was filtered due to the prompt triggering content management policy. "
        "content_policy_violation",
        _INVALID,
        "content_policy_violation",
    ),
}


@dataclass(frozen=True, slots=True)
class Seen:
    """One request: its path, the model it named and whether it asked for a stream."""

    path: str
    model: str
    stream: bool


class FakeUpstream(ThreadingHTTPServer):
    """The server; `port` is what the system gave when 0 was asked for."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.seen: list[Seen] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def calls(self, model: str) -> int:
        """How many requests named `model`."""
        return sum(1 for seen in self.seen if seen.model == model)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeUpstream

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the tests' output is theirs."""

    def do_GET(self) -> None:
        if self.path.startswith("/_log"):
            log = [{"path": s.path, "model": s.model, "stream": s.stream} for s in self.server.seen]
            self._send(200, {"requests": log})
        elif self.path.startswith("/v1/models"):
            self._send(200, {"object": "list", "data": [{"id": "ok", "object": "model"}]})
        else:
            self._fail(404, "not found", "invalid_request_error", "not_found")

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = {}
        model = str(body.get("model", ""))
        self.server.seen.append(Seen(self.path, model, bool(body.get("stream"))))
        kind = model.partition("-")[0]
        if (self.headers.get("authorization") or "").startswith("Bearer wrong"):
            kind = "err401"
        if kind in _ERRORS:
            self._fail(*_ERRORS[kind])
            return
        if kind == "slow":
            time.sleep(min(float(model.split("-")[1]), MAX_WAIT_S))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._answer(body, model, kind)

    def _answer(self, body: dict[str, object], model: str, kind: str) -> None:
        if self.path.endswith("/embeddings"):
            asked = body.get("input")
            count = len(asked) if isinstance(asked, list) else 1
            vectors = [
                {"object": "embedding", "index": i, "embedding": [0.1, 0.2, 0.3]}
                for i in range(count)
            ]
            usage = {"prompt_tokens": 5 * count, "total_tokens": 5 * count}
            self._send(200, {"object": "list", "model": model, "data": vectors, "usage": usage})
        elif self.path.endswith("/chat/completions"):
            if body.get("stream"):
                options = body.get("stream_options")
                self._stream(model, kind, isinstance(options, dict) and bool(options))
            else:
                message = {"role": "assistant", "content": "".join(WORDS)}
                self._complete(_base(model, "chat.completion"), {"message": message})
        elif self.path.endswith("/completions"):
            self._complete(_base(model, "text_completion"), {"text": "".join(WORDS)})
        else:
            self._fail(404, f"not found {self.path}", "invalid_request_error", "not_found")

    def _complete(self, base: dict[str, object], said: dict[str, object]) -> None:
        choice = {"index": 0, "finish_reason": "stop", **said}
        self._send(200, {**base, "choices": [choice], "usage": _USAGE})

    def _stream(self, model: str, kind: str, with_usage: bool) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        base = _base(model, "chat.completion.chunk")
        self._event({**base, "choices": [_delta({"role": "assistant", "content": ""})]})
        for number, word in enumerate(WORDS):
            if number == 2 and kind == "midcut":
                return
            if number == 2 and kind == "miderr":
                error = {"message": "The engine is overloaded", "type": "server_error", "code": 500}
                self._event({"error": error})
                return
            time.sleep(0.03)
            self._event({**base, "choices": [_delta({"content": word})]})
        self._event({**base, "choices": [_delta({}, "stop")]})
        if with_usage:
            self._event({**base, "choices": [], "usage": _USAGE})
        self.wfile.write(b"data: [DONE]\n\n")
        self.wfile.flush()

    def _event(self, data: dict[str, object]) -> None:
        self.wfile.write(b"data: " + json.dumps(data).encode() + b"\n\n")
        self.wfile.flush()

    def _fail(self, status: int, message: str, kind: str, code: str) -> None:
        self._send(status, {"error": {"message": message, "type": kind, "code": code}})

    def _send(self, status: int, data: dict[str, object]) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _base(model: str, kind: str) -> dict[str, object]:
    return {"id": "fake-1", "object": kind, "created": 1_700_000_000, "model": model}


def _delta(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


@contextlib.contextmanager
def serve(port: int = 0) -> Iterator[FakeUpstream]:
    """The upstream in a thread of this process, gone when the block ends."""
    server = FakeUpstream(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()


if __name__ == "__main__":
    FakeUpstream(int(sys.argv[1]) if len(sys.argv) > 1 else 18080).serve_forever()
