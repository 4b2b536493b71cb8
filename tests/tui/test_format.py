"""Numbers and times read as the wireframes write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.domain import STRATEGIES
from tui import format as fmt
from tui.format import Number

NOW = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)

NUMBERS = st.one_of(
    st.integers(),
    st.integers(min_value=-(10**400), max_value=10**400),
    st.floats(),
    st.decimals(allow_nan=True, allow_infinity=True),
    st.sampled_from([Decimal("1E+999999"), Decimal("1E-999999"), Decimal("sNaN"), Decimal("-0")]),
)
ONE_NUMBER: list[Callable[[Number | None], str]] = [
    fmt.count,
    fmt.compact,
    fmt.cost,
    fmt.price,
    fmt.latency,
    fmt.context,
]


@pytest.mark.parametrize(
    ("function", "value", "shown"),
    [
        (fmt.count, 0, "0"),
        (fmt.count, 89, "89"),
        (fmt.count, 1234, "1,234"),
        (fmt.count, 8234, "8,234"),
        (fmt.count, -1234, "-1,234"),
        (fmt.count, 2_500_000_000, "2.5B"),
        (fmt.compact, 0, "0"),
        (fmt.compact, 845, "845"),
        (fmt.compact, 999, "999"),
        (fmt.compact, 1000, "1K"),
        (fmt.compact, 12_100, "12.1K"),
        (fmt.compact, 45_210, "45.2K"),
        (fmt.compact, 999_949, "999.9K"),
        (fmt.compact, 999_950, "1M"),
        (fmt.compact, 1_234_567, "1.2M"),
        (fmt.compact, -45_210, "-45.2K"),
        (fmt.compact, 10**400, ">999T"),
        (fmt.compact, float("nan"), "—"),
        (fmt.compact, None, "—"),
        (fmt.cost, Decimal("1.35"), "$1.35"),
        (fmt.cost, Decimal("24.555"), "$24.56"),
        (fmt.cost, Decimal("0.02"), "$0.02"),
        (fmt.cost, Decimal("0.0099"), "<$0.01"),
        (fmt.cost, Decimal("0.00"), "$0.00"),
        (fmt.cost, 0, "$0.00"),
        (fmt.cost, Decimal("1234.5"), "$1,234.50"),
        (fmt.cost, Decimal("1234567"), "$1.2M"),
        (fmt.cost, Decimal("-1.35"), "-$1.35"),
        (fmt.cost, None, "unpriced"),
        (fmt.cost, Decimal("Infinity"), "—"),
        (fmt.price, Decimal("0.01"), "$0.01"),
        (fmt.price, Decimal("0.00035"), "$0.00035"),
        (fmt.price, Decimal("0.0014"), "$0.0014"),
        (fmt.price, Decimal("3.50E-4"), "$0.00035"),
        (fmt.price, Decimal("1E+1"), "$10"),
        (fmt.price, Decimal("3.000"), "$3"),
        (fmt.price, 0.00035, "$0.00035"),
        (fmt.price, Decimal(0), "$0"),
        (fmt.price, Decimal("1E-30"), "<$0.000000000001"),
        (fmt.price, None, "unpriced"),
        (fmt.latency, 0, "0ms"),
        (fmt.latency, 312, "312ms"),
        (fmt.latency, 999.4, "999ms"),
        (fmt.latency, 999.6, "1.0s"),
        (fmt.latency, 1234, "1.2s"),
        (fmt.latency, 59_940, "59.9s"),
        (fmt.latency, 59_960, "1m 00s"),
        (fmt.latency, 125_000, "2m 05s"),
        (fmt.latency, 3_720_000, "1h 02m"),
        (fmt.latency, None, "—"),
        (fmt.context, 128_000, "128K"),
        (fmt.context, 131_072, "128K"),
        (fmt.context, 1_000_000, "1M"),
        (fmt.context, 1_048_576, "1M"),
        (fmt.context, 1_047_576, "1M"),
        (fmt.context, 2_097_152, "2M"),
        (fmt.context, 200_000, "200K"),
        (fmt.context, 8192, "8K"),
        (fmt.context, 32_768, "32K"),
        (fmt.context, 16_385, "16.4K"),
        (fmt.context, 512, "512"),
        (fmt.context, 0, "0"),
        (fmt.context, None, "—"),
    ],
)
def test_one_number(function: Callable[[object], str], value: object, shown: str) -> None:
    assert function(value) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (72, 100, "72%"),
        (1, 3, "33%"),
        (1, 1000, "<1%"),
        (999, 1000, ">99%"),
        (0, 5, "0%"),
        (5, 5, "100%"),
        (5, 0, "—"),
        (None, 5, "—"),
        (10**30, 1, ">9,999%"),
    ],
)
def test_percent(part: int | None, whole: int, shown: str) -> None:
    assert fmt.percent(part, whole) == shown


@pytest.mark.parametrize(
    ("current", "previous", "shown"),
    [
        (112, 100, "+12%"),
        (97, 100, "-3%"),
        (100, 100, "0%"),
        (100, 99.9, "0%"),
        (0, 100, "-100%"),
        (1500, 100, "+1,400%"),
        (10**9, 1, ">+9,999%"),
        (5, 0, "new"),
        (5, None, "new"),
        (0, 0, "—"),
        (0, None, "—"),
        (None, 5, "—"),
    ],
)
def test_change(current: int | None, previous: float | None, shown: str) -> None:
    assert fmt.change(current, previous) == shown


@pytest.mark.parametrize(
    ("current", "previous", "shown"),
    [
        (1200, 1500, "-0.3s"),
        (1500, 1200, "+0.3s"),
        (620, 500, "+120ms"),
        (1010, 1000, "+10ms"),
        (4000, 1000, "+3.0s"),
        (500, 500, "0ms"),
        (500, None, "new"),
        (None, 500, "—"),
        (None, None, "—"),
    ],
)
def test_change_of_latency(current: int | None, previous: int | None, shown: str) -> None:
    assert fmt.change_latency(current, previous) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-3600, "just now"),
        (4, "just now"),
        (45, "45s ago"),
        (200, "3m ago"),
        (7300, "2h ago"),
        (5 * 86400, "5d ago"),
        (800 * 86400, "2y ago"),
    ],
)
def test_ago(seconds: int, shown: str) -> None:
    assert fmt.ago(NOW - timedelta(seconds=seconds), NOW) == shown


def test_ago_of_nothing_and_of_other_zones() -> None:
    assert fmt.ago(None, NOW) == "—"
    seoul = timezone(timedelta(hours=9))
    assert fmt.ago(datetime(2026, 1, 15, 20, 57, tzinfo=seoul), NOW) == "3m ago"
    assert fmt.ago(datetime(2026, 1, 15, 11, 57), NOW) == "3m ago"


def test_every_strategy_has_a_name() -> None:
    assert fmt.strategy("latency-based-routing") == "Latency-Based Routing"
    assert fmt.strategy("usage-based-routing-v2") == "Usage-Based Routing v2"
    assert all(fmt.strategy(name) != name for name in STRATEGIES)
    assert fmt.strategy("my-own") == "my-own"
    assert fmt.strategy(None) == "—"


@given(NUMBERS, NUMBERS)
def test_nothing_raises_and_all_is_short(first: Number, second: Number) -> None:
    texts = [function(first) for function in ONE_NUMBER]
    texts += [function(first, second) for function in (fmt.percent, fmt.change, fmt.change_latency)]
    for text in texts:
        assert 0 < len(text) <= 24
        assert "E" not in text
        assert "e" not in text.replace("new", "").replace("unpriced", "")


def _amount(text: str) -> Decimal:
    """A compact number or a latency back as a number, for order only."""
    scale = {"K": 10**3, "M": 10**6, "B": 10**9, "T": 10**12}
    text = text.lstrip("<>$").replace(",", "")
    return Decimal(text[:-1]) * scale[text[-1]] if text[-1] in scale else Decimal(text)


@given(
    st.integers(min_value=0, max_value=10**15 - 1), st.integers(min_value=0, max_value=10**15 - 1)
)
def test_more_is_never_written_as_less(first: int, second: int) -> None:
    low, high = sorted((first, second))
    assert _amount(fmt.compact(low)) <= _amount(fmt.compact(high))
    assert _amount(fmt.cost(Decimal(low) / 1000)) <= _amount(fmt.cost(Decimal(high) / 1000))


@given(st.decimals(min_value=0, max_value=1000, places=9))
def test_a_price_reads_back_equal(value: Decimal) -> None:
    assert Decimal(fmt.price(value).removeprefix("$")) == value
