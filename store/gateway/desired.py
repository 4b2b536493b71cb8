"""The proxy's file as the store would have it: the operator's own file, with our values in it.

The file on disk decides its order, its comments, its layout and everything that is not managed
here. Models are matched by id (the one that is written there, or the one that an import derives).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from store.domain import Model, Provider, Route
from store.errors import ImportRefused
from store.gateway.config_export import Exported, export
from store.gateway.config_file import ConfigFile, parse_config
from store.gateway.config_include import Files, read_files
from store.gateway.config_kept import load_kept
from store.gateway.config_routes import CONTEXT_FALLBACKS, FALLBACKS, LITELLM, ROUTER, section
from store.gateway.yaml_comments import key_in_comment
from store.gateway.yaml_edit import edit_yaml
from store.gateway.yaml_reader import Path as YamlPath
from store.gateway.yaml_reader import path_text, read_yaml
from store.gateway.yaml_text import same

_MODEL_LIST: Final = "model_list"
_INCLUDE: Final = "include"
_MOST_TOLD: Final = 10

Moved = dict[YamlPath, Sequence[int | None]]


@dataclass(frozen=True, slots=True)
class Base:
    """The operator's file as it stands."""

    path: Path
    data: bytes
    text: str
    file: ConfigFile
    document: Mapping[Any, Any]
    """What LiteLLM reads: the includes resolved."""
    files: Files


@dataclass(frozen=True, slots=True)
class Desired:
    """The file as it shall be."""

    text: str
    document: Mapping[Any, Any]
    """What LiteLLM will read: the includes resolved."""


def read_base(path: Path, *, text: str | None = None) -> Base:
    """The file at `path`, with what the files that it includes add.

    `text` is taken for what the file says, where it is given.

    Raises:
        ImportRefused: it cannot be read, breaks a rule, or holds a literal key, be it in a
            comment. One sentence, with the line.
    """
    return _base(path, read_files(path, text=text))


def base_of_text(text: str, *, name: str) -> Base:
    """A file that stands nowhere: `text`, which includes no others. Errors as `read_base`."""
    document = read_yaml(text, name=name)
    return _base(Path(name), Files(text, document, (), document, ()))


def _base(path: Path, files: Files) -> Base:
    line = key_in_comment(files.text)
    if line is not None:
        raise ImportRefused(
            f"{path.name}: a comment in line {line} holds what looks like a key; remove it."
        )
    file = parse_config(files.merged, source=str(path), warnings=files.warnings)
    data = files.text.encode("utf-8")  # the text is these bytes decoded, so this is exact
    return Base(path, data, files.text, file, file.document, files)


def desired_file(
    base: Base, providers: Sequence[Provider], models: Sequence[Model], routes: Sequence[Route]
) -> Desired:
    """The file with the store's providers, models and routes in it, as near to `base` as can be.

    Entries that are no models stay; models and routes that the store lacks go.

    Raises:
        InvalidField: the store's routes contradict each other; see `export`.
        ImportRefused: what an included file says would have to change.
    """
    exported = export(base.file.kept, providers, _as_in_file(base, models), routes)
    own, order, document = _split(base, exported)
    moved = dict(_moved(_mapping(base.files.first.value), own, order))
    return Desired(edit_yaml(base.text, own, moved=moved), document)


def _as_in_file(base: Base, models: Sequence[Model]) -> list[Model]:
    """The models, each with what the file says beside our fields, in the file's order.

    A model that the file lacks stands behind the one that it follows in the store.
    """
    there = {model.id: model for model in base.file.models}
    ordered = sorted(models, key=lambda model: (model.position, model.id))
    ids = {model.id for model in ordered}
    order: list[str | None] = [None, *(model.id for model in base.file.models if model.id in ids)]
    before: str | None = None
    for model in ordered:
        if model.id not in there:
            order.insert(order.index(before) + 1, model.id)
        before = model.id
    places = {model_id: place for place, model_id in enumerate(order)}
    return [
        replace(
            model,
            position=places[model.id],
            kept=there[model.id].kept if model.id in there else model.kept,
        )
        for model in ordered
    ]


def _mapping(value: object) -> Mapping[Any, Any]:
    return value if isinstance(value, dict) else {}


def _moved(
    before: Mapping[Any, Any], after: Mapping[Any, Any], order: Sequence[int | None]
) -> Iterator[tuple[YamlPath, Sequence[int | None]]]:
    """Which entry of the old list each entry of a new list is, for the lists of ours."""
    if isinstance(before.get(_MODEL_LIST), list) and isinstance(after.get(_MODEL_LIST), list):
        yield (_MODEL_LIST,), order
    for name in (ROUTER, LITELLM):
        for key in (FALLBACKS, CONTEXT_FALLBACKS):
            old, new = section(before, name).get(key), section(after, name).get(key)
            if isinstance(old, list) and isinstance(new, list):
                yield (name, key), _same_keys(old, new)


