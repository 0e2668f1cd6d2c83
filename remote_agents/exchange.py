"""Between an endpoint's `Call` or `Stream` and the wire.

Keys, retries, deadlines, decoding, completeness: written once, as flows for both drivers.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json

from remote_agents.errors import (
    AgentError,
    AgentTimeoutError,
    AuthenticationError,
    RemoteFailureError,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.failure import body_failure, error_message, request_id, status_error
from remote_agents.flow import (
    Answer,
    Call,
    DeadlineReached,
    Decode,
    Do,
    Download,
    Emit,
    Flow,
    Read,
    Request,
    Send,
    Sleep,
    Stream,
)
from remote_agents.retry import retry_delay
from remote_agents.sse import Frame, SSEDecoder
from remote_agents.types import (
    Event,
    Finish,
    Info,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCallDelta,
    Usage,
)

if TYPE_CHECKING:
    from remote_agents.agent import Agent, Lease
    from remote_agents.conversation import Plan

logger = logging.getLogger(__name__)

DONE = b"[DONE]"
# Once the answer is whole, how long its connection may linger before it is dropped: a little after
# a mark that is always the last, longer after a finish_reason, behind which usage may follow.
LINGER_AFTER_END = 0.25
LINGER_AFTER_FINISH = 5.0


@dataclass(slots=True)
class Exchange:
    """One turn or call of an agent: what the flows below share."""

    agent: Agent
    stop: tuple[str, ...] = ()
    plan: Plan | None = None
    lease: Lease | None = None
    token: str | None = field(default=None, repr=False)
    started: float = field(default_factory=time.monotonic)

    def deadline(self, seconds: float | None) -> float | None:
        """The moment so many seconds from now, or the end of the whole time, whichever is first.

        Raises:
            AgentTimeoutError: The whole time is over.
        """
        total, now = self.agent.timeout.total, time.monotonic()
        if total is None:
            return None if seconds is None else now + seconds
        end = self.started + total
        if now >= end:
            raise self.timed_out("total")
        return end if seconds is None else min(now + seconds, end)

    def timed_out(self, phase: str) -> AgentTimeoutError:
        """The error for a deadline that passed in this phase."""
        limits = self.agent.timeout
        if limits.total is not None and time.monotonic() - self.started >= limits.total - 0.01:
            phase = "total"
        limit = getattr(limits, phase)
        return AgentTimeoutError(
            f"{self.agent.endpoint.title}: {_PHASES[phase]} {limit:g} s. The turn may be running; "
            f"it was not repeated. Raise Timeout({phase}=...) for a slower agent.",
            phase=phase,
        )


_PHASES = {
    "first_event": "no answer within",
    "idle": "no event of the answer for",
    "total": "the answer was not whole within",
}


def expand(flow: Flow[Any], exchange: Exchange) -> Flow[Any]:
    """Turn an endpoint's calls and streams into primitive operations; pass the rest on."""
    step: Any = flow.send
    value: Any = None
    while True:
        try:
            op = step(value)
        except StopIteration as stop:
            return stop.value
        try:
            if isinstance(op, Call):
                value = yield from call(op.request, exchange)
            elif isinstance(op, Stream):
                value = yield from stream(op, exchange)
            elif isinstance(op, Download):
                value = yield from download(op, exchange)
            else:
                value = yield op
            step = flow.send
        except GeneratorExit:
            flow.close()
            raise
        except BaseException as error:
            step, value = flow.throw, error


# --- sending -----------------------------------------------------------------------------------


