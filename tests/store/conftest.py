"""Stores in temporary folders, at a fixed moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.environment import Environment
from store.settings import Settings
from store.store import Store, open_store

NOW = datetime(2026, 3, 18, 6, 30, tzinfo=UTC)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    settings = Settings(store_path=tmp_path / "aitui.db", time_zone="Asia/Seoul")
    async with open_store(settings, Environment({}), clock=lambda: NOW) as opened:
        yield opened
