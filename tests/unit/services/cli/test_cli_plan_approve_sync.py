"""plan, approve, sync: the way that everything goes live, with the real mapper behind the queue."""

import csv
import io

import pytest

from common.state.approvals import Approvals
from common.state.register import Register
from common.state.store import Fence, Store
from tests.unit.services.cli.conftest import SUB, Cli, Services
from tests.unit.services.cli.mapper_play import Played


@pytest.fixture
def world(cli: Cli, services: Services, store: Store) -> Played:
    """Two machines, two tickets: what the cap of 2 allows."""
    services.play = played = Played(store, str(cli.config / "rules.yaml"), 2)
    return played


def plan(cli: Cli) -> str:
    """The id of a plan that has something to do."""
    return str(cli.json("plan", "plan", code=2)["run"]["run"])


def test_plan_shows_what_would_be_created(cli: Cli, world: Played) -> None:
    """The table names rule, decision, counts, reason and the next command; nothing is approved."""
    result = cli("plan", code=2)
    for words in ("per-resource (new)", "create", "A new ticket", "\nNext: isthmus runs approve r"):
        assert words in result.stdout
    assert "\x1b[31m" not in result.stdout
    assert not Approvals(Register(world.store, "c")).any()


def test_plan_as_json_adds_up(cli: Cli, world: Played, services: Services) -> None:
    """Ledgers, rows, rule changes, scope and the request's author are in the document."""
    document = cli.json("plan", "plan", code=2)
    run = document["run"]
    assert (run["status"], run["mode"], run["requested_by"]) == (
        "planned",
        "plan",
        services.asked[0].requested_by,
    )
    assert run["findings"]["read"] == 2
    assert all(run[ledger]["balanced"] for ledger in ("findings", "groups"))
    assert run["groups"]["created"] == 2 == document["todo"]
    assert [(r["rule"], r["change"]) for r in document["rules"]] == [("per-resource", "new"), ("rest", "new")]
    assert run["scope"]["added"] == [SUB]
    assert document["next"] == f"isthmus runs approve {run['run']}"
    assert services.asked[0].run == run["run"]


def test_plan_as_csv_is_harmless(cli: Cli, world: Played) -> None:
    """One line for each ticket on stdout, nothing else there."""
    rows = list(csv.DictReader(io.StringIO(cli("plan", "--csv", "-", code=2).stdout)))
    assert [(row["what"], row["rule"], row["findings"]) for row in rows] == [
        ("create", "per-resource", "1")
    ] * 2
    assert all("resource=" in row["grouping"] for row in rows)


def test_approved_plan_goes_live(cli: Cli, world: Played) -> None:
    """After approve a sync creates; the next plan has nothing to do and ends with 0."""
    run = plan(cli)
    done = cli.json("approved", "runs", "approve", run, "--by", "ann")
    assert (done["rules"], done["subscriptions"], done["by"]) == (["per-resource", "rest"], 1, "ann")
    assert Approvals(Register(world.store, "c")).subscriptions() == {SUB}
    synced = cli.json("run", "sync", "--wait")
    assert (synced["status"], synced["groups"]["created"]) == ("complete", 2)
    world.news = ()
    assert cli.json("plan", "plan")["next"] == ""
    assert "nothing to do" in cli("plan").stdout
    assert cli.json("run_details", "runs", "show", run)["status"] == "approved"


def test_caps_are_released_worst_first_and_in_part(cli: Cli, world: Played) -> None:
    """What the cap holds goes through for as many as were released; the rest stays held, exit code 3."""
    world.machines = 5
    document = cli.json("plan", "plan", code=2)
    assert [(r["what"], r["wanted"], r["reason"]) for r in document["rows"]] == [
        ("held", "create", "cap_rule")
    ]
    assert [(cap["kind"], cap["tickets"]) for cap in document["caps"]] == [("create", 5)]
    done = cli.json("approved", "runs", "approve", document["run"]["run"], "--up-to", "1")
    assert (done["creates_released"], done["still_held"]) == (1, 4)
    synced = cli.json("run", "sync", "--wait", code=3)
    assert (synced["groups"]["created"], synced["groups"]["held"]) == (1, 4)
    shown = cli.json("run_details", "runs", "show", synced["run"])
    assert [(h["reason"], h["tickets"], h["releasable"]) for h in shown["holds"]] == [("cap_rule", 4, True)]


