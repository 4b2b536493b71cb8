"""The store against the proxy's file and the running proxy: the plan, and what it rests on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from store.checks import printable
from store.domain import Route
from store.errors import AituiError, ImportRefused, InvalidField
from store.gateway.desired import Base, Desired, base_of_text, desired_file, read_base
from store.gateway.difference import Difference, difference
from store.gateway.live import Live
from store.gateway.reload import make_reloader
from store.gateway.served import Served, served_in
from store.gateway.yaml_reader import read_yaml
from store.linter import Severity, lint_all
from store.plans import Change, Plan
from store.revisions import Basis
from store.settings import Settings
from store.validation import World

MOST_NOTES: Final = 12
NO_FILE: Final = (
    "gateway.config_file is not set, so there is nothing to write: set it to the file that the "
    "proxy loads (AITUI_CONFIG_FILE, --config-file)."
)
EMPTY_STORE: Final = (
    "the store is empty and nothing was ever imported, so everything would go from the file: "
    "`aitui import FILE` takes it over first."
)
NO_TEXT: Final = (
    "the path of gateway.config_file is no UTF-8 text, so the journal of an apply cannot hold it: "
    "rename the file or its folder."
)
IN_DATABASE: Final = (
    "this proxy keeps its models in a database (store_model_in_db): a file that is edited beside "
    "it makes models vanish. Change them in LiteLLM, or let it serve from the file alone."
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The store's side: what is to be served, and what the last apply said."""

    world: World
    retired: tuple[Route, ...]
    """Routes that are gone, disabled."""
    exported: str
    """The store as a file, for where no file is named."""
    basis: Basis | None
    """The last revision that counts as applied."""
    last_outage_ms: int | None
    audit_id: int
    """The newest row of the audit log that is part of it."""
    to_revision: int | None
    audit_before: int | None
    """For an undo, the newest row of the audit log now: what the store goes back from."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A plan, and what an apply needs of what it was made from."""

    plan: Plan
    base: Base | None
    desired: Desired | None
    wanted: Served | None
    live: Live | None
    audit_id: int
    audit_before: int | None


@dataclass(frozen=True, slots=True)
class Sides:
    """The two files, read and compared with nothing yet; memory of the last reading."""

    base: Base | None
    desired: Desired | None
    wanted: Served | None
    file: Served | None
    applied: Served | None
    blocker: str | None


def read_sides(settings: Settings, wanted: Wanted) -> Sides:
    """Read the file, and put the store's values in it. Blocking: seconds for a large file.

    Raises:
        ImportRefused: the file cannot be read, or breaks a rule.
    """
    applied = None if wanted.basis is None else served_in(_document(wanted.basis.yaml))
    world = wanted.world
    if settings.config_file is None:
        base = base_of_text(wanted.exported, name="the export")
        desired = Desired(wanted.exported, base.document)
        return Sides(None, desired, served_in(base.document), None, applied, None)
    base = read_base(settings.config_file)
    file = served_in(base.document)
    try:
        desired = desired_file(
            base, world.providers, world.models, (*world.routes, *wanted.retired)
        )
    except (InvalidField, ImportRefused) as error:
        return Sides(base, None, None, file, applied, str(error))
    return Sides(base, desired, served_in(desired.document), file, applied, None)


def served_with(path: Path, text: str) -> Served:
    """What the proxy serves that loads `text` from `path`. Raises ImportRefused."""
    return served_in(read_base(path, text=text).document)


def _document(text: str) -> Mapping[Any, Any]:
    value = read_yaml(text, name="the last revision's file", slack=True).value
    return value if isinstance(value, dict) else {}


