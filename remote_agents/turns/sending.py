"""One request: its key, its attempts, its refusal; and errors that hold all that is known."""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeAlias

from pydantic import SecretStr

from remote_agents.arguments import key_fault
from remote_agents.errors import (
    AgentError,
    AgentTimeoutError,
    AuthenticationError,
    ConfigurationError,
    RateLimitError,
)
from remote_agents.flow import DeadlineReached, Do, Flow, Read, Request, Send, Sleep
from remote_agents.turns.clock import Exchange
from remote_agents.turns.retry import retry_delay
from remote_agents.turns.terms import Terms
from remote_agents.types import Reply
from remote_agents.wire.failures import request_id, retry_after, status_error
from remote_agents.wire.refusals import refusal_body

logger = logging.getLogger(__name__)

# A refusal's status says most: its body is not waited for long, nor read beyond this.
ERROR_BODY_WAIT = 5.0
ERROR_BODY_BYTES = 256 * 1024


Then: TypeAlias = Callable[[Any, Exchange], Flow[Any]]


def send(request: Request, exchange: Exchange, then: Then | None = None) -> Flow[Any]:
    """Send a request and retry it where that is safe; gives a response that was accepted.

    Args:
        request: What to send.
        exchange: The turn or call it belongs to.
        then: Reads the response, as part of the attempt; its value is given instead. Nothing is
            repeated once an answer has begun.

    Raises:
        AgentError: It was refused, could not be sent, or broke off.
    """
    terms, attempt, refreshed = exchange.terms, 0, False
    while True:
        attempt += 1
        if terms.limiter is not None:
            account = terms.limited_as((yield from account_of(exchange)))
            yield from terms.limiter.wait(account, exchange.left(None))
        try:
            response = yield from _attempt(request, exchange)
            return response if then is None else (yield from _taken(then, response, exchange))
        except AgentError as error:
            if error.begun:
                raise
            refused = isinstance(error, AuthenticationError) and error.status_code == 401
            if refused and terms.key_is_callable and not refreshed:
                refreshed = True
                terms.drop_key(exchange.token)
                continue
            delay = _delay(error, attempt, request, exchange)
            if delay is None:
                raise
            logger.info(
                "%s: attempt %d failed (%s), again in %.1f s",
                terms.endpoint.title,
                attempt,
                type(error).__name__,
                delay,
            )
        yield Sleep(delay)


def account_of(exchange: Exchange) -> Flow[str]:
    """Whose turn or call it is."""
    account = exchange.terms.account()
    if inspect.isawaitable(account):
        account = yield from asked_in_time("account", Do(lambda: account), exchange)
    return str(account)


def asked_in_time(name: str, function: Do, exchange: Exchange) -> Flow[Any]:
    """What a function of the caller's gives, within the time of the first event.

    Raises:
        AgentTimeoutError: It takes longer; nothing was sent.
    """
    within = exchange.left(exchange.terms.timeout.first_event)
    try:
        return (yield function._replace(within=within))
    except DeadlineReached:
        raise AgentTimeoutError(
            f"The function that is {name} gave nothing within {within:.3g} s; nothing was sent.",
            phase="connect",
        ) from None


def _taken(then: Then, response: Any, exchange: Exchange) -> Flow[Any]:
    try:
        return (yield from then(response, exchange))
    except RateLimitError as error:  # a body says it, with status 200
        error.retry_after = retry_after(response.headers)
        raise


def _attempt(request: Request, exchange: Exchange) -> Flow[Any]:
    terms = exchange.terms
    exchange.token = None if request.foreign else (yield from _token(exchange))
    exchange.sent = time.monotonic()
    if exchange.note is not None and exchange.reply is not None:
        exchange.note.posted(exchange.reply)
    try:
        limit = exchange.left(terms.timeout.first_event)
        response = yield Send(_with_headers(request, terms), exchange.token, limit, terms.timeout)
    except AgentTimeoutError as error:
        if exchange.is_over and not error.safe_to_repeat:
            raise exchange.timed_out("total") from error
        raise
    logger.debug(
        "%s %s: %s in %.3f s, request %s",
        request.method,
        # What records are searched for stands behind the question mark.
        "another host" if request.foreign else request.path.partition("?")[0],
        response.status,
        time.monotonic() - exchange.sent,
        without_key(exchange.token, request_id(response.headers)),
    )
    if response.status < 300:
        return response
    raise (yield from _refusal(response, exchange))


def _with_headers(request: Request, terms: Terms) -> Request:
    """The headers of this call; what goes to another host carries none of the caller's."""
    if request.foreign or not terms.call_headers:
        return request
    return replace(request, headers={**request.headers, **terms.call_headers})


