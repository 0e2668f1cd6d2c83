"""MaiAgent beside the chat: conversations and messages."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from remote_agents.sandbox.mind.answers import Ask
from remote_agents.sandbox.service import Service, service
from remote_agents.sandbox.services.maiagent import AGENT
from remote_agents.sandbox.services.maiagent.chat import (
    ENDPOINT,
    NOT_UUID,
    REQUIRED,
    ROOTS,
    attachment_problems,
    either,
    existing,
    milliseconds,
    no_choice,
    no_such,
    object_problem,
    page_size,
    require_account,
    sources,
    stable_uuid,
    wrong,
)
from remote_agents.sandbox.serving.lists import cursor, link, place
from remote_agents.sandbox.serving.wire import Json, Refusal, is_uuid, json_object, new_id

Row = dict[str, Any]
CHATBOT = {
    "id": AGENT.agent_id,
    "name": "Handbook",
    "largeLanguageModel": {"id": stable_uuid("model"), "name": "gpt-4o-mini"},
    "rag": {"id": stable_uuid("rag"), "name": "Hybrid search"},
    "embeddingModel": {"id": stable_uuid("embedding"), "name": "text-embedding-3-small"},
    "rerankerModel": None,
    "updatedAt": "1735689600000",
}
INBOX = {
    "id": stable_uuid("inbox"),
    "name": "Handbook on the intranet",
    "channelType": "web",
    "unreadConversationsCount": 0,
}
WEB_CHAT = {"id": AGENT.extra["web_chat_id"], "name": INBOX["name"], "avatar": None}


# --- conversations -------------------------------------------------------------------------------


async def create_conversation(request: Request) -> Json:
    """Open a conversation in a web chat."""
    require_account(request)
    body = await json_object(request) or {}
    web_chat = either(body, "webChat", "web_chat")
    if not web_chat:
        raise wrong(webChat=REQUIRED)
    if not is_uuid(web_chat):
        raise wrong(webChat=NOT_UUID)
    if web_chat != WEB_CHAT["id"]:
        raise wrong(webChat=no_such(web_chat))
    box = service(request)
    row = box.store.add_conversation(ENDPOINT, AGENT.agent_id, new_id(), web_chat=web_chat)
    return Json(shown_conversation(box, row), status_code=201)


async def list_conversations(request: Request) -> Json:
    """Newest first, behind a cursor; no count."""
    require_account(request)
    box, size, query = service(request), page_size(request), request.query_params
    where, values = "endpoint = ? AND lost = 0", [ENDPOINT]
    if query.get("inbox") and query["inbox"] != INBOX["id"]:
        return Json({"next": None, "previous": None, "results": []})
    if query.get("keyword"):
        where += (
            " AND (instr(title, ?) OR EXISTS (SELECT 1 FROM messages m WHERE m.endpoint ="
            " conversations.endpoint AND m.conversation = conversations.id"
            " AND instr(m.content, ?)))"
        )
        values += [query["keyword"]] * 2
    after = place(request, 2)
    if after:
        where += " AND (created, id) < (?, ?)"
        values += after
    sql = f"SELECT * FROM conversations WHERE {where} ORDER BY created DESC, id DESC LIMIT ?"
    rows = box.store.all(sql, *values, size + 1)
    more = len(rows) > size
    following = cursor(rows[size - 1]["created"], rows[size - 1]["id"]) if more else None
    results = [shown_conversation(box, row) for row in rows[:size]]
    return Json(
        {
            "next": link(request, box.url, cursor=following) if following else None,
            "previous": link(request, box.url, cursor=None) if after else None,
            "results": results,
        }
    )


async def show_conversation(request: Request) -> Json:
    """One conversation."""
    require_account(request)
    box = service(request)
    return Json(shown_conversation(box, _known(box, request.path_params["conversation"])))


def _known(box: Service, id_: Any) -> Row:
    row = box.store.conversation(ENDPOINT, id_) if is_uuid(id_) else None
    if row is None:
        raise Refusal(404, "No Conversation matches the given query.")
    return row


def shown_conversation(box: Service, row: Row) -> Row:
    """A conversation as the service shows it."""
    last = box.store.one(
        "SELECT * FROM messages WHERE endpoint = ? AND conversation = ? ORDER BY seq DESC LIMIT 1",
        ENDPOINT,
        row["id"],
    )
    contact = row["extra"].get("sender") or AGENT.extra["contact_id"]
    return {
        "id": row["id"],
        "contact": {
            "id": contact,
            "name": "Robin Harbor",
            "avatar": None,
            "createdAt": milliseconds(row["created"]),
        },
        "inbox": INBOX,
        "title": row["title"],
        "lastMessage": None if last is None else shown_message(last),
        "lastMessageCreatedAt": milliseconds(row["updated"]),
        "unreadMessagesCount": 0,
        "autoReplyEnabled": True,
        "isAutoReplyNow": True,
        "lastReadAt": None,
        "createdAt": milliseconds(row["created"]),
        "isGroupChat": False,
        "enableGroupMention": False,
    }


# --- messages ------------------------------------------------------------------------------------


async def create_message(request: Request) -> Json:
    """Store a message; its answer is written later."""
    require_account(request)
    body = await json_object(request) or {}
    box = service(request)
    if not body.get("conversation"):
        raise wrong(conversation=REQUIRED)
    row = existing(box, body["conversation"])
    problems = _problems(body)
    if problems:
        raise wrong(**problems)
    content = body.get("content") or ""
    if body.get("type") == "outgoing":
        stored = box.store.add_message(ENDPOINT, AGENT.agent_id, row["id"], "assistant", content)
        return Json(shown_message(stored), status_code=201)
    return Json(shown_message(await _asked(box, row["id"], content, body)), status_code=201)


async def _asked(box: Service, conversation: str, content: str, body: Row) -> Row:
    ask = Ask([{"role": "user", "content": content}], box.stored(ENDPOINT, conversation))
    turn = await box.begin(
        ENDPOINT,
        AGENT.agent_id,
        ask,
        stream=False,
        conversation=conversation,
        attachments=body.get("attachments") or [],
        query_metadata=either(body, "queryMetadata", "query_metadata"),
        content_payload=either(body, "contentPayload", "content_payload"),
        canvas=body.get("canvas"),
    )

    async def answer() -> None:
        with suppress(Refusal):  # of a model behind it; the message stays without an answer
            async for _ in turn.words():
                pass

    task = asyncio.create_task(answer())
    WRITING.add(task)
    task.add_done_callback(WRITING.discard)
    stored = box.store.one("SELECT * FROM messages WHERE id = ?", turn.question_id)
    assert stored is not None
    return stored


WRITING: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references


def _problems(body: Row) -> Row:
    content, attached = body.get("content"), body.get("attachments")
    checked: Row = {
        "content": [] if content is None or isinstance(content, str) else ["Not a valid string."],
        "attachments": [] if attached is None else attachment_problems(attached),
        "queryMetadata": object_problem(either(body, "queryMetadata", "query_metadata")),
        "contentPayload": object_problem(either(body, "contentPayload", "content_payload")),
    }
    problems = {name: found for name, found in checked.items() if found}
    if body.get("type") not in (None, "incoming", "outgoing"):
        problems["type"] = no_choice(body["type"])
    canvas = body.get("canvas")
    if canvas is not None:
        given = canvas if isinstance(canvas, dict) else {}
        names = ("name", "canvasType", "title", "content")
        if missing := {name: REQUIRED for name in names if not given.get(name)}:
            problems["canvas"] = missing
    return problems


async def list_messages(request: Request) -> Json:
    """The messages of a conversation, newest first, behind a cursor; the count is told, too."""
    require_account(request)
    box, size = service(request), page_size(request)
    where, values = "endpoint = ?", [ENDPOINT]
    if conversation := request.query_params.get("conversation"):
        where += " AND conversation = ?"
        values.append(_known(box, conversation)["id"])
    count = box.store.one(f"SELECT count(*) AS n FROM messages WHERE {where}", *values)
    after = place(request, 1)
    sql = f"SELECT * FROM messages WHERE {where} AND seq < ? ORDER BY seq DESC LIMIT ?"
    rows = box.store.all(sql, *values, after[0] if after else 1 << 62, size + 1)
    following = cursor(rows[size - 1]["seq"]) if len(rows) > size else None
    return Json(
        {
            "count": count["n"] if count else 0,
            "next": link(request, box.url, cursor=following) if following else None,
            "previous": link(request, box.url, cursor=None) if after else None,
            "results": [shown_message(row) for row in rows[:size]],
        }
    )


async def show_message(request: Request) -> Json:
    """One message."""
    require_account(request)
    sql = "SELECT * FROM messages WHERE id = ? AND endpoint = ?"
    row = service(request).store.one(sql, request.path_params["message"], ENDPOINT)
    conversation = request.query_params.get("conversation")
    if row is None or conversation not in (None, row["conversation"]):
        raise Refusal(404, "No Message matches the given query.")
    return Json(shown_message(row))


def shown_message(row: Row) -> Row:
    """A message as the service shows it."""
    assistant = row["role"] == "assistant"
    sender = AGENT.agent_id if assistant else row["extra"].get("sender")
    return {
        "id": row["id"],
        "conversation": row["conversation"],
        "sender": {
            "id": sender or AGENT.extra["contact_id"],
            "name": "Handbook" if assistant else "Robin Harbor",
            "avatar": None,
        },
        "type": "outgoing" if assistant else "incoming",
        "content": row["content"],
        "contentPayload": row["extra"].get("content_payload"),
        "queryMetadata": row["extra"].get("query_metadata"),
        "canvas": row["extra"].get("canvas"),
        "feedback": None,
        "createdAt": milliseconds(row["created"]),
        "attachments": row["extra"].get("attachments") or [],
        **sources(row["citations"], row["created"]),
    }


PAGES = (
    ("/conversations/", create_conversation, "POST"),
    ("/conversations/", list_conversations, "GET"),
    ("/conversations/{conversation}/", show_conversation, "GET"),
    ("/messages/", create_message, "POST"),
    ("/messages/", list_messages, "GET"),
    ("/messages/{message}/", show_message, "GET"),
)
routes = [
    Route(f"{root}{path}", page, methods=[method]) for root in ROOTS for path, page, method in PAGES
]
