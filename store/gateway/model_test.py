"""Models tested: one, or many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from store.domain import Model, Provider, TestReport
from store.gateway.answers import MAX_SENTENCE
from store.gateway.client import Gateway
from store.gateway.failures import Failure, ProxyError
from store.gateway.matching import match
from store.gateway.model_request import ModelRequest, failed
from store.gateway.model_request import TestProgress as TestProgress

DEFAULT_PROMPT = "Say hello in five words."


async def test_model(
    gateway: Gateway,
    model: Model,
    provider: Provider,
    *,
    prompt: str = DEFAULT_PROMPT,
    timeout_s: float = 20,
    on_progress: Callable[[TestProgress], None] | None = None,
) -> TestReport:
    """How `model` answers `prompt` through the proxy. Failures are in the report, never raised.

    `timeout_s` is for the model; looking its deployment up has the proxy's own deadline.
    """
    started = gateway.clock()
    try:
        live = match(model, provider, await gateway.deployments())
        request = ModelRequest(gateway, model, provider, live, prompt, timeout_s, on_progress)
        return await request.run()
    except ProxyError as error:
        elapsed_ms = round((gateway.clock() - started) * 1000)
        what = gateway.shown(error.what, MAX_SENTENCE)
        return failed(model, Failure(error.kind, what, error.mend), elapsed_ms)


async def test_models(
    gateway: Gateway,
    pairs: Sequence[tuple[Model, Provider]],
    *,
    concurrency: int = 4,
    prompt: str = DEFAULT_PROMPT,
    timeout_s: float = 20,
) -> AsyncGenerator[TestReport, None]:
    """The reports as they come in, `concurrency` tests at a time.

    Ending the iteration stops what is under way: put `contextlib.aclosing` around it, so that it
    has ended when you go on.
    """
    waiting = iter(pairs)
    running: set[asyncio.Task[TestReport]] = set()

    def start_next() -> None:
        pair = next(waiting, None)
        if pair is not None:
            test = test_model(gateway, *pair, prompt=prompt, timeout_s=timeout_s)
            running.add(asyncio.create_task(test))

    try:
        for _ in range(max(1, concurrency)):
            start_next()
        while running:
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                running.discard(task)
                start_next()
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


# pytest collects functions of these names that a test module imports.
test_model.__test__ = False  # type: ignore[attr-defined]
test_models.__test__ = False  # type: ignore[attr-defined]
