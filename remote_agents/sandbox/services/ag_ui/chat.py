"""Agents that speak AG-UI 1.0, each at an address of its own.

They are `/ag-ui/handbook`, and `/ag-ui/approval`, which asks a person before it does anything.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.routing import Route

from remote_agents.sandbox import ag_ui
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.service import Service, require_key, service
from remote_agents.sandbox.services.ag_ui import AGENT
from remote_agents.sandbox.serving.wire import Frames, Refusal, data, json_object

ENDPOINT = "ag_ui"
IDS = (AGENT.agent_id, AGENT.extra["approval_agent_id"])


def error_body(refusal: Refusal, request_id: str) -> JsonObject:
    """FastAPI's error object, with which most of these servers are written."""
    return {"detail": refusal.message}


def error_frames(message: str, state: JsonObject) -> list[str]:
    """A failure in the stream."""
    return [data({"type": "RUN_ERROR", "message": message, "code": "INTERNAL_ERROR"})]


async def run(request: Request) -> Frames:
    """Answer one run."""
    require_key(request, ENDPOINT, "Not authenticated")
    agent = str(request.path_params["agent"])
    if agent not in IDS:
        raise Refusal(404, "Not Found")
    body = await json_object(request)
    if body is None:
        raise Refusal(422, "the body must be a JSON object")
    asked = ag_ui.read_run(body, 422)
    box = service(request)
    _keep(box, agent, asked.thread)
    turn, held = ag_ui.begin(box, ENDPOINT, agent, asked, ag_ui.files_in(body))
    manner = ag_ui.Manner(modern=True, asks=agent != AGENT.agent_id)
    return Frames(ag_ui.frames(turn, asked, held, manner))


def _keep(box: Service, agent: str, thread: str | None) -> None:
    """A thread begins with its first message, unless it was lost."""
    if thread and box.store.is_lost(ENDPOINT, thread):
        raise Refusal(404, f"Thread {thread} does not exist")
    if thread and box.store.conversation(ENDPOINT, thread) is None:
        box.store.add_conversation(ENDPOINT, agent, thread)


routes = [Route("/ag-ui/{agent}", run, methods=["POST"])]
