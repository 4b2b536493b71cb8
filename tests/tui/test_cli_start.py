"""The command line's beginning: what is imported, how it is parsed, how it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from store.errors import StoreError
from tests.tui.cli_tools import ROOT, Cli, clear_environment, environment, fake_store, run, topic
from tui.cli import build_parser

KEY = "sk-THISISAKEY1234567890"

COMMANDS = [
    ("import",),
    ("export",),
    ("models",),
    ("models", "list"),
    ("models", "show"),
    ("models", "test"),
    ("models", "enable"),
    ("models", "disable"),
    ("providers",),
    ("providers", "list"),
    ("providers", "check"),
    ("routes",),
    ("routes", "list"),
    ("plan",),
    ("apply",),
    ("undo",),
    ("revisions",),
    ("usage",),
    ("doctor",),
]
GROUPS = {("models",), ("providers",), ("routes",)}


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    clear_environment(monkeypatch, tmp_path)
    return Cli(capsys)


def imported_after(home: Path, *args: str) -> set[str]:
    code = (
        "import sys; from tui.cli import main; main(sys.argv[1:]);"
        "sys.stderr.write('MODULES ' + ' '.join(sys.modules))"
    )
    done = run(home, *args, code=code)
    assert "MODULES " in done.stderr, done.stderr
    return set(done.stderr.rpartition("MODULES ")[2].split())


@pytest.mark.parametrize("args", [("--version",), ("--help",), ("models", "test", "--help")])
def test_version_and_help_import_nothing_heavy(tmp_path: Path, args: tuple[str, ...]) -> None:
    heavy = {"textual", "rich", "httpx", "yaml", "asyncio", "sqlite3", "plotext", "platformdirs"}
    assert imported_after(tmp_path, *args) & heavy == set()


@pytest.mark.parametrize("args", [("models", "list"), ("usage",), ("routes", "list", "--json")])
def test_a_command_that_reads_the_store_needs_no_screen_and_no_network(
    tmp_path: Path, args: tuple[str, ...]
) -> None:
    modules = imported_after(tmp_path, *args)
    assert modules & {"textual", "httpx", "yaml", "plotext", "dotenv"} == set()


def test_the_version_is_one_line(cli: Cli) -> None:
    assert cli("--version").status == 0
    assert cli.out.startswith("aitui ")
    assert cli.out.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_explains_itself(cli: Cli, command: tuple[str, ...]) -> None:
    assert cli(*command, "--help").status == 0
    assert f"usage: aitui {' '.join(command)}" in cli.out
    if command not in GROUPS:
        assert "examples:\n  aitui " in cli.out
        assert "exit status: 0 done, 1 " in cli.out
        assert "--json" in cli.out
    assert "==SUPPRESS==" not in cli.out


def test_the_main_help_names_every_setting_and_command(cli: Cli) -> None:
    assert cli("--help").status == 0
    for word in ("--store", "--gateway-url", "--gateway-key-env", "--env-file", "--theme"):
        assert word in cli.out
    for (command,) in (command for command in COMMANDS if len(command) == 1):
        assert f"\n    {command} " in cli.out


def test_settings_may_stand_before_between_and_after_the_commands() -> None:
    parser = build_parser()
    for args in (
        ["--store", "a.db", "--demo", "models", "list"],
        ["models", "--store", "a.db", "--demo", "list"],
        ["models", "list", "--store", "a.db", "--demo"],
    ):
        parsed = parser.parse_args(args)
        assert (parsed.store, parsed.demo) == ("a.db", True)
    both = parser.parse_args(["--store", "a.db", "models", "list", "--store", "b.db"])
    assert both.store == "b.db"
    assert not hasattr(parser.parse_args(["models", "list"]), "store")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("frobnicate",), "invalid choice"),
        (("models",), "COMMAND"),
        (("models", "show"), "NAME"),
        (("models", "test"), "NAME"),
        (("models", "test", "a", "--all"), "not allowed with"),
        (("models", "test", "a", "--timeout", "0"), "above 0"),
        (("models", "test", "a", "--timeout", "nan"), "above 0"),
        (("models", "test", "--all", "--prompt", "x"), "--prompt goes with one model"),
        (("models", "list", "extra"), "too many arguments"),
        (("usage", "--period", "8d"), "invalid choice"),
        (("import",), "FILE"),
        (("doctor", "--gateway-key=" + KEY), "unknown option --gateway-key"),
        (("doctor", "--api-key", KEY), "unknown option --api-key"),
        (("usage", "--period", KEY), "[redacted]"),
        ((KEY,), "[redacted]"),
        (("a\x1b]52;c;eA==\x07b",), "invalid choice"),
    ],
)
def test_wrong_usage_is_status_2_and_repeats_no_key(
    cli: Cli, args: tuple[str, ...], words: str
) -> None:
    assert cli(*args).status == 2
    assert words in cli.err
    assert "THISISAKEY" not in cli.err
    assert "\x1b" not in cli.err
    assert cli.out == ""


def test_a_wrong_setting_is_one_sentence_and_status_1(cli: Cli) -> None:
    assert cli("models", "list", "--gateway-key-env", KEY).status == 1
    assert cli.err.startswith("aitui: --gateway-key-env: this looks like a key.")
    assert cli.err.count("\n") == 1
    assert "THISISAKEY" not in cli.err


def test_a_missing_env_file_is_one_sentence(cli: Cli, tmp_path: Path) -> None:
    assert cli("usage", "--env-file", str(tmp_path / "no.env")).status == 1
    assert cli.err.startswith("aitui: env_file: there is no file")


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "zero bytes"), (b"hello, I am a text file\n", "not a SQLite database")],
)
def test_a_store_that_is_none_is_one_sentence(
    cli: Cli, tmp_path: Path, content: bytes, words: str
) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    assert cli("models", "list", "--store", str(path)).status == 1
    assert words in cli.err
    assert "Traceback" not in cli.err
    assert path.read_bytes() == content


def test_the_dashboard_without_a_terminal_says_so(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_error_of_ours_shows_neither_traceback_nor_key(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = "not-a-known-shape-of-key"  # redacted because it is the gateway's key
    monkeypatch.setenv("LITELLM_MASTER_KEY", secret)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    async def broken() -> None:
        raise RuntimeError(f"with {secret} and {KEY}\x1b[31m")

    fake_store(monkeypatch, models=topic(), providers=type("T", (), {"all": staticmethod(broken)}))
    assert cli("models", "list").status == 1
    assert "RuntimeError" in cli.err
    assert "Traceback (most recent call last)" not in cli.err
    (log,) = (tmp_path / "state").rglob("crash-*.log")
    for text in (cli.err, log.read_text(encoding="utf-8")):
        assert secret not in text
        assert "THISISAKEY" not in text
        assert "\x1b" not in text
    assert str(log) in cli.err


def test_an_error_sentence_is_cleaned_and_redacted(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> None:
        raise StoreError(f"store: a\x1b]52;c;eA==\x07b\nforged line {KEY}")

    fake_store(monkeypatch, models=topic(), providers=type("T", (), {"all": staticmethod(broken)}))
    assert cli("models", "list").status == 1
    assert cli.err.count("\n") == 1
    assert "\x1b" not in cli.err
    assert "THISISAKEY" not in cli.err


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-c", "from tui.cli import main; raise SystemExit(main())", "doctor"],
            env=environment(tmp_path),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            cwd=ROOT,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.stderr == ""
    assert done.returncode == 141
