"""Everything about one model, one provider or one route."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from textual.app import ComposeResult
from textual.widgets import Static

from store.domain import Health, HealthStatus, Model, Provider, Route, UsageTotals
from store.linter import Lint
from store.store import Store
from tui import format as fmt
from tui.glyphs import glyph
from tui.modals.dialog import Dialog
from tui.text import clean, fit, safe, wrap
from tui.widgets.lint_line import lint_line
from tui.widgets.model_card import capabilities, prices, use_today

Fact = tuple[str, str]
NAMES = 16
"""Cells of the column of names."""


class DetailsScreen(Dialog[None]):
    """Names and values in two columns."""

    def __init__(self, title: str, facts: Sequence[Fact]) -> None:
        super().__init__(title, "esc back")
        self._facts = facts

    def body(self) -> ComposeResult:
        yield Static("", id="details", markup=False)

    def on_resize(self) -> None:
        # The dialog's frame, padding and scroll bar, and the column of names.
        width = max(20, min(92, self.size.width * 9 // 10) - 8 - NAMES)
        lines = []
        for name, value in self._facts:
            first, *more = wrap(clean(value), width, 40) or [""]
            lines.append(fit(name, NAMES) + first)
            lines += [" " * NAMES + line for line in more]
        self.query_one("#details", Static).update(safe("\n".join(lines), limit=60_000))


def model_details(
    model: Model, provider: Provider, today: UsageTotals, store: Store
) -> DetailsScreen:
    """A model's details."""
    facts: list[Fact] = [
        ("Name", model.model_name),
        ("Display name", model.display_name),
        ("Description", model.description or "—"),
        ("Provider", f"{provider.display_name} ({provider.name})"),
        ("LiteLLM model", model.litellm_model),
        ("Deployment id", model.id),
        ("State", "enabled" if model.is_enabled else "disabled"),
        ("Can do", capabilities(model)),
        ("Answer at most", f"{fmt.count(model.max_tokens)} tokens" if model.max_tokens else "—"),
        ("Prices", prices(model).removeprefix("Cost: ")),
        ("Weight", f"{model.weight:g}" if model.weight is not None else "—"),
        ("Timeout", f"{model.timeout_seconds:g} s" if model.timeout_seconds else "—"),
        ("Priority", str(model.priority)),
        ("Today", use_today(today, model).removeprefix("Today: ")),
        *_health(model.health, store, "Last test"),
    ]
    return DetailsScreen(model.model_name, facts)


def provider_details(
    provider: Provider, models: Sequence[Model], checks: Sequence[Health], store: Store
) -> DetailsScreen:
    """A provider's page: its models, and its health over time."""
    key = provider.api_key_env or "no variable named"
    if provider.api_key_env is not None:
        here = "set here" if store.key_is_set(provider) else "not set here"
        key += f" ({here}; the proxy's own environment decides)"
    facts: list[Fact] = [
        ("Name", provider.name),
        ("Display name", provider.display_name),
        ("LiteLLM prefix", provider.litellm_provider or "—"),
        ("Base URL", provider.api_base_url or "the provider's own"),
        ("Key variable", key),
        ("State", "enabled" if provider.is_enabled else "disabled"),
        *_health(provider.health, store, "Last check"),
        *_over_time(checks, store),
        ("", ""),
        *[("Models" if i == 0 else "", _model(model)) for i, model in enumerate(models)],
    ]
    return DetailsScreen(provider.display_name, facts)


def route_details(
    route: Route, models: Mapping[str, Model], lints: Sequence[Lint] = ()
) -> DetailsScreen:
    """A route's details: its chains with the deployments behind the names, and its findings."""
    found = [lint_line(lint) for lint in lints if lint.route_id == route.id]
    primary = (route.primary_model_id,) if route.primary_model_id else ()
    facts: list[Fact] = [
        ("Name", route.name + (" (the default route)" if route.is_default else "")),
        ("Description", route.description or "—"),
        ("State", "enabled" if route.is_enabled else "disabled"),
        ("Strategy", f"{fmt.strategy(route.routing_strategy)} ({route.routing_strategy})"),
        *(_chain("Primary", primary, models) or [("Primary", "whatever model is asked for")]),
        *_chain("On failure", route.fallback_model_ids, models),
        *_chain("Long context", route.context_window_fallback_ids, models),
        ("Retries", str(route.num_retries)),
        ("Timeout", f"{route.timeout_seconds:g} s"),
        *[("" if number else "Findings", text) for number, text in enumerate(found)],
    ]
    return DetailsScreen(f"Route {route.name}", facts)


def _chain(name: str, model_ids: Sequence[str], models: Mapping[str, Model]) -> list[Fact]:
    words = [_model(models[i]) if i in models else f"{i}  not in the store" for i in model_ids]
    return [("" if number else name, text) for number, text in enumerate(words)]


def _over_time(checks: Sequence[Health], store: Store) -> list[Fact]:
    """The last checks as a line of signs, the newest at the right, and the last troubles."""
    if not checks:
        return []
    signs = "".join(glyph(check.status) for check in reversed(checks))
    facts = [("Checks", f"{signs}  (newest at the right)")]
    troubles = [c for c in checks if c.status is not HealthStatus.HEALTHY and c.checked_at][:5]
    for check in troubles:
        assert check.checked_at is not None
        at = check.checked_at.astimezone(store.zone)
        facts.append(("", f"{at:%m-%d %H:%M} {check.status}: {check.reason or 'no reason'}"))
    return facts


def _model(model: Model) -> str:
    state = "" if model.is_enabled else "  disabled"
    return f"{model.model_name}  ({model.litellm_model}){state}"


def _health(health: Health, store: Store, name: str) -> list[Fact]:
    if health.checked_at is None:
        return [(name, "never")]
    local = health.checked_at.astimezone(store.zone)
    facts = [(name, f"{health.status}, {local:%Y-%m-%d %H:%M:%S} ({store.zone})")]
    if health.latency_ms is not None:
        facts.append(("Latency", fmt.latency(health.latency_ms)))
    if health.reason:
        facts.append(("Reason", health.reason))
    return facts
