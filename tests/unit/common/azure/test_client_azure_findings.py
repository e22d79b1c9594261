"""Rows made into findings: casing, gaps and unknown words, and what can't be read."""

from collections import Counter

import msgspec
import pytest

from common.azure.findings import Malformed, resource_type_of, to_finding, to_subscription
from common.azure.rows import AssessmentRow, SubscriptionRow, decode_body
from common.errors import Skip
from common.identity import finding_key
from common.model.finding import Recommendation, Risk, Severity, Standing, Subscription

SUB = "11111111-aaaa-1111-1111-111111111111"
KEY = "21300918-b2e3-0346-785f-c77ff57d243b"
VM = f"/subscriptions/{SUB}/resourceGroups/Rg/providers/Microsoft.Compute/virtualMachines/Vm-1"
META = {KEY: Recommendation(KEY, "Encrypt disks", Severity.CRITICAL, ("Compute",), preview=True)}
SUBS = {SUB: Subscription(SUB, "Production", "tenant", management_groups=("near", "root"))}


def row(**changes: str | None) -> AssessmentRow:
    values: dict[str, str | None] = {
        "id": f"{VM}/providers/Microsoft.Security/assessments/{KEY.upper()}",
        "name": KEY.upper(),
        "subscriptionId": SUB.upper(),
        "code": "Unhealthy",
        "cause": "",
        "risk": "High",
        "title": "row's title",
        "severity": "Low",
        "source": "Azure",
        "resourceId": VM,
    }
    return AssessmentRow(**{**values, **changes})


def test_a_row_becomes_a_finding() -> None:
    """Ids go lower case, names for people stay, metadata wins over the row."""
    finding = to_finding(row(), META, SUBS)
    assert finding.id == f"{VM}/providers/microsoft.security/assessments/{KEY}".lower()
    assert finding.key == finding_key(row().id or "")
    assert (finding.recommendation, finding.title, finding.preview) == (KEY, "Encrypt disks", True)
    assert (finding.severity, finding.risk, finding.standing) == (
        Severity.CRITICAL,
        Risk.HIGH,
        Standing.OPEN,
    )
    assert (finding.resource_id, finding.resource_name) == (VM.lower(), "Vm-1")
    assert finding.resource_type == "microsoft.compute/virtualmachines"
    assert (finding.subscription, finding.subscription_name, finding.tenant) == (SUB, "Production", "tenant")
    assert (finding.cloud, finding.cloud_account, finding.management_groups) == (
        "azure",
        "",
        ("near", "root"),
    )


@pytest.mark.parametrize(
    "spelling",
    [
        VM,
        VM.upper(),
        VM.lower().removeprefix("/"),
        f" {VM} ",
        f"//{VM.lstrip('/')}",
    ],
)
def test_the_key_does_not_depend_on_spelling(spelling: str) -> None:
    """Case, a missing slash and blanks give the same finding."""
    suffix = f"/providers/Microsoft.Security/assessments/{KEY}"
    padding = " " if spelling.endswith(" ") else ""
    finding = to_finding(row(id=spelling.rstrip() + suffix + padding, name=KEY), META, SUBS)
    assert finding.key == to_finding(row(), META, SUBS).key == finding_key(VM + suffix)


@pytest.mark.parametrize(
    ("code", "cause", "standing"),
    [
        ("Unhealthy", "", Standing.OPEN),
        ("HEALTHY", None, Standing.HEALTHY),
        ("Healthy", "exempt", Standing.MITIGATED),
        ("NotApplicable", "Exempt", Standing.WAIVED),
        ("NotApplicable", "OffByPolicy", Standing.OFF),
        ("NotApplicable", None, Standing.OFF),
    ],
)
def test_standings(code: str, cause: str | None, standing: Standing) -> None:
    """Only Healthy without an exemption is healthy."""
    assert to_finding(row(code=code, cause=cause), META, SUBS).standing is standing


def test_unknown_words_are_counted_not_fatal() -> None:
    """A new severity, risk or source becomes UNKNOWN and shows in the counter."""
    unknown: Counter[str] = Counter()
    finding = to_finding(row(severity="Extreme", risk="Dire", source="GitHub"), {}, SUBS, unknown)
    assert (finding.severity, finding.risk, finding.cloud) == (Severity.UNKNOWN, Risk.UNKNOWN, "other")
    assert unknown == {"severity": 1, "risk": 1, "source": 1}


def test_missing_metadata_falls_back_to_the_row() -> None:
    """Without metadata the row's own title and severity stand."""
    finding = to_finding(row(), {}, SUBS)
    assert (finding.title, finding.severity, finding.categories) == ("row's title", Severity.LOW, ())
    assert to_finding(row(title=None, severity=None), {}, SUBS).title == KEY


