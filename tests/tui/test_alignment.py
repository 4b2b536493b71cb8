"""Every line of every card is as wide as the view, whatever the names are made of."""

from __future__ import annotations

import asyncio
import functools
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style
from wcwidth import wcwidth

from store.demo.start import demo_environment
from store.domain import Model, Provider, Route, UsageTotals
from store.environment import Environment
from store.store import open_store
from tests.tui.conftest import fixed_clock, settings_for
from tui.widgets.cards import CardItem, CardView
from tui.widgets.model_card import ModelItem
from tui.widgets.provider_card import ProviderItem
from tui.widgets.route_card import RouteItem

WIDTHS = (20, 38, 78, 80, 118)


class Bare(CardView):
    """A view that can draw without an app: all in one style."""

    def __init__(self, width: int) -> None:
        super().__init__(empty=lambda: "")
        self._width = width

    @property
    def _content_width(self) -> int:
        return self._width

    @property
    def rich_style(self) -> Style:
        return Style.null()

    def _style(self, tone: str, dimmed: bool = False) -> Style:
        return Style.null()


def drawn(item: CardItem, width: int, chosen: bool) -> list[str]:
    strips = Bare(width)._draw(item, chosen)
    assert len(strips) == item.height
    return ["".join(segment.text for segment in strip) for strip in strips]


def cells_one_by_one(line: str) -> int:
    """A line's cells in a terminal that knows no more than each character's own width."""
    return sum(wcwidth(char) for char in line)


def assert_aligned(item: CardItem) -> None:
    for width in WIDTHS:
        for chosen in (False, True):
            for line in drawn(item, width, chosen):
                assert cell_len(line) == width, line
                assert "\n" not in line


def items(
    models: Sequence[Model], providers: Sequence[Provider], routes: Sequence[Route], glyphs: str
) -> list[CardItem]:
    owners = {provider.id: provider for provider in providers}
    by_id = {model.id: model for model in models}
    today = UsageTotals(1234, 1200, 45_200, 1_350_000_000, 3, 99_000)
    return [
        *(ModelItem(model, owners[model.provider_id], today, "", glyphs) for model in models),
        *(ProviderItem(one, 3, 2, today, False, "3m ago", glyphs, "") for one in providers),
        *(RouteItem.of(route, by_id) for route in routes),
    ]


@functools.cache
def demo() -> tuple[tuple[Model, ...], tuple[Provider, ...], tuple[Route, ...]]:
    async def read() -> tuple[tuple[Model, ...], tuple[Provider, ...], tuple[Route, ...]]:
        with tempfile.TemporaryDirectory() as folder:
            settings = settings_for(Path(folder) / "unused.db")
            async with demo_environment(fixed_clock, settings.zone()) as made_up:
                shown = settings_for(made_up.store_path)
                async with open_store(shown, Environment({}), clock=fixed_clock) as store:
                    return (
                        await store.models.all(),
                        await store.providers.all(),
                        await store.routes.all(),
                    )

    return asyncio.run(read())


@pytest.mark.parametrize("glyphs", ["shapes", "emoji"])
def test_the_demo_s_cards_are_aligned_in_every_terminal(glyphs: str) -> None:
    every = items(*demo(), glyphs)
    assert len(every) > 20
    for item in every:
        assert_aligned(item)
        for line in drawn(item, 78, True):
            assert cells_one_by_one(line) == 78, line


NAMES = st.one_of(
    st.text(max_size=60),
    st.text(
        "가각힣라마한글漢字かナｶ🦙🚀🇰🇷⚠\ufe0f👩\U0001f3fd\u200d💻e\u0301 -a[]/\\\n\t", max_size=80
    ),
    st.text("라", min_size=30, max_size=50),
)


@given(name=NAMES, other=NAMES)
def test_cards_are_aligned_whatever_the_names_are(name: str, other: str) -> None:
    models, providers, routes = demo()
    provider = replace(
        providers[0], display_name=name, name=other, api_base_url=name, api_key_env=other
    )
    model = replace(
        models[0],
        provider_id=provider.id,
        model_name=name,
        display_name=other,
        description=other,
        health=replace(models[0].health, reason=name),
    )
    route = replace(
        routes[0], name=name, description=other, primary_model_id=model.id, routing_strategy=name
    )
    for item in items([model], [provider], [route], "shapes"):
        assert_aligned(item)
