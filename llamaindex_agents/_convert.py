"""LlamaIndex messages, blocks and responses to and from the core's. Nothing else converts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, cast

from llama_index.core.base.llms.types import (
    AudioBlock,
    CachePoint,
    ChatMessage,
    ChatResponse,
    CitableBlock,
    CitationBlock,
    ContentBlock,
    DocumentBlock,
    ImageBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
    VideoBlock,
)
from pydantic import BaseModel, ValidationError

from remote_agents.client_tools import broken_call
from remote_agents.errors import UnsupportedContentError
from remote_agents.json_types import Arguments, JsonMapping, JsonObject
from remote_agents.service import Endpoint
from remote_agents.types import (
    Attachment,
    AttachmentKind,
    Citation,
    ClientToolCall,
    File,
    Message,
    Origin,
    Reply,
    Role,
    ToolCall,
    ToolResult,
    Usage,
)
from remote_agents.types.history import History, said_beside_text

# --- what goes out -----------------------------------------------------------------------------

ROLES: dict[MessageRole, Role] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}
# A file as a block, and the field that has its content.
_FILE_BLOCKS: dict[AttachmentKind, tuple[type[BaseModel], str]] = {
    "image": (ImageBlock, "image"),
    "audio": (AudioBlock, "audio"),
    "video": (VideoBlock, "video"),
    "file": (DocumentBlock, "data"),
}
_KINDS: dict[type, AttachmentKind] = {block: kind for kind, (block, _) in _FILE_BLOCKS.items()}
_UNTITLED = DocumentBlock(data=b" ").title  # what LlamaIndex calls a document without a title
# What an agent said besides its text is not said to it again.
_NOT_SAID_AGAIN = (ThinkingBlock, CitationBlock)


def to_messages(messages: Sequence[ChatMessage], endpoint: Endpoint) -> History:
    """LlamaIndex messages as the core's, each made when it is looked at.

    Looking raises `UnsupportedContentError`, which names the block, and the endpoint that does not
    take it.
    """
    _check_list(messages, endpoint)
    return History(messages, lambda some: (_message(message, endpoint) for message in some))


def check_messages(messages: Sequence[ChatMessage], endpoint: Endpoint) -> None:
    """Look whether they are messages at all, before LlamaIndex's events want them to be.

    Raises:
        UnsupportedContentError: They are none.
    """
    _check_list(messages, endpoint)
    for message in messages:
        _check_message(message, endpoint)


def _check_list(messages: object, endpoint: Endpoint) -> None:
    if isinstance(messages, (str, bytes, ChatMessage)) or not isinstance(messages, Iterable):
        raise _no_messages(type(messages).__name__, endpoint)


def _check_message(message: object, endpoint: Endpoint) -> None:
    if not isinstance(message, ChatMessage):
        raise _no_messages(f"of {type(message).__name__}", endpoint)


def _no_messages(given: str, endpoint: Endpoint) -> UnsupportedContentError:
    return UnsupportedContentError(
        f"chat() takes a list of ChatMessage, not {given}; complete() takes a text alone.",
        endpoint=endpoint.name,
    )


def prompt(text: str, asked: str = "complete()") -> list[Message]:
    """The prompt of what is asked by a text alone, as messages.

    Raises:
        UnsupportedContentError: It is no text.
    """
    if not isinstance(text, str):
        raise UnsupportedContentError(f"{asked} takes a text, not {type(text).__name__}.")
    return [Message("user", text)]


def _message(message: ChatMessage, endpoint: Endpoint) -> Message:
    _check_message(message, endpoint)
    role, blocks, known = ROLES[message.role], message.blocks, message.additional_kwargs
    origin = Origin.of(known) if known and role == "assistant" else None
    if len(blocks) == 1 and type(block := blocks[0]) is TextBlock and _BESIDE.isdisjoint(known):
        return Message(role, block.text or "", (), origin)  # most of a long history
    said = _Said(role, endpoint)
    for block in blocks:
        if origin is None or type(block) not in _KINDS:
            said.read(block)
    if origin is not None:  # what an agent of this library said of its files is more than blocks
        with _reading("files", "{'kind', 'url' or 'id'}"):
            said.files += [_named_file(file) for file in known.get("files") or ()]
    if role == "assistant":
        said.texts += said_beside_text(known)
    if not said.calls:
        said.read_old_calls(known)
    return Message(
        role,
        "\n".join(said.texts),
        said.files,
        origin,
        tool_calls=said.calls,
        tool_call_id=known.get("tool_call_id"),
        name=known.get("name"),
        failed=bool(known.get("is_error")),
    )


@contextmanager
def _reading(name: str, form: str) -> Iterator[None]:
    """Refuses what stands beside the blocks of a message, in a history from outside, by name."""
    try:
        yield
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise UnsupportedContentError(
            f"The {name} in a message's additional_kwargs are a list of {form}."
        ) from error


# What a message tells beside its blocks.
_BESIDE = frozenset(
    {"audio", "function_call", "is_error", "name", "refusal", "tool_call_id", "tool_calls"}
)


class _Said:
    """What the blocks of one message say."""

    def __init__(self, role: Role, endpoint: Endpoint) -> None:
        self.texts: list[str] = []
        self.files: list[Attachment] = []
        self.calls: list[ClientToolCall] = []
        self._role = role
        self._endpoint = endpoint

    def read(self, block: object) -> None:
        """Take what a block says, or refuse it by its name."""
        if isinstance(block, TextBlock):
            self.texts.append(block.text or "")
        elif self._role == "assistant" and isinstance(block, _NOT_SAID_AGAIN):
            return
        elif isinstance(block, ThinkingBlock):
            self.texts.append(block.content or "")
        elif isinstance(block, (CitableBlock, CitationBlock)):
            self._read_cited(block)
        elif isinstance(block, ToolCallBlock):
            self._add_call(block.tool_call_id, block.tool_name, block.tool_kwargs)
        elif not isinstance(block, CachePoint):  # which is only a hint
            self._read_file(block)

    def _read_cited(self, block: CitableBlock | CitationBlock) -> None:
        self.texts.append(block.title)
        for inner in block.content if isinstance(block, CitableBlock) else [block.cited_content]:
            self.read(inner)

    def _read_file(self, block: object) -> None:
        kind, takes = _KINDS.get(type(block)), self._endpoint.attachments
        if kind is None or (self._role == "user" and kind not in takes):
            raise UnsupportedContentError(
                f"{self._endpoint.title} does not take {type(block).__name__}; it takes "
                f"{', '.join(sorted(takes)) or 'text only'}.",
                endpoint=self._endpoint.name,
            )
        self.files.append(_attachment(kind, block, self._endpoint))

    def read_old_calls(self, known: JsonMapping) -> None:
        """Take the tool calls that an integration keeps beside the blocks, as OpenAI's types."""
        with _reading("tool_calls", "OpenAI's {'id', 'function': {'name', 'arguments'}}"):
            old = [*(known.get("tool_calls") or ()), *filter(None, [known.get("function_call")])]
            for call in old:
                plain = call.model_dump() if isinstance(call, BaseModel) else dict(call)
                function = plain.get("function") or plain
                self._add_call(plain.get("id"), function.get("name"), function.get("arguments"))

    def _add_call(self, call_id: str | None, name: object, arguments: object) -> None:
        given = _arguments(arguments)
        if given is None:
            self.texts.append(broken_call(name, arguments))
        else:
            self.calls.append(ClientToolCall(call_id or "", str(name), given))


