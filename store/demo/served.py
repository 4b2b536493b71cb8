"""What a pretend proxy has loaded of its configuration file, as LiteLLM 1.106.2 loads it.

`os.environ/NAME` is resolved, what the file leaves out of `model_info` comes from the price map,
and an id that the file does not give is made from the entry's parameters.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from store.checks import ENV_REFERENCE
from store.demo.prices import UNKNOWN, prices_of
from store.errors import ImportRefused
from store.gateway.config_entry import Notes, plain_number, read_entry
from store.gateway.config_include import read_files
from store.gateway.config_routes import (
    ALIASES,
    CONTEXT_FALLBACKS,
    DEFAULT_FALLBACKS,
    FALLBACKS,
    ROUTER,
    Settings,
    effective,
    read_settings,
    section,
)
from store.gateway.yaml_reader import path_text

CONFIG = Path(__file__).with_name("litellm_config.yaml")
"""The demo's configuration; a run serves a copy of it."""

Row = Mapping[str, Any]

_SECRET: Final = (
    *("api_key", "client_secret", "vertex_credentials", "vertex_ai_credentials"),
    *("aws_access_key_id", "aws_secret_access_key"),
)
"""What `/model/info` leaves out: `remove_sensitive_info_from_deployment` in
`litellm/proxy/common_utils/openai_endpoint_utils.py`."""
_COSTS: Final = ("input_cost_per_token", "output_cost_per_token")
_FLOATS: Final = ("timeout", "stream_timeout", *_COSTS)
_PARAMS: Final = {
    "allow_client_keepalive_override": False,
    "use_in_pass_through": False,
    "use_litellm_proxy": False,
    "use_xai_oauth": False,
    "merge_reasoning_content_in_choices": False,
}
"""LiteLLM's own defaults, which it shows in every deployment's parameters."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One entry of `model_list`. Prices are USD per 1,000 tokens, the timeout is in seconds."""

    id: str
    model_name: str
    litellm_model: str
    prefix: str
    """LiteLLM's name of the provider."""
    api_base: str
    """Empty where LiteLLM knows it by itself."""
    mode: str
    timeout_seconds: float | None
    context_window: int | None
    max_tokens: int | None
    input_cost_per_1k: Decimal | None
    output_cost_per_1k: Decimal | None
    supports_vision: bool
    supports_function_calling: bool
    row: Row = field(repr=False)
    """Its entry in `/model/info`. The key never appears in it."""

    @property
    def is_priced(self) -> bool:
        return self.input_cost_per_1k is not None or self.output_cost_per_1k is not None


@dataclass(frozen=True, slots=True)
class Served:
    """A whole configuration, loaded."""

    deployments: tuple[Deployment, ...]
    router: Mapping[str, object]
    """The live router's settings, as `/get/config/callbacks` tells them."""
    aliases: Mapping[str, str]
    hidden: frozenset[str] = frozenset()
    """Aliases that are callable and not listed."""

    def group(self, name: str) -> tuple[Deployment, ...]:
        """The deployments of that group or alias; none where nobody knows it."""
        target = self.aliases.get(name, name)
        return tuple(each for each in self.deployments if each.model_name == target)

    def chain(self, kind: str, name: str) -> list[str]:
        """The chain of one name in `fallbacks` or `context_window_fallbacks`."""
        chains = self.router.get(kind)
        assert isinstance(chains, list)
        found = {key: chain for entry in reversed(chains) for key, chain in entry.items()}
        return list(found.get(name, found.get("*", ())))


def load_served(path: Path, variables: Mapping[str, str]) -> Served:
    """The file at `path`, as the proxy serves it. It may be called in a thread.

    Args:
        variables: what `os.environ/NAME` stands for; a name that is not in it has no value.

    Raises:
        ImportRefused: LiteLLM would not start with that file.
    """
    document = read_files(path).merged.value
    assert isinstance(document, dict)
    listed = document.get("model_list") or []
    if not isinstance(listed, list):
        raise ImportRefused(f"{path.name}: model_list must be a list of models.")
    notes = Notes()
    settings = read_settings(document, notes)
    deployments = tuple(_deployment(raw, variables, notes) for raw in listed)
    if section(document, ROUTER).get("routing_strategy") == "simple":
        # LiteLLM knows it from its interface alone, and stops where a file says it.
        notes.errors.append(((ROUTER, "routing_strategy"), "must be one of LiteLLM's"))
    aliases = section(document, ROUTER).get(ALIASES) or {}
    if not isinstance(aliases, dict):
        notes.errors.append(((ROUTER, ALIASES), "must be a mapping"))
    router = _router(document, settings, aliases, notes)
    if notes.errors:
        where, text = notes.errors[0]
        raise ImportRefused(f"{path.name}: {path_text(where)} {text}.")
    targets = {
        name: target.get("model") if isinstance(target, dict) else target
        for name, target in aliases.items()
    }
    return Served(
        deployments,
        router,
        aliases={name: target for name, target in targets.items() if isinstance(target, str)},
        hidden=frozenset(
            name
            for name, target in aliases.items()
            if isinstance(target, dict) and target.get("hidden") is True
        ),
    )


