"""Which subscriptions a run reads, by what was there and what was approved."""

import pytest

from common.azure.rows import Ancestor, SubscriptionRow
from common.model.finding import Subscription
from common.settings.connection import Scope
from services.collector.scope import Change, Found, compare, next_document, sort_out

A, B, C = (f"{n}0000000-0000-0000-0000-000000000000" for n in "abc")
HOME = "11111111-0000-0000-0000-000000000000"


def found(*ids: str, whole: bool = True) -> Found:
    return Found({one: Subscription(one, one) for one in ids}, whole=whole)


@pytest.mark.parametrize(
    ("document", "approved", "plan", "expected"),
    [
        ({}, (), False, Change((A, B), (), ())),
        ({}, (A,), False, Change((A,), (B,), ())),
        ({}, (A,), True, Change((A, B), (B,), ())),
        ({"subscriptions": [A], "approved": [A]}, (), False, Change((A,), (B,), ())),
        ({"subscriptions": [A, C]}, (A, B, C), False, Change((A, B), (), (C,))),
        ({"subscriptions": [A, B], "lost": [C]}, (A, B, C), False, Change((A, B), (), (C,))),
    ],
)
def test_compare(
    document: dict[str, list[str]], approved: tuple[str, ...], plan: bool, expected: Change
) -> None:
    """A plan reads all, a live run what is approved; what is not there any more is lost until accepted."""
    assert compare(document, found(A, B), approved=approved, plan=plan, excluded=()) == expected


def test_nothing_is_lost_by_an_answer_that_was_cut() -> None:
    """Of a truncated scope nothing may be concluded, and what was known stays known."""
    document = {"subscriptions": [A, B]}
    cut = found(A, whole=False)
    change = compare(document, cut, approved=(A, B), plan=False, excluded=())
    assert change.lost == ()
    assert next_document(document, change, cut)["subscriptions"] == [A, B]


def test_what_a_person_excludes_is_not_lost() -> None:
    """An exclusion is a decision, no loss."""
    change = compare({"subscriptions": [A, B]}, found(A), approved=(A, B), plan=False, excluded=(B,))
    assert change.lost == ()


def test_rows_are_sorted_by_tenant_state_and_exclusion() -> None:
    """Another tenant's (Lighthouse) and disabled subscriptions are left out, and named."""
    rows = {
        A: SubscriptionRow("", A.upper(), "Alpha", HOME.upper(), "Enabled", [Ancestor("Corp")]),
        B: SubscriptionRow("", B, "Beta", "22222222-0000-0000-0000-000000000000", "Enabled"),
        C: SubscriptionRow("", C, "Gamma", HOME, "Disabled"),
    }
    sorted_out = sort_out(rows, Scope(subscriptions=(A, B, C)), HOME, (), whole=True)
    assert sorted_out.subscriptions == {A: Subscription(A, "Alpha", HOME, "Enabled", ("corp",))}
    assert (sorted_out.foreign, sorted_out.disabled) == ((B,), (C,))
