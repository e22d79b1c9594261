"""Where output goes: results on stdout, everything else on stderr; text from outside made harmless."""

import sys
import unicodedata
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PIPED_WIDTH = 140
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def safe(text: object) -> str:
    """Text without control and direction characters: what comes from Defender must not drive a terminal."""
    return "".join(c if unicodedata.category(c) not in _INVISIBLE else " " for c in str(text))


def cell(text: object, style: str = "") -> Text:
    """A table's cell: never markup."""
    return Text(safe(text), style=style)


def stdout() -> Console:
    """A console for results; wide when nobody sees it, the terminal's width else."""
    return _console(stderr=False)


def stderr() -> Console:
    """A console for progress and remarks."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPED_WIDTH
    return Console(file=stream, width=width, markup=False, highlight=False, emoji=False)


def table(*columns: str, numbers: tuple[str, ...] = ()) -> Table:
    """An empty table; columns named in `numbers` are right-aligned."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for name in columns:
        if name in numbers:
            made.add_column(name, justify="right", no_wrap=True)
        else:
            made.add_column(name, overflow="fold")
    return made


def print_json(value: Any) -> None:
    """One JSON document on stdout."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def say(sentence: str) -> None:
    """A line of a result."""
    stdout().print(Text(safe(sentence)), soft_wrap=True)


def remark(sentence: str) -> None:
    """A line on stderr."""
    stderr().print(Text(safe(sentence)), soft_wrap=True)


def complain(sentence: str) -> None:
    """An error on stderr, each of its lines as it is."""
    for number, line in enumerate(sentence.splitlines()):
        remark(f"isthmus: {line}" if number == 0 else line)
