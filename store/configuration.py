"""LiteLLM's configuration file in and out of the store: import, and export.

An import matches what the file holds with what the store has: a deployment by its id, a provider
by what makes it one (prefix, base URL, key variable), a route by its name. What only the store
knows (display names, priority, whether a thing is enabled) stays the store's; the rest is the
file's. Importing the same file twice changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from store.audit import write_audit
from store.chains import Chains, read_chains
from store.database import SqliteDatabase, Transaction
from store.domain import ImportReport, Model, Provider, Route
from store.errors import ImportRefused, StoreError
from store.models import Models
from store.providers import Providers
from store.revisions import record_import
from store.routes import Routes
from store.times import Clock, to_text
from store.topic import Thing, Topic, thing_name

if TYPE_CHECKING:
    from store.gateway.config_file import ConfigFile


EXPORT_TRIES = 10


@dataclass(frozen=True, slots=True)
class _Kept:
    """What an import kept: the document around the models, and the file's own text."""

    document: str
    text: str | None
    """None where it could not be kept; the export then makes a layout of its own."""


@dataclass(slots=True)
class Draft:
    """What an import is going to write: pairs of (before, after), before None for a new thing."""

    providers: list[tuple[Provider | None, Provider]] = field(default_factory=list)
    models: list[tuple[Model | None, Model]] = field(default_factory=list)
    routes: list[tuple[Route | None, Route]] = field(default_factory=list)
    kept_before: _Kept | None = None
    unchanged: int = 0
    only_in_store: list[str] = field(default_factory=list)

    def changes(self, file: ConfigFile) -> bool:
        """Whether there is anything to write."""
        things = self.providers or self.models or self.routes
        return bool(things) or self.kept_changes(file)

    def kept_changes(self, file: ConfigFile) -> bool:
        return self.kept_before != _Kept(file.kept, file.text)

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
        kept = ("kept configuration",) if draft.kept_changes(file) else ()
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

        It is the file of the last import with what was changed since; its comments and its layout
        stay, unless it included other files.

        Raises:
            StoreError: others changed the store at each try, so that no two reads fit together.
            InvalidField: the store's routes contradict each other.
        """
        for _ in range(EXPORT_TRIES):
            version = await self._database.version()
            kept = await self._kept()
            providers, models = await self._providers.all(), await self._models.all()
            routes = await self._routes.all()
            routes += await self._routes.retired(routes)
            if await self._database.version() == version:
                break
        else:
            raise StoreError("export: the store is changed all the time. Try again.")
        ordered = sorted(models, key=lambda model: (model.position, model.id))
        return await asyncio.to_thread(_export, kept, providers, ordered, routes)

    async def _kept(self) -> _Kept | None:
        row = await self._database.one("SELECT document, source_text FROM kept_config WHERE id = 1")
        return None if row is None else _Kept(row["document"], row["source_text"])

    async def _draft(self, file: ConfigFile) -> Draft:
        draft = Draft(kept_before=await self._kept())
        providers, models = await self._providers.all(), await self._models.all()
        provider_ids = match_providers(file.providers, providers, draft)
        match_models(file.models, provider_ids, models, draft, providers=file.providers)
        names = RouteNames(read_chains((), models, providers), file.models)
        match_routes(file.routes, await self._routes.all(), names, draft)
        return draft

    async def _write(self, tx: Transaction, draft: Draft, file: ConfigFile, actor: str) -> None:
        await _write_pairs(tx, self._providers, draft.providers, actor)
        await _write_pairs(tx, self._models, draft.models, actor)
        await _write_pairs(tx, self._routes, draft.routes, actor)
        if draft.kept_changes(file):
            await self._write_kept(tx, draft.kept_before, file, actor)
        text = file.text or _export(
            _Kept(file.kept, None), file.providers, file.models, file.routes
        )
        await record_import(tx, at=self._clock(), actor=actor, file=file.source, yaml=text)

    async def _write_kept(
        self, tx: Transaction, before: _Kept | None, file: ConfigFile, actor: str
    ) -> None:
        now = self._clock()
        await tx.execute(
            "INSERT INTO kept_config (id, document, source_text, source, imported_at)"
            " VALUES (1, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET document = excluded.document,"
            " source_text = excluded.source_text, source = excluded.source,"
            " imported_at = excluded.imported_at, version = kept_config.version + 1",
            (file.kept, file.text, file.source, to_text(now)),
        )
        await write_audit(
            tx,
            at=now,
            actor=actor,
            action="import",
            entity="configuration",
            entity_id="kept",
            name=file.source,
            before=None if before is None else {"document": before.document},
            after={"document": file.kept},
        )


def _export(
    kept: _Kept | None,
    providers: Sequence[Provider],
    models: Sequence[Model],
    routes: Sequence[Route],
) -> str:
    from store.gateway.config_export import export_yaml
    from store.gateway.desired import base_of_text, desired_file

    base = None
    if kept is not None and kept.text is not None:
        # The rules for a file may have become stricter since it was imported.
        with suppress(ImportRefused):
            base = base_of_text(kept.text, name="the imported file")
    if base is not None:
        return desired_file(base, providers, models, routes).text
    return export_yaml(kept.document if kept else "", providers, models, routes)


async def _write_pairs(
    tx: Transaction, topic: Topic[Thing], pairs: Iterable[tuple[Thing | None, Thing]], actor: str
) -> None:
    for before, after in pairs:
        if before is None:
            await topic.insert(tx, after, actor, action="import")
        else:
            await topic.update(tx, before, after, actor, action="import")


def match_providers(
    wanted: Iterable[Provider], present: Iterable[Provider], draft: Draft
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


def match_models(
    wanted: Sequence[Model],
    provider_ids: dict[str, str],
    present: Iterable[Model],
    draft: Draft,
    *,
    providers: Iterable[Provider] = (),
) -> None:
    """Plan the models.

    Args:
        providers: those of `wanted`, to leave a model alone that the file says in other words.
    """
    by_id = {model.id: model for model in present}
    by_provider = {provider.id: provider for provider in providers}
    stays = _keeps_order(wanted, by_id)
    for item in wanted:
        model = replace(item, provider_id=provider_ids[item.provider_id])
        found = by_id.pop(model.id, None)
        if found is None:
            draft.models.append((None, model))
            continue
        named = model.display_name != model.model_name
        merged = replace(
            model,
            display_name=model.display_name if named else found.display_name,
            description=model.description or found.description,
            priority=found.priority,
            position=found.position if stays else model.position,
            is_enabled=found.is_enabled,
            health=found.health,
            version=found.version,
        )
        if merged == found or _says_the_same(found, merged, by_provider.get(item.provider_id)):
            draft.unchanged += 1
        else:
            draft.models.append((found, merged))
    draft.only_in_store += [model.model_name for model in by_id.values()]


def _says_the_same(found: Model, merged: Model, provider: Provider | None) -> bool:
    """Whether the file's entry is the one that the store would write itself."""
    from store.gateway.config_export import same_entry

    as_was = replace(merged, kept=found.kept)
    return provider is not None and as_was == found and same_entry(as_was, merged, provider)


