"""The grammar of encoded queries (servicenow-api 1.5): text in, a tree of conditions out."""

import re
from dataclasses import dataclass, field

OPERATORS = (
    "GT_OR_EQUALS_FIELD", "LT_OR_EQUALS_FIELD", "LE_OR_EQUALS_FIELD", "GE_OR_EQUALS_FIELD",
    "GT_FIELD", "LT_FIELD", "NOT BETWEEN", "BETWEEN", "DOES NOT CONTAIN", "CONTAINS",
    "NOT LIKE", "NOTLIKE", "LIKE", "STARTSWITH", "ENDSWITH", "ISNOTEMPTY", "ISEMPTY", "EMPTYSTRING",
    "ANYTHING", "NSAMEAS", "SAMEAS", "NOTON", "ON", "RELATIVEGE", "RELATIVEGT", "RELATIVELE",
    "RELATIVELT", "RELATIVEEE", "RELATIVEEQ", "DATEPART", "MORETHAN", "LESSTHAN", "DYNAMIC", "INSTANCEOF",
    "NOT IN", "IN", "!=", ">=", "<=", "!*", "=", ">", "<", "*", "%",
)  # fmt: skip
_CONDITION = re.compile(
    r"(?P<field>[a-z0-9_.]+)(?P<operator>" + "|".join(map(re.escape, OPERATORS)) + r")(?P<value>.*)\Z",
    re.DOTALL,
)
_RELATED = re.compile(r"(?P<table>\w+)\.(?P<field>[\w.]+),(?P<operator>[<>=!]+)(?P<count>\d+)")
_JOIN = re.compile(r"JOIN(?P<table>\w+)\.(?P<field>\w+)=(?P<other>\w+)\.(?P<other_field>\w+)!(?P<rest>.*)\Z")
_TEXT = re.compile(r"123TEXTQUERY321=?")


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`, uninterpreted. Field `*` with operator TEXT searches all text columns."""

    field: str
    operator: str
    value: str


@dataclass(frozen=True, slots=True)
class Related:
    """RLQUERY or JOIN: how many rows of `table` point here by `field`; `own` is the column pointed at."""

    table: str
    field: str
    operator: str
    count: int
    query: "Query"
    own: str = "sys_id"


Term = Condition | Related


@dataclass(slots=True)
class Query:
    """Branches are OR'ed (^NQ); a branch is AND'ed groups; a group is OR'ed terms (^OR).

    `broken` counts conditions that are no conditions at all: they are ignored, and so match everything.
    """

    branches: list[list[list[Term]]] = field(default_factory=lambda: [[]])
    order: list[tuple[str, bool]] = field(default_factory=list)
    broken: int = 0


def tokens(text: str, *, doubled: bool) -> list[str]:
    """Split at carets; with `doubled`, `^^` stands for a literal one."""
    if not doubled:
        return text.split("^")
    return [part.replace("\0", "^") for part in text.replace("^^", "\0").split("^")]


def condition(text: str) -> Condition | None:
    if found := _TEXT.match(text):
        return Condition("*", "TEXT", text[found.end() :])
    match = _CONDITION.match(text.removeprefix("GOTO"))
    return Condition(match["field"], match["operator"], match["value"]) if match else None


def parse(text: str, *, doubled: bool = False) -> Query:
    """The tree of an encoded query. Never fails: what can't be read is counted in `broken`."""
    query = Query()
    queue = tokens(text, doubled=doubled)
    while queue:
        token = queue.pop(0)
        if token.startswith("RLQUERY"):
            inner = _until_end(queue)
            _append(query, _related(token, inner, doubled=doubled))
        elif token.startswith("JOIN"):
            _append(query, _join("^".join([token, *queue]), doubled=doubled))
            queue.clear()
        elif not _directive(query, token):
            _plain(query, token)
    return query


def _until_end(queue: list[str]) -> str:
    inner: list[str] = []
    while queue and (token := queue.pop(0)) != "ENDRLQUERY":
        inner.append(token)
    return "^".join(inner)


def _directive(query: Query, token: str) -> bool:
    """Orders, grouping and the end mark; True if the token was one."""
    if token.startswith("ORDERBYDESC"):
        query.order.append((token.removeprefix("ORDERBYDESC"), True))
    elif token.startswith("ORDERBY"):
        query.order.append((token.removeprefix("ORDERBY"), False))
    else:
        return token in {"", "EQ"} or token.startswith("GROUPBY")
    return True


def _plain(query: Query, token: str) -> None:
    if token.startswith("NQ"):
        query.branches.append([])
        token = token.removeprefix("NQ")
        if not token:
            return
    alternative = token.startswith("OR")
    _append(query, condition(token.removeprefix("OR") if alternative else token), alternative=alternative)


def _append(query: Query, term: Term | None, *, alternative: bool = False) -> None:
    if term is None:
        query.broken += 1
        return
    branch = query.branches[-1]
    if alternative and branch:
        branch[-1].append(term)
    else:
        branch.append([term])


def _related(token: str, inner: str, *, doubled: bool) -> Related | None:
    match = _RELATED.match(token.removeprefix("RLQUERY"))
    if match is None:
        return None
    return Related(
        match["table"], match["field"], match["operator"], int(match["count"]), parse(inner, doubled=doubled)
    )


def _join(token: str, *, doubled: bool) -> Related | None:
    match = _JOIN.match(token)
    if match is None:
        return None
    inner = parse(match["rest"], doubled=doubled)
    return Related(match["other"], match["other_field"], ">=", 1, inner, match["field"])
