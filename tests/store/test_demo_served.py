"""What the pretend proxy makes of a configuration file, against what LiteLLM 1.106.2 answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.demo.served import CONFIG, Deployment, load_served
from store.errors import ImportRefused

VARIABLES = {"BASE": "http://up.test/v1", "KEY": "made-up"}


def load(folder: Path, text: str) -> tuple[Deployment, ...]:
    return load_served(write(folder, text), VARIABLES).deployments


def write(folder: Path, text: str) -> Path:
    path = folder / "litellm_config.yaml"
    path.write_text(text)
    return path


def test_a_row_is_litellms(tmp_path: Path) -> None:
    (one,) = load(
        tmp_path,
        """
model_list:
- model_name: gpt-4.1
  litellm_params: {model: openai/ok-gpt-4.1, api_base: os.environ/BASE, api_key: os.environ/KEY,
    input_cost_per_token: 0.000002, output_cost_per_token: 0.000008, rpm: 500, timeout: 5,
    weight: 9, api_version: os.environ/UNSET}
  model_info: {id: dep-gpt41-a, mode: chat, base_model: gpt-4.1, owner: platform-team}
""",
    )
    params = one.row["litellm_params"]
    assert params == {
        "input_cost_per_token": 2e-06,
        "output_cost_per_token": 8e-06,
        "api_base": "http://up.test/v1",
        "rpm": 500,
        "timeout": 5.0,
        "allow_client_keepalive_override": False,
        "use_in_pass_through": False,
        "use_litellm_proxy": False,
        "use_xai_oauth": False,
        "merge_reasoning_content_in_choices": False,
        "model": "openai/ok-gpt-4.1",
        "weight": 9,
    }
    assert isinstance(params["timeout"], float)
    info = one.row["model_info"]
    assert (info["id"], info["db_model"], info["owner"]) == ("dep-gpt41-a", False, "platform-team")
    assert info["pricing_overrides"] == ["input_cost_per_token", "output_cost_per_token"]
    assert (info["litellm_provider"], info["key"]) == ("openai", "openai/ok-gpt-4.1")
    assert "max_input_tokens" not in info, "the price map does not have it"
    assert "made-up" not in str(one)


def test_the_price_map_fills_what_the_file_leaves_out(tmp_path: Path) -> None:
    (one,) = load(
        tmp_path,
        """
model_list:
- model_name: flash
  litellm_params: {model: gemini/gemini-1.5-flash, api_key: os.environ/KEY}
  model_info: {supports_vision: false}
""",
    )
    info = one.row["model_info"]
    assert (info["max_input_tokens"], info["mode"]) == (1_000_000, "chat")
    assert info["input_cost_per_token"] == 3.5e-07
    assert "input_cost_per_token" not in one.row["litellm_params"]
    assert info["supports_vision"] is False
    assert one.is_priced


def test_an_id_that_is_not_given_changes_with_every_edit(tmp_path: Path) -> None:
    text = "model_list: [{model_name: a, litellm_params: {model: openai/a, timeout: %d}}]"
    first, again, edited = (load(tmp_path, text % timeout)[0].id for timeout in (1, 1, 2))
    assert first == again != edited


def test_router_settings_and_aliases(tmp_path: Path) -> None:
    served = load_served(
        write(
            tmp_path,
            """
model_list:
- {model_name: a, litellm_params: {model: openai/a}}
- {model_name: b, litellm_params: {model: openai/b}}
router_settings:
  timeout: 7.5
  fallbacks: [{a: [b]}, {a: [c]}]
  default_fallbacks: [a]
  context_window_fallbacks: [{b: [a]}]
  model_group_alias: {fast: a, secret: {model: b, hidden: true}}
litellm_settings: {num_retries: 5}
""",
        ),
        {},
    )
    router = served.router
    assert (router["routing_strategy"], router["num_retries"]) == ("simple-shuffle", 5)
    assert router["timeout"] == 7.5
    assert router["fallbacks"] == [{"a": ["b"]}, {"a": ["c"]}, {"*": ["a"]}]
    assert served.chain("fallbacks", "a") == ["b"]
    assert served.chain("fallbacks", "b") == ["a"]
    assert served.chain("context_window_fallbacks", "a") == []
    assert [each.model_name for each in served.group("secret")] == ["b"]
    assert served.hidden == {"secret"}


@pytest.mark.parametrize(
    "text",
    [
        "model_list: [",
        "- a",
        "model_list: {a: b}",
        "model_list: [{model_name: a}]",
        "model_list: [{model_name: a, litellm_params: {}}]",
        "router_settings: {routing_strategy: simple}",
        "router_settings: {routing_strategy: nonsense}",
        "router_settings: {fallbacks: {a: [b]}}",
        "router_settings: {model_group_alias: [a]}",
    ],
)
def test_a_file_that_litellm_does_not_start_with_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ImportRefused):
        load(tmp_path, text)


def test_the_demos_own_file_is_loaded_whole() -> None:
    served = load_served(CONFIG, {})
    assert len(served.deployments) == CONFIG.read_text().count("- model_name: ")
    assert all(served.group(name) for name in served.aliases)
