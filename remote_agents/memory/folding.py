"""Folding: messages in the roles and number that a service takes, and nothing of them dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import get_args

from remote_agents.errors import ConfigurationError, UnsupportedContentError
from remote_agents.service import Endpoint
from remote_agents.types import Attachment, Fold, Message, Role

ROLES = frozenset(get_args(Role))
SPEAKERS = {"user": "User", "assistant": "Assistant", "tool": "Tool result"}
HEADING = "Conversation so far:"


def check_content(messages: Sequence[Message], endpoint: Endpoint) -> None:
    """Refuse what an endpoint cannot be sent.

    Raises:
        UnsupportedContentError: Names the role, or the kind of file, and the endpoint.
    """
    for message in messages:
        if not isinstance(message.role, str) or message.role not in ROLES:
            raise UnsupportedContentError(
                f"A message has the role {message.role!r}; roles are {', '.join(sorted(ROLES))}.",
                endpoint=endpoint.name,
            )
        for file in message.attachments:
            _check_file(file, message.role, endpoint)


def _check_file(file: Attachment, role: str, endpoint: Endpoint) -> None:
    if role != "user" and not (file.url or file.file_id):
        raise UnsupportedContentError(
            f"{endpoint.title} takes no {file.kind} blocks with bytes in {role} messages: put the "
            "file into a user message, or leave it out.",
            endpoint=endpoint.name,
        )
    if role == "user" and file.kind not in endpoint.attachments:
        takes = ", ".join(sorted(endpoint.attachments)) or "text only"
        raise UnsupportedContentError(
            f"{endpoint.title} does not take {file.kind} blocks; it takes {takes}.",
            endpoint=endpoint.name,
        )


def adapt_messages(
    messages: Sequence[Message],
    endpoint: Endpoint,
    fold: Fold,
    *,
    one: bool,
    answers: bool = False,
) -> list[Message]:
    """The messages in the roles and number that the endpoint takes, the newest question last.

    Args:
        messages: What is to be sent.
        endpoint: The facts of the service.
        fold: Makes one text of several messages.
        one: They go to a conversation, where some endpoints take a single message.
        answers: Whether the last of them is the result of a call that this agent made.
    """
    check_content(messages, endpoint)
    if not endpoint.history or (endpoint.one_message and one):
        return [_fold_into_one(_unsupported_as_text(messages, endpoint), fold)]
    return in_order(messages, endpoint, fold, answers=answers)


def in_order(
    messages: Sequence[Message], endpoint: Endpoint, fold: Fold, *, answers: bool = False
) -> list[Message]:
    """The messages in the roles that the endpoint takes, the newest question last.

    Args:
        messages: Those of one turn.
        endpoint: The facts of the service.
        fold: Makes one text of several messages.
        answers: Whether the last of them is the result of a call that this agent made.
    """
    at = max((at for at, m in enumerate(messages) if m.role == "user"), default=None)
    if at is None or (answers and "tool" in endpoint.roles):
        return in_roles(_unsupported_as_text(messages, endpoint), endpoint, fold)
    *head, last = in_roles(_unsupported_as_text(messages[: at + 1], endpoint), endpoint, fold)
    behind = [said(message) for message in messages[at + 1 :]]
    return [*head, _fold_into_one([*behind, last], fold) if behind else last]


def in_turns(
    messages: Sequence[Message],
    endpoint: Endpoint,
    fold: Fold,
    ends: Callable[[Message], bool],
    answers: Callable[[Message], bool],
) -> list[Message]:
    """A history as it was said turn by turn, so that nothing of it is told another time.

    Args:
        messages: What a conversation holds of it.
        endpoint: The facts of the service.
        fold: Makes one text of several messages.
        ends: Whether a message is the answer that ended a turn.
        answers: Whether it is the result of a call that this agent made.
    """
    told: list[Message] = []
    turn: list[Message] = []
    for message in messages:
        if ends(message):
            results = bool(turn) and answers(turn[-1])
            told += [*in_order(turn, endpoint, fold, answers=results), message]
            turn = []
        else:
            turn.append(message)
    return [*told, *in_roles(_unsupported_as_text(turn, endpoint), endpoint, fold)]


def in_roles(messages: Sequence[Message], endpoint: Endpoint, fold: Fold) -> list[Message]:
    """The messages in the roles that the endpoint takes; others become user text."""
    found: list[Message] = []
    waiting: list[Message] = []
    for message in messages:
        if message.role not in endpoint.roles:
            waiting.append(message)
            continue
        if waiting:
            joined = [*waiting, message] if message.role == "user" else waiting
            found.append(_fold_into_one(joined, fold))
        if not waiting or message.role != "user":
            found.append(message)
        waiting = []
    return [*found, _fold_into_one(waiting, fold)] if waiting else found


def _fold_into_one(messages: Sequence[Message], fold: Fold) -> Message:
    """One user message of several; it keeps the id of the question that it ends with."""
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0]
    files: list[Attachment] = [file for message in messages for file in message.attachments]
    asked = [message for message in messages if message.role == "user"]
    return Message("user", _folded(messages, fold), files, id=(asked or messages)[-1].id)


def _folded(messages: Sequence[Message], fold: Fold) -> str:
    """What the caller's function makes of some messages.

    Raises:
        ConfigurationError: It is no text.
    """
    text: object = fold(messages)
    if isinstance(text, str):
        return text
    if isinstance(text, Coroutine):
        text.close()
    raise ConfigurationError(
        f"fold= gives one text of several messages, not {type(text).__name__}."
    )


# --- what a message says beside its text ---------------------------------------------------------


def _unsupported_as_text(messages: Sequence[Message], endpoint: Endpoint) -> list[Message]:
    """The messages with all in their text that the endpoint has no place for."""
    tools = "tool" in endpoint.roles
    return [said(message, tools=tools) for message in messages]


def said(message: Message, *, tools: bool = False) -> Message:
    """The message with its name, its files and, where tools have no place, its calls as text."""
    calls = [] if tools else [str(call) for call in message.tool_calls]
    files = message.attachments if message.role != "user" else ()
    answers = tools and message.tool_call_id is not None and not message.failed
    head = "" if answers else _speaker(message)
    if not (head or calls or files):
        return message
    links = [f"[{file.kind}: {file.url or file.file_id}]" for file in files]
    text = f"{head}{message.content}"
    return replace(
        message,
        content="\n".join([*([text] if text else []), *links, *calls]),
        attachments=message.attachments if message.role == "user" else (),
        tool_calls=message.tool_calls if tools else (),
        name=None,
    )


def _speaker(message: Message) -> str:
    name = message.name or ("tool" if message.failed else "")
    return f"{name}{' (error)' if message.failed else ''}: " if name else ""


# --- the template --------------------------------------------------------------------------------


def fold_messages(messages: Sequence[Message]) -> str:
    """Messages as one text, for endpoints that take no system role or no history.

    System messages come first, then the earlier dialogue, then the newest user message:

        {system messages}

        Conversation so far:
        User: ...
        Assistant: ...
        ---

        {newest user message}

    Further lines of an earlier message are indented, and the line that ends the dialogue is longer
    than any such line in a text, so that nothing that was said can pass for a turn.

    Args:
        messages: What is to be sent, in order.

    Returns:
        One text. Pass your own function as `fold=` to word it differently.

    Example:
        >>> print(fold_messages([Message("system", "Be brief."), Message("user", "Hi")]))
        Be brief.
        <BLANKLINE>
        Hi
    """
    parts = [m.content for m in messages if m.role == "system" and m.content]
    dialogue = [m for m in messages if m.role != "system"]
    at = max((at for at, m in enumerate(dialogue) if m.role == "user"), default=None)
    asked = "" if at is None else dialogue.pop(at).content
    if dialogue or HEADING in asked:
        lines = [f"{SPEAKERS[m.role]}: {_indented(m.content)}" for m in dialogue]
        parts.append("\n".join([HEADING, *lines, _fence(messages)]))
    return "\n\n".join([*parts, asked] if asked else parts)


def _indented(text: str) -> str:
    return "\n  ".join(text.splitlines())


def _fence(messages: Sequence[Message]) -> str:
    """A line that stands in none of the texts."""
    dashes = (len(run) for message in messages for run in _DASHES.findall(message.content))
    return "-" * max(3, *(length + 1 for length in dashes), 0)


_DASHES = re.compile(r"^\s*(-{3,})\s*$", re.MULTILINE)
