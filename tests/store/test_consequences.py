"""What a removal takes along: chains without a model, and the sentence that tells it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from store.editor import consequences, sentence, without
from store.validation import World
from tests.store.edit_samples import model, provider, route

CHAINS = route("r", "a", "b", "c", "b", context_window_fallback_ids=("b", "d"), id="r")


@pytest.mark.parametrize(
    ("gone", "primary", "chain", "context"),
    [
        ("", "a", ("b", "c", "b"), ("b", "d")),
        ("d", "a", ("b", "c", "b"), ("b",)),
        ("b", "a", ("c",), ("d",)),
        ("a", "b", ("c",), ("d",)),
        ("ab", "c", (), ("d",)),
    ],
)
def test_the_next_in_the_chain_steps_up(
    gone: str, primary: str, chain: tuple[str, ...], context: tuple[str, ...]
) -> None:
    rest = without(CHAINS, gone)
    assert rest == replace(
        CHAINS,
        primary_model_id=primary,
        fallback_model_ids=chain,
        context_window_fallback_ids=context,
    )


def test_a_route_with_nothing_left_goes_unless_it_is_the_default() -> None:
    assert without(CHAINS, "abc") is None
    rest = without(replace(CHAINS, is_default=True), "abc")
    assert rest is not None
    assert (rest.primary_model_id, rest.context_window_fallback_ids) == (None, ())


def test_a_long_list_of_consequences_is_cut() -> None:
    models = tuple(model("p1", f"m{n}", id=f"m{n}") for n in range(7))
    world = World((provider(id="p1"),), models, ())
    effects = consequences(world.providers[0], world)
    assert sentence(effects) == "7 models go with it (m0, m1, m2, m3, m4, …)."
