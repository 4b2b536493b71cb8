"""Adding, changing and removing providers, models and routes from the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from store.catalog import Catalog
from store.domain import CatalogEntry, PriceMap
from store.store import Store
from tests.tui.cli_tools import Cli, clear_environment
from tests.tui.edit_samples import (
    changes,
    commands,
    fill,
    in_store,
    model,
    provider,
    route,
    world,
)

KEY = "sk-THISISAKEY1234567890"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aitui.db"


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: Path
) -> Cli:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AITUI_STORE", str(path))
    return Cli(capsys)


@pytest.mark.parametrize("words", sorted(commands()), ids=" ".join)
def test_every_command_explains_itself_with_examples(cli: Cli, words: tuple[str, ...]) -> None:
    assert cli(*words, "--help").status == 0
    assert "exit status: 0 done, 1 " in cli.out
    if commands()[words].get_default("writes"):
        assert "--read-only refuses it" in cli.out
    assert f"  aitui {' '.join(words)}" in cli.out
    assert max(map(len, cli.out.partition("examples:")[2].splitlines())) <= 130


def test_a_list_of_commands_marks_those_that_write(cli: Cli) -> None:
    cli("models", "--help")
    marked = {line.split()[0] for line in cli.out.splitlines() if line.endswith("[writes]")}
    assert marked == {"add", "set", "remove", "enable", "disable"}
    assert "[writes] changes the store: --read-only refuses it" in cli.out


def test_a_preset_adds_a_provider(cli: Cli, path: Path) -> None:
    assert cli("providers", "add", "--preset", "openai").status == 0
    assert cli.out == "openai is added in the store.\n"
    assert "OPENAI_API_KEY is not set here" in cli.err
    added = provider(path, "openai")
    assert (added.display_name, added.litellm_provider) == ("OpenAI", "openai")
    assert (added.api_base_url, added.api_key_env) == (None, "OPENAI_API_KEY")
    assert [entry.action for entry in changes(path)] == ["create"]


def test_what_is_given_wins_over_the_preset(cli: Cli, path: Path) -> None:
    answer = cli.json(
        *("providers", "add", "eu", "--preset", "azure", "--key-env", "EU_KEY"),
        *("--base-url", "https://eu.openai.azure.com", "--disabled"),
    )
    assert answer["changed"] is True
    assert answer["provider"]["litellmProvider"] == "azure"
    assert answer["provider"]["apiKeyEnv"] == "EU_KEY"
    assert answer["provider"]["isEnabled"] is False
    assert answer["provider"]["version"] == 1
    assert "AZURE_API_VERSION" in cli.err


def test_every_problem_is_a_line_and_no_key_is_repeated(cli: Cli, path: Path) -> None:
    fill(path)
    before = changes(path)
    args = [
        *("providers", "add", "Open AI", "--litellm-provider", "openai"),
        *("--base-url", "ftp://x", "--key-env", KEY),
    ]
    assert cli(*args).status == 1
    fields = [line.split(": ")[1] for line in cli.err.splitlines()]
    assert fields == ["name", "api_base_url", "api_key_env"]
    assert "THISISAKEY" not in cli.err
    answer = cli.json(*args)
    assert [problem["field"] for problem in answer["problems"]] == fields
    assert (answer["changed"], answer["error"]) == (False, "rejected")
    assert changes(path) == before


def test_an_unknown_preset_lists_the_known(cli: Cli) -> None:
    assert cli("providers", "add", "--preset", "openia").status == 1
    assert "Known: openai, anthropic" in cli.err
    assert cli("providers", "add").status == 2
    assert cli("providers", "add", "vas").status == 2
    assert "--litellm-provider" in cli.err
    names = [preset["name"] for preset in cli.json("providers", "presets")["presets"]]
    assert {"openai", "anthropic", "gemini", "azure", "openrouter", "ollama"} <= set(names)
    assert {"groq", "mistral", "deepseek", "vllm"} <= set(names)


def test_a_provider_is_shown_with_its_models(cli: Cli, path: Path) -> None:
    fill(path)
    assert cli("providers", "show", "vas").status == 0
    assert "models    gpt-4.1" in cli.out
    assert "VAS_KEY (not set here)" in cli.out
    assert [m["id"] for m in cli.json("providers", "show", "p-vas")["models"]] == ["m-gpt"]


def test_a_key_goes_to_another_host_only_when_that_was_said(cli: Cli, path: Path) -> None:
    fill(path)
    args = ("providers", "set", "vas", "--base-url", "https://evil.example.net/v1")
    before = changes(path)
    assert cli(*args).status == 2
    for word in ("VAS_KEY", "vas.example.com", "evil.example.net", "--yes"):
        assert word in cli.err
    assert changes(path) == before
    assert cli(*args, "--yes").status == 0
    assert provider(path, "vas").api_base_url == "https://evil.example.net/v1"


def test_a_broken_url_is_refused_before_anything_is_asked(cli: Cli, path: Path) -> None:
    fill(path)
    assert cli("providers", "set", "vas", "--base-url", "https://a:b@evil.example.net").status == 1
    assert cli.err.startswith("aitui: api_base_url: must not hold a user or password")
    assert "--yes" not in cli.err


@pytest.mark.parametrize(
    "args",
    [
        ("ollama", "--base-url", "http://10.0.0.1:11434"),
        ("vas", "--base-url", "https://vas.example.com/v2"),
        ("vas", "--key-env", "VAS_KEY_2"),
    ],
)
def test_no_question_without_a_key_or_another_host(
    cli: Cli, path: Path, args: tuple[str, ...]
) -> None:
    fill(path)
    assert cli("providers", "set", *args).status == 0


def test_a_provider_with_models_is_removed_with_them_or_not_at_all(cli: Cli, path: Path) -> None:
    fill(path)
    before = changes(path)
    assert cli("providers", "remove", "openai", "--yes").status == 1
    assert "1 model goes with it (gpt-mini)" in cli.err
    assert "--along" in cli.err
    assert changes(path) == before
    answer = cli.json("providers", "remove", "openai", "--along", "--yes")
    assert [each["name"] for each in answer["along"]["models"]] == ["gpt-mini"]
    assert {each["name"] for each in answer["along"]["routesChanged"]} == {"default", "fast"}
    now = world(path)
    assert "m-mini" not in {each.id for each in now.models}
    assert route(path, "fast").primary_model_id == "m-llama"
    done = [entry for entry in changes(path) if entry not in before]
    assert len({entry.change_id for entry in done}) == 1


def test_a_provider_is_disabled_and_enabled(cli: Cli, path: Path) -> None:
    fill(path)
    assert cli("providers", "disable", "vas").out.startswith("vas is disabled in the store.")
    assert provider(path, "vas").is_enabled is False
    assert cli("providers", "disable", "vas").out == "vas is like that already.\n"
    assert cli.json("providers", "enable", "vas")["provider"]["isEnabled"] is True


def test_a_model_is_added_with_numbers_as_people_write_them(cli: Cli, path: Path) -> None:
    fill(path)
    answer = cli.json(
        *("models", "add", "gpt-4o", "--provider", "openai", "--context-window", "128k"),
        *("--max-tokens", "16_384", "--input-price", "$2.5/1M", "--output-price", "0.01"),
        *("--vision", "--no-streaming", "--timeout", "2m", "--weight", "0.5", "--priority", "-1"),
    )
    added = model(path, answer["model"]["id"])
    assert (added.litellm_model, added.display_name) == ("openai/gpt-4o", "gpt-4o")
    assert (added.context_window, added.max_tokens) == (128_000, 16_384)
    assert added.input_cost_per_1k == Decimal("0.0025")
    assert added.output_cost_per_1k == Decimal("0.01")
    assert (added.supports_vision, added.supports_streaming) == (True, False)
    assert (added.timeout_seconds, added.weight, added.priority) == (120, 0.5, -1)
    assert answer["filledIn"] == []


def fill_catalog(path: Path) -> None:
    async def fetch() -> PriceMap:
        entry = CatalogEntry(
            litellm_model="gpt-4o",
            provider="openai",
            mode="chat",
            context_window=128_000,
            max_tokens=16_384,
            input_cost_per_1k=Decimal("0.0025"),
            output_cost_per_1k=Decimal("0.01"),
            supports_vision=True,
            supports_function_calling=True,
        )
        return PriceMap("http://proxy.example", (entry,))

    async def refresh(store: Store) -> None:
        clock = lambda: datetime(2026, 3, 1, 12, tzinfo=UTC)  # noqa: E731
        await Catalog(store._database, clock, fetch).refresh()

    in_store(path, refresh)


def test_the_catalogue_fills_in_what_was_not_given(cli: Cli, path: Path) -> None:
    fill(path)
    fill_catalog(path)
    args = ("models", "add", "gpt-4o", "--provider", "openai", "--context-window", "64k")
    answer = cli.json(*args)["model"]
    assert answer["contextWindow"] == 64_000
    assert answer["cost"] == {"inputPer1k": 0.0025, "outputPer1k": 0.01}
    assert answer["capabilities"]["functionCalling"] is True
    bare = cli.json(*args, "--no-catalog", "--disabled")["model"]
    assert bare["cost"] == {"inputPer1k": None, "outputPer1k": None}
    assert bare["isEnabled"] is False
    cli(*args)
    assert "Filled in from the price catalogue:" in cli.err
    assert "max_tokens: 16384" in cli.err
    assert "context_window" not in cli.err


def test_the_catalogue_is_shown(cli: Cli, path: Path) -> None:
    assert cli("catalog", "show").status == 1
    assert "aitui catalog refresh" in cli.err
    fill_catalog(path)
    assert cli("catalog", "show", "openai/gpt-4o").status == 0
    assert "$0.0025 input, $0.01 output" in cli.out
    assert "http://proxy.example, 2026-03-01 12:00" in cli.out
    assert cli.json("catalog", "show", "gpt-4o")["contextWindow"] == 128_000
    assert cli.json("catalog", "show")["entries"] == 1
    assert cli("catalog", "show", "4o gpt").status == 1
    assert "Near to it: gpt-4o." in cli.err


def test_set_changes_what_is_named_and_says_it_field_by_field(cli: Cli, path: Path) -> None:
    fill(path)
    before = model(path, "m-gpt")
    assert (
        cli(
            *("models", "set", "gpt-4.1", "--context-window", "1M", "--input-price", "none"),
            *(
                "--description",
                "none",
                "--rename",
                "gpt-4.1-new",
                "--provider",
                "openai",
                "--vision",
            ),
        ).status
        == 0
    )
    assert cli.out.splitlines() == [
        "openai/gpt-4.1-new is changed in the store.",
        "  provider_id: vas -> openai",
        "  model_name: gpt-4.1 -> gpt-4.1-new",
        "  description: Primary -> none",
        "  context_window: 128000 -> 1000000",
        "  input_cost_per_1k: 0.01 -> none",
        "  supports_vision: no -> yes",
    ]
    after = model(path, "m-gpt")
    assert (after.description, after.input_cost_per_1k) == (None, None)
    assert (after.display_name, after.litellm_model) == (before.display_name, before.litellm_model)
    assert after.version == 2


def test_set_without_a_change_writes_nothing(cli: Cli, path: Path) -> None:
    fill(path)
    before = changes(path)
    assert cli("models", "set", "gpt-4.1").status == 2
    assert "--help" in cli.err
    assert cli.json("models", "set", "gpt-4.1", "--context-window", "128k")["changed"] is False
    assert cli("models", "set", "gpt-4.1", "--context-window", "128k").out == (
        "vas/gpt-4.1 is like that already.\n"
    )
    assert changes(path) == before


def test_values_that_cannot_be_read_are_all_told(cli: Cli, path: Path) -> None:
    fill(path)
    before = changes(path)
    assert (
        cli(
            *("models", "set", "gpt-4.1", "--context-window", "lots", "--input-price", "cheap"),
            *("--timeout", "soon", "--priority", "none"),
        ).status
        == 1
    )
    fields = [line.split(": ")[1] for line in cli.err.splitlines()]
    assert fields == ["context_window", "input_cost_per_1k", "timeout_seconds", "priority"]
    assert changes(path) == before


@pytest.mark.parametrize(
    "args",
    [
        ("models", "set", "gpt-4.1", "--priority", "9"),
        ("models", "disable", "gpt-4.1"),
        ("models", "remove", "gpt-4.1", "--along", "--yes"),
        ("providers", "set", "vas", "--display-name", "X"),
        ("providers", "disable", "vas"),
        ("providers", "remove", "vas", "--along", "--yes"),
        ("routes", "set", "default", "--retries", "1"),
        ("routes", "default", "fast"),
        ("routes", "disable", "fast"),
        ("routes", "remove", "fast", "--yes"),
    ],
    ids=lambda args: " ".join(args[:2]),
)
def test_a_script_that_read_an_older_version_is_refused(
    cli: Cli, path: Path, args: tuple[str, ...]
) -> None:
    fill(path)
    before = changes(path)
    assert cli(*args, "--if-version", "7").status == 1
    assert "version 1, not 7" in cli.err
    assert "As it stands now, version 1:" in cli.err
    answer = cli.json(*args, "--if-version", "7")
    assert (answer["error"], answer["theirs"]["version"]) == ("stale", 1)
    assert changes(path) == before
    assert cli(*args, "--if-version", "1").status == 0
    assert len(changes(path)) > len(before)


def test_a_model_in_use_is_taken_out_of_its_routes_in_the_same_change(cli: Cli, path: Path) -> None:
    fill(path)
    before = changes(path)
    assert cli("models", "remove", "gpt-mini", "--yes").status == 1
    assert "2 routes would lose it (default, fast)" in cli.err
    assert cli("models", "remove", "gpt-mini", "--along").status == 2  # nobody to ask
    assert "Remove openai/gpt-mini?" in cli.err
    assert changes(path) == before
    assert cli("models", "remove", "gpt-mini", "--along", "--yes").status == 0
    assert "route fast is without it" in cli.out
    assert route(path, "default").fallback_model_ids == ()
    done = [entry for entry in changes(path) if entry not in before]
    assert {entry.change_id for entry in done} == {done[0].change_id}
    assert cli("history", "undo").status == 0
    assert route(path, "default").fallback_model_ids == ("m-mini",)
