"""The dashboard as it is started in a terminal: walked through, resized, and ended in every way."""

from __future__ import annotations

import re
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.pty_app import PtyApp, is_running, python
from tests.tui.cli_tools import environment, run
from tests.tui.test_pty_terminal import SLACK_S, assert_restored, wait_until_gone

MAIN = "import sys; from tui.cli import main; sys.exit(main(sys.argv[1:]))"
PROMISE_S = 2 + SLACK_S
ALTERNATE_SCREEN = b"\x1b[?1049h"

CRASHING = """
import sys
from tui import app
from tui.cli import main

def fail(self):
    api_key = "sk-" + "live0123456789abcdef"
    not_to_be_told = "local" + "-value"
    raise ValueError("cannot draw")

app.AituiApp.action_help = fail
sys.exit(main(["--demo"]))
"""


def dashboard(
    home: Path, *args: str, code: str = MAIN, size: tuple[int, int] = (80, 24), **more: str
) -> PtyApp:
    """`aitui`, whose folders are all below `home`."""
    return PtyApp(python("-c", code, *args), size=size, env=environment(home, **more))


def demo(home: Path, **more: str) -> PtyApp:
    return dashboard(home, "--demo", **more)


def demo_folders(home: Path) -> list[Path]:
    return list(home.glob("aitui-demo-*"))


def assert_left(app: PtyApp, home: Path) -> None:
    assert not is_running(app.process.pid)
    assert demo_folders(home) == []
    assert not list(home.rglob("crash-*.log"))


def make_store(folder: Path) -> Path:
    """A store with one provider and two models, imported from a file."""
    config = folder / "config.yaml"
    config.write_text(
        "model_list:\n"
        "  - model_name: gpt-4.1\n"
        "    litellm_params: {model: openai/gpt-4.1, api_key: os.environ/OPENAI_API_KEY}\n"
        "  - model_name: gpt-4o\n"
        "    litellm_params: {model: openai/gpt-4o, api_key: os.environ/OPENAI_API_KEY}\n"
    )
    path = folder / "shared.db"
    done = run(folder, "--store", str(path), "import", str(config))
    assert done.returncode == 0, done.stderr
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path)


def opened(home: Path, store: Path) -> PtyApp:
    return dashboard(home, "--store", str(store), "--gateway-url", "http://127.0.0.1:9")


# --- a walk ------------------------------------------------------------------------------------


def test_a_walk_through_everything(tmp_path: Path) -> None:
    with demo(tmp_path) as app:
        app.wait_for("● demo proxy 1.")
        app.wait_for("GPT-4.1 via VAS")
        for key, words in (
            ("2", "VAS_API_KEY"),
            ("3", "Default Route (Active)"),
            ("4", "Usage by Model"),
            ("[", "Routing Rules"),
            ("]", "Avg Latency"),
            ("1", "AI Models"),
        ):
            app.press(key)
            app.wait_for(words)
        app.press("t")
        app.wait_for("✓ answered")
        app.wait_for("First token")
        app.press("escape")
        app.wait_for(lambda app: "First token" not in app.text)
        app.press(" ")
        app.wait_for("gpt-4.1  disabled")
        app.press("/", *"gemini", "enter")
        app.wait_for(lambda app: "gemini-1.5-pro" in app.text and "gpt-4.1" not in app.text)
        app.press("escape")
        app.wait_for("gpt-4.1  disabled")
        app.press("2")
        app.wait_for("Last check: never")
        app.press("h")
        app.wait_for(lambda app: "Last check: never" not in app.text and "Last check" in app.text)
        app.press("?")
        app.wait_for("Check this provider's health")
        app.press("escape")
        app.wait_for(lambda app: "Check this provider's health" not in app.text)
        app.press("ctrl+p")
        app.wait_for("Search for commands")
        app.press(*"usage")
        app.wait_for("What was used and its cost")
        app.press("enter")
        app.wait_for("Usage by Model")
        app.press("q")
        assert app.wait() == 0
        assert_restored(app)
        assert_left(app, tmp_path)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [("/qwen", "No model matches."), ("2A", "VAS_API_KEY"), ("3 ", "Default Route")],
)
def test_keys_typed_ahead_act_where_the_first_has_led(
    tmp_path: Path, typed: str, shown: str
) -> None:
    with demo(tmp_path) as app:
        app.wait_for("GPT-4.1 via VAS")
        app.send(typed)
        app.wait_for(shown)
        app.read(0.3)
        assert "Test all enabled models" not in app.text
        assert app.process.poll() is None


