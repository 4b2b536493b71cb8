"""Literal keys in a configuration file are refused or replaced, and never repeated."""

from __future__ import annotations

import pytest

from store.errors import ImportRefused
from store.gateway.config_file import ConfigFile
from tests.store.config_samples import exported, parse

KEY = "sk-proj-abcdefghijklmnopqrstuvwxyz012345"
PLAIN = "correcthorsebatterystaple"


def refusal(text: str, *, replace_keys: bool = False) -> str:
    with pytest.raises(ImportRefused) as caught:
        parse(text, replace_keys=replace_keys)
    message = str(caught.value)
    assert KEY not in message
    assert PLAIN not in message
    return message


def model(params: str) -> str:
    return f"model_list:\n- model_name: m\n  litellm_params: {{model: openai/x, {params}}}\n"


def test_the_sentence_says_where_and_what_to_do() -> None:
    assert refusal(model(f"api_key: {KEY}")) == (
        "c.yaml line 3: model_list[0].litellm_params.api_key holds a literal key. Put the key into "
        "an environment variable and write os.environ/NAME, or import with --replace-keys to "
        "write such a name in its place."
    )
    assert refusal(model(f"api_key: {KEY}, aws_secret_access_key: {PLAIN}")).endswith(
        "The same holds for 1 more."
    )


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (model(f"api_key: {PLAIN}"), "model_list[0].litellm_params.api_key"),
        (model("api_key: 123456"), "litellm_params.api_key"),
        (model(f"api_key: os.environ/{KEY}"), "litellm_params.api_key"),
        (model("api_key: OPENAI_API_KEY"), "litellm_params.api_key"),
        (model(f"aws_secret_access_key: {PLAIN}"), "aws_secret_access_key"),
        (model("aws_access_key_id: AKIAABCDEFGH12345678"), "aws_access_key_id"),
        (model(f"aws_session_token: {PLAIN}"), "aws_session_token"),
        (model(f"extra_headers: {{Authorization: {PLAIN}}}"), "extra_headers.Authorization"),
        (model("extra_headers: {X-Any: Bearer abcdefghijkl}"), "extra_headers.X-Any"),
        (model("extra_headers: {x-api-key: abc}"), "extra_headers.x-api-key"),
        (model("api_base: 'https://user:pass@host/v1'"), "litellm_params.api_base"),
        (model("api_base: 'https://host/v1?api_key=abcdefgh'"), "litellm_params.api_base"),
        (model('vertex_credentials: \'{"private_key": "x"}\''), "vertex_credentials"),
        (model("vertex_credentials: '-----BEGIN PRIVATE KEY-----'"), "vertex_credentials"),
        ("general_settings: {master_key: sk-1234}", "general_settings.master_key"),
        ("general_settings: {master_key: 1234}", "general_settings.master_key"),
        ("general_settings: {database_url: 'postgresql://u:p@h/d'}", "database_url"),
        ("general_settings: {alert_to_webhook_url: {a: ['https://hooks.slack.com/services/T/B/x']}}",
         "general_settings.alert_to_webhook_url.a[0]"),
        ("router_settings: {redis_password: hunter2}", "router_settings.redis_password"),
        ("router_settings: {redis_password: 12345}", "router_settings.redis_password"),
        ("router_settings: {redis_url: 'redis://:hunter2@host:6379'}", "redis_url"),
        (f"credential_list: [{{credential_values: {{api_key: {PLAIN}}}}}]",
         "credential_list[0].credential_values.api_key"),
        ("credential_list: [{credential_values: {odd: a1b2c3d4e5f6a7b8c9d0e1f2a3b4}}]", "odd"),
        ("environment_variables: {OPENAI_API_KEY: abc}", "environment_variables.OPENAI_API_KEY"),
        ("environment_variables: {LANGFUSE_SECRET: abc}", "environment_variables.LANGFUSE_SECRET"),
        ("environment_variables: {DB: 'mysql://u:p@h/d'}", "environment_variables.DB"),
        (f"nobody: {{knows: [this, 'text with {KEY} in it']}}", "nobody.knows[1]"),
        ("api_keys: [abc, def]", "api_keys[0]"),
        (f"{KEY}: 1", "[redacted]"),
        ("x: {clientSecret: abc}", "x.clientSecret"),
    ],
)  # fmt: skip
def test_literal_keys_are_refused(text: str, path: str) -> None:
    assert path in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        model("api_key: os.environ/OPENAI_API_KEY, max_tokens: 4096"),
        model("api_key: ''"),
        model("api_key: null"),
        *(model(f"api_key: {word}") for word in ("dummy", "fake-key", "EMPTY", "ollama", "none")),
        model("input_cost_per_token: 1e-7, cost_per_reasoning_token: '3e-7'"),
        model("litellm_credential_name: main, vertex_credentials: /etc/vertex.json"),
        model("use_litellm_proxy: true, api_key: sk-no-key-required"),
        model("aws_web_identity_token: oidc/github/aud"),
        "environment_variables: {FOO: bar, LANG: C, N: 5, LANGFUSE_PUBLIC_KEY: pk}",
        "general_settings: {custom_key_generate: file.fn, key_management_system: aws_kms}",
        "general_settings: {litellm_key_header_name: X-Key, use_azure_key_vault: true}",
        "general_settings: {max_parallel_requests_per_key: 5, token_limit: 3}",
        "router_settings: {model_group_alias: {secret: {model: a}, my-token: b}}",
        "router_settings: {fallbacks: [{token: [secret, password]}]}",
        "a: {default_key_generate_params: {models: [a], max_budget: 1}}",
        "model_list: [{model_name: risk-model, litellm_params: {model: a/desk-top-model-x}}]",
    ],
)
def test_what_is_no_key_is_let_through(text: str) -> None:
    assert not [warning for warning in parse(text).warnings if "environ" in warning]


