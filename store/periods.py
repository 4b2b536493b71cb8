"""Spans of time as the operator's calendar cuts them: today, the last N days, this month.

Days are those of the reporting time zone, so one with a clock change has 23 or 25 hours. All
edges are aware datetimes in UTC; spans are half-open, `[start, end)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

HOUR_S = 3_600
QUARTER_S = 900

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


class Period(StrEnum):
    """What the operator can look at. The last N days include today, up to now."""

    TODAY = "today"
    DAYS_7 = "7d"
    DAYS_30 = "30d"
    DAYS_90 = "90d"
    THIS_MONTH = "month"

    @property
    def label(self) -> str:
        return _LABELS[self]


_LABELS = {
    Period.TODAY: "Today",
    Period.DAYS_7: "Last 7 Days",
    Period.DAYS_30: "Last 30 Days",
    Period.DAYS_90: "Last 90 Days",
    Period.THIS_MONTH: "This Month",
}

_DAYS = {Period.TODAY: 1, Period.DAYS_7: 7, Period.DAYS_30: 30, Period.DAYS_90: 90}


@dataclass(frozen=True, slots=True)
class Window:
    """A period and the one it is compared with, which stops at the same time of day.

    Both are equally long on the calendar: half of today against half of yesterday.
    """

    start: datetime
    end: datetime
    previous_start: datetime
    previous_end: datetime


def window(period: Period, now: datetime, zone: ZoneInfo) -> Window:
    """The edges of `period` at `now` (aware), and of the period before it."""
    local = now.astimezone(zone)
    today = local.date()
    if period is Period.THIS_MONTH:
        first = today.replace(day=1)
        before = (first - timedelta(days=1)).replace(day=1)
        start = day_start(first, zone)
        # On the 31st the month before may have ended already: compare with the whole of it.
        day_before = min(before + (today - first), first)
        previous_end = min(_same_time(local, day_before, zone), start)
    else:
        days = _DAYS[period]
        first = today - timedelta(days=days - 1)
        before = first - timedelta(days=days)
        start = day_start(first, zone)
        previous_end = min(_same_time(local, today - timedelta(days=days), zone), start)
    return Window(start, now.astimezone(UTC), day_start(before, zone), previous_end)


def _same_time(local: datetime, day: date, zone: ZoneInfo) -> datetime:
    """`local`'s time of day on another day, as UTC."""
    return datetime.combine(day, local.time(), tzinfo=zone).astimezone(UTC)


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The first moment of a local day, as UTC.

    Where the clock skips midnight that is the moment of the skip; where midnight comes twice, the
    first one (PEP 495, fold=0).
    """
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def day_edges(start: datetime, end: datetime, zone: ZoneInfo) -> list[datetime]:
    """The beginning of every local day from `start`'s to that which holds the end."""
    day = start.astimezone(zone).date()
    last = (end - timedelta(microseconds=1)).astimezone(zone).date()
    last = max(day, last)
    return [day_start(day + timedelta(days=n), zone) for n in range((last - day).days + 1)]


def hour_edges(start: datetime, end: datetime) -> list[datetime]:
    """Every hour from `start` on that begins before the end, and `start` itself at least."""
    hours = max(1, -((start - end) // timedelta(hours=1)))
    return [start + timedelta(hours=n) for n in range(hours)]


def grain(at: datetime, zone: ZoneInfo) -> int:
    """Seconds of one rollup bucket: an hour, or a quarter where the zone is not on whole hours.

    Then every local day begins with a bucket: Kolkata is 5:30 ahead of UTC, Kathmandu 5:45.
    """
    offset = at.astimezone(zone).utcoffset() or timedelta()
    return HOUR_S if offset.total_seconds() % HOUR_S == 0 else QUARTER_S


def bucket(at: datetime, zone: ZoneInfo) -> int:
    """The rollup bucket of a moment: epoch seconds of the bucket's start."""
    seconds = int(at.timestamp() // 1)
    return seconds - seconds % grain(at, zone)


def label(at: datetime, period: Period, zone: ZoneInfo) -> str:
    """A bucket's name on the trend's axis: `14:00`, `Mon` or `11-22`."""
    local = at.astimezone(zone)
    if period is Period.TODAY:
        return f"{local:%H:%M}"
    if period is Period.DAYS_7:
        return _WEEKDAYS[local.weekday()]
    return f"{local:%m-%d}"
