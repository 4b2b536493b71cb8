"""The operator's settings: defaults, then the settings file, then the environment, then flags.

Each setting remembers where it came from, so that `aitui doctor` can say it. Keys are no setting:
the file names the variable that holds the gateway's key, never the key.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from store.checks import redact
from store.errors import AituiError, InvalidField
from store.quantities import parse_flag
from store.setting_values import (
    read_command,
    read_env_name,
    read_glyphs,
    read_path,
    read_pid,
    read_reload,
    read_seconds,
    read_theme,
    read_time_zone,
    read_url,
)
from store.zones import find_zone, machine_zone

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

Glyphs = Literal["shapes", "emoji"]
Reload = Literal["none", "hup", "command"]

MAX_FILE_BYTES = 1024 * 1024
"""A settings file has a dozen lines; what is larger is some other file."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the operator decided, checked. Make one with `load_settings`."""

    store_path: Path
    gateway_url: str = "http://127.0.0.1:4000"
    gateway_key_env: str = "LITELLM_MASTER_KEY"
    """The NAME of the variable that holds the proxy's key; never the key."""
    config_file: Path | None = None
    """The file that the proxy loads; what `aitui apply` writes."""
    reload: Reload = "none"
    """How the proxy is made to take a changed file."""
    pid: str | None = None
    """For `hup`: the process id of the gunicorn or granian master, or a file that holds it."""
    reload_command: str | None = None
    """For `command`: what restarts the proxy, e.g. `systemctl restart litellm`."""
    reload_shell: bool = False
    """Whether `reload_command` is given to a shell."""
    reload_timeout: float = 120.0
    """Seconds that the command may take."""
    verify_timeout: float = 90.0
    """Seconds until every worker has to serve what was applied."""
    litellm: Path | None = None
    """LiteLLM's own executable, to check a file with `--validate_config`."""
    env_file: Path | None = None
    """A `.env` file with further variables."""
    theme: str = "textual-dark"
    glyphs: Glyphs = "shapes"
    time_zone: str | None = None
    """An IANA name such as Asia/Seoul; None is the machine's zone."""
    read_only: bool = False
    """Whether the door refuses to write, whoever asks."""
    file: Path | None = None
    """The settings file, whether it is there or would be."""
    sources: Mapping[str, str] = field(default_factory=dict)
    """Setting -> `default`, `file PATH`, `environment AITUI_X` or `flag --x`."""

    def zone(self) -> ZoneInfo:
        """The zone in which days begin and end: the setting's, else the machine's, else UTC."""
        if self.time_zone is not None:
            return find_zone(self.time_zone)
        return machine_zone(os.environ)

    @property
    def read_only_because(self) -> str:
        """What asked for read-only, as the operator knows it: a flag, a variable or a file."""
        kind, _, what = self.sources.get("read_only", "flag --read-only").partition(" ")
        return f"read_only in {what}" if kind == "file" else what


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting: its field, and its name in the file, the environment and on the command line."""

    field: str
    key: str
    variable: str
    flag: str
    read: Callable[[str, str], object]
    """(where it was said, for the error; the text) -> the value. Raises InvalidField."""
    is_path: bool = False

    @property
    def flag_name(self) -> str:
        """Its key in the `flags` of `load_settings`."""
        return self.flag.removeprefix("--").replace("-", "_")


@dataclass(frozen=True, slots=True)
class _Said:
    """A setting's text, and where it was said."""

    text: str
    where: str
    """For an error: `--theme`, `AITUI_THEME` or `settings.yaml, line 3: theme`."""
    source: str
    base: Path | None = None
    """The folder that a relative path starts from; None is the current one."""


SETTINGS = (
    Setting("store_path", "store.path", "AITUI_STORE", "--store", read_path, is_path=True),
    Setting("gateway_url", "gateway.url", "AITUI_GATEWAY_URL", "--gateway-url", read_url),
    Setting(
        "gateway_key_env",
        "gateway.key_env",
        "AITUI_GATEWAY_KEY_ENV",
        "--gateway-key-env",
        read_env_name,
    ),
    Setting(
        "config_file",
        "gateway.config_file",
        "AITUI_CONFIG_FILE",
        "--config-file",
        read_path,
        is_path=True,
    ),
    Setting("reload", "gateway.reload", "AITUI_RELOAD", "--reload", read_reload),
    Setting("pid", "gateway.pid", "AITUI_PID", "--pid", read_pid),
    Setting(
        "reload_command",
        "gateway.reload_command",
        "AITUI_RELOAD_COMMAND",
        "--reload-command",
        read_command,
    ),
    Setting(
        "reload_shell", "gateway.reload_shell", "AITUI_RELOAD_SHELL", "--reload-shell", parse_flag
    ),
    Setting(
        "reload_timeout",
        "gateway.reload_timeout",
        "AITUI_RELOAD_TIMEOUT",
        "--reload-timeout",
        read_seconds,
    ),
    Setting(
        "verify_timeout",
        "gateway.verify_timeout",
        "AITUI_VERIFY_TIMEOUT",
        "--verify-timeout",
        read_seconds,
    ),
    Setting(
        "litellm", "gateway.litellm", "AITUI_LITELLM_PATH", "--litellm", read_path, is_path=True
    ),
    Setting("env_file", "env_file", "AITUI_ENV_FILE", "--env-file", read_path, is_path=True),
    Setting("theme", "theme", "AITUI_THEME", "--theme", read_theme),
    Setting("glyphs", "glyphs", "AITUI_GLYPHS", "--glyphs", read_glyphs),
    Setting("time_zone", "time_zone", "AITUI_TIME_ZONE", "--time-zone", read_time_zone),
    Setting("read_only", "read_only", "AITUI_READ_ONLY", "--read-only", parse_flag),
)

