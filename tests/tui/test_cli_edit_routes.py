"""Routes from the command line: chains by the models' names, and what becomes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.cli_tools import Cli, clear_environment
from tests.tui.edit_samples import TWIN, changes, fill, route, world


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


def test_a_route_is_made_of_models_names(cli: Cli, path: Path) -> None:
    fill(path, TWIN)
    answer = cli.json(
        *("routes", "add", "smart", "--primary", "gpt-4.1", "--fallback", "llama3"),
        *("--fallback", "openai/gpt-mini", "--context-fallback", "m-twin", "--retries", "2"),
        *("--timeout", "90s", "--strategy", "simple-shuffle", "--description", "Hard things"),
    )["route"]
    assert answer["primaryModelId"] == "m-gpt"  # of two of that name the first
    assert answer["fallbackModelIds"] == ["m-llama", "m-mini"]
    assert answer["contextWindowFallbackIds"] == ["m-twin"]
    assert (answer["numRetries"], answer["timeoutSeconds"]) == (2, 90)
    assert (answer["routingStrategy"], answer["isDefault"]) == ("simple-shuffle", False)


def test_a_chain_of_unknown_models_is_refused_name_by_name(cli: Cli, path: Path) -> None:
    fill(path)
    before = changes(path)
    args = ("routes", "add", "x", "--primary", "no1", "--fallback", "gpt-mini", "--fallback", "no2")
    assert cli(*args).status == 1
    assert [line.split("'")[1] for line in cli.err.splitlines()] == ["no1", "no2"]
    assert cli("routes", "add", "x").status == 1
    assert "primary_model_id: choose the model that serves first." in cli.err
    assert changes(path) == before


def test_set_replaces_a_chain_that_is_named_and_leaves_the_others(cli: Cli, path: Path) -> None:
    fill(path)
    assert cli("routes", "set", "fast", "--context-fallback", "gpt-4.1").status == 0
    assert "  context_window_fallback_ids: none -> gpt-4.1\n" in cli.out
    changed = route(path, "fast")
    assert changed.fallback_model_ids == ("m-llama",)
    assert cli("routes", "set", "fast", "--no-fallbacks", "--rename", "quick").status == 0
    changed = route(path, "quick")
    assert (changed.fallback_model_ids, changed.context_window_fallback_ids) == ((), ("m-gpt",))
    assert cli("routes", "set", "quick", "--fallback", "gpt-4.1", "--no-fallbacks").status == 2
    assert cli("routes", "set", "quick", "--no-primary").status == 1


def test_a_clone_is_a_route_of_its_own_and_can_become_the_default(cli: Cli, path: Path) -> None:
    fill(path)
    clone = cli.json("routes", "clone", "default", "trial")["route"]
    assert (clone["isDefault"], clone["primaryModelId"]) == (False, "m-gpt")
    assert cli("routes", "clone", "default", "fast").status == 1
    assert "there is a route 'fast' already" in cli.err
    assert cli("routes", "default", "trial").status == 0
    assert [each.name for each in world(path).routes if each.is_default] == ["trial"]
    assert cli("routes", "remove", "default", "--yes").status == 0


def test_the_default_route_stays(cli: Cli, path: Path) -> None:
    fill(path)
    before = changes(path)
    assert cli("routes", "disable", "default").status == 1
    assert "is_enabled" in cli.err
    assert cli("routes", "remove", "default").status == 1  # told at once, without a question
    assert "make another the default first" in cli.err
    assert changes(path) == before
    assert cli("routes", "disable", "fast").status == 0
    assert route(path, "fast").is_enabled is False


def test_a_saved_route_says_what_litellm_will_make_of_it(cli: Cli, path: Path) -> None:
    fill(path)
    assert cli("routes", "set", "fast", "--fallback", "gpt-mini").status == 0
    assert "error: fallbacks: fast falls back to itself" in cli.err
    assert cli("routes", "lint").status == 1
    assert "error    fast, fallbacks 1: fast falls back to itself" in cli.out
    assert cli.out.splitlines()[-1].startswith("1 error, ")
    answer = cli.json("routes", "lint", "fast")
    assert answer["ok"] is False
    assert {finding["route"]["name"] for finding in answer["findings"]} == {"fast"}
    cli("routes", "set", "fast", "--fallback", "llama3")
    assert cli("routes", "lint").status == 0
    assert cli("routes", "lint", "nope").status == 1


def test_explain_walks_the_chain(cli: Cli, path: Path) -> None:
    fill(path)
    assert cli("routes", "explain", "default", "--tokens", "50k").status == 0
    assert cli.out.splitlines()[-1] == "gpt-4.1 would serve it."
    answer = cli.json("routes", "explain", "default", "--failing", "vas")
    assert (answer["tokens"], answer["servedBy"]) == (1000, "gpt-mini")
    assert cli("routes", "explain", "default", "--failing", "vas,openai").status == 1
    assert cli.out.splitlines()[-1] == "Nobody would serve it."
    assert cli("routes", "explain", "default", "--failing", "nobody").status == 1
    assert cli("routes", "explain", "default", "--tokens", "many").status == 1
    assert cli.err.startswith("aitui: tokens: ")
