"""The recommendations of the generated world: real Microsoft titles with severity and categories.

Titles, severities and most keys follow Microsoft's public reference tables of recommendations; keys that were
not found are derived from the title. Descriptions and remediation texts are our own.
"""

import random
import uuid
from pathlib import Path

from services.simulator.azure import texts
from services.simulator.azure.model import Recommendation
from services.simulator.azure.tokens import token

_SHARES = {"A": 0.85, "B": 0.35, "C": 0.08, "D": 0.015}
_THREATS = ("accountBreach", "dataExfiltration", "dataSpillage", "denialOfService", "elevationOfPrivilege")
_TACTICS = (
    "Initial Access",
    "Credential Access",
    "Persistence",
    "Execution",
    "Defense Evasion",
    "Lateral Movement",
)
_TECHNIQUES = (
    "Valid Accounts",
    "Exploit Public-Facing Application",
    "Phishing",
    "User Execution",
    "Brute Force",
)
_POLICIES = "/providers/Microsoft.Authorization/policyDefinitions/"
_LEVELS = ("Low", "Moderate", "High")


def load_catalog(seed: int) -> list[Recommendation]:
    """All recommendations, with a unique token planted in each title."""
    rng = random.Random(f"{seed}/recommendations")
    lines = (Path(__file__).parent / "data" / "recommendations.psv").read_text(encoding="utf-8").splitlines()
    return [_recommendation(line, rng) for line in lines if line and not line.startswith("#")]


def _recommendation(line: str, rng: random.Random) -> Recommendation:
    title, severity, categories, kinds, share, flags, given = line.split("|")
    custom = "c" in flags
    mark = token("r", rng)
    key = given or str(uuid.uuid5(uuid.NAMESPACE_URL, f"recommendation/{title}"))
    bare = custom and not severity
    return Recommendation(
        key=key,
        title=f"{title} {mark}",
        token=mark,
        severity=severity or None,
        categories=tuple(categories.split(",")),
        kinds=tuple(kinds.split(",")),
        share=_SHARES[share],
        preview="p" in flags,
        custom=custom,
        description=texts.description(title, long="l" in flags, unicode="u" in flags),
        remediation=None if bare else texts.remediation(title, long="l" in flags),
        policy_id=None
        if "v" in flags or bare
        else _POLICIES + str(uuid.uuid5(uuid.NAMESPACE_URL, f"policy/{title}")),
        threats=tuple(rng.sample(_THREATS, rng.randint(0, 3))),
        tactics=tuple(rng.sample(_TACTICS, rng.randint(0, 4))),
        techniques=tuple(rng.sample(_TECHNIQUES, rng.randint(0, 3))),
        user_impact=rng.choice(_LEVELS),
        effort=rng.choice(_LEVELS),
    )
