"""Keys in the odd places of a configuration: none may come into the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.environment import Environment
from store.errors import ImportRefused
from store.gateway.config_file import read_config

SECRET = "hunter2Zq9LmXwv7TrKp4Ns8Bd3"
"""Of no known shape."""
ENTRY = "model_list: [{model_name: a, litellm_params: {model: openai/x, %s}}]"

REPLACEABLE = [
    f"x: {{headers: ['Authorization: Bearer {SECRET}']}}",
    f"x: {{command: \"curl -H 'authorization: bearer {SECRET}' http://h\"}}",
    f"mcp_servers: {{x: {{auth_value: {SECRET}}}}}",
    f"mcp_servers: {{x: {{args: ['--api-key', '{SECRET}']}}}}",
    f"mcp_servers: {{x: {{args: ['--api-key={SECRET}', '--verbose']}}}}",
    f"x: {{blob: DefaultEndpointsProtocol=https;AccountName=x;AccountKey={SECRET}==}}",
    f"x: {{bus: Endpoint=sb://x/;SharedAccessKey={SECRET}=}}",
    f"x: {{dsn: host=h user=u password={SECRET} dbname=x}}",
    f"x: {{cb: 'https://h/x?subscription-key={SECRET}'}}",
    f"x: {{cb: 'https://x.webhook.office.com/webhookb2/{SECRET}'}}",
    f"x: [{{name: Authorization, value: {SECRET}}}]",
    f"x: [{{name: OPENAI_API_KEY, value: {SECRET}}}]",
    f"x: {{api_key_1: {SECRET}, api_key2: {SECRET}}}",
    f"x: {{api_key_value: {SECRET}}}",
    f"x: {{auth: {SECRET}, salt: {SECRET}, key: {SECRET}, pass: {SECRET}}}",
    f"x: {{api_keys: ['{SECRET}']}}",
    f"x: {{auth_token: ['{SECRET}']}}",
    "environment_variables: {FOO: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYzExampleKey0'}",
    f"x: {{y: ya29.{SECRET}}}",
    f"x: {{y: SG.{SECRET}.{SECRET}}}",
    f"x: {{y: sk_live_{SECRET}}}",
    *(
        ENTRY % text
        for text in (
            f"api_key: ['{SECRET}']",
            f"api_key: {{value: {SECRET}}}",
            f"api_key: '{SECRET} os.environ/X'",
            f"api_key: 'os.environ/ {SECRET}'",
            f"api_key: 'os.environ/A/{SECRET}'",
            f"api_key: '${{{SECRET}}}'",
            f"api_key: 'oidc/{SECRET}'",
        )
    ),
]
IRREPLACEABLE = [
    f"x: {{api_keys: {{{SECRET}: alice}}}}",
    f"x: !!set {{sk-{SECRET}}}",
    f"x: {{passwords: !!set {{{SECRET}}}}}",
]


def read(folder: Path, text: str, *, replace_keys: bool = False) -> str:
    """Everything that an import takes or says."""
    path = folder / "c.yaml"
    path.write_text(text)
    return repr(read_config(path, replace_keys=replace_keys))


@pytest.mark.parametrize("text", REPLACEABLE)
def test_a_key_is_refused_or_replaced(tmp_path: Path, text: str) -> None:
    with pytest.raises(ImportRefused, match="literal key") as refused:
        read(tmp_path, text)
    assert SECRET not in str(refused.value)
    taken = read(tmp_path, text, replace_keys=True)
    assert SECRET not in taken
    assert "wJalr" not in taken


@pytest.mark.parametrize("text", IRREPLACEABLE)
@pytest.mark.parametrize("replace_keys", [False, True])
def test_a_key_in_a_name_is_refused(tmp_path: Path, text: str, replace_keys: bool) -> None:
    with pytest.raises(ImportRefused, match="literal key") as refused:
        read(tmp_path, text, replace_keys=replace_keys)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "x: {headers: {Authorization: bearer os.environ/TOKEN}}",
        "x: {args: ['--token=$TOKEN', '--api-key', os.environ/KEY, '--token', '${TOKEN}']}",
        "x: {auth: oauth2, key: name, keys: [a, b], pass: through, salt: none}",
        "x: [{name: PATH, value: /usr/bin}, {key: color, value: blue}]",
        "x: {note: 'Bearer tokens and basic authentication are explained elsewhere.'}",
        "x: {cache_key: {prefix: abc}, max_token: 5, token_limits: [1, 2]}",
        ENTRY % "api_key: os.environ/MY-KEY",
        ENTRY % "api_key: oidc/google/https://example.com",
        ENTRY % "api_key: '${OPENAI_API_KEY}'",
        "environment_variables: {MODEL: meta-llama/Llama-3-70b-chat-hf, DIR: /etc/litellm/x}",
    ],
)
def test_what_is_no_key_is_taken(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text)


def test_a_number_to_the_base_of_sixty_is_bounded(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="number is too large"):
        read(tmp_path, "a: " + "1:" * 100_000 + "1")


def test_a_key_with_a_line_end_is_known_without_it() -> None:
    assert Environment({"A": f" {SECRET}\n", "B": " \n"}).secrets(["A", "B", "C"]) == (SECRET,)
