"""Cold start to first paint in a real pseudo-terminal, against a minimal Textual app.

`python tests/bench/bench_start.py [RUNS]`. The minimal app is a Static and a Footer in the same
environment. Subject and baseline take turns. Processor time is that of the whole process until
it was killed, right after the paint.
"""

from __future__ import annotations

import asyncio
import compileall
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from common import (
    ROOT,
    Cost,
    Line,
    aitui,
    environment,
    folder,
    make_demo_store,
    median,
    ms,
    print_table,
    time_to,
    times,
)

MINIMAL = """
from textual.app import App
from textual.widgets import Footer, Static


class MinimalApp(App):
    def compose(self):
        yield Static("first paint")
        yield Footer()


MinimalApp().run()
"""
HEADER = b"1 Models"
CARD = b"gpt-4.1"
GOAL = "at most 1.5x"


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    for package in ("store", "tui"):
        compileall.compile_dir(ROOT / package, quiet=1)
    with folder() as path:
        store, script, config = path / "aitui.db", path / "minimal.py", path / "settings.yaml"
        script.write_text(MINIMAL)
        config.write_text("")
        asyncio.run(make_demo_store(store, datetime.now(UTC)))
        opened = aitui("--store", str(store), "--gateway-url", "http://127.0.0.1:9")
        demo = aitui("--demo")
        programs = (
            ("a minimal Textual app", [sys.executable, str(script)], b"first paint"),
            ("aitui, header", opened, HEADER),
            ("aitui --demo, header", demo, HEADER),
            ("aitui, first card", opened, CARD),
            ("aitui --demo, first card", demo, CARD),
        )
        costs: dict[str, list[Cost]] = {name: [] for name, _, _ in programs}
        for run in range(runs + 1):
            for name, argv, marker in programs:
                cost = time_to(argv, marker)
                if run:  # the first run writes bytecode and fills the page cache
                    costs[name].append(cost)
    medians = {name: median(of) for name, of in costs.items()}
    base = medians.pop("a minimal Textual app")
    lines = []
    for name, cost in medians.items():
        goal = GOAL if "header" in name else ""
        lines += [
            Line(name, ms(cost.wall_ms), ms(base.wall_ms), times(cost.wall_ms, base.wall_ms), goal),
            Line(
                "  processor time",
                ms(cost.cpu_ms),
                ms(base.cpu_ms),
                times(cost.cpu_ms, base.cpu_ms),
            ),
        ]
    print_table(f"Cold start to first paint, median of {runs} runs", lines)
    print_imports()


def print_imports(count: int = 15) -> None:
    """The modules of ours that cost the most to import, with and without what they import."""
    program = [sys.executable, "-X", "importtime", "-c", "import tui.cli, tui.app"]
    texts = [
        subprocess.run(program, env=environment({}), capture_output=True, text=True, check=True)
        for _ in range(3)
    ]
    best = min((_parse(run.stderr) for run in texts), key=lambda rows: sum(row[0] for row in rows))
    whole = sum(row[0] for row in best)
    ours = sorted((row for row in best if row[2].split(".")[0] in ("store", "tui")), reverse=True)
    lines = [Line(name, ms(own / 1000), ms(total / 1000)) for own, total, name in ours[:count]]
    print_table(
        f"Import: {whole / 1000:.0f} ms in all, {sum(row[0] for row in ours) / 1000:.0f} ms of it "
        "our modules. Figure: the module alone; baseline: with its imports",
        lines,
    )


def _parse(text: str) -> Sequence[tuple[int, int, str]]:
    """(own µs, cumulative µs, module) of each line that -X importtime wrote."""
    rows = []
    for line in text.splitlines():
        own, _, rest = line.removeprefix("import time:").partition("|")
        total, _, name = rest.partition("|")
        if own.strip().isdigit():
            rows.append((int(own), int(total), name.strip()))
    return rows


if __name__ == "__main__":
    main()
