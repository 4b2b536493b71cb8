"""Signs of health: a shape (or the wireframe's emoji) that always goes with a word."""

from __future__ import annotations

from store.domain import HealthStatus

SHAPES = {
    HealthStatus.HEALTHY: "●",
    HealthStatus.DEGRADED: "▲",
    HealthStatus.DOWN: "✗",
    HealthStatus.UNKNOWN: "○",
}
EMOJI = {
    HealthStatus.HEALTHY: "🟢",
    HealthStatus.DEGRADED: "🟡",
    HealthStatus.DOWN: "🔴",
    HealthStatus.UNKNOWN: "⚪",
}
TONES = {
    HealthStatus.HEALTHY: "good",
    HealthStatus.DEGRADED: "warn",
    HealthStatus.DOWN: "bad",
    HealthStatus.UNKNOWN: "muted",
}


def glyph(status: HealthStatus, style: str = "shapes") -> str:
    """The sign of a status. Shapes are the default: terminals disagree about an emoji's width."""
    return (EMOJI if style == "emoji" else SHAPES)[status]
