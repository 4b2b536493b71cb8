"""What an operator asks when something does not work: what is there, what is missing, the mend.

Nothing here changes anything: a store that does not exist yet is not made.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import stat
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from store.checks import redact
from store.domain import GatewayStatus, Model, Provider
from store.environment import Environment
from store.errors import AituiError, FailureKind, GatewayError
from store.migrator import latest_version
from store.settings import SETTINGS, Settings

if TYPE_CHECKING:
    from store.store import Store

MALICIOUS_VERSIONS = frozenset({(1, 82, 7), (1, 82, 8)})
"""LiteLLM releases that stole credentials (March 2026; removed from the package index)."""

SAFE_FROM = (1, 84, 0)
"""Below it LiteLLM has published vulnerabilities."""

QUICK_CHECK_S = 10.0
"""The store's integrity check is given up after this time (a very large store)."""


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `mend` is what to do about it; None where there is nothing."""

    level: Level
    subject: str
    """`settings`, `store`, `gateway`, `gateway key`, `apply` or `provider NAME`."""
    message: str
    mend: str | None = None


class Proxy(Protocol):
    """What is asked of the gateway: the door's topic, or the bare client where there is no door."""

    async def status(self, *, fresh: bool = False) -> GatewayStatus: ...
    async def check_key(self) -> None: ...


async def diagnose(
    settings: Settings, environment: Environment, store: Store | AituiError | None
) -> tuple[Finding, ...]:
    """Everything that can be found out. `store` is the open door, why it did not open, or None.

    None is a store that was not opened, because there is none yet. The rest is reported all the
    same. Never raises AituiError.
    """
    findings = list(_settings(settings))
    if isinstance(store, AituiError):
        findings.append(Finding(Level.FAIL, "store", str(store), "Mend it, or name another."))
    elif store is None:
        findings.append(
            Finding(
                Level.WARN,
                "store",
                f"there is none yet at {settings.store_path}; the first start makes it.",
                "Begin with `aitui import litellm_config.yaml`.",
            )
        )
    else:
        findings += await asyncio.to_thread(lambda: list(_store_file(settings.store_path)))
    opened = None if isinstance(store, AituiError) else store
    async with _proxy(settings, environment, opened) as proxy:
        findings += await _gateway(settings, environment, proxy)
    from store.doctor_reload import reload_findings  # which imports this module

    findings += await reload_findings(settings, environment)
    if opened is not None:
        from store.doctor_apply import apply_findings

        findings += await apply_findings(opened)
        findings += await _providers(environment, opened)
    return tuple(findings)


def settings_failed(error: AituiError) -> Finding:
    """The finding for settings that could not be loaded, or a `.env` file that could not."""
    return Finding(Level.FAIL, "settings", str(error), "Mend it there; nothing else is certain.")


def _settings(settings: Settings) -> Iterator[Finding]:
    if settings.file is not None:
        there = "the file is" if settings.file.exists() else "there is no file; it would be"
        yield Finding(Level.OK, "settings", f"{there} {settings.file}")
    for setting in SETTINGS:
        source = settings.sources.get(setting.field, "default")
        value = getattr(settings, setting.field)
        if setting.field == "time_zone" and value is None:
            value = f"{settings.zone().key} (the machine's)"
        elif value is None:
            value = "none"
        elif isinstance(value, bool):
            value = "yes" if value else "no"
        shown = _without_keys(str(value))
        yield Finding(Level.OK, "settings", f"{setting.key} is {shown} ({source})")
    if settings.env_file is not None and (mode := _mode(settings.env_file)) & 0o077:
        yield Finding(
            Level.WARN,
            "settings",
            f"{settings.env_file} holds keys and others can read it (mode {mode:04o}).",
            f"chmod 600 {settings.env_file}",
        )


def _without_keys(value: str) -> str:
    """A setting's value; a command may hold a key, though it should name a variable."""
    return re.sub(r"(?i)\b(bearer|basic)\s+[^\s'\"$]+", r"\1 [redacted]", redact(value))


def _mode(path: Path) -> int:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0


