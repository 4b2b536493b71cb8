"""Use in the store: the log and its sums, duplicates, zones, and what the operator asks."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.database import SqliteDatabase, open_database
from store.domain import Model, Provider, RequestStatus, Route, UsageRecord, UsageTotals
from store.errors import InvalidField, NotFound
from store.models import Models
from store.periods import Period
from store.providers import Providers
from store.routes import Routes
from store.usage import Rollup, Usage, record_id

NOW = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
MODEL_IDS = ("m-a", "m-b", "m-c")


@dataclass
class Bench:
    """A store with three models, a clock and a zone that tests may turn."""

    database: SqliteDatabase
    now: datetime
    zone: ZoneInfo

    def __post_init__(self) -> None:
        self.usage = Usage(self.database, lambda: self.now, lambda: self.zone)

    async def rows(self, sql: str) -> list[tuple[object, ...]]:
        return [tuple(row) for row in await self.database.all(sql)]


@asynccontextmanager
async def opened(
    folder: Path, zone: str = "Asia/Seoul", now: datetime = NOW
) -> AsyncIterator[Bench]:
    database = await open_database(folder / "aitui.db")
    try:
        async with database.write() as tx:
            provider = Provider("p", "openai", "OpenAI", "openai")
            await Providers(database, lambda: now).insert(tx, provider, "test")
            for model_id in MODEL_IDS:
                model = Model(model_id, "p", f"name-{model_id}", model_id, f"openai/{model_id}")
                await Models(database, lambda: now).insert(tx, model, "test")
            await Routes(database, lambda: now).insert(tx, Route("r", "default"), "test")
        yield Bench(database, now, ZoneInfo(zone))
    finally:
        await database.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(tmp_path) as bench:
        yield bench


def record(key: str, at: datetime = NOW, **changes: Any) -> UsageRecord:
    plain = UsageRecord(
        dedup_key=key,
        model_id="m-a",
        created_at=at,
        status=RequestStatus.SUCCESS,
        prompt_tokens=10,
        completion_tokens=5,
        cost_usd=Decimal("0.001"),
        latency_ms=400,
    )
    return replace(plain, **changes)


async def test_a_record_lands_in_the_log_and_in_both_sums(bench: Bench) -> None:
    assert (
        await bench.usage.record([record("a", route_id="r", user_id="u", error_message=None)]) == 1
    )
    (row,) = await bench.rows("SELECT * FROM ai_usage_logs")
    assert row == (
        record_id(record("a")),
        *("m-a", "r", "chat", 10, 5, 15, 0.001, 400, "success", None, "u"),
        "2026-11-20T06:30:00.000Z",
    )
    bucket = int(datetime(2026, 11, 20, 6, tzinfo=UTC).timestamp())
    hourly = await bench.rows("SELECT * FROM usage_hourly")
    assert hourly == [(bucket, "m-a", 1, 1, 15, 1_000_000, 0, 400)]
    daily = await bench.rows("SELECT * FROM ai_usage_daily")
    assert daily == [("2026-11-20", "m-a", 1, 15, 0.001, 1, 0, 400.0)]


def test_ids_sort_by_time_and_tell_keys_apart() -> None:
    first, second = record("z"), record("a", NOW + timedelta(milliseconds=1))
    assert record_id(first) < record_id(second)
    assert record_id(first) != record_id(record("y"))
    milliseconds, _, digest = record_id(first).partition("-")
    assert int(milliseconds, 16) == int(NOW.timestamp() * 1000)
    assert (len(milliseconds), len(digest)) == (12, 16)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    assert record_id(record("z", elsewhere)) == record_id(first)


async def test_duplicates_count_once_within_a_batch_and_across_batches(bench: Bench) -> None:
    batch = [record("a"), record("b"), record("a")]
    assert await bench.usage.record(batch) == 2
    assert await bench.usage.record([*batch, record("c")]) == 1
    assert await bench.usage.record(batch) == 0
    assert await bench.usage.record([]) == 0
    assert await bench.rows("SELECT count(*) FROM ai_usage_logs") == [(3,)]
    assert await bench.rows("SELECT requests FROM usage_hourly") == [(3,)]
    assert await bench.rows("SELECT total_requests FROM ai_usage_daily") == [(3,)]


async def test_batches_larger_than_one_question_are_deduplicated(bench: Bench) -> None:
    batch = [record(f"k{n}") for n in range(1_203)]
    assert await bench.usage.record(batch) == 1_203
    assert await bench.usage.record(batch) == 0


async def test_writers_at_the_same_time_lose_and_double_nothing(bench: Bench) -> None:
    batches = [[record(f"k{n}") for n in range(start, start + 40)] for start in range(0, 200, 20)]
    stored = await asyncio.gather(*(bench.usage.record(batch) for batch in batches))
    assert sum(stored) == 220
    assert await bench.rows("SELECT requests FROM usage_hourly") == [(220,)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"created_at": datetime(2026, 11, 20)}, "created_at"),
        ({"created_at": datetime(1960, 1, 1, tzinfo=UTC)}, "created_at"),
        ({"prompt_tokens": -1}, "prompt_tokens"),
        ({"completion_tokens": -1}, "completion_tokens"),
        ({"latency_ms": -1}, "latency_ms"),
        ({"cost_usd": Decimal("-0.1")}, "cost_usd"),
        ({"cost_usd": Decimal("NaN")}, "cost_usd"),
        ({"cost_usd": Decimal("Infinity")}, "cost_usd"),
    ],
)
async def test_impossible_records_are_refused_whole(
    bench: Bench, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        await bench.usage.record([record("good"), record("bad", **changes)])
    assert caught.value.field_name == field
    assert await bench.rows("SELECT id FROM ai_usage_logs") == []


@pytest.mark.parametrize("changes", [{"model_id": "gone"}, {"route_id": "gone"}])
async def test_unknown_models_and_routes_are_refused_whole(
    bench: Bench, changes: dict[str, Any]
) -> None:
    with pytest.raises(NotFound, match="'gone'"):
        await bench.usage.record([record("good"), record("bad", **changes)])
    assert await bench.rows("SELECT id FROM ai_usage_logs") == []
    assert await bench.rows("SELECT bucket FROM usage_hourly") == []


async def test_unpriced_requests_cost_nothing_and_are_counted(bench: Bench) -> None:
    await bench.usage.record([record("a", cost_usd=None), record("b"), record("c", cost_usd=None)])
    totals = (await bench.usage.today())["m-a"]
    assert (totals.unpriced_requests, totals.cost_usd) == (2, Decimal("0.001"))
    assert await bench.rows("SELECT count(*) FROM ai_usage_logs WHERE estimated_cost IS NULL") == [
        (2,)
    ]


async def test_money_is_summed_exactly(bench: Bench) -> None:
    await bench.usage.record([record(f"k{n}", cost_usd=Decimal("0.1")) for n in range(3)])
    assert (await bench.usage.today())["m-a"].cost_usd == Decimal("0.3")


async def test_daily_latency_is_the_mean_of_all_batches(bench: Bench) -> None:
    await bench.usage.record([record("a", latency_ms=100), record("b", latency_ms=200)])
    await bench.usage.record([record("c", latency_ms=600, status=RequestStatus.TIMEOUT)])
    daily = await bench.rows(
        "SELECT avg_latency_ms, success_count, error_count FROM ai_usage_daily"
    )
    assert daily == [(300.0, 2, 1)]


async def test_today_begins_at_the_operators_midnight(bench: Bench) -> None:
    midnight = datetime(2026, 11, 19, 15, tzinfo=UTC)
    await bench.usage.record(
        [record("before", midnight - timedelta(milliseconds=1)), record("after", midnight)]
    )
    assert (await bench.usage.today())["m-a"].requests == 1
    bench.now += timedelta(days=1)
    assert await bench.usage.today() == {}


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Asia/Kathmandu"])
async def test_today_begins_at_midnight_off_the_whole_hour(tmp_path: Path, zone: str) -> None:
    async with opened(tmp_path, zone) as bench:
        local = NOW.astimezone(bench.zone).replace(hour=0, minute=0, second=0)
        await bench.usage.record(
            [
                record("before", local - timedelta(seconds=1)),
                record("first", local),
                record("later", local + timedelta(minutes=20)),
            ]
        )
        assert (await bench.usage.today())["m-a"].requests == 2
        days = await bench.rows("SELECT date, total_requests FROM ai_usage_daily ORDER BY date")
        assert days == [("2026-11-19", 1), ("2026-11-20", 2)]
        overview = await bench.usage.overview(Period.TODAY)
        assert (overview.trend[0].label, overview.trend[0].totals.requests) == ("00:00", 2)


@pytest.mark.parametrize(
    ("now", "hours", "repeated"),
    [
        (datetime(2026, 3, 9, 3, 59, tzinfo=UTC), 23, 0),
        (datetime(2026, 11, 2, 4, 59, tzinfo=UTC), 25, 2),
    ],
)
async def test_days_of_clock_change_are_whole(
    tmp_path: Path, now: datetime, hours: int, repeated: int
) -> None:
    async with opened(tmp_path, "America/New_York", now) as bench:
        await bench.usage.record(
            [record(f"k{n}", now - timedelta(hours=n)) for n in range(hours + 1)]
        )
        overview = await bench.usage.overview(Period.TODAY)
        assert [point.totals.requests for point in overview.trend] == [1] * hours
        assert [point.label for point in overview.trend].count("01:00") == (repeated or 1)
        assert overview.current.requests == hours
        week = await bench.usage.overview(Period.DAYS_7)
        assert [point.totals.requests for point in week.trend[-2:]] == [1, hours]


async def test_an_empty_store_has_a_trend_of_zeros(bench: Bench) -> None:
    for period, points in ((Period.TODAY, 16), (Period.DAYS_7, 7), (Period.DAYS_90, 90)):
        overview = await bench.usage.overview(period)
        assert overview.current == overview.previous == UsageTotals()
        assert [point.totals for point in overview.trend] == [UsageTotals()] * points
        assert overview.by_model == ()
        assert overview.zone == "Asia/Seoul"


async def test_an_overview_has_models_by_requests_and_days_with_gaps(bench: Bench) -> None:
    await bench.usage.record(
        [
            record("1"),
            record("2", NOW - timedelta(days=2), model_id="m-b", status=RequestStatus.ERROR),
            record("3", NOW - timedelta(days=2, hours=1), model_id="m-b"),
            record("4", NOW - timedelta(days=6, hours=15)),
            record("5", NOW - timedelta(days=6, hours=15, minutes=31)),
        ]
    )
    overview = await bench.usage.overview(Period.DAYS_7)
    assert [(m.model_name, m.totals.requests) for m in overview.by_model] == [
        ("name-m-a", 2),
        ("name-m-b", 2),
    ]
    labels = [(point.label, point.totals.requests) for point in overview.trend]
    assert labels == [
        *(("Sat", 1), ("Sun", 0), ("Mon", 0), ("Tue", 0), ("Wed", 2), ("Thu", 0), ("Fri", 1)),
    ]
    assert (overview.current.requests, overview.current.errors) == (4, 1)


async def test_the_period_before_is_cut_at_the_same_time_of_day(bench: Bench) -> None:
    yesterday = NOW - timedelta(days=1)
    await bench.usage.record(
        [
            record("early", yesterday - timedelta(hours=3)),
            record("same hour, before", yesterday - timedelta(milliseconds=1), cost_usd=None),
            record("same hour, after", yesterday),
            record("late", yesterday + timedelta(hours=3)),
        ]
    )
    overview = await bench.usage.overview(Period.TODAY)
    assert overview.current == UsageTotals()
    assert overview.previous == UsageTotals(2, 2, 30, 1_000_000, 1, 800)


async def test_removed_models_keep_their_name_in_old_use(bench: Bench) -> None:
    await bench.usage.record([record("a")])
    async with bench.database.write() as tx:
        await tx.execute("UPDATE ai_models SET removed_at = '2026-11-20T06:31:00.000Z'")
    (used,) = (await bench.usage.overview(Period.TODAY)).by_model
    assert used.model_name == "name-m-a"


async def test_rollups_add_to_what_is_there(bench: Bench) -> None:
    await bench.usage.record([record("a")])
    more = UsageTotals(9, 8, 100, 5, 1, 3_600)
    await bench.usage.record_rollups([Rollup(NOW, "m-a", more), Rollup(NOW, "m-b", more)])
    today = await bench.usage.today()
    assert today["m-a"] == UsageTotals(10, 9, 115, 1_000_005, 1, 4_000)
    assert today["m-b"] == more
    daily = await bench.rows(
        "SELECT total_requests, avg_latency_ms FROM ai_usage_daily WHERE model_id = 'm-a'"
    )
    assert daily == [(10, 400.0)]


RECORDS = st.lists(
    st.builds(
        UsageRecord,
        dedup_key=st.sampled_from([f"k{n}" for n in range(30)]),
        model_id=st.sampled_from(MODEL_IDS),
        created_at=st.integers(0, 10 * 24 * 3600 * 1000).map(
            lambda ms: NOW - timedelta(milliseconds=ms)
        ),
        status=st.sampled_from(list(RequestStatus)),
        prompt_tokens=st.integers(0, 200_000),
        completion_tokens=st.integers(0, 8_000),
        cost_usd=st.none() | st.integers(0, 10**10).map(lambda n: Decimal(n).scaleb(-9)),
        latency_ms=st.integers(0, 600_000),
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(
    batches=st.lists(RECORDS, max_size=3),
    zone=st.sampled_from(["Asia/Seoul", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu"]),
)
def test_sums_agree_with_the_log(batches: Sequence[Sequence[UsageRecord]], zone: str) -> None:
    asyncio.run(_check_sums(batches, zone))


async def _check_sums(batches: Sequence[Sequence[UsageRecord]], zone: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder), zone) as bench:
            stored = 0
            for batch in [*batches, *batches]:
                stored += await bench.usage.record(batch)
            unique = {record_id(r): r for batch in batches for r in reversed(batch)}
            assert stored == len(unique)
            assert await bench.rows("SELECT id FROM ai_usage_logs ORDER BY id") == [
                (key,) for key in sorted(unique)
            ]
            by_log = await bench.rows(
                "SELECT model_id, count(*), count(*) FILTER (WHERE status = 'success'),"
                " sum(total_tokens), CAST(sum(round(estimated_cost * 1e9)) AS INTEGER),"
                " count(*) FILTER (WHERE estimated_cost IS NULL), sum(latency_ms)"
                " FROM ai_usage_logs GROUP BY model_id ORDER BY model_id"
            )
            by_hour = await bench.rows(
                "SELECT model_id, sum(requests), sum(successes), sum(tokens),"
                " sum(cost_nano_usd), sum(unpriced_requests), sum(latency_ms_sum)"
                " FROM usage_hourly GROUP BY model_id ORDER BY model_id"
            )
            assert by_hour == [(*row[:4], row[4] or 0, *row[5:]) for row in by_log]
            await _check_days(bench)
            overview = await bench.usage.overview(Period.DAYS_30)
            assert overview.current.requests == len(unique)
            points = sum((point.totals for point in overview.trend), UsageTotals())
            models = sum((used.totals for used in overview.by_model), UsageTotals())
            assert overview.current == points == models


async def _check_days(bench: Bench) -> None:
    """The trend's days, the daily table and the log, cut by the zone, agree."""
    log = await bench.rows("SELECT created_at, latency_ms FROM ai_usage_logs")
    expected: dict[str, list[int]] = {}
    for created_at, latency_ms in log:
        moment = datetime.fromisoformat(str(created_at)).astimezone(bench.zone)
        assert isinstance(latency_ms, int)
        expected.setdefault(moment.date().isoformat(), []).append(latency_ms)
    daily = await bench.rows(
        "SELECT date, sum(total_requests), sum(avg_latency_ms * total_requests)"
        " FROM ai_usage_daily GROUP BY date"
    )
    assert {day: count for day, count, _ in daily} == {d: len(n) for d, n in expected.items()}
    for day, _, latency in daily:
        assert latency == pytest.approx(sum(expected[str(day)]))
    trend = (await bench.usage.overview(Period.DAYS_30)).trend
    by_day = {
        f"{point.start.astimezone(bench.zone).date()}": point.totals.requests for point in trend
    }
    assert {day: count for day, count in by_day.items() if count} == {
        day: len(latencies) for day, latencies in expected.items()
    }


async def test_midnight_sharp_is_the_new_day(tmp_path: Path) -> None:
    midnight = datetime(2026, 3, 17, 15, 0, tzinfo=UTC)  # 00:00 in Seoul
    async with opened(tmp_path, now=midnight, zone="Asia/Seoul") as bench:
        await bench.usage.record([record("k", at=midnight)])
        for period in (Period.TODAY, Period.DAYS_7):
            overview = await bench.usage.overview(period)
            assert overview.current.requests == 1
            assert overview.trend[-1].totals.requests == 1
