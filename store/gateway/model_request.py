"""The request that tests one deployment, and the reading of its answer.

A plain request proves nothing: the proxy would retry, fall back to another model or answer from
its cache, and say 200. The request here pins the deployment by its id and switches all three off;
the answer's headers then tell whether that deployment served.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from store.domain import Model, Provider, TestReport
from store.errors import FailureKind
from store.gateway.answers import Answer, NotJson, decode, error_in
from store.gateway.client import Gateway
from store.gateway.deployments import LiveDeployment
from store.gateway.failures import Failure, classify, timeout_mend
from store.gateway.sse import MAX_TEXT, ChatStream

MAX_TOKENS = 16
MAX_COST_USD = 1_000_000
"""More than any request costs; a larger figure is no figure."""
MAX_ID = 120
"""Characters of a deployment's id, as the proxy gives it, that are shown."""
TEST_TAG = "aitui-test"
"""Tells our tests from use in the proxy's logs."""
GRACE_S = 1.0
"""The proxy keeps the time itself; we wait this much longer for what it says about it."""
_CHAT_MODES = ("chat", "responses")


@dataclass(frozen=True, slots=True)
class TestProgress:
    """The answer so far. `ttft_ms` is the time to first token, None before it."""

    __test__ = False  # not a test case, whatever pytest thinks of its name

    text: str
    elapsed_ms: int
    ttft_ms: int | None


@dataclass(frozen=True, slots=True)
class _Heard:
    """What a model said, before the bill: `problem` when it is not the answer it should be."""

    text: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    problem: Failure | None = None


def failed(
    model: Model,
    failure: Failure,
    latency_ms: int,
    *,
    ttft_ms: int | None = None,
    response: str = "",
    served_by: str | None = None,
) -> TestReport:
    """The report of a test that did not succeed."""
    return TestReport(
        model_id=model.id,
        model_name=model.model_name,
        success=False,
        latency_ms=latency_ms,
        ttft_ms=ttft_ms,
        response=response,
        served_by=served_by,
        kind=failure.kind,
        error=failure.error,
        mend=failure.mend,
    )


