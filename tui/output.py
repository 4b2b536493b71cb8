"""The one place that writes to stdout and stderr, and that decides exit codes.

Results go to stdout, everything else to stderr. Whatever comes from data is cleaned first, also
into a pipe: it may end in a terminal. No escape sequence is ever written, so there is nothing
that `NO_COLOR` would have to turn off.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TextIO

from store.checks import redact
from store.errors import AituiError
from tui.text import cell_width, clean, fit

EXIT_OK = 0
EXIT_FAILED = 1
"""An error, a failed test, something unhealthy."""
EXIT_USAGE = 2
"""argparse's own."""
EXIT_STOPPED = 130
"""Ctrl+C: 128 + SIGINT."""
EXIT_PIPE = 141
"""The reader of our output is gone: 128 + SIGPIPE, as other programs end."""

BAR_CELLS = 24


MAX_CHARACTERS = 1_000_000
"""More than any answer of a model; what is longer ends with `…`."""


def say(text: str = "") -> None:
    """A line of the result. A line end inside it cannot forge a second one."""
    _write(sys.stdout, clean(text, limit=MAX_CHARACTERS, one_line=True) + "\n")


def say_block(text: str) -> None:
    """Lines of the result, as many as `text` has."""
    _write(sys.stdout, clean(text, limit=MAX_CHARACTERS).rstrip("\n") + "\n")


def tell(text: str) -> None:
    """A line that is not the result: progress, a hint."""
    _write(sys.stderr, clean(text, one_line=True) + "\n")


def tell_block(text: str) -> None:
    """Lines that are not the result, as many as `text` has."""
    _write(sys.stderr, clean(text).rstrip("\n") + "\n")


def tell_error(error: object) -> None:
    """An error as one sentence. Redacted once more: whoever made the sentence may have erred."""
    _write(sys.stderr, f"aitui: {redact(clean(error, one_line=True))}\n")


def say_json(value: object) -> None:
    """The result as JSON: ASCII only, so that no reader's encoding can break or bend it."""
    _write(sys.stdout, json.dumps(value, ensure_ascii=True, allow_nan=False, indent=2) + "\n")


def say_file(text: str) -> None:
    """A whole file, byte for byte; the caller vouches that it holds no control characters."""
    _write(sys.stdout, text)


def say_table(
    headers: Sequence[str], rows: Iterable[Sequence[object]], right: frozenset[str] = frozenset()
) -> None:
    """Aligned columns, measured in terminal cells; columns named in `right` are right-aligned."""
    lines = [list(headers), *([clean(cell, one_line=True) for cell in row] for row in rows)]
    widths = [max(cell_width(line[n]) for line in lines) for n in range(len(headers))]
    for line in lines:
        cells = [
            fit(text, width, align="right" if header in right else "left")
            for text, width, header in zip(line, widths, headers, strict=True)
        ]
        say("  ".join(cells).rstrip())


def say_fields(fields: Mapping[str, object]) -> None:
    """Name and value, one a line, the values in one column; None is left out."""
    shown = {name: value for name, value in fields.items() if value is not None}
    width = max(map(cell_width, shown), default=0)
    for name, value in shown.items():
        say(f"{fit(name, width)}  {clean(value)}")


class Redrawn:
    """A line on stderr that the next one replaces; nothing at all where that is no terminal.

    It is redrawn with a carriage return and spaces, without escapes.
    """

    def __init__(self) -> None:
        self._drawn = 0
        self.is_terminal = sys.stderr.isatty()

    def draw(self, text: str) -> None:
        """Put `text` in the place of what stands there, cut to the terminal's width."""
        self.clear()
        if not self.is_terminal:
            return
        line = fit(text, min(cell_width(text), max(_columns() - 1, 0)))
        _write(sys.stderr, line)
        self._drawn = cell_width(line)

    def clear(self) -> None:
        """Take the line away, so that another can be written in its place."""
        if self._drawn:
            _write(sys.stderr, "\r" + " " * self._drawn + "\r")
            self._drawn = 0


class Progress:
    """A bar on stderr where that is a terminal, plain lines where it is not."""

    def __init__(self, total: int) -> None:
        self._total = max(total, 1)
        self._done = 0
        self._line = Redrawn()

    def start(self) -> None:
        self._draw("")

    def step(self, text: str, result: str | None = None) -> None:
        """One more is done: `text` names it. `result` is a line for stdout."""
        self._done += 1
        self.clear()
        if result is not None:
            say(result)
        if self._line.is_terminal:
            self._draw(text)
        elif result is None:
            tell(f"{self._done}/{self._total} {text}")

    def clear(self) -> None:
        """Take the bar away, so that a line can be written in its place."""
        self._line.clear()

    def _draw(self, text: str) -> None:
        full = min(self._done, self._total) * BAR_CELLS // self._total
        bar = f"[{'#' * full}{'.' * (BAR_CELLS - full)}] {self._done}/{self._total} "
        self._line.draw(bar + text)


@contextmanager
def waiting(text: str) -> Iterator[None]:
    """While something takes its time: a note on stderr, if that is a terminal, then taken away."""
    line = clean(text, one_line=True) + " ..."
    if not sys.stderr.isatty():
        yield
        return
    _write(sys.stderr, line)
    try:
        yield
    finally:
        _write(sys.stderr, "\r" + " " * cell_width(line) + "\r")


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


def _write(stream: TextIO, text: str) -> None:
    """Raises BrokenPipeError, and AituiError where stdout takes no more: a full disk, say."""
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            # LANG=C or PYTHONIOENCODING=ascii: show the rest as \uXXXX, lose nothing.
            encoding = stream.encoding or "ascii"
            stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        abandon(stream)
        if stream is sys.stdout:  # what goes to stderr has nowhere else to go
            reason = error.strerror or type(error).__name__
            raise AituiError(f"stdout: cannot be written: {reason}.") from None


def abandon(stream: TextIO) -> None:
    """Nobody takes it: send what is left nowhere, or Python complains at the exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
