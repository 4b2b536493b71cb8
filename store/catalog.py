"""The price catalogue: what LiteLLM knows of models, kept in the store, so that it works offline.

It is an observation of the gateway's price map, replaced as a whole; it is not edited, and so has
neither versions nor audit rows.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Final

from store.database import Row, SqliteDatabase, Value
from store.domain import CatalogEntry, CatalogInfo, PriceMap
from store.times import Clock, from_text, to_text

MAX_QUERY: Final = 200
"""Characters of a text that is completed."""
MAX_QUERY_WORDS: Final = 8

_COLUMNS: Final = (
    "litellm_model, provider, mode, context_window, max_tokens, input_cost_per_1k,"
    " output_cost_per_1k, supports_vision, supports_function_calling, supports_streaming"
)


class Catalog:
    """The catalogue's topic of the door. `fetch` asks the gateway; it raises GatewayError."""

    def __init__(
        self, database: SqliteDatabase, clock: Clock, fetch: Callable[[], Awaitable[PriceMap]]
    ) -> None:
        self._database = database
        self._clock = clock
        self._fetch = fetch

    async def lookup(self, litellm_model: str) -> CatalogEntry | None:
        """The entry for a litellm model string, or None. Case does not matter, providers do.

        `openai/gpt-4o` is the map's `gpt-4o`, whose provider is openai; `groq/gpt-4o` is nothing.
        """
        name = _printable(litellm_model).strip()
        folded = [candidate.lower() for candidate in _candidates(name)]
        prefix = name.partition("/")[0] if "/" in name else ""
        marks = ", ".join("?" * len(folded))
        rows = await self._database.all(
            f"SELECT {_COLUMNS}, folded FROM price_catalog WHERE folded IN ({marks})",  # noqa: S608
            folded,
        )
        # The same letters in the same case win over the same letters.
        rows.sort(key=lambda row: (folded.index(row["folded"]), row["litellm_model"] != name))
        for row in rows:
            if not prefix or _seller(prefix) == _seller(row["provider"]):
                return _read(row)
        whole = [row for row in rows if row["folded"] == folded[0]]
        # `standard/1024-x-1024/dall-e-3`: the map's own name, whose first part is no provider.
        return _read(whole[0]) if whole and not await self._is_provider(prefix) else None

    async def _is_provider(self, prefix: str) -> bool:
        rows = await self._database.all("SELECT DISTINCT provider FROM price_catalog")
        return _seller(prefix) in {_seller(row["provider"]) for row in rows}

    async def suggest(self, text: str, limit: int = 20) -> tuple[CatalogEntry, ...]:
        """Entries whose name holds every word of `text`, best first, for completion.

        Best is the whole name, then its beginning (with or without the provider), then the
        beginning of a word, then any place; chat models first, short names first.
        """
        text = _printable(text[:MAX_QUERY]).strip().lower()
        words = list(filter(None, (_words(word) for word in text.split())))[:MAX_QUERY_WORDS]
        if not words or limit < 1:
            return ()
        phrase = " ".join(words)
        holds = " AND ".join(["words LIKE ?"] * len(words))
        rows = await self._database.all(
            f"SELECT {_COLUMNS} FROM price_catalog WHERE {holds} ORDER BY CASE"  # noqa: S608
            " WHEN folded = ? OR words = ? THEN 0"
            " WHEN folded LIKE ? ESCAPE '\\' OR words LIKE ? THEN 1"
            " WHEN words LIKE ? THEN 2"
            f" WHEN {holds} THEN 3 ELSE 4 END,"
            " CASE WHEN mode = 'chat' THEN 0 ELSE 1 END, LENGTH(folded), folded, litellm_model"
            " LIMIT ?",
            [
                *(f"%{word}%" for word in words),
                text,
                f" {phrase}",
                f"{_escaped(text)}%",
                f" {phrase}%",
                f"% {phrase}%",
                *(f"% {word}%" for word in words),
                limit,
            ],
        )
        return tuple(_read(row) for row in rows)

    async def refresh(self) -> CatalogInfo:
        """Ask the gateway for its map and keep that instead of what was kept, at once.

        Raises:
            GatewayError: the map cannot be had; the old one stays.
            StoreError: it cannot be written; the old one stays.
        """
        fetched = await self._fetch()
        now = to_text(self._clock())
        async with self._database.write() as tx:
            await tx.execute("DELETE FROM price_catalog")
            await tx.many(
                f"INSERT INTO price_catalog ({_COLUMNS}, folded, words)"  # noqa: S608
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (_row(entry) for entry in fetched.entries),
            )
            await tx.execute(
                "INSERT INTO price_catalog_info (id, entries, fetched_at, source)"
                " VALUES (1, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET entries = excluded.entries,"
                " fetched_at = excluded.fetched_at, source = excluded.source",
                (len(fetched.entries), now, fetched.source),
            )
        return _info(len(fetched.entries), now, fetched.source)

    async def info(self) -> CatalogInfo | None:
        """How large the catalogue is, of when and from where; None before the first refresh."""
        row = await self._database.one("SELECT entries, fetched_at, source FROM price_catalog_info")
        return None if row is None else _info(row["entries"], row["fetched_at"], row["source"])


