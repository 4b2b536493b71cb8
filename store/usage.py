"""Use: the log of single requests, its sums by hour and day, and what the operator asks of them.

The log and the sums are written in one transaction. Questions are answered from the sums, so
that they cost the same however long the log is. Money is summed in integer nano-USD.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from store import periods
from store.database import Row, SqliteDatabase, Transaction
from store.domain import (
    ModelUsage,
    RequestStatus,
    TrendPoint,
    UsageOverview,
    UsageRecord,
    UsageTotals,
)
from store.errors import InvalidField, NotFound
from store.periods import Period, Window
from store.times import Clock, to_text

_Place = TypeVar("_Place", int, str)

_CHUNK = 500
"""Parameters of one IN list, well below SQLite's and PostgreSQL's limits."""

_INSERT_LOG = """
INSERT INTO ai_usage_logs (id, model_id, route_id, request_type, prompt_tokens, completion_tokens,
  total_tokens, estimated_cost, latency_ms, status, error_message, user_id, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""

_ADD_HOURLY = """
INSERT INTO usage_hourly (bucket, model_id, requests, successes, tokens, cost_nano_usd,
  unpriced_requests, latency_ms_sum)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (bucket, model_id) DO UPDATE SET
  requests = usage_hourly.requests + excluded.requests,
  successes = usage_hourly.successes + excluded.successes,
  tokens = usage_hourly.tokens + excluded.tokens,
  cost_nano_usd = usage_hourly.cost_nano_usd + excluded.cost_nano_usd,
  unpriced_requests = usage_hourly.unpriced_requests + excluded.unpriced_requests,
  latency_ms_sum = usage_hourly.latency_ms_sum + excluded.latency_ms_sum
"""

_ADD_DAILY = """
INSERT INTO ai_usage_daily (date, model_id, total_requests, total_tokens, total_cost,
  success_count, error_count, avg_latency_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (date, model_id) DO UPDATE SET
  total_requests = ai_usage_daily.total_requests + excluded.total_requests,
  total_tokens = ai_usage_daily.total_tokens + excluded.total_tokens,
  total_cost = ai_usage_daily.total_cost + excluded.total_cost,
  success_count = ai_usage_daily.success_count + excluded.success_count,
  error_count = ai_usage_daily.error_count + excluded.error_count,
  avg_latency_ms = (ai_usage_daily.avg_latency_ms * ai_usage_daily.total_requests
      + excluded.avg_latency_ms * excluded.total_requests)
    / (ai_usage_daily.total_requests + excluded.total_requests)
"""

_SUMS = """
  sum(requests) AS requests, sum(successes) AS successes, sum(tokens) AS tokens,
  sum(cost_nano_usd) AS cost_nano_usd, sum(unpriced_requests) AS unpriced_requests,
  sum(latency_ms_sum) AS latency_ms_sum
"""

# One statement, so that the bars and the trend come from the same moment.
_BY_MODEL_AND_BUCKET = f"""
SELECT model_id, 0 AS bucket, {_SUMS} FROM usage_hourly
  WHERE bucket >= ? AND bucket < ? GROUP BY model_id
UNION ALL
SELECT '' AS model_id, bucket, {_SUMS} FROM usage_hourly
  WHERE bucket >= ? AND bucket < ? GROUP BY bucket
"""  # noqa: S608 - a constant of ours

_FROM_LOG = """
SELECT count(*) AS requests, count(*) FILTER (WHERE status = 'success') AS successes,
  coalesce(sum(total_tokens), 0) AS tokens,
  CAST(coalesce(sum(round(estimated_cost * 1000000000)), 0) AS BIGINT) AS cost_nano_usd,
  count(*) FILTER (WHERE estimated_cost IS NULL) AS unpriced_requests,
  coalesce(sum(latency_ms), 0) AS latency_ms_sum
FROM ai_usage_logs WHERE id >= ? AND id < ?
"""


@dataclass(frozen=True, slots=True)
class Rollup:
    """The sums of one model over the hour (or quarter) that holds `at`."""

    at: datetime
    model_id: str
    totals: UsageTotals


class Usage:
    """The topic `usage` of the store. `clock` gives aware UTC, `zone` the operator's zone."""

    def __init__(
        self,
        database: SqliteDatabase,
        clock: Clock,
        zone: Callable[[], ZoneInfo],
    ) -> None:
        self._database = database
        self._clock = clock
        self._zone = zone

    async def record(self, records: Sequence[UsageRecord]) -> int:
        """Store requests once each, with their sums, and return how many were new.

        A record that comes again, in this batch or a later one, is dropped: it is the same when
        its `dedup_key` and its `created_at` are.

        Raises:
            InvalidField: a naive time, or a number that cannot be; nothing was written.
            NotFound: a model or route that the store does not know; nothing was written.
        """
        wanted = {record_id(record): record for record in map(_checked, records)}
        if not wanted:
            return 0
        async with self._database.write() as tx:
            stored = await _stored_ids(tx, list(wanted))
            fresh = {key: value for key, value in wanted.items() if key not in stored}
            if not fresh:
                return 0
            await _require(tx, "ai_models", "model", {r.model_id for r in fresh.values()})
            routes = {r.route_id for r in fresh.values() if r.route_id is not None}
            await _require(tx, "ai_routes", "route", routes)
            await tx.many(_INSERT_LOG, [_log_row(key, r) for key, r in sorted(fresh.items())])
            await self._add(
                tx, (Rollup(r.created_at, r.model_id, _totals_of(r)) for r in fresh.values())
            )
        return len(fresh)

    async def record_rollups(self, rollups: Iterable[Rollup]) -> None:
        """Add sums whose single requests are not known, in one transaction."""
        async with self._database.write() as tx:
            await self._add(tx, rollups)

    async def today(self) -> dict[str, UsageTotals]:
        """Sums by model id since the operator's midnight. Models without requests are absent."""
        zone = self._zone()
        today = self._clock().astimezone(zone).date()
        rows = await self._database.all(
            f"SELECT model_id, {_SUMS} FROM usage_hourly"  # noqa: S608 - a constant of ours
            " WHERE bucket >= ? AND bucket < ? GROUP BY model_id",
            (
                _epoch(periods.day_start(today, zone)),
                _epoch(periods.day_start(today + timedelta(days=1), zone)),
            ),
        )
        return {str(row["model_id"]): _totals(row) for row in rows}

    async def overview(self, period: Period) -> UsageOverview:
        """A period's sums, by model (most requests first) and by day, and the period before it.

        Today's trend is by hour. Days and hours without a request are there, with zeros.
        """
        zone = self._zone()
        span = periods.window(period, self._clock(), zone)
        # The end is now: a bucket that begins this very second holds requests already.
        edges = (_epoch(span.start), _epoch(span.end) + 1)
        rows = await self._database.all(_BY_MODEL_AND_BUCKET, (*edges, *edges))
        by_model = {str(row["model_id"]): _totals(row) for row in rows if row["model_id"]}
        by_bucket = {int(row["bucket"]): _totals(row) for row in rows if not row["model_id"]}
        return UsageOverview(
            start=span.start,
            end=span.end,
            current=sum(by_model.values(), UsageTotals()),
            previous=await self._previous(span, zone),
            by_model=await self._named(by_model),
            trend=_trend(by_bucket, span, period, zone),
            zone=str(zone),
        )

    async def _previous(self, span: Window, zone: ZoneInfo) -> UsageTotals:
        """The period before. Its last bucket is cut at the time of day, so the log is asked.

        Where the log of that hour is gone, so is this part of the comparison.
        """
        cut = periods.bucket(span.previous_end, zone)
        row = await self._database.one(
            f"SELECT {_SUMS} FROM usage_hourly WHERE bucket >= ? AND bucket < ?",  # noqa: S608
            (_epoch(span.previous_start), cut),
        )
        whole = _totals(row) if row is not None and row["requests"] is not None else UsageTotals()
        rest = await self._database.one(
            _FROM_LOG, (_id_floor(cut * 1000), _id_floor(_millis(span.previous_end)))
        )
        return whole + _totals(rest) if rest is not None else whole

    async def _named(self, by_model: Mapping[str, UsageTotals]) -> tuple[ModelUsage, ...]:
        rows = await self._database.all("SELECT id, model_name FROM ai_models")
        names = {str(row["id"]): str(row["model_name"]) for row in rows}
        used = [ModelUsage(key, names.get(key, key), totals) for key, totals in by_model.items()]
        return tuple(sorted(used, key=lambda u: (-u.totals.requests, u.model_name, u.model_id)))

    async def _add(self, tx: Transaction, rollups: Iterable[Rollup]) -> None:
        """Add sums to the hours and days they belong to."""
        zone = self._zone()
        hours: dict[tuple[int, str], list[int]] = {}
        days: dict[tuple[str, str], list[int]] = {}
        places: dict[int, tuple[int, str]] = {}
        for rollup in rollups:
            # A quarter lies in one bucket and one day, whatever the zone.
            quarter = int(rollup.at.timestamp() // periods.QUARTER_S)
            if (place := places.get(quarter)) is None:
                day = rollup.at.astimezone(zone).date().isoformat()
                place = places[quarter] = (periods.bucket(rollup.at, zone), day)
            numbers = _numbers(rollup.totals)
            _accumulate(hours, (place[0], rollup.model_id), numbers)
            _accumulate(days, (place[1], rollup.model_id), numbers)
        await tx.many(_ADD_HOURLY, [(*key, *numbers) for key, numbers in sorted(hours.items())])
        await tx.many(_ADD_DAILY, [_daily_row(*key, n) for key, n in sorted(days.items()) if n[0]])


def record_id(record: UsageRecord) -> str:
    """The row's id: it begins with the time, so that a range of time is a range of ids."""
    digest = hashlib.sha256(record.dedup_key.encode()).hexdigest()
    return f"{_id_floor(_millis(record.created_at))}-{digest[:16]}"


def _id_floor(millis: int) -> str:
    """What every id of this millisecond or later sorts after."""
    return f"{millis:012x}"


def _millis(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _epoch(at: datetime) -> int:
    """An edge in whole seconds, rounded up: `bucket < _epoch(end)` holds for all buckets begun."""
    return -((datetime(1970, 1, 1, tzinfo=UTC) - at) // timedelta(seconds=1))


def nano_usd(cost: Decimal) -> int:
    """USD as integer nano-USD."""
    return int(cost.scaleb(9).to_integral_value(ROUND_HALF_EVEN))


def _checked(record: UsageRecord) -> UsageRecord:
    if record.created_at.tzinfo is None:
        raise InvalidField("created_at", "must name its time zone; give UTC.")
    if record.created_at.year < 1970:
        raise InvalidField("created_at", "must not be before 1970.")
    counts = {
        "prompt_tokens": record.prompt_tokens,
        "completion_tokens": record.completion_tokens,
        "latency_ms": record.latency_ms,
    }
    for name, value in counts.items():
        if value < 0:
            raise InvalidField(name, "must not be below zero.")
    cost = record.cost_usd
    if cost is not None and (not cost.is_finite() or cost < 0):
        raise InvalidField("cost_usd", "must be a number that is not below zero.")
    return record


async def _stored_ids(tx: Transaction, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK]
        marks = ", ".join("?" * len(part))
        rows = await tx.all(
            f"SELECT id FROM ai_usage_logs WHERE id IN ({marks})",  # noqa: S608 - marks only
            part,
        )
        found.update(str(row["id"]) for row in rows)
    return found


async def _require(tx: Transaction, table: str, thing: str, ids: set[str]) -> None:
    """Raise NotFound, in words of ours, before a foreign key would in SQLite's."""
    if not ids:
        return
    rows = await tx.all(f"SELECT id FROM {table}")  # noqa: S608 - a constant of ours
    missing = sorted(ids - {str(row["id"]) for row in rows})
    if missing:
        raise NotFound(f"usage: the store has no {thing} with id {missing[0]!r}; add it first.")


def _log_row(key: str, record: UsageRecord) -> tuple[str | int | float | None, ...]:
    return (
        key,
        record.model_id,
        record.route_id,
        record.request_type,
        record.prompt_tokens,
        record.completion_tokens,
        record.prompt_tokens + record.completion_tokens,
        None if record.cost_usd is None else float(record.cost_usd),
        record.latency_ms,
        record.status.value,
        record.error_message,
        record.user_id,
        to_text(record.created_at),
    )


def _totals_of(record: UsageRecord) -> UsageTotals:
    return UsageTotals(
        requests=1,
        successes=int(record.status is RequestStatus.SUCCESS),
        tokens=record.prompt_tokens + record.completion_tokens,
        cost_nano_usd=0 if record.cost_usd is None else nano_usd(record.cost_usd),
        unpriced_requests=int(record.cost_usd is None),
        latency_ms_sum=record.latency_ms,
    )


def _totals(row: Row) -> UsageTotals:
    return UsageTotals(
        requests=int(row["requests"]),
        successes=int(row["successes"]),
        tokens=int(row["tokens"]),
        cost_nano_usd=int(row["cost_nano_usd"]),
        unpriced_requests=int(row["unpriced_requests"]),
        latency_ms_sum=int(row["latency_ms_sum"]),
    )


def _numbers(totals: UsageTotals) -> tuple[int, int, int, int, int, int]:
    return (
        totals.requests,
        totals.successes,
        totals.tokens,
        totals.cost_nano_usd,
        totals.unpriced_requests,
        totals.latency_ms_sum,
    )


def _accumulate(
    sums: dict[tuple[_Place, str], list[int]], key: tuple[_Place, str], numbers: Sequence[int]
) -> None:
    if (have := sums.get(key)) is None:
        sums[key] = list(numbers)
    else:
        for index, number in enumerate(numbers):
            have[index] += number


def _daily_row(day: str, model_id: str, numbers: Sequence[int]) -> tuple[str | int | float, ...]:
    requests, successes, tokens, nano, _, latency = numbers
    cost = float(Decimal(nano).scaleb(-9))
    errors = requests - successes
    return (day, model_id, requests, tokens, cost, successes, errors, latency / requests)


def _trend(
    by_bucket: Mapping[int, UsageTotals], span: Window, period: Period, zone: ZoneInfo
) -> tuple[TrendPoint, ...]:
    # The end is now, and now is part of it: at midnight sharp the new day has begun.
    end = span.end + timedelta(microseconds=1)
    if period is Period.TODAY:
        starts = periods.hour_edges(span.start, end)
    else:
        starts = periods.day_edges(span.start, end, zone)
    edges = [_epoch(start) for start in starts]
    sums = [UsageTotals()] * len(edges)
    for at, totals in by_bucket.items():
        index = bisect_right(edges, at) - 1
        sums[index] += totals
    return tuple(
        TrendPoint(start, periods.label(start, period, zone), totals)
        for start, totals in zip(starts, sums, strict=True)
    )
