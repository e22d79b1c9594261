"""Azure's words as our values; a word that we don't know is UNKNOWN, never an error."""

from collections.abc import Mapping

from common.model.finding import Risk, Severity, Standing

SEVERITIES: Mapping[str, Severity] = {
    level.name.lower(): level for level in Severity if level is not Severity.UNKNOWN
}
RISKS: Mapping[str, Risk] = {level.name.lower(): level for level in Risk if level is not Risk.UNKNOWN}
CLOUDS: Mapping[str, str] = {
    "azure": "azure",
    "aws": "aws",
    "gcp": "gcp",
    "onpremise": "onpremises",
    "onpremisesql": "onpremises",
    "onpremiseresourcedetails": "onpremises",
}
STANDINGS: Mapping[tuple[str, bool], Standing] = {
    ("unhealthy", False): Standing.OPEN,
    ("unhealthy", True): Standing.OPEN,
    ("healthy", False): Standing.HEALTHY,
    ("healthy", True): Standing.MITIGATED,
    ("notapplicable", False): Standing.OFF,
    ("notapplicable", True): Standing.WAIVED,
}
"""(status.code, whether status.cause is Exempt) -> standing (defender-api 2.2, 2.9)."""


def severity_of(text: str) -> Severity:
    return SEVERITIES.get(text.strip().lower(), Severity.UNKNOWN)