def send(request: Request, exchange: Exchange) -> Flow[Any]:
    """Send a request and retry it where that is safe; gives a response that was accepted.

    Raises:
        AgentError: It was refused, could not be sent, or broke off before its headers.
    """
    agent, attempt, refreshed = exchange.agent, 0, False
    while True:
        attempt += 1
        if agent.limiter is not None:
            yield from agent.limiter.wait()
        token = None if request.foreign else (yield from _token(agent))
        exchange.token = token
        begun = time.monotonic()
        try:
            response = yield Send(request, token, _left(exchange, agent.timeout.first_event))
            if response.status < 300:
                logger.debug(
                    "%s %s: %s in %.3f s, request %s",
                    request.method,
                    request.path,
                    response.status,
                    time.monotonic() - begun,
                    request_id(response.headers),
                )
                return response
            raise (yield from _refusal(response, exchange))
        except AgentError as error:
            if isinstance(error, AuthenticationError) and agent.key_is_callable and not refreshed:
                refreshed = True
                continue
            delay = retry_delay(
                error,
                attempt,
                max_retries=agent.max_retries,
                safe=request.safe,
                unsafe=agent.retry_unsafe,
                first_wait=_first_wait(error, agent),
            )
            if delay is None:
                raise
            logger.info(
                "%s: attempt %d failed (%s), again in %.1f s",
                agent.endpoint.title,
                attempt,
                type(error).__name__,
                delay,
            )
        yield Sleep(delay)


def _first_wait(error: AgentError, agent: Agent) -> float:
    return agent.endpoint.throttle_wait if getattr(error, "status_code", 0) == 429 else 0.5


def _token(agent: Agent) -> Flow[str | None]:
    if not agent.key_is_callable:
        return agent.key
    token = yield Do(agent.fresh_key, blocks=True)
    return str(token.get_secret_value() if hasattr(token, "get_secret_value") else token)


def _left(exchange: Exchange, seconds: float | None) -> float | None:
    moment = exchange.deadline(seconds)
    if moment is None:
        return None
    left = moment - time.monotonic()
    if left <= 0:
        raise exchange.timed_out("total")
    return left


def _refusal(response: Any, exchange: Exchange) -> Flow[AgentError]:
    raw = yield from read_body(response, exchange)
    body = _json_or_text(raw)
    return status_error(response.status, response.headers, body, context=exchange.agent.context)


def _json_or_text(raw: bytes) -> Any:
    try:
        return from_json(raw)
    except ValueError:
        return raw.decode("utf-8", "replace")


def read_body(response: Any, exchange: Exchange) -> Flow[bytes]:
    """A whole body, within the limits of time and size."""
    agent, size = exchange.agent, 0
    parts: list[bytes] = []
    while True:
        try:
            chunk = yield Read(response, exchange.deadline(agent.timeout.idle))
        except DeadlineReached as error:
            raise exchange.timed_out("idle") from error
        if chunk is None:
            return b"".join(parts)
        size += len(chunk)
        if size > agent.max_body_bytes:
            raise StreamProtocolError(
                f"The answer is larger than {agent.max_body_bytes} bytes; it was cut off. "
                "Raise max_body_bytes if that is expected."
            )
        parts.append(chunk)


def call(request: Request, exchange: Exchange) -> Flow[Answer]:
    """A plain call: its whole answer, or its error."""
    with annotated(exchange):
        response = yield from send(request, exchange)
        raw = yield from read_body(response, exchange)
        data = _json_or_text(raw) if raw.strip() else None
        if failure := body_failure(data, context=exchange.agent.context, whole=True):
            raise failure
        return Answer(response.status, response.headers, data)


def download(op: Download, exchange: Exchange) -> Flow[Any]:
    """A body passed on piece by piece; its size is not limited, its silence is."""
    with annotated(exchange):
        response = yield from send(op.request, exchange)
        while True:
            try:
                chunk = yield Read(response, exchange.deadline(exchange.agent.timeout.idle))
            except DeadlineReached as error:
                raise exchange.timed_out("idle") from error
            if chunk is None:
                return response.headers
            op.write(chunk, response.headers)


# --- answers -----------------------------------------------------------------------------------


