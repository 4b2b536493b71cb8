"""`aitui history`: what it shows, and the ways back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from store.store import Store, local_actor
from tests.tui.cli_tools import Cli, clear_environment
from tests.tui.edit_samples import changes, fill, in_store, model, route, world


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aitui.db"


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: Path
) -> Cli:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AITUI_STORE", str(path))
    fill(path)
    return Cli(capsys)


def change(path: Path, name: str, actor: str = "somebody@else") -> None:
    """Somebody renames gpt-4.1 for people."""

    async def save(store: Store) -> None:
        before = await store.models.get("m-gpt")
        await store.edit.save(before, replace(before, display_name=name), actor=actor)

    in_store(path, save)


def test_the_newest_change_comes_first_field_by_field(cli: Cli, path: Path) -> None:
    cli("models", "set", "gpt-4.1", "--context-window", "1M", "--provider", "openai")
    assert cli("history", "--limit", "2").status == 0
    newest = changes(path)[0]
    headline, *fields = cli.out.splitlines()
    assert headline.startswith(f"{newest.id}  {newest.at:%Y-%m-%d %H:%M:%S}  {local_actor()}  ")
    assert headline.endswith("changed model gpt-4.1")
    assert fields[:2] == ["    provider_id: vas -> openai", "    context_window: 128000 -> 1000000"]
    assert fields[2].endswith("filler  added route fast")
    assert cli.err == f"Older ones: add --before {newest.id - 1}\n"


def test_times_are_those_of_the_operators_zone(cli: Cli, path: Path) -> None:
    from zoneinfo import ZoneInfo

    at = changes(path)[0].at.astimezone(ZoneInfo("Pacific/Kiritimati"))
    cli("history", "--limit", "1", "--time-zone", "Pacific/Kiritimati")
    assert f"  {at:%Y-%m-%d %H:%M:%S}  " in cli.out


def test_history_is_filtered_and_paged(cli: Cli, path: Path) -> None:
    change(path, "A")
    answer = cli.json("history", "--entity", "model", "--name", "gpt-4.1")["changes"]
    assert [entry["action"] for entry in answer] == ["update", "create"]
    assert answer[0]["fields"] == [{"name": "display_name", "before": "GPT-4.1", "after": "A"}]
    assert answer[0]["actor"] == "somebody@else"
    older = cli.json("history", "--limit", "100", "--before", str(answer[0]["id"]))["changes"]
    assert [entry["id"] for entry in older] == list(range(answer[0]["id"] - 1, 0, -1))
    assert cli("history", "--name", "nobody").out == ""
    assert "no changes like that" in cli.err


def test_a_chain_is_told_by_names_also_of_what_is_gone(cli: Cli) -> None:
    cli("models", "remove", "gpt-mini", "--along", "--yes")
    cli("history", "--entity", "route", "--name", "default", "--limit", "1")
    assert "    fallback_model_ids: gpt-mini -> none" in cli.out


def test_show_tells_a_change_whole(cli: Cli, path: Path) -> None:
    added = changes(path)[-4]
    assert (added.entity, added.name) == ("model", "gpt-4.1")
    assert cli("history", "show", str(added.id)).status == 0
    assert "    litellm_model: none -> openai/gpt-4.1" in cli.out
    for args in (("--json", "show", str(added.id)), ("show", str(added.id), "--json")):
        assert cli("history", *args).status == 0
        assert '"contextWindow"' not in cli.out
        assert '"context_window": 128000' in cli.out
    assert cli("history", "show", "999").status == 1
    assert "there is no change 999" in cli.err


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "٣"])
def test_a_number_that_is_none_is_wrong_usage(cli: Cli, text: str) -> None:
    assert cli("history", "show", text).status == 2


def test_undo_takes_back_the_operators_own_last_change(cli: Cli, path: Path) -> None:
    cli("routes", "set", "fast", "--retries", "9")
    change(path, "Theirs")
    assert cli("history", "undo").status == 0
    assert "route fast is as it was" in cli.out
    assert "changed route fast" in cli.err
    assert route(path, "fast").num_retries == 3
    assert model(path, "m-gpt").display_name == "Theirs"
    assert cli.json("history", "undo")["done"] == ["route fast is as it was"]  # the undo itself
    assert route(path, "fast").num_retries == 9


def test_undo_of_nothing_says_so(cli: Cli, path: Path) -> None:
    before = changes(path)
    assert cli("history", "undo").status == 1
    assert f"{local_actor()} has changed nothing yet" in cli.err
    assert changes(path) == before


def test_undo_by_number_and_by_change_is_refused_where_it_would_overwrite(
    cli: Cli, path: Path
) -> None:
    change(path, "First")
    first = changes(path)[0]
    change(path, "Second")
    for name in (str(first.id), first.change_id):
        assert cli("history", "undo", name).status == 1
        assert "undoing would overwrite that" in cli.err
        assert "display_name: Second" in cli.err
    assert model(path, "m-gpt").display_name == "Second"
    assert cli("history", "undo", changes(path)[0].change_id).status == 0
    assert model(path, "m-gpt").display_name == "First"
    assert cli("history", "undo", "0" * 32).status == 1


def test_restore_shows_what_changes_and_needs_a_yes(cli: Cli, path: Path) -> None:
    first = str(changes(path)[-4].id)
    change(path, "Other")
    before = changes(path)
    assert cli("history", "restore", first).status == 2
    assert "    display_name: Other -> GPT-4.1" in cli.err
    assert "Bring model gpt-4.1 back" in cli.err
    assert changes(path) == before
    answer = cli.json("history", "restore", first, "--yes")
    assert answer["changed"] is True
    assert answer["changeId"] == changes(path)[0].change_id
    assert model(path, "m-gpt").display_name == "GPT-4.1"
    assert cli.json("history", "restore", first, "--yes") == {
        "changed": False,
        "changeId": None,
        "done": [],
    }


def test_everything_goes_back_at_once(cli: Cli, path: Path) -> None:
    before = world(path)
    last = str(changes(path)[0].id)
    cli("models", "remove", "gpt-mini", "--along", "--yes")
    cli("models", "add", "new", "--provider", "vas")
    cli("routes", "set", "default", "--retries", "1")
    assert cli("history", "restore", last, "--everything").status == 2
    assert cli("history", "restore", last, "--everything", "--yes").status == 0

    def names(seen: object) -> set[str]:
        return {each.id for each in seen}  # type: ignore[attr-defined]

    after = world(path)
    assert names(after.models) == names(before.models)
    assert route(path, "default").num_retries == 3
    assert route(path, "default").fallback_model_ids == ("m-mini",)
    assert len({entry.change_id for entry in changes(path) if entry.action == "restore"}) == 1


def test_a_restore_that_breaks_a_rule_is_refused(cli: Cli, path: Path) -> None:
    cli("models", "add", "new", "--provider", "vas")
    added = changes(path)[0]
    cli("models", "remove", "new", "--yes")
    removed = changes(path)[0]
    cli("history", "restore", str(added.id), "--yes")
    cli("routes", "set", "fast", "--fallback", "new")
    before = changes(path)
    assert cli("history", "restore", str(removed.id), "--yes").status == 1
    assert "model new would be removed." in cli.err
    assert "'fast' uses what would be removed" in cli.err
    assert changes(path) == before


def test_what_is_no_thing_cannot_be_restored_alone(cli: Cli, path: Path) -> None:
    async def set_zone(store: Store) -> None:
        await store.shared_settings.set("time_zone", "Asia/Seoul", actor="x")

    in_store(path, set_zone)
    assert cli("history", "restore", str(changes(path)[0].id)).status == 1
    assert "cannot be taken back here" in cli.err
