"""Whether two values are the same, and whether a field can be compared with the proxy at all.

What LiteLLM 1.106.2 does to a file's values before `/model/info` shows them: pydantic turns some
texts into numbers and 5 into 5.0; flags that are not set are false; secrets are left out or
masked (`litellm_core_utils/sensitive_data_masker.py`); a null inside a list becomes "None";
references are resolved; and its price map fills what `model_info` does not say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from decimal import Decimal, InvalidOperation
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final

from store.gateway.live import Row
from store.gateway.served import (
    GROUP,
    HIDDEN,
    ID,
    INFO,
    MODEL,
    Deployment,
    is_reference,
)
from store.plans import PlanValue

FLAGS: Final = frozenset(
    (
        "allow_client_keepalive_override",
        "use_in_pass_through",
        "use_litellm_proxy",
        "use_xai_oauth",
        "merge_reasoning_content_in_choices",
    )
)
"""Parameters that LiteLLM 1.106.2 shows as false for every deployment that does not set them."""

_SECRET_WORDS: Final = frozenset(
    {"password", "secret", "key", "token", "auth", "authorization", "cookie", "credential"}
    | {"credentials", "access", "private", "certificate", "fingerprint", "tenancy"}
)
"""LiteLLM masks what stands under a name with one of these words, unless `cost` is one, too."""
_SHOWN: Final = frozenset(
    ("litellm_credential_name", "default_api_key_tpm_limit", "default_api_key_rpm_limit")
)
_MASKED: Final = "***"
_GENERATED_ID: Final = re.compile(r"[0-9a-f]{64}")
"""`Router.generate_model_id`: a SHA-256 of the group and the parameters."""
_FILLED: Final = re.compile(
    r"model_info\.(?:.*(?:cost|_per_|pricing|uplift|_requests).*|(?:supports|supported|max|search"
    r"|cache|token_count|reasoning|default_reasoning|prompt_cache|provider_specific|bedrock"
    r"|vertex_ai|web_search|regional|uses|thinking)_.*|mode|rpm|tpm|output_vector_size|updated_at"
    r"|updated_by|created_at|created_by|member_auto_router|direct_access|access_via_team_ids"
    r"|blocked|discoverable|input_cost|output_cost)"
)
"""What LiteLLM adds to `model_info` from its price map, or from its database."""
_TRUE: Final = frozenset(("true", "yes", "on", "y", "t", "1"))
_FALSE: Final = frozenset(("false", "no", "off", "n", "f", "0"))


def same(one: PlanValue, other: PlanValue) -> bool:
    """Whether two files say the same: 5 is 5.0, but 1 is not true."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


def seems_same(wanted: PlanValue, shown: PlanValue) -> bool:
    """Whether the proxy may show `shown` where its file says `wanted`."""
    if same(wanted, shown):
        return True
    if wanted is None or shown is None:
        return wanted in (None, "", ()) and shown in (None, "", ())
    if isinstance(wanted, tuple) or isinstance(shown, tuple):
        return _same_inside(_opened(wanted), _opened(shown))
    if isinstance(wanted, bool) or isinstance(shown, bool):
        return _truth(wanted) is not None and _truth(wanted) == _truth(shown)
    if isinstance(wanted, str) and isinstance(shown, str):
        opened = _opened(wanted)
        return opened is not wanted and _same_inside(opened, _opened(shown))
    number = _number(wanted)
    return number is not None and number == _number(shown)


def _truth(value: PlanValue) -> bool | None:
    text = str(value).lower()
    return True if text in _TRUE else False if text in _FALSE else None


def _number(value: PlanValue) -> Decimal | None:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return None


def _opened(value: PlanValue) -> Any:
    """A list or mapping that was made a text, as it was."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _same_inside(wanted: Any, shown: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(shown, dict):
        names = {name for name in wanted if not _is_masked(name)}
        return names == {name for name in shown if not _is_masked(name)} and all(
            _same_inside(wanted[name], shown[name]) for name in names
        )
    if isinstance(wanted, list) and isinstance(shown, list):
        return len(wanted) == len(shown) and all(map(_same_inside, wanted, shown))
    if isinstance(wanted, dict | list) or isinstance(shown, dict | list):
        return False
    if wanted is None:
        return shown in (None, "None")
    if is_reference(wanted) or HIDDEN in (wanted, shown) or _MASKED in str(shown):
        return True
    return shown is not None and seems_same(wanted, shown)


@lru_cache(maxsize=1024)
def _is_masked(name: str) -> bool:
    words = re.split(r"[_-]", name.lower())
    return name not in _SHOWN and "cost" not in words and not _SECRET_WORDS.isdisjoint(words)


def is_secret(name: str, *values: PlanValue) -> bool:
    """Whether `name` holds a key, as far as what the proxy shows of it goes."""
    shown = any(isinstance(each, str) and HIDDEN in each[:12] for each in values)
    return shown or (not name.startswith(INFO) and _is_masked(name))


def shown_value(row: Row, name: str) -> PlanValue:
    """The field as the proxy shows it. An id that LiteLLM made up is none."""
    if name == ID:
        return None if _GENERATED_ID.fullmatch(row.id) else row.id
    return row.fields.get(name)


def differs(
    name: str, deployment: Deployment, before: PlanValue, row: Row, flags: Collection[str]
) -> bool | None:
    """Whether the proxy has another value than `deployment`; None where that cannot be seen.

    Args:
        before: what the file says now. A value that is to go cannot be told from what LiteLLM's
            price map says.
        flags: parameters that are false where they are not set.
    """
    wanted, shown = deployment.fields.get(name), shown_value(row, name)
    if name in (GROUP, MODEL) and deployment.is_wildcard and is_expansion(row):
        if name != pattern_field(deployment):
            return None
        return not is_expansion_of(deployment, row)
    if is_reference(wanted) or is_secret(name, wanted, shown):
        return None
    if isinstance(shown, str) and _MASKED in shown:
        return None
    if name == "organization" and isinstance(wanted, tuple):
        return None  # LiteLLM makes a deployment for each
    if wanted is None and shown is False and name in flags:
        return False
    if wanted is None and shown is not None and not is_set(row, name):
        return None if before is not None else False
    return not seems_same(wanted, shown)


def is_set(row: Row, name: str) -> bool:
    """Whether the proxy has `name` from a file, not from its price map."""
    if not name.startswith(INFO) or name == ID:
        return True
    bare = name.removeprefix(INFO)
    if bare in row.overrides:
        return bare not in row.fields  # a parameter's price is repeated in model_info
    return not _is_filled(name)


@lru_cache(maxsize=1024)
def _is_filled(name: str) -> bool:
    return _FILLED.fullmatch(name) is not None


def is_expansion(row: Row) -> bool:
    """Whether the row may be one model of a wildcard's: its name stands in both places then."""
    return row.group == row.model and "*" not in row.group


def pattern_field(deployment: Deployment) -> str:
    """The field whose pattern LiteLLM expands: the group's name, unless it names no provider."""
    return MODEL if "/" not in deployment.group and "*" in deployment.model else GROUP


def is_expansion_of(deployment: Deployment, row: Row) -> bool:
    """Whether the row is one of the models that a wildcard stands for."""
    pattern = str(deployment.fields[pattern_field(deployment)])
    return deployment.is_wildcard and is_expansion(row) and fnmatchcase(row.model, pattern)
