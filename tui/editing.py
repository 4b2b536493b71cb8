"""What the app does when something is to be edited: forms, questions, undo and history."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from store.domain import Model, Provider, Route
from store.editor import Consequences, new_route
from store.errors import AituiError, NotFound, StoreError
from store.history import ALL, HistoryFilter
from store.topic import thing_name
from store.validation import World
from tui.text import clean
from tui.widgets.field_words import names_in

if TYPE_CHECKING:
    from tui.app import AituiApp
    from tui.messages import ToggleRequested
    from tui.modals.form import Desk, FormScreen

AnyThing = Provider | Model | Route
MOST_LINES = 8
"""Of the things that go along with a removal."""
ENTITIES = {"providers": "provider", "models": "model", "routes": "route"}


class Editing:
    """The app's hands. Every save goes through its one writer; undo knows what was saved."""

    def __init__(self, app: AituiApp) -> None:
        self._app = app
        self._done: list[tuple[str, str]] = []
        """(what was done, its change id), the last one at the end: what `u` takes back."""

    async def submit(self, what: str, save: Callable[[], Awaitable[object]]) -> object:
        """Hand a save to the writer and wait for it; its errors are the caller's to tell."""
        outcome = self._app.writer.submit(what, self.noted(what, save), tell_error=False)
        return await asyncio.shield(outcome)

    def noted(
        self, what: str, save: Callable[[], Awaitable[object]]
    ) -> Callable[[], Awaitable[object]]:
        """The save, which is then known to `undo`."""

        async def run() -> object:
            before = self._app.store.last_change_id
            result = await save()
            change_id = self._app.store.last_change_id
            if change_id is not None and change_id != before:
                self._done.append((what, change_id))
            return result

        return run

    def toggle(self, event: ToggleRequested) -> None:
        """Enable or disable a thing."""
        store = self._app.store
        topics = {
            "providers": store.providers.set_enabled,
            "models": store.models.set_enabled,
            "routes": store.routes.set_enabled,
        }
        set_enabled = topics[event.topic]
        what = f"{event.name} is {'enabled' if event.enabled else 'disabled'}"

        async def save() -> object:
            return await set_enabled(
                event.thing_id, event.enabled, actor=self._app.actor, version=event.version
            )

        self._app.writer.submit(what, self.noted(what, save))

    async def refresh_catalog(self) -> None:
        """Fill the price catalogue from the proxy, for the forms."""
        self._app.tell("Asking the proxy for its price map …")
        info = await self._app.store.catalog.refresh()
        self._app.tell(f"The price catalogue has {info.entries:,} models now.")

    async def undo(self) -> None:
        """Take back the last change that was made since the app was opened."""
        if not self._done:
            self._app.tell("Nothing to undo: no change was made since the app was opened.")
            return
        what, change_id = self._done.pop()
        history, actor = self._app.store.history, self._app.actor
        try:
            await asyncio.shield(
                self._app.writer.submit(
                    f"Undone: {what}",
                    lambda: history.undo(change_id, actor=actor),
                    tell_error=False,
                )
            )
        except AituiError as error:
            if isinstance(error, StoreError):  # it can be tried again
                self._done.append((what, change_id))
            self._app.tell(f"Not undone: {what}. {error}", "error")

    async def open_form(
        self, topic: str, thing_id: str | None, *, clone: bool = False, focus: str = ""
    ) -> None:
        """Add a thing (no id), or edit or clone the one of that id; `focus` names a field."""
        world = await self._app.store.edit.world()
        thing = None if thing_id is None else _find(world, topic, thing_id)
        if topic == "models" and not world.providers:
            self._app.tell("Add a provider first: it says where the model is served.", "warning")
            return

        async def closed(saved: AnyThing | None) -> None:
            if saved is not None:
                await self._app.show_thing(topic, saved.id)
            else:
                self._app.post_store_changed()

        await self._app.push_screen(self._form(topic, thing, world, clone, focus), closed)

    @property
    def _desk(self) -> Desk:
        from tui.modals.form import Desk

        return Desk(self._app.store, self.submit, self._app.actor)

    def _form(
        self, topic: str, thing: Any, world: World, clone: bool, focus: str
    ) -> FormScreen[Any]:
        if topic == "providers":
            from tui.modals.provider_form import NEW as NEW_PROVIDER
            from tui.modals.provider_form import ProviderForm

            title = "Add a provider" if thing is None else f"Edit provider {thing.name}"
            return ProviderForm(title, self._desk, world, thing or NEW_PROVIDER, focus=focus)
        if topic == "models":
            from tui.modals.model_form import NEW as NEW_MODEL
            from tui.modals.model_form import ModelForm

            title = "Add a model" if thing is None else f"Edit model {thing.model_name}"
            return ModelForm(title, self._desk, world, thing or NEW_MODEL, focus=focus)
        from tui.modals.provider_form import free_name
        from tui.modals.route_form import RouteForm

        if thing is None:
            thing = new_route(world)
            title = "Add the default route" if thing.is_default else "Add a route"
        elif clone:
            title = f"Clone route {thing.name}"
            name = free_name(f"{thing.name}-copy", {route.name for route in world.routes})
            thing = replace(thing, id="", name=name, is_default=False, is_enabled=True, version=1)
        else:
            title = f"Edit route {thing.name}"
        return RouteForm(title, self._desk, world, thing, focus=focus)

    async def remove(self, topic: str, thing_id: str) -> None:
        """Ask, naming the thing and what goes along, then remove it."""
        from tui.modals.confirm import ConfirmScreen

        edit = self._app.store.edit
        world = await edit.world()
        thing = _find(world, topic, thing_id)
        if isinstance(thing, Route) and thing.is_default:
            self._app.tell(
                "The default route cannot be removed: make another the default first.", "warning"
            )
            return
        name = clean(thing_name(thing), one_line=True, limit=40)
        effects = await edit.consequences(thing)

        def answered(yes: bool | None) -> None:
            if yes:
                self._app.run_edit(
                    self._try(
                        f"{name} is removed",
                        lambda: edit.remove(
                            thing, actor=self._app.actor, along=True, expected=effects
                        ),
                    )
                )

        text = _consequences(effects, world) + "u undoes it."
        question = ConfirmScreen(f"Remove {ENTITIES[topic]} {name}?", text, yes="Remove")
        await self._app.push_screen(question, answered)

    async def make_default(self, route_id: str) -> None:
        edit = self._app.store.edit
        route = _find(await edit.world(), "routes", route_id)
        assert isinstance(route, Route)
        if route.is_default:
            self._app.tell(f"{route.name} is the default route already.")
            return
        await self._try(
            f"{route.name} is the default route",
            lambda: edit.make_default(route, actor=self._app.actor),
        )

    async def explain(self, name: str) -> None:
        from tui.modals.explain import ExplainScreen

        await self._app.push_screen(ExplainScreen(name, await self._app.store.edit.world()))

    async def show_history(self, topic: str | None = None, thing_id: str | None = None) -> None:
        """All changes, or those of one thing."""
        from tui.modals.history import HistoryScreen

        which = ALL
        if topic is not None and thing_id is not None:
            thing = _find(await self._app.store.edit.world(), topic, thing_id)
            which = HistoryFilter(ENTITIES[topic], thing_id, thing_name(thing))
        await self._app.push_screen(HistoryScreen(self._desk, which))

    async def _try(self, what: str, save: Callable[[], Awaitable[object]]) -> None:
        try:
            await self.submit(what, save)
        except AituiError as error:
            self._app.tell(str(error), "error")
            self._app.post_store_changed()


