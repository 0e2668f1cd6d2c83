"""Whether an agent does what we say of its service: a few harmless turns, and what they show."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from remote_agents.client import Client
from remote_agents.errors import (
    AgentError,
    AuthenticationError,
    NotFoundError,
    PermissionDeniedError,
)
from remote_agents.recording.transcript import Interaction
from remote_agents.recording.transport import RecordingTransport
from remote_agents.types import Finish, ReasoningDelta, Reply, TextDelta, Unknown

TURNS = 3
REFUSALS = 2
PLAN = (
    f"It takes {TURNS} short turns of the agent, and sends {REFUSALS} requests that should be "
    "refused. Nothing is deleted or changed; the service may keep the conversations."
)
FIRST = "Hello. My favourite word is heliotrope. Please say two sentences about it."
SECOND = "What did I just say?"
NO_AGENT = "00000000-0000-4000-8000-000000000000"
LIMITS = re.compile(r"rate-?limit|retry-after|credits|quota", re.IGNORECASE)
TOGETHER = 0.02
"""Seconds within which an answer's pieces came together."""


class Finding(NamedTuple):
    """One line of the table.

    Args:
        what: What we say of the service.
        holds: Whether it is so; None where these turns cannot tell.
        detail: What was seen.
        error: What a turn ended with, if it did.
    """

    what: str
    holds: bool | None
    detail: str
    error: AgentError | None = None


@dataclass
class Streamed:
    """What was seen of a streamed answer."""

    begun: float = field(default_factory=time.monotonic)
    pieces: list[float] = field(default_factory=list)
    unknown: int = 0
    reply: Reply | None = None

    def see(self, event: object) -> None:
        """One more event."""
        if isinstance(event, (TextDelta, ReasoningDelta)):
            self.pieces.append(time.monotonic() - self.begun)
        self.unknown += isinstance(event, Unknown)
        if isinstance(event, Finish):
            self.reply = event.reply

    @property
    def streaming(self) -> Finding:
        """Whether the answer came piece by piece."""
        if len(self.pieces) < 2:
            return Finding("streaming", False, f"{len(self.pieces)} piece of text came")
        first, last = self.pieces[0], self.pieces[-1]
        seen = f"{len(self.pieces)} pieces, the first after {first:.2f} s, the last {last:.2f} s"
        if last - first >= TOGETHER:
            return Finding("streaming", True, seen)
        if first > 1:
            return Finding("streaming", False, f"{seen}: something between keeps them back")
        return Finding("streaming", None, f"{seen}: too fast to tell")


def conformance(client: Client, question: str = "What can you help me with?") -> Iterator[Finding]:
    """Try what holds for a service's agent; see `PLAN` for what it costs.

    Args:
        client: The agent.
        question: What the third turn asks; one that its documents answer shows citations.

    Yields:
        A finding for each thing that was tried. Where a turn fails, that is the last one.

    Example:
        >>> [f.what for f in conformance(agent) if f.holds is False]  # doctest: +SKIP
        []
    """
    try:
        with _variant(client, coalesce=False) as asked:
            heard: list[Interaction] = []
            asked.agent.transport = cast(Any, RecordingTransport(asked.agent.transport, heard))
            yield from _turns(asked, question)
            yield _limits(heard)
    except AgentError as error:
        yield Finding("answer", False, str(error), error)
        return
    yield _refused(
        client, "wrong key", (AuthenticationError, PermissionDeniedError), api_key=NO_KEY
    )
    yield _refused(client, "wrong agent", (NotFoundError,), **_elsewhere(client))


NO_KEY = "remote-agents-conform-no-key"


def _elsewhere(client: Client) -> dict[str, str]:
    """Where there is no agent."""
    if not client.agent.endpoint.agent_in_address:
        return {"agent_id": NO_AGENT}
    address = client.agent.base_url
    return {"base_url": f"{address}-none" if urlsplit(address).path else f"{address}/none"}


def _turns(client: Client, question: str) -> Iterator[Finding]:
    session, seen = f"conform-{uuid.uuid4().hex}", Streamed()
    for event in client.stream(FIRST, session_id=session):
        seen.see(event)
    first = seen.reply
    assert first is not None  # a stream without it has raised
    yield Finding("answer", bool(first.text), _short(first.text))
    yield Finding("protocol", not seen.unknown, f"{seen.unknown} events that have no meaning here")
    if client.agent.endpoint.streams:
        yield seen.streaming
    second = client.ask([FIRST, first, SECOND], session_id=session)
    yield _conversation_finding(second)
    third = client.ask(question)
    yield from _facts(client, [first, second, third])


def _short(text: str) -> str:
    said = " ".join(text.split())
    return said if len(said) <= 60 else f"{said[:60]}..."


def _conversation_finding(second: Reply) -> Finding:
    remembers = "heliotrope" in second.text.lower()
    if second.memory not in (None, "continued"):
        return Finding("conversation", False, "the second turn began another conversation")
    return Finding("conversation", remembers, _short(second.text))


def _facts(client: Client, replies: list[Reply]) -> Iterator[Finding]:
    endpoint = client.agent.endpoint
    first, *whole = replies
    named = [reply for reply in replies if reply.reply_id or reply.request_id]
    yield Finding("ids", len(named) == len(replies), f"{len(named)} of {len(replies)} answers")
    if endpoint.keeps in ("handed", "chained"):
        kept = [reply.conversation_id for reply in replies[:2]]  # the third stands alone
        yield Finding("conversation id", all(kept), "in each answer of it")
    if endpoint.counts:
        counted = [*whole, *([first] if endpoint.counts_streams else [])]
        found = sum(reply.usage is not None for reply in counted)
        yield Finding("usage", found == len(counted), f"in {found} of {len(counted)} answers")
    if endpoint.cites:
        number = sum(len(reply.citations) for reply in replies)
        detail = f"{number} sources" if number else "none; ask what the agent's documents answer"
        yield Finding("citations", True if number else None, detail)


def _limits(heard: list[Interaction]) -> Finding:
    """What the answers say of how much may still be asked; none is tried out."""
    told = {
        name.lower(): value
        for interaction in heard
        for name, value in interaction.answer_headers
        if LIMITS.search(name)
    }
    detail = ", ".join(f"{name} {value}" for name, value in told.items())
    return Finding("limits", True if told else None, _short(detail) or "no answer names one")


def _refused(
    client: Client, what: str, kinds: tuple[type[AgentError], ...], **wrong: str
) -> Finding:
    try:
        with _variant(client, max_retries=0, **wrong) as other:
            other.ask("Hello")
    except kinds as error:
        return Finding(what, True, _short(str(error)))
    except AgentError as error:
        return Finding(what, False, f"{type(error).__name__}: {_short(str(error))}")
    open_to_all = what == "wrong key" and client.agent.endpoint.key_optional
    return Finding(what, None if open_to_all else False, "was answered all the same")


def _variant(client: Client, **changed: object) -> Client:
    """A client of the same agent with other settings."""
    agent = client.agent
    known = {"base_url": agent.base_url, "agent_id": agent.agent_id, "api_key": agent.secret}
    given = {name: getattr(client, name) for name in client.model_fields_set}
    settings = {**given, **known, **changed}
    return type(client)(**{name: value for name, value in settings.items() if value is not None})
