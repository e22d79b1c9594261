"""observe: what a ticket as read from ServiceNow says, compared with what the link knows. Pure.

The protocol with the writer: after a write it sets `wrote` to the digests of what it sent, `base` to those of
what the answer showed (or takes the fields out of `base` where it showed none), and `mod_count` to its count.
A field without base is settled by the first observation with a stamp of ours. From then on a field that
differs from `base` is news, whoever wrote it (promise 7).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from common.identity import STAMPED_FIELDS, Stamp, field_digest, parse_stamp
from common.model.group import GroupFacts
from common.model.link import Link
from services.mapper.observe_rebuild import rebuilt
from services.mapper.observe_record import Record

_CLOSED = ("6", "7", "8")
_REWRITES_TO_GIVE_UP = 2


@dataclass(frozen=True, slots=True)
class Observed:
    """The link brought up to date; `news` names what differs from what stood there after our last write.

    `dirty`: the group must be decided again. `facts` is the group as the ticket's footer names it, for a link
    that was rebuilt (None where the footer is gone). `link` is None for a record that is not one of ours.
    """

    link: Link | None
    news: tuple[str, ...] = ()
    dirty: bool = False
    facts: GroupFacts | None = None


def observe(link: Link | None, record: Mapping[str, str], our_user: str, now: int) -> Observed:
    """Compare a record (raw values, reference fields as sys_ids) with its link, at `now` (Unix seconds).

    `our_user` is the integration user's `sys_updated_by`. Without a link it is rebuilt from the marks alone.
    A record that was read before our own last write tells nothing and leaves the link as it is.
    """
    seen = Record(record, our_user)
    if link is None:
        found = rebuilt(seen, now)
        if found is None:
            return Observed(None)
        return Observed(found.link, found.news, dirty=True, facts=found.facts)
    if 0 <= seen.mod_count < link.mod_count:
        return Observed(link)
    stamp = parse_stamp(seen.text("correlation_display"))
    late = stamp is not None and stamp.seq < link.seq
    unsettled = stamp is not None and stamp.seq > link.seq
    if stamp is not None and (late or unsettled):
        link = _other_write(link, stamp, seen)
    link, fields = _fields(link, seen, settled=stamp is not None)
    if late:
        # All that we know of it is outdated: the next write sends every field again, and the stamp.
        theirs = {name: digest for name, digest in link.base.items() if name in link.edited}
        link = replace(link, wrote={}, base=theirs)
    link, moved = _standing(link, seen, now, ours=(late or unsettled) and seen.by_us)
    link = replace(link, mod_count=seen.mod_count, updated_on=seen.text("sys_updated_on") or link.updated_on)
    marks = ("late_writer",) * late + ("unsettled_write",) * unsettled
    return Observed(link, (*marks, *moved, *fields), dirty=bool(marks or moved))


def _other_write(link: Link, stamp: Stamp, seen: Record) -> Link:
    """A write of ours that the link does not know stands on the ticket.

    A larger sequence is one whose answer was lost: it is taken over. A smaller one is a late writer: what it
    wrote is what stands there, until the next write overtakes it (convergence, not prevention).
    """
    wrote = {**link.wrote, **stamp.fields}
    base = {n: d for n, d in link.base.items() if n in link.edited or n not in stamp.fields}
    seq = max(link.seq, stamp.seq)
    resolved_at = link.resolved_at if seen.text("state") in _CLOSED else 0
    return replace(
        link, seq=seq, wrote=wrote, base=base, facts="", members=stamp.members, resolved_at=resolved_at
    )


def _fields(link: Link, seen: Record, *, settled: bool) -> tuple[Link, tuple[str, ...]]:
    """Edits of the fields that Isthmus writes, by value."""
    base, edited, given_up = dict(link.base), set(link.edited), set(link.given_up)
    rewrites, news = dict(link.rewrites), []
    for name in STAMPED_FIELDS:
        value = seen.get(name)
        if value is None or name not in link.wrote:
            continue
        present, known = field_digest(value), base.get(name)
        if present == known:
            continue
        expected = known or link.wrote[name]
        if present == expected or (known is None and seen.by_us):
            # Not settled before: what stands there now is what the instance made of our value.
            if settled:
                base[name] = present
            continue
        base[name] = present
        news.append(name)
        if not seen.by_us:
            edited.add(name)
            continue
        rewrites[name] = rewrites.get(name, 0) + 1
        if rewrites[name] >= _REWRITES_TO_GIVE_UP:
            given_up.add(name)
    link = replace(
        link, base=base, edited=tuple(sorted(edited)), given_up=tuple(sorted(given_up)), rewrites=rewrites
    )
    return link, tuple(news)


def _standing(link: Link, seen: Record, now: int, *, ours: bool) -> tuple[Link, tuple[str, ...]]:
    """State and the fields that decide what we may do: who closed it, who works on it."""
    values = {
        "state": seen.text("state") or link.state,
        "active": seen.active(link.active),
        "assigned": bool(seen.text("assigned_to")) if seen.get("assigned_to") is not None else link.assigned,
        "hold_reason": seen.text("hold_reason") if seen.get("hold_reason") is not None else link.hold_reason,
        "close_code": seen.text("close_code") if seen.get("close_code") is not None else link.close_code,
        "number": seen.text("number") or link.number,
        "deleted": False,
        "detached": link.detached or seen.taken_from(link),
    }
    moved = tuple(
        name
        for name in ("state", "active", "assigned", "hold_reason", "close_code", "deleted", "detached")
        if getattr(link, name) != values[name]
    )
    if "state" in moved:
        state, was_closed = values["state"], link.state in _CLOSED
        if state not in _CLOSED:
            values["closed_by_person"] = False
        elif not was_closed or state == "8":
            values["closed_by_person"] = not ours
            values["resolved_at"] = now
    return replace(link, **values), moved
