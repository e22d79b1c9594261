"""What a template may name, and the check that it names nothing else."""

from jinja2 import TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES: dict[str, str] = {
    "title": "the recommendation's title, or a description of the group where it spans several",
    "place": "the grouping values other than the recommendation, as text",
    "severity": "worst severity among open findings, such as High",
    "risk": "worst risk level among open findings, or Unknown",
    "counts": "open, fixed, mitigated, waived, not_applicable, gone, unknown, total",
    "by_severity": "list of (severity, number of open findings), worst first",
    "by_risk": "list of (risk level, number of open findings), worst first",
    "affected": "list of resources shown: name, type, severity, risk, place, portal",
    "more": "how many open findings are not in that list",
    "recommendation": "key, title, severity, categories; description and remediation with disclose: full",
    "values": "list of (dimension, text) of the group",
    "rule": "id of the rule",
    "connection": "id of the connection",
    "portal": "link to the recommendation in the portal",
    "disclose": "summary or full",
    "event": "in notes: what happened, such as part_fixed",
    "reason": "in notes and close notes: the decision's reason",
    "ticket": "in notes: number of the ticket, or of the one that came before it",
    "previous": "in notes: open findings at the last note, or -1",
    "wait_hours": "in notes: hours until Isthmus resolves the ticket itself, or 0",
}


def environment() -> ImmutableSandboxedEnvironment:
    """A sandbox for templates: no attributes of Python objects, nothing mutable, plain text."""
    env = ImmutableSandboxedEnvironment(
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    for name in ("range", "lipsum", "cycler", "joiner", "namespace", "dict"):
        env.globals.pop(name, None)
    return env


def template_problem(source: str) -> str:
    """What is wrong with a template, or ""."""
    try:
        tree = environment().parse(source)
    except TemplateSyntaxError as error:
        return f"is no valid template: {error.message} in its line {error.lineno}"
    unknown = sorted(meta.find_undeclared_variables(tree) - set(VARIABLES))
    return f"names {', '.join(unknown)}, which no ticket has" if unknown else ""
