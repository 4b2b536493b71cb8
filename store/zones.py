"""Time zones: one by name, and the machine's own."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from struct import pack
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

LOCALTIME = Path("/etc/localtime")


def find_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises ValueError if this machine does not know it."""
    from zoneinfo import ZoneInfo

    if name == "UTC":
        return _utc()
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; a path; a folder such as `Europe`
        raise ValueError(f"no time zone {name!r}") from None


def machine_zone(environ: Mapping[str, str], localtime: Path = LOCALTIME) -> ZoneInfo:
    """The machine's zone: `TZ`, else what /etc/localtime is, else UTC.

    A `TZ` that is no IANA name (`KST-9`, a path) is passed over.
    """
    from zoneinfo import ZoneInfo

    if named := environ.get("TZ", "").removeprefix(":"):
        try:
            return find_zone(named)
        except ValueError:
            pass
    target = str(localtime.resolve())
    if "/zoneinfo/" in target:
        try:
            return find_zone(target.rpartition("/zoneinfo/")[2])
        except ValueError:
            pass
    try:
        # A copy in place of a link, as in many containers: right, but without its name.
        with localtime.open("rb") as file:
            return ZoneInfo.from_file(file, key="local time")
    except (OSError, ValueError):
        return _utc()


def _utc() -> ZoneInfo:
    """UTC, also where there is no zone database (small container images, Windows)."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo("UTC")
    except (KeyError, OSError):
        # RFC 8536, version 1: a header, no transitions, one type of local time, "UTC".
        header = b"TZif" + bytes(16) + pack(">6l", 0, 0, 0, 0, 1, 4)
        return ZoneInfo.from_file(BytesIO(header + pack(">lbb", 0, 0, 0) + b"UTC\0"), key="UTC")
