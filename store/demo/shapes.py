"""The JSON that LiteLLM 1.106.2 answers, for the demo's deployments."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from store.checks import per_token_from_1k
from store.demo.answers import Trouble
from store.demo.catalog import MODELS, PROVIDERS, ROUTES
from store.demo.wire import Reply
from store.domain import Model

VERSION = "1.106.2"
COOLDOWN_S = 25

SERVED = tuple(model for model in MODELS if model.is_enabled)
"""What was exported to the proxy: a model that is switched off is not in its file."""

ALIASES = {
    route.name: next(m.model_name for m in MODELS if m.id == route.primary_model_id)
    for route in ROUTES
    if not route.is_default
}
"""`model_group_alias`: clients ask for these routes by name."""

_BASES = {provider.id: provider.api_base_url for provider in PROVIDERS}
_PREFIXES = {provider.id: provider.litellm_provider for provider in PROVIDERS}
_NAMES = {model.id: model.model_name for model in MODELS}
_EXCEPTION_NAMES = {"openai": "OpenAIException", "anthropic": "AnthropicException"}


def api_base(model: Model) -> str:
    """The upstream that LiteLLM names in its headers; empty where litellm knows it by itself."""
    return _BASES[model.provider_id] or ""


def error(
    status: int, message: str, kind: str, *headers: tuple[str, str], param: str | None = None
) -> Reply:
    """An error as LiteLLM words it."""
    value = {"message": message, "type": kind, "param": param, "code": str(status)}
    return Reply({"error": value}, status, headers)


def key_missing() -> Reply:
    message = "Authentication Error, No api key passed in."
    return error(401, message, "auth_error", param="None")


def key_refused() -> Reply:
    """Without a database LiteLLM cannot look a foreign key up, and says so."""
    return error(400, "No connected db.", "no_db_connection")


def unknown_model(path: str, name: object) -> Reply:
    message = (
        f"{path.removeprefix('/v1')}: Invalid model name passed in model={name}. "
        "Call `/v1/models` to view available models for your key."
    )
    return error(400, message, "invalid_request_error")


def timed_out(model: Model, timeout_s: float) -> Reply:
    message = (
        "litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed out. - "
        f"timeout value={timeout_s}, time taken={timeout_s + 0.01:.2f} seconds"
    )
    return error(408, message, "invalid_request_error", ("x-litellm-timeout", str(timeout_s)))


def rate_limited() -> Reply:
    message = (
        "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached for requests"
    )
    return error(429, message, "throttling_error", ("llm_provider-retry-after", "60"))


def trouble(model: Model, kind: Trouble) -> Reply:
    """How a misbehaving deployment answers."""
    name = _EXCEPTION_NAMES.get(_PREFIXES[model.provider_id], "Exception")
    if kind is Trouble.OVERLOADED:
        message = (
            f"litellm.InternalServerError: {name} - "
            '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
        )
        return error(500, message, "internal_server_error")
    if kind is Trouble.WRONG_KEY:
        message = f"litellm.AuthenticationError: {name} - invalid x-api-key"
        return error(401, message, "authentication_error")
    if kind is Trouble.UNREACHABLE:
        message = (
            "litellm.APIConnectionError: OllamaException - Cannot connect to host "
            "127.0.0.1:11434 ssl:default [Connect call failed ('127.0.0.1', 11434)]"
        )
        return error(500, message, "internal_server_error")
    message = (
        f"No deployments available for selected model, Try again in {COOLDOWN_S} seconds. All "
        "deployments for selected model are in cooldown. "
        f"Passed model={model.model_name}. pre-call-checks=False, cooldown_list=['{model.id}']"
    )
    return error(429, message, "all_deployments_in_cooldown", ("retry-after", str(COOLDOWN_S)))


def readiness_details() -> dict[str, object]:
    """`/health/readiness/details`: the version is in here."""
    return {
        "status": "healthy",
        "db": "Not connected",
        "cache": None,
        "litellm_version": VERSION,
        "success_callbacks": ["ServiceLogging"],
        "use_aiohttp_transport": True,
        "log_level": "WARNING",
        "is_detailed_debug": False,
    }


def model_list() -> dict[str, object]:
    """`/v1/models`: one entry a group."""
    groups = {model.model_name: model for model in reversed(SERVED)}
    data = [
        {
            "id": name,
            "object": "model",
            "created": 1_677_610_602,
            "owned_by": "openai",
            "mode": groups[name].mode,
            "max_input_tokens": groups[name].context_window,
            "max_output_tokens": groups[name].max_tokens,
        }
        for name in dict.fromkeys(model.model_name for model in SERVED)
    ]
    return {"data": data, "object": "list"}


def cost_per_token(per_1k: Decimal | None) -> float | None:
    """LiteLLM's unit of price."""
    return None if per_1k is None else float(per_token_from_1k(per_1k))


