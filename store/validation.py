"""The rules that a provider, a model and a route keep: checked by the door, shown by the forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from decimal import Decimal

from store.checks import ENV_REFERENCE, check_env_name, check_url, looks_like_key, redact
from store.domain import STRATEGIES, Model, Provider, Route
from store.errors import InvalidField

MODES = (
    "chat",
    "completion",
    "embedding",
    "image_generation",
    "audio_transcription",
    "audio_speech",
    "moderation",
    "rerank",
    "responses",
    "realtime",
)
"""`model_info.mode` values that LiteLLM's price map uses."""

MAX_NAME = 200
MAX_TEXT = 2_000
MAX_TOKENS = 1_000_000_000
MAX_PRICE = Decimal(1_000_000)
MAX_RETRIES = 100
MAX_TIMEOUT_S = 86_400
MAX_PRIORITY = 1_000_000

_PROVIDER_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_PREFIX = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]*)?")
_BARE_KEY = re.compile(r"(?=.*[0-9])[A-Za-z][A-Za-z0-9]{19,}")
"""A key without a mark of its own (Azure's are 32 hexadecimal digits) would pass for a name."""
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class World:
    """Everything that is in the store at one moment."""

    providers: tuple[Provider, ...] = ()
    models: tuple[Model, ...] = ()
    routes: tuple[Route, ...] = ()


Problems = Iterator[InvalidField]


def problems(thing: Provider | Model | Route, world: World) -> tuple[InvalidField, ...]:
    """Every rule that `thing` breaks, the first field first. `world` may hold its older self."""
    if isinstance(thing, Provider):
        found = _provider(thing)
    elif isinstance(thing, Model):
        found = _model(thing, world)
    else:
        found = _route(thing)
    order = [item.name for item in fields(thing)]
    every = (*found, *conflicts(thing, world))
    return tuple(sorted(every, key=lambda problem: order.index(problem.field_name)))


def conflicts(thing: Provider | Model | Route, world: World) -> Problems:
    """The rules that `thing` breaks together with the rest: names that are taken, ids of nothing.

    The others are of its values alone. An import may bring values that a form would not take.
    """
    if isinstance(thing, Provider):
        if any(other.name == thing.name and other.id != thing.id for other in world.providers):
            yield InvalidField("name", f"there is a provider {thing.name!r} already. Take another.")
    elif isinstance(thing, Model):
        if thing.provider_id not in {provider.id for provider in world.providers}:
            yield InvalidField("provider_id", "choose a provider; add it first if it is not there.")
    else:
        yield from _route_conflicts(thing, world)


def _provider(provider: Provider) -> Problems:
    yield from _text("name", provider.name, MAX_NAME)
    if provider.name and not _PROVIDER_NAME.fullmatch(provider.name):
        yield InvalidField("name", "use small letters, digits, '.', '_' and '-', e.g. openai-eu.")
    yield from _text("display_name", provider.display_name, MAX_NAME)
    yield from _text("litellm_provider", provider.litellm_provider, MAX_NAME, required=False)
    if not _PREFIX.fullmatch(provider.litellm_provider):
        yield InvalidField("litellm_provider", "use LiteLLM's prefix, e.g. openai or vertex_ai.")
    yield from _text("api_base_url", provider.api_base_url or "", MAX_TEXT, required=False)
    yield from _caught(lambda: check_url("api_base_url", provider.api_base_url))
    if provider.api_base_url == ENV_REFERENCE:
        yield InvalidField("api_base_url", "name the variable, e.g. os.environ/OPENAI_API_BASE.")
    yield from _caught(lambda: check_env_name("api_key_env", provider.api_key_env))
    if _BARE_KEY.fullmatch(provider.api_key_env or ""):
        yield InvalidField(
            "api_key_env", "this looks like a key. Give the NAME of the variable that holds it."
        )


