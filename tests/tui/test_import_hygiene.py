"""What a start must not import, since each costs a tenth of a second, or breaks a rule."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from store.environment import Environment
from store.store import open_store
from tests.pty_app import environment
from tests.tui.conftest import fixed_clock, settings_for

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60

DASHBOARD = """
import asyncio
import sys
from pathlib import Path

from store.environment import Environment
from store.settings import Settings
from tui.app import AituiApp


async def main() -> None:
    settings = Settings(store_path=Path(sys.argv[1]), gateway_url="http://127.0.0.1:9")
    app = AituiApp(settings, Environment({}), poll=False)

    async def leave_when_painted() -> None:
        await app.opened.wait()
        await app.workers.wait_for_complete()
        app.call_after_refresh(app.exit)

    waiting = []
    app.call_later(lambda: waiting.append(asyncio.create_task(leave_when_painted())))
    await asyncio.wait_for(app.run_async(headless=True, size=(80, 24)), 30)
    await waiting[0]
    assert app.failure is None


asyncio.run(main())
"""
VERSION = """
from tui.cli import main

assert main(["--version"]) == 0
"""
SHOW = (
    "\nimport sys\nprint('imported:', *sorted(name for name in sys.modules if '.' not in name))\n"
)


def imported(program: str, *arguments: str) -> set[str]:
    """The top-level modules that a program of its own process has imported at its end."""
    run = subprocess.run(
        [sys.executable, "-c", program + SHOW, *arguments],
        env=environment({}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.rpartition("imported:")[2].split())


def test_the_version_needs_next_to_nothing() -> None:
    modules = imported(VERSION)
    assert "tui" in modules
    heavy = {"textual", "rich", "httpx", "yaml", "aiosqlite", "sqlite3", "asyncio", "plotext"}
    assert modules & heavy == set()


def test_the_first_screen_needs_no_http_no_yaml_and_no_chart(tmp_path: Path) -> None:
    path = tmp_path / "aitui.db"

    async def make_store() -> None:
        async with open_store(settings_for(path), Environment({}), clock=fixed_clock):
            pass

    asyncio.run(make_store())
    modules = imported(DASHBOARD, str(path))
    assert {"textual", "aiosqlite"} <= modules
    late = {"httpx", "yaml", "plotext", "textual_plotext", "fastapi", "pydantic", "anyio"}
    assert modules & late == set()


def test_the_store_needs_no_terminal() -> None:
    modules = imported("import pkgutil, importlib, store\n" + ALL_OF_STORE)
    assert {"store", "httpx", "yaml"} <= modules
    assert modules & {"textual", "textual_plotext", "plotext", "tui"} == set()


ALL_OF_STORE = """
for module in pkgutil.walk_packages(store.__path__, "store."):
    importlib.import_module(module.name)
"""


def test_the_contracts_on_imports_hold() -> None:
    pytest.importorskip("importlinter")
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    run = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        env=environment({}),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "0 broken" in run.stdout
