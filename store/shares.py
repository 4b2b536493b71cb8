"""How LiteLLM divides a group's requests among its deployments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from store.domain import Model

SHUFFLE = "simple-shuffle"


@dataclass(frozen=True, slots=True)
class Shares:
    """Each deployment's part of the requests, 0 to 1, by id. Empty: only LiteLLM can tell."""

    strategy: str
    parts: Mapping[str, float]

    def of(self, model: Model) -> float | None:
        return self.parts.get(model.id)

    def text(self, model: Model) -> str:
        part = self.of(model)
        return f"picked by {self.strategy}" if part is None else f"{part:.0%} of requests"

    def chance(self, models: Iterable[Model]) -> float | None:
        """How likely a pick is one of `models`."""
        return sum(self.parts[model.id] for model in models) if self.parts else None


def shares(models: Sequence[Model], strategy: str) -> Shares:
    """The parts that simple-shuffle gives: by weight where any has one, else by rpm or tpm, else
    equal. A deployment without a weight then counts as 0 (`router_strategy/simple_shuffle.py`).
    """
    if len(models) == 1:
        return Shares(strategy, {models[0].id: 1.0})
    if strategy != SHUFFLE:
        return Shares(strategy, {})
    total = sum(model.weight or 0 for model in models)
    if total > 0:
        return Shares(strategy, {model.id: (model.weight or 0) / total for model in models})
    if any("rpm:" in model.kept or "tpm:" in model.kept for model in models):
        return Shares(strategy, {})
    return Shares(strategy, {model.id: 1 / len(models) for model in models})
