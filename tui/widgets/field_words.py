"""The fields' names and values in people's words: for the forms, the history and conflicts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Final

from store.domain import Model, Provider, Route
from store.validation import World
from tui import format as fmt
from tui.text import clean

LABELS: Final = {
    "name": "Name",
    "display_name": "Display name",
    "litellm_provider": "LiteLLM prefix",
    "api_base_url": "Base URL",
    "api_key_env": "Key variable",
    "is_enabled": "Enabled",
    "provider_id": "Provider",
    "model_name": "Name",
    "litellm_model": "LiteLLM model",
    "description": "Description",
    "context_window": "Context",
    "max_tokens": "Answer at most",
    "input_cost_per_1k": "Input $/1K",
    "output_cost_per_1k": "Output $/1K",
    "supports_vision": "Vision",
    "supports_streaming": "Streaming",
    "supports_function_calling": "Functions",
    "mode": "Mode",
    "weight": "Weight",
    "timeout_seconds": "Timeout",
    "priority": "Priority",
    "kept": "Rest of the file",
    "routing_strategy": "Strategy",
    "primary_model_id": "Primary",
    "fallback_model_ids": "On failure",
    "context_window_fallback_ids": "Long context",
    "num_retries": "Retries",
    "is_default": "Default route",
}
"""Field name -> label. A field that is not here is called by its own name."""

NOTHING: Final = "—"
_TOKENS = frozenset({"context_window", "max_tokens"})
_PRICES = frozenset({"input_cost_per_1k", "output_cost_per_1k"})
_IDS = frozenset(
    {"provider_id", "primary_model_id", "fallback_model_ids", "context_window_fallback_ids"}
)
Names = Mapping[str, str]
"""A thing's id -> its name."""


def label(field_name: str) -> str:
    """The field's label."""
    return LABELS.get(field_name, field_name)


def names_in(world: World) -> dict[str, str]:
    """The name of everything in the store, by id."""
    things: Iterable[Provider | Model | Route] = (*world.providers, *world.models, *world.routes)
    return {
        thing.id: thing.model_name if isinstance(thing, Model) else thing.name for thing in things
    }


def words(field_name: str, value: object, names: Names) -> str:
    """The value as an operator reads it, on one line: names for ids, `128k`, `$0.01`, yes."""
    if value is None or value == "" or value == [] or value == ():
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(_name(item, names) for item in value)
    if field_name in _IDS:
        return _name(value, names)
    if field_name in _TOKENS and isinstance(value, int):
        return fmt.context_exact(value)
    if field_name in _PRICES:
        return _price(value)
    if field_name == "routing_strategy":
        return fmt.strategy(clean(value, one_line=True, limit=200))
    if field_name == "timeout_seconds" and isinstance(value, int | float):
        return f"{value:g}s"
    if isinstance(value, float):
        return f"{value:g}"
    return clean(value, one_line=True, limit=2_000)


def _name(thing_id: object, names: Names) -> str:
    text = str(thing_id)
    return clean(names.get(text, text), one_line=True, limit=200)


def _price(value: object) -> str:
    try:
        return fmt.price(Decimal(str(value)))
    except InvalidOperation:
        return clean(value, one_line=True, limit=100)
