"""Decisions when nothing is open any more: wait, tell, resolve; hold where the evidence is no fix."""

from msgspec.structs import replace

from common.model.decision import Decision, Kind
from common.model.finding import Standing
from common.model.link import Link
from services.mapper.decide_case import Case, close_code
from services.mapper.decide_reasons import Reason

_ACTIVE = ("1", "2", "3")
# Awaiting Problem, Vendor, Change: a fix ends the wait. 1 Awaiting Caller is a question to a person.
_HOLDS_THAT_A_FIX_ENDS = ("3", "4", "5")
RESOLVED_STATE = "6"


def all_clear(case: Case, link: Link) -> Decision:
    """Nothing is open and there is a ticket."""
    if reason := _nothing_to_do(case, link):
        return case.answer(Kind.UNCHANGED, reason, link)
    if reason := _doubt(case, link):
        return case.answer(Kind.HELD, reason, link)
    if case.rule.resolve.on == "never":
        return _tell_and_wait(case, link, Reason.RESOLVE_OFF, -1) or _resolve(case, link)
    if case.aggregate.count(Standing.WAIVED):
        return _waived(case, link)
    return _fixed(case, link)


def _nothing_to_do(case: Case, link: Link) -> Reason | None:
    """Why the ticket stays as it is, whatever became of the findings."""
    if link.detached:
        return Reason.DETACHED
    if link.deleted:
        return Reason.DELETED_BY_PERSON
    if link.state in ("6", "7", "8"):
        return Reason.ALREADY_CLOSED
    if 0 < case.memo.clear_since <= link.resolved_at:
        # This clear period already ended in a resolve: whoever reopened the ticket wants it open.
        return Reason.REOPENED_BY_PERSON
    return None


def _doubt(case: Case, link: Link) -> Reason | None:
    """Why this is no evidence of a fix (promise 4), or no ticket that we know how to move."""
    count = case.aggregate.count
    if link.state not in _ACTIVE or not link.active:
        return Reason.UNMAPPED_STATE
    # Members are kept, gone ones too, while a ticket is open: fewer than it was written with means that Redis
    # was lost, and a unit not read again or a resource deleted meanwhile is no evidence of a fix.
    if count(Standing.LOST) or case.aggregate.known < max(link.members, 1):
        return Reason.EVIDENCE_LOST
    if count(Standing.MISSING):
        return Reason.UNCONFIRMED
    if count(Standing.OFF):
        return Reason.NOT_APPLICABLE
    if count(Standing.GONE) and case.rule.resolve.gone == "hold":
        return Reason.RESOURCE_GONE
    return None


def _fixed(case: Case, link: Link) -> Decision:
    quiet_until = case.memo.clear_since + case.rule.resolve.quiet
    if case.now < quiet_until:
        return case.answer(Kind.UNCHANGED, Reason.QUIET_PERIOD, link, revisit_at=quiet_until)
    waiting: Decision | None = None
    if link.state == "3" and link.hold_reason not in _HOLDS_THAT_A_FIX_ENDS:
        waiting = _tell_and_wait(case, link, Reason.ON_HOLD, -1)
    elif link.state == "2" and link.assigned:
        waiting = _tell_and_wait(case, link, Reason.ASSIGNED, case.rule.resolve.assigned)
    return waiting or _resolve(case, link)


def _waived(case: Case, link: Link) -> Decision:
    """Risk accepted: say so, and resolve later only if nobody has taken the ticket."""
    wait = case.rule.resolve.waiver
    taken = link.assigned or link.state != "1"
    return _tell_and_wait(case, link, Reason.WAIVED, -1 if taken else wait) or _resolve(case, link)


def _tell_and_wait(case: Case, link: Link, reason: Reason, wait: int) -> Decision | None:
    """One note, then nothing for `wait` seconds (-1: for ever); None when the time is over."""
    memo = case.memo
    if wait == 0:
        return None
    told = memo.announced if memo.announced_event == reason.value else 0
    if not told:
        until = case.now + wait if wait > 0 else 0
        return Decision(
            Kind.NOTE,
            reason,
            replace(memo, announced=case.now, announced_event=reason.value),
            revisit_at=until,
            generation=link.generation,
            events=(reason.value,),
        )
    if wait < 0:
        return case.answer(Kind.UNCHANGED, reason, link)
    if case.now < told + wait:
        return case.answer(Kind.UNCHANGED, reason, link, revisit_at=told + wait)
    return None


def _outcome(case: Case) -> tuple[Reason, tuple[str, ...]]:
    """Why it is resolved, and the close codes that say so. The weakest claim that covers all members."""
    count, codes = case.aggregate.count, case.rule.resolve.codes
    if count(Standing.WAIVED):
        return Reason.WAIVED, codes.no_resolution
    if count(Standing.MITIGATED):
        return Reason.MITIGATED, codes.workaround
    if not count(Standing.HEALTHY, Standing.ADOPTED):
        return Reason.GONE, codes.no_resolution
    return (Reason.FIXED_AND_GONE if count(Standing.GONE) else Reason.FIXED), codes.solution


def _resolve(case: Case, link: Link) -> Decision:
    reason, preferred = _outcome(case)
    code = close_code(preferred, case.context.close_codes)
    if not code:
        return case.answer(Kind.HELD, Reason.NO_CLOSE_CODE, link)
    return Decision(
        Kind.RESOLVE,
        reason,
        case.memo,
        generation=link.generation,
        fields={"state": RESOLVED_STATE, "close_code": code},
    )
