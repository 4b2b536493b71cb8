"""A streamed answer, cut anywhere, damaged, or endless."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from store.gateway.sse import MAX_LINE, MAX_TEXT, ChatStream
from tests.fake_litellm import chunk, hello
from tests.scripted_server import sse


@given(st.lists(st.integers(1, 40)))
def test_a_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    data = hello("a").partition(b"\r\n\r\n")[2]
    stream = ChatStream(lambda: None)
    for size in cuts:
        stream.feed(data[:size])
        data = data[size:]
    stream.feed(data)
    assert (stream.text, stream.finished) == ("Hello there", True)
    assert stream.usage == {"prompt_tokens": 20, "completion_tokens": 8}


@given(st.lists(st.binary(max_size=200)))
def test_no_bytes_crash_a_stream(pieces: list[bytes]) -> None:
    stream = ChatStream(lambda: None)
    for piece in pieces:
        stream.feed(b"data: " + piece + b"\n")
        stream.feed(piece)


def test_a_stream_is_bounded() -> None:
    stream = ChatStream(lambda: None)
    for _ in range(64):
        stream.feed(b"data: " + b"x" * 60_000)
        assert len(stream._rest) <= MAX_LINE
    stream.feed(b"\n")
    for _ in range(10):
        stream.feed(sse(chunk("y" * 1_000), done=False).partition(b"\r\n\r\n")[2])
    assert set(stream.text) == {"y"}
    assert MAX_TEXT <= len(stream.text) <= 2 * MAX_TEXT
