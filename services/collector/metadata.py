"""What recommendations mean: the tenant's metadata, and a subscription's for its own recommendations."""

from collections.abc import Sequence
from functools import partial

from common.azure.resource_graph import Scope
from common.errors import Fatal
from common.http.deadline import Deadline
from common.model.finding import Recommendation
from common.state.store import Fence
from services.collector import queries
from services.collector.desk import Desk
from services.collector.ports import Clients
from services.collector.scope import chunks
from services.collector.stage import SIGNIN_REFUSED

_NAMES_AT_ONCE = 100
_Pairs = dict[str, Recommendation]


def read_metadata(
    desk: Desk, fence: Fence, clients: Clients, subscriptions: Sequence[str], deadline: Deadline
) -> None:
    """Refresh the directory. What can't be read is told, and the last known metadata stays."""
    try:
        known = desk.memo(
            fence.run, "metadata", _Pairs, lambda: clients.arm.recommendations(deadline=deadline)
        )
        if known:
            own = _own(desk, fence, clients, subscriptions, known, deadline)
            desk.directory.put_metadata(fence, {**own, **known}.values())
            return
        why = "Azure answered with an empty list"
    except Fatal as error:
        if error.reason == SIGNIN_REFUSED:
            raise
        why = str(error)
    desk.runs.tell(
        fence.run,
        "metadata_unreadable",
        f"What the recommendations mean could not be read, so the last known is used: {why}",
    )


def _own(
    desk: Desk,
    fence: Fence,
    clients: Clients,
    subscriptions: Sequence[str],
    known: _Pairs,
    deadline: Deadline,
) -> _Pairs:
    """Recommendations with findings that only their subscriptions know (custom ones)."""
    unknown: set[str] = set()
    for chunk in chunks(subscriptions):
        rows = clients.graph.rows(
            queries.NAMES, queries.NameRow, Scope(subscriptions=chunk), deadline=deadline
        )
        unknown |= {row.name.lower() for row in rows} - known.keys()
    if not unknown:
        return {}
    found: _Pairs = {}
    for one in _where(clients, subscriptions, sorted(unknown), deadline):
        if unknown - found.keys():
            ask = partial(clients.arm.recommendations, deadline=deadline, subscription=one)
            some = desk.memo(fence.run, f"metadata:{one}", _Pairs, ask)
            found |= {key: value for key, value in some.items() if key in unknown}
    if missing := unknown - found.keys():
        desk.runs.tell(
            fence.run,
            "metadata_missing",
            f"{len(missing)} recommendations with findings have no metadata; what their rows say is used.",
        )
    return found


def _where(
    clients: Clients, subscriptions: Sequence[str], names: Sequence[str], deadline: Deadline
) -> list[str]:
    """Subscriptions with findings of these recommendations, as few as will do."""
    places: dict[str, str] = {}
    for wanted in chunks(names, _NAMES_AT_ONCE):
        query = queries.names_by_subscription(wanted)
        for chunk in chunks(subscriptions):
            rows = clients.graph.rows(
                query, queries.NameInSubscription, Scope(subscriptions=chunk), deadline=deadline
            )
            for row in rows:
                places.setdefault(row.name.lower(), row.subscriptionId.lower())
    return sorted(set(places.values()))
