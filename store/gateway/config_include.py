"""A configuration file with its `include:` files merged in, as LiteLLM merges them.

The rules are those of LiteLLM 1.106.2, `litellm/proxy/common_utils/config_includes.py`: breadth
first; lists are extended, every other value of the included file wins; a path is relative to the
file that names it, else to the first file; a file that was read already is not read again.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Final

from store.checks import redact
from store.errors import ImportRefused
from store.gateway.yaml_reader import MAX_BYTES, MAX_NODES, Path, YamlDocument, read_yaml

MAX_FILES: Final = 50


@dataclass(frozen=True, slots=True)
class Files:
    """A configuration file, and what LiteLLM makes of it and the files that it includes."""

    text: str
    """The first file's own text."""
    first: YamlDocument
    """What it says by itself, `include` with it."""
    included: tuple[YamlDocument, ...]
    """The other files, in the order in which they are merged."""
    merged: YamlDocument
    warnings: tuple[str, ...]


def read_files(path: FilePath, *, text: str | None = None) -> Files:
    """The file's mapping, its includes resolved, and warnings about them.

    `text` is taken for what the first file says, where it is given.

    Raises:
        ImportRefused: a file cannot be read, is not a YAML mapping, or breaks a bound.
    """
    try:
        root = FilePath(os.path.abspath(path))
    except OSError:
        raise ImportRefused(
            f"{path} cannot be read: the current folder is gone. Change to another."
        ) from None
    first_text = read_text(root, shown=str(path)) if text is None else text
    document = read_yaml(first_text, name=path.name)
    if document.value is None:
        raise ImportRefused(f"{path} is empty. Give LiteLLM's configuration file.")
    merged = _Merged(document)
    files: list[YamlDocument] = []
    warnings: list[str] = []
    pending = _included(document, root)
    loaded = {root}
    while pending:
        entry, declared_in, where = pending.pop(0)
        target = _resolve(entry, declared_in, root)
        if target in loaded:
            warnings.append(f"{where}: {redact(repr(entry))} is included a second time; read once.")
            continue
        loaded.add(target)
        if len(loaded) > MAX_FILES:
            raise ImportRefused(f"{where}: more than {MAX_FILES} files are included.")
        try:
            found = read_text(target, shown=redact(repr(entry)))
        except ImportRefused as error:
            raise ImportRefused(f"{where}: the included file {error}") from None
        included = read_yaml(found, name=os.path.relpath(target, root.parent))
        merged.add(included)
        files.append(included)
        pending += _included(included, target)
    return Files(first_text, document, tuple(files), merged.document(), tuple(warnings))


def read_text(path: FilePath, *, shown: str) -> str:
    """The file's text. Raises ImportRefused: not there, not a file, too large, not UTF-8."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)  # else a FIFO would block for ever
    try:
        descriptor = os.open(path, flags)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ImportRefused(f"{shown} is not a regular file.")
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise ImportRefused(f"{shown} cannot be read: {reason}.") from None
    if len(data) > MAX_BYTES:
        raise ImportRefused(f"{shown} is larger than {MAX_BYTES // 2**20} MiB.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ImportRefused(f"{shown} line {line}: is not UTF-8 text.") from None


def _resolve(entry: str, declared_in: FilePath, root: FilePath) -> FilePath:
    beside = os.path.abspath(os.path.join(declared_in.parent, entry))
    at_root = os.path.abspath(os.path.join(root.parent, entry))
    missing_beside = at_root != beside and not _exists(beside)
    return FilePath(at_root if missing_beside and _exists(at_root) else beside)


def _exists(path: str) -> bool:
    try:
        return os.path.exists(path)
    except ValueError:  # a NUL in the name
        return False


def _mapping(document: YamlDocument) -> dict[object, object]:
    if document.value is None:
        return {}  # LiteLLM takes an empty included file for an empty mapping
    if not isinstance(document.value, dict):
        raise ImportRefused(
            f"{document.where(())}: the file is not a mapping of settings such as model_list:."
        )
    return document.value


def _included(document: YamlDocument, path: FilePath) -> list[tuple[str, FilePath, str]]:
    config = _mapping(document)
    if "include" not in config:
        return []
    entries = config["include"]
    if not isinstance(entries, list) or not all(isinstance(entry, str) for entry in entries):
        raise ImportRefused(f"{document.where(('include',))}: include must be a list of files.")
    return [
        (entry, path, document.where(("include", number))) for number, entry in enumerate(entries)
    ]


@dataclass(slots=True)
class _Merged:
    """The merged mapping so far, and where each of its parts came from."""

    first: YamlDocument
    value: dict[object, object] = field(init=False)
    lines: dict[Path, int] = field(init=False)
    origins: dict[Path, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        config = _mapping(self.first)
        self.value = {key: config[key] for key in config if key != "include"}
        self.lines = dict(self.first.lines)

    def add(self, included: YamlDocument) -> None:
        config = _mapping(included)
        if len(self.lines) + len(included.lines) > MAX_NODES:
            raise ImportRefused(
                f"{self.first.name} comes to more than {MAX_NODES:,} values with its includes."
            )
        offsets: dict[str | int, int] = {}
        replaced: set[str | int] = set()
        for key, value in config.items():
            if key == "include":
                continue
            part = key if isinstance(key, str | int) else str(key)
            before = self.value.get(key)
            if isinstance(before, list) and isinstance(value, list):
                offsets[part] = len(before)
                self.value[key] = [*before, *value]
                for number in range(len(before), len(before) + len(value)):
                    self.origins[(part, number)] = included.name
            else:
                offsets[part] = 0
                self.value[key] = value
                replaced.add(part)
        self._forget(replaced)
        self.origins.update({(part,): included.name for part in replaced})
        for path, line in included.lines.items():
            if path and path[0] in offsets:
                self._place(path, offsets[path[0]], line)

    def _forget(self, parts: set[str | int]) -> None:
        def keeps(path: Path) -> bool:
            return not path or path[0] not in parts

        self.lines = {path: line for path, line in self.lines.items() if keeps(path)}
        self.origins = {path: name for path, name in self.origins.items() if keeps(path)}

    def _place(self, path: Path, offset: int, line: int) -> None:
        if offset and len(path) > 1 and isinstance(path[1], int):
            self.lines[(path[0], path[1] + offset, *path[2:])] = line
        elif not offset:
            self.lines[path] = line

    def document(self) -> YamlDocument:
        return YamlDocument(self.value, self.lines, self.first.name, self.origins)
