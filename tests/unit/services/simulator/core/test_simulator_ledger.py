"""The witness counts duplicates by what tickets stand for, not by their ids."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, cast

from services.simulator.clouds import Instance
from services.simulator.ledger import Ledger
from services.simulator.marks import split

US = "isthmus.integration"
FOOTER = "[isthmus] connection={connection} rule={rule} generation=1"


class Records:
    """What the ledger asks of an instance, with every commit reported as the real one does."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, dict[str, str]]] = {}
        self.writes: Counter[str] = Counter()
        self.ledger = Ledger(cast("Instance", self), US)

    def records(self, table: str) -> Iterable[Mapping[str, str]]:
        return list(self.tables.get(table, {}).values())

    def commit(self, sys_id: str, by: str = US, table: str = "incident", **fields: str) -> None:
        rows = self.tables.setdefault(table, {})
        operation = "update" if sys_id in rows else "insert"
        rows[sys_id] = {**rows.get(sys_id, {"sys_id": sys_id, "state": "1"}), **fields}
        self.ledger.committed(table, operation, dict(rows[sys_id]), by)

    def ticket(
        self, sys_id: str, *dimensions: str, body: str = "", rule: str = "r1", members: int = 3, **more: str
    ) -> None:
        """A ticket as the product writes it; `connection` and any column may be given."""
        head = FOOTER.format(connection=more.pop("connection", "c1"), rule=rule)
        lines = [body, head, *(f"[isthmus] {dimension}" for dimension in dimensions)]
        fields = {
            "correlation_id": f"isth:c1:incident:{sys_id}:1",
            "correlation_display": f"isthmus.v1.1.{members}.0a1b2c3d.x",
            "description": "\n".join(lines),
            **more,
        }
        self.commit(sys_id, **fields)

    def line(self, table: str = "incident") -> dict[str, int]:
        return cast("dict[str, int]", self.ledger.snapshot()["tables"][table])

    def shown(self) -> list[dict[str, Any]]:
        return cast("list[dict[str, Any]]", self.ledger.snapshot()["duplicates"])


def test_a_second_id_for_the_same_group_is_a_duplicate() -> None:
    """Another correlation_id, key casing and display text, but equal rule and tokens: one surplus ticket."""
    world = Records()
    world.ticket(
        "a" * 32, "recommendation=4fb6 | Machines should be patched tkr00aa", "subscription=S1 | tks00bb"
    )
    world.ticket("b" * 32, "recommendation=4FB6-x | Renamed (tkr00aa)", "subscription=s1 | Prod tks00bb")
    assert world.line()["duplicates"] == 1
    assert world.shown() == [
        {
            "table": "incident",
            "rule": "r1",
            "tokens": ["tkr00aa", "tks00bb"],
            "sys_ids": ["a" * 32, "b" * 32],
        }
    ]


def test_three_for_one_group_are_two_surplus() -> None:
    """`duplicates` counts the surplus, not the tickets."""
    world = Records()
    for name in "abc":
        world.ticket(name, "recommendation=x | tkr00aa")
    assert world.line()["duplicates"] == 2


def test_other_tokens_rules_values_and_tables_are_no_duplicates() -> None:
    """Groups differ by any token, by a value without token, by rule; tables are counted apart."""
    world = Records()
    world.ticket("a", "recommendation=x | tkr00aa", "severity=high | High")
    world.ticket("b", "recommendation=x | tkr00bb", "severity=high | High")
    world.ticket("c", "recommendation=x | tkr00aa", "severity=low | Low")
    world.ticket("d", "recommendation=x | tkr00aa", "severity=high | High", rule="r2")
    world.ticket("e", "recommendation=x | tkr00aa", "severity=high | High", table="problem")
    assert (world.line()["duplicates"], world.line("problem")["duplicates"]) == (0, 0)


def test_a_value_without_token_is_compared_without_case_and_display() -> None:
    """`severity=High | Hoch` and `severity=high | High` are one value."""
    world = Records()
    world.ticket("a", "severity=High | Hoch")
    world.ticket("b", "severity=high | High")
    assert world.line()["duplicates"] == 1


def test_an_ended_ticket_is_no_duplicate() -> None:
    """A successor of a resolved, closed or cancelled ticket is legitimate; of an open one it is not."""
    world = Records()
    for name, state in (("a", "6"), ("b", "7"), ("c", "8"), ("d", "2")):
        world.ticket(name, "recommendation=x | tkr00aa", state=state)
    line = world.line()
    assert (line["records"], line["open"], line["duplicates"]) == (4, 1, 0)
    world.commit("a", state="2", by="abel.tuter")
    assert world.line()["duplicates"] == 1


def test_states_end_by_table() -> None:
    """107 ends a problem and 3 a change, and neither is an end for an incident."""
    world = Records()
    world.ticket("a", "recommendation=x | tkr00aa", table="problem", state="107")
    world.ticket("b", "recommendation=x | tkr00aa", table="change_request", state="3")
    world.ticket("c", "recommendation=x | tkr00aa", state="3")
    tables = world.ledger.snapshot()["tables"]
    assert {name: line["open"] for name, line in tables.items()} == {
        "incident": 1,
        "problem": 0,
        "change_request": 0,
    }


def test_the_footer_is_remembered_as_inserted() -> None:
    """A person who rewrites the description doesn't hide a duplicate."""
    world = Records()
    world.ticket("a", "recommendation=x | tkr00aa")
    world.commit("a", by="abel.tuter", description="cleaned up", correlation_display="")
    world.ticket("b", "recommendation=x | tkr00aa")
    assert world.line()["duplicates"] == 1


