"""A process of its own that edits a store, for the fault tests. It acknowledges on its output.

python -m tests.faults.edit_child STORE kill SEED    edits until it is killed
python -m tests.faults.edit_child STORE race NAME    saves each route it is told of
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from store.audit import as_json
from store.environment import Environment
from store.errors import AituiError, StaleEdit
from store.history import AnyThing
from store.settings import Settings
from store.store import Store, open_store
from tests.store.edit_samples import model, provider, route

MAX_EDITS = 100_000


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


async def one_edit(store: Store, dice: random.Random, number: int, folder: Path) -> None:
    """A save, an addition, a removal, a toggle, a new default, an import, or a way back."""
    models, routes = await store.models.all(), await store.routes.all()
    kind = dice.choice(
        ["add", "add", "save", "save", "toggle", "remove", "route", "import", "undo"]
    )
    if kind == "import" or not models:
        path = folder / f"import-{number}.yaml"
        entries = "".join(
            f"  - model_name: i{n}\n    litellm_params: {{model: openai/i{n}}}\n"
            f"    model_info: {{id: i{n}, max_input_tokens: {number + 1}}}\n"
            for n in range(20)
        )
        path.write_text(f"model_list:\n{entries}")
        await store.configuration.import_file(path, actor="child")
        path.unlink()
    elif kind == "add":
        owner = await store.edit.add(provider(f"p{number}"), actor="child")
        await store.edit.add(model(owner.id, f"m{number}"), actor="child")
    elif kind == "save":
        one = dice.choice(models)
        await store.edit.save(one, replace(one, description=f"edit {number}"), actor="child")
    elif kind == "toggle":
        one = dice.choice(models)
        await store.models.set_enabled(
            one.id, not one.is_enabled, actor="child", version=one.version
        )
    elif kind == "remove":
        things: list[AnyThing] = [*models, *await store.providers.all()]
        await store.edit.remove(dice.choice(things), actor="child", along=True)
    elif kind == "route":
        chain = [one.id for one in dice.sample(models, k=min(3, len(models)))]
        await store.edit.add(route(f"r{number}", *chain, is_default=True), actor="child")
        if routes:
            await store.edit.make_default(routes[0], actor="child")
    elif store.last_change_id is not None:
        await store.history.undo(store.last_change_id, actor="child")


async def edit_until_killed(store: Store, seed: int) -> None:
    dice = random.Random(seed)
    say(ready=True)
    told = store.last_change_id
    for number in range(MAX_EDITS):
        # Some are refused, e.g. an undo of what cannot be undone.
        with suppress(AituiError):
            await one_edit(store, dice, seed * MAX_EDITS + number, store.settings.store_path.parent)
        if store.last_change_id != told:
            told = store.last_change_id
            say(ack=told)


async def race(store: Store, name: str) -> None:
    """Save each route of which a line tells, from the version that the line holds."""
    say(ready=True)
    for line in sys.stdin:
        told = json.loads(line)
        before = await store.routes.get(told["id"])
        before = replace(before, version=told["version"])
        await asyncio.sleep(told["wait_s"])
        try:
            saved = await store.edit.save(
                before, replace(before, description=f"{name} {told['version']}"), actor=name
            )
        except StaleEdit as error:
            say(won=False, theirs=as_json(error.theirs))
        else:
            say(won=True, saved=as_json(saved))


async def main() -> None:
    path, kind, which = sys.argv[1:]
    settings = Settings(store_path=Path(path), time_zone="UTC")
    async with open_store(settings, Environment({})) as store:
        await (race(store, which) if kind == "race" else edit_until_killed(store, int(which)))


if __name__ == "__main__":
    asyncio.run(main())
