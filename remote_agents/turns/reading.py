"""A response that was accepted, read as an answer: events of a stream, or one JSON object."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from remote_agents.errors import AgentError, StreamInterruptedError, StreamProtocolError
from remote_agents.flow import CallResult, DeadlineReached, Decode, Emit, Flow, Read
from remote_agents.turns.clock import Exchange
from remote_agents.turns.errors import without_secrets
from remote_agents.types import Event, Reply, Unknown, Update
from remote_agents.wire.failures import body_failure, error_message, request_id
from remote_agents.wire.frames import is_end
from remote_agents.wire.parsing import BOM, excerpt, form_of, is_page, json_or_text
from remote_agents.wire.reader import Reader
from remote_agents.wire.sse import SSEDecoder

if TYPE_CHECKING:
    from remote_agents.http.responses import Response

logger = logging.getLogger(__name__)

# Once the answer is whole, how long its connection may linger before it is dropped: a little after
# a mark that is always the last, longer after a finish_reason, behind which usage may follow.
LINGER_AFTER_END = 0.25
LINGER_AFTER_FINISH = 5.0
# Bytes in a second: a body that comes more slowly is idle, since it would not end.
SLOWEST = 1024


def read_answer(
    decode: Decode, reply: Reply, response: Response, exchange: Exchange
) -> Flow[list[Event]]:
    """Emit what a response says, and fold it into the reply.

    Whether it is a stream of events or one JSON object is told from what arrives, and both are
    decoded and folded by the same code.

    Returns:
        The last events, which follow when all is settled.

    Raises:
        AgentError: Marked if an answer had begun, behind which there is no other attempt.
    """
    try:
        _read_headers(response.headers, reply, exchange)
        reader = _reader(decode, reply, exchange)
        deadline = _first_deadline(exchange)
        head = yield from _read_head(response, exchange, deadline)
        if head is not None:
            yield from _read_as_told(head, response, reader, exchange, deadline)
        last = reader.finish()
    except AgentError as error:
        error.begun = error.begun or reply.begun
        raise
    if logger.isEnabledFor(logging.DEBUG):
        _log(reader, reply, exchange)
    return last


def read_result(
    decode: Decode, reply: Reply, result: CallResult, exchange: Exchange
) -> Flow[list[Event]]:
    """The same for an answer that a call has brought."""
    try:
        _read_headers(result.headers, reply, exchange)
        reader = _reader(decode, reply, exchange)
        exchange.if_left = None
        yield Emit(reader.take_whole(result.data))
        last = reader.finish()
    except AgentError as error:
        error.begun = True
        raise
    if logger.isEnabledFor(logging.DEBUG):
        _log(reader, reply, exchange)
    return last


def _read_headers(headers: Mapping[str, str], reply: Reply, exchange: Exchange) -> None:
    """What a service tells in headers; one that is not there changes nothing."""
    endpoint = exchange.terms.endpoint
    reply.request_id = request_id(headers, endpoint.request_id_headers) or reply.request_id
    if endpoint.told_in_headers is not None:
        reply.add(endpoint.told_in_headers(headers))


def _read_as_told(
    head: bytes, response: Response, reader: Reader, exchange: Exchange, deadline: float | None
) -> Flow[None]:
    kind = response.headers.get("content-type", "")
    form = form_of(head, kind)
    if form == "page" and (exchange.terms.endpoint.plain_text is None or _PAGE.search(kind)):
        raise _page_error(head + (yield from read_body(response, exchange)), exchange)
    if form == "json":
        body = head + (yield from read_body(response, exchange))
        exchange.if_left = None
        yield Emit(reader.take_body(body))
        reader.check()
    else:
        yield from _read_events(response, reader, exchange, head, deadline)


_PAGE = re.compile("html|xml", re.IGNORECASE)


def _page_error(page: bytes, exchange: Exchange) -> StreamProtocolError:
    return StreamProtocolError(
        f"{exchange.terms.endpoint.title} sent {error_message(json_or_text(page))}; check base_url"
    )


def _log(reader: Reader, reply: Reply, exchange: Exchange) -> None:
    """One line a turn; a formatter for JSON finds the same, and more, as fields."""
    terms, seconds = exchange.terms, time.monotonic() - exchange.started
    told = {**reply.facts(), "conversation_id": reply.conversation_id}
    facts = without_secrets(exchange.secrets, told)  # a service may echo it as an id
    fields = {"endpoint": terms.endpoint.name, "agent_id": terms.agent_id, "seconds": seconds}
    logger.debug(
        "%s: %d events in %.3f s, conversation %s (%s)",
        terms.endpoint.title,
        reader.frames,
        seconds,
        facts["conversation_id"],
        f"{reply.memory}: {reply.memory_reason}" if reply.memory else "alone",
        extra={**facts, **fields},
    )


def _reader(decode: Decode, reply: Reply, exchange: Exchange) -> Reader:
    terms = exchange.terms
    return Reader(
        decode,
        reply,
        terms.endpoint,
        context=terms.context,
        stop=exchange.stop,
        coalesce=terms.coalesce,
        unknown_frames=terms.unknown_frames,
        max_event_bytes=terms.max_event_bytes,
        max_body_bytes=terms.max_body_bytes,
    )


def _read_head(
    response: Response, exchange: Exchange, deadline: float | None
) -> Flow[bytes | None]:
    """The first bytes of a body that say what it is, whatever its type; None if it is empty."""
    head = b""
    while not head or BOM.startswith(head):
        chunk = yield from _read(response, deadline, exchange, "first_event")
        if chunk is None:
            return None
        if exchange.terms.endpoint.plain_text == "body":  # its blanks are its own
            return chunk
        head = (head + chunk).lstrip().removeprefix(BOM).lstrip()
        if not head:
            _look_at_clock(deadline, exchange, "first_event")
    return head


def _read_events(
    response: Response,
    reader: Reader,
    exchange: Exchange,
    chunk: bytes | None,
    deadline: float | None,
) -> Flow[None]:
    while True:
        if chunk:
            counted = reader.frames
            events = reader.take(chunk)
            if reader.complete and not reader.cut:
                exchange.if_left = None
            yield from _hand_on(events, reader)
            idle = reader.frames == counted
            deadline = _next_deadline(reader, exchange, deadline, events, idle=idle)
            if reader.cut or time.monotonic() >= reader.leave_at:
                return
            chunk, events = None, []  # whoever waits holds no more than he must
        try:
            chunk = yield Read(response, deadline)
        except (DeadlineReached, StreamInterruptedError, StreamProtocolError) as error:
            if reader.complete:
                return
            if isinstance(error, DeadlineReached):
                raise exchange.timed_out(reader.phase) from error
            raise
        if chunk is None:
            exchange.if_left = None
            yield from _hand_on(reader.take_rest(), reader)
            return


def _hand_on(events: list[Event], reader: Reader) -> Flow[None]:
    """Give the caller what came, and then the failure that came with it."""
    if events:
        yield Emit(events)
    if reader.failure is not None:
        reader.check()


def _first_deadline(exchange: Exchange) -> float | None:
    """When the first event of the answer must be there, counted from asking."""
    limit, asked = exchange.terms.timeout.first_event, min(exchange.sent, exchange.asked)
    return exchange.deadline(None if limit is None else asked + limit - time.monotonic())


def _next_deadline(
    reader: Reader,
    exchange: Exchange,
    deadline: float | None,
    events: list[Event],
    *,
    idle: bool,
) -> float | None:
    """When the next event must be there; bytes that are no event do not put it off."""
    if reader.complete:
        reader.leave_at = _leave_at(reader, events)
        return reader.leave_at
    if not idle:
        return exchange.deadline(exchange.terms.timeout.idle)
    _look_at_clock(deadline, exchange, reader.phase)
    return deadline


def _leave_at(reader: Reader, events: list[Event]) -> float:
    """How long to listen to an answer that is whole."""
    linger = LINGER_AFTER_END if reader.over else LINGER_AFTER_FINISH
    later = time.monotonic() + linger
    # What comes behind a finish_reason shows that it ended a step, and not the answer.
    goes_on = not reader.over and any(type(event) not in _NO_ANSWER for event in events)
    return later if goes_on else min(reader.leave_at, later)


_NO_ANSWER = (Unknown, Update)


# --- whole bodies ------------------------------------------------------------------------------


def read_whole(response: Response, exchange: Exchange) -> Flow[CallResult]:
    """The answer to a plain call.

    Raises:
        AgentError: It says that the call failed, or is a web page.
    """
    endpoint = exchange.terms.endpoint
    try:
        raw = yield from read_body(response, exchange)
        if is_page(raw):
            raise _page_error(raw, exchange)
        data = json_or_text(raw) if raw.strip() else None
        if type(data) is str and _is_half(raw, response.headers):
            raise StreamProtocolError(
                f"{endpoint.title} sent a body that is not whole JSON: {excerpt(raw)}."
            )
        if failure := body_failure(data, context=exchange.terms.context, whole=True):
            failure.begun = not endpoint.refused(data)
            raise failure
    except AgentError as error:
        told = request_id(response.headers, endpoint.request_id_headers)
        error.request_id = error.request_id or told
        raise
    return CallResult(response.status, response.headers, data)


def _is_half(raw: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a body that is no JSON should be: its lines are none either."""
    if form_of(raw.lstrip().removeprefix(BOM), headers.get("content-type", "")) != "json":
        return False
    decoder = SSEDecoder(len(raw) + 1)
    frames = [*decoder.feed(raw), *decoder.flush()]
    return any(type(value) is bytes and not is_end(value) for _, value in frames)