def _delay(error: AgentError, attempt: int, request: Request, exchange: Exchange) -> float | None:
    """Seconds until the next attempt; None if there is none, or if time would run out."""
    terms, total = exchange.terms, exchange.terms.timeout.total
    delay = retry_delay(
        error,
        attempt,
        max_retries=terms.max_retries,
        safe=request.safe,
        unsafe=terms.retry_unsafe,
        first_wait=_first_wait(error, terms),
    )
    if delay is None or total is None:
        return delay
    return delay if time.monotonic() + delay < exchange.started + total else None


def _first_wait(error: AgentError, terms: Terms) -> float:
    return terms.endpoint.throttle_wait if getattr(error, "status_code", 0) == 429 else 0.5


def _token(exchange: Exchange) -> Flow[SecretStr]:
    terms = exchange.terms
    if not terms.key_is_callable:
        return terms.secret  # type: ignore[no-any-return]
    # Plain, it is in no frame.
    secret = _as_secret(
        (yield from asked_in_time("api_key", Do(terms.fresh_key, blocks=True), exchange))
    )
    if fault := key_fault(terms.endpoint, secret.get_secret_value()):
        raise ConfigurationError(f"What the key function of {terms.endpoint.title} gave {fault}.")
    return secret


def _as_secret(token: Any) -> SecretStr:
    return token if hasattr(token, "get_secret_value") else SecretStr(str(token or ""))


def _refusal(response: Any, exchange: Exchange) -> Flow[AgentError]:
    body = refusal_body((yield from _error_body(response, exchange)))
    context = exchange.terms.context
    error = status_error(response.status, response.headers, body, context=context)
    error.conversation_id = response.headers.get("x-conversation-id") or None
    return error


def _error_body(response: object, exchange: Exchange) -> Flow[bytes]:
    """What can be had of it; a body that stalls or breaks must not hide the status."""
    body, deadline = b"", time.monotonic() + ERROR_BODY_WAIT
    try:
        while len(body) < ERROR_BODY_BYTES and (chunk := (yield Read(response, deadline))):
            body += chunk
    except (AgentError, DeadlineReached) as error:
        logger.debug("%s: an error body broke off: %r", exchange.terms.endpoint.title, error)
    return body


# --- errors ------------------------------------------------------------------------------------


def _redact(error: AgentError, token: SecretStr | None) -> None:
    """The key does not go on from here: not in what a service quotes, nor in httpx's errors.

    Those hold the request with its headers; what they say is in our message already.
    """
    _drop_foreign_causes(error)
    error.args = tuple(without_key(token, str(said)) for said in error.args)
    for name, value in vars(error).items():
        setattr(error, name, without_key(token, value))


def without_key(token: SecretStr | None, value: object) -> Any:
    """A value of JSON with the key's text, or its beginning, taken out of its texts."""
    if token is None or len(token.get_secret_value()) < SHORTEST_KEY:
        return value
    if isinstance(value, str):
        return _text_without(token.get_secret_value(), value)
    if isinstance(value, list):
        return [without_key(token, item) for item in value]
    if isinstance(value, dict):
        return {without_key(token, k): without_key(token, item) for k, item in value.items()}
    return value


def _text_without(key: str, text: str) -> str:
    text = text.replace(key, "[key]")
    if key[:SHORTEST_PIECE] not in text:
        return text
    for size in range(len(key) - 1, SHORTEST_PIECE - 1, -1):  # a text that was cut short
        text = text.replace(key[:size], "[key]")
    return text


SHORTEST_KEY = 4  # what is shorter is no secret, and is in many words
SHORTEST_PIECE = 8


def _drop_foreign_causes(error: BaseException) -> None:
    for name in ("__cause__", "__context__"):
        link = getattr(error, name)
        if isinstance(link, AgentError):
            _drop_foreign_causes(link)
        elif link is not None:
            setattr(error, name, None)


@contextmanager
def annotated(exchange: Exchange, reply: Reply | None = None) -> Iterator[None]:
    """Put what is known on every error that passes: nothing received is lost."""
    try:
        yield
    except AgentError as error:
        _redact(error, exchange.token)
        error.endpoint = error.endpoint or exchange.terms.endpoint.name
        if reply is not None:
            error.begun = error.begun or reply.begun
            beside = "".join(reply.beside)
            error.partial = error.partial or reply.text + reply.withheld + beside
            error.conversation_id = error.conversation_id or reply.conversation_id
            error.request_id = error.request_id or reply.request_id
        raise
