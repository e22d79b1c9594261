"""A link from the ticket alone: correlation_id, stamp and footer (promise 5)."""

from dataclasses import dataclass

from common.identity import (
    STAMPED_FIELDS,
    Correlation,
    Stamp,
    field_digest,
    identity_digest,
    parse_correlation,
    parse_footer,
    parse_stamp,
)
from common.model.group import GroupFacts
from common.model.link import Link
from services.mapper.observe_record import Record

_CLOSED = ("6", "7", "8")


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """A link made from marks; `facts` is None where the footer was removed."""

    link: Link
    facts: GroupFacts | None
    news: tuple[str, ...]


def rebuilt(seen: Record, now: int) -> Rebuilt | None:
    """The link of a record, or None where its correlation_id is not ours.

    What only Redis knew is left open: `facts`, `open` and `worst` are empty, so the next decision renders
    again and writes only what differs from the stamp.
    """
    mark = parse_correlation(seen.text("correlation_id"))
    if mark is None:
        return None
    stamp = parse_stamp(seen.text("correlation_display"))
    facts = _facts(mark, seen)
    wrote, base, edited = _fields(stamp, seen)
    state = seen.text("state") or "1"
    closed = state in _CLOSED
    link = Link(
        table=mark.table,
        sys_id=seen.text("sys_id"),
        number=seen.text("number"),
        generation=mark.generation,
        seq=stamp.seq if stamp else 0,
        rule=facts.rule if facts else "",
        state=state,
        active=seen.active(default=state not in ("7", "8")),
        wrote=wrote,
        base=base,
        edited=edited,
        assigned=bool(seen.text("assigned_to")),
        hold_reason=seen.text("hold_reason"),
        close_code=seen.text("close_code"),
        closed_by_person=closed and not seen.by_us,
        mod_count=seen.mod_count,
        updated_on=seen.text("sys_updated_on"),
        members=stamp.members if stamp else 0,
        created_at=seen.time("sys_created_on"),
        resolved_at=(seen.time("resolved_at", "closed_at", "sys_updated_on") or now) if closed else 0,
        parent=seen.text("parent_incident"),
    )
    news = edited if stamp else ("stamp_lost",)
    return Rebuilt(link, facts, news)


def _facts(mark: Correlation, seen: Record) -> GroupFacts | None:
    """The group as the footer names it; None where a person changed it, by the identity's own digest."""
    footer = parse_footer(seen.text("description"))
    if footer is None or identity_digest(mark.connection, footer.rule_id, footer.values) != mark.digest:
        return None
    return GroupFacts(footer.rule_id, footer.values, mark.digest)


def _fields(stamp: Stamp | None, seen: Record) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """(wrote, base, edited): a field that no longer is what the stamp says was edited by somebody.

    Without a stamp nobody can tell, so every field counts as a person's: nothing is overwritten.
    A value that our own user left is what the instance made of ours, and becomes the base.
    """
    present = {name: field_digest(value) for name in STAMPED_FIELDS if (value := seen.get(name)) is not None}
    if stamp is None:
        return {}, present, tuple(sorted(STAMPED_FIELDS))
    base = {name: digest for name, digest in present.items() if name in stamp.fields}
    changed = (name for name, digest in base.items() if digest != stamp.fields[name])
    return dict(stamp.fields), base, () if seen.by_us else tuple(sorted(changed))
