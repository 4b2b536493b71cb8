"""`aitui providers add|set|enable|disable|remove|presets`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tui.commands.edit_fields import FieldOption

if TYPE_CHECKING:
    from store.domain import Provider
    from store.store import Store
    from tui.commands.context import Context
    from tui.commands.parsing import Commands

FIELDS = (
    FieldOption("--display-name", "display_name", "text", "TEXT", "what people read"),
    FieldOption(
        "--litellm-provider", "litellm_provider", "text", "PREFIX", "openai, anthropic, azure, …"
    ),
    FieldOption(
        "--base-url", "api_base_url", "optional", "URL", "https://…; none: the provider's own"
    ),
    FieldOption(
        "--key-env", "api_key_env", "optional", "NAME", "the NAME of the key's variable, no key"
    ),
)


def register(group: Commands) -> None:
    _register_add(group)
    _register_changes(group)
    group.add(
        "presets",
        run_presets,
        "list the presets for `aitui providers add --preset`",
        examples=("aitui providers presets", "aitui providers presets --json"),
    )


def _register_add(group: Commands) -> None:
    from tui.commands.edit_fields import add_field_options

    parser = group.add(
        "add",
        run_add,
        "add a provider to the store",
        about=(
            "A preset gives the prefix, the base URL and the key's variable of a known provider;\n"
            "what is given besides wins. Only the NAME of the key's variable is kept."
        ),
        examples=(
            "aitui providers add --preset openai",
            "aitui providers add openai-eu --preset openai --key-env OPENAI_EU_KEY",
            "aitui providers add vas --display-name 'GitHub Copilot' --litellm-provider openai \\\n"
            "      --base-url https://vas.example.com/v1 --key-env VAS_API_KEY",
        ),
        failed="refused: every problem is told, and nothing was written",
        writes=True,
    )
    parser.add_argument("name", metavar="NAME", nargs="?", help="its name (the preset's)")
    parser.add_argument(
        "--preset", metavar="PRESET", help="openai, anthropic, …: see `aitui providers presets`"
    )
    parser.add_argument("--disabled", action="store_true", help="add it without enabling it")
    add_field_options(parser, FIELDS)


def _register_changes(group: Commands) -> None:
    from tui.commands.asking import add_yes_option
    from tui.commands.edit_fields import add_field_options, add_version_option

    parser = group.add(
        "set",
        run_set,
        "change fields of a provider in the store",
        about=(
            "Only what is named is changed. Where the key would go to another host it asks first,\n"
            "and shows both."
        ),
        examples=(
            "aitui providers set openai --key-env OPENAI_API_KEY_2",
            "aitui providers set vas --base-url https://vas2.example.com/v1 --yes",
            "aitui providers set openai --base-url none",
        ),
        failed="refused, or you said no; nothing was written",
        writes=True,
    )
    parser.add_argument("name", metavar="NAME", help="a provider's name or id")
    parser.add_argument("--rename", metavar="NEW", help="another name")
    add_yes_option(parser)
    add_version_option(parser)
    add_field_options(parser, FIELDS)
    _register_others(group)


def _register_others(group: Commands) -> None:
    from tui.commands.edit_fields import add_version_option
    from tui.commands.removing import add_remove_options

    for word, handler in (("enable", run_enable), ("disable", run_disable)):
        parser = group.add(
            word,
            handler,
            f"{word} a provider, and so its models, in the store",
            about="The change is audited. The running proxy is not touched.",
            examples=(f"aitui providers {word} openai",),
            writes=True,
        )
        parser.add_argument("name", metavar="NAME", help="a provider's name or id")
        add_version_option(parser)
    parser = group.add(
        "remove",
        run_remove,
        "remove a provider from the store",
        about=(
            "A provider with models is refused, unless --along removes them with it, and takes\n"
            "them out of the routes, in the same change. It asks first."
        ),
        examples=("aitui providers remove groq", "aitui providers remove ollama --along --yes"),
        failed="it is in use, or you said no; nothing was written",
        writes=True,
    )
    parser.add_argument("name", metavar="NAME", help="a provider's name or id")
    add_remove_options(parser, along="remove its models with it, and take them out of the routes")


async def run_add(context: Context, args: argparse.Namespace) -> int:
    from dataclasses import replace

    from store.domain import Provider
    from store.presets import find_preset
    from store.store import local_actor
    from tui import output
    from tui.commands.edit_fields import read_fields

    if args.name is None and args.preset is None:
        output.tell_error("give the provider's NAME, a --preset, or both.")
        return output.EXIT_USAGE
    values = read_fields(args, FIELDS)
    if args.preset is None and "litellm_provider" not in values:
        output.tell_error("give a --preset, or LiteLLM's prefix with --litellm-provider.")
        return output.EXIT_USAGE
    preset = find_preset(args.preset) if args.preset is not None else None
    new = preset.provider() if preset is not None else Provider("", "", "", "")
    new = replace(new, name=args.name or new.name, is_enabled=not args.disabled)
    new = replace(new, display_name=new.display_name or new.name)
    new = replace(new, **values)
    async with context.store() as store:
        added = await store.edit.add(new, actor=local_actor())
        await _say(store, None, added, args)
    if preset is not None and preset.note is not None:
        output.tell(preset.note)
    return output.EXIT_OK


async def _say(
    store: Store,
    before: Provider | None,
    after: Provider,
    args: argparse.Namespace,
    verb: str | None = None,
) -> None:
    from tui import output
    from tui.commands.edit_fields import say_saved
    from tui.commands.shapes import provider_json

    is_set = store.key_is_set(after)
    if args.json:
        changed = before is None or before.version != after.version
        shape = provider_json(after, key_is_set=is_set)
        output.say_json({"changed": changed, "provider": shape})
        return
    await say_saved(store, after.name, before, after, verb=verb)
    if not is_set:
        output.tell(
            f"{after.api_key_env} is not set here; the proxy's own environment is what counts."
        )


async def run_set(context: Context, args: argparse.Namespace) -> int:
    from dataclasses import replace

    from store.errors import Rejected
    from store.store import local_actor
    from store.validation import changes_host, problems
    from tui import output
    from tui.commands.asking import agreed
    from tui.commands.edit_fields import check_version, read_fields

    values = read_fields(args, FIELDS)
    if args.rename is not None:
        values["name"] = args.rename
    if not values:
        output.tell_error("nothing to change was named; `aitui providers set --help` lists it.")
        return output.EXIT_USAGE
    async with context.store() as store:
        before = await store.providers.find(args.name)
        check_version(before, args)
        after = replace(before, **values)
        hosts = changes_host(before, after)
        if hosts is not None:
            if found := problems(after, await store.edit.world()):
                raise Rejected(found)  # before the question: it would be asked for nothing
            question = (
                f"The key in {after.api_key_env} goes to {hosts[0]} now. Send it to {hosts[1]}?"
            )
            refused = await agreed(args, question)
            if refused is not None:
                return refused
        after = await store.edit.save(before, after, actor=local_actor())
        await _say(store, before, after, args)
    return output.EXIT_OK


async def run_enable(context: Context, args: argparse.Namespace) -> int:
    return await _set_enabled(context, args, enabled=True)


async def run_disable(context: Context, args: argparse.Namespace) -> int:
    return await _set_enabled(context, args, enabled=False)


async def _set_enabled(context: Context, args: argparse.Namespace, *, enabled: bool) -> int:
    from store.store import local_actor
    from tui import output
    from tui.commands.edit_fields import check_version

    async with context.store() as store:
        before = await store.providers.find(args.name)
        check_version(before, args)
        after = await store.providers.set_enabled(
            before.id, enabled, actor=local_actor(), version=before.version
        )
        await _say(store, before, after, args, "enabled" if enabled else "disabled")
    return output.EXIT_OK


async def run_remove(context: Context, args: argparse.Namespace) -> int:
    from tui.commands.removing import remove

    async with context.store() as store:
        provider = await store.providers.find(args.name)
        return await remove(store, provider, provider.name, args)


async def run_presets(context: Context, args: argparse.Namespace) -> int:
    from store.presets import PRESETS
    from tui import output
    from tui.commands.shapes import preset_json

    if args.json:
        output.say_json({"presets": [preset_json(preset) for preset in PRESETS]})
        return output.EXIT_OK
    output.say_table(
        ("PRESET", "DISPLAY NAME", "PREFIX", "KEY VARIABLE", "BASE URL"),
        [
            (
                preset.name,
                preset.display_name,
                preset.litellm_provider,
                preset.api_key_env or "-",
                preset.api_base_url or "-",
            )
            for preset in PRESETS
        ],
    )
    return output.EXIT_OK
