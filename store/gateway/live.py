"""What the running proxy serves, read from its own endpoints.

Measured on LiteLLM 1.106.2: `/model/info` and the `router_settings` of `/get/config/callbacks` are
what the answering worker has in memory, whatever its file says by now. `/router/settings` reads
the file again, and so proves nothing. Neither shows a key; references come resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from store.checks import printable
from store.checks import redact as redact_keys
from store.errors import GatewayError
from store.gateway.answers import NotJson, decode
from store.gateway.deployments import entries_in
from store.gateway.served import (
    GROUP,
    INFO,
    MODEL,
    PRICES,
    Fields,
    Routing,
    aliases_in,
    chains_in,
    plan_value,
    routing,
)
from store.plans import PlanValue

if TYPE_CHECKING:
    from store.gateway.client import Gateway

CAP: Final = 16 << 20
"""Bytes. LiteLLM 1.106.2 writes 7.7 kB a deployment: this is room for 2,000."""
SETTINGS_CAP: Final = 4 << 20
MODELS_PATH: Final = "/model/info"
SETTINGS_PATH: Final = "/get/config/callbacks"
DETAILS_PATH: Final = "/health/readiness/details"
MAX_NAME: Final = 200
"""Characters of a field's name; a longer one is none of LiteLLM's and is left out."""
DB_MODE_PATH: Final = "/config/field/info?field_name=store_model_in_db"
_NO_MODELS: Final = "not loaded in"
"""LiteLLM answers 500 with this when its file has no model at all."""

Redact = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of `/model/info`. Its `fields` are named as those of a `served.Deployment`.

    A wildcard is as many rows as LiteLLM knows models for it, all with its id; an alias is one more
    row for each deployment of its group.
    """

    id: str
    fields: Fields
    """The parameters as they are in force, and `model_info` with what LiteLLM's price map adds."""
    overrides: frozenset[str]
    """Names in `model_info` that LiteLLM says were set, not added."""
    in_database: bool

    @property
    def group(self) -> str:
        return str(self.fields[GROUP])

    @property
    def model(self) -> str:
        return str(self.fields[MODEL])

    @property
    def api_base(self) -> str:
        return str(self.fields.get("api_base") or self.fields.get("base_url") or "").rstrip("/")


@dataclass(frozen=True, slots=True)
class Live:
    """What one worker of the proxy serves."""

    rows: tuple[Row, ...]
    routing: Routing | None
    """None where it could not be read."""
    db_mode: bool = False
    """Whether the proxy keeps models in its database (`store_model_in_db`)."""
    has_database: bool = False
    problems: tuple[str, ...] = ()
    """What could not be read, and why: a sentence each."""


async def read_live(
    gateway: Gateway, *, new_connection: bool = False, ask_mode: bool = True
) -> Live:
    """What the proxy serves now.

    Args:
        new_connection: read over connections of its own, so that any worker may answer.
        ask_mode: find out whether there is a database, too. Without it only deployments that come
            from one tell of `db_mode`.

    Raises:
        GatewayError: its models cannot be read.
    """

    def shown(text: str) -> str:
        # Our own key in it, and half a character, which no database takes.
        return printable(gateway.redact(text))

    rows = await _rows(gateway, new_connection, shown)
    problems: list[str] = []
    found: Routing | None = None
    try:
        found = await gateway.read(
            SETTINGS_PATH,
            lambda body: routing_in(body, shown),
            cap=SETTINGS_CAP,
            new_connection=new_connection,
        )
    except GatewayError as error:
        problems.append(
            "The proxy's strategy, retries, timeout, fallbacks and aliases could not be read "
            f"and are compared with the file alone. {error}"
        )
    has_database, db_mode = await _mode(gateway) if ask_mode else (False, False)
    db_mode = db_mode or any(row.in_database for row in rows)
    return Live(rows, found, db_mode, has_database or db_mode, tuple(problems))


async def _rows(gateway: Gateway, new_connection: bool, redact: Redact) -> tuple[Row, ...]:
    def parse(body: bytes) -> tuple[Row, ...] | str:
        return rows_in(body, redact)

    try:
        return await gateway.read(MODELS_PATH, parse, cap=CAP, new_connection=new_connection)
    except GatewayError as error:
        if error.status == 500 and _NO_MODELS in str(error):
            return ()
        raise


