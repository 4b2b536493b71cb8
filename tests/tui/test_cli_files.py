"""`import` and `export`: what is said, and what is written where."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from store.errors import AituiError
from tests.tui.cli_tools import Cli, clear_environment
from tui.commands.files import write_whole

KEY = "sk-THISISAKEY1234567890"
CONFIG = """\
model_list:
- model_name: gpt-4.1
  litellm_params:
    model: openai/gpt-4.1
    api_key: os.environ/OPENAI_API_KEY
- model_name: "evil\\e]52;c;eA==\\a"
  litellm_params: {model: openai/x, api_key: os.environ/OPENAI_API_KEY}
"""


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("AITUI_STORE", str(tmp_path / "aitui.db"))
    return Cli(capsys)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "litellm_config.yaml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_dry_run_says_what_it_would_do_and_does_not(cli: Cli, config: Path) -> None:
    assert cli("import", str(config), "--dry-run").status == 0
    assert "+ model gpt-4.1\n" in cli.out
    assert "would be created" in cli.out
    assert "Nothing was written" in cli.err
    assert cli.json("models", "list") == {"models": []}


def test_importing_twice_changes_nothing(cli: Cli, config: Path) -> None:
    first = cli.json("import", str(config))
    assert first["dryRun"] is False
    assert "model gpt-4.1" in first["created"]
    second = cli.json("import", str(config))
    assert (second["created"], second["changed"]) == ([], [])
    assert second["unchanged"] >= 3
    assert cli("import", str(config)).status == 0
    assert "0 created, 0 changed" in cli.out


def test_a_literal_key_is_refused_and_not_repeated(cli: Cli, config: Path) -> None:
    config.write_text(CONFIG.replace("os.environ/OPENAI_API_KEY", KEY, 1), encoding="utf-8")
    assert cli("import", str(config)).status == 1
    assert cli.out == ""
    assert "line 5" in cli.err
    assert "--replace-keys" in cli.err or "os.environ/" in cli.err
    assert "THISISAKEY" not in cli.err
    assert cli.json("models", "list") == {"models": []}
    answer = cli.json("import", str(config), "--replace-keys")
    assert cli.status == 0
    assert len(answer["secretsReplaced"]) == 1
    assert "THISISAKEY" not in cli.out
    assert cli("export").status == 0
    assert "THISISAKEY" not in cli.out
    assert f"os.environ/{answer['secretsReplaced'][0]}" in cli.out


@pytest.mark.parametrize(
    "content", [b"model_list: [", b"\xff\xfe", b"- just\n- a list\n", b"a: &a [*a]\n"]
)
def test_a_bad_file_is_one_sentence(cli: Cli, config: Path, content: bytes) -> None:
    config.write_bytes(content)
    assert cli("import", str(config)).status == 1
    assert cli.err.count("\n") == 1
    assert cli.err.startswith("aitui: ")
    assert "Traceback" not in cli.err


def test_a_missing_file_is_one_sentence(cli: Cli, tmp_path: Path) -> None:
    assert cli("import", str(tmp_path / "none.yaml")).status == 1
    assert "none.yaml" in cli.err


def test_export_prints_yaml_without_escapes(cli: Cli, config: Path) -> None:
    import yaml

    cli("import", str(config))
    assert cli("export").status == 0
    assert all(character.isprintable() or character == "\n" for character in cli.out)
    names = [entry["model_name"] for entry in yaml.safe_load(cli.out)["model_list"]]
    assert names == ["gpt-4.1", "evil\x1b]52;c;eA==\x07"]
    assert cli.json("export")["content"].startswith("model_list:")


def test_export_makes_a_private_file(cli: Cli, config: Path, tmp_path: Path) -> None:
    cli("import", str(config))
    target = tmp_path / "out.yaml"
    assert cli("export", "-o", str(target)).status == 0
    assert cli.out == f"Wrote {target}.\n"
    assert mode(target) == 0o600
    assert target.read_text(encoding="utf-8") == cli("export", "-o", "-").out


def test_export_does_not_replace_a_file_unless_forced(
    cli: Cli, config: Path, tmp_path: Path
) -> None:
    cli("import", str(config))
    target = tmp_path / "out.yaml"
    target.write_text("mine\n", encoding="utf-8")
    target.chmod(0o640)
    assert cli("export", "-o", str(target)).status == 1
    assert "exists" in cli.err
    assert "--force" in cli.err
    assert target.read_text(encoding="utf-8") == "mine\n"
    assert cli("export", "-o", str(target), "--force").status == 0
    assert "gpt-4.1" in target.read_text(encoding="utf-8")
    assert mode(target) == 0o640
    assert [path.name for path in tmp_path.glob(".out*")] == []


def test_export_goes_through_a_link_not_over_it(cli: Cli, config: Path, tmp_path: Path) -> None:
    cli("import", str(config))
    real = tmp_path / "real.yaml"
    real.write_text("mine\n", encoding="utf-8")
    link = tmp_path / "link.yaml"
    link.symlink_to(real)
    assert cli("export", "-o", str(link), "--force").status == 0
    assert link.is_symlink()
    assert "gpt-4.1" in real.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "words"), [("no/such/file.yaml", "no folder"), (".", "not a file")]
)
def test_export_to_nowhere_is_one_sentence(cli: Cli, tmp_path: Path, name: str, words: str) -> None:
    assert cli("export", "-o", str(tmp_path / name)).status == 1
    assert words in cli.err
    assert not (tmp_path / "aitui.db").exists(), "refused before any work"


def test_a_file_made_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "out.yaml"
    target.write_text("theirs", encoding="utf-8")
    with pytest.raises(AituiError, match="exists"):
        write_whole(target, "ours", replace=False)
    assert target.read_text(encoding="utf-8") == "theirs"
    assert os.listdir(tmp_path) == ["out.yaml"]


@pytest.mark.parametrize("text", ["short\n", "long " * 5_000])
def test_a_mounted_file_is_written_in_place_with_a_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    def busy(source: object, target: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr("tui.commands.files.os.replace", busy)
    target = tmp_path / "out.yaml"
    target.write_text("what was there before\n", encoding="utf-8")
    inode = target.stat().st_ino
    note = write_whole(target, text, replace=True)
    assert note is not None
    assert "out.yaml.bak" in note
    assert target.read_text(encoding="utf-8") == text
    assert target.stat().st_ino == inode
    backup = tmp_path / "out.yaml.bak"
    assert backup.read_text(encoding="utf-8") == "what was there before\n"
    assert sorted(os.listdir(tmp_path)) == ["out.yaml", "out.yaml.bak"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    target = tmp_path / "out.yaml"
    target.write_text("before\n", encoding="utf-8")
    monkeypatch.setattr("tui.commands.files.os.fsync", full)
    with pytest.raises(AituiError, match="No space left"):
        write_whole(target, "after\n", replace=True)
    assert target.read_text(encoding="utf-8") == "before\n"
    assert os.listdir(tmp_path) == ["out.yaml"]
