"""BlueNexus agents: minimal frames, the conversation in a header, thirty requests a minute."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from remote_agents.sandbox.directory import is_chat
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.answers import Ask
from remote_agents.sandbox.service import Service, Turn, require_key, service
from remote_agents.sandbox.services.bluenexus import AGENT
from remote_agents.sandbox.serving.wire import (
    DONE,
    Frames,
    Json,
    Refusal,
    data,
    json_object,
    number,
    short_id,
)

ENDPOINT = "bluenexus"
MODEL = "bluenexus/glm-4.7-flash-tee"
# What its documentation calls the refusals of an account.
LIMITS = {402: "CreditsExhaustedError", 429: "TooManyRequestsError"}
PHRASES = {status.value: status.phrase for status in HTTPStatus}
ELSEWHERE = "100/minute"  # for an account, on all paths that ask no model
ROLES = ("system", "user", "assistant")


def error_body(refusal: Refusal, request_id: str) -> JsonObject:
    """NestJS's error object; a 400 lists its fields, and limits have errors of their own name."""
    status = refusal.status
    phrase = LIMITS.get(status) or PHRASES.get(status, "Error")
    named = {"statusCode": status, "message": refusal.message}
    if refusal.detail:
        messages = [each["message"] for each in refusal.detail]
        return {**named, "message": messages, "error": phrase, "errors": refusal.detail}
    return {**named, "error": phrase}


def error_frames(message: str, state: JsonObject) -> list[str]:
    """A failure in the stream, as OpenAI-like services write it."""
    return [data({"error": {"message": message, "type": "server_error", "code": 500}})]


def require_account(request: Request) -> None:
    """Refuse who has no key, and who asks more often than this path allows."""
    require_key(request, ENDPOINT, "Invalid or expired token")
    box = service(request)
    chats, rate = is_chat(request.method, request.url.path), box.settings.rate_limit
    elsewhere = ELSEWHERE if rate else None
    seconds = box.limiter.wait(rate if chats else elsewhere, "chat" if chats else "elsewhere")
    if seconds:
        raise Refusal(429, "Rate limit exceeded", headers={"retry-after": str(seconds)})


def authorize(request: Request) -> str:
    """The agent of the path; ``default`` is the account's."""
    require_account(request)
    agent = str(request.path_params["agent"])
    if agent not in ("default", AGENT.agent_id):
        raise Refusal(404, f"Agent {agent} not found")
    return AGENT.agent_id


async def chat(request: Request) -> ASGIApp | Response:
    """Answer in a new conversation, or in the one that is named."""
    agent = authorize(request)
    box = service(request)
    if box.settings.of_services["credits"] <= 0:
        raise Refusal(402, "Insufficient credit balance")
    body = await json_object(request)
    _validate(body)
    assert body is not None
    conversation = _conversation(box, agent, body.get("conversationId"))
    stream = bool(body.get("stream"))
    stored = box.stored(ENDPOINT, conversation)
    limit = body.get("max_tokens")
    ask = Ask(body["messages"], stored, limit=None if limit is None else int(limit))
    reply_id = f"chatcmpl-{short_id()}"
    turn = await box.begin(
        ENDPOINT, agent, ask, stream=stream, conversation=conversation, reply_id=reply_id
    )
    if stream:
        cost = 1 + turn.prompt_tokens // 50
        return Frames(_frames(turn), _headers(box, conversation, cost, tell_cost=False))
    whole = await _whole(turn)
    cost = 1 + whole["usage"]["total_tokens"] // 50
    return Json(whole, headers=_headers(box, conversation, cost))


def _conversation(box: Service, agent: str, given: str | None) -> str:
    if given is None:
        return str(box.store.add_conversation(ENDPOINT, agent, f"conv-{short_id()}")["id"])
    found = box.store.conversation(ENDPOINT, given)
    if found is None:
        raise Refusal(404, f"Conversation {given} not found")
    return given


def _validate(body: JsonObject | None) -> None:
    if body is None:
        raise Refusal(400, "Unexpected token in JSON")
    problems = _message_problems(body.get("messages"))
    for name, (fits, must) in FIELDS.items():
        if body.get(name) is not None and not fits(body[name]):
            problems.append(problem(name, must, body[name]))
    if problems:
        raise Refusal(400, "Validation failed", detail=problems)


def _message_problems(messages: object) -> list[JsonObject]:
    if not isinstance(messages, list) or not messages:
        return [problem("messages", "must be a non-empty array", messages)]
    problems = []
    for index, message in enumerate(messages):
        where, given = f"messages.{index}", message if isinstance(message, dict) else {}
        if given.get("role") not in ROLES:
            must = f"must be one of the following values: {', '.join(ROLES)}"
            problems.append(problem(f"{where}.role", must, given.get("role")))
        if not isinstance(given.get("content"), str):
            problems.append(problem(f"{where}.content", "must be a string", given.get("content")))
    return problems


def problem(name: str, must: str, value: object) -> JsonObject:
    """What is wrong with a field, in NestJS's form."""
    return {"field": name, "message": f"{name} {must}", "value": value}


FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "stream": (lambda value: isinstance(value, bool), "must be a boolean value"),
    "temperature": (
        lambda value: number(value) and 0 <= value <= 2,
        "must be a number from 0 to 2",
    ),
    "max_tokens": (lambda value: number(value) and value >= 1, "must not be less than 1"),
    "conversationId": (lambda value: isinstance(value, str), "must be a string"),
}


def _headers(
    box: Service, conversation: str, cost: int, *, tell_cost: bool = True
) -> dict[str, str]:
    # Use alone never empties the account: only `configure(credits=0)` does.
    settings = box.settings.of_services
    settings["credits"] = max(1, settings["credits"] - cost)
    headers = {
        "x-conversation-id": conversation,
        "x-credits-remaining": str(settings["credits"]),
    }
    return {**headers, "x-credits-consumed": str(cost)} if tell_cost else headers


async def _frames(turn: Turn) -> AsyncGenerator[str, None]:
    yield data({"choices": [{"delta": {"role": "assistant"}}]})
    async for word in turn.words():
        if word.text:
            yield data({"choices": [{"delta": {"content": word.text}}]})
    yield DONE


async def _whole(turn: Turn) -> JsonObject:
    message = {"role": "assistant", "content": await turn.complete()}
    went, came = turn.prompt_tokens, turn.completion_tokens
    return {
        "id": turn.reply_id,
        "object": "chat.completion",
        "created": int(turn.created),
        "model": MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": turn.finish}],
        "usage": {
            "prompt_tokens": went,
            "completion_tokens": came,
            "total_tokens": went + came,
        },
    }


routes = [Route("/api/v1/agents/{agent}/chat/completions", chat, methods=["POST"])]
