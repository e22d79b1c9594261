"""What the product itself says of a group that is not right: read when something went wrong, by a person."""

from collections.abc import Iterator

from common.identity import identity_digest
from common.state.groups import Groups
from common.state.holds import Holds
from common.state.links import Links
from tests.stack import CONNECTION, Stack
from tests.stack_witness import Key

_DIMENSIONS = {
    "identity": ("recommendation",),
    "each": ("recommendation", "resource"),
    "place": ("recommendation", "subscription_or_cloud_account"),
}


def reasons(stack: Stack, keys: list[Key]) -> Iterator[str]:
    """A line for each group: hold, link, standings, and what Azure and ServiceNow have."""
    holds = {hold.group: hold.reason for hold in Holds(stack.store, CONNECTION).all()}
    rows, tickets = stack.rows(), stack.tickets()
    for rule, values in keys:
        pairs = tuple(zip(_DIMENSIONS[rule], values, strict=True))
        group = identity_digest(CONNECTION, rule, pairs)[:8]
        state = Groups(stack.store, CONNECTION).get_many([group])[0]
        link = Links(stack.store, CONNECTION).get(group)
        codes = [
            row["code"]
            for row in rows
            if row["recommendation"].lower() == values[0]
            and (rule != "each" or str(row["resource"]).lower() == values[1])
        ]
        known = [
            f"{ticket['number']} state {ticket['state']} by {ticket['sys_updated_by']}"
            for ticket in tickets
            if stack.witnesses[CONNECTION].key_of(ticket) == (rule, values)
        ]
        yield (
            f"{rule} {values}: hold {holds.get(group, 'none')}; {link};"
            f" standings {state.aggregate.standings}; {state.memo}; Azure {codes[:5]}; ServiceNow {known}"
        )
