"""The stored answer to a turn whose answer broke off on its way. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from remote_agents.errors import (
    AgentError,
    ConfigurationError,
    ConversationNotFoundError,
    RemoteFailureError,
)
from remote_agents.resources.items import Message

UNFINISHED = frozenset({"pending", "running", "processing"})
FAILED = frozenset({"error", "cancel", "cancelled", "failed"})


def conversation_of(error: AgentError) -> str:
    """The conversation that a turn belonged to.

    Raises:
        ConversationNotFoundError: The error names none, so that its answer cannot be looked for.
        ConfigurationError: It is no error of a turn.
    """
    if not isinstance(error, AgentError):
        raise ConfigurationError(
            "recover takes the error that a turn ended with, an AgentError, not "
            f"{type(error).__name__}."
        )
    if not error.conversation_id:
        raise ConversationNotFoundError(
            "The error names no conversation, so its answer cannot be found: it broke off before "
            "the service told its id, or the turn belonged to none.",
            endpoint=error.endpoint,
        )
    return error.conversation_id


def stored_answer(history: Sequence[Message], error: AgentError) -> Message | None:
    """The answer to the question of a failed turn; None while there is none.

    Args:
        history: The conversation's messages, oldest first.
        error: What the turn ended with; it knows the question, and how the answer began.

    Raises:
        RemoteFailureError: The service says of the stored answer that it failed.
    """
    asked = _letters(error.question)
    places = [n for n, each in enumerate(history) if each.role == "user"]
    if asked:
        places = [n for n in places if _letters(history[n].content) == asked]
    answer = _following(history, places[-1]) if places else None
    if answer is None or answer.status in UNFINISHED:
        return None
    if answer.status in FAILED:
        raise RemoteFailureError(
            f"The service stored the answer as failed ({answer.status}).",
            code=answer.status,
            body=answer.raw,
            endpoint=error.endpoint,
            conversation_id=error.conversation_id,
        )
    # The same words may have been asked before: their answer began otherwise.
    begins = _letters(answer.content).startswith(_letters(error.partial))
    return answer if begins and answer.content else None


def _following(history: Sequence[Message], place: int) -> Message | None:
    """The answer right behind a question."""
    following = history[place + 1] if place + 1 < len(history) else None
    return following if following is not None and following.role == "assistant" else None


def _letters(text: str) -> str:
    """A text without its blanks: services and paragraphs treat them as they like."""
    return re.sub(r"\s+", "", text)
