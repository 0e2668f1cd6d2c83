"""Whether an agent can be used as it is set up: one short turn, and what it came to."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from remote_agents.errors import (
    AgentConnectionError,
    AgentError,
    AgentStatusError,
    AgentTimeoutError,
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    PermissionDeniedError,
    RemoteFailureError,
    StreamProtocolError,
)
from remote_agents.service import Endpoint
from remote_agents.types import Event, Finish, ReasoningDelta, Reply, TextDelta, Unknown
from remote_agents.wire.failures import is_html
from remote_agents.wire.not_found import is_about_path

STEPS = ("host", "API", "key", "agent", "answer")


class Check(NamedTuple):
    """One line of the report: a step that has to hold, or something that may be supported."""

    check: str
    ok: bool
    detail: str
    type: str = "step"
    error: AgentError | None = None


class StepChecker:
    """Looks at the events of a turn, and tells which of the steps hold."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._first: float | None = None
        self._reply: Reply | None = None
        self._told = False

    def see(self, event: Event) -> None:
        """One more event."""
        self._told = self._told or not isinstance(event, Unknown)
        if self._first is None and isinstance(event, (TextDelta, ReasoningDelta)):
            self._first = time.monotonic() - self._begun
        if isinstance(event, Finish):
            self._reply = event.reply

    def steps(self, error: AgentError | None = None) -> Iterator[Check]:
        """The steps that were seen, and the one that failed."""
        if error is not None:
            failed = _failed_step(error)
            seen = STEPS[: STEPS.index(failed)]
            if failed == "answer" and not self._told:  # nothing came that takes key or agent
                refused = isinstance(error, (AgentStatusError, RemoteFailureError))
                seen = STEPS[: 2 if refused else 1]
            if isinstance(error, AuthenticationError) and error.body is None:
                seen = ()  # whoever gives the tokens said so: the service was not asked
            yield from (Check(name, True, _SEEN[name]) for name in seen)
            yield Check(failed, False, str(error), error=error)
            return
        yield from (Check(name, True, _SEEN[name]) for name in STEPS[:-1])
        text = self._reply.text if self._reply is not None else ""
        said = text if len(text) <= 60 else f"{text[:60]}..."
        yield Check("answer", True, " ".join(said.split()) or "(empty)")
        shown = "no text came" if self._first is None else f"{self._first:.2f} s"
        yield Check("first token", self._first is not None, shown)


_SEEN = {
    "host": "reached",
    "API": "speaks the service's protocol",
    "key": "accepted",
    "agent": "found",
}


def _failed_step(error: AgentError) -> str:
    if isinstance(error, (AgentConnectionError, ConfigurationError)) or (
        isinstance(error, AgentTimeoutError) and error.phase == "connect"
    ):
        return "host"
    if isinstance(error, (AuthenticationError, PermissionDeniedError)) and not is_html(error.body):
        return "key"
    if isinstance(error, StreamProtocolError) or _is_no_api(error):
        return "API"
    if isinstance(error, NotFoundError) and is_about_path(error):
        return "API"
    return "agent" if isinstance(error, NotFoundError) else "answer"


def _is_no_api(error: AgentError) -> bool:
    """A redirect, or a refusal that is a page or a bare text: something else lives there."""
    if not isinstance(error, AgentStatusError):
        return False
    return 300 <= error.status_code < 400 or isinstance(error.body, str)


def facts(endpoint: Endpoint) -> Iterator[Check]:
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
