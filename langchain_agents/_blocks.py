"""The events of an answer into LangChain's content blocks.

An answer has the same content blocks however it is asked for: the
blocks stand in the order in which their kinds first appeared, one `reasoning` block, one `text`
block with all citations, and one block for each of the agent's own steps.

In string mode a message's `content` is its text, and the rest waits in `additional_kwargs`
(`reasoning_content`, `citations`, `steps`) until `content_blocks` is read. LangChain adds up the
chunks of a stream, so each of these keys is on exactly one chunk, or is text to be joined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.messages import (
    AIMessage,
    InputTokenDetails,
    OutputTokenDetails,
    ToolCallChunk,
    UsageMetadata,
    content as blocks_of,
)

from remote_agents.json_types import JsonObject
from remote_agents.types import (
    Citation,
    ClientToolCall,
    Event,
    File,
    ReasoningDelta,
    Reply,
    TextDelta,
    ToolCall,
    ToolResult,
    Unknown,
    json_text,
)

Block = dict[str, Any]


def citation_block(citation: Citation, text: str) -> blocks_of.Citation:
    """A source as LangChain's annotation; its place in the text where a mark stands for it."""
    block: Block = {"type": "citation"}
    for name, value in (
        ("id", citation.id),
        ("url", citation.url),
        ("title", citation.title),
        ("cited_text", citation.text),
    ):
        if value is not None:
            block[name] = value
    if place := _place(citation.marker, text):
        block["start_index"], block["end_index"] = place
    extras = {**citation.extra, "score": citation.score, "marker": citation.marker}
    if extras := {name: value for name, value in extras.items() if value is not None}:
        block["extras"] = extras
    return cast("blocks_of.Citation", block)


def _place(marker: str | None, text: str) -> tuple[int, int] | None:
    """Where the mark first stands in the text; a bare number stands as [number]."""
    if not marker:
        return None
    mark = f"[{marker}]" if marker.isalnum() else marker
    start = text.find(mark)
    return None if start < 0 else (start, start + len(mark))


def step_block(step: ClientToolCall | ToolCall | ToolResult | File | Unknown) -> Block:
    """One of the agent's own steps, or a file of the answer, as a block."""
    if isinstance(step, File):
        return _file_block(step)
    if isinstance(step, ClientToolCall):
        return {"type": "tool_call", **call_of(step)}
    if isinstance(step, ToolCall):
        return {
            "type": "server_tool_call",
            "id": step.id,
            "name": step.name,
            "args": step.arguments,
        }
    if isinstance(step, ToolResult):
        status = "error" if step.error else "success"
        return {
            "type": "server_tool_result",
            "tool_call_id": step.id,
            "status": status,
            "output": step.output,
        }
    value = step.data if isinstance(step.data, dict) else {"data": step.data}
    return {"type": "non_standard", "value": value}


def call_of(call: ClientToolCall) -> Block:
    """A call of the caller's tool, as a message carries it."""
    return {"id": call.id, "name": call.name, "args": call.arguments}


def call_chunk(call: ClientToolCall, index: int) -> ToolCallChunk:
    """The same in a stream, whole at once: until the run ends nobody knows whose tool it is."""
    return ToolCallChunk(
        name=call.name,
        args=json_text(call.arguments),
        id=call.id,
        index=index,
        type="tool_call_chunk",
    )


def _file_block(file: File) -> Block:
    known = file.to_dict()
    name, content = known.pop("filename", None), known.pop("data", None)
    block: Block = {"type": known.pop("kind"), **known}
    if content is not None:
        block["base64"] = content
    if name is not None:
        block["extras"] = {"filename": name}
    return block


