"""`conform`: whether a live agent does what we say of its service."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from remote_agents.cli.connection import Connect, Json, connected, exit_code, print_json
from remote_agents.conformance import PLAN, Finding, conformance
from remote_agents.types.sanitizing import sanitized

MARKS = {True: ("holds", "green"), False: ("fails", "red"), None: ("not seen", "yellow")}


@connected
def conform(
    connect: Connect,
    question: Annotated[
        str, typer.Option(help="What the last turn asks; one on its documents shows citations.")
    ] = "What can you help me with?",
    as_json: Json = False,
) -> None:
    """Try with a few harmless turns whether an agent does what is said of its service."""
    with connect() as client:
        print(PLAN, file=sys.stderr)
        found = []
        for finding in conformance(client, question):
            found.append(finding)
            _show(finding, as_json=as_json)
    failed = [finding for finding in found if finding.holds is False]
    if failed:
        error = failed[-1].error
        raise typer.Exit(exit_code(error) if error else 1)


def _show(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        print_json({k: v for k, v in finding._asdict().items() if k != "error"})
        return
    word, style = MARKS[finding.holds]
    line = Text(f"{word:<10}", style).append(f"{finding.what:<17}", "bold")
    Console(highlight=False).print(
        line.append(sanitized(finding.detail), "default"), soft_wrap=True
    )
