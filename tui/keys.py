"""Keys in turn: typed ahead over a slow line, each acts where the one before has led.

Textual gives every key of a burst to the widget that has the focus when the burst arrives, so
`/q` would ask for the search and then quit, and a tab between two fields would come after all the
letters behind it. Here a key waits until the one before it has been used or has found no use.
"""

from __future__ import annotations

from collections import deque
from typing import Final
from weakref import WeakKeyDictionary

from textual import events
from textual.app import App
from textual.dom import DOMNode
from textual.message import Message
from textual.message_pump import MessagePump

LOST_S: Final = 0.5
"""After so long a key is given up: the widget that had it is gone."""


class KeysInTurn(App[None]):
    """An app that gives out a key when the one before has had its turn."""

    def __init__(self) -> None:
        super().__init__()
        self._sent_to: WeakKeyDictionary[events.Key, DOMNode] = WeakKeyDictionary()
        self._key: events.Key | None = None
        """The key whose turn it is."""
        self._returning: events.Key | None = None
        self._waiting: deque[events.Key | events.Paste] = deque()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and event.is_forwarded:
            await self._back(event)
        elif isinstance(event, events.Key | events.Paste) and not event.is_forwarded:
            if self._key is None and not self._waiting:
                await self._send(event)
            else:
                self._waiting.append(event)
        else:
            await super().on_event(event)

    async def _send(self, event: events.Key | events.Paste) -> None:
        """Give the event to whatever has the focus now."""
        if isinstance(event, events.Key):
            self._key = event
            self._sent_to[event] = self.focused or self.screen
            self._watch(event)
        await super().on_event(event)
        if isinstance(event, events.Key):
            if event.is_forwarded:
                self.set_timer(LOST_S, lambda: self._next(event))
            else:
                self._next(event)

    async def _back(self, event: events.Key) -> None:
        """No widget used the key, so it is for the bindings, unless the focus has moved."""
        target = self.focused or self.screen
        if self._sent_to.get(event, target) is not target and self._key is event:
            await self._send(event.copy())
            return
        await super().on_event(event)
        self._next(event)

    def _next(self, event: events.Key) -> None:
        """The key's turn is over. What it asked for, such as another focus, comes first."""
        if self._key is event:
            self._key = None
            self.call_later(self._take)

    async def _take(self) -> None:
        while self._waiting and self._key is None:
            await self._send(self._waiting.popleft())

    def _watch(self, event: events.Key) -> None:
        """Notice when a widget uses the key, and when the key comes back unused.

        Textual stops a message on its last step to where it came from, too.
        """
        stop, bubble = event.stop, event._bubble_to

        def stopped(stopping: bool = True) -> Message:
            if stopping:
                self.call_later(self._used, event)
            return stop(stopping)

        def bubbled(widget: MessagePump) -> None:
            if widget is self:
                self._returning = event
            bubble(widget)

        event.stop = stopped  # type: ignore[method-assign, assignment]
        event._bubble_to = bubbled  # type: ignore[method-assign]

    def _used(self, event: events.Key) -> None:
        if self._returning is not event:
            self._next(event)
