"""`aitui apply` and `aitui undo`: what is asked, what is shown, and how each end is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from store.errors import NotFound
from store.plans import ApplyRefused, Outcome, PlanChanged, RevisionKind, StepName, StepState
from store.store import Store
from tests.tui.cli_tools import Cli, clear_environment
from tests.tui.edit_samples import GPT, changes, fill, in_store
from tests.tui.rollout_tools import (
    CHANGED,
    CREATED,
    DELETED,
    WENT_BACK,
    WENT_WELL,
    FakeRollout,
    plan,
    put_in_place,
    report,
    revision,
    step,
)
from tui.commands.apply import one_before
from tui.commands.plan_lines import step_line
from tui.commands.steps import StepView

UNDONE = report(
    Outcome.UNDONE,
    steps=WENT_BACK,
    failed_step=StepName.VERIFY,
    reason="1 of 4 workers disagrees",
    outage_ms=1500,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "aitui.db"


@pytest.fixture
def rollout(monkeypatch: pytest.MonkeyPatch) -> FakeRollout:
    fake = FakeRollout(plans=[plan(CREATED, CHANGED)])
    put_in_place(monkeypatch, fake)
    return fake


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: Path
) -> Cli:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AITUI_STORE", str(path))
    return Cli(capsys)


def test_an_apply_shows_the_plan_then_its_steps_then_the_end(
    cli: Cli, rollout: FakeRollout
) -> None:
    rollout.ends = [report(outage_ms=250)]
    assert cli("apply", "--yes").status == 0
    shown = cli.out.splitlines()
    assert shown[0] == "+ model new-model"
    at = shown.index("Plan: 1 to create, 1 to change, 0 to delete.")
    assert shown[at + 1 :] == [
        "✓ Check                10ms  3 models",
        "✓ Keep the old file    10ms  /etc/litellm/config.yaml.bak",
        "✓ Write the file       10ms  /etc/litellm/config.yaml",
        "✓ Reload the proxy     1.2s",
        "✓ Read back            4.2s  4 workers agree",
        "Revision 7 is served: the proxy was read back and serves it."
        " The proxy did not answer for 250ms. It took 4.2s.",
    ]
    assert cli.err == ""
    assert rollout.asked_for("apply") == [("apply", "f1", False)]


def test_smoke_is_handed_on(cli: Cli, rollout: FakeRollout) -> None:
    rollout.ends = [report()]
    cli("apply", "--yes", "--smoke")
    assert rollout.asked_for("apply") == [("apply", "f1", True)]


def test_nothing_to_do_is_status_0_and_asks_nothing(cli: Cli, rollout: FakeRollout) -> None:
    rollout.plans = [plan()]
    assert cli("apply").status == 0
    assert cli.out == "In step: the proxy serves what the store says.\n"
    answer = cli.json("apply")
    assert (answer["applied"], answer["report"], answer["plan"]["inStep"]) == (False, None, True)
    assert rollout.asked_for("apply") == []


def test_blockers_refuse(cli: Cli, rollout: FakeRollout) -> None:
    rollout.plans = [plan(CHANGED, blockers=("gateway.config_file is not set.",))]
    assert cli("apply", "--yes").status == 1
    assert cli.err == "aitui: gateway.config_file is not set.\n"
    assert cli.json("apply", "--yes")["error"] == "blocked"
    assert rollout.asked_for("apply") == []


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ((), "add --yes --delete 2 to apply 3 changes without a terminal"),
        (("--yes",), "add --yes --delete 2 to apply 3 changes without a terminal"),
        (("--delete", "2"), "add --yes to apply 3 changes without a terminal"),
        (("--yes", "--delete", "1"), "the plan makes 2 deletions, and --delete says 1."),
        (("--yes", "--delete", "0"), "the plan makes 2 deletions, and --delete says 0."),
    ],
)
def test_without_a_terminal_deletions_are_agreed_to_by_their_number(
    cli: Cli, rollout: FakeRollout, flags: tuple[str, ...], sentence: str
) -> None:
    rollout.plans = [plan(CHANGED, DELETED, replace(DELETED, key="m-2"))]
    assert cli("apply", *flags).status == 1
    assert sentence in cli.err
    assert len(cli.err.splitlines()) == 1
    assert rollout.asked_for("apply") == []
    rollout.ends = [report()]
    assert cli("apply", "--yes", "--delete", "2").status == 0


def test_a_refused_apply_is_an_error(cli: Cli, rollout: FakeRollout) -> None:
    rollout.ends = [ApplyRefused("process 7 is no gunicorn master.")]
    assert cli("apply", "--yes").status == 1
    assert cli.err == "aitui: process 7 is no gunicorn master.\n"


# How it ended


def test_an_undone_apply_says_what_failed_and_what_serves(cli: Cli, rollout: FakeRollout) -> None:
    rollout.ends = [UNDONE]
    assert cli("apply", "--yes").status == 1
    assert "✗ Read back          1m 30s  failed: 1 of 4 workers disagrees\n" in cli.out
    assert cli.out.endswith("✓ Read back again      10ms\n")
    assert cli.err == (
        "aitui: Revision 7 is undone. Read back failed: 1 of 4 workers disagrees. The old"
        " configuration is back: the proxy was read back and serves it."
        " The proxy did not answer for 1.5s.\n"
    )


def test_no_proof_is_claimed_that_was_not_made(cli: Cli, rollout: FakeRollout) -> None:
    failed = step(StepName.CHECK, StepState.FAILED, "the file is no YAML")
    rollout.ends = [report(Outcome.UNDONE, steps=(failed,), failed_step=StepName.CHECK)]
    cli("apply", "--yes")
    assert "Nothing was written: the file and the proxy are as before." in cli.err
    assert "read back and serves" not in cli.err
    rollout.plans = [plan(CHANGED, live_error="nobody answers.")]
    unread = step(StepName.VERIFY_BACK, StepState.SKIPPED, "the proxy does not answer")
    rollout.ends = [replace(UNDONE, steps=(*UNDONE.steps[:-1], unread))]
    cli("apply", "--yes")
    assert "The proxy could not be read, before or after." in cli.err
    assert "read back and serves" not in cli.err


def test_what_could_not_be_undone_is_listed(cli: Cli, rollout: FakeRollout) -> None:
    end = replace(UNDONE, outcome=Outcome.NOT_UNDONE, still_different=(CHANGED, DELETED))
    rollout.ends = [end, replace(end, still_different=()), end]
    assert cli("apply", "--yes").status == 1
    assert (
        "What was before does not serve again. What still differs is listed."
        " The proxy did not answer for 1.5s.\n"
        "  ~ model gpt-4.1\n      timeout  30 → 60\n  - model old-model\n"
    ) in cli.err
    assert cli("apply", "--yes").status == 1
    assert "It could not be proved that what was before serves again" in cli.err
    answer = cli.json("apply", "--yes")["report"]
    assert [change["name"] for change in answer["stillDifferent"]] == ["gpt-4.1", "old-model"]


def test_a_written_file_says_what_is_left_to_do(cli: Cli, rollout: FakeRollout) -> None:
    skipped = step(StepName.RELOAD, StepState.SKIPPED, "nothing reloads it")
    rollout.ends = [report(Outcome.WRITTEN, steps=(*WENT_WELL[:3], skipped), took_ms=80)]
    assert cli("apply", "--yes").status == 0
    assert "– Reload the proxy     10ms  skipped: nothing reloads it\n" in cli.out
    assert "Revision 7 is written. The proxy has not loaded it" in cli.out


def test_json_is_one_document_and_the_steps_go_to_stderr(cli: Cli, rollout: FakeRollout) -> None:
    rollout.ends = [UNDONE]
    answer = cli.json("apply", "--yes")
    assert cli.status == 1
    assert answer["applied"] is False
    assert answer["recovered"] is None
    assert answer["plan"]["summary"]["create"] == 1
    told = answer["report"]
    assert (told["revision"], told["outcome"], told["failedStep"]) == (7, "undone", "verify")
    assert (told["tookMs"], told["outageMs"], told["success"]) == (4200, 1500, False)
    assert told["steps"][4] == {
        "name": "verify",
        "state": "failed",
        "detail": "1 of 4 workers disagrees",
        "tookMs": 90_000,
    }
    assert "✓ Write the file       10ms  /etc/litellm/config.yaml" in cli.err


# Changes meanwhile


def test_a_plan_that_changed_is_shown_again(cli: Cli, rollout: FakeRollout) -> None:
    newer = plan(CHANGED, fingerprint="f2")
    rollout.ends = [PlanChanged("the file changed since the plan was made.", newer), report()]
    assert cli("apply", "--yes").status == 0
    assert cli.err == "the file changed since the plan was made.\n"
    assert cli.out.count("Plan: ") == 2
    assert "Revision 7 is served: the proxy" in cli.out
    assert [call[1] for call in rollout.asked_for("apply")] == ["f1", "f2"]


def test_a_new_plan_that_deletes_more_than_agreed_is_not_applied(
    cli: Cli, rollout: FakeRollout
) -> None:
    rollout.ends = [PlanChanged("it changed.", plan(CHANGED, DELETED, fingerprint="f2"))]
    assert cli("apply", "--yes").status == 1
    assert "add --yes --delete 1" in cli.err
    assert len(rollout.asked_for("apply")) == 1


def test_a_new_plan_that_deletes_less_than_agreed_is(cli: Cli, rollout: FakeRollout) -> None:
    rollout.plans = [plan(DELETED, replace(DELETED, key="m-2"))]
    rollout.ends = [PlanChanged("it changed.", plan(DELETED, fingerprint="f2")), report()]
    assert cli("apply", "--yes", "--delete", "2").status == 0
    assert [call[1] for call in rollout.asked_for("apply")] == ["f1", "f2"]


def test_a_plan_that_keeps_changing_ends(cli: Cli, rollout: FakeRollout) -> None:
    rollout.ends = [PlanChanged("it changed.", plan(CHANGED))] * 9
    assert cli("apply", "--yes").status == 1
    assert "changed each time" in cli.err
    assert len(rollout.asked_for("apply")) == 3


# An apply that was cut off


@pytest.mark.parametrize(
    ("outcome", "steps", "told"),
    [
        (Outcome.UNDONE, WENT_BACK, "Revision 6 is undone. The old configuration is back: the"),
        (Outcome.SERVED, WENT_WELL, "Revision 6 is served: the proxy was read back"),
        (Outcome.WRITTEN, WENT_WELL[:3], "Revision 6 is written. The proxy has not loaded it"),
    ],
)
def test_what_was_cut_off_is_finished_first(
    cli: Cli, rollout: FakeRollout, outcome: Outcome, steps: tuple[object, ...], told: str
) -> None:
    rollout.cut_off = revision(6, Outcome.RUNNING)
    rollout.recovery = report(outcome, revision=6, steps=steps)
    rollout.ends = [report(), report()]
    assert cli("apply", "--yes").status == 0
    assert "Revision 6 by ops@desk was cut off (2026-11-22 12:00:00)." in cli.err
    assert cli.out.startswith("✓ Check                10ms  3 models\n")
    assert told in cli.out
    assert [call[0] for call in rollout.calls] == ["recover", "plan", "apply"]
    assert cli.json("apply", "--yes")["recovered"]["outcome"] == outcome


def test_the_proxy_is_not_touched_for_it_without_a_word(cli: Cli, rollout: FakeRollout) -> None:
    rollout.cut_off = revision(6, Outcome.RUNNING)
    assert cli("apply").status == 1
    assert "The proxy may be reloaded for it." in cli.err
    assert rollout.calls == []


def test_what_cannot_be_recovered_stops_it(cli: Cli, rollout: FakeRollout) -> None:
    rollout.cut_off = revision(6, Outcome.RUNNING)
    rollout.recovery = report(Outcome.NOT_UNDONE, revision=6, reason="the proxy is down.")
    assert cli("apply", "--yes").status == 1
    assert "aitui: Revision 6 is NOT undone. The proxy is down." in cli.err
    assert rollout.asked_for("plan") == []
    rollout.recovery, rollout.ends = None, [report()]
    assert cli("apply", "--yes").status == 0
    assert "Somebody else has dealt with it meanwhile." in cli.err


# Undo


def test_undo_goes_back_to_the_revision_before_the_served_one(
    cli: Cli, rollout: FakeRollout
) -> None:
    rollout.history = (
        revision(9, Outcome.UNDONE),
        revision(8),
        revision(7, Outcome.NOT_UNDONE),
        revision(6, Outcome.RECORDED, kind=RevisionKind.IMPORT),
        revision(5),
    )
    rollout.ends = [report(revision=10), report(revision=10)]
    assert cli("undo", "--yes").status == 0
    assert cli.out.startswith("Back to revision 6:\n")
    assert cli("undo", "5", "--yes").status == 0
    assert cli("undo", "99", "--yes").status == 1
    assert "there is no 99" in cli.err
    assert rollout.asked_for("plan") == [("plan", 6), ("plan", 5)]


def test_an_undo_without_a_revision_before_says_so(cli: Cli, rollout: FakeRollout) -> None:
    rollout.history = (revision(1, Outcome.RECORDED),)
    assert cli("undo", "--yes").status == 1
    assert "nothing was applied yet" in cli.err
    with pytest.raises(NotFound, match="no revision before 1, the one"):
        one_before([revision(2, Outcome.UNDONE), revision(1, Outcome.WRITTEN)])


def test_an_undo_shows_what_the_store_takes_back(
    cli: Cli, rollout: FakeRollout, path: Path
) -> None:
    fill(path)
    first = revision(1, started_at=changes(path)[0].at)

    async def edit(store: Store) -> None:
        now = await store.models.get("m-gpt")
        await store.edit.save(now, replace(now, context_window=1), actor="ops")
        await store.edit.add(replace(GPT, id="m-x", model_name="extra"), actor="ops")

    in_store(path, edit)
    later = changes(path)[0].at
    # Revision 3 is an undo: what it stands for is what revision 1 had.
    undo = revision(3, kind=RevisionKind.UNDO, to_revision=1, started_at=later)
    rollout.history = (undo, revision(2, started_at=later), first)
    for number in ("1", "3"):
        rollout.ends = [report()]
        assert cli("undo", number, "--yes").status == 0
        assert (
            "The store goes back as well:\n"
            "  ~ model gpt-4.1\n      context_window: 1 -> 128000\n  - model extra\n"
        ) in cli.out
    rollout.ends = [report()]
    answer = cli.json("undo", "1", "--yes")
    assert answer["storeChanges"][-1] == "- model extra"
    rollout.plans = [plan()]
    assert cli("undo", "1", "--yes").status == 1
    assert "only the store differs from that revision" in cli.err
    assert cli("undo", "2", "--yes").status == 0
    assert cli.out == "Back to revision 2:\nIn step: the proxy serves what revision 2 says.\n"


# Steps


def test_a_step_that_nobody_reads_does_not_stop_the_apply(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tui import output

    def gone(text: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(output, "say", gone)
    view = StepView(as_json=False)
    for one in WENT_WELL:
        view(one)
    with pytest.raises(BrokenPipeError):
        view.check(report())
    assert capsys.readouterr().err == (
        "Revision 7 is served: the proxy was read back and serves it.\n"
    )


def test_a_failed_step_says_so_in_a_word() -> None:
    assert (
        step_line(step(StepName.SMOKE, StepState.FAILED)) == "✗ Test requests        10ms  failed"
    )
