"""LiteLLM's price map (`/public/litellm_model_cost_map`) as values, taken over with care.

The map is edited by hand and a proxy adds to it, so any entry and any field of one may be odd:
what cannot be read is left out, and never guessed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from store.checks import per_1k_from_token
from store.domain import CatalogEntry, PriceMap
from store.gateway.answers import NotJson

if TYPE_CHECKING:
    from store.gateway.client import Gateway

PATH: Final = "/public/litellm_model_cost_map?catalog_only=true"
"""With `catalog_only` LiteLLM leaves out what its own deployments added: their ids, and their
prices under other models' names. Versions that do not know it ignore it."""

MAP_CAP: Final = 32 << 20
"""Bytes. LiteLLM 1.106.2 sends 3 MB for 4,200 models."""
MAX_ENTRIES: Final = 50_000
MAX_NAME: Final = 200
"""Characters of a model string; the longest known has 76."""
MAX_TOKENS: Final = 10**12
MAX_PER_TOKEN: Final = 1_000
"""USD. What costs more is no price but damage."""


async def fetch_price_map(gateway: Gateway) -> PriceMap:
    """What the gateway's proxy knows of models and prices.

    Raises:
        GatewayError: no answer, none in time, or one that is no price map.
    """
    entries = await gateway.read(PATH, entries_in, cap=MAP_CAP)
    return PriceMap(gateway.url, entries)


def entries_in(body: bytes) -> tuple[CatalogEntry, ...] | str:
    """The map's usable entries, or what the body is instead. Runs in a thread."""
    found: dict[str, CatalogEntry] = {}
    try:
        for name, value in _pairs(body):
            entry = _entry(name, value)
            if entry is not None:
                found[name] = entry
                if len(found) > MAX_ENTRIES:
                    return f"a price map of more than {MAX_ENTRIES:,} models"
    except NotJson as problem:
        return str(problem)
    return tuple(found.values()) or "a price map without any model"


def _int(text: str) -> int | float:
    # Python refuses to read thousands of digits, and would refuse the whole map with them.
    return int(text) if len(text) <= 18 else float(text)


_DECODER: Final = json.JSONDecoder(parse_int=_int)
_OPEN: Final = re.compile(r"\s*\{\s*")
_COLON: Final = re.compile(r"\s*:\s*")
_BETWEEN: Final = re.compile(r"\s*(,|\})\s*")


def _pairs(body: bytes) -> Iterator[tuple[str, object]]:
    """The map's names and values one by one. Raises NotJson.

    Reading megabytes in one piece would hold the interpreter, and with it the screen, for as long.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NotJson("something that is not JSON") from None
    head = _OPEN.match(text)
    if head is None:
        shown = text[:200].lstrip().lower()
        html = shown.startswith(("<!doctype", "<html", "<head", "<?xml", "<body"))
        raise NotJson("an HTML page" if html else "something that is not a price map")
    position = head.end()
    if text.startswith("}", position):
        return
    while True:
        name, position = _value(text, position)
        colon = _COLON.match(text, position)
        if colon is None or not isinstance(name, str):
            raise NotJson("JSON that breaks off or is damaged")
        value, position = _value(text, colon.end())
        yield name, value
        between = _BETWEEN.match(text, position)
        if between is None:
            raise NotJson("JSON that breaks off or is damaged")
        if between.group(1) == "}":
            return
        position = between.end()


def _value(text: str, position: int) -> tuple[object, int]:
    try:
        return _DECODER.raw_decode(text, position)
    except RecursionError:
        raise NotJson("JSON nested too deeply to read") from None
    except ValueError:
        raise NotJson("JSON that breaks off or is damaged") from None


_WORD: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")


def _entry(name: str, value: object) -> CatalogEntry | None:
    """One model, or None for what is none: the map's own sample and rules name no provider."""
    if not isinstance(value, dict) or not 0 < len(name) <= MAX_NAME:
        return None
    provider, mode = value.get("litellm_provider"), value.get("mode")
    if not isinstance(provider, str) or not _WORD.fullmatch(provider):
        return None
    if not name.isprintable() or name != name.strip():
        return None
    window, answer = _limits(value)
    streaming = value.get("supports_native_streaming")
    return CatalogEntry(
        litellm_model=name,
        provider=provider,
        mode=mode if isinstance(mode, str) and _WORD.fullmatch(mode) else "",
        context_window=window,
        max_tokens=answer,
        input_cost_per_1k=_price(value.get("input_cost_per_token")),
        output_cost_per_1k=_price(value.get("output_cost_per_token")),
        supports_vision=value.get("supports_vision") is True,
        supports_function_calling=value.get("supports_function_calling") is True,
        supports_streaming=streaming if isinstance(streaming, bool) else None,
    )


def _limits(value: dict[object, object]) -> tuple[int | None, int | None]:
    """Tokens of the context window and of one answer.

    `max_tokens` is the legacy field: "set to max_output_tokens if provider specifies it. IF not
    set to max_input_tokens" (the map's own `sample_spec`).
    """
    window = _tokens(value.get("max_input_tokens"))
    answer = _tokens(value.get("max_output_tokens"))
    legacy = _tokens(value.get("max_tokens"))
    if legacy is not None and answer is None:
        if window is None:
            window = legacy
        elif legacy < window:
            answer = legacy
    return window, answer


def _tokens(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 1 <= value <= MAX_TOKENS or value != int(value):  # also false for NaN
        return None
    return int(value)


def _price(value: object) -> Decimal | None:
    """USD per 1,000 tokens from the map's USD per token, digit for digit."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not math.isfinite(value) or not 0 <= value <= MAX_PER_TOKEN:
        return None
    # repr() of a float is its shortest decimal: what the map's author wrote. abs() is for -0.0.
    return per_1k_from_token(Decimal(repr(abs(value))))
