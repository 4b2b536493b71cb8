"""What every command starts from: the settings, the environment, and the way to the store."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from store.doctor import Finding
    from store.environment import Environment
    from store.settings import Settings
    from store.store import Store


@dataclass(frozen=True, slots=True)
class Context:
    settings: Settings
    environment: Environment
    demo: bool = False
    problems: tuple[Finding, ...] = ()
    """What went wrong before the command began, for `doctor`."""

    def store(self) -> AbstractAsyncContextManager[Store]:
        """The open door; with `--demo` to the demo's own store and proxy. Raises StoreError."""
        from store.session import open_session

        return open_session(self.settings, self.environment, demo=self.demo)
