"""What is wrong with a route, or will surprise, once the proxy runs it.

Errors break or mislead, warnings surprise, notes are hints. How LiteLLM 1.106.2 behaves is
measured in `tests/litellm/test_explain.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from store.chains import MAX_FALLBACKS, Chains, read_chains, way_back
from store.domain import STRATEGIES, Model, Provider, Route
from store.lint_words import STRATEGY_HINTS
from store.shares import SHUFFLE

_TEXT_MODES: Final = frozenset({"chat", "completion", "responses"})
"""Modes between which a request can change."""


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Lint:
    """One finding. `field` is name, primary, fallbacks, context, strategy, retries or timeout."""

    severity: Severity
    route_id: str
    field: str
    index: int | None
    """The place in the chain, from 0; None where the field is no chain or all of it is meant."""
    message: str
    mend: str


def _lint(
    route: Route, field: str, severity: Severity, message: str, mend: str, index: int | None = None
) -> Lint:
    return Lint(severity, route.id, field, index, message, mend)


def lint_route(
    route: Route, routes: Sequence[Route], models: Sequence[Model], providers: Sequence[Provider]
) -> tuple[Lint, ...]:
    """The findings for `route`, which may be an unsaved edit: it stands in for that of its id.

    A disabled route has errors alone: it is not in the proxy's configuration.
    """
    others = (each for each in routes if each.id != route.id)
    return _Linter([route, *others], models, providers).lint(route)


def lint_all(
    routes: Sequence[Route], models: Sequence[Model], providers: Sequence[Provider]
) -> tuple[Lint, ...]:
    """The findings for all routes, in the routes' order."""
    linter = _Linter(routes, models, providers)
    return tuple(lint for route in routes for lint in linter.lint(route))


