"""LiteLLM's configuration file in and out: values, ids, providers, prices, refusals of files."""

from __future__ import annotations

import os
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from store.domain import Model
from store.errors import ImportRefused
from store.gateway.config_export import export_yaml
from store.gateway.config_file import read_config
from tests.store.config_samples import CONFIGS, exported, many_models, parse, without_new_ids

PLAIN_FILES = ("seed", "every-construct", "anchors", "unmanaged", "no-model-list")


def refusal(text: str, **options: Any) -> str:
    with pytest.raises(ImportRefused) as caught:
        parse(text, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


def one(params: str, info: str = "{}") -> Model:
    (model,) = parse(
        f"model_list: [{{model_name: m, litellm_params: {params}, model_info: {info}}}]"
    ).models
    return model


@pytest.mark.parametrize("name", PLAIN_FILES)
def test_an_untouched_file_comes_back_value_for_value(name: str) -> None:
    path = CONFIGS / f"{name}.yaml"
    original = yaml.safe_load(path.read_text())
    file = read_config(path)
    document = exported(file)
    assert without_new_ids(document, original) == original
    assert yaml.safe_load(export_yaml(file.kept, file.providers, file.models, file.routes)) == (
        document
    )


@pytest.mark.parametrize("name", PLAIN_FILES)
def test_an_exported_file_reads_as_the_one_before(name: str, tmp_path: Path) -> None:
    first = read_config(CONFIGS / f"{name}.yaml")
    copy = tmp_path / f"{name}.yaml"
    copy.write_text(export_yaml(first.kept, first.providers, first.models, first.routes))
    second = read_config(copy)
    assert replace(second, source="", warnings=()) == replace(first, source="", warnings=())


def test_500_models_come_back_value_for_value() -> None:
    text = many_models(500)
    file = parse(text)
    assert len(file.models) == 500
    assert len(file.providers) == 8
    assert len(file.routes) == 50
    assert file.warnings == ()
    original = yaml.safe_load(text)
    assert without_new_ids(exported(file), original) == original


def test_the_plan_s_own_file() -> None:
    file = read_config(CONFIGS / "seed.yaml")
    assert [(p.name, p.display_name, p.litellm_provider) for p in file.providers] == [
        ("vas", "VAS", "openai"),
        ("openai", "OpenAI", "openai"),
        ("gemini", "Google Gemini", "gemini"),
        ("anthropic", "Anthropic", "anthropic"),
        ("ollama", "Ollama", "ollama"),
    ]
    assert file.providers[0].api_base_url == "http://127.0.0.1:18080/v1"
    assert file.providers[0].api_key_env == "VAS_API_KEY"
    assert file.providers[4].api_key_env is None
    model = file.models[0]
    assert (model.model_name, model.litellm_model) == ("gpt-4.1", "openai/gpt-4.1")
    assert model.provider_id == file.providers[0].id
    assert model.input_cost_per_1k == Decimal("0.01")
    assert model.output_cost_per_1k == Decimal("0.03")
    assert model.context_window == 128_000
    assert model.supports_vision
    (route,) = file.routes
    names = {model.id: model.model_name for model in file.models}
    assert route.is_default
    assert (route.routing_strategy, route.num_retries) == ("latency-based-routing", 3)
    assert names[route.primary_model_id or ""] == "gpt-4.1"
    assert [names[i] for i in route.fallback_model_ids] == ["gemini-1.5-flash", "claude-3-haiku"]
    assert file.warnings == ()


def test_reading_twice_gives_the_same() -> None:
    path = CONFIGS / "every-construct.yaml"
    assert read_config(path) == read_config(path)


def test_one_name_twice_is_two_deployments_of_one_group() -> None:
    file = read_config(CONFIGS / "every-construct.yaml")
    first, second = file.models[:2]
    assert first.model_name == second.model_name == "gpt-4.1"
    assert first.id == "dep-a"
    assert second.id.startswith("m-")
    assert (first.weight, second.weight) == (9, 1)
    assert first.timeout_seconds == 30


def test_two_equal_entries_get_two_ids_that_stay() -> None:
    entry = "{model_name: a, litellm_params: {model: openai/x}}"
    once = parse(f"model_list: [{entry}, {entry}]")
    assert once.models[0].id != once.models[1].id
    assert parse(f"model_list: [{entry}, {entry}]") == once


def test_an_id_given_twice_is_kept_once() -> None:
    file = parse(
        "model_list:\n"
        "- {model_name: a, litellm_params: {model: openai/x}, model_info: {id: 7}}\n"
        "- {model_name: b, litellm_params: {model: openai/y}, model_info: {id: '7'}}\n"
    )
    assert file.models[0].id == "7"
    assert file.models[1].id.startswith("m-")
    assert file.warnings == (
        "c.yaml line 3: model_list[1].model_info.id is the id of another model; "
        "this one gets a new id.",
    )
    document = exported(file)
    assert document["model_list"][0]["model_info"] == {"id": 7}
    assert document["model_list"][1]["model_info"] == {"id": file.models[1].id}


@pytest.mark.parametrize(
    ("params", "provider"),
    [
        ("{model: anthropic/claude-3}", "anthropic"),
        ("{model: gpt-4o}", "openai"),
        ("{model: o3-mini}", "openai"),
        ("{model: text-embedding-3-small}", "openai"),
        ("{model: claude-3-opus-20240229}", "anthropic"),
        ("{model: some-deployment, custom_llm_provider: azure}", "azure"),
        ("{model: openrouter/meta-llama/llama-3:free}", "openrouter"),
        ("{model: 'openai/*'}", "openai"),
        ("{model: os.environ/MY_MODEL}", ""),
        ("{model: nobody-knows}", ""),
    ],
)
def test_the_provider_of_a_model(params: str, provider: str) -> None:
    (found,) = parse(f"model_list: [{{model_name: m, litellm_params: {params}}}]").providers
    assert found.litellm_provider == provider


def test_providers_of_one_key_have_names_of_their_own() -> None:
    file = parse(
        "model_list:\n"
        "- {model_name: a, litellm_params: {model: openai/x, api_key: os.environ/OPENAI_API_KEY}}\n"
        "- {model_name: b, litellm_params: {model: openai/y, api_key: os.environ/OPENAI_API_KEY, "
        "base_url: https://b.example/v1}}\n"
        "- {model_name: c, litellm_params: {model: openai/z, api_key: os.environ/OPENAI_API_KEY, "
        "api_base: null}}\n"
    )
    assert [(p.name, p.display_name, p.api_base_url) for p in file.providers] == [
        ("openai", "OpenAI", None),
        ("openai-2", "OpenAI 2", "https://b.example/v1"),
    ]
    assert file.models[0].provider_id == file.models[2].provider_id


@pytest.mark.parametrize(
    ("written", "per_1k"),
    [
        ("0.00001", "0.01"),
        ("1.5e-7", "0.00015"),
        ("1e-7", "0.0001"),  # YAML 1.1 reads this as text, LiteLLM as a number
        ("'0.000002'", "0.002"),
        ("0", "0"),
        ("3", "3000"),
    ],
)
def test_prices_become_usd_per_1k(written: str, per_1k: str) -> None:
    model = one(f"{{model: openai/x, input_cost_per_token: {written}}}")
    assert model.input_cost_per_1k == Decimal(per_1k)
    assert model.output_cost_per_1k is None
    assert one("{model: openai/x}", f"{{output_cost_per_token: {written}}}").output_cost_per_1k == (
        Decimal(per_1k)
    )


@pytest.mark.parametrize("price", ["-1", "-1e-7", ".nan", ".inf", "'nan'", "1.0e+308", "9" * 400])
def test_impossible_prices_are_refused_with_their_line(price: str) -> None:
    message = refusal(
        "model_list:\n"
        "- model_name: m\n"
        "  litellm_params:\n"
        "    model: openai/x\n"
        f"    input_cost_per_token: {price}\n"
    )
    assert message == (
        "c.yaml line 5: model_list[0].litellm_params.input_cost_per_token must be a price in USD "
        "per token, zero or more."
    )


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "c.yaml: the file is not a mapping"),
        ("- a\n", "c.yaml: the file is not a mapping"),
        ("model_list: {a: 1}", "c.yaml line 1: model_list must be a list of models."),
        ("router_settings: [1]", "line 1: router_settings must be a mapping."),
        ("litellm_settings: text", "line 1: litellm_settings must be a mapping."),
        ("router_settings: {fallbacks: text}", "router_settings.fallbacks must be a list."),
        ("router_settings: {default_fallbacks: {a: b}}", "default_fallbacks must be a list."),
        ("a: 1\nrouter_settings:\n  routing_strategy: best\n", "c.yaml line 3: router_settings."),
        ("router_settings: {routing_strategy: best}", "must be one of simple-shuffle, least-busy"),
        ("router_settings: {num_retries: -1}", "num_retries must be a whole number, zero or more."),
        ("litellm_settings: {num_retries: 1.5}", "litellm_settings.num_retries must be a whole"),
        ("router_settings: {num_retries: true}", "num_retries must be a whole"),
        ("router_settings: {timeout: 0}", "timeout must be a number of seconds, more than zero."),
        ("router_settings: {timeout: .nan}", "timeout must be a number of seconds"),
        ("litellm_settings: {request_timeout: '9'}", "request_timeout must be a number of seconds"),
        (
            "model_list: [{model_name: m, litellm_params: {model: a/b, weight: -1}}]",
            "model_list[0].litellm_params.weight must be a number, zero or more.",
        ),
        (
            "model_list: [{model_name: m, litellm_params: {model: a/b, timeout: 0}}]",
            "model_list[0].litellm_params.timeout must be a number, more than zero.",
        ),
    ],
)
def test_values_against_the_rules_are_refused(text: str, part: str) -> None:
    assert part in refusal(text)


