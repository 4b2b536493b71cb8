"""The pretend providers behind the pretend proxy: who serves, how long it takes, how it ends."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from decimal import Decimal
from random import Random

from store.checks import per_token_from_1k
from store.demo import shapes
from store.demo.answers import ANSWERS, BEHAVIOURS, DEFAULT_ANSWERS, Behaviour, Trouble
from store.demo.served import Deployment, Served
from store.demo.wire import Reply

_WINDOW_S = 60.0
_HEALTHY = Behaviour()


class Upstream:
    """One run's deployments. `pace` multiplies every delay; 0 answers at once."""

    def __init__(self, rng: Random, *, pace: float, requests_per_minute: int) -> None:
        self._rng = rng
        self._pace = pace
        self._limit = requests_per_minute
        self._calls: defaultdict[str, deque[float]] = defaultdict(deque)

    def find(self, served: Served, name: object) -> Deployment | None:
        """The deployment of that id, or one of the group of that name or alias."""
        if not isinstance(name, str):
            return None
        found = [each for each in served.deployments if each.id == name]
        found = found or list(served.group(name))
        return self._rng.choice(found) if found else None

    def call_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def answer(self, model: Deployment) -> str:
        return self._rng.choice(ANSWERS.get(model.id, DEFAULT_ANSWERS))

    def vector(self, size: int) -> list[float]:
        return [round(self._rng.uniform(-0.1, 0.1), 6) for _ in range(size)]

    async def begin(self, model: Deployment, timeout_s: float) -> Reply | None:
        """Wait for the first token. The failure to answer with, or None."""
        behaviour = BEHAVIOURS.get(model.id, _HEALTHY)
        wait_s = self._rng.uniform(*behaviour.first_token_s) * self._pace
        if wait_s > timeout_s:
            await asyncio.sleep(timeout_s)
            return shapes.timed_out(model, timeout_s)
        await asyncio.sleep(wait_s)
        if behaviour.trouble is not None:
            return shapes.trouble(model, behaviour.trouble)
        return shapes.rate_limited() if self._is_over_limit(model) else None

    async def words(self, model: Deployment, words: list[str]) -> AsyncIterator[str]:
        """The words of an answer, each when it is spoken."""
        behaviour = BEHAVIOURS.get(model.id, _HEALTHY)
        for index, word in enumerate(words):
            if index:
                await asyncio.sleep(self._rng.uniform(*behaviour.word_s) * self._pace)
            yield word

    async def check(self, model: Deployment) -> Reply | None:
        """A health check's call. A cooldown does not stop it: it goes past the router."""
        behaviour = BEHAVIOURS.get(model.id, _HEALTHY)
        await asyncio.sleep(self._rng.uniform(*behaviour.first_token_s) * self._pace)
        if behaviour.trouble in (None, Trouble.COOLDOWN):
            return None
        return shapes.trouble(model, behaviour.trouble)

    def _is_over_limit(self, model: Deployment) -> bool:
        now = asyncio.get_running_loop().time()
        calls = self._calls[model.id]
        while calls and calls[0] <= now - _WINDOW_S:
            calls.popleft()
        if len(calls) >= self._limit:
            return True
        calls.append(now)
        return False


def cost(model: Deployment, prompt_tokens: int, completion_tokens: int) -> Decimal | None:
    """USD of one request, or None for an unpriced model."""
    if not model.is_priced:
        return None
    return per_token_from_1k(model.input_cost_per_1k or Decimal(0)) * prompt_tokens + (
        per_token_from_1k(model.output_cost_per_1k or Decimal(0)) * completion_tokens
    )
