"""`aitui catalog …`: LiteLLM's price map, kept in the store so that it works offline."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.domain import CatalogEntry
    from tui.commands.context import Context
    from tui.commands.parsing import Commands

SUGGESTIONS = 10


def register(commands: Commands) -> None:
    group = commands.group("catalog", "look up models' windows and prices")
    group.add(
        "refresh",
        run_refresh,
        "ask the proxy for its price map, and keep it",
        about="The map is replaced as a whole. Models in the store stay as they are.",
        examples=("aitui catalog refresh",),
        failed="the proxy cannot be asked; the old map stays",
        writes=True,
    )
    parser = group.add(
        "show",
        run_show,
        "show what the price catalogue knows of a model",
        about="Prices are USD per 1K tokens. Without MODEL it tells of when the catalogue is.",
        examples=("aitui catalog show", "aitui catalog show openai/gpt-4o"),
        failed="it knows no such model",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="LiteLLM's string: openai/gpt-4o")


async def run_refresh(context: Context, args: argparse.Namespace) -> int:
    from tui import format as fmt
    from tui import output
    from tui.commands.shapes import catalog_info_json

    async with context.store() as store:
        with output.waiting("Asking the proxy for its price map"):
            info = await store.catalog.refresh()
    if args.json:
        output.say_json(catalog_info_json(info))
    else:
        output.say(f"{fmt.count(info.entries)} models with windows and prices from {info.source}.")
    return output.EXIT_OK


async def run_show(context: Context, args: argparse.Namespace) -> int:
    from store.errors import NotFound
    from tui import output
    from tui.commands.shapes import catalog_info_json, catalog_json

    async with context.store() as store:
        info, zone = await store.catalog.info(), store.zone
        entry = await store.catalog.lookup(args.model) if args.model else None
        near = await store.catalog.suggest(args.model, SUGGESTIONS) if args.model else ()
    if info is None:
        raise NotFound("catalog: it is empty. `aitui catalog refresh` asks the proxy for it.")
    when = info.fetched_at.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    if args.model is None:
        if args.json:
            output.say_json(catalog_info_json(info))
        else:
            output.say(f"{info.entries:,} models, from {info.source}, {when}.")
        return output.EXIT_OK
    if entry is None:
        names = ", ".join(each.litellm_model for each in near)
        hint = f" Near to it: {names}." if names else ""
        raise NotFound(f"catalog: it knows no {args.model!r}.{hint}")
    if args.json:
        output.say_json(catalog_json(entry) | {"catalog": catalog_info_json(info)})
        return output.EXIT_OK
    _show(entry, f"{info.source}, {when}")
    return output.EXIT_OK


def _show(entry: CatalogEntry, source: str) -> None:
    from tui import format as fmt
    from tui import output

    abilities = {
        "vision": entry.supports_vision,
        "streaming": bool(entry.supports_streaming),
        "function calling": entry.supports_function_calling,
    }
    prices = (fmt.price(entry.input_cost_per_1k), fmt.price(entry.output_cost_per_1k))
    output.say_fields(
        {
            "model": entry.litellm_model,
            "provider": entry.provider,
            "mode": entry.mode or "unknown",
            "context": fmt.context(entry.context_window),
            "answer": fmt.context(entry.max_tokens),
            "abilities": ", ".join(name for name, has in abilities.items() if has) or "none known",
            "cost per 1K": f"{prices[0]} input, {prices[1]} output",
            "from": source,
        }
    )
