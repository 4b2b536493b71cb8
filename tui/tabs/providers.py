"""The Providers tab: who serves the models, and how their last checks went."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal
from textual.widgets import Label

from store.domain import Provider, UsageTotals
from tui import format as fmt
from tui.actions import Place, bindings
from tui.messages import CheckRequested
from tui.tabs.base import ThingTab
from tui.widgets.cards import CardView
from tui.widgets.provider_card import ProviderItem


class ProvidersTab(ThingTab):
    """A card a provider."""

    topic = "providers"
    place = Place.PROVIDERS
    BINDINGS: ClassVar[list[Binding]] = bindings(Place.PROVIDERS)  # type: ignore[assignment]

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._providers: tuple[Provider, ...] = ()
        self._loaded = False

    def compose(self) -> ComposeResult:
        with Horizontal(classes="filter-bar"):
            yield Label("Providers", classes="title")
            yield Label("", id="provider-summary", classes="summary", markup=False)
        yield CardView(empty=self._empty_text, id="provider-cards")

    @property
    def cards(self) -> CardView:
        return self.query_one("#provider-cards", CardView)

    async def load(self) -> None:
        self._providers = await self.store.providers.all()
        models = await self.store.models.all()
        by_model = await self.store.usage.today()
        self._loaded = True
        count = Counter(model.provider_id for model in models)
        enabled = Counter(model.provider_id for model in models if model.is_enabled)
        today: dict[str, UsageTotals] = {}
        for model in models:
            if model.id in by_model:
                known = today.get(model.provider_id, UsageTotals())
                today[model.provider_id] = known + by_model[model.id]
        now = self.store.clock()
        checking = self.console_app.checks.progress
        items = [
            ProviderItem(
                provider,
                count[provider.id],
                enabled[provider.id],
                today.get(provider.id, UsageTotals()),
                self.store.key_is_set(provider),
                fmt.ago(provider.health.checked_at, now) if provider.health.checked_at else "",
                self.store.settings.glyphs,
                checking.get(provider.id, ""),
            )
            for provider in self._providers
        ]
        self.cards.hidden = self.hidden
        self.cards.show(items)
        health = Counter(p.health.status for p in self._providers if p.is_enabled)
        words = [f"{number} {status}" for status, number in sorted(health.items())]
        self.query_one("#provider-summary", Label).update(" · ".join(words))

    def _empty_text(self) -> str:
        if not self._loaded:
            return "Reading the store …"
        return f"No providers yet.\n\n{self.how_to_begin}"

    def chosen(self) -> Provider | None:
        """The provider under the cursor."""
        chosen_id = self.cards.chosen_id
        return next((item for item in self._providers if item.id == chosen_id), None)

    def action_check(self) -> None:
        if provider := self.chosen():
            self.post_message(CheckRequested((provider.id,)))

    def action_check_all(self) -> None:
        enabled = tuple(provider.id for provider in self._providers if provider.is_enabled)
        self.post_message(CheckRequested(enabled))

    @on(CardView.Chosen)
    async def _opened(self) -> None:
        if provider := self.chosen():
            from tui.modals.details import provider_details

            models = [m for m in await self.store.models.all() if m.provider_id == provider.id]
            checks = await self.store.providers.checks(provider.id)
            self.app.push_screen(provider_details(provider, models, checks, self.store))
