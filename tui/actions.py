"""One registry of actions: bindings, the palette, the footer and the help are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from textual.binding import Binding

if TYPE_CHECKING:
    from textual.command import Provider


class Place(StrEnum):
    """Where an action works."""

    APP = "Everywhere"
    CARDS = "In a list"
    MODELS = "Models"
    PROVIDERS = "Providers"
    ROUTES = "Routes"
    USAGE = "Usage"


@dataclass(frozen=True, slots=True)
class Action:
    """Something the operator can do: `id` is what a rebinding names, `call` Textual's action."""

    id: str
    place: Place
    keys: str
    call: str
    label: str
    help: str
    footer: bool = True
    key_display: str | None = None
    palette: bool = True
    writes: bool = False
    """Whether it changes the store."""


def _action(
    action_id: str,
    place: Place,
    keys: str,
    call: str,
    label: str,
    help: str,
    marks: str = "",
    key_display: str | None = None,
) -> Action:
    """A line of the table. `marks`: `-` not in the footer, `p` not in the palette, `w` writes."""
    return Action(
        action_id,
        place,
        keys,
        call,
        label,
        help,
        footer="-" not in marks,
        palette="p" not in marks,
        writes="w" in marks,
        key_display=key_display,
    )


_APP = (
    ("proxy.plan", "p", "plan", "Plan", "What an apply would change in the proxy"),
    ("app.help", "question_mark", "help", "Help", "What works here"),
    ("app.quit", "q", "quit", "Quit", "Leave; pending saves are finished first"),
    ("tab.models", "1", "show_tab('models')", "Models", "The models", "-"),
    ("tab.providers", "2", "show_tab('providers')", "Providers", "Who serves them", "-"),
    ("tab.routes", "3", "show_tab('routes')", "Routes", "Chains of fallbacks", "-"),
    ("tab.usage", "4", "show_tab('usage')", "Usage", "What was used and its cost", "-"),
    ("tab.previous", "left_square_bracket", "step_tab(-1)", "Previous tab", "To the left", "-p"),
    ("tab.next", "right_square_bracket", "step_tab(1)", "Next tab", "To the right", "-p"),
    ("proxy.apply", "a", "apply", "Apply", "Make the proxy serve it, after a question", "-w"),
    ("proxy.revisions", "V", "revisions", "Revisions", "Every apply, and the way back to it", "-"),
    ("app.undo", "u", "undo", "Undo", "Take back the last change made here", "-w"),
    ("app.history", "H", "history", "History", "Every change, and the way back", "-"),
    (
        "app.catalog",
        "P",
        "refresh_catalog",
        "Update prices",
        "Ask the proxy for its price map",
        "-w",
    ),
    ("app.refresh", "R", "refresh_all", "Refresh", "Read the store and ask the proxy again", "-"),
    ("app.theme", "T", "toggle_theme", "Light or dark", "Change between light and dark", "-"),
)
_CARDS = (
    ("list.down", "j,down", "move(1)", "Down", "The next card", "-p"),
    ("list.up", "k,up", "move(-1)", "Up", "The card before", "-p"),
    ("list.first", "g,home", "edge(False)", "First", "The first card", "-p"),
    ("list.last", "G,end", "edge(True)", "Last", "The last card", "-p"),
    ("list.page_down", "pagedown", "page(1)", "Page down", "A page on", "-p"),
    ("list.page_up", "pageup", "page(-1)", "Page up", "A page back", "-p"),
    ("list.open", "enter", "open", "Details", "Everything about it", "-"),
)
_MODELS = (
    ("model.add", "n", "add", "New", "Add a model", "w"),
    ("model.edit", "e", "edit", "Edit", "Change this model", "w"),
    ("model.test", "t", "test", "Test", "Send this model one real request"),
    ("model.test_all", "A", "test_all", "Test all", "Test every enabled model", "-"),
    ("model.toggle", "space", "switch", "On/off", "Enable or disable it", "w"),
    ("model.configure", "c", "configure", "Configure", "Name its provider's key variable", "-w"),
    ("model.remove", "d", "remove", "Remove", "Remove it, after a question", "-w"),
    ("model.history", "y", "thing_history", "Its history", "This model's changes", "-"),
    ("model.explain", "x", "explain", "Explain", "Who serves a request for it", "-"),
    ("model.search", "slash", "search", "Search", "Search as you type"),
    ("model.sort", "s", "sort", "Sort", "By file order, name, cost, use, latency, errors", "-"),
    ("model.provider", "f", "filter_provider", "Provider", "One provider's models only", "-"),
    ("model.enabled", "o", "filter_enabled", "Enabled only", "Enabled models only, or all", "-"),
    ("model.capability", "v", "filter_capability", "Can do", "By capability or trouble", "-"),
    ("model.clear", "escape", "clear", "Back", "Leave the search, and show all again", "-p"),
)
_PROVIDERS = (
    ("provider.add", "n", "add", "New", "Add a provider", "w"),
    ("provider.edit", "e", "edit", "Edit", "Change this provider", "w"),
    ("provider.check", "h", "check", "Check", "Check this provider's health"),
    ("provider.check_all", "A", "check_all", "Check all", "Check every enabled provider"),
    ("provider.toggle", "space", "switch", "On/off", "Enable or disable it", "w"),
    ("provider.remove", "d", "remove", "Remove", "Remove it, after a question", "-w"),
    ("provider.history", "y", "thing_history", "Its history", "This provider's changes", "-"),
)
_ROUTES = (
    ("route.add", "n", "add", "New", "Add a route", "w"),
    ("route.edit", "e", "edit", "Edit", "Change this route", "w"),
    ("route.clone", "c", "clone", "Clone", "A new route like this one", "w"),
    ("route.explain", "x", "explain", "Explain", "Who serves a request for it"),
    ("route.default", "D", "make_default", "Default", "Make it the default route", "-w"),
    ("route.toggle", "space", "switch", "On/off", "Enable or disable it", "w"),
    ("route.remove", "d", "remove", "Remove", "Remove it, after a question", "-w"),
    ("route.history", "y", "thing_history", "Its history", "This route's changes", "-"),
)
_USAGE = (
    ("usage.longer", "right,l", "step_period(1)", "Longer", "A longer period", "", "→"),
    ("usage.shorter", "left,h", "step_period(-1)", "Shorter", "A shorter period", "", "←"),
    ("usage.measure", "m", "next_measure", "Measure", "Requests, tokens, cost or errors"),
)

