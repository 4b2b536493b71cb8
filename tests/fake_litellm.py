"""A scripted LiteLLM proxy for the gateway's tests: live deployments, and an answer for each.

`FakeLiteLLM`, which loads a configuration file and may lie about it, is in `lying_litellm`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence

from store.domain import Model, Provider
from tests.lying_litellm import KEY as KEY
from tests.lying_litellm import FakeLiteLLM as FakeLiteLLM
from tests.lying_litellm import Lie as Lie
from tests.lying_litellm import main
from tests.scripted_server import Request, Scripted, answer, serve, sse

PROVIDER = Provider(
    "openai", "openai", "OpenAI", "openai", "http://up.test/v1", api_key_env="OPENAI_API_KEY"
)


def model(model_id: str, **changes: object) -> Model:
    """A model of PROVIDER whose name is its id."""
    fields: dict[str, object] = {
        "id": model_id,
        "provider_id": "openai",
        "model_name": model_id,
        "display_name": model_id,
        "litellm_model": f"openai/{model_id}",
    }
    return Model(**(fields | changes))  # type: ignore[arg-type]


def live(model_id: str, **changes: object) -> dict[str, object]:
    """The `/model/info` entry of `model(model_id)`."""
    return {
        "model_name": changes.get("model_name", model_id),
        "litellm_params": {
            "model": changes.get("litellm_model", f"openai/{model_id}"),
            "api_base": changes.get("api_base", "http://up.test/v1"),
        },
        "model_info": {"id": model_id, "mode": changes.get("mode")},
    }


def chunk(text: str | None = None, finish: str | None = None) -> dict[str, object]:
    """One event of a chat stream."""
    delta = {} if text is None else {"content": text}
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def hello(served_by: str) -> bytes:
    """A good streamed answer of 20 and 8 tokens."""
    usage = {"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 8}}
    return sse(
        chunk(""), chunk("Hello"), chunk(" there"), chunk(None, "stop"), usage,
        x_litellm_model_id=served_by,
    )  # fmt: skip


def error(status: int, message: str, kind: str = "", **headers: str) -> bytes:
    """A failure as LiteLLM tells it."""
    body = {"error": {"message": message, "type": kind, "param": None, "code": str(status)}}
    return answer(body, status, **headers)


def short(value: object) -> str | None:
    """A test's id for a parameter: whole answers make unreadable ones."""
    return "sent" if isinstance(value, bytes) else None


@contextlib.asynccontextmanager
async def proxy(
    entries: Sequence[dict[str, object]],
    answers: Mapping[str, bytes] | None = None,
    *,
    delay_s: Mapping[str, float] | None = None,
) -> AsyncIterator[Scripted]:
    """Serves `entries`; a call is answered by `answers` under the model's id, or else its path.

    What is not in `answers` is a good chat answer. Without KEY it refuses as LiteLLM does.
    """

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path == "/health/readiness":
            writer.write(answer({"status": "healthy"}))
            return
        if request.headers.get("authorization") != f"Bearer {KEY}":
            writer.write(error(400, "No connected db.", "no_db_connection"))
            return
        if request.path == "/model/info":
            writer.write(answer({"data": list(entries)}))
            return
        name = str(request.json.get("model")) if request.body else request.path
        await asyncio.sleep((delay_s or {}).get(name, 0))
        known = answers or {}
        writer.write(known[name] if name in known else hello(name))

    async with serve(handle) as scripted:
        yield scripted


if __name__ == "__main__":
    main()
