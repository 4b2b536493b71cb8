"""LiteLLM's own check of a file: `litellm --config FILE --validate_config`.

It finds bad YAML, strategies and models without a name. It does not see an unknown provider, whose
model LiteLLM 1.106.2 drops without a word: so the number of models that it counts is compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from store.checks import redact
from store.errors import AituiError
from store.gateway.answers import one_line
from store.gateway.config_routes import ALIASES, ROUTER, section
from store.gateway.served import aliases_in

DEADLINE_S: Final = 120.0
"""It imports the whole of LiteLLM first: 10 to 20 s on a small machine."""
MAX_OUTPUT: Final = 64 << 10

_COUNT = re.compile(r"config OK \((\d+) models?\)")


def models_in(document: Mapping[Any, Any]) -> int:
    """How many models LiteLLM counts in a file at least: its entries, and again behind each alias.

    `Router.get_model_list` of LiteLLM 1.106.2 lists the deployments of an alias's group once more
    under the alias, unless that is hidden. Routing groups, which it lists too, are left out.
    """
    listed = document.get("model_list")
    sizes = Counter(
        str(entry.get("model_name"))
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(entry, Mapping)
    )
    aliases = aliases_in(section(document, ROUTER).get(ALIASES))
    shown = (alias.target for alias in aliases.values() if not alias.hidden)
    return sizes.total() + sum(sizes[str(target)] for target in shown)


async def validate_file(executable: Path, beside: Path, data: bytes, *, models: int) -> str:
    """Let LiteLLM check `data` as a file beside `beside`; what it said, in a few words.

    `models` is the number that it has to count at least (`models_in`). Raises AituiError where it
    refuses the file, counts fewer, or cannot be run.
    """
    draft = beside.with_name(f".{beside.name}.aitui-check-{os.getpid()}")
    try:
        await asyncio.to_thread(_write, draft, data)
        output, status = await _run(executable, draft)
    except OSError as error:
        raise AituiError(
            f"{error.filename or executable} cannot be used to check the file: {error.strerror}. "
            "Correct gateway.litellm, or leave it out."
        ) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()
    found = _COUNT.search(output)
    if status != 0 or found is None:
        lines = [line for line in output.splitlines() if line.strip()] or [f"exit {status}"]
        raise AituiError(f"LiteLLM refuses the file: {one_line(redact(lines[-1]), 300)}")
    if int(found[1]) < models:
        raise AituiError(
            f"LiteLLM counts {found[1]} models and aliases in the file where there are {models}: "
            "it would drop the rest without a word. Check the providers in the models' litellm "
            "names."
        )
    return f"LiteLLM counts {found[1]} models and aliases"


def _write(path: Path, data: bytes) -> None:
    with open(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(data)


async def _run(executable: Path, path: Path) -> tuple[str, int]:
    process = await asyncio.create_subprocess_exec(
        str(executable),
        "--config",
        str(path),
        "--validate_config",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"},
        cwd=path.parent,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            kept = b""
            while chunk := await process.stdout.read(8192):
                kept = (kept + chunk)[-MAX_OUTPUT:]
            return kept.decode(errors="replace"), await process.wait()
    except TimeoutError:
        raise AituiError(
            f"{executable} did not check the file within {DEADLINE_S:.0f} s. Look at it by hand."
        ) from None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
