"""AG-UI events (https://docs.ag-ui.com/concepts/events) into ours, before and after version 1.0.

Two things are only known when the run is over: which calls nobody has answered, so that they are
the caller's to run; and what a snapshot holds that was never streamed. What the run remembers until
then is a `Run`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from remote_agents.errors import RemoteFailureError
from remote_agents.types import (
    ClientToolCall,
    Event,
    Info,
    Interrupt,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolResult,
    Unknown,
    Update,
    Usage,
)
from remote_agents.wire.ag_ui.arguments import parse_arguments
from remote_agents.wire.ag_ui.run import (
    NOTHING,
    PARAGRAPH,
    Run,
    Sent,
    interrupts_of,
    question_in,
    read_snapshot,
    run_of,
    snapshot_text,
)
from remote_agents.wire.ag_ui.state import patched
from remote_agents.wire.json import count, identifier, items, mapping, text
from remote_agents.wire.parsing import parse
from remote_agents.wire.parts import files_in
from remote_agents.wire.strangers import strange

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
    return decode(data, so_far, run_of(so_far, sent)) if decode else [Unknown(data)]


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
    return _shown(_message_id(data, run), data, so_far, run)


# What a piece of text has beside the text.
OF_A_PIECE = frozenset({"type", "messageId", "role", "name", "delta", "timestamp", "rawEvent"})


def _shown(message_id: str, data: Data, so_far: Reply, run: Run) -> list[Event]:
    """A piece of text, or an update where it is not shown now: it waits, or is no answer."""
    delta = text(data.get("delta"))
    if not delta:
        return strange(data, OF_A_PIECE)
    events = run.text(message_id, delta, so_far) or [Update(data["type"], data)]
    return [*_passed_calls(so_far, run), *events] if so_far.open_calls else events


def _text_chunk(data: Data, so_far: Reply, run: Run) -> list[Event]:
    """A piece without a start or an end of its own: another message's id ends the one before."""
    message_id = _message_id(data, run)
    if data.get("role") not in (None, "assistant"):
        run.foreign.add(message_id)
    ended = run.end(so_far) if run.open not in (None, message_id) else []
    shown = _shown(message_id, data, so_far, run)
    known = [Info(reply_id=message_id)] if shown and so_far.reply_id != message_id else []
    return [*ended, *shown, *known]


def _message_ended(data: Data, so_far: Reply, run: Run) -> list[Event]:
    events = run.end(so_far) if run.open in (None, identifier(data.get("messageId"))) else []
    return events if run.announced or run.open else [*events, Info(more_expected=False)]


def _message_id(data: Data, run: Run) -> str:
    return identifier(data.get("messageId")) or run.open or "message"


def _reasoning(data: Data, so_far: Reply, run: Run) -> list[Event]:
    delta, message_id = text(data.get("delta")), identifier(data.get("messageId"))
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


def _call_id(data: Data) -> str:
    return identifier(data.get("toolCallId")) or "call"


# --- snapshots, state, interrupts --------------------------------------------------------------


def _messages_snapshot(data: Data, so_far: Reply, run: Run) -> list[Event]:
    run.snapshot = read_snapshot(data.get("messages"), run.sent)
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
    value = _json(data.get("value"))
    raw = data.get("rawEvent")
    told = identifier(raw.get("id") if isinstance(raw, dict) else raw)
    run.interrupts.append(Interrupt(told, question_in(value), value))
    return []


def _json(value: object) -> Any:
    """The value of a JSON text, or the text if it is none."""
    try:
        return parse(value.encode("utf-8", "surrogatepass")) if isinstance(value, str) else value
    except ValueError:
        return value


def _nothing(data: Data, so_far: Reply, run: Run) -> list[Event]:
    return []


# --- the end -----------------------------------------------------------------------------------


def _finished(data: Data, so_far: Reply, run: Run) -> list[Event]:
    outcome = data.get("outcome")
    if outcome == "cancelled" or mapping(outcome).get("type") == "cancelled":
        raise RemoteFailureError("The agent's run was stopped.", code="cancelled", body=data)
    interrupts = interrupts_of(data) or run.interrupts
    shown = [*run.end(so_far), *_unstreamed(so_far, run)]
    if not shown and not so_far.text and (result := text(data.get("result"))):
        shown = [TextDelta(result)]
    calls = _left_calls(data, so_far, run, interrupts) or _call_in_words(so_far, run, shown)
    asked = any(isinstance(event, ClientToolCall) for event in calls)
    end = Info(
        finish_reason="interrupt" if interrupts else "tool_calls" if asked else "stop",
        conversation_id=identifier(data.get("threadId")),
        reply_id=run.snapshot.last_id,
    )
    return [*shown, *calls, *interrupts, *_usage(data), end]


def _unstreamed(so_far: Reply, run: Run) -> list[Event]:
    """What stands in the snapshot alone: a step that streams nothing answers there."""
    events: list[Event] = []
    told = so_far.text + "".join(run.waiting.values())
    for message in run.snapshot.said:
        said = snapshot_text(message)
        events += files_in(message.get("content"))
        if message.get("role") == "reasoning":
            if said and not so_far.reasoning:
                events.append(ReasoningDelta(said))
        elif said and message.get("id") not in run.shown and said.strip() not in told:
            events.append(TextDelta(PARAGRAPH + said if told else said))
            told += said
    return events


