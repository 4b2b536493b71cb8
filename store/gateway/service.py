"""The proxy as the door offers it: its status, tests of models, checks of providers.

httpx is imported with the first call, in a thread, so that the screen is painted before.
"""

from __future__ import annotations

import asyncio
import importlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from store.domain import GatewayStatus, Model, PriceMap, Provider, ProviderHealth, TestReport
from store.environment import Environment
from store.models import Models
from store.providers import Providers
from store.settings import Settings
from store.times import Clock

if TYPE_CHECKING:
    from store.gateway.client import Gateway
    from store.gateway.live import Live
    from store.gateway.model_test import TestProgress


class GatewayService:
    """The gateway's topic of the door. What it sees is stored: tests and checks as health.

    In read-only mode tests and checks run all the same, and nothing of them is stored.
    """

    def __init__(
        self,
        settings: Settings,
        environment: Environment,
        clock: Clock,
        providers: Providers,
        models: Models,
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._clock = clock
        self._providers = providers
        self._models = models
        self._gateway: Gateway | None = None
        self._opening = asyncio.Lock()

    async def status(self, *, fresh: bool = False) -> GatewayStatus:
        """How the proxy is doing; never raises. Unless `fresh`, at most 5 s old."""
        return await (await self._client()).status(fresh=fresh)

    async def check_key(self) -> None:
        """Raises GatewayError where the proxy refuses the key, or none is set."""
        await (await self._client()).check_key()

    async def price_map(self) -> PriceMap:
        """What the proxy knows of models and their prices. Raises GatewayError."""
        gateway = await self._client()
        from store.gateway.catalog import fetch_price_map

        return await fetch_price_map(gateway)

    async def test_model(
        self,
        model_id: str,
        *,
        prompt: str | None = None,
        timeout_s: float = 20,
        on_progress: Callable[[TestProgress], None] | None = None,
    ) -> TestReport:
        """Send one real request to that deployment alone, and store how it went.

        Raises:
            NotFound: no such model in the store.
        """
        from store.gateway.model_test import DEFAULT_PROMPT, test_model

        gateway = await self._client()
        model = await self._models.get(model_id)
        provider = await self._providers.get(model.provider_id)
        report = await test_model(
            gateway,
            model,
            provider,
            prompt=prompt or DEFAULT_PROMPT,
            timeout_s=timeout_s,
            on_progress=on_progress,
        )
        await self._record([report], self._clock())
        return report

    async def test_all(
        self, *, concurrency: int = 4, timeout_s: float = 20
    ) -> AsyncGenerator[TestReport, None]:
        """Test every enabled model of every enabled provider, yielding reports as they come.

        Closing the iterator stops the tests that are under way.
        """
        gateway = await self._client()
        from store.gateway.model_test import test_models

        reports = test_models(
            gateway, await self._testable(), concurrency=concurrency, timeout_s=timeout_s
        )
        try:
            async for report in reports:
                await self._record([report], self._clock())
                yield report
        finally:
            await reports.aclose()

    async def count_testable(self) -> int:
        """How many models `test_all` will test."""
        return len(await self._testable())

    async def _testable(self) -> list[tuple[Model, Provider]]:
        from store.gateway.matching import is_wildcard

        providers = {provider.id: provider for provider in await self._providers.all()}
        return [
            (model, providers[model.provider_id])
            for model in await self._models.all()
            if model.is_enabled
            and providers[model.provider_id].is_enabled
            and not is_wildcard(model)
        ]

    async def check_provider(
        self, provider_id: str, *, on_report: Callable[[TestReport], None] | None = None
    ) -> ProviderHealth:
        """Check a provider through its enabled models, and store the result with its time.

        Raises:
            GatewayError: the proxy itself cannot be asked, so nothing is known of the provider.
            NotFound: no such provider in the store.
        """
        gateway = await self._client()
        from store.gateway.health_check import check_provider

        provider = await self._providers.get(provider_id)
        models = [m for m in await self._models.all() if m.provider_id == provider_id]
        result = await check_provider(
            gateway, provider, models, clock=self._clock, on_report=on_report
        )
        await self._record(result.reports, result.checked_at)
        if not self._settings.read_only:
            await self._providers.record_health(result)
        return result

    async def _record(self, reports: Sequence[TestReport], at: datetime) -> None:
        """Store how models answered; in read-only mode it is only shown."""
        if not self._settings.read_only:
            await self._models.record_tests(reports, at)

    def key_is_set(self, provider: Provider) -> bool:
        """Whether the provider's key variable is set here; True where it needs none.

        The proxy's own environment decides in the end: it may run elsewhere.
        """
        return provider.api_key_env is None or self._environment.has(provider.api_key_env)

    async def live(self) -> Live:
        """What the proxy serves now. Raises GatewayError."""
        gateway = await self._client()
        from store.gateway.live import read_live

        return await read_live(gateway)

    def forgive(self) -> None:
        """Ask the proxy again at once: that it was away was our doing."""
        if self._gateway is not None:
            self._gateway.breaker.reset()

    @asynccontextmanager
    async def observer(self) -> AsyncIterator[Gateway]:
        """A client of its own that goes on asking while the proxy is restarted."""
        await self._client()
        from store.gateway.breaker import NoBreaker
        from store.gateway.client import Gateway

        gateway = Gateway(
            self._settings.gateway_url,
            self._environment.get(self._settings.gateway_key_env),
            key_env=self._settings.gateway_key_env,
            breaker=NoBreaker(time.monotonic),
        )
        try:
            yield gateway
        finally:
            await gateway.aclose()

    async def close(self) -> None:
        """Close the connections to the proxy, if there are any."""
        if self._gateway is not None:
            await self._gateway.aclose()

    async def _client(self) -> Gateway:
        async with self._opening:
            if self._gateway is None:
                await asyncio.to_thread(importlib.import_module, "store.gateway.client")
                from store.gateway.client import Gateway

                self._gateway = Gateway(
                    self._settings.gateway_url,
                    self._environment.get(self._settings.gateway_key_env),
                    key_env=self._settings.gateway_key_env,
                )
            return self._gateway
