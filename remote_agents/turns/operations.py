"""Between an endpoint's `Call` or `Stream` and the requests that make it; for both drivers."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable
from functools import partial
from types import GeneratorType
from typing import Any, TypeVar, cast

from remote_agents import process
from remote_agents.errors import (
    AgentError,
    AgentTimeoutError,
    ConfigurationError,
    NotFoundError,
    ServerError,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.flow import (
    Answer,
    Call,
    CallResult,
    Defer,
    Do,
    Download,
    Emit,
    Flow,
    IfLeft,
    Once,
    Parting,
    Read,
    Request,
    Send,
    Sleep,
    Stream,
    Wait,
)
from remote_agents.raised_in import raised_in
from remote_agents.turns.clock import Exchange, account_of
from remote_agents.turns.errors import tell_what_is_known
from remote_agents.turns.reading import (
    read_answer,
    read_pieces,
    read_result,
    read_stored,
    read_whole,
)
from remote_agents.turns.sending import send, stopping
from remote_agents.turns.terms import Terms
from remote_agents.types import Event, Reply, Turn
from remote_agents.wire.failures import error_message
from remote_agents.wire.json import merge
from remote_agents.wire.not_found import is_about_path
from remote_agents.wire.too_long import tell_of_length

logger = logging.getLogger(__name__)
T = TypeVar("T")


def expand(flow: Flow[T], exchange: Exchange) -> Flow[T]:
    """Put flows in the place of an endpoint's calls and streams; pass the rest on.

    Those flows are yielded: while one runs, the driver does not come through here.
    """
    step: Callable[[Any], Any] = flow.send
    value: Any = None
    while True:
        try:
            op = step(value)
        except StopIteration as stop:
            return cast("T", stop.value)
        except BaseException as error:
            own = exchange.is_turn and error is not value and _is_own(error)
            value = None  # an error that knows its frame, and the frame it: garbage
            if not own:
                raise
            raise _broken(f"failed ({type(error).__name__}{raised_in(error)})", exchange) from error
        try:
            flow_for = _FLOWS.get(type(op))
            if flow_for is None and type(op) not in _PRIMITIVE:
                raise _broken(f"yields {type(op).__name__}, which is no step", exchange)
            value = yield op if flow_for is None else flow_for(op, exchange)
            step = flow.send
        except GeneratorExit:
            flow.close()
            raise
        except BaseException as error:
            step, value = flow.throw, error


def answered(turn: Turn, exchange: Exchange) -> Flow[Reply]:
    """What the service's own flow comes to.

    Raises:
        AgentError: Also where its code fails, or it ends without an answer.
    """
    exchange.is_turn = True
    yield expand(_begun(partial(exchange.terms.endpoint.turn, turn)), exchange)
    if exchange.reply is None or exchange.reply.finish_reason is None:
        raise _broken("ended without an answer", exchange)
    return exchange.reply


def _begun(flow: Callable[[], Flow[T]]) -> Flow[T]:
    return (yield from flow())  # which may fail before it is a flow


def _is_own(error: BaseException) -> bool:
    """Whether the code of a flow raised it, and neither this library nor a signal's handler did."""
    if not isinstance(error, Exception) or isinstance(error, (AgentError, Warning)):
        return False  # a warning, where the caller wants them raised
    from remote_agents.http.errors import is_of_signal  # it imports the HTTP libraries

    return not is_of_signal(error)


def _broken(why: str, exchange: Exchange) -> AgentError:
    """What a service's own code made of a turn; no more of it, since it may be a secret."""
    turn = f"The turn of {exchange.terms.endpoint.title}, in its own code, {why}"
    if not exchange.sent:
        return ConfigurationError(f"{turn}; nothing was sent.")
    return StreamProtocolError(f"{turn}. It was not repeated.")


def once(op: Once, exchange: Exchange) -> Flow[Any]:
    """What a flow gives, remembered for the life of the client and the account that asks."""
    terms = exchange.terms
    if terms.key_is_callable and not terms.names_account:
        return (yield expand(op.flow(), exchange))  # who knows whose key it is
    key = f"{(yield from account_of(exchange))}/{op.key}"
    stored = terms.learned.uploads.get(key)
    if stored is None:
        stored = yield expand(op.flow(), exchange)
        terms.learned.keep_upload(key, stored)
    return stored


def call(op: Call, exchange: Exchange) -> Flow[CallResult]:
    """A plain call: its whole answer, or its error."""
    exchange.patience(0)  # an answer that is late is looked for no more
    if op.asks:  # should it break off, the note knows what was asked
        _add_extra_body(op.request, exchange.terms)
        _new_reply(exchange, op.conversation_id)
    try:
        reads = read_stored if op.request.foreign else read_whole
        answer: CallResult = yield send(op.request, exchange, reads)
        if op.asks and not exchange.handed_over:
            exchange.handed_over, exchange.asked = True, exchange.sent
        exchange.posted = exchange.posted or not (op.asks or _comes_before(op.request))
        return answer
    except AgentError as error:
        if exchange.note is not None and exchange.reply is None:
            error.conversation_id = error.conversation_id or exchange.note.plan.conversation_id
        if op.asks:
            tell_of_length(error)
        elif exchange.reply is None:
            _tell_of_no_turn(error, op.request, exchange)
        tell_what_is_known(error, exchange, exchange.reply)
        raise


