"""A plan as a table by rule: what would be done, why, for example."""

from common.operate.plan_reports import PlanReport, PlanRow
from services.cli.output import cell, say, stdout, table
from services.cli.show_run import show_events

_STYLES = {
    "create": "green",
    "resolve": "cyan",
    "reopen": "magenta",
    "update": "blue",
    "note": "blue",
    "held": "yellow",
}


def show_plan(planned: PlanReport) -> None:
    """The whole plan, and what to type next."""
    told = planned.run
    say(f"Plan {told.run} of {told.connection}: {_summary(planned)}")
    say("")
    if planned.rows:
        show_rows(planned)
    else:
        say("No ticket is concerned.")
    if told.findings.skipped:
        why = ", ".join(f"{count} {reason}" for reason, count in told.findings.skipped.items())
        say("")
        say(f"Findings left out: {why}.")
    for cap in planned.caps:
        say(f"Cap {cap.reason}, rule {cap.rule}: {cap.tickets} would {cap.kind}. {cap.sentence}")
    changes = [f"{one.rule} ({one.change})" for one in planned.rules if one.change != "same"]
    if changes:
        say(f"Rules that are not approved as they are: {', '.join(changes)}.")
    _scope(planned)
    show_events(told)
    if planned.next:
        say("")
        say(f"Next: {planned.next}")


def show_rows(planned: PlanReport) -> None:
    """The table by rule."""
    change = {one.rule: one.change for one in planned.rules}
    numbers = ("Tickets", "Findings")
    shown = table("Rule", "What", *numbers, "Why", "For example", numbers=numbers)
    last = ""
    for row in planned.rows:
        mark = change.get(row.rule, "same")
        rule = row.rule + ("" if mark == "same" else f" ({mark})")
        what = f"held ({row.wanted})" if row.what == "held" and row.wanted != "held" else row.what
        shown.add_row(
            cell(rule if row.rule != last else ""),
            cell(what, _STYLES.get(row.what, "")),
            cell(row.tickets),
            cell(row.findings),
            cell(row.sentence),
            cell(_example(row)),
        )
        last = row.rule
    stdout().print(shown)


def _summary(planned: PlanReport) -> str:
    read = planned.run.findings.read
    units = f" in {planned.run.units.done} of {planned.run.units.planned} subscriptions"
    if not planned.todo:
        return f"nothing to do, {read} findings read{units}."
    tickets = "1 ticket" if planned.todo == 1 else f"{planned.todo} tickets"
    return f"{tickets} to write, {read} findings read{units}; nothing was written."


def _example(row: PlanRow) -> str:
    """The worst group of a row."""
    if not row.examples:
        return ""
    first = row.examples[0]
    ticket = f"{first.ticket}: " if first.ticket else ""
    return f"{ticket}{first.about} ({first.findings})"


def _scope(planned: PlanReport) -> None:
    scope = planned.run.scope
    for word, some in (("join", scope.added), ("are gone", scope.removed), ("shrank", scope.shrunk)):
        if some:
            say(f"Scope: {len(some)} {word}: {', '.join(some[:3])}{' …' if len(some) > 3 else ''}")
