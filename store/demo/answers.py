"""What the pretend models say, and how each of them behaves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

ANSWERS: dict[str, tuple[str, ...]] = {
    "demo-gpt-4.1-vas": ("Hello! GPT-4.1 here, all systems normal.", "Yes, I can hear you."),
    "demo-gpt-4o-vas": ("Hi there! Served to you through VAS.", "Ready when you are."),
    "demo-claude-sonnet-4-vas": ("Hello! Sonnet 4 is listening.", "Good to hear from you."),
    "demo-gpt-4o-openai": ("Hello! How can I help you today?", "Pong. Straight from OpenAI."),
    "demo-gemini-1.5-flash": ("Hi! Quick as a flash.", "Here, and already done."),
    "demo-gemini-1.5-pro": ("Hello. I read slowly, but I read all of it.",),
    "demo-claude-3-haiku": ("The gateway hums. / Every light is green today. / Hello.",),
    "demo-llama3": ("안녕하세요! 사내 서버의 라마입니다. 무엇을 도와드릴까요?",),
}
DEFAULT_ANSWERS = ("Hello from the demo.",)


class Trouble(Enum):
    """How a model of the demo misbehaves."""

    OVERLOADED = auto()
    COOLDOWN = auto()
    WRONG_KEY = auto()
    UNREACHABLE = auto()


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One deployment's ways. Times in seconds, from the least to the most."""

    first_token_s: tuple[float, float] = (0.15, 0.6)
    word_s: tuple[float, float] = (0.02, 0.04)
    trouble: Trouble | None = None


BEHAVIOURS = {
    "demo-gemini-1.5-pro": Behaviour(first_token_s=(2.5, 2.7), word_s=(0.05, 0.09)),
    "demo-claude-3-opus": Behaviour(trouble=Trouble.OVERLOADED),
    "demo-gpt-3.5-turbo": Behaviour(first_token_s=(0.02, 0.04), trouble=Trouble.COOLDOWN),
    "demo-claude-3.5-sonnet": Behaviour(trouble=Trouble.WRONG_KEY),
    "demo-codellama": Behaviour(first_token_s=(0.02, 0.06), trouble=Trouble.UNREACHABLE),
    "demo-text-embedding-3-small": Behaviour(first_token_s=(0.08, 0.2)),
}
"""Deployments that differ from the healthy ones."""


def tokens_in(text: str) -> int:
    """About how many tokens a text has: one for four characters."""
    return max(1, round(len(text) / 4))


def cut(text: str, max_tokens: int | None) -> tuple[list[str], bool]:
    """The words (with the space before them) that fit, and whether any were left out."""
    words = [word if n == 0 else f" {word}" for n, word in enumerate(text.split(" "))]
    if max_tokens is None:
        return words, False
    kept: list[str] = []
    for word in words:
        if kept and tokens_in("".join([*kept, word])) > max_tokens:
            return kept, True
        kept.append(word)
    return kept, False
