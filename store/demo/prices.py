"""The pretend proxy's price map: what LiteLLM knows of the demo's models by itself."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from store.checks import per_token_from_1k
from store.demo.catalog import MODELS, PROVIDERS

_PREFIXES = {provider.id: provider.litellm_provider for provider in PROVIDERS}


@dataclass(frozen=True, slots=True)
class Price:
    """A model of the map. Prices are USD per 1,000 tokens; None is unpriced."""

    litellm_provider: str
    context_window: int | None
    max_tokens: int | None
    input_cost_per_1k: Decimal | None
    output_cost_per_1k: Decimal | None
    mode: str
    supports_vision: bool
    supports_function_calling: bool
    supports_streaming: bool

    def map_entry(self) -> dict[str, object]:
        """Its entry in `/public/litellm_model_cost_map`. The map has 0 for what costs nothing."""
        return {
            "input_cost_per_token": cost_per_token(self.input_cost_per_1k) or 0.0,
            "output_cost_per_token": cost_per_token(self.output_cost_per_1k) or 0.0,
            "litellm_provider": self.litellm_provider,
            "max_input_tokens": self.context_window,
            "max_output_tokens": self.max_tokens,
            "mode": self.mode,
            "supports_vision": self.supports_vision,
        }

    def row(self) -> dict[str, object]:
        """What of it LiteLLM puts into a deployment's `model_info`, where the file is silent."""
        return {
            **self.map_entry(),
            "max_tokens": self.max_tokens,
            "supports_function_calling": self.supports_function_calling,
            "supports_native_streaming": self.supports_streaming,
        }


def cost_per_token(per_1k: Decimal | None) -> float | None:
    """LiteLLM's unit of price."""
    return None if per_1k is None else float(per_token_from_1k(per_1k))


PRICES = {
    model.litellm_model.partition("/")[2]: Price(
        litellm_provider=_PREFIXES[model.provider_id],
        context_window=model.context_window,
        max_tokens=model.max_tokens,
        input_cost_per_1k=model.input_cost_per_1k,
        output_cost_per_1k=model.output_cost_per_1k,
        mode=model.mode,
        supports_vision=model.supports_vision,
        supports_function_calling=model.supports_function_calling,
        supports_streaming=model.supports_streaming,
    )
    for model in reversed(MODELS)
    if model.is_enabled
}
"""By the model's name without its prefix; of two of one name the first."""


UNKNOWN = Price("", None, None, None, None, "", False, False, False)
"""A model that the map does not have."""


def prices_of(litellm_model: str) -> Price:
    """What the map knows of a `litellm_params.model`; UNKNOWN where it has none of that name."""
    name = litellm_model.partition("/")[2]
    return PRICES.get(litellm_model) or PRICES.get(name) or UNKNOWN
