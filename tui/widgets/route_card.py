"""A route with its chain, drawn with arrows as in the wireframe."""

from __future__ import annotations

from dataclasses import dataclass

from store.domain import Model, Route
from tui import format as fmt
from tui.widgets.cards import Card, CardButton, CardLine, Span


@dataclass(frozen=True, slots=True)
class Link:
    """One model of a chain: its name, or that it is gone or disabled."""

    name: str
    context_window: int | None = None
    note: str = ""

    @classmethod
    def to(cls, model_id: str, models: dict[str, Model]) -> Link:
        model = models.get(model_id)
        if model is None:
            return cls(model_id, note="not in the store")
        return cls(model.model_name, model.context_window, "" if model.is_enabled else "disabled")


@dataclass(frozen=True, slots=True)
class RouteItem:
    """What a route's card is drawn from."""

    route: Route
    primary: Link | None
    fallbacks: tuple[Link, ...]
    context_fallbacks: tuple[Link, ...]
    errors: int = 0
    warnings: int = 0
    """Findings of the linter."""

    @classmethod
    def of(
        cls, route: Route, models: dict[str, Model], *, errors: int = 0, warnings: int = 0
    ) -> RouteItem:
        return cls(
            route,
            Link.to(route.primary_model_id, models) if route.primary_model_id else None,
            tuple(Link.to(model_id, models) for model_id in route.fallback_model_ids),
            tuple(Link.to(model_id, models) for model_id in route.context_window_fallback_ids),
            errors,
            warnings,
        )

    @property
    def id(self) -> str:
        return self.route.id

    @property
    def height(self) -> int:
        return len(self._chain()) + 5 + bool(self.route.description)

    def card(self) -> Card:
        lines = [self._title()]
        if self.route.description:
            lines.append(CardLine((Span(self.route.description),)))
        lines += self._chain()
        return Card(tuple(lines), self._buttons(), dimmed=not self.route.is_enabled)

    def _buttons(self) -> tuple[CardButton, ...]:
        """The default route gives the proxy's strategy and cannot be switched off."""
        if self.route.is_default:
            return (CardButton("Edit", "edit"), CardButton("Clone", "clone"))
        return (
            CardButton("Set as Default", "make_default"),
            CardButton("Edit", "edit"),
            CardButton("Disable" if self.route.is_enabled else "Enable", "switch"),
        )

    def _title(self) -> CardLine:
        route = self.route
        name = route.name.replace("-", " ").title() if route.is_default else route.name
        star = (Span("★ ", "warn"),) if route.is_default else ()
        if route.is_default:
            active = " (Active)" if route.is_enabled else " (disabled)"
            left = (*star, Span(f"{name} Route", "title"), Span(active, "good"))
            return CardLine(left, self._findings())
        words = "" if route.is_enabled else "  disabled"
        return CardLine((Span(f"{name} Route", "title"), Span(words, "muted")), self._findings())

    def _findings(self) -> tuple[Span, ...]:
        if self.errors:
            return (Span(f"✗ {fmt.plural(self.errors, 'error')}", "bad"),)
        if self.warnings:
            return (Span(f"▲ {fmt.plural(self.warnings, 'warning')}", "warn"),)
        return ()

    def _chain(self) -> list[CardLine]:
        route = self.route
        lines = [_line("Strategy: ", fmt.strategy(route.routing_strategy))]
        if self.primary is not None:
            lines.append(_model_line("Primary: ", self.primary))
        else:
            lines.append(
                CardLine((Span("Primary: "), Span("whatever model is asked for", "muted")))
            )
        for number, link in enumerate(self.fallbacks, 1):
            lines.append(CardLine((Span("   ↓ (on failure)", "muted"),)))
            lines.append(_model_line(f"Fallback {number}: ", link))
        for link in self.context_fallbacks:
            lines.append(CardLine((Span("   ↓ (context too long)", "muted"),)))
            lines.append(_model_line("Long context: ", link))
        retries = f"Retries: {route.num_retries} | Timeout: {route.timeout_seconds:g}s"
        lines.append(CardLine((Span(retries),)))
        return [CardLine(line.left, line.right, boxed=True) for line in lines]


def _line(label: str, value: str) -> CardLine:
    return CardLine((Span(label), Span(value, "title")))


def _model_line(label: str, link: Link) -> CardLine:
    spans = [Span(label), Span(link.name, "title")]
    if link.context_window:
        spans.append(Span(f" ({fmt.context(link.context_window)} context)", "muted"))
    if link.note:
        spans.append(Span(f"  {link.note}", "bad"))
    return CardLine(tuple(spans))