def test_holds_of_a_live_run_are_released(cli: Cli, world: Played) -> None:
    """`runs approve` of a live run lets through what it held; doing it twice says that nothing is left."""
    cli("runs", "approve", plan(cli))
    world.machines = 5
    synced = cli.json("run", "sync", "--wait", code=3)
    assert synced["groups"]["held"] == 5
    done = cli.json("approved", "runs", "approve", synced["run"])
    assert (done["creates_released"], done["still_held"], done["rules"]) == (5, 0, [])
    again = cli("runs", "approve", synced["run"], code=1)
    assert "can be released any more" in again.stderr
    assert cli.json("run", "sync", "--wait")["groups"]["created"] == 5


def test_lost_state_waits_for_approval(cli: Cli, world: Played, store: Store) -> None:
    """After a loss of Redis creates are held; approving in part keeps the others held."""
    register = Register(store, "c")
    register.update(Fence(store.epoch()), {"recovered": "1"})
    synced = cli.json("run", "sync", "--wait", code=3)
    assert synced["groups"]["reasons"] == {"held:state_lost": 2}
    part = cli.json("approved", "runs", "approve", "latest", "--up-to", "1")
    assert (part["creates_released"], part["still_held"], register.get("recovered")) == (1, 1, "1")
    whole = cli.json("approved", "runs", "approve", synced["run"])
    assert (whole["creates_released"], register.get("recovered")) == (1, "")
    assert cli.json("run", "sync", "--wait")["groups"]["created"] == 2


def test_one_rule_is_approved_alone(cli: Cli, world: Played) -> None:
    """--rule approves that rule only; a rule that is not there is a usage error with a suggestion."""
    run = plan(cli)
    assert (
        "did you mean per-resource?" in cli("runs", "approve", run, "--rule", "per-resorce", code=64).stderr
    )
    assert cli.json("approved", "runs", "approve", run, "--rule", "per-resource")["rules"] == ["per-resource"]
    approved = Approvals(Register(world.store, "c")).rules()
    assert approved is not None
    assert [rule.id for rule in approved.rules] == ["per-resource"]


def test_outdated_plan_is_refused(cli: Cli, world: Played) -> None:
    """A plan older than one with other rules can't be approved any more."""
    old = plan(cli)
    file = cli.config / "rules.yaml"
    file.write_text(file.read_text().replace("due: 7d", "due: 8d"))
    new = plan(cli)
    assert new in cli("runs", "approve", old, code=1).stderr
    assert cli.json("rejected", "runs", "reject", new)["run"] == new
    cli("runs", "approve", old)
    changes = {r["rule"]: r["change"] for r in cli.json("plan", "plan", code=2)["rules"]}
    assert changes == {"per-resource": "changed", "rest": "same"}


def test_rejected_plan_stays_rejected(cli: Cli, world: Played) -> None:
    """A rejected run can't be approved; both deeds are in the audit with their author."""
    run = plan(cli)
    cli("runs", "reject", run, "--by", "bob")
    assert "was rejected" in cli("runs", "approve", run, code=1).stderr
    assert "was rejected" in cli("runs", "reject", run, code=1).stderr
    entries = [(e["what"], e["who"]) for e in Register(world.store, "c").audit_entries()]
    assert entries == [("rejected", "bob")]


def test_tickets_are_shown_from_both_sides(cli: Cli, world: Played) -> None:
    """A ticket is found by number and by group, with link, counts and ids of findings."""
    cli("runs", "approve", plan(cli))
    cli("sync", "--wait")
    listed = cli.json("tickets", "tickets", "list")
    assert (listed["total"], listed["tickets"][0]["rule"]) == (2, "per-resource")
    one = cli.json("ticket", "tickets", "show", listed["tickets"][0]["number"].lower())
    assert one["link"]["url"].startswith("https://c.service-now.example/nav_to.do?uri=incident.do")
    assert (one["findings"]["open"], len(one["findings"]["sample"])) == (1, 1)
    assert one["names"]["recommendation"].startswith("=Mend")
    assert cli.json("ticket", "tickets", "show", one["group"]) == one
    assert "INC0000000" in cli("tickets", "list").stdout
    assert "1 open of 1 findings" in cli("tickets", "show", "INC0000000").stdout
    assert "isthmus tickets list" in cli("tickets", "show", "INC9", code=1).stderr
