"""Plan, apply, drift and undo by commands on a real proxy; and other people's files on it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from store.gateway.reload import make_reloader
from store.plans import Outcome
from store.settings import Settings
from tests.fake_upstream import FakeUpstream
from tests.litellm.apply_world import CONFIG, KEYS, world
from tests.litellm.conftest import MASTER_KEY
from tests.litellm.proxy import RealProxy, start_proxy
from tests.litellm.test_journey import Operator

pytestmark = pytest.mark.litellm

CONFIGS = Path(__file__).parents[1] / "store" / "configs"
THEIR_KEYS = {
    name: f"dummy-{name.lower()}-of-the-team"
    for name in ("OPENROUTER_API_KEY", "OPENAI_API_KEY", "INTERNAL_KEY", "COHERE_API_KEY")
}
DEADLINE_S = 60.0


@pytest.fixture(scope="module")
def proxy(
    litellm_executable: str, upstream: FakeUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RealProxy]:
    """It serves whatever its file says after a SIGHUP to its master."""
    config = tmp_path_factory.mktemp("journey") / "config.yaml"
    config.write_text(CONFIG.format(base=upstream.base_url))
    keys = {**KEYS, **THEIR_KEYS, "PROXY_MASTER_KEY": MASTER_KEY}
    with start_proxy(
        litellm_executable, config, key=MASTER_KEY, environment=keys, arguments=("--run_gunicorn",)
    ) as started:
        yield started


async def serve(proxy: RealProxy, source: Path | str) -> None:
    """Let the proxy serve another file, in the place of its own."""
    text = source if isinstance(source, str) else source.read_text()
    proxy.config.write_text(text)
    reloader = make_reloader(
        Settings(
            store_path=proxy.config.with_name("none.db"),
            gateway_url=proxy.url,
            config_file=proxy.config,
            reload="hup",
            pid=str(proxy.pid),
        )
    )
    await reloader.reload(lambda _: None)
    end = time.monotonic() + DEADLINE_S
    while reloader.old_workers():
        assert time.monotonic() < end, "the old workers stayed"
        await asyncio.sleep(0.1)


@pytest.mark.parametrize(
    "name", ["openrouter-free", "anchors-merge-keys", "helm-values", "huge-comments"]
)
async def test_other_people_s_files_are_in_step(
    proxy: RealProxy, tmp_path: Path, name: str
) -> None:
    """What LiteLLM makes of a file is no difference from it, before and after the ids."""
    await serve(proxy, CONFIGS / f"{name}.yaml")
    settings: Mapping[str, Any] = {
        "store_path": tmp_path / "aitui.db",
        "reload": "command",
        "reload_command": f"kill -HUP {proxy.pid}",
        "reload_shell": True,
    }
    async with world(proxy, **settings) as w:
        plan = await w.plan()
        assert plan.live_error is None
        added = {field.name for change in plan.changes for field in change.fields}
        assert added <= {"model_info.id"}, plan.changes
        assert plan.drifted == 0
        if plan.changes:
            report = await w.apply(plan)
            assert report.outcome is Outcome.SERVED, report
        again = await w.plan()
        assert again.is_empty, again.changes


async def test_the_operator_s_way(proxy: RealProxy, upstream: FakeUpstream, tmp_path: Path) -> None:
    await serve(proxy, CONFIG.format(base=upstream.base_url))
    operator = Operator(tmp_path, proxy)
    operator.variables |= {
        "AITUI_CONFIG_FILE": str(proxy.config),
        "AITUI_RELOAD": "command",
        "AITUI_RELOAD_COMMAND": f"kill -HUP {proxy.pid}",
        "AITUI_RELOAD_SHELL": "1",
        **KEYS,
    }
    operator.run("import", str(proxy.config))

    # One deployment has no id of its own yet.
    (change,) = operator.json("plan", status=2)["changes"]
    assert [field["name"] for field in change["fields"]] == ["model_info.id"]
    assert operator.json("apply", "--yes")["report"]["outcome"] == "served"
    with_ids = proxy.config.read_text()
    assert "# The proxy of the tests." in with_ids
    operator.run("plan")

    operator.run("models", "set", "stay-b", "--timeout", "21")
    assert "timeout" in operator.run("plan", status=2)
    operator.run("apply", "--yes")
    operator.run("plan")
    edited = proxy.config.read_text()
    assert len(edited.splitlines()) == len(with_ids.splitlines()) + 1

    # Somebody edits the file: the store follows it, and then the proxy.
    proxy.config.write_text(edited.replace("timeout: 21", "timeout: 22"))
    plan = operator.json("plan", status=2)
    assert plan["summary"]["drift"] == 1, plan
    operator.run("plan", "--adopt", "--yes")
    assert operator.json("plan", status=2)["summary"]["drift"] == 0
    operator.run("apply", "--yes")
    operator.run("plan")

    first = operator.json("revisions")["revisions"][-1]
    assert first["kind"] == "import"
    undone = operator.json("undo", str(first["number"]), "--yes")
    assert undone["report"]["outcome"] == "served"
    assert proxy.config.read_text() == with_ids
    operator.run("plan")
    assert operator.run("revisions").count("served") == 4
    assert "fail" not in operator.run("doctor").replace("0 failed", "")
