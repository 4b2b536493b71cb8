"""What the doctor finds about applying; it changes nothing and signals nobody."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from store import doctor_reload
from store.doctor import Finding, Level, diagnose
from store.doctor_reload import reload_findings
from store.environment import Environment
from store.gateway.config_write import back_up
from store.gateway.processes import can_look
from store.settings import Settings
from tests.litellm.proxy import free_port
from tests.store import fake_master

needs_proc = pytest.mark.skipif(not can_look(), reason="needs Linux's /proc")
KEY = "sk-THISISAKEY1234567890"
CONFIG = """model_list:
- model_name: fast
  litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/OPENAI_API_KEY}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def settings(file: Path | None, **more: Any) -> Settings:
    values: dict[str, Any] = {
        "store_path": Path("aitui.db"),
        "config_file": file,
        "gateway_url": f"http://127.0.0.1:{free_port()}",
    }
    return Settings(**{**values, **more})


async def find(given: Settings) -> list[Finding]:
    return list(await reload_findings(given, Environment({"LITELLM_MASTER_KEY": KEY})))


def told(findings: list[Finding], level: Level) -> str:
    return "\n".join(f"{f.message} {f.mend or ''}" for f in findings if f.level is level)


async def test_without_a_file_it_says_how_to_name_it() -> None:
    (finding,) = await find(settings(None))
    assert finding.level is Level.WARN
    assert "AITUI_CONFIG_FILE" in (finding.mend or "")


@needs_proc
async def test_without_a_file_the_proxys_own_is_suggested(tmp_path: Path) -> None:
    with fake_master.start(tmp_path) as fake:
        url = f"http://127.0.0.1:{fake.port}"
        (finding,) = await find(settings(None, gateway_url=url))
    assert str(fake.config) in (finding.mend or "")


async def test_when_all_is_well_nothing_warns(file: Path) -> None:
    backup = back_up(file)
    before = sorted(file.parent.iterdir())
    findings = await find(settings(file))
    assert {finding.level for finding in findings} == {Level.OK}
    text = told(findings, Level.OK)
    for part in ("can be read: 1 models", "replaced in one go", backup.name, "is `none`"):
        assert part in text
    assert sorted(file.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no file"),
        ("model_list: [", "line 2"),
        (CONFIG.replace("os.environ/OPENAI_API_KEY", KEY), "line 3"),
    ],
)
async def test_a_file_that_cannot_be_read(file: Path, content: str | None, message: str) -> None:
    file.unlink() if content is None else file.write_text(content)
    failed = told(await find(settings(file)), Level.FAIL)
    assert message in failed
    assert "THISISAKEY" not in failed


async def test_a_file_that_can_only_be_written_in_place(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.gateway.config_write._mount_points", lambda: frozenset({file}))
    assert "written in place, not replaced: it is a mount" in told(
        await find(settings(file)), Level.OK
    )
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != file and real(path, mode))
    assert "may not be written" in told(await find(settings(file)), Level.WARN)


async def test_a_mode_that_cannot_work(file: Path) -> None:
    for given, message in (
        (settings(file, reload="hup"), "gateway.pid is not set"),
        (settings(file, reload="command"), "gateway.reload_command is not set"),
        (settings(file, reload="command", reload_command="no-such-program x"), "no program"),
    ):
        assert message in told(await find(given), Level.WARN)


@needs_proc
async def test_a_master_that_could_be_hung_up(tmp_path: Path, file: Path) -> None:
    with fake_master.start(tmp_path, "--run_gunicorn") as fake:
        url = f"http://127.0.0.1:{fake.port}"
        text = told(await find(settings(file, gateway_url=url)), Level.OK)
        assert f"gateway.pid to {fake.pid}" in text
        hup = settings(file, gateway_url=url, reload="hup", pid=str(fake.pid))
        findings = await find(hup)
        assert f"SIGHUP to the gunicorn master of LiteLLM, process {fake.pid}" in told(
            findings, Level.OK
        )
        assert "its executable is not known" in told(findings, Level.WARN)
        assert fake.hangups() == 0


@needs_proc
async def test_what_a_signal_would_kill(tmp_path: Path, file: Path) -> None:
    with fake_master.start(tmp_path) as fake:
        url = f"http://127.0.0.1:{fake.port}"
        text = told(await find(settings(file, gateway_url=url)), Level.OK)
        assert f"process {fake.pid} is LiteLLM with a single uvicorn worker" in text
        hup = settings(file, gateway_url=url, reload="hup", pid=str(fake.pid))
        assert "SIGHUP would kill it" in told(await find(hup), Level.WARN)


async def test_litellms_executable(tmp_path: Path, file: Path) -> None:
    missing = await find(settings(file, litellm=tmp_path / "no" / "litellm"))
    assert "no program that can be run" in told(missing, Level.WARN)
    executable = tmp_path / "env" / "bin" / "litellm"
    executable.parent.mkdir(parents=True)
    executable.write_text("#!/bin/sh\n")
    executable.chmod(0o700)
    assert "LiteLLM of an unknown version" in told(
        await find(settings(file, litellm=executable)), Level.OK
    )
    packages = tmp_path / "env/lib/python3.11/site-packages"
    (packages / "litellm-1.106.2.dist-info").mkdir(parents=True)
    assert "(LiteLLM 1.106.2)" in told(await find(settings(file, litellm=executable)), Level.OK)


async def test_the_doctor_tells_it(file: Path) -> None:
    findings = await diagnose(settings(file, reload="hup"), Environment({}), None)
    reload = [finding for finding in findings if finding.subject == doctor_reload.RELOAD]
    assert any(finding.level is Level.WARN for finding in reload)
