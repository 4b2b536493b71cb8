"""What `diagnose` finds, part by part, and that one broken part does not hide the rest."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from store import doctor
from store.doctor import Finding, Level, diagnose, judge_version
from store.domain import GatewayStatus, Model, Provider
from store.environment import Environment
from store.errors import FailureKind, GatewayError, StoreError
from store.migrator import latest_version
from store.settings import Settings, load_settings
from store.store import Store, open_store

KEY = "sk-THISISAKEY1234567890"
URL = "http://127.0.0.1:1"


@dataclass
class FakeProxy:
    """Answers as it is told to, without a network."""

    status_now: GatewayStatus
    key_error: GatewayError | None = None
    asked_key: int = 0

    async def status(self, *, fresh: bool = False) -> GatewayStatus:
        assert fresh, "doctor must not report what was true a while ago"
        return self.status_now

    async def check_key(self) -> None:
        self.asked_key += 1
        if self.key_error is not None:
            raise self.key_error


UP = GatewayStatus(URL, True, version="1.106.2", latency_ms=12)
DOWN = GatewayStatus(URL, False, error=f"No proxy answers at {URL}.", kind=FailureKind.PROXY_DOWN)


def settings_for(tmp_path: Path, **flags: str) -> Settings:
    config = tmp_path / "settings.yaml"
    config.touch()
    given = {"config": str(config), "store": str(tmp_path / "aitui.db"), "gateway_url": URL}
    return load_settings({**given, **flags}, {})


@asynccontextmanager
async def real_store(
    settings: Settings,
    proxy: FakeProxy,
    providers: tuple[Provider, ...] = (),
    models: tuple[Model, ...] = (),
) -> AsyncIterator[Store]:
    """A real store file whose gateway and providers are ours."""

    async def everyone() -> tuple[Provider, ...]:
        return providers

    async def served() -> tuple[Model, ...]:
        return models

    async with open_store(settings, Environment({})) as store:
        yield cast(
            Store,
            SimpleNamespace(
                gateway=proxy,
                providers=SimpleNamespace(all=everyone),
                models=SimpleNamespace(all=served),
                rollout=store.rollout,
                zone=store.zone,
            ),
        )


def of(findings: tuple[Finding, ...], subject: str) -> list[Finding]:
    return [finding for finding in findings if finding.subject == subject]


def levels(findings: list[Finding]) -> list[str]:
    return [finding.level.value for finding in findings]


async def test_when_all_is_well_nothing_fails_and_nothing_warns(tmp_path: Path) -> None:
    served = tmp_path / "litellm.yaml"
    served.write_text("model_list: []\n")
    settings = settings_for(tmp_path, config_file=str(served))
    environment = Environment({"LITELLM_MASTER_KEY": KEY, "OPENAI_API_KEY": KEY})
    providers = (
        Provider("p1", "openai", "OpenAI", "openai", api_key_env="OPENAI_API_KEY"),
        Provider("p2", "ollama", "Ollama", "ollama"),
    )
    async with real_store(settings, FakeProxy(UP), providers) as store:
        findings = await diagnose(settings, environment, store)
    assert {finding.level for finding in findings} == {Level.OK}
    told = " ".join(finding.message for finding in findings)
    assert f"schema {latest_version()} of {latest_version()}" in told
    assert "answers in 12 ms" in told
    assert f"store.path is {tmp_path / 'aitui.db'} (flag --store)" in told
    assert "gateway.key_env is LITELLM_MASTER_KEY (default)" in told
    assert of(findings, "provider openai")[0].message == "OPENAI_API_KEY is set here (environment)"
    assert of(findings, "provider ollama")[0].message == "needs no variable for a key"
    assert "THISISAKEY" not in repr(findings)


@pytest.mark.parametrize(
    ("version", "level", "words"),
    [
        ("1.82.7", Level.FAIL, "malicious"),
        ("1.82.8", Level.FAIL, "malicious"),
        ("v1.82.8-stable", Level.FAIL, "malicious"),
        ("1.82.7.post1", Level.FAIL, "malicious"),
        ("1.82.6", Level.WARN, "known security holes"),
        ("1.83.14", Level.WARN, "known security holes"),
        ("0.99.0", Level.WARN, "known security holes"),
        ("1.84.0", Level.OK, "LiteLLM 1.84.0"),
        ("1.106.2", Level.OK, "LiteLLM 1.106.2"),
        ("1.182.7", Level.OK, "LiteLLM 1.182.7"),
        ("2.0.0rc1", Level.OK, "LiteLLM 2.0.0rc1"),
        (None, Level.WARN, "does not say"),
        ("nightly", Level.WARN, "does not say"),
    ],
)
def test_versions_are_told_apart(version: str | None, level: Level, words: str) -> None:
    finding = judge_version(version)
    assert finding.level is level
    assert words in finding.message
    assert (finding.mend is None) == (level is Level.OK)


async def test_a_dead_proxy_fails_without_asking_it_for_more(tmp_path: Path) -> None:
    settings, proxy = settings_for(tmp_path), FakeProxy(DOWN)
    async with real_store(settings, proxy) as store:
        findings = await diagnose(settings, Environment({}), store)
    (gateway,) = of(findings, "gateway")
    assert (gateway.level, gateway.message) == (Level.FAIL, DOWN.error)
    assert gateway.mend is not None
    assert "--gateway-url" in gateway.mend
    assert proxy.asked_key == 0


@pytest.mark.parametrize(
    ("kind", "mend"),
    [
        (FailureKind.PROXY_KEY, "Set LITELLM_MASTER_KEY to the proxy's master key"),
        (FailureKind.PROXY_KEY_MISSING, "Set LITELLM_MASTER_KEY here"),
        (FailureKind.TIMEOUT, "LiteLLM's own log"),
    ],
)
async def test_a_refused_key_fails_with_its_mend(
    tmp_path: Path, kind: FailureKind, mend: str
) -> None:
    settings = settings_for(tmp_path)
    proxy = FakeProxy(UP, GatewayError(kind, "the proxy said no"))
    async with real_store(settings, proxy) as store:
        findings = await diagnose(settings, Environment({"LITELLM_MASTER_KEY": KEY}), store)
    refused = of(findings, "gateway key")[-1]
    assert refused.level is Level.FAIL
    assert mend in (refused.mend or "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ["warn"]),
        (KEY, ["ok"]),
        (f" {KEY}\n", ["ok"]),
        (f"Bearer {KEY}", ["ok", "warn"]),
        (f"{KEY}\nOTHER=x", ["ok", "warn"]),
        (f"“{KEY}”", ["ok", "warn"]),
    ],
)
async def test_a_key_that_was_pasted_badly_is_noticed(
    tmp_path: Path, value: str, expected: list[str]
) -> None:
    settings = settings_for(tmp_path)
    async with real_store(settings, FakeProxy(DOWN)) as store:
        findings = await diagnose(settings, Environment({"LITELLM_MASTER_KEY": value}), store)
    assert levels(of(findings, "gateway key")) == expected
    assert "THISISAKEY" not in repr(findings)


async def test_a_provider_without_its_key_is_a_warning_that_says_where_it_counts(
    tmp_path: Path,
) -> None:
    settings = settings_for(tmp_path)
    providers = (Provider("p", "anthropic", "Anthropic", "anthropic", api_key_env="A_KEY"),)
    async with real_store(settings, FakeProxy(UP), providers) as store:
        findings = await diagnose(settings, Environment({}), store)
    (finding,) = of(findings, "provider anthropic")
    assert finding.level is Level.WARN
    assert "A_KEY" in finding.message
    assert "proxy's own environment decides" in (finding.mend or "")


@pytest.mark.parametrize(
    ("kind", "kept", "level"),
    [
        ("anthropic", "", Level.WARN),
        ("ollama", "", Level.OK),
        ("azure", "litellm_params: {client_secret: os.environ/SECRET}", Level.OK),
    ],
)
async def test_a_provider_without_any_variable(
    tmp_path: Path, kind: str, kept: str, level: Level
) -> None:
    settings = settings_for(tmp_path)
    provider = Provider("p", "it", "It", kind)
    model = Model("m", "p", "big", "Big", f"{kind}/big", kept=kept)
    other = Model("n", "another", "small", "Small", "x/small")
    async with real_store(settings, FakeProxy(UP), (provider,), (model, other)) as store:
        findings = await diagnose(settings, Environment({}), store)
    (finding,) = of(findings, "provider it")
    assert finding.level is level
    if level is Level.WARN:
        assert finding.message == "no variable is named for the key of big."
        assert "os.environ/NAME" in (finding.mend or "")


async def test_without_a_store_the_rest_is_reported_and_none_is_made(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    findings = await diagnose(settings, Environment({}), None)
    assert levels(of(findings, "store")) == ["warn"]
    assert levels(of(findings, "gateway")) == ["fail"]
    assert not settings.store_path.exists()


async def test_a_store_that_did_not_open_is_one_failure_among_the_rest(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    findings = await diagnose(settings, Environment({}), StoreError("store: x is empty."))
    assert of(findings, "store")[0].message == "store: x is empty."
    assert levels(of(findings, "store")) == ["fail"]
    assert of(findings, "settings")
    assert levels(of(findings, "gateway")) == ["fail"]


async def test_a_store_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with real_store(settings, FakeProxy(UP)) as store:
        settings.store_path.chmod(0o644)
        findings = await diagnose(settings, Environment({}), store)
    assert [f.mend for f in of(findings, "store") if f.level is Level.WARN] == [
        f"chmod 600 {settings.store_path}"
    ]


async def test_an_env_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    env_file.write_text(f"LITELLM_MASTER_KEY={KEY}\n", encoding="utf-8")
    env_file.chmod(0o644)
    settings = settings_for(tmp_path, env_file=str(env_file))
    environment = Environment({}, env_file)
    findings = await diagnose(settings, environment, None)
    assert "warn" in levels(of(findings, "settings"))
    assert of(findings, "gateway key")[0].message.endswith(f"(file {env_file})")
    env_file.chmod(0o600)
    findings = await diagnose(settings, environment, None)
    assert set(levels(of(findings, "settings"))) == {"ok"}


async def test_a_damaged_store_fails(tmp_path: Path) -> None:
    settings = settings_for(tmp_path)
    async with real_store(settings, FakeProxy(UP)):
        pass
    with closing(sqlite3.connect(settings.store_path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        # A table whose root is another's: what a torn page looks like to SQLite.
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_schema SET rootpage ="
            " (SELECT rootpage FROM sqlite_schema WHERE name = 'ai_models')"
            " WHERE name = 'ai_providers'"
        )
        connection.commit()
    fake: Any = SimpleNamespace(gateway=FakeProxy(UP))

    async def nothing() -> tuple[Provider, ...]:
        return ()

    async def finished(limit: int = 0) -> None:
        return None

    fake.providers = fake.models = SimpleNamespace(all=nothing)
    fake.rollout = SimpleNamespace(unfinished=finished, revisions=finished)
    findings = await diagnose(settings, Environment({}), fake)
    bad = [finding for finding in of(findings, "store") if finding.level is Level.FAIL]
    assert len(bad) == 1
    assert "backup" in (bad[0].mend or "")


async def test_a_check_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path)
    monkeypatch.setattr(doctor, "QUICK_CHECK_S", -1.0)
    async with real_store(settings, FakeProxy(UP)) as store:
        with closing(sqlite3.connect(settings.store_path)) as connection:
            connection.execute("CREATE TABLE filler (a TEXT UNIQUE, b TEXT UNIQUE)")
            connection.executemany(
                "INSERT INTO filler VALUES (?, ?)", [(f"a{n}", f"b{n}") for n in range(30_000)]
            )
            connection.commit()
        findings = await diagnose(settings, Environment({}), store)
    assert any("too large to be checked" in finding.message for finding in of(findings, "store"))


def test_the_settings_file_is_named_whether_it_is_there_or_not(tmp_path: Path) -> None:
    file = tmp_path / "settings.yaml"
    missing = [f.message for f in doctor._settings(Settings(tmp_path / "a.db", file=file))]
    assert f"there is no file; it would be {file}" in missing
    file.write_text("theme: textual-light\n")
    found = [f.message for f in doctor._settings(Settings(tmp_path / "a.db", file=file))]
    assert f"the file is {file}" in found