CONFIG_VARIABLE = "AITUI_CONFIG"


def load_settings(flags: Mapping[str, str], environ: Mapping[str, str]) -> Settings:
    """The settings in force. `flags` holds those given (`gateway_url`, …), and `config`.

    Raises:
        InvalidField: a value breaks a rule; the sentence names where it was said.
        AituiError: the settings file cannot be read.
    """
    path, must_exist = _file(flags, environ)
    in_file = _read_file(path, must_exist=must_exist)
    values: dict[str, Any] = {"store_path": _default_store()}
    sources = {}
    for setting in SETTINGS:
        said = _said(setting, flags, environ, in_file)
        sources[setting.field] = said.source if said else "default"
        if said is None:
            continue
        if not said.text.strip():
            raise InvalidField(said.where, "is empty. Give a value, or leave it out.")
        value = setting.read(said.where, said.text)
        if setting.is_path and said.base is not None:
            value = said.base / cast(Path, value)
        values[setting.field] = value
    return Settings(**values, file=path, sources=sources)


def _file(flags: Mapping[str, str], environ: Mapping[str, str]) -> tuple[Path, bool]:
    """The settings file, and whether it was asked for, so that it has to exist."""
    for where, text in (
        ("--config", flags.get("config")),
        (CONFIG_VARIABLE, environ.get(CONFIG_VARIABLE) or None),
    ):
        if text is not None:
            if not text.strip():
                raise InvalidField(where, "is empty. Give a file, or leave it out.")
            return read_path(where, text), True
    from platformdirs import user_config_path

    return user_config_path("aitui", appauthor=False) / "settings.yaml", False


def _default_store() -> Path:
    from platformdirs import user_data_path

    return user_data_path("aitui", appauthor=False) / "aitui.db"


def _said(
    setting: Setting,
    flags: Mapping[str, str],
    environ: Mapping[str, str],
    in_file: Mapping[str, _Said],
) -> _Said | None:
    """What was said of a setting by the strongest that said anything; None for the default."""
    if (text := flags.get(setting.flag_name)) is not None:
        return _Said(text, setting.flag, f"flag {setting.flag}")
    if text := environ.get(setting.variable):
        return _Said(text, setting.variable, f"environment {setting.variable}")
    return in_file.get(setting.key)


def _read_file(path: Path, *, must_exist: bool) -> dict[str, _Said]:
    """Dotted key -> what the file says of it. A missing file is an empty one, unless asked for."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        if must_exist:
            raise AituiError(f"settings: there is no file {path}. Name another.") from None
        return {}
    except OSError as error:
        raise AituiError(f"settings: cannot read {path}: {error.strerror}.") from None
    if len(raw) > MAX_FILE_BYTES:
        raise AituiError(f"settings: {path} is over 1 MiB, so it is no settings file.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise AituiError(f"settings: {path} is not UTF-8 text. Save it as UTF-8.") from None
    return _parse(path, text)


def _parse(path: Path, text: str) -> dict[str, _Said]:
    """Read the nodes, not the values: each keeps its line, and nothing is made of a bomb."""
    import yaml

    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError:
        raise AituiError(f"settings: {path} is nested too deeply.") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # The parser's own words may quote the line, and the line may hold a key.
        raise AituiError(
            f"settings: {path}{where}: not valid YAML. Check indentation, quotes and colons there."
        ) from None
    except yaml.YAMLError:
        raise AituiError(f"settings: {path}: not valid YAML (a forbidden character).") from None
    found: dict[str, _Said] = {}
    if root is not None and not _is_null(root):
        _collect(path, root, "", found)
    return found


def _is_null(node: object) -> bool:
    return getattr(node, "tag", "") == "tag:yaml.org,2002:null"


def _collect(path: Path, node: Any, prefix: str, found: dict[str, _Said]) -> None:
    """Walk a mapping of settings; groups (`store`, `gateway`) go one level down."""
    if node.id != "mapping":
        name = prefix.rstrip(".") or "the file"
        raise InvalidField(
            f"{path}, line {node.start_mark.line + 1}",
            f"{name} must hold settings, one `name: value` a line.",
        )
    seen: set[str] = set()
    for key_node, value in node.value:
        where = f"{path}, line {key_node.start_mark.line + 1}"
        key = prefix + (key_node.value if key_node.id == "scalar" else "?")
        if key in seen:
            raise InvalidField(where, f"{redact(key)!r} stands twice. Keep one of them.")
        seen.add(key)
        if key in _GROUPS:
            if not _is_null(value):
                _collect(path, value, f"{key}.", found)
        elif key not in _KEYS:
            raise InvalidField(where, _unknown(key))
        elif value.id != "scalar":
            raise InvalidField(f"{where}: {key}", "must be a single value.")
        elif not _is_null(value):
            found[key] = _Said(value.value, f"{where}: {key}", f"file {path}", path.parent)


_KEYS = tuple(setting.key for setting in SETTINGS)
_GROUPS = frozenset(key.partition(".")[0] for key in _KEYS if "." in key)


def _unknown(key: str) -> str:
    """The sentence for a setting that there is not, with the nearest that there is."""
    if key in ("gateway.key", "gateway.api_key", "gateway.master_key"):
        return (
            f"there is no setting {key!r}: keys are never kept in a file. "
            "`gateway.key_env` gives the NAME of the variable that holds it."
        )
    short = {known.rpartition(".")[2]: known for known in _KEYS}
    near = difflib.get_close_matches(key, [*_KEYS, *_GROUPS], 1, 0.6) or [
        short[name] for name in difflib.get_close_matches(key.rpartition(".")[2], short, 1, 0.6)
    ]
    hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(_KEYS)}."
    return f"there is no setting {redact(key)!r}.{hint}"
