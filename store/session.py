"""What a face opens: the store that the settings name, or the demo's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from store.environment import Environment
from store.settings import Settings
from store.store import Store, open_store
from store.times import Clock, utc_now

VERIFY_DEMO_S = 20.0
"""The pretend proxy serves a new file after about two seconds."""


@asynccontextmanager
async def open_session(
    settings: Settings, environment: Environment, *, demo: bool = False, clock: Clock = utc_now
) -> AsyncIterator[Store]:
    """`open_store`, or with `demo` a temporary store and a pretend proxy of its own."""
    if not demo:
        async with open_store(settings, environment, clock=clock) as store:
            yield store
        return
    from store.demo.start import demo_environment  # only the demo needs it

    async with demo_environment(clock, settings.zone()) as made_up:
        demo_settings = replace(
            settings,
            store_path=made_up.store_path,
            gateway_url=made_up.url,
            config_file=made_up.config_file,
            reload="none",  # the pretend proxy sees for itself that its file has changed
            pid=None,
            reload_command=None,
            litellm=None,
            verify_timeout=VERIFY_DEMO_S,
            env_file=None,
        )
        variables = {settings.gateway_key_env: made_up.key, **made_up.variables}
        # Nothing of the operator's own environment: the demo is the same for everyone.
        async with open_store(demo_settings, Environment(variables), clock=clock) as store:
            yield store
