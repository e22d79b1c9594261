"""Encoded queries: grammar, operators, dates, and the indexes behind them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.servicenow.dictionary.schema import build_schema
from services.simulator.servicenow.query.conditions import ME, Scope
from services.simulator.servicenow.query.dates import Moment, evaluate
from services.simulator.servicenow.query.parse import Condition, parse
from services.simulator.servicenow.query.run import Compiled, compile_query, run
from services.simulator.servicenow.store import Database, Row
from services.simulator.servicenow.times import zone

NOW = datetime(2026, 3, 15, 12, 30, 45, tzinfo=UTC)
BERLIN = zone("Europe/Berlin")


def row(number: int, **values: str) -> Row:
    return {
        "sys_id": f"{number:032x}",
        "number": f"INC{number:07d}",
        "sys_updated_on": f"2026-03-{number:02d} 10:00:00",
        "sys_class_name": "incident",
        "active": "true",
        **values,
    }


TEXTS_OF = {1: "Alpha beta", 2: "beta Gamma", 4: "a^b", 5: "alpha"}
STATE_OF = {1: "1", 2: "2", 3: "6", 4: "1", 5: "7"}
MORE = {
    1: {"priority": "3", "assigned_to": "u1", "opened_at": "2026-03-15 11:45:00"},
    2: {"priority": "12", "assignment_group": "g1", "opened_at": "2026-03-14 23:30:00"},
    3: {"priority": "5", "correlation_id": "ISTH:a:1", "opened_at": "2026-03-03 10:00:00"},
    4: {"active": "false", "correlation_id": "isth:b:1", "opened_at": "2026-02-27 08:00:00"},
    5: {"description": "alpha", "correlation_id": "isth:b:1"},
}
ROWS = [row(n, state=STATE_OF[n], short_description=TEXTS_OF.get(n, ""), **MORE[n]) for n in MORE]
ROWS[2]["resolved_at"] = "2026-03-03 12:00:00"


def database(rows: list[Row] = ROWS) -> Database:
    made = Database(build_schema())
    for item in rows:
        made.stores["incident"].add(dict(item))
    user = {"sys_id": "u1", "name": "Zoë Müller", "sys_updated_on": "2026-01-01 00:00:00"}
    made.stores["sys_user"].add({**user, "manager": "u2"})
    made.stores["sys_user"].add({"sys_id": "u2", "name": "Boss", "sys_updated_on": "2026-01-01 00:00:00"})
    made.stores["sys_user_group"].add(
        {"sys_id": "g1", "name": "Identity", "sys_updated_on": "2026-01-01 00:00:00"}
    )
    return made


def find(text: str, table: str = "incident", *, fold: bool = True, doubled: bool = False) -> list[int]:
    return [int(sys_id, 16) for sys_id in ids(text, table, fold=fold, doubled=doubled)]


def ids(text: str, table: str = "incident", *, fold: bool = True, doubled: bool = False) -> list[str]:
    data = database()
    scope = Scope(data, data.schema[table], Moment(NOW, BERLIN, "u1", "zoe"), fold)
    query = parse(text, doubled=doubled)
    page = run(scope, query, compile_query(scope, query), offset=0, limit=100, count=True)
    return [found["sys_id"] for found in page.rows]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("state=1", [1, 4]),
        ("state!=1", [2, 3, 5]),
        ("state=1^ORstate=2^active=true", [1, 2]),
        ("active=true^state=1^ORstate=6", [1, 3]),
        ("state=1^active=true^NQstate=7", [1, 5]),
        ("state=1^EQ", [1, 4]),
        ("priority>5", [2]),
        ("priority>=5", [2, 3]),
        ("priority<12", [1, 3]),
        ("stateIN1,7", [1, 4, 5]),
        ("stateNOT IN1,7", [2, 3]),
        ("short_descriptionLIKEBETA", [1, 2]),
        ("short_description*gamma", [2]),
        ("short_descriptionCONTAINSgamma", [2]),
        ("short_descriptionNOT LIKEbeta", [3, 4, 5]),
        ("short_description!*beta", [3, 4, 5]),
        ("short_descriptionSTARTSWITHalpha", [1, 5]),
        ("short_descriptionENDSWITHbeta", [1]),
        ("short_description%beta", [1]),
        ("short_descriptionISEMPTY", [3]),
        ("short_descriptionISNOTEMPTY", [1, 2, 4, 5]),
        ("short_descriptionANYTHING", [1, 2, 3, 4, 5]),
        ("priorityBETWEEN3@5", [1, 3]),
        ("short_descriptionSAMEASdescription", [3, 5]),
        ("short_descriptionNSAMEASdescription", [1, 2, 4]),
        ("resolved_atGT_FIELDopened_at", [3]),
        ("resolved_atMORETHANopened_at@hour@after@1", [3]),
        ("resolved_atLESSTHANopened_at@hour@after@1", []),
        ("assigned_to.name=zoë müller", [1]),
        ("assigned_to.manager.name=Boss", [1]),
        ("assignment_groupLIKEident", [2]),
        (f"assigned_toDYNAMIC{ME}", [1]),
        ("assigned_to=javascript:gs.getUserID()", [1]),
        ("sys_class_nameINSTANCEOFtask", [1, 2, 3, 4, 5]),
        ("123TEXTQUERY321=alpha beta", [1]),
        ("GOTOnumber>=INC0000004", [4, 5]),
        ("correlation_id=isth:A:1", [3]),
        ("correlation_idINisth:a:1,isth:b:1", [3, 4, 5]),
        ("u_nothing=1", [1, 2, 3, 4, 5]),
        ("state=1^u_nothing=1", [1, 4]),
        ("state=1^ORu_nothing=1", [1, 4]),
        ("Correlation_id=isth:x", [1, 2, 3, 4, 5]),
        ("ORDERBYDESCnumber", [5, 4, 3, 2, 1]),
        ("ORDERBYDESCstate^ORDERBYnumber", [5, 3, 2, 1, 4]),
        ("ORDERBYDESCpriority", [2, 3, 1, 4, 5]),
        ("opened_atONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()", [1, 2]),
        ("opened_atNOTONToday@javascript:gs.beginningOfToday()@javascript:gs.endOfToday()", [3, 4, 5]),
        ("opened_at>=javascript:gs.dateGenerate('2026-03-15','00:30:00')", [1, 2]),
        ("opened_at>=2026-03-15 00:30:00", [1]),
        ("opened_at>=javascript:gs.daysAgoStart(1)", [1, 2]),
        ("opened_atRELATIVEGT@hour@ago@1", [1]),
        ("opened_atRELATIVELT@dayofweek@ago@5", [3, 4]),
        ("opened_atDATEPARTFriday@javascript:gs.datePart('dayofweek','friday','EE')", [4]),
        ("opened_atDATEPARTFebruary@javascript:gs.datePart('month','feb','MM')", [4]),
    ],
)
def test_grammar_and_operators(text: str, numbers: list[int]) -> None:
    """Each operator and joint finds what the docs say, unknown columns are ignored."""
    found = find(text)
    assert (found if "ORDERBY" in text else sorted(found)) == numbers


def test_parent_table_sees_its_children() -> None:
    """A query on task finds incidents."""
    assert sorted(find("number=INC0000003", "task")) == [3]


def test_related_lists_and_joins() -> None:
    """RLQUERY counts rows that point here; JOIN asks for one; conditions hold for the other table."""
    assert ids("RLQUERYincident.assigned_to,>=1,m2m^state=1^ENDRLQUERY^nameISNOTEMPTY", "sys_user") == ["u1"]
    assert ids("RLQUERYincident.assigned_to,>=1^state=2^ENDRLQUERY", "sys_user") == []
    assert ids("RLQUERYincident.assigned_to,=0^ENDRLQUERY", "sys_user") == ["u2"]
    assert find("JOINincident.assigned_to=sys_user.sys_id!name=Zoë Müller") == [1]


def test_a_literal_caret() -> None:
    """A caret cuts a value by default; doubled it is literal only in the mode."""
    assert parse("short_description=a^b").broken == 1
    assert find("short_description=a^^b", doubled=True) == [4]
    assert find("short_description=a^^b") != [4]


def test_case_matters_only_in_the_mode() -> None:
    """Text compares as the database collates it."""
    assert find("short_description=ALPHA") == [5]
    assert find("short_description=ALPHA", fold=False) == []


def test_injected_condition_is_parsed_as_one() -> None:
    """An unescaped value brings a condition of its own."""
    query = parse("short_description=x^NQactive=true")
    assert query.branches[1] == [[Condition("active", "=", "true")]]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("javascript:gs.dateGenerate('2026-07-01','start')", "2026-06-30 22:00:00"),
        ("javascript:gs.beginningOfToday()", "2026-03-14 23:00:00"),
        ("javascript:gs.endOfLastMonth()", "2026-02-28 22:59:59"),
        ("javascript:gs.beginningOfThisQuarter()", "2025-12-31 23:00:00"),
        ("javascript:gs.beginningOfThisWeek()", "2026-03-08 23:00:00"),
        ("javascript:gs.hoursAgo(2)", "2026-03-15 10:30:45"),
        ("javascript:gs.minutesAgoStart(15)", "2026-03-15 12:15:00"),
        ("javascript:gs.monthsAgo(2)", "2026-01-15 12:30:45"),
        ("javascript:gs.nowDateTime()", "2026-03-15 12:30:45"),
        ("javascript:gs.getUserName()", "zoe"),
        ("javascript:gs.eval('1')", None),
        ("javascript:1+1", None),
    ],
)
def test_javascript_values(text: str, value: str | None) -> None:
    """Dates are read in the user's zone and come out as UTC."""
    assert evaluate(text, Moment(NOW, BERLIN, "u1", "zoe")) == value


