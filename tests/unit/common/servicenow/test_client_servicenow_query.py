"""Encoded queries: nothing from outside shapes one, and no URL grows too long."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import Fatal
from common.servicenow import query as q


@pytest.mark.parametrize(
    "text", ["a^ORstate=1", "x^NQactive=true", "a\nb", "a\x00", "javascript:gs.getUserID()", " JavaScript:x"]
)
def test_values_that_would_shape_a_query_are_refused(text: str) -> None:
    """A caret, a control character or a script is no value."""
    with pytest.raises(Fatal) as caught:
        q.is_("name", text)
    assert caught.value.reason == "unsafe_query"


@pytest.mark.parametrize("name", ["", "a b", "state^ORx", "a.", "1a", "a=b", "ä"])
def test_column_names_are_checked(name: str) -> None:
    """Only names and dot-walks are columns."""
    with pytest.raises(Fatal):
        q.column(name)


@pytest.mark.parametrize("text", ["", "A" * 32, "g" * 32, "a" * 31, "a" * 32 + "\n"])
def test_sys_ids_are_32_hex_digits(text: str) -> None:
    """A path is never built from anything else."""
    with pytest.raises(Fatal):
        q.sys_id(text)


def test_parts_join_as_the_grammar_wants() -> None:
    """AND by ^, whole alternatives by ^NQ, order at the end."""
    left = q.both(
        q.starts_with("correlation_id", "isth:a:"), "", q.after("sys_updated_on", "2026-01-01 00:00:00")
    )
    query = q.ordered(q.either(left, q.is_("sys_id", "x")), "sys_updated_on", "sys_id")
    assert query == (
        "correlation_idSTARTSWITHisth:a:^sys_updated_on>2026-01-01 00:00:00^NQsys_id=x"
        "^ORDERBYsys_updated_on^ORDERBYsys_id"
    )


@given(
    st.lists(st.text(st.characters(exclude_characters="^", exclude_categories=["C", "Zl", "Zp"]), min_size=1))
)
def test_chunks_hold_every_value_once_within_the_room(texts: list[str]) -> None:
    """Chunks cover all values once; each fits, unless a single value alone does not."""
    texts = [text for text in texts if not text.lstrip().lower().startswith("javascript:")]
    chunks = list(q.any_of("name", texts, room=120))
    assert sorted(value for _, values in chunks for value in values) == sorted(set(texts))
    for condition, values in chunks:
        assert len(values) == 1 or len(quote(condition, safe=",")) <= 120


def test_values_with_commas_stand_alone() -> None:
    """A comma would split a value of an IN list."""
    assert list(q.any_of("name", ["a", "b,c", "d"], 500)) == [
        ("name=b,c", ("b,c",)),
        ("nameINa,d", ("a", "d")),
    ]


def test_empty_values_are_refused() -> None:
    """An empty value would match every record without one."""
    with pytest.raises(Fatal):
        list(q.any_of("name", [""], 500))


def test_the_room_is_used_up() -> None:
    """What just fits goes into one chunk, and into two where a single character is missing."""
    sys_ids = [f"{i:032x}" for i in range(50)]
    needed = len("sys_idIN" + ",".join(sys_ids))
    assert len(list(q.any_of("sys_id", sys_ids, needed))) == 1
    assert len(list(q.any_of("sys_id", sys_ids, needed - 1))) == 2
