"""Explain: which model would serve a request, step by step, and why."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Label, Static

from store.errors import AituiError
from store.explain import Explanation, Outcome, explain
from store.quantities import parse_tokens
from store.validation import World
from tui.modals.dialog import Dialog
from tui.text import safe

SIGNS = {Outcome.SERVES: "✓", Outcome.FAILS: "✗"}


class ExplainScreen(Dialog[None]):
    """The answer follows what is typed: a request's size, and what fails."""

    def __init__(self, name: str, world: World) -> None:
        super().__init__(f"Who serves a request for {name}?", "tab next field · esc back")
        self._asked = name
        self._world = world

    def body(self) -> ComposeResult:
        with Horizontal(classes="explain-field"):
            yield Label("Tokens", classes="field-label")
            yield Input("1k", placeholder="50k", compact=True, id="tokens")
        with Horizontal(classes="explain-field"):
            yield Label("Failing", classes="field-label")
            yield Input(
                placeholder="models or providers, comma between", compact=True, id="failing"
            )
        yield Static("", id="steps", markup=False)

    def on_mount(self) -> None:
        self.query_one(".dialog-body").can_focus = False  # tab goes from field to field
        self.query_one("#tokens", Input).focus()
        self._explain()

    @on(Input.Changed)
    def _explain(self) -> None:
        failing = self.query_one("#failing", Input).value.split(",")
        try:
            tokens = parse_tokens("tokens", self.query_one("#tokens", Input).value)
            text = words(
                explain(
                    self._asked,
                    tokens=tokens or 0,
                    failing=[name.strip() for name in failing if name.strip()],
                    routes=self._world.routes,
                    models=self._world.models,
                    providers=self._world.providers,
                )
            )
        except AituiError as error:
            text = str(error)
        self.query_one("#steps", Static).update(safe("\n" + text, limit=20_000))


def words(explanation: Explanation) -> str:
    """The steps as numbered lines, then who serves."""
    lines = []
    for number, step in enumerate(explanation.steps, 1):
        sign = SIGNS.get(step.outcome, "·")
        lines.append(f"{number}. {sign} {step.model_name}: {step.reason}")
    lines += ["", *explanation.notes] if explanation.notes else []
    served = explanation.served_by
    lines += ["", f"→ {served} serves it." if served else "→ Nobody serves it: the request fails."]
    return "\n".join(lines)
