"""`aitui models add|set|remove`: the same rules and the same words as the forms."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.commands.edit_fields import FieldOption

if TYPE_CHECKING:
    from store.domain import Model, Provider
    from store.store import Store
    from tui.commands.context import Context
    from tui.commands.parsing import Commands

NAME_HELP = "a model_name, provider/model_name or id"

FIELDS = (
    FieldOption(
        "--litellm-model", "litellm_model", "text", "MODEL", "LiteLLM's string: openai/gpt-4o"
    ),
    FieldOption("--display-name", "display_name", "text", "TEXT", "what people read"),
    FieldOption("--description", "description", "optional", "TEXT", "a sentence about it"),
    FieldOption("--context-window", "context_window", "tokens", "N", "tokens: 128k, 1M, 8192"),
    FieldOption("--max-tokens", "max_tokens", "tokens", "N", "tokens of one answer"),
    FieldOption(
        "--input-price",
        "input_cost_per_1k",
        "price",
        "USD",
        "per 1K tokens: 0.01, or '$10/1M'; none: unpriced",
    ),
    FieldOption("--output-price", "output_cost_per_1k", "price", "USD", "likewise"),
    FieldOption("--vision", "supports_vision", "flag", "", "takes pictures"),
    FieldOption("--streaming", "supports_streaming", "flag", "", "streams its answers"),
    FieldOption("--function-calling", "supports_function_calling", "flag", "", "calls tools"),
    FieldOption("--mode", "mode", "text", "MODE", "chat, embedding, rerank, … (chat)"),
    FieldOption("--weight", "weight", "number", "N", "its share among deployments of its name"),
    FieldOption("--timeout", "timeout_seconds", "seconds", "S", "of one request: 30s, 2m"),
    FieldOption("--priority", "priority", "whole", "N", "higher stands first (0)"),
)
_FILLED = (
    "context_window",
    "max_tokens",
    "input_cost_per_1k",
    "output_cost_per_1k",
    "supports_vision",
    "supports_function_calling",
    "supports_streaming",
    "mode",
)
"""What the price catalogue can fill in."""


def register(group: Commands) -> None:
    _register_add(group)
    _register_changes(group)


def _register_add(group: Commands) -> None:
    from tui.commands.edit_fields import add_field_options

    parser = group.add(
        "add",
        run_add,
        "add a model to the store",
        about=(
            "What is not given is filled in from the price catalogue, if that knows the model\n"
            "(`aitui catalog refresh` asks the proxy for it), and told."
        ),
        examples=(
            "aitui models add gpt-4.1 --provider openai",
            "aitui models add house-llm --provider vllm --litellm-model hosted_vllm/qwen3 \\\n"
            "      --context-window 32k --input-price 0 --output-price 0",
            "aitui models add gpt-4o --provider openai --input-price '$2.5/1M'",
        ),
        failed="refused: every problem is told, and nothing was written",
        writes=True,
    )
    parser.add_argument("name", metavar="NAME", help="the name that clients ask for")
    parser.add_argument("--provider", metavar="NAME", required=True, help="a provider's name or id")
    parser.add_argument("--disabled", action="store_true", help="add it without enabling it")
    parser.add_argument(
        "--no-catalog", action="store_true", help="do not fill in from the price catalogue"
    )
    add_field_options(parser, FIELDS)


def _register_changes(group: Commands) -> None:
    from tui.commands.edit_fields import add_field_options, add_version_option
    from tui.commands.removing import add_remove_options

    parser = group.add(
        "set",
        run_set,
        "change fields of a model in the store",
        about="Only what is named is changed. The change is audited, and can be undone.",
        examples=(
            "aitui models set gpt-4.1 --context-window 128k --input-price '$10/1M'",
            "aitui models set openai/gpt-4o --no-vision --description none",
            "aitui models set gpt-4.1 --priority 9 --if-version 3 --json",
        ),
        failed="refused: every problem is told, and nothing was written",
        writes=True,
    )
    parser.add_argument("name", metavar="NAME", help=NAME_HELP)
    parser.add_argument("--rename", metavar="NEW", help="another name for clients to ask for")
    parser.add_argument("--provider", metavar="PROVIDER", help="have another provider serve it")
    add_version_option(parser)
    add_field_options(parser, FIELDS)

    parser = group.add(
        "remove",
        run_remove,
        "remove a model from the store",
        about=(
            "A model that routes use is refused, unless --along takes it out of them in the same\n"
            "change. It asks first. Its use stays, and `aitui history undo` brings it back."
        ),
        examples=("aitui models remove gpt-4-turbo", "aitui models remove gpt-4.1 --along --yes"),
        failed="it is in use, or you said no; nothing was written",
        writes=True,
    )
    parser.add_argument("name", metavar="NAME", help=NAME_HELP)
    add_remove_options(parser, along="take it out of the routes that use it, in the same change")


async def run_add(context: Context, args: argparse.Namespace) -> int:
    from store.domain import Model
    from store.store import local_actor
    from tui import output
    from tui.commands.edit_fields import read_fields, say_saved
    from tui.commands.shapes import model_json

    values = read_fields(args, FIELDS)
    async with context.store() as store:
        provider = await store.providers.find(args.provider)
        prefix = f"{provider.litellm_provider}/" if provider.litellm_provider else ""
        values.setdefault("litellm_model", f"{prefix}{args.name}")
        values.setdefault("display_name", args.name)
        filled: dict[str, Any] = {}
        if not args.no_catalog:
            known = await _from_catalog(store, values["litellm_model"])
            filled = {name: value for name, value in known.items() if name not in values}
        new = replace(
            Model("", provider.id, args.name, "", "", is_enabled=not args.disabled),
            **values,
            **filled,
        )
        added = await store.edit.add(new, actor=local_actor())
        if args.json:
            shape = model_json(added, provider)
            output.say_json({"changed": True, "model": shape, "filledIn": sorted(filled)})
            return output.EXIT_OK
        await say_saved(store, f"{provider.name}/{added.model_name}", None, added)
    _say_filled(filled)
    return output.EXIT_OK


async def _from_catalog(store: Store, litellm_model: str) -> dict[str, Any]:
    """What the catalogue knows of a model, by the fields' names."""
    from store.validation import MODES

    entry = await store.catalog.lookup(litellm_model)
    if entry is None:
        return {}
    values = {name: getattr(entry, name) for name in _FILLED}
    if entry.mode not in MODES:
        del values["mode"]
    return {name: value for name, value in values.items() if value is not None}


