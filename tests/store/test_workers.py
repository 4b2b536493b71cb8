"""Which of the processes that ran before may still answer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from store.gateway.processes import booted_at, can_look, may_listen, read_process
from store.gateway.workers import OldWorkers

pytestmark = pytest.mark.skipif(not can_look(), reason="needs Linux's /proc")

WORKER = """
import socket, sys
server = socket.create_server(("127.0.0.1", 0))
kept = socket.create_connection(server.getsockname())
print("listening", flush=True)
sys.stdin.readline()
server.close()
print("finishing", flush=True)
sys.stdin.readline()
"""


class Worker:
    """A process that listens, then only finishes what it has, then ends."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        self.reach("listening", ask=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    def reach(self, state: str, *, ask: bool = True) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        if ask:
            self.process.stdin.write("\n")
        assert self.process.stdout.readline().strip() == state

    def end(self) -> None:
        self.process.kill()
        self.process.communicate(timeout=10)


@pytest.fixture
def worker() -> Iterator[Worker]:
    started = Worker()
    yield started
    started.end()


def workers(*pids: int) -> OldWorkers:
    found = [read_process(pid) for pid in pids]
    return OldWorkers(each for each in found if each is not None)


def test_one_that_only_finishes_its_requests_does_not_count(worker: Worker) -> None:
    old = workers(worker.pid)
    assert old.count() == 1
    assert may_listen(worker.pid)
    worker.reach("finishing")
    assert old.count() == 0
    assert read_process(worker.pid) is not None


def test_one_that_ended_does_not_count(worker: Worker) -> None:
    old = workers(worker.pid)
    worker.process.kill()
    worker.process.wait(10)
    assert old.count() == 0
    assert not may_listen(worker.pid)


def test_those_that_are_known_are_left_out(worker: Worker) -> None:
    other = Worker()
    try:
        both = workers(worker.pid, other.pid)
        assert both.without(None).count() == 2
        assert both.without(workers(worker.pid)).count() == 1
        assert both.without(both).count() == 0
    finally:
        other.end()


def test_the_time_of_their_start(worker: Worker) -> None:
    old, now = workers(worker.pid), datetime.now(UTC)
    assert booted_at() is not None
    assert old.started_after(now - timedelta(minutes=5))
    assert not old.started_after(now + timedelta(seconds=1))


def test_what_is_on_no_port_of_this_machine_cannot_be_seen(worker: Worker) -> None:
    assert OldWorkers.at(None) is None
    assert OldWorkers.at(1) is None
