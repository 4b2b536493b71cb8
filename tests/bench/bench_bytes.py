"""Bytes written to the terminal for each key at 80x24, in a real pseudo-terminal.

`python tests/bench/bench_bytes.py`. Over SSH bytes are what a key costs. The baseline is the
same app, with the same keys, written as Textual does by itself.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence

from common import Line, Terminal, aitui, print_table, times

SIZE = (80, 24)
GOAL = "under 2,500 B"
QUIET_S = 0.35
"""A key is over when nothing more has come for so long."""
IDLE_S = 5.0
TEXTUAL_S_OWN = """
import sys
from tui.app import AituiApp
from tui.cli import main
del AituiApp._display
sys.exit(main(["--demo"]))
"""
MOVES = {
    "j, 20 times": ["j"] * 20,
    "k, 20 times": ["k"] * 20,
    "page down, page up": ["\x1b[6~", "\x1b[5~"] * 5,
    "G, g": ["G", "g"] * 5,
    "to the Providers tab and back": ["2", "1"] * 5,
    "a letter of a search": ["/", *"gemini"],
    "out of the search": ["\x1b", "\x1b"],
    "help, and back": ["?", "\x1b"] * 3,
}
FIRST_VISIT = ("to the", "a letter", "help")
"""Whose first key is left out: it makes the tab, the field's cursor or the modal."""


def main() -> None:
    figures = measure(aitui("--demo"))
    baseline = measure([sys.executable, "-c", TEXTUAL_S_OWN])
    lines = []
    for what, costs in figures.items():
        middle, base = statistics.median(costs), statistics.median(baseline[what])
        goal = "0 B" if what.startswith("idle") else GOAL
        most = f", at most {max(costs):,} B" if len(costs) > 1 else ""
        lines.append(
            Line(what, f"{middle:,.0f} B{most}", f"{base:,.0f} B", times(middle, base), goal)
        )
    print_table("Bytes a key at 80x24, median. Baseline: written by Textual itself", lines)


def measure(argv: Sequence[str]) -> dict[str, list[int]]:
    """Bytes of each key of each move."""
    terminal = Terminal(argv, size=SIZE)
    try:
        terminal.wait_for(b"gpt-4.1")
        terminal.settle(2.0)  # the proxy's first answer changes the header
        figures = {}
        for what, keys in MOVES.items():
            costs = [cost(terminal, key) for key in keys]
            figures[what] = costs[1:] if what.startswith(FIRST_VISIT) else costs
        figures[f"idle for {IDLE_S:.0f} s"] = [idle(terminal)]
        return figures
    finally:
        terminal.end()


def cost(terminal: Terminal, key: str) -> int:
    """Bytes that one key makes the app write."""
    before = len(terminal.raw)
    terminal.send(key)
    terminal.settle(QUIET_S)
    return len(terminal.raw) - before


def idle(terminal: Terminal) -> int:
    """Bytes that come without a key, while the store is polled and the proxy asked."""
    before = len(terminal.raw)
    end = time.monotonic() + IDLE_S
    while (left := end - time.monotonic()) > 0:
        terminal.read(left)
    return len(terminal.raw) - before


if __name__ == "__main__":
    main()
