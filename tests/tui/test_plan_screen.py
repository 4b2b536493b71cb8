"""The plan view: what would change, what drifted, what stands in the way, and what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from store.errors import AituiError, StoreError
from store.plans import Change, ChangeKind, FieldDiff, Plan, Subject
from store.settings import Settings
from tests.tui.conftest import make_app, running, settled
from tests.tui.fake_rollout import (
    ACTOR,
    CHANGED,
    DRIFTED,
    HARMLESS,
    IN_STEP,
    PLAN,
    FakeRollout,
    with_fake,
)
from tests.tui.form_tools import question, the_app, told
from tests.tui.test_app import screen_text, wait_until
from tui.file_diff import without_keys
from tui.modals.confirm import ConfirmScreen
from tui.modals.file_diff import FileDiffScreen
from tui.modals.plan import PlanScreen
from tui.plan_words import value_words


async def opened(pilot: Pilot[None], plan: Plan | AituiError = PLAN) -> FakeRollout:
    fake = with_fake(the_app(pilot), plan)
    await pilot.press("p")
    await settled(pilot)
    assert isinstance(pilot.app.screen, PlanScreen)
    return fake


async def test_a_line_a_change_and_the_chosen_one_field_by_field(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await opened(pilot)
        text = screen_text(app)
        assert "Plan: +1 ~2 -1, 1 drift" in text
        assert "+ model  라마-3" in text
        assert "timeout 30 → 60" in text
        assert "- alias  quick" in text
        assert "drift: num_retries, routing_strategy" in text
        assert "Create model 라마-3  (m-77)" in text
        assert "input_cost_per_token        0.0000025" in text  # never an exponent
        assert "($2.5 per 1M tokens)" in text
        assert "SIGHUP to gunicorn (pid 4120); no outage." in text
        await pilot.press("j", "j")
        await settled(pilot)
        text = screen_text(app)
        assert "Change router settings  only in the proxy" in text
        assert "~ num_retries       2 → 3  drift" in text
        assert "→ latency-based-routing  drift" in text
        await pilot.press("J", "J")
        await settled(pilot)
        assert "Keys are never visible" in screen_text(app)
        await pilot.press("G")
        await settled(pilot)
        assert "Delete alias quick" in screen_text(app)
        await pilot.press("escape")
        await settled(pilot)
        assert len(app.screen_stack) == 1


async def test_the_screen_is_alive_while_it_is_compared(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = with_fake(app)
        fake.may_compare.clear()
        await pilot.press("p")
        await pilot.pause()
        assert "Comparing the store with the proxy" in screen_text(app)
        await pilot.press("a", "d", "s", "y", "escape")  # nothing to act on yet
        await pilot.pause()
        assert len(app.screen_stack) == 1
        await pilot.press("p")
        fake.may_compare.set()
        await settled(pilot)
        assert "Plan: +1" in screen_text(app)


async def test_in_step(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await opened(pilot, IN_STEP)
        text = screen_text(app)
        assert "In step: the proxy serves what the store says." in text
        assert "Compared on 2026-03-18 at 15:30:00 KST." in text
        await pilot.press("a")
        await settled(pilot)
        assert told(pilot) == ["In step: the proxy serves what the store says."]
        assert fake.calls == []
        await pilot.press("y")
        await settled(pilot)
        assert "The file stays as it is." in screen_text(app)


async def test_a_proxy_that_cannot_be_read_is_told(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        why = "The proxy at http://h:4000 is down."
        fake = await opened(pilot, replace(IN_STEP, live_error=why))
        text = screen_text(app)
        assert f"The proxy could not be read: {why}" in text
        assert "The file says what the store says." in text
        assert "In step" not in text
        fake.made = replace(HARMLESS, live_error=why)
        await pilot.press("r")
        await settled(pilot)
        assert f"The proxy could not be read: {why}" in screen_text(app)
        await pilot.press("a")
        await settled(pilot)
        assert "plan compares with the file" in " ".join(screen_text(app).replace("│", " ").split())


async def test_what_cannot_be_compared_can_be_tried_again(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await opened(pilot, StoreError("config.yaml: line 3 is no YAML."))
        assert "config.yaml: line 3 is no YAML." in screen_text(app)
        fake.made = PLAN
        await pilot.press("r")
        await settled(pilot)
        assert "Plan: +1 ~2 -1" in screen_text(app)


async def test_blockers_stand_in_the_question_s_place(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        why = "gateway.config_file is not set: name the proxy's file."
        fake = await opened(pilot, replace(PLAN, blockers=(why,)))
        assert f"✗ {why}" in screen_text(app)
        await pilot.press("a")
        await settled(pilot)
        assert "This plan cannot be applied" in screen_text(app)
        assert not isinstance(app.screen, ConfirmScreen)
        assert fake.calls == []


async def test_the_file_s_diff_shows_no_key(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        await opened(pilot)
        await pilot.press("y")
        await settled(pilot)
        assert isinstance(app.screen, FileDiffScreen)
        text = screen_text(app)
        assert "-      timeout: 30" in text
        assert "+      timeout: 60" in text
        assert "[redacted]" in text
        assert "sk-live" not in text
        await pilot.press("G", "g", "j", "escape")
        await settled(pilot)
        assert isinstance(app.screen, PlanScreen)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("      api_key: hunter2-hunter2", "      api_key: [redacted]"),
        ("  - 'master_key': \"abc def\"", "  - 'master_key': [redacted]"),
        ("      password: 1234abcd # old", "      password: [redacted]"),
        ("      api_key: os.environ/OPENAI_API_KEY", "      api_key: os.environ/OPENAI_API_KEY"),
        ("      input_cost_per_token: 0.00001", "      input_cost_per_token: 0.00001"),
        ("      base: https://h # sk-live-0123456789abcdef01", None),
        ("    api_key:", "    api_key:"),
    ],
)
def test_keys_in_yaml(line: str, shown: str | None) -> None:
    (result,) = without_keys(line)
    if shown is None:
        assert "0123456789abcdef" not in result
    else:
        assert result == shown


def test_a_key_over_several_lines() -> None:
    text = "a:\n  private_key: |\n    line one\n\n    line two\n  timeout: 3"
    shown = without_keys(text)
    assert shown[2:] == ["    [redacted]", "", "    [redacted]", "  timeout: 3"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "(not set)"),
        (True, "true"),
        (1e-07, "0.0000001"),
        (0.5, "0.5"),
        ((), "[]"),
        (("a", "b"), "[a, b]"),
        ("", '""'),
    ],
)
def test_values(value: object, words: str) -> None:
    assert value_words(value, limit=50) == words  # type: ignore[arg-type]


async def test_adopting_one_asks_and_compares_anew(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await opened(pilot)
        await pilot.press("j", "d")
        await settled(pilot)
        assert "Take model gpt-4.1 over into the store?" in screen_text(app)
        assert question(pilot).focused is question(pilot).query_one("#cancel")
        await pilot.press("enter")
        await settled(pilot)
        assert fake.calls == []
        await pilot.press("d")
        await settled(pilot)
        fake.made = replace(PLAN, changes=(DRIFTED,))
        await pilot.press("y")
        await wait_until(pilot, lambda: fake.plans == 2)
        await settled(pilot)
        assert fake.calls == [("adopt", (CHANGED.id,), ACTOR)]
        assert "Adopted: model m-12ab is as the proxy has it." in screen_text(app)
        assert "Plan: ~1, 1 drift" in screen_text(app)


async def test_adopting_all_drift(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await opened(pilot)
        await pilot.press("D")
        await settled(pilot)
        await pilot.press("y")
        await wait_until(pilot, lambda: fake.calls)
        assert fake.calls == [("adopt", (DRIFTED.id,), ACTOR)]
        await wait_until(pilot, lambda: fake.plans == 2)
        await settled(pilot)
        fake.made = HARMLESS
        await pilot.press("r")
        await settled(pilot)
        await pilot.press("D")
        await settled(pilot)
        assert any("Nothing has drifted" in text for text in told(pilot))


async def test_hostile_names_do_no_harm(filled_store: Settings) -> None:
    bad = "\x1b[31m[bold]x\nDELETED 9"
    change = Change(
        ChangeKind.CHANGE,
        Subject.MODEL,
        bad,
        bad,
        (FieldDiff(bad, bad, (bad, bad), in_file=True, in_live=None),) * 2,
    )
    app = make_app(filled_store)
    async with running(app) as pilot:
        plan = replace(PLAN, changes=(change,), notes=(bad,), blockers=(bad,), reload=bad)
        await opened(pilot, replace(plan, live_error=bad, yaml=bad, file=bad))
        await pilot.press("y")
        await settled(pilot)
        assert "\x1b" not in screen_text(app)
        await pilot.press("escape", "a")
        await settled(pilot)
        assert "\x1b" not in screen_text(app)
        assert "[bold]x" in screen_text(app)


async def test_read_only_compares_and_does_nothing_else(filled_store: Settings) -> None:
    app = make_app(replace(filled_store, read_only=True))
    async with running(app) as pilot:
        fake = await opened(pilot)
        text = screen_text(app)
        assert "Plan: +1 ~2 -1" in text
        assert "adopt" not in text
        await pilot.press("a", "d", "D", "s")
        await settled(pilot)
        assert isinstance(app.screen, PlanScreen)
        assert "Smoke tests: off" in screen_text(app)
        await pilot.press("escape", "a")
        await settled(pilot)
        assert len(app.screen_stack) == 1
        assert fake.calls == []


async def test_a_saved_change_is_said_to_wait_once(filled_store: Settings) -> None:
    app = make_app(replace(filled_store, config_file=filled_store.store_path.with_name("c.yaml")))
    async with running(app) as pilot:
        with_fake(app)
        hint = "Not applied yet: p shows the plan."
        await pilot.press("space")
        await wait_until(pilot, lambda: hint in told(pilot))
        await pilot.press("space")
        await wait_until(pilot, lambda: any("is enabled" in text for text in told(pilot)))
        assert told(pilot).count(hint) == 1
