"""AG-UI events (https://docs.ag-ui.com/concepts/events), as newer CloudBase agents send them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from remote_agents.errors import RemoteFailureError
from remote_agents.types import (
    Event,
    Info,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Unknown,
)
from remote_agents.wire.json import identifier, mapping, text


def is_ag_ui(data: Any) -> bool:
    """Whether a frame is an AG-UI event: its type is written in capitals."""
    kind = data.get("type") if isinstance(data, dict) else None
    return isinstance(kind, str) and kind.isupper()


def decode_ag_ui(data: Any, so_far: Reply) -> list[Event]:
    """One AG-UI event into ours.

    Raises:
        RemoteFailureError: On RUN_ERROR.
    """
    decode = _DECODERS.get(data["type"])
    return decode(data, so_far) if decode else [Unknown(data)]


def _started(data: Any, so_far: Reply) -> list[Event]:
    return [Info(conversation_id=identifier(data.get("threadId")), more_expected=True)]


def _message_started(data: Any, so_far: Reply) -> list[Event]:
    return [Info(reply_id=identifier(data.get("messageId")))]


def _text(data: Any, so_far: Reply) -> list[Event]:
    delta = text(data.get("delta"))
    return [TextDelta(delta)] if delta else []


def _reasoning(data: Any, so_far: Reply) -> list[Event]:
    delta = text(data.get("delta"))
    return [ReasoningDelta(delta)] if delta else []


def _call_started(data: Any, so_far: Reply) -> list[Event]:
    name = text(data.get("toolCallName")) or "tool"
    return [ToolCallDelta(_call_id(data), name, text(data.get("delta")))]


def _call_arguments(data: Any, so_far: Reply) -> list[Event]:
    return [
        ToolCallDelta(_call_id(data), identifier(data.get("toolCallName")), text(data.get("delta")))
    ]


def _call_ended(data: Any, so_far: Reply) -> list[Event]:
    call = so_far.open_calls.get(_call_id(data), ToolCallDelta(_call_id(data)))
    return [ToolCall(call.id, call.name or "tool", parse_arguments(call.arguments))]


def _call_result(data: Any, so_far: Reply) -> list[Event]:
    call = so_far.open_calls.get(_call_id(data))
    result = ToolResult(_call_id(data), data.get("content"))
    return [result] if call is None else [*_call_ended(data, so_far), result]


def _finished(data: Any, so_far: Reply) -> list[Event]:
    return [Info(finish_reason="stop", conversation_id=identifier(data.get("threadId")))]


def _failed(data: Any, so_far: Reply) -> list[Event]:
    raise RemoteFailureError(
        text(data.get("message")) or "The agent's run failed.",
        code=identifier(data.get("code")),
        body=data,
    )


def _nothing(data: Any, so_far: Reply) -> list[Event]:
    return []


def _call_id(data: Any) -> str:
    return identifier(data.get("toolCallId")) or "call"


def parse_arguments(value: Any) -> dict[str, Any]:
    """A tool's arguments, given as an object or as JSON text."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return {"text": value} if value else {}
    return dict(mapping(value))


_DECODERS: dict[str, Callable[[Any, Reply], list[Event]]] = {
    "RUN_STARTED": _started,
    "TEXT_MESSAGE_START": _message_started,
    "TEXT_MESSAGE_CONTENT": _text,
    "TEXT_MESSAGE_CHUNK": _text,
    "TEXT_MESSAGE_END": _nothing,
    "THINKING_START": _nothing,
    "THINKING_TEXT_MESSAGE_START": _nothing,
    "THINKING_TEXT_MESSAGE_CONTENT": _reasoning,
    "THINKING_TEXT_MESSAGE_END": _nothing,
    "THINKING_END": _nothing,
    "REASONING_START": _nothing,
    "REASONING_MESSAGE_START": _nothing,
    "REASONING_MESSAGE_CONTENT": _reasoning,
    "REASONING_MESSAGE_END": _nothing,
    "REASONING_END": _nothing,
    "TOOL_CALL_START": _call_started,
    "TOOL_CALL_ARGS": _call_arguments,
    "TOOL_CALL_END": _call_ended,
    "TOOL_CALL_RESULT": _call_result,
    "RUN_FINISHED": _finished,
    "RUN_ERROR": _failed,
}