def test_a_reference_that_names_no_variable_is_a_warning() -> None:
    file = parse(model("api_key: os.environ/MY KEY"))
    assert file.warnings == (
        "c.yaml line 3: model_list[0].litellm_params.api_key does not name a variable after "
        "os.environ/; kept as it is.",
    )
    assert file.providers[0].api_key_env is None
    assert exported(file)["model_list"][0]["litellm_params"]["api_key"] == "os.environ/MY KEY"


def replaced(text: str) -> ConfigFile:
    file = parse(text, replace_keys=True)
    assert KEY not in repr(file)
    assert PLAIN not in repr(file)
    return file


def test_keys_are_replaced_by_names_of_variables() -> None:
    file = replaced(
        "model_list:\n"
        f"- {{model_name: a, litellm_params: {{model: openai/x, api_key: {KEY}}}}}\n"
        f"- {{model_name: b, litellm_params: {{model: openai/y, api_key: {KEY}}}}}\n"
        f"- {{model_name: c, litellm_params: {{model: openai/z, api_key: {KEY}9}}}}\n"
        "- {model_name: d, litellm_params: {model: groq/z, api_key: os.environ/GROQ_API_KEY}}\n"
        f"- {{model_name: e, litellm_params: {{model: groq/z, api_key: {PLAIN}}}}}\n"
        f"general_settings: {{master_key: {PLAIN}1, database_url: 'postgresql://u:{PLAIN}@h/d'}}\n"
        f"credential_list: [{{credential_name: main, credential_values: {{api_key: {PLAIN}2}}}}]\n"
        f"environment_variables: {{LANGFUSE_SECRET_KEY: {PLAIN}3, FOO: bar}}\n"
    )
    assert file.secrets_replaced == (
        "OPENAI_API_KEY",
        "OPENAI_API_KEY_2",
        "GROQ_API_KEY_2",
        "LITELLM_MASTER_KEY",
        "DATABASE_URL",
        "MAIN_API_KEY",
        "LANGFUSE_SECRET_KEY",
    )
    document = exported(file)
    keys = [entry["litellm_params"]["api_key"] for entry in document["model_list"]]
    assert keys == [
        "os.environ/OPENAI_API_KEY",
        "os.environ/OPENAI_API_KEY",
        "os.environ/OPENAI_API_KEY_2",
        "os.environ/GROQ_API_KEY",
        "os.environ/GROQ_API_KEY_2",
    ]
    assert document["general_settings"] == {
        "master_key": "os.environ/LITELLM_MASTER_KEY",
        "database_url": "os.environ/DATABASE_URL",
    }
    assert document["environment_variables"] == {
        "LANGFUSE_SECRET_KEY": "os.environ/LANGFUSE_SECRET_KEY",
        "FOO": "bar",
    }
    assert [p.api_key_env for p in file.providers] == [
        "OPENAI_API_KEY", "OPENAI_API_KEY_2", "GROQ_API_KEY", "GROQ_API_KEY_2",
    ]  # fmt: skip


def test_a_key_pasted_behind_os_environ_is_replaced() -> None:
    file = replaced(model(f"api_key: os.environ/{KEY}"))
    assert file.providers[0].api_key_env == "OPENAI_API_KEY"


def test_a_key_where_no_variable_can_stand_is_refused_even_then() -> None:
    assert "line 1: [redacted]" in refusal(f"{KEY}: 1", replace_keys=True)
    text = f"model_list: [{{model_name: {KEY}, litellm_params: {{model: openai/x}}}}]"
    assert "model_list[0].model_name" in refusal(text, replace_keys=True)


def test_keys_do_not_come_out_of_other_messages() -> None:
    text = model("rpm: 1") + f"router_settings: {{routing_strategy: {KEY}}}"
    assert "routing_strategy holds a literal key" in refusal(text)
    assert "line 1" in refusal(f"a: {KEY}: {KEY}")
