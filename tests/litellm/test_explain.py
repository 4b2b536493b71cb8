"""`explain` against a real LiteLLM proxy: who is asked, in which order, and who serves."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import yaml

from store.domain import Model, Provider, Route
from store.explain import Explanation, Outcome, explain
from store.gateway.config_export import export_document
from tests.fake_upstream import FakeUpstream
from tests.litellm.conftest import MASTER_KEY
from tests.litellm.proxy import RealProxy, start_proxy

pytestmark = pytest.mark.litellm
TOKENS = 9_000
SMALL = 8_192
"""The window that the fake provider speaks of."""
REQUEST_S = 60


@dataclass
class World:
    """A configuration. A model's behaviour stands before the dash of its upstream name."""

    retries: int
    is_chain_of_all: bool
    providers: list[Provider] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)

    def model(self, name: str, kind: str = "ok", **changes: Any) -> str:
        model_id = f"id{len(self.models)}-{name}"
        facts: dict[str, Any] = {
            "context_window": SMALL if kind == "err400ctx" else 200_000,
            "position": len(self.models),
        }
        self.models.append(
            Model(model_id, "fake", name, name, f"openai/{kind}-{model_id}", **(facts | changes))
        )
        return model_id

    def ids(self, names: Iterable[str]) -> tuple[str, ...]:
        first = {model.model_name: model.id for model in reversed(self.models)}
        return tuple(first[name] for name in names)

    def route(
        self, name: str, primary: str | None, chain: str = "", context: str = "", **changes: Any
    ) -> None:
        self.routes.append(
            Route(
                id=f"r-{len(self.routes)}",
                name=name,
                routing_strategy="simple-shuffle",
                primary_model_id=self.ids([primary])[0] if primary else None,
                fallback_model_ids=self.ids(chain.split()),
                context_window_fallback_ids=self.ids(context.split()),
                num_retries=self.retries,
                **changes,
            )
        )

    @property
    def failing(self) -> list[str]:
        kinds = ("ok-", "err400ctx-")
        return [m.id for m in self.models if not m.litellm_model.split("/")[1].startswith(kinds)]

    def explain(self, asked: str) -> Explanation:
        return explain(
            asked,
            tokens=TOKENS,
            failing=self.failing,
            routes=self.routes,
            models=self.models,
            providers=self.providers,
        )

    def document(self) -> dict[Any, Any]:
        document = export_document("", self.providers, self.models, self.routes)
        return {**document, "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"}}


def named(world: World) -> dict[str, str | None]:
    """Cases with a name each: who is asked for, and the group that serves."""
    for letter in "abcdefghij":
        world.model(letter, "err500")
    for name in ("good", "better", "best"):
        world.model(name)
    for name in ("small", "tight", "narrow"):
        world.model(name, "err400ctx")
    world.model("missing", "err500")
    world.model("gone", "err404")
    world.model("out", is_enabled=False)
    world.model("pair", "err500")
    world.model("pair", "ok", weight=1)
    world.model("twice", "err500")
    world.model("twice", "err500")
    if world.is_chain_of_all:
        world.route("default", None, "j out best", is_default=True)
    else:
        world.route("default", "a", "good better", "best", is_default=True)
        world.route("small", "small", "good", "better")
        world.route("tight", "tight", "good")
    world.route("b", "b", "c out good")
    world.route("c", "c", "d best")
    world.route("e", "e", "f b g h i j missing twice tight better")
    world.route("fast", "a", "better")
    world.route("again", "d", "d f best")
    world.route("f", "f", "g")
    world.route("g", "g", "h")
    world.route("h", "h", "i")
    world.route("i", "i", "twice")
    world.route("twice", "twice", "missing")
    world.route("missing", "missing", "better")
    world.route("hidden", "out", "good")
    of_all = world.is_chain_of_all
    cases: dict[str, str | None] = {
        "good": "good",
        "a": "best" if of_all else "good",
        "b": "good",
        "c": "best",
        "d": "best" if of_all else None,
        "e": "better",
        "f": None,
        "g": "better",
        "fast": "better",
        "again": "best",
        "small": "best" if of_all else "better",
        "tight": "best" if of_all else None,
        "narrow": "best" if of_all else None,
        "pair": "pair",
        "twice": "better",
        "out": None,
        "hidden": None,
    }
    if world.retries:  # LiteLLM waits half a second and more before each
        for name in ("e", "f", "g", "again", "twice"):
            del cases[name]
    return cases


