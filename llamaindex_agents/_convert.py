"""LlamaIndex messages, blocks and responses to and from the core's. Nothing else converts."""

from __future__ import annotations

import json
from collections.abc import Sequence
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

from remote_agents.errors import UnsupportedContentError
from remote_agents.service import Endpoint
from remote_agents.types import (
    Attachment,
    AttachmentKind,
    Citation,
    File,
    Message,
    Origin,
    Reply,
    Role,
    ToolCall,
    ToolResult,
    Usage,
)
from remote_agents.types.history import History

# --- what goes out -----------------------------------------------------------------------------

_ROLES: dict[MessageRole, Role] = {
    MessageRole.SYSTEM: "system",
    MessageRole.DEVELOPER: "system",
    MessageRole.USER: "user",
    MessageRole.ASSISTANT: "assistant",
    MessageRole.CHATBOT: "assistant",
    MessageRole.MODEL: "assistant",
    MessageRole.TOOL: "tool",
    MessageRole.FUNCTION: "tool",
}
_KINDS: dict[type, AttachmentKind] = {
    ImageBlock: "image",
    AudioBlock: "audio",
    VideoBlock: "video",
    DocumentBlock: "file",
}
_FILE_BLOCKS: dict[AttachmentKind, tuple[type[BaseModel], str]] = {
    "image": (ImageBlock, "image"),
    "audio": (AudioBlock, "audio"),
    "video": (VideoBlock, "video"),
    "file": (DocumentBlock, "data"),
}
_CONTENT: dict[AttachmentKind, str] = {
    "image": "image",
    "audio": "audio",
    "video": "video",
    "file": "data",
}
_UNTITLED = DocumentBlock(data=b" ").title  # what LlamaIndex calls a document without a title
# What an agent said besides its text is not said to it again.
_NOT_SAID_AGAIN = (ThinkingBlock, CitationBlock)


def to_messages(messages: Sequence[ChatMessage], endpoint: Endpoint) -> History:
    """LlamaIndex messages as the core's, each made when it is looked at.

    Looking raises `UnsupportedContentError`, which names the block, and the endpoint that does not
    take it.
    """
    return History(messages, lambda some: (_message(message, endpoint) for message in some))


def prompt(text: str) -> list[Message]:
    """A completion's prompt as messages."""
    return [Message("user", text)]


def _message(message: ChatMessage, endpoint: Endpoint) -> Message:
    role, blocks = _ROLES[message.role], message.blocks
    known = message.additional_kwargs if role == "assistant" else None
    origin = Origin.of(known) if known else None
    if len(blocks) == 1 and type(block := blocks[0]) is TextBlock:  # most of a long history
        return Message(role, block.text, (), origin)
    texts: list[str] = []
    files: list[Attachment] = []
    for block in blocks:
        if role != "assistant" or not isinstance(block, _NOT_SAID_AGAIN):
            _read_block(block, endpoint, texts, files)
    return Message(role, "\n".join(texts), files, origin)


def _read_block(block: Any, endpoint: Endpoint, texts: list[str], files: list[Attachment]) -> None:
    if isinstance(block, TextBlock):
        texts.append(block.text)
    elif isinstance(block, (CitableBlock, CitationBlock)):
        texts.append(block.title)
        cited = block.content if isinstance(block, CitableBlock) else [block.cited_content]
        for inner in cited:
            _read_block(inner, endpoint, texts, files)
    elif isinstance(block, ThinkingBlock):
        texts.append(block.content or "")
    elif isinstance(block, ToolCallBlock):
        texts.append(f"{block.tool_name}({_arguments(block)})")
    elif (kind := _KINDS.get(type(block))) in endpoint.attachments and kind is not None:
        files.append(_attachment(kind, block, endpoint))
    elif not isinstance(block, CachePoint):  # which is only a hint
        takes = ", ".join(sorted(endpoint.attachments)) or "text only"
        raise UnsupportedContentError(
            f"{endpoint.title} does not take {type(block).__name__}; it takes {takes}.",
            endpoint=endpoint.name,
        )


def _arguments(block: ToolCallBlock) -> str:
    arguments = block.tool_kwargs
    if isinstance(arguments, str):
        return arguments
    return json.dumps(arguments, ensure_ascii=False, default=str)


def _attachment(kind: AttachmentKind, block: Any, endpoint: Endpoint) -> Attachment:
    url = str(block.url) if block.url else None
    path = str(block.path) if block.path else None
    if url and url.startswith("data:"):
        url = None
    data = None if url or path else _bytes(block, endpoint)
    mime = _mime(block)
    if data is not None and mime is None:  # LlamaIndex tells it from bytes, and not of a stream
        mime = _mime(type(block)(**{_CONTENT[kind]: data}))
    name = getattr(block, "title", None)
    if name == _UNTITLED:
        name = None
    return Attachment(kind, url=url, path=path, data=data, mime_type=mime, filename=name)


def _bytes(block: Any, endpoint: Endpoint) -> bytes:
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


def _mime(block: Any) -> str | None:
    if isinstance(block, AudioBlock):
        return f"audio/{block.format}" if block.format else None
    for name in ("image_mimetype", "video_mimetype", "document_mimetype"):
        if hasattr(block, name):
            return cast("str | None", getattr(block, name))
    return None


# --- what comes back ---------------------------------------------------------------------------


def chat_response(reply: Reply, delta: str | None = None) -> ChatResponse:
    """A whole reply as LlamaIndex's: one text block, its reasoning and citations beside it."""
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
    return [*thinking, TextBlock(text=reply.text), *citations, *files]


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


def additional_kwargs(reply: Reply) -> dict[str, Any]:
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


def _step(step: Any) -> dict[str, Any]:
    kinds = {ToolCall: "tool_call", ToolResult: "tool_result"}
    return {"type": kinds.get(type(step), "unknown"), **asdict(step)}


def _raw(reply: Reply) -> dict[str, Any]:
    return reply.metadata() | ({"usage": _usage(reply.usage)} if reply.usage else {})


def _usage(usage: Usage) -> dict[str, int]:
    """Token counts under the names that LlamaIndex's own token counter looks for."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }


# --- the service's own messages ----------------------------------------------------------------


def remote_messages(messages: Sequence[Any]) -> list[ChatMessage]:
    """Messages that a service lists, as LlamaIndex's."""
    return [
        ChatMessage(
            role=MessageRole(message.role),
            content=message.content,
            additional_kwargs={"conversation_id": message.conversation_id, "id": message.id},
        )
        for message in messages
    ]
