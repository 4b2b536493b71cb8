"""`aitui doctor`: what is there, what is missing, and how to mend it."""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from store.doctor import Finding
    from store.store import Store
    from tui.commands.context import Context
    from tui.commands.parsing import Commands


def register(commands: Commands) -> None:
    commands.add(
        "doctor",
        run_doctor,
        "look for what is missing or wrong, and say how to mend it",
        about=(
            "Settings and where they come from, the store, the proxy, its version and key,\n"
            "and the providers' keys. Changes nothing, and reports the rest where a part fails."
        ),
        examples=("aitui doctor", "aitui doctor --json"),
        failed="something has failed (a warning is not a failure)",
    )


async def run_doctor(context: Context, args: argparse.Namespace) -> int:
    from store.doctor import diagnose
    from store.errors import AituiError

    async with AsyncExitStack() as stack:
        settings, environment = context.settings, context.environment
        door: Store | AituiError | None = None
        if context.demo or _is_there(settings.store_path):  # looking must not make a store
            try:
                door = store = await stack.enter_async_context(context.store())
                settings, environment = store.settings, store.environment
                if context.demo:
                    sources = {**settings.sources, "store_path": "demo", "gateway_url": "demo"}
                    settings = replace(settings, sources=sources)
            except AituiError as error:
                door = error
        findings = await diagnose(settings, environment, door)
    return show([*context.problems, *findings], as_json=args.json)


def _is_there(path: Path) -> bool:
    """False only where there is nothing; where it cannot be told, opening it says why."""
    try:
        path.stat()
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return True


def show(findings: Sequence[Finding], *, as_json: bool) -> int:
    """Print the findings; the exit status."""
    from store.doctor import Level
    from tui import output
    from tui.commands.shapes import finding_json

    failed = any(finding.level is Level.FAIL for finding in findings)
    if as_json:
        output.say_json({"ok": not failed, "findings": [finding_json(f) for f in findings]})
    else:
        for finding in findings:
            output.say(f"{finding.level.value:4}  {finding.subject}: {finding.message}")
            if finding.mend:
                output.say(f"      mend: {finding.mend}")
        ok, warned, bad = (sum(f.level is level for f in findings) for level in Level)
        output.say(f"{ok} ok, {warned} warning{'' if warned == 1 else 's'}, {bad} failed")
    return output.EXIT_FAILED if failed else output.EXIT_OK
