"""LangChain's messages into the core's. Nothing else converts what goes out."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    ChatMessage,
    HumanMessage,
    ToolMessage,
)

from remote_agents.client_tools import broken_call
from remote_agents.errors import UnsupportedContentError
from remote_agents.json_types import Arguments, JsonMapping, JsonObject
from remote_agents.types import (
    Attachment,
    ClientToolCall,
    Message,
    Origin,
    Role,
)
from remote_agents.types.history import History, said_beside_text

_ROLES: dict[str, Role] = {
    "human": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "SystemMessageChunk": "system",
    "tool": "tool",
    "ToolMessageChunk": "tool",
    "function": "tool",
    "FunctionMessageChunk": "tool",
    "user": "user",
    "assistant": "assistant",
    "developer": "system",
}


def to_messages(messages: Iterable[BaseMessage], title: str) -> History:
    """A LangChain prompt as the core's messages, each made when it is looked at.

    Args:
        messages: The prompt.
        title: Name of the service, for error messages.

    Returns:
        One message for each of them.

    Looking raises `UnsupportedContentError`, which names the block, or the kind of message, that
    cannot be sent.

    Example:
        >>> from langchain_core.messages import HumanMessage
        >>> to_messages([HumanMessage("Hi")], "BlueNexus")[0].role
        'user'
    """
    return History(messages, partial(_converted, title))


def _converted(title: str, messages: Iterable[BaseMessage]) -> Iterator[Message]:
    for message in messages:
        kind, content = message.type, message.content
        if type(content) is not str or message.name is not None:
            yield _to_message(message, kind, title)
        elif kind == "human":  # this and the next are most of a long history
            yield Message("user", content, id=message.id)
        elif type(message) is AIMessage and not (
            message.tool_calls or message.invalid_tool_calls or message.additional_kwargs
        ):
            origin = Origin.of(known) if (known := message.response_metadata) else None
            yield Message("assistant", content, (), origin, message.id)
        else:
            yield _to_message(message, kind, title)


def _to_message(message: BaseMessage, kind: str, title: str) -> Message:
    named = message.role if isinstance(message, ChatMessage) else kind
    role = _ROLES.get(named)
    if role is None:
        raise UnsupportedContentError(f"{title} does not take {named} messages.")
    about: JsonObject = {"id": message.id, "name": message.name}
    if role == "assistant":
        return _reply(message, title, about)
    if isinstance(message, ToolMessage):
        about["tool_call_id"] = message.tool_call_id
        about["failed"] = message.status == "error"
    text, files = _parts(message.content, title)
    return Message(role, text, files, **about)


def _reply(message: BaseMessage, title: str, about: JsonObject) -> Message:
    """A reply, of this or another model, with the tools that it called."""
    files: list[Attachment] = []
    beside = said_beside_text(message.additional_kwargs)
    if not isinstance(message.content, str):
        shown = [each for each in message.content if _kind(each) in _BESIDE_TEXT]
        plain, files = _parts(shown, title)
        beside += [plain] if plain else []
        for each in message.content:
            if isinstance(each, Mapping) and each.get("type") == "refusal":
                beside += said_beside_text(each)
    calls = [
        ClientToolCall(call["id"] or "", call["name"], call["args"])
        for call in getattr(message, "tool_calls", ())
    ]
    if not calls and (old := message.additional_kwargs.get("function_call")):
        calls = [ClientToolCall("", str(old.get("name")), _arguments(old.get("arguments")))]
    broken = [
        broken_call(call["name"], call["args"])
        for call in getattr(message, "invalid_tool_calls", ())
    ]
    lines = [*dict.fromkeys(beside), *broken]
    text = message.content if isinstance(message.content, str) else str(message.text)
    return Message(
        "assistant",
        "\n".join([text, *lines] if text else lines),
        files,
        Origin.of(message.response_metadata),
        tool_calls=calls,
        **about,
    )


def _kind(block: object) -> Any:
    return block.get("type") if isinstance(block, Mapping) else None


def _arguments(text: Any) -> Arguments:
    """The arguments of an old-style function call, whose JSON may be broken."""
    try:
        arguments = json.loads(text)
    except (TypeError, ValueError):
        return {"arguments": text}
    return arguments if isinstance(arguments, dict) else {"arguments": arguments}


def _parts(content: str | Sequence[str | JsonMapping], title: str) -> tuple[str, list[Attachment]]:
    if isinstance(content, str):
        return content, []
    texts: list[str] = []
    files: list[Attachment] = []
    for block in content:
        part = block if isinstance(block, str) else _part(block, title)
        if isinstance(part, str):
            texts.append(part)
        else:
            files.append(part)
    return "\n".join(texts), files


def _part(block: JsonMapping, title: str) -> str | Attachment:
    if block.get("type") not in _KINDS or "source" in block:
        block = _standard(block)
    kind = block.get("type")
    if kind == "text":
        return str(block.get("text") or "")
    if kind == "text-plain" and (said := _plain_text(block)) is not None:
        heading = block.get("title") or block.get("context")
        return f"{heading}\n{said}" if heading else said
    if kind == "image_url":
        link = block.get("image_url")
        url = link.get("url") if isinstance(link, Mapping) else link
        if not isinstance(url, str) or not url:
            raise UnsupportedContentError(f"{title}: an 'image_url' block needs a 'url'.")
        return _linked("image", url, block)
    if kind in _KINDS:
        return _attachment(block, title)
    raise UnsupportedContentError(f"{title} does not take {kind!r} blocks.")


_BESIDE_TEXT = frozenset({"image_url", "image", "audio", "video", "file", "text-plain"})
_KINDS = _BESIDE_TEXT | {"text"}


def _plain_text(block: JsonMapping) -> str | None:
    """The text of a plain text, which may stand there in base64; None if it is elsewhere."""
    said, encoded = block.get("text"), block.get("base64")
    if said is None and encoded:
        with suppress(UnicodeDecodeError):
            said = _decoded(encoded, "text-plain").decode()
    return None if said is None else str(said)


def _standard(block: JsonMapping) -> JsonMapping:
    """A block in another vendor's form, such as Anthropic's, in LangChain's own if it has one."""
    standard: JsonMapping = HumanMessage([dict(block)]).content_blocks[0]
    return block if standard["type"] == "non_standard" else standard


