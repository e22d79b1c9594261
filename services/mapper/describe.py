"""One sentence for people for each reason, in one place: the command line, runs and holds use it."""

from collections.abc import Mapping
from types import MappingProxyType

from services.mapper.decide_reasons import Reason

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        Reason.NEW: "A new ticket: the findings have been open long enough.",
        Reason.REGRESSION_CLOSED: "The findings came back and the old ticket is closed: a successor opens.",
        Reason.DELETED_SUCCESSOR: "A person deleted the ticket, and the rule asks for a new one.",
        Reason.FACTS_CHANGED: "The facts on the ticket have changed.",
        Reason.PART_FIXED: "Fewer resources are affected than the ticket says.",
        Reason.MORE_AFFECTED: "More resources are affected than the ticket says.",
        Reason.RISK_RAISED: "The worst open finding is worse than before.",
        Reason.ON_HOLD: "All is fixed, but the ticket is on hold for a person's answer: a note only.",
        Reason.ASSIGNED: "All is fixed, but somebody is working on the ticket: a note first.",
        Reason.RESOLVE_OFF: "All is fixed, but the rule does not let Isthmus resolve: a note only.",
        Reason.FIXED: "Defender reports every affected resource as healthy.",
        Reason.FIXED_AND_GONE: "Every affected resource is healthy or no longer exists.",
        Reason.MITIGATED: "What is not healthy is exempt as mitigated.",
        Reason.GONE: "The affected resources no longer exist.",
        Reason.WAIVED: "What is not healthy is exempt as an accepted risk.",
        Reason.REGRESSION: "The findings came back after the ticket was resolved.",
        Reason.STILL_UNHEALTHY: "A person resolved the ticket, but Defender still reports the findings.",
        Reason.UP_TO_DATE: "The ticket says what is true.",
        Reason.NOTE_WAITS: "The ticket is right; today's note is written, the next comes later.",
        Reason.NOTHING_TO_WRITE: "Nothing that Isthmus may write would change.",
        Reason.QUIET_PERIOD: "All is fixed; the ticket is resolved once the quiet period is over.",
        Reason.ALREADY_CLOSED: "All is fixed and the ticket is already resolved.",
        Reason.CLOSED_BY_PERSON: "A person closed or canceled the ticket so that it stays closed.",
        Reason.CLOSED_WHILE_UNHEALTHY: "A person closed the ticket, but Defender still reports the findings.",
        Reason.REOPENED_BY_PERSON: "All is fixed, but a person reopened the ticket: it stays open.",
        Reason.DELETED_BY_PERSON: "A person deleted the ticket; it is not made again without being asked.",
        Reason.DETACHED: "The ticket was detached from its findings; Isthmus leaves it alone.",
        Reason.UNMAPPED_STATE: "The ticket is in a state that Isthmus does not know.",
        Reason.NOT_APPLICABLE: "Findings became not applicable, which is no evidence of a fix.",
        Reason.EVIDENCE_LOST: "What became of the findings can't be known: no longer readable, or retired.",
        Reason.UNCONFIRMED: "Findings are absent, and Defender has not confirmed yet why.",
        Reason.RESOURCE_GONE: "Resources no longer exist, and the rule asks a person about that.",
        Reason.NO_CLOSE_CODE: "The instance offers none of the close codes that the rule prefers.",
        Reason.FLAPPING: "The findings came back too often in a short time; a person should look.",
        Reason.STATE_LOST: "The state in Redis was lost; new tickets wait for an approval.",
        Reason.LINKS_NOT_REBUILT: "The links to existing tickets are not rebuilt yet; new ones wait.",
        Reason.TABLE_UNAVAILABLE: "The ticket's table can't be written with the configured account.",
        Reason.ASSIGNMENT_UNRESOLVED: "No assignment group of the rule's chain exists in ServiceNow.",
        Reason.CALLER_UNRESOLVED: "The rule's caller does not exist in ServiceNow.",
        Reason.TEMPLATE_FAILED: "A template of the rule could not be rendered.",
        Reason.NOTHING_OPEN: "Nothing is open, and there is no ticket.",
        Reason.BELOW_THRESHOLD: "Fewer findings are open than the rule asks for, or too harmless ones.",
        Reason.TOO_YOUNG: "The findings are not open long enough yet.",
        Reason.PLAN_MODE: "The rule is in plan mode: nothing is written until it is approved.",
        Reason.TYPE_NOT_YET: "Tickets of this type come with a later version.",
        "preview": "The recommendation is in preview, and no rule takes previews.",
        "model": "No rule takes this kind of recommendation (grouped or individual).",
        "risk_missing": "The finding has no risk level, and the rules ask for one.",
        "no_rule": "No rule matches.",
        "owned_by_vulnerability_response": "Vulnerabilities belong to Vulnerability Response.",
    }
)


def describe(reason: str) -> str:
    """The sentence of a reason; a skip rule's own word is quoted."""
    return SENTENCES.get(reason) or f"Left out by a rule: {reason.replace('_', ' ')}."
