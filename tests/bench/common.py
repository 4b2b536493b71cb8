"""What the benchmarks share: programs timed in a pseudo-terminal, stores, and the table.

Each benchmark is a script that asserts nothing. It measures its subject and a baseline in turn,
in the same run, since the machine may be busy with other things. Importing this module lets the
scripts import the tests' own helpers.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
# Without bytecode every import costs 2.5 times as much.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

from store.database import open_database  # noqa: E402
from store.demo.data import fill_demo  # noqa: E402
from store.domain import Health, Model, Provider, TestReport, UsageTotals  # noqa: E402
from store.models import Models  # noqa: E402
from store.providers import Providers  # noqa: E402
from store.usage import Rollup, Usage  # noqa: E402
from store.zones import find_zone  # noqa: E402
from tests.pty_app import environment, set_size  # noqa: E402

NOW = datetime(2026, 3, 18, 6, 30, tzinfo=UTC)
ZONE = "Asia/Seoul"
NO_HEALTH = Health()
DEADLINE_S = 30.0
"""Against hanging only."""


def fixed_clock() -> datetime:
    return NOW


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run took, in ms: by the clock on the wall, and of the processor."""

    wall_ms: float
    cpu_ms: float


def median(costs: Sequence[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.wall_ms for cost in costs),
        statistics.median(cost.cpu_ms for cost in costs),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report: a figure, the baseline it is compared to, and its goal, as text."""

    what: str
    figure: str
    baseline: str = ""
    ratio: str = ""
    goal: str = ""


def print_table(title: str, lines: Sequence[Line]) -> None:
    """Print the lines under a title, in columns."""
    rows = [("", "figure", "baseline", "ratio", "goal")]
    rows += [(line.what, line.figure, line.baseline, line.ratio, line.goal) for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    print(f"\n{title}")
    for row in rows:
        first, *rest = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join([first.strip().ljust(widths[0]), *rest]).rstrip())


def ms(value: float) -> str:
    return f"{value:,.1f} ms" if value < 100 else f"{value:,.0f} ms"


def times(subject: float, baseline: float) -> str:
    """The ratio of the two, for the table."""
    return f"{subject / baseline:.2f}x" if baseline else "-"


# --- programs in a pseudo-terminal -----------------------------------------------------------


class Terminal:
    """A program in a pseudo-terminal, read as bytes: a screen would cost time of its own."""

    def __init__(self, argv: Sequence[str], *, size: tuple[int, int] = (80, 24)) -> None:
        self.raw = bytearray()
        self.master, slave = pty.openpty()
        set_size(slave, size)
        self._began = time.perf_counter()
        self._process = subprocess.Popen(
            list(argv),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment({}),
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)

    def read(self, seconds: float) -> bool:
        """Take in what comes within `seconds`; False if nothing came."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if not ready:
            return False
        try:
            self.raw += os.read(self.master, 65536)
        except OSError:  # Linux says EIO when no one has the other end open
            raise RuntimeError(f"the program has ended: {bytes(self.raw[-2000:])!r}") from None
        return True

    def wait_for(self, marker: bytes) -> float:
        """Read until the marker was written; ms since the program was started."""
        deadline = time.monotonic() + DEADLINE_S
        while marker not in self.raw:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{marker!r} did not come: {bytes(self.raw[-2000:])!r}")
            self.read(0.1)
        return (time.perf_counter() - self._began) * 1000

    def settle(self, quiet_s: float = 0.4) -> None:
        """Read until nothing has come for `quiet_s`."""
        deadline = time.monotonic() + DEADLINE_S
        while self.read(quiet_s) and time.monotonic() < deadline:
            pass

    def send(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def end(self) -> float:
        """Kill the program at once; the CPU time it had used until then, in ms."""
        self._process.kill()
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        os.close(self.master)
        return (used.ru_utime + used.ru_stime) * 1000


def time_to(argv: Sequence[str], marker: bytes, *, size: tuple[int, int] = (80, 24)) -> Cost:
    """From the start of the program until it wrote the marker; it is killed there."""
    terminal = Terminal(argv, size=size)
    try:
        wall = terminal.wait_for(marker)
    finally:
        cpu = terminal.end()
    return Cost(wall, cpu)


def aitui(*arguments: str) -> list[str]:
    """The command line of the installed `aitui`."""
    script = Path(sys.executable).with_name("aitui")
    if script.exists():
        return [str(script), *arguments]
    program = "import sys; from tui.cli import main; sys.exit(main())"
    return [sys.executable, "-c", program, *arguments]


# --- stores ----------------------------------------------------------------------------------


@contextmanager
def folder() -> Iterator[Path]:
    """A folder of its own, removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="aitui-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


async def make_demo_store(path: Path, now: datetime) -> None:
    """A store with the demo's models and 90 days of use until `now`."""
    zone = find_zone(ZONE)
    database = await open_database(path)
    try:
        await fill_demo(database, Usage(database, lambda: now, lambda: zone), now, zone)
    finally:
        await database.close()


async def make_large_store(path: Path, count: int) -> None:
    """A store of that many models at five providers, each with a test and use today."""
    zone = find_zone(ZONE)
    providers = [
        Provider(f"p{n}", f"provider-{n}", f"Provider {n}", "openai", api_key_env="BENCH_KEY")
        for n in range(5)
    ]
    models = [make_model(n) for n in range(count)]
    reports = [TestReport(model.id, model.model_name, True, 312) for model in models]
    use = UsageTotals(120, 118, 45_200, 1_350_000_000, 0, 37_440)
    database = await open_database(path)
    try:
        async with database.write() as tx:
            for provider in providers:
                await Providers(database, fixed_clock).insert(tx, provider, "bench")
            topic = Models(database, fixed_clock)
            for model in models:
                await topic.insert(tx, model, "bench")
        await topic.record_tests(reports, NOW)
        await Usage(database, fixed_clock, lambda: zone).record_rollups(
            Rollup(NOW, model.id, use) for model in models
        )
    finally:
        await database.close()


def make_model(number: int, health: Health = NO_HEALTH) -> Model:
    """A model as a real file has it; some of the text is wide."""
    name = f"model-{number:05}"
    return Model(
        id=f"m{number:05}",
        provider_id=f"p{number % 5}",
        model_name=name,
        display_name=f"Model {number}",
        litellm_model=f"openai/{name}",
        description=f"Model number {number}, for text, pictures and 서울",
        context_window=128_000,
        input_cost_per_1k=Decimal("0.01"),
        output_cost_per_1k=Decimal("0.03"),
        position=number,
        health=health,
    )
