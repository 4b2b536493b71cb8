"""Makes plans: the store's side, the file's and the running proxy's, read and compared.

What needs YAML or HTTP is imported with the first call: the dashboard starts without either.
"""

from __future__ import annotations

import asyncio
import importlib
from pathlib import Path
from typing import TYPE_CHECKING

from store.configuration import Configuration
from store.database import SqliteDatabase
from store.editor import Editor
from store.errors import AituiError, GatewayError
from store.gateway.service import GatewayService
from store.history import History
from store.plans import Outcome, Revision
from store.revisions import Revisions
from store.routes import Routes
from store.settings import Settings
from store.times import Clock
from store.validation import World

if TYPE_CHECKING:
    from store.gateway.comparison import Comparison, Sides, Wanted
    from store.gateway.live import Live

SNAPSHOT_TRIES = 10


class Planner:
    """Compares, and remembers the file as it read it last."""

    def __init__(
        self,
        settings: Settings,
        database: SqliteDatabase,
        clock: Clock,
        routes: Routes,
        configuration: Configuration,
        editor: Editor,
        history: History,
        gateway: GatewayService,
        revisions: Revisions,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._routes = routes
        self._configuration = configuration
        self._editor = editor
        self._history = history
        self._gateway = gateway
        self._revisions = revisions
        self._sides: tuple[object, Sides] | None = None

    def forget(self) -> None:
        """Read the file anew the next time, whatever its stamp."""
        self._sides = None

    async def stamp(self) -> object:
        """Changes when the store, the file or the last revision does; not when the proxy does."""
        newest = await self._revisions.all(limit=1)
        return (await self._audit_id(), _stamp(self._settings.config_file), newest)

    async def compare(self, to_revision: int | None) -> Comparison:
        """Plan, and what it rests on. Raises AituiError: the store or the file cannot be read."""
        comparison = await asyncio.to_thread(importlib.import_module, "store.gateway.comparison")
        key, wanted = await self.wanted(to_revision)
        live = await self._live()
        sides = await self._read_sides(key, wanted)
        made: Comparison = await asyncio.to_thread(
            comparison.compare, self._settings, wanted, sides, live, self._clock()
        )
        await self._note_served(made)
        return made

    async def _live(self) -> Live | AituiError:
        try:
            return await self._gateway.live()
        except GatewayError as error:
            return error

    async def _read_sides(self, key: object, wanted: Wanted) -> Sides:
        """Read anew only where the file or the store changed: it takes its time."""
        from store.gateway.comparison import read_sides

        whole = (key, _stamp(self._settings.config_file))
        if self._sides is not None and self._sides[0] == whole and whole[1] is not None:
            return self._sides[1]
        sides = await asyncio.to_thread(read_sides, self._settings, wanted)
        includes = sides.base is not None and sides.base.files.included
        self._sides = None if includes else (whole, sides)  # no stamp tells of the other files
        return sides

    async def wanted(self, to_revision: int | None) -> tuple[object, Wanted]:
        """What the store's side can be known by, and that side."""
        from store.gateway.comparison import Wanted

        for _ in range(SNAPSHOT_TRIES):
            before = await self._audit_id()
            world = await self._world(to_revision)
            retired = await self._routes.retired(world.routes)
            exported = "" if self._settings.config_file else await self._configuration.export()
            basis = await self._revisions.basis()
            if await self._audit_id() == before:
                break
        else:
            raise AituiError("plan: the store is changed all the time. Try again.")
        audit_id = before if to_revision is None else await self._revisions.audit_id(to_revision)
        outage_ms = await self._revisions.last_outage_ms()
        audit_before = None if to_revision is None else before
        wanted = Wanted(
            world, retired, exported, basis, outage_ms, audit_id, to_revision, audit_before
        )
        return (before, basis, to_revision), wanted

    async def _world(self, to_revision: int | None) -> World:
        if to_revision is None:
            return await self._editor.world()
        return await self._history.world_at(await self._revisions.audit_id(to_revision))

    async def _audit_id(self) -> int:
        row = await self._database.one("SELECT coalesce(max(id), 0) FROM audit_log")
        assert row is not None
        return int(row[0])

    async def _note_served(self, made: Comparison) -> None:
        """A file that was written and waited for its restart is served by now."""
        plan = made.plan
        if not plan.is_empty or made.live is None or plan.to_revision is not None:
            return
        newest = await self._revisions.all(limit=1)
        if not newest or newest[0].outcome is not Outcome.WRITTEN or self._database.read_only:
            return
        if await asyncio.to_thread(self._is_loaded, newest[0]):
            await self._revisions.served_at_last(newest[0].number)

    def _is_loaded(self, written: Revision) -> bool:
        """Whether the proxy, in which no difference is left, shows that it loaded that revision.

        A key's reference is nothing that it shows: then only its processes can tell.
        """
        from store.gateway.reload_hup import local_port
        from store.gateway.workers import OldWorkers

        if any(change.in_live for change in written.changes):
            return True
        workers = OldWorkers.at(local_port(self._settings.gateway_url))
        since = written.finished_at or written.started_at
        return workers is not None and workers.started_after(since)


def _stamp(path: Path | None) -> object:
    """Changes when the file does; None where it cannot be told."""
    if path is None:
        return ()
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_ino, found.st_mtime_ns, found.st_size)