def scattered(world: World, chance: random.Random, number: int) -> list[str]:
    """A graph of chains made by chance; names to ask for."""
    names = [f"{letter}{number}" for letter in "klmnopqrst"[: chance.randint(4, 10)]]
    for name in names:
        kind = chance.choices(("ok", "err500", "err400ctx"), (1, 5, 2))[0]
        world.model(name, kind, is_enabled=chance.random() > 0.1)
    keyed = chance.sample(names, chance.randint(1, len(names) - 1))
    for name in keyed:
        chain = chance.sample(names, chance.randint(0, min(7, len(names))))
        context = chance.sample(names, chance.randint(0, 2))
        if world.is_chain_of_all:
            context = []
        world.route(name, name, " ".join(chain), " ".join(context))
    alias = f"alias{number}"
    world.route(alias, chance.choice(names), " ".join(chance.sample(names, 3)))
    return [*keyed[:3], alias, chance.choice(names)]


@dataclass(frozen=True, slots=True)
class Running:
    world: World
    proxy: RealProxy
    upstream: FakeUpstream
    named: dict[str, str | None]
    asks: list[str]

    def compare(self, asked: str) -> str | None:
        """Ask the proxy and `explain`; the group that serves, or None where the request fails."""
        foretold = self.world.explain(asked)
        before = len(self.upstream.seen)
        answer = httpx.post(
            f"{self.proxy.url}/v1/chat/completions",
            headers={"Authorization": f"Bearer {self.proxy.key}"},
            json={"model": asked, "messages": [{"role": "user", "content": "hello"}]},
            timeout=REQUEST_S,
            trust_env=False,
        )
        seen = [each.model for each in self.upstream.seen[before:]]
        told = "\n".join(map(str, foretold.steps))
        is_served = answer.status_code == 200
        assert is_served == (foretold.served_by is not None), (asked, answer.text, seen, told)
        if is_served:
            served = [step for step in foretold.steps if step.outcome is Outcome.SERVES]
            ids = [step.model_id for step in served]
            assert answer.headers["x-litellm-model-id"] in ids, (asked, seen, told)
            assert answer.headers["x-litellm-model-group"] in (foretold.served_by, asked)
        assert self._by_group(seen) == self._by_group(self._attempts(foretold)), (asked, told)
        return foretold.served_by

    def _attempts(self, foretold: Explanation) -> list[str]:
        """The requests that the provider gets, by its names of the models."""
        models = {model.id: model for model in self.world.models}
        attempts: list[str] = []
        for step in foretold.steps:
            if step.outcome not in (Outcome.SERVES, Outcome.FAILS) or step.model_id is None:
                continue
            model = models[step.model_id]
            name = model.litellm_model.removeprefix("openai/")
            group = sum(1 for each in self.world.models if each.model_name == model.model_name)
            is_retried = name.startswith("err500") and group == 1
            attempts += [name] * (1 + self.world.retries if is_retried else 1)
        return attempts

    def _by_group(self, seen: Sequence[str]) -> list[str]:
        """`seen` with the deployments of `twice`, which are asked by chance, as one attempt."""
        result: list[str] = []
        for name in seen:
            short = "twice" if name.endswith("-twice") else name
            if short != "twice" or result[-1:] != ["twice"]:
                result.append(short)
        return result


@pytest.fixture(scope="module", params=["chains", "a chain of all"])
def running(
    request: pytest.FixtureRequest,
    litellm_executable: str,
    upstream: FakeUpstream,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    is_chain_of_all = request.param != "chains"
    world = World(retries=1 if is_chain_of_all else 0, is_chain_of_all=is_chain_of_all)
    world.providers = [
        Provider("fake", "fake", "Fake", "openai", upstream.base_url, api_key_env="GOOD_KEY")
    ]
    cases = named(world)
    chance = random.Random(20260101)
    asks = [ask for n in range(2 if is_chain_of_all else 15) for ask in scattered(world, chance, n)]
    config = tmp_path_factory.mktemp("explain") / "config.yaml"
    config.write_text(yaml.safe_dump(world.document()))
    with start_proxy(
        litellm_executable, config, key=MASTER_KEY, environment={"GOOD_KEY": "good-key"}
    ) as proxy:
        yield Running(world, proxy, upstream, cases, asks)


def test_named_cases(running: Running) -> None:
    assert {asked: running.compare(asked) for asked in running.named} == running.named


def test_chains_made_by_chance(running: Running) -> None:
    outcomes = {running.compare(asked) for asked in running.asks}
    assert len(outcomes) > 3


def test_the_client_sees_the_error_of_the_model_asked_first(running: Running) -> None:
    answer = httpx.post(
        f"{running.proxy.url}/v1/chat/completions",
        headers={"Authorization": f"Bearer {running.proxy.key}"},
        json={
            "model": "a",
            "messages": [{"role": "user", "content": "hello"}],
            "fallbacks": ["gone"],
            "num_retries": 0,
        },
        timeout=REQUEST_S,
        trust_env=False,
    )
    assert answer.status_code == 500, answer.text
