"""VMware Private AI Service beside the chat: lists of agents and models, in OpenAI's shape."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.service import require_key
from remote_agents.sandbox.services.private_ai import AGENT
from remote_agents.sandbox.services.private_ai.chat import (
    ENDPOINT,
    MODEL,
    ROOT,
    authorize,
    problem,
    unprocessable,
)
from remote_agents.sandbox.serving.lists import whole
from remote_agents.sandbox.serving.wire import Json, Refusal

CREATED = 1_735_689_600
TOO_MANY = 1000


def _agent(id_: str) -> JsonObject:
    return {
        "id": id_,
        "object": "agent",
        "created_at": CREATED,
        "name": "Handbook",
        "description": "Answers from the employee handbook.",
        "instructions": "Answer from the documents.",
        "model": MODEL,
        "status": "READY",
        "status_errors": [],
        "session_max_length": 10_000,
        "session_max_ttl": 86_400,
        "session_summarization_strategy": "delete_oldest",
        "tools": [],
        "metadata": {},
        "agent_type": "assistant",
    }


async def list_agents(request: Request) -> Json:
    """The agents."""
    require_key(request, ENDPOINT, "Could not validate credentials")
    return Json(listed(request, [_agent(AGENT.agent_id)]))


def _no_integer(name: str, given: str) -> Refusal:
    message, kind = "value is not a valid integer", "type_error.integer"
    return unprocessable([problem([name], message, kind, "query")])


async def show_agent(request: Request) -> Json:
    """One agent."""
    return Json(_agent(authorize(request)))


async def list_models(request: Request) -> Json:
    """The models, all at once."""
    require_key(request, ENDPOINT, "Could not validate credentials")
    model = {"id": MODEL, "object": "model", "created": CREATED, "owned_by": "vmware"}
    return Json({"object": "list", "data": [model]})


def listed(request: Request, found: list[JsonObject]) -> JsonObject:
    """The page of a list that is asked for, in OpenAI's shape."""
    limit = whole(request, "limit", 100, _no_integer)
    offset = whole(request, "offset", 0, _no_integer)
    if limit < 1:
        raise _no_limit("ensure this value is greater than 0", "not_gt")
    if limit >= TOO_MANY:
        raise _no_limit(f"ensure this value is less than {TOO_MANY}", "not_lt")
    if request.query_params.get("order", "asc") not in ("asc", "desc"):
        raise unprocessable([problem(["order"], "asc or desc", "type_error.enum", "query")])
    items, more = found[offset : offset + limit], offset + limit < len(found)
    return {
        "object": "list",
        "data": items,
        "has_more": more,
        "num_objects": len(items),
        "first_id": items[0]["id"] if items else None,
        "last_id": items[-1]["id"] if items else None,
    }


def _no_limit(message: str, kind: str) -> Refusal:
    return unprocessable([problem(["limit"], message, f"value_error.number.{kind}", "query")])


routes = [
    Route(f"{ROOT}/models", list_models, methods=["GET"]),
    *(Route(f"{ROOT}/{kind}", list_agents, methods=["GET"]) for kind in ("agents", "assistants")),
    *(
        Route(f"{ROOT}/{kind}/{{agent}}", show_agent, methods=["GET"])
        for kind in ("agents", "assistants")
    ),
]
