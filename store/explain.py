"""Which model would serve a request, step by step and why, as LiteLLM 1.106.2 does it.

Follows `async_function_with_fallbacks` in `litellm/router.py` and `run_async_fallback` in
`litellm/router_utils/fallback_event_handlers.py`. A fallback that fails has its own chain tried
before the chain that it stands in goes on; one without a chain goes on with the chain of the name
that was asked for; nothing is tried twice in a request.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from store.chains import MAX_FALLBACKS, Chains, read_chains
from store.domain import Model, Provider, Route
from store.errors import NotFound
from store.shares import Shares, shares

ANY_MODEL: Final = "any model without a chain"
NO_PICK: Final = "provider-budget-routing"
"""Under this strategy the router has no selector, and every pick comes back empty."""
_NOT_SERVED: Final = "is not in the proxy's configuration"


class Outcome(StrEnum):
    STANDS_FOR = "stands for"
    """A name that leads to a group of models."""
    SERVES = "serves"
    FAILS = "fails"
    SKIPPED = "skipped"
    """Never asked."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that LiteLLM does, or does not do. `model_id` is None where it is no deployment."""

    model_id: str | None
    model_name: str
    """The group, or the name that was asked for."""
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """`served_by` is the group that answers; None where the request fails."""

    asked: str
    steps: tuple[Step, ...]
    served_by: str | None
    notes: tuple[str, ...]


def explain(
    asked: str,
    *,
    tokens: int,
    failing: Collection[str],
    routes: Sequence[Route],
    models: Sequence[Model],
    providers: Sequence[Provider],
    pre_call_checks: bool = False,
) -> Explanation:
    """What LiteLLM would do with a request for `asked`, a route's or a group's name.

    Args:
        tokens: the length of the prompt.
        failing: groups, model ids and providers (names or ids) that answer with a server error.
        pre_call_checks: `router_settings.enable_pre_call_checks`.

    Raises:
        NotFound: `asked`, or a name in `failing`, is nothing that we know.
    """
    chains = read_chains(routes, models, providers)
    broken = _broken(failing, chains, models, providers)
    walk = _Walk(chains, tokens, broken, pre_call_checks)
    start = _resolve(asked, walk, routes)
    if start is not None:
        walk.asked = start
        if start == ANY_MODEL:
            walk.step(None, start, Outcome.FAILS, "assumed to fail")
            walk.fall_back(start, _Failure.ERROR, 0)
        else:
            walk.ask(start, "asked for", 0)
    if walk.served_by is None:
        walk.step(None, asked, Outcome.FAILS, _ending(walk, start))
    return Explanation(asked, tuple(walk.steps), walk.served_by, tuple(walk.notes))


def _ending(walk: _Walk, start: str | None) -> str:
    if start is None:
        return "nobody serves: LiteLLM does not know the name and answers 400"
    if start == ANY_MODEL or not walk.attempted:
        return "nobody serves: the request fails with the model's own error"
    return "nobody serves: the request fails with the error of the model that was asked first"


def _broken(
    failing: Collection[str],
    chains: Chains,
    models: Sequence[Model],
    providers: Sequence[Provider],
) -> frozenset[str]:
    """The ids of the models that are assumed to fail."""
    ids = {model.id for model in models}
    result: set[str] = set()
    for name in failing:
        found = {model.id for model in chains.members.get(name, ())} | ({name} & ids)
        owners = {p.id for p in providers if name in (p.name, p.id)}
        found |= {model.id for model in models if model.provider_id in owners}
        if not found and not owners:
            raise NotFound(f"failing: {name} is no model and no provider. Check the name.")
        result |= found
    return frozenset(result)


def _resolve(asked: str, walk: _Walk, routes: Sequence[Route]) -> str | None:
    """The name that LiteLLM is asked for; None where it does not know any."""
    chains = walk.chains
    named = [route for route in routes if route.name == asked]
    route = next((route for route in named if route.is_enabled), next(iter(named), None))
    if route is None:
        if asked not in chains.members:
            raise NotFound(f"{asked}: no route and no model has this name.")
    elif (start := _start(route, walk)) is not None:
        return start
    if asked in chains.groups:
        return asked
    for model in chains.members.get(asked, ()):
        walk.skip_off(model)
    return None


