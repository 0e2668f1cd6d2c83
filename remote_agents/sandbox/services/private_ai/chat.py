"""VMware Private AI Service: an OpenAI-like agent behind FastAPI."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from remote_agents.sandbox.json_types import Arguments, JsonObject
from remote_agents.sandbox.mind.answers import Ask
from remote_agents.sandbox.service import Service, Turn, require_key, service
from remote_agents.sandbox.services.private_ai import AGENT
from remote_agents.sandbox.serving.wire import (
    DONE,
    Frames,
    Json,
    Refusal,
    data,
    is_uuid,
    json_object,
    new_id,
    number,
)

ENDPOINT = "private_ai"
MODEL = "llama-3.3-70b-instruct"
ROLES = ("system", "user", "assistant")
Problem = dict[str, Any]


def error_body(refusal: Refusal, request_id: str) -> JsonObject:
    """FastAPI's error object."""
    return {"detail": refusal.message if refusal.detail is None else refusal.detail}


def error_frames(message: str, state: JsonObject) -> list[str]:
    """A failure in the stream, as OpenAI-like servers write it."""
    error = {"message": message, "type": "internal_server_error", "param": None, "code": 500}
    return [data({"error": error})]


def authorize(request: Request) -> str:
    """The agent of the path, for whoever holds the key."""
    require_key(request, ENDPOINT, "Could not validate credentials")
    agent = str(request.path_params["agent"])
    if agent != AGENT.agent_id:
        raise Refusal(404, f"No agent found with ID {agent}")
    return agent


async def chat(request: Request) -> ASGIApp | Response:
    """Answer the messages, in a session if one is asked for."""
    only = service(request).settings.of_services["private_ai_route"]
    if only is not None and not request.url.path.startswith(f"{ROOT}/{only}/"):
        raise Refusal(404, "Not Found")
    agent = authorize(request)
    body = await json_object(request)
    _validate(body)
    assert body is not None
    box = service(request)
    _check_meaning(box, body)
    session = _session(box, agent, body)
    stream = bool(body.get("stream"))
    ask = _ask(box, body, session)
    turn = await box.begin(
        ENDPOINT, agent, ask, stream=stream, conversation=session, reply_id=new_id()
    )
    count = int(body.get("n") or 1)
    if stream:
        return Frames(_frames(turn, count), media_type="text/event-stream; charset=utf-8")
    return Json(await _whole(turn, count))


def _ask(box: Service, body: JsonObject, session: str | None) -> Ask:
    limits = [body.get("max_tokens"), body.get("max_completion_tokens")]
    return Ask(
        body["messages"],
        box.stored(ENDPOINT, session),
        schema=_schema(body.get("response_format")),
        limit=min((int(each) for each in limits if each is not None), default=None),
        stop=tuple(body.get("stop") or ()),
    )


def _schema(wanted: JsonObject | None) -> JsonObject | None:
    kind = (wanted or {}).get("type")
    if kind == "json_schema":
        return dict((wanted or {})["json_schema"].get("schema") or {})
    return {} if kind == "json_object" else None


def _session(box: Service, agent: str, body: JsonObject) -> str | None:
    session = body.get("store_in_session")
    if session is not None:
        if box.store.conversation(ENDPOINT, session) is None:
            raise Refusal(404, f"No session found with ID {session}")
        return str(session)
    if body.get("create_session"):
        return str(box.store.add_conversation(ENDPOINT, agent, new_id())["id"])
    return None


def _check_meaning(box: Service, body: JsonObject) -> None:
    if body.get("model") not in (None, "", MODEL):
        raise Refusal(400, f"Unexpected model {body['model']}: the agent uses {MODEL}")
    for message in body["messages"]:
        role = message["role"]
        if role not in ROLES or (role == "system" and box.settings.of_services["refuse_system"]):
            raise Refusal(400, f"Unsupported role: {role}")


def _validate(body: JsonObject | None) -> None:
    if body is None:
        raise unprocessable([problem([], "value is not a valid dict", "type_error.dict")])
    problems = _message_problems(body.get("messages"))
    for name, check in FIELDS.items():
        if body.get(name) is not None and (found := check(body[name])):
            problems.append(problem([name], *found))
    if problems:
        raise unprocessable(problems)


def unprocessable(problems: list[Problem]) -> Refusal:
    """The refusal of values that cannot be."""
    return Refusal(422, "Validation Error", detail=problems)


def problem(where: list[Any], message: str, kind: str, part: str = "body") -> Problem:
    """What is wrong at a place of the request, in FastAPI's form."""
    return {"loc": [part, *where], "msg": message, "type": kind}


def _message_problems(messages: object) -> list[Problem]:
    if messages is None:
        return [problem(["messages"], "field required", "value_error.missing")]
    if not isinstance(messages, list):
        return [problem(["messages"], "value is not a valid list", "type_error.list")]
    if not messages:
        least = "ensure this value has at least 1 items"
        return [problem(["messages"], least, "value_error.list.min_items")]
    problems = []
    for index, message in enumerate(messages):
        problems += _one_message(index, message)
    return problems


