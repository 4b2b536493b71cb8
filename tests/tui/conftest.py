"""Apps over the demo at a fixed moment, so that every picture is the same each time."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.worker import WorkerCancelled

from store.demo.start import demo_environment
from store.environment import Environment
from store.settings import Settings
from tui.app import AituiApp

NOW = datetime(2026, 3, 18, 6, 30, tzinfo=UTC)
"""15:30 of a Wednesday in Seoul."""
ZONE = "Asia/Seoul"


def fixed_clock() -> datetime:
    return NOW


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own colours and themes must not get into a picture."""
    for name in ("NO_COLOR", "TEXTUAL_THEME", "COLORTERM", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("textual.constants.SHOW_RETURN", False, raising=False)
    monkeypatch.setattr("textual.widgets.Input.cursor_blink", False, raising=False)


def settings_for(path: Path, url: str = "http://127.0.0.1:9", **more: str) -> Settings:
    return Settings(store_path=path, gateway_url=url, time_zone=ZONE, **more)  # type: ignore[arg-type]


def make_app(settings: Settings, *, demo: bool = False, poll: bool = False) -> AituiApp:
    return AituiApp(settings, Environment({}), demo=demo, clock=fixed_clock, poll=poll)


@asynccontextmanager
async def running(app: AituiApp, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
    """The app with its store open and its first tab read."""
    async with app.run_test(size=size) as pilot:
        await asyncio.wait_for(app.opened.wait(), 10)
        await settled(pilot)
        yield pilot


async def settled(pilot: Pilot[None]) -> None:
    """Every read is done and painted."""
    for _ in range(3):
        reads = [w for w in pilot.app.workers if w.group in ("read", "status")]
        if reads:  # Textual takes an empty list for all workers
            with contextlib.suppress(WorkerCancelled):  # a newer read took its place
                await pilot.app.workers.wait_for_complete(reads)
        await pilot.pause()


@pytest.fixture
async def demo_store(tmp_path: Path) -> AsyncIterator[Settings]:
    """Settings that name a filled store and a running pretend proxy that answers at once."""
    async with demo_environment(fixed_clock, settings_for(tmp_path).zone(), pace=0) as made_up:
        yield settings_for(made_up.store_path, made_up.url)


@pytest.fixture(scope="session")
def demo_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's store, made once: making it takes far longer than copying it."""
    path = tmp_path_factory.mktemp("demo") / "aitui.db"

    async def make() -> None:
        async with demo_environment(fixed_clock, settings_for(path).zone()) as made_up:
            shutil.copy(made_up.store_path, path)

    # In a thread: the tests' own loop may be running already.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, make()).result()
    return path


@pytest.fixture
def filled_store(demo_file: Path, tmp_path: Path) -> Settings:
    """Settings that name a filled store of the test's own; there is no proxy."""
    return settings_for(Path(shutil.copy(demo_file, tmp_path / "aitui.db")))
