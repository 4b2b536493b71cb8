"""LiteLLM's price map as it comes: read exactly where sound, left out or refused where not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.domain import CatalogEntry
from store.errors import FailureKind, GatewayError
from store.gateway import catalog as catalog_module
from store.gateway.catalog import entries_in, fetch_price_map
from store.gateway.client import Gateway
from tests.scripted_server import Request, answer, serve

FIXTURE = Path(__file__).parent / "fixtures" / "model_cost_map.json"


def entries(body: bytes) -> tuple[CatalogEntry, ...]:
    found = entries_in(body)
    assert isinstance(found, tuple), found
    return found


def one(**fields: object) -> CatalogEntry:
    """The only entry of a map with these fields."""
    (entry,) = entries(json.dumps({"m": {"litellm_provider": "openai", **fields}}).encode())
    return entry


def test_what_the_map_says_is_read() -> None:
    found = {e.litellm_model: e for e in entries(FIXTURE.read_bytes())}
    assert found["gpt-4o"] == CatalogEntry(
        litellm_model="gpt-4o",
        provider="openai",
        mode="chat",
        context_window=128_000,
        max_tokens=16_384,
        input_cost_per_1k=Decimal("0.0025"),
        output_cost_per_1k=Decimal("0.01"),
        supports_vision=True,
        supports_function_calling=True,
        supports_streaming=None,
    )
    assert found["ollama/llama3"].input_cost_per_1k == 0
    assert found["o1-pro"].supports_streaming is False
    assert found["deepseek/deepseek-chat"].supports_streaming is True
    assert found["whisper-1"].mode == "audio_transcription"
    assert found["whisper-1"].input_cost_per_1k is None


def test_the_maps_own_sample_and_rules_are_no_models() -> None:
    names = {e.litellm_model for e in entries(FIXTURE.read_bytes())}
    raw = json.loads(FIXTURE.read_bytes())
    assert set(raw) - names == {"sample_spec", "fallback_generalizations"}


def test_prices_are_exact_to_the_last_digit() -> None:
    raw = json.loads(FIXTURE.read_bytes(), parse_float=Decimal, parse_int=Decimal)
    for found in entries(FIXTURE.read_bytes()):
        told = raw[found.litellm_model]
        for price, field in (
            (found.input_cost_per_1k, "input_cost_per_token"),
            (found.output_cost_per_1k, "output_cost_per_token"),
        ):
            assert price == (None if told.get(field) is None else told[field] * 1000)


@pytest.mark.parametrize(
    ("given", "price"),
    [
        (2e-06, "0.002"),
        (1.5000020000000002e-05, "0.015000020000000002"),
        (5e-324, "5E-321"),
        (0, "0"),
        (-0.0, "0"),
        (1, "1E+3"),
        (-1e-06, None),
        (1e300, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        ("2e-06", None),
        ([2e-06], None),
        (None, None),
    ],
)
def test_a_price_is_a_number_that_can_be_one(given: object, price: str | None) -> None:
    found = one(input_cost_per_token=given)
    assert found.input_cost_per_1k == (None if price is None else Decimal(price))
    assert str(found.input_cost_per_1k) == str(price)


@pytest.mark.parametrize(
    ("given", "window", "answer_limit"),
    [
        ((128_000, 16_384, 16_384), 128_000, 16_384),
        ((None, 8_191, None), 8_191, None),
        ((8_191, 8_191, None), 8_191, None),
        ((200_000, 4_096, None), 200_000, 4_096),
        ((None, 4_096, 4_096), None, 4_096),
        ((4_096, 128_000, None), 4_096, None),
        ((0, 0, 0), None, None),
        ((1e6, "8192", -1), 1_000_000, None),
        ((1.5, True, [1]), None, None),
        ((10**30, float("nan"), float("inf")), None, None),
    ],
)
def test_limits(
    given: tuple[object, object, object], window: int | None, answer_limit: int | None
) -> None:
    window_field, legacy, output = given
    found = one(max_input_tokens=window_field, max_tokens=legacy, max_output_tokens=output)
    assert (found.context_window, found.max_tokens) == (window, answer_limit)


@pytest.mark.parametrize(
    "name", ["", " gpt", "a\nb", "a\x1b]52;c;x\x07", "a\u202eb", "\ud800", "x" * 201]
)
def test_a_name_that_no_model_has_is_left_out(name: str) -> None:
    good = {"litellm_provider": "openai"}
    found = entries(json.dumps({name: good, "good": good}).encode())
    assert [e.litellm_model for e in found] == ["good"]


def test_of_a_name_given_twice_the_last_counts() -> None:
    body = b'{"a": {"litellm_provider": "x"}, "b": 1, "a": {"litellm_provider": "y"}}'
    assert [e.provider for e in entries(body)] == ["y"]


def test_a_number_longer_than_python_reads_spoils_one_field_only() -> None:
    body = b'{"m": {"litellm_provider": "p", "input_cost_per_token": %s, "max_tokens": 8}}'
    (found,) = entries(body % (b"9" * 5_000))
    assert (found.input_cost_per_1k, found.context_window) == (None, 8)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
FIELDS = [
    *("litellm_provider", "mode", "supports_vision", "supports_native_streaming"),
    *("max_input_tokens", "max_tokens", "max_output_tokens"),
    *("input_cost_per_token", "output_cost_per_token"),
]
ENTRY = st.dictionaries(
    st.sampled_from(FIELDS) | st.text(max_size=8),
    JUNK | st.sampled_from(["openai", "chat", 1e-6, 128_000, True]),
    max_size=10,
)
MAPS = st.dictionaries(st.text(max_size=12), ENTRY | JUNK, max_size=8)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60) | MAPS.map(lambda m: json.dumps(m).encode()), st.integers(0, 60))
def test_any_body_is_read_or_refused_in_words(body: bytes, cut: int) -> None:
    for data in (body, body[:cut], body + b"}", b"[" * 20_000, b'{"a":' * 20_000):
        found = entries_in(data)
        assert isinstance(found, str) or all(isinstance(e, CatalogEntry) for e in found)
        assert found != ()
        for entry in () if isinstance(found, str) else found:
            for price in (entry.input_cost_per_1k, entry.output_cost_per_1k):
                assert price is None or (price.is_finite() and price >= 0)
            for count in (entry.context_window, entry.max_tokens):
                assert count is None or count > 0


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (answer({}), "without any model"),
        (answer({"detail": {"error": "no"}}), "without any model"),
        (answer({"a": {"mode": "chat"}}), "without any model"),
        (answer([{"litellm_provider": "x"}]), "not a price map"),
        (answer(b"<!doctype html>", content_type="text/html"), "an HTML page"),
        (answer(b""), "not a price map"),
        (answer(b'{"a": {"litellm_provider": "x"'), "breaks off"),
        (answer(b'{"a": {"litellm_provider": "x"}'), "breaks off"),
        (answer(b'{"a" {}}'), "breaks off"),
        (answer(b'{"a": ' + b"[" * 100_000), "deeply"),
        (answer(b"\xff\xfe"), "not JSON"),
        (answer({"detail": "Not Found"}, 404), "404"),
    ],
    ids=lambda value: "sent" if isinstance(value, bytes) else None,
)
async def test_what_is_no_price_map_is_refused(data: bytes, said: str) -> None:
    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    async with serve(handle) as server:
        gateway = Gateway(server.url, "sk-of-the-tests")
        with pytest.raises(GatewayError) as caught:
            await fetch_price_map(gateway)
        await gateway.aclose()
    assert caught.value.kind is FailureKind.BAD_ANSWER
    assert said in str(caught.value)
    assert "sk-of-the-tests" not in str(caught.value)


def long_map(count: int) -> Iterator[bytes]:
    yield b'{"m":{"litellm_provider":"x"}'
    for number in range(count):
        yield b',"m%d":{"litellm_provider":"x"}' % number
    yield b"}"


def test_more_models_than_there_are_is_no_price_map(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_module, "MAX_ENTRIES", 100)
    assert len(entries_in(b"".join(long_map(99)))) == 100
    assert entries_in(b"".join(long_map(100))) == "a price map of more than 100 models"


async def test_more_bytes_than_the_cap_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_module, "MAP_CAP", 5 << 20)
    padding = b'{"pad":"' + b"x" * (6 << 20) + b'","m":{"litellm_provider":"x"}}'
    sizes: dict[str, Callable[[], bytes]] = {
        "4.5": lambda: padding[:8] + padding[8 + (3 << 19) :],
        "6": lambda: padding,
    }

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(sizes[size]()))

    async with serve(handle) as server:
        gateway = Gateway(server.url, None)
        size = "4.5"
        assert len((await fetch_price_map(gateway)).entries) == 1
        size = "6"
        with pytest.raises(GatewayError, match="more than 5 MiB"):
            await fetch_price_map(gateway)
        await gateway.aclose()
