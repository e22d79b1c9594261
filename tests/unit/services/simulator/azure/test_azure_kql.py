"""The KQL subset on plain rows: what each operator and function means, and what is refused."""

import contextlib
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.simulator.azure.kql import engine, hints, lexer, parser
from services.simulator.azure.kql.compiler import walk
from services.simulator.azure.kql.errors import KqlError

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ROWS: list[dict[str, Any]] = [
    {
        "id": "/a",
        "name": "Alpha One",
        "n": 3,
        "properties": {"code": "Bad", "at": "2026-11-22T13:00:00.1234567Z"},
    },
    {"id": "/b", "name": "beta", "n": 1, "properties": {"code": "good", "tags": ["x", "y"], "odd key": 1}},
    {"id": "/c", "name": 'it\'s "quoted"', "n": None, "properties": {}},
]


class Plain:
    """A table over ROWS that uses no index."""

    columns: ClassVar[dict[str, str]] = {
        "id": "string",
        "name": "string",
        "n": "long",
        "properties": "dynamic",
        "type": "string",
    }

    def fast(self, column: str, path: tuple[str | int, ...]) -> Callable[[Any], Any]:
        return lambda row: walk(row, (column, *path))

    def select(self, hint: hints.Hint) -> tuple[Sequence[Any], bool]:
        wanted = hint.ids
        return [row for row in ROWS if wanted is None or row["id"] in wanted], True


def run(query: str) -> list[dict[str, Any]]:
    result = engine.run(parser.parse(query), Plain(), NOW, random.Random(1))
    return [{name: column.get(row) for name, column in result.schema.items()} for row in result.rows]


def ids(predicate: str) -> str:
    return "".join(row["id"][1:] for row in run(f"t | where {predicate} | project id | order by id asc"))


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("name == 'beta'", "b"),
        ("name == 'BETA'", ""),
        ("name =~ 'BETA'", "b"),
        ("name != 'beta'", "ac"),
        ("name !~ 'BETA'", "ac"),
        ("name in ('beta', 'Alpha One')", "ab"),
        ("name in~ ('BETA')", "b"),
        ("name !in ('beta')", "ac"),
        ("name !in~ ('BETA')", "ac"),
        ("name contains 'ALPHA'", "a"),
        ("name !contains 'alpha'", "bc"),
        ("name startswith 'alp' and n >= 3", "a"),
        ("name endswith 'ONE' or name == \"beta\"", "ab"),
        ("name has 'one'", "a"),
        ("name has 'on'", ""),
        ("name !has 'one'", "bc"),
        ("name == 'it\\'s \"quoted\"'", "c"),
        ('name == "it\'s \\"quoted\\""', "c"),
        ("not(name == 'beta') and (n == 3 or isnull(n))", "ac"),
        ("n < 3", "b"),
        ("n != 3", "bc"),
        ("n > -1", "ab"),
        ("properties.code == 'Bad'", "a"),
        ("properties['code'] == 'Bad'", "a"),
        ("properties.Code == 'Bad'", ""),
        ("properties['odd key'] == 1", "b"),
        ("properties.tags[1] == 'y'", "b"),
        ("properties.code != 'Bad'", "bc"),
        ("isempty(properties.code)", "c"),
        ("isnotempty(properties.code)", "ab"),
        ("tolower(properties.code) == 'bad'", "a"),
        ("toupper(name) == 'BETA'", "b"),
        ("strcat(id, '-', name) == '/b-beta'", "b"),
        ("coalesce(properties.code, 'none') == 'none'", "c"),
        ("todatetime(properties.at) > ago(1d)", "a"),
        ("todatetime(properties.at) > datetime(2026-11-22T14:00:00Z)", ""),
        ("properties.at < datetime(2026-11-23)", "a"),
        ("array_length(properties.tags) == 2", "b"),
        ('tostring(properties.tags) == \'["x","y"]\'', "b"),
        ("id in~ ('/A', '/zzz')", "a"),
    ],
)
def test_predicates(predicate: str, expected: str) -> None:
    """Each operator and function selects what Kusto would."""
    assert ids(predicate) == expected


