"""The demo's providers, models and routes: a small team's proxy, with what goes wrong in real life.

Prices are USD per 1,000 tokens. Nothing here is a key: variables are named, never read.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from store.domain import Model, Provider, Route

PROVIDERS = (
    Provider(
        id="demo-vas",
        name="vas",
        display_name="GitHub Copilot",
        litellm_provider="openai",
        api_base_url="https://vas.example.com/v1",
        api_key_env="VAS_API_KEY",
    ),
    Provider(
        id="demo-openai",
        name="openai",
        display_name="OpenAI",
        litellm_provider="openai",
        api_base_url="https://api.openai.com/v1",
        api_key_env="OPENAI_API_KEY",
    ),
    Provider(
        id="demo-gemini",
        name="gemini",
        display_name="Google Gemini",
        litellm_provider="gemini",
        api_key_env="GEMINI_API_KEY",
    ),
    Provider(
        id="demo-anthropic",
        name="anthropic",
        display_name="Anthropic Claude",
        litellm_provider="anthropic",
        api_key_env="ANTHROPIC_API_KEY",
    ),
    # Nobody has named its key's variable yet: the operator still has to configure it.
    Provider(
        id="demo-anthropic-direct",
        name="anthropic-direct",
        display_name="Anthropic",
        litellm_provider="anthropic",
    ),
    # Runs on this machine and needs no key, by design.
    Provider(
        id="demo-ollama",
        name="ollama",
        display_name="Ollama (로컬)",
        litellm_provider="ollama",
        api_base_url="http://127.0.0.1:11434",
    ),
)

KEYLESS_PROVIDER_ID = "demo-anthropic-direct"

VARIABLES = {
    provider.api_key_env: "set-for-the-demo"
    for provider in PROVIDERS
    if provider.api_key_env is not None
}
"""The providers' variables that count as set in the demo. The value is no key: nothing uses it."""

_VAS = (
    Model(
        id="demo-gpt-4.1-vas",
        provider_id="demo-vas",
        model_name="gpt-4.1",
        display_name="GPT-4.1 (GitHub Copilot)",
        litellm_model="openai/gpt-4.1",
        description="GPT-4.1 via VAS - Primary model for all AI features",
        context_window=128_000,
        max_tokens=32_768,
        input_cost_per_1k=Decimal("0.01"),
        output_cost_per_1k=Decimal("0.03"),
        supports_vision=True,
        supports_function_calling=True,
        priority=10,
    ),
    Model(
        id="demo-gpt-4o-vas",
        provider_id="demo-vas",
        model_name="gpt-4o",
        display_name="GPT-4o (GitHub Copilot)",
        litellm_model="openai/gpt-4o",
        description="Shares the name gpt-4o with OpenAI's own: LiteLLM balances between the two",
        context_window=128_000,
        max_tokens=16_384,
        input_cost_per_1k=Decimal("0.005"),
        output_cost_per_1k=Decimal("0.015"),
        supports_vision=True,
        supports_function_calling=True,
        priority=6,
    ),
    Model(
        id="demo-claude-sonnet-4-vas",
        provider_id="demo-vas",
        model_name="claude-sonnet-4",
        display_name="Claude Sonnet 4 (GitHub Copilot)",
        litellm_model="openai/claude-sonnet-4",
        description="Code review and long answers",
        context_window=200_000,
        max_tokens=64_000,
        input_cost_per_1k=Decimal("0.003"),
        output_cost_per_1k=Decimal("0.015"),
        supports_vision=True,
        supports_function_calling=True,
        priority=8,
    ),
)

_OPENAI = (
    Model(
        id="demo-gpt-4o-openai",
        provider_id="demo-openai",
        model_name="gpt-4o",
        display_name="GPT-4o",
        litellm_model="openai/gpt-4o",
        description="OpenAI direct",
        context_window=128_000,
        max_tokens=16_384,
        input_cost_per_1k=Decimal("0.0025"),
        output_cost_per_1k=Decimal("0.01"),
        supports_vision=True,
        supports_function_calling=True,
        priority=7,
    ),
    Model(
        id="demo-gpt-4-turbo",
        provider_id="demo-openai",
        model_name="gpt-4-turbo",
        display_name="GPT-4 Turbo",
        litellm_model="openai/gpt-4-turbo",
        description="Kept until the sketch feature has moved to gpt-4.1",
        context_window=128_000,
        max_tokens=4_096,
        input_cost_per_1k=Decimal("0.01"),
        output_cost_per_1k=Decimal("0.03"),
        supports_vision=True,
        supports_function_calling=True,
        is_enabled=False,
    ),
    Model(
        id="demo-gpt-3.5-turbo",
        provider_id="demo-openai",
        model_name="gpt-3.5-turbo",
        display_name="GPT-3.5 Turbo",
        litellm_model="openai/gpt-3.5-turbo",
        description="Old clients only",
        context_window=16_385,
        max_tokens=4_096,
        input_cost_per_1k=Decimal("0.0005"),
        output_cost_per_1k=Decimal("0.0015"),
        supports_function_calling=True,
        priority=1,
    ),
    Model(
        id="demo-text-embedding-3-small",
        provider_id="demo-openai",
        model_name="text-embedding-3-small",
        display_name="Text Embedding 3 Small",
        litellm_model="openai/text-embedding-3-small",
        description="Search in memos",
        context_window=8_191,
        input_cost_per_1k=Decimal("0.00002"),
        output_cost_per_1k=Decimal("0"),
        supports_streaming=False,
        mode="embedding",
    ),
)

