"""Rules under which a finding's group never hangs on what changes, so that any order of events ends alike."""

from tests.stack_rules import BY_PLACE, BY_RECOMMENDATION, ModelRule, ranked, recommendation, rules_text

_RULES = """\
rules:
  - id: vulnerabilities
    when: {kind: recommendation, category: [Vulnerabilities]}
    skip: owned_by_vulnerability_response
  - id: identity
    when: {kind: recommendation, resource_type: [microsoft.resources/subscriptions]}
    group: [recommendation]
    ticket: {type: incident, impact: 2, urgency: 2, assign: ["Identity"]}
  - id: each
    when: {kind: recommendation, severity: [Critical, High]}
    group: [recommendation, resource]
    ticket: {type: incident, impact: 3, urgency: 2, due: 7d}
  - id: place
    when: {kind: recommendation}
    group: [recommendation, subscription_or_cloud_account]
    ticket: {type: incident, impact: 3, urgency: {Critical: 1, High: 2, default: 3}}
"""
RULES = rules_text(rules=_RULES).replace(
    "  ticket:\n",
    "  reopen: {incident_from: [6], flap_brake: {after: 20, within: 14d, then: hold}}\n  ticket:\n",
)
RENAMED = RULES.replace("id: each", "id: each-renamed").replace("id: place", "id: elsewhere")
"""What nobody approved: it must change nothing."""

MODEL = (
    ModelRule("vulnerabilities", lambda row: "Vulnerabilities" in row["categories"]),
    ModelRule(
        "identity",
        lambda row: row["resource_type"].lower() == "microsoft.resources/subscriptions",
        BY_RECOMMENDATION,
    ),
    ModelRule(
        "each",
        ranked,
        (("recommendation", recommendation), ("resource", lambda row: str(row["resource"]).lower())),
    ),
    ModelRule("place", lambda _row: True, BY_PLACE),
)
