"""A model as the wireframe draws it."""

from __future__ import annotations

from dataclasses import dataclass

from store.domain import HealthStatus, Model, Provider, UsageTotals
from tui import format as fmt
from tui.glyphs import TONES, glyph
from tui.widgets.cards import Card, CardButton, CardLine, Span

NO_USE = UsageTotals()


@dataclass(frozen=True, slots=True)
class ModelItem:
    """What a model's card is drawn from."""

    model: Model
    provider: Provider
    today: UsageTotals
    tested: str = ""
    """How long ago the last test was, in words."""
    glyphs: str = "shapes"

    @property
    def id(self) -> str:
        return self.model.id

    @property
    def height(self) -> int:
        return 7 if self.has_key else 4

    @property
    def has_key(self) -> bool:
        """False where nothing gives it a key, and no test has shown that it works all the same."""
        works = self.model.health.status is HealthStatus.HEALTHY
        return works or not self.provider.lacks_key(self.model)

    def card(self) -> Card:
        model = self.model
        if not self.has_key:
            missing = Span("API Key not configured", "bad")
            hint = Span(" · name its variable in the provider's configuration", "muted")
            return Card(
                (self._title(), CardLine((missing, hint))),
                (CardButton("Configure", "configure"), CardButton("Remove", "remove")),
                dimmed=not self.is_served,
            )
        lines = (
            self._title(),
            CardLine((Span(model.description or model.display_name),)),
            CardLine((Span(capabilities(model)),)),
            CardLine((Span(prices(model)),)),
            CardLine((Span(use_today(self.today, model)),)),
        )
        buttons = (
            CardButton("Test", "test"),
            CardButton("Edit", "edit"),
            CardButton(_toggle_label(model), "switch"),
        )
        return Card(lines, buttons, dimmed=not self.is_served)

    @property
    def is_served(self) -> bool:
        return self.model.is_enabled and self.provider.is_enabled

    def _title(self) -> CardLine:
        status, words = state(self)
        sign = Span(glyph(status, self.glyphs) + " ", TONES[status])
        name = Span(self.model.model_name, "title")
        return CardLine(
            (sign, name, Span("  " + words, TONES[status])),
            (Span(" " + self.provider.display_name, "accent"),),
        )


def _toggle_label(model: Model) -> str:
    return "Disable" if model.is_enabled else "Enable"


def state(item: ModelItem) -> tuple[HealthStatus, str]:
    """The model's status and the words beside its sign."""
    health = item.model.health
    if not item.model.is_enabled:
        return HealthStatus.UNKNOWN, "disabled"
    if not item.provider.is_enabled:
        return HealthStatus.UNKNOWN, "provider disabled"
    if not item.has_key:
        return HealthStatus.DOWN, "no key"
    if health.checked_at is None:
        return HealthStatus.UNKNOWN, "not tested yet"
    words = [str(health.status)]
    if health.status is not HealthStatus.HEALTHY and health.reason:
        words.append(health.reason.partition(":")[0])
    elif health.latency_ms is not None:
        words.append(fmt.latency(health.latency_ms))
    words.append(item.tested)
    return health.status, " · ".join(words)


def capabilities(model: Model) -> str:
    def mark(supported: bool) -> str:
        return "✓" if supported else "✗"

    context = fmt.context(model.context_window)
    if model.mode != "chat":
        return f"Context: {context} | Mode: {model.mode}"
    return (
        f"Context: {context} | Vision: {mark(model.supports_vision)}"
        f" | Streaming: {mark(model.supports_streaming)}"
        f" | Functions: {mark(model.supports_function_calling)}"
    )


def prices(model: Model) -> str:
    if not model.is_priced:
        return "Cost: unpriced"
    return (
        f"Cost: {fmt.price(model.input_cost_per_1k)}/1K input, "
        f"{fmt.price(model.output_cost_per_1k)}/1K output"
    )


def use_today(totals: UsageTotals, model: Model) -> str:
    if not totals.requests:
        return "Today: no requests"
    cost = fmt.cost(totals.cost_usd)
    if totals.unpriced_requests == totals.requests:
        cost = "unpriced"
    elif totals.unpriced_requests:
        cost += f" + {fmt.count(totals.unpriced_requests)} unpriced"
    text = f"Today: {fmt.plural(totals.requests, 'request')}"
    text += f" | {fmt.compact(totals.tokens)} tokens | {cost}"
    if totals.errors:
        text += f" | {fmt.plural(totals.errors, 'error')}"
    return text
