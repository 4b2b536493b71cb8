"""Generated stores: providers, models and routes on a file that somebody else wrote.

The values are such as the forms take: whatever `store.validation` refuses is left out, and so are
routes that the linter calls errors because LiteLLM's file cannot say them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from store.chains import read_chains
from store.configuration import Draft, RouteNames, match_models, match_providers, match_routes
from store.domain import STRATEGIES, Model, Provider, Route
from store.gateway.desired import Base, Desired, base_of_text, desired_file
from store.gateway.provider_names import infer_provider
from store.gateway.yaml_reader import dump_yaml
from store.validation import MODES, World, problems
from tests.store.config_samples import CONFIGS
from tests.store.test_config_hypothesis import configurations

SHAPES = Path(__file__).parent / "configs"
INCLUDING = {"include-main.yaml"}


@dataclass(frozen=True, slots=True)
class Case:
    """A store, and the file that it is written onto."""

    base: Base
    providers: tuple[Provider, ...]
    models: tuple[Model, ...]
    routes: tuple[Route, ...]


NASTY = (
    "on", "No", "y", "null", "~", "0777", "0o17", "0x1F", "1e5", "1_000", ".5", "1:30", "-1", "+1",
    ".inf", ".nan", "2024-01-01", "=", "<<", "- a", "a: b", "a:", "#x", "a #b", "a#b", "'", '"',
    "it's", 'say "hi"', "{}", "[a]", "{a: 1}", "*", "*a", "&a", "!t", "!!int 3", "%Y", "@a", "`a`",
    "?", "? a", "|", ">", ">-", ",", "a,b", "a\\nb", "\\", "\\\\", "---", "...", "--- a",
    "한국어 🙂",
    "é", "ＡＢ",
    "x\u200by", "\u202eabc", "a\u00a0b", "\ufeffa", "\ufffd", "\U0001f468\u200d\U0001f469",
    "openai/*", "meta-llama/Llama-3:free", "claude: haiku", "a\u0301", "true", "False", "a  b",
    "x" * 200, "os.environ/NAME", "${NAME}", "{{ name }}", "<b>", "a/b/c", "123", "1.0", "0",
)  # fmt: skip

words = st.sampled_from(NASTY) | st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=12
).map(str.strip).filter(bool)
names = st.sampled_from(["gpt-4.1", "claude", "a", "b"]) | words
prices = st.none() | st.decimals(0, 1000, places=9) | st.sampled_from(
    [Decimal(text) for text in ("0", "1E-9", "0.00015", "999999.99", "0.0375", "0.075", "3E-7")]
)  # fmt: skip
tokens = st.none() | st.integers(1, 10**9)
seconds = st.none() | st.integers(1, 86_400).map(float) | st.floats(0.001, 86_400)
weights = st.none() | st.integers(0, 100).map(float) | st.floats(0, 1_000_000)

fields: dict[str, st.SearchStrategy[Any]] = {
    "model_name": names,
    "display_name": names,
    "description": st.none() | words,
    "context_window": tokens,
    "max_tokens": tokens,
    "input_cost_per_1k": prices,
    "output_cost_per_1k": prices,
    "supports_vision": st.booleans(),
    "supports_streaming": st.booleans(),
    "supports_function_calling": st.booleans(),
    "is_enabled": st.sampled_from([True, True, True, False]),
    "mode": st.sampled_from(MODES),
    "weight": weights,
    "timeout_seconds": seconds,
    "position": st.integers(0, 8),
}
edits = st.fixed_dictionaries({}, optional=fields)

tails = st.sampled_from(["gpt-4o", "m", "한국", "a/b:free", "*", "#1", "x'y", "{z}", "0777", "on"])
prefixes = st.sampled_from(["openai", "azure", "vertex_ai", "ollama_chat", "hosted_vllm", "x9"])
own_providers = st.tuples(
    prefixes,
    st.sampled_from([None, "http://127.0.0.1:11434", "https://h/v1?a=b#c", "os.environ/BASE"]),
    st.sampled_from([None, "OPENAI_API_KEY", "A", "_k9"]),
)


def valid(thing: Provider | Model, world: World) -> bool:
    return not problems(thing, world)


@cache
def sample_bases() -> tuple[Base, ...]:
    paths = sorted((*SHAPES.glob("*.yaml"), *CONFIGS.glob("*.yaml")))
    return tuple(
        base_of_text(path.read_bytes().decode(), name="c.yaml")
        for path in paths
        if path.name not in INCLUDING
    )


@st.composite
def bases(draw: st.DrawFn) -> Base:
    if draw(st.booleans()):
        return draw(st.sampled_from(sample_bases()))
    text = draw(
        configurations().map(dump_yaml)
        | st.sampled_from(["model_list: []\n", "general_settings: {}\n", "model_list:\n", "{}\n"])
    )
    return base_of_text(text, name="c.yaml")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    base = draw(bases())
    providers = _providers(draw, base)
    models = _models(draw, base, providers)
    routes = _routes(draw, providers, models)
    return Case(base, providers, models, routes)


def _providers(draw: st.DrawFn, base: Base) -> tuple[Provider, ...]:
    providers = list(base.file.providers)
    taken = {(p.litellm_provider, p.api_base_url, p.api_key_env) for p in providers}
    for prefix, url, variable in draw(st.lists(own_providers, max_size=3, unique=True)):
        if (prefix, url, variable) in taken:
            continue
        number = len(providers)
        new = Provider(f"p-new{number}", f"new-{number}", f"New {number}", prefix, url, variable)
        assert valid(new, World(tuple(providers)))
        providers.append(new)
    off = draw(st.sets(st.integers(0, 12), max_size=1))
    return tuple(replace(p, is_enabled=n not in off) for n, p in enumerate(providers))


def _models(draw: st.DrawFn, base: Base, providers: Sequence[Provider]) -> tuple[Model, ...]:
    world = World(tuple(providers))
    kinds = {provider.id: provider.litellm_provider for provider in providers}
    models = []
    gone = draw(st.sets(st.integers(0, 12), max_size=3))
    for number, model in enumerate(base.file.models):
        if number in gone:
            continue
        edited = replace(model, **draw(edits))
        models.append(edited if valid(edited, World(world.providers, (model,))) else model)
    if providers:
        for number in range(draw(st.integers(0, 3))):
            provider = draw(st.sampled_from(providers))
            name = draw(names)
            tail = draw(tails)
            litellm_model = f"{kinds[provider.id]}/{tail}" if kinds[provider.id] else "my-model"
            new = Model(f"m-new{number}", provider.id, name, name, litellm_model)
            new = replace(new, **draw(edits))
            if infer_provider(litellm_model) == kinds[provider.id] and valid(new, world):
                models.append(new)
    return tuple(models)


@st.composite
def _settings(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "routing_strategy": draw(st.sampled_from(STRATEGIES)),
        "num_retries": draw(st.integers(0, 100)),
        "timeout_seconds": draw(seconds.filter(lambda value: value is not None)),
    }


def _routes(
    draw: st.DrawFn, providers: Sequence[Provider], models: Sequence[Model]
) -> tuple[Route, ...]:
    if draw(st.integers(0, 9)) == 9:
        return ()
    common = draw(_settings())
    chains = read_chains((), models, providers)
    firsts = [group[0].id for name, group in chains.groups.items() if name != "default"]
    every = [model.id for model in models]
    if not firsts:
        return (Route("r-default", "default", is_default=True, **common),)
    chain = st.lists(st.sampled_from(every), max_size=3, unique=True)
    served = st.lists(st.sampled_from(firsts), min_size=1, max_size=3, unique=True)
    kind = draw(st.sampled_from(["chain of all", "primary", "settings only"]))
    primary = draw(st.sampled_from(firsts)) if kind == "primary" else None
    default = Route(
        "r-default",
        "default",
        primary_model_id=primary,
        fallback_model_ids=() if kind == "settings only" else tuple(draw(served)),
        context_window_fallback_ids=tuple(draw(chain)) if kind == "primary" else (),
        is_default=True,
        **common,
    )
    routes = [default]
    for number in range(draw(st.integers(0, 3))):
        other = draw(st.sampled_from(firsts))
        alias = kind == "settings only" or draw(st.booleans())
        name = draw(words) if alias else chains.names[other]
        route = Route(
            f"r-{number}",
            name,
            description=draw(st.none() | words),
            primary_model_id=other,
            fallback_model_ids=tuple(draw(served)),
            context_window_fallback_ids=tuple(draw(chain)),
            is_enabled=draw(st.sampled_from([True, True, False])),
            **common,
        )
        world = World(tuple(providers), tuple(models), tuple(routes))
        if name == "default" or (alias and name in chains.names.values()):
            continue
        if (
            not problems(route, world)
            and not read_chains((*routes, route), models, providers).refused
        ):
            routes.append(route)
    return tuple(routes)


def written(case: Case) -> Desired:
    """The store on its file; a second time, it changes nothing any more."""
    result = desired_file(case.base, case.providers, case.models, case.routes)
    again = base_of_text(result.text, name="c.yaml")
    assert desired_file(again, case.providers, case.models, case.routes).text == result.text
    return result


def check_import(case: Case, result: Desired) -> None:
    """An import of what was written finds everything in the store already."""
    file = base_of_text(result.text, name="c.yaml").file
    draft = Draft()
    ids = match_providers(file.providers, case.providers, draft)
    match_models(file.models, ids, case.models, draft, providers=file.providers)
    chains = read_chains((), case.models, case.providers)
    match_routes(file.routes, case.routes, RouteNames(chains, file.models), draft)
    assert draft.providers == []
    for before, after in draft.models:
        assert before is not None
        # The operator's file has an order, and fields beside ours, of its own.
        assert (after.kept, after.position) != (before.kept, before.position)
        assert replace(after, kept=before.kept, position=before.position) == before
    served = {model.id for model in case.models if model.id not in chains.off}
    assert {model.id for model in file.models} == served
    if case.routes and not _has_foreign_chains(case.base):
        assert draft.routes == []


def _has_foreign_chains(base: Base) -> bool:
    """Whether the file has chains that are no routes; with other models they may become some."""
    return any("fallbacks" in warning for warning in base.file.warnings)
