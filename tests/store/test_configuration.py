"""Import and export through the door: whole, twice the same, audited, and without keys."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from store.domain import Model
from store.errors import ImportRefused
from store.store import Store

CONFIGS = Path(__file__).parent.parent / "litellm" / "configs"


async def everything(store: Store) -> tuple[object, ...]:
    return (
        await store.providers.all(),
        await store.models.all(),
        await store.routes.all(),
        await store.audit.latest(10_000),
    )


async def test_the_plan_s_own_file_becomes_providers_models_and_routes(store: Store) -> None:
    report = await store.configuration.import_file(CONFIGS / "seed.yaml", actor="test")
    assert report.warnings == ()
    providers = {provider.name: provider for provider in await store.providers.all()}
    assert set(providers) == {"vas", "openai", "gemini", "anthropic", "ollama"}
    assert providers["vas"].api_key_env == "VAS_API_KEY"
    models = {(m.model_name, m.provider_id): m for m in await store.models.all()}
    assert len(models) == 13
    gpt = models["gpt-4.1", providers["vas"].id]
    assert (gpt.input_cost_per_1k, gpt.output_cost_per_1k) == (Decimal("0.01"), Decimal("0.03"))
    assert gpt.context_window == 128_000
    assert gpt.supports_vision
    (default,) = await store.routes.all()
    assert default.is_default
    assert default.routing_strategy == "latency-based-routing"
    assert default.num_retries == 3
    assert default.primary_model_id == gpt.id
    by_id = {model.id: model.model_name for model in await store.models.all()}
    assert [by_id[i] for i in default.fallback_model_ids] == ["gemini-1.5-flash", "claude-3-haiku"]


async def test_every_imported_thing_has_its_audit_row(store: Store) -> None:
    await store.configuration.import_file(CONFIGS / "seed.yaml", actor="alice@host")
    entries = await store.audit.latest(1_000)
    assert {entry.actor for entry in entries} == {"alice@host"}
    things = {(entry.entity, entry.entity_id) for entry in entries}
    assert ("configuration", "kept") in things
    for model in await store.models.all():
        assert ("model", model.id) in things


@pytest.mark.parametrize("name", ["seed.yaml", "every-construct.yaml"])
async def test_importing_twice_changes_nothing(store: Store, name: str) -> None:
    await store.configuration.import_file(CONFIGS / name, actor="test")
    before = await everything(store)
    report = await store.configuration.import_file(CONFIGS / name, actor="test")
    assert (report.created, report.changed) == ((), ())
    assert report.unchanged > 0
    assert await everything(store) == before


@pytest.mark.parametrize("name", ["seed.yaml", "every-construct.yaml"])
async def test_importing_an_export_changes_nothing(store: Store, tmp_path: Path, name: str) -> None:
    await store.configuration.import_file(CONFIGS / name, actor="test")
    exported = tmp_path / "exported.yaml"
    exported.write_text(await store.configuration.export())
    models = await store.models.all()
    first = await store.configuration.import_file(exported, actor="test")
    assert first.created == ()
    again = await store.configuration.import_file(exported, actor="test")
    assert (again.created, again.changed) == ((), ())
    assert [m.id for m in await store.models.all()] == [m.id for m in models]
    assert yaml.safe_load(await store.configuration.export()) == yaml.safe_load(
        exported.read_text()
    )


@pytest.mark.parametrize("name", ["seed.yaml", "every-construct.yaml"])
async def test_importing_the_export_of_an_edited_store_changes_nothing_in_it(
    store: Store, tmp_path: Path, name: str
) -> None:
    await store.configuration.import_file(CONFIGS / name, actor="test")
    # One that others fall back to: its place in their chains is not the file's to say.
    models = await store.models.all()
    first = next(m for m in models if m.model_name in ("on", "claude-3-haiku"))
    second = next(m for m in models if m.id != first.id)
    await store.edit.save(first, replace(first, is_enabled=False), actor="test")
    await store.edit.save(second, replace(second, timeout_seconds=7.5, mode="rerank"), actor="test")
    provider = next(p for p in await store.providers.all() if p.id == second.provider_id)
    added = Model("", provider.id, "added", "added", f"{provider.litellm_provider}/added")
    added = await store.edit.add(added, actor="test")
    exported = tmp_path / "exported.yaml"
    exported.write_text(await store.configuration.export())
    before = (await store.models.all(), await store.routes.all())
    report = await store.configuration.import_file(exported, actor="test")
    assert (report.created, report.changed) == ((), ("kept configuration",))
    assert (await store.models.all(), await store.routes.all()) == before


async def test_a_dry_run_writes_nothing(store: Store) -> None:
    report = await store.configuration.import_file(
        CONFIGS / "seed.yaml", actor="test", dry_run=True
    )
    assert report.dry_run
    assert "provider vas" in report.created
    assert await everything(store) == ((), (), (), ())


async def test_a_literal_key_is_refused_and_nothing_is_written(
    store: Store, tmp_path: Path
) -> None:
    key = "sk-live-0123456789abcdef"
    path = tmp_path / "literal.yaml"
    path.write_text(
        f"model_list:\n  - model_name: m\n    litellm_params: {{model: openai/m, api_key: {key}}}\n"
    )
    with pytest.raises(ImportRefused, match="line 3") as refused:
        await store.configuration.import_file(path, actor="test")
    assert key not in str(refused.value)
    assert await everything(store) == ((), (), (), ())


async def test_replaced_keys_are_stored_nowhere(store: Store, tmp_path: Path) -> None:
    key = "sk-live-0123456789abcdef"
    path = tmp_path / "literal.yaml"
    path.write_text(
        "model_list:\n"
        "  - model_name: m\n"
        f"    litellm_params: {{model: openai/m, api_key: {key}}}\n"
        f"general_settings: {{master_key: {key}-master}}\n"
    )
    report = await store.configuration.import_file(path, actor="test", replace_keys=True)
    assert len(report.secrets_replaced) == 2
    assert key not in await store.configuration.export()
    await store.close()
    for file in tmp_path.iterdir():
        if file != path:
            assert key.encode() not in file.read_bytes()


async def test_what_only_the_store_knows_survives_an_import(store: Store) -> None:
    await store.configuration.import_file(CONFIGS / "seed.yaml", actor="test")
    model = next(m for m in await store.models.all() if m.model_name == "gpt-4.1")
    await store.models.set_enabled(model.id, False, actor="test", version=model.version)
    report = await store.configuration.import_file(CONFIGS / "seed.yaml", actor="test")
    assert report.changed == ()
    assert not (await store.models.get(model.id)).is_enabled
    exported = yaml.safe_load(await store.configuration.export())
    assert "gpt-4.1" not in [entry["model_name"] for entry in exported["model_list"]]


async def test_a_model_that_left_the_file_is_told_and_kept(store: Store, tmp_path: Path) -> None:
    await store.configuration.import_file(CONFIGS / "seed.yaml", actor="test")
    document = yaml.safe_load((CONFIGS / "seed.yaml").read_text())
    document["model_list"] = document["model_list"][:-1]
    shorter = tmp_path / "shorter.yaml"
    shorter.write_text(yaml.safe_dump(document))
    report = await store.configuration.import_file(shorter, actor="test")
    assert report.only_in_store == ("codellama",)
    assert "codellama" in [model.model_name for model in await store.models.all()]
