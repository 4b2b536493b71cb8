"""Rules of single values: names of variables, URLs, prices, and what looks like a key."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from urllib.parse import urlsplit

from store.errors import InvalidField

ENV_REFERENCE = "os.environ/"
"""How LiteLLM's file names an environment variable. It expands only as the whole value."""

_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEY_SHAPES = re.compile(
    r"(?:^|[^A-Za-z0-9])"
    r"(sk-[A-Za-z0-9_\-]{3,}|(?:AKIA|ASIA)[A-Z0-9]{8,}|AIza[A-Za-z0-9_\-]{8,}|gh[pousr]_[A-Za-z0-9]{8,}"
    r"|github_pat_[A-Za-z0-9_]{8,}|glpat-[A-Za-z0-9_\-]{8,}|xox[abprs]-[A-Za-z0-9\-]{8,}|hf_[A-Za-z0-9]{16,}"
    r"|ya29\.[A-Za-z0-9_\-]{16,}|SG\.[A-Za-z0-9_\-]{16,}|lsv2_[a-z]{2}_[A-Za-z0-9_]{16,}"
    r"|[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"
    r"|gsk_[A-Za-z0-9]{16,}|xai-[A-Za-z0-9]{16,}|pplx-[A-Za-z0-9]{16,}|r8_[A-Za-z0-9]{16,}"
    r"|eyJ[A-Za-z0-9_\-]{10,300}\.[A-Za-z0-9_\-]{10,}|-----BEGIN [A-Z ]*PRIVATE KEY)"
)


def looks_like_key(text: str) -> bool:
    """Whether `text` holds what reads as an API key (`sk-…`, `AKIA…`, `AIza…`, a token, a PEM)."""
    return _KEY_SHAPES.search(text) is not None


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` with every known secret, and whatever looks like a key, replaced by `[redacted]`."""
    for secret in secrets:
        if len(secret) >= 4:
            text = text.replace(secret, "[redacted]")
    return _KEY_SHAPES.sub(lambda m: m.group(0).replace(m.group(1), "[redacted]"), text)


def printable(text: str) -> str:
    """`text` as UTF-8 can hold it: a file's or user's name may have bytes that are no text."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def check_env_name(field_name: str, value: str | None) -> str | None:
    """The variable's name, or None for none. Raises InvalidField for a pasted key or a bad name."""
    if value is None or value == "":
        return None
    if looks_like_key(value) or value.startswith(("sk-", "AKIA", "AIza")):
        raise InvalidField(
            field_name,
            "this looks like a key. Give the NAME of the environment variable that holds it, "
            "e.g. OPENAI_API_KEY.",
        )
    if not _ENV_NAME.fullmatch(value):
        raise InvalidField(
            field_name,
            "an environment variable's name has letters, digits and _ only, "
            "and does not begin with a digit.",
        )
    return value


def check_url(field_name: str, value: str | None) -> str | None:
    """The URL as given, or None for none; `os.environ/NAME` is let through.

    Raises InvalidField unless it is http or https, with a host and without user or password.
    """
    if value is None or value == "":
        return None
    if value.startswith(ENV_REFERENCE):
        check_env_name(field_name, value.removeprefix(ENV_REFERENCE))
        return value
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise InvalidField(field_name, "not a URL. Give one such as https://host/v1.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise InvalidField(field_name, "must be an http:// or https:// URL with a host.")
    if parts.username is not None or parts.password is not None:
        raise InvalidField(
            field_name, "must not hold a user or password; name the key's variable instead."
        )
    if any(ch.isspace() or ord(ch) < 32 for ch in value):
        raise InvalidField(field_name, "must not hold spaces or control characters.")
    return value


def per_1k_from_token(per_token: Decimal) -> Decimal:
    """USD per token (LiteLLM's unit) as USD per 1,000 tokens (the store's)."""
    return (per_token * 1000).normalize()


def per_token_from_1k(per_1k: Decimal) -> Decimal:
    """USD per 1,000 tokens as USD per token. Exact: Decimal on both sides."""
    return (per_1k / 1000).normalize()
