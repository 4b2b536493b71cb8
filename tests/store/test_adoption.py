"""Adopt: what the proxy or its file has, taken into the store."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from store.errors import AituiError
from store.plans import PlanChanged
from tests.store.rollout_world import ACTOR, CONFIG, World, world


async def adopt(w: World, *names: str) -> tuple[str, ...]:
    plan = await w.plan()
    ids = [change.id for change in plan.changes if change.name in names or not names]
    assert ids
    return await w.store.rollout.adopt(plan, ids, actor=ACTOR)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("timeout: 30", "timeout: 31"),
        ("timeout: 30", "rpm: 3"),
        ("weight: 2", "weight: 5"),
        (
            "{id: id-beta}",
            "{id: id-beta, max_input_tokens: 99, team: [a, {b: 1}]}",
        ),
        ("weight: 2", "input_cost_per_token: 0.000001"),
        (
            "model: openai/gpt-c",
            "model: openai/gpt-c\n      api_base: https://other.example.com/v1",
        ),
        ("  num_retries: 1", "  num_retries: 4"),
        ("simple-shuffle", "least-busy"),
        ("{alpha: [beta, gamma]}", "{alpha: [gamma]}"),
        ("{alpha: [beta, gamma]}", "{alpha: [beta, gamma]}, {gamma: [beta]}"),
        ("  timeout: 60", "  timeout: 60\n  context_window_fallbacks: [{alpha: [gamma]}]\n"),
    ],
)
async def test_drift_in_the_file_is_taken_over(tmp_path: Path, old: str, new: str) -> None:
    async with world(tmp_path, watch=False) as w:
        text = CONFIG.replace(old, new, 1)
        assert text != CONFIG
        await w.say(text)
        before = await w.plan()
        assert before.drifted == len(before.changes) > 0
        done = await adopt(w)
        assert done
        plan = await w.plan()
        assert plan.changes == ()
        assert plan.yaml == text


async def test_a_model_that_was_added_by_hand_is_taken_over(tmp_path: Path) -> None:
    entry = """\
  - model_name: delta
    litellm_params:
      model: anthropic/claude
      api_key: os.environ/ANTHROPIC_API_KEY
      input_cost_per_token: 0.000003
    model_info: {id: id-delta, owner: me}
"""
    async with world(tmp_path, watch=False) as w:
        text = CONFIG.replace("\nrouter_settings", f"{entry}\nrouter_settings", 1)
        await w.say(text)
        assert await adopt(w) == ("provider anthropic is added", "model delta is added")
        model = await w.model("id-delta")
        assert model.input_cost_per_1k == Decimal("0.003")
        assert "owner: me" in model.kept
        assert (await w.plan()).is_empty
        assert (await w.plan()).yaml == text


async def test_a_model_that_was_taken_out_by_hand_is_disabled(tmp_path: Path) -> None:
    async with world(tmp_path, watch=False) as w:
        start = CONFIG.index("  - model_name: gamma")
        end = CONFIG.index("\nrouter_settings")
        text = (CONFIG[:start] + CONFIG[end:]).replace("[beta, gamma]", "[beta]")
        await w.say(text)
        done = await adopt(w)
        assert "model gamma is disabled" in done
        assert not (await w.model("id-gamma")).is_enabled
        assert (await w.plan()).is_empty


async def test_what_only_the_running_proxy_has_is_taken_over(tmp_path: Path) -> None:
    async with world(tmp_path, watch=False) as w:
        await w.say(CONFIG.replace("weight: 2", "weight: 9, timeout: 12"))
        w.config.write_text(CONFIG)
        await adopt(w, "beta")
        beta = await w.model("id-beta")
        assert (beta.weight, beta.timeout_seconds) == (9, 12)


async def test_only_what_was_chosen_is_taken(tmp_path: Path) -> None:
    async with world(tmp_path, watch=False) as w:
        await w.say(CONFIG.replace("timeout: 30", "timeout: 31").replace("weight: 2", "weight: 5"))
        assert await adopt(w, "beta") == ("model beta is as the proxy has it",)
        assert [change.name for change in (await w.plan()).changes] == ["alpha"]
        entries = await w.store.history.entries(limit=1)
        assert (entries[0].action, entries[0].name) == ("adopt", "beta")


async def test_an_old_plan_is_not_adopted(tmp_path: Path) -> None:
    async with world(tmp_path, watch=False) as w:
        await w.say(CONFIG.replace("weight: 2", "weight: 5"))
        plan = await w.plan()
        await w.say(CONFIG.replace("weight: 2", "weight: 6"))
        with pytest.raises(PlanChanged):
            await w.store.rollout.adopt(plan, [plan.changes[0].id], actor=ACTOR)


async def test_a_chain_of_models_that_the_store_lacks_is_refused_whole(tmp_path: Path) -> None:
    entry = (
        "  - {model_name: delta, litellm_params: {model: openai/d}, model_info: {id: id-delta}}\n"
    )
    async with world(tmp_path, watch=False) as w:
        text = CONFIG.replace("\nrouter_settings", f"{entry}\nrouter_settings", 1)
        await w.say(text.replace("[beta, gamma]", "[delta]"))
        with pytest.raises(AituiError, match="Adopt that model first"):
            await adopt(w, "alpha")
        assert await adopt(w)
        assert (await w.plan()).is_empty