async def _mode(gateway: Gateway) -> tuple[bool, bool]:
    """Whether the proxy has a database, and whether it keeps models there as far as it tells.

    It tells what its file or its database says; STORE_MODEL_IN_DB in its environment stays unseen.
    """
    try:
        details = await gateway.read(DETAILS_PATH, _object, cap=SETTINGS_CAP)
    except GatewayError:
        return False, False
    if details.get("db") != "connected":
        return False, False
    try:
        answer = await gateway.read(DB_MODE_PATH, _object, cap=SETTINGS_CAP)
    except GatewayError:
        return True, False
    return True, str(answer.get("field_value")).lower() == "true"


def _object(body: bytes) -> dict[Any, Any] | str:
    try:
        value = decode(body)
    except NotJson as problem:
        return str(problem)
    return value if isinstance(value, dict) else "JSON of another shape"


def routing_in(body: bytes, redact: Redact = redact_keys) -> Routing | str:
    """The router's settings in an answer of `/get/config/callbacks`, or what the body is instead.

    Runs in a thread.
    """
    value = _object(body)
    settings = value if isinstance(value, str) else value.get("router_settings")
    if isinstance(settings, str):
        return settings
    if not isinstance(settings, dict):
        return "JSON of another shape"
    return routing(
        {
            name: _told(plan_value(name, settings.get(name)), redact)
            for name in ("routing_strategy", "num_retries", "timeout")
        },
        _chains(settings.get("fallbacks"), redact),
        _chains(settings.get("context_window_fallbacks"), redact),
        {
            redact(name): replace(alias, target=_told(alias.target, redact))
            for name, alias in aliases_in(settings.get("model_group_alias")).items()
        },
    )


def _chains(value: object, redact: Redact) -> dict[str, tuple[str, ...]]:
    found = chains_in(value)
    return {redact(name): tuple(map(redact, targets)) for name, targets in found.items()}


def _told(value: PlanValue, redact: Redact) -> PlanValue:
    if isinstance(value, tuple):
        return tuple(map(redact, value))
    return redact(value) if isinstance(value, str) else value


def rows_in(body: bytes, redact: Redact) -> tuple[Row, ...] | str:
    """The rows of a `/model/info` answer, or what the body is instead. Runs in a thread."""
    try:
        found = [_row(entry, redact) for entry in entries_in(body)]
    except NotJson as problem:
        return str(problem)
    return tuple(row for row in found if row is not None)


def _row(entry: object, redact: Redact) -> Row | None:
    if not isinstance(entry, dict):
        return None
    name, params, info = (entry.get(k) for k in ("model_name", "litellm_params", "model_info"))
    if not (isinstance(name, str) and isinstance(params, dict) and isinstance(info, dict)):
        return None
    if not isinstance(info.get("id"), str) or not isinstance(params.get("model"), str):
        return None
    fields: dict[str, PlanValue] = {GROUP: redact(name)}
    _add_all(fields, "", params, redact)
    _add_all(fields, INFO, info, redact)
    told = info.get("pricing_overrides")
    overrides = frozenset(map(str, told if isinstance(told, list) else ()))
    for price in overrides.intersection(PRICES):  # wherever the file has them, LiteLLM shows both
        found = fields.pop(INFO + price, None)
        if found is not None:
            fields.setdefault(price, found)
    return Row(
        id=redact(info["id"]),
        fields=fields,
        overrides=overrides,
        in_database=info.get("db_model") is True,
    )


_NOISE: Final = frozenset(
    ("supported_openai_params", "pricing_overrides", "db_model", "key", "litellm_provider")
)
"""What LiteLLM says of every model by itself."""


def _add_all(
    fields: dict[str, PlanValue], prefix: str, values: Mapping[Any, Any], redact: Redact
) -> None:
    for key, value in values.items():
        if value is None or (prefix and key in _NOISE) or len(str(key)) > MAX_NAME:
            continue
        found = _told(plan_value(str(key), value), redact)
        if found is not None:
            fields[prefix + redact(str(key))] = found
