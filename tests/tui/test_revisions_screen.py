"""Revisions: who applied what, when, and what came of it; and the way back."""

from __future__ import annotations

from dataclasses import replace

from textual.pilot import Pilot

from store.errors import NotFound, StoreError
from store.plans import Outcome, RevisionKind, StepName
from store.settings import Settings
from tests.tui.conftest import make_app, running, settled
from tests.tui.fake_rollout import (
    ACTOR,
    HARMLESS,
    SERVED,
    UNDONE,
    WHY,
    FakeRollout,
    revision,
    with_fake,
)
from tests.tui.form_tools import the_app
from tests.tui.test_app import screen_text, wait_until
from tui.modals.apply import ApplyScreen
from tui.modals.confirm import ConfirmScreen
from tui.modals.plan import PlanScreen
from tui.modals.revisions import RevisionsScreen

PAST = (
    revision(
        13,
        Outcome.UNDONE,
        failed_step=StepName.VERIFY,
        reason=WHY,
        steps=UNDONE.steps,
        outage_ms=1_500,
    ),
    revision(12, kind=RevisionKind.UNDO, to_revision=9, actor="lee@ops-2"),
    revision(
        9,
        Outcome.RECORDED,
        kind=RevisionKind.IMPORT,
        created=14,
        changed=0,
        deleted=0,
        changes=(),
        steps=(),
    ),
)


async def opened(pilot: Pilot[None], past: tuple[object, ...] = PAST) -> FakeRollout:
    fake = with_fake(the_app(pilot), HARMLESS)
    fake.past = past  # type: ignore[assignment]
    await pilot.press("V")
    await settled(pilot)
    assert isinstance(pilot.app.screen, RevisionsScreen)
    return fake


async def test_who_when_what_and_what_came_of_it(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app, (100, 40)) as pilot:
        await opened(pilot)
        text = screen_text(app)
        assert "13 2026-03-18 22:30  kim          apply      undone     +1 ~2 -1" in text
        assert "12 2026-03-18 21:30  lee          undo → 9   served     +1 ~2 -1" in text
        assert "9 2026-03-18 18:30  kim          import     recorded   +14" in text
        assert "2026-03-18 22:30:00 KST by kim@ops-1, took 1m 00s" in text
        assert "✗ Read back failed: The proxy answers" in text
        assert "The proxy did not answer for 1.5s." in text
        assert "✗ Read back           30.0s  gpt-4.1 still has timeout 30" in text
        assert "timeout 30 → 60" in text
        await pilot.press("j")
        await settled(pilot)
        assert "undo to revision 9: served. /etc/litellm/config.yaml" in screen_text(app)


async def test_back_to_one_is_planned_asked_and_applied(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await opened(pilot)
        await pilot.press("j", "u")
        await wait_until(pilot, lambda: isinstance(app.screen, PlanScreen))
        await settled(pilot)
        assert "Undo to revision 12: ~1" in screen_text(app)
        await pilot.press("a")
        await wait_until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await settled(pilot)
        assert "Undo to revision 12?" in screen_text(app)
        await pilot.press("y")
        await wait_until(pilot, lambda: isinstance(app.screen, ApplyScreen))
        assert fake.calls == [("apply", replace(HARMLESS, to_revision=12), ACTOR, False)]
        fake.past = (revision(14, kind=RevisionKind.UNDO, to_revision=12), *PAST)
        fake.say(SERVED)
        await wait_until(pilot, lambda: not app.applying.busy)
        await settled(pilot)
        assert "Undo to revision 12: ~1" in screen_text(app)
        await pilot.press("escape")
        await settled(pilot)
        assert isinstance(app.screen, RevisionsScreen)
        await wait_until(pilot, lambda: "undo → 12" in screen_text(app))


async def test_enter_is_the_way_back_too(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await opened(pilot)
        fake.made = NotFound("Revision 13 was never served.")
        await pilot.press("enter")
        await wait_until(pilot, lambda: isinstance(app.screen, PlanScreen))
        await settled(pilot)
        assert "Revision 13 was never served." in screen_text(app)
        await pilot.press("escape")
        await settled(pilot)
        assert isinstance(app.screen, RevisionsScreen)


async def test_cut_off_is_not_under_way(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        open_one = revision(14, Outcome.RUNNING, finished_at=None)
        fake = await opened(pilot, (open_one, *PAST))
        assert "under way" in screen_text(app)
        fake.cut_off = open_one
        await pilot.press("r")
        await settled(pilot)
        assert "cut off" in screen_text(app)
        assert "under way" not in screen_text(app)


async def test_no_revisions_and_none_that_can_be_read(filled_store: Settings) -> None:
    app = make_app(filled_store)
    async with running(app) as pilot:
        fake = await opened(pilot, ())
        assert "No revisions yet: each apply makes one." in screen_text(app)
        await pilot.press("u", "enter", "j", "G")
        await settled(pilot)
        assert isinstance(app.screen, RevisionsScreen)

        async def refuse(limit: int = 100) -> tuple[()]:
            raise StoreError("The store cannot be read.")

        fake.revisions = refuse  # type: ignore[method-assign]
        await pilot.press("r")
        await settled(pilot)
        assert "The store cannot be read." in screen_text(app)


async def test_read_only_looks_and_goes_nowhere(filled_store: Settings) -> None:
    app = make_app(replace(filled_store, read_only=True))
    async with running(app) as pilot:
        await opened(pilot)
        assert "goes back to this" not in screen_text(app)
        await pilot.press("u", "enter")
        await settled(pilot)
        assert isinstance(app.screen, RevisionsScreen)


async def test_hostile_text_does_no_harm(filled_store: Settings) -> None:
    bad = "\x1b[31m[bold]x\ny"
    app = make_app(filled_store)
    async with running(app) as pilot:
        one = revision(1, Outcome.NOT_UNDONE, actor=bad, file=bad, reason=bad)
        await opened(pilot, (one,))
        assert "\x1b" not in screen_text(app)
        assert "[bold]x" in screen_text(app)
