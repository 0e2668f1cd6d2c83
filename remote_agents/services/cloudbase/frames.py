"""What a CloudBase agent answers: one frame into events, in whichever dialect it is. Pure."""

from __future__ import annotations

from collections.abc import Callable

from remote_agents.errors import RemoteFailureError
from remote_agents.json_types import Arguments, JsonMapping, JsonObject
from remote_agents.types import (
    Citation,
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
from remote_agents.wire.ag_ui import (
    NOTHING,
    TEXTLESS as AG_UI,
    Sent,
    decode_ag_ui,
    is_ag_ui,
)
from remote_agents.wire.json import identifier, items, mapping, number, rest_of, text
from remote_agents.wire.openai import GOES_ON, decode_chat, decode_usage
from remote_agents.wire.tool_arguments import parse_arguments
from remote_agents.wire.unknown_frames import unknown_events


def decode(data: object, so_far: Reply, sent: Sent = NOTHING) -> list[Event]:
    """One frame into events, in whichever dialect it is.

    Args:
        data: The frame.
        so_far: The reply that the frames before it were folded into.
        sent: What the request held, if it was AG-UI's.

    Raises:
        RemoteFailureError: On an error frame.
    """
    if is_ag_ui(data):
        return decode_ag_ui(data, so_far, sent)
    if not isinstance(data, dict):
        return [Unknown(data)]
    if "choices" in data:
        return decode_chat(data, so_far)
    events = _decode_kind(data, so_far)
    if data.get("search_info") or data.get("knowledge_base"):
        events = [*events, *_sources_beside(data, so_far)]
    if data.get("usage"):
        events.extend(decode_usage(mapping(data["usage"]), so_far))
    info = _info(data, so_far)
    if info is not None:
        events.append(info)
    return events


def _decode_kind(data: JsonObject, so_far: Reply) -> list[Event]:
    kind = data.get("type")
    if kind is None or kind in ("text", "assistant"):
        return _answer(data, so_far)
    decode_frame = _DECODERS.get(kind) if isinstance(kind, str) else None
    if decode_frame is None:
        # Some frames carry a whole file's text in `content`: only answer frames are answer text.
        return [Unknown(data)]
    return decode_frame(data, so_far)


def _answer(data: JsonObject, so_far: Reply) -> list[Event]:
    """A text frame; the hosted service puts reasoning on the same frames."""
    events: list[Event] = []
    reasoning = data.get("reasoning_content")
    if reasoning and isinstance(reasoning, str):
        events.append(ReasoningDelta(reasoning))
    content = data.get("content")
    if content and isinstance(content, str):
        events.append(TextDelta(content))
    return events if "content" in data or reasoning else [*events, *unknown_events(data, ANSWER)]


# Keys of a text frame that hold no text of the answer.
ANSWER = frozenset({"usage", "search_info", "knowledge_base", "knowledge_meta", "index"})


def _sources_beside(data: JsonObject, so_far: Reply) -> list[Event]:
    """Sources on a frame of another kind: the hosted service's frames may have all fields."""
    events: list[Event] = []
    if data.get("search_info") and data.get("type") != "search":
        events += _searched(data, so_far)
    if data.get("knowledge_base") and data.get("type") != "knowledge":
        events += _knowledge(data, so_far)
    return _new_steps(events, so_far)


def _new_steps(events: list[Event], so_far: Reply) -> list[Event]:
    """Nothing, if the same step was told on an earlier frame: the service repeats them."""
    known = so_far.called, so_far.resulted
    return [
        event
        for event in events
        if not isinstance(event, (ToolCall, ToolResult))
        or not any(event.id in ids for ids in known)
    ]


def _thinking(data: JsonObject, so_far: Reply) -> list[Event]:
    thought = text(data.get("reasoning_content")) or text(data.get("content"))
    return [ReasoningDelta(thought)] if thought else unknown_events(data, ANSWER)


def _searched(data: JsonObject, so_far: Reply) -> list[Event]:
    found = [mapping(r) for r in items(mapping(data.get("search_info")).get("search_results"))]
    if not found:
        return []
    citations: list[Event] = [
        Citation(
            title=text(result.get("title")) or None,
            url=text(result.get("url")) or None,
            text=text(result.get("content")) or text(result.get("snippet")) or None,
            marker=identifier(result.get("index")),
        )
        for result in found
    ]
    return [*_step("search", "web_search", found), *citations]


def _knowledge(data: JsonObject, so_far: Reply) -> list[Event]:
    """A search and what it found: names, and to each what else is known of it."""
    names = data.get("knowledge_base")
    names = names if isinstance(names, list) else []
    metas = [mapping(meta) for meta in items(data.get("knowledge_meta"))]
    padded = [*metas, *({} for _ in names[len(metas) :])]
    pairs = zip(names, padded, strict=False)
    known = [(name, _titled(name, meta)) for name, meta in pairs if text(name)]
    found = [about for _, about in known]
    hits = [_hit(name, about) for name, about in known]
    return [*_step("knowledge", "knowledge_base_search", found), *hits] if found else []


def _titled(name: str, meta: JsonMapping) -> JsonObject:
    return {"title": name, **{key: value for key, value in meta.items() if value is not None}}


def _hit(name: str, known: JsonMapping) -> Citation:
    return Citation(
        title=text(known.get("fileName")) or text(known.get("title")) or None,
        url=text(known.get("url")) or text(known.get("fileUrl")) or None,
        text=text(known.get("text")) or text(known.get("content")) or None,
        id=identifier(known.get("fileId") or known.get("id")),
        score=number(known.get("score")),
        extra={"knowledge_base": name},
    )


def _database(data: JsonObject, so_far: Reply) -> list[Event]:
    return _step("db", "database_search", data.get("search_results"))


def _step(kind: str, name: str, output: object) -> list[Event]:
    return [ToolCall(kind, name), ToolResult(kind, output)]


def _called(data: JsonObject, so_far: Reply) -> list[Event]:
    call = mapping(data.get("tool_call"))
    function = mapping(call.get("function"))
    # `arguments` is an object here, not JSON text.
    return [
        ToolCall(
            identifier(call.get("id")) or "call",
            text(function.get("name")) or "tool",
            parse_arguments(function.get("arguments")),
        )
    ]


def _call_begun(data: JsonObject, so_far: Reply) -> list[Event]:
    call = _called_tool(data)
    return [ToolCallDelta(_id_of(call, data), text(call.get("name")) or None)]


def _call_arguments(data: JsonObject, so_far: Reply) -> list[Event]:
    delta = text(data.get("content")) or text(data.get("delta"))
    return [ToolCallDelta(_id_of(_called_tool(data), data), None, delta)]


def _call_ended(data: JsonObject, so_far: Reply) -> list[Event]:
    call_id = _id_of(_called_tool(data), data)
    call = so_far.open_calls.get(call_id, ToolCallDelta(call_id))
    return [ToolCall(call_id, call.name or "tool", parse_arguments(call.arguments))]


def _called_tool(data: JsonObject) -> JsonObject:
    """The call that a frame is about: `tool_call` is JSON text in Tencent's newest template."""
    call = parse_arguments(data.get("tool_call"))
    return call or {"name": data.get("toolCallName") or data.get("toolName")}


def _id_of(call: Arguments, data: JsonObject) -> str:
    return identifier(call.get("id")) or identifier(data.get("toolCallId")) or "call"


def _result(data: JsonObject, so_far: Reply) -> list[Event]:
    call_id = identifier(data.get("toolCallId")) or "call"
    result = ToolResult(call_id, data.get("result"))
    if call_id in so_far.called:
        return [result]
    name = text(data.get("toolName")) or "tool"
    return [ToolCall(call_id, name, parse_arguments(data.get("args"))), result]


def _failed(data: JsonObject, so_far: Reply) -> list[Event]:
    error = mapping(data.get("error"))
    said = error.get("message") or data.get("content") or data.get("error")
    raise RemoteFailureError(
        said if isinstance(said, str) else f"The agent failed: {said}",
        code=identifier(error.get("code")) or identifier(error.get("name")),
        body=data,
    )


def _finished(data: JsonObject, so_far: Reply) -> list[Event]:
    last = rest_of(text(data.get("content")), so_far.text + so_far.withheld)
    return [TextDelta(last)] if last else []


def _no_events(data: JsonObject, so_far: Reply) -> list[Event]:
    return []


_DECODERS: dict[str, Callable[[JsonObject, Reply], list[Event]]] = {
    "thinking": _thinking,
    "reasoning": _thinking,
    "tool_call_start": _call_begun,
    "tool_call_args": _call_arguments,
    "tool_call_end": _call_ended,
    "tool-call-start": _call_begun,
    "tool-call-args": _call_arguments,
    "tool-call-end": _call_ended,
    "search": _searched,
    "knowledge": _knowledge,
    "db": _database,
    "tool-call": _called,
    "tool-result": _result,
    "step-finish": _no_events,
    "finish": _finished,
    "error": _failed,
    **dict.fromkeys(
        ("thinking_start", "thinking_text_start", "thinking_text_end", "thinking_end"), _no_events
    ),
}


# Frames whose texts are no part of the answer, as Tencent's own interface skips them (cloudbase-
# agent-ui, components/agent-ui/index.js: only `text` frames are answer text). `'search_file',` is
# written so by the server's template, quotation marks and comma included; it holds a whole file.
# `thinking_*` and `tool_call_*` are what the newer template sends (cloudbase-ts,
# src/llm/llm_communicator.ts). AG-UI's events are read by their own decoder.
TEXTLESS = frozenset(
    {"step-finish", "search_file", "'search_file',"}
    | {"thinking_start", "thinking_text_start", "thinking_text_end", "thinking_end"}
    | {"tool_call_start", "tool_call_args", "tool_call_end"}
    | {"tool-call-start", "tool-call-args", "tool-call-end"}
    | AG_UI
)


def _info(data: JsonObject, so_far: Reply) -> Info | None:
    info = Info()
    if (record := identifier(data.get("record_id"))) != so_far.reply_id:
        info.reply_id = record
    if (model := identifier(data.get("model"))) != so_far.model:
        info.model = model
    _read_finish(data, so_far, info)
    return None if info == _NO_INFO else info


_NO_INFO = Info()


def _read_finish(data: JsonObject, so_far: Reply, info: Info) -> None:
    reason = data.get("finish_reason")
    kind = data.get("type")
    if reason == "error":
        _failed(data, so_far)
    ends = isinstance(reason, str) and reason not in GOES_ON
    if kind == "finish":
        info.finish_reason = str(reason) if ends else "stop"
    elif not ends:
        if "finish_reason" in data and not so_far.more_expected:
            info.more_expected = True
    elif kind not in ("step-finish", "tool-call", "tool-result"):
        info.finish_reason = str(reason)
