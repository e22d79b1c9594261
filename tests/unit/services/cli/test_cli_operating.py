"""Status, lists, pause, export, rules, version, and every way to ask for what is not there."""

import json
import stat

import jsonschema
import pytest

from common.messages import StartRun
from common.model.link import Link
from common.state.holds import DeadLetters, Hold, Holds
from common.state.links import Links
from common.state.register import Register
from common.state.runs import COMPLETE
from common.state.store import Fence, Store
from tests.unit.services.cli.conftest import RULES, SCHEMAS, SUB, Cli, begin

FINDING = {
    "recommendation": "rec-a",
    "severity": "High",
    "resource_type": "microsoft.compute/virtualmachines",
}


def run_once(store: Store, run: str, connection: str = "c") -> None:
    """A complete live run."""
    message = StartRun(connection=connection, mode="live", run=run, requested_by="ann", reason="test")
    runs, fence = begin(store, message)
    runs.end(fence, COMPLETE, {"touched": "0"})
    Register(store, connection).update(
        Fence(fence.epoch), {"last_good": "1764000000", "rebuilt": fence.epoch}
    )


def test_status_of_a_new_connection(cli: Cli) -> None:
    """A connection that never ran says what to type."""
    one = cli.json("status", "status")["connections"][0]
    assert (one["last_complete"], one["current"], one["approved"], one["rebuilt"]) == (
        None,
        None,
        False,
        False,
    )
    assert "`isthmus plan` shows what would be written" in cli("status").stdout


def test_status_of_a_busy_connection(cli: Cli, store: Store) -> None:
    """Last complete run, current one and its stage, holds, dead letters, tickets, queues."""
    run_once(store, "r1")
    _, fence = begin(store, StartRun(connection="c", mode="live", run="r2", requested_by="ann", reason=""))
    Holds(store, "c").put(Fence(store.epoch()), Hold(b"12345678", "r1", "a", "create", "cap_rule", 1, 1))
    DeadLetters(store, "c").put(b"abcdefgh", {"reason": "mandatory"})
    Links(store, "c").replace(fence, {b"12345678": (None, Link("incident", "s", "INC1", 1, 1, "a"))})
    one = cli.json("status", "status", "-c", "c")["connections"][0]
    assert one["last_complete"] == {"run": "r1", "ended": "2025-11-24T16:00:00Z"}
    assert (one["current"]["run"], one["current"]["stage"]) == ("r2", "starting")
    assert (one["held"], one["dead"], one["open_tickets"], one["rebuilt"]) == (1, 1, 1, True)
    assert [q["queue"] for q in one["queues"]][:2] == ["tickets", "observe"]
    assert "r2 live: starting" in cli("status").stdout


def test_runs_are_listed_newest_first(cli: Cli, store: Store) -> None:
    """Runs of all connections, or of one."""
    assert "`isthmus plan` makes the first" in cli("runs", "list").stdout
    cli.connections("c", "d")
    run_once(store, "r1")
    run_once(store, "r2", "d")
    assert {line["run"] for line in cli.json("runs", "runs", "list")["runs"]} == {"r1", "r2"}
    assert [line["run"] for line in cli.json("runs", "runs", "list", "-c", "d")["runs"]] == ["r2"]
    assert cli.json("run_details", "runs", "show", "r2")["plan"] is None
    assert "0 read = 0 matched" in cli("runs", "show", "r2").stdout


def test_pause_and_resume(cli: Cli, store: Store) -> None:
    """Pausing is shown, noted once with its author, and undone."""
    cli.json("paused", "connections", "pause", "c", "--by", "ann")
    cli("connections", "pause", "c", "--by", "bob")
    assert cli.json("connections", "connections", "list")["connections"][0]["paused"]
    assert "paused by ann" in cli("status").stdout
    assert cli.json("paused", "connections", "resume", "c")["paused"] is False
    assert [e["what"] for e in Register(store, "c").audit_entries()] == ["paused", "resumed"]
    assert "24h" in cli("connections", "list").stdout


def test_state_is_exported_to_a_private_file(cli: Cli, store: Store) -> None:
    """Everything that only Redis knows, valid by its schema, readable by the owner only."""
    run_once(store, "r1")
    register = Register(store, "c")
    register.audit("approved", "ann", {"run": "r1"})
    register.wrote([{"number": "INC1"}])
    Holds(store, "c").put(Fence(store.epoch()), Hold(b"12345678", "r1", "a", "create", "cap_rule", 1, 1))
    DeadLetters(store, "c").put(
        b"abcdefgh", {"reason": "x", "history": ["Authorization: Bearer abcdefghijkl"]}
    )
    link = Link("incident", "s", "INC1", 1, 1, "a", deleted=True)
    Links(store, "c").replace(Fence(store.epoch(), "r1"), {b"12345678": (None, link)})
    target = cli.config / "state.json"
    cli("state", "export", "--output", str(target))
    document = json.loads(target.read_text())
    jsonschema.validate(document, json.loads((SCHEMAS / "export.json").read_text()))
    one = document["connections"]["c"]
    assert (one["holds"][0]["reason"], one["detaches"][0]["number"]) == ("cap_rule", "INC1")
    assert (one["audit"][0]["who"], one["writes"]) == ("ann", [{"number": "INC1"}])
    assert "abcdefghijkl" not in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert json.loads(cli("state", "export").stdout)["format"] == 1