def _tell_of_no_turn(error: AgentError, request: Request, exchange: Exchange) -> None:
    """What broke off is no turn, or comes before one: none may have run."""
    if exchange.is_turn and (exchange.posted or not _comes_before(request)):
        return  # by its own code, a service may have asked so
    broke = isinstance(error, (AgentTimeoutError, ServerError, StreamInterruptedError))
    error.unasked = exchange.is_turn and broke
    said = " The turn was not sent." if exchange.is_turn else ""
    error.args = (_MAY_HAVE_RUN.sub(said, str(error)),)


def _comes_before(request: Request) -> bool:
    """Whether it can be no question: it may be repeated, or is an upload and says nothing more."""
    return bool(request.safe or request.foreign or (request.files and not request.data))


_MAY_HAVE_RUN = re.compile(r" The turn may (have run|be running); it was not repeated\.")


def if_left(op: IfLeft, exchange: Exchange) -> Flow[None]:
    """Remember what stops the run; the latest counts."""
    if exchange.if_left is None:
        yield Parting(partial(stopping, exchange), partial(_is_left, exchange, process.pid))
    exchange.if_left = op.request


def _is_left(exchange: Exchange, pid: int) -> bool:
    """Whether the run may go on; a forked child's copy of a turn is not the turn."""
    return bool(exchange.if_left and exchange.sent) and process.pid == pid


def sleep(op: Sleep, exchange: Exchange) -> Flow[None]:
    """A pause between two looks at an answer, which come to an end."""
    yield Sleep(exchange.patience(op.seconds))


def download(op: Download, exchange: Exchange) -> Flow[Any]:
    """A body passed on piece by piece."""
    try:
        response = yield send(op.request, exchange)
        yield from read_pieces(response, exchange, lambda piece: op.write(piece, response.headers))
        return response.headers
    except AgentError as error:
        _tell_of_no_turn(error, op.request, exchange)
        tell_what_is_known(error, exchange)
        raise


# --- answers -----------------------------------------------------------------------------------


def stream(op: Stream, exchange: Exchange) -> Flow[Reply]:
    """A turn: sends it, emits the events of its answer, and gives the folded reply.

    Raises:
        AgentError: With the text received so far and the ids that are known.
    """
    terms = exchange.terms
    if not exchange.handed_over:
        _add_extra_body(op.request, terms)
    reply = _new_reply(exchange, op.conversation_id)
    try:
        last = yield send(op.request, exchange, partial(read_answer, op.decode, reply))
        yield from _end(last, reply, exchange, op.after)
    except AgentError as error:
        if isinstance(error, NotFoundError) and is_about_path(error):
            error.args = (_no_api(op.request, terms, error_message(error.body)),)
        tell_of_length(error)
        error.begun = error.begun or reply.begun
        tell_what_is_known(error, exchange, reply)
        raise
    return reply


def answer(op: Answer, exchange: Exchange) -> Flow[Reply]:
    """The same for an answer that a call has brought: nothing is sent."""
    reply = _new_reply(exchange, op.conversation_id)
    if exchange.note is not None:
        exchange.note.posted(reply)
    last = yield from read_result(op.decode, reply, op.result, exchange)
    yield from _end(last, reply, exchange)
    return reply


def _end(
    last: list[Event],
    reply: Reply,
    exchange: Exchange,
    after: Callable[[Reply], Flow[None]] | None = None,
) -> Flow[None]:
    """The answer is whole: note it, do what may follow, and hand its last events out."""
    exchange.asked = math.inf
    if exchange.note is not None:
        yield from exchange.note.answered(reply)
        exchange.note = None  # what may follow asks nothing
    if after is not None:
        yield from _afterwards(_begun(partial(after, reply)), exchange)
    yield Emit(last)


def _new_reply(exchange: Exchange, conversation_id: str | None) -> Reply:
    """An empty reply, of the conversation that is named, or of the one that has the question."""
    terms, asked = exchange.terms, exchange.reply if exchange.handed_over else None
    exchange.reply = reply = terms.new_reply()
    reply.conversation_id = conversation_id or (asked.conversation_id if asked else None)
    if terms.on_reply is not None:
        terms.on_reply(reply)
    return reply


def _afterwards(flow: Flow[None], exchange: Exchange) -> Flow[None]:
    """What may follow a whole answer, which is an answer without it, too."""
    try:
        yield expand(flow, exchange)
    except AgentError as error:
        logger.warning("%s answered; what should follow failed: %s", exchange.terms.name, error)


def _no_api(request: Request, terms: Terms, said: str) -> str:
    root = f"the root of the service, and agent_id ({terms.agent_id})"
    what = "the whole address of the agent" if terms.endpoint.agent_in_address else root
    answered = f"404 ({said})" if said else "404"
    return (
        f"{terms.endpoint.title} was not found there: {request.method} "
        f"{terms.base_url}{request.path} is answered {answered}. Check base_url, which is {what}."
    )


def _add_extra_body(request: Request, terms: Terms) -> None:
    if terms.extra_body:
        request.json = merge(request.json, terms.extra_body)


_PRIMITIVE = frozenset({Defer, Do, Emit, Parting, Read, Send, Wait})
_FLOWS: dict[type, Callable[[Any, Exchange], Flow[Any]]] = {
    Answer: answer,
    Call: call,
    Download: download,
    IfLeft: if_left,
    Once: once,
    Sleep: sleep,
    Stream: stream,
    GeneratorType: expand,
}
