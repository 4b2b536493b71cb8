"""The circuit breaker in front of the proxy.

It watches the proxy, not the models behind it: a proxy that relays a model's error works. It does
no I/O and reads no clock but the one it is given.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import StrEnum

FAILURES_IN_A_ROW = 5
WINDOW_S = 60.0
WINDOW_MIN_CALLS = 10
WINDOW_FAILURE_RATIO = 0.5
FIRST_PAUSE_S = 30.0
MAX_PAUSE_S = 300.0
_WINDOW_MAX_CALLS = 1_000
"""Keeps the window's memory bounded; at more calls a minute only the newest are judged."""


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Permit:
    """Leave to make one call. Say how it ended once; whatever is said after that is ignored."""

    __slots__ = ("_breaker", "_done", "_epoch")

    def __init__(self, breaker: Breaker, epoch: int) -> None:
        self._breaker = breaker
        self._epoch = epoch
        self._done = False

    def success(self) -> None:
        """The proxy answered."""
        self._end(True)

    def failure(self) -> None:
        """The proxy did not answer, or not as a LiteLLM proxy does."""
        self._end(False)

    def release(self) -> None:
        """The call ended without telling anything about the proxy: it was stopped, say."""
        self._end(None)

    def _end(self, ok: bool | None) -> None:
        if not self._done:
            self._done = True
            self._breaker._ended(self._epoch, ok)


class Breaker:
    """Opens after 5 failures in a row, or when at least half of 10 or more calls in 60 s failed.

    Open, it refuses calls for 30 s, then lets exactly one probe through. A probe that fails opens
    it again for twice as long, 5 minutes at most; one that succeeds closes it and forgets all.
    `clock` is monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._calls: deque[tuple[float, bool]] = deque(maxlen=_WINDOW_MAX_CALLS)
        self._in_a_row = 0
        self._open_until: float | None = None
        self._pause_s = FIRST_PAUSE_S
        self._probing = False
        # Each change of state begins an epoch. What a call of an earlier one reports is stale: it
        # must neither close a breaker that opened since, nor lengthen its pause.
        self._epoch = 0

    @property
    def state(self) -> BreakerState:
        if self._open_until is None:
            return BreakerState.CLOSED
        if self._clock() < self._open_until:
            return BreakerState.OPEN
        return BreakerState.HALF_OPEN

    @property
    def retry_in_s(self) -> float | None:
        """Seconds until a probe may go, 0 when one may go or is under way; None when closed."""
        if self._open_until is None:
            return None
        return max(0.0, self._open_until - self._clock())

    @property
    def probing(self) -> bool:
        """Whether the one probe is under way."""
        return self._probing

    def enter(self) -> Permit | None:
        """A permit for one call, or None when the call is refused."""
        state = self.state
        if state is BreakerState.OPEN:
            return None
        if state is BreakerState.HALF_OPEN:
            if self._probing:
                return None
            self._probing = True
        return Permit(self, self._epoch)

    def reset(self) -> None:
        """Close it and forget all: what failed had a cause that is over."""
        self._open_until = None
        self._pause_s = FIRST_PAUSE_S
        self._probing = False
        self._calls.clear()
        self._in_a_row = 0
        self._epoch += 1

    def _ended(self, epoch: int, ok: bool | None) -> None:
        if epoch != self._epoch:
            return
        if self._open_until is not None:
            self._probe_ended(ok)
        elif ok is not None:
            self._call_ended(ok)

    def _probe_ended(self, ok: bool | None) -> None:
        self._probing = False
        if ok:
            self._pause_s = FIRST_PAUSE_S
            self._open_until = None
            self._epoch += 1
        elif ok is False:
            self._pause_s = min(self._pause_s * 2, MAX_PAUSE_S)
            self._open()

    def _call_ended(self, ok: bool) -> None:
        now = self._clock()
        self._calls.append((now, ok))
        while self._calls and self._calls[0][0] <= now - WINDOW_S:
            self._calls.popleft()
        if ok:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        if self._in_a_row >= FAILURES_IN_A_ROW or self._mostly_failing():
            self._open()

    def _mostly_failing(self) -> bool:
        failed = sum(1 for _, ok in self._calls if not ok)
        return (
            len(self._calls) >= WINDOW_MIN_CALLS
            and failed >= len(self._calls) * WINDOW_FAILURE_RATIO
        )

    def _open(self) -> None:
        self._open_until = self._clock() + self._pause_s
        self._calls.clear()
        self._in_a_row = 0
        self._epoch += 1


class NoBreaker(Breaker):
    """Never opens: for whoever watches a proxy that is being restarted."""

    def _ended(self, epoch: int, ok: bool | None) -> None:
        return
