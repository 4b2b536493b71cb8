"""`/v1/chat/completions` and `/v1/embeddings` of the pretend proxy."""

from __future__ import annotations

import asyncio
import json
import math
import time
from dataclasses import replace
from decimal import Decimal

from store.demo import shapes
from store.demo.answers import cut, tokens_in
from store.demo.served import Deployment, Served
from store.demo.upstream import Upstream, cost
from store.demo.wire import EventStream, Reply, Request

_TIMEOUT_S = 120.0
_VECTOR_SIZE = 8
_MAX_INPUTS = 100


class Stream:
    """A chat's answer in events, ready to be sent."""

    def __init__(self, upstream: Upstream, model: Deployment, body: dict[str, object]) -> None:
        self._upstream = upstream
        self._model = model
        self._body = body
        self.headers = _headers(upstream, model, body, None)

    async def send(self, events: EventStream) -> None:
        """Speak, word by word."""
        words, cut_short = cut(self._upstream.answer(self._model), _max_tokens(self._body))
        base = {
            "id": f"chatcmpl-{self._upstream.call_id()}",
            "object": "chat.completion.chunk",
            "created": int(time.time()),
            "model": self._body["model"],
        }
        delta: dict[str, object] = {"role": "assistant", "content": ""}
        await events.event({**base, "choices": [{"index": 0, "delta": delta}]})
        async for word in self._upstream.words(self._model, words):
            delta = {"content": word}
            await events.event({**base, "choices": [{"index": 0, "delta": delta}]})
        reason = "length" if cut_short else "stop"
        last = {"index": 0, "delta": {}, "finish_reason": reason}
        await events.event({**base, "choices": [last]})
        options = self._body.get("stream_options")
        if isinstance(options, dict) and options.get("include_usage") is True:
            usage = _usage(self._body, "".join(words))
            price = cost(self._model, usage["prompt_tokens"], usage["completion_tokens"])
            shown = usage if price is None else {**usage, "cost": float(price)}
            choices = [{"index": 0, "delta": {}}]
            await events.event({**base, "choices": choices, "usage": shown})
        await events.event("[DONE]")


async def chat(upstream: Upstream, served: Served, request: Request) -> Reply | Stream:
    """One chat completion: an answer, a failure in LiteLLM's shape, or a stream to be sent."""
    started = time.monotonic()
    body = _json_object(request)
    if isinstance(body, Reply):
        return body
    model = upstream.find(served, body.get("model"))
    if model is None:
        return shapes.unknown_model("/chat/completions", body.get("model"))
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return _bad_request("'messages' must be a list with at least one message.")
    if model.mode != "chat":
        return _bad_request("This is not a chat model. Did you mean to use v1/embeddings?")
    failure = await upstream.begin(model, _timeout_s(body, model))
    if failure is not None:
        return _failed(upstream, failure)
    if body.get("stream") is True:
        return Stream(upstream, model, body)
    words, cut_short = cut(upstream.answer(model), _max_tokens(body))
    text = "".join([word async for word in upstream.words(model, words)])
    usage = _usage(body, text)
    message = {"role": "assistant", "content": text}
    finish = "length" if cut_short else "stop"
    value = {
        "id": f"chatcmpl-{upstream.call_id()}",
        "created": int(time.time()),
        "model": body["model"],
        "object": "chat.completion",
        "choices": [{"finish_reason": finish, "index": 0, "message": message}],
        "usage": usage,
    }
    price = cost(model, usage["prompt_tokens"], usage["completion_tokens"])
    headers = _headers(upstream, model, body, price, started)
    return Reply(value, headers=headers)


