"""BlueNexus beside the chat: agents, conversations and their messages."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from remote_agents.sandbox.service import service
from remote_agents.sandbox.services.bluenexus import AGENT
from remote_agents.sandbox.services.bluenexus.chat import (
    ENDPOINT,
    MODEL,
    authorize,
    problem,
    require_account,
)
from remote_agents.sandbox.serving.lists import iso, size_of, whole
from remote_agents.sandbox.serving.wire import Json, Refusal, json_object, short_id

Row = dict[str, Any]
SHOWN = {
    "id": AGENT.agent_id,
    "accountId": "acc-5d20e7",
    "name": "Handbook",
    "llm": MODEL,
    "personality": "Friendly and brief.",
    "description": "Answers from the employee handbook.",
    "temperature": 0.3,
    "firstPrompt": None,
    "enabledBuiltInTools": ["search"],
    "billingAccountType": "account",
    "usageLimits": {"dailyMessagesPerUser": 200, "monthlyCreditsCap": None},
    "createdAt": "2025-01-01T08:00:00.000Z",
    "updatedAt": "2025-01-31T08:00:00.000Z",
}


def page_of(request: Request, total: int) -> tuple[int, int, Row]:
    """Limit and offset of the page, and what the answer says of it."""
    limit = size_of(request, "limit", 20, 100, _no_number)
    page = max(whole(request, "page", 1, _no_number), 1)
    told = {"page": page, "limit": limit, "total": total, "hasMore": page * limit < total}
    return limit, (page - 1) * limit, told


def _no_number(name: str, given: str) -> Refusal:
    return Refusal(400, "Validation failed", detail=[problem(name, "must be a number", given)])


async def list_agents(request: Request) -> Json:
    """The account's agents."""
    require_account(request)
    limit, offset, told = page_of(request, 1)
    return Json({"data": [SHOWN][offset : offset + limit], "pagination": told})


async def show_agent(request: Request) -> Json:
    """One agent."""
    authorize(request)
    return Json(SHOWN)


async def list_conversations(request: Request) -> Json:
    """The agent's conversations, the one last used first."""
    agent, store = authorize(request), service(request).store
    where = "FROM conversations WHERE endpoint = ? AND agent = ? AND lost = 0"
    count = store.one(f"SELECT count(*) AS n {where}", ENDPOINT, agent)
    limit, offset, told = page_of(request, count["n"] if count else 0)
    sql = f"SELECT * {where} ORDER BY updated DESC, id LIMIT ? OFFSET ?"
    rows = store.all(sql, ENDPOINT, agent, limit, offset)
    return Json({"data": [_shown(row) for row in rows], "pagination": told})


async def create_conversation(request: Request) -> Json:
    """Open a conversation."""
    agent = authorize(request)
    body = await json_object(request) or {}
    title = body.get("title") or ""
    row = service(request).store.add_conversation(
        ENDPOINT, agent, f"conv-{short_id()}", title if isinstance(title, str) else ""
    )
    return Json(_shown(row), status_code=201)


async def delete_conversation(request: Request) -> Response:
    """Delete a conversation with its history."""
    service(request).store.forget(ENDPOINT, _known(request)["id"])
    return Response(status_code=204)


async def list_messages(request: Request) -> Json:
    """The messages of a conversation: a bare array, all at once."""
    id_ = _known(request)["id"]
    rows = service(request).store.messages(ENDPOINT, id_)
    return Json(
        [
            {"role": row["role"], "content": row["content"], "timestamp": iso(row["created"])}
            for row in rows
        ]
    )


def _known(request: Request) -> Row:
    authorize(request)
    id_ = request.path_params["conversation"]
    row = service(request).store.conversation(ENDPOINT, id_)
    if row is None:
        raise Refusal(404, f"Conversation {id_} not found")
    return row


def _shown(row: Row) -> Row:
    return {
        "id": row["id"],
        "agentId": row["agent"],
        "title": row["title"] or None,
        "createdAt": iso(row["created"]),
        "updatedAt": iso(row["updated"]),
    }


ALL = "/api/v1/agents/{agent}/conversations"
routes = [
    Route("/api/v1/agents", list_agents, methods=["GET"]),
    Route("/api/v1/agents/{agent}", show_agent, methods=["GET"]),
    Route(ALL, list_conversations, methods=["GET"]),
    Route(ALL, create_conversation, methods=["POST"]),
    Route(ALL + "/{conversation}", delete_conversation, methods=["DELETE"]),
    Route(ALL + "/{conversation}/messages", list_messages, methods=["GET"]),
]
