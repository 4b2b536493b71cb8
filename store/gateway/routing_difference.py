"""What differs of the router's settings, its chains and its aliases."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from store.gateway.comparing import same, seems_same
from store.gateway.live import Live
from store.gateway.served import Alias, Routing, Served, is_reference
from store.plans import Change, ChangeKind, FieldDiff, PlanValue, Subject

_SETTINGS: Final = ("routing_strategy", "num_retries", "timeout", "default_fallbacks")
_Getter = Callable[[Routing], PlanValue]
_ALIAS: Final = "model_group_alias"
_HIDDEN: Final = "hidden"


def routing_changes(
    desired: Served, file: Served | None, live: Live | None, applied: Served | None
) -> Iterator[Change]:
    """What differs of the router, of chains and of aliases; arguments as of `difference`."""
    routings = _Routings(
        desired.routing,
        file.routing if file is not None else None,
        live.routing if live is not None else None,
        applied.routing if applied is not None else None,
    )
    fields = routings.fields({name: _setting(name) for name in _SETTINGS})
    if fields:
        name = str(Subject.ROUTER)
        yield Change(ChangeKind.CHANGE, Subject.ROUTER, "router", name, fields)
    yield from routings.of(
        Subject.FALLBACKS,
        lambda r: r.fallbacks,
        lambda key: {"fallbacks": lambda r: r.fallbacks.get(key)},
    )
    yield from routings.of(
        Subject.CONTEXT_FALLBACKS,
        lambda r: r.context_fallbacks,
        lambda key: {"context_window_fallbacks": lambda r: r.context_fallbacks.get(key)},
    )
    yield from routings.of(
        Subject.ALIAS,
        lambda r: r.aliases,
        lambda key: {
            _ALIAS: lambda r: _alias(r, key).target,
            _HIDDEN: lambda r: _alias(r, key).hidden or None,
        },
    )


def _setting(name: str) -> _Getter:
    return lambda routing: routing.settings.get(name)


def _alias(routing: Routing, key: str) -> Alias:
    return routing.aliases.get(key, Alias(None))


@dataclass(frozen=True, slots=True)
class _Routings:
    desired: Routing
    file: Routing | None
    live: Routing | None
    applied: Routing | None

    def of(
        self,
        subject: Subject,
        keyed: Callable[[Routing], Mapping[str, object]],
        getters: Callable[[str], Mapping[str, _Getter]],
    ) -> Iterator[Change]:
        """The changes of one subject, one for each name."""
        known = [each for each in (self.desired, self.file, self.live) if each is not None]
        for key in dict.fromkeys(name for each in known for name in keyed(each)):
            fields = self.fields(getters(key))
            if not fields:
                continue
            kind = ChangeKind.CHANGE
            if key not in keyed(self.desired):
                kind = ChangeKind.DELETE
            elif any(key not in keyed(each) for each in known):
                kind = ChangeKind.CREATE
            yield Change(kind, subject, key, key, fields)

    def fields(self, getters: Mapping[str, _Getter]) -> tuple[FieldDiff, ...]:
        found = (self._field(name, getter) for name, getter in getters.items())
        return tuple(each for each in found if each is not None)

    def _field(self, name: str, getter: _Getter) -> FieldDiff | None:
        wanted = getter(self.desired)
        said = getter(self.file) if self.file is not None else None
        shown = getter(self.live) if self.live is not None else None
        in_file = self.file is not None and not same(wanted, said)
        in_live = None
        if self.live is not None and not is_reference(wanted):
            # An empty chain is not none: it stands against `default_fallbacks`.
            equal = same if () in (wanted, shown) else seems_same
            in_live = not equal(wanted, shown)
        if not (in_file or in_live):
            return None
        drift = self.applied is not None and same(wanted, getter(self.applied))
        return FieldDiff(name, shown if in_live else said, wanted, in_file, in_live, drift)
