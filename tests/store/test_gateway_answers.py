"""LiteLLM's error texts into sentences and kinds. The texts are as LiteLLM 1.106.2 wrote them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.errors import FailureKind
from store.gateway.answers import (
    MAX_SENTENCE,
    NotJson,
    clean,
    decode,
    error_in,
    error_of,
    one_line,
)
from store.gateway.deployments import LiveDeployment, deployments_in
from store.gateway.failures import classify, is_key_refusal
from tests.fake_litellm import PROVIDER, live, model

PREFIX = "InternalServerError: OpenAIException - "
ANTHROPIC = (
    "litellm.AuthenticationError: AnthropicException - "
    'b\'{"type":"error","error":{"type":"authentication_error","message":"invalid x-api-key"}}\''
)
GEMINI = (
    'litellm.BadRequestError: GeminiException - {"error": {"code": 400, "message": '
    '"API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT"}}'
)
COOLDOWN = (
    "No deployments available for selected model, Try again in 20 seconds. All deployments for "
    "selected model are in cooldown. Passed model=m. pre-call-checks=False, cooldown_list=['d']"
)
SLOW = (
    "litellm.Timeout: APITimeoutError - Request timed out. Error_str: Request timed out. - timeout "
    "value=2.0, time taken=2.02 seconds\n\nDeployment Info: request_timeout: None\ntimeout: 2.0"
)
BUDGET = (
    "No deployments available - crossed budget: Exceeded budget for deployment model_name: b, "
    "litellm_params.model: openai/gpt-4o, model_id: d: 0.00025 >= 1d\n"
)
CONTEXT = (
    "litellm.ContextWindowExceededError: litellm.BadRequestError: ContextWindowExceededError: "
    "OpenAIException - This model's maximum context length is 8192 tokens."
)
POLICY = (
    "litellm.BadRequestError: litellm.ContentPolicyViolationError: ContentPolicyViolationError: "
    "OpenAIException - The response was filtered."
)
OLLAMA = (
    "litellm.APIConnectionError: OllamaException - Cannot connect to host REDACTED:2 "
    "ssl:<ssl.SSLContext object at 0x7fc1a218e9f0> [Connect call failed ('REDACTED', 2)]"
)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            f"litellm.InternalServerError: {PREFIX}The server had an error",
            "The server had an error",
        ),
        (ANTHROPIC, "invalid x-api-key"),
        (GEMINI, "API key not valid. Please pass a valid API key."),
        (CONTEXT, "This model's maximum context length is 8192 tokens."),
        (POLICY, "The response was filtered."),
        (
            SLOW,
            "Request timed out. - timeout value=2.0, time taken=2.02 seconds",
        ),
        (
            "litellm.BadRequestError: OpenAIException - not found\nstack trace: Traceback (most "
            'recent call last):\n  File "/opt/x.py", line 1, in f\n',
            "not found",
        ),
        (
            f"litellm.InternalServerError: {PREFIX}Boom. Received Model Group=gpt-4.1\nAvailable "
            "Model Group Fallbacks=None LiteLLM Retried: 1 times",
            "Boom.",
        ),
        (OLLAMA, "Cannot connect to host REDACTED:2 [Connect call failed ('REDACTED', 2)]"),
    ],
)
def test_the_useful_sentence_is_taken_out(raw: str, expected: str) -> None:
    assert clean(raw) == expected


@pytest.mark.parametrize(
    ("status", "raw", "kind_of", "expected"),
    [
        (401, ANTHROPIC, "authentication_error", FailureKind.WRONG_KEY),
        (400, GEMINI, "invalid_request_error", FailureKind.WRONG_KEY),
        (
            500,
            f"litellm.InternalServerError: {PREFIX}Missing credentials. Please pass an `api_key`",
            "internal_server_error",
            FailureKind.WRONG_KEY,
        ),
        (429, COOLDOWN, "all_deployments_in_cooldown", FailureKind.COOLDOWN),
        (429, BUDGET, "internal_server_error", FailureKind.RATE_LIMIT),
        (
            429,
            "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached",
            "throttling_error",
            FailureKind.RATE_LIMIT,
        ),
        (408, SLOW, "invalid_request_error", FailureKind.TIMEOUT),
        (400, CONTEXT, "invalid_request_error", FailureKind.CONTEXT_WINDOW),
        (400, POLICY, "invalid_request_error", FailureKind.CONTENT_POLICY),
        (500, OLLAMA, "internal_server_error", FailureKind.UPSTREAM),
        (
            404,
            "litellm.NotFoundError: OpenAIException - The model does not exist",
            "invalid_request_error",
            FailureKind.UNKNOWN_MODEL,
        ),
        (
            400,
            "/chat/completions: Invalid model name passed in model=nope. Call `/v1/models`",
            "invalid_request_error",
            FailureKind.UNKNOWN_MODEL,
        ),
        (
            400,
            "litellm.BadRequestError: You passed in model=nope. There are no healthy deployments "
            "for this model",
            "invalid_request_error",
            FailureKind.UNKNOWN_MODEL,
        ),
        (500, "litellm.InternalServerError: Boom", "", FailureKind.UPSTREAM),
    ],
)
def test_kinds_are_told_apart(status: int, raw: str, kind_of: str, expected: FailureKind) -> None:
    error = error_in({"error": {"message": raw, "type": kind_of, "code": str(status)}})
    assert error is not None
    assert not is_key_refusal(status, error)
    failure = classify(status, error, model("m"), PROVIDER)
    assert failure.kind is expected
    assert failure.error
    assert failure.mend
    if expected is FailureKind.WRONG_KEY:
        assert "OPENAI_API_KEY" in failure.mend
    if expected is FailureKind.COOLDOWN:
        assert "20 s" in failure.mend


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, {"error": {"message": "No connected db.", "type": "no_db_connection"}}),
        (401, {"error": {"message": "Authentication Error, No api key passed in.", "type": "x"}}),
        (401, {"error": {"message": "Invalid proxy server token passed", "type": "auth_error"}}),
        (403, {"error": {"message": "key not allowed to access model.", "type": "x"}}),
    ],
)
def test_the_proxys_own_refusal_of_our_key(status: int, body: dict[str, object]) -> None:
    assert is_key_refusal(status, error_in(body))


def test_a_providers_401_is_not_about_our_key() -> None:
    error = error_in({"error": {"message": ANTHROPIC, "type": "auth_error"}})
    assert not is_key_refusal(401, error)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "empty"),
        (b"  <!DOCTYPE html><p>hi", "HTML"),
        (b"Internal Server Error", "not JSON"),
        (b"[" * 200_000, "deeply"),
        (b'{"a":' * 100_000, "deeply"),
        (b"\xff\xfe\x00", "not JSON"),
    ],
)
def test_what_is_not_json_is_named(body: bytes, what: str) -> None:
    with pytest.raises(NotJson, match=what):
        decode(body)
    assert error_of(body) is None


def test_deep_json_inside_an_error_text_is_survived() -> None:
    assert clean("litellm.X: " + '{"a":' * 50_000 + "1" + "}" * 50_000)


@given(st.text(max_size=2_000), st.text(min_size=8, max_size=40).filter(lambda s: s.strip() == s))
def test_a_sentence_is_one_short_printable_line_without_the_key(text: str, key: str) -> None:
    shown = clean(f"litellm.InternalServerError: {text}{key} {text}", (key,))
    assert len(shown) <= MAX_SENTENCE
    assert all(ch.isprintable() for ch in shown)
    assert key not in shown or key in "[redacted]"


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=20))
def test_no_shape_of_error_is_a_crash(value: object) -> None:
    for body in (value, {"error": value}, {"detail": value}, {"error": {"message": value}}):
        error_in(body)


def test_keys_are_redacted() -> None:
    shown = clean("Incorrect API key provided: sk-proj-abcdef123456", ())
    assert "abcdef" not in shown
    assert one_line("a\x1b]52;c;x\x07b\r\nc") == "a ]52;c;x b c"


def info(*entries: object) -> bytes:
    return json.dumps({"data": list(entries)}).encode()


def test_deployments_are_read() -> None:
    found = deployments_in(info(live("a", mode="embedding"), live("b", api_base=None)))
    assert found == (
        LiveDeployment("a", "a", "openai/a", "http://up.test/v1", "embedding"),
        LiveDeployment("b", "b", "openai/b", None, None),
    )
    assert deployments_in(info()) == ()
    assert deployments_in(b'{"other": 1, "data": []}') == ()


def test_user_and_password_of_an_api_base_do_not_travel() -> None:
    found = deployments_in(info(live("a", api_base="https://me:secret@h.test/v1?a=b")))
    assert isinstance(found, tuple)
    assert found[0].api_base == "https://h.test/v1?a=b"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"data": {}}',
        b"[1]",
        b'{"data": [{}',
        b'{"data": [{} {}]}',
        b'{"data": [' + b"[" * 100_000,
        b'{"data": [\xff]}',
    ],
)
def test_what_is_no_list_of_deployments_is_said(body: bytes) -> None:
    assert isinstance(deployments_in(body), str)


@given(st.lists(st.dictionaries(st.sampled_from(["model_name", "litellm_params"]), st.integers())))
def test_entries_of_another_shape_are_left_out(entries: list[dict[str, int]]) -> None:
    assert deployments_in(info(*entries, live("a"))) == deployments_in(info(live("a")))
