"""Leaving while a form is open or an apply is under way: nothing is lost without a question."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tui.modals.confirm import ConfirmScreen
from tui.modals.form import FormScreen

if TYPE_CHECKING:
    from tui.app import AituiApp


async def hold_back(app: AituiApp) -> bool:
    """Whether the app stays for now: a save is waited for, or the operator is asked.

    The app leaves by itself once the form is saved.
    """
    if app.applying.busy:
        await _ask_to_stop(app)
        return True
    form = next((s for s in app.screen_stack if isinstance(s, FormScreen)), None)
    if form is None:
        return False
    if form.is_saving:
        form.after_save = app.action_quit
        return True
    if not form.is_dirty:
        return False
    await _ask(app, form)
    return True


async def _ask(app: AituiApp, form: FormScreen[Any]) -> None:
    def answered(leave: bool | None) -> None:
        if leave:
            app.exit()

    if not isinstance(app.screen, ConfirmScreen):  # one question at a time
        question = "Leave, and throw away what you typed?"
        screen = ConfirmScreen(question, f"Not saved yet: {form.title_text}.", yes="Leave")
        await app.push_screen(screen, answered)


async def _ask_to_stop(app: AituiApp) -> None:
    """An apply is not left to itself: it goes on, or the old configuration comes back first."""
    run = app.applying.run
    again = run is not None and run.stopping

    async def stop() -> None:
        await app.applying.stop_and_wait()
        await app.writer.finish()
        app.exit()

    def answered(leave: bool | None) -> None:
        if leave and again:
            app.exit()
        elif leave:
            app.run_edit(stop())

    question = "Put the old configuration back, and leave?"
    text = "An apply is under way. Cancel stays, and the apply goes on."
    if again:
        question = "Leave before the old configuration is proved to be back?"
        text = "Its file is put back in any case. aitui apply then proves the rest."
    if not isinstance(app.screen, ConfirmScreen):
        await app.push_screen(ConfirmScreen(question, text, yes="Leave"), answered)
