"""Helpers of the configuration tests: sample files, and comparison of documents."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from store.gateway.config_export import export_document
from store.gateway.config_file import ConfigFile, parse_config
from store.gateway.yaml_reader import read_yaml

CONFIGS = Path(__file__).parents[1] / "litellm" / "configs"


def parse(text: str, *, replace_keys: bool = False) -> ConfigFile:
    return parse_config(read_yaml(text, name="c.yaml"), source="c.yaml", replace_keys=replace_keys)


def exported(file: ConfigFile, **changed: Any) -> dict[Any, Any]:
    parts = {"providers": file.providers, "models": file.models, "routes": file.routes, **changed}
    return export_document(file.kept, parts["providers"], parts["models"], parts["routes"])


def without_new_ids(document: dict[Any, Any], original: dict[Any, Any]) -> dict[Any, Any]:
    """`document` without the ids that the export gave to entries of `original` that had none."""
    result = copy.deepcopy(document)
    for new, old in zip(
        result.get("model_list") or (), original.get("model_list") or (), strict=True
    ):
        if not isinstance(new, dict) or not isinstance(new.get("model_info"), dict):
            continue
        if "id" in (old.get("model_info") or {}):
            continue
        new["model_info"].pop("id", None)
        if "model_info" not in old:
            assert new.pop("model_info") == {}
        elif old["model_info"] is None:
            new["model_info"] = None
    return result


def many_models(count: int) -> str:
    """A file of `count` models of ten providers, each tenth with a chain."""
    providers = ("openai", "anthropic", "gemini", "groq", "mistral", "cohere", "xai", "deepseek")
    lines = ["model_list:"]
    for n in range(count):
        provider = providers[n % len(providers)]
        lines += [
            f"  - model_name: model-{n}",
            f"    litellm_params: {{model: {provider}/m-{n}, "
            f"api_key: os.environ/{provider.upper()}_API_KEY, rpm: {n + 1}, "
            f"input_cost_per_token: {n + 1}.5e-7, output_cost_per_token: 0.0000{n + 1}}}",
            f"    model_info: {{max_input_tokens: {1000 + n}, team: team-{n % 7}}}",
        ]
    chains = ", ".join(
        f"{{model-{n}: [model-{(n + 1) % count}, model-{(n + 2) % count}]}}"
        for n in range(0, count, 10)
    )
    lines.append(f"router_settings: {{routing_strategy: simple-shuffle, fallbacks: [{chains}]}}")
    return "\n".join(lines) + "\n"
