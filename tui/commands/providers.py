"""`aitui providers …`: list them, show one, and check that they answer."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from store.domain import Provider, ProviderHealth
    from store.store import Store
    from tui.commands.context import Context
    from tui.commands.parsing import Commands

CONCURRENCY = 4
"""Providers that are checked at once."""


def register(commands: Commands) -> None:
    from tui.commands import edit_providers

    group = commands.group("providers", "list, check, add, change and remove providers")
    group.add(
        "list",
        run_list,
        "list the providers",
        about="KEY says whether the variable is set here; the proxy's own environment decides.",
        examples=("aitui providers list", "aitui providers list --json"),
    )
    parser = group.add(
        "show",
        run_show,
        "show one provider, with its models",
        examples=("aitui providers show openai", "aitui providers show openai --json"),
        failed="there is no such provider",
    )
    parser.add_argument("name", metavar="NAME", help="a provider's name or id")
    parser = group.add(
        "check",
        run_check,
        "check that providers answer, with real requests through the proxy",
        about=(
            "Each enabled model of a provider is asked once; these are real, billed requests.\n"
            "The result is stored with its time. Without NAME every enabled provider that has an\n"
            "enabled model is checked."
        ),
        examples=("aitui providers check openai", "aitui providers check --json"),
        failed="a provider is degraded or down",
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="a provider's name or id")
    edit_providers.register(group)


async def run_list(context: Context, args: argparse.Namespace) -> int:
    from tui import output
    from tui.commands.shapes import provider_json

    async with context.store() as store:
        providers = await store.providers.all()
        set_here = {provider.id: store.key_is_set(provider) for provider in providers}
    if args.json:
        output.say_json(
            {"providers": [provider_json(p, key_is_set=set_here[p.id]) for p in providers]}
        )
        return output.EXIT_OK
    if not providers:
        output.tell(
            "There are no providers yet. Begin with `aitui import litellm_config.yaml` or "
            "`aitui providers add --preset openai`."
        )
        return output.EXIT_OK
    output.say_table(
        ("NAME", "DISPLAY NAME", "HEALTH", "ENABLED", "KEY", "BASE URL"),
        [
            (
                provider.name,
                provider.display_name,
                provider.health.status.value,
                "yes" if provider.is_enabled else "no",
                _key(provider, set_here[provider.id]),
                provider.api_base_url or "-",
            )
            for provider in providers
        ],
    )
    return output.EXIT_OK


async def run_show(context: Context, args: argparse.Namespace) -> int:
    from tui import format as fmt
    from tui import output
    from tui.commands.shapes import provider_json

    async with context.store() as store:
        provider = await store.providers.find(args.name)
        models = [m for m in await store.models.all() if m.provider_id == provider.id]
        is_set, now = store.key_is_set(provider), store.clock()
    if args.json:
        served = [{"id": model.id, "modelName": model.model_name} for model in models]
        output.say_json({**provider_json(provider, key_is_set=is_set), "models": served})
        return output.EXIT_OK
    checked = provider.health.checked_at
    output.say_fields(
        {
            "provider": provider.name,
            "name": provider.display_name,
            "id": provider.id,
            "prefix": provider.litellm_provider or "none",
            "base URL": provider.api_base_url or "the provider's own",
            "key": _key(provider, is_set),
            "enabled": "yes" if provider.is_enabled else "no",
            "health": provider.health.status.value,
            "checked": "never" if checked is None else fmt.ago(checked, now),
            "reason": provider.health.reason,
            "models": ", ".join(model.model_name for model in models) or "none",
            "version": provider.version,
        }
    )
    return output.EXIT_OK


def _key(provider: Provider, is_set: bool) -> str:
    from store.domain import KEYLESS_PROVIDERS

    if provider.api_key_env is None:
        return "none needed" if provider.litellm_provider in KEYLESS_PROVIDERS else "none named"
    return f"{provider.api_key_env} ({'set' if is_set else 'not set here'})"


async def run_check(context: Context, args: argparse.Namespace) -> int:
    from store.domain import HealthStatus
    from tui import output
    from tui.commands.shapes import check_json

    async with context.store() as store:
        providers = await _wanted(store, args.name)
        if not providers:
            output.tell("There is no enabled provider with an enabled model to check.")
        results = await _check(store, providers)
    pairs = list(zip(providers, results, strict=True))
    if args.json:
        shapes = [check_json(provider, result) for provider, result in pairs]
        output.say_json(shapes[0] if args.name else {"providers": shapes})
    elif pairs:
        output.say_table(
            ("PROVIDER", "STATUS", "LATENCY", "REASON"),
            [
                (
                    provider.name,
                    result.status.value,
                    "-" if result.latency_ms is None else f"{result.latency_ms} ms",
                    result.reason or "",
                )
                for provider, result in pairs
            ],
            right=frozenset({"LATENCY"}),
        )
    well = all(result.status is HealthStatus.HEALTHY for result in results)
    return output.EXIT_OK if well else output.EXIT_FAILED


async def _wanted(store: Store, name: str | None) -> Sequence[Provider]:
    """The one that is named, or all of which something can be said."""
    if name is not None:
        return [await store.providers.find(name)]
    served = {model.provider_id for model in await store.models.all() if model.is_enabled}
    providers = await store.providers.all()
    return [provider for provider in providers if provider.is_enabled and provider.id in served]


async def _check(store: Store, providers: Sequence[Provider]) -> list[ProviderHealth]:
    """Check a few at a time, with a bar. Raises GatewayError where the proxy cannot be asked."""
    import asyncio

    from tui import output

    progress = output.Progress(len(providers))
    gate = asyncio.Semaphore(CONCURRENCY)

    async def check(provider: Provider) -> ProviderHealth:
        async with gate:
            result = await store.gateway.check_provider(provider.id)
        progress.step(f"{provider.name}: {result.status.value}")
        return result

    tasks = [asyncio.create_task(check(provider)) for provider in providers]
    progress.start()
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        progress.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
