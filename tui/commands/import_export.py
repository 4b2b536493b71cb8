"""`aitui import` and `aitui export`: LiteLLM's configuration file in and out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.domain import ImportReport
    from tui.commands.context import Context
    from tui.commands.parsing import Commands


def register(commands: Commands) -> None:
    parser = commands.add(
        "import",
        run_import,
        "take over a LiteLLM configuration file",
        about=(
            "Providers, models and routes go to the store; everything else in the file is kept\n"
            "and comes back on export, with its comments and its layout. Importing the same\n"
            "file twice changes nothing. A file that holds a literal key is refused, unless\n"
            "--replace-keys puts a variable there."
        ),
        examples=(
            "aitui import litellm_config.yaml --dry-run   say what would be done",
            "aitui import litellm_config.yaml",
        ),
        failed="the file was refused; nothing was written",
        writes=True,
    )
    parser.add_argument("file", metavar="FILE", help="litellm_config.yaml")
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument(
        "--replace-keys",
        action="store_true",
        help="put os.environ/NAME where the file holds a literal key, and say which NAMEs to set",
    )
    parser = commands.add(
        "export",
        run_export,
        "write the store as a LiteLLM configuration file",
        about=(
            "The file of the last import with what was changed since: its order, comments and\n"
            "layout stay, unless it includes other files or a comment of it holds a key. Keys are\n"
            "references (os.environ/NAME). A file is replaced whole or not at all."
        ),
        examples=(
            "aitui export > litellm_config.yaml",
            "aitui export -o litellm_config.yaml --force",
        ),
        failed="an error; a file that exists was not touched",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="a file in place of stdout")
    parser.add_argument("--force", action="store_true", help="replace FILE if it exists")


async def run_import(context: Context, args: argparse.Namespace) -> int:
    from store.store import local_actor
    from tui import output
    from tui.commands.shapes import import_json

    async with context.store() as store:
        report = await store.configuration.import_file(
            Path(args.file),
            actor=local_actor(),
            dry_run=args.dry_run,
            replace_keys=args.replace_keys,
        )
    if args.json:
        output.say_json(import_json(report))
    else:
        _show(report)
    return output.EXIT_OK


def _show(report: ImportReport) -> None:
    from tui import output

    for name in report.created:
        output.say(f"+ {name}")
    for name in report.changed:
        output.say(f"~ {name}")
    for warning in report.warnings:
        output.tell(f"warning: {warning}")
    for name in report.only_in_store:
        output.tell(f"only in the store, left alone: {name}")
    would = "would be " if report.dry_run else ""
    output.say(
        f"{report.source}: {len(report.created)} {would}created, "
        f"{len(report.changed)} {would}changed, {report.unchanged} unchanged."
    )
    if report.secrets_replaced:
        names = ", ".join(report.secrets_replaced)
        output.say(f"Set these variables where LiteLLM runs, then take the keys away: {names}")
    if report.dry_run:
        output.tell("Nothing was written (--dry-run).")


async def run_export(context: Context, args: argparse.Namespace) -> int:
    import asyncio

    from tui import output
    from tui.commands.files import check_target, write_whole

    target = None if args.output in (None, "-") else Path(args.output)
    if target is not None:
        check_target(target, replace=args.force)
    async with context.store() as store:
        text = await store.configuration.export()
    if target is None:
        if args.json:
            output.say_json({"path": None, "content": text})
        else:
            output.say_file(text)
        return output.EXIT_OK
    note = await asyncio.to_thread(write_whole, target, text, replace=args.force)
    if args.json:
        output.say_json({"path": str(target), "content": None, "note": note})
    else:
        output.say(f"Wrote {target}.")
        if note:
            output.tell(note)
    return output.EXIT_OK
