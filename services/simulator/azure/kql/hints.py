"""What the first `where` stages already say about the rows, so that a table can use its indexes."""

from collections.abc import Iterable
from dataclasses import dataclass

from services.simulator.azure.kql import nodes


@dataclass(frozen=True, slots=True)
class Hint:
    """Rows of this lower-case `type` only, and with one of these lower-case `ids` only; None means any."""

    type: str | None = None
    ids: tuple[str, ...] | None = None


def extract(stages: tuple[nodes.Stage, ...]) -> tuple[Hint, tuple[nodes.Stage, ...]]:
    """The hint and the stages that are left. What a hint answers exactly is taken out of the predicates."""
    kind: str | None = None
    ids: tuple[str, ...] | None = None
    left: list[nodes.Stage] = []
    position = 0
    for position, stage in enumerate(stages):  # noqa: B007 - the position after the loop is used
        if not isinstance(stage, nodes.Where):
            break
        rest: list[nodes.Expression] = []
        for part in _conjuncts(stage.predicate):
            if kind is None and (found := _type(part)) is not None:
                kind = found
            elif ids is None and (wanted := _ids(part)) is not None:
                ids = wanted
            else:
                rest.append(part)
        left.extend(nodes.Where(part) for part in rest)
    else:
        position = len(stages)
    return Hint(kind, ids), (*left, *stages[position:])


def _conjuncts(expression: nodes.Expression) -> Iterable[nodes.Expression]:
    if isinstance(expression, nodes.Binary) and expression.operator == "and":
        yield from _conjuncts(expression.left)
        yield from _conjuncts(expression.right)
    else:
        yield expression


def _type(part: nodes.Expression) -> str | None:
    """`type =~ 'x'`, or `type == 'x'` with the lower case in which Resource Graph keeps types."""
    match part:
        case nodes.Binary("=~", nodes.Name("type", ()), nodes.Literal(str() as value)):
            return value.lower()
        case nodes.Binary("==", nodes.Name("type", ()), nodes.Literal(str() as value)):
            return value if value == value.lower() else ""
    return None


def _ids(part: nodes.Expression) -> tuple[str, ...] | None:
    match part:
        case nodes.Membership("in~", nodes.Name("id", ()), values):
            literals = [value.value for value in values if isinstance(value, nodes.Literal)]
            return tuple(str(value).lower() for value in literals) if len(literals) == len(values) else None
        case nodes.Binary("=~", nodes.Name("id", ()), nodes.Literal(str() as value)):
            return (value.lower(),)
    return None
