"""Differences of a plan as entries of LiteLLM's file: what the proxy has, for the store to take."""

from __future__ import annotations

import copy
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from store.errors import AituiError, ImportRefused
from store.gateway.config_entry import Notes
from store.gateway.config_file import ConfigFile, parse_config
from store.gateway.config_routes import ROUTER, read_settings
from store.gateway.desired import Base
from store.gateway.served import GROUP, HIDDEN, INFO
from store.gateway.yaml_reader import dump_yaml, read_yaml
from store.plans import Change, ChangeKind, FieldDiff, PlanValue, Subject

_NAME: Final = "what the proxy has"
_MASKED: Final = "***"
"""What LiteLLM puts in the place of most of a key."""


def adopted_models(
    changes: Sequence[Change], base: Base | None, wanted: Mapping[Any, Any]
) -> ConfigFile:
    """The models of these changes as the proxy has them, read by the rules of an import.

    What the file says is taken from there, entry by entry; what only the running proxy has, from
    the change's own values.

    Args:
        wanted: the document that the store asks for, whose entries have ids.

    Raises:
        ImportRefused: what the proxy has breaks a rule of an import, or is not shown whole.
    """
    in_file = {} if base is None else {m.id: _entry(m.kept) for m in base.file.models}
    listed = wanted.get("model_list")
    ours = {
        (entry.get("model_info") or {}).get("id"): entry
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, dict)
    }
    entries = []
    for change in changes:
        if change.subject is not Subject.MODEL or change.kind is ChangeKind.CREATE:
            continue
        said = in_file.get(change.key)
        if change.kind is ChangeKind.DELETE:
            entry = copy.deepcopy(said) if said else _with({}, change.key, change.fields)
        else:
            entry = _with(copy.deepcopy(ours[change.key]), change.key, change.fields, said)
        entries.append(entry)
    try:
        text = dump_yaml({"model_list": entries})
    except RecursionError:
        raise ImportRefused(f"{_NAME} is nested too deeply.") from None
    return parse_config(read_yaml(text, name=_NAME), source=_NAME)


def adopted_setting(name: str, value: PlanValue) -> str | int | float:
    """A router setting as an import would read it. Raises AituiError where it would not."""
    check_shown(name, name, value)
    notes = Notes()
    found = read_settings({ROUTER: {name: value}}, notes)
    for _, why in (*notes.errors, *notes.warnings):
        raise AituiError(f"{name}: the proxy's value cannot be taken: it {why}.")
    values: dict[str, str | int | float] = {
        "routing_strategy": found.strategy,
        "num_retries": found.retries,
        "timeout": found.timeout,
    }
    return values[name]


def check_shown(what: str, *values: PlanValue) -> None:
    """Raises AituiError where one of them is, or holds, what stands for a key."""
    for value in values:
        if any(mark in str(value) for mark in (HIDDEN, _MASKED)):
            raise AituiError(
                f"{what}: the proxy shows it without the key in it, so that it cannot be taken. "
                "Write it into the file, with os.environ/NAME for the key, and adopt it from there."
            )


def _entry(text: str) -> dict[str, Any]:
    value = read_yaml(text, name=_NAME, slack=True).value
    return value if isinstance(value, dict) else {}


def _with(
    entry: dict[str, Any],
    model_id: str,
    fields: Collection[FieldDiff],
    said: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The entry with the fields' old values: the file's where it differs, else the proxy's."""
    for field in fields:
        if field.name == GROUP:
            check_shown(field.name, field.old)
            entry["model_name"] = field.old
            continue
        in_info = field.name.startswith(INFO)
        section = "model_info" if in_info else "litellm_params"
        key = field.name.removeprefix(INFO)
        value = _opened(field.old)
        if said is not None and field.in_file:
            value = (said.get(section) or {}).get(key)
        else:
            check_shown(field.name, field.name, field.old)
        place = entry.setdefault(section, {})
        if value is None:
            place.pop(key, None)
        else:
            place[key] = value
    entry.setdefault("model_info", {})["id"] = model_id
    return entry


def _opened(value: PlanValue) -> object:
    """A value of a plan as it stands in the file: a mapping is its JSON there."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value
