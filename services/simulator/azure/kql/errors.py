"""Why a query is refused, in the shape of Resource Graph's `error.details`."""

from typing import Any

INVALID_QUERY = {
    "code": "InvalidQuery",
    "message": "Query is invalid. Please refer to the documentation for the Azure Resource Graph "
    "service and fix the error "
    "before retrying.",
}


class KqlError(ValueError):
    """A query outside the subset. `detail` follows `InvalidQuery` in the error's details.

    Shapes of ParserFailure and InvalidQueryLanguage: real bodies in Azure/aztfexport#485 and
    Azure/azure-powershell#13762. The texts of semantic errors are Kusto's; their code here is UNVERIFIED.
    """

    def __init__(self, detail: dict[str, Any]) -> None:
        super().__init__(f"{detail['code']}: {detail['message']}")
        self.detail = detail


def parser_failure(line: int, column: int, token: str, expected: str | None = None) -> KqlError:
    """The text does not parse at `line` (from 1) and `column` (from 0)."""
    detail: dict[str, Any] = {
        "code": "ParserFailure",
        "message": "ParserFailure",
        "line": line,
        "characterPositionInLine": column,
        "token": token,
    }
    if expected is not None:
        detail["expectedToken"] = expected
    return KqlError(detail)


def unsupported(token: str) -> KqlError:
    """An operator or function that Resource Graph (or this subset of it) does not have."""
    detail = {
        "code": "InvalidQueryLanguage",
        "message": "InvalidQueryLanguage",
        "line": -1,
        "characterPositionInLine": -1,
        "token": token,
    }
    return KqlError(detail)


def unknown_table(name: str) -> KqlError:
    """The query names a table that does not exist."""
    return KqlError(
        {
            "code": "DisallowedLogicalTableName",
            "message": f"Table {name} is invalid, unsupported or disallowed.",
        }
    )


def semantic(message: str) -> KqlError:
    """The text parses, but names or types do not fit."""
    return KqlError({"code": "SemanticError", "message": message})