def test_the_strategy_simple_becomes_the_one_that_litellm_starts_with() -> None:
    file = parse("router_settings: {routing_strategy: simple}")
    assert file.routes[0].routing_strategy == "simple-shuffle"
    assert exported(file) == {"router_settings": {"routing_strategy": "simple-shuffle"}}
    assert file.warnings == (
        "c.yaml line 1: router_settings.routing_strategy is 'simple', which LiteLLM refuses; "
        "now simple-shuffle.",
    )


def test_entries_that_cannot_be_understood_stay_in_their_place() -> None:
    path = CONFIGS / "unmanaged.yaml"
    file = read_config(path)
    assert [(m.model_name, m.position) for m in file.models] == [
        ("good", 1), ("good", 4), ("other", 6),
    ]  # fmt: skip
    places = [warning.split(": ", 1)[1].split(" ", 1)[0] for warning in file.warnings]
    assert places == [
        "model_list[0]",
        "model_list[1].litellm_params.weight",
        "model_list[1].model_info.max_input_tokens",
        "model_list[1].model_info.supports_vision",
        "model_list[2].model_name",
        "model_list[3].model_name",
        "model_list[5].litellm_params",
        "router_settings.num_retries",
        "router_settings.default_fallbacks[0]",
        "router_settings.fallbacks[0].nowhere",
        "router_settings.fallbacks[1].good[1]",
        "router_settings.fallbacks[2].other[0]",
        "router_settings.fallbacks[3]",
        "router_settings.fallbacks[4]",
    ]
    original = yaml.safe_load(path.read_text())
    left = [model for model in file.models if model.position != 1]
    document = exported(file, models=left)
    expected = [entry for n, entry in enumerate(original["model_list"]) if n != 1]
    found = without_new_ids(document, {"model_list": expected})["model_list"]
    assert found == expected