async def embeddings(upstream: Upstream, served: Served, request: Request) -> Reply:
    """Vectors for one text or a list of texts."""
    started = time.monotonic()
    body = _json_object(request)
    if isinstance(body, Reply):
        return body
    model = upstream.find(served, body.get("model"))
    if model is None:
        return shapes.unknown_model("/embeddings", body.get("model"))
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not 0 < len(texts) <= _MAX_INPUTS:
        return _bad_request("'input' must be a text or a list of at most 100 texts.")
    if model.mode != "embedding":
        return _bad_request("This is not an embedding model.")
    failure = await upstream.begin(model, _timeout_s(body, model))
    if failure is not None:
        return _failed(upstream, failure)
    tokens = sum(tokens_in(str(text)) for text in texts)
    data = [
        {"embedding": upstream.vector(_VECTOR_SIZE), "index": index, "object": "embedding"}
        for index in range(len(texts))
    ]
    usage = {"completion_tokens": 0, "prompt_tokens": tokens, "total_tokens": tokens}
    value = {"model": body["model"], "data": data, "object": "list", "usage": usage}
    price = cost(model, tokens, 0)
    headers = _headers(upstream, model, body, price, started)
    return Reply(value, headers=headers)


async def health(upstream: Upstream, models: list[Deployment]) -> Reply:
    """A call to each deployment at once, as `/health` makes them."""
    failures = await asyncio.gather(*(upstream.check(model) for model in models))
    return shapes.health_report(zip(models, failures, strict=True))


def _json_object(request: Request) -> dict[str, object] | Reply:
    try:
        value = json.loads(request.body)
    except (ValueError, RecursionError):
        return shapes.error(400, "Invalid JSON payload in request body.", "invalid_request_error")
    if not isinstance(value, dict):
        return shapes.error(400, "The body must be a JSON object.", "invalid_request_error")
    return value


def _bad_request(message: str) -> Reply:
    text = f"litellm.BadRequestError: OpenAIException - {message}"
    return shapes.error(400, text, "invalid_request_error")


def _failed(upstream: Upstream, failure: Reply) -> Reply:
    fixed = (("x-litellm-call-id", upstream.call_id()), ("x-litellm-response-cost", "0"))
    return replace(failure, headers=(*fixed, *failure.headers))


def _headers(
    upstream: Upstream,
    model: Deployment,
    body: dict[str, object],
    price: Decimal | None,
    started: float | None = None,
) -> tuple[tuple[str, str], ...]:
    """LiteLLM's own headers. No cost on streams and for unpriced models.

    The group is what the client asked for: the id, where it called a deployment by its id.
    """
    headers = [
        ("x-litellm-call-id", upstream.call_id()),
        ("x-litellm-model-id", model.id),
        ("x-litellm-model-name", model.litellm_model),
        ("x-litellm-model-api-base", model.api_base),
        ("x-litellm-version", shapes.VERSION),
        ("x-litellm-model-group", str(body["model"])),
        ("x-litellm-attempted-retries", "0"),
        ("x-litellm-attempted-fallbacks", "0"),
    ]
    if price is not None:
        headers.append(("x-litellm-response-cost", str(float(price))))
    if started is not None:
        elapsed_ms = (time.monotonic() - started) * 1000
        headers.append(("x-litellm-response-duration-ms", f"{elapsed_ms:.3f}"))
    return tuple(headers)


def _timeout_s(body: dict[str, object], model: Deployment) -> float:
    given = body.get("timeout")
    if isinstance(given, int | float) and math.isfinite(given) and given > 0:
        return min(float(given), _TIMEOUT_S)
    return model.timeout_seconds or _TIMEOUT_S


def _max_tokens(body: dict[str, object]) -> int | None:
    given = body.get("max_tokens")
    return given if isinstance(given, int) and given > 0 else None


def _usage(body: dict[str, object], answer: str) -> dict[str, int]:
    prompt = tokens_in(json.dumps(body.get("messages"), ensure_ascii=False))
    completion = tokens_in(answer)
    return {
        "completion_tokens": completion,
        "prompt_tokens": prompt,
        "total_tokens": prompt + completion,
    }
