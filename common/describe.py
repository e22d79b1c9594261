"""One sentence for people for each reason, in one place: the command line, runs and holds use it."""

from collections.abc import Mapping
from types import MappingProxyType

SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "new": "A new ticket: the findings have been open long enough.",
        "regression_closed": "The findings came back and the old ticket is closed: a successor opens.",
        "deleted_successor": "A person deleted the ticket, and the rule asks for a new one.",
        "facts_changed": "The facts on the ticket have changed.",
        "part_fixed": "Fewer resources are affected than the ticket says.",
        "more_affected": "More resources are affected than the ticket says.",
        "risk_raised": "The worst open finding is worse than before.",
        "template_changed": "The rule's texts have changed since the ticket was written.",
        "on_hold": "All is fixed, but the ticket is on hold for a person's answer: a note only.",
        "assigned": "All is fixed, but somebody is working on the ticket: a note first.",
        "resolve_off": "All is fixed, but the rule does not let Isthmus resolve: a note only.",
        "fixed": "Defender reports every affected resource as healthy.",
        "fixed_and_gone": "Every affected resource is healthy or no longer exists.",
        "mitigated": "What is not healthy is exempt as mitigated.",
        "gone": "The affected resources no longer exist.",
        "waived": "What is not healthy is exempt as an accepted risk.",
        "regression": "The findings came back after the ticket was resolved.",
        "still_unhealthy": "A person resolved the ticket, but Defender still reports the findings.",
        "up_to_date": "The ticket says what is true.",
        "note_waits": "The ticket is right; today's note is written, the next comes later.",
        "nothing_to_write": "Nothing that Isthmus may write would change.",
        "quiet_period": "All is fixed; the ticket is resolved once the quiet period is over.",
        "already_closed": "All is fixed and the ticket is already resolved.",
        "closed_by_person": "A person closed or canceled the ticket so that it stays closed.",
        "closed_while_unhealthy": "A person closed the ticket, but Defender still reports the findings.",
        "reopened_by_person": "All is fixed, but a person reopened the ticket: it stays open.",
        "deleted_by_person": "A person deleted the ticket; it is not made again without being asked.",
        "detached": "The ticket was detached from its findings; Isthmus leaves it alone.",
        "unmapped_state": "The ticket is in a state that Isthmus does not know.",
        "not_applicable": "Findings became not applicable, which is no evidence of a fix.",
        "evidence_lost": "What became of the findings can't be known: no longer readable, or retired.",
        "unconfirmed": "Findings are absent, and Defender has not confirmed yet why.",
        "resource_gone": "Resources no longer exist, and the rule asks a person about that.",
        "no_close_code": "The instance offers none of the close codes that the rule prefers.",
        "flapping": "The findings came back too often in a short time; a person should look.",
        "state_lost": "The state in Redis was lost; new tickets wait for an approval.",
        "links_not_rebuilt": "The links to existing tickets are not rebuilt yet; new ones wait.",
        "table_unavailable": "The ticket's table can't be written with the configured account.",
        "assignment_unresolved": "No assignment group of the rule's chain exists in ServiceNow.",
        "caller_unresolved": "The rule's caller does not exist in ServiceNow.",
        "template_failed": "A template of the rule could not be rendered.",
        "nothing_open": "Nothing is open, and there is no ticket.",
        "below_threshold": "Fewer findings are open than the rule asks for, or too harmless ones.",
        "too_young": "The findings are not open long enough yet.",
        "plan_mode": "The rule is in plan mode: nothing is written until it is approved.",
        "type_not_yet": "Tickets of this type come with a later version.",
        "preview": "The recommendation is in preview, and no rule takes previews.",
        "model": "No rule takes this kind of recommendation (grouped or individual).",
        "risk_missing": "The finding has no risk level, and the rules ask for one.",
        "no_rule": "No rule matches.",
        "rule_removed": "The rule is no longer in the rules; the ticket waits for a person.",
        "cap_rule": "More tickets of one rule in one run than its cap allows: held as a whole.",
        "cap_day": "More tickets in one day than the cap of the connection allows: held as a whole.",
        "cap_resolve": "More tickets of one rule would be resolved than its cap allows: held as a whole.",
        "cap_rewrite": "A changed text would rewrite more tickets of one rule than its cap allows:"
        " held as a whole.",
        "owned_by_vulnerability_response": "Vulnerabilities belong to Vulnerability Response.",
    }
)


def describe(reason: str) -> str:
    """The sentence of a reason; a skip rule's own word is quoted."""
    return SENTENCES.get(reason) or f"Left out by a rule: {reason.replace('_', ' ')}."
