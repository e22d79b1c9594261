"""Tickets from both sides: what ServiceNow holds, and the findings that it stands for."""

import heapq
from collections.abc import Iterator

import msgspec

from common.model.finding import Risk, Severity, Standing
from common.model.link import Link
from common.operate.errors import NotFound, Refused
from common.operate.naming import Naming
from common.operate.times import moment
from common.state.groups import Groups, GroupState
from common.state.holds import DeadLetters, Holds
from common.state.links import Links
from common.state.store import Store
from common.state.units import Units

SAMPLE = 10
# incident.state as ServiceNow ships it (servicenow-api: states of incident)
_STATES = {"1": "New", "2": "In Progress", "3": "On Hold", "6": "Resolved", "7": "Closed", "8": "Canceled"}
_GROUP_HEX = 16


class TicketLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One ticket in a list; `open_findings` and `worst` as last written on it."""

    connection: str
    number: str
    table: str
    state: str
    active: bool
    rule: str
    group: str
    open_findings: int
    members: int
    worst: int
    updated_on: str
    marks: list[str]


class TicketList(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The worst first; `total` counts all that match, shown or not."""

    total: int
    tickets: list[TicketLine]


class LinkReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The ServiceNow side: what we know of the record, and which fields are no longer ours."""

    table: str
    sys_id: str
    number: str
    url: str
    state: str
    active: bool
    generation: int
    sequence: int
    close_code: str
    assigned: bool
    edited: list[str]
    given_up: list[str]
    marks: list[str]
    updated_on: str
    created: str | None
    written: str | None
    resolved: str | None


class FindingsSide(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Defender side: members by standing, open ones by severity and risk, ids of the worst units."""

    members: int
    open: int
    standings: dict[str, int]
    severities: dict[str, int]
    risks: dict[str, int]
    units: int
    open_since: str | None
    sample: list[str]


class TicketReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A group and its ticket; `link` is null before there is one. `names` explains grouping values."""

    connection: str
    group: str
    rule: str
    grouping: dict[str, str]
    names: dict[str, str]
    link: LinkReport | None
    findings: FindingsSide
    held: str
    dead: str


def ticket_list(
    store: Store, connections: list[str], *, rule: str, everything: bool, limit: int
) -> TicketList:
    """Open tickets (or `everything`) of the connections; memory is bounded by `limit`."""
    total = 0
    worst: list[tuple[tuple[int, int, str], TicketLine]] = []
    for connection in connections:
        for group, link in _matching(store, connection, rule, everything=everything):
            total += 1
            entry = ((link.worst, link.open, group.hex()), _line(connection, group, link))
            if len(worst) < limit:
                heapq.heappush(worst, entry)
            elif limit:
                heapq.heappushpop(worst, entry)
    return TicketList(total=total, tickets=[line for _, line in sorted(worst, reverse=True)])


def _matching(store: Store, connection: str, rule: str, *, everything: bool) -> Iterator[tuple[bytes, Link]]:
    for group, link in Links(store, connection).scan():
        if (everything or (link.active and not link.deleted)) and rule in ("", link.rule):
            yield group, link


def find_group(store: Store, name: str, connections: list[str]) -> tuple[str, bytes]:
    """(connection, group) of a ticket's number, sys_id or group id.

    Raises NotFound; Refused when it is ambiguous.
    """
    wanted = name.strip().lower()
    found: list[tuple[str, bytes]] = []
    for connection in connections:
        if _is_group(wanted) and _known_group(store, connection, bytes.fromhex(wanted)):
            return connection, bytes.fromhex(wanted)
        for group, link in Links(store, connection).scan():
            if wanted in (link.number.lower(), link.sys_id):
                found.append((connection, group))
    if not found:
        raise NotFound("ticket", name, [], "isthmus tickets list")
    if len(found) > 1:
        owners = ", ".join(f"{c} (group {g.hex()})" for c, g in found)
        raise Refused("ambiguous", f"Ticket {name} is known more than once: {owners}; name the group.")
    return found[0]


def ticket_report(store: Store, connection: str, group: bytes, instance_url: str) -> TicketReport:
    """Both sides of one group. `instance_url` may be ""."""
    state = Groups(store, connection).get_many([group])[0]
    link = Links(store, connection).get(group)
    grouping = dict(state.facts.values) if state.facts else {}
    holds = (h.reason for h in Holds(store, connection).all() if h.group == group)
    letters = (
        str(letter.get("reason", "")) for g, letter in DeadLetters(store, connection).all() if g == group
    )
    return TicketReport(
        connection=connection,
        group=group.hex(),
        rule=state.facts.rule if state.facts else link.rule if link else "",
        grouping=grouping,
        names=Naming(store, connection).names(grouping),
        link=_link(link, instance_url) if link else None,
        findings=_findings(state, Units(store, connection).sample_ids(group, SAMPLE)),
        held=next(holds, ""),
        dead=next(letters, ""),
    )


def _is_group(text: str) -> bool:
    return len(text) == _GROUP_HEX and set(text) <= set("0123456789abcdef")


def _known_group(store: Store, connection: str, group: bytes) -> bool:
    return bool(Groups(store, connection).facts([group])) or Links(store, connection).get(group) is not None


def _line(connection: str, group: bytes, link: Link) -> TicketLine:
    return TicketLine(
        connection=connection,
        number=link.number,
        table=link.table,
        state=_STATES.get(link.state, link.state),
        active=link.active,
        rule=link.rule,
        group=group.hex(),
        open_findings=link.open,
        members=link.members,
        worst=link.worst,
        updated_on=link.updated_on,
        marks=_marks(link),
    )


def _marks(link: Link) -> list[str]:
    """What a person did to the ticket."""
    said = {
        "deleted": link.deleted,
        "detached": link.detached,
        "closed_by_person": link.closed_by_person,
        "edited": bool(link.edited),
    }
    return [name for name, holds in said.items() if holds]


def _link(link: Link, instance_url: str) -> LinkReport:
    url = f"{instance_url}/nav_to.do?uri={link.table}.do%3Fsys_id%3D{link.sys_id}" if instance_url else ""
    return LinkReport(
        table=link.table,
        sys_id=link.sys_id,
        number=link.number,
        url=url,
        state=_STATES.get(link.state, link.state),
        active=link.active,
        generation=link.generation,
        sequence=link.seq,
        close_code=link.close_code,
        assigned=link.assigned,
        edited=list(link.edited),
        given_up=list(link.given_up),
        marks=_marks(link),
        updated_on=link.updated_on,
        created=moment(link.created_at),
        written=moment(link.written_at),
        resolved=moment(link.resolved_at),
    )


def _findings(state: GroupState, sample: list[str]) -> FindingsSide:
    aggregate = state.aggregate
    return FindingsSide(
        members=aggregate.members,
        open=aggregate.open,
        standings={s.name.lower(): aggregate.standings[s] for s in Standing if aggregate.standings[s]},
        severities={s.name.lower(): aggregate.severities[s] for s in Severity if aggregate.severities[s]},
        risks={r.name.lower(): aggregate.risks[r] for r in Risk if aggregate.risks[r]},
        units=aggregate.units,
        open_since=moment(state.memo.open_since),
        sample=sample,
    )
