"""How each setting's text becomes its value: (where it was said, the text) -> the value.

All raise InvalidField, with a sentence that says where the value stood and how to mend it.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from store.checks import ENV_REFERENCE, check_env_name, check_url, looks_like_key, redact
from store.errors import InvalidField
from store.quantities import parse_seconds
from store.zones import find_zone

MAX_WAIT_S = 3600.0
"""Whoever waits longer for a proxy has another problem."""


def read_path(where: str, text: str) -> Path:
    if looks_like_key(text):
        raise InvalidField(where, "this looks like a key. Give the path of a file.")
    if not text.isprintable():
        raise InvalidField(where, "must not hold control characters.")
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise InvalidField(where, "there is no such home folder; write the path out.") from None


def read_url(where: str, text: str) -> str:
    if text.startswith(ENV_REFERENCE):
        raise InvalidField(where, "give the URL itself, e.g. http://127.0.0.1:4000.")
    url = check_url(where, text)
    assert url is not None
    if "?" in url or "#" in url:
        raise InvalidField(where, "must not hold a query or a fragment (? or #).")
    return url.rstrip("/")


def read_env_name(where: str, text: str) -> str:
    name = check_env_name(where, text)
    assert name is not None
    return name


def read_theme(where: str, text: str) -> str:
    # The themes themselves are the terminal's: it falls back where it does not know one.
    if looks_like_key(text) or not all(ch.isalnum() or ch in "-_" for ch in text):
        raise InvalidField(where, "must be a theme's name, e.g. textual-dark or textual-light.")
    return text


def read_glyphs(where: str, text: str) -> str:
    if text not in ("shapes", "emoji"):
        raise InvalidField(where, "must be `shapes` or `emoji`.")
    return text


def read_time_zone(where: str, text: str) -> str:
    try:
        find_zone(text)
    except ValueError:
        raise InvalidField(
            where, "is no time zone that this machine knows. Give one such as Europe/Berlin."
        ) from None
    return text


def read_reload(where: str, text: str) -> str:
    if text not in ("none", "hup", "command"):
        raise InvalidField(where, "must be `none`, `hup` or `command`.")
    return text


def read_pid(where: str, text: str) -> str:
    if text.isascii() and text.isdigit():
        if not 1 < int(text) < 2**31:
            raise InvalidField(where, "is not the id of a process that could be a proxy.")
        return str(int(text))
    return str(read_path(where, text))


def read_command(where: str, text: str) -> str:
    if looks_like_key(text) or redact(text) != text:
        raise InvalidField(where, "holds what looks like a key. Let the command read it itself.")
    if not text.isprintable():
        raise InvalidField(where, "must be one line.")
    try:
        shlex.split(text)
    except ValueError:
        raise InvalidField(where, "has a quote that is not closed.") from None
    return text


def read_seconds(where: str, text: str) -> float:
    seconds = parse_seconds(where, text)
    if seconds is None or not 1 <= seconds <= MAX_WAIT_S:
        raise InvalidField(where, "must be from 1s to 1h, e.g. 90s or 2m.")
    return seconds
