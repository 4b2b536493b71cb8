"""Names of providers: what a litellm prefix is called, and whose model a bare name is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from store.checks import ENV_REFERENCE

DISPLAY_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ai21": "AI21",
        "anthropic": "Anthropic",
        "anyscale": "Anyscale",
        "aws": "AWS",
        "azure": "Azure OpenAI",
        "azure_ai": "Azure AI",
        "baseten": "Baseten",
        "bedrock": "AWS Bedrock",
        "cerebras": "Cerebras",
        "cloudflare": "Cloudflare Workers AI",
        "codestral": "Codestral",
        "cohere": "Cohere",
        "cohere_chat": "Cohere",
        "custom_openai": "OpenAI-compatible",
        "dashscope": "DashScope",
        "databricks": "Databricks",
        "deepinfra": "DeepInfra",
        "deepseek": "DeepSeek",
        "fireworks_ai": "Fireworks",
        "gemini": "Google Gemini",
        "github": "GitHub Models",
        "github_copilot": "GitHub Copilot",
        "google": "Google",
        "groq": "Groq",
        "hosted_vllm": "Hosted vLLM",
        "huggingface": "Hugging Face",
        "litellm_proxy": "LiteLLM Proxy",
        "llamafile": "llamafile",
        "lm_studio": "LM Studio",
        "mistral": "Mistral",
        "moonshot": "Moonshot",
        "nvidia_nim": "NVIDIA NIM",
        "ollama": "Ollama",
        "ollama_chat": "Ollama",
        "openai": "OpenAI",
        "openai_like": "OpenAI-compatible",
        "openrouter": "OpenRouter",
        "perplexity": "Perplexity",
        "replicate": "Replicate",
        "sagemaker": "AWS SageMaker",
        "sambanova": "SambaNova",
        "text-completion-openai": "OpenAI",
        "together_ai": "Together AI",
        "vertex_ai": "Google Vertex AI",
        "vllm": "vLLM",
        "voyage": "Voyage AI",
        "watsonx": "IBM watsonx",
        "xai": "xAI",
    }
)

_BARE_NAMES: Final = (
    (
        re.compile(
            r"(?:ft:)?(?:gpt-|chatgpt-|o[134](?:$|-)|text-embedding-(?:3|ada)|text-davinci|whisper-"
            r"|dall-e|tts-1|omni-moderation|text-moderation|codex-|computer-use-preview)"
        ),
        "openai",
    ),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gemini-"), "vertex_ai"),
    (re.compile(r"command(?:$|-)"), "cohere"),
    (re.compile(r"mistral-|codestral-"), "mistral"),
    (re.compile(r"deepseek-(?:chat|coder|reasoner)$"), "deepseek"),
)
"""Names without a prefix, whose provider LiteLLM finds in its model lists. `gemini-…` is Vertex AI
there; Google's own API wants the prefix `gemini/`."""

_KEY_ENDINGS: Final = re.compile(
    r"_?(?:API_?KEYS?|ACCESS_KEY|SECRET(?:_KEY)?|API_TOKEN|TOKEN|KEY)$"
)


def infer_provider(litellm_model: str, custom_provider: str | None = None) -> str:
    """The litellm prefix that serves `litellm_model`; empty where only LiteLLM can tell."""
    if custom_provider:
        return custom_provider
    if litellm_model.startswith(ENV_REFERENCE):
        return ""
    prefix, slash, _ = litellm_model.partition("/")
    if slash:
        return prefix
    return next((name for shape, name in _BARE_NAMES if shape.match(litellm_model)), "")


def base_name(litellm_provider: str, api_key_env: str | None) -> str:
    """A provider's short name: from its key's variable (`VAS_API_KEY` is vas), else its prefix."""
    from_key = _slug(_KEY_ENDINGS.sub("", (api_key_env or "").upper()))
    return from_key or _slug(litellm_provider) or "provider"


def display_name(litellm_provider: str, name: str) -> str:
    """What people call it: `anthropic` is Anthropic. `name` is what `base_name` gave."""
    generic = litellm_provider in ("", "openai", "custom_openai", "openai_like")
    known = None if generic else DISPLAY_NAMES.get(litellm_provider)
    if known is not None:
        return known
    found = DISPLAY_NAMES.get(name.replace("-", "_"))
    if found is not None:
        return found
    words = name.replace("_", "-").split("-")
    return " ".join(word.upper() if len(word) <= 3 else word.capitalize() for word in words)


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