ACTIONS: tuple[Action, ...] = tuple(
    _action(row[0], place, *row[1:])
    for place, rows in (
        (Place.APP, _APP),
        (Place.CARDS, _CARDS),
        (Place.MODELS, _MODELS),
        (Place.PROVIDERS, _PROVIDERS),
        (Place.ROUTES, _ROUTES),
        (Place.USAGE, _USAGE),
    )
    for row in rows
)
WRITES = frozenset((action.place, action.call) for action in ACTIONS if action.writes)
"""What read-only hides: (place, Textual's action)."""


def bindings(place: Place) -> list[Binding]:
    """Textual's bindings for one place, with ids so that a user can rebind them."""
    return [
        Binding(
            action.keys,
            action.call,
            action.label,
            show=action.footer,
            key_display=action.key_display,
            id=action.id,
            tooltip=action.help,
        )
        for action in ACTIONS
        if action.place is place
    ]


def key_label(action: Action) -> str:
    """The action's keys as people read them: `j ↓`, `space`, `?`."""
    names = {
        "question_mark": "?",
        "slash": "/",
        "left_square_bracket": "[",
        "right_square_bracket": "]",
        "down": "↓",
        "up": "↑",
        "left": "←",
        "right": "→",
        "escape": "esc",
        "pagedown": "PgDn",
        "pageup": "PgUp",
    }
    return " ".join(names.get(key, key) for key in action.keys.split(","))


def action_commands() -> type[Provider]:
    """The palette's source of actions."""
    from tui.palette import ActionCommands  # needed only when the palette is opened

    return ActionCommands


def thing_commands() -> type[Provider]:
    """The palette's source of models, providers and routes by name."""
    from tui.palette import ThingCommands

    return ThingCommands