@dataclass(slots=True)
class Layout:
    """Which blocks an answer has, in the order in which they began.

    The `text` and `reasoning` blocks stand here without their text.
    """

    blocks: list[Block] = field(default_factory=list)
    text: int | None = None
    reasoning: int | None = None
    told: set[object] = field(default_factory=set)  # calls and files

    def text_index(self) -> int:
        """The index of the text block, which begins now if it has not."""
        if self.text is None:
            self.text = self._begin({"type": "text"})
        return self.text

    def reasoning_index(self) -> int:
        """The index of the reasoning block, which begins now if it has not."""
        if self.reasoning is None:
            self.reasoning = self._begin({"type": "reasoning"})
        return self.reasoning

    def step(self, step: ClientToolCall | ToolCall | ToolResult | File | Unknown) -> Block | None:
        """The step's block; None for a call or a file that was told before."""
        block = step_block(step)
        if isinstance(step, (ToolCall, File)):
            key = step.key if isinstance(step, File) else repr(block)
            if key in self.told:
                return None
            self.told.add(key)
        self._begin(block)
        return block

    def add(self, event: Event) -> None:
        """Take note of one event."""
        if type(event) is TextDelta and event.text:
            self.text_index()
        elif type(event) is ReasoningDelta and event.text:
            self.reasoning_index()
        elif isinstance(event, STEPS):
            self.step(event)

    def _begin(self, block: Block) -> int:
        block["index"] = len(self.blocks)
        self.blocks.append(block)
        return len(self.blocks) - 1

    def steps(self) -> list[Block] | None:
        """What `translate` needs to know beyond text and reasoning."""
        plain = [block["type"] for block in self.blocks]
        return None if plain in _PLAIN else self.blocks


STEPS = (ClientToolCall, ToolCall, ToolResult, File, Unknown)
_PLAIN: tuple[list[str], ...] = ([], ["text"], ["reasoning"], ["reasoning", "text"])


def whole_blocks(layout: Layout, reply: Reply) -> list[Block]:
    """The content blocks of a whole answer."""
    annotations = [citation_block(citation, reply.text) for citation in reply.citations]
    if annotations:
        layout.text_index()
    return _filled(layout.blocks, reply.text, reply.reasoning, annotations)


def _filled(
    blocks: Sequence[Block], text: str, reasoning: str, annotations: Sequence[Any]
) -> list[Block]:
    filled = []
    for block in blocks:
        if block["type"] == "text":
            block = {"type": "text", "text": text, "index": block["index"]}
            if annotations:
                block["annotations"] = list(annotations)
        elif block["type"] == "reasoning":
            block = {"type": "reasoning", "reasoning": reasoning, "index": block["index"]}
        filled.append(block)
    return filled


def translate(message: AIMessage) -> list[blocks_of.ContentBlock]:
    """The content blocks of a message whose `content` is its text."""
    if not isinstance(message.content, str):
        raise NotImplementedError  # LangChain then reads the list as it is
    extra = message.additional_kwargs
    text, reasoning = message.content, extra.get("reasoning_content") or ""
    citations = [Citation(**citation) for citation in extra.get("citations") or ()]
    steps = extra.get("steps")
    if steps is None:
        kinds = [("reasoning", reasoning), ("text", text or citations)]
        steps = [{"type": kind} for kind, there in kinds if there]
        steps = [{**block, "index": index} for index, block in enumerate(steps)]
    annotations = [citation_block(citation, text) for citation in citations]
    return cast("list[blocks_of.ContentBlock]", _filled(steps, text, reasoning, annotations))


def usage_of(reply: Reply) -> UsageMetadata | None:
    """Token counts, if the service reports them."""
    usage = reply.usage
    if usage is None:
        return None
    counts = UsageMetadata(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
    )
    read, written = usage.cached_input_tokens, usage.cache_write_input_tokens
    if read or written:
        counts["input_token_details"] = InputTokenDetails(cache_read=read, cache_creation=written)
    if usage.reasoning_tokens:
        counts["output_token_details"] = OutputTokenDetails(reasoning=usage.reasoning_tokens)
    return counts


def extra_of(reply: Reply, layout: Layout, *, blocks: bool) -> JsonObject:
    """What a message carries beside its content; `blocks` if that is the list of blocks."""
    citations, files, alternatives = reply.citations, reply.files, reply.alternatives
    if citations:
        layout.text_index()
    extra: JsonObject = {
        "citations": [citation.to_dict() for citation in citations],
        "files": [file.to_dict() for file in files],
        "alternatives": alternatives,
        "steps": None if blocks else layout.steps(),
    }
    return {name: value for name, value in extra.items() if value}
