"""`isthmus rules`: lint and explain."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from common.model.finding import Finding
from common.operate.explaining import explanation, finding_of, finding_of_row
from common.rules.lint import Lint, lint_rules
from common.rules.loader import load_rules
from common.state.directory import Directory
from services.cli import errors
from services.cli.bootstrap import Tools
from services.cli.options import Json, Name, Rules, tools_of
from services.cli.output import cell, complain, print_json, remark, say, stdout, table

rules_app = typer.Typer(no_args_is_help=True, help="Rule files: mistakes, doubts, what they take.")


@rules_app.command("lint")
def lint(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Default: every connection's.")] = None,
    as_json: Json = False,
) -> int:
    """Name every mistake and doubt. Exit code 1 when a file can't be used."""
    files = [file] if file else sorted({one.rules for one in tools_of(context).connections.values()})
    found = [(path, lint_rules(path)) for path in files]
    if as_json:
        print_json({"files": [_document(path, result) for path, result in found]})
    else:
        for path, result in found:
            _show(path, result)
    return errors.OK if all(result.ok for _, result in found) else errors.FAILED


@rules_app.command("explain")
def explain(
    context: typer.Context,
    finding: Annotated[str, typer.Argument(metavar="JSON|@FILE|-", help="The finding; `-` is stdin.")],
    row: Annotated[bool, typer.Option("--row", help="It is a row of Resource Graph.")] = False,
    connection: Name = None,
    rules: Rules = None,
    as_json: Json = False,
) -> int:
    """Say which rule takes a finding, and why not the others."""
    tools = tools_of(context)
    text = _text(finding)
    one = _of_row(tools, connection, text, alone=rules is not None) if row else finding_of(text)
    found = explanation(one, load_rules(rules or tools.one(connection).rules))
    if as_json:
        print_json(found)
        return errors.OK
    if found.skip:
        say(f"Rule {found.rule} leaves it out: {found.skip}.")
    elif found.rule:
        say(f"Rule {found.rule} takes it: one {found.type} for each {', '.join(found.group_by)}.")
    else:
        say("No rule takes it.")
    verdicts = table("Rule", "", "Why")
    for verdict in found.rules:
        word = "takes it" if verdict.takes else "matches too" if verdict.matches else "no"
        why = "; ".join(
            f"{failed.condition}: {', '.join(failed.actual) or 'nothing'} is not {' or '.join(failed.wanted)}"
            for failed in verdict.failed
        )
        verdicts.add_row(cell(verdict.rule), cell(word), cell(why))
    stdout().print(verdicts)
    return errors.OK


def _of_row(tools: Tools, connection: str | None, text: bytes, *, alone: bool) -> Finding:
    """A row with what the last run knows of its recommendation; with a file alone, the row's own words."""
    if alone and connection is None:
        remark("Without --connection the row alone counts: no severity, category or preview of its metadata.")
        return finding_of_row(text, {}, {})
    directory = Directory(tools.store, tools.one(connection).id)
    return finding_of_row(text, directory.metadata(), directory.subscriptions())


def _text(given: str) -> bytes:
    if given == "-":
        return sys.stdin.buffer.read()
    if given.startswith("@"):
        return Path(given[1:]).read_bytes()
    return given.encode()


def _document(path: Path, result: Lint) -> dict[str, object]:
    return {
        "file": str(path),
        "ok": result.ok,
        "rules": [rule.id for rule in result.rules.rules] if result.rules else [],
        "errors": [
            {"line": one.line, "path": one.path, "problem": one.problem, "mend": one.mend}
            for one in result.errors
        ],
        "warnings": list(result.warnings),
    }


def _show(path: Path, result: Lint) -> None:
    for error in result.errors:
        complain(str(error))
    for warning in result.warnings:
        say(f"{path}: {warning}")
    if result.rules:
        say(f"{path}: {len(result.rules.rules)} rules can be used.")