def compare(
    settings: Settings,
    wanted: Wanted,
    sides: Sides,
    live: Live | AituiError,
    at: datetime,
) -> Comparison:
    """The plan. `live` is what the proxy serves, or why it could not be read."""
    seen = None if isinstance(live, AituiError) else live
    found = Difference((), ())
    if sides.wanted is not None:
        found = difference(sides.wanted, sides.file, seen, sides.applied)
    waits = wanted.basis is not None and wanted.basis.waits
    changes = tuple(map(_not_loaded, found.changes)) if waits else found.changes
    in_database = (seen is not None and seen.db_mode) or _in_database(sides.base)
    blockers = list(_blockers(sides, wanted, found, in_database))
    plan = Plan(
        changes=changes,
        notes=(
            *found.notes,
            *_waiting_note(wanted.basis, changes),
            *_database_note(seen, in_database),
            *_lint_notes(wanted.world),
        ),
        blockers=tuple(blockers),
        made_at=at,
        file=None if sides.base is None else str(sides.base.path),
        live_error=str(live) if isinstance(live, AituiError) else None,
        reload=make_reloader(settings, last_outage_ms=wanted.last_outage_ms).describe(),
        fingerprint=_fingerprint(sides, wanted),
        yaml="" if sides.desired is None else sides.desired.text,
        yaml_before="" if sides.base is None else sides.base.text,
        to_revision=wanted.to_revision,
    )
    return Comparison(
        plan, sides.base, sides.desired, sides.wanted, seen, wanted.audit_id, wanted.audit_before
    )


def _blockers(sides: Sides, wanted: Wanted, found: Difference, in_database: bool) -> Iterator[str]:
    world = wanted.world
    if sides.blocker is not None:
        yield sides.blocker
    if sides.base is None:
        yield NO_FILE
    elif printable(str(sides.base.path)) != str(sides.base.path):
        yield NO_TEXT
    elif wanted.basis is None and not world.models and sides.file and sides.file.deployments:
        yield EMPTY_STORE
    if in_database:
        yield IN_DATABASE
    # What else a route lacks is left out, as its lint says: whoever disables a provider in an
    # outage is not held up by it. A strategy is everyone's.
    names = {route.id: route.name for route in world.routes}
    for lint in lint_all(world.routes, world.models, world.providers):
        if lint.severity is Severity.ERROR and lint.field == "strategy":
            yield f"route {names.get(lint.route_id, '')}: {lint.message} {lint.mend}"


def _not_loaded(change: Change) -> Change:
    """Where the last file waits for a restart, what only the proxy says otherwise is no drift."""
    fields = (replace(each, drift=each.drift and each.in_file) for each in change.fields)
    return replace(change, fields=tuple(fields))


def _waiting_note(basis: Basis | None, changes: Sequence[Change]) -> Iterator[str]:
    if basis is not None and basis.waits and any(not change.in_file for change in changes):
        yield f"Revision {basis.number} is written and waits for the proxy's restart."


def _database_note(live: Live | None, in_database: bool) -> Iterator[str]:
    if live is not None and live.has_database and not in_database:
        yield (
            "The proxy has a database. If its environment sets STORE_MODEL_IN_DB, which cannot be "
            "seen from here, do not apply: models would vanish from it."
        )


def _lint_notes(world: World) -> Iterator[str]:
    names = {route.id: route.name for route in world.routes}
    found = [
        f"route {names.get(lint.route_id, '')}: {lint.message}"
        for lint in lint_all(world.routes, world.models, world.providers)
        if lint.severity is not Severity.NOTE
    ]
    yield from found[:MOST_NOTES]
    if len(found) > MOST_NOTES:
        yield f"{len(found) - MOST_NOTES} more warnings: `aitui routes lint` lists them."


def _in_database(base: Base | None) -> bool:
    general = None if base is None else base.document.get("general_settings")
    return isinstance(general, Mapping) and general.get("store_model_in_db") in (True, "true")


def _fingerprint(sides: Sides, wanted: Wanted) -> str:
    whole = hashlib.sha256(repr((wanted.to_revision, wanted.audit_before)).encode())
    if sides.base is not None:
        whole.update(sides.base.data)
        if sides.base.files.included:  # they are part of what is served
            whole.update(b"\0" + repr(sides.base.document).encode("utf-8", "backslashreplace"))
    if sides.desired is not None:
        whole.update(b"\0" + sides.desired.text.encode("utf-8", "backslashreplace"))
    return whole.hexdigest()
