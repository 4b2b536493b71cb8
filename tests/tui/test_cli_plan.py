"""`aitui plan`: what it shows, how it ends, and what it takes over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from store.plans import Change, ChangeKind, Subject
from tests.tui.cli_tools import Cli, clear_environment
from tests.tui.rollout_tools import (
    CHANGED,
    CREATED,
    DELETED,
    DRIFTED,
    FakeRollout,
    diff,
    plan,
    put_in_place,
    revision,
)
from tui.commands.plan import choose
from tui.commands.plan_lines import change_lines
from tui.plan_words import things, value_words


@pytest.fixture
def rollout(monkeypatch: pytest.MonkeyPatch) -> FakeRollout:
    fake = FakeRollout()
    put_in_place(monkeypatch, fake)
    return fake


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AITUI_STORE", str(tmp_path / "aitui.db"))
    return Cli(capsys)


def test_a_plan_is_a_line_a_thing_and_a_line_a_field(cli: Cli, rollout: FakeRollout) -> None:
    rollout.plans = [plan(CREATED, CHANGED, DELETED, DRIFTED, notes=("Keys cannot be compared.",))]
    assert cli("plan").status == 2
    assert cli.err == ""
    assert cli.out.splitlines() == [
        "+ model new-model",
        "    model                 openai/new-model",
        "    input_cost_per_token  0.000002  ($2 per 1M tokens)",
        "~ model gpt-4.1",
        "    timeout  30 → 60",
        "- model old-model",
        "    model  openai/old",
        "~ router settings  (drift, only in the proxy)",
        "    num_retries  5 → 3",
        "",
        "note: Keys cannot be compared.",
        "reload: SIGHUP to gunicorn 4242: no outage",
        "Plan: 1 to create, 2 to change, 1 to delete. Drift: 1 of them.",
    ]


def test_nothing_to_do_is_said_and_is_status_0(cli: Cli, rollout: FakeRollout) -> None:
    assert cli("plan").status == 0
    assert cli.out == "In step: the proxy serves what the store says.\n"
    assert cli("plan", "--to", "5").status == 0
    assert cli.out.splitlines()[-1] == "In step: the proxy serves what revision 5 says."
    assert rollout.asked_for("plan") == [("plan", None), ("plan", 5)]


def test_a_proxy_that_cannot_be_read_is_said_and_nothing_is_claimed(
    cli: Cli, rollout: FakeRollout
) -> None:
    rollout.plans = [plan(CHANGED, live_error="nobody answers at http://127.0.0.1:9")]
    assert cli("plan").status == 2
    assert cli.out.startswith(
        "The proxy could not be read: nobody answers at http://127.0.0.1:9.\n"
        "So this plan compares with the file alone.\n~ model gpt-4.1\n"
    )
    rollout.plans = [plan(live_error="nobody answers.")]
    assert cli("plan").status == 0
    assert "In step" not in cli.out
    assert cli.out.endswith("What the proxy serves is not known.\n")
    assert cli.json("plan")["inStep"] is False


@pytest.mark.parametrize(
    "what",
    [
        plan(live_error="nobody answers.", file=None),
        plan(blockers=("routes: a and b contradict each other.",), yaml=""),
    ],
)
def test_a_plan_that_could_compare_nothing_is_an_error(
    cli: Cli, rollout: FakeRollout, what: object
) -> None:
    rollout.plans = [what]  # type: ignore[list-item]
    assert cli("plan").status == 1
    assert "What differs cannot be told" in cli.out
    assert "In step" not in cli.out
    assert cli("apply", "--yes").status == 1
    assert rollout.asked_for("apply") == []


def test_blockers_and_a_cut_off_apply_are_told(cli: Cli, rollout: FakeRollout) -> None:
    rollout.plans = [plan(CHANGED, blockers=("gateway.config_file is not set.",))]
    rollout.cut_off = revision(6)
    assert cli("plan").status == 2
    assert cli.out.endswith("It cannot be applied: gateway.config_file is not set.\n")
    assert "Revision 6 by ops@desk was cut off" in cli.err
    assert cli.json("plan")["unfinished"] == 6


def test_the_json_has_everything(cli: Cli, rollout: FakeRollout) -> None:
    endless = diff("timeout", float("inf"), ("a", "b"), in_live=None)
    rollout.plans = [plan(DRIFTED, replace(CHANGED, fields=(endless,)), notes=("n",))]
    answer = cli.json("plan", "--to", "3")
    assert cli.status == 2
    assert answer["summary"] == {"create": 0, "change": 2, "delete": 0, "drift": 1}
    drifted, changed = answer["changes"]
    assert drifted == {
        "id": "router settings ",
        "kind": "change",
        "subject": "router settings",
        "key": "",
        "name": "router settings",
        "drift": True,
        "inFile": False,
        "inLive": True,
        "fields": [
            {
                "name": "num_retries",
                "old": 5,
                "new": 3,
                "inFile": False,
                "inLive": True,
                "drift": True,
            }
        ],
    }
    assert changed["fields"][0] | {"drift": None} == {
        "name": "timeout",
        "old": "inf",
        "new": ["a", "b"],
        "inFile": True,
        "inLive": None,
        "drift": None,
    }
    assert answer["madeAt"] == "2026-11-22T12:00:00.000Z"
    assert (answer["toRevision"], answer["notes"], answer["blockers"]) == (3, ["n"], [])
    assert answer["reload"] == "SIGHUP to gunicorn 4242: no outage"


def test_the_help_says_what_the_statuses_mean(cli: Cli) -> None:
    assert cli("plan", "--help").status == 0
    assert "exit status: 0 done, 1 an error, 2 something differs" in cli.out


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        (diff("x", None, True), "x  (not set) → true"),
        (diff("x", "", "a\nb"), 'x  "" → a b'),
        (diff("x", 1e-05, 2e22), "x  0.00001 → 20000000000000000000000"),
        (diff("x", 60, 60, in_live=False), "x  60"),
        (diff("x", ("a",), ("a", "b")), "x  [a] → [a, b]"),
        (diff("x", tuple("abcdefgh"), tuple("abcdefgi")), "x  8 → 8 items: without h; with i"),
        (diff("x", tuple("abcdefgh"), tuple("hgfedcba")), "x  8 → 8 items: in another order"),
        (
            diff("x", "s" * 90 + "OLD" + "t" * 90, "s" * 90 + "NEW" + "t" * 90),
            f"x  …{'s' * 20}OLD{'t' * 75}… → …{'s' * 20}NEW{'t' * 75}…",
        ),
        (
            diff("input_cost_per_token", 0.00001, 0.00002),
            "input_cost_per_token  0.00001 → 0.00002  ($0.01 → $0.02 per 1K tokens)",
        ),
        (
            diff("litellm_params.output_cost_per_token", None, "0.0000025"),
            "litellm_params.output_cost_per_token  (not set) → 0.0000025"
            "  (unpriced → $2.5 per 1M tokens)",
        ),
        (
            diff("cache_read_input_token_cost", 0, 1e-7),
            "cache_read_input_token_cost  0 → 0.0000001  ($0 → $0.1 per 1M tokens)",
        ),
        (diff("input_cost_per_token", "free", None), "input_cost_per_token  free → (not set)"),
    ],
)
def test_a_field_is_shown_so_that_it_can_be_read(field: object, shown: str) -> None:
    change = replace(CHANGED, fields=(field,))  # type: ignore[arg-type]
    assert change_lines([change], sides=False)[1] == f"    {shown}"


def test_a_long_list_is_cut() -> None:
    assert value_words(tuple("abcdefghij"), limit=9) == "[a, b, c, d, e, f, … and 4 more]"


def test_marks_stand_by_the_field_where_fields_differ_in_them() -> None:
    mixed = replace(
        CHANGED,
        fields=(
            diff("rpm", 1, 2, drift=True),
            diff("tpm", 1, 2, in_live=False),
            diff("timeout", 1, 2, in_live=None),
        ),
    )
    assert change_lines([mixed], sides=True) == [
        "~ model gpt-4.1",
        "    rpm      1 → 2  (drift)",
        "    tpm      1 → 2  (only in the file)",
        "    timeout  1 → 2",
    ]


def test_things_of_one_name_are_told_apart() -> None:
    twin = replace(CHANGED, key="m-twin")
    lines = change_lines([CHANGED, twin, DELETED], sides=False)
    assert [line for line in lines if not line.startswith(" ")] == [
        "~ model gpt-4.1 (m-gpt)",
        "~ model gpt-4.1 (m-twin)",
        "- model old-model",
    ]


def test_deletions_are_counted_in_words() -> None:
    chain = Change(ChangeKind.DELETE, Subject.FALLBACKS, "fast", "fast")
    alias = Change(ChangeKind.DELETE, Subject.ALIAS, "a", "a")
    assert things([DELETED, DELETED]) == "2 models"
    assert things([alias, DELETED, chain, alias]) == "1 model, 1 fallback chain and 2 aliases"


# Adopting

CHAIN = Change(ChangeKind.CREATE, Subject.FALLBACKS, "gpt-4.1", "gpt-4.1", (diff("f", None, "x"),))


@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (["m-gpt"], ["model m-gpt"]),
        (["model gpt-4.1"], ["model m-gpt"]),
        (["fallbacks gpt-4.1"], ["fallbacks gpt-4.1"]),
        (["router", "old-model"], ["model m-old", "router settings "]),
        (["all"], ["model m-gpt", "fallbacks gpt-4.1", "model m-old", "router settings "]),
        ([], ["router settings "]),
    ],
)
def test_changes_are_chosen_by_what_they_are_called(words: list[str], taken: list[str]) -> None:
    changes = (CHANGED, CHAIN, DELETED, DRIFTED)
    assert [change.id for change in choose(changes, words)] == taken


def test_a_name_that_fits_several_changes_names_them(cli: Cli, rollout: FakeRollout) -> None:
    rollout.plans = [plan(CHANGED, CHAIN)]
    assert cli("plan", "--adopt", "gpt-4.1", "--yes").status == 1
    assert "'gpt-4.1' could be any of 'model m-gpt' (model gpt-4.1), 'fallbacks gpt-4.1'" in cli.err
    assert cli("plan", "--adopt", "nobody", "--yes").status == 1
    assert "nothing called 'nobody' differs. What does: 'model gpt-4.1', 'fall" in cli.err
    assert rollout.asked_for("adopt") == []


def test_a_group_finds_its_only_deployment() -> None:
    change = replace(CHANGED, name="gpt-4.1 (openai/gpt-4.1)")
    assert choose([change, DELETED], ["gpt-4.1"]) == [change]


def test_adopting_shows_the_stores_side_and_asks(cli: Cli, rollout: FakeRollout) -> None:
    rollout.plans = [plan(CHANGED, DELETED)]
    assert cli("plan", "--adopt", "all").status == 2
    assert cli.out == ""
    assert "  ~ model gpt-4.1\n      timeout  60 → 30\n  + model old-model\n" in cli.err
    assert "Take 2 differences into the store?" in cli.err
    assert rollout.asked_for("adopt") == []
    assert cli("plan", "--adopt", "all", "--yes").status == 0
    assert cli.out == "model m-gpt is as the proxy has it\nmodel m-old is as the proxy has it\n"
    answer = cli.json("plan", "--yes", "--adopt", "m-gpt")
    assert (answer["changed"], answer["adopted"]) == (True, ["model m-gpt"])
    assert rollout.asked_for("adopt") == [
        ("adopt", ("model m-gpt", "model m-old")),
        ("adopt", ("model m-gpt",)),
    ]


def test_adopting_without_a_name_takes_drift_alone(cli: Cli, rollout: FakeRollout) -> None:
    rollout.plans = [plan(CHANGED)]
    assert cli("plan", "--adopt", "--yes").status == 0
    assert "Nothing drifted: what differs was edited here." in cli.err
    assert "'model gpt-4.1', or `all`" in cli.err
    assert rollout.asked_for("adopt") == []
    rollout.plans = [plan(CHANGED, DRIFTED)]
    assert cli("plan", "--adopt", "--yes").status == 0
    assert rollout.asked_for("adopt") == [("adopt", ("router settings ",))]
    assert cli("plan", "--adopt", "--to", "5").status == 2


def test_read_only_refuses_adopting_and_nothing_else(cli: Cli, rollout: FakeRollout) -> None:
    cli("models", "list")  # makes the store
    assert cli("plan", "--read-only").status == 0
    rollout.calls.clear()
    assert cli("plan", "--adopt", "all", "--yes", "--read-only").status == 1
    assert cli.err.startswith("aitui: read-only: nothing is changed.")
    assert rollout.calls == []


def test_hostile_names_stay_text(cli: Cli, rollout: FakeRollout) -> None:
    hostile = "x\x1b]52;c;aGk=\x07\n+ model forged"
    change = replace(CHANGED, name=hostile, fields=(diff(hostile, hostile, (hostile,)),))
    rollout.plans = [plan(change, notes=(hostile,), reload=hostile)]
    cli("plan")
    assert "\x1b" not in cli.out
    assert "\n+ model forged" not in cli.out
