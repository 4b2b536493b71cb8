"""The dashboard: four tabs over the store, one serial writer, and the poll for changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.app import ComposeResult
from textual.binding import Binding
from textual.filter import Monochrome, NoColor
from textual.notifications import SeverityLevel
from textual.widgets import ContentSwitcher, Footer

from store.environment import Environment
from store.errors import AituiError
from store.session import open_session
from store.settings import Settings
from store.store import Store, local_actor
from store.times import Clock, utc_now
from tui.actions import WRITES, Action, Place, action_commands, bindings, thing_commands
from tui.applying import Applying
from tui.checks import ProviderChecks
from tui.editing import Editing
from tui.failures import FailureMixin
from tui.messages import (
    CheckRequested,
    DefaultRequested,
    StoreChanged,
    TestAllRequested,
    TestRequested,
    ToggleRequested,
)
from tui.painter import Painter
from tui.tabs.base import StoreTab, ThingTab
from tui.tabs.factory import make_tab
from tui.terminal import GuardedApp, run_guarded
from tui.text import clean
from tui.widgets.header import HeaderBar, Tab
from tui.writer import SerialWriter

if TYPE_CHECKING:
    from rich.console import RenderableType
    from textual.screen import Screen

TABS = (
    Tab("models", "1", "Models"),
    Tab("providers", "2", "Providers"),
    Tab("routes", "3", "Routes"),
    Tab("usage", "4", "Usage"),
)
POLL_S = 0.25
"""How often another process's changes are looked for: a change appears within 2 s."""
STATUS_S = 5.0
"""How often the proxy is asked how it is."""
REPAINT_S = 30.0
"""How often "3m ago" is written anew."""


