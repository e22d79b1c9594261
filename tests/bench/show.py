"""The cases for people: a table on the terminal, the same as Markdown for the documentation."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.bench.case import Case, number

HEAD = ("case", "goal", "asked", "measured", "")
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


def _rows(case: Case) -> Iterator[tuple[str, ...]]:
    for goal in case.goals:
        yield case.name, goal.what, goal.asked, number(goal.measured), goal.verdict


def show(cases: Sequence[Case]) -> None:
    """Every case in a sentence, then every goal beside what was measured."""
    console = Console(width=120)
    told = Table("case", "measured", show_lines=True)
    goals = Table(*HEAD)
    for case in cases:
        told.add_row(case.name, case.summary)
        for *cells, verdict in _rows(case):
            goals.add_row(*cells, f"[{'green' if verdict == 'met' else 'bold red'}]{verdict}[/]")
    console.print(told)
    console.print(goals)


def markdown(cases: Sequence[Case]) -> str:
    """Both tables, and for missed goals what stands in the way."""
    lines = ["| case | measured |", "|---|---|"]
    lines += [f"| {case.name} | {case.summary} |" for case in cases]
    lines += ["", "| case | goal | asked | measured | |", "|---|---|---|---|---|"]
    for case in cases:
        for *cells, verdict in _rows(case):
            lines.append(f"| {' | '.join(cells)} | {verdict if verdict == 'met' else '**missed**'} |")
    missed = [case for case in cases if not case.met and case.bound]
    if missed:
        lines += ["", "| missed | what stands in the way |", "|---|---|"]
        lines += [f"| {case.name} | {_told(case.bound)} |" for case in missed]
    return "\n".join(lines) + "\n"


def _told(bound: dict[str, object]) -> str:
    parts = []
    for name, value in bound.items():
        inner = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, dict) else value
        parts.append(f"{name.replace('_', ' ')}: {inner}")
    return "; ".join(parts)


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the marks. Raises ValueError for a page without them."""
    whole = page.read_text()
    before, begin, rest = whole.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no {BEGIN} … {END}")
    page.write_text(f"{before}{BEGIN}\n{text}{END}{after}")
