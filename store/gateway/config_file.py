"""LiteLLM's configuration file to providers, models and routes.

What the store does not manage is kept whole: in each model's `kept` entry, and in the kept
document around the models. `store.gateway.config_export` puts all of it together again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Any, Final

from store.checks import printable
from store.domain import Model, Provider, Route
from store.errors import ImportRefused
from store.gateway.config_entry import Entry, Notes, read_entry
from store.gateway.config_include import Files, read_files
from store.gateway.config_kept import Kept, UnknownEntry, dump_kept
from store.gateway.config_routes import RouteReader
from store.gateway.provider_names import base_name, display_name
from store.gateway.secrets import clean_document
from store.gateway.yaml_comments import key_in_comment
from store.gateway.yaml_edit import edit_yaml
from store.gateway.yaml_reader import Path, YamlDocument, dump_yaml, path_text

MIN_SECRET: Final = 4
"""Shorter ones stand in any text by chance."""

_MODEL_LIST: Final = "model_list"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a configuration file holds. `warnings` name a path in the file each."""

    providers: tuple[Provider, ...]
    models: tuple[Model, ...]
    routes: tuple[Route, ...]
    kept: str
    """The document around the models, for the export."""
    warnings: tuple[str, ...]
    secrets_replaced: tuple[str, ...]
    """Variables that now stand where literal keys stood."""
    source: str
    document: Mapping[Any, Any] = field(default_factory=dict, compare=False, repr=False)
    """The file's whole value: includes resolved, literal keys replaced."""
    text: str | None = field(default=None, compare=False, repr=False)
    """The file's own text, for the export to keep its comments and layout. None where that cannot
    be: it includes others, or a comment of it holds a key."""


def read_config(path: FilePath, *, replace_keys: bool = False) -> ConfigFile:
    """The file at `path`, with the files that it includes.

    Args:
        replace_keys: put `os.environ/NAME` where the file holds a literal key.

    Raises:
        ImportRefused: it cannot be read, breaks a rule, or holds a literal key. One sentence,
            with the line.
    """
    files = read_files(path)
    source = printable(str(path))
    file = parse_config(
        files.merged, source=source, replace_keys=replace_keys, warnings=files.warnings
    )
    return replace(file, text=_own_text(files, file))


def _own_text(files: Files, file: ConfigFile) -> str | None:
    """The file's text without its literal keys; None where it cannot be kept."""
    if isinstance(files.first.value, dict) and "include" in files.first.value:
        return None
    text = files.text
    if file.secrets_replaced:
        text = edit_yaml(text, file.document)
        secrets = _replaced(files.first.value, file.document)
        if any(len(secret) >= MIN_SECRET and secret in text for secret in secrets):
            return None  # a comment says it again
    return text if key_in_comment(text) is None else None