def _find(world: World, topic: str, thing_id: str) -> AnyThing:
    things: tuple[AnyThing, ...] = getattr(world, topic)
    for thing in things:
        if thing.id == thing_id:
            return thing
    raise NotFound(f"This {ENTITIES[topic]} is not there any more: somebody removed it.")


def _consequences(effects: Consequences, world: World) -> str:
    """What goes along, thing by thing, up to a screenful."""
    if effects.is_empty:
        return ""
    before = {route.id: route for route in world.routes}
    names = names_in(world)
    lines = [f"Model {thing_name(model)} goes with it." for model in effects.models]
    for route in effects.routes_changed:
        text = f"Route {route.name} loses it."
        if route.primary_model_id != before[route.id].primary_model_id:
            primary = names.get(route.primary_model_id or "", "")
            text += f" {primary} serves first then." if primary else " It has no primary then."
        lines.append(text)
    lines += [
        f"Route {route.name} is removed: nothing of its chain is left."
        for route in effects.routes_removed
    ]
    used = len(effects.routes_changed) + len(effects.routes_removed)
    head = f"{used} route{' uses' if used == 1 else 's use'} it. " if used else ""
    more = [f"… and {len(lines) - MOST_LINES} more."] if len(lines) > MOST_LINES else []
    shown = [clean(line, one_line=True, limit=120) for line in lines[:MOST_LINES]]
    return "\n".join((f"{head}In the same change:", *shown, *more, ""))
