"""`check`: whether an agent can be used as it is set up, and what to do if not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from remote_agents.checking import Check, facts
from remote_agents.cli.connection import (
    Connect,
    Json,
    connected,
    exit_code,
    print_json,
)
from remote_agents.errors import AgentError, ConfigurationError
from remote_agents.types.sanitizing import sanitized


@connected
def check(
    connect: Connect,
    question: Annotated[str, typer.Option(help="What the agent is asked.")] = "Hello",
    as_json: Json = False,
) -> None:
    """Check configuration, host, key and agent with one short turn, and list what is supported."""
    failed: AgentError | None = None
    console = Console(highlight=False)
    for found in _checks(connect, question):
        failed = failed or found.error
        if as_json:
            print_json({k: v for k, v in found._asdict().items() if k != "error"})
        else:
            console.print(_line(found, console.encoding), soft_wrap=True)
    if failed is not None:
        raise typer.Exit(exit_code(failed))


def _line(found: Check, encoding: str) -> Text:
    mark = Text(_mark(found.ok, encoding), "green" if found.ok else "red")
    return mark.append(f"{found.check:<16}", "bold").append(sanitized(found.detail), "default")


def _mark(ok: bool, encoding: str) -> str:
    mark = "✓ " if ok else "✗ "
    plain = mark.encode(encoding, "ignore") == b" "  # a terminal of 1990 shows neither
    return ("+ " if ok else "x ") if plain else mark


def _checks(connect: Connect, question: str) -> Iterator[Check]:
    try:
        client = connect()
    except ConfigurationError as error:
        yield Check("configuration", False, str(error), error=error)
        return
    with client:
        agent = client.agent
        yield Check("configuration", True, f"{agent.base_url}, agent {agent.agent_id}")
        for step in client.check(question):
            yield step
            if step.error is not None:
                return  # what the service supports would bury what to do now
        yield from (fact._replace(type="support") for fact in facts(agent.endpoint))
