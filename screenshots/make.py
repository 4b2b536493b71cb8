"""The README's pictures: `python -m screenshots.make` draws them anew from the demo.

Everything that would differ from one run to the next is fixed: the clock, the time zone, the
size, the proxy's state and the test's figures. So a picture changes only when the screen does.
"""

from __future__ import annotations

import asyncio
import html
import os
import re
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from rich.cells import cell_len
from textual.pilot import Pilot

from store.domain import GatewayStatus, TestReport
from store.environment import Environment
from store.settings import Settings
from tui.app import AituiApp
from tui.modals.plan import PlanScreen
from tui.modals.test_model import TestModelScreen
from tui.widgets.header import HeaderBar

FOLDER = Path(__file__).parent
NOW = datetime(2026, 3, 18, 6, 30, tzinfo=UTC)
"""15:30 of a Wednesday in Seoul; the demo's use ends here."""
ZONE = "Asia/Seoul"
PROXY = GatewayStatus("http://127.0.0.1:4000", reachable=True, version="1.106.2", latency_ms=4)
REPORT = TestReport(
    model_id="demo-gpt-4.1-vas",
    model_name="gpt-4.1",
    success=True,
    latency_ms=812,
    ttft_ms=341,
    response="Hello! GPT-4.1 here, all systems normal.",
    prompt_tokens=13,
    completion_tokens=10,
    cost_usd=Decimal("0.00043"),
    cost_source="proxy",
    served_by="demo-gpt-4.1-vas",
)
OPEN_S = 30
"""Seconds for the demo to open. Against hanging only."""

_FONT_FACE = re.compile(r"\s*@font-face \{.*?\n    \}", re.DOTALL)
_UNIQUE_ID = re.compile(r"\bterminal-\d+-")
_COMMENT = re.compile(r"\s*<!--.*?-->", re.DOTALL)

_TEXT = re.compile(r'textLength="[0-9.]+"([^>]*)>([^<]*)</text>')
CELL_PX = 12.2
"""Columns in Rich's SVG are this wide, and rows twice that."""
FONT_PX = 21
"""At this size a frame's lines meet from row to row in the usual fonts; Rich means Fira Code."""

Prepare = Callable[[Pilot[None]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Picture:
    """One file: its name without `.svg`, the terminal's columns and rows, and the way there."""

    name: str
    size: tuple[int, int]
    prepare: Prepare


def plain_svg(svg: str) -> str:
    """Textual's SVG without what depends on a run or on a host: ids, comments and web fonts."""
    svg = _COMMENT.sub("", _FONT_FACE.sub("", svg))
    svg = _UNIQUE_ID.sub("terminal-", svg)
    svg = svg.replace("Fira Code, monospace", "ui-monospace, Menlo, DejaVu Sans Mono, monospace")
    svg = svg.replace("font-family: arial", "font-family: sans-serif")
    svg = svg.replace("font-size: 20px", f"font-size: {FONT_PX}px")
    svg = _TEXT.sub(_as_wide_as_its_cells, svg)
    return "\n".join(line.rstrip() for line in svg.splitlines()).strip() + "\n"


def _as_wide_as_its_cells(found: re.Match[str]) -> str:
    """Rich reckons a column a character, and squeezes Korean and emoji into half their room."""
    width = round(cell_len(html.unescape(found[2])) * CELL_PX, 1)
    return f'textLength="{width:g}"{found[1]}>{found[2]}</text>'


async def painted(pilot: Pilot[None]) -> None:
    """Wait until what was asked for is read and painted."""
    for _ in range(3):
        reads = [worker for worker in pilot.app.workers if worker.group == "read"]
        if reads:  # Textual takes an empty list for all workers
            await pilot.app.workers.wait_for_complete(reads)
        await pilot.pause()


def tab(key: str) -> Prepare:
    """Go to the tab of this key."""

    async def go(pilot: Pilot[None]) -> None:
        await pilot.press(key)

    return go


async def open_test(pilot: Pilot[None]) -> None:
    """Open the test of a model, as it stands when the model has answered."""
    app = pilot.app
    assert isinstance(app, AituiApp)
    screen = TestModelScreen(app.store, REPORT.model_id, REPORT.model_name, start=False)
    await app.push_screen(screen)
    screen.show_report(REPORT)


async def open_plan(pilot: Pilot[None]) -> None:
    """Open the plan after a few edits, and a hand edit that nobody made here."""
    app = pilot.app
    assert isinstance(app, AituiApp)
    store = app.store
    config = store.settings.config_file
    assert config is not None
    config.write_text(config.read_text().replace("num_retries: 3", "num_retries: 5"))
    for model in await store.models.all():
        if model.id == "demo-gpt-4.1-vas":
            priced = replace(model, output_cost_per_1k=Decimal("0.04"), timeout_seconds=60.0)
            await store.edit.save(model, priced, actor=app.actor)
        elif model.model_name == "gpt-3.5-turbo":
            version = model.version
            await store.models.set_enabled(model.id, False, actor=app.actor, version=version)
    plan = await store.rollout.plan()
    shown = replace(plan, file="/etc/litellm/litellm_config.yaml")
    await app.push_screen(PlanScreen(app.applying, plan=shown))


PICTURES = (
    Picture("models", (120, 40), tab("1")),
    Picture("models-80x24", (80, 24), tab("1")),
    Picture("providers", (120, 40), tab("2")),
    Picture("routes", (120, 40), tab("3")),
    Picture("usage", (120, 40), tab("4")),
    Picture("test", (120, 40), open_test),
    Picture("plan", (100, 32), open_plan),
)


async def draw(picture: Picture) -> str:
    """The picture's SVG. The environment must be `clear_environment`'s before Textual starts."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(store_path=Path(folder) / "unused.db", time_zone=ZONE)
        app = AituiApp(settings, Environment({}), demo=True, clock=lambda: NOW, poll=False)
        async with app.run_test(size=picture.size) as pilot:
            await asyncio.wait_for(app.opened.wait(), OPEN_S)
            app.query_one(HeaderBar).show_status(PROXY)
            await painted(pilot)
            await picture.prepare(pilot)
            await painted(pilot)
            return plain_svg(app.export_screenshot(title="aitui"))


def clear_environment() -> None:
    """Keep the caller's own colours and themes out of the pictures."""
    for name in ("NO_COLOR", "FORCE_COLOR", "TEXTUAL_THEME", "COLORTERM"):
        os.environ.pop(name, None)


def main() -> int:
    """Write every picture beside this file."""
    clear_environment()
    for picture in PICTURES:
        path = FOLDER / f"{picture.name}.svg"
        path.write_text(asyncio.run(draw(picture)), encoding="utf-8")
        sys.stdout.write(f"{path.name}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