class _Linter:
    def __init__(
        self, routes: Sequence[Route], models: Sequence[Model], providers: Sequence[Provider]
    ) -> None:
        self.chains: Chains = read_chains(routes, models, providers)
        self.models = {model.id: model for model in models}
        self.speakers: dict[str, list[Route]] = {}
        for route in routes:
            key = self.chains.key(route) if route.is_enabled else None
            if key is not None:
                self.speakers.setdefault(key, []).append(route)

    def lint(self, route: Route) -> tuple[Lint, ...]:
        checks: tuple[Callable[[Route], Iterator[Lint]], ...] = (
            self._name,
            self._primary,
            self._chains,
            self._cycle,
            self._alone,
            self._no_context,
            self._weights,
            self._strategy,
            self._globals,
        )
        found = (lint for check in checks for lint in check(route))
        return tuple(lint for lint in found if route.is_enabled or lint.severity is Severity.ERROR)

    def _group(self, route: Route) -> str | None:
        return self.chains.names.get(route.primary_model_id or "")

    def _name(self, route: Route) -> Iterator[Lint]:
        group, key = self._group(route), self.chains.key(route)
        if key is None:
            return
        if key != group and key in self.chains.members:
            is_served = key in self.chains.groups
            yield _lint(
                route,
                "name",
                Severity.ERROR if is_served else Severity.WARNING,
                f"The name {key} is that of a model, but this route's primary is {group}"
                + (": the export refuses it." if is_served else ", and that model is disabled."),
                "Rename the route, or give it that model as its primary.",
            )
        for other in self.speakers.get(key, ()) if route.is_enabled else ():
            if other.id != route.id:
                yield _lint(
                    route,
                    "name",
                    Severity.ERROR,
                    f"The route {other.name} speaks for {key} as well: the export refuses that.",
                    "Remove or disable one of the two, or rename the one that is not the default.",
                )

    def _primary(self, route: Route) -> Iterator[Lint]:
        def lint(severity: Severity, message: str, mend: str) -> Lint:
            return _lint(route, "primary", severity, message, mend)

        if route.primary_model_id is None:
            if not route.is_default:
                yield lint(
                    Severity.ERROR,
                    f"The route {route.name} has no primary, so the proxy never hears of it.",
                    "Choose a primary, or make this the default route.",
                )
            return
        model = self.models.get(route.primary_model_id)
        if model is None:
            yield lint(
                Severity.ERROR,
                f"The primary {route.primary_model_id} is no model, so the route has no effect.",
                "Choose another primary.",
            )
        elif model.id in self.chains.off:
            is_served = model.model_name in self.chains.groups
            yield lint(
                Severity.WARNING if is_served else Severity.ERROR,
                f"The primary {model.model_name} {self.chains.off[model.id]}"
                + (
                    "; other deployments of that name serve."
                    if is_served
                    else ", so the whole route is left out of the proxy's configuration."
                ),
                "Enable it, or choose another primary.",
            )

    def _chains(self, route: Route) -> Iterator[Lint]:
        both = {"fallbacks": route.fallback_model_ids, "context": route.context_window_fallback_ids}
        if route.is_default and route.primary_model_id is None and both["context"]:
            yield _lint(
                route,
                "context",
                Severity.ERROR,
                f"The route {route.name} has no primary, so its context-window chain is left out.",
                "Choose a primary, or empty the context-window chain.",
            )
        for name, ids in both.items():
            seen: dict[str, str] = {}
            for index, model_id in enumerate(ids):
                model = self.models.get(model_id)
                if model is None:
                    yield _lint(
                        route,
                        name,
                        Severity.ERROR,
                        f"{model_id} is no model, so this place of the chain is left out.",
                        "Take it out of the chain.",
                        index=index,
                    )
                    continue
                yield from self._place(route, name, index, model, seen)
            yield from self._length(route, name, list(seen))

    def _place(
        self, route: Route, field: str, index: int, model: Model, seen: dict[str, str]
    ) -> Iterator[Lint]:
        """Findings for one place; `seen` holds the groups before it, and is added to."""

        def lint(severity: Severity, message: str, mend: str) -> Lint:
            return _lint(route, field, severity, message, mend, index=index)

        group, off = model.model_name, self.chains.off.get(model.id)
        if off is not None:
            is_served = group in self.chains.groups
            rest = "other deployments of that name serve" if is_served else "it is left out"
            yield lint(
                Severity.WARNING,
                f"{group} {off}; {rest}.",
                "Enable it, or take it out of the chain.",
            )
        if group in seen:
            same = "" if seen[group] == model.id else ", which balances between its deployments"
            yield lint(
                Severity.ERROR,
                f"{group} is in the chain already: LiteLLM tries a name once a request{same}.",
                "Take one of the two out.",
            )
            return
        seen[group] = model.id
        if group == self._group(route) or group == self.chains.key(route):
            yield lint(Severity.ERROR, self._itself(route, group), "Take it out of the chain.")
        primary = self.models.get(route.primary_model_id or "")
        if primary is None:
            return
        if model.mode != primary.mode and not {model.mode, primary.mode} <= _TEXT_MODES:
            yield lint(
                Severity.ERROR,
                f"{group} is of the mode {model.mode} and cannot serve requests for "
                f"{primary.model_name}, which is of the mode {primary.mode}.",
                "Take it out of the chain.",
            )
        elif field == "context" and group != primary.model_name:
            yield from self._window(lint, primary.model_name, group)

    def _itself(self, route: Route, group: str) -> str:
        if self.chains.key(route) == group:
            return (
                f"{route.name} falls back to itself: LiteLLM skips {group}, which has just failed."
            )
        return (
            f"{route.name} falls back to itself: LiteLLM asks its primary, {group}, once more, "
            "with all retries."
        )

    def _window(
        self, lint: Callable[[Severity, str, str], Lint], primary: str, group: str
    ) -> Iterator[Lint]:
        """Whether a group of a context-window chain takes more than the primary's group."""
        own, other = self._smallest(primary), self._smallest(group)
        if own is not None and other is not None and other <= own:
            yield lint(
                Severity.WARNING,
                f"The window of {group}, {other:,} tokens, is not larger than that of {primary}, "
                f"{own:,}.",
                "Put a model with a larger window here.",
            )
        elif other is None:
            yield lint(
                Severity.NOTE,
                f"The window of {group} is not known, so it may not take what {primary} refuses.",
                "Fill in its context window.",
            )

    def _smallest(self, group: str) -> int | None:
        members = self.chains.groups.get(group) or self.chains.members[group]
        known = [model.context_window for model in members if model.context_window]
        return min(known) if len(known) == len(members) else None

    def _length(self, route: Route, field: str, groups: Sequence[str]) -> Iterator[Lint]:
        served = [group for group in groups if group in self.chains.groups]
        if len(served) <= MAX_FALLBACKS:
            return
        index = groups.index(served[MAX_FALLBACKS])
        yield _lint(
            route,
            field,
            Severity.WARNING,
            f"The chain has {len(served)} models, more than max_fallbacks ({MAX_FALLBACKS}): "
            f"LiteLLM 1.106.2 tries them all, each with its retries, but follows the chains of "
            f"their own no more from the {MAX_FALLBACKS}th on.",
            f"Shorten the chain to {MAX_FALLBACKS} models.",
            index=index,
        )

    def _cycle(self, route: Route) -> Iterator[Lint]:
        key, group = self.chains.key(route), self._group(route)
        if key is None or group is None or self.chains.keys.get(key) != route:
            return
        path = way_back(key, group, self.chains.fallbacks)
        if path is None:
            return
        first = next(
            index
            for index, model_id in enumerate(route.fallback_model_ids)
            if self.chains.names.get(model_id) == path[0]
        )
        yield _lint(
            route,
            "fallbacks",
            Severity.WARNING,
            f"A circle of chains: {' → '.join((key, *path))}. LiteLLM tries a fallback's own chain "
            "before the next in this one and each name once, so the order is not the one shown.",
            f"Take {path[0]} out of this chain, or mend the chain of {path[-2]}.",
            index=first,
        )

    def _alone(self, route: Route) -> Iterator[Lint]:
        key, group = self.chains.key(route), self._group(route)
        if group is None or key is None or group not in self.chains.groups:
            return
        if key in self.chains.fallbacks or set(self.chains.default_chain) - {group}:
            return
        if route.fallback_model_ids and not any(
            self.chains.names.get(each) in self.chains.groups for each in route.fallback_model_ids
        ):
            yield _lint(
                route,
                "fallbacks",
                Severity.WARNING,
                f"No model of the chain is served, so nothing takes over when {group} fails.",
                "Enable one of them, or add another.",
            )
        elif not route.fallback_model_ids and len(self.chains.groups[group]) == 1:
            yield _lint(
                route,
                "fallbacks",
                Severity.NOTE,
                f"{group} is a lone deployment without a fallback: when it fails, requests fail.",
                "Add a fallback, or a second deployment of that name.",
            )

    def _no_context(self, route: Route) -> Iterator[Lint]:
        key = self.chains.key(route) or ""
        if self.chains.contexts and key in self.chains.fallbacks and not (
            self.chains.of(self.chains.contexts, key)
        ):  # fmt: skip
            yield _lint(
                route,
                "context",
                Severity.NOTE,
                "Other routes have a context-window chain and this one has none: LiteLLM then "
                "tries no fallback after a context-window error.",
                "Give it a context-window chain too.",
            )

    def _weights(self, route: Route) -> Iterator[Lint]:
        members = self.chains.groups.get(self._group(route) or "", ())
        weighted = [model for model in members if model.weight]
        if not weighted:
            return
        group = members[0].model_name
        if self.chains.strategy != SHUFFLE:
            yield _lint(
                route,
                "strategy",
                Severity.NOTE,
                f"The weights of {group} have no effect: they count under {SHUFFLE} alone, and "
                f"the strategy is {self.chains.strategy}.",
                f"Set the default route's strategy to {SHUFFLE}, or clear the weights.",
            )
        elif len(weighted) < len(members):
            idle = next(model for model in members if not model.weight)
            yield _lint(
                route,
                "primary",
                Severity.WARNING,
                f"{idle.litellm_model} in {group} has no weight while others have, so LiteLLM "
                "sends it nothing.",
                "Give every deployment of that name a weight, or none.",
            )

    def _strategy(self, route: Route) -> Iterator[Lint]:
        if route.routing_strategy not in STRATEGIES:
            yield _lint(
                route,
                "strategy",
                Severity.ERROR,
                f"{route.routing_strategy} is no strategy that LiteLLM knows.",
                f"Choose one of {', '.join(STRATEGIES)}.",
            )
        elif route.is_default and route.routing_strategy in STRATEGY_HINTS:
            is_error, message, mend = STRATEGY_HINTS[route.routing_strategy]
            severity = Severity.ERROR if is_error else Severity.NOTE
            yield _lint(route, "strategy", severity, message, mend)

    def _globals(self, route: Route) -> Iterator[Lint]:
        default = self.chains.default
        if default is None or route.is_default:
            return
        for field, word, mine, counts in (
            ("strategy", "strategy", route.routing_strategy, default.routing_strategy),
            ("retries", "number of retries", route.num_retries, default.num_retries),
            (
                "timeout",
                "timeout",
                f"{route.timeout_seconds:g} s",
                f"{default.timeout_seconds:g} s",
            ),
        ):
            if mine != counts:
                yield _lint(
                    route,
                    field,
                    Severity.WARNING,
                    f"LiteLLM knows one {word} for all routes: the default route's, {counts}, "
                    f"counts, not {mine}.",
                    "Set it as the default route has it, or change the default route.",
                )