def _same_keys(old: Sequence[object], new: Sequence[object]) -> list[int | None]:
    """For each entry of `new`, the place of the entry of `old` that has its key."""
    left: dict[str, list[int]] = {}
    for place, entry in enumerate(old):
        left.setdefault(_key(entry), []).append(place)
    found = (left.get(_key(entry)) for entry in new)
    return [places.pop(0) if places else None for places in found]


def _key(entry: object) -> str:
    single = isinstance(entry, dict) and len(entry) == 1
    return repr(next(iter(entry)) if single else entry)  # type: ignore[call-overload]


def _split(
    base: Base, exported: Exported
) -> tuple[dict[Any, Any], tuple[int | None, ...], dict[Any, Any]]:
    """What the main file has to say itself, so that all files together say what was exported.

    Of lists LiteLLM puts the main file's entries first; for everything else the last file wins.

    Returns:
        The main file's value, where its models stood, and the value of all files together.
    """
    main, wanted = _mapping(base.files.first.value), dict(exported.document)
    listed = main.get(_MODEL_LIST)
    count = len(listed) if isinstance(listed, list) else 0
    entries = list(zip(exported.order, wanted.get(_MODEL_LIST) or (), strict=True))
    ours = [(place, raw) for place, raw in entries if place is None or place < count]
    theirs = [(place, raw) for place, raw in entries if place is not None and place >= count]
    if entries:
        wanted[_MODEL_LIST] = [raw for _, raw in (*ours, *theirs)]
    elsewhere = [_mapping(document.value) for document in base.files.included]
    own = {key: value for key, value in main.items() if key == _INCLUDE or key in wanted}
    for key, value in wanted.items():
        if key in base.document and same(value, base.document[key]):
            continue
        if not any(key in other for other in elsewhere):
            own[key] = value
        elif key == _MODEL_LIST and isinstance(value, list):
            _check_included(base, count, theirs)
            if ours or isinstance(listed, list):
                own[key] = [raw for _, raw in ours]
        else:
            raise _refused(base, (key,), base.document.get(key), value)
    if not same(_merged(own, elsewhere), wanted):
        where = base.files.merged.where((_MODEL_LIST,))
        raise ImportRefused(
            f"aitui edits {base.path.name} only; {where}: {_MODEL_LIST} replaces what would be "
            f"written there. Take it out, or move the models to {base.path.name}."
        )
    return own, tuple(place for place, _ in ours), wanted


def _merged(own: Mapping[Any, Any], elsewhere: Sequence[Mapping[Any, Any]]) -> dict[Any, Any]:
    """All files together, as `config_include` reads them."""
    merged = {key: value for key, value in own.items() if key != _INCLUDE}
    for other in elsewhere:
        for key, value in other.items():
            before = merged.get(key)
            if isinstance(before, list) and isinstance(value, list):
                merged[key] = [*before, *value]
            else:
                merged[key] = value
    merged.pop(_INCLUDE, None)
    return merged


def _check_included(base: Base, count: int, theirs: Sequence[tuple[int, Any]]) -> None:
    """Refuse where a model of an included file would have to change or go."""
    present = dict(theirs)
    ids = load_kept(base.file.kept).entries
    before = base.document.get(_MODEL_LIST) or []
    lacking: list[str] = []
    for place in range(count, len(before)):
        path: YamlPath = (_MODEL_LIST, place)
        if place not in present:
            raise _refused(base, path, before[place], None)
        if same(before[place], present[place]):
            continue
        found = _difference(before[place], present[place], path)
        if found != (*path, "model_info", "id") and found != (*path, "model_info"):
            raise _refused(base, path, before[place], present[place])
        lacking.append(f"id {ids[place]} at {base.files.merged.where(path)}")
    if lacking:
        more = len(lacking) - _MOST_TOLD
        raise ImportRefused(
            f"aitui edits {base.path.name} only; give the included models their id under "
            f"model_info there: {', '.join(lacking[:_MOST_TOLD])}"
            + (f", and {more} more." if more > 0 else ".")
        )


def _refused(base: Base, path: YamlPath, before: object, after: object) -> ImportRefused:
    place = _difference(before, after, path)
    where = base.files.merged.where(place)
    return ImportRefused(
        f"aitui edits {base.path.name} only; {where}: {path_text(place)} would have to "
        f"{'go' if after is None else 'change'}. Edit it there, or move it to {base.path.name}."
    )


def _difference(before: object, after: object, path: YamlPath) -> YamlPath:
    """The path of the first value in which two values differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in (*before, *after):
            if not same(before.get(key), after.get(key)):
                part = key if isinstance(key, str | int) else str(key)
                return _difference(before.get(key), after.get(key), (*path, part))
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (old, new) in enumerate(zip(before, after, strict=True)):
            if not same(old, new):
                return _difference(old, new, (*path, number))
    return path
