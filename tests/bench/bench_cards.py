"""Mount and key cost of 2,000 models at 120x40, in-process, against a widget for each line.

`python tests/bench/bench_cards.py [MODELS]`. Three subjects: the card view alone, the Models tab
over a real store, and the naive baseline of three widgets a card. The baseline is measured with
fewer cards and scaled up, since with all of them it takes half a minute. Processor time of this
process, so that another program on the machine does not count.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from common import (
    NOW,
    ZONE,
    Line,
    fixed_clock,
    folder,
    make_large_store,
    make_model,
    ms,
    print_table,
    times,
)
from textual import events
from textual.app import App, ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.pilot import Pilot
from textual.widgets import Input, Static

from store.domain import Health, HealthStatus, Provider, UsageTotals
from store.environment import Environment
from store.settings import Settings
from tui.app import AituiApp
from tui.widgets.cards import CardView
from tui.widgets.model_card import ModelItem

SIZE = (120, 40)
RUNS = 11
NAIVE = 200
"""Cards of the baseline."""
KEYS = (("j",), ("k",), ("pagedown",), ("pageup",), ("G", "g"))
"""Keys that are pressed in turn, each to its median."""
MOUNT_GOAL = "under 100 ms"
KEY_GOAL = "under 20 ms"


class CardApp(App[None]):
    """The card view and nothing else."""

    def compose(self) -> ComposeResult:
        yield CardView(empty=lambda: "")


class NaiveApp(App[None]):
    """What the card view is there to avoid: a container and two texts a card."""

    CSS = """
    .card { height: 7; border: round $foreground 40%; }
    .card:focus { border: heavy $accent; }
    Static { height: auto; }
    """

    def compose(self) -> ComposeResult:
        yield VerticalScroll()


def items(count: int) -> list[ModelItem]:
    provider = Provider("p0", "provider-0", "Provider 0", "openai", api_key_env="BENCH_KEY")
    use = UsageTotals(120, 118, 45_200, 1_350_000_000, 0, 37_440)
    health = Health(HealthStatus.HEALTHY, NOW, 312)
    return [ModelItem(make_model(n, health), provider, use, "3m ago") for n in range(count)]


async def cpu_ms(pilot: Pilot[None], act: Callable[[], Awaitable[object]]) -> float:
    """Processor time of the act, of what it sets off and of its paint."""
    await pilot.pause()
    began = time.process_time()
    await act()
    await pilot.pause()
    return (time.process_time() - began) * 1000


async def keys_ms(pilot: Pilot[None], keys: Sequence[str], runs: int = RUNS) -> dict[str, float]:
    """The median of each key. It is posted to the app: the pilot would visit every widget."""
    costs: dict[str, list[float]] = {key: [] for key in keys}
    for _ in range(runs):
        for key in keys:
            event = events.Key(key, key if len(key) == 1 else None)

            async def press(event: events.Key = event) -> None:
                pilot.app.post_message(event)

            costs[key].append(await cpu_ms(pilot, press))
    return {key: statistics.median(of) for key, of in costs.items()}


async def walk(pilot: Pilot[None]) -> dict[str, float]:
    """Every key of a list."""
    costs: dict[str, float] = {}
    for keys in KEYS:
        costs |= await keys_ms(pilot, keys)
    return costs


async def card_view() -> dict[str, float]:
    """The card view alone: showing all cards, and each key."""
    async with CardApp().run_test(size=SIZE) as pilot:
        view = pilot.app.query_one(CardView)
        shows = []
        for run in range(RUNS):
            # One more or fewer each time, so that it is laid out anew.
            cards = items(count() + run % 2)

            async def show(cards: list[ModelItem] = cards) -> None:
                view.show(cards)

            shows.append(await cpu_ms(pilot, show))
        view.focus()
        return {"mount and show": statistics.median(shows), **await walk(pilot)}


async def naive() -> dict[str, float]:
    """A container and two texts a card, scaled up to the number of models."""
    scale = count() / NAIVE
    async with NaiveApp().run_test(size=SIZE) as pilot:
        scroll = pilot.app.query_one(VerticalScroll)
        cards = [_NaiveCard(item) for item in items(NAIVE)]

        async def mount() -> None:
            await scroll.mount(*cards)

        costs = {"mount and show": await cpu_ms(pilot, mount) * scale}
        cards[NAIVE // 2].focus()
        moves = await keys_ms(pilot, ("tab", "shift+tab"), 5)
        return costs | {"j": moves["tab"] * scale, "k": moves["shift+tab"] * scale}


class _NaiveCard(Vertical, can_focus=True):
    def __init__(self, item: ModelItem) -> None:
        self._item = item
        super().__init__(classes="card")

    def compose(self) -> ComposeResult:
        lines = self._item.card().lines
        yield Static(lines[0].left[1].text, markup=False)
        yield Static("\n".join(line.left[0].text for line in lines[1:]), markup=False)


async def models_tab(store: Path) -> dict[str, float]:
    """The whole app over a real store: reading it, each key, and each letter of a search."""
    settings = Settings(store_path=store, gateway_url="http://127.0.0.1:9", time_zone=ZONE)
    async with running(settings) as pilot:
        app = pilot.app
        assert isinstance(app, AituiApp)
        tab = app.tab
        assert tab is not None
        reads = [await cpu_ms(pilot, tab.load) for _ in range(RUNS)]
        costs = {"read and show": statistics.median(reads), **await walk(pilot)}
        await pilot.press("slash")
        letters = []
        for letter in ("model-0199", "provider"):
            letters += [(await keys_ms(pilot, key, 1))[key] for key in letter]
            app.query_one("#search", Input).value = ""
            await pilot.pause()
        costs["a letter of a search"] = statistics.median(letters)
        costs["the slowest, with a garbage collection"] = max(letters)
        return costs


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Pilot[None]]:
    app = AituiApp(settings, Environment({}), clock=fixed_clock, poll=False)
    async with app.run_test(size=SIZE) as pilot:
        await asyncio.wait_for(app.opened.wait(), 30)
        await app.workers.wait_for_complete()
        await pilot.pause()
        yield pilot


def count() -> int:
    return int(sys.argv[1]) if len(sys.argv) > 1 else 2_000


async def main() -> None:
    with folder() as path:
        await make_large_store(path / "aitui.db", count())
        alone = await card_view()
        base = await naive()
        tab = await models_tab(path / "aitui.db")
    for title, costs in (("The card view alone", alone), ("The Models tab over a store", tab)):
        lines = []
        for what, cost in costs.items():
            goal = MOUNT_GOAL if "show" in what else "" if "slowest" in what else KEY_GOAL
            naive_cost = base.get(what.replace("read", "mount"))
            compared = (ms(naive_cost), times(cost, naive_cost)) if naive_cost else ("", "")
            lines.append(Line(what, ms(cost), *compared, goal))
        print_table(
            f"{title}: CPU of {count():,} models at 120x40, median of {RUNS}. "
            f"Baseline: three widgets a card, scaled up from {NAIVE} cards",
            lines,
        )


if __name__ == "__main__":
    asyncio.run(main())
