"""Tencent CloudBase, native ``send-message``: the classic dialect and AG-UI on the same URL."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from itertools import pairwise

from pydantic import ValidationError
from starlette.requests import Request
from starlette.routing import Route

from remote_agents.sandbox import ag_ui
from remote_agents.sandbox.files import Files
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.answers import Ask
from remote_agents.sandbox.run_input import Run, read_run
from remote_agents.sandbox.run_schema import RunAgentInputBefore
from remote_agents.sandbox.service import Service, Turn, require_key, service
from remote_agents.sandbox.services.cloudbase import AGENT
from remote_agents.sandbox.serving.wire import (
    DONE,
    Frames,
    Json,
    Refusal,
    data,
    json_object,
    short_id,
)

ENDPOINT = "cloudbase"
IDS = (AGENT.agent_id, AGENT.extra["ag_ui_agent_id"], AGENT.extra["approval_agent_id"])
CODES = {
    400: "INVALID_PARAM",
    401: "INVALID_CREDENTIALS",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_NOT_FOUND",
    429: "EXCEED_RATELIMIT",
    503: "SERVICE_NOT_READY",
    504: "SERVICE_TIMEOUT",
}
# What an agent's own server answers of a run, where all else is the gateway's.
INVALID_RUN = "INVALID_REQUEST"
# The roles that Tencent's server hands to its agent: a run with another one fails.
CONVERTED = frozenset({"user", "assistant", "system", "tool"})
# The records of turns without a conversation, which are all of one user here.
SHELF = "default"
MODEL, REASONER = "hunyuan", "deepseek-r1"


def error_body(refusal: Refusal, request_id: str) -> JsonObject:
    """CloudBase's error object."""
    if refusal.code == INVALID_RUN:
        error = {"code": INVALID_RUN, "message": refusal.message}
        return {"error": error, "requestId": request_id}
    code = refusal.code or CODES.get(refusal.status, "INTERNAL_SERVER_ERROR")
    return {"code": code, "message": refusal.message, "requestId": request_id}


def error_frames(message: str, state: JsonObject) -> list[str]:
    """A failure in the stream, in the dialect of the request."""
    if "run" in state:
        return failed_run(message, state["run"])
    frame = {
        "type": "error",
        "created": milliseconds(),
        "record_id": f"record-{short_id()}",
        "model": REASONER,
        "content": "",
        "usage": {},
        "finish_reason": "error",
        "error": {"name": "LLMError", "message": message},
    }
    return [data(frame)]


def failed_run(message: str, run: JsonObject) -> list[str]:
    """A failure as Tencent's server tells it: twice, and with its own names of the ids."""
    whole = {"run_id": run["runId"], "thread_id": run["threadId"]}
    again = f"Failed to process agent request: {message}"
    return [
        data({"type": "RUN_ERROR", "message": message, **whole}),
        data({"type": "RUN_ERROR", "message": again, "code": "INTERNAL_ERROR", **whole}),
    ]


def authorize(request: Request) -> str:
    """The agent of the path, for whoever holds the key."""
    require_key(request, ENDPOINT, "Credentials are invalid")
    bot = str(request.path_params["bot"])
    if bot not in IDS:
        raise Refusal(404, f"Agent {bot} does not exist")
    return bot


def history_of(value: object, name: str = "history") -> list[JsonObject]:
    """A list of {role, content}, refused when it is anything else."""
    if not isinstance(value, list):
        raise Refusal(400, f"{name} must be an array of objects with role and content")
    for item in value:
        fields = (item.get("role"), item.get("content")) if isinstance(item, dict) else (None,)
        if not all(isinstance(each, str) for each in fields):
            raise Refusal(400, f"each item of {name} needs role and content as strings")
    return list(value)


async def send_message(request: Request) -> Frames:
    """Answer a message, in the one dialect that the agent speaks."""
    bot = authorize(request)
    body = await json_object(request)
    if body is None:
        raise Refusal(400, "the body must be a JSON object")
    if bot == AGENT.agent_id:
        return await _classic(service(request), bot, body)
    return await _ag_ui(request, bot, body)


async def _classic(box: Service, bot: str, body: JsonObject) -> Frames:
    message = body.get("msg")
    if not isinstance(message, str):
        raise Refusal(400, "msg is required and must be a string")
    conversation = _conversation(box, bot, body.get("conversationId"))
    asked = {"role": "user", "content": message}
    history = _pairs(history_of([] if body.get("history") is None else body["history"]))
    search = body.get("searchEnable", False)
    if not isinstance(search, bool):
        raise Refusal(400, "searchEnable must be a boolean")
    files = _links(body.get("files"))
    turn = await box.begin(
        ENDPOINT,
        bot,
        Ask([*history, asked], _said(box, files), names_of(files)),  # it sees no more than this
        stream=True,
        conversation=conversation,
        shelf=SHELF,
        keep=[asked],
        reply_id=f"record-{short_id()}",
    )
    return Frames(_classic_frames(turn, search))


def _pairs(history: list[JsonObject]) -> list[JsonObject]:
    """What the templates' `fixHistory` keeps: the last questions with an answer right behind."""
    said = [(each["role"], bool(each["content"])) for each in history]
    kept = list[JsonObject]()
    for at, both in enumerate(pairwise(said)):
        if both == (("user", True), ("assistant", True)):
            kept += history[at : at + 2]
    return kept[-20:]


def _conversation(box: Service, bot: str, given: object) -> str | None:
    if given in (None, ""):
        return None
    found = box.store.conversation(ENDPOINT, given) if isinstance(given, str) else None
    if found is None or found["agent"] != bot:
        raise unknown(given)
    return str(found["id"])


