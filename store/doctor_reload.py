"""What the doctor finds about applying: the proxy's file, and the ways to make the proxy load it.

Only looks: no signal is sent and no command is run.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from store.checks import printable
from store.doctor import Finding, Level
from store.environment import Environment
from store.errors import AituiError
from store.settings import Settings

if TYPE_CHECKING:
    from store.gateway.processes import Proxy

FILE: Final = "config file"
RELOAD: Final = "reload"


async def reload_findings(settings: Settings, environment: Environment) -> Sequence[Finding]:
    """What `aitui apply` needs, part by part. Never raises AituiError."""
    path = settings.config_file
    if path is None:
        return await asyncio.to_thread(lambda: [_no_file(settings)])
    findings = await asyncio.to_thread(lambda: list(_file(path)))
    mode = await _mode(settings, environment)
    works = mode[0].level is Level.OK
    more = await asyncio.to_thread(lambda: [*_could(settings, works), *_executable(settings)])
    return [*findings, *mode, *more]


def _no_file(settings: Settings) -> Finding:
    named = {str(proxy.config) for proxy in _local_proxies(settings) if proxy.config}
    there = f": the proxy there loads {printable(named.pop())}" if len(named) == 1 else ""
    return Finding(
        Level.WARN,
        FILE,
        "gateway.config_file is not set, so that nothing can be planned or applied.",
        "Set gateway.config_file (AITUI_CONFIG_FILE, --config-file) to the file that LiteLLM "
        f"loads{there}.",
    )


def _file(path: Path) -> Iterator[Finding]:
    """Blocking. Whether the file is there, can be read as a configuration, and written."""
    from store.gateway.config_file import read_config
    from store.gateway.config_lock import resolve_file
    from store.gateway.config_write import backups_of, why_in_place

    try:
        file = resolve_file(path)
        found = read_config(path)
    except AituiError as error:
        yield Finding(Level.FAIL, FILE, str(error), "Nothing can be applied before.")
        return
    count = len(found.models)
    yield Finding(Level.OK, FILE, f"{path} can be read: {count} models")
    in_place = why_in_place(path)
    if in_place is None:
        yield Finding(Level.OK, FILE, "it can be replaced in one go")
    elif os.access(file, os.W_OK):
        yield Finding(Level.OK, FILE, f"it is written in place, not replaced: {in_place}")
    else:
        yield Finding(
            Level.WARN,
            FILE,
            f"{path} may not be written, so that nothing can be applied.",
            "Run aitui as a user who may, or change its mode.",
        )
    if backups := backups_of(path):
        yield Finding(Level.OK, FILE, f"{len(backups)} backups of it, the newest {backups[0].name}")


async def _mode(settings: Settings, environment: Environment) -> Sequence[Finding]:
    """Whether the way to reload that is set can work."""
    from store.gateway.reload import make_reloader

    secrets = environment.secrets((settings.gateway_key_env,))
    reloader = make_reloader(settings, secrets=secrets)
    try:
        await reloader.check()
    except AituiError as error:
        message = f"gateway.reload is `{settings.reload}`, which cannot work: {error}"
        return [Finding(Level.WARN, RELOAD, message, "Until then every apply is refused.")]
    said = f"gateway.reload is `{settings.reload}`: {reloader.describe()}"
    findings = [Finding(Level.OK, RELOAD, said)]
    if reloader.is_fatal and settings.litellm is None:
        own = await asyncio.to_thread(reloader.executable)
        if own is not None:
            said = f"{own}, the proxy's own, checks a file before it is applied"
            findings.append(Finding(Level.OK, RELOAD, said))
        else:
            findings.append(
                Finding(
                    Level.WARN,
                    RELOAD,
                    "a SIGHUP with a file that LiteLLM refuses ends the proxy, and its executable "
                    "is not known, so that the file could not be checked first: every apply is "
                    "refused.",
                    "Set gateway.litellm to LiteLLM's executable, e.g. /opt/litellm/bin/litellm.",
                )
            )
    return findings


def _could(settings: Settings, works: bool) -> Iterator[Finding]:
    """Blocking. What runs on the gateway's port, and which ways to reload it bears."""
    if settings.reload == "hup" and works:
        return
    from store.gateway.processes import Role
    from store.gateway.reload_hup import name_of, why_harmful

    for proxy in _local_proxies(settings):
        pid = proxy.process.pid
        if (why := why_harmful(proxy)) is None:
            said = f"{name_of(proxy)} could reload without an outage: set gateway.reload to `hup` "
            said += f"and gateway.pid to {pid}, or better to its pid file"
        elif proxy.role is Role.ALONE:
            said = f"process {pid} is LiteLLM with a single {proxy.server} worker: `command` or "
            said += "`none` suit it, and `hup` would kill it"
        else:
            said = f"`hup` does not suit it: {why}"
        yield Finding(Level.OK, RELOAD, said)


def _local_proxies(settings: Settings) -> Sequence[Proxy]:
    from store.gateway.processes import can_look, proxies_at
    from store.gateway.reload_hup import local_port

    port = local_port(settings.gateway_url)
    return proxies_at(port) if port is not None and can_look() else ()


def _executable(settings: Settings) -> Iterator[Finding]:
    """Blocking. LiteLLM's executable, and its version as its package says (starting it is slow)."""
    path = settings.litellm
    if path is None:
        if settings.reload != "hup":
            yield Finding(
                Level.OK,
                RELOAD,
                "gateway.litellm is not set: LiteLLM itself is not asked to check a file "
                "before it is applied",
            )
        return
    if shutil.which(path) is None:
        yield Finding(
            Level.WARN,
            RELOAD,
            f"gateway.litellm: {path} is no program that can be run.",
            "Correct it, or leave it out; until then every apply is refused.",
        )
        return
    version = _version(path)
    named = f"LiteLLM {version}" if version else "LiteLLM of an unknown version"
    yield Finding(Level.OK, RELOAD, f"{path} checks a file before it is applied ({named})")


def _version(executable: Path) -> str | None:
    with suppress(OSError, RuntimeError):
        home = executable.resolve().parent.parent
        for found in home.glob("lib/python3*/site-packages/litellm-*.dist-info"):
            return found.name.removeprefix("litellm-").removesuffix(".dist-info")
    return None
