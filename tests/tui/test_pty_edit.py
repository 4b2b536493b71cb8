"""The same work in a real terminal: add, break, mend and undo, and nothing hostile gets out."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.pty_app import PtyApp
from tests.tui.cli_tools import run
from tests.tui.hostile import harm_in, make_store
from tests.tui.test_pty_app import dashboard

F2 = "\x1bOQ"


def typed(app: PtyApp, text: str, seen: str) -> None:
    app.send(text)
    app.wait_for(seen)


def test_a_provider_its_model_and_a_route_and_back(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with dashboard(tmp_path, "--store", str(path), "--gateway-url", "http://127.0.0.1:9") as app:
        app.wait_for("No models yet")
        typed(app, "n", "Add a provider first")
        typed(app, "2", "No providers yet")

        typed(app, "n", "Preset")
        app.press("enter", *"groq", "enter")
        app.wait_for("GROQ_API_KEY")
        typed(app, F2, "Groq is added")

        typed(app, "1", "No models yet")
        typed(app, "n", "Add a model")
        app.press("enter", *"groq", "enter")
        app.wait_for("groq/")
        app.press("down", *"llama-70b", "down", "down", "down", "down", *"131k")
        app.wait_for("= 131,000")
        typed(app, F2, "llama-70b is added")
        app.wait_for("Context: 131K")

        typed(app, "3", "No routes yet")
        typed(app, "n", "Add the default route")
        app.press(*"quick", "down", "down", "down", "enter", *"llama", "enter")
        app.wait_for("lone deployment")
        typed(app, F2, "Route quick is added")
        app.wait_for("Primary: llama-70b")

        # Break it, and mend it.
        typed(app, "1", "llama-70b")
        typed(app, "d", "Remove model llama-70b?")
        app.wait_for("1 route uses it.")
        typed(app, "y", "llama-70b is removed")
        app.wait_for("No models yet")
        typed(app, "u", "Undone: llama-70b is removed")
        app.wait_for("Context: 131K")
        typed(app, "H", "undo")
        app.press("escape")
        app.wait_for(lambda app: "restore this" not in app.text)

        # Typed and not saved: quitting asks.
        typed(app, "e", "Edit model llama-70b")
        app.press("down", "down", "down", *"typed")
        app.wait_for("typed")
        app.press("ctrl+q")
        app.wait_for("Leave, and throw away what you typed?")
        app.press("enter")  # the cursor is on Cancel
        app.wait_for(lambda app: "Leave, and" not in app.text)
        app.press("escape")
        app.wait_for("Throw away what you typed?")
        app.press("y")
        app.wait_for(lambda app: "Edit model" not in app.text)

        for what in ("Route quick is added", "llama-70b is added", "Groq is added"):
            typed(app, "u", f"Undone: {what}")
        app.wait_for("No models yet")
        app.press("q")
        assert app.wait() == 0
    with closing(sqlite3.connect(path)) as database:
        for table in ("ai_providers", "ai_models", "ai_routes"):
            left = database.execute(f"SELECT count(*) FROM {table} WHERE removed_at IS NULL")
            assert left.fetchone() == (0,)
        (rows,) = database.execute("SELECT count(*) FROM audit_log").fetchone()
    assert rows == 10  # three additions, a removal from two things, and as many undone


def test_a_save_is_in_the_store_when_the_terminal_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    added = run(tmp_path, "--store", str(path), "providers", "add", "--preset", "groq")
    assert added.returncode == 0, added.stderr
    with dashboard(tmp_path, "--store", str(path), "--gateway-url", "http://127.0.0.1:9") as app:
        app.wait_for("No models yet")
        typed(app, "2", "GROQ_API_KEY")
        typed(app, "e", "Edit provider groq")
        app.press("down", *" two")
        app.wait_for("Groq two")
        app.send(F2)
        app.hang_up()
        app.wait()
    with closing(sqlite3.connect(path)) as database:
        (name,) = database.execute("SELECT display_name FROM ai_providers").fetchone()
        (rows,) = database.execute("SELECT count(*) FROM audit_log").fetchone()
    # Both or neither: the hang-up may be seen before the key.
    assert (name, rows) in (("Groq two", 2), ("Groq", 1))


def test_forms_questions_and_history_of_a_hostile_store(tmp_path: Path) -> None:
    path = tmp_path / "hostile.db"
    make_store(path)
    with dashboard(
        tmp_path, "--store", str(path), "--gateway-url", "http://127.0.0.1:9", size=(120, 40)
    ) as app:
        app.wait_for("Today: 5 requests")
        for tab, loaded in (("1", "Today:"), ("2", "Last check:"), ("3", "Retries:")):
            typed(app, tab, loaded)
            for number in range(10):
                shown = [("e", "Save F2"), ("y", "f only this thing"), ("d", "y yes · n or esc no")]
                last = -1 if tab == "3" and number == 0 else 3  # the default route stays
                for key, sign in shown[: last if number % 3 == 0 else int(tab == "1")]:
                    typed(app, key, sign)
                    app.press("escape")
                    app.wait_for(lambda app, sign=sign: sign not in app.text)  # type: ignore[misc]
                app.press("j")
            app.press("x" if tab != "2" else "g")
            if tab != "2":
                app.wait_for("Who serves")
                app.press("escape")
                app.wait_for(lambda app: "Who serves" not in app.text)
        typed(app, "1", "Today:")
        typed(app, " ", "○ wide")
        typed(app, "H", "f only this thing")
        app.wait_for("disable  model")
        app.press("escape")
        app.wait_for(lambda app: "f only this thing" not in app.text)
        app.press("ctrl+p")
        app.wait_for("Search for commands")
        for query in ("markup", "osc", "bidi"):
            app.press(*query)
            app.wait_for(lambda app, query=query: f"Model {query}" in app.text)  # type: ignore[misc]
            app.press(*["backspace"] * len(query))
        app.press("escape")
        app.wait_for(lambda app: "🔎" not in app.text)
        app.press("q")
        assert app.wait() == 0
        assert harm_in(bytes(app.raw)) == []
