"""An apply in a real terminal that goes away: the old file is back before the app has left."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from tests.pty_app import PtyApp
from tests.tui.cli_tools import run
from tests.tui.test_pty_app import PROMISE_S, assert_left, dashboard, make_store

NOBODY = "http://127.0.0.1:9"


class Operator:
    """A store, its file, and a proxy that is down, so that reading back has no end."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.store = make_store(home)
        self.file = home / "config.yaml"
        self.before = self.file.read_bytes()
        self.reloads = home / "reloads"
        self.variables = {
            "AITUI_STORE": str(self.store),
            "AITUI_GATEWAY_URL": NOBODY,
            "AITUI_CONFIG_FILE": str(self.file),
            "AITUI_RELOAD": "command",
            "AITUI_RELOAD_COMMAND": f"echo again >> {self.reloads}",
            "AITUI_RELOAD_SHELL": "true",
            "AITUI_VERIFY_TIMEOUT": "60s",
        }

    def command(self, *args: str, status: int = 0) -> str:
        done = run(self.home, *args, **self.variables)
        assert done.returncode == status, (args, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def reads_back(self) -> PtyApp:
        """The app, with an apply that has written and reloaded and waits for the proxy."""
        self.command("models", "set", "openai/gpt-4o", "--timeout", "77s")
        app = dashboard(self.home, size=(100, 30), **self.variables)
        try:
            app.wait_for("AI Models")
            app.press("a")
            app.wait_for("Apply to the proxy?")
            app.press("y")
            app.wait_for("▸ Read back")
            assert self.file.read_bytes() != self.before
        except BaseException:
            app.__exit__(None, None, None)
            raise
        return app


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_signal_puts_the_old_file_back_and_the_next_apply_knows(
    operator: Operator, number: signal.Signals
) -> None:
    with operator.reads_back() as app:
        app.signal(number)
        app.wait(PROMISE_S)
        assert_left(app, operator.home)
    assert operator.file.read_bytes() == operator.before
    assert operator.reloads.read_text().splitlines() == ["again", "again"]
    plan = operator.command("plan", "--json", status=2)
    assert json.loads(plan[plan.index("{") : plan.rindex("}") + 1])["unfinished"] == 2
    assert "cut off" in operator.command("revisions", "2")


def test_a_terminal_that_is_closed_is_no_other_end(operator: Operator) -> None:
    with operator.reads_back() as app:
        app.hang_up()
        app.wait(PROMISE_S)
    assert operator.file.read_bytes() == operator.before
    assert "Revision 2 by" in operator.command("plan", status=2)
