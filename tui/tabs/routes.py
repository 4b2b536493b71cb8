"""The Routes tab: each route with its chain."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Label

from store.domain import Model, Route
from store.linter import Lint, Severity, lint_all
from tui.actions import Place, bindings
from tui.messages import DefaultRequested
from tui.tabs.base import ThingTab
from tui.widgets.cards import CardView
from tui.widgets.route_card import RouteItem


class RoutesTab(ThingTab):
    """A card a route, the default one first."""

    topic = "routes"
    place = Place.ROUTES
    BINDINGS: ClassVar[list[Binding]] = bindings(Place.ROUTES)  # type: ignore[assignment]

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._routes: tuple[Route, ...] = ()
        self._models: dict[str, Model] = {}
        self._lints: tuple[Lint, ...] = ()
        self._loaded = False

    def compose(self) -> ComposeResult:
        with Horizontal(classes="filter-bar"):
            yield Label("Routing Rules", classes="title")
        yield CardView(empty=self._empty_text, id="route-cards")

    @property
    def cards(self) -> CardView:
        return self.query_one("#route-cards", CardView)

    async def load(self) -> None:
        self._routes = await self.store.routes.all()
        models = await self.store.models.all()
        providers = await self.store.providers.all()
        self._models = {model.id: model for model in models}
        self._lints = lint_all(self._routes, models, providers)
        self._loaded = True
        self.cards.hidden = self.hidden
        self.cards.show([self._item(route) for route in self._routes])

    def _item(self, route: Route) -> RouteItem:
        found = [lint.severity for lint in self._lints if lint.route_id == route.id]
        return RouteItem.of(
            route,
            self._models,
            errors=found.count(Severity.ERROR),
            warnings=found.count(Severity.WARNING),
        )

    def _empty_text(self) -> str:
        if not self._loaded:
            return "Reading the store …"
        return f"No routes yet.\n\n{self.how_to_begin}"

    def chosen(self) -> Route | None:
        """The route under the cursor."""
        chosen_id = self.cards.chosen_id
        return next((route for route in self._routes if route.id == chosen_id), None)

    def action_switch(self) -> None:
        route = self.chosen()
        if route is not None and route.is_default:
            self.app.notify("The default route gives the proxy's strategy; it stays enabled.")
            return
        super().action_switch()

    async def action_clone(self) -> None:
        if route := self.chosen():
            await self.edit(self.topic, route.id, clone=True)

    def action_make_default(self) -> None:
        if route := self.chosen():
            self.post_message(DefaultRequested(route.id))

    async def action_explain(self) -> None:
        if route := self.chosen():
            app = self.console_app
            await app.told(app.editing.explain(route.name))

    @on(CardView.Chosen)
    def _opened(self) -> None:
        if route := self.chosen():
            from tui.modals.details import route_details

            self.app.push_screen(route_details(route, self._models, self._lints))
