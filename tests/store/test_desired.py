"""The operator's file with the store's values in it: what changes in it, and what never does."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from store.domain import Model, Provider, Route
from store.errors import ImportRefused, InvalidField
from store.gateway.config_file import read_config
from store.gateway.config_include import read_files
from store.gateway.desired import Base, Desired, base_of_text, desired_file, read_base
from store.gateway.yaml_reader import dump_yaml
from tests.store.config_samples import many_models

SHAPES = Path(__file__).parent / "configs"
NAMES = sorted(path.name for path in SHAPES.glob("*.yaml"))
WITH_MODELS = [name for name in NAMES if name != "no-model-list.yaml"]

ID = r"id: m-[0-9a-f]{12}"
NEW_LINES = re.compile(
    rf" *(?:model_info:|\"model_info\":|{ID}|\"?id\"?: \"?m-[0-9a-f]{{12}}\"?)\s*"
)
NEW_IN_LINE = re.compile(rf"(?:, model_info: \{{{ID}\}}|, {ID})")


def desired(base: Base, **changed: Any) -> Desired:
    file = base.file
    parts = {"providers": file.providers, "models": file.models, "routes": file.routes, **changed}
    return desired_file(base, parts["providers"], parts["models"], parts["routes"])


def named(base: Base) -> Base:
    """The file once every deployment has its id in it."""
    text = desired(base).text
    if base.files.included:
        again = replace(base.files, text=text)
        return replace(base, text=again.text, data=text.encode())
    return base_of_text(text, name=base.path.name)


def differences(before: str, after: str) -> list[tuple[str, list[str], list[str]]]:
    """What was replaced, deleted or inserted, in lines."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return [
        (kind, old[i1:i2], new[j1:j2])
        for kind, i1, i2, j1, j2 in matcher.get_opcodes()
        if kind != "equal"
    ]


def edited(models: Sequence[Model], model_id: str, **changes: Any) -> list[Model]:
    return [replace(m, **changes) if m.id == model_id else m for m in models]


def ours(base: Base) -> list[Model]:
    """The models of the main file, which is the one that is edited."""
    return [m for m in base.file.models if not m.model_name.startswith("team-a")]


@pytest.mark.parametrize("name", NAMES)
def test_a_first_run_adds_ids_and_nothing_else(name: str) -> None:
    base = read_base(SHAPES / name)
    result = desired(base)
    for kind, old, new in differences(base.text, result.text):
        if name == "anchors-merge-keys.yaml" and kind == "replace":
            assert old == ["    model_info: *vision\n"]  # this one is no longer the shared mapping
        elif kind == "replace":
            assert [NEW_IN_LINE.sub("", line) for line in new] == old
        else:
            assert kind == "insert"
            assert [line for line in new if not NEW_LINES.fullmatch(line)] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_unchanged_store_leaves_every_byte(name: str) -> None:
    base = named(read_base(SHAPES / name))
    assert desired(base).text.encode() == base.data


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_reads_back_as_the_store(name: str, tmp_path: Path) -> None:
    for part in (SHAPES / "parts").iterdir():
        (tmp_path / "parts").mkdir(exist_ok=True)
        (tmp_path / "parts" / part.name).write_bytes(part.read_bytes())
    base = read_base(SHAPES / name)
    path = tmp_path / name
    path.write_bytes(desired(base).text.encode())
    again = read_base(path)
    assert again.document == desired(base).document
    assert again.file.models == base.file.models
    assert again.file.providers == base.file.providers
    assert again.file.routes == base.file.routes
    if not base.files.included:
        assert yaml.safe_load(path.read_bytes()) == desired(base).document


@pytest.mark.parametrize("name", WITH_MODELS)
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"timeout_seconds": 77.0}, "77"),
        ({"input_cost_per_1k": Decimal("0.0123")}, "0.0000123"),
        ({"weight": 4.0}, "4"),
        ({"mode": "realtime"}, "realtime"),
    ],
)
def test_a_changed_field_changes_one_line(name: str, changes: dict[str, Any], says: str) -> None:
    base = named(read_base(SHAPES / name))
    for model in ours(base):
        result = desired(base, models=edited(base.file.models, model.id, **changes))
        found = differences(base.text, result.text)
        if name != "anchors-merge-keys.yaml":  # another model may share what is changed
            ((_, old, new),) = found
            assert len(old) <= 1
            assert [says in line for line in new][-1]
            assert [line for line in new if says not in line and "model_info:" not in line] == []
        entry = next(e for e in result.document["model_list"] if ident(e) == model.id)
        assert says in dump_yaml(entry)


def ident(entry: Any) -> str | None:
    info = entry.get("model_info") if isinstance(entry, dict) else None
    return str(info["id"]) if isinstance(info, dict) and "id" in info else None


def models_of(document: Mapping[Any, Any]) -> list[Any]:
    return [entry for entry in document["model_list"] if ident(entry) is not None]