STATES = st.sampled_from(["1", "2", "6"])
KEYS = st.sampled_from(["", "isth:a:1", "isth:b:1", "ISTH:A:1"])
TIMES = st.sampled_from(["2026-03-01 10:00:00", "2026-03-01 10:00:01", "2026-03-02 00:00:00"])
AFTER_TWO = f"sys_updated_on>2026-03-01 10:00:00^NQsys_updated_on=2026-03-01 10:00:00^sys_id>{2:032x}"
FOUR_IDS = ",".join(f"{n:032x}" for n in range(4))
QUERIES = st.sampled_from(
    [
        "correlation_idINisth:a:1,isth:b:1^state=1",
        f"correlation_id=isth:a:1^NQsys_idIN{FOUR_IDS}",
        "sys_updated_on>=2026-03-01 10:00:01^ORDERBYsys_updated_on^ORDERBYsys_id",
        f"{AFTER_TWO}^ORDERBYsys_updated_on^ORDERBYsys_id",
        f"state=1^sys_id>{3:032x}^ORDERBYsys_id",
        "ORDERBYsys_updated_on",
    ]
)


@given(values=st.lists(st.tuples(STATES, KEYS, TIMES), max_size=12), text=QUERIES, offset=st.integers(0, 3))
def test_indexes_find_what_a_scan_finds(values: list[tuple[str, str, str]], text: str, offset: int) -> None:
    """Whatever index a query uses, the rows, their order and their number are those of a full scan."""
    rows = [
        row(n + 1, state=state, correlation_id=key, sys_updated_on=at)
        for n, (state, key, at) in enumerate(values)
    ]
    data = database(rows)
    scope = Scope(data, data.schema["incident"], Moment(NOW, BERLIN))
    query = parse(text)
    compiled = compile_query(scope, query)
    wanted = [item for item in rows if compiled.matches(item)]
    for name, _ in reversed(query.order):
        wanted.sort(key=lambda item: item[name])
    every = run(scope, query, compiled, offset=0, limit=99, count=True)
    assert every.total == len(wanted)
    assert sorted(item["sys_id"] for item in every.rows) == sorted(item["sys_id"] for item in wanted)
    if query.order:
        assert every.rows == wanted
    lazy = run(scope, query, compiled, offset=offset, limit=4, count=False)
    assert lazy.rows == every.rows[offset : offset + 4]


def test_compiled_counts_what_it_ignored() -> None:
    """The mode that answers nothing needs to know how many conditions were left out."""
    data = database()
    scope = Scope(data, data.schema["incident"], Moment(NOW, BERLIN))
    compiled: Compiled = compile_query(scope, parse("state=1^u_x=1^nonsense^ORDERBYu_y"))
    assert compiled.ignored == 2
