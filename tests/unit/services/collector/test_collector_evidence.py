"""What may be concluded of rows, totals and ids; what tags a resource has."""

import pytest

from common.azure.rows import AssessmentRow
from common.model.finding import Standing
from common.state.pages import Manifest
from services.collector.confirm import answer, recommendation_of
from services.collector.read import exact
from services.collector.stage import wait_after
from services.collector.tags import inherited, places_of, subscription_in

KEY = "4fb67663-9ab9-475d-b026-8c544cced439"
VM = "/subscriptions/s1/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/vm1"
FINDING = f"{VM}/providers/Microsoft.Security/assessments/{KEY}"


def ask(row: AssessmentRow | None, *, readable: bool = True, known: bool = True) -> Standing:
    rows = [row] if row else []
    answers = answer([FINDING], rows, readable=readable, in_being={KEY} if known else set())
    return Standing(answers[FINDING])


@pytest.mark.parametrize(
    ("code", "cause", "expected"),
    [
        ("Healthy", None, Standing.HEALTHY),
        ("Unhealthy", "", Standing.OPEN),
        ("Healthy", "Exempt", Standing.MITIGATED),
        ("NotApplicable", "Exempt", Standing.WAIVED),
        ("NotApplicable", "OffByPolicy", Standing.OFF),
        ("SomethingNew", None, Standing.LOST),
    ],
)
def test_a_row_that_is_there_says_how_it_stands(code: str, cause: str | None, expected: Standing) -> None:
    """Whatever the case of its id."""
    row = AssessmentRow(id=FINDING.lower(), name=KEY, code=code, cause=cause)
    assert ask(row) == expected


def test_absence_is_gone_only_with_every_evidence() -> None:
    """The scope can be read and the recommendation is in being; else nothing is known."""
    assert ask(None) == Standing.GONE
    assert ask(None, readable=False) == Standing.LOST
    assert ask(None, known=False) == Standing.LOST


def test_the_recommendation_is_the_last_part_of_the_id() -> None:
    """In lower case, and nothing for an id of another kind."""
    assert recommendation_of(FINDING.upper()) == KEY
    assert recommendation_of(VM) == ""


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        (Manifest(2, 150, 150, 150, "", complete=True), True),
        (Manifest(2, 149, 150, 150, "", complete=True), False),
        (Manifest(2, 150, 151, 150, "", complete=True), False),
        (Manifest(2, 150, 150, 150, "truncated", complete=True), False),
        (Manifest(2, 150, 150, 150, "", complete=False), False),
    ],
)
def test_a_chain_is_exact_when_all_counts_agree(manifest: Manifest, expected: bool) -> None:
    """Rows, first total and last total; no flag; every page there."""
    assert exact(manifest) is expected


def test_tags_are_inherited_and_the_nearest_wins() -> None:
    """Subscription, then resource group, then the resource itself."""
    tags = {
        "/subscriptions/s1": {"owner_group": "far", "env": "prod"},
        "/subscriptions/s1/resourcegroups/rg": {"owner_group": "near"},
    }
    assert inherited(VM, tags) == {"owner_group": "near", "env": "prod"}
    assert places_of("/subscriptions/s1") == ("/subscriptions/s1",)


def test_the_subscription_of_an_id() -> None:
    """Only ARM ids have one."""
    assert subscription_in(VM) == "s1"
    assert subscription_in("arn:aws:s3:::bucket") == ""


def test_waiting_grows_and_is_bounded() -> None:
    """2, 4, 8 seconds and so on, never above a minute."""
    assert [wait_after(n) for n in (1, 2, 3, 9)] == [2, 4, 8, 60]