def _named_file(file: JsonMapping) -> Attachment:
    """A file of an earlier answer, which is told by its address or name."""
    name = file.get("id") or file.get("filename") or "a file"
    return Attachment(file["kind"], url=file.get("url"), file_id=None if file.get("url") else name)


def _arguments(given: object) -> Arguments | None:
    """The arguments of a tool call; None if they are broken."""
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except ValueError:
            return None
    return given if isinstance(given, dict) else None


def _attachment(kind: AttachmentKind, block: Any, endpoint: Endpoint) -> Attachment:
    url = str(block.url) if block.url else None
    path = _path(kind, block, endpoint)
    if url and url.startswith("data:"):
        url = None
    data = None if url or path else _bytes(block, endpoint)
    mime = _mime(block)
    if data is not None and mime is None:  # LlamaIndex tells it from bytes, and not of a stream
        mime = _mime(type(block)(**{_FILE_BLOCKS[kind][1]: data}))
    name = getattr(block, "title", None)
    if name == _UNTITLED:
        name = None
    return Attachment(kind, url=url, path=path, data=data, mime_type=mime, filename=name)


def _path(kind: AttachmentKind, block: Any, endpoint: Endpoint) -> str | None:
    """The local file of a block that Python code made; one that was parsed may name any file."""
    if block.path and "block_type" in block.model_fields_set:  # only a mapping names it
        name, content = type(block).__name__, _FILE_BLOCKS[kind][1]
        raise UnsupportedContentError(
            f"A path is not taken from JSON, which may come from outside: make the block in "
            f"Python, {name}(path=...), or of its bytes, {name}({content}=...), where "
            "messages are kept as JSON, as LlamaIndex's Memory does.",
            endpoint=endpoint.name,
        )
    return str(block.path) if block.path else None