class ModelRequest:
    """One test under way."""

    def __init__(
        self,
        gateway: Gateway,
        model: Model,
        provider: Provider,
        live: LiveDeployment,
        prompt: str,
        timeout_s: float,
        on_progress: Callable[[TestProgress], None] | None,
    ) -> None:
        self._gateway = gateway
        self._model = model
        self._provider = provider
        self._live = live
        self._prompt = prompt
        self._timeout_s = timeout_s
        self._on_progress = on_progress
        # LiteLLM knows the mode of many models whose file says nothing.
        self._mode = model.mode if model.mode != "chat" else live.mode or "chat"
        self._stream = ChatStream(self._on_text)
        self._ttft_ms: int | None = None
        self._started = gateway.clock()

    async def run(self) -> TestReport:
        """Raises ProxyError for what is the proxy's own failure."""
        self._started = self._gateway.clock()
        try:
            if self._mode in _CHAT_MODES:
                answer = await self._chat()
            elif self._mode == "completion":
                answer = await self._post("/v1/completions", {"prompt": self._prompt})
            elif self._mode == "embedding":
                answer = await self._post("/v1/embeddings", {"input": [self._prompt]})
            else:
                return self._from_health(await self._health())
        except TimeoutError:
            return self._fail(self._timeout())
        if answer.status >= 400:
            error = self._gateway.error_of(answer.body)
            if error is not None:
                return self._fail(classify(answer.status, error, self._model, self._provider))
        return self._judge(answer)

    async def _chat(self) -> Answer:
        body: dict[str, object] = {"messages": [{"role": "user", "content": self._prompt}]}
        if not self._model.supports_streaming:
            return await self._post("/v1/chat/completions", body)
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        return await self._post("/v1/chat/completions", body, self._stream.feed)

    async def _post(
        self, path: str, body: dict[str, object], on_chunk: Callable[[bytes], None] | None = None
    ) -> Answer:
        body |= {
            "model": self._live.id,
            "disable_fallbacks": True,
            "num_retries": 0,
            "timeout": self._timeout_s,
            "cache": {"no-cache": True},
            "metadata": {"tags": [TEST_TAG]},
        }
        if self._mode != "embedding":
            body["max_tokens"] = MAX_TOKENS
        return await self._gateway.call_model(
            "POST", path, body=body, deadline_s=self._timeout_s + GRACE_S, on_chunk=on_chunk
        )

    async def _health(self) -> Answer:
        """LiteLLM's own check, which knows how to ask models of every mode."""
        return await self._gateway.call_model(
            "GET",
            "/health",
            params={"model_id": self._live.id},
            deadline_s=self._timeout_s + GRACE_S,
        )

    def _judge(self, answer: Answer) -> TestReport:
        served_by = answer.headers.get("x-litellm-model-id") or None
        heard = self._heard_stream() if self._stream.events or self._stream.error else None
        if heard is None:
            heard = self._heard_body(answer)
        own = served_by is None or served_by == self._live.id
        served_by = served_by and self._gateway.shown(served_by, MAX_ID)
        if heard.problem is not None:
            return self._fail(heard.problem, heard.text, served_by)
        if served_by is not None and not own:
            return self._fail(self._other(served_by, answer), heard.text, served_by)
        cost, source = self._cost(answer, heard)
        return TestReport(
            model_id=self._model.id,
            model_name=self._model.model_name,
            success=True,
            latency_ms=self._elapsed_ms(),
            ttft_ms=self._ttft_ms,
            response=self._said(heard.text),
            prompt_tokens=heard.prompt_tokens,
            completion_tokens=heard.completion_tokens,
            cost_usd=cost,
            cost_source=source,
            served_by=served_by,
        )

    def _heard_stream(self) -> _Heard:
        stream, problem = self._stream, None
        if stream.error is not None:
            error = error_in(stream.error)
            if error is None:
                problem = self._bad_answer("an error that it does not explain")
            else:
                error = self._gateway.redacted(error)
                status = int(error.code) if error.code.isdecimal() else 500
                problem = classify(status, error, self._model, self._provider)
        elif not stream.finished:
            problem = Failure(
                FailureKind.UPSTREAM,
                "The answer broke off before its end.",
                f"Test again; if it stays so, look at {self._provider.display_name}.",
            )
        return self._with_usage(stream.text, stream.usage, problem)

    def _heard_body(self, answer: Answer) -> _Heard:
        try:
            value = decode(answer.body)
        except NotJson as reason:
            return _Heard(problem=self._bad_answer(str(reason)))
        if not isinstance(value, dict):
            return _Heard(problem=self._bad_answer("JSON of another shape"))
        text = _vector_text(value) if self._mode == "embedding" else _choice_text(value)
        if text is None:
            return _Heard(problem=self._bad_answer("JSON without an answer in it"))
        return self._with_usage(text, value.get("usage"), None)

    def _with_usage(self, text: str, usage: object, problem: Failure | None) -> _Heard:
        counts = usage if isinstance(usage, dict) else {}
        return _Heard(
            text, _count(counts.get("prompt_tokens")), _count(counts.get("completion_tokens")),
            problem,
        )  # fmt: skip

    def _from_health(self, answer: Answer) -> TestReport:
        error = self._gateway.error_of(answer.body) if answer.status >= 400 else None
        if error is not None:
            return self._fail(classify(answer.status, error, self._model, self._provider))
        try:
            value = decode(answer.body)
        except NotJson as reason:
            return self._fail(self._bad_answer(str(reason)))
        lists = value if isinstance(value, dict) else {}
        if _entry(lists.get("healthy_endpoints"), self._live.id) is not None:
            return TestReport(
                model_id=self._model.id,
                model_name=self._model.model_name,
                success=True,
                latency_ms=self._elapsed_ms(),
                response=f"LiteLLM's own health check passed (mode {self._mode}).",
                served_by=self._live.id,
            )
        sick = _entry(lists.get("unhealthy_endpoints"), self._live.id)
        if sick is None:
            return self._fail(self._bad_answer("a health check without this model"))
        said = error_in({"error": sick.get("error")})
        status = _count(sick.get("exception_status")) or 500
        if said is None:
            return self._fail(self._bad_answer("a health check without a reason"))
        said = self._gateway.redacted(said)
        failure = classify(status, said, self._model, self._provider)
        return self._fail(
            Failure(failure.kind, f"LiteLLM's own health check: {failure.error}", failure.mend)
        )

    def _fail(
        self, failure: Failure, response: str = "", served_by: str | None = None
    ) -> TestReport:
        return failed(
            self._model,
            failure,
            self._elapsed_ms(),
            ttft_ms=self._ttft_ms,
            response=self._said(response or self._stream.text),
            served_by=served_by,
        )

    def _timeout(self) -> Failure:
        begun = "began to answer and did not end" if self._ttft_ms is not None else "did not answer"
        return Failure(
            FailureKind.TIMEOUT,
            f"{self._model.model_name} {begun} within {self._timeout_s:g} s.",
            timeout_mend(self._model, self._provider),
        )

    def _bad_answer(self, what: str) -> Failure:
        return Failure(
            FailureKind.BAD_ANSWER,
            f"{self._gateway.url} answered the test of {self._model.model_name} with {what}.",
            "Check that the gateway URL is LiteLLM's, and look at its log.",
        )

    def _other(self, served_by: str, answer: Answer) -> Failure:
        group = answer.headers.get("x-litellm-model-group", "")
        named = f"{served_by} ({group})" if group and group != served_by else served_by
        return Failure(
            FailureKind.OTHER_DEPLOYMENT,
            f"Deployment {self._gateway.shown(named, MAX_ID)} answered instead of {self._live.id}, "
            "so nothing is known about this one.",
            "Give the deployments of the proxy ids that are no model's name.",
        )

    def _cost(self, answer: Answer, heard: _Heard) -> tuple[Decimal | None, str]:
        told = _money(answer.headers.get("x-litellm-response-cost"))
        # LiteLLM's figure for a model that it has no price of is 0.
        if told is not None and (told > 0 or self._model.is_priced):
            return told, "proxy"
        reckoned = store_cost(self._model, heard.prompt_tokens, heard.completion_tokens)
        return (None, "unpriced") if reckoned is None else (reckoned, "store")

    def _on_text(self) -> None:
        elapsed_ms = self._elapsed_ms()
        if self._ttft_ms is None:
            self._ttft_ms = elapsed_ms
        if self._on_progress is not None:
            text = self._said(self._stream.text)
            self._on_progress(TestProgress(text, elapsed_ms, self._ttft_ms))

    def _said(self, text: str) -> str:
        return self._gateway.redact(text[: 2 * MAX_TEXT])[:MAX_TEXT]

    def _elapsed_ms(self) -> int:
        return round((self._gateway.clock() - self._started) * 1000)


