"""Reloading by SIGHUP: what a process has to be before one is sent, and that no other gets it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from store.errors import ReloadFailed
from store.gateway import reload_hup
from store.gateway.processes import can_look, read_process
from store.gateway.reload import make_reloader
from store.plans import ApplyRefused
from store.settings import Settings
from tests.store import fake_master
from tests.store.fake_master import Fake

needs_proc = pytest.mark.skipif(not can_look(), reason="needs Linux's /proc")


def hup(fake: Fake, **more: Any) -> Settings:
    values: dict[str, Any] = {
        "store_path": Path("aitui.db"),
        "reload": "hup",
        "pid": str(fake.pid),
        "config_file": fake.config,
        "gateway_url": f"http://127.0.0.1:{fake.port}",
    }
    return Settings(**{**values, **more})


async def test_none_does_nothing() -> None:
    reloader = make_reloader(Settings(store_path=Path("aitui.db")))
    assert not reloader.automatic
    assert "after its next restart" in reloader.describe()
    await reloader.check()
    await reloader.reload(pytest.fail)
    reloader.fire()
    assert reloader.why_gone() is None


@needs_proc
@pytest.mark.parametrize(
    "arguments",
    [
        ("--run_gunicorn",),
        ("--run_granian",),
        ("--num_workers", "2", "--timeout_worker_healthcheck", "90"),
    ],
)
async def test_a_master_is_hung_up(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    with fake_master.start(tmp_path, *arguments) as fake:
        said: list[str] = []
        reloader = make_reloader(hup(fake))
        assert reloader.automatic
        assert f"process {fake.pid}" in reloader.describe()
        await reloader.check()
        assert fake.hangups() == 0, "a check sends nothing"
        await reloader.reload(said.append)
        fake.await_hangups(1)
        reloader.fire()
        fake.await_hangups(2)
        assert len(said) == 1
        assert reloader.why_gone() is None


@needs_proc
@pytest.mark.parametrize(
    ("arguments", "habits", "message"),
    [
        ((), "", "single uvicorn worker: SIGHUP would kill it"),
        (("--run_hypercorn",), "", "hypercorn: SIGHUP would kill it"),
        (("--run_gunicorn",), "childless", "still starting, or stopping"),
        (("--num_workers", "2"), "", "gives a new worker 5 s to start"),
    ],
)
async def test_what_would_break_is_refused(
    tmp_path: Path, arguments: tuple[str, ...], habits: str, message: str
) -> None:
    with fake_master.start(tmp_path, *arguments, habits=habits) as fake:
        reloader = make_reloader(hup(fake))
        with pytest.raises(ApplyRefused, match=message):
            await reloader.check()
        with pytest.raises(ReloadFailed, match=message):
            await reloader.reload(pytest.fail)
        with pytest.raises(ReloadFailed, match=message):
            reloader.fire()
        assert fake.hangups() == 0
        assert fake.process.poll() is None


@needs_proc
async def test_a_worker_is_refused(tmp_path: Path) -> None:
    with fake_master.start(tmp_path, "--run_granian") as fake:
        settings = hup(fake, pid=str(fake.workers[0]))
        with pytest.raises(
            ApplyRefused, match=f"granian worker; name its master, process {fake.pid}"
        ):
            await make_reloader(settings).check()


@needs_proc
async def test_another_proxy_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.touch()
    with fake_master.start(tmp_path, "--run_gunicorn") as fake:
        for settings, message in (
            (
                hup(fake, config_file=other),
                f"loads {fake.config}, and gateway.config_file is {other}",
            ),
            (hup(fake, config_file=None), "gateway.config_file is not set"),
            (hup(fake, gateway_url="http://localhost:1"), f"listens on port {fake.port}"),
        ):
            with pytest.raises(ApplyRefused, match=message):
                await make_reloader(settings).check()
        # Another machine's name may well lead here, by way of a reverse proxy.
        await make_reloader(hup(fake, gateway_url="https://llm.example.com")).check()
        link = tmp_path / "link.yaml"
        link.symlink_to(fake.config)
        await make_reloader(hup(fake, config_file=link)).check()


@needs_proc
async def test_a_proxy_without_a_file_is_refused(tmp_path: Path) -> None:
    with (
        fake_master.start(tmp_path, "--run_gunicorn", with_config=False) as fake,
        pytest.raises(ApplyRefused, match="started without --config"),
    ):
        await make_reloader(hup(fake)).check()


@needs_proc
async def test_another_program_is_refused(tmp_path: Path) -> None:
    with (
        fake_master.start(tmp_path, "--run_gunicorn", name="redis") as fake,
        pytest.raises(ApplyRefused, match="is no LiteLLM proxy"),
    ):
        await make_reloader(hup(fake)).check()


@needs_proc
async def test_a_pid_file_is_read_each_time(tmp_path: Path) -> None:
    pid_file = tmp_path / "litellm.pid"
    with fake_master.start(tmp_path, "--run_gunicorn") as fake:
        reloader = make_reloader(hup(fake, pid=str(pid_file)))
        with pytest.raises(ApplyRefused, match="there is no file"):
            await reloader.check()
        pid_file.write_text(f"{fake.pid}\n")
        await reloader.check()
        settings = hup(
            fake, pid="litellm.pid", file=tmp_path / "settings.yaml",
            sources={"pid": f"file {tmp_path / 'settings.yaml'}"},
        )  # fmt: skip
        await make_reloader(settings).check()


@needs_proc
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("gunicorn", "does not hold the id"),
        ("12 34", "does not hold the id"),
        ("-5", "does not hold the id"),
        ("٣", "does not hold the id"),
        ("1", "process 1 is the system's first"),
        ("0", "is not the id of a process"),
        ("99999999999", "is not the id of a process"),
        ("4194303", "no process 4194303 is running"),
        ("ours", "is aitui's own"),
        ("our parent's", "is aitui's own"),
    ],
)
async def test_a_pid_file_with_something_else(tmp_path: Path, content: str, message: str) -> None:
    pid_file = tmp_path / "litellm.pid"
    ours = {"ours": os.getpid(), "our parent's": os.getppid()}
    pid_file.write_text(str(ours.get(content, content)))
    settings = Settings(store_path=Path("aitui.db"), reload="hup", pid=str(pid_file))
    with pytest.raises(ApplyRefused, match=message):
        await make_reloader(settings).check()


@needs_proc
async def test_a_pid_file_that_is_none(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path, message in ((pipe, "is no file"), (tmp_path, "cannot read|is no file")):
        settings = Settings(store_path=Path("aitui.db"), reload="hup", pid=str(path))
        with pytest.raises(ApplyRefused, match=message):
            await asyncio.wait_for(make_reloader(settings).check(), 30)
    with pytest.raises(ApplyRefused, match="gateway.pid is not set"):
        await make_reloader(Settings(store_path=Path("aitui.db"), reload="hup")).check()


@needs_proc
async def test_an_id_that_was_given_away_in_between_is_not_hit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stale = os.pidfd_open(ended.pid)
    ended.communicate(b"\n")
    with fake_master.start(tmp_path, "--run_gunicorn") as fake:
        # The handle is that of the process which had the id before.
        monkeypatch.setattr(os, "pidfd_open", lambda _: os.dup(stale))
        with pytest.raises(ReloadFailed, match="ended just before"):
            await make_reloader(hup(fake)).reload(pytest.fail)
        assert fake.hangups() == 0
    os.close(stale)


@needs_proc
async def test_without_handles_of_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open")
    with fake_master.start(tmp_path, "--run_gunicorn") as fake:
        await make_reloader(hup(fake)).reload(lambda _: None)
        fake.await_hangups(1)


@needs_proc
async def test_a_master_that_ends_of_it_is_told(tmp_path: Path) -> None:
    with fake_master.start(tmp_path, "--run_gunicorn", habits="ends") as fake:
        reloader = make_reloader(hup(fake))
        await reloader.reload(lambda _: None)
        assert fake.process.wait(30) == 3
        assert f"Process {fake.pid} ended after the SIGHUP" in (reloader.why_gone() or "")
        with pytest.raises(ReloadFailed, match="Start the proxy again"):
            await reloader.reload(pytest.fail)


@needs_proc
async def test_strangers_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_master.start(tmp_path, "--run_gunicorn") as fake:
        monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 54321)
        with pytest.raises(ApplyRefused, match="belongs to .*sudo systemctl reload"):
            await make_reloader(hup(fake)).check()
        process = read_process(fake.pid)
        assert process is not None
        inside = type(process)(
            process.pid, process.started, process.parent, process.uid, True, True, "python3", ()
        )
        monkeypatch.setattr(reload_hup, "read_process", lambda _: inside)
        with pytest.raises(ApplyRefused, match="in a container.*docker restart"):
            await make_reloader(hup(fake)).check()


async def test_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload_hup, "can_look", lambda: False)
    with pytest.raises(ApplyRefused, match="needs Linux's /proc.*`command`"):
        await make_reloader(Settings(store_path=Path("a"), reload="hup", pid="123")).check()
