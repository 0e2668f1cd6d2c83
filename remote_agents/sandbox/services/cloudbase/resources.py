"""CloudBase beside the chat: conversations, records, feedback, questions, agents.

Lists come in the shape of the hosted service; `box.configure(cloudbase_lists=...)` changes to that
of Tencent's older server template (`template`, whose `offset` counts pages) or of its newer one
(`express`).
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from remote_agents.sandbox.mind.words import terms
from remote_agents.sandbox.service import Service, require_key, service
from remote_agents.sandbox.services.cloudbase import AGENT
from remote_agents.sandbox.services.cloudbase.chat import (
    BOT,
    ENDPOINT,
    IDS,
    MODEL,
    REASONER,
    authorize,
    milliseconds,
    unknown,
)
from remote_agents.sandbox.serving.lists import iso, size_of, whole
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

Row = dict[str, Any]
RATINGS = ("upvote", "downvote")


# --- conversations -------------------------------------------------------------------------------


async def list_conversations(request: Request) -> Json:
    """The agent's conversations, newest first."""
    bot, box = authorize(request), service(request)
    shape = box.settings.of_services["cloudbase_lists"]
    if request.query_params.get("isDefault") == "true":
        return Json({"data": [], "total": 0})
    limit, offset = size_of(request, "limit", 10), whole(request, "offset", 0)
    if shape == "template":
        # The template computes its page as `offset || (0 / pageSize)` plus 1.
        offset *= limit
    where = "FROM conversations WHERE endpoint = ? AND agent = ? AND lost = 0"
    total = _count(box, where, ENDPOINT, bot)
    sql = f"SELECT * {where} ORDER BY created DESC, id LIMIT ? OFFSET ?"
    rows = box.store.all(sql, ENDPOINT, bot, limit, offset)
    if shape == "express":
        return Json({"conversationList": [_express(row) for row in rows], "total": total})
    return Json({"data": [_shown(row) for row in rows], "total": total})


def _count(box: Service, where: str, *values: object) -> int:
    found = box.store.one(f"SELECT count(*) AS n {where}", *values)
    return int(found["n"]) if found else 0


def _shown(row: Row) -> Row:
    return {
        "conversationId": row["id"],
        "title": row["title"],
        "createTime": iso(row["created"]),
        "updateTime": iso(row["updated"]),
    }


def _express(row: Row) -> Row:
    return {
        "botId": row["agent"],
        "userId": "sandbox",
        "conversationId": row["id"],
        "title": row["title"],
        "createdAt": iso(row["created"]),
        "updatedAt": iso(row["updated"]),
    }


async def rename_conversation(request: Request) -> Json:
    """Change a conversation's title."""
    box, row = service(request), _known(request)
    body = await json_object(request) or {}
    if not isinstance(body.get("title"), str):
        raise Refusal(400, "title is required and must be a string")
    sql = "UPDATE conversations SET title = ?, updated = ? WHERE endpoint = ? AND id = ?"
    box.store.db.execute(sql, (body["title"], time.time(), ENDPOINT, row["id"]))
    return Json({"count": 1})


async def delete_conversation(request: Request) -> Json:
    """Delete a conversation with its records."""
    service(request).store.forget(ENDPOINT, _known(request)["id"])
    return Json({"count": 1})


def _known(request: Request) -> Row:
    bot, id_ = authorize(request), request.path_params["conversation"]
    row = service(request).store.conversation(ENDPOINT, id_)
    if row is None or row["agent"] != bot:
        raise unknown(id_)
    return row


# --- records and feedback ------------------------------------------------------------------------


async def list_records(request: Request) -> Json:
    """Messages of the agent, or of one of its conversations."""
    bot, box, query = authorize(request), service(request), request.query_params
    sort = _one_of(request, "sort", "asc", "desc")
    if sort is None:
        raise Refusal(400, "sort is required: asc or desc")
    where, values = "FROM messages WHERE endpoint = ? AND agent = ?", [ENDPOINT, bot]
    if query.get("conversationId"):
        where, values = f"{where} AND conversation = ?", [*values, query["conversationId"]]
    size, page = size_of(request, "pageSize", 10), max(whole(request, "pageNumber", 1), 1)
    sql = f"SELECT * {where} ORDER BY seq {sort} LIMIT ? OFFSET ?"
    rows = box.store.all(sql, *values, size, (page - 1) * size)
    total = _count(box, where, *values)
    return Json({"recordList": [_record(row) for row in rows], "total": total})


def _record(row: Row) -> Row:
    return {
        "botId": row["agent"],
        "recordId": row["id"],
        "role": row["role"],
        "content": row["content"],
        "conversation": row["conversation"],
        "type": "text",
        "image": "",
        "triggerSrc": "TCB",
        "replyTo": row["reply_to"] or "",
        "createTime": iso(row["created"]),
        "status": "done",
        "fileInfos": [],
    }


async def send_feedback(request: Request) -> Json:
    """Rate an answer."""
    bot = authorize(request)
    body = await json_object(request) or {}
    if body.get("type") not in RATINGS:
        raise Refusal(400, "type must be upvote or downvote")
    if body.get("rating") is not None and not number(body["rating"]):
        raise Refusal(400, "rating must be a number")
    store = service(request).store
    record = body.get("recordId")
    # The answers of both protocols can be rated.
    sql = "SELECT id FROM messages WHERE endpoint IN (?, ?) AND id = ?"
    found = store.one(sql, ENDPOINT, f"{ENDPOINT}_openai", record)
    if found is None:
        raise Refusal(404, f"Record {record} does not exist")
    names = ("comment", "rating", "tags", "input", "aiAnswer")
    row = {
        "endpoint": ENDPOINT,
        "agent": bot,
        "message": record,
        "kind": body["type"],
        "created": time.time(),
        "extra": {name: body[name] for name in names if body.get(name) is not None},
    }
    store.insert("feedback", row)
    return Json({"status": "success"})


