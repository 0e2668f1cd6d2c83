"""AG-UI events (https://docs.ag-ui.com/concepts/events) into ours, before and after version 1.0.

Some things are only known when the run is over (`ending.py`). What it remembers until then is a
`Run`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from remote_agents.errors import RemoteFailureError
from remote_agents.types import (
    Event,
    Info,
    ReasoningDelta,
    Reply,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Unknown,
    Update,
)
from remote_agents.wire.ag_ui.ending import finished
from remote_agents.wire.ag_ui.run import (
    NOTHING,
    PARAGRAPH,
    Run,
    Sent,
    interrupt_told,
    read_snapshot,
    run_of,
)
from remote_agents.wire.ag_ui.spelling import in_camel_case
from remote_agents.wire.ag_ui.state import patched
from remote_agents.wire.json import identifier, items, text
from remote_agents.wire.tool_arguments import decoded, parse_arguments
from remote_agents.wire.unknown_frames import unknown_events

Data: TypeAlias = Mapping[str, Any]


def is_ag_ui(data: object) -> bool:
    """Whether a frame is an AG-UI event: its type is written in capitals."""
    kind = data.get("type") if isinstance(data, dict) else None
    return isinstance(kind, str) and kind.isupper()


def decode_ag_ui(data: Any, so_far: Reply, sent: Sent = NOTHING) -> list[Event]:
    """One AG-UI event into ours.

    Args:
        data: The event.
        so_far: The reply that the events before it were folded into.
        sent: What the request held, if it was in the same dialect.

    Raises:
        RemoteFailureError: The run failed, or was stopped.
    """
    decode = _DECODERS.get(data["type"])
    if decode is None:
        return [Unknown(data)]
    run = run_of(so_far, sent, data)
    return decode(in_camel_case(data) if run.snake_case else data, so_far, run)


# --- text and reasoning ------------------------------------------------------------------------


def _started(data: Data, so_far: Reply, run: Run) -> list[Event]:
    run.announced = True
    return [Info(conversation_id=identifier(data.get("threadId")), more_expected=True)]


def _message_started(data: Data, so_far: Reply, run: Run) -> list[Event]:
    message_id = _message_id(data, run)
    if data.get("role") not in (None, "assistant"):
        run.foreign.add(message_id)
        return []
    return [Info(reply_id=message_id, more_expected=True)]


def _text(data: Data, so_far: Reply, run: Run) -> list[Event]:
    return _text_or_update(_message_id(data, run), data, so_far, run)


# What a piece of text has beside the text.
OF_A_PIECE = frozenset({"type", "messageId", "role", "name", "delta", "timestamp", "rawEvent"})


def _text_or_update(message_id: str, data: Data, so_far: Reply, run: Run) -> list[Event]:
    """A piece of text, or an update where it is not shown now: it waits, or is no answer."""
    delta = text(data.get("delta"))
    if not delta:
        return unknown_events(data, OF_A_PIECE)
    events = run.text(message_id, delta, so_far) or [Update(data["type"], data)]
    return [*_passed_calls(so_far, run), *events] if so_far.open_calls else events


def _text_chunk(data: Data, so_far: Reply, run: Run) -> list[Event]:
    """A piece without a start or an end of its own: another message's id ends the one before."""
    message_id = _message_id(data, run)
    if data.get("role") not in (None, "assistant"):
        run.foreign.add(message_id)
    ended = run.end(so_far) if run.open not in (None, message_id) else []
    shown = _text_or_update(message_id, data, so_far, run)
    known = [Info(reply_id=message_id)] if shown and so_far.reply_id != message_id else []
    return [*ended, *shown, *known]


def _message_ended(data: Data, so_far: Reply, run: Run) -> list[Event]:
    events = run.end(so_far) if run.open in (None, identifier(data.get("messageId"))) else []
    return events if run.announced or run.open else [*events, Info(more_expected=False)]


