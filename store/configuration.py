"""LiteLLM's configuration file in and out of the store: import, and export.

An import matches what the file holds with what the store has: a deployment by its id, a provider
by what makes it one (prefix, base URL, key variable), a route by its name. What only the store
knows (display names, priority, whether a thing is enabled) stays the store's; the rest is the
file's. Importing the same file twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from store.audit import write_audit
from store.database import SqliteDatabase, Transaction
from store.domain import ImportReport, Model, Provider, Route
from store.errors import StoreError
from store.models import Models
from store.providers import Providers
from store.routes import Routes
from store.times import Clock, to_text
from store.topic import Thing, Topic, thing_name

if TYPE_CHECKING:
    from store.gateway.config_file import ConfigFile


EXPORT_TRIES = 10


@dataclass(slots=True)
class _Draft:
    """What an import is going to write: pairs of (before, after), before None for a new thing."""

    providers: list[tuple[Provider | None, Provider]] = field(default_factory=list)
    models: list[tuple[Model | None, Model]] = field(default_factory=list)
    routes: list[tuple[Route | None, Route]] = field(default_factory=list)
    kept_before: str | None = None
    unchanged: int = 0
    only_in_store: list[str] = field(default_factory=list)

    def changes(self, file: ConfigFile) -> bool:
        """Whether there is anything to write."""
        things = self.providers or self.models or self.routes
        return bool(things) or self.kept_before != file.kept

    def names(self, *, new: bool) -> tuple[str, ...]:
        pairs: Iterable[tuple[str, Provider | Model | Route | None, Provider | Model | Route]] = [
            *(("provider", *pair) for pair in self.providers),
            *(("model", *pair) for pair in self.models),
            *(("route", *pair) for pair in self.routes),
        ]
        return tuple(
            f"{entity} {thing_name(after)}"
            for entity, before, after in pairs
            if (before is None) is new
        )


class Configuration:
    """The configuration's topic of the door."""

    def __init__(
        self,
        database: SqliteDatabase,
        clock: Clock,
        providers: Providers,
        models: Models,
        routes: Routes,
    ) -> None:
        self._database = database
        self._clock = clock
        self._providers = providers
        self._models = models
        self._routes = routes

    async def import_file(
        self, path: Path, *, actor: str, dry_run: bool = False, replace_keys: bool = False
    ) -> ImportReport:
        """Take over LiteLLM's file, whole or not at all.

        Args:
            dry_run: only say what would be done.
            replace_keys: put `os.environ/NAME` where the file holds a literal key.

        Raises:
            ImportRefused: the file cannot be read, breaks a rule, or holds a literal key.
        """
        from store.gateway.config_file import read_config  # yaml is not needed to start

        file = await asyncio.to_thread(read_config, path, replace_keys=replace_keys)
        draft = await self._draft(file)
        if not dry_run and draft.changes(file):
            async with self._database.write() as tx:
                # Now that nobody else can write: another import may have been faster.
                draft = await self._draft(file)
                await self._write(tx, draft, file, actor)
        kept_changes = draft.kept_before != file.kept
        kept = ("kept configuration",) if kept_changes else ()
        first = draft.kept_before is None
        return ImportReport(
            source=file.source,
            dry_run=dry_run,
            created=draft.names(new=True) + (kept if first else ()),
            changed=draft.names(new=False) + (() if first else kept),
            unchanged=draft.unchanged,
            only_in_store=tuple(draft.only_in_store),
            warnings=file.warnings,
            secrets_replaced=file.secrets_replaced,
        )

    async def export(self) -> str:
        """LiteLLM's file as the store would have it, in YAML. Keys are references only.

        Raises:
            StoreError: others changed the store at each try, so that no two reads fit together.
        """
        from store.gateway.config_export import export_yaml

        for _ in range(EXPORT_TRIES):
            version = await self._database.version()
            kept = await self._kept()
            providers, models = await self._providers.all(), await self._models.all()
            routes = await self._routes.all()
            if await self._database.version() == version:
                break
        else:
            raise StoreError("export: the store is changed all the time. Try again.")
        ordered = sorted(models, key=lambda model: (model.position, model.id))
        return export_yaml(kept or "", providers, ordered, routes)

    async def _kept(self) -> str | None:
        row = await self._database.one("SELECT document FROM kept_config WHERE id = 1")
        return None if row is None else str(row["document"])

    async def _draft(self, file: ConfigFile) -> _Draft:
        draft = _Draft(kept_before=await self._kept())
        provider_ids = _match_providers(file.providers, await self._providers.all(), draft)
        _match_models(file.models, provider_ids, await self._models.all(), draft)
        _match_routes(file.routes, await self._routes.all(), draft)
        return draft

    async def _write(self, tx: Transaction, draft: _Draft, file: ConfigFile, actor: str) -> None:
        await _write_pairs(tx, self._providers, draft.providers, actor)
        await _write_pairs(tx, self._models, draft.models, actor)
        await _write_pairs(tx, self._routes, draft.routes, actor)
        if draft.kept_before != file.kept:
            await self._write_kept(tx, draft.kept_before, file, actor)

    async def _write_kept(
        self, tx: Transaction, before: str | None, file: ConfigFile, actor: str
    ) -> None:
        now = self._clock()
        await tx.execute(
            "INSERT INTO kept_config (id, document, source, imported_at) VALUES (1, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET document = excluded.document,"
            " source = excluded.source, imported_at = excluded.imported_at,"
            " version = kept_config.version + 1",
            (file.kept, file.source, to_text(now)),
        )
        await write_audit(
            tx,
            at=now,
            actor=actor,
            action="import",
            entity="configuration",
            entity_id="kept",
            name=file.source,
            before=None if before is None else {"document": before},
            after={"document": file.kept},
        )


