"""What the demo says of two looks at the tickets."""

from deploy.dev.witness import Ticket, compare


def ticket(name: str, state: str = "1", mod_count: int = 0) -> Ticket:
    return Ticket(name, name.upper(), state, mod_count, "title", "2", "", None)


def test_each_ticket_is_counted_once() -> None:
    """Created, updated, resolved, reopened and untouched tickets, each in one place only."""
    before = {t.sys_id: t for t in (ticket("a"), ticket("b"), ticket("c"), ticket("d", "6"))}
    after = {
        t.sys_id: t
        for t in (
            ticket("a"),
            ticket("b", mod_count=1),
            ticket("c", "6", 2),
            ticket("d", "2", 1),
            ticket("e"),
        )
    }
    found = compare(before, after)
    assert (found.unchanged, found.updated, found.resolved, found.reopened, found.created) == (
        ("a",),
        ("b",),
        ("c",),
        ("d",),
        ("e",),
    )
