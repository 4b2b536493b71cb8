"""Text that is made to do harm in a terminal, and a store full of it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from store.environment import Environment
from store.settings import Settings
from store.store import open_store

MARKER = "hostile"
CLIPBOARD = "\x1b]52;c;aG9zdGlsZQ==\x07"
TITLE = "\x1b]0;hostile-title\x07"
LINK = "\x1b]8;;http://hostile.example\x1b\\link\x1b]8;;\x1b\\"
STRINGS = {
    "osc": f"a{CLIPBOARD}{TITLE}{LINK}b",
    "csi": "a\x1b[2J\x1b[31;5m\x1b[6n\x1b[?1049lb",
    "c1": "a\x9b31m\x9d52;c;aG9zdGlsZQ==\x9c\x90q\x9c\x85b",
    "dcs": "a\x1bP$q\x1b\\\x1b_G\x1b\\\x1b^x\x1b\\\x1bcb",
    "bidi": "a\u202egnp.exe\u202c\u2066\u2067\u2069\u200f\u061cb",
    "markup": "[/nope] [bold red]x[/] [@click=app.exit]hostile-click[/] [link=http://x]y[/link]",
    "lines": "one\ntwo\r\nthree\rfour\u2028five\x0b\x0c\x00six\x08\x08\x7f",
    "long": "x" * 10_000,
    "zalgo": "z" + "\u0301\u0489\u0336" * 200 + "a",
    "wide": "\u2800\u3164\U000e0041\u200d\ufeff라마🦙" * 30,
}
FORBIDDEN = (
    b"\x1b]52",
    b"\x1b]0;hostile",
    b"\x1b]8;",
    b"aG9zdGlsZQ==\x07",
    b"\x1b[31;5m",
    b"\x1b[6n",
    b"\x1bP$q",
    b"\x1b_G",
    b"\x1b^",
    b"\x1bc",
    b"\x00",
    b"\x7f",
    b"\x08",
    b"\x0b",
    b"\x0c",
)
FORBIDDEN_CHARACTERS = frozenset(
    "".join(map(chr, range(0x80, 0xA0)))
    + "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    + "\u200e\u200f\u061c\u2028\u2029\u200d\ufeff"
)


def harm_in(output: bytes) -> list[str]:
    """What of it must never reach a terminal."""
    found = [repr(sequence) for sequence in FORBIDDEN if sequence in output]
    text = output.decode("utf-8", errors="surrogateescape")
    found += [repr(char) for char in sorted(FORBIDDEN_CHARACTERS & set(text))]
    found += [repr(char) for char in sorted(set(text)) if "\udc80" <= char <= "\udcff"]
    return found


def make_store(path: Path) -> None:
    """A store whose every text is hostile, written past every check."""

    async def create() -> None:
        async with open_store(Settings(store_path=path), Environment({})):
            pass

    asyncio.run(create())
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with closing(sqlite3.connect(path)) as database, database:
        for number, (name, text) in enumerate(STRINGS.items()):
            _add(database, number, f"{name} {text}", now)


def add_surrogate(path: Path) -> None:
    """A lone surrogate cannot be bound as text, but a store's file can hold its bytes."""
    with closing(sqlite3.connect(path)) as database, database:
        lone = "CAST(x'61eda080629b5d35323b' AS TEXT)"
        database.execute(f"UPDATE ai_models SET description = {lone} WHERE id = 'm1'")


def _add(database: sqlite3.Connection, number: int, text: str, now: str) -> None:
    database.execute(
        "INSERT INTO ai_providers (id, name, display_name, api_base_url, api_key_env,"
        " litellm_provider, health_status, last_health_check, health_latency_ms, health_reason)"
        " VALUES (?, ?, ?, ?, ?, ?, 'down', ?, 5, ?)",
        (f"p{number}", text, text, text, text, text, now, text),
    )
    database.execute(
        "INSERT INTO ai_models (id, provider_id, model_name, display_name, litellm_model,"
        " description, mode, position, health_status, last_health_check, health_reason)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'down', ?, ?)",
        (f"m{number}", f"p{number}", text, text, text, text, "chat", number, now, text),
    )
    others = json.dumps([f"m{number}", f"gone {text}"])
    database.execute(
        "INSERT INTO ai_routes (id, name, description, routing_strategy, primary_model_id,"
        " fallback_model_ids, context_window_fallback_ids, is_default)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (f"r{number}", text, text, text, f"m{number}", others, others, int(number == 0)),
    )
    hour = int(datetime.now(UTC).timestamp()) // 3600 * 3600
    database.execute(
        "INSERT INTO usage_hourly (bucket, model_id, requests, successes, tokens, cost_nano_usd,"
        " unpriced_requests, latency_ms_sum) VALUES (?, ?, 5, 3, 700, 1000, 1, 900)",
        (hour, f"m{number}"),
    )