_GEMINI = (
    Model(
        id="demo-gemini-1.5-flash",
        provider_id="demo-gemini",
        model_name="gemini-1.5-flash",
        display_name="Gemini 1.5 Flash",
        litellm_model="gemini/gemini-1.5-flash",
        description="Fast, cheap fallback model",
        context_window=1_000_000,
        max_tokens=8_192,
        input_cost_per_1k=Decimal("0.00035"),
        output_cost_per_1k=Decimal("0.0014"),
        supports_vision=True,
        supports_function_calling=True,
        priority=5,
    ),
    Model(
        id="demo-gemini-1.5-pro",
        provider_id="demo-gemini",
        model_name="gemini-1.5-pro",
        display_name="Gemini 1.5 Pro",
        litellm_model="gemini/gemini-1.5-pro",
        description="Long documents; takes its time",
        context_window=1_000_000,
        max_tokens=8_192,
        input_cost_per_1k=Decimal("0.00125"),
        output_cost_per_1k=Decimal("0.005"),
        supports_vision=True,
        supports_function_calling=True,
        priority=4,
    ),
)

_ANTHROPIC = (
    Model(
        id="demo-claude-3.5-sonnet",
        provider_id="demo-anthropic-direct",
        model_name="claude-3.5-sonnet",
        display_name="Claude 3.5 Sonnet",
        litellm_model="anthropic/claude-3-5-sonnet-20241022",
        description="Waits for a key of its own",
        context_window=200_000,
        max_tokens=8_192,
        input_cost_per_1k=Decimal("0.003"),
        output_cost_per_1k=Decimal("0.015"),
        supports_vision=True,
        supports_function_calling=True,
    ),
    Model(
        id="demo-claude-3-opus",
        provider_id="demo-anthropic",
        model_name="claude-3-opus",
        display_name="Claude 3 Opus",
        litellm_model="anthropic/claude-3-opus-20240229",
        description="Strategy papers, by request only",
        context_window=200_000,
        max_tokens=4_096,
        input_cost_per_1k=Decimal("0.015"),
        output_cost_per_1k=Decimal("0.075"),
        supports_vision=True,
        supports_function_calling=True,
    ),
    Model(
        id="demo-claude-3-haiku",
        provider_id="demo-anthropic",
        model_name="claude-3-haiku",
        display_name="Claude 3 Haiku",
        litellm_model="anthropic/claude-3-haiku-20240307",
        description="Last fallback: small, quick, rarely down",
        context_window=200_000,
        max_tokens=4_096,
        input_cost_per_1k=Decimal("0.00025"),
        output_cost_per_1k=Decimal("0.00125"),
        supports_vision=True,
        supports_function_calling=True,
        priority=3,
    ),
)

_OLLAMA = (
    Model(
        id="demo-llama3",
        provider_id="demo-ollama",
        model_name="llama3",
        display_name="라마 3 (사내 서버)",
        litellm_model="ollama/llama3",
        description="사내 문서 요약용 - 데이터가 회사 밖으로 나가지 않습니다",
        context_window=8_192,
        max_tokens=2_048,
    ),
    Model(
        id="demo-codellama",
        provider_id="demo-ollama",
        model_name="codellama",
        display_name="Code Llama 🦙",
        litellm_model="ollama/codellama",
        description="🚀 Completions for the editor plugin",
        context_window=16_384,
        max_tokens=4_096,
        timeout_seconds=30,
    ),
)

_ALL = (*_VAS, *_OPENAI, *_GEMINI, *_ANTHROPIC, *_OLLAMA)

MODELS = tuple(
    replace(model, position=sum(before.is_enabled for before in _ALL[:index]))
    for index, model in enumerate(_ALL)
)
"""Placed as the proxy's file has them; a model that is switched off is not in that file."""

ROUTES = (
    Route(
        id="demo-route-default",
        name="default",
        description="Every AI feature that asks for nothing else",
        primary_model_id="demo-gpt-4.1-vas",
        fallback_model_ids=("demo-gemini-1.5-flash", "demo-claude-3-haiku"),
        context_window_fallback_ids=("demo-gemini-1.5-pro",),
        is_default=True,
    ),
    Route(
        id="demo-route-long-context",
        name="long-context",
        description="For requests > 32K tokens",
        primary_model_id="demo-gemini-1.5-pro",
    ),
    Route(
        id="demo-route-fast",
        name="fast",
        description="Autocomplete and memo titles",
        primary_model_id="demo-gemini-1.5-flash",
        fallback_model_ids=("demo-claude-3-haiku", "demo-gpt-3.5-turbo"),
    ),
)