def _left_calls(data: Data, so_far: Reply, run: Run, interrupts: list[Interrupt]) -> list[Event]:
    """The calls that the run leaves behind: the caller's to run, but for those of the server."""
    events: list[Event] = []
    told = dict(_snapshot_calls(run))
    left = {
        call.id: (call.name or "tool", call.arguments or told.get(call.id, ("", ""))[1])
        for call in so_far.open_calls.values()
    }
    known = {*left, *run.settled, *(s.id for s in so_far.steps if isinstance(s, ToolCall))}
    left |= {call_id: named for call_id, named in told.items() if call_id not in known}
    pending = mapping(data.get("outcome")).get("pendingToolCallIds")
    waiting = {interrupt.tool_call_id for interrupt in interrupts}
    for call_id, (name, arguments) in left.items():
        run.settled.add(call_id)
        given = parse_arguments(arguments)
        if call_id in run.snapshot.results:
            events += [
                ToolCall(call_id, name, given),
                ToolResult(call_id, run.snapshot.results[call_id]),
            ]
        elif _is_the_callers(call_id, name, run, pending, waiting):
            events.append(ClientToolCall(call_id, name, given))
        else:
            events.append(ToolCall(call_id, name, given))
    return events


def _call_in_words(so_far: Reply, run: Run, shown: list[Event]) -> list[Event]:
    """The call that an agent wrote as JSON, where it was asked for one and knows no tools."""
    if not run.sent.forced:
        return []
    said = so_far.text + "".join(event.text for event in shown if isinstance(event, TextDelta))
    start, end = said.find("{"), said.rfind("}")
    call = parse_arguments(said[start : end + 1]) if 0 <= start < end else {}
    name = call.get("name")
    if name not in run.sent.tools:
        return []
    given = parse_arguments(call.get("arguments", call.get("parameters")))
    return [ClientToolCall(f"call-{uuid.uuid4().hex[:12]}", str(name), given)]


def _snapshot_calls(run: Run) -> Iterable[tuple[str, tuple[str, Any]]]:
    """Calls that stand in the snapshot alone, like the text of a step that streams nothing."""
    for message in run.snapshot.said:
        for call in map(mapping, items(message.get("toolCalls"))):
            function = mapping(call.get("function"))
            if call_id := identifier(call.get("id")):
                yield call_id, (text(function.get("name")) or "tool", function.get("arguments"))


def _is_the_callers(
    call_id: str, name: str, run: Run, pending: object, waiting: set[str | None]
) -> bool:
    if isinstance(pending, list) and pending:
        return call_id in pending
    if name in run.sent.tools:
        return call_id not in waiting
    return not waiting  # a run that waits for a person has not come to its own tools yet


def _usage(data: Data) -> list[Event]:
    """Counts of all models of the run together."""
    told = [mapping(entry) for entry in items(data.get("usage"))]
    if not told:
        return []
    models = {model for entry in told if (model := identifier(entry.get("model")))}
    sent = sum(count(entry.get("inputTokens")) for entry in told)
    made = sum(count(entry.get("outputTokens")) for entry in told)
    usage = Usage(sent, made, sent + made)
    return [usage, Info(model=models.pop())] if len(models) == 1 else [usage]


def _failed(data: Data, so_far: Reply, run: Run) -> list[Event]:
    raise RemoteFailureError(
        text(data.get("message")) or "The agent's run failed.",
        code=identifier(data.get("code")),
        body=data,
    )


_DECODERS: dict[str, Callable[[Any, Reply, Run], list[Event]]] = {
    "RUN_STARTED": _started,
    "RUN_FINISHED": _finished,
    "RUN_ERROR": _failed,
    "TEXT_MESSAGE_START": _message_started,
    "TEXT_MESSAGE_CONTENT": _text,
    "TEXT_MESSAGE_CHUNK": _text_chunk,
    "TEXT_MESSAGE_END": _message_ended,
    "REASONING_MESSAGE_CONTENT": _reasoning,
    "REASONING_MESSAGE_CHUNK": _reasoning,
    "THINKING_TEXT_MESSAGE_CONTENT": _reasoning,
    "TOOL_CALL_START": _call_started,
    "TOOL_CALL_ARGS": _call_arguments,
    "TOOL_CALL_CHUNK": _call_chunk,
    "TOOL_CALL_END": _nothing,
    "TOOL_CALL_RESULT": _call_result,
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
            "REASONING_START",
            "REASONING_MESSAGE_START",
            "REASONING_MESSAGE_END",
            "REASONING_END",
            "REASONING_ENCRYPTED_VALUE",
            "THINKING_START",
            "THINKING_TEXT_MESSAGE_START",
            "THINKING_TEXT_MESSAGE_END",
            "THINKING_END",
        ),
        _nothing,
    ),
}
KNOWN = frozenset(_DECODERS)
TEXTS = frozenset(kind for kind in KNOWN if kind.endswith(("MESSAGE_CONTENT", "MESSAGE_CHUNK")))
TEXTLESS = KNOWN - TEXTS
"""Events that hold no text of the answer that is lost if they say nothing by themselves."""