async def list_feedback(request: Request) -> Json:
    """Ratings, newest first."""
    bot, kind = authorize(request), _one_of(request, "type", *RATINGS)
    size, page = size_of(request, "pageSize", 10), max(whole(request, "pageNumber", 1), 1)
    low, high = _end(request, "minRating"), _end(request, "maxRating")
    first, last = _end(request, "from"), _end(request, "to")  # seconds
    sql = "SELECT * FROM feedback WHERE endpoint = ? AND agent = ? ORDER BY seq DESC"
    found = [
        row
        for row in service(request).store.all(sql, ENDPOINT, bot)
        if kind in (None, row["kind"])
        and (low is None or low <= row["extra"].get("rating", 0))
        and (high is None or row["extra"].get("rating", 0) <= high)
        and (first is None or first <= row["created"])
        and (last is None or int(row["created"]) <= last)
    ]
    items = [_rating(row) for row in found[(page - 1) * size : page * size]]
    return Json({"feedbackList": items, "total": len(found)})


def _one_of(request: Request, name: str, *words: str) -> str | None:
    """A word in the query, refused when it is none of those that there are."""
    word = request.query_params.get(name)
    if word and word not in words:
        raise Refusal(400, f"{name} must be {' or '.join(words)}")
    return word or None


def _end(request: Request, name: str) -> float | None:
    """An end of a range in the query, refused when it is no number."""
    text = request.query_params.get(name)
    try:
        return float(text) if text else None
    except ValueError:
        raise Refusal(400, f"{name} cannot be {text!r}") from None


def _rating(row: Row) -> Row:
    return {
        "recordId": row["message"],
        "type": row["kind"],
        "botId": row["agent"],
        "sender": "sandbox",
        **row["extra"],
        "createTime": iso(row["created"]),
    }


# --- questions and agents ------------------------------------------------------------------------


async def recommend_questions(request: Request) -> Frames:
    """Questions that the handbook answers, one a line, as a stream."""
    authorize(request)
    body = await json_object(request)
    if body is None:
        raise Refusal(400, "the body must be a JSON object")
    topics = _topics(service(request), str(body.get("msg") or ""))
    return Frames(_questions([f"What does the handbook say about {each}?" for each in topics]))


def _topics(box: Service, msg: str) -> list[str]:
    found = box.brain.knowledge.search(terms(msg or "vacation remote work expenses"))
    titles = [hit.section.heading.lower() for hit in found]
    return list(dict.fromkeys(titles))[:3] or ["vacation", "remote work", "expenses"]


async def _questions(questions: list[str]) -> AsyncGenerator[str, None]:
    record = f"record-{short_id()}"
    frame = {"record_id": record, "model": MODEL, "role": "assistant", "created": milliseconds()}
    for word in "\n".join(questions).split(" "):
        fields = {"type": "text", "content": f"{word} ", "finish_reason": "continue"}
        yield data({**frame, **fields})
    yield data({**frame, "type": "finish", "content": "", "finish_reason": "stop"})
    yield DONE


async def list_agents(request: Request) -> Json:
    """The environment's agents."""
    require_key(request, ENDPOINT, "Credentials are invalid")
    size, page = size_of(request, "pageSize", 10), max(whole(request, "pageNumber", 1), 1)
    bots = [_bot(id_) for id_ in IDS]
    return Json({"botList": bots[(page - 1) * size : page * size], "total": len(bots)})


async def show_agent(request: Request) -> Json:
    """One agent."""
    return Json(_bot(authorize(request)))


def _bot(id_: str) -> Row:
    return {
        "botId": id_,
        "name": "Handbook",
        "model": REASONER,
        "agentSetting": "Answer from the employee handbook.",
        "introduction": "Answers questions about Northwind Harbor.",
        "welcomeMessage": "Ask me about the handbook.",
        "avatar": "",
        "type": "text",
        "isNeedRecommend": True,
        "knowledgeBase": ["handbook"],
        "databaseModel": [],
        "initQuestions": ["How many vacation days do I get?"],
        "searchEnable": True,
        "searchFileEnable": False,
        "mcpServerList": [],
        "updateTime": "2025-01-31T08:00:00.000Z",
        "multiConversationEnable": id_ == AGENT.agent_id,
    }


CONVERSATION = f"{BOT}/conversation/{{conversation}}"
routes = [
    Route("/v1/aibot/bots", list_agents, methods=["GET"]),
    Route(BOT, show_agent, methods=["GET"]),
    Route(f"{BOT}/conversation", list_conversations, methods=["GET"]),
    Route(CONVERSATION, rename_conversation, methods=["PATCH"]),
    Route(CONVERSATION, delete_conversation, methods=["DELETE"]),
    Route(f"{BOT}/records", list_records, methods=["GET"]),
    Route(f"{BOT}/feedback", send_feedback, methods=["POST"]),
    Route(f"{BOT}/feedback", list_feedback, methods=["GET"]),
    Route(f"{BOT}/recommend-questions", recommend_questions, methods=["POST"]),
]
