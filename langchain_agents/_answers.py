"""The core's answers as what LangChain's entry points give: results, chunks, protocol events.

Each of the three encoders takes the core's events one by one; none knows where they come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, ToolCallChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from langchain_agents._blocks import (
    STEPS,
    Block,
    Layout,
    call_chunk,
    call_of,
    citation_block,
    extra_of,
    usage_of,
    whole_blocks,
)
from langchain_agents._usage import llm_output_of, metadata_of
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.types import ClientToolCall, Event, Finish, ReasoningDelta, Reply, TextDelta


def to_result(reply: Reply, layout: Layout, *, blocks: bool) -> ChatResult:
    """A whole answer; further choices (`n`) are further generations.

    Args:
        reply: The answer.
        layout: Its blocks.
        blocks: Whether `content` is the list of blocks (`output_version="v1"`), or the text.
    """
    extra = extra_of(reply, layout, blocks=blocks)
    metadata = metadata_of(reply)
    if blocks:
        metadata["output_version"] = "v1"
    elif reply.reasoning:
        extra["reasoning_content"] = reply.reasoning
    message = AIMessage(
        content=[*whole_blocks(layout, reply)] if blocks else reply.text,
        additional_kwargs=extra,
        response_metadata=metadata,
        tool_calls=[call_of(call) for call in reply.tool_calls],
        usage_metadata=usage_of(reply),
    )
    others = [AIMessage(text, response_metadata=_shared(metadata)) for text in reply.alternatives]
    generations = [
        ChatGeneration(message=each, generation_info=_info(each.response_metadata))
        for each in (message, *others)
    ]
    return ChatResult(generations=generations, llm_output=llm_output_of([metadata]))


def _shared(metadata: JsonMapping) -> JsonObject:
    """What another choice shares with the first; only that one is in the conversation."""
    return {name: metadata[name] for name in _CHOICE_KEYS if name in metadata}


def _info(metadata: JsonMapping) -> JsonObject:
    """What tracers look for beside a message rather than on it."""
    return {name: metadata[name] for name in ("finish_reason", "model_name") if name in metadata}


_CHOICE_KEYS = ("model_name", "model_provider", "agent", "request_id")


# --- streams out -------------------------------------------------------------------------------


class TextChunks:
    """Events into chunks whose `content` is a string."""

    def __init__(self) -> None:
        self._layout = Layout()

    def take(self, event: Event) -> ChatGenerationChunk | None:
        """The chunk for one event, or None if it waits for the last one."""
        if type(event) is TextDelta:
            return self._text(event.text)
        if type(event) is ReasoningDelta:
            self._layout.add(event)
            return _chunk("", additional_kwargs={"reasoning_content": event.text})
        if type(event) is Finish:
            return self._final_chunk(event.reply)
        if isinstance(event, STEPS):
            self._layout.add(event)
        if type(event) is ClientToolCall:
            return _chunk("", tool_call_chunks=[call_chunk(event, len(self._layout.blocks) - 1)])
        return None

    def _text(self, text: str) -> ChatGenerationChunk | None:
        if not text:
            return None
        if self._layout.text is None:
            self._layout.text_index()
        return text_chunk(text)

    def _final_chunk(self, reply: Reply) -> ChatGenerationChunk:
        return _chunk(
            "",
            additional_kwargs=extra_of(reply, self._layout, blocks=False),
            usage_metadata=usage_of(reply),
            response_metadata=metadata_of(reply),
            chunk_position="last",
        )


def _chunk(content: Any, **fields: Any) -> ChatGenerationChunk:
    message = AIMessageChunk(content=content, **fields)
    chunk = ChatGenerationChunk(message=message)
    if message.chunk_position == "last":
        chunk.generation_info = _info(message.response_metadata)
    return chunk


def _cloned(text: str) -> ChatGenerationChunk:
    """A chunk of plain text, at a fraction of what Pydantic's constructors cost."""
    message: AIMessageChunk = _new(AIMessageChunk)
    fields = _MESSAGE_FIELDS.copy()
    fields["content"] = text
    fields["additional_kwargs"], fields["response_metadata"] = {}, {}
    fields["tool_calls"], fields["invalid_tool_calls"], fields["tool_call_chunks"] = [], [], []
    _fill(message, fields, {"content"}, {})
    chunk: ChatGenerationChunk = _new(ChatGenerationChunk)
    fields = {**_CHUNK_FIELDS, "text": text, "message": message}
    _fill(chunk, fields, _CHUNK_SET.copy(), None)
    return chunk


def _fill(model: object, fields: JsonObject, given: set[str], extra: object) -> None:
    _set(model, "__dict__", fields)
    _set(model, "__pydantic_fields_set__", given)
    _set(model, "__pydantic_extra__", extra)
    _set(model, "__pydantic_private__", None)


def _same(one: Any, other: Any) -> bool:
    """Whether nothing tells two chunks apart, inside and out."""
    inside = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
    return (
        all(getattr(one, name) == getattr(other, name) for name in inside)
        and all(getattr(one.message, n) == getattr(other.message, n) for n in inside)
        and list(one.message.__dict__) == list(other.message.__dict__)
        and list(one.__dict__) == list(other.__dict__)
    )


