"""What an operator sees of a turn: a span of OpenTelemetry, and a callback for metrics.

Nothing of OpenTelemetry is loaded where its API is not installed. No message is in it, no answer,
unless the environment asks for them in spans.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from remote_agents import captured_messages
from remote_agents.drivers import Stack
from remote_agents.errors import AgentError, ConfigurationError
from remote_agents.flow import Do, Emit, Flow, Send
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.memory.dialogue import FoundNames
from remote_agents.turns.terms import Terms
from remote_agents.types import Finish, Message, Reply
from remote_agents.version import VERSION

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class TurnRecord:
    """One turn that is over, or that was refused before it began.

    Args:
        endpoint: The service, for example `bluenexus`.
        agent_id: The agent.
        streamed: Whether the answer was asked for piece by piece.
        seconds: From its beginning, which of a stream is the first read, to its end.
        first_event_seconds: From there to the first piece of the answer; None if none came.
        outcome: `ok`, `left` if its reader went away (a stream closed, a task cancelled, a program
            interrupted), else the name of the error's class.
        facts: What the reply's metadata has: ids, model, finish reason, memory, and `usage`; of a
            turn that failed or was left, what was known of it then.
    """

    endpoint: str
    agent_id: str
    streamed: bool
    seconds: float = 0.0
    first_event_seconds: float | None = None
    outcome: str = "left"
    facts: JsonMapping = field(default_factory=dict)


_observers: dict[object, Callable[[TurnRecord], None]] = {}


def on_turn(observer: Callable[[TurnRecord], None]) -> Callable[[], None]:
    """Call a function after each turn of this process, in every face.

    Also after one whose arguments were refused before anything was sent. What cannot be read as
    messages at all, and a stream that nobody begins to read, is no turn.

    Args:
        observer: Takes the record of the turn; it must not block. What it raises is logged, and
            costs nobody his answer.

    Returns:
        A function that takes the observer away again.

    Raises:
        ConfigurationError: It is no function, or an async one.

    Example:
        >>> stop = on_turn(lambda turn: print(turn.endpoint, turn.outcome))
        >>> stop()
    """
    if not callable(observer) or inspect.iscoroutinefunction(observer):
        kind = "an async one" if callable(observer) else type(observer).__name__
        raise ConfigurationError(f"on_turn takes a function that is called at once, not {kind}.")
    place = object()
    _observers[place] = observer

    def stop() -> None:
        _observers.pop(place, None)

    return stop


def observed(
    terms: Terms, messages: Sequence[Message], call: Mapping[str, Any], *, stream: bool
) -> Observation | None:
    """What will observe a turn when it begins; None where nobody would look at it."""
    api = _opentelemetry()
    if not _observers and (api is None or not api.is_heard()):
        return None
    return Observation(terms, messages, call, stream=stream)


class Observation:
    """Watches one turn.

    Args:
        terms: The agent that is asked.
        messages: What it is asked.
        call: The arguments of the call.
        stream: Whether the answer is asked for piece by piece.

    Attributes:
        headers: What makes the service's own spans parts of this one, once the turn has begun.
    """

    def __init__(
        self, terms: Terms, messages: Sequence[Message], call: Mapping[str, Any], *, stream: bool
    ) -> None:
        self.headers: dict[str, str] = {}
        self._record = TurnRecord(terms.endpoint.name, terms.agent_id, stream)
        self._terms = terms
        self._messages = messages
        self._call = call
        self._api = _opentelemetry()
        self._called_in: Any = None if self._api is None else self._api.current()
        self._within: Any = None  # OpenTelemetry's context, with the turn's span
        self._reply: Reply | None = None
        self._begun = 0.0

    def see_reply(self, reply: Reply) -> None:
        """The request is about to go out; what becomes known of its answer stands in this reply."""
        self._reply = reply

    def refused(self, error: Exception) -> None:
        """The turn does not begin, by its arguments."""
        self._begin()
        self._fail(error)
        self._end()

    def watch(self, flow: Flow[None]) -> Flow[None]:
        """The same flow, looked at; the turn begins with its first step."""
        steps = Stack(flow)
        step: Callable[[Any], Any] = steps.send
        value: Any = None
        self._begin()
        try:
            while True:
                try:
                    op = step(value)
                except StopIteration:
                    return
                token = self._enter() if type(op) in _OUTWARD else None
                try:
                    if type(op) is Emit and op.items:
                        self._see(op.items)
                    value = yield op
                    step = steps.send
                except GeneratorExit:  # maybe from elsewhere, where nothing was entered
                    steps.close()
                    raise
                except BaseException as error:
                    step, value = steps.throw, error
                if self._api is not None and token is not None:
                    self._api.leave(token)
        except Exception as error:
            self._fail(error)
            raise
        finally:
            self._end()

    def _begin(self) -> None:
        self._begun = time.monotonic()
        with _at_no_cost("OpenTelemetry"):
            if self._api is not None:
                self._within = self._api.begin(self._terms, self._call, self._called_in)
            if self._api is not None and self._within is not None:
                self.headers.update(self._api.headers(self._within))
                if captured_messages.are_captured():
                    said = captured_messages.as_input(self._messages)
                    self._api.tell(self._within, "gen_ai.input.messages", said)

    def _enter(self) -> Any:
        """Make the turn's span the current one, if there is any."""
        api, within = self._api, self._within
        return None if api is None or within is None else api.enter(within)

    def _see(self, items: list[Any]) -> None:
        record = self._record
        if record.first_event_seconds is None:
            record.first_event_seconds = time.monotonic() - self._begun
        if isinstance(items[-1], Finish):
            record.outcome, record.facts = "ok", items[-1].reply.facts()

    def _fail(self, error: Exception) -> None:
        record = self._record
        record.outcome = type(error).__name__
        if isinstance(error, AgentError):
            ids = {"conversation_id": error.conversation_id, "request_id": error.request_id}
            record.facts = {name: value for name, value in ids.items() if value is not None}

    def _end(self) -> None:
        record = self._record
        record.seconds = time.monotonic() - self._begun
        if record.outcome != "ok" and self._reply is not None:
            record.facts = {**self._reply.facts(), **record.facts}
        if self._api is not None and self._within is not None:
            with _at_no_cost("OpenTelemetry"):
                self._tell_answer(self._api)
                self._api.end(self._within, record)
        for observer in list(_observers.values()):  # one may take itself away
            with _at_no_cost("An observer of turns"):
                observer(record)

    def _tell_answer(self, api: _OpenTelemetry) -> None:
        reply, is_whole = self._reply, self._record.outcome == "ok"
        if reply is None or not captured_messages.are_captured():
            return
        if not (is_whole or reply.text or reply.reasoning):
            return
        reason = (reply.finish_reason if is_whole else None) or "error"
        said = captured_messages.as_output(reply, reason)
        api.tell(self._within, "gen_ai.output.messages", said)


