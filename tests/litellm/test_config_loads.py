"""What aitui exports, LiteLLM's own loader reads as the original with its includes resolved."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

from store.gateway.config_export import export_yaml
from store.gateway.config_file import read_config
from store.gateway.desired import desired_file, read_base
from tests.store.config_samples import CONFIGS, many_models
from tests.store.generated_stores import SHAPES

LITELLM = os.environ.get("AITUI_LITELLM")
DEADLINE_S = 300

pytestmark = [
    pytest.mark.litellm,
    pytest.mark.skipif(
        not LITELLM,
        reason="AITUI_LITELLM does not name the executable: pip install 'litellm[proxy]==1.106.2'"
        " in an environment of its own, then AITUI_LITELLM=…/bin/litellm",
    ),
]

LOADER = """
import asyncio, json, sys
from litellm.proxy.proxy_server import ProxyConfig

def load(path):
    return asyncio.run(ProxyConfig()._get_config_from_file(path))

def strip(new, old):
    for mine, given in zip(new.get("model_list") or (), old.get("model_list") or ()):
        if isinstance(mine, dict) and isinstance(mine.get("model_info"), dict):
            if "id" not in (given.get("model_info") or {}):
                mine["model_info"].pop("id")
            if not mine["model_info"] and not given.get("model_info"):
                mine.pop("model_info")
                given.pop("model_info", None)

answers = {}
for original, exported in json.load(open(sys.argv[1])):
    old, new = load(original), load(exported)
    strip(new, old)
    answers[original] = "equal" if old == new else "differs"
json.dump(answers, open(sys.argv[2], "w"))
"""


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(tmp_path),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "NO_PROXY": "127.0.0.1,localhost",
    }


def export(source: Path, target: Path) -> Path:
    file = read_config(source)
    target.write_text(export_yaml(file.kept, file.providers, file.models, file.routes))
    return target


def edited(source: Path, target: Path) -> Path:
    """The file as an apply of an unchanged store would write it, with its includes beside it."""
    base = read_base(source)
    target.parent.mkdir()
    shutil.copytree(source.parent / "parts", target.parent / "parts")
    result = desired_file(base, base.file.providers, base.file.models, base.file.routes)
    target.write_bytes(result.text.encode())
    return target


def generated(folder: Path, count: int) -> list[Path]:
    """Files of models with prices, chains and anchors, made from a seed."""
    chance = random.Random(20260101)
    paths = []
    for n in range(count):
        text = many_models(chance.randint(1, 12)).replace(
            "model_list:",
            "x: &shared {a: [1, on, 'off', 1.5e-7, 2024-01-02, null]}\nmodel_list:",
            1,
        )
        text += f"general_settings: {{<<: *shared, number: {chance.random()}, text: 'n: {n}'}}\n"
        paths.append(folder / f"generated-{n}.yaml")
        paths[-1].write_text(text)
    return paths


def test_litellm_reads_the_export_as_it_reads_the_original(tmp_path: Path) -> None:
    names = ("seed", "every-construct", "anchors", "unmanaged", "no-model-list", "include-main")
    sources = [CONFIGS / f"{name}.yaml" for name in names]
    (tmp_path / "many.yaml").write_text(many_models(500))
    sources += [tmp_path / "many.yaml", *generated(tmp_path, 40)]
    pairs = [
        (str(source), str(export(source, tmp_path / f"out-{n}.yaml")))
        for n, source in enumerate(sources)
    ]
    for n, source in enumerate(sorted(SHAPES.glob("*.yaml"))):
        shaped = tmp_path / f"shape-{n}"
        pairs.append((str(source), str(edited(source, shaped / source.name))))
    asked, answered = tmp_path / "pairs.json", tmp_path / "answers.json"
    asked.write_text(json.dumps(pairs))
    python = Path(str(LITELLM)).parent / "python"
    done = subprocess.run(
        [python, "-c", LOADER, asked, answered],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answers = json.loads(answered.read_text())
    assert len(answers) == len(pairs)
    assert [path for path, answer in answers.items() if answer != "equal"] == []


@pytest.mark.parametrize(("name", "count"), [("seed", 13), ("many", 500)])
def test_litellm_validates_the_export(name: str, count: int, tmp_path: Path) -> None:
    source = CONFIGS / f"{name}.yaml"
    if name == "many":
        source = tmp_path / "many.yaml"
        source.write_text(many_models(500))
    path = export(source, tmp_path / "exported.yaml")
    done = subprocess.run(
        [str(LITELLM), "--config", str(path), "--validate_config"],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"config OK ({count} models)" in done.stdout
