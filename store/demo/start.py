"""`aitui --demo`: a temporary store and a pretend proxy, both gone when it ends."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from store.times import Clock


@dataclass(frozen=True, slots=True)
class DemoEnvironment:
    """What the demo's settings name: the store's file, the proxy's base URL, key and file.

    `variables` are the providers' variables that count as set. One provider's is left out.
    """

    store_path: Path
    url: str
    key: str = field(repr=False)
    config_file: Path
    variables: Mapping[str, str] = field(repr=False)


@asynccontextmanager
async def demo_environment(
    clock: Clock, zone: ZoneInfo, *, pace: float = 1.0
) -> AsyncIterator[DemoEnvironment]:
    """Fill a store in a folder of its own (mode 0700) and start the proxy; clean up at the end.

    Args:
        clock: aware UTC; the demo's use ends at this moment.
        zone: the reporting time zone.
        pace: multiplies the proxy's delays; 0 answers at once.
    """
    # Only the demo needs these: the dashboard's start does not wait for them.
    from store.demo.catalog import VARIABLES
    from store.demo.proxy import DemoProxy
    from store.demo.served import CONFIG

    folder = Path(tempfile.mkdtemp(prefix="aitui-demo-"))
    try:
        store_path = folder / "aitui.db"
        config_file = folder / CONFIG.name
        shutil.copyfile(CONFIG, config_file)
        await _fill(store_path, clock, zone)
        proxy = DemoProxy(config_file, variables=VARIABLES, pace=pace)
        try:
            url = await proxy.start()
            yield DemoEnvironment(store_path, url, proxy.key, config_file, VARIABLES)
        finally:
            await proxy.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _fill(store_path: Path, clock: Clock, zone: ZoneInfo) -> None:
    from store.database import open_database
    from store.demo.data import fill_demo
    from store.usage import Usage

    database = await open_database(store_path)
    try:
        await fill_demo(database, Usage(database, clock, lambda: zone), clock(), zone)
    finally:
        await database.close()
