"""From what a service says went wrong to our error. Pure.

The services word their errors in their own ways: `{code, message, requestId}` (CloudBase),
`{detail}` (FastAPI and Django REST), `{message | error, statusCode}` (NestJS),
`{field: [...]}` (Django REST), `{error: {message, code}}` (OpenAI), `{error, error_description}`
(OAuth 2), the last also as a challenge in a header, `{detail: [{error_code, msg}]}` (Private AI).
"""

from __future__ import annotations

import email.utils
import html
import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import timezone
from typing import Any, NamedTuple

from remote_agents import errors
from remote_agents.errors import (
    AgentError,
    AgentStatusError,
    RemoteFailureError,
    StreamProtocolError,
)
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.wire.frames import FAILURE_TYPES, is_failure_body, stated_status
from remote_agents.wire.parsing import json_or_text, mended
from remote_agents.wire.sse import SSEDecoder

# What a code says by a word in it, whatever the status is; where no word tells, a service says it
# in its `error_codes`.
KINDS_BY_WORD: tuple[tuple[str, type[AgentStatusError]], ...] = (
    ("QUOTA", errors.QuotaExceededError),
    ("REQUEST_LIMIT", errors.RateLimitError),
)
BY_STATUS: dict[int, type[AgentStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.QuotaExceededError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    422: errors.UnprocessableEntityError,
    429: errors.RateLimitError,
}
# What a code stands for in an answer with HTTP 200: a quota is refused as limits are.
STATUS_OF = {kind: status for status, kind in BY_STATUS.items()} | {errors.QuotaExceededError: 429}
STATUS_BY_WORD: tuple[tuple[str, int], ...] = (
    ("CREDENTIAL", 401),
    ("UNAUTHORIZED", 401),
    ("AUTH_FAILED", 401),
    ("AUTHENTICATION", 401),
    ("ACCESS_TOKEN", 401),
    ("ACCESS_DENIED", 403),
    ("FORBIDDEN", 403),
    ("PERMISSION", 403),
    ("NOT_FOUND", 404),
    ("PARAM", 400),
    ("INVALID", 400),
)
HINTS = {
    401: "Check the key ({env}_API_KEY).",
    403: "Check what the key may do.",
    404: "Check the id that was asked for, agent_id ({agent_id}) and base_url.",
    429: "Wait, lower the concurrency, or set rate_limit.",
}
LONGEST_BODY = 500


class Context(NamedTuple):
    """What errors are made with: what their messages name, and the service's own codes.

    `foreign` says that it was another host, which no setting of ours is about.
    """

    endpoint: str
    title: str
    agent_id: str
    env: str
    codes: Mapping[str, type[AgentStatusError]]
    foreign: bool = False


def refusal_body(raw: bytes) -> Any:
    """The JSON of a refusal, also where it is sent as an event of a stream; else its text."""
    body = json_or_text(raw)
    if not isinstance(body, str):
        return body
    decoder = SSEDecoder()
    try:
        frames = [*decoder.feed(raw), *decoder.flush()]
    except StreamProtocolError:
        return body
    return mended(next((value for _, value in frames if isinstance(value, dict)), body))


def status_error(
    status: int,
    headers: Mapping[str, str],
    body: object,
    *,
    context: Context,
    id_headers: Sequence[str] = (),
) -> AgentStatusError:
    """The error for a refused request.

    Args:
        status: HTTP status.
        headers: Response headers.
        body: The decoded JSON body, or its text.
        context: Of the agent that was asked.
        id_headers: Headers in which this service tells the id of a request.
    """
    told = body or _challenge(headers)
    code = error_code(told)
    kind = error_class(status, code, context)
    said = error_message(told) or f"HTTP {status}"
    details: JsonObject = {
        "status_code": status,
        "code": code,
        "body": body,
        "location": _location(status, headers),
        "endpoint": context.endpoint,
        "request_id": request_id(headers, id_headers, body),
    }
    if issubclass(kind, (errors.RateLimitError, errors.ServerError)):
        details["retry_after"] = retry_after(headers)
    message = _sentence(f"{context.title} answered {status}: {said}")
    hints = _hint_for(kind, status, headers, context)
    if not hints and is_html(told) and status < 500 and status != 413 and not context.foreign:
        hints = ["Check base_url."]
    return kind(" ".join([message, *hints]), **details)


def _challenge(headers: Mapping[str, str]) -> JsonObject:
    """What a token was refused for, where a gateway says it in a header alone (RFC 6750)."""
    return dict(_CHALLENGE.findall(headers.get("www-authenticate") or ""))


_CHALLENGE = re.compile(r'\b(error|error_description)="([^"]+)"')


def _location(status: int, headers: Mapping[str, str]) -> str | None:
    """Where a redirect leads, without its query, which may hold a key."""
    target = headers.get("location", "") if 300 <= status < 400 else ""
    return target.partition("?")[0] or None


def _hint_for(
    kind: type[AgentStatusError], status: int, headers: Mapping[str, str], context: Context
) -> list[str]:
    if context.foreign:
        return []
    if kind is errors.QuotaExceededError:
        return ["The account's quota is used up; waiting does not help."]
    if 300 <= status < 400:
        target = _location(status, headers) or "nowhere"
        return [f"It redirects to {target}, which is not followed: set base_url to that service."]
    hint = HINTS.get(status)
    return [hint.format(env=context.env, agent_id=context.agent_id)] if hint else []


def error_class(status: int, code: str | None, context: Context) -> type[AgentStatusError]:
    """The class for a status and a service's own code."""
    if (kind := _kind_of(code, context)) is not None:
        return kind
    if status >= 500:
        return errors.ServerError
    return BY_STATUS.get(status, AgentStatusError)


def _kind_of(code: str | None, context: Context) -> type[AgentStatusError] | None:
    """What a code says by itself, whatever the status is."""
    if code is None:
        return None
    by_word = next((kind for word, kind in KINDS_BY_WORD if word in code.upper()), None)
    return context.codes.get(code, by_word)


def body_failure(data: object, *, context: Context, whole: bool) -> AgentError | None:
    """The error that a frame, or a whole body with status 200, reports; None if it reports none.

    Args:
        data: The decoded JSON.
        context: As for `status_error`.
        whole: Whether it is a whole body: then `code` alone says failure, as CloudBase means it.
    """
    if not isinstance(data, dict) or not (data.get("error") or (whole and is_failure_body(data))):
        return None
    return reported_failure(data, context, whole=whole)


def reported_failure(data: JsonObject, context: Context, *, whole: bool) -> AgentError:
    """The error that a frame or body stands for which is known to report a failure."""
    data = mended(data)  # services cut their words in the middle of a letter, too
    code = error_code(data)
    said = error_message(data) or "the service reported a failure"
    request = _filled_text(data.get("requestId"))
    details: JsonObject = {"endpoint": context.endpoint, "request_id": request}
    text = f"{context.title} failed: {said}"
    named = _kind_of(code, context)
    status = STATUS_OF.get(named, 500) if named else _status_by_word(code) if whole else 0
    stated = next(filter(None, map(stated_status, _error_objects(data))), 0)
    status = status or (stated if stated == 402 or (whole and stated < 500) else 0)
    if status:
        kind = error_class(status, code, context)
        hint = _hint_for(kind, status, {}, context)
        return kind(
            " ".join([_sentence(text), *hint]),
            status_code=status,
            code=code,
            body=data,
            **details,
        )
    return RemoteFailureError(text, code=code, body=data, **details)


def _status_by_word(code: str | None) -> int:
    """The HTTP status that a code in a 200 body stands for; 0 if it is not clear."""
    return (
        next((status for word, status in STATUS_BY_WORD if word in code.upper()), 0) if code else 0
    )


def _sentence(said: str) -> str:
    return said if said.endswith(".") else f"{said}."


def error_code(body: object) -> str | None:
    """The service's own error code, wherever it stands."""
    for detail in _object(body.get("detail")) if isinstance(body, dict) else []:
        if told := _filled_text(detail.get("error_code")):
            return told
    places = _error_objects(body)
    for place in places:
        for key in ("code", "name", "type"):
            value = place.get(key)
            known = isinstance(value, (str, int)) and not isinstance(value, bool) and str(value)
            if known and (key == "code" or place is not body):
                return str(value)
    # The class of NestJS's errors, and the code of OAuth's, stand in `error`.
    telling = (p.get("error") for p in places if p.get("message") or p.get("error_description"))
    return next(filter(None, map(_filled_text, telling)), None)


def error_message(body: object) -> str:
    """The service's own words, wherever they stand."""
    if isinstance(body, str):
        return _page_title(body) if is_html(body) else body[:LONGEST_BODY].strip()
    places = _error_objects(body)
    for refused in (place.get("errors") for place in places):
        if any(map(_place, _first(refused))):
            return _words(refused)[:LONGEST_BODY]
    for place in places:
        for key in SAYING:
            if said := _words(place.get(key)):
                more = _prose(place.get("error"))
                told = more.lower() in said.lower()
                return (said if told else f"{said}: {more}")[:LONGEST_BODY]
    if isinstance(body, dict) and body.get("type") in FAILURE_TYPES:
        body = body.get("content") or body.get("text") or body
    return _words(body)[:LONGEST_BODY]


SAYING = ("message", "msg", "detail", "error_description", "errorText", "error", "errors")


def _prose(error: object) -> str:
    """What an `error` says beside a message, if it is no code and no `Unprocessable Entity`."""
    return error if isinstance(error, str) and re.search(r" [^A-Z]", error) else ""


def _error_objects(body: object) -> list[JsonMapping]:
    """The objects that tell of a failure: those within the body, the outer first, and the body."""
    places = [body] if isinstance(body, dict) else []
    for place in places:  # which grows meanwhile
        inner = [*_object(place.get("error")), *_first(place.get("errors"))]
        inner += [e for c in _first(place.get("choices")) for e in _object(c.get("error"))]
        detail = place.get("detail")
        if isinstance(detail, dict) and not TELLING.isdisjoint(detail):
            inner.append(detail)
        # One of FastAPI's list of all that is wrong has no `message`.
        places += [each for each in inner if "loc" not in each or "message" in each]
    return [*places[1:], *places[:1]]


TELLING = frozenset({"code", "message", "msg", "error", "errors"})


def _object(value: object) -> list[JsonObject]:
    return [value] if isinstance(value, dict) else _first(value)


def _first(value: object) -> list[JsonObject]:
    return [item for item in value[:1] if isinstance(item, dict)] if isinstance(value, list) else []


def _words(value: object) -> str:
    """Text, a list, FastAPI's `{loc, msg}`, `{field, message}`, or Django's, as one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, map(_words, value[:10])))
    if isinstance(value, dict):
        said = value.get("msg", value.get("message") if "field" in value else None)
        if isinstance(said, str):
            where = _place(value)
            return said if said.startswith(where) else f"{where}: {said}"
        return "; ".join(
            f"{key}: {said}" for key, v in list(value.items())[:10] if (said := _words(v))
        )
    return "" if value is None else json.dumps(value)


def _place(problem: JsonMapping) -> str:
    """What is wrong, if an item says what is wrong with it."""
    told = "message" in problem or "msg" in problem
    place = problem.get("loc") or (told and problem.get("field"))
    where = ".".join(map(str, place)) if isinstance(place, list) else place
    return where if isinstance(where, str) else ""


HTML = re.compile(r"<html|<!doctype html", re.IGNORECASE)
TITLE = re.compile(r"<title>(.{0,500}?)</title>", re.IGNORECASE | re.DOTALL)
PRE = re.compile(r"<pre>(.{0,500}?)<(?:br|/pre)>", re.IGNORECASE | re.DOTALL)
TAG = re.compile(r"<[^>]*>?")


def is_html(body: object) -> bool:
    """Whether the body of a refusal is a web page."""
    return isinstance(body, str) and HTML.search(body[:500]) is not None


def _page_title(page: str) -> str:
    """What a page is about: the title of Express's is always Error, and HAProxy's has none."""
    titled = PRE.search(page) or TITLE.search(page)
    said = html.unescape(titled[1] if titled else TAG.sub(" ", page[:LONGEST_BODY]))
    return f"a web page ({' '.join(said.split()) or 'no title'}) instead of an API answer"


def _filled_text(value: object) -> str | None:
    """A non-empty text, else None."""
    return value if isinstance(value, str) and value else None


def request_id(
    headers: Mapping[str, str], own: Sequence[str] = (), body: object = None
) -> str | None:
    """The service's id of the request, from the headers or the body.

    Args:
        headers: Of the response.
        own: Names of headers in which this service tells it, beside those in which all may.
        body: Decoded JSON.
    """
    for name in ("x-request-id", *own, "request-id"):
        if value := headers.get(name):
            return value
    return _filled_text(body.get("requestId")) if isinstance(body, dict) else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `Retry-After` in either of its forms."""
    value = headers.get("retry-after")
    if not value:
        return None
    with suppress(ValueError):
        seconds = float(value)
        return max(seconds, 0.0) if math.isfinite(seconds) else None
    try:
        moment = email.utils.parsedate_to_datetime(value)
        if moment.tzinfo is None:  # as C's asctime writes it; HTTP knows GMT alone
            moment = moment.replace(tzinfo=timezone.utc)
        return max(moment.timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None  # whatever a date may be that is none
