"""Made-up use of the demo's models: 90 days that look like a team at work, from a seed.

Offices are open on weekdays, the team grows, one morning the primary fails and its fallback
takes over. The same seed, moment and zone give the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from store import periods
from store.demo.catalog import MODELS
from store.domain import Model, RequestStatus, UsageRecord, UsageTotals
from store.usage import Rollup

SEED = 20_251_226
DAYS = 90
"""Days of use, today among them."""

MAX_RECORDS = 6_000
"""Single requests at most, whatever the dice say."""

INCIDENT_DAYS_AGO = 12
"""On this day, or the working day before it, the primary failed from 9 to 13 o'clock."""
_INCIDENT_HOURS = range(9, 13)
_REQUESTS_A_DAY = 1_650
"""Of an average weekday at the end of the 90 days."""

_WEEKDAY = (1.0, 1.07, 1.1, 1.04, 0.93, 0.42, 0.36)
_HOUR = (
    *(0.5, 0.3, 0.2, 0.2, 0.2, 0.4, 1.0, 2.4, 5.2, 8.6, 9.8, 9.0),
    *(5.6, 8.0, 9.6, 9.2, 8.4, 6.8, 4.4, 3.2, 2.8, 2.2, 1.4, 0.9),
)


@dataclass(frozen=True, slots=True)
class Habit:
    """How one model is used: its share of requests, tokens and ms of a mean one, error rate."""

    share: float
    prompt: int
    completion: int
    latency_ms: int
    error_rate: float
    error: str
    route_id: str | None = None


_DEFAULT = "demo-route-default"
_FAST = "demo-route-fast"
_LONG = "demo-route-long-context"

HABITS = {
    "demo-gpt-4.1-vas": Habit(
        0.63, 96, 64, 1_150, 0.012, "InternalServerError: upstream closed the stream", _DEFAULT
    ),
    "demo-gemini-1.5-flash": Habit(
        0.155, 118, 72, 640, 0.009, "ServiceUnavailableError: The model is overloaded", _DEFAULT
    ),
    "demo-claude-3-haiku": Habit(
        0.085, 110, 88, 780, 0.011, "RateLimitError: rate_limit_error", _FAST
    ),
    "demo-gpt-4o-openai": Habit(
        0.040, 210, 120, 980, 0.014, "RateLimitError: Rate limit reached for requests"
    ),
    "demo-text-embedding-3-small": Habit(
        0.030, 160, 0, 140, 0.003, "APIConnectionError: Connection reset by peer"
    ),
    "demo-gpt-4o-vas": Habit(0.020, 180, 110, 1_020, 0.016, "InternalServerError: 502 from VAS"),
    "demo-claude-sonnet-4-vas": Habit(
        0.016, 640, 410, 3_900, 0.019, "InternalServerError: 502 from VAS"
    ),
    "demo-gemini-1.5-pro": Habit(
        0.008, 3_800, 320, 4_600, 0.027, "Timeout: Request timed out", _LONG
    ),
    "demo-llama3": Habit(0.008, 240, 130, 2_300, 0.024, "APIConnectionError: Connection refused"),
    "demo-codellama": Habit(0.004, 180, 90, 1_900, 0.031, "APIConnectionError: Connection refused"),
    "demo-gpt-3.5-turbo": Habit(0.003, 90, 60, 520, 0.024, "RateLimitError: quota exceeded", _FAST),
    "demo-claude-3-opus": Habit(0.001, 900, 600, 7_800, 0.03, "InternalServerError: Overloaded"),
}
"""Absent: claude-3.5-sonnet, which has no key, and gpt-4-turbo, which is switched off."""

_USERS = ("min-jun", "seo-yeon", "ji-ho", "ha-eun", "catalyst", "memo-service", "ops")


@dataclass(frozen=True, slots=True)
class Traffic:
    """Single requests of yesterday and today; sums of the days before them."""

    records: tuple[UsageRecord, ...]
    rollups: tuple[Rollup, ...]


def make_traffic(now: datetime, zone: ZoneInfo, seed: int = SEED) -> Traffic:
    """The demo's use up to `now` (aware)."""
    rng = Random(seed)
    today = now.astimezone(zone).date()
    yesterday = today - timedelta(days=1)
    models = [(model, HABITS[model.id]) for model in MODELS if model.id in HABITS]
    records: list[UsageRecord] = []
    rollups: list[Rollup] = []
    for start, day, hour in _hours(today, zone):
        for model, habit in models:
            requests, error_rate = _expected(model.id, habit, day, hour, today)
            count = _poisson(rng, requests)
            if not count:
                continue
            if day >= yesterday:
                records.extend(_record(rng, model, habit, start, error_rate) for _ in range(count))
            else:
                totals = _sums(rng, model, habit, count, error_rate)
                rollups.append(Rollup(start, model.id, totals))
    past = sorted((r for r in records if r.created_at <= now), key=lambda r: r.created_at)
    return Traffic(tuple(past[-MAX_RECORDS:]), tuple(rollups))