async def _write_pairs(
    tx: Transaction, topic: Topic[Thing], pairs: Iterable[tuple[Thing | None, Thing]], actor: str
) -> None:
    for before, after in pairs:
        if before is None:
            await topic.insert(tx, after, actor, action="import")
        else:
            await topic.update(tx, before, after, actor, action="import")


def _match_providers(
    wanted: Iterable[Provider], present: Iterable[Provider], draft: _Draft
) -> dict[str, str]:
    """Plan the providers; the file's provider id -> the store's."""

    def identity(provider: Provider) -> tuple[str, str | None, str | None]:
        return provider.litellm_provider, provider.api_base_url, provider.api_key_env

    present = tuple(present)
    by_identity = {identity(provider): provider for provider in reversed(present)}
    names = {provider.name for provider in present}
    taken_ids = {provider.id for provider in present}
    ids: dict[str, str] = {}
    for provider in wanted:
        found = by_identity.get(identity(provider))
        if found is None:
            new = replace(
                provider,
                id=_unused(provider.id, taken_ids),
                name=_unused(provider.name, names),
            )
            draft.providers.append((None, new))
            ids[provider.id] = new.id
        else:
            draft.unchanged += 1
            ids[provider.id] = found.id
    return ids


def _match_models(
    wanted: Iterable[Model], provider_ids: dict[str, str], present: Iterable[Model], draft: _Draft
) -> None:
    by_id = {model.id: model for model in present}
    seen = set()
    for item in wanted:
        model = replace(item, provider_id=provider_ids[item.provider_id])
        seen.add(model.id)
        found = by_id.get(model.id)
        if found is None:
            draft.models.append((None, model))
            continue
        named = model.display_name != model.model_name
        merged = replace(
            model,
            display_name=model.display_name if named else found.display_name,
            description=model.description or found.description,
            priority=found.priority,
            is_enabled=found.is_enabled,
            health=found.health,
            version=found.version,
        )
        if merged == found:
            draft.unchanged += 1
        else:
            draft.models.append((found, merged))
    draft.only_in_store += [m.model_name for m in by_id.values() if m.id not in seen]


def _match_routes(wanted: Iterable[Route], present: Iterable[Route], draft: _Draft) -> None:
    present = tuple(present)
    default = next((route for route in present if route.is_default), None)
    by_name = {route.name: route for route in present if not route.is_default}
    names = {route.name for route in present}
    taken_ids = {route.id for route in present}
    for route in wanted:
        found = default if route.is_default else by_name.get(route.name)
        if found is None:
            new = replace(route, id=_unused(route.id, taken_ids), name=_unused(route.name, names))
            draft.routes.append((None, new))
            continue
        merged = replace(
            route,
            id=found.id,
            name=found.name,
            description=route.description or found.description,
            is_enabled=found.is_enabled,
            version=found.version,
        )
        if merged == found:
            draft.unchanged += 1
        else:
            draft.routes.append((found, merged))


def _unused(wanted: str, taken: set[str]) -> str:
    """`wanted`, or with -2, -3 … behind it; and takes it."""
    name, number = wanted, 1
    while name in taken:
        number += 1
        name = f"{wanted}-{number}"
    taken.add(name)
    return name
