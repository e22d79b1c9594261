"""Decisions while something is open: create, tell, reopen, succeed."""

from msgspec.structs import replace

from common.model.decision import Decision, Kind
from common.model.group import Memo
from common.model.link import Link
from services.mapper.decide_case import Case, facts_digest, level_of, same_facts
from services.mapper.decide_reasons import Reason

DAY = 86_400
_ACTIVE = ("1", "2", "3")


def without_ticket(case: Case) -> Decision:
    """Nothing was created for this group yet."""
    rule, memo = case.rule, case.memo
    if rule.skip:
        return case.answer(Kind.SKIPPED, rule.skip)
    if not case.aggregate.open:
        return case.answer(Kind.SKIPPED, Reason.NOTHING_OPEN)
    if case.aggregate.open < rule.affected_at_least:
        return case.answer(Kind.SKIPPED, Reason.BELOW_THRESHOLD)
    ripe = memo.open_since + rule.min_age
    if case.now < ripe:
        return case.answer(Kind.SKIPPED, Reason.TOO_YOUNG, revisit_at=ripe)
    return case.answer(Kind.CREATE, Reason.NEW, memo=replace(memo, noted=case.affected))


def with_ticket(case: Case, link: Link) -> Decision:
    """Something is open and there is a ticket."""
    if link.detached:
        return case.answer(Kind.HELD, Reason.DETACHED, link)
    if link.deleted:
        return _deleted(case, link)
    if link.state == "8":
        return case.answer(Kind.UNCHANGED, Reason.CLOSED_BY_PERSON, link)
    if link.state in ("6", "7"):
        return _closed(case, link)
    if link.state not in _ACTIVE or not link.active:
        return case.answer(Kind.HELD, Reason.UNMAPPED_STATE, link)
    return _active(case, link)


def _deleted(case: Case, link: Link) -> Decision:
    if case.rule.deleted_by_person == "hold":
        return case.answer(Kind.HELD, Reason.DELETED_BY_PERSON, link)
    return _successor(case, link, Reason.DELETED_SUCCESSOR, parent="")


def _closed(case: Case, link: Link) -> Decision:
    """Resolved (6) or closed (7) while something is open."""
    rule = case.rule
    if link.close_code.casefold() in rule.reopen.leave_codes:
        return case.answer(Kind.UNCHANGED, Reason.CLOSED_BY_PERSON, link)
    if case.aggregate.open < rule.affected_at_least:
        return case.answer(Kind.SKIPPED, Reason.BELOW_THRESHOLD, link)
    if link.closed_by_person and (waiting := _closed_by_person(case, link)):
        return waiting
    if brake := _brake(case):
        return case.answer(Kind.HELD, Reason.FLAPPING, link, revisit_at=brake)
    if link.state == "6" and 6 in rule.reopen.incident_from:
        return _reopen(case, link, Reason.STILL_UNHEALTHY if _never_clear(case, link) else Reason.REGRESSION)
    return _successor(case, link, Reason.REGRESSION_CLOSED, parent=link.sys_id)


def _never_clear(case: Case, link: Link) -> bool:
    """A person closed the ticket, and the findings have been open ever since."""
    return link.closed_by_person and case.memo.open_since <= link.resolved_at


def _closed_by_person(case: Case, link: Link) -> Decision | None:
    """Give Defender the time to see the fix: it evaluates every 12 to 24 hours."""
    policy = case.rule.closed_while_unhealthy
    until = link.resolved_at + policy.wait
    if case.now < until:
        return case.answer(Kind.UNCHANGED, Reason.CLOSED_WHILE_UNHEALTHY, link, revisit_at=until)
    if policy.then == "reopen" or not _never_clear(case, link):
        return None
    if policy.then == "hold":
        return case.answer(Kind.HELD, Reason.CLOSED_WHILE_UNHEALTHY, link)
    return case.answer(Kind.UNCHANGED, Reason.CLOSED_BY_PERSON, link)


def _brake(case: Case) -> int:
    """When the flap brake lets go (Unix seconds), or 0 where it is not on."""
    policy = case.rule.reopen
    recent = [t for t in case.memo.reopened if t > case.now - policy.flap_within]
    return recent[-policy.flap_after] + policy.flap_within if len(recent) >= policy.flap_after else 0


def _counted(case: Case, link: Link) -> Memo:
    """Count this return once, also when it is decided again before it was executed."""
    memo, policy = case.memo, case.rule.reopen
    times = [t for t in memo.reopened if t > case.now - policy.flap_within]
    if times and link.resolved_at and times[-1] >= link.resolved_at:
        times.pop()
    return replace(memo, reopened=(*times, case.now), noted=case.affected)


def _reopen(case: Case, link: Link, reason: Reason) -> Decision:
    return Decision(
        Kind.REOPEN,
        reason,
        _counted(case, link),
        generation=link.generation,
        events=(reason.value,),
        fields={"state": "2"},
    )


def _successor(case: Case, link: Link, reason: Reason, parent: str) -> Decision:
    return Decision(
        Kind.CREATE,
        reason,
        _counted(case, link),
        generation=link.generation + 1,
        parent=parent,
        events=(reason.value,),
    )


def _active(case: Case, link: Link) -> Decision:
    """The ticket is being worked on: keep its facts, tell what happened once a day."""
    digest = facts_digest(case.aggregate, case.rule)
    changed, rewritten = link.facts != digest, same_facts(link.facts, digest)
    told = case.memo.noted if case.memo.noted >= 0 or not link.facts else link.open
    events = _events(case, link, told)
    if not events or told < 0 or not case.rule.ticket.notes_per_day:
        memo = replace(case.memo, noted=case.affected)
        if not changed:
            return case.answer(Kind.UNCHANGED, Reason.UP_TO_DATE, link, memo=memo)
        reason = Reason.TEMPLATE_CHANGED if rewritten else Reason.FACTS_CHANGED
        return case.answer(Kind.UPDATE, reason, link, memo=memo)
    free = _note_free_at(case, link)
    if case.now < free:
        memo = replace(case.memo, noted=told)
        if not changed:
            return case.answer(Kind.UNCHANGED, Reason.NOTE_WAITS, link, revisit_at=free, memo=memo)
        reason = Reason.TEMPLATE_CHANGED if rewritten else events[0]
        return case.answer(Kind.UPDATE, reason, link, revisit_at=free, memo=memo)
    return Decision(
        Kind.UPDATE if changed else Kind.NOTE,
        events[0],
        replace(case.memo, noted=case.affected),
        generation=link.generation,
        events=tuple(e.value for e in events),
    )


def _events(case: Case, link: Link, told: int) -> list[Reason]:
    """What the ticket's people were not told of yet, most urgent first."""
    events = []
    if 0 < level_of(link.worst) < level_of(case.aggregate.worst):
        events.append(Reason.RISK_RAISED)
    if told >= 0 and case.affected != told:
        events.append(Reason.PART_FIXED if case.affected < told else Reason.MORE_AFFECTED)
    return events


def _note_free_at(case: Case, link: Link) -> int:
    """When the next digest may be written: `notes_per_day` equal parts of a UTC day, one in each."""
    part = DAY // case.rule.ticket.notes_per_day
    return (link.noted_on // part + 1) * part if link.noted_on else 0
