"""VMware Private AI Service's knowledge bases: one with one index, which can be searched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.routing import Route

from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.service import require_key, service
from remote_agents.sandbox.services.private_ai import AGENT
from remote_agents.sandbox.services.private_ai.chat import ENDPOINT, problem, unprocessable
from remote_agents.sandbox.services.private_ai.resources import CREATED, listed
from remote_agents.sandbox.serving.wire import Json, Refusal, json_object, number

ROOT = "/api/v1/control/knowledge-bases"
KNOWLEDGE_BASE = {
    "id": AGENT.extra["knowledge_base_id"],
    "name": "Handbook",
    "description": "The employee handbook.",
    "data_origin_type": "DATA_SOURCES",
    "index_refresh_policy": {"policy_type": "MANUAL"},
    "created_at": CREATED,
}
INDEX = {
    "id": AGENT.extra["index_id"],
    "status": "DONE",
    "embeddings_model_endpoint": "bge-small-en-v1.5",
    "chunk_size": 400,
    "chunk_overlap": 100,
    "text_splitting": "SENTENCE",
    "created_at": CREATED,
}


async def list_knowledge_bases(request: Request) -> Json:
    """The knowledge bases."""
    require_key(request, ENDPOINT, "Could not validate credentials")
    return Json(listed(request, [KNOWLEDGE_BASE]))


async def show_knowledge_base(request: Request) -> Json:
    """One knowledge base."""
    _require_known(request)
    return Json(KNOWLEDGE_BASE)


async def list_indexes(request: Request) -> Json:
    """The indexes of a knowledge base."""
    _require_known(request)
    return Json(listed(request, [INDEX]))


async def search(request: Request) -> Json:
    """The chunks of an index for a text."""
    _require_known(request)
    if request.path_params["index"] != INDEX["id"]:
        raise Refusal(404, f"No index found with ID {request.path_params['index']}")
    body = await json_object(request) or {}
    wrong = [name for name, fits in FIELDS.items() if not fits(body.get(name))]
    if wrong:
        said = "Input should be valid", "value_error"
        raise unprocessable([problem([name], *said) for name in wrong])
    hits = service(request).search(body["text"], body.get("top_k") or 2)
    least = body.get("similarity_cutoff") or 0.0
    near = [hit for hit in hits if hit["score"] >= least]
    return Json({"chunks": [_shown(number, hit) for number, hit in enumerate(near, 1)]})


def _require_known(request: Request) -> None:
    require_key(request, ENDPOINT, "Could not validate credentials")
    id_ = request.path_params["knowledge_base"]
    if id_ != KNOWLEDGE_BASE["id"]:
        raise Refusal(404, f"No knowledge base found with ID {id_}")


FIELDS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str) and bool(value),
    "top_k": lambda value: value is None or (type(value) is int and value >= 1),
    "similarity_cutoff": lambda value: value is None or (number(value) and 0 <= value <= 1),
}


def _shown(number: int, hit: JsonObject) -> JsonObject:
    return {
        "origin_name": hit["filename"],
        "origin_ref": hit["url"],
        "retrieval_id": f"ref{number:02}",
        "document_id": hit["id"],
        "score": hit["score"],
        "text": hit["text"],
    }


ONE = f"{ROOT}/{{knowledge_base}}"
routes = [
    Route(ROOT, list_knowledge_bases, methods=["GET"]),
    Route(ONE, show_knowledge_base, methods=["GET"]),
    Route(f"{ONE}/indexes", list_indexes, methods=["GET"]),
    Route(f"{ONE}/indexes/{{index}}/search", search, methods=["POST"]),
]
