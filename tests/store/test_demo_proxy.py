"""The pretend proxy through real HTTP: LiteLLM's shapes, streams and failures."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from store.checks import looks_like_key
from store.demo.answers import ANSWERS, cut, tokens_in
from store.demo.catalog import MODELS
from store.demo.proxy import DemoProxy
from store.demo.served import CONFIG
from tests.store.running_demo import Running, running

ENABLED = [model for model in MODELS if model.is_enabled]


@pytest.fixture
async def demo() -> AsyncIterator[Running]:
    async with running() as demo:
        yield demo


def events(response: httpx.Response) -> list[str]:
    blocks = response.text.split("\n\n")
    assert blocks.pop() == ""
    return [block.removeprefix("data: ") for block in blocks]


# Looking things up


async def test_the_proxy_is_alive_without_a_key(demo: Running) -> None:
    async with httpx.AsyncClient(base_url=demo.url, trust_env=False) as stranger:
        assert (await stranger.get("/health/liveliness")).json() == "I'm alive!"
        readiness = (await stranger.get("/health/readiness")).json()
        assert readiness == {"status": "healthy", "db": "Not connected"}
        prices = (await stranger.get("/public/litellm_model_cost_map")).json()
        assert prices["gemini-1.5-flash"]["input_cost_per_token"] == 3.5e-07
    details = (await demo.client.get("/health/readiness/details")).json()
    assert details["litellm_version"] == "1.106.2"


@pytest.mark.parametrize("path", ["/v1/models", "/model/info", "/health", "/get/config/callbacks"])
async def test_a_missing_and_a_wrong_key_are_told_apart(demo: Running, path: str) -> None:
    async with httpx.AsyncClient(base_url=demo.url, trust_env=False) as stranger:
        missing = await stranger.get(path)
        wrong = await stranger.get(path, headers={"Authorization": "Bearer wrong"})
    assert missing.status_code == 401
    assert missing.json()["error"] == {
        "message": "Authentication Error, No api key passed in.",
        "type": "auth_error",
        "param": "None",
        "code": "401",
    }
    assert wrong.status_code == 400
    assert wrong.json()["error"]["type"] == "no_db_connection"


def test_keys_are_random_and_of_no_real_shape() -> None:
    keys = {DemoProxy(CONFIG).key for _ in range(20)}
    assert len(keys) == 20
    assert not any(looks_like_key(key) for key in keys)


async def test_groups_and_deployments_are_listed(demo: Running) -> None:
    listed = (await demo.client.get("/v1/models")).json()
    names = [entry["id"] for entry in listed["data"]]
    named = dict.fromkeys(model.model_name for model in ENABLED)
    assert names == [*named, "long-context", "fast"]
    assert (await demo.client.get("/models")).json() == listed
    info = (await demo.client.get("/model/info")).json()["data"]
    rows = [(entry["model_name"], entry["model_info"]["id"]) for entry in info]
    assert rows == [
        *((model.model_name, model.id) for model in ENABLED),
        ("long-context", "demo-gemini-1.5-pro"),
        ("fast", "demo-gemini-1.5-flash"),
    ]
    assert info[0]["litellm_params"]["input_cost_per_token"] == 1e-05
    assert not any("api_key" in entry["litellm_params"] for entry in info)
    one = await demo.client.get("/v1/model/info", params={"litellm_model_id": "demo-llama3"})
    (llama,) = one.json()["data"]
    assert llama["model_name"] == "llama3"
    assert "input_cost_per_token" not in llama["litellm_params"]
    unknown = await demo.client.get("/v1/model/info", params={"litellm_model_id": "nope"})
    assert (unknown.status_code, "nope" in unknown.text) == (400, True)
    groups = await demo.client.get("/model_group/info", params={"model_group": "gpt-4o"})
    (group,) = groups.json()["data"]
    assert (group["model_group"], group["mode"]) == ("gpt-4o", "chat")


async def test_live_router_settings(demo: Running) -> None:
    settings = (await demo.client.get("/get/config/callbacks")).json()["router_settings"]
    assert settings["routing_strategy"] == "latency-based-routing"
    assert (settings["num_retries"], settings["timeout"]) == (3, 120)
    assert settings["fallbacks"][0] == {"gpt-4.1": ["gemini-1.5-flash", "claude-3-haiku"]}
    assert settings["fallbacks"][1] == {"fast": ["claude-3-haiku", "gpt-3.5-turbo"]}
    assert settings["model_group_alias"] == {
        "long-context": "gemini-1.5-pro",
        "fast": "gemini-1.5-flash",
    }
    assert settings["context_window_fallbacks"] == [{"gpt-4.1": ["gemini-1.5-pro"]}]


async def test_health_of_all_of_one_and_of_none(demo: Running) -> None:
    report = (await demo.client.get("/health")).json()
    sick = {entry["model_id"] for entry in report["unhealthy_endpoints"]}
    assert sick == {"demo-claude-3-opus", "demo-claude-3.5-sonnet", "demo-codellama"}
    assert report["healthy_count"] + report["unhealthy_count"] == len(ENABLED)
    one = await demo.client.get("/health", params={"model_id": "demo-gpt-4.1-vas"})
    assert (one.status_code, one.json()["healthy_count"]) == (200, 1)
    two = await demo.client.get("/health", params={"model": "gpt-4o"})
    assert two.json()["healthy_count"] == 2
    bad = await demo.client.get("/health", params={"model": "claude-3-opus"})
    assert (bad.status_code, bad.json()["unhealthy_count"]) == (503, 1)
    none = await demo.client.get("/health", params={"model": "nope"})
    assert (none.status_code, none.json()["unhealthy_count"]) == (503, 0)


async def test_unknown_paths_and_methods(demo: Running) -> None:
    assert (await demo.client.get("/nope")).status_code == 404
    assert (await demo.client.get("/v1/chat/completions")).status_code == 405
    assert (await demo.client.post("/v1/models", json={})).status_code == 405


# Asking models


async def test_a_chat_by_id_is_answered_by_that_deployment(demo: Running) -> None:
    response = await demo.chat("demo-gpt-4.1-vas", max_tokens=16)
    assert response.status_code == 200
    body = response.json()
    (choice,) = body["choices"]
    assert choice["message"]["content"] in ANSWERS["demo-gpt-4.1-vas"]
    assert choice["finish_reason"] == "stop"
    usage = body["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0
    headers = response.headers
    assert headers["x-litellm-model-id"] == "demo-gpt-4.1-vas"
    assert headers["x-litellm-model-group"] == "demo-gpt-4.1-vas"
    assert headers["x-litellm-model-api-base"] == "https://vas.example.com/v1"
    assert headers["x-litellm-attempted-fallbacks"] == "0"
    assert len(headers["x-litellm-call-id"]) == 36
    expected = usage["prompt_tokens"] * 0.00001 + usage["completion_tokens"] * 0.00003
    assert float(headers["x-litellm-response-cost"]) == pytest.approx(expected)


async def test_a_group_balances_between_its_deployments(demo: Running) -> None:
    answers = [await demo.chat("gpt-4o") for _ in range(30)]
    served = {response.headers["x-litellm-model-id"] for response in answers}
    assert served == {"demo-gpt-4o-vas", "demo-gpt-4o-openai"}
    assert {response.headers["x-litellm-model-group"] for response in answers} == {"gpt-4o"}


async def test_an_alias_is_served_by_its_group(demo: Running) -> None:
    response = await demo.chat("fast")
    assert response.headers["x-litellm-model-id"] == "demo-gemini-1.5-flash"
    assert response.headers["x-litellm-model-group"] == "fast"


async def test_an_unpriced_model_names_no_cost_and_speaks_korean(demo: Running) -> None:
    response = await demo.chat("llama3")
    assert "x-litellm-response-cost" not in response.headers
    assert response.json()["choices"][0]["message"]["content"].startswith("안녕하세요")


async def test_a_stream_is_spoken_word_by_word_with_usage_at_the_end(demo: Running) -> None:
    response = await demo.chat("gpt-4.1", stream=True, stream_options={"include_usage": True})
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["x-litellm-model-id"] == "demo-gpt-4.1-vas"
    assert "x-litellm-response-cost" not in response.headers
    *chunks, done = events(response)
    assert done == "[DONE]"
    values = [json.loads(chunk) for chunk in chunks]
    assert {value["object"] for value in values} == {"chat.completion.chunk"}
    words = [value["choices"][0]["delta"].get("content", "") for value in values]
    assert "".join(words) in ANSWERS["demo-gpt-4.1-vas"]
    assert len([word for word in words if word]) > 3
    assert values[-2]["choices"][0]["finish_reason"] == "stop"
    assert values[-1]["usage"]["completion_tokens"] == tokens_in("".join(words))


async def test_a_stream_names_no_usage_unless_asked(demo: Running) -> None:
    response = await demo.chat("gpt-4.1", stream=True)
    assert "usage" not in response.text
    again = await demo.chat("gpt-4.1")  # the connection lives on after a stream
    assert again.status_code == 200


async def test_max_tokens_cuts_the_answer(demo: Running) -> None:
    response = await demo.chat("gemini-1.5-pro", max_tokens=3)
    (choice,) = response.json()["choices"]
    assert choice["finish_reason"] == "length"
    assert tokens_in(choice["message"]["content"]) <= 3
    assert cut("one two", None) == (["one", " two"], False)


def test_every_answer_fits_into_a_test_of_16_tokens() -> None:
    assert all(tokens_in(text) <= 16 for texts in ANSWERS.values() for text in texts)


@pytest.mark.parametrize(
    ("model", "status", "kind", "text"),
    [
        ("nope", 400, "invalid_request_error", "Invalid model name passed in model=nope"),
        ("gpt-4-turbo", 400, "invalid_request_error", "Invalid model name passed in"),
        ("claude-3-opus", 500, "internal_server_error", "Overloaded"),
        ("claude-3.5-sonnet", 401, "authentication_error", "AuthenticationError"),
        ("gpt-3.5-turbo", 429, "all_deployments_in_cooldown", "are in cooldown"),
        ("codellama", 500, "internal_server_error", "Cannot connect to host 127.0.0.1:11434"),
        ("text-embedding-3-small", 400, "invalid_request_error", "not a chat model"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_failures_have_litellms_shape(
    demo: Running, model: str, status: int, kind: str, text: str, stream: bool
) -> None:
    response = await demo.chat(model, stream=stream)
    error = response.json()["error"]
    assert response.status_code == status
    assert set(error) == {"message", "type", "param", "code"}
    assert (error["type"], error["code"]) == (kind, str(status))
    assert text in error["message"]


async def test_a_cooldown_says_when_to_come_back(demo: Running) -> None:
    response = await demo.chat("demo-gpt-3.5-turbo")
    assert response.headers["retry-after"] == "25"
    assert "cooldown_list=['demo-gpt-3.5-turbo']" in response.json()["error"]["message"]


async def test_a_slow_model_runs_into_the_callers_timeout() -> None:
    async with running(pace=1.0) as demo:
        response = await demo.chat("gemini-1.5-pro", timeout=0.05)
    assert response.status_code == 408
    assert "litellm.Timeout" in response.json()["error"]["message"]


async def test_words_are_sent_when_they_are_spoken() -> None:
    async with running(pace=1.0) as demo:
        chat = {"model": "gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "a"}]}
        async with demo.client.stream("POST", "/v1/chat/completions", json=chat) as response:
            received = [chunk async for chunk in response.aiter_raw()]
    assert len(received) > 3, "one piece would mean that the answer was held back"


async def test_one_deployment_is_limited_and_others_are_not() -> None:
    async with running(requests_per_minute=2) as demo:
        codes = [(await demo.chat("gpt-4.1")).status_code for _ in range(3)]
        limited = await demo.chat("gpt-4.1")
        other = await demo.chat("claude-3-haiku")
    assert codes == [200, 200, 429]
    assert limited.json()["error"]["type"] == "throttling_error"
    assert other.status_code == 200


async def test_embeddings(demo: Running) -> None:
    body = {"model": "text-embedding-3-small", "input": ["a", "b"]}
    response = await demo.client.post("/v1/embeddings", json=body)
    answer = response.json()
    assert [entry["index"] for entry in answer["data"]] == [0, 1]
    assert all(isinstance(number, float) for number in answer["data"][0]["embedding"])
    assert answer["usage"]["completion_tokens"] == 0
    assert float(response.headers["x-litellm-response-cost"]) > 0
    bads: tuple[dict[str, object], ...] = (
        {"model": "gpt-4.1"},
        {"input": []},
        {"input": 7},
        {"model": "nope"},
    )
    for bad in bads:
        refused = await demo.client.post("/v1/embeddings", json={**body, **bad})
        assert refused.status_code == 400


async def test_the_same_seed_gives_the_same_answers() -> None:
    spoken = []
    for _ in range(2):
        async with running() as demo:
            answers = [await demo.chat("gpt-4.1") for _ in range(6)]
            spoken.append([a.json()["choices"][0]["message"]["content"] for a in answers])
    assert spoken[0] == spoken[1]
    assert len(set(spoken[0])) == 2
