"""One request: below which root, with which key, in which attempts; and its refusal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import SecretStr

from remote_agents.arguments.connection import key_fault
from remote_agents.errors import (
    AgentError,
    AgentStatusError,
    AgentTimeoutError,
    AuthenticationError,
    ConfigurationError,
    NotFoundError,
    RateLimitError,
)
from remote_agents.flow import DeadlineReached, Do, Flow, Read, Request, Send, Sleep
from remote_agents.http.timeouts import Timeout
from remote_agents.service import Endpoint
from remote_agents.turns.clock import Exchange, account_of, asked_in_time
from remote_agents.turns.errors import without_secrets
from remote_agents.turns.retry import retry_delay, was_not_run
from remote_agents.turns.terms import Terms
from remote_agents.wire.failures import refusal_body, request_id, retry_after, status_error
from remote_agents.wire.not_found import is_elsewhere

if TYPE_CHECKING:
    from remote_agents.http.responses import Response

logger = logging.getLogger(__name__)

# A refusal's status says most: its body is not waited for long, nor read beyond this.
ERROR_BODY_WAIT = 5.0
ERROR_BODY_BYTES = 256 * 1024
PARTING = 5.0  # seconds for what stops a run


Then: TypeAlias = "Callable[[Response, Exchange], Flow[Any]]"


def send(request: Request, exchange: Exchange, then: Then | None = None) -> Flow[Any]:
    """Send a request until it is accepted, repeating it where that is safe; gives the response.

    A refusal of the path, before which nothing can have run, is followed by the same request at the
    other path that it has. Where the agent was found, it is looked for first ever after.

    Args:
        request: What to send.
        exchange: The turn or call it belongs to.
        then: Reads the response, as part of the attempt; its value is given instead. Nothing is
            repeated once an answer has begun.

    Raises:
        AgentError: It was refused, could not be sent, or broke off.
    """
    places, rest = _places(request, exchange.terms.endpoint)
    if len(places) == 1:
        return (yield from _in_attempts(_at_path(places[0] + rest, request), exchange, then))
    found = exchange.terms.learned.places
    missed: AgentStatusError | None = None
    for place in sorted(places, key=lambda place: place != found.get(places[0])):
        sent = _at_path(place + rest, request)
        try:
            answer = yield from _in_attempts(sent, exchange, then)
        except AgentStatusError as error:
            if is_elsewhere(error, sent.path, [place + rest for place in places]):
                missed = missed or error
                continue
            if isinstance(error, NotFoundError):  # of what is asked for under the path
                found[places[0]] = place
            raise
        found[places[0]] = place
        return answer
    assert missed is not None
    raise missed


def _places(request: Request, endpoint: Endpoint) -> tuple[Sequence[str], str]:
    """What the path of a request may begin with, the documented one first, and its rest."""
    rest = None if request.foreign else endpoint.below_root(request.path)
    if rest is not None:
        return ([endpoint.root] if endpoint.root is not None else endpoint.roots), rest
    other = [] if request.other_path is None else [request.other_path]
    return [request.path, *other], ""


def _at_path(path: str, request: Request) -> Request:
    return request if path == request.path else replace(request, path=path)


# --- attempts ----------------------------------------------------------------------------------


def _in_attempts(request: Request, exchange: Exchange, then: Then | None) -> Flow[Any]:
    terms, attempt, refreshed = exchange.terms, 0, False
    while True:
        if terms.limiter is not None:
            account = terms.limited_as((yield from account_of(exchange)))
            yield from terms.limiter.wait(account, exchange.left(None))
        try:
            response = yield from _attempt(request, exchange)
            return response if then is None else (yield from _read_by(then, response, exchange))
        except AgentError as error:
            if error.begun:
                raise
            if not refreshed and _is_of_token(error, exchange):
                refreshed = True
                exchange.take_back()
                terms.drop_key(exchange.token)
                continue
            attempt += 1
            delay = _delay(error, attempt, request, exchange)
            if delay is None:
                raise
            _close_attempt(request, exchange, error)
            logger.info(
                "%s: attempt %d failed (%s), again in %.1f s",
                terms.endpoint.title,
                attempt,
                type(error).__name__,
                delay,
            )
        yield Sleep(exchange.patience(delay))


def _close_attempt(request: Request, exchange: Exchange, error: AgentError) -> None:
    """What a failed attempt leaves, as whoever waits for the next one may be called off."""
    if exchange.reply is not None and not (request.safe or was_not_run(error)):
        exchange.unsure = True
    exchange.take_back()


def _is_of_token(error: AgentError, exchange: Exchange) -> bool:
    """Whether the service refused a token for which a function may give another."""
    refused = isinstance(error, AuthenticationError) and error.status_code == 401
    return refused and exchange.token is not None and exchange.terms.key_is_callable


def _read_by(then: Then, response: Response, exchange: Exchange) -> Flow[Any]:
    try:
        return (yield then(response, exchange))
    except RateLimitError as error:  # a body says it, with status 200
        error.retry_after = retry_after(response.headers)
        raise


def _attempt(request: Request, exchange: Exchange) -> Flow[Response]:
    terms = exchange.terms
    exchange.token = None  # a refusal before it is there is no refusal of it
    if not request.foreign:
        exchange.token = exchange.latest_token = yield from _token(exchange)
    request = _with_headers(request, terms)
    limits = terms.timeout
    first = exchange.left(limits.first_event)
    first = None if first is None else exchange.patience(first)
    exchange.sent = time.monotonic()
    if exchange.note is not None and exchange.reply is not None:
        exchange.note.posted(exchange.reply)
    try:
        response: Response = yield Send(request, exchange.token, first, limits, exchange.take_back)
    except AgentTimeoutError as error:
        if exchange.is_over and not error.safe_to_repeat:
            raise exchange.timed_out("total") from error
        raise
    if logger.isEnabledFor(logging.DEBUG):
        _log(request, response, exchange)
    if response.status < 300:
        return response
    raise (yield from _refusal(response, request, exchange))


def _with_headers(request: Request, terms: Terms) -> Request:
    if request.foreign:  # what goes elsewhere has none of the caller's
        return request
    more = {**terms.call_headers, **terms.trace_headers}
    return replace(request, headers={**request.headers, **more}) if more else request


def stopping(exchange: Exchange) -> Send | None:
    """What stops the remote run of a turn that was left, with the key that the turn had."""
    stops, exchange.if_left = exchange.if_left, None  # so that nothing else sends it again
    if stops is None or exchange.reply is None:
        return None
    request = stops(exchange.reply)
    if request is None:
        return None
    places, rest = _places(request, exchange.terms.endpoint)
    place = exchange.terms.learned.places.get(places[0], places[0])
    request = _with_headers(_at_path(place + rest, request), exchange.terms)
    limits = Timeout(connect=PARTING, first_event=PARTING, idle=PARTING)
    return Send(request, exchange.latest_token, PARTING, limits, lambda: None)


def _log(request: Request, response: Response, exchange: Exchange) -> None:
    ids = exchange.terms.endpoint.request_id_headers
    logger.debug(
        "%s %s: %s in %.3f s, request %s",
        request.method,
        # What records are searched for stands behind the question mark.
        "another host" if request.foreign else request.path.partition("?")[0],
        response.status,
        time.monotonic() - exchange.sent,
        without_secrets(exchange.secrets, request_id(response.headers, ids)),
    )


def _delay(error: AgentError, attempt: int, request: Request, exchange: Exchange) -> float | None:
    """Seconds until the next attempt; None if there is none, or if time would run out."""
    terms, total = exchange.terms, exchange.terms.timeout.total
    throttled = getattr(error, "status_code", 0) == 429
    delay = retry_delay(
        error,
        attempt,
        max_retries=terms.max_retries,
        safe=request.safe,
        unsafe=terms.retry_unsafe,
        first_wait=terms.endpoint.throttle_wait if throttled else 0.5,
    )
    if delay is None or total is None:
        return delay
    return delay if time.monotonic() + delay < exchange.started + total else None


def _token(exchange: Exchange) -> Flow[SecretStr]:
    terms = exchange.terms
    if not callable(terms.secret):
        own: SecretStr = terms.secret
        return own
    # Plain, it is in no frame.
    secret = _secret_or_kind(
        (yield from asked_in_time("api_key", Do(terms.secret, blocks=True), exchange))
    )
    if isinstance(secret, str):
        fault: str | None = f"is of type {secret}, not a text; (token, seconds) is for cached_key"
    else:
        fault = key_fault(terms.endpoint, secret.get_secret_value())
        if fault is None:
            return secret
        terms.drop_key(secret)  # the next one to ask may be given a better one
    raise ConfigurationError(f"What the key function of {terms.endpoint.title} gave {fault}.")


def _secret_or_kind(token: Any) -> SecretStr | str:
    """What a key function gave; of what is no text only its kind, since a key may be in it."""
    if hasattr(token, "get_secret_value") and isinstance(token.get_secret_value(), str):
        secret: SecretStr = token
        return secret
    if isinstance(token, str) or token is None:
        return SecretStr(token or "")
    return type(token).__name__


def _refusal(response: Response, request: Request, exchange: Exchange) -> Flow[AgentError]:
    body = refusal_body((yield from _error_body(response, exchange)))
    headers, endpoint = response.headers, exchange.terms.endpoint
    context = exchange.terms.context
    if request.foreign:
        context = context._replace(title=f"The storage that {endpoint.title} named", foreign=True)
    error: AgentError = status_error(
        response.status,
        headers,
        body,
        context=context,
        id_headers=endpoint.request_id_headers,
    )
    if endpoint.told_in_headers is not None:
        error.conversation_id = endpoint.told_in_headers(headers).conversation_id
    return error


def _error_body(response: Response, exchange: Exchange) -> Flow[bytes]:
    """What can be had of it; a body that stalls or breaks must not hide the status."""
    body, deadline = b"", time.monotonic() + ERROR_BODY_WAIT
    try:
        while len(body) < ERROR_BODY_BYTES and (chunk := (yield Read(response, deadline))):
            body += chunk
    except (AgentError, DeadlineReached) as error:
        logger.debug("%s: an error body broke off: %r", exchange.terms.endpoint.title, error)
    return body
