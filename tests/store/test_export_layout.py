"""`aitui export` keeps the operator's own text: comments, order and layout, and never a key."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from store.domain import Model, Provider
from store.gateway.yaml_reader import read_yaml
from store.store import Store

TEXT = """\
# Ours. Ask before you change it.
model_list:
  - model_name: "main"   # the good one
    litellm_params:
      model: openai/gpt-4o
      api_key: os.environ/OPENAI_API_KEY

    model_info: {id: main}
  - model_name: spare
    litellm_params: {model: anthropic/claude-3-haiku, api_key: os.environ/ANTHROPIC_API_KEY}
    model_info: {id: spare}
router_settings:
  fallbacks:
    - main: [spare]   # and no further
"""


async def imported(store: Store, path: Path, text: str, **options: bool) -> str:
    """What an export gives after an import of `text`."""
    path.write_bytes(text.encode())
    await store.configuration.import_file(path, actor="test", **options)
    return await store.configuration.export()


async def test_an_unchanged_store_gives_the_file_back(store: Store, tmp_path: Path) -> None:
    assert await imported(store, tmp_path / "c.yaml", TEXT) == TEXT


async def test_edits_change_their_line_and_undone_nothing(store: Store, tmp_path: Path) -> None:
    await imported(store, tmp_path / "c.yaml", TEXT)
    main = await store.models.find("main")
    slow = await store.edit.save(main, replace(main, timeout_seconds=9.0), actor="test")
    key = "      api_key: os.environ/OPENAI_API_KEY\n"
    assert await store.configuration.export() == TEXT.replace(key, key + "      timeout: 9\n")
    off = await store.edit.save(
        slow, replace(slow, timeout_seconds=None, is_enabled=False), actor="test"
    )
    text = await store.configuration.export()
    assert "the good one" not in text
    assert "# Ours. Ask before you change it.\nmodel_list:\n  - model_name: spare\n" in text
    await store.edit.save(off, replace(off, is_enabled=True), actor="test")
    assert await store.configuration.export() == TEXT


async def test_only_a_comment_changed(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    await imported(store, path, TEXT)
    newer = TEXT.replace("Ours.", "Everybody's.")
    path.write_text(newer)
    dry = await store.configuration.import_file(path, actor="test", dry_run=True)
    assert dry.changed == ("kept configuration",)
    assert await imported(store, path, newer) == newer
    again = await store.configuration.import_file(path, actor="test")
    assert (again.created, again.changed) == ((), ())


async def test_replaced_keys_are_gone_and_comments_stay(store: Store, tmp_path: Path) -> None:
    key = "sk-live-0123456789abcdef"
    literal = TEXT.replace("os.environ/OPENAI_API_KEY", f'"{key}"  # ours')
    text = await imported(store, tmp_path / "c.yaml", literal, replace_keys=True)
    assert key not in text
    assert "  # ours\n" in text
    assert "# Ours. Ask before you change it.\n" in text
    assert read_yaml(text, name="c").value == read_yaml(TEXT, name="c").value
    await store.close()
    for file in tmp_path.glob("aitui.db*"):
        assert key.encode() not in file.read_bytes()


@pytest.mark.parametrize("replace_keys", [False, True])
async def test_a_comment_that_holds_a_key_is_not_kept(
    store: Store, tmp_path: Path, replace_keys: bool
) -> None:
    key = "sk-live-0123456789abcdef"
    commented = TEXT.replace("the good one", f"was {key}")
    text = await imported(store, tmp_path / "c.yaml", commented, replace_keys=replace_keys)
    assert "#" not in text
    assert read_yaml(text, name="c").value == read_yaml(TEXT, name="c").value
    await store.close()
    for file in tmp_path.glob("aitui.db*"):
        assert key.encode() not in file.read_bytes()


async def test_a_comment_that_repeats_a_replaced_key_is_not_kept(
    store: Store, tmp_path: Path
) -> None:
    literal = TEXT + "general_settings:\n  master_key: correct-horse  # was correct-horse, too\n"
    text = await imported(store, tmp_path / "c.yaml", literal, replace_keys=True)
    assert "horse" not in text
    plain = literal.replace("  # was correct-horse, too", "  # was another")
    text = await imported(store, tmp_path / "c.yaml", plain, replace_keys=True)
    assert "master_key: os.environ/LITELLM_MASTER_KEY  # was another\n" in text


async def test_a_file_with_includes_has_a_layout_of_ours(store: Store, tmp_path: Path) -> None:
    (tmp_path / "part.yaml").write_text("litellm_settings: {drop_params: true}\n")
    text = await imported(store, tmp_path / "c.yaml", "include: [part.yaml]\n" + TEXT)
    assert "#" not in text
    value = read_yaml(TEXT, name="c").value
    assert isinstance(value, dict)
    assert read_yaml(text, name="c").value == value | {"litellm_settings": {"drop_params": True}}


async def test_a_kept_text_that_breaks_a_later_rule_is_left_alone(
    store: Store, tmp_path: Path
) -> None:
    await imported(store, tmp_path / "c.yaml", TEXT)
    async with store._database.write() as tx:
        await tx.execute("UPDATE kept_config SET source_text = 'a: [' || source_text", ())
    text = await store.configuration.export()
    assert read_yaml(text, name="c").value == read_yaml(TEXT, name="c").value


@pytest.mark.parametrize("text", ["general_settings: {}\n", "model_list: []  # none yet\n"])
async def test_a_file_without_models_gets_the_first(
    store: Store, tmp_path: Path, text: str
) -> None:
    await imported(store, tmp_path / "c.yaml", text)
    provider = await store.edit.add(Provider("", "x", "X", "openai"), actor="test")
    await store.edit.add(Model("", provider.id, "m", "m", "openai/m"), actor="test")
    exported = await store.configuration.export()
    value = read_yaml(exported, name="c").value
    assert isinstance(value, dict)
    assert [entry["model_name"] for entry in value["model_list"]] == ["m"]
    assert text.strip().partition("#")[2] in exported
