"""Conversations for stores to remember."""

from dataclasses import replace
from typing import Any

from remote_agents import (
    SessionStore,
)
from remote_agents.memory.history_matching import Conversation


def talked(name: str = "c1", turns: int = 1, **known: Any) -> Conversation:
    """A conversation that has had some turns."""
    said = b"question" * 3
    return replace(Conversation(name, held=said, known=4, count=4), turns=turns, **known)


TALKED = talked(system=b"system", history=True, broke_off=True)


def put(store: SessionStore, key: str, conversation: Conversation = TALKED) -> None:
    assert store.begin(key, "h", None)
    assert store.finish(key, "h", conversation)


def ids(store: SessionStore, key: str) -> list[str]:
    return [conversation.conversation_id for conversation in store.read(key)]
