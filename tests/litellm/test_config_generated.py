"""Generated stores, written onto files of many shapes, in LiteLLM's own loader.

AITUI_CONFIGS says how many; the default is quick.
"""

from __future__ import annotations

import base64
import json
import os
import pickle
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.litellm.test_config_loads import LITELLM, environment
from tests.store.generated_stores import Case, cases, check_import, written

COUNT = int(os.environ.get("AITUI_CONFIGS", "60"))
DEADLINE_S = 120

pytestmark = [
    pytest.mark.litellm,
    pytest.mark.skipif(not LITELLM, reason="AITUI_LITELLM does not name LiteLLM's executable"),
]

WORKER = """
import asyncio, base64, json, pickle, sys, yaml
from litellm.proxy.proxy_server import ProxyConfig

def same(one, other):
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        # A true key and a key of 1 are equal; their types are compared as well.
        pairs = dict((repr(key), value) for key, value in other.items())
        return len(one) == len(other) and all(
            repr(key) in pairs and same(value, pairs[repr(key)]) for key, value in one.items()
        )
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other or one != one and other != other

print("ready", file=sys.__stdout__, flush=True)
for line in sys.stdin:
    path, expected = json.loads(line)
    expected = pickle.loads(base64.b64decode(expected))
    try:
        plain = yaml.safe_load(open(path, encoding="utf-8", newline=""))
        loaded = asyncio.run(ProxyConfig()._get_config_from_file(path))
        answer = [name for name, value in (("safe_load", plain), ("LiteLLM", loaded))
                  if not same(value, expected)]
    except Exception as error:
        answer = [repr(error)]
    print("answer " + json.dumps(answer), file=sys.__stdout__, flush=True)
"""


class Loader:
    """One LiteLLM process that loads files and compares them with what they should hold."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "config.yaml"
        self.log = (folder / "stderr.txt").open("w+")
        python = Path(str(LITELLM)).parent / "python"
        self.process = subprocess.Popen(
            [python, "-c", WORKER],
            env=environment(folder),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.read("ready")

    def read(self, word: str) -> str:
        """The rest of the next line that begins with `word`; other lines are LiteLLM's."""
        watch = threading.Timer(DEADLINE_S, self.process.kill)
        watch.start()
        assert self.process.stdout is not None
        try:
            for line in self.process.stdout:
                if line.startswith(word):
                    return line.removeprefix(word)
        finally:
            watch.cancel()
        self.log.seek(0)
        raise AssertionError(f"LiteLLM's process ended: {self.log.read()[-2000:]}")

    def differences(self, text: str, expected: object) -> list[str]:
        self.path.write_bytes(text.encode())
        value = base64.b64encode(pickle.dumps(expected)).decode()
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([str(self.path), value]) + "\n")
        self.process.stdin.flush()
        found: list[str] = json.loads(self.read("answer "))
        return found

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


@pytest.fixture(scope="module")
def loader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loader]:
    loader = Loader(tmp_path_factory.mktemp("loader"))
    yield loader
    loader.close()


def test_the_loader_sees_a_difference(loader: Loader) -> None:
    assert loader.differences("a: 1\n", {"a": 1}) == []
    for other in ({"a": True}, {"a": 1.0}, {"a": "1"}, {"a": 1, "b": None}, {}, {True: 1}):
        assert loader.differences("a: 1\n", other) == ["safe_load", "LiteLLM"]
    assert "ScannerError" in loader.differences("a: '\n", {})[0]


@given(case=cases())
@settings(
    max_examples=COUNT,
    deadline=None,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)
def test_litellm_loads_what_the_store_says(loader: Loader, case: Case) -> None:
    result = written(case)
    assert loader.differences(result.text, result.document) == []
    check_import(case, result)
