"""The sandbox's own pages: the manifest, the documents, and the knobs under ``/_sandbox``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from remote_agents.sandbox.directory import agent_of, manifest
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.service import service
from remote_agents.sandbox.serving.faults import Fault
from remote_agents.sandbox.serving.wire import Json, Refusal, json_object


async def show_manifest(request: Request) -> Json:
    """Who lives here."""
    box = service(request)
    return Json(manifest(box.url, box.keys.issue))


async def give_token(request: Request) -> Json:
    """A key of an agent that is good from now on, as an identity provider gives one."""
    keys = service(request).keys
    token = keys.issue(_known_endpoint(request.path_params["endpoint"]))
    return Json({"token": token, "expires_in": keys.seconds}, status_code=201)


async def show_document(request: Request) -> Response:
    """A document that an answer cites."""
    text = service(request).brain.knowledge.documents.get(request.path_params["filename"])
    if text is None:
        raise Refusal(404, "There is no such document.")
    return PlainTextResponse(text, media_type="text/markdown")


async def reset(request: Request) -> Json:
    """Clear faults, the log and the count of the rate limit."""
    box = service(request)
    box.log.clear()
    box.faults.queue.clear()
    box.limiter.seen.clear()
    return Json({})


async def configure(request: Request) -> Json:
    """Change settings."""
    settings = service(request).settings
    try:
        settings.change(await _body(request))
    except ValueError as error:
        raise Refusal(400, str(error)) from None
    return Json(vars(settings))


async def add_fault(request: Request) -> Json:
    """Order a fault: kind, endpoint, times, match, and the arguments of its kind."""
    options = await _body(request)
    known = {name: options.pop(name) for name in ("endpoint", "times", "match") if name in options}
    if known.get("endpoint") is not None:
        _known_endpoint(known["endpoint"])
    try:
        service(request).faults.add(Fault(options.pop("kind", ""), options=options, **known))
    except ValueError as error:
        raise Refusal(400, str(error)) from None
    return Json({}, status_code=201)


async def show_faults(request: Request) -> Json:
    """The faults still to come."""
    return Json([vars(fault) for fault in service(request).faults.queue])


async def show_requests(request: Request) -> Json:
    """The requests that were seen."""
    return Json(service(request).log.requests(_endpoint(request)))


async def show_turns(request: Request) -> Json:
    """The chat turns that were accepted."""
    return Json(service(request).log.turns(_endpoint(request)))


async def show_conversation(request: Request) -> Json:
    """The messages of a conversation."""
    endpoint, conversation = _endpoint_and_id(request)
    rows = service(request).store.messages(endpoint, conversation)
    hidden = ("seq", "endpoint", "agent", "conversation")
    return Json([{k: v for k, v in row.items() if k not in hidden} for row in rows])


async def forget_conversation(request: Request) -> Json:
    """Lose one conversation."""
    service(request).store.forget(*_endpoint_and_id(request))
    return Json({})


async def expire(request: Request) -> Json:
    """Lose every conversation."""
    service(request).store.forget_all()
    return Json({})


async def _body(request: Request) -> JsonObject:
    body = await json_object(request)
    if body is None:
        raise Refusal(400, "the body must be a JSON object")
    return body


def _endpoint(request: Request) -> str | None:
    name = request.query_params.get("endpoint")
    return _known_endpoint(name) if name else None


def _endpoint_and_id(request: Request) -> tuple[str, str]:
    return _known_endpoint(request.path_params["endpoint"]), str(request.path_params["id"])


def _known_endpoint(name: str) -> str:
    try:
        agent_of(name)
    except ValueError as error:
        raise Refusal(400, str(error)) from error
    return name


ONE = "/_sandbox/conversations/{endpoint}/{id:path}"
routes = [
    Route("/", show_manifest),
    Route("/documents/{filename:path}", show_document),
    Route("/_sandbox/tokens/{endpoint}", give_token, methods=["POST"]),
    Route("/_sandbox/reset", reset, methods=["POST"]),
    Route("/_sandbox/configure", configure, methods=["POST"]),
    Route("/_sandbox/faults", add_fault, methods=["POST"]),
    Route("/_sandbox/faults", show_faults),
    Route("/_sandbox/requests", show_requests),
    Route("/_sandbox/turns", show_turns),
    Route(ONE, show_conversation),
    Route(ONE, forget_conversation, methods=["DELETE"]),
    Route("/_sandbox/expire", expire, methods=["POST"]),
]