def store_cost(
    model: Model, prompt_tokens: int | None, completion_tokens: int | None
) -> Decimal | None:
    """USD by the store's prices; None when a price or a count that it needs is not known."""
    parts = (
        (prompt_tokens, model.input_cost_per_1k),
        (completion_tokens, model.output_cost_per_1k),
    )
    if prompt_tokens is None or not model.is_priced:
        return None
    if any(tokens and price is None for tokens, price in parts):
        return None
    return sum(
        ((price or Decimal(0)) * (tokens or 0) / 1000 for tokens, price in parts), Decimal(0)
    )


def _money(text: str | None) -> Decimal | None:
    try:
        value = Decimal(text or "nothing")
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 <= value < MAX_COST_USD else None


def _count(value: object) -> int | None:
    counts = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40
    return value if counts and isinstance(value, int) else None


def _choice_text(value: dict[str, object]) -> str | None:
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(first, dict):
        return None
    message = first.get("message")
    text = message.get("content") if isinstance(message, dict) else first.get("text")
    if isinstance(text, str):
        return text
    # A model that only thought or called a tool within its 16 tokens did answer.
    return "" if isinstance(message, dict) or first.get("finish_reason") else None


def _vector_text(value: dict[str, object]) -> str | None:
    data = value.get("data")
    first = data[0] if isinstance(data, list) and data else None
    vector = first.get("embedding") if isinstance(first, dict) else None
    if isinstance(vector, list) and vector:
        return f"A vector of {len(vector)} dimensions."
    return "A vector." if isinstance(vector, str) and vector else None


def _entry(entries: object, deployment_id: str) -> dict[str, object] | None:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("model_id") == deployment_id:
            return entry
    return None