def _message_id(data: Data, run: Run) -> str:
    return identifier(data.get("messageId")) or run.open or "message"


def _reasoning(data: Data, so_far: Reply, run: Run) -> list[Event]:
    delta, message_id = text(data.get("delta")), identifier(data.get("messageId"))
    if message_id is not None:
        run.thoughts.setdefault(message_id, []).append(delta)
    if not delta:
        return []
    another = message_id is not None and run.thinking not in (None, message_id)
    run.thinking = message_id or run.thinking
    return [ReasoningDelta(PARAGRAPH + delta if another and so_far.reasoning else delta)]


# --- calls of tools ----------------------------------------------------------------------------


def _call_started(data: Data, so_far: Reply, run: Run) -> list[Event]:
    """A call begins; a message that was being written has ended, though not all servers say so."""
    ended = run.end(so_far) if run.open else []
    parent = identifier(data.get("parentMessageId"))
    name, delta = identifier(data.get("toolCallName")), text(data.get("delta"))
    return [*ended, Info(reply_id=parent), ToolCallDelta(_call_id(data), name, delta)]


def _call_arguments(data: Data, so_far: Reply, run: Run) -> list[Event]:
    delta = data.get("delta")
    whole = json.dumps(delta) if isinstance(delta, dict) else text(delta)
    return [ToolCallDelta(_call_id(data), None, whole)]


def _call_chunk(data: Data, so_far: Reply, run: Run) -> list[Event]:
    """A piece of a call; one without an id goes on with the call before it."""
    call_id = identifier(data.get("toolCallId")) or next(reversed(so_far.open_calls), None)
    if call_id in run.settled or call_id is None:
        return []
    if call_id in so_far.open_calls:
        return [ToolCallDelta(call_id, None, text(data.get("delta")))]
    return _call_started({**data, "toolCallId": call_id}, so_far, run)


def _call_result(data: Data, so_far: Reply, run: Run) -> list[Event]:
    call_id = _call_id(data)
    if call_id in run.sent.results and call_id not in so_far.open_calls:
        return []  # it repeats what the caller's own tool gave
    return _answered(call_id, data.get("content"), so_far, run)


def _answered(call_id: str, output: object, so_far: Reply, run: Run) -> list[Event]:
    call = _server_call(call_id, so_far, run) if call_id in so_far.open_calls else []
    return [*call, ToolResult(call_id, output)]


def _server_call(call_id: str, so_far: Reply, run: Run) -> list[Event]:
    run.settled.add(call_id)
    call = so_far.open_calls[call_id]
    return [ToolCall(call_id, call.name or "tool", parse_arguments(call.arguments))]


def _passed_calls(so_far: Reply, run: Run) -> list[Event]:
    """Calls that the agent has gone on from by itself: they are no tools of the caller's."""
    passed = [each.id for each in so_far.open_calls.values() if each.name not in run.sent.tools]
    return [event for call_id in passed for event in _server_call(call_id, so_far, run)]


def _encrypted(data: Data, so_far: Reply, run: Run) -> list[Event]:
    """What the model wants back: with a call, as Gemini does, or with a thought, as Claude does.

    Of a thought that is an object, as Pydantic AI writes it. Where it is but a signature, the
    thread of the server (LangGraph's, ADK's) holds the thought, and some refuse to be told it.
    """
    entity, value = identifier(data.get("entityId")), text(data.get("encryptedValue"))
    of_thought = entity in run.thoughts and isinstance(decoded(value), dict)
    if entity and value and (of_thought or data.get("subtype") == "tool-call"):
        run.encrypted[entity] = value
    return []


def _call_id(data: Data) -> str:
    return identifier(data.get("toolCallId")) or "call"


# --- snapshots, state, interrupts --------------------------------------------------------------


def _messages_snapshot(data: Data, so_far: Reply, run: Run) -> list[Event]:
    run.snapshot = read_snapshot(data.get("messages"), run)
    return []


