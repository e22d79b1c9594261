"""render: a decision made into the fields and the note of a ticket. Pure, and the same for the same facts.

Field classes (promise 6): short_description and description are ours; assignment_group, caller_id, due_date,
cmdb_ci, impact and the rule's own fields are set once; urgency is only raised; work_notes are appended.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from common.identity import footer
from common.model.decision import Kind
from services.mapper.decide_reasons import Reason
from services.mapper.render_assign import assignment_group, caller
from services.mapper.render_input import Affected, Directory, RenderInput, affected_of
from services.mapper.render_templates import TemplateFailed, fill
from services.mapper.render_text import cut, one_line, tidy
from services.mapper.render_urgency import first_urgency, raised_urgency
from services.mapper.render_variables import dimension_texts, variables

__all__ = ["Affected", "Directory", "RenderInput", "Rendered", "affected_of", "render"]
_TRACKED = ("short_description", "description", "urgency")


@dataclass(frozen=True, slots=True)
class Rendered:
    """`fields` to send; `owned` of them are written only when they differ from what we wrote last.

    `problem` is why the ticket can't be written (`detail` says more), None when it can.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    owned: tuple[str, ...] = ()
    problem: Reason | None = None
    detail: str = ""


def render(source: RenderInput) -> Rendered:
    """The texts and values of a decision that writes."""
    try:
        fields = _facts(source)
        note = _note(source)
        if source.decision.kind is Kind.RESOLVE:
            fields |= _on_resolve(source)
    except TemplateFailed as error:
        return Rendered(problem=Reason.TEMPLATE_FAILED, detail=str(error))
    if source.decision.kind is Kind.CREATE:
        once, problem = _once(source)
        if problem:
            return Rendered(problem=problem, detail=_who(source, problem))
        fields |= once
    fields |= source.decision.fields
    owned = tuple(name for name in _TRACKED if name in fields)
    return Rendered(fields, note, owned)


def _own(source: RenderInput) -> Mapping[str, str]:
    return dict(source.rule.ticket.templates)


def _facts(source: RenderInput) -> dict[str, str]:
    """What Defender says, in our words."""
    values = variables(source, source.rule.ticket.shown)
    short = fill("short_description", _own(source), values)
    fields = {
        "short_description": one_line_as_is(short, source.limits["short_description"]),
        "description": _description(source),
    }
    urgency = _urgency(source)
    if urgency is not None:
        fields["urgency"] = str(urgency)
    return fields


def one_line_as_is(text: str, limit: int) -> str:
    """A rendered text in one line: its values are safe already, and `<` in them is no HTML."""
    return cut(" ".join(tidy(text).split()), limit)


def _description(source: RenderInput) -> str:
    """The body, with as many affected resources as fit, and the whole footer as its last lines."""
    marks = footer(
        source.connection,
        source.facts.rule,
        source.decision.generation,
        [
            (d, v, text)
            for (d, v), (_, text) in zip(source.facts.values, dimension_texts(source), strict=True)
        ],
    )
    room = source.limits["description"] - len(marks) - 2
    shown = min(source.rule.ticket.shown, len(source.affected))
    while True:
        body = tidy(fill("description", _own(source), variables(source, shown)))
        if len(body) <= room or shown == 0:
            break
        shown = shown * 4 // 5
    return f"{cut(body, room)}\n\n{marks}".lstrip()


def _urgency(source: RenderInput) -> int | None:
    policy, link = source.rule.ticket, source.link
    if source.decision.kind is Kind.CREATE or link is None:
        return first_urgency(policy, source.aggregate)
    return raised_urgency(policy, source.aggregate, link)


def _note(source: RenderInput) -> str:
    """One work note for all events of the decision."""
    values = variables(source, 0)
    parts = [tidy(fill("note", _own(source), {**values, "event": e})) for e in source.decision.events]
    return cut("\n".join(part for part in parts if part), source.limits["work_notes"])


def _on_resolve(source: RenderInput) -> dict[str, str]:
    values = variables(source, source.rule.ticket.shown)
    notes = cut(tidy(fill("close_notes", _own(source), values)), source.limits["close_notes"])
    return {"close_notes": notes, **dict(source.rule.ticket.set_on_resolve)}


def _once(source: RenderInput) -> tuple[dict[str, str], Reason | None]:
    """What is set at the creation and theirs from then on."""
    policy, directory = source.rule.ticket, source.directory
    group = assignment_group(source.rule, source.tags, directory)
    who = caller(source.rule, directory)
    if not group or not who:
        return {}, Reason.CALLER_UNRESOLVED if group else Reason.ASSIGNMENT_UNRESOLVED
    fields = {"impact": str(policy.impact), "assignment_group": group, "caller_id": who}
    if policy.due:
        fields["due_date"] = due_date(source.now + policy.due)
    if directory.ci:
        fields["cmdb_ci"] = directory.ci
    if source.decision.parent:
        fields["parent_incident"] = source.decision.parent
    return {**fields, **dict(policy.set_on_create)}, None


def due_date(seconds: int) -> str:
    """Unix seconds as ServiceNow takes a date and time: UTC, whole seconds (servicenow-api 1.5)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _who(source: RenderInput, problem: Reason) -> str:
    policy = source.rule.ticket
    if problem is Reason.CALLER_UNRESOLVED:
        return f"rule {source.rule.id}: the caller {one_line(policy.caller, 80)!r} does not exist"
    chain = one_line(", ".join(policy.assign), 200)
    return f"rule {source.rule.id}: none of the assign chain ({chain}) is a group of the instance"
