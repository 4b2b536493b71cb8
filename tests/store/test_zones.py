"""The machine's time zone, as far as it can be found."""

from __future__ import annotations

import subprocess
import sys
import zoneinfo
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.zones import find_zone, machine_zone

SUMMER = datetime(2026, 7, 1, 12, tzinfo=UTC)


def zone_file(name: str) -> Path:
    for folder in zoneinfo.TZPATH:
        if (Path(folder) / name).is_file():
            return Path(folder) / name
    pytest.skip("this machine has no folder of time zones")


def test_tz_wins_over_the_link(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to(zone_file("Europe/Berlin"))
    assert machine_zone({"TZ": "Asia/Seoul"}, link).key == "Asia/Seoul"
    assert machine_zone({"TZ": ":Asia/Seoul"}, link).key == "Asia/Seoul"


@pytest.mark.parametrize("tz", ["", "KST-9", "../../etc/passwd", "/etc/localtime", "Europe"])
def test_a_tz_that_is_no_name_leaves_it_to_the_link(tmp_path: Path, tz: str) -> None:
    link = tmp_path / "localtime"
    link.symlink_to(zone_file("Europe/Berlin"))
    assert machine_zone({"TZ": tz}, link).key == "Europe/Berlin"


def test_a_copy_in_place_of_a_link_gives_the_right_hours(tmp_path: Path) -> None:
    copy = tmp_path / "localtime"
    copy.write_bytes(zone_file("Asia/Kathmandu").read_bytes())
    zone = machine_zone({}, copy)
    assert SUMMER.astimezone(zone).strftime("%H:%M") == "17:45"
    assert zone.key == "local time"


@pytest.mark.parametrize("content", [None, b"", b"not a zone file at all"])
def test_otherwise_it_is_utc(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "localtime"
    if content is not None:
        path.write_bytes(content)
    assert machine_zone({}, path).key == "UTC"


@pytest.mark.parametrize("name", ["", "Nowhere", "Europe", "/etc/passwd", "../x", "a\0b", "."])
def test_what_is_no_zone_is_a_value_error(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        find_zone(name)


def test_utc_is_there_even_without_a_zone_database() -> None:
    code = (
        "import sys; sys.modules['tzdata'] = None\n"
        "from datetime import datetime, UTC\n"
        "from pathlib import Path\n"
        "from store.zones import find_zone, machine_zone\n"
        "zone = find_zone('UTC'); when = datetime(2026, 7, 1, tzinfo=UTC).astimezone(zone)\n"
        "print(zone.key, when.isoformat(), machine_zone({}, Path('/nowhere')).key)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONTZPATH": "", "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.strip() == "UTC 2026-07-01T00:00:00+00:00 UTC"
