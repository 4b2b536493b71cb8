"""A check box whose state is seen without colour."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Checkbox


class Check(Checkbox):
    """`☑ Enabled only` or `☐ Enabled only`. Textual's own tells on and off by colour alone."""

    DEFAULT_CSS = """
    Check { border: none; padding: 0; height: 1; background: transparent; }
    Check:focus { border: none; text-style: reverse; }
    """

    def render(self) -> Content:
        return Content(f"{'☑' if self.value else '☐'} {self.label.plain}")
