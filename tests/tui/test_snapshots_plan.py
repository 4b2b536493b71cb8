"""How plan, apply and revisions look, at the two sizes. Nothing depends on time or on a proxy."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.pilot import Pilot

from store.plans import (
    ApplyReport,
    Outcome,
    Plan,
    PlanChanged,
    Step,
    StepName,
    StepState,
    SyncState,
)
from tests.tui.conftest import settled
from tests.tui.fake_rollout import (
    DRIFTED,
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
from tests.tui.form_tools import the_app
from tests.tui.test_app import wait_until
from tests.tui.test_revisions_screen import PAST
from tests.tui.test_snapshots import SIZES, Camera, Size
from tui.modals.apply import ApplyScreen
from tui.modals.confirm import ConfirmScreen
from tui.modals.plan import PlanScreen
from tui.widgets.header import HeaderBar

Prepare = Callable[[Pilot[None]], Awaitable[None]]
BLOCKED = replace(
    HARMLESS,
    blockers=(
        "gateway.config_file is not set: name the file that the proxy loads, with --config-file "
        "or AITUI_CONFIG_FILE.",
    ),
)
UNREAD = replace(IN_STEP, live_error="The proxy at http://127.0.0.1:4000 is down.")
MANY = replace(
    PLAN,
    changes=tuple(
        replace(change, key=f"{change.key}-{number}", name=f"{change.name}-{number}")
        for number in range(8)
        for change in PLAN.changes
    ),
    reload=(
        "`systemctl restart litellm`; this restarts the proxy: about 20 s without service, as "
        "measured at the last apply."
    ),
)
PLANS = {
    "changes": PLAN,
    "many": MANY,
    "in-step": IN_STEP,
    "unread": UNREAD,
    "blocked": BLOCKED,
    "drift": replace(PLAN, changes=(DRIFTED,), notes=()),
}
RUNNING = (
    *STEPS[:3],
    Step(StepName.RELOAD, StepState.RUNNING, "SIGHUP to gunicorn (pid 4120), 3 of 4 workers new"),
)

pytestmark = pytest.mark.parametrize("size", SIZES)


@pytest.fixture
def looks_the_same(
    snap_compare: Callable[..., bool],
    demo_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Camera:
    monkeypatch.setattr("tui.runs.monotonic", lambda: 100.0)
    return Camera(snap_compare, demo_file, tmp_path)


def keys(*names: str, plan: Plan = PLAN) -> Prepare:
    """Press them over a rollout that makes this plan."""

    async def go(pilot: Pilot[None]) -> None:
        fake = with_fake(the_app(pilot), plan)
        fake.past = (revision(14, Outcome.RUNNING, finished_at=None), *PAST)
        for name in names:
            await pilot.press(name)
            await settled(pilot)
            if name == "a":
                await wait_until(pilot, lambda: not isinstance(pilot.app.screen, PlanScreen))

    return go


async def applying(pilot: Pilot[None]) -> FakeRollout:
    fake = with_fake(the_app(pilot), HARMLESS)
    await pilot.press("a")
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
    await pilot.press("y")
    await wait_until(pilot, lambda: isinstance(pilot.app.screen, ApplyScreen))
    return fake


@pytest.mark.parametrize("name", PLANS)
def test_plan(looks_the_same: Camera, size: Size, name: str) -> None:
    assert looks_the_same(size, keys("p", plan=PLANS[name]))


def test_plan_without_colour(
    looks_the_same: Camera, size: Size, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert looks_the_same(size, keys("p", "j", "j", "s"))


def test_plan_on_a_light_theme(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, keys("p"), theme="textual-light")


def test_comparing(looks_the_same: Camera, size: Size) -> None:
    async def go(pilot: Pilot[None]) -> None:
        fake = with_fake(the_app(pilot))
        fake.may_compare.clear()
        await pilot.press("p")
        await wait_until(pilot, lambda: fake.plans)
        # The Camera waits for reads, and this one has no end.
        for worker in list(pilot.app.workers):
            if worker.group == "read":
                worker.group = "held"

    assert looks_the_same(size, go)


def test_diff_of_the_file(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, keys("p", "y"))


@pytest.mark.parametrize("name", ["changes", "many", "drift", "blocked"])
def test_question(looks_the_same: Camera, size: Size, name: str) -> None:
    assert looks_the_same(size, keys("p", "a", plan=PLANS[name]))


def test_question_of_adopting(looks_the_same: Camera, size: Size) -> None:
    assert looks_the_same(size, keys("p", "D"))


@pytest.mark.parametrize("state", ["running", "stopping", "stop-asked"])
def test_applying(looks_the_same: Camera, size: Size, state: str) -> None:
    async def go(pilot: Pilot[None]) -> None:
        fake = await applying(pilot)
        fake.say(*RUNNING)
        await settled(pilot)
        if state != "running":
            await pilot.press("x")
            await wait_until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))
        if state == "stopping":
            await pilot.press("y")
            await wait_until(pilot, lambda: fake.stops)

    assert looks_the_same(size, go)


@pytest.mark.parametrize(
    "report", [SERVED, WRITTEN, UNDONE, NOT_UNDONE], ids=lambda report: report.outcome.name.lower()
)
def test_applied(looks_the_same: Camera, size: Size, report: ApplyReport) -> None:
    async def go(pilot: Pilot[None]) -> None:
        fake = await applying(pilot)
        fake.say(*report.steps, report)
        await wait_until(pilot, lambda: not the_app(pilot).applying.busy)

    assert looks_the_same(size, go)


def test_changed_meanwhile(looks_the_same: Camera, size: Size) -> None:
    async def go(pilot: Pilot[None]) -> None:
        fake = await applying(pilot)
        fake.say(PlanChanged("the file or the store changed since the plan was made.", PLAN))
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen))

    assert looks_the_same(size, go)


def test_cut_off(looks_the_same: Camera, size: Size) -> None:
    async def go(pilot: Pilot[None]) -> None:
        fake = with_fake(the_app(pilot), HARMLESS)
        fake.cut_off = revision(9, Outcome.RUNNING, finished_at=None)
        await pilot.press("a")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))

    assert looks_the_same(size, go)


def test_leaving_while_applying(looks_the_same: Camera, size: Size) -> None:
    async def go(pilot: Pilot[None]) -> None:
        (await applying(pilot)).say(*RUNNING)
        await pilot.press("escape", "q")
        await wait_until(pilot, lambda: isinstance(pilot.app.screen, ConfirmScreen))

    assert looks_the_same(size, go)


@pytest.mark.parametrize("pressed", [["V"], ["V", "j"], ["V", "j", "u"]], ids="".join)
def test_revisions(looks_the_same: Camera, size: Size, pressed: list[str]) -> None:
    assert looks_the_same(size, keys(*pressed))


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(SyncState(), id="in-step"),
        pytest.param(SyncState(pending=3), id="pending"),
        pytest.param(SyncState(drifted=1), id="drift"),
        pytest.param(SyncState(pending=2, drifted=1), id="both"),
        pytest.param(SyncState(unfinished=7), id="cut-off"),
    ],
)
def test_header(looks_the_same: Camera, size: Size, state: SyncState) -> None:
    async def go(pilot: Pilot[None]) -> None:
        pilot.app.query_one(HeaderBar).show_sync(state)
        await pilot.pause()

    assert looks_the_same(size, go)
