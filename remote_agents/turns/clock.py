"""One turn or call, and the clocks that run in it."""

from __future__ import annotations

import inspect
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, overload

from pydantic import SecretStr

from remote_agents.errors import AgentConnectionError, AgentError, AgentTimeoutError
from remote_agents.flow import DeadlineReached, Do, Flow, Request
from remote_agents.raised_in import raised_in
from remote_agents.turns.note import Note
from remote_agents.turns.terms import Terms
from remote_agents.types import Reply

# What the buffers of a connection hold is read in fewer, and at once; a stream that goes on ends.
LATE_READS = 64
LATE_READ = 0.01  # seconds


@dataclass(slots=True)
class Exchange:
    """One turn or call of an agent: what the flows below share."""

    terms: Terms
    stop: tuple[str, ...] = ()
    note: Note | None = None
    reply: Reply | None = None
    is_turn: bool = False  # and so what its own code raises is told as that
    handed_over: bool = False  # the question, by a call, so that what follows fetches its answer
    posted: bool = False  # something that may be the question, by a call that does not say so
    asked: float = math.inf  # when it was, until its answer is there
    if_left: Callable[[Reply], Request | None] | None = None  # while the run may go on
    unsure: bool = False  # whether an attempt may have run that was followed by another one
    token: SecretStr | None = None  # of what is sent now
    latest_token: SecretStr | None = None  # of what was sent last to the service
    started: float = field(default_factory=time.monotonic)
    sent: float = 0.0
    late: int = 0

    @property
    def secrets(self) -> list[str]:
        """What no error and no line of a log may hold: the key, and what else the caller sends."""
        key = [self.latest_token.get_secret_value()] if self.latest_token else []
        return sorted([*key, *self.terms.own_secrets], key=len, reverse=True)  # some begin others

    @property
    def may_have_run(self) -> bool:
        """Whether the turn may have run, whatever becomes of what is sent now."""
        return self.handed_over or self.unsure

    def take_back(self) -> None:
        """What was sent last did not run, or was not sent after all: it leaves no trace."""
        if self.may_have_run:
            return
        self.sent = 0.0
        if self.note is not None:
            self.note.refused()

    def patience(self, seconds: float) -> float:
        """So many seconds, or what is left for the first event of an answer that is fetched.

        Raises:
            AgentTimeoutError: Nothing is left.
        """
        limit = self.terms.timeout.first_event
        left = math.inf if limit is None else self.asked + limit - time.monotonic()
        if left <= 0:
            raise self.timed_out("first_event")
        return min(seconds, left)

    @overload
    def left(self, seconds: float) -> float: ...

    @overload
    def left(self, seconds: None) -> float | None: ...

    def left(self, seconds: float | None) -> float | None:
        """So many seconds, or what is left of the whole time, if that is less.

        Raises:
            AgentTimeoutError: The whole time is over.
        """
        total = self.terms.timeout.total
        if total is None:
            return seconds
        left = self.started + total - time.monotonic()
        if left <= 0:
            raise self.timed_out("total")
        return left if seconds is None else min(seconds, left)

    def deadline(self, seconds: float | None) -> float | None:
        """So many seconds from now, or the end of the whole time: when what is read must be there.

        What lay there already when the whole time was over is read too.

        Raises:
            AgentTimeoutError: More comes than lay there.
        """
        total, now = self.terms.timeout.total, time.monotonic()
        end = None if total is None else self.started + total
        if end is not None and now >= end:
            self.count_late("total")
            return now + LATE_READ
        self.late = 0
        if seconds is None:
            return end
        return now + seconds if end is None else min(now + seconds, end)

    def count_late(self, phase: str) -> None:
        """Count a read behind its deadline: whoever is slow has an answer that lay there.

        Raises:
            AgentTimeoutError: There were more of them than what lies there can take.
        """
        self.late += 1
        if self.late > LATE_READS:
            raise self.timed_out(phase)

    @property
    def is_over(self) -> bool:
        """Whether the whole time is over."""
        total = self.terms.timeout.total
        return total is not None and time.monotonic() - self.started >= total - 0.01

    def timed_out(self, phase: str) -> AgentTimeoutError:
        """The error for a deadline that passed in this phase."""
        phase = "total" if self.is_over else phase
        limit = getattr(self.terms.timeout, phase)
        became = "The turn may be running; it was not repeated" if self.sent else "Nothing was sent"
        return AgentTimeoutError(
            f"{self.terms.endpoint.title}: {_PHASES[phase]} {limit:g} s. {became}. "
            f"Raise Timeout({phase}=...) for a slower agent.",
            phase=phase,
            sent=bool(self.sent),
        )


_PHASES = {
    "first_event": "no answer within",
    "idle": "no event of the answer for",
    "total": "the answer was not whole within",
}


def account_of(exchange: Exchange) -> Flow[str]:
    """Whose turn or call it is."""
    try:
        account = exchange.terms.account()
    except (AgentError, DeadlineReached):
        raise
    except Exception as error:
        raise _failure_of("account", error) from error
    if not isinstance(account, str) and inspect.isawaitable(account):
        account = yield from asked_in_time("account", Do(lambda: account), exchange)
    return str(account)


def asked_in_time(name: str, function: Do, exchange: Exchange) -> Flow[Any]:
    """What a function of the caller's gives, within the time of the first event.

    Raises:
        AgentTimeoutError: It takes longer; nothing was sent.
        AgentConnectionError: It failed; nothing was sent.
    """
    within = exchange.left(exchange.terms.timeout.first_event)
    try:
        return (yield function._replace(within=within))
    except AgentError:
        raise
    except DeadlineReached:
        raise AgentTimeoutError(
            f"The function that is {name} gave nothing within {within:.3g} s; nothing was sent.",
            phase="connect",
        ) from None
    except Exception as error:
        raise _failure_of(name, error) from error


def _failure_of(name: str, error: Exception) -> AgentConnectionError:
    """Names the function of the caller's that failed, and says what it raised, and where."""
    said = f"{type(error).__name__}: {error}{raised_in(error)}"
    return AgentConnectionError(f"The function that is {name} failed ({said}); nothing was sent.")