def shows_a_card(app: PtyApp, columns: int) -> bool:
    """Whether a card's upper edge goes from the left to the right, but for the scroll bar."""
    edges = [line for line in app.lines if line.startswith("┏")]
    return any(columns - 2 <= line.rfind("┓") + 1 <= columns for line in edges)


def test_it_follows_the_size_of_its_terminal(tmp_path: Path) -> None:
    with demo(tmp_path) as app:
        app.wait_for("GPT-4.1 via VAS")
        for columns, rows in ((120, 40), (40, 12), (30, 8), (80, 24)):
            app.resize(columns, rows)
            app.wait_for(lambda app, cells=columns: shows_a_card(app, cells))  # type: ignore[misc]
            assert app.lines[0].startswith(" aitui  1 Models")
        app.wait_for("● demo proxy 1.")
        cards = [line for line in app.lines if line.startswith("┃")]
        assert len({line.rindex("┃") for line in cards}) == 1
        app.press("q")
        assert app.wait() == 0
        assert_restored(app)


# --- every way to end --------------------------------------------------------------------------


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("moment", ["first-bytes", "first-paint", "idle", "test", "modal", "check"])
def test_a_signal_ends_it_at_any_moment(tmp_path: Path, moment: str, signum: int) -> None:
    with demo(tmp_path) as app:
        app.wait_for(lambda app: ALTERNATE_SCREEN in app.raw)
        if moment != "first-bytes":
            app.wait_for("1 Models")
        if moment not in ("first-bytes", "first-paint"):
            app.wait_for("GPT-4.1 via VAS")
        if moment == "test":
            app.press("A")
            app.wait_for("Testing:")
        elif moment == "modal":
            app.press("?")
            app.wait_for("Send this model one real request")
        elif moment == "check":
            app.press("2")
            app.wait_for("VAS_API_KEY")
            app.press("A")
            app.wait_for("Checking …")
        app.signal(signum)
        assert app.wait(PROMISE_S) == 128 + signum
        assert_restored(app)
        assert_left(app, tmp_path)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_before_the_app_runs_ends_it(tmp_path: Path, signum: int) -> None:
    """While Python still imports: no orderly end is owed, but the terminal is untouched."""
    with demo(tmp_path) as app:
        app.signal(signum)
        app.wait(PROMISE_S)
        assert app.settings() == app.settings_before
        assert_left(app, tmp_path)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGHUP])
def test_a_save_under_way_is_finished_first(tmp_path: Path, store: Path, signum: int) -> None:
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        with opened(tmp_path, store) as app:
            app.wait_for("gpt-4.1")
            other.execute("BEGIN IMMEDIATE")  # keeps the save waiting
            app.press(" ")
            app.read(0.5)
            time.sleep(0.3)
            app.signal(signum)
            time.sleep(0.3)
            assert app.process.poll() is None
            other.execute("COMMIT")
            assert app.wait(PROMISE_S) == 128 + signum
            assert_restored(app)
        saved = other.execute("SELECT count(*) FROM ai_models WHERE is_enabled = 0").fetchone()
        told = other.execute("SELECT count(*) FROM audit_log WHERE action = 'disable'").fetchone()
        assert saved == told == (1,)


@pytest.mark.parametrize("under_way", ["nothing", "test"])
def test_a_lost_connection_ends_it(tmp_path: Path, under_way: str) -> None:
    with demo(tmp_path) as app:
        app.wait_for("GPT-4.1 via VAS")
        if under_way == "test":
            app.press("A")
            app.wait_for("Testing:")
        app.hang_up()
        wait_until_gone(app.process.pid, PROMISE_S + 1)
        app.process.wait(PROMISE_S)
        assert_left(app, tmp_path)


