"""The JSON that LiteLLM 1.106.2 answers, for the deployments that are loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from store.demo.answers import Trouble
from store.demo.prices import PRICES, cost_per_token
from store.demo.served import Deployment, Served
from store.demo.wire import Reply

VERSION = "1.106.2"
COOLDOWN_S = 25

_EXCEPTION_NAMES = {"openai": "OpenAIException", "anthropic": "AnthropicException"}
_FALLBACK_TYPES: Final = {
    "general": "fallbacks",
    "context_window": "context_window_fallbacks",
    "content_policy": None,
}


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


def no_database() -> Reply:
    """What settings that are kept in a database answer without one."""
    text = "DB not connected. This endpoint needs a database; set DATABASE_URL to enable it."
    return Reply({"detail": {"error": text}}, 400)


def unknown_model(path: str, name: object) -> Reply:
    message = (
        f"{path.removeprefix('/v1')}: Invalid model name passed in model={name}. "
        "Call `/v1/models` to view available models for your key."
    )
    return error(400, message, "invalid_request_error")


def timed_out(model: Deployment, timeout_s: float) -> Reply:
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


def trouble(model: Deployment, kind: Trouble) -> Reply:
    """How a misbehaving deployment answers."""
    name = _EXCEPTION_NAMES.get(model.prefix, "Exception")
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


def model_list(served: Served) -> dict[str, object]:
    """`/v1/models`: one entry a group, and one an alias that is not hidden."""
    names = dict.fromkeys(
        [
            *(each.model_name for each in served.deployments),
            *(name for name in served.aliases if name not in served.hidden),
        ]
    )
    data = [_listed(name, served.group(name)[0]) for name in names if served.group(name)]
    return {"data": data, "object": "list"}


def _listed(name: str, first: Deployment) -> dict[str, object]:
    return {
        "id": name,
        "object": "model",
        "created": 1_677_610_602,
        "owned_by": "openai",
        "mode": first.mode,
        "max_input_tokens": first.context_window,
        "max_output_tokens": first.max_tokens,
    }


def model_info(served: Served, model_id: str | None) -> Reply:
    """`/model/info`: the deployments, and those of each alias once more under its name."""
    if model_id is not None:
        found = [each.row for each in served.deployments if each.id == model_id]
        if not found:
            text = f"Model id = {model_id} not found on litellm proxy"
            return Reply({"detail": {"error": text}}, 400)
        return Reply({"data": found})
    if not served.deployments:
        text = "LLM Model List not loaded in. Make sure you passed models in your config.yaml."
        return Reply({"detail": {"error": text}}, 500)
    rows = [each.row for each in served.deployments]
    for alias in served.aliases:
        if alias not in served.hidden:
            rows += [{**each.row, "model_name": alias} for each in served.group(alias)]
    return Reply({"data": rows})


def model_group_info(served: Served, group: str | None) -> dict[str, object]:
    """`/model_group/info`: one entry a group, or the group asked for."""
    names = dict.fromkeys(
        each.model_name for each in served.deployments if group in (None, each.model_name)
    )
    return {"data": [_group(name, served.group(name)) for name in names]}


def _group(name: str, members: tuple[Deployment, ...]) -> dict[str, object]:
    first = members[0]
    return {
        "model_group": name,
        "providers": sorted({model.prefix for model in members}),
        "max_input_tokens": first.context_window,
        "max_output_tokens": first.max_tokens,
        "input_cost_per_token": cost_per_token(first.input_cost_per_1k),
        "output_cost_per_token": cost_per_token(first.output_cost_per_1k),
        "mode": first.mode,
        "supports_vision": first.supports_vision,
        "supports_function_calling": first.supports_function_calling,
    }


def callbacks(served: Served) -> dict[str, object]:
    """`/get/config/callbacks`: the live router settings are in here."""
    return {
        "status": "success",
        "callbacks": [],
        "alerts": [],
        "active_alerting_destinations": [],
        "router_settings": served.router,
        "available_callbacks": {},
    }


def fallback(served: Served, name: str, kind: str) -> Reply:
    """`/fallback/{model}`: the chain of one name, or 404 where it has none."""
    if kind not in _FALLBACK_TYPES:
        detail = {"loc": ["query", "fallback_type"], "msg": "Input should be 'general', …"}
        return Reply({"detail": [detail]}, 422)
    setting = _FALLBACK_TYPES[kind]
    chain = served.chain(setting, name) if setting is not None else []
    if not chain:
        text = f"No {kind} fallbacks configured for model '{name}'"
        return Reply({"detail": {"error": text}}, 404)
    return Reply({"model": name, "fallback_models": chain, "fallback_type": kind})


def cost_map() -> dict[str, object]:
    """`/public/litellm_model_cost_map`, for the demo's models alone."""
    return {name: price.map_entry() for name, price in PRICES.items()}


def health_report(results: Iterable[tuple[Deployment, Reply | None]]) -> Reply:
    """`/health`: 503 where none is healthy, also for a name that nobody knows."""
    healthy: list[object] = []
    unhealthy: list[object] = []
    for model, failure in results:
        entry: dict[str, object] = {"model": model.litellm_model, "model_id": model.id}
        if model.api_base:
            entry["api_base"] = model.api_base
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
