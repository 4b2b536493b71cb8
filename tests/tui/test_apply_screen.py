"""An apply before the operator's eyes: asked for, watched, hidden, stopped, and told at its end."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual import events
from textual.pilot import Pilot

from store.errors import StoreError
from store.plans import (
    ApplyRefused,
    ApplyReport,
    Outcome,
    PlanChanged,
    Step,
    StepName,
    StepState,
)
from store.settings import Settings
from tests.tui.conftest import make_app, running, settled
from tests.tui.fake_rollout import (
    ACTOR,
    HARMLESS,
    IN_STEP,
    NOT_UNDONE,
    PLAN,
    SERVED,
    STEPS,
    UNDONE,
    WRITTEN,
    FakeRollout,
    revision,
    with_fake,
)
from tests.tui.form_tools import fill, question, the_app, told
from tests.tui.test_app import screen_text, wait_until
from tui.modals.apply import ApplyScreen
from tui.modals.confirm import ConfirmScreen
from tui.modals.plan import PlanScreen
from tui.widgets.header import HeaderBar


async def asked(pilot: Pilot[None]) -> None:
    """`a`, and its question is there."""
    await pilot.press("a")
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
    await settled(pilot)


async def begun(pilot: Pilot[None], *script: Step) -> FakeRollout:
    """An apply under way, before the operator's eyes."""
    fake = with_fake(the_app(pilot), HARMLESS)
    await asked(pilot)
    await pilot.press("y")
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, ApplyScreen))
    fake.say(*script)
    await settled(pilot)
    return fake


async def over(pilot: Pilot[None]) -> None:
    app = the_app(pilot)
    await wait_until(pilot, lambda: not app.applying.busy)
    await settled(pilot)


def header(pilot: Pilot[None]) -> str:
    """The first line of the app's own screen."""
    strip = pilot.app.screen_stack[0].query_one(HeaderBar).render_line(0)
    return "".join(segment.text for segment in strip)


