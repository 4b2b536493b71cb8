"""The Models tab: a card a model, filtered by provider, by state and by what is typed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Input, Label, Select

from store.domain import Model, Provider, UsageTotals
from tui import format as fmt
from tui.actions import Place, bindings
from tui.messages import TestAllRequested, TestRequested
from tui.tabs.base import ThingTab
from tui.tabs.model_order import Ability, ModelFilter, Order, search_text
from tui.text import clean, safe_rich
from tui.widgets.cards import CardView
from tui.widgets.check import Check
from tui.widgets.model_card import NO_USE, ModelItem


class ModelsTab(ThingTab):
    """Models, as the wireframe draws them."""

    topic = "models"
    place = Place.MODELS
    BINDINGS: ClassVar[list[Binding]] = bindings(Place.MODELS)  # type: ignore[assignment]

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._models: tuple[Model, ...] = ()
        self._providers: dict[str, Provider] = {}
        self._today: dict[str, UsageTotals] = {}
        self._items: list[tuple[ModelItem, str]] = []
        """Every model's card with its search text, made once a read and not once a letter."""
        self._filter = ModelFilter()
        self._loaded = False
        self._options: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        with Horizontal(classes="filter-bar"):
            yield Label("AI Models", classes="title")
            yield Label("", id="order", classes="caption", markup=False)
            yield Select[str](
                [], prompt="All Providers", compact=True, id="provider", tooltip="f: one provider"
            )
            yield Check("Enabled only", id="enabled", tooltip="o: enabled only")
            yield Input(placeholder="Search  /", compact=True, id="search")
        yield CardView(empty=self._empty_text, id="model-cards")

    @property
    def cards(self) -> CardView:
        return self.query_one("#model-cards", CardView)

    async def load(self) -> None:
        self._providers = {provider.id: provider for provider in await self.store.providers.all()}
        self._models = await self.store.models.all()
        self._today = await self.store.usage.today()
        self._loaded = True
        self._items = [(item, search_text(item)) for item in self._all_items()]
        self._show_providers()
        self._show_models()

    def _show_providers(self) -> None:
        used = {model.provider_id for model in self._models}
        options = [
            (clean(provider.display_name, one_line=True, limit=40), provider.id)
            for provider in self._providers.values()
            if provider.id in used
        ]
        if options == self._options:
            return
        self._options = options
        select = self.query_one("#provider", Select)
        with self.prevent(Select.Changed):
            select.set_options([(safe_rich(name), value) for name, value in options])
            if self._filter.provider_id in {value for _, value in options}:
                select.value = self._filter.provider_id

    def _all_items(self) -> Iterator[ModelItem]:
        now = self.store.clock()
        glyphs = self.store.settings.glyphs
        for model in self._models:
            tested = model.health.checked_at
            yield ModelItem(
                model,
                self._providers[model.provider_id],
                self._today.get(model.id, NO_USE),
                fmt.ago(tested, now) if tested else "",
                glyphs,
            )

    def _show_models(self) -> None:
        lets_through = self._filter.lets_through
        items = [item for item, text in self._items if lets_through(item, text)]
        self.cards.hidden = self.hidden
        self.cards.show(self._filter.sort(items))

    def _empty_text(self) -> str:
        if not self._loaded:
            return "Reading the store …"
        if self._models:
            return "No model matches.\n\nesc shows all again."
        return f"No models yet.\n\n{self.how_to_begin}\n\nor look around first: aitui --demo"

    # --- the filter bar ----------------------------------------------------------------------

    @on(Select.Changed, "#provider")
    def _provider_chosen(self, event: Select.Changed) -> None:
        self._narrow(provider_id=event.value if isinstance(event.value, str) else None)
        self.cards.focus()

    @on(Check.Changed, "#enabled")
    def _enabled_chosen(self, event: Check.Changed) -> None:
        self._narrow(enabled_only=event.value)

    @on(Input.Changed, "#search")
    def _search_typed(self, event: Input.Changed) -> None:
        self._narrow(words=tuple(event.value.casefold().split()))

    @on(Input.Submitted, "#search")
    def _search_done(self) -> None:
        self.cards.focus()

    def _narrow(self, **changes: Any) -> None:
        """Change what the bar asks for, and show what is left."""
        self._filter = replace(self._filter, **changes)
        self.query_one("#order", Label).update(self._filter.says)
        self._show_models()

    def action_sort(self) -> None:
        self._narrow(order=_next(Order, self._filter.order))

    def action_filter_capability(self) -> None:
        self._narrow(ability=_next(Ability, self._filter.ability))

    def action_search(self) -> None:
        self.screen.set_focus(self.query_one("#search", Input))  # at once, for keys typed ahead

    def action_filter_provider(self) -> None:
        select = self.query_one("#provider", Select)
        select.focus()
        select.action_show_overlay()

    def action_filter_enabled(self) -> None:
        self.query_one("#enabled", Check).toggle()

    def action_clear(self) -> None:
        """Back: out of the search first, then all filters off."""
        if self.cards.has_focus or self.query_one("#search", Input).value:
            self.show_all()
        self.cards.focus()

    def show_all(self) -> None:
        with self.prevent(Input.Changed, Select.Changed, Check.Changed):
            self.query_one("#search", Input).value = ""
            self.query_one("#provider", Select).clear()
            self.query_one("#enabled", Check).value = False
        self._filter = ModelFilter()
        self._narrow()

    # --- what is done with a model -----------------------------------------------------------

    def chosen(self) -> Model | None:
        """The model under the cursor."""
        chosen_id = self.cards.chosen_id
        return next((model for model in self._models if model.id == chosen_id), None)

    def action_test(self) -> None:
        if model := self.chosen():
            self.post_message(TestRequested(model.id, model.model_name))

    async def action_explain(self) -> None:
        if model := self.chosen():
            app = self.console_app
            await app.told(app.editing.explain(model.model_name))

    async def action_configure(self) -> None:
        """The key's variable is its provider's."""
        if model := self.chosen():
            await self.edit("providers", model.provider_id, focus="api_key_env")

    def action_test_all(self) -> None:
        self.post_message(TestAllRequested())

    @on(CardView.Chosen)
    def _opened(self) -> None:
        if model := self.chosen():
            from tui.modals.details import model_details

            provider = self._providers[model.provider_id]
            totals = self._today.get(model.id, NO_USE)
            self.app.push_screen(model_details(model, provider, totals, self.store))


Member = TypeVar("Member", Order, Ability)


def _next(kind: type[Member], member: Member) -> Member:
    """The one behind it; the first behind the last."""
    members = list(kind)
    return members[(members.index(member) + 1) % len(members)]