_SAME_SELLER: Final = {
    "amazon-nova": "amazon_nova",
    "azure_text": "azure",
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "ollama_chat": "ollama",
    "text-completion-codestral": "codestral",
    "text-completion-openai": "openai",
}
"""Names of LiteLLM for another API of the same seller, at the same prices."""
_FAMILIES: Final = ("vertex_ai", "fireworks_ai")
"""The map writes these with the kind of model behind: `vertex_ai-anthropic_models`."""


def _seller(provider: str) -> str:
    """Whose prices a provider's are, for a prefix of a model string or the map's provider."""
    provider = provider.lower()
    for family in _FAMILIES:
        if provider.startswith((f"{family}-", f"{family}_")):
            return family
    return _SAME_SELLER.get(provider, provider)


_BEDROCK_ROUTE: Final = re.compile(r"(?:converse|invoke|converse_like)/", re.IGNORECASE)
_FINE_TUNED: Final = re.compile(r"(ft:[^:]+):.+", re.IGNORECASE)


def _candidates(name: str) -> Sequence[str]:
    """The names under which the map may hold a model string, the string itself first.

    As LiteLLM looks its prices up, but for its guesses by date and region.
    """
    found = [name]
    prefix, slash, rest = name.partition("/")
    if prefix and slash:
        seller = _seller(prefix)
        found += [rest, f"{seller}/{rest}"]
        if seller == "fireworks_ai":  # its short names
            found.append(f"{seller}/accounts/fireworks/models/{rest}")
        if seller == "bedrock":  # how LiteLLM is to call it, not what it is
            bare = _BEDROCK_ROUTE.sub("", rest, count=1)
            found += [bare, f"{seller}/{bare}"]
    tuned = _FINE_TUNED.fullmatch(rest if slash else name)
    if tuned is not None:  # ft:gpt-4o:my-org:suffix:id costs what ft:gpt-4o does
        found.append(tuned.group(1))
    return list(dict.fromkeys(found))


def _printable(text: str) -> str:
    """Without what no name in the catalogue holds, and SQLite could not be asked for."""
    return "".join(ch for ch in text if ch.isprintable())


def _words(text: str) -> str:
    """Letters and digits, in lower case, one space between: nothing that LIKE takes for a sign."""
    return " ".join("".join(ch if ch.isalnum() else " " for ch in text.lower()).split())


def _escaped(text: str) -> str:
    return re.sub(r"([\\%_])", r"\\\1", text)


def _row(entry: CatalogEntry) -> Sequence[Value]:
    key, seller = entry.litellm_model, _seller(entry.provider)
    named = key if _seller(key.partition("/")[0]) == seller else f"{seller}/{key}"
    return (
        key,
        entry.provider,
        entry.mode,
        entry.context_window,
        entry.max_tokens,
        None if entry.input_cost_per_1k is None else str(entry.input_cost_per_1k),
        None if entry.output_cost_per_1k is None else str(entry.output_cost_per_1k),
        int(entry.supports_vision),
        int(entry.supports_function_calling),
        None if entry.supports_streaming is None else int(entry.supports_streaming),
        key.lower(),
        f" {_words(named)}",
    )


def _read(row: Row) -> CatalogEntry:
    prices = (row["input_cost_per_1k"], row["output_cost_per_1k"])
    read = [None if price is None else Decimal(price) for price in prices]
    streaming = row["supports_streaming"]
    return CatalogEntry(
        litellm_model=row["litellm_model"],
        provider=row["provider"],
        mode=row["mode"],
        context_window=row["context_window"],
        max_tokens=row["max_tokens"],
        input_cost_per_1k=read[0],
        output_cost_per_1k=read[1],
        supports_vision=bool(row["supports_vision"]),
        supports_function_calling=bool(row["supports_function_calling"]),
        supports_streaming=None if streaming is None else bool(streaming),
    )


def _info(entries: int, fetched_at: str, source: str) -> CatalogInfo:
    moment = from_text(fetched_at)
    assert moment is not None
    return CatalogInfo(entries, moment, source)
