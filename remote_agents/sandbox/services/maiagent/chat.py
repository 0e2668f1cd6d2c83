"""MaiAgent chatbots: camelCase behind Django REST Framework, `Api-Key`, slashes at the end."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncGenerator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.answers import Ask
from remote_agents.sandbox.service import Service, Turn, require_key, service
from remote_agents.sandbox.services.maiagent import AGENT
from remote_agents.sandbox.serving.lists import LARGEST_PAGE, digits, link
from remote_agents.sandbox.serving.wire import (
    Frames,
    Json,
    Refusal,
    data,
    is_uuid,
    json_object,
    new_id,
)

ENDPOINT = "maiagent"
APPENDS_SLASH = True  # its framework is Django
ROOTS = ("/api", "/api/v1")
REQUIRED = ["This field is required."]
NOT_UUID = ["Must be a valid UUID."]
TYPES = ("image", "audio", "other")
PARSED = ("application/json", "application/x-www-form-urlencoded", "multipart/form-data")


def error_body(refusal: Refusal, request_id: str) -> Any:
    """DRF's error object: a detail, or messages by field."""
    return {"detail": refusal.message} if refusal.detail is None else refusal.detail


def error_frames(message: str, state: JsonObject) -> list[str]:
    """A failure in the stream."""
    return [data({"error": message, "detail": message})]


def require_account(request: Request) -> None:
    """Refuse whoever has not the right key, takes no answer, or asks below an unserved root.

    And a body of a kind that the framework does not read.
    """
    if not _negotiated(request.headers.get("accept", "*/*")):
        raise Refusal(406, "Could not satisfy the request Accept header.")
    only = service(request).settings.of_services["maiagent_root"]
    root = "/api/v1" if request.url.path.startswith("/api/v1/") else "/api"
    if only not in (None, root):
        raise Refusal(404, "Not found.")
    given = request.headers.get("authorization")
    message = "Invalid API key." if given else "Authentication credentials were not provided."
    require_key(request, ENDPOINT, message)
    kind, length = (request.headers.get(f"content-{name}", "") for name in ("type", "length"))
    sent = length not in ("", "0") or "transfer-encoding" in request.headers
    if sent and not kind.lower().startswith(PARSED):
        raise Refusal(415, f'Unsupported media type "{kind}" in request.')


def _negotiated(accept: str) -> bool:
    """Whether somebody takes what the framework can give, JSON or a page, in its own judgement."""
    taken = (each.partition(";")[0].strip() for each in accept.split(","))
    return not {"*/*", "application/*", "application/json", "text/*", "text/html"}.isdisjoint(taken)


def authorize(request: Request) -> str:
    """The chatbot of the path, for whoever holds the key."""
    require_account(request)
    chatbot = str(request.path_params["chatbot"])
    if chatbot != AGENT.agent_id:
        raise Refusal(404, "No Chatbot matches the given query.")
    return chatbot


def wrong(**fields: object) -> Refusal:
    """A 400 with messages by field."""
    return Refusal(400, "Bad Request", detail=fields)


def either(body: JsonObject, camel: str, snake: str) -> Any:
    """A value under either casing: the serializers behind the camelCase are snake_case."""
    return body[camel] if camel in body else body.get(snake)


def page_size(request: Request, name: str = "pageSize") -> int:
    """The size of a page; the framework passes over one that is none."""
    return min(digits(request.query_params.get(name, "")) or 20, LARGEST_PAGE)