def _keeps_order(wanted: Iterable[Model], present: Mapping[str, Model]) -> bool:
    """Whether the file holds no new models, and the others in the store's order."""
    found = [present.get(model.id) for model in wanted]
    places = [(model.position, model.id) for model in found if model is not None]
    return len(places) == len(found) and places == sorted(places)


class RouteNames:
    """Chains as the proxy knows them: the names of the groups that it serves."""

    def __init__(self, chains: Chains, wanted: Iterable[Model]) -> None:
        self.chains = chains
        self.wanted = {model.id: model.model_name for model in wanted}

    def kept(self, found: tuple[str, ...], wanted: tuple[str, ...]) -> tuple[str, ...]:
        """The store's ids where the file says just that of them which it can say, else its own.

        The file names groups, not deployments, and none that is disabled here.
        """
        served = [self.chains.names.get(model_id, "") for model_id in found]
        present = tuple(dict.fromkeys(name for name in served if name in self.chains.groups))
        same = present == tuple(dict.fromkeys(self.wanted[model_id] for model_id in wanted))
        return found if same else wanted

    def kept_primary(self, found: str | None, wanted: str | None) -> str | None:
        same = found and wanted and self.kept((found,), (wanted,)) == (found,)
        return found if same else wanted


def match_routes(
    wanted: Iterable[Route], present: Iterable[Route], names_of: RouteNames, draft: Draft
) -> None:
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
            primary_model_id=names_of.kept_primary(found.primary_model_id, route.primary_model_id),
            fallback_model_ids=names_of.kept(found.fallback_model_ids, route.fallback_model_ids),
            context_window_fallback_ids=names_of.kept(
                found.context_window_fallback_ids, route.context_window_fallback_ids
            ),
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