def _start(route: Route, walk: _Walk) -> str | None:
    """The name under which clients reach `route`; None where it is not in the configuration."""
    chains = walk.chains
    key = chains.key(route)
    if route.is_enabled and key is not None and chains.keys.get(key) == route:
        walk.step(None, route.name, Outcome.STANDS_FOR, _meaning(route, key, chains))
        default = chains.default
        if default is not None and default.routing_strategy != route.routing_strategy:
            walk.note(f"LiteLLM has one strategy for all routes: {chains.strategy}, the default's.")
        if default is not None and default.num_retries != route.num_retries:
            walk.note(f"LiteLLM has one number of retries for all routes: {chains.retries}.")
        return key
    if route.is_enabled and route.is_default and route.primary_model_id is None:
        reason = "the default route without a primary: the chain of models that have none"
        walk.step(None, route.name, Outcome.STANDS_FOR, reason)
        return ANY_MODEL
    group = chains.names.get(route.primary_model_id or "")
    if not route.is_enabled:
        reason = "the route is disabled"
    elif route.id in chains.refused:
        reason = chains.refused[route.id]
        walk.note(f"The export refuses this configuration: route {route.name}, {reason}.")
    elif group is None:
        reason = "the route has no primary"
    else:
        reason = f"no model of its primary's group {group} is enabled"
    walk.step(None, route.name, Outcome.SKIPPED, f"the route {_NOT_SERVED}: {reason}")
    return None


def _meaning(route: Route, key: str, chains: Chains) -> str:
    group = chains.aliases.get(key)
    if group is not None:
        return f"an alias of {group} with a chain of its own"
    if route.is_default and route.name != key:
        return f"the default route: clients ask for its primary, {key}"
    return f"the route of the group {key}"


class _Failure(StrEnum):
    ERROR = "error"
    CONTEXT = "context window"


