"""The `aitui` command: takes the command line apart and starts what it asks for.

Nothing heavy is imported before a command is known: `--version` and `--help` answer at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tui.commands.parsing import GLOBAL_OPTIONS, Commands, Handler, Parser, global_options

if TYPE_CHECKING:
    from store.environment import Environment
    from store.settings import Settings

DESCRIPTION = """\
The operator's console for a LiteLLM proxy. Without a command it opens the dashboard.
"""

EPILOG = """\
first steps:
  aitui --demo                          look around: a pretend proxy, nothing to set up
  aitui import litellm_config.yaml      take over a configuration
  aitui doctor                          find out what is missing
  aitui                                 the dashboard
  aitui plan                            what the running proxy does not serve yet
  aitui apply                           make it serve that, proved by reading it back

exit status: 0 done, 1 an error or a failed test or check, 2 wrong usage, 130 stopped with Ctrl+C
(`aitui plan` ends with 2 where something differs)
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `aitui`; the exit status. Never raises, and never shows a traceback."""
    secrets: list[str] = []
    _open_closed_streams()
    try:
        return _run(_parse(argv), secrets)
    except SystemExit as stop:  # argparse: --help, --version, wrong usage
        return stop.code if isinstance(stop.code, int) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        from tui import output

        output.abandon(sys.stdout)
        return output.EXIT_PIPE
    except Exception as error:  # noqa: BLE001 - the last resort: a traceback could show a key
        return _fail(error, secrets)


def _open_closed_streams() -> None:
    """Under `>&-` Python has no stream at all, and the next file opened would take its number."""
    while (number := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line; what argparse printed itself is out when it raises SystemExit."""
    try:
        return build_parser().parse_args(argv)
    except SystemExit:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError:
            from tui import output

            output.say()  # fails as well, and says why
        raise


def _fail(error: Exception, secrets: Sequence[str]) -> int:
    from store.errors import AituiError
    from tui import crash, output

    if isinstance(error, AituiError):
        output.tell_error(error)
    else:
        output.tell_block(crash.report([error], secrets))
    return output.EXIT_FAILED


def build_parser() -> Parser:
    """The whole command line."""
    from tui.commands import (
        apply,
        catalog,
        doctor,
        history,
        import_export,
        models,
        plan,
        providers,
        revisions,
        routes,
        usage,
    )

    parser = Parser(
        prog="aitui", description=DESCRIPTION, epilog=EPILOG, parents=[global_options()]
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    parser.set_defaults(handler=None, json=False, writes=False)
    subparsers = parser.add_subparsers(metavar="COMMAND", title="commands", parser_class=Parser)
    commands = Commands(subparsers, global_options(shown=False))
    for topic in (
        import_export,
        models,
        providers,
        routes,
        plan,
        apply,
        revisions,
        history,
        catalog,
        usage,
        doctor,
    ):
        topic.register(commands)
    return parser


class _Version(argparse.Action):
    """Reads the version only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("aitui")
        except PackageNotFoundError:
            number = "(not installed)"
        sys.stdout.write(f"aitui {number}\n")
        parser.exit()


def _run(args: argparse.Namespace, secrets: list[str]) -> int:
    """Run the command. Keys that come up are added to `secrets`, to be kept out of a crash log."""
    handler: Handler | None = args.handler
    flags = _flags(args)
    demo: bool = getattr(args, "demo", False)
    if handler is None:
        return _dashboard(flags, demo=demo)
    from tui.commands.context import Context
    from tui.commands.doctor import run_doctor
    from tui.commands.refusals import refusable

    if handler is run_doctor:
        return _doctor(flags, args, demo=demo)
    settings, environment = _load(flags)
    secrets += environment.secrets([settings.gateway_key_env])
    if args.writes and settings.read_only and not getattr(args, "dry_run", False):
        from store.errors import ReadOnly

        raise ReadOnly(settings.read_only_because)  # before anything is asked or read
    context = Context(settings, environment, demo=demo)
    return run_until_signal(lambda: refusable(handler, context, args))


def _flags(args: argparse.Namespace) -> dict[str, str]:
    """The settings among the options, those that were given."""
    names = [flag.removeprefix("--").replace("-", "_") for flag, _, _ in GLOBAL_OPTIONS]
    flags = {name: getattr(args, name) for name in names if hasattr(args, name)}
    if getattr(args, "read_only", False):
        flags["read_only"] = "yes"
    return flags


def _load(flags: Mapping[str, str]) -> tuple[Settings, Environment]:
    from store.environment import Environment
    from store.settings import load_settings

    settings = load_settings(flags, os.environ)
    return settings, Environment(os.environ, settings.env_file)


def _dashboard(flags: Mapping[str, str], *, demo: bool) -> int:
    from tui import output

    settings, environment = _load(flags)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        output.tell_error(
            "the dashboard needs a terminal. `aitui --help` lists the commands that do not."
        )
        return output.EXIT_USAGE
    from tui.app import run_dashboard

    return run_dashboard(settings, environment, demo=demo)


def _doctor(flags: Mapping[str, str], args: argparse.Namespace, *, demo: bool) -> int:
    """`doctor` reports settings that cannot be loaded in place of stopping at them."""
    from store.doctor import settings_failed
    from store.environment import Environment
    from store.errors import AituiError
    from store.settings import load_settings
    from tui.commands.context import Context
    from tui.commands.doctor import run_doctor, show

    try:
        settings = load_settings(flags, os.environ)
    except AituiError as error:
        return show([settings_failed(error)], as_json=args.json)
    try:
        context = Context(settings, Environment(os.environ, settings.env_file), demo)
    except AituiError as error:
        context = Context(settings, Environment(os.environ), demo, (settings_failed(error),))
    return run_until_signal(lambda: run_doctor(context, args))


def run_until_signal(start: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run a command; SIGTERM and SIGHUP end it as Ctrl+C does, with everything closed."""
    import asyncio
    import signal

    received: list[int] = []

    async def run() -> int:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()

        def stop(number: int) -> None:
            received.append(number)
            task.cancel()

        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                loop.add_signal_handler(number, stop, number)
        return await start()

    try:
        status = asyncio.run(run())
    except asyncio.CancelledError:
        status = 130
    return 128 + received[0] if received else status
