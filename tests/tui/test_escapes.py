"""No foreign escape sequence reaches the terminal: not from the store, not from the proxy.

A store and a proxy in which every text is hostile are shown in a real terminal, on every screen,
and by every command that lists or shows something.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fake_litellm import KEY, chunk, error
from tests.pty_app import PtyApp, python
from tests.scripted_server import Request, answer, serve, sse
from tests.tui.cli_tools import Cli, clear_environment, environment
from tests.tui.hostile import FORBIDDEN, STRINGS, add_surrogate, harm_in, make_store

MAIN = "import sys; from tui.cli import main; sys.exit(main(sys.argv[1:]))"
QUIET_S = 0.15
"""So long nothing comes: then what was asked for is painted."""
BUSY_S = 10.0
"""What is painted without end is looked at after this long."""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "hostile.db"
    make_store(path)
    return path


@contextmanager
def hostile_proxy(version: str = STRINGS["osc"]) -> Iterator[str]:
    """A proxy that serves the store's models and answers all of them with hostile text."""
    texts = list(STRINGS.values())
    entries = [
        {
            "model_name": f"{name} {text}",
            "litellm_params": {"model": f"{name} {text}", "api_base": f"{name} {text}"},
            "model_info": {"id": f"m{number}", "mode": "chat"},
        }
        for number, (name, text) in enumerate(STRINGS.items())
    ]

    async def handle(request: Request, writer: asyncio.StreamWriter) -> None:
        if request.path.startswith("/health"):
            writer.write(answer({"status": "healthy", "litellm_version": version}))
        elif request.path == "/model/info":
            writer.write(answer({"data": entries}))
        elif request.path == "/v1/models":
            writer.write(answer({"data": [{"id": entry["model_name"]} for entry in entries]}))
        elif request.path == "/v1/chat/completions":
            asked = str(request.json.get("model"))
            number = int(asked[1:]) if asked[1:].isdigit() else 0
            if number % 3 == 2:
                writer.write(error(500, f"litellm.APIError: {texts[number]}", texts[number]))
            elif number % 3 == 1:
                page = f"<html><title>{texts[number]}</title>".encode("utf-8", "replace")
                writer.write(answer(page, 200, "text/html"))
            else:
                writer.write(
                    sse(
                        *(chunk(text) for text in texts),
                        chunk(None, "stop"),
                        x_litellm_model_id=asked,
                    )
                )
        else:
            writer.write(error(404, texts[0], texts[0]))

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = serve(handle)
    try:
        scripted = asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(20)
        yield scripted.url
    finally:
        stop = server.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(stop, loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()


def paint(app: PtyApp) -> str:
    """Read until nothing more comes; the screen."""
    deadline = time.monotonic() + BUSY_S
    while time.monotonic() < deadline:
        size = len(app.raw)
        app.read(QUIET_S)
        if len(app.raw) == size:
            break
    assert app.process.poll() is None, app.text
    assert harm_in(bytes(app.raw)) == []
    return app.text


def press(app: PtyApp, *keys: str) -> str:
    """Press keys one after the other, and look at what each of them paints."""
    text = ""
    for key in keys:
        app.press(key)
        text = paint(app)
    return text


def click_everywhere(app: PtyApp, words: str) -> int:
    """Click wherever the words stand; how often that was."""
    places = [
        (row.index(words) + 2, number) for number, row in enumerate(app.lines, 1) if words in row
    ]
    for column, row in places:
        app.send(f"\x1b[<0;{column};{row}M\x1b[<0;{column};{row}m")
        paint(app)
    return len(places)


@contextmanager
def shown(tmp_path: Path, store: Path, url: str, size: tuple[int, int]) -> Iterator[PtyApp]:
    own = tmp_path / "own.db"
    own.write_bytes(store.read_bytes())
    env = environment(tmp_path, LITELLM_MASTER_KEY=KEY)
    command = python("-c", MAIN, "--store", str(own), "--gateway-url", url)
    with PtyApp(command, size=size, env=env) as app:
        app.wait_for("AI Models")
        app.wait_for("Context:")
        paint(app)
        yield app
        press(app, "escape")
        app.press("q")
        assert app.wait() == 0
        assert harm_in(bytes(app.raw)) == []


def test_the_strings_do_harm_where_nothing_is_cleaned() -> None:
    everything = "".join(STRINGS.values()).encode("utf-8", "surrogateescape")
    harm = harm_in(everything + b"\x1bc\x00\x7f\x08\x0b\x0c")
    assert len(harm) > len(FORBIDDEN)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_every_tab_and_its_details(tmp_path: Path, store: Path, size: tuple[int, int]) -> None:
    with hostile_proxy() as url, shown(tmp_path, store, url, size) as app:
        for tab, words in (("1", "Context:"), ("2", "URL:"), ("3", "Strategy:")):
            press(app, tab)
            app.wait_for(words)
            for _ in STRINGS:
                press(app, "enter")
                app.wait_for("esc back")
                press(app, "escape")
                app.wait_for(lambda app: "esc back" not in app.text)
                press(app, "j")
            press(app, "G", "g", " ")
        press(app, "4", "m", "m", "m", "right", "right", "left")
        press(app, "?", "escape", "ctrl+p", "escape")


def test_tests_checks_and_toasts(tmp_path: Path, store: Path) -> None:
    with hostile_proxy() as url, shown(tmp_path, store, url, (120, 40)) as app:
        for _ in range(4):
            press(app, "t")
            app.wait_for("t tests again")
            press(app, "j", "G", "escape", "j")
        press(app, "A")
        app.wait_for("Done: ")
        press(app, "j", "j", "escape", " ", " ", "f", "down", "escape", "/")
        press(app, *"[/nope", "escape", "escape")
        press(app, "2", "h", "A", " ")
        press(app, "3", "j", " ", " ")


def test_markup_from_data_cannot_be_clicked(tmp_path: Path, store: Path) -> None:
    with hostile_proxy() as url, shown(tmp_path, store, url, (120, 40)) as app:
        clicks = 0
        press(app, "/", *"click", "enter")
        clicks += click_everywhere(app, "hostile-click")
        press(app, "enter")
        clicks += click_everywhere(app, "hostile-click")
        press(app, "escape", "t")
        clicks += click_everywhere(app, "hostile-click")
        press(app, "escape", " ")
        clicks += click_everywhere(app, "hostile-click")
        assert clicks > 5


@pytest.mark.parametrize("kind", STRINGS)
def test_the_proxy_s_version(tmp_path: Path, store: Path, kind: str) -> None:
    with hostile_proxy(STRINGS[kind]) as url, shown(tmp_path, store, url, (80, 24)) as app:
        app.wait_for("proxy ")
        press(app, "R")
        assert "1 Models" in app.lines[0]


def test_text_that_is_no_unicode_hides_nothing_else(
    tmp_path: Path,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = tmp_path / "own.db"
    own.write_bytes(store.read_bytes())
    add_surrogate(own)
    with PtyApp(python("-c", MAIN, "--store", str(own)), env=environment(tmp_path)) as app:
        app.wait_for("AI Models")
        press(app, "2", "3", "4")
        app.wait_for("Usage by Model")
        app.press("q")
        assert app.wait() == 0
        assert harm_in(bytes(app.raw)) == []
    clear_environment(monkeypatch, tmp_path)
    said = Cli(capsys)("models", "list", "--store", str(own))
    assert said.status == 0
    assert "�" in said.out
    assert harm_in((said.out + said.err).encode("utf-8", "surrogateescape")) == []


COMMANDS = [
    ("models", "list"),
    *(("models", "show", f"m{number}") for number in range(len(STRINGS))),
    ("models", "show", "[/nope]\x1b]52;c;aG9zdGlsZQ==\x07"),
    ("models", "test", "--all"),
    ("models", "disable", "m0"),
    ("providers", "list"),
    ("providers", "check"),
    ("routes", "list"),
    ("usage",),
    ("doctor",),
    ("export", "-"),
]


@pytest.mark.parametrize("as_json", [False, True], ids=["text", "json"])
def test_no_command_prints_an_escape(
    tmp_path: Path,
    store: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    as_json: bool,
) -> None:
    clear_environment(monkeypatch, tmp_path)
    monkeypatch.setenv("LITELLM_MASTER_KEY", KEY)
    own = tmp_path / "own.db"
    own.write_bytes(store.read_bytes())
    cli = Cli(capsys)
    with hostile_proxy() as url:
        for command in COMMANDS:
            said = cli(*command, "--store", str(own), "--gateway-url", url)
            if as_json:
                said = cli(*command, "--json", "--store", str(own), "--gateway-url", url)
            output = (said.out + said.err).encode("utf-8", "surrogateescape")
            assert harm_in(output) == [], command
            assert b"\x1b" not in output, command
            assert "an error of its own" not in said.err, command
            assert said.out or said.err, command
