"""Desired state, file and a real LiteLLM proxy: what is served is in step, and an edit is seen."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from store.gateway.client import Gateway
from store.gateway.difference import agrees, difference
from store.gateway.live import Live, read_live
from store.gateway.served import served_in
from store.plans import ChangeKind, Subject
from tests.fake_upstream import FakeUpstream
from tests.litellm.conftest import MASTER_KEY
from tests.litellm.proxy import RealProxy, start_proxy

pytestmark = pytest.mark.litellm

Document = dict[Any, Any]
PROVIDER_KEY = "good-key-of-the-provider"


def rich(base: str) -> Document:
    """One of each thing that LiteLLM shows otherwise than its file has it."""

    def entry(name: str, model: str, params: object = None, **info: object) -> Document:
        given = params if isinstance(params, dict) else {}
        shown = {"model": model, "api_base": base, "api_key": "os.environ/GOOD_KEY", **given}
        return {"model_name": name, "litellm_params": shown, "model_info": info}

    many = {
        "timeout": 5, "stream_timeout": 2, "weight": 9, "rpm": 500, "tpm": 100_000, "order": 1,
        "input_cost_per_token": 0.000002, "output_cost_per_token": 0.000008, "max_budget": 10,
        "budget_duration": "1d", "max_retries": 3, "num_retries": 1, "tags": ["a", "b"],
        "extra_headers": {"x-team": "t1", "X-API-Key": "os.environ/GOOD_KEY"}, "temperature": 0.5,
        "not_known": {"a": [1, None]}, "merge_reasoning_content_in_choices": True,
        "organization": "os.environ/ORG",
    }  # fmt: skip
    odd = {"timeout": "12", "weight": "3", "rpm": "5", "use_in_pass_through": "yes",
           "max_budget": "4", "api_key": "none"}  # fmt: skip
    entries = [
        entry("rich", "openai/ok-rich", many, id="rich", mode="chat", owner="platform",
              max_input_tokens=1_000, supports_vision=True, supports_native_streaming=False,
              nested={"a": 1, "b": [2]}, nothing=None, groups=["x"], base_model="gpt-4o",
              version="os.environ/ORG"),
        entry("twin", "openai/ok-a", {"weight": 2}),
        entry("twin", "openai/ok-b", {"weight": 1}),
        entry("twin", "openai/ok-a", {"weight": 2}),
        entry("gpt-4o", "gpt-4o", {"api_base": "os.environ/BASE"}, id="known"),
        entry("priced", "openai/gpt-4o-mini", {"input_cost_per_token": "1e-7"}, id="priced",
              supports_vision=False, max_tokens=77),
        entry("priced-so", "openai/ok-so", id="priced-so", input_cost_per_token=0.000001,
              output_cost_per_token=1e-7),
        entry("openai/*", "openai/*", {"api_base": None}),
        entry("wild-*", "anthropic/*", {"api_base": None, "timeout": 7}, id="wild"),
        entry("cred", "openrouter/x", {"litellm_credential_name": "main"}, id="cred"),
        entry("resolved", "os.environ/MODEL", {"timeout": "os.environ/TIMEOUT"}, id="resolved"),
        entry("unset", "openai/ok-unset", {"api_base": "os.environ/UNSET"}, id="unset"),
        entry("other-name", "openai/ok-n", {"api_base": None, "base_url": base}, id=77),
        entry("embed", "openai/text-embedding-3-small", id="embed", mode="embedding"),
        entry("cloud", "bedrock/x.y", {"aws_region_name": "us-east-1", "api_base": None,
              "aws_secret_access_key": "os.environ/GOOD_KEY"}, id="cloud"),
        entry("odd", "openai/ok-odd", odd, id="odd", max_input_tokens="1000"),
    ]  # fmt: skip
    return {
        "model_list": entries,
        "credential_list": [
            {"credential_name": "main", "credential_values": {"api_key": "os.environ/GOOD_KEY"},
             "credential_info": {"description": "shared"}},
        ],
        "router_settings": {
            "routing_strategy": "latency-based-routing",
            "num_retries": 1,
            "timeout": 60,
            "fallbacks": [{"rich": ["twin", "gpt-4o"]}, {"short": ["twin"]}, {"embed": []}],
            "default_fallbacks": ["twin"],
            "context_window_fallbacks": [{"rich": ["gpt-4o"]}],
            "model_group_alias": {"short": "rich", "quiet": {"model": "twin", "hidden": True},
                                  "shown": {"model": "twin", "hidden": False}},
        },
        "litellm_settings": {"num_retries": 4, "request_timeout": 33,
                             "fallbacks": [{"embed": ["rich"]}]},
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }  # fmt: skip


def plain(base: str) -> Document:
    """Settings in the other section, and none where LiteLLM has a default."""
    params = {"model": "openai/ok-plain", "api_base": base, "api_key": "none"}
    return {
        "model_list": [{"model_name": "plain", "litellm_params": params}],
        "litellm_settings": {
            "default_fallbacks": ["plain"],
            "fallbacks": [{"x": ["plain"]}],
            "context_window_fallbacks": [{"plain": ["x"]}],
            "request_timeout": 33,
        },
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
    }


@dataclass(frozen=True, slots=True)
class Running:
    document: Document
    proxy: RealProxy


@pytest.fixture(scope="module", params=["rich", "plain"])
def running(
    request: pytest.FixtureRequest,
    litellm_executable: str,
    upstream: FakeUpstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    document = (rich if request.param == "rich" else plain)(upstream.base_url)
    config = tmp_path_factory.mktemp("live") / "config.yaml"
    config.write_text(yaml.safe_dump(document, sort_keys=False))
    environment = {
        "GOOD_KEY": PROVIDER_KEY, "BASE": upstream.base_url, "MODEL": "openai/ok-resolved",
        "TIMEOUT": "17", "ORG": "org-7",
    }  # fmt: skip
    with start_proxy(litellm_executable, config, key=MASTER_KEY, environment=environment) as proxy:
        yield Running(document, proxy)


def ask(running: Running, **options: bool) -> Live:
    async def read() -> Live:
        gateway = Gateway(running.proxy.url, running.proxy.key)
        try:
            return await read_live(gateway, **options)
        finally:
            await gateway.aclose()

    return asyncio.run(read())


def test_what_is_served_is_in_step(running: Running) -> None:
    live = ask(running)
    served = served_in(running.document)
    found = difference(served, served, live, served)
    assert found.changes == ()
    assert (live.problems, live.db_mode, live.has_database) == ((), False, False)
    assert PROVIDER_KEY[:4] + "*" not in repr(live)
    assert PROVIDER_KEY not in repr(live)
    assert ask(running, new_connection=True, ask_mode=False) == live


def params(index: int, **values: object) -> Callable[[Document], object]:
    return lambda document: document["model_list"][index]["litellm_params"].update(values)


def info(index: int, **values: object) -> Callable[[Document], object]:
    return lambda document: document["model_list"][index]["model_info"].update(values)


def router(**values: object) -> Callable[[Document], object]:
    return lambda document: document["router_settings"].update(values)


EDITS: list[tuple[Callable[[Document], object], str, str]] = [
    (params(0, timeout=6), "model rich", "timeout"),
    (params(0, weight=None), "model rich", "weight"),
    (params(0, tags=["a"]), "model rich", "tags"),
    (params(0, merge_reasoning_content_in_choices=False), "model rich",
     "merge_reasoning_content_in_choices"),
    (params(0, extra_headers={"x-team": "t2", "X-API-Key": "os.environ/GOOD_KEY"}), "model rich",
     "extra_headers"),
    (params(0, api_base="http://127.0.0.1:9/v1"), "model rich", "api_base"),
    (params(0, input_cost_per_token=None), "model rich", "input_cost_per_token"),
    (params(4, input_cost_per_token=0.5), "model known", "input_cost_per_token"),
    (params(8, timeout=8), "model wild", "timeout"),
    (params(8, model="groq/*"), "model wild", "model"),
    (params(9, litellm_credential_name="other"), "model cred", "litellm_credential_name"),
    (info(0, owner=None), "model rich", "model_info.owner"),
    (info(0, mode="embedding"), "model rich", "model_info.mode"),
    (info(5, supports_vision=True), "model priced", "model_info.supports_vision"),
    (info(6, output_cost_per_token=None), "model priced-so", "output_cost_per_token"),
    (lambda d: d["model_list"][13].update(model_name="vectors"), "model embed", "model_name"),
    (router(num_retries=2), "router settings router", "num_retries"),
    (router(default_fallbacks=["rich"]), "router settings router", "default_fallbacks"),
    (router(context_window_fallbacks=[{"rich": ["twin"]}]), "context window fallbacks rich",
     "context_window_fallbacks"),
    (router(fallbacks=[{"rich": ["twin", "gpt-4o"]}, {"short": ["rich"]}, {"embed": []}]),
     "fallbacks short", "fallbacks"),
    (router(model_group_alias={"short": "rich", "quiet": "twin", "shown": "twin"}),
     "alias quiet", "hidden"),
]  # fmt: skip


@pytest.mark.parametrize("running", ["rich"], indirect=True)
def test_each_edit_is_seen(running: Running) -> None:
    live = ask(running)
    before = served_in(running.document)
    for edit, change_id, name in EDITS:
        document = copy.deepcopy(running.document)
        edit(document)
        [change] = difference(served_in(document), before, live, before).changes
        assert (change.id, change.kind) == (change_id, ChangeKind.CHANGE)
        assert [(f.name, f.in_file, f.in_live) for f in change.fields] == [(name, True, True)]
        assert [each.id for each in agrees(served_in(document), live)] == [change_id]


def test_models_that_come_and_go(running: Running) -> None:
    live = ask(running)
    before = served_in(running.document)
    for index, model_id in enumerate(before.deployments):
        document = copy.deepcopy(running.document)
        removed = document["model_list"].pop(index)
        found = difference(served_in(document), before, live, before).changes
        gone = [each for each in found if each.kind is ChangeKind.DELETE]
        if removed not in document["model_list"]:  # of two that are alike, either may be gone
            assert [each.key for each in gone] == [model_id]
        assert len(gone) == 1
        assert not [each for each in found if each.kind is ChangeKind.CREATE]
    document = copy.deepcopy(running.document)
    new = {"model_name": "new", "litellm_params": {"model": "openai/new"}}
    document["model_list"].append({**new, "model_info": {"id": "new"}})
    [change] = agrees(served_in(document), live)
    assert (change.kind, change.id) == (ChangeKind.CREATE, "model new")


def test_ids_that_are_to_be_written(running: Running) -> None:
    document = copy.deepcopy(running.document)
    without = []
    for model_id, each in zip(served_in(document).deployments, document["model_list"], strict=True):
        if not (each.get("model_info") or {}).get("id"):
            each["model_info"] = {**(each.get("model_info") or {}), "id": model_id}
            without.append(model_id)
    before = served_in(running.document)
    found = difference(served_in(document), before, ask(running), before).changes
    assert [each.key for each in found] == without
    for change in found:
        [field] = change.fields
        assert (field.name, field.old, field.new) == ("model_info.id", None, change.key)
        assert (field.in_file, field.in_live, field.drift) == (True, True, False)


def test_a_file_that_changed_on_disk_is_not_what_is_served(running: Running) -> None:
    text = running.proxy.config.read_text()
    try:
        edited = copy.deepcopy(running.document)
        edited.setdefault("router_settings", {})["num_retries"] = 9
        running.proxy.config.write_text(yaml.safe_dump(edited))
        served = served_in(running.document)
        assert agrees(served, ask(running)) == ()
        [change] = agrees(served_in(edited), ask(running))
        assert change.subject is Subject.ROUTER
        running.proxy.config.write_text(text + "\nbroken: [")
        live = ask(running)
        assert live.routing is None
        assert len(live.problems) == 1
        assert difference(served, served, live, served).changes == ()
    finally:
        running.proxy.config.write_text(text)
