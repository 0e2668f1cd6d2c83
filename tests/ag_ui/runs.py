"""Short words for AG-UI events, and what a decoder makes of a run of them."""

import json
from collections.abc import Iterable
from typing import Any

from remote_agents.types import Event, Reply, TextDelta
from remote_agents.wire.ag_ui import Sent, decode_ag_ui
from tests.raw_server import EVENTS, RawServer, Step, head

STARTED = {"type": "RUN_STARTED", "threadId": "t", "runId": "r"}
FINISHED = {"type": "RUN_FINISHED", "threadId": "t", "runId": "r"}


def begin(message_id: str, role: str = "assistant") -> dict[str, Any]:
    return {"type": "TEXT_MESSAGE_START", "messageId": message_id, "role": role}


def say(message_id: str, delta: str) -> dict[str, Any]:
    return {"type": "TEXT_MESSAGE_CONTENT", "messageId": message_id, "delta": delta}


def end(message_id: str) -> dict[str, Any]:
    return {"type": "TEXT_MESSAGE_END", "messageId": message_id}


def whole(message_id: str, text: str) -> list[dict[str, Any]]:
    return [begin(message_id), say(message_id, text), end(message_id)]


def chunk(**fields: Any) -> dict[str, Any]:
    return {"type": "TEXT_MESSAGE_CHUNK", **fields}


def call(call_id: str, name: str, *arguments: str, parent: str | None = None) -> list[Any]:
    known = {"toolCallId": call_id}
    start = {"type": "TOOL_CALL_START", **known, "toolCallName": name, "parentMessageId": parent}
    pieces = [{"type": "TOOL_CALL_ARGS", **known, "delta": piece} for piece in arguments]
    return [start, *pieces, {"type": "TOOL_CALL_END", **known}]


def result(call_id: str, content: str) -> dict[str, Any]:
    return {"type": "TOOL_CALL_RESULT", "messageId": "m", "toolCallId": call_id, "content": content}


def snapshot(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"type": "MESSAGES_SNAPSHOT", "messages": list(messages)}


def user(message_id: str, content: str) -> dict[str, Any]:
    return {"id": message_id, "role": "user", "content": content}


def agent(message_id: str, content: Any = None, *calls: tuple[str, str, str]) -> dict[str, Any]:
    asked = [{"id": i, "function": {"name": n, "arguments": a}} for i, n, a in calls]
    return {"id": message_id, "role": "assistant", "content": content, "toolCalls": asked}


def tool(call_id: str, content: str) -> dict[str, Any]:
    return {"id": f"of-{call_id}", "role": "tool", "toolCallId": call_id, "content": content}


def run(*events: Any) -> list[Step]:
    """A run as a server sends it, which begins with RUN_STARTED."""
    said: Iterable[str] = (f"data: {json.dumps(each)}\n\n" for each in (STARTED, *events))
    return [head(EVENTS) + "".join(said).encode()]


def bodies(server: RawServer) -> list[Any]:
    """What the server was asked."""
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in server.requests]


def read(events: Iterable[Any], sent: Sent | None = None) -> tuple[list[Event], Reply]:
    """The events of a run, and the reply that they are folded into, as the reader does it."""
    reply, seen = Reply("ag_ui", "ag_ui:agent@host"), []
    for data in events:
        for event in decode_ag_ui(data, reply, *([sent] if sent else [])):
            reply.add(event)
            seen.append(event)
    return seen, reply


def told(events: Iterable[Any], sent: Sent | None = None) -> Reply:
    return read(events, sent)[1]


def pieces(events: Iterable[Any]) -> list[str]:
    return [event.text for event in read(events)[0] if isinstance(event, TextDelta)]