def stream(op: Stream, exchange: Exchange) -> Flow[Reply]:
    """A turn: sends it, emits the events of its answer, and gives the folded reply.

    Whether the answer is a stream of events or one JSON object is told from what arrives, and both
    are decoded and folded by the same code.

    Raises:
        AgentError: With the text received so far and the ids that are known.
    """
    agent = exchange.agent
    reply = agent.new_reply(exchange.plan)
    reply.conversation_id = op.conversation_id or reply.conversation_id
    with annotated(exchange, reply):
        response = yield from send(_with_extra_body(op.request, agent), exchange)
        _read_headers(response.headers, reply)
        reader = Reader(op.decode, reply, exchange)
        kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
        if kind == "text/html":
            page = _json_or_text((yield from read_body(response, exchange)))
            raise StreamProtocolError(f"{agent.endpoint.title} sent {error_message(page)}")
        if kind.endswith("json"):
            yield from _read_json(response, reader, exchange)
        else:
            yield from _read_events(response, reader, exchange)
        events = reader.finish()
        if exchange.lease is not None:
            yield from exchange.lease.settle(reply)
        yield Emit(events)
        return reply


def _with_extra_body(request: Request, agent: Agent) -> Request:
    if agent.extra_body:
        request.json = {**request.json, **agent.extra_body}
    return request


def _read_json(response: Any, reader: Reader, exchange: Exchange) -> Flow[None]:
    """A body said to be JSON: one object, or after all a stream of events."""
    agent, head = exchange.agent, b""
    while not head.strip():
        try:
            chunk = yield Read(response, exchange.deadline(agent.timeout.first_event))
        except DeadlineReached as error:
            raise exchange.timed_out("first_event") from error
        if chunk is None:
            return
        head += chunk
    if head.lstrip()[:1] not in (b"{", b"["):
        yield from _read_events(response, reader, exchange, head)
        return
    raw = head + (yield from read_body(response, exchange))
    try:
        data = from_json(raw)
    except ValueError:
        yield Emit(reader.take([*reader.sse.feed(raw), *reader.sse.flush()]))
        reader.check()
        if not reader.frames:
            raise StreamProtocolError(
                f"{agent.endpoint.title} sent a body that is not whole JSON."
            ) from None
        return
    yield Emit(reader.take_whole(data))


def _read_events(
    response: Any, reader: Reader, exchange: Exchange, head: bytes = b""
) -> Flow[None]:
    deadline = exchange.deadline(exchange.agent.timeout.first_event)
    chunk: bytes | None = head
    while True:
        if chunk:
            counted = reader.frames
            if events := reader.take(reader.sse.feed(chunk)):
                yield Emit(events)
                if exchange.lease is not None:
                    yield from exchange.lease.renew()
            reader.check()
            if reader.cut:
                return
            deadline = _next_deadline(reader, exchange, deadline, idle=reader.frames == counted)
        try:
            chunk = yield Read(response, deadline)
        except DeadlineReached as error:
            if reader.complete:
                return
            raise exchange.timed_out(reader.phase) from error
        except StreamInterruptedError:
            if reader.complete:
                return
            raise
        if chunk is None:
            if events := reader.take(reader.sse.flush()):
                yield Emit(events)
            reader.check()
            return


def _next_deadline(
    reader: Reader, exchange: Exchange, deadline: float | None, *, idle: bool
) -> float | None:
    """When the next event must be there; bytes that are no event do not put it off."""
    if reader.over:
        return time.monotonic() + LINGER_AFTER_END
    if reader.reply.finish_reason is not None:
        return time.monotonic() + LINGER_AFTER_FINISH
    if not idle:
        return exchange.deadline(exchange.agent.timeout.idle)
    if deadline is not None and time.monotonic() >= deadline:
        raise exchange.timed_out(reader.phase)  # a flood of keep-alives leaves nobody waiting
    return deadline


def _read_headers(headers: Any, reply: Reply) -> None:
    """What BlueNexus and others tell in headers; a header that is not there changes nothing."""
    reply.add(
        Info(
            request_id=request_id(headers),
            conversation_id=headers.get("x-conversation-id") or None,
            credits_consumed=_credits(headers.get("x-credits-consumed")),
            credits_remaining=_credits(headers.get("x-credits-remaining")),
        )
    )


