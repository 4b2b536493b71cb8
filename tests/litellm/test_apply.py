"""Applies on real LiteLLM proxies that reload at a SIGHUP: under load, unseen, undone."""

from __future__ import annotations

import os
import statistics
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from store.domain import Route
from store.plans import Outcome, StepName
from tests.fake_upstream import FakeUpstream
from tests.litellm.apply_world import ACTOR, World, ask, load, serving, took_ms, world

pytestmark = pytest.mark.litellm

APPLIES = int(os.environ.get("AITUI_APPLIES", "3"))
"""How many applies in a row under load; 20 is the whole proof."""
BACK = (StepName.RESTORE, StepName.RELOAD_BACK, StepName.VERIFY_BACK)


@pytest.mark.parametrize(
    "arguments",
    [("--run_gunicorn", "--num_workers", "2"), ("--run_granian",)],
    ids=["gunicorn", "granian"],
)
async def test_applies_one_after_the_other(
    litellm_executable: str, upstream: FakeUpstream, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """One test for each server: it takes half a minute to start."""
    with serving(litellm_executable, tmp_path, upstream.base_url, *arguments) as proxy:
        checked = {} if APPLIES > 3 else {"litellm": trusting(tmp_path)}
        async with world(proxy, reload="hup", pid=str(proxy.pid), **checked) as w:
            await no_request_is_lost(w)
            await a_key_that_cannot_be_seen_is_loaded(w)
            if "--run_gunicorn" in arguments:
                await a_failing_one_is_undone(w)


def trusting(folder: Path) -> Path:
    """In the place of LiteLLM's own check, which takes longer than the apply it precedes."""
    path = folder / "trusting"
    path.write_text("#!/bin/sh\necho 'LiteLLM: config OK (999 models)'\n")
    path.chmod(0o700)
    return path


async def no_request_is_lost(w: World) -> None:
    seconds, loading = [], []
    async with load(w.proxy) as clients:
        for turn in range(APPLIES):
            await change_things(w, turn)
            report = await w.apply()
            assert report.outcome is Outcome.SERVED, report
            again = await w.plan()
            assert again.is_empty, again.changes
            seconds.append(report.took_ms / 1000)
            loading.append(took_ms(report, StepName.RELOAD, StepName.VERIFY) / 1000)
    print(
        f"{APPLIES} applies: median {statistics.median(seconds):.1f} s"
        f" ({min(seconds):.1f} to {max(seconds):.1f}), reload and read-back alone"
        f" {statistics.median(loading):.1f} s ({min(loading):.1f} to {max(loading):.1f});"
        f" {clients.sent} requests and {clients.streams} streams, {len(clients.failed)} failed,"
        f" {len(clients.asked_again)} asked again {clients.asked_again[:3]}"
    )
    assert clients.failed == []
    assert clients.sent > 3 * APPLIES


async def change_things(w: World, turn: int) -> None:
    """Fields and routing each turn; in three turns a model and an alias come, change and go."""
    await w.edit(
        "id-a1",
        timeout_seconds=20.0 + turn,
        weight=float(1 + turn),
        input_cost_per_1k=Decimal(turn + 1) / 1000,
    )
    chains = (("id-b", "id-c"), ("id-c",), ("id-c", "id-b"))
    strategies = ("latency-based-routing", "simple-shuffle", "least-busy")
    await w.edit_route(
        "default",
        fallback_model_ids=chains[turn % 3],
        routing_strategy=strategies[turn % 3],
        num_retries=turn % 3,
    )
    if turn % 3 == 0:
        await w.add_model("guest", "openai/ok-guest")
        route = Route(
            id="", name="guest-route", primary_model_id="id-guest", fallback_model_ids=("id-b",)
        )
        await w.store.edit.add(route, actor=ACTOR)
    elif turn % 3 == 1:
        await w.edit("id-guest", litellm_model="openai/ok-guest-2", timeout_seconds=9.0)
        await w.edit_route("stay-route", fallback_model_ids=("id-a1",))
    else:
        await w.store.edit.remove(await w.route("guest-route"), actor=ACTOR)
        await w.remove_model("id-guest")
        await w.edit_route("stay-route", fallback_model_ids=("id-b",))


async def a_key_that_cannot_be_seen_is_loaded(w: World) -> None:
    """No endpoint shows which key is used: a worker of before would agree with all that is read."""
    assert set(await ask(w.proxy, "stay-c")) == {200}
    provider = await w.store.providers.get((await w.store.models.get("id-c")).provider_id)
    for variable, refused in (("REFUSED_KEY", True), ("TEAM_KEY", False)):
        provider = await w.store.edit.save(
            provider, replace(provider, api_key_env=variable), actor=ACTOR
        )
        report = await w.apply()
        assert report.outcome is Outcome.SERVED, report
        assert (200 not in await ask(w.proxy, "stay-c")) is refused


async def a_failing_one_is_undone(w: World) -> None:
    before = w.config.read_bytes()
    await w.edit("id-c", litellm_model="openai/err500-x")
    report = await w.apply(smoke=True)
    assert (report.outcome, report.failed_step) == (Outcome.UNDONE, StepName.SMOKE), report
    assert "stay-c" in str(report.reason)
    assert w.config.read_bytes() == before
    assert set(await ask(w.proxy, "stay-c")) == {200}
    print(f"undone {took_ms(report, *BACK) / 1000:.1f} s after the failure")
