"""Tencent CloudBase agents, OpenAI protocol.

Implements "Start Agent conversation (OpenAI protocol)", POST /v1/aibot/openai/chat/completions. The
agent id is the body's `model`; no conversation is kept, so the history is sent again each time.
A self-hosted agent may answer with AG-UI events on this path; frames are told apart by their keys.
"""

from __future__ import annotations

from urllib.parse import quote

from remote_agents.errors import ConfigurationError
from remote_agents.flow import Flow, Request, Stream
from remote_agents.types import Event, Reply, Turn
from remote_agents.wire.ag_ui import decode_ag_ui, is_ag_ui
from remote_agents.wire.openai import decode_chat, encode_messages


def turn(asked: Turn) -> Flow[Reply]:
    """One turn: a single post with the whole history; `stream` is always stated."""
    body = {
        "model": asked.agent_id,
        "messages": encode_messages(asked.messages),
        "stream": asked.stream,
    }
    path = path_of(asked.agent_id, asked.options.get("route") or "gateway")
    request = Request("POST", path, json=body, headers=ACCEPTED, stream=asked.stream)
    reply: Reply = yield Stream(request, decode)
    return reply


# The gateway ends after a minute what does not ask for events, whether or not a stream is expected,
# by docs.cloudbase.net/faq/knowledge/ai-http-streaming-response-timeout.
ACCEPTED = {"Accept": "text/event-stream, application/json;q=0.9"}


def path_of(agent_id: str, route: str) -> str:
    """Where an agent answers: at the gateway, or at its own server (`bots`)."""
    if route not in ROUTES:
        raise ConfigurationError(f"route must be one of {', '.join(ROUTES)}, not {route!r}.")
    if route == "gateway":
        return "/v1/aibot/openai/chat/completions"
    return f"/v1/aibot/bots/{quote(agent_id, safe='')}/chat/completions"


ROUTES = ("gateway", "bots")


def decode(data: object, so_far: Reply) -> list[Event]:
    """One frame or whole answer, in whichever of the two shapes it is."""
    return decode_ag_ui(data, so_far) if is_ag_ui(data) else decode_chat(data, so_far)
