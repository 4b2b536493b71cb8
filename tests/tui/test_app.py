"""The app as an operator uses it: tabs, filter, toggles, tests, checks, and others' changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, Select

from store.domain import HealthStatus
from store.environment import Environment
from store.settings import Settings
from store.store import open_store
from tests.tui.conftest import fixed_clock, make_app, running, settings_for, settled
from tui.app import AituiApp
from tui.widgets.cards import CardView


def screen_text(app: AituiApp) -> str:
    """What stands on the screen, line by line."""
    return "\n".join(
        "".join(segment.text for segment in line) for line in app.screen._compositor.render_strips()
    )


async def wait_until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Wait for what is done in the background; fails after five seconds."""
    for _ in range(250):
        if condition():
            return
        await pilot.pause(0.02)
    raise AssertionError("did not happen:\n" + screen_text(pilot.app))  # type: ignore[arg-type]


def names(app: AituiApp) -> list[str]:
    tab = app.tab
    assert tab is not None
    return [item.id for item in tab.query_one(CardView)._items]


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("1", ["AI Models", "gpt-4.1", "$0.01/1K input, $0.03/1K output", "Context: 128K"]),
        ("2", ["Providers", "GitHub Copilot", "VAS_API_KEY"]),
        ("3", ["Routing Rules", "★ Default Route (Active)", "↓ (on failure)", "Retries: 3"]),
        ("4", ["Usage & Monitoring", "Requests", "Avg Latency", "Usage by Model", "Trend"]),
    ],
)
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_each_tab_shows_the_demo(
    demo_store: Settings, key: str, words: list[str], size: tuple[int, int]
) -> None:
    app = make_app(demo_store)
    async with running(app, size) as pilot:
        await pilot.press(key)
        await settled(pilot)
        text = screen_text(app)
        assert [word for word in words if word not in text] == []


async def test_an_empty_store_says_what_to_do(tmp_path: Path) -> None:
    app = make_app(settings_for(tmp_path / "new.db"))
    async with running(app) as pilot:
        for key in "123":
            await pilot.press(key)
            await settled(pilot)
            assert "aitui import litellm_config.yaml" in screen_text(app)
        await pilot.press("4")
        await settled(pilot)
        assert "No requests in this period." in screen_text(app)


async def test_the_filters_narrow_and_esc_shows_all_again(demo_store: Settings) -> None:
    app = make_app(demo_store)
    async with running(app) as pilot:
        everything = names(app)
        await pilot.press("slash", *"gemini")
        await settled(pilot)
        assert 0 < len(names(app)) < len(everything)
        assert all("gemini" in name for name in names(app))
        await pilot.press("escape", "escape")
        await settled(pilot)
        assert names(app) == everything
        assert app.query_one("#search", Input).value == ""
        select = app.query_one("#provider", Select)
        select.value = "demo-ollama"
        await settled(pilot)
        assert sorted(names(app)) == ["demo-codellama", "demo-llama3"]


async def test_space_disables_with_an_audit_row_and_the_card_follows(demo_store: Settings) -> None:
    app = make_app(demo_store)
    async with running(app) as pilot:
        await pilot.press("space")
        await wait_until(pilot, lambda: "disabled" in screen_text(app))
        entry = (await app.store.audit.latest(1))[0]
        assert (entry.action, entry.entity, entry.name) == ("disable", "model", "gpt-4.1")
        assert entry.before is not None
        assert entry.after is not None
        assert (entry.before["is_enabled"], entry.after["is_enabled"]) == (True, False)
        await pilot.press("o")
        await settled(pilot)
        assert "demo-gpt-4.1-vas" not in names(app)


async def test_a_stale_toggle_is_refused_and_told(demo_store: Settings) -> None:
    app = make_app(demo_store)
    async with running(app) as pilot:
        async with open_store(demo_store, Environment({}), clock=fixed_clock) as other:
            model = await other.models.get("demo-gpt-4.1-vas")
            await other.models.set_enabled(model.id, False, actor="other", version=model.version)
            await other.models.set_enabled(model.id, True, actor="other", version=model.version + 1)
        await pilot.press("space")
        await wait_until(pilot, lambda: any("Not saved" in n.message for n in app._notifications))
        assert (await app.store.models.get("demo-gpt-4.1-vas")).is_enabled


