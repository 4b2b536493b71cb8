"""Which live deployment is the store's model."""

from __future__ import annotations

from collections.abc import Sequence

from store.checks import ENV_REFERENCE
from store.domain import Model, Provider
from store.errors import FailureKind
from store.gateway.deployments import LiveDeployment
from store.gateway.failures import ProxyError

_APPLY = "Export the configuration and restart the proxy, then test again."


def is_wildcard(model: Model) -> bool:
    """Whether the model stands for whatever name is asked (`openai/*`)."""
    return "*" in model.model_name or "*" in model.litellm_model


def match(model: Model, provider: Provider, live: Sequence[LiveDeployment]) -> LiveDeployment:
    """The deployment to pin for `model`: the one of its id, or else the only one like it.

    Raises ProxyError (NOT_SERVED) when there is none, when several are alike, or when the
    proxy serves something else under the model's id.
    """
    if is_wildcard(model):
        raise _not_served(
            f"{model.model_name} is a wildcard: it names no one model that could be tested.",
            "Add a model with a full name to test it.",
        )
    named = [deployment for deployment in live if deployment.model_name == model.model_name]
    # An alias is listed as one more row of the deployment that it stands for, with its id.
    for deployment in (*named, *live):
        if deployment.id == model.id:
            return _as_stored(model, deployment)
    wildcards = _wildcards(live)
    alike = [
        deployment
        for deployment in named
        if deployment.id not in wildcards
        and _same_model(model, deployment)
        and _same_base(provider, deployment)
    ]
    if len(alike) == 1:
        return alike[0]
    if alike:
        raise _not_served(
            f"The proxy serves {len(alike)} deployments of {model.model_name} as "
            f"{model.litellm_model}, none of them with this model's id.",
            _APPLY,
        )
    raise _not_served(f"The proxy does not serve {model.model_name} ({model.id}) yet.", _APPLY)


def _wildcards(live: Sequence[LiveDeployment]) -> set[str]:
    """Ids of wildcard groups: listed as every model that they could serve, all with one id."""
    models: dict[str, set[str]] = {}
    for deployment in live:
        models.setdefault(deployment.id, set()).add(deployment.litellm_model)
    return {key for key, names in models.items() if len(names) > 1}


def _as_stored(model: Model, deployment: LiveDeployment) -> LiveDeployment:
    if not _same_model(model, deployment):
        raise _not_served(
            f"The proxy still serves {deployment.litellm_model} as {model.model_name}, the store "
            f"says {model.litellm_model}.",
            _APPLY,
        )
    return deployment


def _same_model(model: Model, deployment: LiveDeployment) -> bool:
    # The proxy shows what a reference stands for, which only the proxy's machine knows.
    return model.litellm_model.startswith(ENV_REFERENCE) or (
        deployment.litellm_model == model.litellm_model
    )


def _same_base(provider: Provider, deployment: LiveDeployment) -> bool:
    if provider.api_base_url and provider.api_base_url.startswith(ENV_REFERENCE):
        return True
    return (provider.api_base_url or "").rstrip("/") == (deployment.api_base or "").rstrip("/")


def _not_served(what: str, mend: str) -> ProxyError:
    return ProxyError(FailureKind.NOT_SERVED, what, mend)
