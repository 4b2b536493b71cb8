"""How every screen looks, at the two sizes that operators have. `make snapshots` accepts a change.

Nothing here depends on time, on a proxy or on the machine: the clock is fixed, and tests,
checks and the proxy's state are shown through the views' own methods.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.command import CommandPalette
from textual.pilot import Pilot
from textual.widgets import OptionList

import tui.app
from screenshots.make import PROXY, plain_svg
from store.demo.start import demo_environment
from store.domain import GatewayStatus
from store.environment import Environment
from store.errors import FailureKind
from store.gateway.model_test import TestProgress
from store.settings import Settings
from tests.tui.conftest import ZONE, fixed_clock, settings_for, settled
from tests.tui.reports import ANSWERS, FAILURES, REPORTS, report
from tui.app import AituiApp
from tui.modals.test_all import TestAllScreen
from tui.modals.test_model import TestModelScreen
from tui.widgets.cards import CardView
from tui.widgets.header import HeaderBar

Size = tuple[int, int]
Prepare = Callable[[Pilot[None]], Awaitable[None]]
SIZES = [pytest.param((80, 24), id="80x24"), pytest.param((120, 40), id="120x40")]
TABS = {"models": "1", "providers": "2", "routes": "3", "usage": "4"}
KEY_VARIABLES = {"VAS_API_KEY": "a", "OPENAI_API_KEY": "b", "GEMINI_API_KEY": "c"}

pytestmark = pytest.mark.parametrize("size", SIZES)


class PictureApp(AituiApp):
    """The app, whose pictures name no font server and no run."""

    CSS_PATH = Path(tui.app.__file__).with_name("app.tcss")

    def export_screenshot(self, *, title: str | None = None, simplify: bool = False) -> str:
        return plain_svg(super().export_screenshot(title=title, simplify=simplify))


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's store, made once."""
    path = tmp_path_factory.mktemp("filled") / "aitui.db"

    async def make() -> None:
        async with demo_environment(fixed_clock, Settings(path, time_zone=ZONE).zone()) as demo:
            shutil.copy(demo.store_path, path)

    asyncio.run(make())
    return path


async def still(pilot: Pilot[None]) -> None:
    """Nothing has moved for a while: a busy machine scrolls and lays out later than asked."""
    before, same = "", 0
    for _ in range(200):
        await pilot.pause(0.03)
        strips = pilot.app.screen._compositor.render_strips()
        now = "\n".join("".join(segment.text for segment in strip) for strip in strips)
        same = same + 1 if now == before else 0
        before = now
        if same >= 5:
            return


class Camera:
    """Compares a screen with its picture."""

    def __init__(self, compare: Callable[..., bool], filled: Path, folder: Path) -> None:
        self._compare = compare
        self._filled = filled
        self._path = folder / "aitui.db"

    def __call__(
        self,
        size: Size,
        prepare: Prepare,
        *,
        empty: bool = False,
        status: GatewayStatus = PROXY,
        **settings: str,
    ) -> bool:
        if not empty:
            shutil.copy(self._filled, self._path)
        app = PictureApp(
            settings_for(self._path, **settings),
            Environment(KEY_VARIABLES),
            clock=fixed_clock,
            poll=False,
        )

        async def run_before(pilot: Pilot[None]) -> None:
            await asyncio.wait_for(app.opened.wait(), 20)
            app.query_one(HeaderBar).show_status(status)
            await settled(pilot)
            await prepare(pilot)
            await settled(pilot)
            await still(pilot)

        try:
            return self._compare(app, terminal_size=size, run_before=run_before)
        except AssertionError as error:
            # The app keeps what crashed it to itself.
            raise (app.crash or error) from None


@pytest.fixture
def looks_the_same(snap_compare: Callable[..., bool], filled: Path, tmp_path: Path) -> Camera:
    return Camera(snap_compare, filled, tmp_path)


def press(*keys: str) -> Prepare:
    """Press these keys, each once what the one before asked for is painted."""

    async def go(pilot: Pilot[None]) -> None:
        for key in keys:
            await pilot.press(key)
            await settled(pilot)

    return go


def dialog(then: Callable[[TestModelScreen], None], name: str) -> Prepare:
    """The test dialog, which sends nothing: `then` says what it shows."""

    async def go(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, AituiApp)
        screen = TestModelScreen(app.store, "demo-gpt-4.1-vas", name, start=False)
        await app.push_screen(screen)
        then(screen)

    return go


# --- the tabs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("tab", TABS)
def test_tab(looks_the_same: Camera, size: Size, tab: str) -> None:
    assert looks_the_same(size, press(TABS[tab]))


@pytest.mark.parametrize("tab", TABS)
def test_tab_on_a_light_theme(looks_the_same: Camera, size: Size, tab: str) -> None:
    assert looks_the_same(size, press(TABS[tab]), theme="textual-light")


