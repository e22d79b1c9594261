"""Tags of resources, with those of their resource group and subscription below them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from common.azure import kql
from common.azure.resource_graph import ResourceGraph, Scope
from common.azure.rows import TagsRow
from common.http.deadline import Deadline
from common.identity import normalise
from services.collector import queries
from services.collector.desk import Desk
from services.collector.scope import chunks

AT_ONCE = kql.IDS_AT_ONCE
_SECONDS = 600.0
_TagsOf = dict[str, dict[str, str]]


def subscription_in(resource_id: str) -> str:
    """The subscription in an ARM id; "" when there is none."""
    parts = normalise(resource_id).split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "subscriptions" else ""


def places_of(resource_id: str) -> tuple[str, ...]:
    """Ids from which a resource inherits: subscription, resource group, itself; the nearest last."""
    parts = normalise(resource_id).split("/")
    wanted = [3]
    if len(parts) > 4 and parts[3] == "resourcegroups":
        wanted.append(5)
    return tuple(dict.fromkeys(["/".join(parts[:length]) for length in wanted] + ["/".join(parts)]))


def inherited(resource_id: str, tags: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """A resource's tags (names in lower case); what stands nearer wins."""
    found: dict[str, str] = {}
    for place in places_of(resource_id):
        found.update(tags.get(place, {}))
    return found


def queries_at_most(resources: int) -> int:
    """How many queries the tags of so many resources take at most."""
    return 2 * (resources // AT_ONCE + 1)


def _questions(ids: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Queries with the subscriptions that they are asked in: containers first, then the resources."""
    for some in chunks(sorted({subscription_in(one) for one in ids})):
        yield queries.container_tags(some), some
    for some in chunks(ids, AT_ONCE):
        yield kql.tags_by_id(some), sorted({subscription_in(one) for one in some})


class TagReader:
    """Asks for tags; `names` are the ones that rules read, in lower case."""

    def __init__(self, graph: ResourceGraph, names: Iterable[str]) -> None:
        self._graph = graph
        self._names = frozenset(names)

    def of(self, resource_ids: Iterable[str], desk: Desk, run: str, name: str) -> _TagsOf:
        """Tags of resources, resource groups and subscriptions, by lower-case id; only wanted names.

        Each answer is kept as a memo `<name>:<number>`, since the quota may park the work after any of them;
        free them by `desk.forget(run, name, queries_at_most(resources))`.
        """
        ids = sorted({normalise(one) for one in resource_ids if subscription_in(one)})
        found: _TagsOf = {}
        for number, (query, subscriptions) in enumerate(_questions(ids)):
            ask = partial(self._ask, query, subscriptions)
            found |= desk.memo(run, f"{name}:{number}", _TagsOf, ask)
        return found

    def _ask(self, query: str, subscriptions: Sequence[str]) -> _TagsOf:
        found: _TagsOf = {}
        scope = Scope(subscriptions=subscriptions)
        for row in self._graph.rows(query, TagsRow, scope, deadline=Deadline(_SECONDS)):
            tags = {name.lower(): value or "" for name, value in (row.tags or {}).items()}
            wanted = {name: value for name, value in tags.items() if name in self._names}
            if wanted:
                found[normalise(row.id)] = wanted
        return found
