"""An answer in whichever form its receiver has it: a reply, a framework's message, or its id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonMapping
from remote_agents.types import Reply


@dataclass(frozen=True, slots=True)
class AnswerReference:
    """What is known of an answer.

    Args:
        reply_id: The service's id of it.
        text: Its text, where it is at hand.
        agent: The `name` of the agent that gave it, where that is known.
    """

    reply_id: str
    text: str | None = None
    agent: str | None = None


def answer_of(given: Any) -> AnswerReference:
    """What is known of an answer.

    Args:
        given: A `Reply`, a LangChain `AIMessage`, a LlamaIndex `ChatMessage` or `ChatResponse`, or
            the answer's `reply_id`.

    Raises:
        ConfigurationError: It is none of these, or the service gave it no id.

    Example:
        >>> answer_of("record-1")
        AnswerReference(reply_id='record-1', text=None, agent=None)
    """
    if isinstance(given, str) and given:
        return AnswerReference(given)
    if isinstance(given, Reply):
        return _reference(given.metadata(), given.text)
    message = getattr(given, "message", given)
    for name in ("response_metadata", "additional_kwargs"):
        told = getattr(message, name, None)
        if isinstance(told, Mapping) and "reply_id" in told:
            return _reference(told, getattr(message, "text", None) or message.content)
    raise ConfigurationError(
        "An answer is a Reply, an AIMessage, a ChatMessage or its reply_id, with the metadata that "
        f"it came with, not {type(given).__name__}."
    )


def _reference(told: JsonMapping, text: object) -> AnswerReference:
    reply_id = told.get("reply_id")
    if not isinstance(reply_id, str) or reply_id.startswith("reply-"):  # one of ours
        raise ConfigurationError("The service gave this answer no id by which it can be named.")
    return AnswerReference(reply_id, text if isinstance(text, str) else None, told.get("agent"))
