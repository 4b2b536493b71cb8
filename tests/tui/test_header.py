"""The first line: what it says of the proxy and of what is not applied, and that it fits."""

from __future__ import annotations

import asyncio

import pytest
from textual.pilot import Pilot

from store.domain import GatewayStatus
from store.errors import FailureKind, StoreError
from store.plans import SyncState
from store.settings import Settings
from tests.tui.conftest import make_app, running, settled
from tests.tui.fake_rollout import FakeRollout, with_fake
from tests.tui.form_tools import the_app, told
from tests.tui.test_app import screen_text, wait_until
from tui.text import cell_width
from tui.widgets.header import HeaderBar, sync_words

UP = GatewayStatus("http://127.0.0.1:4000", True, version="1.106.2")
DOWN = GatewayStatus("http://127.0.0.1:4000", False)
OPEN = GatewayStatus("http://127.0.0.1:4000", False, breaker="open", retry_in_s=27.6)
NO_KEY = GatewayStatus("http://127.0.0.1:4000", True, kind=FailureKind.PROXY_KEY_MISSING)


def first_line(pilot: Pilot[None]) -> str:
    return screen_text(the_app(pilot)).splitlines()[0]


@pytest.mark.parametrize(
    ("state", "words", "short"),
    [
        (SyncState(), "in step", "in step"),
        (SyncState(pending=3), "3 not applied", "3 waiting"),
        (SyncState(drifted=2), "drift", "drift"),
        (SyncState(pending=2, drifted=1), "2 not applied, drift", "2 + drift"),
        (SyncState(pending=2, unfinished=7), "apply cut off", "cut off"),
        (SyncState(unknown="The proxy is down."), None, None),
        (SyncState(pending=1, unknown="The proxy is down."), "1 not applied", "1 waiting"),
    ],
)
def test_words(state: SyncState, words: str | None, short: str | None) -> None:
    said, brief = sync_words(state), sync_words(state, short=True)
    assert (said and said[0]) == words
    assert (brief and brief[0]) == short


@pytest.mark.parametrize(
    ("status", "state", "end"),
    [
        (UP, SyncState(), " in step  ● proxy 1.106.2 "),
        (UP, SyncState(pending=3), " 3 not applied  ● proxy 1.106.2 "),
        (UP, SyncState(pending=12, drifted=1), " 12 not applied, drift  ● proxy "),
        (UP, SyncState(unfinished=7), " apply cut off  ● proxy 1.106.2 "),
        (UP, SyncState(unknown="?"), "  ● proxy 1.106.2 "),
        (DOWN, SyncState(pending=12, drifted=1), " 12 + drift  ✗ proxy down "),
        (DOWN, SyncState(pending=1), " 1 not applied  ✗ proxy down "),
    ],
)
async def test_it_fits_80_columns_with_the_tabs(
    filled_store: Settings, status: GatewayStatus, state: SyncState, end: str
) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        header = app.query_one(HeaderBar)
        header.show_status(status)
        header.show_sync(state)
        await pilot.pause()
        line = first_line(pilot)
        assert line.startswith(" aitui  1 Models  2 Providers  3 Routes  4 Usage ")
        assert line.endswith(end)
        assert cell_width(line) == 80


@pytest.mark.parametrize("status", [OPEN, NO_KEY], ids=["breaker", "no-key"])
async def test_the_proxy_s_trouble_comes_first_where_it_is_narrow(
    filled_store: Settings, status: GatewayStatus
) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        header = app.query_one(HeaderBar)
        header.show_status(status)
        await pilot.pause()
        alone = first_line(pilot)
        header.show_sync(SyncState(pending=1234567, drifted=1))
        await pilot.pause()
        assert first_line(pilot)[49:60].strip() == alone[49:60].strip()
        assert cell_width(first_line(pilot)) == 80
    async with running(make_app(filled_store), (130, 24)) as pilot:
        header = pilot.app.query_one(HeaderBar)
        header.show_status(status)
        header.show_sync(SyncState(pending=3, drifted=1))
        await pilot.pause()
        assert "3 not applied, drift  " in first_line(pilot)


async def test_the_word_has_its_colour(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        header = app.query_one(HeaderBar)
        colours = {}
        for name, state in (
            ("in step", SyncState()),
            ("drift", SyncState(drifted=1)),
            ("apply cut off", SyncState(unfinished=1)),
        ):
            header.show_sync(state)
            await pilot.pause()
            segments = [s for s in header.render_line(0) if s.text == name]
            assert len(segments) == 1
            assert segments[0].style is not None
            colours[name] = segments[0].style.color
        assert len(set(colours.values())) == 3


async def watched(pilot: Pilot[None]) -> FakeRollout:
    """The header follows the rollout, as it does where the app polls."""
    fake = with_fake(the_app(pilot))
    the_app(pilot).applying.watch()
    return fake


async def test_it_follows_the_store(
    filled_store: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.applying.SOON_S", 0.01)
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await watched(pilot)
        await wait_until(pilot, lambda: "in step" in first_line(pilot))
        fake.sync = SyncState(pending=1)
        await pilot.press("space")
        await wait_until(pilot, lambda: "1 not applied" in first_line(pilot))
        fake.sync = SyncState(drifted=1)
        await pilot.press("R")
        await wait_until(pilot, lambda: " drift " in first_line(pilot))


async def test_what_cannot_be_told_is_not_told(
    filled_store: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.applying.SOON_S", 0.01)
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await watched(pilot)
        await wait_until(pilot, lambda: "in step" in first_line(pilot))
        fake.sync = StoreError("The store cannot be read.")
        app.applying.look()
        await wait_until(pilot, lambda: "in step" not in first_line(pilot))
        await settled(pilot)
        assert told(pilot) == []


async def test_a_slow_proxy_is_asked_once_at_a_time(
    filled_store: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.applying.SOON_S", 0.01)
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = with_fake(app)
        asking = most = 0

        async def slow(*, fresh: bool = False) -> SyncState:
            nonlocal asking, most
            asking += 1
            most = max(most, asking)
            try:
                await asyncio.sleep(0.05)
            finally:
                asking -= 1
            return SyncState(pending=5)

        monkeypatch.setattr(fake, "state", slow)
        app.applying.watch()
        for _ in range(5):
            app.post_store_changed()
            await pilot.pause(0.02)
        await wait_until(pilot, lambda: "5 not applied" in first_line(pilot))
        assert most == 1
