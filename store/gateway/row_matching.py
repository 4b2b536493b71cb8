"""Which row of the proxy is which deployment of a configuration.

By id where the file gives one. LiteLLM makes up the id of a deployment without one, so that those
are matched by what they say. The rows of a wildcard belong together, and those of an alias to
another deployment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

from store.gateway.comparing import is_expansion, is_expansion_of
from store.gateway.live import Live, Row
from store.gateway.served import Deployment, is_reference


@dataclass(frozen=True, slots=True)
class Matched:
    """`rows` are by the deployment's id; a deployment that is not served has none."""

    rows: Mapping[str, Row]
    left: tuple[Row, ...]
    """Rows of no deployment, one for each id and group; of a wildcard's one."""


def match_rows(versions: Mapping[str, Sequence[Deployment]], live: Live) -> Matched:
    """`versions`: each deployment as it may be running, the likeliest first, by its id."""
    matcher = _Matcher(list(_own_rows(live)))
    for model_id, deployments in versions.items():
        matcher.by_id(model_id, deployments)
    for place in range(max(map(len, versions.values()), default=0)):
        for model_id, deployments in versions.items():
            if model_id not in matcher.found and place < len(deployments):
                matcher.alike(model_id, deployments[place])
    aliases = live.routing.aliases if live.routing is not None else {}
    # A group that is an alias of itself is listed twice.
    twice = {(row.id, row.group) for row in matcher.found.values() if row.group in aliases}
    left = {
        (row.id, "" if is_expansion(row) else row.group): row
        for index, row in reversed(list(enumerate(matcher.rows)))
        if index not in matcher.taken and (row.id, row.group) not in twice
    }
    return Matched(matcher.found, tuple(reversed(left.values())))


def _own_rows(live: Live) -> Iterator[Row]:
    """The rows that are no alias's; LiteLLM lists those last."""
    first: dict[str, str] = {}
    aliases = live.routing.aliases if live.routing is not None else None
    models: dict[str, str] = {}
    for row in live.rows:
        group = first.setdefault(row.id, row.group)
        model = models.setdefault(row.id, row.model)
        named = row.model == model if aliases is None else row.group in aliases
        if row.group == group or not named:
            yield row


class _Matcher:
    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.taken: set[int] = set()
        self.found: dict[str, Row] = {}
        self.ids: dict[str, list[int]] = defaultdict(list)
        self.groups: dict[str, list[int]] = defaultdict(list)
        self.models: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.exact: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        for index in range(len(rows) - 1, -1, -1):  # the first one is popped first
            row = rows[index]
            self.ids[row.id].append(index)
            self.groups[row.group].append(index)
            self.models[row.group, row.model].append(index)
            self.exact[row.group, row.model, row.api_base].append(index)
        self.expanded = dict.fromkeys(row.id for row in rows if is_expansion(row))
        self.wildcards: dict[tuple[str, str, str], Row] = {}

    def by_id(self, model_id: str, deployments: Sequence[Deployment]) -> None:
        free = [index for index in reversed(self.ids.get(model_id, ())) if index not in self.taken]
        if not free:
            return
        likely = (
            index
            for each in deployments
            for index in free
            if self.rows[index].group == each.group and _same_model(each, self.rows[index])
        )
        self._take(model_id, next(likely, free[0]), deployments)

    def alike(self, model_id: str, deployment: Deployment) -> None:
        """Take a row that says the same. `deployment` has no id that the proxy knows."""
        group, model, base = deployment.group, deployment.model, deployment.api_base
        if is_reference(model):
            places = self.groups.get(group, [])
        elif is_reference(base):
            places = self.models.get((group, model), [])
        else:
            places = self.exact.get((group, model, base), [])
        while places and places[-1] in self.taken:
            places.pop()
        likely = chain(reversed(places), self._expansions(deployment))
        for index in likely:
            if index not in self.taken and _same_base(deployment, self.rows[index]):
                self._take(model_id, index, (deployment,))
                return
        # A second wildcard that says the same has the same made-up id.
        if deployment.is_wildcard and (group, model, base) in self.wildcards:
            self.found[model_id] = self.wildcards[group, model, base]

    def _expansions(self, deployment: Deployment) -> Iterator[int]:
        for row_id in self.expanded if deployment.is_wildcard else ():
            for index in reversed(self.ids[row_id]):
                if index not in self.taken and is_expansion(self.rows[index]):
                    if is_expansion_of(deployment, self.rows[index]):
                        yield index
                    break

    def _take(self, model_id: str, index: int, deployments: Sequence[Deployment]) -> None:
        row = self.rows[index]
        self.found[model_id] = row
        self.taken.add(index)
        first = deployments[0]
        if is_expansion(row) and len({self.rows[each].group for each in self.ids[row.id]}) > 1:
            self.wildcards[first.group, first.model, first.api_base] = row
            # Some names are there more than once.
            self.taken.update(each for each in self.ids[row.id] if is_expansion(self.rows[each]))
        elif isinstance(first.fields.get("organization"), tuple):
            self.taken.update(self.ids[row.id])  # LiteLLM makes a deployment for each


def _same_model(deployment: Deployment, row: Row) -> bool:
    return is_reference(deployment.model) or deployment.model == row.model


def _same_base(deployment: Deployment, row: Row) -> bool:
    return is_reference(deployment.api_base) or deployment.api_base == row.api_base
