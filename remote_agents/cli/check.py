"""`check`: whether an agent can be used as it is set up, and what to do if not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.text import Text

from remote_agents.cli.connection import (
    Connect,
    Json,
    clean,
    connected,
    exit_code,
    print_json,
)
from remote_agents.client import Client
from remote_agents.errors import (
    AgentConnectionError,
    AgentError,
    AgentStatusError,
    AgentTimeoutError,
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    StreamProtocolError,
)
from remote_agents.service import Endpoint
from remote_agents.types import Finish, ReasoningDelta, TextDelta

STEPS = ("host", "API", "key", "agent", "answer")


class Check(NamedTuple):
    """One line of the report: a step that has to hold, or something that may be supported."""

    check: str
    ok: bool
    detail: str
    type: str = "step"
    error: AgentError | None = None


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
    return mark.append(f"{found.check:<16}", "bold").append(clean(found.detail), "default")


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
        for step in _turn(client, question):
            yield step
            if step.error is not None:
                return  # what the service supports would bury what to do now
        yield from (fact._replace(type="support") for fact in _facts(agent.endpoint))


def _turn(client: Client, question: str) -> Iterator[Check]:
    """One turn; what it came to tells which of the steps hold."""
    begun, first = time.monotonic(), None
    try:
        with closing(client.stream(question)) as events:  # type: ignore[type-var]
            for event in events:
                if first is None and isinstance(event, (TextDelta, ReasoningDelta)):
                    first = time.monotonic() - begun
                if isinstance(event, Finish):
                    text = event.reply.text
    except AgentError as error:
        step = _failed_step(error)
        yield from (Check(name, True, _PASSED[name]) for name in STEPS[: STEPS.index(step)])
        yield Check(step, False, str(error), error=error)
        return
    yield from (Check(name, True, _PASSED[name]) for name in STEPS[:-1])
    said = text if len(text) <= 60 else f"{text[:60]}..."
    yield Check("answer", True, " ".join(said.split()) or "(empty)")
    shown = "no text came" if first is None else f"{first:.2f} s"
    yield Check("first token", first is not None, shown)


_PASSED = {
    "host": "reached",
    "API": "speaks the service's protocol",
    "key": "accepted",
    "agent": "found",
}


def _failed_step(error: AgentError) -> str:
    if isinstance(error, AgentConnectionError) or (
        isinstance(error, AgentTimeoutError) and error.phase == "connect"
    ):
        return "host"
    if isinstance(error, (AuthenticationError, PermissionDeniedError)):
        return "key"
    if isinstance(error, StreamProtocolError) or _is_no_api(error):
        return "API"
    return "agent" if isinstance(error, NotFoundError) else "answer"


def _is_no_api(error: AgentError) -> bool:
    """A redirect, or a refusal that is a page or a bare text: something else lives there."""
    if not isinstance(error, AgentStatusError):
        return False
    return 300 <= error.status_code < 400 or isinstance(error.body, str)


def _facts(endpoint: Endpoint) -> Iterator[Check]:
    """What the service supports, and what to do where it does not."""
    keeps = endpoint.keeps != "none"
    yield Check("conversation", keeps, "kept by the service" if keeps else "resend the history")
    yield from (_fact(endpoint, *row) for row in _ANSWERS)
    takes = endpoint.roles >= {"system"}
    yield Check("system message", takes, "taken" if takes else "folded into the user's text")
    files = ", ".join(sorted(endpoint.attachments))
    yield Check("files", bool(files), files or "send text only")
    for name, instead in _PARAMETERS.items():
        own = name in endpoint.parameters
        yield Check(name, own, "honoured" if own else instead)


def _fact(endpoint: Endpoint, name: str, field: str, instead: str) -> Check:
    ok = bool(getattr(endpoint, field))
    return Check(name, ok, "part of the answer" if ok else instead)


_ANSWERS = (
    ("reasoning", "reasons", "not shown by the service"),
    ("citations", "cites", "not named by the service; retrieve documents yourself"),
    ("token usage", "counts", "not reported; count the text yourself"),
)
_PARAMETERS = {
    "temperature": "set it in the agent's own settings",
    "max_tokens": "set it in the agent's own settings, or use stop",
    "stop": "the client cuts the text instead",
}