def test_no_model_list_stays_none_and_null_stays_null() -> None:
    assert "model_list" not in exported(parse("general_settings: {}"))
    assert exported(parse("model_list:\nrouter_settings:\n")) == {
        "model_list": None,
        "router_settings": None,
    }
    assert exported(parse("a: 1\nmodel_list: []\nb: 2\n")) == {"a": 1, "model_list": [], "b": 2}


def test_the_model_list_stays_where_it_stood() -> None:
    file = parse("a: 1\nmodel_list: [{model_name: m, litellm_params: {model: x/y}}]\nb: 2\n")
    assert list(exported(file)) == ["a", "model_list", "b"]


def test_includes_are_merged_as_litellm_merges_them() -> None:
    file = read_config(CONFIGS / "include-main.yaml")
    assert [m.model_name for m in file.models] == ["main", "included", "local", "beside-root"]
    document = exported(file)
    assert "include" not in document
    assert document["router_settings"] == {
        "routing_strategy": "least-busy",
        "num_retries": 4,
        "fallbacks": [{"main": ["included", "local"]}],
    }
    assert document["litellm_settings"] == {"drop_params": True}
    assert file.warnings == ()


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
    return folder / "main.yaml"


def include_refusal(path: Path) -> str:
    with pytest.raises(ImportRefused) as caught:
        read_config(path)
    return str(caught.value)


def test_problems_in_included_files_name_that_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main="include: [part.yaml]\nmodel_list: []\n",
        part="# a part\nmodel_list:\n- 7\nrouter_settings:\n  timeout: -1\n",
    )
    assert include_refusal(path).startswith("part.yaml line 5: router_settings.timeout")
    (tmp_path / "part.yaml").write_text("model_list:\n- 1\n- 7\n")
    assert read_config(path).warnings[1].startswith("part.yaml line 3: model_list[1] is not")


def test_an_include_that_is_not_there(tmp_path: Path) -> None:
    path = write(tmp_path, main="a: 1\ninclude:\n- gone.yaml\n")
    assert include_refusal(path) == (
        "main.yaml line 3: the included file 'gone.yaml' cannot be read: No such file or directory."
    )


@pytest.mark.parametrize("value", ["part.yaml", "[1]", "{a: b}", "null"])
def test_an_include_that_is_no_list_of_files(value: str, tmp_path: Path) -> None:
    path = write(tmp_path, main=f"include: {value}\n", part="{}")
    assert include_refusal(path) == "main.yaml line 1: include must be a list of files."


def test_files_that_include_each_other_are_read_once(tmp_path: Path) -> None:
    path = write(tmp_path, main="include: [b.yaml]\nx: [1]\n", b="include: [main.yaml]\nx: [2]\n")
    file = read_config(path)
    assert exported(file) == {"x": [1, 2]}
    assert file.warnings == ("b.yaml line 1: 'main.yaml' is included a second time; read once.",)


def test_too_many_includes_are_refused(tmp_path: Path) -> None:
    for n in range(60):
        (tmp_path / f"f{n}.yaml").write_text(f"include: [f{n + 1}.yaml]\n")
    assert "more than 50 files are included" in include_refusal(tmp_path / "f0.yaml")


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    assert "No such file or directory" in include_refusal(tmp_path / "none.yaml")
    assert "is not a regular file" in include_refusal(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    assert "is not a regular file" in include_refusal(tmp_path / "fifo")
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe9\n")
    assert "latin.yaml line 2: is not UTF-8 text" in include_refusal(tmp_path / "latin.yaml")
    (tmp_path / "empty.yaml").write_bytes(b"")
    assert "is empty" in include_refusal(tmp_path / "empty.yaml")