async def test_a_from_anywhere_makes_the_plan_asks_and_applies(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = with_fake(app, HARMLESS)
        await pilot.press("3")
        await asked(pilot)
        text = screen_text(app)
        assert "Apply to the proxy?" in text
        assert "Plan: 0 to create, 1 to change, 0 to delete." in text
        assert "Reload: SIGHUP to gunicorn (pid 4120); no outage." in text
        assert question(pilot).focused is question(pilot).query_one("#cancel")
        await pilot.press("enter")  # Cancel
        await settled(pilot)
        assert isinstance(app.screen, PlanScreen)
        assert fake.calls == []
        await pilot.press("s")
        await asked(pilot)
        assert "Then each changed model gets one real request, which" in screen_text(app)
        await pilot.press("y")
        await wait_until(pilot, lambda: isinstance(app.screen, ApplyScreen))
        assert fake.calls == [("apply", HARMLESS, ACTOR, True)]
        assert "· Test requests" in screen_text(app)
        fake.say(SERVED)
        await over(pilot)
        await pilot.press("escape")
        await settled(pilot)
        assert len(app.screen_stack) == 1  # no plan that is not so any more


async def test_pressed_twice_it_asks_once(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        with_fake(app, HARMLESS)
        for key in "aa":
            app.post_message(events.Key(key, key))
        await wait_until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await settled(pilot)
        assert [type(screen) for screen in app.screen_stack[1:]] == [PlanScreen, ConfirmScreen]
        await pilot.press("escape")
        for key in "aa":
            app.post_message(events.Key(key, key))
        await wait_until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await settled(pilot)
        assert [type(screen) for screen in app.screen_stack[1:]] == [PlanScreen, ConfirmScreen]


async def test_nothing_to_apply_asks_nothing(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = with_fake(app, IN_STEP)
        await pilot.press("a")
        await wait_until(pilot, lambda: told(pilot))
        assert isinstance(app.screen, PlanScreen)
        assert fake.calls == []


async def test_deletions_are_typed_by_their_number(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = with_fake(app, replace(PLAN, changes=(*PLAN.changes, *PLAN.changes[-1:])))
        await asked(pilot)
        assert "- alias quick" in screen_text(app)
        assert question(pilot).focused is question(pilot).query_one("#cancel")
        await pilot.press("y")
        await settled(pilot)
        assert "Not yet: type 2, the number of deletions" in screen_text(app)
        await pilot.press("1", "enter")
        await settled(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        assert fake.calls == []
        await pilot.press("backspace", "2", "enter")
        await wait_until(pilot, lambda: fake.calls)
        fake.say(SERVED)
        await over(pilot)


async def test_the_wrong_number_deletes_nothing(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = with_fake(app)
        await asked(pilot)
        await pilot.press("2", "enter")
        await settled(pilot)
        assert "Not yet: type 1, the number of deletions" in screen_text(app)
        await pilot.click("#yes")
        await settled(pilot)
        assert isinstance(app.screen, ConfirmScreen)
        await pilot.click("#cancel")
        await settled(pilot)
        assert isinstance(app.screen, PlanScreen)
        assert fake.calls == []


async def test_the_steps_as_they_happen(
    filled_store: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("tui.runs.monotonic", lambda: now)
    app = make_app(filled_store)
    async with running(app) as pilot:
        slow = Step(StepName.RELOAD, StepState.RUNNING, "waiting for 4 workers")
        fake = await begun(pilot, *STEPS[:3], slow)
        text = screen_text(app)
        assert "Applying: ~1" in text
        assert "✓ Check               310ms  14 models; LiteLLM took the file" in text
        assert "▸ Reload the proxy       0s  waiting for 4 workers" in text
        assert "· Read back" in text
        assert "applying …" in header(pilot)
        now = 163.0
        await wait_until(pilot, lambda: "▸ Reload the proxy   1m 03s" in screen_text(app))
        assert "Running, 1m 03s" in screen_text(app)
        fake.say(*SERVED.steps, SERVED)
        await over(pilot)
        text = screen_text(app)
        assert "✓ Read back            1.8s  4 of 4 workers agree" in text
        assert "Revision 12 is served: the proxy was read back and serves it." in text
        assert "After 2.3s" in text
        assert "applying …" not in header(pilot)


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (WRITTEN, ["▲ Revision 12 is written.", "– Reload the proxy", "– Read back"]),
        (
            UNDONE,
            [
                "✗ Read back",
                "✗ Revision 12 is undone. Read back failed:",
                "read back and serves",
                "✓ Put the old",
            ],
        ),
        (
            NOT_UNDONE,
            [
                "✗ Revision 12 is NOT undone. Read back failed:",
                "answer for 18.0s.",
                "~ model gpt-4.1",
            ],
        ),
        (
            replace(UNDONE, failed_step=None, reason=None),
            ["Revision 12 is undone. The old configuration is back"],
        ),
        (ApplyReport(12, Outcome.RUNNING, STEPS, 9), ["Revision 12 was cut off: nothing says how"]),
    ],
    ids=lambda value: value.outcome if isinstance(value, ApplyReport) else None,
)
async def test_how_it_ended(filled_store: Settings, report: ApplyReport, words: list[str]) -> None:
    app = make_app(filled_store)
    async with running(app, (80, 40)) as pilot:
        fake = await begun(pilot)
        fake.say(*report.steps, report)
        await over(pilot)
        text = " ".join(screen_text(app).replace("│", " ").split())
        assert [each for each in words if each not in text] == []
        await pilot.press("p")
        await settled(pilot)
        assert isinstance(app.screen, PlanScreen)
        assert fake.plans == 2


@pytest.mark.parametrize(
    "error",
    [ApplyRefused("an apply by lee@ops is under way."), StoreError("the store is locked.")],
    ids=["refused", "store"],
)
async def test_what_was_not_begun_says_why(filled_store: Settings, error: Exception) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await begun(pilot)
        fake.say(error)
        await over(pilot)
        assert f"Not applied: {error}" in screen_text(app)


async def test_a_fault_of_ours_ends_the_apply_and_not_the_app(
    filled_store: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.crash.report", lambda *args, **more: "an error of its own")
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await begun(pilot)
        fake.say(RuntimeError("boom"))
        await over(pilot)
        assert "aitui itself failed at it" in screen_text(app)
        assert "an error of its own" in told(pilot)
        assert "boom" not in screen_text(app)


async def test_hidden_it_goes_on_and_a_toast_tells_the_end(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await begun(pilot, *STEPS[:2])
        await pilot.press("escape")
        await settled(pilot)
        assert len(app.screen_stack) == 1
        assert "applying …" in header(pilot)
        for key in ("a", "p"):
            await pilot.press(key)
            await wait_until(pilot, lambda: isinstance(app.screen, ApplyScreen))
            await settled(pilot)
            assert "✓ Keep the old file" in screen_text(app)
            await pilot.press("escape")
            await settled(pilot)
        fake.say(*STEPS[2:], SERVED)
        await over(pilot)
        served = "Revision 12 is served: the proxy was read back and serves it."
        await wait_until(pilot, lambda: told(pilot) == [served])
        assert "applying …" not in header(pilot)
        assert len(fake.calls) == 1


async def test_x_stops_it_after_a_question(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await begun(pilot, *STEPS[:3])
        for key, answer in (("x", "n"), ("ctrl+c", "enter")):
            await pilot.press(key)
            await wait_until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            assert "Stop and put the old configuration back?" in screen_text(app)
            await pilot.press(answer)
            await settled(pilot)
        assert fake.stops == 0
        await pilot.press("x")
        await wait_until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await wait_until(pilot, lambda: fake.stops == 1)
        await settled(pilot)
        assert "Stopping, " in screen_text(app)
        await pilot.press("x")
        await settled(pilot)
        assert isinstance(app.screen, ApplyScreen)  # it is asked for once
        fake.say(STEPS[3], Step(StepName.RESTORE, StepState.RUNNING), UNDONE)
        await over(pilot)
        assert fake.stops == 1  # once is enough: nothing is stopped on its way back
        assert not fake.cancelled
        assert "is undone." in screen_text(app)


async def test_stopping_too_late_says_so(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await begun(pilot, *STEPS)
        await pilot.press("x")
        await wait_until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        fake.say(SERVED)
        await over(pilot)
        await pilot.press("y")
        await wait_until(pilot, lambda: any("Too late" in text for text in told(pilot)))
        assert fake.stops == 0


async def test_a_plan_that_is_not_so_any_more_is_shown_anew(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await begun(pilot)
        fake.say(PlanChanged("the file or the store changed since the plan was made.", PLAN))
        await wait_until(pilot, lambda: isinstance(app.screen, PlanScreen))
        await settled(pilot)
        text = " ".join(screen_text(app).replace("│", " ").split())
        assert "Not applied: the file or the store changed since the plan was made." in text
        assert "Plan: +1 ~2 -1" in text
        assert fake.plans == 1  # the one that came with it
        await pilot.press("escape")
        await settled(pilot)
        assert len(app.screen_stack) == 1


async def test_a_changed_plan_does_not_take_the_screen_from_a_form(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await begun(pilot)
        await pilot.press("escape", "e")
        await settled(pilot)
        await fill(pilot, description="typed")
        fake.say(PlanChanged("the file changed.", PLAN))
        await wait_until(pilot, lambda: "Not applied: the file changed." in told(pilot))
        assert not isinstance(app.screen, PlanScreen)


async def test_one_that_was_cut_off_comes_first(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = with_fake(app, HARMLESS)
        fake.cut_off = revision(9, Outcome.RUNNING, finished_at=None)
        await asked(pilot)
        text = screen_text(app)
        assert "Finish or undo revision 9?" in text
        assert "kim@ops-1" in text
        await pilot.press("n")
        await settled(pilot)
        assert len(app.screen_stack) == 1
        await pilot.press("p")
        await settled(pilot)
        await asked(pilot)  # from the plan, too
        assert "Finish or undo revision 9?" in screen_text(app)
        await pilot.press("y")
        await wait_until(pilot, lambda: isinstance(app.screen, ApplyScreen))
        assert fake.calls == [("recover", ACTOR)]
        assert "Mending revision 9" in screen_text(app)
        fake.say(*UNDONE.steps[5:], replace(UNDONE, revision=9))
        await over(pilot)
        assert "is undone." in screen_text(app)


async def test_somebody_else_was_faster_to_mend_it(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = with_fake(app, HARMLESS)
        fake.cut_off = revision(9, Outcome.RUNNING, finished_at=None)
        await asked(pilot)
        await pilot.press("y")
        await wait_until(pilot, lambda: isinstance(app.screen, ApplyScreen))
        fake.say(None)
        await over(pilot)
        assert "Nothing was left to be mended." in screen_text(app)
