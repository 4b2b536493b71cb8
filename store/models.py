"""Models: the deployments that the proxy serves, and how their last tests went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

from store.database import Row, Value
from store.domain import Model, Provider, TestReport
from store.errors import FailureKind, NotFound
from store.times import to_text
from store.topic import Table, Topic, read_health


@lru_cache(maxsize=1024)
def _price(value: float | None) -> Decimal | None:
    # repr() of a float is its shortest decimal, so a price comes back as it was written.
    return None if value is None else Decimal(repr(value)).normalize()


def _read(row: Row) -> Model:
    return Model(
        id=row["id"],
        provider_id=row["provider_id"],
        model_name=row["model_name"],
        display_name=row["display_name"],
        litellm_model=row["litellm_model"],
        description=row["description"],
        context_window=row["context_window"],
        max_tokens=row["max_tokens"],
        input_cost_per_1k=_price(row["input_cost_per_1k"]),
        output_cost_per_1k=_price(row["output_cost_per_1k"]),
        supports_vision=bool(row["supports_vision"]),
        supports_streaming=bool(row["supports_streaming"]),
        supports_function_calling=bool(row["supports_function_calling"]),
        is_enabled=bool(row["is_enabled"]),
        priority=row["priority"],
        mode=row["mode"],
        weight=row["weight"],
        timeout_seconds=row["timeout_seconds"],
        position=row["position"],
        kept=row["kept"],
        health=read_health(row),
        version=row["version"],
    )


def _columns(model: Model) -> dict[str, Value]:
    def real(price: Decimal | None) -> float | None:
        return None if price is None else float(price)

    return {
        "provider_id": model.provider_id,
        "model_name": model.model_name,
        "display_name": model.display_name,
        "litellm_model": model.litellm_model,
        "description": model.description,
        "context_window": model.context_window,
        "max_tokens": model.max_tokens,
        "input_cost_per_1k": real(model.input_cost_per_1k),
        "output_cost_per_1k": real(model.output_cost_per_1k),
        "supports_vision": int(model.supports_vision),
        "supports_streaming": int(model.supports_streaming),
        "supports_function_calling": int(model.supports_function_calling),
        "is_enabled": int(model.is_enabled),
        "priority": model.priority,
        "mode": model.mode,
        "weight": model.weight,
        "timeout_seconds": model.timeout_seconds,
        "position": model.position,
        "kept": model.kept,
    }


class Models(Topic[Model]):
    """The models' topic of the door."""

    table = Table("ai_models", "model", "priority DESC, position, model_name, id", _read, _columns)

    async def find(self, name: str, providers: Sequence[Provider] = ()) -> Model:
        """The model of that id, `model_name` or `provider/model_name`.

        Raises:
            NotFound: there is none, or there are several; the sentence lists the choices.
        """
        models = await self.all()
        names = {provider.id: provider.name for provider in providers}
        for model in models:
            if model.id == name:
                return model
        matches = [
            model
            for model in models
            if name in (model.model_name, f"{names.get(model.provider_id)}/{model.model_name}")
        ]
        if len(matches) == 1:
            return matches[0]
        if matches:
            choices = ", ".join(
                f"{names.get(model.provider_id, '?')}/{model.model_name} (id {model.id})"
                for model in matches
            )
            raise NotFound(f"model: {name!r} names several deployments. Give one of: {choices}.")
        raise NotFound(f"model: there is no {name!r}. `aitui models list` shows what there is.")

    async def record_tests(self, reports: Sequence[TestReport], at: datetime) -> None:
        """Store how models answered their tests, as their health.

        A test is an observation: it neither changes the version nor the audit log. A test that
        never reached the model (the proxy is down, it was stopped) says nothing of its health.
        """
        rows = [
            (
                report.health,
                to_text(at),
                report.latency_ms,
                None if report.success else f"{report.kind}: {report.error}",
                report.model_id,
            )
            for report in reports
            if report.kind not in _SAYS_NOTHING_OF_THE_MODEL
        ]
        if not rows:
            return
        async with self._database.write() as tx:
            await tx.many(
                "UPDATE ai_models SET health_status = ?, last_health_check = ?,"
                " health_latency_ms = ?, health_reason = ? WHERE id = ?",
                rows,
            )


_SAYS_NOTHING_OF_THE_MODEL = frozenset(
    {
        FailureKind.PROXY_DOWN,
        FailureKind.BREAKER_OPEN,
        FailureKind.PROXY_KEY,
        FailureKind.PROXY_KEY_MISSING,
        FailureKind.NOT_SERVED,
        FailureKind.BAD_ANSWER,
        FailureKind.OTHER_DEPLOYMENT,
        FailureKind.CANCELLED,
    }
)
