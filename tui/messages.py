"""What widgets tell the app. Small, and a burst of the same kind is one."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message


@dataclass
class StoreChanged(Message):
    """Somebody, in this process or another, committed a change: read again."""

    def can_replace(self, message: Message) -> bool:
        return isinstance(message, StoreChanged)


@dataclass
class ToggleRequested(Message):
    """Enable or disable a thing, as it was seen at `version`."""

    topic: str
    """providers, models or routes"""
    thing_id: str
    name: str
    enabled: bool
    version: int


@dataclass
class DefaultRequested(Message):
    """Make a route the default one."""

    route_id: str


@dataclass
class TestRequested(Message):
    """Send one model a real request, and show how it goes."""

    __test__ = False
    model_id: str
    model_name: str


@dataclass
class TestAllRequested(Message):
    """Test every enabled model."""


@dataclass
class CheckRequested(Message):
    """Check the health of these providers."""

    provider_ids: tuple[str, ...]