@pytest.mark.parametrize("name", WITH_MODELS)
def test_a_disabled_model_s_lines_go_and_come_back(name: str) -> None:
    base = named(read_base(SHAPES / name))
    for model in ours(base):
        off = desired(base, models=edited(base.file.models, model.id, is_enabled=False))
        assert model.id not in [ident(entry) for entry in off.document["model_list"]]
        for kind, old, new in differences(base.text, off.text):
            if name == "anchors-merge-keys.yaml" or kind == "delete":
                continue
            # Only a chain or a list that is on one line.
            assert kind == "replace", (old, new)
            assert len(new) <= len(old)
            assert "model_name" not in "".join(new) or len("".join(new)) < len("".join(old))
        if not base.files.included:  # its lines are gone from the file; the store has them
            without = base_of_text(off.text, name=name)
            parts = base.file.providers, base.file.models, base.file.routes
            again = desired_file(without, *parts).document
            assert models_of(again) == models_of(base.document)


@pytest.mark.parametrize("name", NAMES)
def test_a_new_model_and_route_are_added_and_nothing_goes(name: str) -> None:
    base = named(read_base(SHAPES / name))
    provider = Provider("p-x", "x", "X", "groq", api_key_env="X_KEY")
    model = Model("m-x", "p-x", "new: model", "new: model", "groq/new", position=99)
    route = Route("r-x", "route-x", primary_model_id="m-x", fallback_model_ids=("m-x2",))
    second = replace(model, id="m-x2", model_name="새 모델", position=100)
    result = desired(
        base,
        providers=(*base.file.providers, provider),
        models=(*base.file.models, model, second),
        routes=(*base.file.routes, route),
    )
    if name not in ("flow-one-liners.yaml", "anchors-merge-keys.yaml"):
        for _, old, new in differences(base.text, result.text):
            # A flow list of chains grows within its line.
            assert len(old) <= 1
            assert all(line.rstrip().rstrip("]}") in new[0] for line in old)
    expected = [ident(entry) for entry in result.document.get("model_list", ())]
    assert {"m-x", "m-x2"} <= set(expected)
    sections = [result.document.get(key) or {} for key in ("router_settings", "litellm_settings")]
    assert {"route-x": ["새 모델"]} in [e for s in sections for e in s.get("fallbacks", ())]
    assert result.document["router_settings"]["model_group_alias"]["route-x"] == "new: model"


TWO = """\
model_list:
  - model_name: a
    litellm_params:
      model: openai/a
      rpm: 5   # theirs
    model_info: {id: a}
  - x-note: no model
  - model_name: b  # the second
    litellm_params: {model: openai/b}
    model_info: {id: b}
router_settings: {fallbacks: [{a: [b]}]}
"""


def test_the_file_s_own_fields_win_over_what_the_store_remembers() -> None:
    base = base_of_text(TWO, name="c.yaml")
    old = edited(
        base.file.models, "a", kept="model_name: a\nlitellm_params: {model: x/y, rpm: 1}\n"
    )
    assert desired(base, models=old).text == TWO


def test_a_model_that_the_store_lacks_goes_with_its_chain() -> None:
    base = base_of_text(TWO, name="c.yaml")
    (model,) = (m for m in base.file.models if m.id == "a")
    result = desired(base, models=[model], routes=())
    assert result.text == TWO.replace(
        "  - model_name: b  # the second\n    litellm_params: {model: openai/b}\n"
        "    model_info: {id: b}\n",
        "",
    ).replace("[{a: [b]}]", "[]")


def test_a_new_model_stands_behind_the_one_that_it_follows() -> None:
    base = base_of_text(TWO, name="c.yaml")
    first, second = base.file.models
    new = Model("n", first.provider_id, "n", "n", "openai/n", position=1)
    places = [replace(first, position=0), new, replace(second, position=2)]
    names = [e.get("model_name") for e in desired(base, models=places).document["model_list"]]
    assert names == ["a", None, "n", "b"]
    before = [replace(new, position=0), replace(first, position=1), replace(second, position=2)]
    names = [e.get("model_name") for e in desired(base, models=before).document["model_list"]]
    assert names == ["n", "a", None, "b"]
    hand = base_of_text(
        TWO.replace("{id: a}", "{id: t}")
        .replace("{id: b}", "{id: a}")
        .replace("{id: t}", "{id: b}"),
        name="c.yaml",
    )
    moved = [replace(m, position=n) for n, m in enumerate(reversed(hand.file.models))]
    assert desired(hand, models=moved).text == hand.text  # the file's order is the operator's


def test_a_model_of_a_missing_provider_is_told() -> None:
    base = base_of_text(TWO, name="c.yaml")
    with pytest.raises(InvalidField, match="provider is missing"):
        desired(base, providers=())


@pytest.mark.parametrize(
    ("comment", "line"),
    [
        ("# master_key: sk-1234567890", 1),
        ("model_list: []  # old: AKIAABCDEFGHIJKLMNOP", 1),
        ("a: |  # sk-in-a-header\n  text\nmodel_list: []", 1),
        ("a: |\n  text\n# sk-behind-a-block\nmodel_list: []", 3),
        ("a: 'x'\r\n\r\n# sk-behind-a-block\r\nmodel_list: []", 3),
    ],
)
def test_a_key_in_a_comment_is_refused_with_its_line(comment: str, line: int) -> None:
    text = comment + "\n"
    with pytest.raises(ImportRefused) as refused:
        base_of_text(text, name="c.yaml")
    assert str(refused.value) == (
        f"c.yaml: a comment in line {line} holds what looks like a key; remove it."
    )


