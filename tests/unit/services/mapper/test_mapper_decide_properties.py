"""decide: what holds for every group, ticket and rule."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from common.describe import describe
from common.model.decision import Kind
from common.model.finding import Risk, Severity
from common.model.group import Aggregate, Memo
from common.model.link import Link
from common.rules import EffectiveRule
from services.mapper.decide import Context, decide, facts_digest
from services.mapper.decide_reasons import Reason
from tests.worlds import GROUP_FACTS, aggregate, executed, rule

NOW = 1_800_000_000
CODES = ("Solution provided", "No resolution provided", "Workaround provided")
RULES = tuple(
    rule(extra, when)
    for extra, when in [
        ("", "{}"),
        ("findings: {min_age: 0}, resolve: {quiet: 0, assigned: at_once, waiver: at_once}", "{}"),
        ("resolve: {on: never, gone: hold}, closed_while_unhealthy: {then: hold}", "{}"),
        ("ticket: {notes: {max_per_day: 4}}, deleted_by_person: successor", "{affected_at_least: 2}"),
        ("ticket: {notes: {digest: off}}, closed_while_unhealthy: {wait: 0, then: leave}", "{}"),
    ]
)
NAMES = ("healthy", "open", "mitigated", "waived", "off", "missing", "gone", "lost")
times = st.integers(NOW - 40 * 86_400, NOW) | st.just(0)
few = st.integers(0, 3)
counts = st.one_of(  # something open; all clear; anything
    st.fixed_dictionaries({"open": st.integers(1, 4)}, optional=dict.fromkeys(NAMES[2:], few)),
    st.fixed_dictionaries({}, optional=dict.fromkeys(("healthy", "gone", "mitigated"), few)),
    st.fixed_dictionaries({"waived": st.integers(1, 2)}, optional={"healthy": few}),
    st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, few)),
)
seldom = st.sampled_from([False] * 11 + [True])
aggregates = st.builds(
    lambda members, severity, risk, digest: aggregate(severity, risk, digest, **members),
    counts,
    st.sampled_from(list(Severity)),
    st.sampled_from(list(Risk)),
    st.integers(0, 3),
)
memos = st.builds(
    Memo,
    open_since=times,
    clear_since=times,
    reopened=st.lists(st.integers(NOW - 20 * 86_400, NOW), max_size=4).map(lambda t: tuple(sorted(t))),
    noted=st.integers(-1, 4),
    announced=times,
    announced_event=st.sampled_from(["", "assigned", "waived", "on_hold", "resolve_off"]),
)
links = st.builds(
    Link,
    table=st.just("incident"),
    sys_id=st.just("a" * 32),
    number=st.just("INC1"),
    generation=st.integers(1, 5),
    seq=st.integers(1, 9),
    rule=st.just("one"),
    state=st.sampled_from(["1", "2", "3", "6", "1", "2", "3", "6", "7", "8", "10"]),
    active=seldom.map(lambda inactive: not inactive),
    assigned=st.booleans(),
    hold_reason=st.sampled_from(["", "1", "3"]),
    close_code=st.sampled_from(["", "Duplicate", "Solution provided"]),
    closed_by_person=st.booleans(),
    deleted=seldom,
    detached=seldom,
    open=st.integers(0, 4),
    worst=st.integers(0, 70),
    noted_on=times,
    resolved_at=times,
)
contexts = st.builds(
    Context,
    close_codes=st.sampled_from([CODES, ()]),
    plan_mode=st.booleans(),
    creates_blocked=st.sampled_from([None, Reason.STATE_LOST]),
)
MANY = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@MANY
@given(aggregates, st.none() | links, memos, st.sampled_from(RULES), contexts)
def test_decide_is_deterministic_and_says_why(
    group: Aggregate, link: Link | None, memo: Memo, effective: EffectiveRule, context: Context
) -> None:
    """Equal arguments, equal answer; every reason has a sentence; a revisit lies in the future."""
    first = decide(group, GROUP_FACTS, link, memo, effective, NOW, context)
    assert first == decide(group, GROUP_FACTS, link, memo, effective, NOW, context)
    assert describe(first.reason)
    assert first.revisit_at == 0 or first.revisit_at > NOW


@MANY
@given(aggregates, links, memos, st.sampled_from(RULES), contexts)
def test_decide_never_writes_to_what_is_not_ours(
    group: Aggregate, link: Link, memo: Memo, effective: EffectiveRule, context: Context
) -> None:
    """Closed, canceled, deleted and detached tickets are never written; states go only to 6 and back to 2."""
    decision = decide(group, GROUP_FACTS, link, memo, effective, NOW, context)
    if link.terminal:
        assert not decision.kind.writes or (decision.kind, decision.generation) == (
            Kind.CREATE,
            link.generation + 1,
        )
    if link.detached or link.state == "8":
        assert decision.kind is not Kind.CREATE or link.deleted
    assert decision.fields.get("state", "6" if decision.kind is Kind.RESOLVE else "2") in ("2", "6")
    if decision.kind is Kind.REOPEN:
        assert link.state == "6"
    if decision.kind is Kind.RESOLVE:
        assert link.state in ("1", "2", "3")


@MANY
@given(aggregates, links, memos, st.sampled_from(RULES), contexts)
def test_decide_resolves_only_on_evidence(
    group: Aggregate, link: Link, memo: Memo, effective: EffectiveRule, context: Context
) -> None:
    """No Resolve with anything open, missing, lost or not applicable in the group (promise 4)."""
    decision = decide(group, GROUP_FACTS, link, memo, effective, NOW, context)
    if decision.kind is Kind.RESOLVE:
        assert group.members > 0
        assert all(group.standings[i] == 0 for i in (1, 4, 5, 7))


@MANY
@given(aggregates, st.none() | links, memos, st.sampled_from(RULES))
def test_a_decision_carried_out_needs_no_second(
    group: Aggregate, link: Link | None, memo: Memo, effective: EffectiveRule
) -> None:
    """After a write, an unchanged world gives Unchanged (a third sync writes nothing)."""
    context = Context(close_codes=CODES)
    decision = decide(group, GROUP_FACTS, link, memo, effective, NOW, context)
    if not decision.kind.writes:
        return
    after = executed(decision, group, effective, link, NOW)
    second = decide(group, GROUP_FACTS, after, decision.memo, effective, NOW + 1, context)
    assert second.kind is Kind.UNCHANGED


@MANY
@given(aggregates, memos, st.sampled_from(RULES), st.lists(st.integers(1, 86_400), min_size=1, max_size=12))
def test_an_unchanged_world_comes_to_rest(
    group: Aggregate, memo: Memo, effective: EffectiveRule, steps: list[int]
) -> None:
    """However time passes, one group in an unchanged world is written at most a few times."""
    context, link, now, writes = Context(close_codes=CODES), None, NOW, 0
    for step in steps:
        decision = decide(group, GROUP_FACTS, link, memo, effective, now, context)
        writes += decision.kind.writes
        link, memo = executed(decision, group, effective, link, now), decision.memo
        now += step
    assert writes <= 1


@MANY
@given(aggregates, aggregates)
def test_facts_digest_tells_groups_apart(one: Aggregate, two: Aggregate) -> None:
    """Equal facts have equal digests, other facts or texts other ones."""
    assert (facts_digest(one, RULES[0]) == facts_digest(two, RULES[0])) == (
        replace_units(one) == replace_units(two)
    )
    assert facts_digest(one, RULES[0]) != facts_digest(one, rule("ticket: {disclose: full}"))


def replace_units(group: Aggregate) -> Aggregate:
    return Aggregate(group.standings, group.severities, group.risks, group.worst, group.digest, 1)


def test_memo_survives_its_packing() -> None:
    """The memo has defaults for every field, so an older packed one can be read."""
    assert replace(Memo(), noted=3).noted == 3
    assert Memo() == Memo(0, 0, (), -1, 0, "")
