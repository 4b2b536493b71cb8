"""Settings: which source wins, and what is refused with which sentence."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from store.errors import AituiError, InvalidField
from store.settings import SETTINGS, Settings, load_settings

SECRET = "sk-proj-THISISAKEY1234567890"


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def load(path: Path, flags: dict[str, str] | None = None, **environ: str) -> Settings:
    return load_settings({"config": str(path), **(flags or {})}, environ)


@pytest.fixture
def no_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def test_without_anything_the_defaults_hold(no_home: Path) -> None:
    settings = load_settings({}, {})
    assert settings.store_path.parts[-2:] == ("aitui", "aitui.db")
    assert settings.gateway_url == "http://127.0.0.1:4000"
    assert settings.gateway_key_env == "LITELLM_MASTER_KEY"
    assert settings.env_file is None
    assert settings.glyphs == "shapes"
    assert settings.time_zone is None
    assert set(settings.sources.values()) == {"default"}
    assert set(settings.sources) == {setting.field for setting in SETTINGS}


def test_the_default_file_is_read_where_the_platform_puts_it(no_home: Path) -> None:
    path = load_settings({}, {}).file
    assert path is not None
    path.parent.mkdir(parents=True)
    path.write_text("theme: nord\n", encoding="utf-8")
    settings = load_settings({}, {})
    assert settings.theme == "nord"
    assert settings.sources["theme"] == f"file {path}"


def test_every_setting_can_be_given_in_the_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "store: {path: /srv/a.db}\n"
        "gateway:\n  url: https://proxy.example.com/litellm/\n  key_env: PROXY_KEY\n"
        "  config_file: litellm.yaml\n  reload: hup\n  pid: /run/litellm.pid\n"
        "  reload_command: restart it\n  reload_shell: no\n  reload_timeout: 2m\n"
        "  verify_timeout: 30s\n  litellm: /opt/litellm/bin/litellm\n"
        "env_file: /srv/.env\ntheme: nord\nglyphs: emoji\ntime_zone: Asia/Seoul\n"
        "read_only: true\n",
    )
    settings = load(path)
    assert settings.store_path == Path("/srv/a.db")
    assert settings.gateway_url == "https://proxy.example.com/litellm"
    assert settings.gateway_key_env == "PROXY_KEY"
    assert settings.env_file == Path("/srv/.env")
    assert (settings.theme, settings.glyphs) == ("nord", "emoji")
    assert settings.zone().key == "Asia/Seoul"
    assert settings.read_only is True
    assert settings.read_only_because == f"read_only in {path}"
    assert set(settings.sources.values()) == {f"file {path}"}


def test_the_environment_beats_the_file_and_a_flag_beats_both(tmp_path: Path) -> None:
    path = write(tmp_path, "theme: from-file\nglyphs: emoji\ngateway: {url: http://file:1}\n")
    settings = load(
        path,
        {"gateway_url": "http://flag:3"},
        AITUI_GATEWAY_URL="http://env:2",
        AITUI_THEME="from-env",
    )
    assert settings.gateway_url == "http://flag:3"
    assert settings.theme == "from-env"
    assert settings.glyphs == "emoji"
    assert settings.sources["gateway_url"] == "flag --gateway-url"
    assert settings.sources["theme"] == "environment AITUI_THEME"
    assert settings.sources["glyphs"] == f"file {path}"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.field)
def test_each_setting_has_a_variable_and_a_flag(setting: object, tmp_path: Path) -> None:
    values = {
        "store_path": "/a/b.db",
        "gateway_url": "http://h:1",
        "gateway_key_env": "OTHER_KEY",
        "env_file": "/a/.env",
        "theme": "nord",
        "glyphs": "emoji",
        "time_zone": "Europe/Berlin",
        "read_only": "True",
        "config_file": "/etc/litellm/config.yaml",
        "reload": "command",
        "pid": "4711",
        "reload_command": "systemctl restart 'my litellm'",
        "reload_shell": "True",
        "reload_timeout": "30.0",
        "verify_timeout": "45.5",
        "litellm": "/opt/litellm/bin/litellm",
    }
    empty = write(tmp_path, "")
    text = values[setting.field]  # type: ignore[attr-defined]
    by_flag = load(empty, {setting.flag_name: text})  # type: ignore[attr-defined]
    by_variable = load(empty, None, **{setting.variable: text})  # type: ignore[attr-defined]
    assert str(getattr(by_flag, setting.field)) == text  # type: ignore[attr-defined]
    assert str(getattr(by_variable, setting.field)) == text  # type: ignore[attr-defined]


def test_a_relative_path_in_the_file_starts_at_the_file(tmp_path: Path) -> None:
    settings = load(write(tmp_path, "store: {path: sub/a.db}\nenv_file: ~/x.env\n"))
    assert settings.store_path == tmp_path / "sub" / "a.db"
    assert settings.env_file == Path("~/x.env").expanduser()


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    settings = load(write(tmp_path, "theme: nord\n"), AITUI_THEME="", AITUI_STORE="")
    assert settings.theme == "nord"
    assert settings.sources["store_path"] == "default"


@pytest.mark.parametrize(
    "text",
    ["", "# nothing\n", "---\n", "null\n", "store:\ngateway:\n  url: null\n", "\ufefftheme:\n"],
)
def test_a_file_that_says_nothing_leaves_the_defaults(tmp_path: Path, text: str) -> None:
    assert set(load(write(tmp_path, text)).sources.values()) == {"default"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gatway: {url: x}\n", ["line 1", "'gatway'", "Did you mean 'gateway'?"]),
        ("gateway:\n  ulr: x\n", ["line 2", "'gateway.ulr'", "Did you mean 'gateway.url'?"]),
        ("url: x\n", ["'url'", "Did you mean 'gateway.url'?"]),
        ("frobnicate: x\n", ["'frobnicate'", "There are: store.path"]),
        ("theme: a\ntheme: b\n", ["line 2", "'theme'", "twice"]),
        ("gateway: http://x\n", ["line 1", "gateway must hold settings"]),
        ("- theme\n", ["the file must hold settings"]),
        ("just words\n", ["the file must hold settings"]),
        ("theme: [a, b]\n", ["line 1: theme", "single value"]),
        ("[a, b]: x\n", ["no setting"]),
        ("glyphs: triangles\n", ["line 1: glyphs", "`shapes` or `emoji`"]),
        ("theme: ''\n", ["line 1: theme", "empty"]),
        ("theme: 'a b'\n", ["theme's name"]),
        ("time_zone: Mars/Olympus\n", ["time zone", "Europe/Berlin"]),
        ("time_zone: Europe\n", ["time zone"]),
        ("time_zone: ../../etc/passwd\n", ["time zone"]),
        ("gateway: {url: ftp://x}\n", ["line 1: gateway.url", "http"]),
        ("gateway: {url: 'http://u:pw@x'}\n", ["user or password"]),
        ("gateway: {url: os.environ/URL}\n", ["give the URL itself"]),
        ("gateway: {url: 'http://x/?a=b'}\n", ["query"]),
        ("gateway: {key_env: 'not a name'}\n", ["gateway.key_env", "letters, digits"]),
        ('store: {path: "a\\0b"}\n', ["store.path", "control characters"]),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_line(
    tmp_path: Path, text: str, expected: list[str]
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InvalidField) as caught:
        load(path)
    assert str(path) in str(caught.value)
    for words in expected:
        assert words in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        f"gateway: {{key_env: {SECRET}}}\n",
        f"gateway: {{key: {SECRET}}}\n",
        f"theme: {SECRET}\n",
        f"env_file: {SECRET}\n",
        f"glyphs: {SECRET}\n",
        f"time_zone: {SECRET}\n",
        f"gateway: {{url: {SECRET}}}\n",
        f"{SECRET}: x\n",
        f'theme: "{SECRET}\n',
        f"gateway: {{key_env: {SECRET}\n",
        f"a: b: {SECRET}\n",
    ],
)
def test_a_pasted_key_is_refused_and_never_repeated(tmp_path: Path, text: str) -> None:
    with pytest.raises(AituiError) as caught:
        load(write(tmp_path, text))
    assert "THISISAKEY" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("AITUI_GATEWAY_KEY_ENV", SECRET, "AITUI_GATEWAY_KEY_ENV"),
        ("AITUI_GLYPHS", "x", "AITUI_GLYPHS"),
        ("AITUI_GATEWAY_URL", "nonsense", "AITUI_GATEWAY_URL"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    tmp_path: Path, name: str, value: str, where: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        load(write(tmp_path, ""), None, **{name: value})
    assert caught.value.field_name == where
    assert "THISISAKEY" not in str(caught.value)


def test_a_mistake_in_a_flag_names_the_flag(tmp_path: Path) -> None:
    with pytest.raises(InvalidField, match=r"^--time-zone: "):
        load(write(tmp_path, ""), {"time_zone": "Nowhere"})
    with pytest.raises(InvalidField, match=r"^--store: is empty\."):
        load(write(tmp_path, ""), {"store": ""})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"theme: [\n", "line 2, column 1"),
        (b"a:\n\t- b\n", "line 2"),
        (b"theme: \xff\n", "not UTF-8"),
        (b"theme: a\x07\n", "not valid YAML"),
        (b"a: 1\n---\nb: 2\n", "not valid YAML"),
        (b"[" * 5_000 + b"]" * 5_000, "nested too deeply"),
        (b"#" * (1024 * 1024 + 1), "over 1 MiB"),
    ],
    ids=["bracket", "tab", "encoding", "bell", "two documents", "deep", "large"],
)
def test_a_file_that_is_no_yaml_is_one_sentence(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)
    with pytest.raises(AituiError) as caught:
        load(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bomb_of_merges_is_not_expanded(tmp_path: Path) -> None:
    levels = ["a0: &a0 {x: 1}"]
    levels += [f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 12)]
    with pytest.raises(InvalidField, match="no setting 'a0'"):
        load(write(tmp_path, "\n".join(levels) + "\n"))


def test_a_file_that_was_asked_for_has_to_exist(tmp_path: Path) -> None:
    with pytest.raises(AituiError, match="there is no file"):
        load(tmp_path / "missing.yaml")
    with pytest.raises(AituiError, match="there is no file"):
        load_settings({}, {"AITUI_CONFIG": str(tmp_path / "missing.yaml")})
    with pytest.raises(AituiError, match="cannot read"):
        load(tmp_path)


def test_the_flag_beats_the_variable_for_the_file_too(tmp_path: Path) -> None:
    path = write(tmp_path, "theme: nord\n")
    settings = load_settings({"config": str(path)}, {"AITUI_CONFIG": "/nowhere"})
    assert settings.theme == "nord"


def test_without_a_file_nothing_heavy_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys; from store.settings import load_settings; load_settings({}, {});"
        "print([m for m in ('yaml', 'httpx', 'textual', 'dotenv', 'asyncio') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert run.stdout.strip() == "[]"
