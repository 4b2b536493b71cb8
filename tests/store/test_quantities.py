"""Numbers as people write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import InvalidField
from store.quantities import (
    parse_flag,
    parse_number,
    parse_price,
    parse_seconds,
    parse_tokens,
    parse_whole,
)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("128k", 128_000),
        ("128K", 128_000),
        ("1M", 1_000_000),
        ("1.5m", 1_500_000),
        ("8192", 8192),
        ("128,000", 128_000),
        (" 16 k ", 16_000),
        ("", None),
    ],
)
def test_tokens(text: str, tokens: int | None) -> None:
    assert parse_tokens("context_window", text) == tokens


@pytest.mark.parametrize("text", ["abc", "-1", "1.0001k5", "0.5", "12x", "1e5", "١٢٨"])
def test_no_tokens(text: str) -> None:
    with pytest.raises(InvalidField, match="^context_window: "):
        parse_tokens("context_window", text)


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("0.01", "0.01"),
        ("$0.01", "0.01"),
        ("$0.01/1K", "0.01"),
        ("$10/1M", "0.01"),
        ("$10 per 1M tokens", "0.01"),
        ("0.00001/token", "0.01"),
        ("$0.00035", "0.00035"),
        ("1e-5/token", "0.01"),
        ("0", "0"),
    ],
)
def test_prices(text: str, price: str) -> None:
    assert parse_price("input_cost_per_1k", text) == Decimal(price)


@pytest.mark.parametrize("text", ["abc", "-1", "$", "10 EUR", "1/2", "nan", "inf"])
def test_no_prices(text: str) -> None:
    with pytest.raises(InvalidField, match="^input_cost_per_1k: "):
        parse_price("input_cost_per_1k", text)


def test_nothing_is_unpriced() -> None:
    assert parse_price("input_cost_per_1k", "") is None
    assert parse_price("input_cost_per_1k", "unpriced") is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("120", 120), ("30s", 30), ("2m", 120), ("500ms", 0.5), ("1h", 3600)]
)
def test_seconds(text: str, seconds: float) -> None:
    assert parse_seconds("timeout_seconds", text) == seconds


def test_whole_numbers_numbers_and_flags() -> None:
    assert (parse_whole("priority", "-3"), parse_number("weight", "0.5")) == (-3, 0.5)
    assert (parse_flag("is_enabled", "Yes"), parse_flag("is_enabled", "off")) == (True, False)
    for parse in (parse_whole, parse_number, parse_flag):
        with pytest.raises(InvalidField):
            parse("field", "many")


@given(st.text(max_size=40))
def test_nothing_but_a_named_field_is_raised(text: str) -> None:
    for parse in (parse_tokens, parse_price, parse_seconds, parse_whole, parse_number, parse_flag):
        try:
            parse("field", text)
        except InvalidField as error:
            assert error.field_name == "field"
