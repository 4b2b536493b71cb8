"""`aitui usage`: requests, tokens, cost and latency of a period."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from store.domain import UsageOverview, UsageTotals
    from store.periods import Period
    from tui.commands.context import Context
    from tui.commands.parsing import Commands

PERIODS = ("today", "7d", "30d", "90d", "month")
"""The values of `store.periods.Period`, here so that `--help` need not import it."""


def register(commands: Commands) -> None:
    parser = commands.add(
        "usage",
        run_usage,
        "show use and cost of a period, by model",
        about="The period is compared with the one before it. Days are those of the time zone.",
        examples=("aitui usage --period 30d", "aitui usage --period today --json"),
    )
    parser.add_argument(
        "--period", choices=PERIODS, default="7d", help=f"{', '.join(PERIODS)} (7d)"
    )


async def run_usage(context: Context, args: argparse.Namespace) -> int:
    from store.periods import Period
    from tui import output
    from tui.commands.shapes import usage_json

    period = Period(args.period)
    async with context.store() as store:
        overview = await store.usage.overview(period)
        names = {provider.id: provider.name for provider in await store.providers.all()}
        owners = {model.id: names[model.provider_id] for model in await store.models.all()}
    if args.json:
        output.say_json(usage_json(overview))
    else:
        _show(overview, period, owners)
    return output.EXIT_OK


def _show(overview: UsageOverview, period: Period, owners: Mapping[str, str]) -> None:
    """`owners`: model id -> provider name; one name under two providers is two models."""
    from tui import format as fmt
    from tui import output

    now, before = overview.current, overview.previous
    output.say(f"{period.label} ({overview.zone}), against the period before")
    output.say_fields(
        {
            "requests": f"{fmt.count(now.requests)} ({fmt.change(now.requests, before.requests)})",
            "tokens": f"{fmt.compact(now.tokens)} ({fmt.change(now.tokens, before.tokens)})",
            "cost": f"{_cost(now)} ({fmt.change(now.cost_nano_usd, before.cost_nano_usd)})",
            "latency": f"{fmt.latency(now.avg_latency_ms)} "
            f"({fmt.change_latency(now.avg_latency_ms, before.avg_latency_ms)})",
            "errors": fmt.count(now.errors),
        }
    )
    if overview.by_model:
        output.say()
        output.say_table(
            ("MODEL", "PROVIDER", "REQUESTS", "SHARE", "TOKENS", "COST", "LATENCY", "ERRORS"),
            [
                (
                    use.model_name,
                    owners.get(use.model_id, "-"),
                    fmt.count(use.totals.requests),
                    fmt.percent(use.totals.requests, now.requests),
                    fmt.compact(use.totals.tokens),
                    _cost(use.totals),
                    fmt.latency(use.totals.avg_latency_ms),
                    fmt.count(use.totals.errors),
                )
                for use in overview.by_model
            ],
            right=frozenset({"REQUESTS", "SHARE", "TOKENS", "COST", "LATENCY", "ERRORS"}),
        )


def _cost(totals: UsageTotals) -> str:
    """USD; use that has no price is said to have none, not to be free."""
    from tui import format as fmt

    if totals.unpriced_requests and not totals.cost_nano_usd:
        return "unpriced"
    return fmt.cost(totals.cost_usd) + (" + unpriced" if totals.unpriced_requests else "")
