"""`aitui apply` on a terminal: questions, a step that is redrawn, and being stopped."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.pty_app import PtyApp, python
from tests.tui.cli_tools import MAIN, environment

SCRIPT = """
from tests.tui import rollout_tools as tools
from dataclasses import replace
from store.plans import Outcome, PlanChanged
import store.store

fake = tools.FakeRollout()
store.store.Rollout = lambda *args, **more: fake
{setup}
"""
DELETES = (
    "fake.plans = [tools.plan(tools.CHANGED, tools.DELETED,"
    " replace(tools.DELETED, key='m-2'))]; fake.ends = [tools.report()]"
)
HANGS = (
    "fake.plans = [tools.plan(tools.CHANGED)]; fake.hang = True;"
    "fake.ends = [tools.report(Outcome.UNDONE, steps=tools.WENT_BACK)]"
)


def on_terminal(tmp_path: Path, setup: str, *args: str) -> PtyApp:
    code = SCRIPT.format(setup=setup) + MAIN
    return PtyApp(
        python("-c", code, *args), size=(100, 40), env=environment(tmp_path, LANG="C.UTF-8")
    )


@pytest.mark.parametrize(("typed", "status"), [("y\r", 0), ("\r", 1), ("no\r", 1)])
def test_a_plan_without_deletions_is_asked_about(tmp_path: Path, typed: str, status: int) -> None:
    setup = "fake.plans = [tools.plan(tools.CHANGED)]; fake.ends = [tools.report()]"
    with on_terminal(tmp_path, setup, "apply") as app:
        app.wait_for("Apply this change? [y/N]")
        app.send(typed)
        assert app.wait() == status
        assert ("Revision 7 is served" in app.text) is (status == 0)
        assert ("Nothing was changed." in app.text) is (status == 1)


@pytest.mark.parametrize(
    ("flags", "typed", "status"),
    [((), "2\r", 0), ((), "y\r", 1), ((), "3\r", 1), (("--yes",), "2\r", 0)],
)
def test_deletions_need_their_number_typed(
    tmp_path: Path, flags: tuple[str, ...], typed: str, status: int
) -> None:
    with on_terminal(tmp_path, DELETES, "apply", *flags) as app:
        app.wait_for("Type 2 to delete 2 models and apply:")
        app.send(typed)
        assert app.wait() == status
        assert ("Revision 7 is served" in app.text) is (status == 0)


def test_a_changed_plan_is_asked_about_again(tmp_path: Path) -> None:
    setup = (
        "fake.plans = [tools.plan(tools.CHANGED)]; fake.ends = [PlanChanged('it changed.',"
        " tools.plan(tools.CHANGED, tools.DELETED)), tools.report()]"
    )
    with on_terminal(tmp_path, setup, "apply") as app:
        app.wait_for("Apply this change? [y/N]")
        app.send("y\r")
        app.wait_for("Type 1 to delete 1 model and apply:")
        app.send("1\r")
        assert app.wait() == 0


def test_a_running_step_is_redrawn_in_place(tmp_path: Path) -> None:
    setup = "fake.plans = [tools.plan(tools.CHANGED)]; fake.ends = [tools.report()]"
    with on_terminal(tmp_path, setup, "apply", "--yes") as app:
        assert app.wait() == 0
        assert "▸ Read back                  under way".encode() in app.raw
        assert "under way" not in app.text
        assert b"\x1b" not in app.raw
        assert re.search(
            r"✓ Reload the proxy +1\.2s\n✓ Read back +4\.2s  4 workers agree\n", app.text
        )


def test_ctrl_c_undoes_it_with_its_proof(tmp_path: Path) -> None:
    with on_terminal(tmp_path, HANGS, "apply", "--yes") as app:
        app.wait_for("✓ Read back again")
        app.press("ctrl+c")
        assert app.wait() == 130
        assert "Stopping, and undoing what was begun." in app.text
        assert "The old configuration is back: the proxy was read back" in app.text


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    setup = HANGS.replace("WENT_BACK", "WENT_WELL") + "; fake.stop = lambda: None"
    with on_terminal(tmp_path, setup, "apply", "--yes") as app:
        app.wait_for("✓ Read back")
        app.press("ctrl+c")
        app.wait_for("Ctrl+C again leaves without proof.")
        app.press("ctrl+c")
        assert app.wait() == 130
        assert "Stopped. The old configuration was put back without waiting" in app.text


@pytest.mark.parametrize(
    ("steps", "told"),
    [("WENT_WELL[:1]", "Stopped. Nothing was written"), ("WENT_BACK", "Stopped. The old config")],
)
def test_sigterm_says_how_far_it_got(tmp_path: Path, steps: str, told: str) -> None:
    with on_terminal(tmp_path, HANGS.replace("WENT_BACK", steps), "apply", "--yes") as app:
        app.wait_for("✓ Read back again" if steps == "WENT_BACK" else "✓ Check")
        app.signal(signal.SIGTERM)
        assert app.wait() == 143
        assert told in app.text
