"""Which subscriptions a connection covers, and how that differs from before. Comparing is pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from common.azure import kql
from common.azure.resource_graph import ResourceGraph
from common.azure.resource_graph import Scope as GraphScope
from common.azure.rows import SubscriptionRow
from common.http.deadline import Deadline
from common.model.finding import Subscription
from common.settings.connection import Scope

AT_ONCE = 300  # subscriptions in one query, as Microsoft recommends (defender-api 3.3)
_READABLE = frozenset({"enabled", "warned", "pastdue"})


@dataclass(frozen=True, slots=True)
class Found:
    """What Azure shows of the configured scope.

    `unknown` are configured names that show nothing; `whole` is False when Azure cut an answer, so that
    nothing may be concluded from what is missing.
    """

    subscriptions: Mapping[str, Subscription] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Change:
    """What a run reads of what was found, what waits for an approval, and what is not there any more."""

    read: tuple[str, ...]
    new: tuple[str, ...]
    lost: tuple[str, ...]


def compare(
    document: Mapping[str, Any],
    found: Found,
    *,
    approved: Collection[str],
    plan: bool,
    excluded: Collection[str],
) -> Change:
    """Compare what was found with the scope of the last live run and with what a person `approved`.

    A plan reads everything. A live run reads what was approved; where no approval names a subscription, what
    the first live run in this incarnation of Redis found stands for it.
    """
    present = set(found.subscriptions)
    approved = set(approved) or {str(one) for one in document.get("approved", present)}
    before = {str(one) for name in ("subscriptions", "lost") for one in document.get(name, ())}
    lost = before - present - set(excluded) if found.whole else set[str]()
    return Change(
        read=tuple(sorted(present if plan else present & approved)),
        new=tuple(sorted(present - approved)),
        lost=tuple(sorted(lost)),
    )


def next_document(document: Mapping[str, Any], change: Change, found: Found) -> dict[str, Any]:
    """The scope as it stands after a live run's planning."""
    kept = {str(one) for one in document.get("subscriptions", ())} if not found.whole else set[str]()
    return {
        **document,
        "subscriptions": sorted({*found.subscriptions, *kept}),
        "approved": document.get("approved", list(change.read)),
        "lost": list(change.lost) if found.whole else document.get("lost", []),
    }


def chunks(items: Iterable[str], size: int = AT_ONCE) -> Iterator[list[str]]:
    some = list(items)
    for start in range(0, len(some), size):
        yield some[start : start + size]


class Resolver:
    """Asks Resource Graph for the subscriptions of a configured scope."""

    def __init__(self, graph: ResourceGraph, deadline: Deadline) -> None:
        self._graph = graph
        self._deadline = deadline

    def rows(self, scope: GraphScope) -> tuple[list[SubscriptionRow], bool]:
        """Subscriptions in a scope, and whether the answer is whole."""
        rows: list[SubscriptionRow] = []
        whole = True
        for page in self._graph.pages(kql.SUBSCRIPTIONS, SubscriptionRow, scope, deadline=self._deadline):
            rows.extend(page.rows)
            whole = whole and not page.truncated and not page.malformed
        return rows, whole

    def resolve(self, scope: Scope, home_tenant: str) -> Found:
        """Everything that the scope names and Azure shows."""
        rows: dict[str, SubscriptionRow] = {}
        unknown: list[str] = []
        whole = True
        for group in scope.management_groups:
            some, complete = self.rows(GraphScope(management_groups=[group]))
            whole = whole and complete
            rows.update((row.subscriptionId.lower(), row) for row in some)
            if not some:
                unknown.append(f"management group {group}")
        for chunk in chunks(scope.subscriptions):
            some, complete = self.rows(GraphScope(subscriptions=chunk))
            whole = whole and complete
            named = {row.subscriptionId.lower(): row for row in some}
            rows.update(named)
            unknown += [f"subscription {one}" for one in chunk if one not in named] if complete else []
        return sort_out(rows, scope, home_tenant, unknown, whole=whole)


def sort_out(
    rows: Mapping[str, SubscriptionRow],
    scope: Scope,
    home_tenant: str,
    unknown: Sequence[str],
    *,
    whole: bool,
) -> Found:
    """Leave out what is excluded, of another tenant, or not enabled."""
    tenants = set(scope.tenants) or {home_tenant}
    kept: dict[str, Subscription] = {}
    disabled, foreign = [], []
    for one, row in rows.items():
        if one in scope.exclude:
            continue
        if (row.tenantId or home_tenant).lower() not in tenants:
            foreign.append(one)
        elif (row.state or "enabled").lower() not in _READABLE:
            disabled.append(one)
        else:
            kept[one] = subscription_of_row(row)
    return Found(kept, tuple(sorted(disabled)), tuple(sorted(foreign)), tuple(unknown), whole)


def subscription_of_row(row: SubscriptionRow) -> Subscription:
    """Ids and names of management groups in lower case, the nearest first."""
    return Subscription(
        id=row.subscriptionId.lower(),
        name=row.name or row.subscriptionId,
        tenant=(row.tenantId or "").lower(),
        state=row.state or "Enabled",
        management_groups=tuple(one.name.lower() for one in row.ancestors or () if one.name),
    )
