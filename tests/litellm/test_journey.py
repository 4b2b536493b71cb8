"""The operator's way with a real LiteLLM proxy: import, list, test, check, look, export."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from store.environment import Environment
from store.settings import Settings
from tests.litellm.proxy import RealProxy, start_proxy
from tests.tui import cli_tools
from tui.app import AituiApp
from tui.widgets.cards import CardView

pytestmark = pytest.mark.litellm


class Operator:
    """`aitui` in a process of its own, with one store, against one proxy."""

    def __init__(self, home: Path, proxy: RealProxy) -> None:
        self.home = home
        self.variables = {
            "AITUI_STORE": str(home / "aitui.db"),
            "AITUI_GATEWAY_URL": proxy.url,
            "LITELLM_MASTER_KEY": proxy.key,
        }

    def run(self, *args: str, status: int = 0) -> str:
        done = cli_tools.run(self.home, *args, **self.variables)
        assert done.returncode == status, (args, done.stdout, done.stderr)
        assert self.variables["LITELLM_MASTER_KEY"] not in done.stdout + done.stderr
        return str(done.stdout)

    def json(self, *args: str, status: int = 0) -> Any:
        return json.loads(self.run(*args, "--json", status=status))


@pytest.fixture
def operator(real_proxy: RealProxy, tmp_path: Path) -> Operator:
    operator = Operator(tmp_path, real_proxy)
    operator.run("import", str(real_proxy.config))
    return operator


def test_importing_again_changes_nothing(operator: Operator, real_proxy: RealProxy) -> None:
    report = operator.json("import", str(real_proxy.config))
    assert (report["created"], report["changed"]) == ([], [])
    names = {model["modelName"] for model in operator.json("models", "list")["models"]}
    served = yaml.safe_load(real_proxy.config.read_text())["model_list"]
    assert names == {entry["model_name"] for entry in served}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("failing", "provider error"),
        ("unauthorised", "wrong provider key"),
        ("slow", "timeout"),
        ("id-long", "context window exceeded"),
        ("unreachable", "provider error"),
        ("cooled-b", "rate limited"),
    ],
)
def test_each_failure_is_told_apart(operator: Operator, name: str, kind: str) -> None:
    report = operator.json("models", "test", name, "--timeout", "2", status=1)
    assert (report["success"], report["kind"]) == (False, kind), report
    assert report["error"]
    assert report["mend"]


def test_a_good_model_answers_and_its_health_is_stored(operator: Operator) -> None:
    report = operator.json("models", "test", "priced")
    assert report["success"]
    assert "Hello" in report["response"]
    assert report["servedBy"] == "id-priced"
    assert report["ttftMs"] is not None
    assert report["cost"] == pytest.approx(0.00044)
    models = operator.json("models", "list")["models"]
    health = {model["id"]: model["healthStatus"] for model in models}
    assert health["id-priced"] == "healthy"


def test_a_provider_s_check_names_what_fails(operator: Operator) -> None:
    names = [provider["name"] for provider in operator.json("providers", "list")["providers"]]
    assert "bad" in names
    report = operator.json("providers", "check", "bad", status=1)
    (checked,) = report.get("providers", [report])
    assert checked["status"] == "down"
    assert "unauthorised" in checked["error"]


def test_doctor_knows_the_version_and_that_the_key_is_taken(operator: Operator) -> None:
    text = operator.run("doctor")
    assert "1.106.2" in text
    assert "fail" not in text.replace("0 failed", "")


def test_a_wrong_key_of_the_proxy_is_told(operator: Operator) -> None:
    operator.variables["LITELLM_MASTER_KEY"] = "wrong-key-of-the-proxy"
    report = operator.json("models", "test", "good", status=1)
    assert report["kind"] == "proxy key refused"


async def test_the_dashboard_tests_a_model_on_the_real_proxy(
    operator: Operator, real_proxy: RealProxy
) -> None:
    settings = Settings(
        store_path=Path(operator.variables["AITUI_STORE"]), gateway_url=real_proxy.url
    )
    app = AituiApp(settings, Environment({"LITELLM_MASTER_KEY": real_proxy.key}))
    async with app.run_test(size=(100, 30)) as pilot:
        await asyncio.wait_for(app.opened.wait(), 10)
        await pilot.pause(0.5)
        app.query_one("#model-cards", CardView).choose("id-good")
        await pilot.press("t")
        facts = ""
        for _ in range(200):
            await pilot.pause(0.05)
            widgets = app.screen.query("#test-facts")
            facts = str(widgets.first().render()) if widgets else ""
            if "answered" in facts:
                break
        assert "✓ answered" in facts
        assert "id-good" in facts


def test_a_proxy_that_runs_the_export_serves_the_same(
    operator: Operator, real_proxy: RealProxy, litellm_executable: str, tmp_path: Path
) -> None:
    exported = tmp_path / "exported.yaml"
    operator.run("export", "-o", str(exported))
    keys = {"GOOD_KEY": "good-key-of-the-provider", "BAD_KEY": "wrong-key-of-the-provider"}
    with start_proxy(litellm_executable, exported, key=real_proxy.key, environment=keys) as second:
        again = Operator(tmp_path, second)
        assert again.json("models", "test", "good")["servedBy"] == "id-good"
        report = again.json("import", str(exported))
        assert (report["created"], report["changed"]) == ([], [])