def test_columns_are_named_as_resource_graph_names_them() -> None:
    """A path without alias is joined by underscores; an unnamed call is Column1; extend adds."""
    row = run("t | where id == '/a' | project properties.code, tolower(name)")[0]
    assert row == {"properties_code": "Bad", "Column2": "alpha one"}
    assert run("t | where id == '/a' | extend x = properties.code | project id, x")[0] == {
        "id": "/a",
        "x": "Bad",
    }


def test_order_is_descending_unless_said_and_nulls_go_last_then() -> None:
    """`order by n` is descending with nulls last; asc puts them first; top is order and limit."""
    assert [row["n"] for row in run("t | project n | order by n")] == [3, 1, None]
    assert [row["n"] for row in run("t | project n | order by n asc")] == [None, 1, 3]
    assert [row["n"] for row in run("t | project n | top 1 by n")] == [3]


def test_aggregates_count() -> None:
    """summarize, distinct and count."""
    assert run("t | summarize rows = count() by big = n > 1 | order by rows") == [
        {"big": False, "rows": 2},
        {"big": True, "rows": 1},
    ]
    assert run("t | summarize count()") == [{"count_": 3}]
    assert run("t | where id == '/none' | summarize count()") == [{"count_": 0}]
    assert run("t | count") == [{"Count": 3}]
    assert sorted(row["s"] for row in run("t | distinct s = tostring(properties.code)")) == [
        "",
        "Bad",
        "good",
    ]
    assert len(run("t | summarize by name")) == 3


@pytest.mark.parametrize(
    "query",
    [
        "",
        "| where x",
        "t |",
        "t | where",
        "t | where name ==",
        "t | where (name == 'x'",
        "t | where name == 'x",
        "t | where name in",
        "t | where name between (1 .. 2)",
        "t | where name + 'x' == 'y'",
        "t | where nosuch == 1",
        "t | where name",
        "t | where sometext('x')",
        "t | where tolower(name, name) == ''",
        "t | project id, id",
        "t | project name.path",
        "t | summarize dcount(name)",
        "t | summarize count() by properties",
        "t | distinct properties.code",
        "t | order by properties.code",
        "t | take many",
        "t | mv-expand properties.tags",
        "t | project-away name",
        "t | render piechart",
        "let x = 1; t",
        "t where name == 'x'",
    ],
)
def test_everything_else_is_refused(query: str) -> None:
    """Outside the subset there is an error, never a guess."""
    with pytest.raises(KqlError):
        run(query)


def test_a_failure_names_its_place() -> None:
    """Line from 1, column from 0, and the token."""
    with pytest.raises(KqlError) as caught:
        parser.parse("t\n| where name == ==")
    assert caught.value.detail == {
        "code": "ParserFailure",
        "message": "ParserFailure",
        "line": 2,
        "characterPositionInLine": 16,
        "token": "==",
    }


@given(st.text(max_size=40))
def test_quoting_survives_any_text(text: str) -> None:
    """A literal with escaped backslash, quote and line breaks reads back as it was."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r")
    found = lexer.tokens(f"'{escaped}'")
    assert [(token.kind, token.text) for token in found[:-1]] == [("string", text)]


@given(st.text(alphabet="tid|where = ~()'\"\\in,.[]!abc01 \n", max_size=60))
def test_no_text_breaks_the_parser(text: str) -> None:
    """Whatever comes in, it parses or it is a KqlError."""
    with contextlib.suppress(KqlError):
        assert parser.parse(text).table


def test_hints_take_types_and_ids_out_of_the_predicates() -> None:
    """`type` and `id in~` of the leading filters become hints; the rest stays."""
    query = parser.parse(
        "t | where type =~ 'A/b' and name == 'x' | where id in~ ('/B') | project id | where id == ''"
    )
    hint, stages = hints.extract(query.stages)
    assert hint == hints.Hint("a/b", ("/b",))
    assert len(stages) == 3
    assert hints.extract(parser.parse("t | where type == 'A/b'").stages)[0].type == ""
    assert hints.extract(parser.parse("t | where type =~ 'a' or name == 'b'").stages)[0] == hints.Hint()
