"""Numbers as people write them: `128k`, `1M`, `$0.01`, `$10/1M`, `30s`. For forms and commands."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation

from store.errors import InvalidField

_NUMBER = re.compile(r"(?P<number>[0-9][0-9_,]*(?:\.[0-9]+)?|\.[0-9]+)\s*(?P<unit>[a-zA-Z]?)")
_PRICE = re.compile(
    r"\$?\s*(?P<number>[0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE]-?[0-9]{1,2})?|\.[0-9]+)\s*"
    r"(?:(?:/|per)\s*(?P<per>1?\s*[kKmM]|token|1000|1000000|1,000|1,000,000)\s*(?:tokens?)?)?"
)
_SECONDS = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)\s*(?P<unit>ms|s|m|min|h)?")

_FACTORS = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000, "b": 1_000_000_000}
_SECOND_FACTORS = {
    "ms": Decimal("0.001"),
    None: Decimal(1),
    "s": Decimal(1),
    "m": Decimal(60),
    "min": Decimal(60),
    "h": Decimal(3_600),
}


def parse_tokens(field_name: str, text: str) -> int | None:
    """A number of tokens: `128000`, `128,000`, `128k`, `1M`, `1.5m`; None for nothing.

    Raises:
        InvalidField: it is no whole number of tokens.
    """
    text = text.strip()
    if not text:
        return None
    match = _NUMBER.fullmatch(text)
    factor = _FACTORS.get(match["unit"].lower()) if match else None
    if match is None or factor is None:
        raise InvalidField(field_name, "write a number of tokens, e.g. 128k, 1M or 8192.")
    value = _decimal(match["number"]) * factor
    if value != value.to_integral_value():
        raise InvalidField(field_name, "must be a whole number of tokens, e.g. 128k or 8192.")
    return int(value)


def parse_price(field_name: str, text: str) -> Decimal | None:
    """A price in USD per 1,000 tokens; None for nothing (unpriced).

    `0.01`, `$0.01`, `$0.01/1K` are per 1K; `$10/1M` is per million; `$0.00001/token` per token.

    Raises:
        InvalidField: it is no price.
    """
    text = text.strip()
    if not text or text.lower() == "unpriced":
        return None
    match = _PRICE.fullmatch(text)
    if match is None:
        raise InvalidField(field_name, "write USD per 1K tokens, e.g. 0.01 or $0.01, or $10/1M.")
    value = _decimal(match["number"])
    per = (match["per"] or "1k").lower().replace(" ", "").replace(",", "")
    if per == "token":
        value *= 1_000
    elif per.endswith("m") or per == "1000000":
        value /= 1_000
    return value.normalize()


def parse_seconds(field_name: str, text: str) -> float | None:
    """A duration in seconds: `120`, `120s`, `2m`, `500ms`; None for nothing."""
    text = text.strip()
    if not text:
        return None
    match = _SECONDS.fullmatch(text)
    if match is None:
        raise InvalidField(field_name, "write seconds, e.g. 120, 30s or 2m.")
    return float(_decimal(match["number"]) * _SECOND_FACTORS[match["unit"]])


def parse_whole(field_name: str, text: str) -> int | None:
    """A whole number, which may be below zero; None for nothing."""
    text = text.strip()
    if not text:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,12}", text):
        raise InvalidField(field_name, "write a whole number, e.g. 3.")
    return int(text)


def parse_number(field_name: str, text: str) -> float | None:
    """A number; None for nothing."""
    text = text.strip()
    if not text:
        return None
    if not re.fullmatch(r"[+-]?[0-9]{1,12}(?:\.[0-9]{1,12})?", text):
        raise InvalidField(field_name, "write a number, e.g. 1 or 0.5.")
    return float(text)


def parse_flag(field_name: str, text: str) -> bool:
    """yes or no, in the usual words."""
    word = text.strip().lower()
    if word in ("yes", "true", "on", "1", "y"):
        return True
    if word in ("no", "false", "off", "0", "n"):
        return False
    raise InvalidField(field_name, "write yes or no.")


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text.replace(",", "").replace("_", ""))
    except InvalidOperation:  # digits of other scripts do not get here; this is the last resort
        return Decimal(0)