def test_rules_lint_names_every_mistake(cli: Cli) -> None:
    """Exit code 1 for a file that can't be used, with line and mend; 0 and doubts for one that can."""
    good = cli.json("lint", "rules", "lint")["files"][0]
    assert (good["ok"], good["rules"]) == (True, ["per-resource", "rest"])
    bad = cli.config / "bad.yaml"
    bad.write_text(RULES.replace("severity:", "sevrity:").replace("incident", "incidnt"))
    found = cli.json("lint", "rules", "lint", str(bad), code=1)["files"][0]
    assert len(found["errors"]) == 2
    assert "did you mean 'severity'?" in cli("rules", "lint", str(bad), code=1).stderr


def test_rules_explain_says_who_takes_it_and_why_not_others(cli: Cli) -> None:
    """The first rule that matches takes it; a failed condition is told with wanted and actual."""
    found = cli.json("explanation", "rules", "explain", json.dumps(FINDING))
    assert (found["rule"], found["type"], found["skip"]) == ("per-resource", "incident", "")
    low = cli.json("explanation", "rules", "explain", json.dumps({**FINDING, "severity": "low"}))
    assert (low["rule"], low["skip"]) == ("rest", "below_threshold")
    failed = {"condition": "severity", "wanted": ["high", "critical"], "actual": ["low"]}
    assert low["rules"][0]["failed"] == [failed]
    text = cli("rules", "explain", "-", text=json.dumps({**FINDING, "severity": "low"})).stdout
    assert "Rule rest leaves it out: below_threshold." in text
    assert "severity: low is not high or critical" in text


def test_rules_explain_takes_a_row(cli: Cli) -> None:
    """A row of Resource Graph is read as the collector reads it."""
    resource = f"/subscriptions/{SUB}/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm"
    row = {
        "id": f"{resource}/providers/Microsoft.Security/assessments/rec-a",
        "name": "rec-a",
        "subscriptionId": SUB,
        "code": "Unhealthy",
        "severity": "High",
    }
    file = cli.config / "row.json"
    file.write_text(json.dumps(row))
    assert cli.json("explanation", "rules", "explain", "--row", f"@{file}")["rule"] == "per-resource"
    file.write_text(json.dumps({**row, "code": "Odd"}))
    assert "status code 'Odd' is not known" in cli("rules", "explain", "--row", f"@{file}", code=1).stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["plan", "-c", "cc"], 64, "did you mean c?"),
        (["plan", "-c", "zzzz"], 64, "`isthmus connections list` lists"),
        (["plan", "--json", "--csv", "-"], 64, "both want stdout"),
        (["plann"], 64, "No such command"),
        (["runs", "approve"], 64, "Missing argument"),
        (["runs", "approve", "r1", "--up-to", "-1"], 64, "--up-to"),
        (["runs", "show", "r9"], 1, "There is no run 'r9'"),
        (["runs", "show", "latest"], 1, "There is no run 'latest'"),
        (["rules", "explain", "{"], 1, "The finding can't be read"),
        (["rules", "explain", '{"severity": "hihg"}'], 1, "'hihg' is none of"),
        (["rules", "explain", "@/nowhere"], 1, "No such file or directory: /nowhere"),
    ],
)
def test_mistakes_are_one_sentence(cli: Cli, arguments: list[str], code: int, words: str) -> None:
    """Each names what is wrong and what to do; nothing is on stdout."""
    result = cli(*arguments, code=code)
    assert words in result.stderr
    assert result.stdout == ""


def test_several_connections_must_be_named(cli: Cli) -> None:
    """With more than one enabled connection, plan asks which."""
    cli.connections("c", "d")
    assert "add --connection with one of c, d" in cli("plan", code=64).stderr


def test_redis_away(cli: Cli) -> None:
    """One sentence that names the setting and no URL."""
    for name in ("STATE", "BROKER"):
        cli.environment[f"ISTHMUS_REDIS_{name}_URL"] = f"redis://:secret@127.0.0.1:1/{len(name)}"
    result = cli("status", code=1)
    assert "ISTHMUS_REDIS_STATE_URL" in result.stderr
    assert "broker" in cli("sync", code=1).stderr.lower() or "queue" in cli("sync", code=1).stderr
    assert "secret" not in result.stderr


def test_no_connections_file(cli: Cli) -> None:
    """The missing file is named, with the mend."""
    (cli.config / "connections.yaml").unlink()
    assert "connections.yaml" in cli("status", code=1).stderr


def test_version(cli: Cli) -> None:
    """The version, for people and machines."""
    assert cli.json("version", "version")["version"] in cli("version").stdout