def test_a_stand_in_for_a_key_is_none() -> None:
    text = (
        "model_list:\n- model_name: a\n  model_info: {id: a}\n"
        "  litellm_params: {model: openai/a, api_key: sk-no-key-required}  # none\n"
    )
    base = base_of_text(text, name="c.yaml")
    assert desired(base).text == text


def include_copy(tmp_path: Path, **texts: str) -> Path:
    (tmp_path / "parts").mkdir()
    for path in (*SHAPES.glob("include-main.yaml"), *(SHAPES / "parts").iterdir()):
        target = tmp_path / path.relative_to(SHAPES)
        target.write_text(texts.get(path.stem.replace("-", "_"), path.read_text()))
    return tmp_path / "include-main.yaml"


def test_additions_go_to_the_main_file(tmp_path: Path) -> None:
    path = include_copy(tmp_path)
    base = read_base(path)
    new = replace(base.file.models[0], id="m-x", model_name="x", position=9, kept="")
    models = edited([*base.file.models, new], base.file.models[0].id, timeout_seconds=31.0)
    result = desired(base, models=models)
    path.write_text(result.text)
    assert read_files(path).merged.value == result.document
    assert [e.get("model_name") for e in result.document["model_list"]] == [
        "shared", "x", "team-a", None, "team-a-embed",
    ]  # fmt: skip
    assert result.text.startswith("# The parts belong to the teams; this file is ours.\ninclude:\n")
    assert "      model: openai/gpt-4o   # everybody's\n" in result.text
    again = read_base(path)
    assert desired_file(again, base.file.providers, models, base.file.routes).text == result.text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"timeout_seconds": 5.0},
            "parts/team-a.yaml line 3: model_list[1].litellm_params.timeout would have to change.",
        ),
        ({"is_enabled": False}, "parts/team-a.yaml line 2: model_list[1] would have to go."),
    ],
)
def test_what_an_included_file_says_is_not_ours_to_change(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    base = read_base(include_copy(tmp_path))
    with pytest.raises(ImportRefused) as refused:
        desired(base, models=edited(base.file.models, "team-a-sonnet", **changes))
    assert str(refused.value) == (
        f"aitui edits include-main.yaml only; {said} Edit it there, or move it to"
        " include-main.yaml."
    )


def test_settings_of_an_included_file_are_not_ours_to_change(tmp_path: Path) -> None:
    router = "router_settings:\n  num_retries: 1\n  fallbacks: []\n"
    base = read_base(include_copy(tmp_path, settings=router))
    default = replace(base.file.routes[0], num_retries=8)
    with pytest.raises(ImportRefused, match=r"parts/settings.yaml line 2: router_settings.num_ret"):
        desired(base, routes=[default])


def test_included_models_without_an_id_are_told_all_at_once(tmp_path: Path) -> None:
    part = "model_list:\n" + "".join(
        f"- model_name: m{n}\n  litellm_params: {{model: openai/m{n}}}\n" for n in range(12)
    )
    base = read_base(include_copy(tmp_path, team_a=part))
    ids = [model.id for model in base.file.models if model.model_name.startswith("m")]
    with pytest.raises(ImportRefused) as refused:
        desired(base)
    said = str(refused.value)
    assert f"id {ids[0]} at parts/team-a.yaml line 2, id {ids[1]} at " in said
    assert said.endswith("line 20, and 2 more.")
    assert "include-main.yaml only" in said


def test_a_list_that_is_replaced_by_an_included_file_cannot_be_added_to(tmp_path: Path) -> None:
    base = read_base(include_copy(tmp_path, team_a="model_list:\n"))
    provider, model = Provider("p", "p", "P", "openai"), Model("m", "p", "m", "m", "openai/m")
    with pytest.raises(ImportRefused, match="model_list"):
        desired(base, providers=[provider], models=[model], routes=())


def test_an_include_of_nothing_stays(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("include: [c.yaml]  # itself\n" + TWO)
    assert desired(read_base(path)).text == path.read_text()


def test_the_bytes_are_those_on_disk() -> None:
    path = SHAPES / "crlf-tabs.yaml"
    base = read_base(path)
    assert base.data == path.read_bytes()
    assert "\r\n" in base.text
    assert not re.search(r"[^\r]\n", desired(base).text)


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + TWO.encode())
    assert desired(read_base(path)).text.encode() == path.read_bytes()


def test_five_hundred_models(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(many_models(500))
    base = read_base(path)
    path.write_text(desired(base).text)
    with_ids = read_base(path)
    chosen = with_ids.file.models[250].id
    result = desired(with_ids, models=edited(base.file.models, chosen, timeout_seconds=3.0))
    assert len(differences(with_ids.text, result.text)) == 1
    assert read_config(path).models == base.file.models
