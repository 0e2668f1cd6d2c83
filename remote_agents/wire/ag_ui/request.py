"""A turn as AG-UI's `RunAgentInput` (https://docs.ag-ui.com/concepts/architecture). Pure.

All messages at hand go along, whether the agent keeps the thread or only echoes its id: one that
keeps it drops the messages whose ids it knows. So a message has the same id in every request.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.types import Attachment, ClientToolCall, Interrupt, Message, Turn, json_text
from remote_agents.types.contents import content_of
from remote_agents.wire.ag_ui.run import OF_RUN, Sent
from remote_agents.wire.json import mapping, text
from remote_agents.wire.tool_arguments import decoded


def run_input(
    asked: Turn, thread_id: str, *, forwarded: JsonMapping | None = None, parts: bool = False
) -> JsonObject:
    """The body of a request.

    Args:
        asked: The turn.
        thread_id: The thread, which the client names.
        forwarded: What goes into `forwardedProps`, for agents that read options there.
        parts: Whether files go into the messages, as AG-UI 1.0's parts.

    Example:
        >>> run_input(Turn("a", [Message("user", "Hi", id="1")]), "t")["messages"]
        [{'id': '1', 'role': 'user', 'content': 'Hi'}]
    """
    options = asked.options
    body: JsonObject = {
        "threadId": thread_id,
        "runId": str(uuid.uuid4()),
        "messages": [],
        "tools": [_tool(tool) for tool in options.get("tools") or ()],
        "context": [],
        "state": options.get("state", {}),
        "forwardedProps": dict(forwarded or {}),
    }
    if "resume" in options:
        return _resumed(body, asked, parts=parts)
    messages = [*asked.history, *_forced(asked, body["tools"])]
    body["messages"] = _all_encoded(messages, parts=parts)
    body["context"] = [_context(m) for m in messages[len(asked.history) :] if m.role == "system"]
    return body


def _all_encoded(messages: Sequence[Message], *, parts: bool) -> list[JsonObject]:
    answered, ids = {message.tool_call_id for message in messages}, dict[str, int]()
    encoded = [_encoded(message, answered, parts=parts) for message in messages]
    for message, each in zip(messages, encoded, strict=True):
        each["id"] = _new(_id_of(message), ids)
    told: list[JsonObject] = []
    for message, each in zip(messages, encoded, strict=True):
        thoughts = message.origin.thoughts if message.origin else ()
        told += [thought for it in thoughts if (thought := _thought(mapping(it), ids))]
        told.append(each)
    return told


def _thought(told: JsonMapping, ids: dict[str, int]) -> JsonObject | None:
    """A thought as it was told; None if it is none."""
    own, value = text(told.get("id")), text(told.get("encryptedValue"))
    if not (own and value):
        return None
    known = {"id": _new(own, ids), "role": "reasoning", "content": text(told.get("content"))}
    return {**known, "encryptedValue": value}


def _forced(asked: Turn, tools: Sequence[JsonMapping]) -> list[Message]:
    """The messages that are new, and what they say of a tool that has to be called.

    The protocol cannot force a call; the agent is asked for one.
    """
    choice = asked.options.get("tool_choice")
    names = [tool["name"] for tool in tools] if choice == "any" else [choice]
    if not choice or not tools:
        return [*asked.messages]
    demand = Message("system", FORCED.format(names=", ".join(map(str, names))))
    *earlier, last = asked.messages
    # A result stands right behind its call.
    return [*earlier, last, demand] if last.role == "tool" else [*earlier, demand, last]


FORCED = (
    "Answer the next message by calling one of these tools, and with nothing else: {names}. If you "
    'have no such tool, answer with one JSON object and nothing else: {{"name": the tool, '
    '"arguments": {{...}}}}.'
)


def _id_of(message: Message) -> str:
    """The id of a message; a demand of ours is new each time, or the second one were dropped."""
    return message.id or f"{'system-' if message.role == 'system' else ''}{uuid.uuid4()}"


def _context(message: Message) -> dict[str, str]:
    """An instruction again, for agents that read the newest message and nothing before it."""
    return {"description": "Instructions and context for this question", "value": message.content}


def sent_in(body: JsonMapping, asked: Turn) -> Sent:
    """What of a request its answer may repeat, and what is known to have been said before.

    Args:
        body: The request.
        asked: Its turn.
    """
    messages = [mapping(message) for message in body["messages"]]
    resumes = "resume" in asked.options
    # A run that goes on may say anew what stands behind its question.
    held = [m.id for m in asked.history if m.id and (not resumes or m.role == "assistant")]
    ids = [] if resumes else [str(message["id"]) for message in messages]
    return Sent(
        tools=frozenset(str(tool["name"]) for tool in body["tools"]),
        messages=frozenset([*ids, *held]),
        results=frozenset(str(m["toolCallId"]) for m in messages if m["role"] == "tool"),
        resumes=resumes,
        forced=bool(asked.options.get("tool_choice")),
    )


def _new(message_id: str, ids: dict[str, int]) -> str:
    """The id, unless another message of the request has it: the agent would drop the second.

    Args:
        message_id: The id that is wanted.
        ids: Those that are taken, each with the last number that was put behind it.
    """
    name, number = message_id, ids.get(message_id, 1)
    while name in ids:
        number += 1
        name = f"{message_id}-{number}"
    ids[name] = 1
    ids[message_id] = number
    return name


def _encoded(message: Message, answered: Iterable[str | None], *, parts: bool) -> JsonObject:
    encoded: JsonObject = {"id": "", "role": message.role, "content": message.content}
    if message.role == "system":
        # LangGraph's servers drop a leading system message, and fork where a text was edited.
        return {**encoded, "role": "user"}
    if message.role == "tool":
        if message.tool_call_id is None:
            return {**encoded, "role": "user"}
        encoded["toolCallId"] = message.tool_call_id
        if message.failed:
            encoded["error"] = message.content
    elif message.tool_calls:
        if calls := [_call(call) for call in message.tool_calls if call.id in answered]:
            encoded["toolCalls"] = calls
        # Models refuse a call without its result, and a result without its call.
        said = [str(call) for call in message.tool_calls if call.id not in answered]
        encoded["content"] = "\n".join([message.content, *said] if message.content else said)
    elif message.attachments and parts:
        text = [{"type": "text", "text": message.content}] if message.content else []
        encoded["content"] = [*text, *map(_part, message.attachments)]
    return encoded


def _call(call: ClientToolCall) -> JsonObject:
    encoded = {"id": call.id, "type": "function", "function": _function(call.name, call.arguments)}
    value = call.encrypted_value
    return encoded if value is None else {**encoded, "encryptedValue": value}


def _function(name: str, arguments: object) -> dict[str, str]:
    return {"name": name, "arguments": json_text(arguments)}


def _tool(tool: object) -> JsonObject:
    """A tool as AG-UI names it, given so or in OpenAI's form."""
    known = mapping(mapping(tool).get("function")) or mapping(tool)
    return {
        "name": known.get("name"),
        "description": known.get("description") or "",
        "parameters": known.get("parameters") or {"type": "object", "properties": {}},
    }


