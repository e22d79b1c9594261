"""Tickets as tables."""

from common.describe import describe
from common.operate.ticket_reports import TicketList, TicketReport
from services.cli.output import cell, say, stdout, table


def show_tickets(found: TicketList) -> None:
    """A list, the worst first."""
    if not found.tickets:
        say("No ticket.")
        return
    numbers = ("Open", "Members")
    listed = table("Number", "State", *numbers, "Rule", "Connection", "Group", "Marks", numbers=numbers)
    for line in found.tickets:
        texts = (line.number, line.state, line.open_findings, line.members, line.rule)
        listed.add_row(*map(cell, (*texts, line.connection, line.group, ", ".join(line.marks))))
    stdout().print(listed)
    if found.total > len(found.tickets):
        say("")
        say(f"{len(found.tickets)} of {found.total}; --limit shows more.")


def show_ticket(found: TicketReport) -> None:
    """Both sides, one below the other."""
    shown = table("", "")
    shown.show_header = False
    for name, value in (*_servicenow(found), *_defender(found)):
        if value:
            shown.add_row(cell(name, "bold"), cell(value))
    stdout().print(shown)
    if found.findings.sample:
        say("")
        say(f"Open findings, {len(found.findings.sample)} of {found.findings.open}:")
        for one in found.findings.sample:
            say(f"  {one}")


def _servicenow(found: TicketReport) -> list[tuple[str, str]]:
    link = found.link
    if link is None:
        return [("ServiceNow", "no ticket yet")]
    return [
        ("ServiceNow", f"{link.number or link.sys_id} ({link.table}), {link.state}"),
        ("", link.url),
        ("Marks", ", ".join(link.marks)),
        ("Edited by people", ", ".join(link.edited)),
        ("Given up", ", ".join(link.given_up)),
        ("Created", link.created or ""),
        ("Written last", f"{link.written} (write {link.sequence})" if link.written else ""),
        ("Resolved", f"{link.resolved} {link.close_code}" if link.resolved else ""),
        ("Held", f"{found.held}: {describe(found.held)}" if found.held else ""),
        ("Dead letter", found.dead),
    ]


def _defender(found: TicketReport) -> list[tuple[str, str]]:
    side = found.findings
    grouping = [
        f"{name}: {found.names[name]} ({value})" if name in found.names else f"{name}: {value}"
        for name, value in found.grouping.items()
    ]
    return [
        ("Defender", f"{side.open} open of {side.members} findings in {side.units} subscriptions"),
        ("Open since", side.open_since or ""),
        ("Standing", _counts(side.standings)),
        ("Severity", _counts(side.severities)),
        ("Risk", _counts(side.risks)),
        ("Rule", found.rule),
        *(("Grouped by" if number == 0 else "", text) for number, text in enumerate(grouping)),
        ("Group", f"{found.group} of {found.connection}"),
    ]


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
