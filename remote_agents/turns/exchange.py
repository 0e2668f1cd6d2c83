"""Between an endpoint's `Call` or `Stream` and the wire.

Keys, retries, deadlines, decoding, completeness: written once, as flows for both drivers.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import Any

from remote_agents.errors import (
    AgentError,
    NotFoundError,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.flow import (
    Answer,
    Call,
    DeadlineReached,
    Decode,
    Download,
    Emit,
    Flow,
    Once,
    Read,
    Request,
    Stream,
)
from remote_agents.turns.clock import Exchange
from remote_agents.turns.roots import rooted
from remote_agents.turns.sending import account_of, annotated, without_key
from remote_agents.turns.terms import Terms
from remote_agents.types import Event, Info, Reply
from remote_agents.wire.failures import body_failure, error_message, request_id
from remote_agents.wire.json import merge, number
from remote_agents.wire.missing import is_about_path
from remote_agents.wire.parsing import BOM, is_page, json_or_text, says_json
from remote_agents.wire.reader import Reader

logger = logging.getLogger(__name__)

# Once the answer is whole, how long its connection may linger before it is dropped: a little after
# a mark that is always the last, longer after a finish_reason, behind which usage may follow.
REMEMBERED = 1000  # uploads of a client

LINGER_AFTER_END = 0.25
LINGER_AFTER_FINISH = 5.0


def expand(flow: Flow[Any], exchange: Exchange) -> Flow[Any]:
    """Turn an endpoint's calls and streams into primitive operations; pass the rest on."""
    step: Any = flow.send
    value: Any = None
    while True:
        try:
            op = step(value)
        except StopIteration as stop:
            return stop.value
        except BaseException:
            value = None  # an error that knows its frame, and the frame it: garbage
            raise
        try:
            if isinstance(op, Call):
                value = yield from call(op, exchange)
            elif isinstance(op, Stream):
                value = yield from stream(op, exchange)
            elif isinstance(op, Download):
                value = yield from download(op, exchange)
            elif isinstance(op, Once):
                value = yield from once(op, exchange)
            else:
                value = yield op
            step = flow.send
        except GeneratorExit:
            flow.close()
            raise
        except BaseException as error:
            step, value = flow.throw, error


def once(op: Once, exchange: Exchange) -> Flow[Any]:
    """What a flow gives, remembered for the life of the client and the account that asks."""
    terms = exchange.terms
    if terms.key_is_callable and not terms.names_account:
        return (yield from expand(op.flow(), exchange))  # who knows whose key it is
    remembered, key = terms.remembered, f"{(yield from account_of(exchange))}/{op.key}"
    if key not in remembered:
        value = yield from expand(op.flow(), exchange)
        while len(remembered) >= REMEMBERED:
            remembered.pop(next(iter(remembered)), None)
        remembered[key] = value
    return remembered[key]


# --- whole bodies ------------------------------------------------------------------------------


def read_body(response: object, exchange: Exchange) -> Flow[bytes]:
    """A whole body, within the limits of time and size; blanks do not put off the idle limit."""
    terms, size = exchange.terms, 0
    parts: list[bytes] = []
    deadline = exchange.deadline(terms.timeout.idle)
    while (chunk := (yield from _read(response, deadline, exchange, "idle"))) is not None:
        size += len(chunk)
        if size > terms.max_body_bytes:
            raise StreamProtocolError(
                f"The answer is larger than {terms.max_body_bytes} bytes; it was cut off. "
                "Raise max_body_bytes if that is expected."
            )
        parts.append(chunk)
        if chunk.isspace():
            _look_at_clock(deadline, exchange, "idle")
        else:
            deadline = exchange.deadline(terms.timeout.idle)
    return b"".join(parts)


def _read(response: object, deadline: float | None, exchange: Exchange, phase: str) -> Flow[Any]:
    try:
        return (yield Read(response, deadline))
    except DeadlineReached as error:
        raise exchange.timed_out(phase) from error


def _look_at_clock(deadline: float | None, exchange: Exchange, phase: str) -> None:
    """Raise if time is over, after bytes that say nothing: a flood leaves nobody waiting."""
    if deadline is not None and time.monotonic() >= deadline:
        raise exchange.timed_out(phase)


def call(op: Call, exchange: Exchange) -> Flow[Answer]:
    """A plain call: its whole answer, or its error."""
    request, reply = op.request, None
    if op.asks:  # should it break off, the note knows what was asked
        request = _with_extra_body(request, exchange.terms)
        reply = exchange.reply = exchange.terms.new_reply()
    with annotated(exchange, reply):
        answer: Answer = yield from rooted(request, exchange, _whole)
        return answer


def _kind(response: Any) -> str:
    kind: str = response.headers.get("content-type", "")
    return kind.split(";")[0].strip().lower()


def _whole(response: Any, exchange: Exchange) -> Flow[Answer]:
    raw = yield from read_body(response, exchange)
    if is_page(raw):
        raise _page_error(raw, exchange)
    data = json_or_text(raw) if raw.strip() else None
    if failure := body_failure(data, context=exchange.terms.context, whole=True):
        failure.begun = not exchange.terms.endpoint.refused(data)
        raise failure
    return Answer(response.status, response.headers, data)


def _page_error(page: bytes, exchange: Exchange) -> StreamProtocolError:
    return StreamProtocolError(
        f"{exchange.terms.endpoint.title} sent {error_message(json_or_text(page))}"
    )


