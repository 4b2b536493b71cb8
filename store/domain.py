"""The words of the product: providers, models, routes, use and health.

Everything here is a frozen value: it travels between the store, the
gateway and the screen, and no one changes it on the way. Times are aware datetimes in UTC,
money is USD, prices are USD per 1,000 tokens, latencies are milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from store.errors import FailureKind

STRATEGIES = (
    "simple-shuffle",
    "least-busy",
    "latency-based-routing",
    "cost-based-routing",
    "usage-based-routing",
    "usage-based-routing-v2",
    "provider-budget-routing",
    "lar1",
)
"""`routing_strategy` values that LiteLLM 1.106.2 accepts from its file."""

KEYLESS_PROVIDERS = frozenset(
    {"ollama", "ollama_chat", "bedrock", "vertex_ai", "sagemaker", "lm_studio", "llamafile"}
    | {"hosted_vllm", "xinference", "oobabooga", "triton", "vllm", "docker_model_runner", ""}
)
"""Litellm prefixes that work without an API key: local servers, and clouds with credentials of
their own (https://docs.litellm.ai/docs/providers)."""

_CREDENTIALS = ("api_key:", "litellm_credential_name:", "azure_ad_token", "client_secret:")


class HealthStatus(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Health:
    """What the last check saw: latency in ms, a reason where it was not healthy."""

    status: HealthStatus = HealthStatus.UNKNOWN
    checked_at: datetime | None = None
    latency_ms: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """Who serves models: one litellm prefix at one base URL with one key variable."""

    id: str
    name: str
    display_name: str
    litellm_provider: str
    """The prefix of litellm's model strings: `openai`, `anthropic`, `gemini`, …"""
    api_base_url: str | None = None
    """An http(s) URL, or `os.environ/NAME`."""
    api_key_env: str | None = None
    """The NAME of the environment variable that holds the key; never the key."""
    is_enabled: bool = True
    health: Health = Health()
    version: int = 1

    def lacks_key(self, model: Model) -> bool:
        """Whether nothing we know of gives `model` a key, although this kind needs one.

        LiteLLM then looks for the kind's usual variable in the proxy's own environment.
        """
        return (
            self.api_key_env is None
            and self.litellm_provider not in KEYLESS_PROVIDERS
            and not any(name in model.kept for name in _CREDENTIALS)
        )


@dataclass(frozen=True, slots=True)
class Model:
    """One deployment: a group's name (`model_name`) served by one provider's model.

    Several models may share a `model_name`: LiteLLM balances between them.
    """

    id: str
    """Also `model_info.id` in LiteLLM's file, so that a test can pin this deployment."""
    provider_id: str
    model_name: str
    display_name: str
    litellm_model: str
    description: str | None = None
    context_window: int | None = None
    """Tokens; `model_info.max_input_tokens`."""
    max_tokens: int | None = None
    """Tokens of one answer; `model_info.max_output_tokens`."""
    input_cost_per_1k: Decimal | None = None
    """USD per 1,000 tokens. None is unpriced, which is not free."""
    output_cost_per_1k: Decimal | None = None
    supports_vision: bool = False
    supports_streaming: bool = True
    supports_function_calling: bool = False
    is_enabled: bool = True
    priority: int = 0
    mode: str = "chat"
    """`model_info.mode`: chat, embedding, audio_transcription, …"""
    weight: float | None = None
    timeout_seconds: float | None = None
    position: int = 0
    """Order in the file."""
    kept: str = ""
    """The file's whole entry as YAML, so that what is not managed here comes back on export."""
    health: Health = Health()
    version: int = 1

    @property
    def is_priced(self) -> bool:
        return self.input_cost_per_1k is not None or self.output_cost_per_1k is not None


@dataclass(frozen=True, slots=True)
class Route:
    """A primary model and the models that serve when it fails, in order.

    The default route gives the proxy's strategy, retries and timeout. A default route without a
    primary is the chain of every model that has none of its own (`default_fallbacks`).
    """

    id: str
    name: str
    description: str | None = None
    routing_strategy: str = "latency-based-routing"
    primary_model_id: str | None = None
    fallback_model_ids: tuple[str, ...] = ()
    context_window_fallback_ids: tuple[str, ...] = ()
    num_retries: int = 3
    timeout_seconds: float = 120
    is_default: bool = False
    is_enabled: bool = True
    version: int = 1


class RequestStatus(StrEnum):
    SUCCESS = "success"
    ERROR = "error"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class UsageRecord:
    """One request that the proxy served or failed. `dedup_key` names it once and for all."""

    dedup_key: str
    model_id: str
    created_at: datetime
    status: RequestStatus
    request_type: str = "chat"
    route_id: str | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: Decimal | None = None
    """None: unpriced."""
    latency_ms: int = 0
    error_message: str | None = None
    user_id: str | None = None


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """Sums over a set of requests. Cost is integer nano-USD, so that sums are exact."""

    requests: int = 0
    successes: int = 0
    tokens: int = 0
    cost_nano_usd: int = 0
    unpriced_requests: int = 0
    latency_ms_sum: int = 0

    @property
    def errors(self) -> int:
        return self.requests - self.successes

    @property
    def cost_usd(self) -> Decimal:
        return Decimal(self.cost_nano_usd).scaleb(-9)

    @property
    def avg_latency_ms(self) -> float | None:
        return self.latency_ms_sum / self.requests if self.requests else None

    def __add__(self, other: UsageTotals) -> UsageTotals:
        return UsageTotals(
            self.requests + other.requests,
            self.successes + other.successes,
            self.tokens + other.tokens,
            self.cost_nano_usd + other.cost_nano_usd,
            self.unpriced_requests + other.unpriced_requests,
            self.latency_ms_sum + other.latency_ms_sum,
        )


@dataclass(frozen=True, slots=True)
class ModelUsage:
    model_id: str
    model_name: str
    totals: UsageTotals


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One bucket of the trend: the local day (or hour) that begins at `start` (UTC)."""

    start: datetime
    label: str
    totals: UsageTotals


@dataclass(frozen=True, slots=True)
class UsageOverview:
    """A period of use, with the period of the same length before it."""

    start: datetime
    end: datetime
    current: UsageTotals
    previous: UsageTotals
    by_model: tuple[ModelUsage, ...]
    trend: tuple[TrendPoint, ...]
    zone: str


@dataclass(frozen=True, slots=True)
class TestReport:
    """How one model answered one real request through the proxy."""

    __test__ = False  # not a test case, whatever pytest thinks of its name

    model_id: str
    model_name: str
    success: bool
    latency_ms: int
    ttft_ms: int | None = None
    """Time to first token, ms."""
    response: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: Decimal | None = None
    cost_source: str = "unpriced"
    """`proxy`: LiteLLM's own figure; `store`: reckoned from the store's prices; `unpriced`."""
    served_by: str | None = None
    """The deployment (`model_info.id`) that LiteLLM says it used."""
    kind: FailureKind | None = None
    error: str | None = None
    mend: str | None = None
    """What the operator can do about the error."""

    @property
    def health(self) -> HealthStatus:
        """A model that answers is healthy; one that is only held back for now is degraded."""
        if self.success:
            return HealthStatus.HEALTHY
        held_back = (FailureKind.COOLDOWN, FailureKind.RATE_LIMIT)
        return HealthStatus.DEGRADED if self.kind in held_back else HealthStatus.DOWN


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """A provider's check: its status and the reports of its models it rests on."""

    provider_id: str
    status: HealthStatus
    checked_at: datetime
    latency_ms: int | None
    reason: str | None
    reports: tuple[TestReport, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayStatus:
    """How the proxy is doing, for the header and `doctor`."""

    url: str
    reachable: bool
    version: str | None = None
    error: str | None = None
    kind: FailureKind | None = None
    breaker: str = "closed"
    """closed, open or half-open"""
    retry_in_s: float | None = None
    latency_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One change: who, when, what, and the thing before and after it (JSON objects, no keys)."""

    id: int
    change_id: str
    """Shared by the rows of one transaction."""
    at: datetime
    actor: str
    action: str
    entity: str
    entity_id: str
    name: str
    before: dict[str, object] | None
    after: dict[str, object] | None


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do. `warnings` name a path in the file each."""

    source: str
    dry_run: bool
    created: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unchanged: int = 0
    only_in_store: tuple[str, ...] = ()
    warnings: tuple[str, ...] = field(default=())
    secrets_replaced: tuple[str, ...] = ()
    """Variables that now stand where a literal key stood; the operator has to set them."""


@dataclass(frozen=True, slots=True)
class CatalogEntry:
    """What LiteLLM's price map says of one model. None is unknown."""

    litellm_model: str
    """The map's key: `gpt-4o`, `azure/eu/gpt-4o`, `anthropic.claude-3-haiku-20240307-v1:0`."""
    provider: str
    """The map's `litellm_provider`: `openai`, `bedrock_converse`, `vertex_ai-anthropic_models`."""
    mode: str
    """chat, embedding, …; empty where the map does not say."""
    context_window: int | None = None
    """Tokens."""
    max_tokens: int | None = None
    """Tokens of one answer."""
    input_cost_per_1k: Decimal | None = None
    """USD per 1,000 tokens. None is unpriced, or priced otherwise (by picture, by second)."""
    output_cost_per_1k: Decimal | None = None
    supports_vision: bool = False
    supports_function_calling: bool = False
    supports_streaming: bool | None = None
    """Whether the provider streams; where not, LiteLLM cuts the whole answer into a stream."""


@dataclass(frozen=True, slots=True)
class CatalogInfo:
    """The price catalogue as a whole: how many entries, of when (UTC), from which gateway."""

    entries: int
    fetched_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class PriceMap:
    """A proxy's price map, and the URL it came from. No two entries share a `litellm_model`."""

    source: str
    entries: tuple[CatalogEntry, ...]
