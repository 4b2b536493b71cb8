"""Providers that many use, ready to be added: prefix, base URL and the key's variable.

The variables are those that LiteLLM 1.106.2 looks for itself (`validate_environment` in
`litellm/utils.py`), the prefixes those of https://docs.litellm.ai/docs/providers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from store.domain import Provider
from store.errors import NotFound


@dataclass(frozen=True, slots=True)
class Preset:
    """One provider as it is for everybody. Without a base URL LiteLLM takes the provider's own."""

    name: str
    display_name: str
    litellm_provider: str
    api_key_env: str | None = None
    """The NAME of the key's variable; None where no key is needed."""
    api_base_url: str | None = None
    note: str | None = None
    """What else the operator has to do."""

    def provider(self) -> Provider:
        """A provider to be added; it has no id yet."""
        return Provider(
            id="",
            name=self.name,
            display_name=self.display_name,
            litellm_provider=self.litellm_provider,
            api_base_url=self.api_base_url,
            api_key_env=self.api_key_env,
        )


PRESETS: Final = (
    Preset("openai", "OpenAI", "openai", "OPENAI_API_KEY"),
    Preset("anthropic", "Anthropic", "anthropic", "ANTHROPIC_API_KEY"),
    Preset("gemini", "Google Gemini", "gemini", "GEMINI_API_KEY"),
    Preset(
        "azure",
        "Azure OpenAI",
        "azure",
        "AZURE_API_KEY",
        note="Give the resource's own base URL, e.g. https://NAME.openai.azure.com, and set "
        "AZURE_API_VERSION where LiteLLM runs.",
    ),
    Preset("openrouter", "OpenRouter", "openrouter", "OPENROUTER_API_KEY"),
    Preset("ollama", "Ollama", "ollama", api_base_url="http://127.0.0.1:11434"),
    Preset("groq", "Groq", "groq", "GROQ_API_KEY"),
    Preset("mistral", "Mistral AI", "mistral", "MISTRAL_API_KEY"),
    Preset("deepseek", "DeepSeek", "deepseek", "DEEPSEEK_API_KEY"),
    Preset("xai", "xAI", "xai", "XAI_API_KEY"),
    Preset("together", "Together AI", "together_ai", "TOGETHERAI_API_KEY"),
    Preset("fireworks", "Fireworks AI", "fireworks_ai", "FIREWORKS_AI_API_KEY"),
    Preset("cohere", "Cohere", "cohere", "COHERE_API_KEY"),
    Preset("perplexity", "Perplexity", "perplexity", "PERPLEXITYAI_API_KEY"),
    Preset("cerebras", "Cerebras", "cerebras", "CEREBRAS_API_KEY"),
    Preset("nvidia", "NVIDIA NIM", "nvidia_nim", "NVIDIA_NIM_API_KEY"),
    Preset("huggingface", "Hugging Face", "huggingface", "HUGGINGFACE_API_KEY"),
    Preset(
        "bedrock",
        "Amazon Bedrock",
        "bedrock",
        note="Set AWS credentials and AWS_REGION_NAME where LiteLLM runs.",
    ),
    Preset(
        "vertex",
        "Google Vertex AI",
        "vertex_ai",
        note="Set Google's credentials, VERTEXAI_PROJECT and VERTEXAI_LOCATION where LiteLLM runs.",
    ),
    Preset(
        "vllm",
        "vLLM",
        "hosted_vllm",
        api_base_url="http://127.0.0.1:8000/v1",
        note="Change the base URL if vLLM does not run beside LiteLLM.",
    ),
)


def find_preset(name: str) -> Preset:
    """The preset of that name. Raises NotFound, which lists the names there are."""
    for preset in PRESETS:
        if preset.name == name:
            return preset
    known = ", ".join(preset.name for preset in PRESETS)
    raise NotFound(f"preset: there is no {name!r}. Known: {known}.")
