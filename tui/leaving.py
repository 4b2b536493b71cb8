"""Leaving while a form is open: what was typed is not thrown away without a question."""

from __future__ import annotations

from typing import Any

from textual.app import App

from tui.modals.confirm import ConfirmScreen
from tui.modals.form import FormScreen


async def hold_back(app: App[None]) -> bool:
    """Whether the app stays for now: a save is waited for, or the operator is asked.

    The app leaves by itself once the form is saved.
    """
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


async def _ask(app: App[None], form: FormScreen[Any]) -> None:
    def answered(leave: bool | None) -> None:
        if leave:
            app.exit()

    if not isinstance(app.screen, ConfirmScreen):  # one question at a time
        question = "Leave, and throw away what you typed?"
        screen = ConfirmScreen(question, f"Not saved yet: {form.title_text}.", yes="Leave")
        await app.push_screen(screen, answered)
