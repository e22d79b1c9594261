"""What a finding's group is made of: one function per grouping dimension, all of them total."""

from collections.abc import Callable

from common.model.finding import Finding

_VALUE_LIMIT = 512


def clean(value: str) -> str:
    """One line without the footer's separator, so that what stands in a footer reads back as it was."""
    return " ".join(value.replace("|", "/").split())[:_VALUE_LIMIT]


def _account(finding: Finding) -> str:
    return finding.cloud_account


def subscription_or_cloud_account(finding: Finding) -> str:
    """The AWS account or GCP project where there is one, else the subscription (Azure, Arc, on-premises).

    A connector's findings all lie in the one subscription that holds it, which says nothing of their place.
    """
    if finding.cloud in ("aws", "gcp") and finding.cloud_account:
        return finding.cloud_account
    return finding.subscription


def _management_group(finding: Finding) -> str:
    """The nearest one: Resource Graph lists a subscription's ancestors from its parent upwards."""
    return finding.management_groups[0] if finding.management_groups else ""


def _category(finding: Finding) -> str:
    """The first by alphabet: Azure changes the order of the array between reads."""
    return min((c.strip().lower() for c in finding.categories), default="")


def _alert_type(finding: Finding) -> str:
    return finding.recommendation if finding.kind == "alert" else ""


def _tag(name: str) -> Callable[[Finding], str]:
    def read(finding: Finding) -> str:
        value = finding.tags.get(name)
        if value is None:
            value = next((v for k, v in finding.tags.items() if k.lower() == name), "")
        return value

    return read


_READERS: dict[str, Callable[[Finding], str]] = {
    "recommendation": lambda f: f.recommendation,
    "resource": lambda f: f.resource_id,
    "subscription": lambda f: f.subscription,
    "subscription_or_cloud_account": subscription_or_cloud_account,
    "management_group": _management_group,
    "cloud": lambda f: f.cloud,
    "cloud_account": _account,
    "resource_type": lambda f: f.resource_type,
    "category": _category,
    "severity": lambda f: f.severity.name.lower(),
    "alert_type": _alert_type,
}


def reader(dimension: str) -> Callable[[Finding], str]:
    """How a dimension's value is read from a finding; tags without regard to the case of their name."""
    if dimension.startswith("tag:"):
        return _tag(dimension.removeprefix("tag:"))
    return _READERS[dimension]
