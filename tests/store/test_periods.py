"""Calendar spans: time zones, clock changes, and what a period is compared with."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store import periods
from store.periods import Period

SEOUL = ZoneInfo("Asia/Seoul")
NEW_YORK = ZoneInfo("America/New_York")
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC",
        "Asia/Seoul",
        "America/New_York",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
        "America/Santiago",
        "Pacific/Apia",
    )
]
MOMENTS = st.datetimes(
    min_value=datetime(2012, 1, 2), max_value=datetime(2035, 1, 1), timezones=st.just(UTC)
)


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def test_today_is_compared_with_yesterday_up_to_the_same_time() -> None:
    span = periods.window(Period.TODAY, utc(2026, 11, 20, 6, 30), SEOUL)
    assert span.start == utc(2026, 11, 19, 15)
    assert span.end == utc(2026, 11, 20, 6, 30)
    assert span.previous_start == utc(2026, 11, 18, 15)
    assert span.previous_end == utc(2026, 11, 19, 6, 30)


def test_seven_days_hold_today_and_are_compared_with_the_seven_before() -> None:
    span = periods.window(Period.DAYS_7, utc(2026, 11, 20, 6, 30), SEOUL)
    assert span.start == utc(2026, 11, 13, 15)
    assert span.previous_start == utc(2026, 11, 6, 15)
    assert span.previous_end == utc(2026, 11, 13, 6, 30)


def test_a_month_is_compared_with_as_much_of_the_month_before() -> None:
    span = periods.window(Period.THIS_MONTH, utc(2026, 11, 20, 6, 30), SEOUL)
    assert span.start == utc(2026, 10, 31, 15)
    assert span.previous_start == utc(2026, 9, 30, 15)
    assert span.previous_end == utc(2026, 10, 20, 6, 30)


def test_the_31st_is_compared_with_the_whole_of_a_shorter_month() -> None:
    span = periods.window(Period.THIS_MONTH, utc(2026, 3, 31, 12), ZoneInfo("UTC"))
    assert (span.previous_start, span.previous_end) == (utc(2026, 2, 1), utc(2026, 3, 1))


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 7, 1), 24)]
)
def test_days_of_clock_change_have_23_or_25_hours(day: date, hours: int) -> None:
    start = periods.day_start(day, NEW_YORK)
    end = periods.day_start(day + timedelta(days=1), NEW_YORK)
    assert end - start == timedelta(hours=hours)
    assert len(periods.hour_edges(start, end)) == hours


def test_a_day_whose_midnight_is_skipped_begins_at_the_skip() -> None:
    santiago = ZoneInfo("America/Santiago")  # on 2026-09-06 the clock went from 0:00 to 1:00
    start = periods.day_start(date(2026, 9, 6), santiago)
    assert start.astimezone(santiago).isoformat() == "2026-09-06T01:00:00-03:00"


@pytest.mark.parametrize(
    ("zone", "grain"),
    [("Asia/Seoul", 3600), ("America/New_York", 3600), ("Asia/Kolkata", 900)],
)
def test_the_grain_is_a_quarter_where_the_zone_is_not_on_whole_hours(zone: str, grain: int) -> None:
    assert periods.grain(utc(2026, 11, 20), ZoneInfo(zone)) == grain


def test_the_grain_follows_the_clock_where_summer_time_is_half_an_hour() -> None:
    lord_howe = ZoneInfo("Australia/Lord_Howe")
    assert periods.grain(utc(2026, 1, 15), lord_howe) == 3600
    assert periods.grain(utc(2026, 7, 15), lord_howe) == 900


@given(moment=MOMENTS, zone=st.sampled_from(ZONES))
def test_every_local_day_begins_with_a_bucket(moment: datetime, zone: ZoneInfo) -> None:
    start = periods.day_start(moment.astimezone(zone).date(), zone)
    assert periods.bucket(start, zone) == start.timestamp()
    bucket = datetime.fromtimestamp(periods.bucket(moment, zone), UTC)
    assert timedelta(0) <= moment - bucket < timedelta(hours=1)


@given(moment=MOMENTS, zone=st.sampled_from(ZONES), period=st.sampled_from(list(Period)))
def test_windows_are_in_order_and_their_days_cover_them(
    moment: datetime, zone: ZoneInfo, period: Period
) -> None:
    span = periods.window(period, moment, zone)
    assert span.previous_start <= span.previous_end <= span.start <= span.end == moment
    edges = periods.day_edges(span.start, span.end, zone)
    assert edges[0] == span.start
    assert edges == sorted(edges)
    last = edges[-1].astimezone(zone).date()
    assert edges[-1] <= moment
    assert periods.day_start(last + timedelta(days=1), zone) >= moment
    if period in (Period.DAYS_7, Period.DAYS_30, Period.DAYS_90):
        assert len(edges) == int(period.value[:-1]) - (moment == edges[-1] + timedelta(days=1))


@pytest.mark.parametrize(
    ("period", "label"),
    [(Period.TODAY, "15:00"), (Period.DAYS_7, "Fri"), (Period.DAYS_30, "11-20")],
)
def test_labels(period: Period, label: str) -> None:
    assert periods.label(utc(2026, 11, 20, 6), period, SEOUL) == label
