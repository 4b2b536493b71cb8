"""How the models are narrowed and sorted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from store.domain import HealthStatus
from tui.widgets.model_card import ModelItem


class Order(StrEnum):
    """What the cards are sorted by. The first is the file's order, by priority."""

    FILE = "file order"
    NAME = "name"
    COST = "cost today"
    USE = "use today"
    LATENCY = "latency"
    ERRORS = "errors today"
    PRICE = "price"


class Ability(StrEnum):
    """What a model can do, or what is the matter with it."""

    ANY = "any"
    VISION = "vision"
    FUNCTIONS = "functions"
    EMBEDDING = "embedding"
    UNPRICED = "unpriced"
    TROUBLE = "in trouble"


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """What the filter bar asks for."""

    provider_id: str | None = None
    enabled_only: bool = False
    words: tuple[str, ...] = ()
    ability: Ability = Ability.ANY
    order: Order = Order.FILE

    def lets_through(self, item: ModelItem, text: str) -> bool:
        """Whether the item is shown; `text` is its `search_text`."""
        if self.provider_id is not None and item.model.provider_id != self.provider_id:
            return False
        if self.enabled_only and not item.is_served:
            return False
        if self.ability is not Ability.ANY and not _ABLE[self.ability](item):
            return False
        return all(word in text for word in self.words)

    def sort(self, items: Iterable[ModelItem]) -> list[ModelItem]:
        """The items in the order that was asked for; equal ones stay in the file's."""
        key = _KEYS.get(self.order)
        return list(items) if key is None else sorted(items, key=key)

    @property
    def says(self) -> str:
        """What is not seen elsewhere in the bar: `by name · vision`."""
        order = "" if self.order is Order.FILE else f"by {self.order}"
        ability = "" if self.ability is Ability.ANY else str(self.ability)
        return " · ".join(part for part in (order, ability) if part)


def search_text(item: ModelItem) -> str:
    """What a search looks through."""
    model, provider = item.model, item.provider
    return " ".join(
        (
            model.model_name,
            model.display_name,
            model.litellm_model,
            model.description or "",
            provider.display_name,
            provider.name,
        )
    ).casefold()


def _in_trouble(item: ModelItem) -> bool:
    bad = (HealthStatus.DEGRADED, HealthStatus.DOWN)
    return item.is_served and (item.model.health.status in bad or not item.has_key)


_ABLE: dict[Ability, Callable[[ModelItem], bool]] = {
    Ability.VISION: lambda item: item.model.supports_vision,
    Ability.FUNCTIONS: lambda item: item.model.supports_function_calling,
    Ability.EMBEDDING: lambda item: item.model.mode == "embedding",
    Ability.UNPRICED: lambda item: not item.model.is_priced,
    Ability.TROUBLE: _in_trouble,
}


def _latency(item: ModelItem) -> float:
    latency = item.model.health.latency_ms
    return float("inf") if latency is None else latency


def _price(item: ModelItem) -> tuple[bool, Decimal]:
    model = item.model
    known = (model.input_cost_per_1k or Decimal(0)) + (model.output_cost_per_1k or Decimal(0))
    return not model.is_priced, known


_KEYS: dict[Order, Callable[[ModelItem], Any]] = {
    Order.NAME: lambda item: (item.model.model_name.casefold(), item.provider.name),
    Order.COST: lambda item: -item.today.cost_nano_usd,
    Order.USE: lambda item: -item.today.requests,
    Order.LATENCY: _latency,
    Order.ERRORS: lambda item: -item.today.errors,
    Order.PRICE: _price,
}