def download(op: Download, exchange: Exchange) -> Flow[Any]:
    """A body passed on piece by piece; its size is not limited, its silence is."""
    with annotated(exchange):
        response = yield from rooted(op.request, exchange)
        while True:
            deadline = exchange.deadline(exchange.terms.timeout.idle)
            chunk = yield from _read(response, deadline, exchange, "idle")
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
    terms, asked = exchange.terms, exchange.reply is not None
    reply = exchange.reply = terms.new_reply()
    reply.conversation_id = op.conversation_id
    with annotated(exchange, reply):
        request = op.request if asked else _with_extra_body(op.request, terms)
        try:
            last = yield from rooted(request, exchange, partial(_answer, op.decode, reply))
        except NotFoundError as error:
            if is_about_path(error):
                error.args = (_no_api(request, terms),)
            raise
        if exchange.note is not None:
            yield from exchange.note.settle(reply)
        if op.after is not None:
            yield from _afterwards(op.after(reply), exchange)
        yield Emit(last)
        return reply


def _afterwards(flow: Flow[None], exchange: Exchange) -> Flow[None]:
    """What may follow a whole answer, which is an answer without it, too."""
    try:
        yield from expand(flow, exchange)
    except AgentError as error:
        logger.warning("%s answered; what should follow failed: %s", exchange.terms.name, error)


def _no_api(request: Request, terms: Terms) -> str:
    return (
        f"{terms.endpoint.title} was not found there: {request.method} "
        f"{terms.base_url}{request.path} is answered 404, and not as for an unknown agent. Check "
        "base_url, which is the root of the service."
    )


def _answer(decode: Decode, reply: Reply, response: Any, exchange: Exchange) -> Flow[list[Event]]:
    """Emit what a response says, and fold it into the reply; gives the last events."""
    with annotated(exchange, reply):
        _read_headers(response.headers, reply)
        reader = _reader(decode, reply, exchange)
        head = yield from _read_head(response, exchange)
        if head is not None:
            yield from _read_answer(head, response, reader, exchange)
        last = reader.finish()
        if logger.isEnabledFor(logging.DEBUG):
            _log(reader, reply, exchange)
        return last


def _log(reader: Reader, reply: Reply, exchange: Exchange) -> None:
    """One line a turn; a formatter for JSON finds the same, and more, as fields."""
    terms, seconds = exchange.terms, time.monotonic() - exchange.started
    told = {**reply.facts(), "conversation_id": reply.conversation_id}
    facts = without_key(exchange.token, told)  # a service may echo it as an id
    fields = {"endpoint": terms.endpoint.name, "agent_id": terms.agent_id, "seconds": seconds}
    logger.debug(
        "%s: %d events in %.3f s, conversation %s",
        terms.endpoint.title,
        reader.frames,
        seconds,
        facts["conversation_id"],
        extra={**facts, **fields},
    )


def _read_answer(head: bytes, response: object, reader: Reader, exchange: Exchange) -> Flow[None]:
    if is_page(head):
        raise _page_error(head + (yield from read_body(response, exchange)), exchange)
    if says_json(_kind(response)) and head[:1] in (b"{", b"["):
        yield Emit(reader.take_body(head + (yield from read_body(response, exchange))))
        reader.check()
    else:
        yield from _read_events(response, reader, exchange, head)


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


def _with_extra_body(request: Request, terms: Terms) -> Request:
    if terms.extra_body:
        request.json = merge(request.json, terms.extra_body)
    return request


def _read_head(response: object, exchange: Exchange) -> Flow[bytes | None]:
    """The first bytes of a body that say what it is, whatever its type; None if it is empty."""
    head, deadline = b"", exchange.first_deadline()
    while not head or BOM.startswith(head):
        chunk = yield from _read(response, deadline, exchange, "first_event")
        if chunk is None:
            return None
        head = (head + chunk).lstrip().removeprefix(BOM).lstrip()
        if not head:
            _look_at_clock(deadline, exchange, "first_event")
    return head


def _read_events(response: object, reader: Reader, exchange: Exchange, head: bytes) -> Flow[None]:
    deadline = exchange.first_deadline()
    chunk: bytes | None = head
    while True:
        if chunk:
            counted = reader.frames
            if events := reader.take(chunk):
                yield Emit(events)
            reader.check()
            if reader.cut or time.monotonic() >= reader.leave_at:
                return
            deadline = _next_deadline(reader, exchange, deadline, idle=reader.frames == counted)
        try:
            chunk = yield Read(response, deadline)
        except DeadlineReached as error:
            if reader.complete:
                return
            raise exchange.timed_out(reader.phase) from error
        except (StreamInterruptedError, StreamProtocolError):
            if reader.complete:
                return
            raise
        if chunk is None:
            if events := reader.take_rest():
                yield Emit(events)
            reader.check()
            return


def _next_deadline(
    reader: Reader, exchange: Exchange, deadline: float | None, *, idle: bool
) -> float | None:
    """When the next event must be there; bytes that are no event do not put it off."""
    if reader.complete:
        linger = LINGER_AFTER_END if reader.over else LINGER_AFTER_FINISH
        reader.leave_at = min(reader.leave_at, time.monotonic() + linger)
        return reader.leave_at
    if not idle:
        return exchange.deadline(exchange.terms.timeout.idle)
    _look_at_clock(deadline, exchange, reader.phase)
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
    amount = number(value)
    return int(amount) if amount is not None and amount == int(amount) else amount