def _credits(value: str | None) -> float | None:
    try:
        amount = float(value) if value else None
    except ValueError:
        return None
    return int(amount) if amount is not None and amount == int(amount) else amount


class Reader:
    """Frames in, events out: parses, decodes, folds, and knows when the answer is whole."""

    def __init__(self, decode: Decode, reply: Reply, exchange: Exchange) -> None:
        agent = exchange.agent
        self.sse = SSEDecoder(agent.max_event_bytes)
        self.reply = reply
        self.frames = 0
        self.unknown = 0  # frames that are not JSON
        self.over = False
        self.cut = False
        self.failure: AgentError | None = None
        self._decode = decode
        self._agent = agent
        self._cutter = StopCutter(exchange.stop) if exchange.stop else None

    @property
    def complete(self) -> bool:
        """Whether a terminal event has been seen."""
        return self.over or self.cut or self.reply.finish_reason is not None

    @property
    def phase(self) -> str:
        """Which limit runs: for the first event, or between two."""
        return "idle" if self.frames else "first_event"

    def take(self, frames: list[Frame]) -> list[Event]:
        """The events of some frames that arrived together; a failure among them is kept."""
        events: list[Event] = []
        try:
            for name, data in frames:
                if self.over or self.cut:
                    break
                if len(data) < 16 and data.strip() == DONE:
                    self.frames += 1
                    self.over = True
                elif name == "error":
                    raise self._named_error(data)
                elif name != "ping":
                    self._take_json(data, events)
        except AgentError as error:
            self.failure = error
        return coalesce(events) if len(events) > 1 and self._agent.coalesce else events

    def check(self) -> None:
        """Raise the failure that came with the last frames, now that their events are out."""
        if self.failure is not None:
            raise self.failure

    def take_whole(self, data: Any) -> list[Event]:
        """The events of a whole JSON answer."""
        self.frames += 1
        if failure := body_failure(data, context=self._agent.context, whole=True):
            raise failure
        events: list[Event] = []
        self._decode_into(data, events)
        return events

    def finish(self) -> list[Event]:
        """The stream has ended: the last events, or an error if the answer is not whole."""
        reply = self.reply
        events: list[Event] = []
        if self._cutter is not None and not self.cut and (rest := self._cutter.rest()):
            events.append(TextDelta(rest))
            reply.add(events[0])
        if not self.complete and not self._may_end_here():
            raise StreamInterruptedError(
                f"{self._agent.endpoint.title}: the answer ended before it was whole "
                f"({self.frames} events received). The turn may have run; it was not repeated."
            )
        if self.unknown:
            logger.debug("%s: %d frames were not JSON", self._agent.endpoint.title, self.unknown)
        reply.close()
        if reply.usage is not None:
            events.append(reply.usage)
        return [*events, Finish(reply.finish_reason or "stop", reply)]

    def _may_end_here(self) -> bool:
        return self._agent.endpoint.eof_ends and self.frames > 0 and not self.reply.more_expected

    def _take_json(self, data: bytes, events: list[Event]) -> None:
        try:
            value = from_json(data, cache_strings="keys")
        except ValueError:
            value = _lenient_json(data)
            if value is None:
                self.unknown += 1
                return
        self.frames += 1
        if type(value) is dict and value.get("error") and value.get("type") not in _OWN_FAILURES:
            raise self._failure(value)
        self._decode_into(value, events)

    def _decode_into(self, value: Any, events: list[Event]) -> None:
        """Decode and fold one frame; what it adds to is seen by the decoding of the next."""
        reply = self.reply
        try:
            decoded = self._decode(value, reply)
        except RemoteFailureError as error:
            raise self._failure({"error": {"code": error.code, "message": str(error)}}) from None
        for event in decoded:
            if type(event) is TextDelta and self._cutter is not None:
                event = TextDelta(self._cutter.take(event.text))
                self.cut = self._cutter.found
            reply.add(event)
            if type(event) not in _SILENT:
                events.append(event)
            if self.cut:
                reply.finish_reason = "stop"
                return

    def _failure(self, data: dict[str, Any]) -> AgentError:
        failure = body_failure(data, context=self._agent.context, whole=False)
        return failure or RemoteFailureError(f"{self._agent.endpoint.title} failed.", body=data)

    def _named_error(self, data: bytes) -> AgentError:
        """The failure of an `event: error`, whatever its data is."""
        value = _json_or_text(data)
        self.frames += 1
        return self._failure(
            value if isinstance(value, dict) and value.get("error") else {"error": value}
        )


