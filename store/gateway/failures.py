"""Why a call failed: LiteLLM's answers sorted into the kinds that an operator acts on.

LiteLLM tells the proxy's own refusals and the provider's by text more than by status: a wrong
proxy key is 400 without a database and 401 with one, a provider's wrong key is 401 as well.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from store.domain import Model, Provider
from store.errors import FailureKind, GatewayError
from store.gateway.answers import ErrorText


class ProxyError(GatewayError):
    """A GatewayError whose sentence is kept in two parts: what happened, and the mend."""

    def __init__(
        self, kind: FailureKind, what: str, mend: str, *, status: int | None = None
    ) -> None:
        super().__init__(kind, f"{what} {mend}".strip(), status=status)
        self.what = what
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Failure:
    """A kind, one sentence, and what the operator can do."""

    kind: FailureKind
    error: str
    mend: str


OUR_SIDE = frozenset(
    {
        FailureKind.PROXY_DOWN,
        FailureKind.BREAKER_OPEN,
        FailureKind.PROXY_KEY,
        FailureKind.PROXY_KEY_MISSING,
    }
)
"""Kinds that tell about the proxy or our key for it, and nothing about a model or a provider."""


def key_missing(key_env: str, url: str, status: int | None = None) -> ProxyError:
    """The proxy asks for a key and none is set here."""
    return ProxyError(
        FailureKind.PROXY_KEY_MISSING,
        f"The proxy at {url} asks for a key, and {key_env} is not set.",
        f"Set {key_env} to the proxy's master key.",
        status=status,
    )


def key_refused(key_env: str, url: str, status: int | None = None) -> ProxyError:
    """The proxy does not take the key that is set here."""
    return ProxyError(
        FailureKind.PROXY_KEY,
        f"The proxy at {url} refuses the key in {key_env}.",
        f"Set {key_env} to the proxy's master key.",
        status=status,
    )


_KEY_TYPES = ("no_db_connection", "auth_error", "token_not_found_in_db", "key_model_access_denied")
_KEY_TEXTS = re.compile(
    r"No connected db|^Authentication Error|Invalid proxy server token|No api key passed in"
    r"|Malformed API Key|key not allowed to access model|Expired Key",
    re.IGNORECASE,
)


def is_key_refusal(status: int, error: ErrorText | None) -> bool:
    """Whether the proxy itself refused our key, and not the provider the proxy's."""
    if error is None:
        return status in (401, 403)
    if "litellm." in error.raw:
        return False
    return error.type in _KEY_TYPES or (
        status in (400, 401, 403) and _KEY_TEXTS.search(error.raw) is not None
    )


_COOLDOWN = re.compile(r"in cooldown|cooldown_list|all_deployments_in_cooldown", re.IGNORECASE)
_TRY_AGAIN = re.compile(r"[Tt]ry again in (\d+)")
_NO_SUCH_MODEL = re.compile(
    r"Invalid model name passed in|There are no healthy deployments for this model"
    r"|does not exist in Model ID map|Model with ID .* not found",
    re.IGNORECASE,
)
_KEY_OF_PROVIDER = re.compile(
    r"AuthenticationError|PermissionDeniedError|Missing credentials|Missing .{0,40}API key"
    r"|API key not valid|invalid x-api-key|Incorrect API key|api_key client option must be set"
    r"|API_KEY_INVALID|invalid_api_key|Invalid API Key",
    re.IGNORECASE,
)
_UNREACHABLE = re.compile(
    r"Cannot connect to host|Connection error|Connection refused|Connect call failed"
    r"|Name or service not known|All connection attempts failed",
    re.IGNORECASE,
)


def classify(status: int, error: ErrorText, model: Model, provider: Provider) -> Failure:
    """What a model's failed call means. `status` is the proxy's; inside a stream, the error's."""
    raw, said = error.raw, error.text or f"The proxy answered {status} without a word."
    if error.type == "all_deployments_in_cooldown" or _COOLDOWN.search(raw):
        return _cooldown(raw, model)
    if re.search(r"crossed budget|ExceededBudget|budget_exceeded", f"{raw} {error.type}"):
        return Failure(
            FailureKind.RATE_LIMIT,
            f"A budget in the proxy is spent: {said}",
            "Raise the budget in the proxy's configuration, or wait for its next period.",
        )
    if "ContextWindowExceededError" in raw or "context_length_exceeded" in raw:
        return Failure(
            FailureKind.CONTEXT_WINDOW, said, "Test with a shorter prompt, or a larger model."
        )
    if "ContentPolicyViolationError" in raw or "content_policy_violation" in raw:
        return Failure(
            FailureKind.CONTENT_POLICY, said, "Test with another prompt: the provider filters this."
        )
    if _NO_SUCH_MODEL.search(raw):
        return Failure(
            FailureKind.UNKNOWN_MODEL,
            f"The proxy does not serve {model.model_name}.",
            "Export the configuration and restart the proxy.",
        )
    if _KEY_OF_PROVIDER.search(raw) or status in (401, 403):
        return Failure(FailureKind.WRONG_KEY, said, _key_mend(provider))
    return _by_class(status, raw, said, model, provider)


def _by_class(status: int, raw: str, said: str, model: Model, provider: Provider) -> Failure:
    if "RateLimitError" in raw or status == 429:
        return Failure(
            FailureKind.RATE_LIMIT,
            said,
            f"Wait a minute, or raise the limit at {provider.display_name}.",
        )
    if "litellm.Timeout" in raw or "APITimeoutError" in raw or status in (408, 504):
        return Failure(
            FailureKind.TIMEOUT,
            f"{model.model_name} did not answer the proxy in time: {said}",
            timeout_mend(model, provider),
        )
    if "NotFoundError" in raw or status == 404:
        return Failure(
            FailureKind.UNKNOWN_MODEL,
            said,
            f"Check litellm_model ({model.litellm_model}) against the models that "
            f"{provider.display_name} offers.",
        )
    if _UNREACHABLE.search(raw):
        base = provider.api_base_url or "the provider's own address"
        return Failure(
            FailureKind.UPSTREAM,
            f"The proxy cannot reach {provider.display_name}: {said}",
            f"Check from the proxy's machine that {base} answers.",
        )
    return Failure(
        FailureKind.UPSTREAM,
        said,
        f"Look at the status page or the logs of {provider.display_name}, then test again.",
    )


def timeout_mend(model: Model, provider: Provider) -> str:
    """What to do about a model that answers too late."""
    return f"Test again with more time; if it stays slow, look at {provider.display_name}."


def _cooldown(raw: str, model: Model) -> Failure:
    found = _TRY_AGAIN.search(raw)
    wait = f"{found.group(1)} s" if found else "a while"
    return Failure(
        FailureKind.COOLDOWN,
        f"The proxy holds {model.model_name} back after failures (cooldown) and asked no provider.",
        f"Test again in {wait}; the failures before it tell the cause.",
    )


def _key_mend(provider: Provider) -> str:
    if provider.api_key_env:
        return (
            f"Set {provider.api_key_env} to a valid key of {provider.display_name} in the "
            "environment of the proxy, and restart it."
        )
    return f"Give {provider.display_name} an api_key_env, then export and restart the proxy."
