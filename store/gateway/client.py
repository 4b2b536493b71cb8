"""The client of one LiteLLM proxy: its state, its live deployments, and calls to its models.

Every call goes through the breaker and is bounded in time and size. httpx is loaded at the first
call and in a thread, so that the screen is up, and answers keys, before it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from store.checks import redact
from store.domain import GatewayStatus
from store.errors import FailureKind
from store.gateway.answers import Answer, ErrorText, NotJson, decode, error_of, one_line
from store.gateway.breaker import Breaker, BreakerState, Permit
from store.gateway.deployments import LiveDeployment as LiveDeployment
from store.gateway.deployments import deployments_in
from store.gateway.failures import ProxyError, is_key_refusal, key_missing, key_refused
from store.gateway.single_flight import SingleFlight

if TYPE_CHECKING:
    from store.gateway.http import Http

T = TypeVar("T")
_Parser = Callable[[bytes], T | str]

CONTROL_DEADLINE_S = 10.0
CONTROL_CAP = 4 << 20
DEPLOYMENTS_CAP = 16 << 20
"""Bytes. LiteLLM 1.106.2 writes 7.7 kB a deployment: this is room for 2,000."""
MODEL_CAP = 4 << 20
STATUS_TTL_S = 5.0
DEPLOYMENTS_TTL_S = 5.0
FAILURE_TTL_S = 1.0
"""Seconds that a failed listing stands, so that testing 500 models asks a dead proxy once."""
VERSION_TTL_S = 60.0
MAX_VERSION = 40
"""Characters of the version that the proxy says it is."""


class Gateway:
    """One LiteLLM proxy at `url`. `key` is sent in the Authorization header and shown nowhere.

    `key_env` is the name of the key's variable, for messages. `clock` is monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        key_env: str = "LITELLM_MASTER_KEY",
        breaker: Breaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url.rstrip("/")
        self.key_env = key_env
        self.clock = clock
        self.breaker = breaker if breaker is not None else Breaker(clock)
        # A line break at the end comes from a file or an `echo`; it is never part of a key.
        self._key = (key or "").strip() or None
        self._http: Http | None = None
        self._http_lock = asyncio.Lock()
        self._status = SingleFlight[GatewayStatus](clock, STATUS_TTL_S, 0.0)
        self._deployments = SingleFlight[tuple[LiveDeployment, ...]](
            clock, DEPLOYMENTS_TTL_S, FAILURE_TTL_S
        )
        self._version: tuple[float, str] | None = None
        self._last_failure: str | None = None

    def __repr__(self) -> str:
        return f"Gateway({self.url!r}, key={'set' if self._key else 'not set'})"

    def redact(self, text: str) -> str:
        """`text` without this gateway's key and without whatever else looks like one."""
        return redact(text, self._secrets())

    def shown(self, text: str, limit: int) -> str:
        """What the proxy said, for one line of the screen: it may have sent our own key back."""
        return one_line(self.redact(text[: 10 * limit]), limit)

    def error_of(self, body: bytes) -> ErrorText | None:
        """The error in an answer's body, cleaned and redacted; None when there is none."""
        return error_of(body, self._secrets())

    def redacted(self, error: ErrorText) -> ErrorText:
        """An error that came inside a 200, as `error_of` would give it."""
        return replace(error, text=self.redact(error.text))

    def _secrets(self) -> tuple[str, ...]:
        return (self._key,) if self._key else ()

    async def aclose(self) -> None:
        """Stops what is under way and closes the connections. May be called twice."""
        await self._status.aclose()
        await self._deployments.aclose()
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def status(self, *, fresh: bool = False) -> GatewayStatus:
        """How the proxy is; never raises. At most 5 s old, or asked now with `fresh`.

        `reachable` with a `kind` means: the proxy runs, and does not take our key.
        """
        if self.breaker.state is BreakerState.OPEN:
            found = GatewayStatus(
                self.url, False, error=str(self._refusal()), kind=FailureKind.BREAKER_OPEN
            )
        else:
            found = await self._status.get(lambda: self._ask_status(fresh), fresh=fresh)
        return replace(found, breaker=self.breaker.state.value, retry_in_s=self.breaker.retry_in_s)

    async def check_key(self) -> None:
        """Returns when the proxy takes our key. Raises GatewayError otherwise."""
        await self._control("/v1/models", self._read_object)

    async def deployments(self, *, fresh: bool = False) -> tuple[LiveDeployment, ...]:
        """What the proxy serves now (`/model/info`), at most 5 s old. Raises GatewayError.

        A wildcard group appears as many deployments with one id.
        """
        return await self._deployments.get(
            lambda: self.read("/model/info", deployments_in, cap=DEPLOYMENTS_CAP),
            fresh=fresh,
        )

    async def read(
        self, path: str, parse: _Parser[T], *, cap: int, new_connection: bool = False
    ) -> T:
        """GET of one of the proxy's own endpoints: what `parse` makes of at most `cap` bytes.

        A text from `parse` says what the body is instead. With `new_connection` any of the
        proxy's workers may answer. Raises GatewayError.
        """

        async def parsed(answer: Answer, path: str) -> T:
            # Megabytes with many models: in a thread, so that the screen goes on meanwhile.
            value = await asyncio.to_thread(parse, answer.body)
            if isinstance(value, str):
                raise self._bad(f"answered with {value}", path, answer.status)
            return value

        return await self._control(path, parsed, cap=cap, new_connection=new_connection)

    async def call_model(
        self,
        method: str,
        path: str,
        *,
        deadline_s: float,
        params: Mapping[str, str] | None = None,
        body: dict[str, object] | None = None,
        on_chunk: Callable[[bytes], None] | None = None,
    ) -> Answer:
        """A call that the proxy relays to a provider; any answer in LiteLLM's form is returned.

        Raises ProxyError for failures of the proxy itself, and TimeoutError after `deadline_s`:
        a slow model says nothing about the proxy, so the breaker does not count it.
        """
        with self._permit() as permit:
            answer = await self._send(
                permit, method, path, params, body, deadline_s, MODEL_CAP, on_chunk
            )
            if answer.status >= 500 and self._is_key_missing(answer):
                permit.success()
                raise key_missing(self.key_env, self.url, answer.status)
            error = self.error_of(answer.body) if answer.status >= 400 else None
            if answer.status >= 400 and error is None and not _is_health(answer):
                permit.failure()
                raise self._noted(self._not_litellm(answer, path))
            permit.success()
            if error is not None and is_key_refusal(answer.status, error):
                raise self._key_error(answer.status)
            return answer

    async def _ask_status(self, fresh: bool) -> GatewayStatus:
        await self._pool()  # loading httpx is not the proxy's latency
        started = self.clock()
        try:
            ready = await self._control("/health/readiness", self._read_object)
        except ProxyError as error:
            return GatewayStatus(self.url, False, error=str(error), kind=error.kind)
        latency_ms = round((self.clock() - started) * 1000)
        version, problem = await self._ask_version(ready.get("litellm_version"), fresh)
        return GatewayStatus(
            self.url,
            True,
            version=version,
            error=str(problem) if problem else None,
            kind=problem.kind if problem else None,
            latency_ms=latency_ms,
        )

    async def _ask_version(self, told: object, fresh: bool) -> tuple[str | None, ProxyError | None]:
        """The version, and the reason where our key is not taken. Older ones tell it unasked."""
        if isinstance(told, str):
            return self.shown(told, MAX_VERSION), None
        known = self._version
        if known is not None and not fresh and self.clock() - known[0] < VERSION_TTL_S:
            return known[1], None
        try:
            details = await self._control("/health/readiness/details", self._read_object)
        except ProxyError as error:
            about_key = (FailureKind.PROXY_KEY, FailureKind.PROXY_KEY_MISSING)
            return None, error if error.kind in about_key else None
        version = details.get("litellm_version")
        if not isinstance(version, str):
            return None, None
        shown = self.shown(version, MAX_VERSION)
        self._version = (self.clock(), shown)
        return shown, None

    async def _control(
        self,
        path: str,
        read: Callable[[Answer, str], Awaitable[T]],
        *,
        cap: int = CONTROL_CAP,
        new_connection: bool = False,
    ) -> T:
        """GET of one of the proxy's own endpoints, read by `read`. Raises ProxyError."""
        with self._permit() as permit:
            try:
                answer = await self._send(
                    permit, "GET", path, None, None, CONTROL_DEADLINE_S, cap, None, new_connection
                )
            except TimeoutError:
                permit.failure()
                raise self._noted(
                    ProxyError(
                        FailureKind.PROXY_DOWN,
                        f"The proxy at {self.url} did not answer {path} within "
                        f"{CONTROL_DEADLINE_S:.0f} s.",
                        "Look at its load and its log, or restart it.",
                    )
                ) from None
            try:
                self._check_control(answer, path)
                value = await read(answer, path)
            except ProxyError as error:
                if error.kind in (FailureKind.PROXY_KEY, FailureKind.PROXY_KEY_MISSING):
                    permit.success()
                elif error.status is None or error.status >= 500 or error.status == 200:
                    # A 4xx is a proxy that works and says no.
                    permit.failure()
                    self._noted(error)
                raise
            permit.success()
            return value

    async def _send(
        self,
        permit: Permit,
        method: str,
        path: str,
        params: Mapping[str, str] | None,
        body: dict[str, object] | None,
        deadline_s: float,
        cap: int,
        on_chunk: Callable[[bytes], None] | None,
        new_connection: bool = False,
    ) -> Answer:
        if self._key is not None and not (self._key.isascii() and self._key.isprintable()):
            raise ProxyError(
                FailureKind.PROXY_KEY,
                f"The key in {self.key_env} holds characters that no header can carry.",
                f"Set {self.key_env} again, without line breaks or quotes.",
            )
        http = await self._pool()
        try:
            return await http.request(
                method,
                path,
                params=params,
                body=body,
                deadline_s=deadline_s,
                cap=cap,
                on_chunk=on_chunk,
                new_connection=new_connection,
            )
        except ProxyError as error:
            permit.failure()
            self._noted(error)
            raise

    async def _pool(self) -> Http:
        async with self._http_lock:
            if self._http is None:
                self._http = await asyncio.to_thread(_new_http, self.url, self._key)
            return self._http

    @contextlib.contextmanager
    def _permit(self) -> Iterator[Permit]:
        permit = self.breaker.enter()
        if permit is None:
            raise self._refusal()
        try:
            yield permit
        finally:
            # Only a call that was stopped has not said yet how it ended.
            permit.release()

    def _refusal(self) -> ProxyError:
        wait = self.breaker.retry_in_s or 0.0
        because = f" Last: {self._last_failure}" if self._last_failure else ""
        when = f"the next try is in {wait:.0f} s" if wait > 0 else "one try is under way"
        return ProxyError(
            FailureKind.BREAKER_OPEN,
            f"The proxy at {self.url} kept failing, so calls to it are paused: {when}.{because}",
            "Mend the proxy, then wait for the next try.",
        )

    def _noted(self, error: ProxyError) -> ProxyError:
        self._last_failure = error.what
        return error

    def _key_error(self, status: int) -> ProxyError:
        make = key_refused if self._key else key_missing
        return make(self.key_env, self.url, status)

    def _is_key_missing(self, answer: Answer) -> bool:
        # Where its database client is not installed, LiteLLM 1.106.2 stumbles over a missing key:
        # 500 and this text instead of 401.
        return self._key is None and answer.body.strip() == b"Internal Server Error"

    def _check_control(self, answer: Answer, path: str) -> None:
        if answer.status == 200:
            return
        error = self.error_of(answer.body)
        if is_key_refusal(answer.status, error):
            raise self._key_error(answer.status)
        if self._is_key_missing(answer):
            raise key_missing(self.key_env, self.url, answer.status)
        if error is None:
            raise self._not_litellm(answer, path)
        kind = FailureKind.PROXY_DOWN if answer.status >= 500 else FailureKind.BAD_ANSWER
        raise ProxyError(
            kind,
            f"The proxy at {self.url} answered {answer.status} to {path}: {error.text}",
            "Look at the proxy's log."
            if answer.status >= 500
            else "Check that the gateway URL is LiteLLM's, of version 1.84 or later.",
            status=answer.status,
        )

    def _not_litellm(self, answer: Answer, path: str) -> ProxyError:
        """For a status from 400 that is not in LiteLLM's form: mostly what stands before it."""
        if answer.status in (502, 503, 504):
            return ProxyError(
                FailureKind.PROXY_DOWN,
                f"{self.url} answered {answer.status} to {path} for a proxy that is not there.",
                "Start LiteLLM behind it, or correct the gateway URL.",
                status=answer.status,
            )
        return self._bad(f"answered {answer.status} with {_what(answer)}", path, answer.status)

    def _bad(self, what: str, path: str, status: int) -> ProxyError:
        return ProxyError(
            FailureKind.BAD_ANSWER,
            f"{self.url} {what} to {path}, which is not how a LiteLLM proxy answers.",
            "Check that the gateway URL is LiteLLM's.",
            status=status,
        )

    async def _read_object(self, answer: Answer, path: str) -> dict[str, object]:
        try:
            value = decode(answer.body)
        except NotJson as problem:
            raise self._bad(f"answered with {problem}", path, answer.status) from None
        if not isinstance(value, dict):
            raise self._bad("answered with JSON of another shape", path, answer.status)
        return value


def _new_http(url: str, key: str | None) -> Http:
    from store.gateway.http import Http

    return Http(url, key)


def _is_health(answer: Answer) -> bool:
    """LiteLLM's `/health` answers 503 with its lists when a model is not healthy."""
    return answer.status == 503 and b'"unhealthy_endpoints"' in answer.body


def _what(answer: Answer) -> str:
    try:
        decode(answer.body)
    except NotJson as problem:
        return str(problem)
    return "JSON of another shape"