def test_ctrl_c_tells_how_to_leave_and_does_not_leave(tmp_path: Path) -> None:
    with demo(tmp_path) as app:
        app.wait_for("GPT-4.1 via VAS")
        app.press("ctrl+c")
        app.wait_for(lambda app: re.search(r"quit|leave", app.text.partition("Quit")[0], re.I))
        assert app.process.poll() is None
        app.press("q")
        assert app.wait() == 0
        assert_restored(app)


def test_a_crash_shows_no_local_variable(tmp_path: Path) -> None:
    with dashboard(tmp_path, code=CRASHING) as app:
        app.wait_for("GPT-4.1 via VAS")
        app.press("?")
        assert app.wait() == 1
        assert_restored(app)
        raw = bytes(app.raw)
        said = raw.rpartition(b"\x1b[?1049l")[2].decode()
    logs = list(tmp_path.rglob("crash-*.log"))
    assert len(logs) == 1
    assert "an error of its own: ValueError: cannot draw" in said
    assert "Traceback" not in said
    for secret in ("sk-live", "local-value"):
        assert secret.encode() not in raw
        assert secret not in logs[0].read_text()
    assert demo_folders(tmp_path) == []


@pytest.mark.parametrize("content", [b"", b"not a database, but long enough to be one" * 100])
def test_a_store_that_cannot_be_opened_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.db"
    path.write_bytes(content)
    with dashboard(tmp_path, "--store", str(path)) as app:
        assert app.wait() == 1
        assert app.settings() == app.settings_before
        said = bytes(app.raw).rpartition(b"\x1b[?1049l")[2].decode()
    said = re.sub(r"\x1b\[[0-9;?<]*[a-zA-Z]", "", said).strip()
    assert "broken.db" in said.replace("\r\n", "")
    assert "Traceback" not in said
    assert said.startswith("aitui: ")
    assert path.read_bytes() == content


# --- the rest ----------------------------------------------------------------------------------


def test_without_colour_no_colour_is_sent(tmp_path: Path) -> None:
    with dashboard(tmp_path, "--demo", NO_COLOR="1", COLORTERM="truecolor") as app:
        app.wait_for("GPT-4.1 via VAS")
        for key, words in (
            ("2", "VAS_API_KEY"),
            ("4", "Usage by Model"),
            ("?", "A longer period"),
            ("escape", "Usage by Model"),
            ("1", "AI Models"),
            ("f", "All Providers"),
        ):
            app.press(key)
            app.wait_for(words)
        app.press("escape")
        app.wait_for(lambda app: "Anthropic Claude" not in app.text)
        app.press("ctrl+p")
        app.wait_for("Search for commands")
        raw = bytes(app.raw)
        app.press("escape")
        app.signal(signal.SIGTERM)
        app.wait()
    parameters = {p for found in re.findall(rb"\x1b\[([0-9;]*)m", raw) for p in found.split(b";")}
    colours = {b"38", b"48", *(b"%d" % n for n in (*range(30, 38), *range(40, 48)))}
    bright = {b"%d" % n for n in (*range(90, 98), *range(100, 108))}
    assert parameters & (colours | bright) == set()
    assert parameters & {b"1", b"7"}, "bold and reverse are what is left to tell things apart"


def test_two_apps_on_one_store_see_each_other(tmp_path: Path, store: Path) -> None:
    with opened(tmp_path, store) as here, opened(tmp_path, store) as there:
        for app in (here, there):
            app.wait_for("gpt-4.1")
        here.press(" ")
        here.wait_for("disabled")
        there.wait_for("disabled", timeout=PROMISE_S)
        there.press(" ")
        here.wait_for(lambda app: "  disabled" not in app.text, timeout=PROMISE_S)
        for app in (here, there):
            app.press("q")
            assert app.wait() == 0
            assert_restored(app)
