"""Add, edit or clone a route. The linter speaks while the chain is edited."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from textual.app import ComposeResult
from textual.widgets import Static

from store.domain import STRATEGIES, Model, Route
from store.linter import Lint, lint_route
from store.quantities import parse_seconds, parse_whole
from tui import format as fmt
from tui.modals.form import FormScreen, Reading
from tui.text import safe
from tui.widgets.chain import SEPARATOR, ChainField
from tui.widgets.fields import ChoiceField, TextField
from tui.widgets.lint_line import lint_count, lint_lines

SAID_AT: Final = {
    "name": "name",
    "primary": "primary_model_id",
    "fallbacks": "fallback_model_ids",
    "context": "context_window_fallback_ids",
    "strategy": "routing_strategy",
    "retries": "num_retries",
    "timeout": "timeout_seconds",
}
"""A finding's field -> the form's."""
CHAINS: Final = ("fallback_model_ids", "context_window_fallback_ids")


class RouteForm(FormScreen[Route]):
    """A route's fields and its two chains, with the linter's findings below each."""

    def make_fields(self) -> ComposeResult:
        texts = self.texts(self.before)
        names, groups = self._groups()
        yield TextField("name", texts["name"], placeholder="what clients ask for")
        yield TextField("description", texts["description"])
        strategy = self.before.routing_strategy
        known = list(STRATEGIES) if strategy in STRATEGIES else [*STRATEGIES, strategy]
        strategies = [(fmt.strategy(name), name) for name in known]
        yield ChoiceField("routing_strategy", strategies, strategy)
        yield ChoiceField("primary_model_id", self._primaries(), self.before.primary_model_id)
        yield ChainField(CHAINS[0], self.before.fallback_model_ids, names, groups)
        yield ChainField(CHAINS[1], self.before.context_window_fallback_ids, names, groups)
        yield TextField("num_retries", texts["num_retries"], placeholder="3")
        yield TextField("timeout_seconds", texts["timeout_seconds"], placeholder="120s, 2m")

    def _groups(self) -> tuple[dict[str, str], list[str]]:
        """Every model in words by id, and of each group the deployment that stands for it."""
        names = {model.id: _words(model) for model in self.world.models}
        first: dict[str, Model] = {}
        for model in sorted(self.world.models, key=lambda m: (m.position, m.id)):
            first.setdefault(model.model_name, model)
        return names, [first[name].id for name in sorted(first)]

    def _primaries(self) -> list[tuple[str, str]]:
        names, groups = self._groups()
        options = [(names[key], key) for key in groups]
        primary = self.before.primary_model_id
        if primary is not None and primary not in groups:
            options.append((names.get(primary, primary), primary))
        return options

    def world_changed(self) -> None:
        names, groups = self._groups()
        primary = self.field("primary_model_id")
        assert isinstance(primary, ChoiceField)
        primary.offer(self._primaries())
        for name in CHAINS:
            self._chain(name).offer(names, groups)

    def texts(self, thing: Route) -> dict[str, str]:
        return {
            "name": thing.name,
            "description": thing.description or "",
            "routing_strategy": thing.routing_strategy,
            "primary_model_id": thing.primary_model_id or "",
            "fallback_model_ids": SEPARATOR.join(thing.fallback_model_ids),
            "context_window_fallback_ids": SEPARATOR.join(thing.context_window_fallback_ids),
            "num_retries": str(thing.num_retries),
            "timeout_seconds": f"{thing.timeout_seconds:g}",
        }

    def build(self, reading: Reading) -> Route:
        return replace(
            self.before,
            name=reading.text("name"),
            description=reading.text("description") or None,
            routing_strategy=reading.text("routing_strategy"),
            primary_model_id=reading.text("primary_model_id") or None,
            fallback_model_ids=self._chain(CHAINS[0]).ids,
            context_window_fallback_ids=self._chain(CHAINS[1]).ids,
            num_retries=reading.needed("num_retries", parse_whole, 0),
            timeout_seconds=reading.needed("timeout_seconds", parse_seconds, 1.0),
        )

    def _chain(self, name: str) -> ChainField:
        field = self.field(name)
        assert isinstance(field, ChainField)
        return field

    def sentence(self, thing: Route) -> str:
        return f"Route {thing.name} is {'added' if self.is_new else 'saved'}"

    def check(self) -> None:
        super().check()
        thing, _ = self.read()
        lints: tuple[Lint, ...] = ()
        if not self.is_new or self.is_dirty:  # an empty form has nothing to be blamed for
            world = self.world
            lints = lint_route(thing, world.routes, world.models, world.providers)
        for field in self.fields:
            here = [lint for lint in lints if SAID_AT.get(lint.field) == field.field_name]
            field.show_more(lint_lines(here))
        count = lint_count(lints)
        title = f"{self._title}   {count}" if count else self._title
        self.query_one(".dialog-title", Static).update(safe(title, one_line=True), layout=False)


def _words(model: Model) -> str:
    """`gpt-4.1  128K`, and that it is disabled."""
    context = f"  {fmt.context(model.context_window)}" if model.context_window else ""
    return f"{model.model_name}{context}{'' if model.is_enabled else '  disabled'}"