@dataclass(slots=True)
class _Walk:
    """One request on its way."""

    chains: Chains
    tokens: int
    broken: frozenset[str]
    pre_call_checks: bool
    asked: str = ""
    served_by: str | None = None
    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    attempted: set[str] = field(default_factory=set)
    walked: set[tuple[str, str]] = field(default_factory=set)

    def step(self, model_id: str | None, name: str, outcome: Outcome, reason: str) -> None:
        self.steps.append(Step(model_id, name, outcome, reason))

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def skip_off(self, model: Model) -> None:
        reason = f"{_NOT_SERVED}: it {self.chains.off[model.id]}"
        self.step(model.id, model.model_name, Outcome.SKIPPED, reason)

    def ask(self, name: str, why: str, depth: int) -> bool:
        """Ask one group, then its fallbacks; whether any served."""
        failure = self._ask_group(self.chains.aliases.get(name, name), why)
        if failure is None:
            return True
        return self.fall_back(name, failure, depth)

    def fall_back(self, name: str, failure: _Failure, depth: int) -> bool:
        chain, owner, kind = self._chain(name, failure)
        if not chain:
            return False
        if depth >= MAX_FALLBACKS:
            if (owner, kind) not in self.walked:
                self.note(
                    f"The {kind} of {owner} is not followed: LiteLLM is {MAX_FALLBACKS} fallbacks "
                    "deep already (max_fallbacks)."
                )
            return False
        self.attempted.add(name)
        is_new = (owner, kind) not in self.walked
        self.walked.add((owner, kind))
        before = frozenset(self.attempted) if is_new else frozenset()
        if is_new:
            self._skip_unserved(owner, kind)
        for place, target in enumerate(chain, 1):
            where = (
                f"place {place} in the {kind} of {owner}" if owner else f"place {place} in {kind}"
            )
            if target in before:
                self.step(None, target, Outcome.SKIPPED, f"{where}, but tried already")
            if target in self.attempted:
                continue
            self.attempted.add(target)
            depth += 1
            if self.ask(target, where, depth):
                return True
        return False

    def _chain(self, name: str, failure: _Failure) -> tuple[tuple[str, ...], str, str]:
        """The chain that counts for `name`, whose it is, and what it is called."""
        chains = self.chains
        lists: Mapping[str, tuple[str, ...]] = chains.fallbacks
        kind = "chain"
        if failure is _Failure.CONTEXT and chains.contexts:
            lists, kind = chains.contexts, "context-window chain"
        for each in dict.fromkeys((name, self.asked)):
            key = chains.of(lists, each)
            if key is not None:
                return lists[key], key, kind
        if kind != "chain":
            if chains.default_chain or any(
                chains.of(chains.fallbacks, each) for each in (name, self.asked)
            ):
                self.note(
                    f"{name} has no context-window chain, and its ordinary chain does not take "
                    "over: where any route has a context-window chain, LiteLLM looks for those "
                    "alone after a context-window error."
                )
            return (), "", kind
        return chains.default_chain, "", "the default route's chain"

    def _skip_unserved(self, owner: str, kind: str) -> None:
        """Steps for the places of a chain that the proxy does not know of."""
        chains = self.chains
        route = chains.keys.get(owner) if owner else chains.default
        if route is None:
            return
        contexts = kind == "context-window chain"
        for model_id in route.context_window_fallback_ids if contexts else route.fallback_model_ids:
            name = chains.names.get(model_id)
            if name in chains.groups:
                continue
            reason = "no model has this id" if name is None else f"it {chains.off[model_id]}"
            self.step(model_id, name or model_id, Outcome.SKIPPED, f"{_NOT_SERVED}: {reason}")

    def _ask_group(self, group: str, why: str) -> _Failure | None:
        """Steps for one group's deployments; None where one serves."""
        found = self.chains.groups[group]
        small = {m.id for m in found if m.context_window and m.context_window < self.tokens}
        kept = [m for m in found if not (self.pre_call_checks and m.id in small)]
        if self.chains.strategy == NO_PICK and kept:
            return self._nothing_picked(group, why)
        split = shares(kept, self.chains.strategy)
        picked = [m for m in kept if split.of(m) != 0]
        bad = [m for m in picked if m.id in self.broken]
        refusing = [m for m in picked if m.id in small and m.id not in self.broken]
        good = [m for m in picked if m not in bad and m not in refusing]
        for model in self.chains.members[group]:
            if model.id in self.chains.off:
                self.skip_off(model)
            else:
                self._deployment(model, why, split, kept, small, is_last=not good)
        self._notes(group, split, bad, refusing, good, is_filtered=len(kept) < len(found))
        if good:
            self.served_by = group
            return None
        return _Failure.CONTEXT if refusing or not kept else _Failure.ERROR

    def _nothing_picked(self, group: str, why: str) -> _Failure:
        reason = f"{why}: LiteLLM picks no deployment under {NO_PICK} and answers 429"
        self.step(None, group, Outcome.FAILS, reason)
        return _Failure.ERROR

    def _deployment(
        self, model: Model, why: str, split: Shares, kept: Sequence[Model],
        small: Collection[str], *, is_last: bool,
    ) -> None:  # fmt: skip
        name = model.model_name
        size = f"its window of {model.context_window:,} is smaller than {self.tokens:,} tokens" if (
            model.context_window
        ) else "its window is not known, so it may refuse"  # fmt: skip
        if model not in kept:
            self.step(model.id, name, Outcome.SKIPPED, f"{why}: {size}, seen before asking")
        elif split.of(model) == 0:
            self.step(model.id, name, Outcome.SKIPPED, f"{why}: it has no weight, others have")
        elif model.id in self.broken:
            tries = f"asked 1 + {self.chains.retries} times"
            if len(kept) > 1:
                tries = f"the group is {tries}" if is_last else "a retry picks again"
            self.step(model.id, name, Outcome.FAILS, f"{why}: assumed to fail, {tries}")
        elif model.id in small:
            reason = f"{why}: {size}; the provider refuses and LiteLLM does not retry"
            self.step(model.id, name, Outcome.FAILS, reason)
        else:
            part = f", {split.text(model)}" if len(kept) > 1 else ""
            unknown = f"; {size}" if model.context_window is None and self.tokens else ""
            self.step(model.id, name, Outcome.SERVES, f"{why}{part}{unknown}")

    def _notes(
        self, group: str, split: Shares, bad: Sequence[Model], refusing: Sequence[Model],
        good: Sequence[Model], *, is_filtered: bool,
    ) -> None:  # fmt: skip
        if refusing and not is_filtered:
            self.note(
                "LiteLLM learns of a window from the provider's error; with "
                "router_settings.enable_pre_call_checks it looks before it asks."
            )
        if refusing and (good or bad):
            self.note(
                f"Which deployment of {group} is asked is chance: a request that falls to "
                f"{refusing[0].litellm_model} goes on to the context-window chain."
            )
        if bad and good:
            tries = self.chains.retries + 1
            missed = split.chance(bad) if not refusing else None
            often = "" if missed is None else f", {missed**tries:.1%} of requests,"
            self.note(
                f"Each of the {tries} attempts at {group} picks anew: where all of them{often} "
                "fall to a failing deployment, the chain takes over."
            )
