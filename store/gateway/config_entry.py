"""One entry of `model_list`: what the store manages in it, read and written.

Import and export use the same `read_entry`. Export writes a field only where the value read from
the kept entry differs from the store's, so an entry that nobody edited comes back as it was.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from store.checks import (
    ENV_REFERENCE,
    check_env_name,
    check_url,
    per_1k_from_token,
    per_token_from_1k,
)
from store.domain import Model, Provider
from store.errors import InvalidField
from store.gateway.provider_names import infer_provider
from store.gateway.yaml_reader import Path

MAX_TOKENS: Final = 10**12
"""More than any model has; also what an integer column can hold."""

_PARAMS: Final = "litellm_params"
_INFO: Final = "model_info"
_INPUT_PRICE: Final = "input_cost_per_token"
_OUTPUT_PRICE: Final = "output_cost_per_token"

Raw = dict[str, Any]
Note = tuple[Path, str]


@dataclass(slots=True)
class Notes:
    """What reading found: `warnings` are kept as they are, `errors` are against the rules."""

    warnings: list[Note] = field(default_factory=list)
    errors: list[Note] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Entry:
    """What the store manages of one `model_list` entry; the names are the domain's."""

    model_name: str
    litellm_model: str
    litellm_provider: str
    id: str | None
    api_base: str | None
    api_key_env: str | None
    input_cost_per_1k: Decimal | None
    output_cost_per_1k: Decimal | None
    weight: float | None
    timeout_seconds: float | None
    mode: str
    context_window: int | None
    max_tokens: int | None
    supports_vision: bool
    supports_streaming: bool
    supports_function_calling: bool
    description: str | None
    display_name: str


def read_entry(raw: object, notes: Notes) -> Entry | None:
    """The managed values of an entry, or None (with a warning) where it cannot be understood.

    A single field that cannot be understood has its default, and a warning; export leaves it.
    """
    problem = _shape_problem(raw)
    if problem is not None:
        notes.warnings.append(problem)
        return None
    assert isinstance(raw, dict)
    params: Raw = raw[_PARAMS]
    info: Raw = raw.get(_INFO) or {}
    read = _Fields(params, info, notes)
    model_name, litellm_model = raw["model_name"], params["model"]
    custom = params.get("custom_llm_provider")
    return Entry(
        model_name=model_name,
        litellm_model=litellm_model,
        litellm_provider=infer_provider(litellm_model, custom if isinstance(custom, str) else None),
        id=read.id(),
        api_base=read.api_base(),
        api_key_env=read.api_key_env(),
        input_cost_per_1k=read.price(_INPUT_PRICE),
        output_cost_per_1k=read.price(_OUTPUT_PRICE),
        weight=read.number("weight", zero_allowed=True),
        timeout_seconds=read.number("timeout", zero_allowed=False),
        mode=read.text("mode") or "chat",
        context_window=read.tokens("max_input_tokens"),
        max_tokens=read.tokens("max_output_tokens") or read.tokens("max_tokens"),
        supports_vision=read.flag("supports_vision", False),
        supports_streaming=read.flag("supports_native_streaming", True),
        supports_function_calling=read.flag("supports_function_calling", False),
        description=read.text("description"),
        display_name=read.text("display_name") or model_name,
    )


def _shape_problem(raw: object) -> Note | None:
    if not isinstance(raw, dict):
        return (), "is not a mapping"
    name = raw.get("model_name")
    if not isinstance(name, str) or not name.strip():
        return ("model_name",), "is not a name"
    params = raw.get(_PARAMS)
    if not isinstance(params, dict):
        return (_PARAMS,), "is not a mapping"
    model = params.get("model")
    if not isinstance(model, str) or not model.strip():
        return (_PARAMS, "model"), "is not a model's name"
    if not isinstance(raw.get(_INFO), dict | None):
        return (_INFO,), "is not a mapping"
    return None


