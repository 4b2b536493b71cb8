"""What a LiteLLM proxy that loaded a document would answer, as 1.106.2 was seen to answer."""

from __future__ import annotations

import copy
import hashlib
import json
from typing import Any

from store.checks import redact
from store.gateway.live import Live, routing_in, rows_in

FLAGS = (
    "allow_client_keepalive_override",
    "use_in_pass_through",
    "use_litellm_proxy",
    "use_xai_oauth",
    "merge_reasoning_content_in_choices",
)
HIDDEN = (
    "api_key",
    "client_secret",
    "vertex_credentials",
    "aws_access_key_id",
    "aws_secret_access_key",
)
FLOATS = ("timeout", "stream_timeout", "max_budget")
MAP = {
    "mode": "chat",
    "max_tokens": 4096,
    "max_input_tokens": 128_000,
    "input_cost_per_token": 2.5e-06,
    "output_cost_per_token": 1e-05,
    "supports_vision": True,
    "supports_function_calling": True,
    "cache_read_input_token_cost": 1.25e-06,
    "supports_web_search": None,
    "key": "gpt-4o",
    "litellm_provider": "openai",
    "supported_openai_params": ["temperature", "top_p"],
}
"""What the price map says of every model here."""
KNOWN = ("openai/gpt-4o", "openai/o3", "anthropic/claude-3-haiku")
"""The models that wildcards stand for."""
PRICES = ("input_cost_per_token", "output_cost_per_token", "cache_read_input_token_cost")


def live_of(document: dict[Any, Any], **changes: Any) -> Live:
    """What `read_live` makes of such a proxy's answers."""
    rows = rows_in(json.dumps(model_info(document)).encode(), redact)
    found = routing_in(json.dumps(callbacks(document)).encode())
    assert not isinstance(rows, str)
    assert not isinstance(found, str)
    return Live(**{"rows": rows, "routing": found, **changes})


def model_info(document: dict[Any, Any]) -> dict[str, Any]:
    """The answer of `/model/info`."""
    rows = [_row(entry) for entry in document.get("model_list") or () if _is_model(entry)]
    aliased = []
    for name, value in (_router(document).get("model_group_alias") or {}).items():
        if isinstance(value, dict) and value.get("hidden"):
            continue
        target = value["model"] if isinstance(value, dict) else value
        aliased += [{**row, "model_name": name} for row in rows if row["model_name"] == target]
    return {"data": [row for each in [*rows, *aliased] for row in _expanded(each)]}


def callbacks(document: dict[Any, Any]) -> dict[str, Any]:
    """The answer of `/get/config/callbacks`."""
    router, settings = _router(document), document.get("litellm_settings") or {}
    chains = copy.deepcopy(router.get("fallbacks") or settings.get("fallbacks"))
    default = [section.get("default_fallbacks") for section in (router, settings)]
    if default != [None, None]:
        chains = [*(chains or ()), {"*": default[0] or default[1]}]
    retries = [section.get("num_retries") for section in (router, settings)]
    contexts = [section.get("context_window_fallbacks") for section in (router, settings)]
    return {
        "status": "success",
        "router_settings": {
            "routing_strategy": router.get("routing_strategy", "simple-shuffle"),
            "num_retries": next((each for each in retries if each is not None), 2),
            "timeout": router.get("timeout") or settings.get("request_timeout") or 6000.0,
            "allowed_fails": 3,
            "fallbacks": chains,
            "context_window_fallbacks": contexts[0] or contexts[1] or [],
            "model_group_alias": router.get("model_group_alias") or {},
        },
    }


def _router(document: dict[Any, Any]) -> dict[Any, Any]:
    return document.get("router_settings") or {}


def _is_model(entry: object) -> bool:
    params = entry.get("litellm_params") if isinstance(entry, dict) else None
    return isinstance(params, dict) and isinstance(params.get("model"), str)


def _row(entry: dict[Any, Any]) -> dict[str, Any]:
    params = {
        key: _resolved(value)
        for key, value in entry["litellm_params"].items()
        if value is not None and key not in HIDDEN
    }
    shown = {**dict.fromkeys(FLAGS, False), **params}
    for key in FLOATS:
        if isinstance(shown.get(key), int):
            shown[key] = float(shown[key])
    for key in PRICES:
        if key in shown:
            shown[key] = float(shown[key])
    info = {key: _resolved(value) for key, value in (entry.get("model_info") or {}).items()}
    info = {key: value for key, value in info.items() if value is not None}
    if "id" not in info:
        basis = json.dumps([entry["model_name"], entry["litellm_params"]], default=str)
        info["id"] = hashlib.sha256(basis.encode()).hexdigest()
    info |= {key: shown[key] for key in PRICES if key in shown}
    overrides = [key for key in PRICES if key in info]
    info = {**MAP, **info, "id": str(info["id"]), "db_model": False}
    info["pricing_overrides"] = overrides
    return {"model_name": entry["model_name"], "litellm_params": shown, "model_info": info}


def _resolved(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("os.environ/"):
        return f"value-of-{value.removeprefix('os.environ/')}"
    if isinstance(value, dict):
        return {key: _resolved(item) for key, item in value.items()}
    if isinstance(value, list):
        return ["None" if item is None else _resolved(item) for item in value]
    return value


def _expanded(row: dict[str, Any]) -> list[dict[str, Any]]:
    group, model = row["model_name"], row["litellm_params"]["model"]
    if "*" not in group:
        return [row]
    pattern = model if "/" not in group and "*" in model else group
    prefix = pattern.split("*")[0]
    found = []
    for name in KNOWN:
        if name.startswith(prefix):
            params = {**row["litellm_params"], "model": name}
            found.append({**row, "model_name": name, "litellm_params": params})
    return found or [row]