def _store_file(path: Path) -> Iterator[Finding]:
    """Blocking. Schema, size, mode and integrity of an open store's file."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as reader:
            schema = int(reader.execute("PRAGMA user_version").fetchone()[0])
            problems = _quick_check(reader)
        size = path.stat().st_size
    except (sqlite3.Error, OSError) as error:
        yield Finding(
            Level.FAIL, "store", f"{path} cannot be read: {error}.", "Restore it from a backup."
        )
        return
    yield Finding(
        Level.OK, "store", f"{path}, schema {schema} of {latest_version()}, {_size(size)}"
    )
    if problems is None:
        yield Finding(
            Level.WARN,
            "store",
            f"it is too large to be checked in {QUICK_CHECK_S:.0f} s.",
            f"Check it at a quiet time: sqlite3 {path} 'PRAGMA quick_check'",
        )
    elif problems:
        yield Finding(
            Level.FAIL,
            "store",
            f"its file is damaged: {problems[0]} ({len(problems)} in all).",
            "Stop aitui and restore the file from a backup.",
        )
    else:
        yield Finding(Level.OK, "store", "its file is sound (quick_check)")
    if (mode := _mode(path)) & 0o077:
        yield Finding(
            Level.WARN,
            "store",
            f"others can read it (mode {mode:04o}).",
            f"chmod 600 {path}",
        )


def _quick_check(reader: sqlite3.Connection) -> list[str] | None:
    """What `PRAGMA quick_check` complains of; None if it was not done in time."""
    deadline = time.monotonic() + QUICK_CHECK_S
    reader.set_progress_handler(lambda: int(time.monotonic() > deadline), 100_000)
    try:
        rows = [str(row[0]) for row in reader.execute("PRAGMA quick_check(20)")]
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return None
        raise
    return [] if rows == ["ok"] else rows


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


@asynccontextmanager
async def _proxy(
    settings: Settings, environment: Environment, store: Store | None
) -> AsyncIterator[Proxy]:
    if store is not None:
        yield store.gateway
        return
    from store.gateway.client import Gateway

    name = settings.gateway_key_env
    gateway = Gateway(settings.gateway_url, environment.get(name), key_env=name)
    try:
        yield gateway
    finally:
        await gateway.aclose()


async def _gateway(settings: Settings, environment: Environment, proxy: Proxy) -> Sequence[Finding]:
    findings = list(_key_variable(settings.gateway_key_env, environment))
    status = await proxy.status(fresh=True)
    if not status.reachable:
        findings.append(
            Finding(
                Level.FAIL,
                "gateway",
                status.error or f"{status.url} does not answer.",
                "Start LiteLLM there, or set gateway.url (AITUI_GATEWAY_URL, --gateway-url).",
            )
        )
        return findings
    took = "" if status.latency_ms is None else f" in {status.latency_ms} ms"
    findings.append(Finding(Level.OK, "gateway", f"{status.url} answers{took}"))
    findings.append(judge_version(status.version))
    findings.append(await _key_accepted(settings.gateway_key_env, proxy))
    return findings


def judge_version(version: str | None) -> Finding:
    """What is known of a LiteLLM release: malicious, with known holes, or neither."""
    numbers = re.match(r"\D*(\d+)\.(\d+)\.(\d+)", version or "")
    if numbers is None:
        return Finding(
            Level.WARN,
            "gateway",
            "it does not say which version of LiteLLM it is.",
            "Make sure by hand that it is none of 1.82.7 and 1.82.8, and at least 1.84.0.",
        )
    parts = (int(numbers[1]), int(numbers[2]), int(numbers[3]))
    if parts in MALICIOUS_VERSIONS:
        return Finding(
            Level.FAIL,
            "gateway",
            f"LiteLLM {version} is a malicious release that steals credentials.",
            "Stop it now, take the machine off the network, replace every key that it could "
            "read, and install a release from 1.84.0 on.",
        )
    if parts < SAFE_FROM:
        return Finding(
            Level.WARN,
            "gateway",
            f"LiteLLM {version} has known security holes.",
            "Upgrade it to 1.84.0 or newer.",
        )
    return Finding(Level.OK, "gateway", f"LiteLLM {version}")


def _key_variable(name: str, environment: Environment) -> Iterator[Finding]:
    value = environment.get(name)
    if value is None:
        yield Finding(
            Level.WARN,
            "gateway key",
            f"{name} is not set.",
            f"Set {name} here, or name another variable with gateway.key_env "
            "(AITUI_GATEWAY_KEY_ENV, --gateway-key-env).",
        )
        return
    yield Finding(Level.OK, "gateway key", f"{name} is set ({environment.source(name)})")
    core = value.strip()  # the client leaves out what stands around it
    if not core.isascii() or not core.isprintable() or " " in core:
        yield Finding(
            Level.WARN,
            "gateway key",
            f"{name} has a space, a line end or a foreign character in it.",
            f"Set {name} to the bare key, without `Bearer` and without quotes.",
        )


async def _key_accepted(name: str, proxy: Proxy) -> Finding:
    try:
        await proxy.check_key()
    except GatewayError as error:
        mends = {
            FailureKind.PROXY_KEY: f"Set {name} to the proxy's master key or one of its keys.",
            FailureKind.PROXY_KEY_MISSING: f"Set {name} here.",
        }
        mend = mends.get(error.kind, "See what LiteLLM's own log says.")
        return Finding(Level.FAIL, "gateway key", str(error), mend)
    return Finding(Level.OK, "gateway key", "the proxy accepts it")


async def _providers(environment: Environment, store: Store) -> Sequence[Finding]:
    try:
        providers, models = await store.providers.all(), await store.models.all()
    except AituiError as error:
        return [Finding(Level.FAIL, "store", str(error), "Restore it from a backup.")]
    if not providers:
        mend = "Begin with `aitui import litellm_config.yaml`."
        return [Finding(Level.WARN, "providers", "the store holds none yet.", mend)]
    return [_provider(environment, provider, models) for provider in providers]


def _provider(environment: Environment, provider: Provider, models: Sequence[Model]) -> Finding:
    subject, name = f"provider {provider.name}", provider.api_key_env
    if name is None:
        lacking = [m for m in models if m.provider_id == provider.id and provider.lacks_key(m)]
        if not lacking:
            return Finding(Level.OK, subject, "needs no variable for a key")
        return Finding(
            Level.WARN,
            subject,
            f"no variable is named for the key of {lacking[0].model_name}"
            + (f" and {len(lacking) - 1} more." if len(lacking) > 1 else "."),
            "Give its models an `api_key: os.environ/NAME` in LiteLLM's file and import it again, "
            "or set the provider's usual variable where LiteLLM runs.",
        )
    source = environment.source(name)
    if source is not None:
        return Finding(Level.OK, subject, f"{name} is set here ({source})")
    return Finding(
        Level.WARN,
        subject,
        f"{name} is not set here.",
        f"It counts where LiteLLM runs: the proxy's own environment decides. Set {name} there.",
    )
