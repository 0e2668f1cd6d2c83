"""The order of a conversation's messages, which no service promises. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from remote_agents.resources.items import Message


def sent_at(message: Message) -> float:
    """When a message was written, in seconds; 0 if that is not known."""
    return message.created_at.timestamp() if message.created_at else 0.0


def is_newest_first(found: Sequence[Message]) -> bool:
    """Whether a list runs backwards in time; a conversation begins with its user."""
    if len(found) < 2:
        return False
    first, last = found[0], found[-1]
    if sent_at(first) != sent_at(last):
        return sent_at(first) > sent_at(last)
    return (first.role, last.role) == ("assistant", "user")


def chronological(found: Sequence[Message]) -> list[Message]:
    """Oldest first; messages of the same moment stay in the order of the conversation.

    Where a message has no time, the service's order stands.
    """
    ordered = list(reversed(found)) if is_newest_first(found) else list(found)
    return sorted(ordered, key=sent_at) if all(m.created_at for m in found) else ordered
