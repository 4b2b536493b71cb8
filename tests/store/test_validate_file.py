"""LiteLLM's own check of a file, and the number of models that it has to count."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from store.errors import AituiError
from store.gateway.validate_file import models_in, validate_file


def entry(name: str) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"model": f"openai/{name}"}}


def litellm(folder: Path, script: str) -> Path:
    path = folder / "litellm"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o700)
    return path


@pytest.mark.parametrize(
    ("router", "count"),
    [
        ({}, 3),
        ({"model_group_alias": {"x": "a"}}, 5),
        ({"model_group_alias": {"x": "a", "y": "b", "z": "x"}}, 6),
        ({"model_group_alias": {"x": {"model": "a", "hidden": True}}}, 3),
        ({"model_group_alias": {"x": {"model": "a"}, "y": None}}, 5),
    ],
)
def test_an_alias_counts_as_often_as_its_group(router: dict[str, Any], count: int) -> None:
    document = {"model_list": [entry("a"), entry("a"), entry("b")], "router_settings": router}
    assert models_in(document) == count
    assert models_in({"model_list": None, "router_settings": router}) == 0


async def test_a_count_that_is_too_small_is_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    executable = litellm(tmp_path, 'echo "LiteLLM: config OK (4 models)"')
    assert "4 models" in await validate_file(executable, config, b"{}", models=4)
    with pytest.raises(AituiError, match="counts 4 models and aliases in the file where there"):
        await validate_file(executable, config, b"{}", models=5)
    assert list(tmp_path.iterdir()) == [executable]


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'config validation failed: no such strategy' >&2; exit 1", "no such strategy"),
        ("exit 3", "exit 3"),
        ("echo nothing that is known", "nothing that is known"),
    ],
)
async def test_what_litellm_refuses_is_told(tmp_path: Path, script: str, message: str) -> None:
    with pytest.raises(AituiError, match=f"LiteLLM refuses the file: .*{message}"):
        await validate_file(litellm(tmp_path, script), tmp_path / "c.yaml", b"{}", models=0)


async def test_an_executable_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(AituiError, match="gateway.litellm"):
        await validate_file(tmp_path / "none", tmp_path / "c.yaml", b"{}", models=0)
