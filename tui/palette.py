"""The command palette (ctrl+p): every action of the registry by its name."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from tui.actions import ACTIONS, Action, Place, key_label
from tui.text import clean, safe

if TYPE_CHECKING:
    from tui.app import AituiApp


class ActionCommands(Provider):
    """Actions that work in the tab in sight, then those that work everywhere."""

    async def discover(self) -> Hits:
        for action in self._actions():
            yield DiscoveryHit(_title(action), partial(self._run, action), help=action.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for action in self._actions():
            title = _title(action)
            if (score := matcher.match(f"{title} {action.help}")) > 0:
                yield Hit(score, title, partial(self._run, action), text=title, help=action.help)

    def _actions(self) -> Iterator[Action]:
        app = cast("AituiApp", self.app)
        for place in (app.place, Place.CARDS, Place.APP):
            for action in ACTIONS:
                hidden = action.writes and app.store.read_only
                if action.place is place and action.palette and not hidden:
                    yield action

    async def _run(self, action: Action) -> None:
        await cast("AituiApp", self.app).run_registered(action)


def _title(action: Action) -> str:
    return f"{action.label}  ({key_label(action)})"


class ThingCommands(Provider):
    """Models, providers and routes by their names: goes to the card."""

    async def startup(self) -> None:
        world = await cast("AituiApp", self.app).store.edit.world()
        self._things = [
            *((f"Model {m.model_name}", "models", m.id, m.display_name) for m in world.models),
            *((f"Provider {p.name}", "providers", p.id, p.display_name) for p in world.providers),
            *((f"Route {r.name}", "routes", r.id, r.description or "") for r in world.routes),
        ]

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        app = cast("AituiApp", self.app)
        for title, topic, thing_id, more in self._things:
            if (score := matcher.match(f"{title} {more}")) > 0:
                name = clean(title, one_line=True, limit=100)
                go = partial(app.show_thing, topic, thing_id)
                # Content shows a text as it is; a str would be parsed as markup, the help too.
                about = cast("str", safe(more, one_line=True, limit=200))
                yield Hit(score, safe(name), go, text=name, help=about)