def _hours(today: date, zone: ZoneInfo) -> Iterator[tuple[datetime, date, int]]:
    """Every hour of the 90 local days: its start in UTC, its day, its hour of the clock."""
    first = today - timedelta(days=DAYS - 1)
    at = periods.day_start(first, zone)
    end = periods.day_start(today + timedelta(days=1), zone)
    while at < end:
        local = at.astimezone(zone)
        yield at, local.date(), local.hour
        at += timedelta(hours=1)


def incident_day(today: date) -> date:
    """The working day on which the primary failed."""
    day = today - timedelta(days=INCIDENT_DAYS_AGO)
    return day - timedelta(days=max(0, day.weekday() - 4))


def _expected(
    model_id: str, habit: Habit, day: date, hour: int, today: date
) -> tuple[float, float]:
    """Requests to be expected of a model in an hour, and the share of them that fail."""
    age = (today - day).days
    growth = 1.0 - 0.32 * age / DAYS + 0.04 * math.sin(age / 5)
    share = _HOUR[hour] / sum(_HOUR)
    requests = _REQUESTS_A_DAY * habit.share * _WEEKDAY[day.weekday()] * growth * share
    if day == incident_day(today) and hour in _INCIDENT_HOURS:
        if model_id == "demo-gpt-4.1-vas":
            return requests, 0.55
        if model_id == "demo-gemini-1.5-flash":
            return requests * 3.2, habit.error_rate
    return requests, habit.error_rate


def _poisson(rng: Random, mean: float) -> int:
    """How many of something that happens `mean` times on average (Knuth; normal when many)."""
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def _record(
    rng: Random, model: Model, habit: Habit, hour_start: datetime, error_rate: float
) -> UsageRecord:
    at = hour_start + timedelta(milliseconds=rng.randrange(3_600_000))
    failed = rng.random() < error_rate
    timed_out = failed and habit.error.startswith("Timeout")
    prompt = max(1, round(habit.prompt * rng.lognormvariate(-0.08, 0.4)))
    completion = 0 if failed else round(habit.completion * rng.lognormvariate(-0.08, 0.4))
    latency = round(habit.latency_ms * rng.lognormvariate(-0.05, 0.32))
    status = RequestStatus.ERROR if failed else RequestStatus.SUCCESS
    cost = None
    if model.is_priced:
        cost = Decimal(0 if failed else _nano(model, prompt, completion)).scaleb(-9)
    return UsageRecord(
        dedup_key=f"demo:{model.id}:{rng.getrandbits(64):016x}",
        model_id=model.id,
        created_at=at.astimezone(UTC),
        status=RequestStatus.TIMEOUT if timed_out else status,
        request_type=_request_type(rng, model),
        route_id=habit.route_id,
        prompt_tokens=0 if failed else prompt,
        completion_tokens=completion,
        cost_usd=cost,
        latency_ms=30_000 if timed_out else latency,
        error_message=f"litellm.{habit.error}" if failed else None,
        user_id=rng.choice(_USERS),
    )


def _request_type(rng: Random, model: Model) -> str:
    if model.mode == "embedding":
        return "embedding"
    return "vision" if model.supports_vision and rng.random() < 0.06 else "chat"


def _sums(rng: Random, model: Model, habit: Habit, count: int, error_rate: float) -> UsageTotals:
    """The sums of `count` requests, near enough to `count` calls of `_record`."""
    failed = sum(rng.random() < error_rate for _ in range(count))
    served = count - failed
    spread = rng.gauss(1.0, 0.4 / math.sqrt(count))
    prompt = max(served, round(served * habit.prompt * spread))
    completion = max(0, round(served * habit.completion * spread))
    latency = max(1, round(count * habit.latency_ms * rng.gauss(1.0, 0.3 / math.sqrt(count))))
    return UsageTotals(
        requests=count,
        successes=served,
        tokens=prompt + completion,
        cost_nano_usd=_nano(model, prompt, completion) if model.is_priced else 0,
        unpriced_requests=0 if model.is_priced else count,
        latency_ms_sum=latency,
    )


def _nano(model: Model, prompt: int, completion: int) -> int:
    """Nano-USD. The catalog's prices are whole nano-USD a token."""
    return prompt * _nano_a_token(model.input_cost_per_1k) + completion * _nano_a_token(
        model.output_cost_per_1k
    )


def _nano_a_token(per_1k: Decimal | None) -> int:
    return int((per_1k or Decimal(0)).scaleb(6))