def model_info(model: Model) -> dict[str, object]:
    """One entry of `/model/info`. The key never appears in it."""
    costs = {
        "input_cost_per_token": cost_per_token(model.input_cost_per_1k),
        "output_cost_per_token": cost_per_token(model.output_cost_per_1k),
    }
    params: dict[str, object] = {name: cost for name, cost in costs.items() if cost is not None}
    params |= {"model": model.litellm_model, "use_in_pass_through": False}
    if api_base(model):
        params["api_base"] = api_base(model)
    if model.timeout_seconds is not None:
        params["timeout"] = model.timeout_seconds
    info = {
        **{name: cost or 0.0 for name, cost in costs.items()},
        "id": model.id,
        "db_model": False,
        "mode": model.mode,
        "key": model.litellm_model,
        "max_tokens": model.max_tokens,
        "max_input_tokens": model.context_window,
        "max_output_tokens": model.max_tokens,
        "litellm_provider": _PREFIXES[model.provider_id],
        "supports_vision": model.supports_vision,
        "supports_function_calling": model.supports_function_calling,
        "supports_native_streaming": model.supports_streaming,
    }
    return {"model_name": model.model_name, "litellm_params": params, "model_info": info}


def model_group_info(group: str | None) -> dict[str, object]:
    """`/model_group/info`: one entry a group, or the group asked for."""
    names = dict.fromkeys(m.model_name for m in SERVED if group in (None, m.model_name))
    return {"data": [_group(name) for name in names]}


def _group(name: str) -> dict[str, object]:
    members = [model for model in SERVED if model.model_name == name]
    first = members[0]
    return {
        "model_group": name,
        "providers": sorted({_PREFIXES[model.provider_id] for model in members}),
        "max_input_tokens": first.context_window,
        "max_output_tokens": first.max_tokens,
        "input_cost_per_token": cost_per_token(first.input_cost_per_1k),
        "output_cost_per_token": cost_per_token(first.output_cost_per_1k),
        "mode": first.mode,
        "supports_vision": first.supports_vision,
        "supports_function_calling": first.supports_function_calling,
    }


def callbacks() -> dict[str, object]:
    """`/get/config/callbacks`: the live router settings are in here."""
    default = next(route for route in ROUTES if route.is_default)
    chains: list[dict[str, list[str]]] = []
    context: list[dict[str, list[str]]] = []
    for route in ROUTES:
        group = _NAMES[route.primary_model_id or ""] if route.is_default else route.name
        for chain, ids in (
            (chains, route.fallback_model_ids),
            (context, route.context_window_fallback_ids),
        ):
            if ids:
                chain.append({group: [_NAMES[model_id] for model_id in ids]})
    return {
        "status": "success",
        "callbacks": [],
        "alerts": [],
        "router_settings": {
            "routing_strategy": default.routing_strategy,
            "routing_strategy_args": {},
            "allowed_fails": 3,
            "cooldown_time": 30,
            "num_retries": default.num_retries,
            "timeout": default.timeout_seconds,
            "retry_after": 0,
            "fallbacks": chains,
            "context_window_fallbacks": context,
            "model_group_retry_policy": {},
            "model_group_alias": ALIASES,
        },
        "available_callbacks": {},
    }


def cost_map() -> dict[str, object]:
    """`/public/litellm_model_cost_map`, for the demo's models alone."""
    return {
        model.litellm_model.partition("/")[2]: {
            "input_cost_per_token": cost_per_token(model.input_cost_per_1k) or 0.0,
            "output_cost_per_token": cost_per_token(model.output_cost_per_1k) or 0.0,
            "litellm_provider": _PREFIXES[model.provider_id],
            "max_input_tokens": model.context_window,
            "max_output_tokens": model.max_tokens,
            "mode": model.mode,
            "supports_vision": model.supports_vision,
        }
        for model in reversed(SERVED)
    }


def health_report(results: Iterable[tuple[Model, Reply | None]]) -> Reply:
    """`/health`: 503 where none is healthy, also for a name that nobody knows."""
    healthy: list[object] = []
    unhealthy: list[object] = []
    for model, failure in results:
        entry: dict[str, object] = {"model": model.litellm_model, "model_id": model.id}
        if api_base(model):
            entry["api_base"] = api_base(model)
        if failure is None:
            healthy.append(entry)
        else:
            assert isinstance(failure.value, dict)
            entry["error"] = failure.value["error"]["message"] + "\nstack trace: Traceback (…)"
            entry["exception_status"] = failure.status
            unhealthy.append(entry)
    report = {
        "healthy_endpoints": healthy,
        "unhealthy_endpoints": unhealthy,
        "healthy_count": len(healthy),
        "unhealthy_count": len(unhealthy),
    }
    return Reply(report, 200 if healthy else 503)