def _part(file: Attachment) -> JsonObject:
    kind = "document" if file.kind == "file" else file.kind
    part: JsonObject = {"type": kind, "source": _source(file)}
    return {**part, "metadata": {"filename": file.filename}} if file.filename else part


def _source(file: Attachment) -> JsonObject:
    kind = {"mimeType": file.mime_type} if file.mime_type else {}
    if file.file_id is not None:
        return {"type": "file", "value": file.file_id, **kind}
    if file.url is not None:
        return {"type": "url", "value": file.url, **kind}
    encoded = base64.b64encode(content_of(file.data or b"")).decode()
    return {"type": "data", "value": encoded, "mimeType": file.mime_type or _UNKNOWN}


_UNKNOWN = "application/octet-stream"


# --- going on with a run that waits ------------------------------------------------------------


def _resumed(body: JsonObject, asked: Turn, *, parts: bool) -> JsonObject:
    """The answer where the agent looks for it, and no message that is new."""
    answer, waiting = asked.options["resume"], asked.interrupts
    structured = _structured(waiting)
    if not structured:
        given = mapping(body["forwardedProps"].get("command"))
        one = len(waiting) == 1
        resume = _payload(waiting[0], answer) if one else _answers_by_id(answer, waiting)
        body["forwardedProps"]["command"] = {**given, **_named(waiting), "resume": resume}
        return body
    entries = [_entry(each, _answer_to(each, answer, structured)) for each in structured]
    body["resume"] = entries[0] if structured[0].answered_by == "draft" else entries
    body["messages"] = _paused(_all_encoded(asked.history, parts=parts), structured)
    return body