def read_stored(response: Response, exchange: Exchange) -> Flow[CallResult]:
    """What a storage says of a file that it took: nothing, or XML that nobody needs.

    Raises:
        AgentError: It is the page of somebody in between, or tells an error.
    """
    raw = yield from read_body(response, exchange)
    if _NOT_STORED.search(raw[:4096]):
        raise StreamProtocolError(
            f"The storage that {exchange.terms.endpoint.title} named did not say that it keeps the "
            f"file, but: {excerpt(raw)}."
        )
    return CallResult(response.status, response.headers, None)


_NOT_STORED = re.compile(rb"<html|<!doctype html|<error\b", re.IGNORECASE)


def read_body(response: Response, exchange: Exchange) -> Flow[bytes]:
    """A whole body, within the limits of time and size."""
    parts: list[bytes] = []
    left = most = exchange.terms.max_body_bytes

    def take(piece: bytes) -> None:
        nonlocal left
        left -= len(piece)
        if left < 0:
            raise StreamProtocolError(
                f"The answer is larger than {most} bytes; it was cut off. "
                "Raise max_body_bytes if that is expected."
            )
        parts.append(piece)

    yield from read_pieces(response, exchange, take)
    return b"".join(parts)


def read_pieces(
    response: Response, exchange: Exchange, take: Callable[[bytes], None]
) -> Flow[None]:
    """A body of any size, piece by piece; neither drips nor blanks put off the idle limit."""
    begun, size, idle = time.monotonic(), 0, exchange.terms.timeout.idle
    deadline = exchange.deadline(idle)
    while (piece := (yield from _read(response, deadline, exchange, "idle"))) is not None:
        take(piece)
        if piece.isspace():
            _look_at_clock(deadline, exchange, "idle")
            continue
        size += len(piece)
        drips = begun + size / SLOWEST - time.monotonic()  # below 0: it comes too slowly
        slow = None if idle is None else idle + min(0, drips)
        deadline = exchange.deadline(slow)


def _read(
    response: Response, deadline: float | None, exchange: Exchange, phase: str
) -> Flow[bytes | None]:
    try:
        piece: bytes | None = yield Read(response, deadline)
    except DeadlineReached as error:
        raise exchange.timed_out(phase) from error
    return piece


def _look_at_clock(deadline: float | None, exchange: Exchange, phase: str) -> None:
    """After bytes that say nothing: a flood of them leaves nobody waiting."""
    if deadline is not None and time.monotonic() >= deadline:
        exchange.count_late(phase)
