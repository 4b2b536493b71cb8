"""A streamed chat answer, read piece by piece within bounds.

Server-sent events as OpenAI and LiteLLM use them: lines `data: {…}`, and `data: [DONE]` last.
https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from store.gateway.answers import NotJson, decode

MAX_LINE = 256 << 10
"""Bytes of one line; a longer one is no chunk of a 16 token answer."""
MAX_EVENTS = 5_000
"""Events that are read; an answer of 16 tokens has some dozens."""
MAX_TEXT = 4_000
"""Characters of the answer that are shown."""
_MAX_KEPT = 2 * MAX_TEXT
"""More than is shown, so that a key which the answer echoes is known before it is cut."""


class ChatStream:
    """What has come of an answer so far. `on_text` is told of each piece that added to it."""

    def __init__(self, on_text: Callable[[], None]) -> None:
        self._on_text = on_text
        self._rest = b""
        self._skipping = False
        self._seen = 0
        self.text = ""
        self.events = 0
        """Chunks in the form of LiteLLM's."""
        self.finished = False
        """Whether the end was announced, so that nothing is missing."""
        self.usage: Mapping[str, object] = {}
        self.error: dict[str, object] | None = None

    def feed(self, chunk: bytes) -> None:
        """Takes the next bytes, cut anywhere."""
        *lines, rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            if self._skipping:
                self._skipping = False
            else:
                self._line(line.strip())
        self._rest = rest
        if len(rest) > MAX_LINE:
            self._rest, self._skipping = b"", True

    def _line(self, line: bytes) -> None:
        if not line.startswith(b"data:") or self._seen >= MAX_EVENTS:
            return
        self._seen += 1
        data = line.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            self.finished = True
            return
        try:
            value = decode(data)
        except NotJson:
            return
        if isinstance(value, dict):
            self._event(value)

    def _event(self, value: dict[str, object]) -> None:
        if value.get("error"):
            self.error = self.error or value
            return
        usage, choices = value.get("usage"), value.get("choices")
        if isinstance(usage, dict):
            self.usage = usage
        if not isinstance(choices, list):
            return
        self.events += 1
        for choice in choices[:1]:
            if isinstance(choice, dict):
                self._choice(choice)

    def _choice(self, choice: dict[str, object]) -> None:
        if choice.get("finish_reason"):
            self.finished = True
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            return
        content = delta.get("content")
        if isinstance(content, str) and content:
            if len(self.text) < _MAX_KEPT:
                self.text = (self.text + content)[:_MAX_KEPT]
                self._on_text()
        elif delta.get("reasoning_content") or delta.get("tool_calls"):
            # The first token of a model that thinks, or calls, before it speaks.
            self._on_text()
