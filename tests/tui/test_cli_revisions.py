"""`aitui revisions`: the table, one revision, and its file."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from store.plans import Outcome, RevisionKind, StepName
from tests.tui.cli_tools import Cli, clear_environment
from tests.tui.rollout_tools import (
    AT,
    CHANGED,
    DRIFTED,
    WENT_BACK,
    FakeRollout,
    put_in_place,
    revision,
)

LATEST = revision(
    12,
    Outcome.UNDONE,
    kind=RevisionKind.UNDO,
    to_revision=10,
    finished_at=AT + timedelta(seconds=95.5),
    changed=2,
    changes=(CHANGED, DRIFTED),
    steps=WENT_BACK,
    failed_step=StepName.VERIFY,
    reason="1 of 4 workers disagrees: " + "it serves the old model list " * 4,
    outage_ms=1500,
)
HISTORY = (LATEST, revision(11, created=1, deleted=3), revision(10, Outcome.RUNNING))


@pytest.fixture
def rollout(monkeypatch: pytest.MonkeyPatch) -> FakeRollout:
    fake = FakeRollout(history=HISTORY)
    put_in_place(monkeypatch, fake)
    return fake


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AITUI_STORE", str(tmp_path / "aitui.db"))
    return Cli(capsys)


def test_revisions_are_a_table_with_the_newest_first(cli: Cli, rollout: FakeRollout) -> None:
    assert cli("revisions", "--time-zone", "Asia/Seoul").status == 0
    header, newest, *others = cli.out.splitlines()
    assert header.split() == ["REVISION", "WHEN", "WHO", "KIND", "OUTCOME", *"+~-", "REASON"]
    assert newest.startswith(
        "      12  2026-11-22 21:00:00  ops@desk  undo to 10  undone     0  2  0  1 of 4 workers"
    )
    assert newest.endswith("…")
    assert [line.split()[0] for line in others] == ["11", "10"]
    assert others[0].endswith("apply       served     1  0  3")
    assert cli.err == ""


def test_the_table_is_cut_and_says_how_to_see_more(cli: Cli, rollout: FakeRollout) -> None:
    cli("revisions", "--limit", "2")
    assert len(cli.out.splitlines()) == 3
    assert cli.err == "Older ones: add --limit 20\n"


def test_without_revisions_it_says_how_to_begin(cli: Cli, rollout: FakeRollout) -> None:
    rollout.history = ()
    assert cli("revisions").status == 0
    assert cli.out == ""
    assert "There are no revisions yet. `aitui plan` shows what `aitui apply`" in cli.err
    assert cli.json("revisions") == {"revisions": []}


def test_one_revision_is_shown_whole(cli: Cli, rollout: FakeRollout) -> None:
    assert cli("revisions", "12").status == 0
    assert "outcome      undone\n" in cli.out
    assert "took         1m 36s\n" in cli.out
    assert "failed step  Read back\n" in cli.out
    assert "old model list it serves the old model list" in cli.out
    assert "outage       1.5s\n" in cli.out
    assert "~ router settings  (drift)\n    num_retries  5 → 3\n" in cli.out
    assert (
        "✗ Read back          1m 30s  failed: 1 of 4 workers disagrees\n✓ Put the old back "
        in cli.out
    )
    assert cli("revisions", "99").status == 1
    assert "there is no 99" in cli.err
    assert cli("revisions", "0").status == 2


def test_the_json_has_everything(cli: Cli, rollout: FakeRollout) -> None:
    (newest, *_) = cli.json("revisions")["revisions"]
    assert newest == cli.json("revisions", "12")
    assert newest["summary"] == {"create": 0, "change": 2, "delete": 0}
    assert (newest["kind"], newest["outcome"], newest["toRevision"]) == ("undo", "undone", 10)
    assert newest["startedAt"] == "2026-11-22T12:00:00.000Z"
    assert newest["finishedAt"] == "2026-11-22T12:01:35.500Z"
    assert (newest["failedStep"], newest["outageMs"]) == ("verify", 1500)
    assert newest["changes"][0]["fields"][0]["new"] == 60
    assert newest["steps"][-1]["name"] == "verify back"


def test_the_file_comes_byte_for_byte(cli: Cli, rollout: FakeRollout) -> None:
    rollout.yaml = "# 모델 and a tab\t\r\nmodel_list: []\n\n\n"
    assert cli("revisions", "12", "--yaml").status == 0
    assert cli.out == rollout.yaml
    assert cli.err == ""
    assert cli.json("revisions", "12", "--yaml")["yaml"] == rollout.yaml
    assert cli("revisions", "--yaml").status == 2
    assert "--yaml needs a revision's number" in cli.err


@pytest.mark.parametrize("hostile", ["\x1b]52;c;aGk=\x07", "safe\rforged", "\u202e", "\x85"])
def test_a_file_with_control_characters_is_cleaned(
    cli: Cli, rollout: FakeRollout, hostile: str
) -> None:
    rollout.yaml = f"# {hostile}\nmodel_list: []\n"
    assert cli("revisions", "12", "--yaml").status == 0
    assert not set(hostile) - set(map(chr, range(32, 127))) & set(cli.out)
    assert cli.out.endswith("\nmodel_list: []\n")
    assert "control characters" in cli.err
    cli("revisions", "12", "--yaml", "--json")
    assert json.loads(cli.out)["yaml"] == rollout.yaml


def test_a_key_in_a_file_is_never_shown(cli: Cli, rollout: FakeRollout) -> None:
    key = "sk-THISISAKEY1234567890"
    rollout.yaml = f"general_settings:\n  master_key: {key}\n"
    for flags in ((), ("--json",)):
        assert cli("revisions", "12", "--yaml", *flags).status == 0
        assert key not in cli.out + cli.err
        assert "redacted" in cli.out
