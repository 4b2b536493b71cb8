"""Generated configurations: no crash on any text, and nothing lost on a round trip."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.errors import ImportRefused
from store.gateway.config_export import export_yaml
from store.gateway.config_file import parse_config, read_config
from store.gateway.yaml_reader import YamlDocument, dump_yaml
from tests.store.config_samples import exported, parse, without_new_ids

SECTIONS = (
    "model_list", "router_settings", "litellm_settings", "general_settings", "include",
    "credential_list", "environment_variables", "model_name", "litellm_params", "model",
    "model_info", "id", "api_key", "api_base", "base_url", "weight", "timeout", "mode",
    "input_cost_per_token", "max_input_tokens", "max_tokens", "supports_vision", "fallbacks",
    "context_window_fallbacks", "default_fallbacks", "model_group_alias", "num_retries",
    "routing_strategy", "request_timeout", "a", "b",
)  # fmt: skip

words = st.sampled_from(
    ["a", "b", "openai/a", "os.environ/KEY", "sk-abcdefghijkl", "simple", "", "default", "*", "on",
     "1e-7", "http://h/v1", "http://u:p@h/v1", "한국어 🙂", "os.environ/"]
)  # fmt: skip
anything = st.recursive(
    words | st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.dates() | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(SECTIONS) | words | st.integers(), inner, max_size=5),
    max_leaves=30,
)  # fmt: skip


@given(anything, st.booleans())
@settings(max_examples=500, deadline=None)
def test_any_structure_is_read_or_refused(value: Any, replace_keys: bool) -> None:
    document = YamlDocument(value, {}, "c.yaml")
    try:
        file = parse_config(document, source="c.yaml", replace_keys=replace_keys)
    except ImportRefused as error:
        said = str(error)
    else:
        exported(file)
        said = repr(file)
    assert "sk-abcdefghijkl" not in said


entry = st.fixed_dictionaries(
    {"model_name": anything, "litellm_params": anything},
    optional={"model_info": anything, "x": anything},
)
nearly = st.fixed_dictionaries(
    {},
    optional={
        "model_list": st.lists(
            st.fixed_dictionaries(
                {
                    "model_name": words,
                    "litellm_params": st.dictionaries(
                        st.sampled_from(SECTIONS), anything, max_size=4
                    ).map(lambda params: {"model": "openai/a", **params}),
                },
                optional={
                    "model_info": st.none()
                    | st.dictionaries(st.sampled_from(SECTIONS), anything, max_size=4)
                },
            )
            | entry
            | anything,
            max_size=5,
        ),
        "router_settings": st.dictionaries(st.sampled_from(SECTIONS), anything, max_size=4),
        "litellm_settings": st.dictionaries(st.sampled_from(SECTIONS), anything, max_size=4),
    },
)  # fmt: skip


@given(nearly)
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nearly_right_structures_lose_nothing(value: dict[str, Any]) -> None:
    try:
        file = parse(dump_yaml(value), replace_keys=True)
    except ImportRefused:
        return
    text = export_yaml(file.kept, file.providers, file.models, file.routes)
    again = parse(text, replace_keys=True)
    assert replace(again, warnings=(), secrets_replaced=()) == replace(
        file, warnings=(), secrets_replaced=()
    )
    assert len(yaml.safe_load(text).get("model_list") or ()) == len(value.get("model_list") or ())


@given(st.text(max_size=200) | st.text(alphabet="model_list: -\n{}[],&*!<\"'#|>", max_size=120))
@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_text_is_read_or_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    said = ""
    try:
        read_config(path)
    except ImportRefused as error:
        said = str(error)
    assert "\n" not in said


@given(st.binary(max_size=200))
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes_are_read_or_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(data)
    try:
        read_config(path)
    except ImportRefused:
        return


names = st.sampled_from(["gpt-4.1", "on", "0777", "한국어", "openai/*", "a:b", "claude 🙂", "y"])
prices = st.floats(min_value=0, max_value=1, allow_nan=False)
unknown = st.dictionaries(
    st.sampled_from(["rpm", "tpm", "x_note", "tags"]),
    st.integers() | st.text(max_size=8).map("n ".__add__) | st.lists(st.integers(), max_size=2),
    max_size=3,
)
params = st.fixed_dictionaries(
    {"model": st.sampled_from(["openai/a", "azure/b", "gpt-4o", "ollama/llama3", "os.environ/M"])},
    optional={
        "api_base": st.sampled_from([None, "http://127.0.0.1:1/v1", "os.environ/BASE"]),
        "api_key": st.sampled_from([None, "os.environ/A_KEY", "os.environ/B", "dummy", ""]),
        "weight": st.integers(0, 9) | st.floats(0, 9),
        "timeout": st.integers(1, 600) | st.floats(0.1, 600),
        "input_cost_per_token": prices | prices.map(str) | st.none(),
        "output_cost_per_token": prices | st.integers(0, 3),
    },
)
info = st.fixed_dictionaries(
    {},
    optional={
        "id": st.integers(0, 3) | st.sampled_from(["x", "y"]),
        "mode": st.sampled_from(["chat", "embedding", None]),
        "max_input_tokens": st.integers(1, 10**7) | st.none(),
        "max_tokens": st.integers(1, 10**5),
        "supports_vision": st.booleans() | st.none(),
        "supports_native_streaming": st.booleans(),
        "description": st.text(max_size=8).map("d ".__add__),
        "display_name": names,
        "input_cost_per_token": prices,
    },
)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """A configuration as people write them: all of it valid for LiteLLM."""
    models = draw(
        st.lists(
            st.tuples(names, params, unknown, st.none() | st.tuples(info, unknown)), max_size=6
        )
    )
    model_list = []
    seen: set[str] = set()
    for name, managed, extra, more in models:
        made: dict[str, Any] = {"model_name": name, "litellm_params": {**extra, **managed}}
        if more is not None:
            made["model_info"] = {**more[0], **more[1]}
            if str(made["model_info"].get("id")) in seen:
                made["model_info"].pop("id", None)
            seen.add(str(made["model_info"].get("id")))
        model_list.append(made)
    known = st.sampled_from([made["model_name"] for made in model_list] or ["none"])
    chains = st.lists(
        st.tuples(known, st.lists(known, min_size=1, max_size=3)).map(lambda p: {p[0]: p[1]}),
        max_size=4,
    )
    router = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "routing_strategy": st.sampled_from(["simple-shuffle", "least-busy"]),
                "num_retries": st.integers(0, 9) | st.none(),
                "timeout": st.integers(1, 600) | st.none(),
                "fallbacks": chains,
                "context_window_fallbacks": chains,
                "default_fallbacks": st.lists(known, max_size=2),
                "model_group_alias": st.dictionaries(names, known, max_size=2),
                "allowed_fails": st.integers(0, 5),
            },
        )
    )
    litellm = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "num_retries": st.integers(0, 9),
                "fallbacks": chains,
                "cache": st.just(True),
            },
        )
    )
    return {"model_list": model_list, "router_settings": router, "litellm_settings": litellm}


@given(configurations())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_valid_configurations_come_back_value_for_value(config: dict[str, Any]) -> None:
    file = parse(dump_yaml(config))
    document = exported(file)
    assert without_new_ids(document, config) == config
    text = export_yaml(file.kept, file.providers, file.models, file.routes)
    assert yaml.safe_load(text) == document
    assert replace(parse(text), warnings=()) == replace(file, warnings=())


@given(configurations(), st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_was_changed_is_what_reads_back(config: dict[str, Any], data: st.DataObject) -> None:
    file = parse(dump_yaml(config))
    if not file.models:
        return
    index = data.draw(st.integers(0, len(file.models) - 1))
    changed = replace(
        file.models[index],
        display_name=data.draw(names),
        description=data.draw(st.none() | st.just("new")),
        context_window=data.draw(st.none() | st.integers(1, 10**6)),
        max_tokens=data.draw(st.none() | st.integers(1, 10**5)),
        supports_vision=data.draw(st.booleans()),
        supports_streaming=data.draw(st.booleans()),
        supports_function_calling=data.draw(st.booleans()),
        mode=data.draw(st.sampled_from(["chat", "embedding"])),
        weight=data.draw(st.none() | st.floats(0, 9)),
        timeout_seconds=data.draw(st.none() | st.floats(0.5, 99)),
    )
    models = [*file.models[:index], changed, *file.models[index + 1 :]]
    again = parse(export_yaml(file.kept, file.providers, models, file.routes))
    assert [replace(m, kept="") for m in again.models] == [replace(m, kept="") for m in models]
    assert (again.providers, again.routes) == (file.providers, file.routes)
