"""Questions on the terminal. No is the default, and the answer where there is nobody to ask."""

from __future__ import annotations

import argparse
import sys


async def agreed(args: argparse.Namespace, question: str) -> int | None:
    """None if the operator agrees (`--yes`, or `y` on a terminal), else the exit status."""
    from tui import output

    if args.yes:
        return None
    if not can_ask():
        output.tell(question)
        output.tell_error("nothing was changed: add --yes to say so without a terminal to ask on.")
        return output.EXIT_USAGE
    if await said_yes(question):
        return None
    output.tell("Nothing was changed.")
    return output.EXIT_FAILED


def can_ask() -> bool:
    """Whether there is a terminal to ask on."""
    return sys.stdin.isatty() and sys.stderr.isatty()


async def said_yes(question: str) -> bool:
    """Ask on the terminal; True for `y` or `yes`."""
    return (await typed(f"{question} [y/N]")).lower() in ("y", "yes")


async def typed(question: str) -> str:
    """What the operator types on the terminal after `question`, without blanks around it."""
    import asyncio

    from tui.text import clean

    sys.stderr.write(f"{clean(question, one_line=True)} ")
    sys.stderr.flush()
    # Reading in the loop, not in a thread: Ctrl+C and SIGTERM end it at once.
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def came() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(sys.stdin.fileno(), came)
    try:
        await ready
    finally:
        loop.remove_reader(sys.stdin.fileno())
    return sys.stdin.readline().strip()


def add_yes_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
