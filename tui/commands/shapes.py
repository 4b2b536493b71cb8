"""The JSON shapes of the commands: the same words as the HTTP API's, in camelCase.

Money is USD as a number, prices are USD per 1,000 tokens, times are ISO 8601 in UTC.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from store.doctor import Finding
    from store.domain import (
        AuditEntry,
        CatalogEntry,
        CatalogInfo,
        ImportReport,
        Model,
        Provider,
        ProviderHealth,
        Route,
        TestReport,
        UsageOverview,
        UsageTotals,
    )
    from store.editor import Consequences
    from store.explain import Explanation
    from store.linter import Lint
    from store.presets import Preset

Json: TypeAlias = "dict[str, object]"


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


def _time(moment: datetime | None) -> str | None:
    from store.times import to_text

    return None if moment is None else to_text(moment)


def model_json(model: Model, provider: Provider | None) -> Json:
    return {
        "id": model.id,
        "modelName": model.model_name,
        "displayName": model.display_name,
        "litellmModel": model.litellm_model,
        "description": model.description,
        "provider": {
            "id": model.provider_id,
            "name": provider.name if provider else None,
            "displayName": provider.display_name if provider else None,
        },
        "mode": model.mode,
        "contextWindow": model.context_window,
        "maxTokens": model.max_tokens,
        "capabilities": {
            "vision": model.supports_vision,
            "streaming": model.supports_streaming,
            "functionCalling": model.supports_function_calling,
        },
        "cost": {
            "inputPer1k": _number(model.input_cost_per_1k),
            "outputPer1k": _number(model.output_cost_per_1k),
        },
        "priority": model.priority,
        "weight": model.weight,
        "timeoutSeconds": model.timeout_seconds,
        "isEnabled": model.is_enabled,
        "healthStatus": model.health.status.value,
        "lastHealthCheck": _time(model.health.checked_at),
        "healthReason": model.health.reason,
        "version": model.version,
    }


def test_json(report: TestReport) -> Json:
    return {
        "model": {"id": report.model_id, "name": report.model_name},
        "success": report.success,
        "latencyMs": report.latency_ms,
        "ttftMs": report.ttft_ms,
        "response": report.response if report.success else report.response or None,
        "promptTokens": report.prompt_tokens,
        "completionTokens": report.completion_tokens,
        "cost": _number(report.cost_usd),
        "costSource": report.cost_source,
        "servedBy": report.served_by,
        "kind": report.kind.value if report.kind else None,
        "error": report.error,
        "mend": report.mend,
    }


def provider_json(provider: Provider, *, key_is_set: bool | None) -> Json:
    """`key_is_set` is None where nobody looked."""
    return {
        "id": provider.id,
        "name": provider.name,
        "displayName": provider.display_name,
        "litellmProvider": provider.litellm_provider,
        "apiBaseUrl": provider.api_base_url,
        "apiKeyEnv": provider.api_key_env,
        "keyIsSet": key_is_set,
        "isEnabled": provider.is_enabled,
        "healthStatus": provider.health.status.value,
        "lastHealthCheck": _time(provider.health.checked_at),
        "healthLatencyMs": provider.health.latency_ms,
        "healthReason": provider.health.reason,
        "version": provider.version,
    }


def check_json(provider: Provider, result: ProviderHealth) -> Json:
    return {
        "provider": {"id": provider.id, "name": provider.name},
        "status": result.status.value,
        "latencyMs": result.latency_ms,
        "error": result.reason,
        "checkedAt": _time(result.checked_at),
        "models": [test_json(report) for report in result.reports],
    }


def route_json(route: Route) -> Json:
    return {
        "id": route.id,
        "name": route.name,
        "description": route.description,
        "routingStrategy": route.routing_strategy,
        "primaryModelId": route.primary_model_id,
        "fallbackModelIds": list(route.fallback_model_ids),
        "contextWindowFallbackIds": list(route.context_window_fallback_ids),
        "numRetries": route.num_retries,
        "timeoutSeconds": route.timeout_seconds,
        "isDefault": route.is_default,
        "isEnabled": route.is_enabled,
        "version": route.version,
    }


def _summary(totals: UsageTotals) -> Json:
    return {
        "totalRequests": totals.requests,
        "totalTokens": totals.tokens,
        "totalCost": float(totals.cost_usd),
        "avgLatencyMs": totals.avg_latency_ms,
        "errors": totals.errors,
        "unpricedRequests": totals.unpriced_requests,
    }


def share_json(totals: UsageTotals) -> Json:
    return {
        "requests": totals.requests,
        "tokens": totals.tokens,
        "cost": float(totals.cost_usd),
        "unpricedRequests": totals.unpriced_requests,
    }


def usage_json(overview: UsageOverview) -> Json:
    return {
        "startDate": _time(overview.start),
        "endDate": _time(overview.end),
        "timeZone": overview.zone,
        "summary": _summary(overview.current),
        "previous": _summary(overview.previous),
        "breakdown": [
            {"model": {"id": use.model_id, "name": use.model_name}, **share_json(use.totals)}
            for use in overview.by_model
        ],
        "trend": [
            {"date": _time(point.start), **share_json(point.totals)} for point in overview.trend
        ],
    }


def import_json(report: ImportReport) -> Json:
    return {
        "source": report.source,
        "dryRun": report.dry_run,
        "created": list(report.created),
        "changed": list(report.changed),
        "unchanged": report.unchanged,
        "onlyInStore": list(report.only_in_store),
        "warnings": list(report.warnings),
        "secretsReplaced": list(report.secrets_replaced),
    }


def finding_json(finding: Finding) -> Json:
    return {
        "level": finding.level.value,
        "subject": finding.subject,
        "message": finding.message,
        "mend": finding.mend,
    }


def editable(thing: Provider | Model | Route) -> Json:
    """A thing's fields by their own names, without what was observed of it."""
    from dataclasses import fields

    state: Json = {}
    for item in fields(thing):
        value = getattr(thing, item.name)
        if item.name != "health":
            state[item.name] = str(value) if isinstance(value, Decimal) else value
    return state


