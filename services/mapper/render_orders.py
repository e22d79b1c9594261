"""orders: a rendered decision made into what the writer executes, or why there is nothing to execute."""

from dataclasses import dataclass, replace

from common.identity import correlation_id, field_digest, group_of, sys_id_of
from common.model.decision import Decision, Kind, Order
from common.model.link import Link
from services.mapper.decide_case import facts_digest, unresolved
from services.mapper.decide_reasons import Reason
from services.mapper.render import Rendered
from services.mapper.render_input import RenderInput


@dataclass(frozen=True, slots=True)
class Pass:
    """The run that an order belongs to, in its incarnation of Redis: both fence it."""

    epoch: str
    run: str


def orders(source: RenderInput, rendered: Rendered, fence: Pass) -> Order | Decision:
    """The order of `source.decision`, or a Decision (Held, Unchanged) in its place.

    An owned field is sent iff it differs from what we wrote last and is neither a person's nor given up
    (promise 6). The writer adds the marks: sys_id, correlation_id and the stamp with `seq`. After an
    Unchanged the caller should keep `facts_digest` in the link, or the next run renders the same again.
    """
    decision, link = source.decision, source.link
    if rendered.problem is not None:
        return replace(decision, kind=Kind.HELD, reason=rendered.problem, revisit_at=0, events=(), fields={})
    create = decision.kind is Kind.CREATE
    if not create and link is None:
        raise ValueError(f"a {decision.kind} needs the link of its ticket")
    before = None if create else link
    fields = {n: v for n, v in rendered.fields.items() if before is None or _sent(n, v, rendered, before)}
    if not fields and not rendered.note:
        return replace(decision, kind=Kind.UNCHANGED, reason=Reason.NOTHING_TO_WRITE, events=())
    table = source.rule.ticket.type if before is None else before.table
    identity = correlation_id(source.connection, table, source.facts.identity, decision.generation)
    aggregate = source.aggregate
    return Order(
        group=group_of(source.facts.identity).hex(),
        kind=decision.kind.value,
        reason=str(decision.reason),
        epoch=fence.epoch,
        run=fence.run,
        connection=source.connection,
        table=table,
        sys_id=sys_id_of(identity) if before is None else before.sys_id,
        correlation_id=identity,
        generation=decision.generation,
        seq=1 if before is None else before.seq + 1,
        rule=source.facts.rule,
        fields=fields,
        note=rendered.note,
        expect_state="" if before is None else before.state,
        expect_mod_count=-1 if before is None else before.mod_count,
        members=aggregate.members,
        open=unresolved(aggregate),
        worst=aggregate.worst,
        facts=facts_digest(aggregate, source.rule),
        member_digest=f"{aggregate.digest & 0xFFFF_FFFF:08x}",
        parent=decision.parent,
    )


def _sent(name: str, value: str, rendered: Rendered, link: Link) -> bool:
    if name not in rendered.owned:
        return True
    if name in link.edited or name in link.given_up:
        return False
    return link.wrote.get(name) != field_digest(value)
