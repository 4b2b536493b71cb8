"""Environment variables: those of the process, and those of an optional `.env` file.

What the file holds stays in here. It is not put into `os.environ`, where every child process
would get it, and it is never shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from io import StringIO
from pathlib import Path

from store.errors import AituiError

MAX_FILE_BYTES = 1024 * 1024


class Environment:
    """Variables by name. The process wins over the file; an empty value counts as not set."""

    __slots__ = ("_environ", "_file", "env_file")

    def __init__(self, environ: Mapping[str, str], env_file: Path | None = None) -> None:
        """Read the file, if there is to be one. Raises AituiError if it cannot be read."""
        self._environ = environ
        self.env_file = env_file
        self._file = {} if env_file is None else _read(env_file)

    def get(self, name: str) -> str | None:
        """The variable's value, or None if it is not set or empty."""
        return self._environ.get(name) or self._file.get(name) or None

    def has(self, name: str) -> bool:
        """Whether the variable is set and not empty."""
        return self.get(name) is not None

    def source(self, name: str) -> str | None:
        """Where the variable is set: `environment`, `file PATH`, or None for nowhere."""
        if self._environ.get(name):
            return "environment"
        return f"file {self.env_file}" if self._file.get(name) else None

    def secrets(self, names: Iterable[str]) -> tuple[str, ...]:
        """The values of those variables that are set, to be kept out of a log.

        Each as it is used: without what stands around it, such as the line end of a file.
        """
        values = (self.get(name) for name in names)
        return tuple(value.strip() for value in values if value and value.strip())

    def __repr__(self) -> str:
        """No value and no name: a traceback may show it."""
        return f"Environment(env_file={str(self.env_file)!r})"


def _read(path: Path) -> dict[str, str]:
    """The file's variables as they are written: `$OTHER` is not filled in."""
    # The syntax (quotes, `export`, comments) is other people's, so theirs is the parser. Imported
    # here because most operators have no such file.
    from dotenv.parser import parse_stream

    try:
        if path.is_dir():
            raise AituiError(f"env_file: {path} is a folder. Name a file, e.g. {path / '.env'}.")
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise AituiError(
            f"env_file: there is no file {path}. Name another, or leave the setting out."
        ) from None
    except OSError as error:
        raise AituiError(f"env_file: cannot read {path}: {error.strerror}.") from None
    if len(raw) > MAX_FILE_BYTES:
        raise AituiError(f"env_file: {path} is over 1 MiB, so it is no .env file.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AituiError(f"env_file: {path} is not UTF-8 text. Save it as UTF-8.") from None
    variables = {}
    for binding in parse_stream(StringIO(text)):
        if binding.error:
            raise AituiError(
                f"env_file: {path}, line {binding.original.line}: cannot be read. "
                "Write NAME=value, with quotes round a value that holds spaces or #."
            )
        if binding.key is not None and binding.value is not None:
            variables[binding.key] = binding.value
    return variables
