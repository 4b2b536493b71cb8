"""How the command line is taken apart: options that go anywhere, help that teaches."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

if TYPE_CHECKING:
    from tui.commands.context import Context

Handler: TypeAlias = "Callable[[Context, argparse.Namespace], Coroutine[Any, Any, int]]"
Subparsers: TypeAlias = "argparse._SubParsersAction[Parser]"

GLOBAL_OPTIONS = (
    ("--config", "FILE", "the settings file"),
    ("--store", "FILE", "the store"),
    ("--gateway-url", "URL", "the LiteLLM proxy"),
    ("--gateway-key-env", "NAME", "the NAME of the variable that holds the proxy's key"),
    ("--config-file", "FILE", "the file that the proxy loads; what `aitui apply` writes"),
    ("--reload", "HOW", "how the proxy takes a changed file: `none`, `hup` or `command`"),
    ("--pid", "PID", "for hup: the gunicorn or granian master, or a file with its id"),
    ("--reload-command", "COMMAND", "for command: what restarts the proxy"),
    ("--reload-shell", "YES", "give that command to a shell: yes or no"),
    ("--reload-timeout", "TIME", "how long that command may take (default 2m)"),
    ("--verify-timeout", "TIME", "until when every worker has to serve it (default 90s)"),
    ("--litellm", "FILE", "LiteLLM's executable, to check a file before it is written"),
    ("--env-file", "FILE", "a .env file with further variables"),
    ("--theme", "NAME", "the dashboard's theme"),
    ("--glyphs", "SET", "`shapes` or `emoji`"),
    ("--time-zone", "ZONE", "where days begin and end, e.g. Asia/Seoul"),
)
READ_ONLY = "--read-only"
WRITES = "[writes]"
"""Marks the commands that `--read-only` refuses."""

EXIT_CODES = """\
settings such as --store or --demo: see `aitui --help`

exit status: 0 done, 1 {failed}, 2 {usage}, 130 stopped with Ctrl+C"""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that never repeats what was typed where a key may have been pasted."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        # An abbreviation that works today means something else once there is a second option.
        super().__init__(allow_abbrev=False, **kwargs)

    def error(self, message: str) -> NoReturn:
        from store.checks import redact
        from tui.text import clean

        super().error(redact(clean(message, one_line=True)))

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        parsed, unknown = self.parse_known_args(args, namespace)
        if unknown:
            # Only the options' names: a value may be a key (`--api-key …`).
            names = [word.partition("=")[0] for word in unknown if word.startswith("--")]
            what = f"unknown option {', '.join(names)}" if names else "too many arguments"
            self.error(f"{what} (see `{self.prog} --help`)")
        return parsed


def global_options(*, shown: bool = True) -> Parser:
    """A parent for a parser: the options that may stand before or after the command.

    They are shown by `aitui --help` only, so that a command's own help is about the command.
    """

    def said(text: str) -> str:
        return text if shown else argparse.SUPPRESS

    parent = Parser(add_help=False, argument_default=argparse.SUPPRESS)
    group = parent.add_argument_group(
        said("settings, before or after a command (they win over AITUI_… and the settings file)")
    )
    group.add_argument(
        "--demo",
        action="store_true",
        help=said("a pretend proxy and a temporary store with made-up use"),
    )
    for flag, metavar, text in GLOBAL_OPTIONS:
        group.add_argument(flag, metavar=metavar, help=said(text))
    group.add_argument(
        READ_ONLY,
        action="store_true",
        help=said(f"change nothing: what is marked {WRITES} is refused"),
    )
    return parent


class Commands:
    """Adds commands to a parser, each with the same options and the same kind of help."""

    def __init__(self, subparsers: Subparsers, parent: Parser, group: Parser | None = None) -> None:
        self._subparsers = subparsers
        self._parent = parent
        self._group = group
        """What these commands belong to; its help explains the marks of theirs."""

    def add(
        self,
        name: str,
        handler: Handler,
        summary: str,
        *,
        about: str = "",
        examples: Sequence[str] = (),
        failed: str = "an error",
        usage: str = "wrong usage",
        writes: bool = False,
    ) -> Parser:
        """One command. `summary` is its line in the list; `examples` are shown by its help.

        `failed` and `usage` say what the exit statuses 1 and 2 mean.
        `writes`: it changes the store, so that read-only refuses it.
        """
        if writes and self._group is not None:
            self._group.epilog = f"{WRITES} changes the store: --read-only refuses it"
        shown = "".join(f"  {example}\n" for example in examples)
        epilog = f"examples:\n{shown}\n" if shown else ""
        parser = self._subparsers.add_parser(
            name,
            help=f"{summary} {WRITES}" if writes else summary,
            description=_sentence(summary)
            + (f"\n\n{about}" if about else "")
            + ("\n\nIt changes the store, so --read-only refuses it." if writes else ""),
            epilog=epilog + EXIT_CODES.format(failed=failed, usage=usage),
            parents=[self._parent],
        )
        parser.add_argument(
            "--json",
            action="store_true",
            default=argparse.SUPPRESS,  # or it would undo one that stands before a subcommand
            help="print the result as JSON",
        )
        parser.set_defaults(handler=handler, writes=writes)
        return parser

    def below(self, parser: Parser) -> Commands:
        """Commands below one that can also be given alone."""
        return Commands(
            parser.add_subparsers(metavar="COMMAND", title="commands"), global_options(shown=False)
        )

    def group(self, name: str, summary: str) -> Commands:
        """A command that has commands of its own."""
        parser = self._subparsers.add_parser(
            name, help=summary, description=_sentence(summary), parents=[self._parent]
        )
        subparsers = parser.add_subparsers(metavar="COMMAND", required=True, title="commands")
        return Commands(subparsers, self._parent, parser)


def _sentence(summary: str) -> str:
    return summary[:1].upper() + summary[1:] + "."


def seconds(text: str) -> float:
    """argparse type: a time in seconds, above 0 and at most 600."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError("give seconds, above 0 and at most 600")
    return value


def whole(text: str) -> int:
    """argparse type: a whole number, 0 or more."""
    if not (text.isascii() and text.isdigit() and int(text) < 2**62):
        raise argparse.ArgumentTypeError("give a whole number")
    return int(text)


def positive(text: str) -> int:
    """argparse type: a whole number above 0."""
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 2**62):
        raise argparse.ArgumentTypeError("give a whole number above 0")
    return int(text)
