"""Health checks of providers in the background, with their progress on the cards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from store.domain import TestReport
from store.errors import AituiError

if TYPE_CHECKING:
    from tui.app import AituiApp


class ProviderChecks:
    """The checks that are under way."""

    def __init__(self, app: AituiApp) -> None:
        self._app = app
        self.progress: dict[str, str] = {}
        """Provider id -> how far its check is, in words."""

    async def run(self, provider_ids: tuple[str, ...]) -> None:
        """One provider after the other: each check tests its models four at a time."""
        for provider_id in provider_ids:
            self.progress[provider_id] = "waiting"
        try:
            for provider_id in provider_ids:
                await self._check(provider_id)
        except AituiError as error:
            self._app.tell(str(error), "error")
        finally:
            for provider_id in provider_ids:
                self.progress.pop(provider_id, None)
            self._app.post_store_changed()

    async def _check(self, provider_id: str) -> None:
        done = 0

        def one_more(report: TestReport) -> None:
            nonlocal done
            done += 1
            words = "answers" if report.success else str(report.kind)
            self.progress[provider_id] = f"{done} tested, {report.model_name}: {words}"
            self._app.post_store_changed()

        self.progress[provider_id] = "asking its models"
        self._app.post_store_changed()
        await self._app.store.gateway.check_provider(provider_id, on_report=one_more)
        self.progress.pop(provider_id, None)
        self._app.post_store_changed()
