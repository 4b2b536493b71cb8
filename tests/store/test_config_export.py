"""The configuration file as the store would have it: only what was changed differs."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from store.domain import Model, Provider, Route
from store.errors import ImportRefused, InvalidField
from store.gateway.config_export import export_document
from store.gateway.config_file import ConfigFile, read_config
from store.gateway.yaml_reader import read_yaml
from tests.store.config_samples import CONFIGS, exported, parse


def sample() -> ConfigFile:
    return read_config(CONFIGS / "every-construct.yaml")


def changed(file: ConfigFile, model_id: str, **changes: Any) -> dict[str, Any]:
    """The exported entry of a model after a change, and a check that no other one changed."""
    before = exported(file)["model_list"]
    models = [replace(m, **changes) if m.id == model_id else m for m in file.models]
    after = exported(file, models=models)["model_list"]
    entry = {}
    for old, new in zip(before, after, strict=True):
        if new["model_info"]["id"] == model_id:
            entry = new
        else:
            assert old == new
    assert isinstance(entry, dict)
    return entry


def test_a_changed_field_is_the_only_one_that_changes() -> None:
    entry = changed(sample(), "dep-a", input_cost_per_1k=Decimal("0.002"), max_tokens=4096)
    assert entry == {
        "model_name": "gpt-4.1",
        "litellm_params": {
            "api_base": "os.environ/OPENAI_BASE",
            "api_key": "os.environ/OPENAI_API_KEY",
            "timeout": 30,
            "stream_timeout": 10,
            "model": "openai/gpt-4.1",
            "weight": 9,
            "rpm": 500,
            "tpm": 100000,
            "input_cost_per_token": 0.000002,
        },
        "model_info": {
            "id": "dep-a",
            "mode": "chat",
            "base_model": "gpt-4.1",
            "owner": "platform-team",
            "max_output_tokens": 4096,
        },
    }


def test_fields_that_are_cleared_go() -> None:
    entry = changed(sample(), "dep-a", weight=None, timeout_seconds=None)
    assert "weight" not in entry["litellm_params"]
    assert "timeout" not in entry["litellm_params"]


def test_a_renamed_model_keeps_its_display_name() -> None:
    entry = changed(sample(), "dep-embed", model_name="embedding")
    assert entry["model_name"] == "embedding"
    assert entry["model_info"]["display_name"] == "embed"


def test_a_provider_s_new_key_and_base_reach_its_models_alone() -> None:
    file = sample()
    provider = file.providers[2]
    assert (provider.api_base_url, provider.api_key_env) == (None, "OPENAI_API_KEY")
    moved = replace(provider, api_base_url="https://eu.example/v1", api_key_env="EU_KEY")
    others = [p for p in file.providers if p.id != provider.id]
    document = exported(file, providers=[*others, moved])
    touched = {m.id for m in file.models if m.provider_id == provider.id}
    assert len(touched) == 4
    before = {e["model_info"]["id"]: e for e in exported(file)["model_list"]}
    for entry in document["model_list"]:
        params = entry["litellm_params"]
        if entry["model_info"]["id"] in touched:
            assert params["api_base"] == "https://eu.example/v1"
            assert params["api_key"] == "os.environ/EU_KEY"
        else:
            assert entry == before[entry["model_info"]["id"]]


def test_base_url_is_written_where_it_stood() -> None:
    file = read_config(CONFIGS / "unmanaged.yaml")
    azure = next(p for p in file.providers if p.litellm_provider == "azure")
    moved = replace(azure, api_base_url="https://b.example/v1")
    document = exported(file, providers=[moved if p is azure else p for p in file.providers])
    params = document["model_list"][4]["litellm_params"]
    assert params["base_url"] == "https://b.example/v1"
    assert "api_base" not in params


def test_disabled_models_and_models_of_disabled_providers_are_left_out() -> None:
    file = read_config(CONFIGS / "seed.yaml")
    models = [replace(m, is_enabled=m.model_name != "llama3") for m in file.models]
    providers = [replace(p, is_enabled=p.name != "anthropic") for p in file.providers]
    names = [
        e["model_name"] for e in exported(file, models=models, providers=providers)["model_list"]
    ]
    assert "llama3" not in names
    assert not [name for name in names if name.startswith("claude-3")]
    assert len(names) == 13 - 1 - 3


def test_a_new_model_gets_a_small_entry() -> None:
    provider = Provider("p1", "groq", "Groq", "groq", api_key_env="GROQ_API_KEY")
    model = Model("new", "p1", "fast", "Fast one", "groq/llama", input_cost_per_1k=Decimal("0.01"))
    assert export_document("", [provider], [model], []) == {
        "model_list": [
            {
                "model_name": "fast",
                "litellm_params": {
                    "model": "groq/llama",
                    "api_key": "os.environ/GROQ_API_KEY",
                    "input_cost_per_token": 0.00001,
                },
                "model_info": {"id": "new", "display_name": "Fast one"},
            }
        ]
    }


def test_a_model_without_its_provider_is_a_sentence() -> None:
    with pytest.raises(InvalidField, match="model fast: its provider is missing"):
        export_document("", [], [Model("new", "p1", "fast", "Fast", "groq/llama")], [])


def test_a_kept_text_of_another_kind_is_a_sentence() -> None:
    with pytest.raises(ImportRefused, match="Import again"):
        export_document("model_list: []", [], [], [])


def test_every_kept_entry_reads_on_its_own() -> None:
    for model in sample().models:
        value = read_yaml(model.kept, name="kept").value
        assert isinstance(value, dict)
        assert value["model_info"]["id"] == model.id


def test_a_disabled_route_without_a_chain_takes_its_alias_along() -> None:
    file = parse(
        "model_list: [{model_name: a, litellm_params: {model: openai/a}, model_info: {id: a}}]\n"
        "router_settings: {model_group_alias: {mine: a, other: a}}\n"
    )
    route = Route("r", "mine", primary_model_id="a", is_enabled=False)
    on = exported(file, routes=(*file.routes, replace(route, is_enabled=True)))
    assert on["router_settings"]["model_group_alias"] == {"mine": "a", "other": "a"}
    off = exported(file, routes=(*file.routes, route))
    assert off["router_settings"]["model_group_alias"] == {"other": "a"}
