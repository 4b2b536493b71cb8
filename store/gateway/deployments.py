"""What the running proxy serves: LiteLLM's `/model/info` as values."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from store.gateway.answers import NotJson, decode


@dataclass(frozen=True, slots=True)
class LiveDeployment:
    """A deployment as the running proxy has it. `api_base` holds no user or password."""

    id: str
    model_name: str
    litellm_model: str
    api_base: str | None
    mode: str | None


MAX_ENTRY = 128 << 10
"""Bytes of one deployment. LiteLLM 1.106.2 writes 7,700; a longer one ends the reading."""
USUAL_ENTRY = 16 << 10
"""Bytes that are looked at first."""
MAX_ENTRIES = 20_000

_HEAD = re.compile(rb'\s*\{\s*"data"\s*:\s*\[\s*')
_BETWEEN = re.compile(rb"\s*(,|\])\s*")


def deployments_in(body: bytes) -> tuple[LiveDeployment, ...] | str:
    """The deployments of a `/model/info` answer, or what the body is instead.

    Entries that are no deployment are left out. Runs in a thread.
    """
    try:
        found = [_deployment(entry) for entry in entries_in(body)]
    except NotJson as problem:
        return str(problem)
    return tuple(entry for entry in found if entry is not None)


def entries_in(body: bytes) -> Iterator[object]:
    """The entries of `data` in a `/model/info` answer, one by one. Raises NotJson.

    Reading megabytes in one piece would hold the interpreter, and with it the screen, for as long.
    """
    head = _HEAD.match(body)
    if head is None or body.startswith(b"]", head.end()):
        yield from _entries_at_once(body)
        return
    decoder = json.JSONDecoder()
    position, count = head.end(), 0
    while True:
        entry, size = _entry_at(body, position, decoder)
        count += 1
        if count > MAX_ENTRIES:
            raise NotJson(f"JSON of more than {MAX_ENTRIES} deployments")
        yield entry
        position += size
        between = _BETWEEN.match(body, position)
        if between is None:
            raise NotJson("JSON that breaks off or is damaged")
        if between.group(1) == b"]":
            return
        position = between.end()


def _entry_at(body: bytes, position: int, decoder: json.JSONDecoder) -> tuple[object, int]:
    """The entry that begins there, and its length in bytes. Raises NotJson.

    Only a piece is made a text: the whole would be there a second time.
    """
    for most in (USUAL_ENTRY, MAX_ENTRY):
        try:
            text, _ = codecs.utf_8_decode(body[position : position + most], "strict", False)
            entry, size = decoder.raw_decode(text)
        except UnicodeDecodeError:
            raise NotJson("something that is not JSON") from None
        except RecursionError:
            raise NotJson("JSON nested too deeply to read") from None
        except ValueError:
            continue
        return entry, size if text.isascii() else len(text[:size].encode())
    raise NotJson("JSON that breaks off or is damaged")


def _entries_at_once(body: bytes) -> list[object]:
    value = decode(body)
    entries = value.get("data") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise NotJson("JSON of another shape")
    return entries


def _deployment(entry: object) -> LiveDeployment | None:
    if not isinstance(entry, dict):
        return None
    name, params, info = (entry.get(k) for k in ("model_name", "litellm_params", "model_info"))
    if not (isinstance(name, str) and isinstance(params, dict) and isinstance(info, dict)):
        return None
    model, base, mode = params.get("model"), params.get("api_base"), info.get("mode")
    if not isinstance(info.get("id"), str) or not isinstance(model, str):
        return None
    return LiveDeployment(
        id=info["id"],
        model_name=name,
        litellm_model=model,
        api_base=_without_userinfo(base) if isinstance(base, str) and base else None,
        mode=mode if isinstance(mode, str) else None,
    )


def _without_userinfo(url: str) -> str:
    """LiteLLM shows the user and password of an `api_base`; they must not travel on."""
    if "@" not in url:
        return url
    try:
        parts = urlsplit(url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    except ValueError:
        return url.rpartition("@")[2]
