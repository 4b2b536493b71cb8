"""Providers: who serves models, and how their last health checks went."""

from __future__ import annotations

from store.database import Row, Value
from store.domain import Health, HealthStatus, Provider, ProviderHealth
from store.errors import NotFound
from store.times import from_text, to_text
from store.topic import Table, Topic, read_health


def _read(row: Row) -> Provider:
    return Provider(
        id=row["id"],
        name=row["name"],
        display_name=row["display_name"],
        litellm_provider=row["litellm_provider"],
        api_base_url=row["api_base_url"],
        api_key_env=row["api_key_env"],
        is_enabled=bool(row["is_enabled"]),
        health=read_health(row),
        version=row["version"],
    )


def _columns(provider: Provider) -> dict[str, Value]:
    return {
        "name": provider.name,
        "display_name": provider.display_name,
        "litellm_provider": provider.litellm_provider,
        "api_base_url": provider.api_base_url,
        "api_key_env": provider.api_key_env,
        "is_enabled": int(provider.is_enabled),
    }


class Providers(Topic[Provider]):
    """The providers' topic of the door."""

    table = Table("ai_providers", "provider", "display_name, id", _read, _columns)

    async def find(self, name: str) -> Provider:
        """The provider of that name or id. Raises NotFound, which lists the names there are."""
        providers = await self.all()
        for provider in providers:
            if name in (provider.name, provider.id):
                return provider
        known = ", ".join(provider.name for provider in providers) or "none yet"
        raise NotFound(f"provider: there is no {name!r}. Known: {known}.")

    async def record_health(self, report: ProviderHealth) -> None:
        """Store a check's result, and add it to the provider's history of checks.

        A check is an observation: it neither changes the version nor the audit log.
        """
        checked_at = to_text(report.checked_at)
        async with self._database.write() as tx:
            await tx.execute(
                "UPDATE ai_providers SET health_status = ?, last_health_check = ?,"
                " health_latency_ms = ?, health_reason = ? WHERE id = ?",
                (report.status, checked_at, report.latency_ms, report.reason, report.provider_id),
            )
            await tx.execute(
                "INSERT INTO health_checks (provider_id, checked_at, status, latency_ms, reason)"
                " VALUES (?, ?, ?, ?, ?)",
                (report.provider_id, checked_at, report.status, report.latency_ms, report.reason),
            )

    async def checks(self, provider_id: str, limit: int = 30) -> tuple[Health, ...]:
        """The provider's last checks, the newest first."""
        rows = await self._database.all(
            "SELECT * FROM health_checks WHERE provider_id = ?"
            " ORDER BY checked_at DESC, id DESC LIMIT ?",
            (provider_id, limit),
        )
        return tuple(
            Health(
                HealthStatus(row["status"]),
                from_text(row["checked_at"]),
                row["latency_ms"],
                row["reason"],
            )
            for row in rows
        )
