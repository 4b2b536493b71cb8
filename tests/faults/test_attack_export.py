"""An export while another process imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from store.environment import Environment
from store.errors import StoreError
from store.settings import load_settings
from store.store import open_store
from tests.faults.test_attack_store import write_config


async def exported(folder: Path, monkeypatch: pytest.MonkeyPatch, files: list[Path]) -> str:
    """An export during which, between two reads, another connection imports `files` in turn."""
    settings = load_settings({"store": str(folder / "s.db")}, {})
    async with (
        open_store(settings, Environment({})) as store,
        open_store(settings, Environment({})) as other,
    ):
        read = store.providers.all

        async def read_then_import() -> object:
            found = await read()
            if files:
                await other.configuration.import_file(files.pop(0), actor="b")
            return found

        monkeypatch.setattr(store.providers, "all", read_then_import)
        return await store.configuration.export()


async def test_an_export_is_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = await exported(tmp_path, monkeypatch, [write_config(tmp_path / "c.yaml", "m", models=2)])
    assert "model_name: m0" in text
    assert "api_key: os.environ/K" in text


async def test_an_export_that_finds_no_moment_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write_config(tmp_path / f"{n}.yaml", "m", models=1, retries=n) for n in range(12)]
    with pytest.raises(StoreError, match="changed all the time"):
        await exported(tmp_path, monkeypatch, files)
