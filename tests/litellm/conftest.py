"""Fixtures for tests against a real LiteLLM proxy, skipped where there is none."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests import fake_upstream
from tests.fake_upstream import FakeUpstream
from tests.litellm.proxy import RealProxy, start_proxy

HOW = "AITUI_LITELLM is not set: `make litellm` prepares a LiteLLM proxy and prints the variable."
MASTER_KEY = "sk-master-of-the-tests"


@pytest.fixture(scope="session")
def litellm_executable() -> str:
    """The path of LiteLLM's executable, from AITUI_LITELLM; without it the test is skipped."""
    executable = os.environ.get("AITUI_LITELLM")
    if not executable:
        pytest.skip(HOW)
    assert Path(executable).is_file(), f"AITUI_LITELLM names no file: {executable}"
    return executable


@pytest.fixture(scope="session")
def upstream() -> Iterator[FakeUpstream]:
    """The provider behind the proxy."""
    with fake_upstream.serve() as server:
        yield server


@pytest.fixture(scope="session")
def real_proxy(
    litellm_executable: str, upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealProxy]:
    """A proxy with a deployment for each way of answering; see `_entries`."""
    config = tmp_path_factory.mktemp("litellm") / "config.yaml"
    content = {
        "model_list": _entries(upstream.base_url),
        # Would serve in place of a failing model, if the tests did not switch it off.
        "router_settings": {
            "num_retries": 2,
            "cooldown_time": 60,
            "fallbacks": [{"failing": ["good"]}, {"cooled": ["good"]}],
        },
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }
    config.write_text(yaml.safe_dump(content))
    keys = {"GOOD_KEY": "good-key-of-the-provider", "BAD_KEY": "wrong-key-of-the-provider"}
    with start_proxy(litellm_executable, config, key=MASTER_KEY, environment=keys) as proxy:
        yield proxy


def _entries(base: str) -> list[dict[str, object]]:
    def entry(
        name: str, model: str, *, model_id: str | None = None, key: str = "GOOD_KEY",
        api_base: str = base, **info: object,
    ) -> dict[str, object]:  # fmt: skip
        return {
            "model_name": name,
            "litellm_params": {
                "model": model,
                "api_base": api_base,
                "api_key": f"os.environ/{key}",
            },
            "model_info": {"id": model_id or f"id-{name}", **info},
        }

    priced = entry("priced", "openai/ok-priced", supports_vision=True)
    params = priced["litellm_params"]
    assert isinstance(params, dict)
    params |= {"input_cost_per_token": 0.00001, "output_cost_per_token": 0.00003}
    return [
        entry("good", "openai/ok-good"),
        priced,
        entry("failing", "openai/err500-x"),
        entry("unauthorised", "openai/ok-unauthorised", key="BAD_KEY"),
        entry("keyless", "openai/ok-keyless", key="UNSET_KEY"),
        entry("limited", "openai/err429-x"),
        entry("gone", "openai/err404-x"),
        entry("long", "openai/err400ctx-x"),
        entry("rude", "openai/errpolicy-x"),
        entry("slow", "openai/slow-20-x"),
        entry("broken", "openai/miderr-x"),
        entry("unreachable", "openai/ok-x", api_base="http://127.0.0.1:1/v1"),
        entry("vector", "openai/text-embedding-3-small"),
        entry("legacy", "text-completion-openai/ok-legacy", mode="completion"),
        entry("picture", "openai/ok-picture", mode="image_generation"),
        # Two deployments, one with the group's name as its id: a call by that id goes through the
        # group, and the group cools down at its first 429.
        entry("cooled", "openai/err429-a", model_id="cooled"),
        entry("cooled", "openai/err429-b", model_id="cooled-b"),
    ]