def numbered_page(request: Request, count: int, read: Callable[[int, int], list[Any]]) -> Json:
    """One page of `{count, next, previous, results}`, as the query numbers and sizes it.

    Args:
        request: The request for a page.
        count: How many results there are.
        read: Gives so many of them, after so many others.
    """
    size, url = page_size(request), service(request).url
    page = digits(request.query_params.get("page", "1")) or 0
    last = max(1, -(-count // size))
    if not 1 <= page <= last:
        raise Refusal(404, "Invalid page.")
    return Json(
        {
            "count": count,
            "next": link(request, url, page=page + 1) if page < last else None,
            "previous": link(request, url, page=page - 1) if page > 1 else None,
            "results": read(size, (page - 1) * size),
        }
    )


async def completions(request: Request) -> ASGIApp | Response:
    """Answer a message in a new or in a known conversation."""
    chatbot = authorize(request)
    body = await json_object(request)
    if body is None:
        raise Refusal(400, "JSON parse error - Expecting value: line 1 column 1 (char 0)")
    box = service(request)
    message = _message(box, body.get("message"))
    stream = either(body, "isStreaming", "is_streaming")
    if not (stream is None or isinstance(stream, bool)):
        raise wrong(isStreaming=["Must be a valid boolean."])
    conversation = _conversation(box, chatbot, body.get("conversation"), message["sender"])
    return await _answer(box, chatbot, conversation, message, bool(stream))


async def _answer(
    box: Service, chatbot: str, conversation: str, message: JsonObject, stream: bool
) -> ASGIApp | Response:
    files = tuple(str(each["filename"]) for each in message["attachments"])
    asked = [{"role": "user", "content": message["content"]}]
    said = box.said_in_files(str(each["id"]) for each in message["attachments"])
    ask = Ask(asked, [*box.stored(ENDPOINT, conversation), *said], files)
    turn = await box.begin(
        ENDPOINT,
        chatbot,
        ask,
        stream=stream,
        conversation=conversation,
        attachments=message["attachments"],
        sender=message["sender"],
        query_metadata=message["query_metadata"],
        content_payload=message["content_payload"],
    )
    return Frames(_frames(turn)) if stream else Json(await _whole(turn))


def _message(box: Service, message: object) -> JsonObject:
    if message is None:
        raise wrong(message=REQUIRED)
    if not isinstance(message, dict):
        kind = type(message).__name__
        raise wrong(
            message={"nonFieldErrors": [f"Invalid data. Expected a dictionary, but got {kind}."]}
        )
    attached = message.get("attachments")
    parsed = {
        "content": message.get("content"),
        "attachments": [] if attached is None else attached,
        "sender": message.get("sender"),
        "metadata": message.get("metadata"),
        "query_metadata": either(message, "queryMetadata", "query_metadata"),
        "content_payload": either(message, "contentPayload", "content_payload"),
    }
    problems = _message_problems(box, parsed)
    if problems:
        raise wrong(message=problems)
    return parsed


def _message_problems(box: Service, message: JsonObject) -> JsonObject:
    found = {
        "content": _content_problem(message),
        "attachments": attachment_problems(message["attachments"]),
        "sender": _sender_problem(box, message["sender"]),
        "metadata": object_problem(message["metadata"]),
        "queryMetadata": object_problem(message["query_metadata"]),
        "contentPayload": object_problem(message["content_payload"]),
    }
    return {name: problem for name, problem in found.items() if problem}


def _content_problem(message: JsonObject) -> list[str]:
    content = message["content"]
    if content is None:
        return REQUIRED
    if not isinstance(content, str):
        return ["Not a valid string."]
    blank = not content.strip() and not message["attachments"]
    return ["This field may not be blank."] if blank else []


def _sender_problem(box: Service, sender: object) -> list[str]:
    if sender is None:
        return []
    if not is_uuid(sender):
        return NOT_UUID
    if box.store.one("SELECT id FROM contacts WHERE id = ?", sender) is None:
        return ["The contact does not belong to the organization."]
    return []


def object_problem(value: object) -> list[str]:
    """What is wrong with what has to be an object, if it is there."""
    return [] if value is None or isinstance(value, dict) else ["Value must be a JSON object."]


def attachment_problems(value: object) -> list[Any]:
    """What is wrong with a list of attachments, item by item."""
    if not isinstance(value, list):
        return [f'Expected a list of items but got type "{type(value).__name__}".']
    problems = [_attachment_problem(each) for each in value]
    return problems if any(problems) else []


def _attachment_problem(value: object) -> JsonObject:
    if not isinstance(value, dict):
        return {"nonFieldErrors": ["Invalid data. Expected a dictionary."]}
    problems = {n: REQUIRED for n in ("id", "type", "filename", "file") if not value.get(n)}
    if "id" not in problems and not is_uuid(value["id"]):
        problems["id"] = NOT_UUID
    if "type" not in problems and value["type"] not in TYPES:
        problems["type"] = no_choice(value["type"])
    if "file" not in problems and not str(value["file"]).startswith(("http://", "https://")):
        problems["file"] = ["Enter a valid URL."]
    return problems


def _conversation(box: Service, chatbot: str, given: Any, sender: str | None) -> str:
    if given in (None, ""):
        row = box.store.add_conversation(ENDPOINT, chatbot, new_id(), sender=sender)
        return str(row["id"])
    return str(existing(box, given)["id"])


def existing(box: Service, given: object) -> JsonObject:
    """The conversation that a body names, refused where there is none."""
    if not is_uuid(given):
        raise wrong(conversation=NOT_UUID)
    row = box.store.conversation(ENDPOINT, str(given))
    if row is None:
        raise wrong(conversation=no_such(given))
    return row


def no_such(given: object) -> list[str]:
    """What is wrong with an id of nothing."""
    return [f'Invalid pk "{given}" - object does not exist.']


def no_choice(given: object) -> list[str]:
    """What is wrong with a word that is none of those that there are."""
    return [f'"{given}" is not a valid choice.']


async def _frames(turn: Turn) -> AsyncGenerator[str, None]:
    named = {"conversationId": turn.shelf}
    async for word in turn.words():
        if word.text:
            yield data({**named, "content": word.text, "done": False})
    yield data({**named, "content": "", "done": True, **_sources(turn)})


async def _whole(turn: Turn) -> JsonObject:
    text = await turn.complete()
    return {
        "conversationId": turn.shelf,
        "content": text,
        "done": True,
        **_sources(turn),
    }


def _sources(turn: Turn) -> JsonObject:
    return sources(turn.citations, turn.created)


def sources(citations: list[JsonObject], created: float) -> JsonObject:
    """The two ways in which MaiAgent tells where an answer is from."""
    return {
        "citations": [_citation(each, created) for each in citations],
        "citationNodes": [_citation_node(each, created) for each in citations],
    }


def _citation(citation: JsonObject, created: float) -> JsonObject:
    return {
        "id": stable_uuid(citation["filename"]),
        "filename": citation["filename"],
        "file": citation["url"],
        "fileType": citation["filename"].rsplit(".", 1)[-1],
        "size": len(citation["text"]),
        "status": "done",
        "createdAt": milliseconds(created),
    }


def _citation_node(citation: JsonObject, created: float) -> JsonObject:
    node = {
        "id": stable_uuid(citation["id"]),
        "charactersCount": len(citation["text"]),
        "hitsCount": 1,
        "text": citation["text"],
        "updatedAt": milliseconds(created),
        "filename": citation["filename"],
    }
    score = citation["score"]
    return {"chatbotTextNode": node, "score": score, "displayScore": f"{score:.2f}"}


def milliseconds(seconds: float | None = None) -> str:
    """A time as MaiAgent writes it: 13 digits in a string."""
    return str(round((time.time() if seconds is None else seconds) * 1000))


def stable_uuid(name: str) -> str:
    """The same uuid for the same name."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


routes = [
    Route(f"{root}/chatbots/{{chatbot}}/completions/", completions, methods=["POST"])
    for root in ROOTS
]
