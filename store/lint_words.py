"""What the linter says about strategies that need more than their name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

STRATEGY_HINTS: Final[Mapping[str, tuple[bool, str, str]]] = MappingProxyType(
    {
        "provider-budget-routing": (
            True,
            "LiteLLM 1.106.2 picks no deployment under provider-budget-routing and answers every "
            "request with 429.",
            "Choose another strategy: router_settings.provider_budget_config works under any.",
        ),
        "lar1": (
            False,
            "lar1 picks by metadata.lar1 of the request and model_info.type of the deployments; "
            "without these it takes the first deployment always.",
            "Set model_info.type on the deployments, or choose another strategy.",
        ),
    }
)
"""By strategy: whether it is an error, what to say, how to mend it."""