def removed_json(thing: Provider | Model | Route, effects: Consequences) -> Json:
    from store.topic import thing_name

    return {
        "removed": True,
        "id": thing.id,
        "name": thing_name(thing),
        "along": {
            "models": [{"id": model.id, "name": model.model_name} for model in effects.models],
            "routesChanged": [route_json(route) for route in effects.routes_changed],
            "routesRemoved": [{"id": r.id, "name": r.name} for r in effects.routes_removed],
        },
    }


def preset_json(preset: Preset) -> Json:
    return {
        "name": preset.name,
        "displayName": preset.display_name,
        "litellmProvider": preset.litellm_provider,
        "apiBaseUrl": preset.api_base_url,
        "apiKeyEnv": preset.api_key_env,
        "note": preset.note,
    }


def lint_json(lint: Lint, route: Route) -> Json:
    return {
        "severity": lint.severity.value,
        "route": {"id": route.id, "name": route.name},
        "field": lint.field,
        "index": lint.index,
        "message": lint.message,
        "mend": lint.mend,
    }


def explanation_json(explanation: Explanation) -> Json:
    return {
        "asked": explanation.asked,
        "servedBy": explanation.served_by,
        "steps": [
            {
                "model": {"id": step.model_id, "name": step.model_name},
                "outcome": step.outcome.value,
                "reason": step.reason,
            }
            for step in explanation.steps
        ],
        "notes": list(explanation.notes),
    }


def change_json(entry: AuditEntry, *, whole: bool = False) -> Json:
    """One change of the history; `whole` adds the states before and after it."""
    from store.history import differences

    shape: Json = {
        "id": entry.id,
        "changeId": entry.change_id,
        "at": _time(entry.at),
        "actor": entry.actor,
        "action": entry.action,
        "entity": entry.entity,
        "entityId": entry.entity_id,
        "name": entry.name,
        "fields": [
            {"name": change.name, "before": change.before, "after": change.after}
            for change in differences(entry)
        ],
    }
    return shape | {"before": entry.before, "after": entry.after} if whole else shape


def catalog_info_json(info: CatalogInfo) -> Json:
    return {"entries": info.entries, "fetchedAt": _time(info.fetched_at), "source": info.source}


def catalog_json(entry: CatalogEntry) -> Json:
    return {
        "litellmModel": entry.litellm_model,
        "litellmProvider": entry.provider,
        "mode": entry.mode or None,
        "contextWindow": entry.context_window,
        "maxTokens": entry.max_tokens,
        "capabilities": {
            "vision": entry.supports_vision,
            "streaming": entry.supports_streaming,
            "functionCalling": entry.supports_function_calling,
        },
        "cost": {
            "inputPer1k": _number(entry.input_cost_per_1k),
            "outputPer1k": _number(entry.output_cost_per_1k),
        },
    }
