"""The Usage tab: a period's summary, the use by model and the trend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.widgets import Label, Select

from store.domain import UsageOverview, UsageTotals
from store.store import Period
from tui import format as fmt
from tui.actions import Place, bindings
from tui.tabs.base import StoreTab
from tui.widgets.bars import Bar, Bars
from tui.widgets.tiles import Tile, Tiles

if TYPE_CHECKING:
    from tui.widgets.chart import TrendChart

PERIODS = tuple(Period)


@dataclass(frozen=True, slots=True)
class Measure:
    """What the bars and the trend count."""

    name: str

    def of(self, totals: UsageTotals) -> Decimal:
        return {
            "Requests": Decimal(totals.requests),
            "Tokens": Decimal(totals.tokens),
            "Cost": totals.cost_usd,
            "Errors": Decimal(totals.errors),
        }[self.name]

    def words(self, totals: UsageTotals) -> str:
        if self.name == "Cost":
            if totals.requests and totals.unpriced_requests == totals.requests:
                return "unpriced"
            return fmt.cost(totals.cost_usd)
        return fmt.compact(int(self.of(totals)))


MEASURES = tuple(Measure(name) for name in ("Requests", "Tokens", "Cost", "Errors"))


class UsageTab(StoreTab):
    """Use and cost of a period, against the period before."""

    BINDINGS: ClassVar[list[Binding]] = bindings(Place.USAGE)  # type: ignore[assignment]

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._period = Period.DAYS_7
        self._measure = MEASURES[0]
        self._overview: UsageOverview | None = None
        self._names: dict[str, str] = {}

    def compose(self) -> ComposeResult:
        # The chart's library is slow to import, so it waits until this tab is first shown.
        from tui.widgets.chart import TrendChart

        with Horizontal(classes="filter-bar"):
            yield Label("Usage & Monitoring", classes="title")
            yield Label("", id="zone", classes="summary", markup=False)
            yield Label("Period:", classes="caption")
            yield Select[str](
                [(period.label, period.value) for period in PERIODS],
                value=self._period.value,
                allow_blank=False,
                compact=True,
                id="period",
            )
        with VerticalScroll(id="usage-body"):
            yield Tiles(id="tiles")
            yield Label("Usage by Model", id="bars-title", classes="heading", markup=False)
            yield Bars(id="bars")
            yield Label("Trend", id="trend-title", classes="heading", markup=False)
            yield TrendChart(id="trend")

    async def load(self) -> None:
        self._overview = await self.store.usage.overview(self._period)
        self._names = await self._telling_names(self._overview)
        self._paint()

    async def _telling_names(self, overview: UsageOverview) -> dict[str, str]:
        """Model id -> its name, with its provider where two deployments share a name."""
        count = Counter(item.model_name for item in overview.by_model)
        providers = {item.id: item.name for item in await self.store.providers.all()}
        owners = {
            model.id: providers.get(model.provider_id, "?")
            for model in await self.store.models.all()
        }
        return {
            item.model_id: f"{item.model_name} · {owners.get(item.model_id, 'removed')}"
            for item in overview.by_model
            if count[item.model_name] > 1
        }

    def _paint(self) -> None:
        overview = self._overview
        if overview is None:
            return
        self.query_one("#zone", Label).update(f"days of {overview.zone}")
        self.query_one(Tiles).show(summary(overview))
        name = self._measure.name
        self.query_one("#bars-title", Label).update(f"Usage by Model · {name}")
        rows = 5 if self.app.size.height < 32 else 10
        self.query_one(Bars).show(bars(overview, self._measure, rows, self._names))
        from tui.widgets.chart import TrendChart

        self.query_one(TrendChart).show(
            [point.label for point in overview.trend],
            [float(self._measure.of(point.totals)) for point in overview.trend],
            money=name == "Cost",
        )

    def on_trend_chart_drawn(self, event: TrendChart.Drawn) -> None:
        """Say what one bar stands for: on a narrow screen it may be several days."""
        every = "Hourly" if self._period is Period.TODAY else "Daily"
        unit = "hours" if self._period is Period.TODAY else "days"
        note = f" · {event.points} {unit} a bar" if event.points > 1 else ""
        title = f"{every} Trend · {self._measure.name}{note}"
        self.query_one("#trend-title", Label).update(title)

    def on_resize(self) -> None:
        self._paint()

    @on(Select.Changed, "#period")
    def _period_chosen(self, event: Select.Changed) -> None:
        period = Period(str(event.value))
        if period is not self._period:
            self._period = period
            self.reload()

    def action_step_period(self, step: int) -> None:
        index = PERIODS.index(self._period) + step
        if 0 <= index < len(PERIODS):
            self.query_one("#period", Select).value = PERIODS[index].value

    def action_next_measure(self) -> None:
        self._measure = MEASURES[(MEASURES.index(self._measure) + 1) % len(MEASURES)]
        self._paint()


def summary(overview: UsageOverview) -> tuple[Tile, ...]:
    """The four numbers of the wireframe, each with its change against the period before."""
    now, before = overview.current, overview.previous
    cost_note = ""
    if now.unpriced_requests:
        cost_note = f"{fmt.compact(now.unpriced_requests)} unpriced"
    return (
        Tile("Requests", fmt.count(now.requests), fmt.change(now.requests, before.requests)),
        Tile("Tokens", fmt.compact(now.tokens), fmt.change(now.tokens, before.tokens)),
        Tile(
            "Cost",
            fmt.cost(now.cost_usd),
            fmt.change(now.cost_nano_usd, before.cost_nano_usd),
            cost_note,
        ),
        Tile(
            "Avg Latency",
            fmt.latency(now.avg_latency_ms),
            fmt.change_latency(now.avg_latency_ms, before.avg_latency_ms),
            fmt.plural(now.errors, "error") if now.errors else "",
        ),
    )


def bars(
    overview: UsageOverview, measure: Measure, rows: int, names: Mapping[str, str]
) -> list[Bar]:
    """The largest first; what does not fit is summed up as "others", so that shares add up."""
    total = sum((measure.of(item.totals) for item in overview.by_model), Decimal(0))
    if not total:
        return []
    ranked = sorted(overview.by_model, key=lambda item: measure.of(item.totals), reverse=True)
    shown = ranked if len(ranked) <= rows else ranked[: rows - 1]
    result = [
        _bar(
            names.get(item.model_id, item.model_name),
            measure.of(item.totals) / total,
            measure.words(item.totals),
        )
        for item in shown
    ]
    rest = ranked[len(shown) :]
    if rest:
        totals = sum((item.totals for item in rest), UsageTotals())
        name = f"{len(rest)} others"
        result.append(_bar(name, measure.of(totals) / total, measure.words(totals)))
    return result


def _bar(name: str, share: Decimal, words: str) -> Bar:
    return Bar(f"{name} ({fmt.percent(share, 1)})", float(share), words)
