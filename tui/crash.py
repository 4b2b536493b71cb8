"""What is said and kept of an error that ended the dashboard: no variable's value, no key."""

from __future__ import annotations

import contextlib
import os
import traceback
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from store.checks import redact
from tui.text import clean

KEPT_LOGS = 10
"""Crash logs that stay in the folder; older ones are removed when one is written."""
MAX_TEXT_CHARS = 1_000_000
"""What is looked at of an error's text at all."""
MAX_LOG_CHARS = 200_000
MAX_MESSAGE_CHARS = 300


def crash_folder() -> Path:
    """Where crash logs go: the platform's folder for state, e.g. `~/.local/state/aitui`."""
    import platformdirs

    return platformdirs.user_state_path("aitui", appauthor=False)


def one_line(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """The error's type and message on one line, for the operator's terminal."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an error whose text cannot be made is still an error
        message = ""
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return _harmless(text, secrets, MAX_MESSAGE_CHARS, one_line=True)


def write_log(
    errors: Sequence[BaseException],
    secrets: Iterable[str] = (),
    *,
    folder: Path | None = None,
    now: datetime | None = None,
) -> Path:
    """Write the errors' tracebacks, without local variables, to a new file of mode 0600.

    Raises OSError if the folder cannot be written.
    """
    secrets = tuple(secrets)
    folder = crash_folder() if folder is None else folder
    now = datetime.now(UTC) if now is None else now
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"crash-{now:%Y%m%dT%H%M%S.%fZ}-{os.getpid()}.log"
    body = "\n".join(_traceback(error) for error in errors)
    text = f"aitui, {now:%Y-%m-%d %H:%M:%S} UTC\n\n{_harmless(body, secrets, MAX_LOG_CHARS)}\n"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    for old in sorted(folder.glob("crash-*.log"))[:-KEPT_LOGS]:
        with contextlib.suppress(OSError):  # another aitui may have removed it first
            old.unlink()
    return path


def report(
    errors: Sequence[BaseException],
    secrets: Iterable[str] = (),
    *,
    folder: Path | None = None,
    stopped: bool = True,
) -> str:
    """Log the errors, and return the sentences that tell the operator of the first."""
    secrets = tuple(secrets)
    what = "aitui stopped because of" if stopped else "Nothing was done because of"
    said = f"{what} an error of its own: {one_line(errors[0], secrets)}"
    try:
        path = write_log(errors, secrets, folder=folder)
    except OSError as error:
        reason = clean(error.strerror or type(error).__name__, limit=100, one_line=True)
        return f"{said}\nThe traceback could not be written to a file: {reason}.\n"
    where = clean(path, one_line=True)
    return f"{said}\nThe traceback, without keys or variables, is in {where}\n"


def _traceback(error: BaseException) -> str:
    """The traceback as Python prints it, and what the error would show of itself in Textual."""
    lines = traceback.TracebackException.from_exception(error, capture_locals=False).format()
    text = "".join(lines)
    if hasattr(error, "__rich__"):  # Textual's errors in style sheets say where only so
        import io

        from rich.console import Console

        console = Console(file=io.StringIO(), width=100, color_system=None)
        with contextlib.suppress(Exception), console.capture() as capture:
            console.print(error)
            text += "\n" + capture.get()
    return text


def _harmless(text: str, secrets: Iterable[str], limit: int, *, one_line: bool = False) -> str:
    """Cleaned, redacted and cut, in this order.

    Cleaning may join the halves of a key, and a cut may take away what a key is known by.
    """
    known = [form for secret in secrets for form in (secret, clean(secret))]
    redacted = redact(clean(text, limit=MAX_TEXT_CHARS), known)
    return clean(redacted, limit=limit, one_line=one_line)
