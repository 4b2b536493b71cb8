"""A provider: where it is, whether its key is set here, its models and its last check."""

from __future__ import annotations

from dataclasses import dataclass

from store.domain import HealthStatus, Provider, UsageTotals
from tui import format as fmt
from tui.glyphs import TONES, glyph
from tui.widgets.cards import Card, CardButton, CardLine, Span


@dataclass(frozen=True, slots=True)
class ProviderItem:
    """What a provider's card is drawn from."""

    provider: Provider
    models: int
    enabled_models: int
    today: UsageTotals
    key_is_set: bool
    checked: str = ""
    """How long ago the last check was, in words."""
    glyphs: str = "shapes"
    checking: str = ""
    """Progress of a check that is under way, e.g. `2 of 5`."""

    @property
    def id(self) -> str:
        return self.provider.id

    @property
    def height(self) -> int:
        return 7

    def card(self) -> Card:
        provider = self.provider
        label = "Disable" if provider.is_enabled else "Enable"
        return Card(
            (
                self._title(),
                CardLine((Span("URL: "), Span(provider.api_base_url or "the provider's own"))),
                CardLine((Span("Key: "), *self._key())),
                CardLine((Span(self._models()),)),
                CardLine(self._check()),
            ),
            (CardButton("Check", "check"), CardButton("Edit", "edit"), CardButton(label, "switch")),
            dimmed=not provider.is_enabled,
        )

    def _title(self) -> CardLine:
        provider = self.provider
        status = provider.health.status if provider.is_enabled else HealthStatus.UNKNOWN
        words = str(status) if provider.is_enabled else "disabled"
        if provider.is_enabled and status is HealthStatus.UNKNOWN:
            words = "not checked yet"
        return CardLine(
            (
                Span(glyph(status, self.glyphs) + " ", TONES[status]),
                Span(provider.display_name, "title"),
                Span("  " + words, TONES[status]),
            ),
            (Span(f" {provider.name}", "accent"),),
        )

    def _key(self) -> tuple[Span, ...]:
        name = self.provider.api_key_env
        if name is None:
            return (Span("no variable named", "muted"),)
        if self.key_is_set:
            return (Span(name), Span("  ✓ set here", "good"))
        # The proxy may run elsewhere, with an environment of its own.
        return (Span(name), Span("  ○ not set here; the proxy's environment decides", "muted"))

    def _models(self) -> str:
        text = fmt.plural(self.models, "model")
        if self.enabled_models != self.models:
            text += f" ({self.enabled_models} enabled)"
        today = self.today
        if not today.requests:
            return text + " | Today: no requests"
        cost = "unpriced"
        if today.unpriced_requests < today.requests:
            cost = fmt.cost(today.cost_usd)
        return (
            f"{text} | Today: {fmt.plural(today.requests, 'request')}"
            f" | {fmt.compact(today.tokens)} tokens | {cost}"
        )

    def _check(self) -> tuple[Span, ...]:
        health = self.provider.health
        if self.checking:
            return (Span(f"Checking … {self.checking}", "accent"),)
        if health.checked_at is None:
            return (Span("Last check: never; press h", "muted"),)
        spans = [Span(f"Last check: {self.checked}")]
        if health.latency_ms is not None:
            spans.append(Span(f" | {fmt.latency(health.latency_ms)}"))
        if health.reason:
            spans.append(Span(f" | {health.reason}", TONES[health.status]))
        return tuple(spans)
