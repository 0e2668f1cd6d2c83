"""MaiAgent's knowledge bases: one, which holds the documents, and its search."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.service import service
from remote_agents.sandbox.services.maiagent import AGENT
from remote_agents.sandbox.services.maiagent.chat import (
    REQUIRED,
    ROOTS,
    require_account,
    stable_uuid,
    wrong,
)
from remote_agents.sandbox.services.maiagent.directory import numbered
from remote_agents.sandbox.serving.wire import Json, Refusal, json_object

SHOWN = {
    "id": AGENT.extra["knowledge_base_id"],
    "name": "Handbook",
    "description": "The employee handbook.",
    "createdAt": "1735689600000",
    "updatedAt": "1735689600000",
}


async def list_knowledge_bases(request: Request) -> Json:
    """The knowledge bases, with page numbers."""
    require_account(request)
    return numbered(request, [SHOWN])


async def show_knowledge_base(request: Request) -> Json:
    """One knowledge base."""
    _require_known(request)
    return Json(SHOWN)


async def search(request: Request) -> Json:
    """The passages for a query: a bare array, in snake_case."""
    _require_known(request)
    query = (await json_object(request) or {}).get("query")
    if not isinstance(query, str) or not query.strip():
        raise wrong(query=REQUIRED)
    return Json([_shown(hit) for hit in service(request).search(query)])


def _require_known(request: Request) -> None:
    require_account(request)
    if request.path_params["knowledge_base"] != SHOWN["id"]:
        raise Refusal(404, "No KnowledgeBase matches the given query.")


def _shown(hit: JsonObject) -> JsonObject:
    return {
        "id": stable_uuid(hit["id"]),
        "text": hit["text"],
        "score": hit["score"],
        "chatbot_file": {"id": stable_uuid(hit["filename"]), "filename": hit["filename"]},
        "page_number": 1,
    }


PAGES = (
    ("/knowledge-bases/", list_knowledge_bases, "GET"),
    ("/knowledge-bases/{knowledge_base}/", show_knowledge_base, "GET"),
    ("/knowledge-bases/{knowledge_base}/search/", search, "POST"),
)
routes = [
    Route(f"{root}{path}", page, methods=[method]) for root in ROOTS for path, page, method in PAGES
]
