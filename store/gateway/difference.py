"""What differs between the configuration that shall be, the file, and the running proxy."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from store.checks import redact
from store.gateway.comparing import (
    FLAGS,
    differs,
    is_expansion,
    is_secret,
    is_set,
    same,
    shown_value,
)
from store.gateway.live import Live, Row
from store.gateway.routing_difference import routing_changes
from store.gateway.row_matching import Matched, match_rows
from store.gateway.served import (
    GROUP,
    ID,
    INFO,
    MODEL,
    Deployment,
    Served,
    is_reference,
)
from store.plans import Change, ChangeKind, FieldDiff, PlanValue, Subject

_ORDER: Final = {kind: place for place, kind in enumerate(ChangeKind)}


_DEFAULTS: Final[Mapping[str, PlanValue]] = {
    "model_info.mode": "chat",
    "model_info.supports_native_streaming": True,
    "model_info.supports_vision": False,
    "model_info.supports_function_calling": False,
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Creates, then changes, then deletes; models in the file's order. No text holds a key."""

    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    """What could not be compared, and why: a sentence or two each."""


def agrees(desired: Served, live: Live) -> tuple[Change, ...]:
    """What the proxy serves otherwise than `desired`; empty where nothing can be seen to differ."""
    return difference(desired, None, live, None).changes


def difference(
    desired: Served, file: Served | None, live: Live | None, applied: Served | None
) -> Difference:
    """What an apply of `desired` would change.

    Args:
        file: the file as it is; None where it cannot be read.
        live: what the proxy serves; None where it cannot be read.
        applied: what the last apply or import wrote. What is desired as it was applied then, and
            differs all the same, is drift. None: nothing is drift.
    """
    models = _Models(desired, file, live, applied)
    found = [*models.changes(), *routing_changes(desired, file, live, applied)]
    found.sort(key=lambda change: _ORDER[change.kind])
    notes = [*(live.problems if live is not None else ()), *models.notes()]
    return Difference(tuple(map(_redacted, found)), tuple(map(redact, notes)))


def _redacted(change: Change) -> Change:
    fields = tuple(
        replace(each, name=redact(each.name), old=_clean(each.old), new=_clean(each.new))
        for each in change.fields
    )
    return replace(change, key=redact(change.key), name=redact(change.name), fields=fields)


def _clean(value: PlanValue) -> PlanValue:
    if isinstance(value, tuple):
        return tuple(map(redact, value))
    return redact(value) if isinstance(value, str) else value