_new, _set = object.__new__, object.__setattr__
_TEMPLATE = _chunk("")
_MESSAGE_FIELDS = dict(_TEMPLATE.message.__dict__)
_CHUNK_FIELDS, _CHUNK_SET = dict(_TEMPLATE.__dict__), _TEMPLATE.model_fields_set
# With a Pydantic or LangChain whose objects are made otherwise, the constructors are used.
text_chunk = _cloned if _same(_cloned("text"), _chunk("text")) else _chunk


class BlockChunks:
    """Events into chunks whose `content` is a list of blocks (`output_version="v1"`).

    A block's `index` tells LangChain which pieces belong together.
    """

    def __init__(self) -> None:
        self._layout = Layout()

    def take(self, event: Event) -> ChatGenerationChunk | None:
        """The chunk for one event, or None if it shows nothing new."""
        if type(event) is TextDelta or type(event) is ReasoningDelta:
            return self._delta(event)
        if type(event) is Finish:
            return self._final_chunk(event.reply)
        if isinstance(event, STEPS) and (block := self._layout.step(event)):
            if isinstance(event, ClientToolCall):
                return self._piece([block], [call_chunk(event, block["index"])])
            return self._piece([block])
        return None

    def _delta(self, event: TextDelta | ReasoningDelta) -> ChatGenerationChunk | None:
        if not event.text:
            return None
        if type(event) is TextDelta:
            block = {"type": "text", "text": event.text, "index": self._layout.text_index()}
        else:
            index = self._layout.reasoning_index()
            block = {"type": "reasoning", "reasoning": event.text, "index": index}
        return self._piece([block])

    def _piece(
        self, content: list[Block], calls: Sequence[ToolCallChunk] = ()
    ) -> ChatGenerationChunk:
        version = {"output_version": "v1"}
        return _chunk(content, response_metadata=version, tool_call_chunks=[*calls])

    def _final_chunk(self, reply: Reply) -> ChatGenerationChunk:
        extra = extra_of(reply, self._layout, blocks=True)
        content: list[Block] = []
        if reply.citations:
            notes = [citation_block(citation, reply.text) for citation in reply.citations]
            index = self._layout.text_index()
            content = [{"type": "text", "text": "", "annotations": notes, "index": index}]
        return _chunk(
            content,
            additional_kwargs=extra,
            response_metadata={**metadata_of(reply), "output_version": "v1"},
            usage_metadata=usage_of(reply),
            chunk_position="last",
        )


class ProtocolEvents:
    """Events into those of LangChain's content-block protocol (`version="v3"`)."""

    def __init__(self, provider: str, model: str) -> None:
        self._layout = Layout()
        self._start = {"provider": provider, "model": model}
        self._started = False

    def take(self, event: Event) -> list[Any]:
        """The protocol's events for one of ours."""
        if type(event) is TextDelta or type(event) is ReasoningDelta:
            return self._opened(self._delta(event)) if event.text else []
        if type(event) is Finish:
            return self._opened(self._finished(event.reply))
        if isinstance(event, STEPS) and (block := self._layout.step(event)):
            return self._opened([_started(block["index"], _skeleton(block))])
        return []

    def _opened(self, events: list[Any]) -> list[Any]:
        if self._started:
            return events
        self._started = True
        start = {"event": "message-start", "role": "ai", "id": "", "metadata": self._start}
        return [start, *events]

    def _delta(self, event: TextDelta | ReasoningDelta) -> list[Any]:
        layout = self._layout
        if type(event) is TextDelta:
            new, index = layout.text is None, layout.text_index()
            delta = {"type": "text-delta", "text": event.text}
        else:
            new, index = layout.reasoning is None, layout.reasoning_index()
            delta = {"type": "reasoning-delta", "reasoning": event.text}
        piece = {"event": "content-block-delta", "index": index, "delta": delta}
        return [_started(index, _skeleton(layout.blocks[index])), piece] if new else [piece]

    def _finished(self, reply: Reply) -> list[Any]:
        begun = len(self._layout.blocks)
        extra = extra_of(reply, self._layout, blocks=True)
        blocks = whole_blocks(self._layout, reply)
        events = [_started(block["index"], _skeleton(block)) for block in blocks[begun:]]
        events += [
            {"event": "content-block-finish", "index": block["index"], "content": block}
            for block in blocks
        ]
        finish: Block = {"event": "message-finish", "metadata": metadata_of(reply)}
        if usage := usage_of(reply):
            finish["usage"] = usage
        if extra:
            finish["additional_kwargs"] = extra
        return [*events, finish]


def _started(index: int, content: Block) -> Block:
    return {"event": "content-block-start", "index": index, "content": content}


def _skeleton(block: Block) -> Block:
    """A block without what follows in deltas or with its end."""
    kind = block["type"]
    return {**{k: v for k, v in block.items() if k in _SMALL}, **_EMPTY.get(kind, {})}


_SMALL = frozenset({"type", "id", "name", "tool_call_id", "status"})
_EMPTY: dict[str, Block] = {
    "text": {"text": ""},
    "reasoning": {"reasoning": ""},
    "server_tool_call": {"args": {}},
    "tool_call": {"args": {}},
    "non_standard": {"value": {}},
}