class AituiApp(FailureMixin, GuardedApp):
    """The app. It paints from the store alone, and writes through one queue."""

    TITLE = "aitui"
    CSS_PATH = "app.tcss"
    COMMANDS: ClassVar[set[Any]] = {action_commands, thing_commands}
    BINDINGS: ClassVar[list[Binding]] = bindings(Place.APP)  # type: ignore[assignment]
    store: Store

    def __init__(
        self,
        settings: Settings,
        environment: Environment,
        *,
        demo: bool = False,
        clock: Clock = utc_now,
        poll: bool = True,
    ) -> None:
        """Args:
        demo: a temporary store and a pretend proxy instead of the settings'.
        poll: whether to ask the proxy, and to look for changes, by itself; tests may not want to.
        """
        super().__init__()
        self.animation_level = "none"  # over a slow line, each step of a scroll is a repaint
        if self.no_color:  # Textual would send shades of grey
            self._filters = [NoColor() if isinstance(f, Monochrome) else f for f in self._filters]
        self._settings = settings
        self._environment = environment
        self._demo = demo
        self._clock = clock
        self._poll = poll
        self._resources = contextlib.AsyncExitStack()
        self._painter = Painter()
        self.writer = SerialWriter(self._saved, self._save_failed, self._handle_exception)
        self.editing = Editing(self)
        self.checks = ProviderChecks(self)
        self.applying = Applying(self)
        self.key_names: frozenset[str] = frozenset()
        """The providers' key variables, whose values no crash log may hold."""
        self.actor = local_actor()
        self.opened = asyncio.Event()
        self.failure: AituiError | None = None
        """Why the store could not be opened."""

    def compose(self) -> ComposeResult:
        yield HeaderBar(TABS, demo=self._demo)
        yield ContentSwitcher(id="tabs")
        yield Footer(show_command_palette=False)

    async def on_mount(self) -> None:
        if self._settings.theme in self.available_themes:
            self.theme = self._settings.theme
        self.app_resume_signal.subscribe(self, lambda _: self.redraw())
        # The first frame is painted before the store is opened.
        self.call_after_refresh(self._open)

    async def _open(self) -> None:
        try:
            session = open_session(
                self._settings, self._environment, demo=self._demo, clock=self._clock
            )
            self.store = await self._resources.enter_async_context(session)
        except AituiError as error:
            self.failure = error
            self.exit(return_code=1)
            return
        if self._exit:  # a signal came meanwhile
            return
        self.query_one(HeaderBar).read_only = self.store.read_only
        providers = await self.store.providers.all()
        self.key_names = frozenset(p.api_key_env for p in providers if p.api_key_env)
        await self.action_show_tab("models")
        self.opened.set()
        if self._poll:
            await self.store.changed()
            self.set_interval(POLL_S, self._look_for_changes)
            self.set_interval(REPAINT_S, self.post_store_changed)
            self.set_interval(STATUS_S, self._ask_proxy)
            self.set_timer(0.3, self._ask_proxy)
            self.applying.watch()

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        """Textual's way to the terminal; only what changed goes there."""
        if isinstance(renderable, LayoutUpdate | ChopsUpdate):
            super()._display(screen, self._painter.wrap(renderable))  # type: ignore[arg-type]
        else:
            super()._display(screen, renderable)

    def on_resize(self) -> None:
        """Terminals move text about when they are resized."""
        self._painter.forget()

    def redraw(self) -> None:
        """Write the whole screen again, whatever stands there."""
        self._painter.forget()
        self.refresh()

    async def finish_writes(self) -> None:
        await asyncio.gather(self.applying.finish(), self.writer.finish())

    def secrets(self) -> Iterable[str]:
        """Values that no crash log may hold."""
        names = {self._settings.gateway_key_env, *self.key_names}
        return self._environment.secrets(names)

    async def on_unmount(self) -> None:
        """Finish the saves, then close the store and what belongs to it."""
        await self.finish_writes()
        await self._resources.aclose()

    # --- tabs --------------------------------------------------------------------------------

    @property
    def tabs(self) -> ContentSwitcher:
        return self.query_one("#tabs", ContentSwitcher)

    @property
    def tab(self) -> StoreTab | None:
        """The tab in sight; None until the store is open."""
        name = self.tabs.current
        return None if name is None else self.tabs.get_child_by_id(name, StoreTab)

    async def action_show_tab(self, name: str) -> None:
        if not hasattr(self, "store"):
            return
        if not self.tabs.query(f"#{name}"):
            # Panes are made when they are first shown.
            await self.tabs.mount(make_tab(name))
            if not self.tabs.query(f"#{name}"):
                return  # the app is closing, and nothing is mounted any more
        self.tabs.current = name
        self.query_one(HeaderBar).current = name
        tab = self.tab
        if tab is not None:
            tab.reload()
            tab.focus_main()

    async def action_step_tab(self, step: int) -> None:
        names = [tab.name for tab in TABS]
        index = names.index(self.tabs.current or names[0])
        await self.action_show_tab(names[(index + step) % len(names)])

    @on(HeaderBar.TabClicked)
    async def _tab_clicked(self, event: HeaderBar.TabClicked) -> None:
        await self.action_show_tab(event.name)

    @property
    def place(self) -> Place:
        """Where the operator is."""
        return Place((self.tabs.current or "models").capitalize())

    async def run_registered(self, action: Action) -> None:
        """Carry out an action of the registry where it belongs."""
        if action.place is Place.APP or self.tab is None:
            await self.run_action(action.call)
        elif action.place is Place.CARDS:
            for cards in self.tab.query("CardView"):
                await cards.run_action(action.call)
        else:
            await self.tab.run_action(action.call)

    # --- reading -----------------------------------------------------------------------------

    def post_store_changed(self) -> None:
        self.post_message(StoreChanged())

    async def _look_for_changes(self) -> None:
        try:
            if await self.store.changed():
                self.post_store_changed()
        except AituiError as error:
            self.tell(str(error), "error")

    @on(StoreChanged)
    def _store_changed(self) -> None:
        if self.tab is not None:
            self.tab.reload()
        self.applying.store_changed()

    async def action_refresh_all(self) -> None:
        self.redraw()
        self.post_store_changed()
        self._ask_proxy(fresh=True)
        self.applying.look(fresh=True)

    @work(exclusive=True, group="status", exit_on_error=False)
    async def _ask_proxy(self, fresh: bool = False) -> None:
        status = await self.store.gateway.status(fresh=fresh)
        self.query_one(HeaderBar).show_status(status)

    # --- writing -----------------------------------------------------------------------------

    @on(ToggleRequested)
    def _toggle(self, event: ToggleRequested) -> None:
        self.editing.toggle(event)

    @on(DefaultRequested)
    def _make_default(self, event: DefaultRequested) -> None:
        self.run_edit(self.editing.make_default(event.route_id))

    async def action_history(self) -> None:
        await self.told(self.editing.show_history())

    async def action_plan(self) -> None:
        await self.told(self.applying.show_plan())

    def action_apply(self) -> None:
        self.run_edit(self.applying.apply())

    async def action_revisions(self) -> None:
        await self.told(self.applying.show_revisions())

    def action_undo(self) -> None:
        self.run_edit(self.editing.undo())

    # Not exclusive: what one edit began is not cancelled by the next.
    @work(group="edit", exit_on_error=False)
    async def run_edit(self, edit: Coroutine[Any, Any, None]) -> None:
        """Write in the background; the screen stays alive."""
        await self.told(edit)

    async def told(self, edit: Coroutine[Any, Any, None]) -> None:
        """Do it, and tell the operator what keeps it from being done."""
        try:
            await edit
        except AituiError as error:
            self.tell(str(error), "error")
            self.post_store_changed()

    @work(exclusive=True, group="catalog", exit_on_error=False)
    async def action_refresh_catalog(self) -> None:
        await self.told(self.editing.refresh_catalog())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Read-only hides what writes."""
        if hasattr(self, "store") and self.store.read_only:
            return (Place.APP, action) not in WRITES
        return True

    async def show_thing(self, topic: str, thing_id: str) -> None:
        """Go to a thing's card."""
        await self.action_show_tab(topic)
        if isinstance(self.tab, ThingTab):
            await self.told(self.tab.reveal(thing_id))

    def _saved(self, what: str) -> None:
        self.tell(what)
        self.applying.hint()
        self.post_store_changed()

    def _save_failed(self, what: str, error: AituiError) -> None:
        self.tell(f"Not saved: {what}. {error}", "error")
        self.post_store_changed()

    # --- tests and checks --------------------------------------------------------------------

    @on(TestRequested)
    def _test(self, event: TestRequested) -> None:
        from tui.modals.test_model import TestModelScreen

        self.push_screen(TestModelScreen(self.store, event.model_id, event.model_name))

    @on(TestAllRequested)
    def _test_all(self) -> None:
        from tui.modals.test_all import TestAllScreen

        self.push_screen(TestAllScreen(self.store))

    @on(CheckRequested)
    def _check(self, event: CheckRequested) -> None:
        new = tuple(each for each in event.provider_ids if each not in self.checks.progress)
        self.run_worker(self.checks.run(new), group="check", exit_on_error=False)

    # --- the rest ----------------------------------------------------------------------------

    def tell(self, sentence: str, severity: SeverityLevel = "information") -> None:
        """A toast, cleaned of what data may bring along."""
        self.notify(clean(sentence, limit=400), severity=severity, markup=False)

    def tell_failure(self, error: BaseException) -> None:
        """A fault of ours in background work: the app goes on, and the log knows more."""
        from tui import crash

        self.tell(crash.report([error], self.secrets(), stopped=False), "error")

    def action_help(self) -> None:
        from tui.modals.help import HelpScreen

        self.push_screen(HelpScreen(self.tabs.current or "models", read_only=self.store.read_only))

    def action_toggle_theme(self) -> None:
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    def action_command_palette(self) -> None:
        """Commands act on the lists, so over a dialog there are none; help makes way."""
        from tui.modals.help import HelpScreen

        if isinstance(self.screen, HelpScreen):
            self.pop_screen()
        if len(self.screen_stack) == 1:
            super().action_command_palette()

    async def action_quit(self) -> None:
        """Leave; an apply or a form with changes asks first, and saves under way are finished."""
        if len(self.screen_stack) > 1 or self.applying.busy:
            from tui.leaving import hold_back

            if await hold_back(self):
                return
        if self.writer.pending:
            self.tell("Finishing the saves …")
        await self.writer.finish()
        self.exit()


def run_dashboard(settings: Settings, environment: Environment, *, demo: bool = False) -> int:
    """Run the dashboard until the operator leaves; the exit status.

    Raises:
        AituiError: the store could not be opened; the terminal is restored by then.
    """
    app = AituiApp(settings, environment, demo=demo)
    status = run_guarded(app)
    if app.failure is not None:
        raise app.failure
    return status
