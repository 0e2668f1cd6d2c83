"""Chat completions in OpenAI's shape, as three of the services send them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from remote_agents.errors import RemoteFailureError
from remote_agents.json_types import JsonMapping
from remote_agents.types import (
    Alternative,
    Event,
    Info,
    Message,
    Reply,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    Unknown,
    Usage,
)
from remote_agents.wire.failures import error_code, error_message
from remote_agents.wire.json import count, identifier, items, mapping, rest_of
from remote_agents.wire.openai_parts import parts_of, reasoning_beside, said_beside
from remote_agents.wire.tool_arguments import parse_arguments, whole_calls
from remote_agents.wire.unknown_frames import unknown_events


def encode_messages(messages: Sequence[Message]) -> list[dict[str, str]]:
    """Messages as `{role, content}`."""
    return [{"role": message.role, "content": message.content} for message in messages]


def decode_chat(data: object, so_far: Reply) -> list[Event]:
    """One chunk (`delta`) or one whole completion (`message`) into events.

    Every key but `choices` is optional; text is taken before the reason to finish, since one
    frame may hold both; the first choice seen is the answer, whatever its index, which later frames
    need not repeat.
    """
    if not isinstance(data, dict) or "choices" not in data:
        return [Unknown(data)]
    events: list[Event] = []
    chosen = so_far.choice
    choices = data["choices"]
    for choice in choices if isinstance(choices, list) else [choices]:
        if isinstance(choice, dict):
            index = choice.get("index")
            if chosen is None:
                chosen = index if isinstance(index, int) else 0
                events.append(Info(choice=chosen))
            if index == chosen or not isinstance(index, int):
                _decode_choice(choice, so_far, events)
            else:
                _decode_alternative(choice, index, events)
        elif choice:
            events.append(Unknown({"choice": choice}))
    if data.get("usage"):
        events.extend(decode_usage(mapping(data["usage"]), so_far))
    info = _info(data, so_far)
    if info is not None:
        events.append(info)
    return events


def _decode_alternative(choice: JsonMapping, index: int, events: list[Event]) -> None:
    message = mapping(choice.get("delta") or choice.get("message"))
    content = message.get("content")
    events.extend(
        Alternative(index, part.text) if isinstance(part, TextDelta) else part
        for part in (*(parts_of(content) if content else ()), *said_beside(message))
    )


def _decode_choice(choice: JsonMapping, so_far: Reply, events: list[Event]) -> None:
    whole = "message" in choice and _is_whole(choice)
    content = mapping(choice["message"] if whole else choice.get("delta"))
    piece = content.get("content")
    if whole and type(piece) is str:  # a stream may end with all of it once more
        piece = rest_of(piece, so_far.text + so_far.withheld)
    more = (len(content) > 1 or piece is None) and not content.keys() <= PLAIN
    if more:
        events.extend(reasoning_beside(content, so_far.reasoning if whole else ""))
    if type(piece) is str and piece:
        events.append(TextDelta(piece))
    elif piece:
        events.extend(parts_of(piece))
    else:
        _check_silence(choice, content, events)
    if more:
        events.extend(said_beside(content))
        _decode_calls(content, whole, so_far, events)
    reason = choice.get("finish_reason")
    if reason == "error" or choice.get("error"):
        raise _failure(choice, events)
    if whole or reason or ("finish_reason" in choice and not so_far.more_expected):
        _decode_finish(reason, whole, so_far, events)


def _is_whole(choice: JsonMapping) -> bool:
    """Whether the answer stands there at once; a choice may have both keys, one of them empty."""
    return not choice.get("delta") and (bool(choice["message"]) or "delta" not in choice)


def _check_silence(choice: JsonMapping, content: JsonMapping, events: list[Event]) -> None:
    """Note what may be text under another key."""
    if "content" not in content:
        events.extend(unknown_events(content, DELTA))
        events.extend(unknown_events(choice, CHOICE))


PLAIN = frozenset({"role", "content"})
# Keys that hold no text of the answer.
DELTA = frozenset(
    {"role", "name", "reasoning", "reasoning_content", "reasoning_details", "refusal", "images"}
    | {"annotations", "audio", "tool_calls", "function_call"}
)
CHOICE = frozenset(
    {"index", "delta", "message", "error", "logprobs", "native_finish_reason", "stop_reason"}
    | {"content_filter_results"}
)


def _failure(choice: JsonMapping, told: Sequence[Event]) -> RemoteFailureError:
    """What a choice says of its failure, as OpenRouter and others put it, and its last piece."""
    said = error_message({"error": choice["error"]}) if choice.get("error") else ""
    return RemoteFailureError(
        said or "The agent's answer ended in an error.",
        code=error_code({"error": choice.get("error")}),
        body=dict(choice),
        partial="".join(event.text for event in told if isinstance(event, TextDelta)),
    )


def _decode_calls(content: JsonMapping, whole: bool, so_far: Reply, events: list[Event]) -> None:
    """The calls that the agent makes of its own tools; a stream tells each in pieces."""
    calls = content.get("tool_calls")
    if not calls and (old := content.get("function_call")):
        calls = [{"function": old}]
    for place, call in enumerate(map(mapping, items(calls)) if calls else ()):
        function = mapping(call.get("function"))
        name, said = identifier(function.get("name")), function.get("arguments")
        if whole:
            call_id = identifier(call.get("id")) or f"call-{place}"
            events.append(ToolCall(call_id, name or "tool", parse_arguments(said)))
        else:
            piece = said if isinstance(said, str) else json.dumps(said) if said else ""
            events.append(ToolCallDelta(_id_of(call, place, so_far), name, piece))


def _id_of(call: JsonMapping, place: int, so_far: Reply) -> str:
    """Whose a piece is: of the call that it names, else of the last one at its index.

    Some servers begin each call of a step at index 0, and some have an id for each piece: a call
    begins with a name.
    """
    ids = so_far.decoder = so_far.decoder if isinstance(so_far.decoder, dict) else {}
    index = count(call.get("index", place))
    named, last = identifier(call.get("id")), ids.get(index)
    begins = last is None or mapping(call.get("function")).get("name")
    known = (named if begins else None) or last or f"call-{index}"
    ids[index] = known
    return known


def _end_calls(so_far: Reply, events: list[Event]) -> None:
    """The calls whose pieces are all there, now that the answer, or a step of it, has ended."""
    if not so_far.open_calls and not any(type(event) is ToolCallDelta for event in events):
        return
    pieces = Reply(so_far.endpoint, so_far.agent)
    for piece in [*so_far.open_calls.values(), *events]:
        if isinstance(piece, ToolCallDelta):
            pieces.add(piece)
    events.extend(whole_calls(pieces))


def _decode_finish(reason: object, whole: bool, so_far: Reply, events: list[Event]) -> None:
    ends = isinstance(reason, str) and bool(reason) and reason not in GOES_ON
    if whole:
        events.append(Info(finish_reason=str(reason) if ends else "stop"))
        return
    if reason and reason != "continue":
        _end_calls(so_far, events)
    if ends:
        events.append(Info(finish_reason=str(reason)))
    elif not so_far.more_expected:
        events.append(Info(more_expected=True))


# CloudBase says "continue" while the answer goes on, and in its example of a whole one too. An
# agent that has called a tool of its own goes on when that has answered.
GOES_ON = frozenset({"continue", "tool_calls", "tool-calls", "function_call"})


def decode_usage(usage: JsonMapping, so_far: Reply) -> list[Event]:
    """Token counts in snake_case or camelCase; the sum is worked out when it is missing or 0.

    Counts that only repeat what is known are no event: nothing of the answer has come.
    """
    sent = count(usage.get("prompt_tokens") or usage.get("promptTokens"))
    made = count(usage.get("completion_tokens") or usage.get("completionTokens"))
    total = count(usage.get("total_tokens") or usage.get("totalTokens"))
    told = Usage(sent, made, max(total, sent + made))
    if "prompt_tokens_details" in usage:
        read = mapping(usage["prompt_tokens_details"])
        told.cached_input_tokens = count(read.get("cached_tokens"))
        told.cache_write_input_tokens = count(read.get("cache_write_tokens"))
    if "completion_tokens_details" in usage:
        reasoned = mapping(usage["completion_tokens_details"])
        told.reasoning_tokens = count(reasoned.get("reasoning_tokens"))
    said = told.total_tokens or so_far.usage is None  # a last frame may count nothing
    return [told] if said and told != so_far.usage else []


def _info(data: JsonMapping, so_far: Reply) -> Info | None:
    reply_id = data.get("id")
    model = data.get("model")
    conversation = data.get("conversationId") or data.get("conversation_id")
    if conversation == so_far.conversation_id:
        conversation = None
    if reply_id == so_far.reply_id and model == so_far.model and conversation is None:
        return None
    info = Info(
        reply_id=identifier(reply_id),
        model=identifier(model),
        conversation_id=identifier(conversation),
    )
    return None if info == _NO_INFO else info


_NO_INFO = Info()