def _say_filled(filled: dict[str, Any]) -> None:
    from tui import output
    from tui.differences import shown

    if filled:
        output.tell("Filled in from the price catalogue:")
    for name, value in filled.items():
        output.tell(f"  {name}: {shown(name, value)}")


async def run_set(context: Context, args: argparse.Namespace) -> int:
    from store.store import local_actor
    from tui import output
    from tui.commands.edit_fields import check_version, read_fields, say_saved
    from tui.commands.models import find_model

    values = read_fields(args, FIELDS)
    if args.rename is not None:
        values["model_name"] = args.rename
    async with context.store() as store:
        before, provider = await find_model(store, args.name)
        if args.provider is not None:
            provider = await store.providers.find(args.provider)
            values["provider_id"] = provider.id
        if not values:
            output.tell_error("nothing to change was named; `aitui models set --help` lists it.")
            return output.EXIT_USAGE
        check_version(before, args)
        after = await store.edit.save(before, replace(before, **values), actor=local_actor())
        if args.json:
            _say_json(before, after, provider)
        else:
            await say_saved(store, f"{provider.name}/{after.model_name}", before, after)
    return output.EXIT_OK


def _say_json(before: Model, after: Model, provider: Provider) -> None:
    from tui import output
    from tui.commands.shapes import model_json

    changed = after.version != before.version
    output.say_json({"changed": changed, "model": model_json(after, provider)})


async def run_remove(context: Context, args: argparse.Namespace) -> int:
    from tui.commands.models import find_model
    from tui.commands.removing import remove

    async with context.store() as store:
        model, provider = await find_model(store, args.name)
        return await remove(store, model, f"{provider.name}/{model.model_name}", args)
