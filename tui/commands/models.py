"""`aitui models …`: list, show, test, edit, enable and disable them."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.domain import Model, Provider
    from store.store import Store
    from tui.commands.context import Context
    from tui.commands.parsing import Commands


def register(commands: Commands) -> None:
    from tui.commands import edit_models, model_tests
    from tui.commands.edit_fields import add_version_option
    from tui.commands.edit_models import NAME_HELP

    group = commands.group("models", "list, test, add, change and remove models")
    parser = group.add(
        "list",
        run_list,
        "list the models",
        examples=(
            "aitui models list --enabled",
            "aitui models list --provider openai --search gpt",
            "aitui models list --json | jq '.models[].modelName'",
        ),
    )
    parser.add_argument("--provider", metavar="NAME", help="only this provider's")
    parser.add_argument("--enabled", action="store_true", help="only enabled ones")
    parser.add_argument(
        "--search", metavar="TEXT", help="only those with TEXT in a name or the description"
    )
    parser = group.add(
        "show",
        run_show,
        "show one model, with today's use",
        examples=("aitui models show gpt-4.1", "aitui models show openai/gpt-4o --json"),
        failed="there is no such model, or several: the sentence lists them",
    )
    parser.add_argument("name", metavar="NAME", help=NAME_HELP)
    model_tests.register(group)
    edit_models.register(group)
    for word, handler in (("enable", run_enable), ("disable", run_disable)):
        parser = group.add(
            word,
            handler,
            f"{word} a model in the store",
            about="The change is audited. The running proxy is not touched.",
            examples=(f"aitui models {word} gpt-4.1",),
            writes=True,
        )
        parser.add_argument("name", metavar="NAME", help=NAME_HELP)
        add_version_option(parser)


async def find_model(store: Store, name: str) -> tuple[Model, Provider]:
    """The model that is named, with its provider. Raises NotFound, which lists the choices."""
    providers = await store.providers.all()
    model = await store.models.find(name, providers)
    return model, await store.providers.get(model.provider_id)


async def run_list(context: Context, args: argparse.Namespace) -> int:
    from tui import output
    from tui.commands.shapes import model_json

    async with context.store() as store:
        providers = {provider.id: provider for provider in await store.providers.all()}
        everything = await store.models.all()
        only = (await store.providers.find(args.provider)).id if args.provider else None
    models = [
        model
        for model in everything
        if (only is None or model.provider_id == only)
        and (model.is_enabled or not args.enabled)
        and _matches(model, args.search)
    ]
    if args.json:
        output.say_json(
            {"models": [model_json(model, providers.get(model.provider_id)) for model in models]}
        )
    elif models:
        _show_table(models, providers)
    elif everything:
        output.tell("No model matches.")
    else:
        output.tell("There are no models yet. Begin with `aitui import litellm_config.yaml`.")
    return output.EXIT_OK


def _matches(model: Model, wanted: str | None) -> bool:
    texts = (model.model_name, model.display_name, model.litellm_model, model.description or "")
    return not wanted or any(wanted.casefold() in text.casefold() for text in texts)


def _show_table(models: list[Model], providers: dict[str, Provider]) -> None:
    from tui import format as fmt
    from tui import output

    output.say_table(
        ("MODEL", "PROVIDER", "HEALTH", "ENABLED", "CONTEXT", "IN/1K", "OUT/1K", "LITELLM MODEL"),
        [
            (
                model.model_name,
                providers[model.provider_id].name if model.provider_id in providers else "?",
                model.health.status.value,
                "yes" if model.is_enabled else "no",
                fmt.context(model.context_window),
                fmt.price(model.input_cost_per_1k),
                fmt.price(model.output_cost_per_1k),
                model.litellm_model,
            )
            for model in models
        ],
        right=frozenset({"CONTEXT", "IN/1K", "OUT/1K"}),
    )


async def run_show(context: Context, args: argparse.Namespace) -> int:
    from store.domain import UsageTotals
    from tui import format as fmt
    from tui import output
    from tui.commands.shapes import model_json, share_json

    async with context.store() as store:
        model, provider = await find_model(store, args.name)
        today = (await store.usage.today()).get(model.id, UsageTotals())
        key_is_set = store.key_is_set(provider)
    if args.json:
        output.say_json({**model_json(model, provider), "today": share_json(today)})
        return output.EXIT_OK
    abilities = {
        "vision": model.supports_vision,
        "streaming": model.supports_streaming,
        "function calling": model.supports_function_calling,
    }
    prices = (fmt.price(model.input_cost_per_1k), fmt.price(model.output_cost_per_1k))
    key = provider.api_key_env or ("none named" if provider.lacks_key(model) else "none needed")
    output.say_fields(
        {
            "model": model.model_name,
            "name": model.display_name,
            "id": model.id,
            "description": model.description,
            "litellm model": model.litellm_model,
            "provider": f"{provider.display_name} ({provider.name})",
            "key": key if key_is_set else f"{key} (not set here)",
            "enabled": "yes" if model.is_enabled else "no",
            "mode": model.mode,
            "context": fmt.context(model.context_window),
            "abilities": ", ".join(name for name, has in abilities.items() if has) or "none known",
            "cost per 1K": f"{prices[0]} input, {prices[1]} output",
            "priority": model.priority,
            "version": model.version,
            "health": model.health.status.value,
            "reason": model.health.reason,
            "today": f"{fmt.count(today.requests)} requests, {fmt.compact(today.tokens)} tokens, "
            f"{fmt.cost(today.cost_usd)}",
        }
    )
    return output.EXIT_OK


async def run_enable(context: Context, args: argparse.Namespace) -> int:
    return await _set_enabled(context, args, enabled=True)


async def run_disable(context: Context, args: argparse.Namespace) -> int:
    return await _set_enabled(context, args, enabled=False)


async def _set_enabled(context: Context, args: argparse.Namespace, *, enabled: bool) -> int:
    from store.store import local_actor
    from tui import output
    from tui.commands.edit_fields import PROXY_AS_IT_WAS, check_version
    from tui.commands.shapes import model_json

    async with context.store() as store:
        before, provider = await find_model(store, args.name)
        check_version(before, args)
        after = await store.models.set_enabled(
            before.id, enabled, actor=local_actor(), version=before.version
        )
    changed = after.is_enabled != before.is_enabled
    if args.json:
        output.say_json({"changed": changed, "model": model_json(after, provider)})
        return output.EXIT_OK
    word = "enabled" if enabled else "disabled"
    name = f"{provider.name}/{after.model_name}"
    if not changed:
        output.say(f"{name} is {word} already.")
        return output.EXIT_OK
    output.say(f"{name} is {word} in the store.")
    output.tell(PROXY_AS_IT_WAS)
    return output.EXIT_OK
