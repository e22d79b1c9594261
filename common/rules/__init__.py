"""Rules: from the YAML that a security engineer writes to frozen, resolved values."""

from common.rules.effective import EffectiveRule
from common.rules.errors import RuleError, RuleErrors
from common.rules.lint import Lint, lint_rules
from common.rules.loader import DEFAULT_RULES, load_rules, parse_rules
from common.rules.ruleset import RuleSet

__all__ = [
    "DEFAULT_RULES",
    "EffectiveRule",
    "Lint",
    "RuleError",
    "RuleErrors",
    "RuleSet",
    "lint_rules",
    "load_rules",
    "parse_rules",
]
