"""Makes a tab when it is first shown; its module is imported then."""

from __future__ import annotations

from tui.tabs.base import StoreTab


def make_tab(name: str) -> StoreTab:
    """The tab of that name: models, providers, routes or usage."""
    if name == "providers":
        from tui.tabs.providers import ProvidersTab

        return ProvidersTab(id=name)
    if name == "routes":
        from tui.tabs.routes import RoutesTab

        return RoutesTab(id=name)
    if name == "usage":
        from tui.tabs.usage import UsageTab

        return UsageTab(id=name)
    from tui.tabs.models import ModelsTab

    return ModelsTab(id=name)
