"""`aitui apply` as a real command that is ended by a signal, or runs into a limit of the system."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.faults.apply_world import Proxy, proxy_of
from tests.lying_litellm import KEY
from tests.store.rollout_world import CONFIG
from tests.tui.cli_tools import DEADLINE_S, run, start

OUT_S = 2.0
"""How long an apply that is ended takes to put the old file back and go."""
SLACK_S = 4.0
"""For a machine that does much else."""


class Operator:
    """Runs commands against one store, one proxy and its file."""

    def __init__(self, home: Path, proxy: Proxy, config: Path, reload: str) -> None:
        self.home = home
        self.config = config
        self.variables = {
            "AITUI_STORE": str(home / "aitui.db"),
            "AITUI_GATEWAY_URL": proxy.url,
            "AITUI_CONFIG_FILE": str(config),
            "AITUI_RELOAD": "command",
            "AITUI_RELOAD_SHELL": "yes",
            "AITUI_RELOAD_COMMAND": reload,
            "AITUI_VERIFY_TIMEOUT": "30s",
            "LITELLM_MASTER_KEY": KEY,
        }

    def __call__(self, *args: str, status: int = 0) -> str:
        done = run(self.home, *args, **self.variables)
        assert done.returncode == status, (args, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def start(self, *args: str) -> subprocess.Popen[str]:
        return start(self.home, *args, **self.variables)


@contextmanager
def operator(
    tmp_path: Path, *options: str, text: str = CONFIG, reload: str = "kill -HUP {pid}"
) -> Iterator[Operator]:
    """One with a change to apply."""
    folder = tmp_path / "proxy"
    folder.mkdir()
    config = folder / "litellm.yaml"
    config.write_text(text)
    with proxy_of(config, *options) as proxy:
        aitui = Operator(tmp_path, proxy, config, reload.format(pid=proxy.pid, home=tmp_path))
        aitui("import", str(config))
        aitui("models", "set", "alpha", "--timeout", "45s")
        yield aitui


def ended(
    aitui: Operator, number: signal.Signals, when: Callable[[], bool]
) -> tuple[float, str, str]:
    """Apply, send the signal when it is time, and measure until the command is gone."""
    process = aitui.start("apply", "--yes")
    try:
        deadline = time.monotonic() + DEADLINE_S
        while not when():
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(0.2)
        sent = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=DEADLINE_S)
        took = time.monotonic() - sent
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 128 + number, (out, err)
    return took, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["TERM", "HUP"])
def test_ended_while_it_reads_back_the_old_file_is_there_and_loaded(
    tmp_path: Path, number: signal.Signals
) -> None:
    with operator(tmp_path, "--lie", "slow-reload", "--seconds", "2") as aitui:
        took, _, err = ended(aitui, number, lambda: aitui.config.read_text() != CONFIG)
        assert took < OUT_S + SLACK_S
        assert aitui.config.read_text() == CONFIG
        assert "the next `aitui apply` looks after that first" in err
        told = aitui("doctor", status=1)
        assert re.search(r"fail  apply: an apply of revision 2 by \S+ was cut off", told)
        assert "mend: `aitui apply` finishes or undoes it." in told
        told = aitui("apply", "--yes")
        assert "Revision 2 by" in told
        assert "Revision 2 is undone." in told
        assert "Revision 3 is served" in told
        assert aitui.config.read_text() == CONFIG.replace("timeout: 30", "timeout: 45")
        assert "apply:" not in aitui("doctor")
        assert not [each for each in aitui.config.parent.iterdir() if each.name[0] == "."]


def test_ended_while_a_command_hangs_that_minds_no_signal(tmp_path: Path) -> None:
    script = (
        "test -e {home}/tried && exec kill -HUP {pid};"
        " trap '' TERM; echo $$ > {home}/tried; while :; do sleep 1; done"
    )
    with operator(tmp_path, reload=script) as aitui:
        tried = tmp_path / "tried"
        took, *_ = ended(
            aitui, signal.SIGTERM, lambda: tried.exists() and tried.read_text().strip() != ""
        )
        assert took < OUT_S + SLACK_S
        assert aitui.config.read_text() == CONFIG
        with pytest.raises(ProcessLookupError):
            os.kill(int(tried.read_text()), 0)
        assert "Revision 3 is served" in aitui("apply", "--yes")


def test_a_second_hand_on_the_file_is_left_where_a_signal_ends_it(tmp_path: Path) -> None:
    with operator(tmp_path, "--lie", "slow-reload", "--seconds", "2") as aitui:
        by_hand = CONFIG.replace("weight: 2", "weight: 9")

        def edited() -> bool:
            if aitui.config.read_text() == CONFIG:
                return False
            aitui.config.write_text(by_hand)
            return True

        ended(aitui, signal.SIGTERM, edited)
        assert aitui.config.read_text() == by_hand
        told = aitui("apply", "--yes", status=1)
        assert "changed since by somebody else: it is as it is" in told
        assert aitui.config.read_text() == by_hand
        assert "is served" in aitui("apply", "--yes")


def test_a_limit_on_the_size_of_files_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    """As a full disk: the backup does not fit, and so the apply ends there."""
    padding = "".join(
        f"# line {number} of what people write down here\n" for number in range(20_000)
    )
    text = CONFIG + padding
    with operator(tmp_path, text=text) as aitui:
        limit = len(text) * 2 // 3
        code = (
            f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
            "from tui.cli import main; raise SystemExit(main())"
        )
        assert (tmp_path / "aitui.db").stat().st_size > 0
        done = run(aitui.home, "apply", "--yes", code=code, **aitui.variables)
        assert done.returncode == 1, (done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        assert aitui.config.read_text() == text
        assert "is served" in aitui("apply", "--yes")
        assert len(aitui.config.read_text()) == len(text)


def test_steps_into_a_closed_pipe_are_carried_out_all_the_same(tmp_path: Path) -> None:
    with operator(tmp_path) as aitui:
        process = aitui.start("apply", "--yes")
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            while "check" not in (line := process.stdout.readline()).lower():
                assert line, process.stderr.read()
            process.stdout.close()
            err = process.stderr.read()
            process.wait(DEADLINE_S)
        finally:
            process.kill()
            process.wait()
            process.stderr.close()
        assert "Traceback" not in err
        assert "Revision 2 is served" in err
        assert aitui.config.read_text() == CONFIG.replace("timeout: 30", "timeout: 45")
        aitui("plan")