def _router(
    document: Mapping[Any, Any], settings: Settings, aliases: object, notes: Notes
) -> dict[str, Any]:
    """The `router_settings` of `/get/config/callbacks`."""
    own = section(document, ROUTER)
    return {
        "routing_strategy_args": {},
        "routing_strategy": settings.strategy,
        "allowed_fails": own.get("allowed_fails", 3),
        "cooldown_time": own.get("cooldown_time", 5),
        "num_retries": settings.retries,
        "timeout": plain_number(settings.timeout),
        "retry_after": 0,
        "fallbacks": _chains(document, FALLBACKS, notes),
        "context_window_fallbacks": _chains(document, CONTEXT_FALLBACKS, notes),
        "model_group_retry_policy": {},
        "retry_policy": None,
        "model_group_alias": aliases,
        "enable_weighted_failover": False,
        "enable_tag_filtering": False,
        "tag_routing_prefix": "",
        "routing_groups": [],
    }


def _chains(document: Mapping[Any, Any], kind: str, notes: Notes) -> list[dict[str, list[str]]]:
    name, value = effective(document, kind)
    chains = list(value) if isinstance(value, list) else []
    if not isinstance(value, list | None) or not all(isinstance(each, dict) for each in chains):
        notes.errors.append(((name, kind), "must be a list of mappings"))
        return []
    if kind == FALLBACKS:
        _, default = effective(document, DEFAULT_FALLBACKS)
        if default:
            chains.append({"*": default})
    return chains


def _deployment(raw: object, variables: Mapping[str, str], notes: Notes) -> Deployment:
    if isinstance(raw, dict) and isinstance(raw.get("litellm_params"), dict):
        raw = {**raw, "litellm_params": _resolved(raw["litellm_params"], variables)}
    entry = read_entry(raw, notes)
    if entry is None:
        raise ImportRefused("model_list: an entry has no model_name or no litellm_params.model.")
    assert isinstance(raw, dict)
    params, info = _row_params(raw["litellm_params"]), raw.get("model_info") or {}
    basis = json.dumps([entry.model_name, raw["litellm_params"]], sort_keys=True, default=str)
    model_id = str(info.get("id") or hashlib.sha256(basis.encode()).hexdigest())
    prices = prices_of(entry.litellm_model)
    own = {key: params[key] for key in _COSTS if key in params}
    shown = {**own, **info, "id": model_id, "db_model": False, "pricing_overrides": list(own)}
    known = {
        "key": entry.litellm_model,
        "litellm_provider": entry.litellm_provider,
        **(prices.row() if prices is not UNKNOWN else {}),
    }
    return Deployment(
        id=model_id,
        model_name=entry.model_name,
        litellm_model=entry.litellm_model,
        prefix=entry.litellm_provider,
        api_base=entry.api_base or "",
        mode=entry.mode,
        timeout_seconds=entry.timeout_seconds,
        context_window=entry.context_window or prices.context_window,
        max_tokens=entry.max_tokens or prices.max_tokens,
        input_cost_per_1k=_or(entry.input_cost_per_1k, prices.input_cost_per_1k),
        output_cost_per_1k=_or(entry.output_cost_per_1k, prices.output_cost_per_1k),
        supports_vision=bool({**known, **shown}.get("supports_vision")),
        supports_function_calling=bool({**known, **shown}.get("supports_function_calling")),
        row={
            "model_name": entry.model_name,
            "litellm_params": params,
            "model_info": {**shown, **{k: v for k, v in known.items() if k not in shown}},
        },
    )


def _or(own: Decimal | None, known: Decimal | None) -> Decimal | None:
    return known if own is None else own


def _resolved(params: Row, variables: Mapping[str, str]) -> dict[str, Any]:
    """With the variables' values. What has none, like a null, counts as not there."""
    found = {
        key: variables.get(value.removeprefix(ENV_REFERENCE))
        if isinstance(value, str) and value.startswith(ENV_REFERENCE)
        else value
        for key, value in params.items()
    }
    return {key: value for key, value in found.items() if value is not None}


def _row_params(params: Row) -> dict[str, Any]:
    shown = {key: value for key, value in params.items() if key not in _SECRET}
    for key in _FLOATS:
        value = shown.get(key)
        if isinstance(value, int | str) and not isinstance(value, bool):
            try:
                shown[key] = float(value)
            except ValueError:
                continue  # LiteLLM shows it as it is
    return {**_PARAMS, **shown}
