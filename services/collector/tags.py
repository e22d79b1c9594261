"""Tags of resources, with those of their resource group and subscription below them."""

from collections.abc import Iterable, Mapping, Sequence

from common.azure import kql
from common.azure.resource_graph import ResourceGraph, Scope
from common.azure.rows import TagsRow
from common.http.deadline import Deadline
from common.identity import normalise
from services.collector import queries
from services.collector.scope import chunks

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


class TagReader:
    """Asks for tags; `names` are the ones that rules read, in lower case."""

    def __init__(self, graph: ResourceGraph, names: Iterable[str]) -> None:
        self._graph = graph
        self._names = frozenset(names)

    def of(self, resource_ids: Iterable[str]) -> _TagsOf:
        """Tags of resources, resource groups and subscriptions, by lower-case id; only wanted names."""
        ids = sorted({normalise(one) for one in resource_ids if subscription_in(one)})
        subscriptions = sorted({subscription_in(one) for one in ids})
        found: _TagsOf = {}
        for some in chunks(subscriptions):
            scope = Scope(subscriptions=some)
            self._take(self._rows(queries.container_tags(some), scope), found)
        for some in chunks(ids, kql.IDS_AT_ONCE):
            scope = Scope(subscriptions=sorted({subscription_in(one) for one in some}))
            self._take(self._rows(kql.tags_by_id(some), scope), found)
        return found

    def _rows(self, query: str, scope: Scope) -> list[TagsRow]:
        return self._graph.rows(query, TagsRow, scope, deadline=Deadline(_SECONDS))

    def _take(self, rows: Sequence[TagsRow], found: _TagsOf) -> None:
        for row in rows:
            tags = {name.lower(): value or "" for name, value in (row.tags or {}).items()}
            wanted = {name: value for name, value in tags.items() if name in self._names}
            if wanted:
                found[normalise(row.id)] = wanted
