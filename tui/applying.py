"""What the app does to the running proxy: plan, apply, stop, and how far it is from the store.

An apply is a task of the app, not of a screen: its view may be left and opened again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import TYPE_CHECKING

from store.errors import AituiError
from store.plans import ApplyReport, Plan, PlanChanged, Step, StepName, SyncState
from tui.differences import store_changes
from tui.plan_words import STORE_ONLY, counts, nothing_differs, unknown
from tui.runs import USUAL, ApplyRun
from tui.widgets.header import HeaderBar

if TYPE_CHECKING:
    from textual.timer import Timer

    from store.rollout import Rollout
    from tui.app import AituiApp
    from tui.modals.apply import ApplyScreen

LOOK_S = 15.0
"""How often the proxy is compared with the store for the header."""
SOON_S = 1.0
"""So long after a change; a burst of them is one look."""
STOP_S = 1.2
"""What an apply gets to put the old file back when the app has to leave: a signal leaves 1.5 s."""
Work = Callable[[Callable[[Step], None]], Awaitable[ApplyReport | None]]


class Applying:
    """The app's hands for the proxy."""

    def __init__(self, app: AituiApp) -> None:
        self._app = app
        self.run: ApplyRun | None = None
        """The apply under way, or the last one."""
        self._task: asyncio.Task[None] | None = None
        self._soon: Timer | None = None
        self._watching = self._leaving = self._hinted = False
        self._asking = False
        """Whether a question is open or about to be: a second press asks no second one."""

    @property
    def rollout(self) -> Rollout:
        return self._app.store.rollout

    @property
    def app(self) -> AituiApp:
        return self._app

    @property
    def busy(self) -> bool:
        """Whether an apply is under way."""
        return self._task is not None and not self._task.done()

    # --- the header --------------------------------------------------------------------------

    def watch(self) -> None:
        """From now on the header says how far the proxy is from the store."""
        self._watching = True
        self._app.set_interval(LOOK_S, self.look)
        self._app.set_timer(SOON_S, self.look)

    def store_changed(self) -> None:
        if self._watching and self._soon is None:
            self._soon = self._app.set_timer(SOON_S, self.look)

    def look(self, fresh: bool = False) -> None:
        """Compare in the background."""
        self._soon = None
        if not self.busy or fresh:
            self._app.run_worker(
                self._look(fresh), group="sync", exclusive=True, exit_on_error=False
            )

    async def _look(self, fresh: bool) -> None:
        try:
            state = await self.rollout.state(fresh=fresh)
        except AituiError as error:
            state = SyncState(unknown=str(error))
        self._app.query_one(HeaderBar).show_sync(state)

    def hint(self) -> None:
        """Say once that a saved change is not served yet."""
        from tui.modals.plan import PlanScreen

        store = self._app.store
        looking = any(isinstance(screen, PlanScreen) for screen in self._app.screen_stack)
        if self._hinted or looking or store.read_only or store.settings.config_file is None:
            return
        self._hinted = True
        self._app.tell("Not applied yet: p shows the plan.")

    # --- views -------------------------------------------------------------------------------

    async def show_plan(self, to_revision: int | None = None, *, ask: bool = False) -> None:
        """The plan, or the apply under way; with `ask` the plan's question follows at once."""
        from tui.modals.plan import PlanScreen

        if not self._app.opened.is_set():
            return
        if self.busy:
            await self.show_run()
        else:
            await self._app.push_screen(PlanScreen(self, to_revision=to_revision, ask=ask))

    async def show_run(self) -> None:
        from tui.modals.apply import ApplyScreen

        if self.run is not None and self._view() is None:
            await self._app.push_screen(ApplyScreen(self, self.run))

    async def show_revisions(self) -> None:
        from tui.modals.revisions import RevisionsScreen

        if self._app.opened.is_set():
            await self._app.push_screen(RevisionsScreen(self))

    def _view(self) -> ApplyScreen | None:
        from tui.modals.apply import ApplyScreen

        return next((s for s in self._app.screen_stack if isinstance(s, ApplyScreen)), None)

    # --- apply -------------------------------------------------------------------------------

    async def apply(self) -> None:
        """`a`: the plan with its question, unless something comes before it."""
        if self._asking or not self._app.opened.is_set():
            return
        self._asking = True
        try:
            comes_first = self.busy or await self._mend_first()
        finally:
            self._asking = False
        if self.busy:
            await self.show_run()
        elif not comes_first:
            await self.show_plan(ask=True)

    async def ask(self, plan: Plan, *, smoke: bool) -> None:
        """Ask, then apply a plan that the operator has before their eyes."""
        if self._asking:
            return
        self._asking = True
        try:
            await self._ask(plan, smoke)
        finally:
            self._asking = False

    async def _ask(self, plan: Plan, smoke: bool) -> None:
        from tui.modals.apply_question import Refusal, question_for

        if self.busy:
            await self.show_run()
        elif await self._mend_first():
            pass
        elif plan.blockers:
            await self._app.push_screen(Refusal(plan))
        elif plan.is_empty:
            only_store = unknown(plan) is None and await self.taken_back(plan)
            self._app.tell(STORE_ONLY if only_store else nothing_differs(plan))
        elif await self._app.push_screen_wait(
            question_for(plan, smoke=smoke, taken_back=await self.taken_back(plan))
        ):
            await self._begin_apply(plan, smoke)

    async def taken_back(self, plan: Plan) -> list[str]:
        """What an undo takes back in the store itself, as lines; nothing for another plan."""
        if plan.to_revision is None:
            return []
        return await store_changes(self._app.store, plan.to_revision)

    async def _begin_apply(self, plan: Plan, smoke: bool) -> None:
        rollout, actor = self.rollout, self._app.actor

        def work(on_step: Callable[[Step], None]) -> Awaitable[ApplyReport]:
            return rollout.apply(plan, actor=actor, smoke=smoke, on_step=on_step)

        title = "Applying" if plan.to_revision is None else f"Undo to revision {plan.to_revision}"
        expected = (*USUAL, StepName.SMOKE) if smoke else USUAL
        run = ApplyRun(f"{title}: {counts(plan)}", expected)
        await self._begin(run, work)

    async def _mend_first(self) -> bool:
        """Whether an apply was cut off, which is asked about before anything else."""
        from tui.modals.confirm import ConfirmScreen

        cut_off = await self.rollout.unfinished()
        if cut_off is None:
            return False
        number, rollout, actor = cut_off.number, self.rollout, self._app.actor
        at = cut_off.started_at.astimezone(self._app.store.zone)
        question = ConfirmScreen(
            f"Finish or undo revision {number}?",
            f"The apply that {cut_off.actor} began on {at:%Y-%m-%d at %H:%M:%S} was cut off. "
            "What it wrote is looked at: it is finished if the proxy serves it, or else the old "
            "configuration is put back. Nothing else is applied before.",
            yes="Mend it",
        )
        if await self._app.push_screen_wait(question):
            run = ApplyRun(f"Mending revision {number}", ())
            await self._begin(run, lambda tell: rollout.recover(actor=actor, on_step=tell))
        return True

    async def _begin(self, run: ApplyRun, work: Work) -> None:
        from tui.modals.plan import PlanScreen

        if self.busy:  # asked twice, answered twice
            await self.show_run()
            return
        self.run = run
        self._task = asyncio.create_task(self._carry_out(run, work), name="apply")
        self._app.query_one(HeaderBar).applying = True
        if isinstance(self._app.screen, PlanScreen):
            await self._app.pop_screen()  # what it shows is not so any more
        await self.show_run()

    async def _carry_out(self, run: ApplyRun, work: Work) -> None:
        changed: PlanChanged | None = None
        try:
            report = await work(run.tell)
            run.end(report, None if report is not None else "Nothing was left to be mended.")
        except PlanChanged as error:
            changed = error
            run.end(trouble=f"Not applied: {error}")
        except AituiError as error:
            run.end(trouble=f"Not applied: {error}")
        except Exception as error:  # noqa: BLE001 - told and logged; the app goes on
            run.end(trouble="aitui itself failed at it. p shows what differs now.")
            self._app.tell_failure(error)
        if not self._leaving:
            self._app.call_later(self._over, run, changed)

    async def _over(self, run: ApplyRun, changed: PlanChanged | None) -> None:
        """Back to the lists; an operator who looks elsewhere is told how it ended."""
        from tui.modals.plan import PlanScreen

        self._app.query_one(HeaderBar).applying = False
        self._app.post_store_changed()
        if self._watching:
            self.look(fresh=True)
        view = self._view()
        if changed is not None and view is not None and self._app.screen is view:
            # The file or the store changed meanwhile: the plan that holds now.
            await self._app.pop_screen()
            note = f"{run.trouble} This is the plan now."
            await self._app.push_screen(PlanScreen(self, plan=changed.plan, note=note))
        elif view is None:
            self._app.tell(run.ending, "information" if run.succeeded else "error")

    # --- the end -----------------------------------------------------------------------------

    def stop(self) -> None:
        """Give the apply up: what was before is put back, and that is proved by reading it."""
        if self.busy and self.run is not None and not self.run.stopping:
            self.run.stopping = True
            self.run.on_change()
            self.rollout.stop()

    async def stop_and_wait(self) -> None:
        """The operator leaves: the old configuration comes back first, before their eyes."""
        await self.show_run()
        self.stop()
        if self._task is not None:
            await asyncio.wait({self._task})

    async def finish(self) -> None:
        """The app has to leave now: the old file comes back at once, without the proof."""
        if self._leaving:
            return
        self._leaving = True
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=STOP_S)

    # --- adopt -------------------------------------------------------------------------------

    async def adopt(self, plan: Plan, ids: Collection[str]) -> tuple[str, ...]:
        """Take these changes' values from the proxy or the file; what was done, in sentences.

        Raises:
            AituiError: as the store refuses an edit.
        """
        app, done = self._app, list[str]()

        async def save() -> object:
            done.extend(await self.rollout.adopt(plan, ids, actor=app.actor))
            return done

        what = "1 difference is adopted" if len(ids) == 1 else f"{len(ids)} differences are adopted"
        await app.editing.submit(what, save)
        return tuple(done)
