"""The messages of a turn in its span, which has them where the environment asks for them.

See https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/ ("Recording content").
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from remote_agents.json_types import JsonObject
from remote_agents.types import ClientToolCall, Message, Reply, json_text

ASKED_BY = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
# The last is what instrumentation took before events were told apart from spans.
_IN_SPANS = frozenset({"span_only", "span_and_event", "true"})


def are_captured() -> bool:
    """Whether whoever runs the process wants messages in spans."""
    return os.environ.get(ASKED_BY, "").strip().lower() in _IN_SPANS


def as_input(messages: Sequence[Message]) -> str:
    """The messages that a caller passed, the instructions among them, without their files."""
    return _written(
        {"role": message.role, "parts": _parts_of(message)}
        for message in messages
        if isinstance(message, Message)  # else the turn is refused for it
    )


def as_output(reply: Reply, finish_reason: str) -> str:
    """An answer, whole or as far as it came, with its reasoning and the calls of tools."""
    thoughts = [{"type": "reasoning", "content": reply.reasoning}] if reply.reasoning else []
    first = [*thoughts, *_text(reply.text), *map(_call, reply.tool_calls)]
    choices = [first, *map(_text, reply.alternatives)]
    return _written(
        {"role": "assistant", "parts": parts, "finish_reason": finish_reason} for parts in choices
    )


def _parts_of(message: Message) -> list[JsonObject]:
    if message.role == "tool":
        result = {"id": message.tool_call_id, "response": message.content}
        return [{"type": "tool_call_response", **result}]
    return [*_text(message.content), *map(_call, message.tool_calls or ())]


def _text(content: str) -> list[JsonObject]:
    return [{"type": "text", "content": content}] if content else []


def _call(call: ClientToolCall) -> JsonObject:
    return {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}


def _written(messages: Iterable[JsonObject]) -> str:
    # An exporter loses all spans of a batch with half a letter in one of them.
    return json_text(list(messages)).encode(errors="replace").decode()
