"""What an apply works with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from store.database import Transaction
from store.gateway.client import Gateway
from store.gateway.reload import Reloader
from store.plans import Step
from store.revisions import Revisions

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tools:
    """What an apply works with."""

    revisions: Revisions
    gateway: Gateway
    """One that goes on asking while the proxy is away."""
    reloader: Reloader
    settle: Callable[[Transaction], Awaitable[None]] | None
    """What goes along once it is served: in the transaction that closes the journal."""
    on_step: Callable[[Step], None]
    verify_timeout_s: float
    stop: asyncio.Event
    """Set by an operator who wants it stopped: then it is undone, with proof."""
    check: Callable[[Say], Awaitable[str]] | None = None
    """What has to hold before anything is written, besides the reload; says what it found."""
    smoke: Callable[[Say], Awaitable[str]] | None = None
    """The test requests afterwards; None where they were not asked for."""
