"""Which live deployment a model of the store is."""

from __future__ import annotations

from dataclasses import replace

from store.domain import Model, Provider
from store.errors import FailureKind, GatewayError
from store.gateway.client import Gateway
from store.gateway.deployments import LiveDeployment
from store.gateway.matching import match
from tests.fake_litellm import KEY, PROVIDER, live, model, proxy

REFERENCE = replace(PROVIDER, api_base_url="os.environ/BASE")
BARE = replace(PROVIDER, api_base_url=None)


async def matched(provider: Provider, *entries: dict[str, object], **changes: object) -> str:
    """The id of the deployment that `a` is matched to, or what is said instead."""
    async with proxy(entries) as server:
        gateway = Gateway(server.url, KEY)
        found = await gateway.deployments()
        await gateway.aclose()
    try:
        return match(model("a", **changes), provider, found).id
    except GatewayError as problem:
        return f"{problem.kind}: {problem}"


async def test_matching_a_model_to_what_is_live() -> None:
    alike = {"model_name": "a", "litellm_model": "openai/a"}
    assert await matched(PROVIDER, live("x", **alike), live("a")) == "a"
    assert await matched(PROVIDER, live("x", **alike)) == "x"
    slash = live("x", **alike, api_base="http://up.test/v1/")
    other = live("y", **alike, api_base="http://other.test/v1")
    assert await matched(PROVIDER, slash, other) == "x"
    assert "yet" in await matched(PROVIDER, other)
    assert "yet" in await matched(BARE, other)
    assert await matched(BARE, live("z", **alike, api_base=None), other) == "z"
    assert await matched(REFERENCE, other) == "y"
    assert "2 deployments" in await matched(REFERENCE, slash, other)
    assert "Export" in await matched(PROVIDER)
    assert (await matched(PROVIDER)).startswith(FailureKind.NOT_SERVED)


async def test_the_proxy_serving_another_model_under_the_id_is_said() -> None:
    said = await matched(PROVIDER, live("a", litellm_model="openai/old"))
    assert "still serves openai/old" in said
    reference = {"litellm_model": "os.environ/MODEL"}
    assert await matched(PROVIDER, live("a", litellm_model="openai/old"), **reference) == "a"


async def test_wildcards_are_not_tested_nor_taken_for_a_model() -> None:
    said = await matched(PROVIDER, live("a"), model_name="openai/*", litellm_model="openai/*")
    assert "wildcard" in said
    expanded = [live("w", model_name=n, litellm_model=f"openai/{n}") for n in ("a", "b")]
    assert "yet" in await matched(PROVIDER, *expanded)


async def test_an_alias_is_one_more_row_of_the_same_deployment() -> None:
    rows = [
        LiveDeployment("m", "gpt-4.1", "openai/gpt-4.1", None, "chat"),
        LiveDeployment("m", "gpt-4", "openai/gpt-4.1", None, "chat"),
    ]
    stored = Model("m", "p", "gpt-4.1", "gpt-4.1", "openai/gpt-4.1")
    assert match(stored, Provider("p", "p", "P", "openai"), rows) == rows[0]
    without_id = replace(stored, id="other")
    assert match(without_id, Provider("p", "p", "P", "openai"), rows).id == "m"
