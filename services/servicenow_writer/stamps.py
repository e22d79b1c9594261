"""What our stamp on a ticket says about an order."""

from collections.abc import Mapping

from common.identity import STAMPED_FIELDS, Stamp, field_digest, parse_stamp
from common.model.decision import Order
from common.model.link import Link
from common.servicenow.records import Record


def owned_digests(fields: Mapping[str, str]) -> dict[str, str]:
    """Digests of the owned fields among `fields`."""
    return {name: field_digest(fields[name]) for name in STAMPED_FIELDS if name in fields}


def stamp_for(order: Order, link: Link | None, sent: Mapping[str, str]) -> Stamp:
    """The stamp that goes with sending `sent`: what was last written to each owned field, by then."""
    wrote = link.wrote if link is not None and link.generation == order.generation else {}
    return Stamp(order.seq, order.members, order.member_digest, {**wrote, **owned_digests(sent)})


def stamp_on(record: Record) -> Stamp | None:
    """The stamp that a ticket bears; None when it has none, or none that can be read."""
    return parse_stamp(record.get("correlation_display", ""))


def landed(order: Order, record: Record, kept: frozenset[str] = frozenset()) -> bool:
    """Whether this very order was carried out already, although its answer was lost.

    The stamp is written in the same request as everything else, so it tells. `kept` are fields that were
    left to a person. The state counts as well: another run's order may have borne the same stamp.
    """
    stamp = stamp_on(record)
    if stamp is None or (stamp.seq, stamp.members, stamp.digest) != (
        order.seq,
        order.members,
        order.member_digest,
    ):
        return False
    wanted = owned_digests(order.fields)
    if any(stamp.fields.get(name) != digest for name, digest in wanted.items() if name not in kept):
        return False
    moved = order.fields.get("state")
    return moved is None or record.get("state") != order.expect_state or moved == order.expect_state


def overtaken(order: Order, record: Record) -> bool:
    """Whether somebody wrote later than this order was decided (design: a late writer is exposed)."""
    stamp = stamp_on(record)
    return stamp is not None and stamp.seq >= order.seq
