"""Agents that speak AG-UI 1.0, each at an address of its own.

They are `/ag-ui/handbook`, and `/ag-ui/approval`, which asks a person before it does anything.
"""

from __future__ import annotations

from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from remote_agents.sandbox import ag_ui
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.run_input import Run, files_of, read_run
from remote_agents.sandbox.run_schema import RunAgentInput
from remote_agents.sandbox.service import require_key, service
from remote_agents.sandbox.services.ag_ui import AGENT
from remote_agents.sandbox.serving.wire import Frames, Refusal, data, json_object

ENDPOINT = "ag_ui"
IDS = (AGENT.agent_id, AGENT.extra["approval_agent_id"])


def error_body(refusal: Refusal, request_id: str) -> JsonObject:
    """FastAPI's error object, with which most of these servers are written."""
    return {"detail": refusal.detail or refusal.message}


def error_frames(message: str, state: JsonObject) -> list[str]:
    """A failure in the stream."""
    return [data({"type": "RUN_ERROR", "message": message, "code": "INTERNAL_ERROR"})]


async def run(request: Request) -> Frames | Response:
    """Answer one run, or send on to the address that ends as these do, as FastAPI does."""
    path = request.url.path
    slashed = path.endswith("/")
    if slashed is not service(request).settings.of_services["ag_ui_slash"]:
        return RedirectResponse(path.rstrip("/") if slashed else f"{path}/")
    require_key(request, ENDPOINT, "Not authenticated")
    agent = str(request.path_params["agent"])
    if agent not in IDS:
        raise Refusal(404, "Not Found")
    asked = _read(await json_object(request) if _is_json(request) else None)
    lost = Refusal(404, f"Thread {asked.thread} does not exist")
    files = files_of(asked)
    box = service(request)
    turn, held = await ag_ui.begin(box, ENDPOINT, agent, asked, files, lost, modern=True)
    dialect = ag_ui.Dialect(modern=True, asks=agent != AGENT.agent_id)
    return Frames(ag_ui.frames(turn, asked, held, dialect))


def _is_json(request: Request) -> bool:
    """Whether the body is called JSON, as FastAPI reads no other."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or (
        kind.startswith("application/") and kind.endswith("+json")
    )


def _read(body: JsonObject | None) -> Run:
    """A run, or FastAPI's list of what is wrong."""
    try:
        run = read_run(body, RunAgentInput)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        wrong = [{**each, "loc": ["body", *each["loc"]]} for each in found]
        raise Refusal(422, "Unprocessable Entity", detail=wrong) from None
    if not run.messages and not run.resumes:
        raise Refusal(422, "messages must be a non-empty array")
    return run


routes = [Route(f"/ag-ui/{{agent}}{end}", run, methods=["POST"]) for end in ("", "/")]