def _one_message(index: int, message: object) -> list[Problem]:
    if not isinstance(message, dict):
        return [problem(["messages", index], "value is not a valid dict", "type_error.dict")]
    problems = []
    for name in ("role", "content"):
        where = ["messages", index, name]
        if name not in message:
            problems.append(problem(where, "field required", "value_error.missing"))
        elif not isinstance(message[name], str):
            problems.append(problem(where, "str type expected", "type_error.str"))
    return problems


Check = Callable[[Any], "tuple[str, str] | None"]


def _boolean(value: object) -> tuple[str, str] | None:
    wrong = "value is not a valid boolean", "type_error.bool"
    return None if isinstance(value, bool) else wrong


def _between(low: float | None, high: float | None, *, whole: bool = False) -> Check:
    def check(value: Any) -> tuple[str, str] | None:
        if not number(value) or (whole and value != int(value)):
            kind = "integer" if whole else "float"
            return f"value is not a valid {kind}", f"type_error.{kind}"
        if low is not None and value < low:
            at_least = f"ensure this value is greater than or equal to {low}"
            return at_least, "value_error.number.not_ge"
        if high is not None and value > high:
            return f"ensure this value is less than or equal to {high}", "value_error.number.not_le"
        return None

    return check


def _stops(value: object) -> tuple[str, str] | None:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        return "value is not a valid list", "type_error.list"
    if not value:
        return "ensure this value has at least 1 items", "value_error.list.min_items"
    if not all(value):
        return "ensure this value has at least 1 characters", "value_error.any_str.min_length"
    return None


def _text(value: object) -> tuple[str, str] | None:
    return None if isinstance(value, str) else ("str type expected", "type_error.str")


def _uuid(value: object) -> tuple[str, str] | None:
    return None if is_uuid(value) else ("value is not a valid uuid", "type_error.uuid")


def _format(value: object) -> tuple[str, str] | None:
    kinds = ("text", "json_object", "json_schema")
    if not isinstance(value, dict) or value.get("type") not in kinds:
        return f"type must be one of {', '.join(kinds)}", "value_error"
    if value["type"] != "json_schema":
        return None
    given = value.get("json_schema")
    if not isinstance(given, dict) or not isinstance(given.get("schema"), dict):
        return "json_schema with a schema is required", "value_error.missing"
    return None


FIELDS: dict[str, Check] = {
    "create_session": _boolean,
    "store_in_session": _uuid,
    "stream": _boolean,
    "model": _text,
    "temperature": _between(0, 2),
    "n": _between(1, None, whole=True),
    "stop": _stops,
    "max_tokens": _between(1, None, whole=True),
    "max_completion_tokens": _between(1, None, whole=True),
    "seed": _between(None, None, whole=True),
    "top_p": _between(0, 1),
    "top_k": _between(-1, None, whole=True),
    "frequency_penalty": _between(-2, 2),
    "presence_penalty": _between(-2, 2),
    "response_format": _format,
}


async def _frames(turn: Turn, count: int) -> AsyncGenerator[str, None]:
    kind, role = "chat.completion.chunk", {"role": "assistant", "content": ""}
    opening = [_choice(index, None, delta=role) for index in range(count)]
    yield data({**_object(turn, kind, opening), **_extras(turn)})
    async for word in turn.words():
        finish = turn.finish if word.last else None
        for index in range(count):
            choice = _choice(index, finish, delta={"content": word.text})
            yield data(_object(turn, kind, [choice]))
    yield DONE


async def _whole(turn: Turn, count: int) -> JsonObject:
    message = {"role": "assistant", "content": await turn.complete()}
    choices = [_choice(index, turn.finish, message=message) for index in range(count)]
    went, came = turn.prompt_tokens, turn.completion_tokens * count
    usage = {"completion_tokens": came, "prompt_tokens": went, "total_tokens": went + came}
    return {**_object(turn, "chat.completion", choices), "usage": usage, **_extras(turn)}


def _object(turn: Turn, kind: str, choices: list[JsonObject]) -> JsonObject:
    return {
        "id": turn.reply_id,
        "object": kind,
        "created": int(turn.created),
        "model": MODEL,
        "choices": choices,
    }


def _choice(index: int, finish: str | None, **content: dict[str, str]) -> JsonObject:
    return {"index": index, **content, "finish_reason": finish}


def _extras(turn: Turn) -> JsonObject:
    extras: JsonObject = {}
    if turn.shelf is not None:
        extras["session_id"] = turn.shelf
    if turn.citations:
        extras["index_context_info"] = [_context(each) for each in turn.citations]
    return extras


def _context(citation: JsonObject) -> Arguments:
    metadata = {
        "document_id": citation["id"],
        "score": citation["score"],
        "origin_name": citation["filename"],
        "origin_ref": citation["url"],
    }
    return {"text": citation["text"], "metadata": metadata}


ROOT = "/api/v1/compatibility/openai/v1"
routes = [
    Route(f"{ROOT}/{kind}/{{agent}}/chat/completions", chat, methods=["POST"])
    for kind in ("assistants", "agents")
]