@contextmanager
def _at_no_cost(title: str) -> Iterator[None]:
    """Where whoever looks at a turn fails, the turn goes on."""
    try:
        yield
    except Exception as error:
        error.__suppress_context__ = True  # the error that the turn ended with, if it did
        logger.exception("%s failed; the turn is as it was.", title)


class _OpenTelemetry:
    """Spans by the conventions for generative AI."""

    def __init__(self) -> None:
        from opentelemetry import context, propagate, trace

        self._trace, self._propagate = trace, propagate
        self.current, self.enter, self.leave = context.get_current, context.attach, context.detach

    def begin(self, terms: Terms, call: Mapping[str, Any], called_in: Any) -> Any:
        """The context of a turn, with its span, below the span of whoever reads or else called.

        None if no one records it and it belongs to no trace.
        """
        now = self.current()
        around = now if self._is_in_trace(now) else called_in
        if _is_suppressed(now) or not self.is_heard(around):
            return None
        span = self._span(terms, call, around)
        heard = span.is_recording() or span.get_span_context().is_valid
        return self._trace.set_span_in_context(span, around) if heard else None

    def _span(self, terms: Terms, call: Mapping[str, Any], around: Any) -> Any:
        trace, place = self._trace, urlsplit(terms.base_url)
        attributes: JsonObject = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": terms.endpoint.name,
            "gen_ai.agent.id": terms.agent_id,
            "server.address": place.hostname or "",
            "server.port": place.port or (443 if place.scheme == "https" else 80),
        }
        for name, key in _REQUESTED.items():
            value = call.get(name, terms.options.get(name))
            if value is not None and (name, value) != ("n", 1):
                attributes[f"gen_ai.request.{key}"] = value
        dialogue = call.get("dialogue")
        configured = dialogue if isinstance(dialogue, FoundNames) else FoundNames()
        for name, key in _IDS.items():
            if value := call.get(name) or configured.get(name):
                attributes[key] = str(value)
        tracer = trace.get_tracer("remote_agents", VERSION)
        return tracer.start_span(
            f"invoke_agent {terms.agent_id}", around, trace.SpanKind.CLIENT, attributes
        )

    def is_heard(self, within: Any = None) -> bool:
        """Whether the process has a tracer, or a trace came in, in this context or the current."""
        provider = self._trace.get_tracer_provider()
        has_tracer = not isinstance(provider, self._trace.ProxyTracerProvider)
        return (has_tracer or self._is_in_trace(within)) and not _is_suppressed(
            within or self.current()
        )

    def _is_in_trace(self, within: Any) -> bool:
        return bool(self._trace.get_current_span(within).get_span_context().is_valid)

    def headers(self, within: Any) -> dict[str, str]:
        """`traceparent`, and what else the process's propagator adds."""
        carrier: dict[str, str] = {}
        self._propagate.inject(carrier, within)
        return carrier

    def tell(self, within: Any, key: str, value: str) -> None:
        """Say something more of the turn."""
        self._trace.get_current_span(within).set_attribute(key, value)

    def end(self, within: Any, record: TurnRecord) -> None:
        """Say what the turn came to."""
        facts, span = record.facts, self._trace.get_current_span(within)
        for key, name in _RESULTS.items():
            if (value := facts.get(name)) is not None:
                span.set_attribute(key, [value] if key.endswith("reasons") else value)
        for name, value in (facts.get("differs") or {}).items():
            span.set_attribute(f"remote_agents.differs.{name}", value)
        if record.first_event_seconds is not None:
            span.set_attribute("gen_ai.response.time_to_first_chunk", record.first_event_seconds)
        if record.outcome not in ("ok", "left"):
            span.set_attribute("error.type", record.outcome)
            status = self._trace.Status(self._trace.StatusCode.ERROR, record.outcome)
            span.set_status(status)
        span.end()