class _Fields:
    """Single fields of an entry, each with its default where it is absent or null."""

    def __init__(self, params: Raw, info: Raw, notes: Notes) -> None:
        self.params = params
        self.info = info
        self.notes = notes

    def warn(self, path: Path, text: str) -> None:
        self.notes.warnings.append((path, text))

    def id(self) -> str | None:
        value = self.info.get("id")
        if value is None or value == "":
            return None
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            return str(value)
        self.warn((_INFO, "id"), "is not text; this model gets a new id")
        return None

    def api_base(self) -> str | None:
        key = _api_base_key(self.params)
        value = self.params.get(key)
        if value is None or value == "":
            return None
        try:
            if isinstance(value, str):
                return check_url(key, value)
        except InvalidField:
            pass
        self.warn((_PARAMS, key), "is not an http(s) URL or os.environ/NAME")
        return None

    def api_key_env(self) -> str | None:
        value = self.params.get("api_key")
        if not isinstance(value, str) or not value.startswith(ENV_REFERENCE):
            return None  # none, a placeholder, or another mechanism such as a credential's name
        try:
            return check_env_name("api_key", value.removeprefix(ENV_REFERENCE))
        except InvalidField:
            return None  # the search for secrets has said so already

    def price(self, key: str) -> Decimal | None:
        """USD per 1,000 tokens. Numeric text counts, as for LiteLLM: YAML reads 1e-7 as text."""
        section = _PARAMS if self.params.get(key) is not None else _INFO
        per_token = self._float(section, key, "is not a price in USD per token")
        if per_token is None:
            return None
        if not math.isfinite(per_token * 1000) or per_token < 0:
            self.notes.errors.append(
                ((section, key), "must be a price in USD per token, zero or more")
            )
            return None
        return per_1k_from_token(Decimal(repr(per_token)))

    def number(self, key: str, *, zero_allowed: bool) -> float | None:
        value = self._float(_PARAMS, key, "is not a number")
        if value is None:
            return None
        if not math.isfinite(value) or value < 0 or (value == 0 and not zero_allowed):
            least = "zero or more" if zero_allowed else "more than zero"
            self.notes.errors.append(((_PARAMS, key), f"must be a number, {least}"))
            return None
        return value

    def _float(self, section: str, key: str, complaint: str) -> float | None:
        value = (self.params if section == _PARAMS else self.info).get(key)
        if value is None or (isinstance(value, str) and value.startswith(ENV_REFERENCE)):
            return None
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError:
                return math.inf
            except ValueError:
                pass
        self.warn((section, key), complaint)
        return None

    def tokens(self, key: str) -> int | None:
        value = self.info.get(key)
        if value is None:
            return None
        if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
            value = int(value)
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if whole and not isinstance(value, bool) and 0 < value <= MAX_TOKENS:
            return int(value)
        self.warn((_INFO, key), "is not a number of tokens")
        return None

    def flag(self, key: str, default: bool) -> bool:
        value = self.info.get(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.warn((_INFO, key), "is not true or false")
        return default

    def text(self, key: str) -> str | None:
        value = self.info.get(key)
        if value is None or isinstance(value, str):
            return value or None
        self.warn((_INFO, key), "is not text")
        return None


def _api_base_key(params: Mapping[str, Any]) -> str:
    """LiteLLM takes `base_url` for `api_base` where there is no `api_base`."""
    return "api_base" if params.get("api_base") or not params.get("base_url") else "base_url"


def write_entry(kept: Raw | None, model: Model, provider: Provider) -> Raw:
    """The entry that says what the store says, and keeps everything else of the kept entry."""
    entry = copy.deepcopy(kept) if kept else {}
    if _shape_problem(entry) is not None:
        entry = {"model_name": model.model_name, _PARAMS: {"model": model.litellm_model}}
    entry["model_name"] = model.model_name
    entry[_PARAMS]["model"] = model.litellm_model
    now = read_entry(entry, Notes())
    assert now is not None
    _write_provider(entry, now, provider)
    _write_numbers(entry, now, model)
    for key, old, new in (
        ("id", now.id, model.id),
        ("supports_vision", now.supports_vision, model.supports_vision),
        ("supports_native_streaming", now.supports_streaming, model.supports_streaming),
        (
            "supports_function_calling",
            now.supports_function_calling,
            model.supports_function_calling,
        ),
        ("mode", now.mode, model.mode),
        ("max_input_tokens", now.context_window, model.context_window),
        ("description", now.description, model.description or None),
        ("display_name", now.display_name, model.display_name),
    ):
        if old != new:
            _put(entry, _INFO, key, new)
    if now.max_tokens != model.max_tokens:
        _put(entry, _INFO, "max_output_tokens", model.max_tokens)
        if model.max_tokens is None:
            _put(entry, _INFO, "max_tokens", None)
    return entry


def _write_provider(entry: Raw, now: Entry, provider: Provider) -> None:
    params: Raw = entry[_PARAMS]
    if now.api_base != provider.api_base_url:
        key = _api_base_key(params)
        _put(entry, _PARAMS, key, provider.api_base_url)
        if provider.api_base_url is None:
            params.pop("base_url", None)
    if now.api_key_env != provider.api_key_env:
        name = provider.api_key_env
        _put(entry, _PARAMS, "api_key", None if name is None else ENV_REFERENCE + name)
    if params.get("custom_llm_provider") and now.litellm_provider != provider.litellm_provider:
        _put(entry, _PARAMS, "custom_llm_provider", provider.litellm_provider or None)


def _write_numbers(entry: Raw, now: Entry, model: Model) -> None:
    params, info = entry[_PARAMS], entry.get(_INFO) or {}
    for key, old, new in (
        (_INPUT_PRICE, now.input_cost_per_1k, model.input_cost_per_1k),
        (_OUTPUT_PRICE, now.output_cost_per_1k, model.output_cost_per_1k),
    ):
        if _same(old, new):
            continue
        in_info = params.get(key) is None and info.get(key) is not None
        price = None if new is None else float(per_token_from_1k(new))
        if price is None:
            _put(entry, _PARAMS, key, None)
        _put(entry, _INFO if in_info or (price is None and key in info) else _PARAMS, key, price)
    if not _same(now.weight, model.weight):
        _put(entry, _PARAMS, "weight", plain_number(model.weight))
    if not _same(now.timeout_seconds, model.timeout_seconds):
        _put(entry, _PARAMS, "timeout", plain_number(model.timeout_seconds))


def _same(old: float | Decimal | None, new: float | Decimal | None) -> bool:
    """Equal as far as the store's REAL columns can tell."""
    as_float: Callable[[float | Decimal | None], float | None] = lambda number: (  # noqa: E731
        None if number is None else float(number)
    )
    return as_float(old) == as_float(new)


def plain_number(number: float | None) -> float | int | None:
    """5.0 as 5, as people write it."""
    whole = number is not None and float(number).is_integer()
    return int(number) if whole and number is not None else number


def _put(entry: Raw, section: str, key: str, value: object) -> None:
    """Set a field, or take it out where `value` is None."""
    if value is None:
        (entry.get(section) or {}).pop(key, None)
        return
    if not isinstance(entry.get(section), dict):
        entry[section] = {}
    entry[section][key] = value
