"""`aitui routes lint|explain`: what LiteLLM will make of the routes, before it does."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.explain import Explanation
    from tui.commands.context import Context
    from tui.commands.parsing import Commands


def register(group: Commands) -> None:
    parser = group.add(
        "lint",
        run_lint,
        "look for what is wrong with the routes, or will surprise",
        about="Errors break or mislead, warnings surprise, notes are hints.",
        examples=("aitui routes lint", "aitui routes lint fast --json"),
        failed="there are errors (a warning is none)",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="only this route")
    parser = group.add(
        "explain",
        run_explain,
        "say which model would serve a request, step by step, and why",
        about="Nothing is sent: it is reckoned from the store, as LiteLLM would do it.",
        examples=(
            "aitui routes explain default --tokens 50000",
            "aitui routes explain fast --tokens 200k --failing gemini-1.5-flash,anthropic",
        ),
        failed="nobody would serve it",
    )
    parser.add_argument("name", metavar="NAME", help="what is asked for: a route or a model_name")
    parser.add_argument("--tokens", metavar="N", default="1000", help="the prompt's length (1000)")
    parser.add_argument(
        "--failing",
        metavar="NAME,…",
        action="append",
        default=[],
        help="models and providers that are taken to fail",
    )
    parser.add_argument(
        "--pre-call-checks",
        action="store_true",
        help="as with LiteLLM's router_settings.enable_pre_call_checks",
    )


async def run_lint(context: Context, args: argparse.Namespace) -> int:
    from store.linter import Severity, lint_route
    from tui import output
    from tui.commands.routes import find_route
    from tui.commands.shapes import lint_json

    async with context.store() as store:
        world = await store.edit.world()
        wanted = world.routes if args.name is None else (await find_route(store, args.name),)
    found = [
        (route, lint)
        for route in wanted
        for lint in lint_route(route, world.routes, world.models, world.providers)
    ]
    counts = [sum(lint.severity is severity for _, lint in found) for severity in Severity]
    if args.json:
        findings = [lint_json(lint, route) for route, lint in found]
        output.say_json({"ok": not counts[0], "findings": findings})
    else:
        for route, lint in found:
            where = lint.field if lint.index is None else f"{lint.field} {lint.index + 1}"
            output.say(f"{lint.severity.value:7}  {route.name}, {where}: {lint.message}")
            output.say(f"         mend: {lint.mend}")
        words = (
            f"{n} {s.value}{'' if n == 1 else 's'}" for s, n in zip(Severity, counts, strict=True)
        )
        output.say(", ".join(words))
    return output.EXIT_FAILED if counts[0] else output.EXIT_OK


async def run_explain(context: Context, args: argparse.Namespace) -> int:
    from store.errors import InvalidField
    from store.explain import explain
    from store.quantities import parse_tokens
    from tui import output
    from tui.commands.shapes import explanation_json

    tokens = parse_tokens("tokens", args.tokens)
    if tokens is None:
        raise InvalidField("tokens", "write a number of tokens, e.g. 50000 or 50k.")
    failing = [name.strip() for given in args.failing for name in given.split(",") if name.strip()]
    async with context.store() as store:
        world = await store.edit.world()
    explanation = explain(
        args.name,
        tokens=tokens,
        failing=failing,
        routes=world.routes,
        models=world.models,
        providers=world.providers,
        pre_call_checks=args.pre_call_checks,
    )
    if args.json:
        output.say_json({"tokens": tokens, **explanation_json(explanation)})
    else:
        _show(explanation)
    return output.EXIT_FAILED if explanation.served_by is None else output.EXIT_OK


def _show(explanation: Explanation) -> None:
    from tui import output

    for number, step in enumerate(explanation.steps, 1):
        output.say(f"{number:2}. {step.model_name} {step.outcome.value}: {step.reason}")
    for note in explanation.notes:
        output.say(f"note: {note}")
    served = explanation.served_by
    output.say("Nobody would serve it." if served is None else f"{served} would serve it.")