def _state(data: Data, so_far: Reply, run: Run) -> list[Event]:
    snapshot = data.get("snapshot")
    if isinstance(snapshot, dict):  # LangGraph repeats the whole dialogue in it
        snapshot = {name: value for name, value in snapshot.items() if name != "messages"}
    return [Update(data["type"], data, snapshot)]


def _state_delta(data: Data, so_far: Reply, run: Run) -> list[Event]:
    return [Update(data["type"], data, patched(so_far.state, items(data.get("delta"))))]


def _update(data: Data, so_far: Reply, run: Run) -> list[Event]:
    return [Update(data["type"], data)]


def _step(data: Data, so_far: Reply, run: Run) -> list[Event]:
    return [*(run.end(so_far) if run.open else []), Update(data["type"], data)]


def _custom(data: Data, so_far: Reply, run: Run) -> list[Event]:
    if data.get("name") != "on_interrupt":
        return [Update("CUSTOM", data)]
    run.interrupts.append(interrupt_told(data))
    return []


def _no_events(data: Data, so_far: Reply, run: Run) -> list[Event]:
    return []


# --- the end -----------------------------------------------------------------------------------


def _failed(data: Data, so_far: Reply, run: Run) -> list[Event]:
    raise RemoteFailureError(
        text(data.get("message")) or "The agent's run failed.",
        code=identifier(data.get("code")),
        body=data,
    )


_DECODERS: dict[str, Callable[[Any, Reply, Run], list[Event]]] = {
    "RUN_STARTED": _started,
    "RUN_FINISHED": finished,
    "RUN_ERROR": _failed,
    "TEXT_MESSAGE_START": _message_started,
    "TEXT_MESSAGE_CONTENT": _text,
    "TEXT_MESSAGE_CHUNK": _text_chunk,
    "TEXT_MESSAGE_END": _message_ended,
    "REASONING_START": _reasoning,
    "REASONING_MESSAGE_START": _reasoning,
    "REASONING_MESSAGE_CONTENT": _reasoning,
    "REASONING_MESSAGE_CHUNK": _reasoning,
    "THINKING_TEXT_MESSAGE_CONTENT": _reasoning,
    "TOOL_CALL_START": _call_started,
    "TOOL_CALL_ARGS": _call_arguments,
    "TOOL_CALL_CHUNK": _call_chunk,
    "TOOL_CALL_END": _no_events,
    "TOOL_CALL_RESULT": _call_result,
    "REASONING_ENCRYPTED_VALUE": _encrypted,
    "MESSAGES_SNAPSHOT": _messages_snapshot,
    "STATE_SNAPSHOT": _state,
    "STATE_DELTA": _state_delta,
    "CUSTOM": _custom,
    "STEP_STARTED": _step,
    "STEP_FINISHED": _step,
    **dict.fromkeys(
        (
            "ACTIVITY_SNAPSHOT",
            "ACTIVITY_DELTA",
            "SUBAGENT_STARTED",
            "SUBAGENT_FINISHED",
            "SUBAGENT_ERROR",
        ),
        _update,
    ),
    **dict.fromkeys(
        (
            "RAW",  # the server's own events, each of which comes in AG-UI's words too
            "META_EVENT",  # what people say of an answer: thumbs up, a tag
            "REASONING_MESSAGE_END",
            "REASONING_END",
            "THINKING_START",
            "THINKING_TEXT_MESSAGE_START",
            "THINKING_TEXT_MESSAGE_END",
            "THINKING_END",
        ),
        _no_events,
    ),
}
KNOWN = frozenset(_DECODERS)
TEXTS = frozenset(kind for kind in KNOWN if kind.endswith(("MESSAGE_CONTENT", "MESSAGE_CHUNK")))
TEXTLESS = KNOWN - TEXTS
"""Events that hold no text of the answer that is lost if they say nothing by themselves."""