def unknown(conversation: object) -> Refusal:
    """The refusal of a conversation that there is not, or not of this agent."""
    message = f"Conversation {conversation} does not exist"
    return Refusal(404, message, code="CONVERSATION_NOT_FOUND")


def _links(value: object) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise Refusal(400, "files must be an array of strings")
    if not all(each.startswith(("cloud://", "https://")) for each in value):
        raise Refusal(400, "files must be cloud:// or https:// links")
    return value


def names_of(links: list[str]) -> tuple[str, ...]:
    """What files are called, by their links."""
    return tuple(each.rpartition("/")[2] for each in links)


def _said(box: Service, links: list[str]) -> list[JsonObject]:
    """What files say that were uploaded to the storage."""
    keys = [each.removeprefix("cloud://").partition("/")[2] for each in links]
    return box.said_in_files(keys)


async def _classic_frames(turn: Turn, search: bool) -> AsyncGenerator[str, None]:
    if search:
        yield data(_search_frame(turn))
    if turn.answer.used:
        yield data(_knowledge_frame(turn))
    for delta in ag_ui.halves(turn.answer.reasoning):
        yield data(_frame(turn, "thinking", REASONER, reasoning_content=delta))
    async for word in turn.words():
        if word.text:
            usage = _usage(turn)
            yield data(_frame(turn, "text", REASONER, content=word.text, usage=usage))
    yield data(_frame(turn, "finish", REASONER, usage=_usage(turn), finish_reason=turn.finish))
    yield DONE


def _frame(turn: Turn, kind: str, model: str, **fields: object) -> JsonObject:
    frame = {
        "type": kind,
        "created": milliseconds(),
        "record_id": turn.reply_id,
        "model": model,
        "content": "",
        "usage": {},
        "role": "assistant",
        "finish_reason": "continue",
    }
    return {**frame, **fields}


def _search_frame(turn: Turn) -> JsonObject:
    results = [
        {"index": f"[{number}]", "title": hit["title"], "url": hit["url"]}
        for number, hit in enumerate(turn.found, 1)
    ]
    return {
        "type": "search",
        "created": milliseconds(),
        "model": MODEL,
        "role": "assistant",
        "content": "",
        "search_info": {"search_results": results},
        "finish_reason": "continue",
    }


def _knowledge_frame(turn: Turn) -> JsonObject:
    metas = [
        {
            "title": each["title"],
            "fileName": each["filename"],
            "url": each["url"],
            "content": each["text"],
            "score": each["score"],
        }
        for each in turn.citations
    ]
    return {
        "type": "knowledge",
        "created": milliseconds(),
        "role": "assistant",
        "content": "",
        "finish_reason": "continue",
        "knowledge_base": [turn.service.brain.knowledge.name] * len(metas),
        "knowledge_meta": metas,
    }


def _usage(turn: Turn) -> dict[str, int]:
    went, came = turn.prompt_tokens, turn.completion_tokens
    return {"promptTokens": went, "completionTokens": came, "totalTokens": went + came}


def milliseconds() -> int:
    """The time as frames tell it."""
    return int(time.time() * 1000)


async def _ag_ui(request: Request, bot: str, body: JsonObject) -> Frames:
    box, run = service(request), _read(body)
    request.scope["state"]["run"] = run.ids
    if strangers := [each["role"] for each in run.messages if each["role"] not in CONVERTED]:
        return Frames(_failing(f"Unsupported message role: {strangers[0]}", run.ids))
    links = _links((body.get("forwardedProps") or {}).get("files"))
    files = Files(names_of(links), _said(box, links))
    lost = unknown(run.thread)
    turn, held = await ag_ui.begin(box, ENDPOINT, bot, run, files, lost, modern=False)
    dialect = ag_ui.Dialect(modern=False, asks=bot == AGENT.extra["approval_agent_id"])
    return Frames(ag_ui.frames(turn, run, held, dialect))


async def _failing(message: str, run: JsonObject) -> AsyncGenerator[str, None]:
    for frame in failed_run(message, run):
        yield frame


def _read(body: JsonObject) -> Run:
    """A run, or the first thing that is wrong, in the words of Tencent's server."""
    messages = body.get("messages")
    if isinstance(messages, list):  # it gives ids to those that have none
        named = [_with_id(each) if isinstance(each, dict) else each for each in messages]
        body = {**body, "messages": named}
    try:
        run = read_run(body, RunAgentInputBefore)
    except ValidationError as error:
        first = error.errors()[0]
        where = " -> ".join(map(str, first["loc"]))
        raise Refusal(400, f"Invalid field '{where}': {first['msg']}", code=INVALID_RUN) from None
    if not run.messages and not run.resumes:
        raise Refusal(400, "messages must be a non-empty array", code=INVALID_RUN)
    return run


def _with_id(message: JsonObject) -> JsonObject:
    return message if message.get("id") is not None else {**message, "id": f"msg-{short_id()}"}


async def create_conversation(request: Request) -> Json:
    """Open a conversation; the chat reply never names one."""
    bot = authorize(request)
    body = await json_object(request) if await request.body() else {}
    if body is None:
        raise Refusal(400, "the body must be a JSON object")
    title = body.get("title") or ""
    if not isinstance(title, str):
        raise Refusal(400, "title must be a string")
    row = service(request).store.add_conversation(
        ENDPOINT, bot, f"conversation-{short_id()}{short_id()}", title
    )
    return Json({"conversationId": row["id"], "title": row["title"]})


BOT = "/v1/aibot/bots/{bot}"
routes = [
    Route(f"{BOT}/send-message", send_message, methods=["POST"]),
    Route(f"{BOT}/conversation", create_conversation, methods=["POST"]),
]
