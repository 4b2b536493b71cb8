"""What the tabs share: they read the store when it changed, and paint from what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import on, work
from textual.containers import Vertical

from store.domain import Model, Provider, Route
from store.errors import AituiError
from store.store import Store
from tui.actions import WRITES, Place
from tui.failures import FailureMixin
from tui.messages import ToggleRequested
from tui.text import safe
from tui.widgets.cards import CardView

if TYPE_CHECKING:
    from tui.app import AituiApp


class StoreTab(FailureMixin, Vertical):
    """A tab: `load` reads and paints. Reads are exclusive: a newer one replaces an older."""

    DEFAULT_CSS = """
    StoreTab { background: $background; }
    """

    @property
    def console_app(self) -> AituiApp:
        return cast("AituiApp", self.app)

    @property
    def store(self) -> Store:
        return self.console_app.store

    async def load(self) -> None:
        """Read the store and paint. Each tab has its own."""
        raise NotImplementedError

    @work(exclusive=True, group="read", exit_on_error=False)
    async def reload(self) -> None:
        """Read again; an error is told, and what stands on the screen stays."""
        try:
            await self.load()
        except AituiError as error:
            self.app.notify(safe(str(error)).plain, severity="error", markup=False)

    def focus_main(self) -> None:
        """Put the cursor where the keys of this tab work."""
        for widget in self.query("CardView, #usage-body"):
            self.screen.set_focus(widget)  # at once: keys that were typed ahead come next
            return


class ThingTab(StoreTab):
    """A tab of cards that can be edited. Read-only hides what writes."""

    topic: ClassVar[str]
    """models, providers or routes"""
    place: ClassVar[Place]

    @property
    def cards(self) -> CardView:
        """The tab's cards."""
        raise NotImplementedError

    def chosen(self) -> Provider | Model | Route | None:
        """The thing under the cursor."""
        raise NotImplementedError

    @property
    def how_to_begin(self) -> str:
        """What an empty list says to do next."""
        if self.store.read_only:
            return f"Start without {self.store.settings.read_only_because} to add one."
        return (
            "n adds one. Or bring them in from LiteLLM's configuration:\n"
            "aitui import litellm_config.yaml"
        )

    @property
    def hidden(self) -> frozenset[str]:
        """Actions that are not offered, because the store is read-only."""
        if not self.store.read_only:
            return frozenset()
        return frozenset(call for place, call in WRITES if place is self.place)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action not in self.hidden

    # What opens a screen is awaited, so that keys typed ahead act there and not in the list.

    async def action_add(self) -> None:
        await self.edit(self.topic, None)

    async def action_edit(self) -> None:
        if thing := self.chosen():
            await self.edit(self.topic, thing.id)

    async def edit(
        self, topic: str, thing_id: str | None, *, clone: bool = False, focus: str = ""
    ) -> None:
        """Open a form; `focus` names the field that the cursor is put on."""
        app = self.console_app
        await app.told(app.editing.open_form(topic, thing_id, clone=clone, focus=focus))

    async def action_remove(self) -> None:
        if thing := self.chosen():
            app = self.console_app
            await app.told(app.editing.remove(self.topic, thing.id))

    async def action_thing_history(self) -> None:
        if thing := self.chosen():
            app = self.console_app
            await app.told(app.editing.show_history(self.topic, thing.id))

    def action_switch(self) -> None:
        if thing := self.chosen():
            name = thing.model_name if isinstance(thing, Model) else thing.name
            self.post_message(
                ToggleRequested(self.topic, thing.id, name, not thing.is_enabled, thing.version)
            )

    async def reveal(self, thing_id: str) -> None:
        """Put the cursor on that card, even if a filter hides it."""
        await self.load()
        self.cards.choose(thing_id)
        if self.cards.chosen_id != thing_id:
            self.show_all()
            self.cards.choose(thing_id)

    def show_all(self) -> None:
        """Let no filter hide anything."""

    @on(CardView.Pressed)
    async def _pressed(self, event: CardView.Pressed) -> None:
        if event.action not in self.hidden:
            await self.run_action(event.action)
