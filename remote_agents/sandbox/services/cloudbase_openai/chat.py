"""Tencent CloudBase, OpenAI protocol: stateless, the history comes with every request."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from remote_agents.sandbox import ag_ui
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.mind.answers import Ask
from remote_agents.sandbox.run_input import Run
from remote_agents.sandbox.service import Turn, require_key, service
from remote_agents.sandbox.services.cloudbase.chat import (
    IDS,
    SHELF,
    error_body,
    failed_run,
    history_of,
)
from remote_agents.sandbox.serving.wire import (
    DONE,
    Frames,
    Json,
    Refusal,
    data,
    json_object,
    short_id,
)

ENDPOINT = "cloudbase_openai"
ROLES = ("user", "assistant", "system", "tool")

__all__ = ["error_body", "error_frames", "routes"]


def error_frames(message: str, state: JsonObject) -> list[str]:
    """A failure in the stream, as OpenAI-like services write it, or a run of AG-UI."""
    if "run" in state:
        return failed_run(message, state["run"])
    return [data({"error": {"message": message, "type": "server_error", "code": "LLMError"}})]


async def chat(request: Request) -> ASGIApp | Response:
    """Answer the last message."""
    require_key(request, ENDPOINT, "Credentials are invalid")
    body = await json_object(request)
    if body is None:
        raise Refusal(400, "the body must be a JSON object")
    model, stream = _agent(body.get("model")), body.get("stream")
    if not isinstance(stream, bool):
        raise Refusal(400, "stream is required and must be a boolean")
    messages = _messages(body)
    record = f"record-{short_id()}"
    turn = await service(request).begin(
        ENDPOINT,
        model,
        Ask(messages),
        stream=stream,
        shelf=SHELF,
        keep=messages[-1:],
        reply_id=record,
    )
    return Frames(_frames(turn)) if stream else Json(await _whole(turn))


def _agent(model: object) -> str:
    if not isinstance(model, str) or not model:
        raise Refusal(400, "model is required: the id of the agent")
    if model not in IDS:
        raise Refusal(404, f"Agent {model} does not exist")
    return model


async def as_events(request: Request) -> Frames:
    """Answer as an agent that somebody hosts himself: in AG-UI's events, streamed or not."""
    require_key(request, ENDPOINT, "Credentials are invalid")
    agent = _agent(request.path_params["bot"])
    messages = _messages(await json_object(request))
    run = Run(f"thread-{short_id()}", f"run-{short_id()}", [])
    request.scope["state"]["run"] = run.ids
    turn = await service(request).begin(
        ENDPOINT, agent, Ask(messages), stream=True, shelf=SHELF, keep=messages[-1:]
    )
    held = [{"id": short_id(), **message} for message in messages]
    return Frames(ag_ui.frames(turn, run, held, ag_ui.Dialect(modern=False)))


def _messages(body: JsonObject | None) -> list[JsonObject]:
    if body is None:
        raise Refusal(400, "the body must be a JSON object")
    messages = history_of(body.get("messages"), "messages")
    if not messages or not all(message["role"] in ROLES for message in messages):
        raise Refusal(400, f"messages must not be empty, and have roles of {', '.join(ROLES)}")
    return messages


async def _frames(turn: Turn) -> AsyncGenerator[str, None]:
    async for word in turn.words():
        if word.text:
            yield data(_object(turn, "continue", delta=_message(word.text)))
    yield data(_object(turn, turn.finish, delta=_message("")))
    yield DONE


async def _whole(turn: Turn) -> JsonObject:
    text = await turn.complete()
    return _object(turn, turn.finish, message=_message(text))


def _message(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _object(turn: Turn, finish: str, **content: dict[str, str]) -> JsonObject:
    went, came = turn.prompt_tokens, turn.completion_tokens
    return {
        "id": turn.reply_id,
        "object": "chat.completion",
        # A numeric string, as the service writes it.
        "created": str(int(turn.created)),
        "model": turn.agent,
        "choices": [{"index": 0, **content, "finish_reason": finish}],
        "usage": {
            "prompt_tokens": went,
            "completion_tokens": came,
            "total_tokens": went + came,
        },
    }


routes = [
    Route("/v1/aibot/openai/chat/completions", chat, methods=["POST"]),
    Route("/v1/aibot/bots/{bot}/openai/chat/completions", chat, methods=["POST"]),
    Route("/v1/aibot/bots/{bot}/chat/completions", as_events, methods=["POST"]),
]