def _bytes(block: object, endpoint: Endpoint) -> bytes:
    """The content, which LlamaIndex keeps in base64."""
    kind = type(block).__name__
    for name in ("resolve_image", "resolve_audio", "resolve_video", "resolve_document"):
        if hasattr(block, name):
            try:
                return bytes(getattr(block, name)().read())
            except ValueError as error:  # none, or none that can be read
                raise UnsupportedContentError(
                    f"{endpoint.title} cannot be sent this {kind}: {error}",
                    endpoint=endpoint.name,
                ) from error
    raise TypeError(f"{kind} has no content")


def _mime(block: object) -> str | None:
    if isinstance(block, AudioBlock):
        return f"audio/{block.format}" if block.format else None
    for name in ("image_mimetype", "video_mimetype", "document_mimetype"):
        if hasattr(block, name):
            return cast("str | None", getattr(block, name))
    return None


# --- what comes back ---------------------------------------------------------------------------


def chat_response(reply: Reply, delta: str | None = None) -> ChatResponse:
    """A whole reply as LlamaIndex's: one text block, its reasoning and citations behind it.

    LlamaIndex's own DocumentContextExtractor looks at the first block alone.
    """
    message = ChatMessage(
        role=MessageRole.ASSISTANT,
        blocks=_blocks(reply),
        additional_kwargs=additional_kwargs(reply),
    )
    return ChatResponse(message=message, raw=_raw(reply), delta=delta)


def _blocks(reply: Reply) -> list[ContentBlock]:
    thinking = [ThinkingBlock(content=reply.reasoning)] if reply.reasoning else []
    citations = [_citation_block(citation) for citation in reply.citations]
    files = [block for file in reply.files if (block := _file_block(file)) is not None]
    return [
        TextBlock(text=reply.text),
        *thinking,
        *citations,
        *files,
        *map(_call, reply.tool_calls),
    ]


def _call(call: ClientToolCall) -> ToolCallBlock:
    return ToolCallBlock(tool_call_id=call.id, tool_name=call.name, tool_kwargs=call.arguments)


def _file_block(file: File) -> ContentBlock | None:
    """A file as a block; None where there is only its id, which no block has a place for."""
    if not file.url and file.data is None:
        return None
    kind, content = _FILE_BLOCKS[file.kind]
    known = {"url": file.url, content: file.data, "title": file.filename}
    fields = {name: value for name, value in known.items() if value and name in kind.model_fields}
    try:
        return cast("ContentBlock", kind(**fields))
    except ValidationError:  # what is no address to LlamaIndex stays in `files`
        return None


def _citation_block(citation: Citation) -> CitationBlock:
    return CitationBlock(
        cited_content=TextBlock(text=citation.text or ""),
        source=citation.url or citation.id or "",
        title=citation.title or "",
        additional_location_info={},
    )


def additional_kwargs(reply: Reply) -> JsonObject:
    """What is known of a reply besides its text, as JSON values.

    Streaming chat engines keep no block but the text; this is what they keep.
    """
    extra = {
        "citations": [citation.to_dict() for citation in reply.citations],
        "reasoning": reply.reasoning,
        "steps": [_step(step) for step in reply.steps],
        "alternatives": reply.alternatives,
        "files": [file.to_dict() for file in reply.files],
        "usage": reply.usage and _usage(reply.usage),
    }
    return reply.metadata() | {name: value for name, value in extra.items() if value}


def _step(step: Any) -> JsonObject:
    kinds = {ToolCall: "tool_call", ToolResult: "tool_result"}
    return {"type": kinds.get(type(step), "unknown"), **asdict(step)}


def _raw(reply: Reply) -> JsonObject:
    metadata = reply.metadata()
    named = {"model": metadata["model_name"]} if "model_name" in metadata else {}
    return {**metadata, **named, **({"usage": _usage(reply.usage)} if reply.usage else {})}


def _usage(usage: Usage) -> JsonObject:
    """Token counts under OpenAI's names, which LlamaIndex's own token counter looks for."""
    read = {
        "cached_tokens": usage.cached_input_tokens,
        "cache_write_tokens": usage.cache_write_input_tokens,
    }
    reasoned = {"reasoning_tokens": usage.reasoning_tokens}
    details = {"prompt_tokens_details": read, "completion_tokens_details": reasoned}
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        **{of: counts for of, counts in details.items() if any(counts.values())},
    }
