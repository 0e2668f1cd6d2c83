"""What the BlueNexus agent remembers: the documents, passage by passage."""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.knowledge import Hit
from remote_agents.sandbox.service import citation, service
from remote_agents.sandbox.services.bluenexus.chat import authorize, problem
from remote_agents.sandbox.services.bluenexus.resources import page_of
from remote_agents.sandbox.serving.wire import Json, Refusal


async def list_memories(request: Request) -> Json:
    """All memories, page by page."""
    authorize(request)
    box = service(request)
    kept = [citation(Hit(each, 1.0), box.url) for each in box.brain.knowledge.sections]
    limit, offset, told = page_of(request, len(kept))
    shown = [_shown(each) for each in kept[offset : offset + limit]]
    return Json({"data": shown, "pagination": told})


async def search(request: Request) -> Json:
    """The memories for a query."""
    authorize(request)
    query = request.query_params.get("query", "")
    if not query.strip():
        empty = problem("query", "should not be empty", query)
        raise Refusal(400, "Validation failed", detail=[empty])
    hits = service(request).search(query)
    return Json({"data": [{**_shown(hit), "score": hit["score"]} for hit in hits]})


def _shown(memory: JsonObject) -> JsonObject:
    return {
        "id": f"mem-{memory['id']}",
        "content": memory["text"],
        "source": memory["filename"],
        "createdAt": "2025-01-31T08:00:00.000Z",
    }


ALL = "/api/v1/agents/{agent}/memories"
routes = [
    Route(ALL, list_memories, methods=["GET"]),
    Route(f"{ALL}/search", search, methods=["GET"]),
]