def _replaced(before: object, after: object) -> Iterator[str]:
    """The values, as text, that stand in `before` and not in `after`."""
    if isinstance(before, dict) and isinstance(after, Mapping):
        for key, value in before.items():
            yield from _replaced(value, after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        for value, other in zip(before, after, strict=True):
            yield from _replaced(value, other)
    elif before != after:
        yield before.decode("latin-1") if isinstance(before, bytes) else str(before).strip()


def parse_config(
    document: YamlDocument,
    *,
    source: str,
    replace_keys: bool = False,
    warnings: Iterable[str] = (),
) -> ConfigFile:
    """A document, its includes resolved, as domain values. Raises ImportRefused."""
    if not isinstance(document.value, dict):
        raise ImportRefused(
            f"{source}: the file is not a mapping of settings such as model_list: and "
            "router_settings:."
        )
    cleaned = clean_document(document, replace_keys=replace_keys)
    value = cleaned.document.value
    assert isinstance(value, dict)
    reader = _Reader(cleaned.document, value)
    entries = reader.model_entries()
    models = reader.models(entries)
    groups: dict[str, str] = {}
    for model in models:
        groups.setdefault(model.model_name, model.id)
    routes = RouteReader(reader.kept, groups, reader.notes).read()
    reader.raise_errors()
    return ConfigFile(
        providers=tuple(reader.providers.values()),
        models=tuple(models),
        routes=routes,
        kept=dump_kept(reader.kept),
        warnings=(*warnings, *cleaned.warnings, *reader.warnings()),
        secrets_replaced=tuple(cleaned.replaced),
        source=source,
        document=value,
    )


class _Reader:
    """The model list to models and their providers."""

    def __init__(self, document: YamlDocument, value: dict[Any, Any]) -> None:
        self.document = document
        self.value = value
        self.notes = Notes()
        self.kept = Kept(document=dict(value))
        self.providers: dict[tuple[str, str | None, str | None], Provider] = {}
        self.provider_names: set[str] = set()
        self.display_names: set[str] = set()
        self.ids: set[str] = set()

    def model_entries(self) -> list[tuple[int, dict[Any, Any], Entry]]:
        """The entries that can be understood, with their index; the others go to `kept`."""
        listed = self.value.get(_MODEL_LIST)
        if listed is None:
            return []
        if not isinstance(listed, list):
            where = self.document.where((_MODEL_LIST,))
            raise ImportRefused(f"{where}: {_MODEL_LIST} must be a list of models.")
        self.kept.document[_MODEL_LIST] = []
        entries = []
        for index, raw in enumerate(listed):
            notes = Notes()
            entry = read_entry(raw, notes)
            base: Path = (_MODEL_LIST, index)
            self.notes.warnings += [((*base, *path), text) for path, text in notes.warnings]
            self.notes.errors += [((*base, *path), text) for path, text in notes.errors]
            if entry is None:
                self.kept.entries.append(UnknownEntry(raw))
            else:
                self.kept.entries.append("")  # its id is known once all explicit ids are
                entries.append((index, raw, entry))
        return entries

    def models(self, entries: list[tuple[int, dict[Any, Any], Entry]]) -> list[Model]:
        ids = self._all_ids(entries)
        models = []
        for index, raw, entry in entries:
            self.kept.entries[index] = ids[index]
            models.append(self._model(index, ids[index], raw, entry))
        return models

    def _all_ids(self, entries: list[tuple[int, dict[Any, Any], Entry]]) -> dict[int, str]:
        """An id for each entry: its own, else one made from what it says."""
        ids = entry_ids([(index, entry) for index, _, entry in entries])
        for index, _, entry in entries:
            if entry.id is not None and entry.id != ids[index]:
                path = (_MODEL_LIST, index, "model_info", "id")
                self.notes.warnings.append(
                    (path, "is the id of another model; this one gets a new id")
                )
        return ids

    def _model(self, index: int, model_id: str, raw: dict[Any, Any], entry: Entry) -> Model:
        if entry.id != model_id:
            # Written into the entry, so that an export reads back as the same model.
            raw = {**raw, "model_info": {**(raw.get("model_info") or {}), "id": model_id}}
        return Model(
            id=model_id,
            provider_id=self._provider(entry).id,
            model_name=entry.model_name,
            display_name=entry.display_name,
            litellm_model=entry.litellm_model,
            description=entry.description,
            context_window=entry.context_window,
            max_tokens=entry.max_tokens,
            input_cost_per_1k=entry.input_cost_per_1k,
            output_cost_per_1k=entry.output_cost_per_1k,
            supports_vision=entry.supports_vision,
            supports_streaming=entry.supports_streaming,
            supports_function_calling=entry.supports_function_calling,
            mode=entry.mode,
            weight=entry.weight,
            timeout_seconds=entry.timeout_seconds,
            position=index,
            kept=dump_yaml(raw),
        )

    def _provider(self, entry: Entry) -> Provider:
        identity = (entry.litellm_provider, entry.api_base, entry.api_key_env)
        found = self.providers.get(identity)
        if found is None:
            name = base_name(entry.litellm_provider, entry.api_key_env)
            found = Provider(
                id=_derived("p-", json.dumps(identity), 0),
                name=_unused(name, self.provider_names, "-"),
                display_name=_unused(
                    display_name(entry.litellm_provider, name), self.display_names, " "
                ),
                litellm_provider=entry.litellm_provider,
                api_base_url=entry.api_base,
                api_key_env=entry.api_key_env,
            )
            self.providers[identity] = found
        return found

    def raise_errors(self) -> None:
        if self.notes.errors:
            path, text = self.notes.errors[0]
            more = len(self.notes.errors) - 1
            rest = f" {more} more values break a rule." if more else ""
            raise ImportRefused(f"{self.document.where(path)}: {path_text(path)} {text}.{rest}")

    def warnings(self) -> list[str]:
        return [
            f"{self.document.where(path)}: {path_text(path)} "
            f"{text if ';' in text else text + '; kept as it is'}."
            for path, text in self.notes.warnings
        ]


def entry_ids(entries: Sequence[tuple[int, Entry]]) -> dict[int, str]:
    """The id of each entry, by its index: its own where it is the first with it, else one made
    from what it says."""
    ids: dict[int, str] = {}
    taken: set[str] = set()
    for index, entry in entries:
        if entry.id is not None and entry.id not in taken:
            ids[index] = entry.id
            taken.add(entry.id)
    counts: dict[str, int] = {}
    for index, entry in entries:
        if index in ids:
            continue
        parts = (entry.model_name, entry.litellm_model, entry.api_base, entry.api_key_env)
        basis = json.dumps(parts)
        number = counts.get(basis, 0)
        while (new := _derived("m-", basis, number)) in taken:
            number += 1
        counts[basis] = number + 1
        taken.add(new)
        ids[index] = new
    return ids


def _derived(prefix: str, basis: str, number: int) -> str:
    return (
        prefix
        + hashlib.sha256(f"{basis}#{number}".encode("utf-8", "backslashreplace")).hexdigest()[:12]
    )


def _unused(wanted: str, taken: set[str], joint: str) -> str:
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}{joint}{number}"
    taken.add(name)
    return name
