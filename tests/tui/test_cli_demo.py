"""The commands against the demo's proxy, in processes of their own: real HTTP, real signals."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.tui.cli_tools import DEADLINE_S, MAIN, environment, run, start

TEST_ALL = ("--demo", "models", "test", "--all")


def leftovers(home: Path) -> list[str]:
    return [path.name for path in home.iterdir()]


def test_one_model_answers(tmp_path: Path) -> None:
    done = run(tmp_path, "--demo", "models", "test", "vas/gpt-4.1", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["success"] is True
    assert answer["response"]
    assert answer["servedBy"] == answer["model"]["id"]
    assert answer["latencyMs"] >= answer["ttftMs"] >= 0
    assert leftovers(tmp_path) == []


def test_a_model_without_a_key_is_told_apart(tmp_path: Path) -> None:
    done = run(tmp_path, "models", "test", "claude-3.5-sonnet", "--demo")
    assert done.returncode == 1
    assert "wrong provider key" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


def test_all_models_are_tested_and_failures_decide_the_status(tmp_path: Path) -> None:
    done = run(tmp_path, *TEST_ALL, "--json")
    assert done.returncode == 1, done.stderr
    answer = json.loads(done.stdout)
    summary = answer["summary"]
    assert summary["tested"] == summary["total"] == len(answer["results"])
    assert summary["passed"] + summary["failed"] == summary["total"]
    assert min(summary["passed"], summary["failed"]) > 0
    assert summary["stopped"] is False
    progress = done.stderr.splitlines()
    assert len(progress) == summary["total"]
    assert progress[-1].startswith(f"{summary['total']}/{summary['total']} ")


def test_the_demo_begins_in_step_with_its_proxy(tmp_path: Path) -> None:
    done = run(tmp_path, "--demo", "plan")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].startswith("In step: ")
    assert leftovers(tmp_path) == []


def test_doctor_finds_the_demo_well_but_for_the_missing_key(tmp_path: Path) -> None:
    done = run(tmp_path, "--demo", "doctor", "--json", LITELLM_MASTER_KEY="sk-THISISAKEY1234")
    assert done.returncode == 0, done.stdout
    answer = json.loads(done.stdout)
    assert answer["ok"] is True
    warned = [found["subject"] for found in answer["findings"] if found["level"] == "warn"]
    assert warned == ["provider anthropic-direct"]
    assert "THISISAKEY" not in done.stdout


def test_doctor_reports_a_broken_setting_and_a_dead_proxy(tmp_path: Path) -> None:
    done = run(tmp_path, "doctor", AITUI_GLYPHS="triangles")
    assert done.returncode == 1
    assert "fail  settings: AITUI_GLYPHS: must be" in done.stdout
    done = run(tmp_path, "doctor", "--gateway-url", "http://127.0.0.1:1", "--json")
    assert done.returncode == 1
    failed = [f for f in json.loads(done.stdout)["findings"] if f["level"] == "fail"]
    assert [found["subject"] for found in failed] == ["gateway"]
    assert leftovers(tmp_path) == [], "looking must not make a store"


def test_doctor_goes_on_without_a_missing_env_file_and_with_a_broken_store(
    tmp_path: Path,
) -> None:
    broken = tmp_path / "broken.db"
    broken.touch()
    done = run(
        tmp_path,
        *("doctor", "--store", str(broken), "--env-file", str(tmp_path / "no.env")),
        *("--gateway-url", "http://127.0.0.1:1"),
    )
    assert done.returncode == 1
    assert "fail  settings: env_file: there is no file" in done.stdout
    assert "fail  store: store: " in done.stdout
    assert "fail  gateway: " in done.stdout
    assert "3 failed" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}], ids=["colour", "no colour"])
def test_a_terminal_gets_a_bar_without_escapes(tmp_path: Path, variables: dict[str, str]) -> None:
    shown, seen = pty.openpty()
    parts: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):  # Linux: the other end is closed
            while part := os.read(shown, 65536):
                parts.append(part)

    reader = threading.Thread(target=read)  # or a full terminal would hold the process up
    reader.start()
    try:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, *TEST_ALL],
            env=environment(tmp_path, TERM="xterm-256color", **variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=seen,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
    finally:
        os.close(seen)
        reader.join(DEADLINE_S)
        os.close(shown)
    bar = b"".join(parts)
    assert "\x1b" not in done.stdout
    assert b"\x1b" not in bar
    *_, summary = done.stdout.splitlines()
    total = int(summary.split()[0])
    assert f"[{'.' * 24}] 0/{total}".encode() in bar
    assert f"[{'#' * 24}] {total}/{total}".encode() in bar
    assert bar.endswith(b" \r"), "the bar is taken away at the end"
    assert max(map(len, bar.split(b"\r"))) < 80


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_a_signal_stops_the_tests_and_shows_what_was_done(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    process = start(tmp_path, *TEST_ALL)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
    assert first.startswith(("ok ", "failed "))
    assert process.returncode == status
    assert "Stopped: " in out.splitlines()[-1]
    assert "Traceback" not in err
    assert leftovers(tmp_path) == [], "the demo's folder is gone"


def test_ctrl_c_elsewhere_is_quiet(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from tui.commands import usage\n"
        "async def slow(context, args):\n"
        "    import asyncio\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "    await asyncio.sleep(60)\n"
        "    return 0\n"
        "usage.run_usage = slow\n"
        "from tui.cli import main; raise SystemExit(main())"
    )
    done = run(tmp_path, "usage", code=code)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
