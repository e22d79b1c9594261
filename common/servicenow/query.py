"""Encoded queries from checked parts (servicenow-api 1.5). Text from outside never shapes a query."""

import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from common.errors import Fatal

URL_LIMIT = 2000  # characters of a whole URL: the instance refuses beyond some 2,048
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
_UNSAFE = re.compile(r"[\^\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SYS_ID = re.compile(r"[0-9a-f]{32}")


def column(name: str) -> str:
    """A column's name, dot-walks allowed. Raises Fatal `unsafe_query` for anything else."""
    if not _COLUMN.fullmatch(name):
        raise Fatal("unsafe_query", f"{name[:40]!r} is not a column's name.")
    return name


def value(text: str) -> str:
    """A value as it is. Raises Fatal `unsafe_query` for carets, control characters and server-side scripts.

    Doubling a caret is UNVERIFIED (servicenow-api 1.5), so it is refused rather than escaped.
    """
    if _UNSAFE.search(text) or text.lstrip().lower().startswith("javascript:"):
        raise Fatal("unsafe_query", f"{text[:40]!r} can't stand in an encoded query.")
    return text


def sys_id(text: str) -> str:
    """A sys_id. Raises Fatal `unsafe_query` unless it is 32 lower-case hex digits."""
    if not _SYS_ID.fullmatch(text):
        raise Fatal("unsafe_query", f"{text[:40]!r} is not a sys_id.")
    return text


def is_(name: str, text: str) -> str:
    return f"{column(name)}={value(text)}"


def starts_with(name: str, prefix: str) -> str:
    return f"{column(name)}STARTSWITH{value(prefix)}"


def after(name: str, text: str) -> str:
    return f"{column(name)}>{value(text)}"


def from_on(name: str, text: str) -> str:
    return f"{column(name)}>={value(text)}"


def both(*conditions: str) -> str:
    """All of them."""
    return "^".join(part for part in conditions if part)


def either(*queries: str) -> str:
    """Any of whole queries; `^NQ` resets, so each repeats what is common."""
    return "^NQ".join(queries)


def ordered(query: str, *names: str) -> str:
    """In ascending order of `names`; there is no order without."""
    return query + "".join(f"^ORDERBY{column(name)}" for name in names)


def any_of(name: str, texts: Iterable[str], room: int) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (condition, its values) in chunks of at most `room` characters of a URL, where commas stand raw.

    A value with a comma would fall apart in an IN list and gets a condition of its own. Empty values are
    refused: they would match every record without one.
    """
    chunk: list[str] = []
    used = base = len(f"{column(name)}IN") - 1  # the first value has no comma before it
    for text in dict.fromkeys(texts):
        if not text:
            raise Fatal("unsafe_query", f"An empty value can't be looked up in {name}.")
        if "," in text:
            yield is_(name, text), (text,)
            continue
        size = len(quote(value(text), safe="")) + 1
        if chunk and used + size > room:
            yield f"{name}IN{','.join(chunk)}", tuple(chunk)
            chunk, used = [], base
        chunk.append(text)
        used += size
    if chunk:
        yield f"{name}IN{','.join(chunk)}", tuple(chunk)
