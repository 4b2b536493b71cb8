"""The door: one object through which the terminal, the API and the commands do everything."""

from __future__ import annotations

import getpass
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

from store.audit import Audit
from store.catalog import Catalog
from store.checks import printable
from store.configuration import Configuration
from store.database import SqliteDatabase, open_database
from store.domain import Provider
from store.editor import Editor
from store.environment import Environment
from store.gateway.service import GatewayService
from store.history import History
from store.models import Models
from store.periods import Period
from store.providers import Providers
from store.rollout import Rollout
from store.routes import Routes
from store.settings import Settings
from store.shared_settings import TIME_ZONE, SharedSettings
from store.times import Clock, utc_now
from store.usage import Usage

__all__ = ["Period", "Store", "local_actor", "open_store"]


def local_actor() -> str:
    """Who changes things from this terminal, for the audit log: `user@host`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown"
    # A name in another encoding than the terminal's cannot be stored as it is.
    return printable(f"{user}@{socket.gethostname()}")


class Store:
    """An attribute a topic. Made by `open_store`, which also closes it."""

    def __init__(
        self,
        database: SqliteDatabase,
        settings: Settings,
        environment: Environment,
        clock: Clock,
        zone: ZoneInfo,
    ) -> None:
        self._database = database
        self.settings = settings
        self.environment = environment
        self.clock = clock
        self.zone = zone
        self.providers = Providers(database, clock)
        self.models = Models(database, clock)
        self.routes = Routes(database, clock)
        self.audit = Audit(database)
        self.edit = Editor(database, self.providers, self.models, self.routes)
        self.history = History(database, self.providers, self.models, self.routes)
        self.shared_settings = SharedSettings(database, clock)
        self.usage = Usage(database, clock, lambda: self.zone)
        self.configuration = Configuration(
            database, clock, self.providers, self.models, self.routes
        )
        self.gateway = GatewayService(settings, environment, clock, self.providers, self.models)
        self.catalog = Catalog(database, clock, self.gateway.price_map)
        self.rollout = Rollout(
            settings,
            database,
            clock,
            self.providers,
            self.models,
            self.routes,
            self.configuration,
            self.edit,
            self.history,
            self.gateway,
        )
        self._seen = -1

    async def changed(self) -> bool:
        """Whether anyone, in any process, committed since this was last asked (7 µs)."""
        version = await self._database.version()
        changed = version != self._seen
        self._seen = version
        return changed

    @property
    def read_only(self) -> bool:
        """Whether every write is refused with ReadOnly, so that a face can hide what writes."""
        return self._database.read_only is not None

    @property
    def last_change_id(self) -> str | None:
        """Names the last change that was written through this door, for `history.undo`.

        Observations (health, tests, use) are no changes; None before the first change.
        """
        return self._database.last_change_id

    def key_is_set(self, provider: Provider) -> bool:
        """Whether the provider's key variable is set here; True where it needs none."""
        return self.gateway.key_is_set(provider)

    async def close(self) -> None:
        await self.gateway.close()
        await self._database.close()


@asynccontextmanager
async def open_store(
    settings: Settings, environment: Environment, *, clock: Clock = utc_now
) -> AsyncIterator[Store]:
    """Open the store that the settings name, creating or upgrading it where needed.

    With the setting `read_only` it does neither, and the door refuses every write.

    Raises:
        StoreError: the file is not a store of ours, or cannot be opened.
    """
    database = await open_database(
        settings.store_path, read_only=settings.read_only_because if settings.read_only else None
    )
    try:
        shared = await SharedSettings(database, clock).get(TIME_ZONE)
        zone = ZoneInfo(shared) if shared and not settings.time_zone else settings.zone()
        store = Store(database, settings, environment, clock, zone)
    except BaseException:
        await database.close()
        raise
    try:
        yield store
    finally:
        await store.close()