async def test_another_process_s_change_appears_by_itself(demo_store: Settings) -> None:
    app = make_app(demo_store, poll=True)
    async with running(app) as pilot:
        async with open_store(demo_store, Environment({}), clock=fixed_clock) as other:
            model = await other.models.get("demo-gpt-4.1-vas")
            await other.models.set_enabled(model.id, False, actor="other", version=model.version)
        await wait_until(pilot, lambda: "gpt-4.1  disabled" in screen_text(app))


async def test_a_model_is_tested_through_the_proxy(demo_store: Settings) -> None:
    app = AituiApp(demo_store, Environment({}), demo=True, clock=fixed_clock, poll=False)
    async with running(app) as pilot:
        await pilot.press("t")
        await wait_until(pilot, lambda: "✓ answered" in screen_text(app))
        text = screen_text(app)
        assert "Served by    demo-gpt-4.1-vas" in text
        assert "First token" in text
        await pilot.press("escape")
        await settled(pilot)
        health = (await app.store.models.get("demo-gpt-4.1-vas")).health
        assert health.status is HealthStatus.HEALTHY
        assert health.checked_at == fixed_clock()


async def test_a_provider_s_check_is_stored_and_shown(tmp_path: Path) -> None:
    app = make_app(settings_for(tmp_path / "unused.db"), demo=True)
    async with running(app) as pilot:
        await pilot.press("2")
        await settled(pilot)
        app.query_one("#provider-cards", CardView).choose("demo-vas")
        await pilot.press("h")
        await wait_until(pilot, lambda: "Last check: just now" in screen_text(app))
        provider = await app.store.providers.get("demo-vas")
        assert provider.health.status is HealthStatus.HEALTHY
        assert provider.health.checked_at == fixed_clock()


async def test_a_dead_proxy_is_told_and_says_nothing_of_the_provider(
    demo_store: Settings, tmp_path: Path
) -> None:
    app = make_app(settings_for(demo_store.store_path))
    async with running(app) as pilot:
        before = await app.store.providers.get("demo-vas")
        await pilot.press("2")
        await settled(pilot)
        app.query_one("#provider-cards", CardView).choose("demo-vas")
        await pilot.press("h")
        await wait_until(pilot, lambda: len(app._notifications) > 0)
        assert (await app.store.providers.get("demo-vas")).health == before.health


async def test_quitting_finishes_the_saves(demo_store: Settings) -> None:
    app = make_app(demo_store)
    done: list[str] = []

    async def slow_save() -> None:
        await asyncio.sleep(0.3)
        done.append("saved")

    async with running(app) as pilot:
        app.writer.submit("slow", slow_save)
        await pilot.press("q")
    assert done == ["saved"]


async def test_the_cursor_stays_on_its_model_when_others_change(demo_store: Settings) -> None:
    app = make_app(demo_store)
    async with running(app) as pilot:
        await pilot.press("j", "j", "j")
        cards = app.query_one("#model-cards", CardView)
        chosen = cards.chosen_id
        await pilot.press("space")
        await settled(pilot)
        assert cards.chosen_id == chosen
        await pilot.press("G")
        assert cards.cursor == len(names(app)) - 1
        assert cards.scroll_offset.y > 0
        await pilot.press("g")
        assert cards.cursor == 0


async def test_a_fault_of_ours_in_the_background_is_told_and_the_app_goes_on(
    demo_store: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    async def broken() -> None:
        raise ZeroDivisionError("sk-not-to-be-shown-123456")

    app = make_app(demo_store)
    async with running(app) as pilot:
        tab = app.tab
        assert tab is not None
        monkeypatch.setattr(tab, "load", broken)
        tab.reload()
        await wait_until(pilot, lambda: len(app._notifications) > 0)
        told = " ".join(notification.message for notification in app._notifications)
        assert "ZeroDivisionError" in told
        assert "not-to-be-shown" not in told
        monkeypatch.undo()
        await pilot.press("2")
        await settled(pilot)
        assert "Providers" in screen_text(app)