def _model(model: Model, world: World) -> Problems:
    yield from _text("model_name", model.model_name, MAX_NAME)
    yield from _text("display_name", model.display_name, MAX_NAME)
    yield from _text("litellm_model", model.litellm_model, MAX_NAME)
    if any(ch.isspace() for ch in model.litellm_model):
        yield InvalidField("litellm_model", "must not hold spaces, e.g. openai/gpt-4o.")
    if model.litellm_model.endswith("/"):
        yield InvalidField("litellm_model", "name the model behind the prefix, e.g. openai/gpt-4o.")
    yield from _text("description", model.description or "", MAX_TEXT, required=False)
    yield from _tokens("context_window", model.context_window)
    yield from _tokens("max_tokens", model.max_tokens)
    yield from _price("input_cost_per_1k", model.input_cost_per_1k)
    yield from _price("output_cost_per_1k", model.output_cost_per_1k)
    # A file may name a mode that came after this list; what was imported stays valid.
    known = {other.mode for other in world.models}
    if model.mode not in MODES and model.mode not in known:
        yield InvalidField("mode", f"must be one of {', '.join(MODES)}.")
    if abs(model.priority) > MAX_PRIORITY:
        yield InvalidField("priority", f"must be between -{MAX_PRIORITY:,} and {MAX_PRIORITY:,}.")
    if model.weight is not None and not 0 <= model.weight <= MAX_PRIORITY:
        yield InvalidField("weight", "must be zero or more, e.g. 9 for nine times as often as 1.")
    yield from _seconds("timeout_seconds", model.timeout_seconds)


def _route(route: Route) -> Problems:
    yield from _text("name", route.name, MAX_NAME)
    yield from _text("description", route.description or "", MAX_TEXT, required=False)
    if route.routing_strategy not in STRATEGIES:
        yield InvalidField("routing_strategy", f"must be one of {', '.join(STRATEGIES)}.")
    if not 0 <= route.num_retries <= MAX_RETRIES:
        yield InvalidField("num_retries", f"must be between 0 and {MAX_RETRIES}.")
    yield from _seconds("timeout_seconds", route.timeout_seconds)


def _route_conflicts(route: Route, world: World) -> Problems:
    models = {model.id for model in world.models}
    if any(other.name == route.name and other.id != route.id for other in world.routes):
        yield InvalidField("name", f"there is a route {route.name!r} already. Take another.")
    if route.primary_model_id is None and not route.is_default:
        yield InvalidField("primary_model_id", "choose the model that serves first.")
    if route.primary_model_id is not None and route.primary_model_id not in models:
        yield InvalidField("primary_model_id", "is not in the store. Choose another.")
    for field_name, chain in (
        ("fallback_model_ids", route.fallback_model_ids),
        ("context_window_fallback_ids", route.context_window_fallback_ids),
    ):
        if missing := [model_id for model_id in chain if model_id not in models]:
            yield InvalidField(
                field_name, redact(f"{', '.join(missing)} is not in the store. Take it out.")
            )
    if route.is_default and not route.is_enabled:
        yield InvalidField("is_enabled", "the default route gives the proxy's strategy: it stays.")


def _text(field_name: str, value: str, most: int, *, required: bool = True) -> Problems:
    if required and not value.strip():
        yield InvalidField(field_name, "must not be empty.")
    elif value != value.strip():
        yield InvalidField(field_name, "must not begin or end with a space.")
    if len(value) > most:
        yield InvalidField(field_name, f"must not be longer than {most:,} characters.")
    if _UNSEEN.search(value):
        yield InvalidField(field_name, "must not hold control characters or line breaks.")
    if looks_like_key(value):
        yield InvalidField(
            field_name, "this looks like a key. Keys stay in the environment; name its variable."
        )


def _tokens(field_name: str, value: int | None) -> Problems:
    if value is not None and not 1 <= value <= MAX_TOKENS:
        yield InvalidField(field_name, f"must be between 1 and {MAX_TOKENS:,} tokens, e.g. 128k.")


def _price(field_name: str, value: Decimal | None) -> Problems:
    if value is not None and not (value.is_finite() and 0 <= value <= MAX_PRICE):
        yield InvalidField(field_name, "must be zero or more, in USD per 1K tokens, e.g. 0.0025.")


def _seconds(field_name: str, value: float | None) -> Problems:
    if value is not None and not 0 < value <= MAX_TIMEOUT_S:
        yield InvalidField(field_name, f"must be more than 0 and at most {MAX_TIMEOUT_S:,} s.")


def _caught(check: Callable[[], object]) -> Problems:
    try:
        check()
    except InvalidField as error:
        yield error


def changes_host(before: Provider, after: Provider) -> tuple[str, str] | None:
    """Both hosts, if a provider with a key would send it to another one than before.

    None while the new URL is not one; `problems` tells that.
    """
    from urllib.parse import urlsplit

    if after.api_key_env is None or before.api_base_url == after.api_base_url:
        return None
    own = f"{after.litellm_provider or 'the provider'}'s own"

    def host(url: str | None) -> str:
        if url is None:
            return own
        return urlsplit(url).netloc.lower() or url

    try:
        hosts = host(before.api_base_url), host(after.api_base_url)
    except ValueError:
        return None
    return hosts if hosts[0] != hosts[1] else None
