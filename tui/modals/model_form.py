"""Add or edit a model. What the price catalogue knows is filled in and marked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Final

from textual import work
from textual.app import ComposeResult
from textual.suggester import Suggester

from store.domain import CatalogEntry, Model
from store.errors import AituiError, InvalidField
from store.quantities import (
    parse_flag,
    parse_number,
    parse_price,
    parse_seconds,
    parse_tokens,
    parse_whole,
)
from store.store import Store
from store.validation import MODES
from tui import format as fmt
from tui.modals.form import FormScreen, Reading
from tui.text import safe
from tui.widgets.fields import ChoiceField, Field, FlagField, TextField

NEW = Model("", "", "", "", "")
KNOWN: Final = (
    "context_window",
    "max_tokens",
    "input_cost_per_1k",
    "output_cost_per_1k",
    "supports_vision",
    "supports_function_calling",
)
"""What the catalogue can fill in, beside the mode."""


class ModelSuggester(Suggester):
    """Completes a litellm model string from the catalogue, with or without the prefix."""

    def __init__(self, store: Store) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._store = store

    async def get_suggestion(self, value: str) -> str | None:
        prefix, slash, rest = value.partition("/")
        if len(rest if slash else value) < 2:
            return None
        for entry in await self._store.catalog.suggest(value):
            key = entry.litellm_model
            for name in (key, f"{prefix}/{key}") if slash else (key,):
                if not name.lower().startswith(value.lower()):
                    continue
                # A prefix fits only what its provider sells.
                if name == key or await self._store.catalog.lookup(name) is not None:
                    return value + name[len(value) :]
        return None


class ModelForm(FormScreen[Model]):
    """A model's fields, in the order in which one knows them."""

    def make_fields(self) -> ComposeResult:
        before, texts = self.before, self.texts(self.before)
        yield ChoiceField("provider_id", self._providers(), before.provider_id or None)
        yield TextField(
            "litellm_model",
            texts["litellm_model"],
            placeholder="openai/gpt-4o",
            suggester=ModelSuggester(self._store),
        )
        yield TextField("model_name", texts["model_name"], placeholder="what clients ask for")
        yield TextField("display_name", texts["display_name"], placeholder="as the name")
        yield TextField("description", texts["description"])
        for name, example in (("context_window", "128k, 1M"), ("max_tokens", "16k")):
            yield TextField(name, texts[name], placeholder=example, echo=_tokens)
        for name in ("input_cost_per_1k", "output_cost_per_1k"):
            yield TextField(
                name, texts[name], placeholder="$0.01, or $10/1M; empty: unpriced", echo=_price
            )
        yield FlagField("supports_vision", before.supports_vision)
        yield FlagField("supports_streaming", before.supports_streaming)
        yield FlagField("supports_function_calling", before.supports_function_calling)
        modes = list(MODES) if before.mode in MODES else [*MODES, before.mode]
        yield ChoiceField("mode", [(mode, mode) for mode in modes], before.mode)
        yield TextField("weight", texts["weight"], placeholder="its share among its namesakes")
        yield TextField("timeout_seconds", texts["timeout_seconds"], placeholder="30s, 2m")
        yield TextField("priority", texts["priority"], placeholder="0; higher comes first")

    def _providers(self) -> list[tuple[str, str]]:
        return [(f"{p.display_name} ({p.name})", p.id) for p in self.world.providers]

    def on_mount(self) -> None:
        super().on_mount()
        if self.is_new:
            self.field("mode").given = False
        self._have_catalogue()

    def world_changed(self) -> None:
        provider = self.field("provider_id")
        assert isinstance(provider, ChoiceField)
        provider.offer(self._providers())

    def texts(self, thing: Model) -> dict[str, str]:
        def price(value: Decimal | None) -> str:
            return "" if value is None else format(value.normalize(), "f")

        def tokens(value: int | None) -> str:
            return "" if value is None else fmt.context_exact(value)

        def number(value: float | None) -> str:
            return "" if value is None else f"{value:g}"

        return {
            "provider_id": thing.provider_id,
            "litellm_model": thing.litellm_model,
            "model_name": thing.model_name,
            "display_name": thing.display_name,
            "description": thing.description or "",
            "context_window": tokens(thing.context_window),
            "max_tokens": tokens(thing.max_tokens),
            "input_cost_per_1k": price(thing.input_cost_per_1k),
            "output_cost_per_1k": price(thing.output_cost_per_1k),
            "supports_vision": "yes" if thing.supports_vision else "no",
            "supports_streaming": "yes" if thing.supports_streaming else "no",
            "supports_function_calling": "yes" if thing.supports_function_calling else "no",
            "mode": thing.mode,
            "weight": number(thing.weight),
            "timeout_seconds": number(thing.timeout_seconds),
            "priority": str(thing.priority) if thing.priority else "",
        }

    def build(self, reading: Reading) -> Model:
        return replace(
            self.before,
            provider_id=reading.text("provider_id"),
            litellm_model=reading.text("litellm_model"),
            model_name=reading.text("model_name"),
            display_name=reading.text("display_name") or reading.text("model_name"),
            description=reading.text("description") or None,
            context_window=reading.get("context_window", parse_tokens),
            max_tokens=reading.get("max_tokens", parse_tokens),
            input_cost_per_1k=reading.get("input_cost_per_1k", parse_price),
            output_cost_per_1k=reading.get("output_cost_per_1k", parse_price),
            supports_vision=bool(reading.get("supports_vision", parse_flag)),
            supports_streaming=bool(reading.get("supports_streaming", parse_flag)),
            supports_function_calling=bool(reading.get("supports_function_calling", parse_flag)),
            mode=reading.text("mode") or "chat",
            weight=reading.get("weight", parse_number),
            timeout_seconds=reading.get("timeout_seconds", parse_seconds),
            priority=reading.get("priority", parse_whole) or 0,
        )

    def sentence(self, thing: Model) -> str:
        return f"{thing.model_name} is {'added' if self.is_new else 'saved'}"

    # --- what follows from the model string ---------------------------------------------------

    def was_edited(self, field: Field) -> None:
        if field.field_name == "provider_id":
            self._begin_with_prefix(field.text)
        if field.field_name in ("provider_id", "litellm_model"):
            model = self.field("litellm_model").text.strip()
            if self.is_new:
                self._suggest("model_name", model.rpartition("/")[2])
            self._look_up(model)

    def _begin_with_prefix(self, provider_id: str) -> None:
        field = self.field("litellm_model")
        prefix = next((p.litellm_provider for p in self.world.providers if p.id == provider_id), "")
        if prefix and not field.touched and self.is_new:
            field.put(f"{prefix}/")

    def _suggest(self, name: str, text: str) -> None:
        field = self.field(name)
        if not field.touched:
            field.put(text)

    @work(exclusive=True, group="catalogue", exit_on_error=False)
    async def _look_up(self, model: str) -> None:
        """Fill in what the catalogue knows of this model string. Typed values stay."""
        entry = await self._store.catalog.lookup(model)
        if not self.is_mounted or self.is_saving:
            return
        known = self.texts(_as_model(entry))
        for name in KNOWN:
            field = self.field(name)
            # What an earlier model string filled in does not outlive it.
            if entry is not None or field.filled:
                field.fill(known[name])
        if entry is not None and entry.mode in MODES:
            self.field("mode").fill(entry.mode)
        self.check()

    @work(exclusive=True, group="refresh", exit_on_error=False)
    async def _have_catalogue(self) -> None:
        """Say of when the catalogue is; ask the proxy for it where there is none yet."""
        catalog, field = self._store.catalog, self.field("litellm_model")
        info = await catalog.info()
        if info is None:
            field.show_more(safe("Asking the proxy for its price catalogue …"))
            try:
                info = await catalog.refresh()
            except AituiError as error:
                words = f"No price catalogue yet, so nothing is filled in: {error}"
                field.show_more(safe(words, limit=300))
                return
            if self.is_new:
                self._look_up(field.text.strip())
        day = info.fetched_at.astimezone(self._store.zone)
        words = f"Prices of {day:%Y-%m-%d}, {info.entries:,} models; → completes"
        field.show_more(safe(words))


def _as_model(entry: CatalogEntry | None) -> Model:
    if entry is None:
        return NEW
    return replace(
        NEW,
        context_window=entry.context_window,
        max_tokens=entry.max_tokens,
        input_cost_per_1k=entry.input_cost_per_1k,
        output_cost_per_1k=entry.output_cost_per_1k,
        supports_vision=entry.supports_vision,
        supports_function_calling=entry.supports_function_calling,
    )


def _echo(parse: Callable[[str, str], object], text: str) -> object:
    try:
        return parse("", text)
    except InvalidField:
        return None


def _tokens(text: str) -> str:
    """`= 128,000` beside `128k`."""
    tokens = _echo(parse_tokens, text)
    return f"= {tokens:,}" if isinstance(tokens, int) and not text.strip().isdigit() else ""


def _price(text: str) -> str:
    """The price per million beside that per thousand, as price lists have it."""
    price = _echo(parse_price, text)
    return f"= {fmt.price(price * 1_000)}/1M" if isinstance(price, Decimal) else ""