def _attachment(block: JsonMapping, title: str) -> Attachment:
    kind: Any = "file" if block["type"] == "text-plain" else block["type"]
    if url := block.get("url"):
        return _linked(kind, url, block)
    mime, name = block.get("mime_type"), _filename(block)
    if file_id := block.get("file_id") or block.get("id" if "base64" not in block else ""):
        return Attachment(kind, file_id=file_id, mime_type=mime, filename=name)
    if encoded := block.get("base64"):
        return Attachment(kind, data=_decoded(encoded, kind), mime_type=mime, filename=name)
    raise UnsupportedContentError(
        f"{title}: a {kind!r} block needs 'url', 'file_id' or 'base64'; this one has "
        f"{', '.join(sorted(map(str, block)))}."
    )


def _linked(kind: Any, url: Any, block: JsonMapping) -> Attachment:
    """A link; a `data:` link is the content itself."""
    name = _filename(block)
    if not isinstance(url, str):
        raise UnsupportedContentError(f"The 'url' of a {kind!r} block is a text, not {url!r}.")
    head, comma, body = url.partition(",")
    if not (head.startswith("data:") and comma):
        known = {"mime_type": block.get("mime_type"), "file_id": block.get("file_id")}
        return Attachment(kind, url=url, filename=name, **known)
    mime = head.removeprefix("data:").split(";")[0] or block.get("mime_type")
    return Attachment(kind, data=_decoded(body, kind), mime_type=mime, filename=name)


def _filename(block: JsonMapping) -> str | None:
    extras = block.get("extras") or block.get("metadata")
    extras = extras if isinstance(extras, Mapping) else {}
    return block.get("filename") or extras.get("filename") or extras.get("name")


def _decoded(encoded: str, kind: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, TypeError, ValueError) as error:
        raise UnsupportedContentError(f"The {kind!r} block is not valid base64: {error}.") from None