def tells_history(asked: Turn) -> bool:
    """Whether the messages at hand go along; LangGraph's command stands alone."""
    return "resume" not in asked.options or bool(_structured(asked.interrupts))


def _structured(waiting: Sequence[Interrupt]) -> list[Interrupt]:
    return [each for each in waiting if each.id and each.answered_by != "command"]


def _named(waiting: Sequence[Interrupt]) -> JsonObject:
    """The call that waits, beside its answer: Mastra's servers start anew without it."""
    named = (waiting[0].id or "") if len(waiting) == 1 else ""
    run_id, _, call_id = named.partition(OF_RUN)
    return {"interruptEvent": {"runId": run_id, "toolCallId": call_id}} if call_id else {}


def _paused(messages: list[JsonObject], waiting: Sequence[Interrupt]) -> list[JsonObject]:
    """The messages at hand, with the calls that wait: agents that keep nothing go on from them."""
    calls = [
        {"id": each.tool_call_id, "type": "function", "function": _function(name, arguments)}
        for each in waiting
        if (name := each.tool_name) and (arguments := each.tool_arguments) is not None
    ]
    paused = next((each for each in reversed(messages) if each["role"] == "assistant"), None)
    if calls and paused:
        paused["toolCalls"] = [*paused.get("toolCalls", ()), *calls]
    kept = ("tool", "reasoning")
    return [m for m in messages if m["content"] or m["role"] in kept or "toolCalls" in m]


def _answers_by_id(answer: object, waiting: Sequence[Interrupt]) -> Any:
    """An answer for each by its id, as LangGraph wants it where more than one waits."""
    ids = [each.id for each in waiting]
    if not ids or not all(ids) or _is_by_id(answer, ids):
        return answer
    return dict.fromkeys(ids, answer)


def _is_by_id(answer: object, ids: Iterable[str | None]) -> bool:
    return isinstance(answer, dict) and bool(answer) and answer.keys() <= {*ids}


def _answer_to(interrupt: Interrupt, answer: object, waiting: Sequence[Interrupt]) -> Any:
    """One answer for all, or for each its own, by the interrupts' ids."""
    if isinstance(answer, dict) and _is_by_id(answer, [each.id for each in waiting]):
        return answer.get(interrupt.id)
    return answer


def _entry(interrupt: Interrupt, answer: object) -> JsonObject:
    if interrupt.answered_by == "draft":
        return {"interruptId": interrupt.id, "payload": answer}
    told = mapping(interrupt.value)
    # AG2 leaves a proof there, and may refuse an answer without it.
    issued = told.get("metadata") if told.get("id") == interrupt.id else None
    known = {"interruptId": interrupt.id, **({"metadata": issued} if issued else {})}
    if answer is None:
        return {**known, "status": "cancelled"}
    return {**known, "status": "resolved", "payload": _payload(interrupt, answer)}


def _payload(interrupt: Interrupt, answer: object) -> Any:
    return {"approved": answer} if _wants_approval(interrupt, answer) else answer


def _wants_approval(interrupt: Interrupt, answer: object) -> bool:
    """Whether a yes or no has its place in an object, as the schema of the protocol's own form."""
    told = mapping(interrupt.value)
    schema = mapping(told.get("responseSchema") or decoded(told.get("resumeSchema")))
    wanted = schema.get("type") == "object" and "approved" in mapping(schema.get("properties"))
    return wanted and isinstance(answer, bool)
