"""What an apply proves before it writes, and what it tries afterwards where that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from store.errors import AituiError
from store.gateway.client import Gateway
from store.gateway.comparison import Comparison
from store.gateway.model_test import test_model
from store.gateway.reload import Reloader
from store.gateway.validate_file import models_in, validate_file
from store.plans import ChangeKind, Subject
from store.revisions import Revisions
from store.settings import Settings
from store.validation import World

MOST_NAMED: Final = 5

Say = Callable[[str], None]


async def check_file(
    made: Comparison, settings: Settings, reloader: Reloader, revisions: Revisions, say: Say
) -> str:
    """The new file before it is written: LiteLLM takes it. Raises AituiError where it does not.

    LiteLLM takes ten seconds and more to say so, hence it is not asked about a file that it has
    served before.
    """
    assert made.base is not None
    assert made.desired is not None
    document = made.desired.document
    entries = document.get("model_list")
    count = len(entries) if isinstance(entries, list) else 0
    if await revisions.was_served(made.plan.yaml):
        return f"{count} models; this very file was served before"
    executable = settings.litellm or reloader.executable()
    if executable is None and reloader.is_fatal:
        raise AituiError(
            "a file that LiteLLM refuses would end the proxy at its SIGHUP, so it is checked "
            "first: set gateway.litellm to LiteLLM's executable."
        )
    if executable is None:
        return f"{count} models; gateway.litellm is not set, so LiteLLM itself was not asked"
    say(f"{executable} --validate_config")
    data = made.plan.yaml.encode()
    try:
        return await validate_file(executable, made.base.path, data, models=models_in(document))
    except AituiError as error:
        names = [
            change.name
            for change in made.plan.changes
            if change.subject is Subject.MODEL and change.kind is not ChangeKind.DELETE
        ]
        if not names:
            raise
        more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
        suspects = ", ".join(names[:MOST_NAMED]) + more
        raise AituiError(f"{error} This plan adds or changes {suspects}.") from None


async def test_models(gateway: Gateway, world: World, model_ids: Sequence[str], say: Say) -> str:
    """One real request to each of these models. Raises AituiError where one fails."""
    providers = {provider.id: provider for provider in world.providers}
    models = {model.id: model for model in world.models}
    tested = [models[each] for each in model_ids if each in models]
    for count, model in enumerate(tested, 1):
        say(f"{count} of {len(tested)}: {model.model_name}")
        report = await test_model(gateway, model, providers[model.provider_id])
        if not report.success:
            raise AituiError(f"{model.model_name} failed its test: {report.error}")
    return f"{len(tested)} models answered" if tested else "no model to test"
