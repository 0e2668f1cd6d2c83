"""What a plain client is asked, in any of the forms that it takes, as messages."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from remote_agents._lazy import LazyModule
from remote_agents.concealed import conceal
from remote_agents.errors import UnsupportedContentError
from remote_agents.json_types import Arguments
from remote_agents.settings import CallArguments
from remote_agents.types import Attachment, ClientToolCall, Message, Origin, Reply

if TYPE_CHECKING:
    from remote_agents.memory import sessions
else:
    sessions = LazyModule("remote_agents.memory.sessions")

Prompt: TypeAlias = "str | Message | Reply | Mapping[str, Any] | Sequence[Any]"


def turn_of(prompt: Prompt, call: CallArguments) -> Arguments:
    """The arguments of a turn: the prompt's messages, with the files that go with them."""
    turn = cast("Arguments", call)
    turn.update(conceal(turn))  # in place: an error's frames show what the caller holds, too
    messages = as_messages(prompt)
    if attachments := turn.pop("attachments", None):
        if not isinstance(attachments, (list, tuple)):
            raise UnsupportedContentError(
                f"attachments is a list of Attachment, not {type(attachments).__name__}."
            )
        if not messages:
            raise UnsupportedContentError(
                "There is no message to send with the attachments; pass at least one."
            )
        last = messages[-1]
        files = [*_files(last.attachments), *map(_file, attachments)]
        messages[-1] = replace(last, attachments=files)
    if turn.get("session_id") is None and (session_id := sessions.current_session()):
        turn["session_id"] = session_id
    return {**turn, "messages": messages}


def _file(item: object) -> Any:
    """A file for a message; what a service lists as an attachment knows how it is sent again."""
    return item.as_attachment() if hasattr(item, "as_attachment") else item


def as_messages(prompt: Prompt) -> list[Message]:
    """A prompt in any of its forms as messages.

    Raises:
        UnsupportedContentError: Names what cannot be read as a message.

    Example:
        >>> as_messages(["Hi", {"role": "assistant", "content": "Hello!"}])[1].role
        'assistant'
    """
    if isinstance(prompt, (str, bytes, Message, Reply, Mapping)) or not isinstance(
        prompt, Iterable
    ):
        return [_as_message(prompt)]
    return [_as_message(item) for item in prompt]


def _as_message(item: object) -> Message:
    if isinstance(item, Message):
        return item
    if isinstance(item, str):
        return Message("user", item)
    if isinstance(item, Reply):
        return Message("assistant", item.text, origin=origin_of(item), tool_calls=item.tool_calls)
    if isinstance(item, Mapping) and (
        isinstance(item.get("content"), str) or item.get("tool_calls")
    ):
        return _message_of(item)
    raise UnsupportedContentError(
        "A message is a text, a Message, a Reply or {'role', 'content'}, "
        f"not {type(item).__name__}{': decode it first' if isinstance(item, bytes) else ''}."
    )


def _message_of(item: Mapping[str, Any]) -> Message:
    """A message that is a mapping, as chat pages and OpenAI's clients keep it."""
    return Message(
        item.get("role", "user"),
        item.get("content") or "",
        _files(item.get("attachments")),
        tool_calls=_calls(item),
        tool_call_id=_text_at(item, "tool_call_id"),
        name=_text_at(item, "name"),
    )


def _text_at(item: Mapping[str, Any], name: str) -> str | None:
    value = item.get(name)
    if value is not None and not isinstance(value, str):
        raise UnsupportedContentError(f"A message's {name} is a text, not {type(value).__name__}.")
    return value or None


def _calls(item: Mapping[str, Any]) -> list[ClientToolCall]:
    """The calls that a message asks for, in OpenAI's form or with our own fields."""
    given = item.get("tool_calls") or ()
    try:
        return [_call_of(each) for each in given]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise UnsupportedContentError(
            "A message's tool_calls are a list of ClientToolCall, or of OpenAI's "
            "{'id', 'function': {'name', 'arguments'}}."
        ) from error


def _call_of(given: Any) -> ClientToolCall:
    if isinstance(given, ClientToolCall):
        return given
    asked = given.get("function", given)
    arguments = asked.get("arguments") or {}
    if isinstance(arguments, str):
        arguments = json.loads(arguments)
    return ClientToolCall(str(given["id"]), str(asked["name"]), dict(arguments))


def _files(given: object) -> list[Attachment]:
    """The files of a message that is a mapping; what may be from outside names no local ones."""
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable | None):
        raise UnsupportedContentError("A message's attachments are a list of Attachment.")
    return [_file_of(each) for each in given or ()]


def _file_of(item: object) -> Attachment:
    file = Attachment.from_mapping(item) if isinstance(item, Mapping) else _file(item)
    if not isinstance(file, Attachment):
        raise UnsupportedContentError(
            f"attachments is a list of Attachment (or mappings), not of {type(item).__name__}."
        )
    return file


def origin_of(reply: Reply) -> Origin | None:
    """Where a reply belongs, to be put on the message that repeats it."""
    return Origin.of(reply.metadata())
