"""What the proxy answers: raw bytes into values, and LiteLLM's error texts into one sentence.

Knows no HTTP library, so that it loads at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from store.checks import redact

MAX_SENTENCE = 300
"""Characters of a foreign error text that reach the operator."""
MAX_VALUES = 200_000
"""Values of one JSON body, roughly. A large embedding has some thousands."""
_MAX_SCAN = 8_000
"""Characters of a foreign error text that are looked at: a proxy may send megabytes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One complete answer. Header names are lower case; `elapsed_ms` is until the last byte."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed_ms: int = 0

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class ErrorText:
    """LiteLLM's error object. `raw` is its message as it came (cut), `text` the useful sentence."""

    raw: str
    text: str
    type: str = ""
    code: str = ""


class NotJson(ValueError):
    """A body that is not the JSON it should be. str() says what it is instead."""


def decode(body: bytes) -> object:
    """The body's JSON value. Raises NotJson, also for nesting and numbers that no proxy sends."""
    # Millions of empty objects fit into what is read, and take twenty times its memory.
    if sum(body.count(mark) for mark in (b",", b"[", b"{")) > MAX_VALUES:
        raise NotJson("JSON of more values than LiteLLM sends")
    try:
        return json.loads(body)
    except RecursionError:
        raise NotJson("JSON nested too deeply to read") from None
    except ValueError:
        pass
    start = body[:200].lstrip().lower()
    if not start:
        raise NotJson("an empty body")
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<?xml", b"<body")):
        raise NotJson("an HTML page")
    raise NotJson("something that is not JSON")


def error_of(body: bytes, secrets: Iterable[str] = ()) -> ErrorText | None:
    """The error that a body tells, or None when it holds none in a shape that LiteLLM uses."""
    try:
        return error_in(decode(body), secrets)
    except NotJson:
        return None


def error_in(value: object, secrets: Iterable[str] = ()) -> ErrorText | None:
    """As `error_of`: `error` or `detail`, a text or an object with `message` or `error` in it."""
    if not isinstance(value, dict):
        return None
    found = value.get("error", value.get("detail"))
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        found = found["error"]
    if isinstance(found, str):
        return _error_text(found, "", "", secrets)
    if isinstance(found, dict):
        message = found.get("message")
        kind, code = found.get("type"), found.get("code")
        return _error_text(
            message if isinstance(message, str) else "",
            kind if isinstance(kind, str) else "",
            str(code)[:100] if isinstance(code, str | int) else "",
            secrets,
        )
    return None


def _error_text(message: str, kind: str, code: str, secrets: Iterable[str]) -> ErrorText:
    raw = message[:_MAX_SCAN]
    return ErrorText(raw, clean(raw, secrets), kind[:100], code)


# LiteLLM appends its own story to the provider's words: the trace, the router's state, a lecture
# on fallbacks.
_TAILS = re.compile(
    r"\s*(?:stack trace:|Traceback \(most recent call last\)|Received Model Group=|"
    r"Available Model Group Fallbacks=|LiteLLM Retried:|LiteLLM: model group|Deployment Info:|"
    r"No fallback model group found|Error doing the fallback|pre-call-checks=|"
    r"Passed model=|For more information, see|See https?://docs\.litellm\.ai)"
)
_PREFIX = re.compile(r"\s*(?:litellm\.)?[A-Z][A-Za-z0-9_]*(?:Error|Exception|Timeout)\s*(?::|-)\s+")
_SSL = re.compile(r"\s*ssl:(?:<[^>]*>|default|None)")
_ERROR_STR = re.compile(r"(?P<said>[^.]{3,200}\.)\s*Error_str: (?P=said)")


def clean(text: str, secrets: Iterable[str] = ()) -> str:
    """One line of at most 300 characters: the provider's own sentence, without any key."""
    # Long runs of spaces would cost the patterns the square of their length.
    text = _TAILS.split(" ".join(text[:_MAX_SCAN].split()), maxsplit=1)[0]
    text = text.removeprefix("litellm.Timeout: ")
    for _ in range(6):
        shorter = _PREFIX.sub("", text, count=1) if _PREFIX.match(text) else text
        if shorter == text or not shorter.strip():
            break
        text = shorter
    text = _ERROR_STR.sub(lambda m: m.group("said"), _SSL.sub("", _inner_message(text)))
    return one_line(redact(text, secrets))


def one_line(text: str, limit: int = MAX_SENTENCE) -> str:
    """Without line breaks and control characters, cut to `limit` characters."""
    shown = "".join(ch if ch.isprintable() else " " for ch in text[: limit * 8])
    shown = " ".join(shown.split()).rstrip(" -:")
    return shown if len(shown) <= limit else shown[: limit - 1].rstrip() + "…"


def _inner_message(text: str) -> str:
    """The `message` of a JSON object inside the text: some providers' errors come wrapped so."""
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return text
    try:
        value = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return text
    inner = error_in(value) if isinstance(value, dict) else None
    if inner is not None and inner.raw:
        return inner.raw
    message = value.get("message") if isinstance(value, dict) else None
    return message if isinstance(message, str) and message else text