def _is_suppressed(within: Mapping[str, object]) -> bool:
    """Whether `suppress_instrumentation()`, or OpenInference's `suppress_tracing()`, is in force.

    OpenTelemetry's key for it has a random end in each process.
    """
    return any(within[key] for key in within if key.startswith(_SUPPRESSING))


_SUPPRESSING = "suppress_instrumentation"
_OUTWARD = frozenset({Send, Do})  # what sends a request, or fetches a key
_REQUESTED = {
    "model": "model",
    "temperature": "temperature",
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_tokens",
    "top_p": "top_p",
    "top_k": "top_k",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "seed": "seed",
    "n": "choice.count",
}
_IDS = {
    "session_id": "session.id",
    "thread_id": "session.id",
    "conversation_id": "gen_ai.conversation.id",
}
_RESULTS = {
    "gen_ai.conversation.id": "conversation_id",
    "gen_ai.response.id": "reply_id",
    "gen_ai.response.model": "model_name",
    "gen_ai.response.finish_reasons": "finish_reason",
    "gen_ai.usage.input_tokens": "input_tokens",
    "gen_ai.usage.output_tokens": "output_tokens",
    "remote_agents.memory": "memory",
    "remote_agents.memory_reason": "memory_reason",
    "remote_agents.request_id": "request_id",
}


@cache
def _opentelemetry() -> _OpenTelemetry | None:
    try:
        return _OpenTelemetry()
    except ImportError:
        return None
