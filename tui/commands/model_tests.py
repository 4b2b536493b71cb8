"""`aitui models test`: real requests through the proxy, one deployment each."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.domain import TestReport
    from store.store import Store
    from tui.commands.context import Context
    from tui.commands.parsing import Commands


def register(group: Commands) -> None:
    from tui.commands.parsing import seconds

    parser = group.add(
        "test",
        run_test,
        "send a real request to one model, or to every enabled one",
        about=(
            "The request goes through the proxy to that deployment alone: no fallback, no retry,\n"
            "no cache. It is billed. With --all four models are tested at a time; Ctrl+C stops\n"
            "the rest and prints what was done."
        ),
        examples=(
            "aitui models test gpt-4.1",
            "aitui models test openai/gpt-4o --prompt 'Say hello.' --json",
            "aitui models test --all",
        ),
        failed="a test failed",
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "name", metavar="NAME", nargs="?", help="a model_name, provider/model_name or id"
    )
    what.add_argument("--all", action="store_true", help="every enabled model")
    parser.add_argument("--prompt", metavar="TEXT", help="what to ask (one model only)")
    parser.add_argument(
        "--timeout", metavar="S", type=seconds, default=20.0, help="seconds for a test (20)"
    )


async def run_test(context: Context, args: argparse.Namespace) -> int:
    from tui import output

    if args.all and args.prompt is not None:
        output.tell_error("--prompt goes with one model, not with --all.")
        return output.EXIT_USAGE
    async with context.store() as store:
        if args.all:
            return await _test_all(store, args)
        return await _test_one(store, args)


async def _test_one(store: Store, args: argparse.Namespace) -> int:
    from tui import output
    from tui.commands.models import find_model
    from tui.commands.shapes import test_json

    model, provider = await find_model(store, args.name)
    name = f"{provider.name}/{model.model_name}"
    with output.waiting(f"Testing {name}"):
        report = await store.gateway.test_model(
            model.id, prompt=args.prompt, timeout_s=args.timeout
        )
    if args.json:
        output.say_json(test_json(report))
    else:
        _show(name, report)
    return output.EXIT_OK if report.success else output.EXIT_FAILED


def _show(name: str, report: TestReport) -> None:
    from tui import format as fmt
    from tui import output

    tokens = None
    if report.prompt_tokens is not None or report.completion_tokens is not None:
        tokens = f"{fmt.count(report.prompt_tokens)} in, {fmt.count(report.completion_tokens)} out"
    cost = None
    if report.success:
        source = {"proxy": " (LiteLLM's figure)", "store": " (the store's prices)"}
        cost = "unpriced"
        if report.cost_usd is not None:
            cost = f"{fmt.price(report.cost_usd)}{source.get(report.cost_source, '')}"
    output.say_fields(
        {
            "model": name,
            "result": "ok" if report.success else f"failed: {report.kind or 'unknown reason'}",
            "error": report.error,
            "mend": report.mend,
            "latency": fmt.latency(report.latency_ms),
            "first token": None if report.ttft_ms is None else fmt.latency(report.ttft_ms),
            "tokens": tokens,
            "cost": cost,
            "served by": report.served_by,
        }
    )
    if report.response:
        output.say()
        output.say_block(report.response)


async def _test_all(store: Store, args: argparse.Namespace) -> int:
    """Test one after another as they come; stopped, it shows what was done."""
    import asyncio
    from contextlib import aclosing

    from tui import output

    providers = {provider.id: provider for provider in await store.providers.all()}
    models = {
        model.id: f"{providers[model.provider_id].name}/{model.model_name}"
        for model in await store.models.all()
    }
    total = await store.gateway.count_testable()
    progress = output.Progress(total)
    reports: list[TestReport] = []
    stopped = False
    progress.start()
    try:
        async with aclosing(store.gateway.test_all(timeout_s=args.timeout)) as stream:
            async for report in stream:
                reports.append(report)
                name = models.get(report.model_id, report.model_name)
                progress.step(name, None if args.json else _line(name, report))
    except asyncio.CancelledError:
        stopped = True  # Ctrl+C: what was done is worth showing
    finally:
        progress.clear()
    return _finish(reports, total, stopped=stopped, as_json=args.json)


def _line(name: str, report: TestReport) -> str:
    from tui import format as fmt
    from tui.text import fit

    word = "ok" if report.success else "failed"
    why = "" if report.success else f"  {report.kind or 'unknown'}: {report.error or ''}"
    latency = fit(fmt.latency(report.latency_ms), 8, align="right")
    return f"{word:6}  {latency}  {name}{why}"


def _finish(reports: list[TestReport], total: int, *, stopped: bool, as_json: bool) -> int:
    from tui import output
    from tui.commands.shapes import test_json

    passed = sum(report.success for report in reports)
    failed = len(reports) - passed
    if as_json:
        output.say_json(
            {
                "summary": {
                    "total": total,
                    "tested": len(reports),
                    "passed": passed,
                    "failed": failed,
                    "stopped": stopped,
                },
                "results": [test_json(report) for report in reports],
            }
        )
    elif total == 0:
        output.tell("There is no enabled model to test.")
    else:
        rest = f" Stopped: {total - len(reports)} were not tested." if stopped else ""
        output.say(f"{len(reports)} of {total} tested: {passed} ok, {failed} failed.{rest}")
    if stopped:
        return output.EXIT_STOPPED
    return output.EXIT_FAILED if failed else output.EXIT_OK