def test_no_risk_is_unknown_but_none_is_none() -> None:
    """Without CSPM there is no level; the level None is one."""
    unknown: Counter[str] = Counter()
    assert to_finding(row(risk=None), META, SUBS, unknown).risk is Risk.UNKNOWN
    assert to_finding(row(risk="None"), META, SUBS, unknown).risk is Risk.NONE
    assert not unknown


def test_other_clouds_have_an_account() -> None:
    """An AWS row's account is its hierarchy id, else its connector."""
    provider = f"/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Security"
    entity = f"{provider}/securityConnectors/c/securityentitydata/aws-x"
    aws = row(
        id=f"{entity}/providers/Microsoft.Security/assessments/{KEY}",
        source="Aws",
        resourceId=entity,
        account="5440",
        resourceName="i-0abc",
    )
    finding = to_finding(aws, META, SUBS)
    assert (finding.cloud, finding.cloud_account, finding.resource_name) == ("aws", "5440", "i-0abc")
    aws.account, aws.connectorId = None, "C0"
    assert to_finding(aws, META, SUBS).cloud_account == "c0"


def test_resource_comes_from_the_id_where_there_is_none() -> None:
    """On-premises rows have no resource id: what stands before the assessment is it."""
    finding = to_finding(row(resourceId=None, source="OnPremise"), META, SUBS)
    assert (finding.resource_id, finding.cloud) == (VM.lower(), "onpremises")


def test_subscription_comes_from_the_id_where_there_is_none() -> None:
    """A row without the column still belongs to the subscription of its id."""
    assert to_finding(row(subscriptionId=None), META, SUBS).subscription == SUB


@pytest.mark.parametrize(
    ("changes", "reason", "field", "keyed"),
    [
        ({"id": None}, "no_id", "id", False),
        ({"id": ""}, "no_id", "id", False),
        ({"id": VM}, "bad_id", "id", False),
        ({"id": " "}, "bad_id", "id", False),
        ({"name": "other"}, "bad_name", "name", True),
        ({"code": "Sick"}, "unknown_status", "code", True),
        ({"code": None}, "unknown_status", "code", True),
    ],
)
def test_malformed_rows_name_their_field(
    changes: dict[str, str | None], reason: str, field: str, keyed: bool
) -> None:
    """What identifies or judges must be readable; where the id is, the key comes along."""
    with pytest.raises(Malformed) as caught:
        to_finding(row(**changes), META, SUBS)
    assert (caught.value.reason, caught.value.field, caught.value.key is not None) == (reason, field, keyed)


def test_foreign_subscriptions_are_skipped() -> None:
    """A row of a subscription out of scope is skipped, with a reason."""
    with pytest.raises(Skip) as caught:
        to_finding(row(), META, {})
    assert caught.value.reason == "not_in_scope"


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        (f"/subscriptions/{SUB}", "microsoft.resources/subscriptions"),
        (f"/subscriptions/{SUB}/resourcegroups/rg", "microsoft.resources/resourcegroups"),
        (
            "/subscriptions/s/resourcegroups/r/providers/microsoft.sql/servers/a/databases/b",
            "microsoft.sql/servers/databases",
        ),
    ],
)
def test_types_are_spelled_by_ids(resource: str, kind: str) -> None:
    """Provider and every second segment."""
    assert resource_type_of(resource) == kind


def test_subscriptions_keep_their_chain() -> None:
    """Management groups from the nearest to the root, lower case."""
    raw = {
        "id": "/x",
        "subscriptionId": SUB.upper(),
        "name": "P",
        "ancestors": [{"name": "Near"}, {"name": "Root"}],
    }
    made = to_subscription(msgspec.convert(raw, SubscriptionRow))
    assert (made.id, made.management_groups, made.state) == (SUB, ("near", "root"), "Enabled")


def test_one_bad_row_does_not_spoil_its_page() -> None:
    """The others are read; the bad one is told by number and place."""
    content = msgspec.json.encode(
        {
            "data": [{"id": "a"}, {"id": {"no": 1}}, "text", {"id": "b", "account": 788875449976}],
            "totalRecords": 4,
        }
    )
    body, malformed = decode_body(content, AssessmentRow)
    assert [entry.id for entry in body.data] == ["a", "b"]
    assert body.data[1].account == "788875449976"
    assert [text[:6] for text in malformed] == ["row 1:", "row 2:"]
    assert body.totalRecords == 4


def test_keys_are_read_in_any_case() -> None:
    """A page with keys in another letter case is the same page."""
    content = msgspec.json.encode({"data": [{"ID": "a", "SubscriptionID": "s"}], "$skipToken": "t"})
    body, malformed = decode_body(content, AssessmentRow)
    assert (body.data[0].id, body.data[0].subscriptionId, body.skip_token, malformed) == ("a", "s", "t", ())
