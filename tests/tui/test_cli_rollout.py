"""Plan, apply and undo as an operator runs them: processes of their own, and a proxy."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from pathlib import Path

from store.demo.served import CONFIG
from tests.store.running_demo import Running, running
from tests.tui.cli_tools import run


class Operator:
    """Runs commands against one store, one proxy and its file."""

    def __init__(self, home: Path, proxy: Running, file: Path) -> None:
        self.file = file
        self._home = home
        self._variables = {
            "AITUI_STORE": str(home / "aitui.db"),
            "AITUI_GATEWAY_URL": proxy.url,
            "AITUI_CONFIG_FILE": str(file),
            "AITUI_VERIFY_TIMEOUT": "30s",
            "LITELLM_MASTER_KEY": proxy.proxy.key,
        }

    async def __call__(self, *args: str, status: int = 0) -> subprocess.CompletedProcess[str]:
        done = await asyncio.to_thread(run, self._home, *args, **self._variables)
        assert done.returncode == status, (args, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        return done


async def test_from_the_first_plan_to_the_undo(tmp_path: Path) -> None:
    file = tmp_path / "litellm_config.yaml"
    shutil.copyfile(CONFIG, file)
    before = file.read_text(encoding="utf-8")
    async with running(file, watch_s=0.05) as proxy:
        aitui = Operator(tmp_path, proxy, file)
        await aitui("import", str(file))
        done = await aitui("plan")
        assert "In step: the proxy serves what the store says." in done.stdout

        await aitui("models", "set", "vas/gpt-4.1", "--timeout", "77s")
        done = await aitui("plan", status=2)
        assert "~ model gpt-4.1" in done.stdout
        assert "→ 77" in done.stdout
        assert done.stdout.endswith("Plan: 0 to create, 1 to change, 0 to delete.\n")
        assert json.loads((await aitui("plan", "--json", status=2)).stdout)["summary"]["drift"] == 0

        assert "add --yes" in (await aitui("apply", status=1)).stderr
        assert file.read_text(encoding="utf-8") == before
        done = await aitui("apply", "--yes")
        assert "is served: the proxy was read back" in done.stdout
        assert "✓ Read back" in done.stdout
        assert "77" in file.read_text(encoding="utf-8")
        await aitui("plan")

        newest, *_ = json.loads((await aitui("revisions", "--json")).stdout)["revisions"]
        assert (newest["kind"], newest["outcome"]) == ("apply", "served")
        number = str(newest["number"])
        done = await aitui("revisions", number, "--yaml")
        assert done.stdout == file.read_text(encoding="utf-8")

        first = file.read_text(encoding="utf-8")
        await aitui("models", "set", "vas/gpt-4.1", "--timeout", "88s")
        await aitui("apply", "--yes")
        assert file.read_text(encoding="utf-8") == first.replace("77", "88")
        done = await aitui("undo", "--yes")
        assert "The store goes back as well:\n  ~ model gpt-4.1\n" in done.stdout
        assert file.read_text(encoding="utf-8") == first
        await aitui("plan")
        done = await aitui("models", "show", "gpt-4.1", "--json")
        assert json.loads(done.stdout)["timeoutSeconds"] == 77


async def test_a_drift_is_told_and_read_only_looks_alone(tmp_path: Path) -> None:
    file = tmp_path / "litellm_config.yaml"
    shutil.copyfile(CONFIG, file)
    async with running(file, watch_s=0.05) as proxy:
        aitui = Operator(tmp_path, proxy, file)
        await aitui("import", str(file))
        await aitui("models", "set", "vas/gpt-4.1", "--timeout", "77s")
        await aitui("apply", "--yes")
        by_hand = file.read_text(encoding="utf-8").replace("timeout: 77", "timeout: 55")
        file.write_text(by_hand, encoding="utf-8")
        done = await aitui("plan", "--read-only", status=2)
        assert "drift" in done.stdout
        assert "55 → 77" in done.stdout
        await aitui("apply", "--yes", "--read-only", status=1)
        assert file.read_text(encoding="utf-8") == by_hand