@pytest.mark.parametrize("tab", TABS)
def test_tab_without_colour(
    looks_the_same: Camera, size: Size, tab: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert looks_the_same(size, press(TABS[tab]))


@pytest.mark.parametrize("tab", TABS)
def test_tab_of_an_empty_store(looks_the_same: Camera, size: Size, tab: str) -> None:
    assert looks_the_same(size, press(TABS[tab]), empty=True)


@pytest.mark.parametrize("tab", ["models", "providers"])
def test_tab_with_emoji(looks_the_same: Camera, size: Size, tab: str) -> None:
    assert looks_the_same(size, press(TABS[tab], "G"), glyphs="emoji")


def test_last_models(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, press("G"))


@pytest.mark.parametrize("keys", [["m"], ["m", "m"], ["right"], ["left"]], ids="".join)
def test_usage_measured_otherwise(looks_the_same: Camera, size: Size, keys: list[str]) -> None:
    assert looks_the_same(size, press("4", *keys))


# --- the filter bar ----------------------------------------------------------------------------


def test_search_results(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, press("slash", *"gemini", "enter"))


def test_search_without_a_match(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, press("slash", *"zzz"))


def test_choosing_a_provider(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, press("f", "down"))


def test_enabled_only(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, press("space", "o"))


# --- the header --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status",
    [
        pytest.param(
            GatewayStatus("http://127.0.0.1:4000", False, breaker="open", retry_in_s=27.6),
            id="breaker-open",
        ),
        pytest.param(GatewayStatus("http://127.0.0.1:4000", False), id="down"),
        pytest.param(
            GatewayStatus("http://127.0.0.1:4000", True, kind=FailureKind.PROXY_KEY_MISSING),
            id="no-key",
        ),
        pytest.param(GatewayStatus("http://127.0.0.1:4000", True), id="no-version"),
    ],
)
def test_header(
    looks_the_same: Camera, size: Size, status: GatewayStatus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.widgets.header.monotonic", lambda: 100.0)
    assert looks_the_same(size, press(), status=status)


# --- the modals --------------------------------------------------------------------------------


def test_model_test_waiting(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, dialog(lambda screen: None, "gpt-4.1"))


def test_model_test_answering(looks_the_same: Camera, size: Size) -> None:
    progress = TestProgress("Hello! GPT-4.1 here, all", ttft_ms=341, elapsed_ms=590)
    assert looks_the_same(size, dialog(lambda screen: screen.show_progress(progress), "gpt-4.1"))


@pytest.mark.parametrize("kind", ANSWERS)
def test_model_test_answered(looks_the_same: Camera, size: Size, kind: str) -> None:
    answer = ANSWERS[kind]
    shown = dialog(lambda screen: screen.show_report(answer), answer.model_name)
    assert looks_the_same(size, shown)


@pytest.mark.parametrize("kind", FailureKind, ids=lambda kind: kind.name.lower())
def test_model_test_failed(looks_the_same: Camera, size: Size, kind: FailureKind) -> None:
    error, mend = FAILURES[kind]
    failed = report(success=False, kind=kind, error=error, mend=mend, ttft_ms=None, response="")
    assert looks_the_same(size, dialog(lambda screen: screen.show_report(failed), "gpt-4.1"))


@pytest.mark.parametrize("state", ["half-way", "done", "stopped"])
def test_all_models_tested(
    looks_the_same: Camera, size: Size, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    total, held = {"half-way": (14, True), "done": (7, False), "stopped": (14, True)}[state]

    async def go(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, AituiApp)
        gateway = app.store.gateway

        async def count() -> int:
            return total

        async def tests():  # type: ignore[no-untyped-def]
            for one in REPORTS:
                yield one
            if held:
                await asyncio.Event().wait()

        monkeypatch.setattr(gateway, "count_testable", count)
        monkeypatch.setattr(gateway, "test_all", tests)
        await pilot.press("A")
        await settled(pilot)
        assert isinstance(app.screen, TestAllScreen)
        if state == "stopped":
            await pilot.press("s")

    assert looks_the_same(size, go)


@pytest.mark.parametrize("tab", ["models", "providers", "routes"])
def test_details(looks_the_same: Camera, size: Size, tab: str) -> None:
    assert looks_the_same(size, press(TABS[tab], "j", "enter"))


def test_details_in_korean(looks_the_same: Camera, size: Size) -> None:
    async def go(pilot: Pilot[None]) -> None:
        await press("2")(pilot)
        pilot.app.query_one("#provider-cards", CardView).choose("demo-ollama")
        await press("enter")(pilot)

    assert looks_the_same(size, go)


@pytest.mark.parametrize("tab", TABS)
def test_help(looks_the_same: Camera, size: Size, tab: str) -> None:
    assert looks_the_same(size, press(TABS[tab], "question_mark"))


def test_palette(looks_the_same: Camera, size: Size) -> None:
    async def go(pilot: Pilot[None]) -> None:
        await pilot.press("ctrl+p")
        for _ in range(100):
            await pilot.pause(0.02)
            screen = pilot.app.screen
            if isinstance(screen, CommandPalette) and screen.query_one(OptionList).option_count > 9:
                break
        await pilot.pause()

    assert looks_the_same(size, go)


def test_toasts(looks_the_same: Camera, size: Size) -> None:
    async def go(pilot: Pilot[None]) -> None:
        app = pilot.app
        assert isinstance(app, AituiApp)
        app.tell("라마-3 🦙 is enabled")
        app.tell("Not saved: gpt-4.1 is disabled. Somebody else changed it since.", "error")
        await pilot.pause()

    assert looks_the_same(size, go)