class _Models:
    """The differences of deployments, and what could not be compared of them."""

    def __init__(
        self, desired: Served, file: Served | None, live: Live | None, applied: Served | None
    ) -> None:
        self.desired = desired.deployments
        self.file = file.deployments if file is not None else None
        self.live = live
        self.applied = applied.deployments if applied is not None else None
        versions = {
            model_id: [each[model_id] for each in self._sources() if model_id in each]
            for model_id in dict.fromkeys(key for each in self._sources() for key in each)
        }
        self.matched = match_rows(versions, live) if live is not None else Matched({}, ())
        self.flags = _flags(live.rows) if live is not None else FLAGS
        self.groups = _several(
            [*self._all(), {str(n): row for n, row in enumerate(self.matched.left)}]
        )
        self.unnamed = 0
        self.references = 0
        self.secrets = 0
        self.filled: set[str] = set()
        self.stored = sum(row.in_database for row in self.matched.left)

    def _all(self) -> Iterator[Mapping[str, Deployment]]:
        """The likeliest first to be told: the order of models is that of `desired`."""
        yield from (each for each in (self.desired, self.file, self.applied) if each is not None)

    def _sources(self) -> Iterator[Mapping[str, Deployment]]:
        """The likeliest first to run; rows come in the order of the file that was loaded."""
        yield from (each for each in (self.file, self.applied, self.desired) if each is not None)

    def changes(self) -> Iterator[Change]:
        for model_id, deployment in self.desired.items():
            change = self._of(model_id, deployment)
            if change is not None:
                yield change
        for model_id, deployment in (self.file or {}).items():
            if model_id not in self.desired:
                yield self._gone(model_id, deployment, self.matched.rows.get(model_id))
        for model_id, deployment in (self.applied or {}).items():
            row = self.matched.rows.get(model_id)
            if model_id not in self.desired and model_id not in (self.file or {}) and row:
                yield self._gone(model_id, deployment, row)
        taken = {row.id for row in self.matched.rows.values()}
        for row in self.matched.left:
            if not row.in_database:
                key = f"{row.id} {row.group}" if row.id in taken else row.id
                taken.add(row.id)
                yield self._gone(key, None, row)

    def _of(self, model_id: str, deployment: Deployment) -> Change | None:
        in_file = self.file.get(model_id) if self.file is not None else None
        row = self.matched.rows.get(model_id)
        lacks_file = self.file is not None and in_file is None
        lacks_live = self.live is not None and row is None and not _is_conditional(deployment)
        found = [
            self._compared(name, model_id, deployment, in_file, row)
            for name in self._names(deployment, in_file, row)
        ]
        if not (lacks_file or lacks_live):
            fields = tuple(each for each in found if each.in_file or each.in_live)
            return self._change(ChangeKind.CHANGE, model_id, deployment, fields) if fields else None
        fields = tuple(
            replace(
                each,
                old=None if each.new is not None and not (row and each.in_live) else each.old,
                in_file=lacks_file or each.in_file,
                in_live=lacks_live or each.in_live,
                drift=self._drifts(model_id, each.name),
            )
            for each in found
        )
        return self._change(ChangeKind.CREATE, model_id, deployment, fields)

    def _names(
        self, deployment: Deployment, in_file: Deployment | None, row: Row | None
    ) -> Iterable[str]:
        names = dict.fromkeys((*deployment.fields, *(in_file.fields if in_file else ())))
        if row is not None:
            names |= dict.fromkeys(self._extra(row, names))
        return names

    def _compared(
        self,
        name: str,
        model_id: str,
        deployment: Deployment,
        in_file: Deployment | None,
        row: Row | None,
    ) -> FieldDiff:
        wanted = deployment.fields.get(name)
        said = in_file.fields.get(name) if in_file is not None else None
        file_differs = in_file is not None and not same(wanted, said)
        live_differs = None
        if row is not None:
            live_differs = differs(name, deployment, said, row, self.flags)
            if live_differs is None:
                self._count(name, wanted, said)
        if name == ID and file_differs and said is None:
            self.unnamed += 1
        old = shown_value(row, name) if live_differs and row is not None else said
        drift = self._drifts(model_id, name) and not (name == ID and said is None)
        return FieldDiff(name, old, wanted, file_differs, live_differs, drift)

    def _extra(self, row: Row, names: Collection[str]) -> Iterator[str]:
        """What the proxy was told beside `names`, as far as it can be told from its defaults."""
        for name, value in row.fields.items():
            is_default = value is False and name in self.flags
            if name not in names and is_set(row, name) and not is_default:
                yield name

    def _count(self, name: str, wanted: PlanValue, said: PlanValue) -> None:
        if is_reference(wanted) and not is_secret(name, wanted):
            self.references += 1
        elif is_secret(name, wanted):
            self.secrets += 1
        elif wanted is None and said is not None:
            self.filled.add(name)

    def _gone(self, key: str, deployment: Deployment | None, row: Row | None) -> Change:
        """A deployment that the proxy or the file has, and that shall not be."""
        fields = dict(deployment.fields) if deployment is not None else {}
        shown = {} if row is None else {name: shown_value(row, name) for name in fields}
        if deployment is None and row is not None:
            fields = {GROUP: row.group, MODEL: row.model}
            fields |= {name: row.fields[name] for name in self._extra(row, fields)}
        in_file = self.file is not None and key in self.file
        in_live = None if self.live is None else row is not None
        drift = self.applied is not None and key not in self.applied
        found = tuple(
            FieldDiff(name, self._old(name, value, shown), None, in_file, in_live, drift)
            for name, value in fields.items()
        )
        name = deployment or row
        assert name is not None
        return self._change(ChangeKind.DELETE, key, name, found)

    def _old(self, name: str, said: PlanValue, shown: Mapping[str, PlanValue]) -> PlanValue:
        seen = shown.get(name)
        return said if seen is None or is_reference(said) or is_secret(name, said, seen) else seen

    def _drifts(self, model_id: str, name: str) -> bool:
        """Whether what is desired of this field is what was applied last."""
        before = self.applied.get(model_id) if self.applied is not None else None
        if before is None:
            return False
        now = self.desired[model_id].fields.get(name)
        then = before.fields.get(name)
        # The store writes a default out where the file says otherwise; not set, it meant the same.
        return same(now, then) or (then is None and same(now, _DEFAULTS.get(name)))

    def _change(
        self,
        kind: ChangeKind,
        key: str,
        named: Deployment | Row,
        fields: tuple[FieldDiff, ...],
    ) -> Change:
        several = named.group in self.groups
        name = f"{named.group} ({named.model})" if several else named.group
        return Change(kind, Subject.MODEL, key, name, fields)

    def notes(self) -> Iterator[str]:
        if self.file and self.matched.left and self.matched.rows.keys().isdisjoint(self.file):
            yield (
                "The proxy serves none of the file's models: make sure that gateway.url and "
                "gateway.config_file are those of one and the same proxy."
            )
        if self.unnamed:
            yield (
                f"{_count(self.unnamed, 'deployment')} without model_info.id: aitui writes an id "
                "once, so that tests can ask for that deployment and changes can be followed."
            )
        if self.references:
            yield (
                f"{_count(self.references, 'value')} read from the proxy's environment "
                "(os.environ/…) cannot be compared with what it serves."
            )
        if self.secrets:
            yield "Keys cannot be compared: the proxy never shows them."
        if self.filled:
            names = ", ".join(sorted(self.filled))
            yield (
                f"Whether the proxy has dropped {names} cannot be seen: its own price map says "
                "something there, too."
            )
        wildcards = sorted(
            self.desired[model_id].group
            for model_id, row in self.matched.rows.items()
            if model_id in self.desired and self.desired[model_id].is_wildcard
            if is_expansion(row)
        )
        if wildcards:
            yield (
                f"The proxy shows {', '.join(dict.fromkeys(wildcards))} as the models that it "
                "knows, so that only the other settings of a wildcard are compared."
            )
        if self.stored:
            yield (
                f"{_count(self.stored, 'deployment')} in the proxy's database: they are not in the "
                "file and are left alone."
            )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _flags(rows: Sequence[Row]) -> frozenset[str]:
    """Parameters that the proxy shows as false for all its models, set or not."""
    if len(rows) < 2:
        return FLAGS
    everywhere = {name for name, value in rows[0].fields.items() if value is False}
    for row in rows:
        everywhere.intersection_update(row.fields)
    return FLAGS | everywhere


def _several(sources: Iterable[Mapping[str, Deployment | Row]]) -> set[str]:
    """Groups of several deployments."""
    members: dict[str, set[str]] = {}
    for source in sources:
        for key, each in source.items():
            members.setdefault(each.group, set()).add(key)
    return {group for group, keys in members.items() if len(keys) > 1}


def _is_conditional(deployment: Deployment) -> bool:
    """Whether LiteLLM serves it in some environments only, of which we do not know."""
    return INFO + "supported_environments" in deployment.fields