# Folded into the reply, not shown on the way; usage is shown once, at the end.
_SILENT = frozenset({Info, ToolCallDelta, Usage})
_OWN_FAILURES = ("error", "RUN_ERROR")  # the endpoint decodes these itself


def coalesce(events: list[Event]) -> list[Event]:
    """Join neighbouring text deltas, and neighbouring reasoning deltas; keep the order."""
    joined: list[Event] = []
    run: list[str] = []
    kind: type | None = None
    for event in events:
        if type(event) is not kind:
            _flush(kind, run, joined)
            kind, run = None, []
        if type(event) is TextDelta or type(event) is ReasoningDelta:
            kind = type(event)
            run.append(event.text)
        else:
            joined.append(event)
    _flush(kind, run, joined)
    return joined


def _flush(kind: type | None, run: list[str], joined: list[Event]) -> None:
    if kind is not None and run:
        joined.append(kind("".join(run)))


def _lenient_json(data: bytes) -> Any:
    """JSON with bytes that are not UTF-8, or with half of a surrogate pair."""
    try:
        value = json.loads(data.decode("utf-8", "replace"))
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None


class StopCutter:
    """Cuts a text at the first of some sequences, which may arrive in pieces.

    Args:
        stop: The sequences.

    Example:
        >>> cutter = StopCutter(("END",))
        >>> cutter.take("the E"), cutter.take("ND of it"), cutter.found
        ('the ', '', True)
    """

    def __init__(self, stop: tuple[str, ...]) -> None:
        self._stop = tuple(filter(None, stop))
        self._longest = max(map(len, self._stop), default=1)
        self._held = ""
        self.found = False

    def take(self, text: str) -> str:
        """What of the text so far can be shown for certain."""
        text = self._held + text
        places = [at for word in self._stop if (at := text.find(word)) >= 0]
        if places:
            self.found, self._held = True, ""
            return text[: min(places)]
        keep = self._possible_start(text)
        self._held = text[len(text) - keep :] if keep else ""
        return text[: len(text) - keep]

    def rest(self) -> str:
        """What was held back, now that nothing follows."""
        rest, self._held = self._held, ""
        return rest

    def _possible_start(self, text: str) -> int:
        """Length of the longest end of the text that may begin a sequence."""
        for size in range(min(self._longest - 1, len(text)), 0, -1):
            if any(word.startswith(text[-size:]) for word in self._stop):
                return size
        return 0


def _redact(error: AgentError, token: str | None) -> None:
    """A service may quote the request: the key does not go on from there."""
    if not token:
        return
    error.args = tuple(str(said).replace(token, "[key]") for said in error.args)
    body = getattr(error, "body", None)
    if body is not None and token in (text := json.dumps(body, default=str)):
        error.body = json.loads(text.replace(token, "[key]"))  # type: ignore[attr-defined]


@contextmanager
def annotated(exchange: Exchange, reply: Reply | None = None) -> Iterator[None]:
    """Put what is known on every error that passes: nothing received is lost."""
    try:
        yield
    except AgentError as error:
        _redact(error, exchange.token)
        error.endpoint = error.endpoint or exchange.agent.endpoint.name
        if reply is not None:
            error.partial = error.partial or reply.text
            error.conversation_id = error.conversation_id or reply.conversation_id
            error.request_id = error.request_id or reply.request_id
        raise
