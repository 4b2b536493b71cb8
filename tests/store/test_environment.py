"""Variables of the process and of a `.env` file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from store.environment import Environment
from store.errors import AituiError

SECRET = "sk-THISISAKEY1234567890"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / ".env"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_process_wins_over_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "A=file\nB=file\n")
    environment = Environment({"A": "process"}, file)
    assert environment.get("A") == "process"
    assert environment.get("B") == "file"
    assert environment.get("C") is None
    assert environment.source("A") == "environment"
    assert environment.source("B") == f"file {file}"
    assert environment.source("C") is None


def test_empty_counts_as_not_set_and_leaves_it_to_the_file(tmp_path: Path) -> None:
    environment = Environment({"A": "", "B": ""}, write(tmp_path, "A=file\nC=\nD\n"))
    assert environment.get("A") == "file"
    assert [environment.has(name) for name in "ABCD"] == [True, False, False, False]
    assert environment.get("C") is None


def test_the_file_is_read_as_others_read_it_but_nothing_is_filled_in(tmp_path: Path) -> None:
    environment = Environment(
        {"HOME": "/root"},
        write(
            tmp_path,
            "\ufeff# a comment\nexport A='it is # not a comment'\nB=plain # a comment\n"
            'C="two\\nlines"\nD=${HOME}/$A\nE=한글\n',
        ),
    )
    assert environment.get("A") == "it is # not a comment"
    assert environment.get("B") == "plain"
    assert environment.get("C") == "two\nlines"
    assert environment.get("D") == "${HOME}/$A"
    assert environment.get("E") == "한글"


def test_nothing_of_the_file_reaches_the_process(tmp_path: Path) -> None:
    Environment({}, write(tmp_path, f"AITUI_TEST_ONLY_HERE={SECRET}\n"))
    assert "AITUI_TEST_ONLY_HERE" not in os.environ


def test_secrets_are_the_values_that_are_set(tmp_path: Path) -> None:
    environment = Environment({"A": "one", "B": ""}, write(tmp_path, "C=three\n"))
    assert environment.secrets(["A", "B", "C", "D"]) == ("one", "three")


def test_no_value_is_shown(tmp_path: Path) -> None:
    environment = Environment({"A": SECRET}, write(tmp_path, f"B={SECRET}\n"))
    for text in (repr(environment), str(environment), f"{environment}"):
        assert "THISISAKEY" not in text
    assert not hasattr(environment, "__dict__")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f"A=1\nB='{SECRET}\n".encode(), "line 2"),
        (f"A=1\n{SECRET} and words = x\n".encode(), "line 2"),
        (b"A=\xff\n", "not UTF-8"),
        (b"#" * (1024 * 1024 + 1), "over 1 MiB"),
    ],
    ids=["quote", "words", "encoding", "large"],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / ".env"
    path.write_bytes(content)
    with pytest.raises(AituiError) as caught:
        Environment({}, path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert "THISISAKEY" not in str(caught.value)


def test_a_missing_file_and_a_folder_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(AituiError, match=r"there is no file .*leave the setting out"):
        Environment({}, tmp_path / "missing.env")
    with pytest.raises(AituiError, match="is a folder"):
        Environment({}, tmp_path)