def test_small_groups_are_compared_by_resource() -> None:
    """Two tickets of one rule, grouped differently, that name the same resource for one recommendation."""
    world = Records()
    world.ticket("a", "recommendation=x | tkr00aa", "tag:owner=red | red", body="vm-tkc00aa\nvm-tkc00bb")
    world.ticket("b", "recommendation=x | tkr00aa", "tag:owner=blue | blue", body="vm-tkc00bb")
    world.ticket("c", "recommendation=x | tkr00aa", "tag:owner=green | green", body="vm-tkc00cc")
    assert world.line()["duplicates"] == 1
    assert world.shown()[0]["sys_ids"] == ["a", "b"]


def test_large_groups_are_not_compared_by_resource() -> None:
    """Beyond 25 members a ticket names samples only; 25 are still compared."""
    for members, expected in ((26, 0), (25, 1)):
        world = Records()
        for name in ("a", "b"):
            world.ticket(
                name, "recommendation=x | tkr00aa", f"tag:owner={name}", body="vm-tkc00aa", members=members
            )
        assert world.line()["duplicates"] == expected


def test_the_resource_rule_holds_across_connections() -> None:
    """Equal recommendation in two connections is legitimate, the same resource in both is not."""
    world = Records()
    world.ticket("a", "recommendation=x | tkr00aa", body="vm-tkc00aa", connection="c1")
    world.ticket("b", "recommendation=x | tkr00aa", body="vm-tkc00bb", connection="c2")
    assert world.line()["duplicates"] == 0
    world.ticket("c", "recommendation=x | tkr00aa", body="vm-tkc00aa", connection="c3")
    assert world.line()["duplicates"] == 1


def test_a_subscription_in_two_connections_is_a_duplicate() -> None:
    """A subscription is claimed by one connection: equal tokens with one in them are the same group."""
    world = Records()
    world.ticket("a", "subscription=s | tks00aa", connection="c1")
    world.ticket("b", "subscription=s | tks00aa", connection="c2")
    assert world.line()["duplicates"] == 1


def test_siblings_below_one_server_are_no_duplicates() -> None:
    """Of a path only the last token is the resource: two databases of one server are two groups."""
    world = Records()
    for name in ("tkc00db1", "tkc00db2"):
        path = f"/servers/sql-tkc00srv/databases/{name}"
        world.ticket(name, f"resource={path} | {name}", body=f"Encrypt it tkr00aa: {path}")
    assert world.line()["duplicates"] == 0


def test_tickets_by_neither_are_compared_line_by_line() -> None:
    """Grouped by category: a recommendation and a resource on one line of the body are a pair."""
    world = Records()
    world.ticket("a", "category=data | Data", body="Encrypt tkr00aa: tkc00aa\nPatch tkr00bb: tkc00bb")
    world.ticket("b", "category=compute | Compute", body="Encrypt tkr00aa: tkc00bb")
    assert world.line()["duplicates"] == 0
    world.ticket("c", "category=network | Network", body="Patch tkr00bb: tkc00bb")
    assert world.line()["duplicates"] == 1


def test_our_later_description_replaces_the_named_resources() -> None:
    """A resource that left a ticket by our own update is free for another one."""
    world = Records()
    world.ticket("a", "tag:owner=red", "recommendation=x | tkr00aa", body="vm-tkc00aa")
    world.ticket("a", "tag:owner=red", "recommendation=x | tkr00aa", body="vm-tkc00bb")
    world.ticket("b", "tag:owner=blue", "recommendation=x | tkr00aa", body="vm-tkc00aa")
    assert world.line()["duplicates"] == 0


def test_only_our_marked_inserts_are_witnessed() -> None:
    """A person's copy is none of ours; our ticket without a footer shows as unmarked."""
    world = Records()
    world.ticket("a", "recommendation=x | tkr00aa")
    world.ticket("b", "recommendation=x | tkr00aa", by="abel.tuter")
    world.commit("c", correlation_id="isth:c1:incident:c:1", description="no footer")
    line = world.line()
    assert (line["duplicates"], line["unmarked"], line["records"]) == (0, 1, 3)


def test_writes_are_the_instances_count() -> None:
    """`writes` is what the instance says that our user committed."""
    world = Records()
    world.writes["incident"] = 7
    assert (world.line()["writes"], world.line("problem")["writes"]) == (7, 0)


def test_a_reset_forgets() -> None:
    """After a reset the same tickets can be inserted again."""
    world = Records()
    world.ticket("a", "recommendation=x | tkr00aa")
    world.tables.clear()
    world.ledger.reset()
    world.ticket("b", "recommendation=x | tkr00aa")
    assert world.line()["duplicates"] == 0


def test_the_list_of_duplicates_is_short() -> None:
    """All are counted, twenty are shown."""
    world = Records()
    for number in range(30):
        for name in ("a", "b"):
            world.ticket(f"{name}{number}", f"recommendation=x | tkr00{number:02d}")
    assert (world.line()["duplicates"], len(world.shown())) == (30, 20)


def test_the_last_footer_counts_whatever_the_line_ends() -> None:
    """A quoted footer above is text; carriage returns do no harm."""
    quoted = FOOTER.format(connection="x", rule="old")
    real = FOOTER.format(connection="c1", rule="r1")
    body, footer = split(f"{quoted}\r\ntext\r\n{real}\r\n[isthmus] cloud=aws | AWS")
    assert footer is not None
    assert (footer.rule, footer.dimensions) == ("r1", frozenset({("cloud", frozenset({"aws"}))}))
    assert body.splitlines()[-1] == "text"


def test_text_without_footer_is_all_body() -> None:
    """No footer, no dimensions."""
    assert split("hello\n[isthmus] cloud=aws | AWS") == ("hello\n[isthmus] cloud=aws | AWS", None)
