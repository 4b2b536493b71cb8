"""The circuit breaker, by example and against a simple model of its rules."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from store.gateway.breaker import Breaker, BreakerState, Permit


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def state(breaker: Breaker) -> BreakerState:
    return breaker.state


def enter(breaker: Breaker) -> Permit:
    permit = breaker.enter()
    assert permit is not None
    return permit


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        enter(breaker).failure()


def test_opens_after_five_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 4)
    assert state(breaker) is BreakerState.CLOSED
    assert breaker.retry_in_s is None
    fail(breaker)
    assert state(breaker) is BreakerState.OPEN
    assert breaker.retry_in_s == 30
    assert breaker.enter() is None


def test_a_success_ends_the_row(breaker: Breaker) -> None:
    for _ in range(2):
        fail(breaker, 4)
        enter(breaker).success()
    assert state(breaker) is BreakerState.CLOSED


def test_opens_when_half_of_ten_calls_failed(breaker: Breaker) -> None:
    for _ in range(4):
        enter(breaker).success()
        fail(breaker)
    enter(breaker).success()
    assert state(breaker) is BreakerState.CLOSED
    fail(breaker)
    assert state(breaker) is BreakerState.OPEN


def test_calls_older_than_a_minute_do_not_count(breaker: Breaker, clock: Clock) -> None:
    for _ in range(4):
        fail(breaker)
        enter(breaker).success()
    clock.now += 61
    enter(breaker).success()
    fail(breaker)
    assert state(breaker) is BreakerState.CLOSED


def test_exactly_one_probe(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 30
    assert state(breaker) is BreakerState.HALF_OPEN
    assert breaker.retry_in_s == 0
    probe = enter(breaker)
    assert breaker.enter() is None
    probe.success()
    assert state(breaker) is BreakerState.CLOSED
    assert breaker.enter() is not None


def test_a_stopped_probe_gives_its_place_back(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 5)
    clock.now += 30
    enter(breaker).release()
    assert state(breaker) is BreakerState.HALF_OPEN
    enter(breaker).success()
    assert state(breaker) is BreakerState.CLOSED


def test_the_pause_doubles_to_five_minutes_and_is_reset_by_success(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 5)
    pauses = []
    for _ in range(6):
        pause = breaker.retry_in_s
        assert pause is not None
        pauses.append(pause)
        clock.now += pause
        fail(breaker)
    assert pauses == [30, 60, 120, 240, 300, 300]
    clock.now += 300
    enter(breaker).success()
    fail(breaker, 5)
    assert breaker.retry_in_s == 30


def test_late_results_of_earlier_calls_change_nothing(breaker: Breaker, clock: Clock) -> None:
    late_good, late_bad, early = enter(breaker), enter(breaker), enter(breaker)
    fail(breaker, 5)
    late_good.success()
    assert state(breaker) is BreakerState.OPEN
    clock.now += 30
    probe = enter(breaker)
    late_bad.failure()
    assert breaker.enter() is None, "the probe still holds its place"
    probe.success()
    early.failure()
    fail(breaker, 4)
    assert state(breaker) is BreakerState.CLOSED


def test_a_permit_ends_once(breaker: Breaker) -> None:
    permit = enter(breaker)
    for _ in range(9):
        permit.failure()
    assert state(breaker) is BreakerState.CLOSED


class BreakerMachine(RuleBasedStateMachine):
    """The breaker against its rules written down a second time, without its shortcuts."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.breaker = Breaker(self.clock)
        self.calls: list[tuple[float, bool]] = []
        self.opened_at: float | None = None
        self.pause = 30.0
        self.probe: Permit | None = None

    def is_open(self) -> bool:
        return self.opened_at is not None and self.clock.now < self.opened_at + self.pause

    @rule(seconds=st.sampled_from([0.5, 7.0, 29.0, 30.0, 61.0, 300.0]))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    @precondition(lambda self: self.opened_at is None)
    @rule(ok=st.booleans())
    def call(self, ok: bool) -> None:
        permit = enter(self.breaker)
        if ok:
            permit.success()
        else:
            permit.failure()
        self.calls.append((self.clock.now, ok))
        recent = [good for at, good in self.calls if at > self.clock.now - 60]
        tail = [good for _, good in self.calls[-5:]]
        row = len(tail) == 5 and not any(tail)
        rate = len(recent) >= 10 and recent.count(False) * 2 >= len(recent)
        if not ok and (row or rate):
            self.opened_at = self.clock.now

    @precondition(lambda self: self.opened_at is not None)
    @rule()
    def start_probe(self) -> None:
        permit = self.breaker.enter()
        assert (permit is None) == (self.is_open() or self.probe is not None)
        self.probe = permit or self.probe

    @precondition(lambda self: self.probe is not None)
    @rule(ok=st.sampled_from([True, False, None]))
    def end_probe(self, ok: bool | None) -> None:
        probe, self.probe = self.probe, None
        assert probe is not None
        if ok is None:
            probe.release()
        elif ok:
            probe.success()
            self.opened_at, self.pause, self.calls = None, 30.0, []
        else:
            probe.failure()
            self.pause = min(self.pause * 2, 300.0)
            self.opened_at, self.calls = self.clock.now, []

    @invariant()
    def agrees(self) -> None:
        if self.opened_at is None:
            assert self.breaker.state is BreakerState.CLOSED
            assert self.breaker.retry_in_s is None
        else:
            expected = BreakerState.OPEN if self.is_open() else BreakerState.HALF_OPEN
            assert self.breaker.state is expected
            left = self.opened_at + self.pause - self.clock.now
            assert self.breaker.retry_in_s == pytest.approx(max(0.0, left))


TestBreakerMachine = BreakerMachine.TestCase
