"""What works here: made from the registry of actions."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.widgets import Static

from tui.actions import ACTIONS, Place, key_label
from tui.modals.dialog import Dialog

LEGEND = "● healthy   ▲ degraded   ✗ down   ○ unknown or disabled"


class HelpScreen(Dialog[None]):
    """The keys of the tab in sight, then those that work everywhere."""

    def __init__(self, tab: str, *, read_only: bool = False) -> None:
        super().__init__("Keys", "esc back · ctrl+p finds every command by its name")
        here = Place(tab.capitalize())
        self._read_only = read_only
        self._places = (here, *((Place.CARDS,) if here is not Place.USAGE else ()), Place.APP)

    def body(self) -> ComposeResult:
        lines: list[str] = []
        for place in self._places:
            lines += ["", str(place)] if lines else [str(place)]
            lines += [
                f"  {key_label(action):<12}{action.help}"
                for action in ACTIONS
                if action.place is place and not (action.writes and self._read_only)
            ]
        lines += ["", "Signs", f"  {LEGEND}"]
        yield Static("\n".join(lines), markup=False)
