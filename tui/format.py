"""Numbers and times as people read them on the screen.

Pure functions. None, NaN and infinity are `—` (a price or cost of None is `unpriced`, which is
not free). Nothing here raises for any finite number.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

NOTHING = "—"
UNPRICED = "unpriced"

Number = int | float | Decimal

_CENT = Decimal("0.01")
_TENTH = Decimal("0.1")
_SMALLEST_PRICE = Decimal("1e-12")
_ENDLESS = Decimal("1e15")
_LARGEST = Decimal("1e18")
_SMALLEST = Decimal("1e-24")
_ROUND = Context(prec=60, rounding=ROUND_HALF_UP)
_UNITS = (
    (Decimal(10**12), "T"),
    (Decimal(10**9), "B"),
    (Decimal(10**6), "M"),
    (Decimal(1000), "K"),
)

_STRATEGY_NAMES = {
    "simple-shuffle": "Simple Shuffle",
    "least-busy": "Least Busy",
    "latency-based-routing": "Latency-Based Routing",
    "cost-based-routing": "Cost-Based Routing",
    "usage-based-routing": "Usage-Based Routing",
    "usage-based-routing-v2": "Usage-Based Routing v2",
    "provider-budget-routing": "Provider-Budget Routing",
    "lar1": "LAR-1",
}


def count(number: Number | None) -> str:
    """Whole things, in full: `1,234`. Beyond 999,999,999 compact."""
    value = _decimal(number)
    if value is None:
        return NOTHING
    return f"{_whole(value):,}" if abs(value) < 10**9 else compact(value)


def plural(number: int, word: str) -> str:
    """A number and its English word: `1 request`, `1,234 requests`."""
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def compact(number: Number | None) -> str:
    """Tokens and other large numbers to one decimal: `845`, `45.2K`, `1.2M`, `3B`."""
    value = _decimal(number)
    if value is None:
        return NOTHING
    sign, value = ("-" if value < 0 else ""), abs(value)
    if value >= _ENDLESS:
        return f"{sign}>999T"
    for unit, letter in _UNITS:
        # 999,950 is 1M and not 1000K: it is the rounded value that must have reached the unit.
        in_units = _round(value / unit, _TENTH)
        if in_units >= 1 and _whole(value) >= unit - unit / 20000:
            return f"{sign}{_plain(in_units)}{letter}"
    whole = _whole(value)
    return f"{sign}{whole}" if whole else "0"


def cost(usd: Number | None) -> str:
    """USD spent, to the cent: `$1.35`, `$0.00`, `<$0.01` for less than a cent but not nothing."""
    if usd is None:
        return UNPRICED
    value = _decimal(usd)
    if value is None:
        return NOTHING
    sign, value = ("-" if value < 0 else ""), abs(value)
    if 0 < value < _CENT:
        return f"{sign}<$0.01"
    if value >= 1_000_000:
        return f"{sign}${compact(value)}" if value < _ENDLESS else f"{sign}>$999T"
    return f"{sign}${_round(value, _CENT):,}"


def price(usd_per_1k: Number | None) -> str:
    """USD per 1,000 tokens as it was set: `$0.01`, `$0.00035`, `$3`. Never an exponent."""
    if usd_per_1k is None:
        return UNPRICED
    value = _decimal(usd_per_1k)
    if value is None:
        return NOTHING
    sign, value = ("-" if value < 0 else ""), abs(value)
    if value >= 1_000_000:
        return f"{sign}${compact(value)}" if value < _ENDLESS else f"{sign}>$999T"
    if 0 < value < _SMALLEST_PRICE:
        return f"{sign}<${_SMALLEST_PRICE:f}"
    return f"{sign}${_plain(_round(value, _SMALLEST_PRICE))}"


def latency(ms: Number | None) -> str:
    """A duration in ms: `312ms`, `1.2s`, `2m 05s`, `1h 02m`."""
    value = _decimal(ms)
    if value is None:
        return NOTHING
    sign, value = ("-" if value < 0 else ""), abs(value)
    if value >= _ENDLESS:
        return f"{sign}>{10**12 // 3600:,}h"
    if (whole := _whole(value)) < 1000:
        return f"{sign}{whole}ms" if whole else "0ms"
    if (seconds := _round(value / 1000, _TENTH)) < 60:
        return f"{sign}{seconds:.1f}s"
    minutes, left = divmod(_whole(seconds), 60)
    if minutes < 60:
        return f"{sign}{minutes}m {left:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{hours:,}h {minutes:02}m"


def context(tokens: Number | None) -> str:
    """A context window: `128K` for 128,000 and for 131,072, `1M` for 1,000,000 and 1,048,576."""
    value = _decimal(tokens)
    if value is None:
        return NOTHING
    whole = _whole(value)
    # Makers count in thousands or in units of 1,024, and name both "K".
    if whole and abs(value) < _ENDLESS and whole % 1024 == 0 and whole % 1000 != 0:
        kilo = Decimal(whole // 1024)
        if abs(kilo) < 1024:
            return f"{kilo}K"
        return f"{_plain(_round(kilo / 1024, _TENTH))}M"
    return compact(value)


def percent(part: Number | None, whole: Number | None) -> str:
    """A share: `72%`; `<1%` and `>99%` where rounding would say none or all."""
    some, total = _decimal(part), _decimal(whole)
    if some is None or total is None or total == 0:
        return NOTHING
    share = _ROUND.divide(some * 100, total)
    if 0 < share < 1:
        return "<1%"
    if 99 < share < 100:
        return ">99%" if share > Decimal("99.5") else "99%"
    return f"{_whole(share)}%" if abs(share) < 10_000 else (">9,999%" if share > 0 else "<-9,999%")


def change(current: Number | None, previous: Number | None) -> str:
    """Against the period before: `+12%`, `-3%`, `0%`, `new` after nothing, `—` for none."""
    now, before = _decimal(current), _decimal(previous)
    if now is None:
        return NOTHING
    if not before:
        return "new" if now else NOTHING
    grown = _ROUND.divide((now - before) * 100, abs(before))
    if grown >= 10_000:
        return ">+9,999%"
    if grown <= -10_000:
        return "<-9,999%"
    whole = _whole(grown)
    return f"{whole:+,}%" if whole else "0%"


def change_latency(current_ms: Number | None, previous_ms: Number | None) -> str:
    """A latency against the period before: `-0.3s`, `+120ms`, `0ms`, `new`, `—`."""
    now, before = _decimal(current_ms), _decimal(previous_ms)
    if now is None:
        return NOTHING
    if before is None:
        return "new"
    difference = now - before
    # The difference is written in the unit of the two, so that 1.2s after 1.5s is -0.3s.
    if max(abs(now), abs(before)) >= 1000 and 50 <= abs(difference) < 1000:
        return f"{_round(difference / 1000, _TENTH):+.1f}s"
    text = latency(difference)
    return f"+{text}" if difference > 0 and text != "0ms" else text


def ago(then: datetime | None, now: datetime) -> str:
    """How long before `now`: `just now`, `45s ago`, `3m ago`, `2h ago`, `5d ago`, `2y ago`.

    A time without a zone is UTC. Times ahead of the clock, as from another machine, are `just now`.
    """
    if then is None:
        return NOTHING
    seconds = int((_utc(now) - _utc(then)).total_seconds())
    if seconds < 5:
        return "just now"
    for size, letter in ((365 * 86400, "y"), (86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{letter} ago"
    return f"{seconds}s ago"


def strategy(name: str | None) -> str:
    """LiteLLM's `routing_strategy` for people: `latency-based-routing` → `Latency-Based Routing`.

    A name that LiteLLM does not have is given back as it is.
    """
    return _STRATEGY_NAMES.get(name, name) if name else NOTHING


def _decimal(number: Number | None) -> Decimal | None:
    """The number as Decimal, a float by its shortest text; None if it is no finite number."""
    if number is None:
        return None
    value = Decimal(str(number)) if isinstance(number, float) else Decimal(number)
    if not value.is_finite():
        return None
    # One bound above and one below, so that no later step can overflow or lose its precision.
    size = value.copy_abs()
    if size >= _LARGEST:
        return _LARGEST.copy_sign(value)
    return _SMALLEST.copy_sign(value) if 0 < size < _SMALLEST else value


def _round(value: Decimal, step: Decimal) -> Decimal:
    return value.quantize(step, context=_ROUND)


def _whole(value: Decimal) -> int:
    return int(_round(value, Decimal(1)))


def _plain(value: Decimal) -> str:
    """Without exponent, and without zeros after the last digit that counts."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _utc(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def context_exact(tokens: int) -> str:
    """A context window that reads back as the same number: `128k`, `1M`, `131072`."""
    for factor, letter in ((1_000_000, "M"), (1_000, "k")):
        if tokens and tokens % factor == 0:
            return f"{tokens // factor}{letter}"
    return str(tokens)
