"""The dialogues of a chat store: what a service told of each, and what was added since."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from llamaindex_agents._listed import remote_messages
from remote_agents.errors import ConfigurationError
from remote_agents.resources.passages import check_plain


class CachedConversation:
    """One dialogue: what the service told, and what was added since."""

    def __init__(self) -> None:
        self.told: list[ChatMessage] = []
        self.added: list[ChatMessage] = []
        self.archived = 0
        self.read_at: float | None = None

    def is_fresh(self, seconds: float) -> bool:
        """Whether the service need not be asked again."""
        return self.read_at is not None and time.monotonic() - self.read_at < seconds

    def take(self, told: list[ChatMessage]) -> None:
        """What the service holds now.

        Of a message that both have, our copy stays: it has the ids and sources of its reply.
        """
        ours = self.messages
        theirs, own = _turns(told), _turns(ours)
        start, known = _overlap([said for _, said in theirs], [said for _, said in own])
        first, last, end = len(told), len(told), 0
        if known:
            first, last = theirs[start][0], theirs[start + known - 1][0] + 1
            end = own[known - 1][0] + 1
            if own[0][0]:  # a system message of ours, which theirs would repeat
                first = theirs[start - 1][0] + 1 if start else 0
        self.added = ours[max(end, len(self.told)) :]
        self.told = [*told[:first], *ours[:end], *told[last:]]
        self.read_at = time.monotonic()

    @property
    def messages(self) -> list[ChatMessage]:
        """The whole dialogue, in copies: `Memory` writes into those that it is given."""
        return [message.model_copy() for message in (*self.told, *self.added)]


Said = tuple[MessageRole, str]


def _turns(messages: Sequence[ChatMessage]) -> list[tuple[int, Said]]:
    """What user and agent said, and where; of the others each side may hold some of its own."""
    return [
        (at, (message.role, (message.content or "").strip()))
        for at, message in enumerate(messages)
        if message.role is not MessageRole.SYSTEM
    ]


def _overlap(told: Sequence[Said], ours: Sequence[Said]) -> tuple[int, int]:
    """Where in `told` the longest beginning of `ours` stands, and how long that is.

    Of several as long, the one with the most messages that are equal, then the latest.
    """
    best = (0, 0, len(told))
    for start in range(len(told)):
        pairs = takewhile(lambda pair: _is_same(*pair), zip(told[start:], ours, strict=False))
        equal = [theirs == own for theirs, own in pairs]
        best = max(best, (len(equal), sum(equal), start))
    return best[2], best[0]


def _is_same(told: Said, ours: Said) -> bool:
    """Whether they are one message.

    A service may hold system messages in front of a user's, and the whole of a reply of which
    `stop` left us the beginning.
    """
    if told == ours:
        return True
    if told[0] is not ours[0] or not ours[1]:
        return False
    if told[0] is MessageRole.USER:
        return told[1].endswith(f"\n{ours[1]}")
    return told[0] is MessageRole.ASSISTANT and told[1].startswith(ours[1])


class CachedConversations:
    """The dialogues of one client, by key.

    Args:
        client: A plain client that can list messages.
        conversations: The service's ids of those that are no sessions of the client.
    """

    def __init__(self, client: Any, conversations: Mapping[str, str]) -> None:
        check_plain(client)
        if not hasattr(type(client), "messages"):
            raise ConfigurationError(
                f"{type(client).__name__} cannot list messages; use one of LlamaIndex's own stores."
            )
        self.client = client
        self._conversations = dict(conversations)
        self._views: dict[str, CachedConversation] = {}

    def of(self, key: str) -> CachedConversation:
        """The dialogue under a key."""
        return self._views.setdefault(key, CachedConversation())

    def conversation_id(self, key: str) -> str | None:
        """The service's id: of the session with that key, else the one that was given for it."""
        session = self.client.session(key)
        return session.conversation_id if session else self._conversations.get(key)

    def start(self, key: str, messages: Sequence[ChatMessage]) -> None:
        """Begin a dialogue anew; its next turn starts a new conversation."""
        self.client.forget(key)
        self._conversations.pop(key, None)
        view = self._views[key] = CachedConversation()
        view.added = list(messages)

    def keys(self) -> list[str]:
        """The dialogues that were used."""
        return list(self._views)

    def read(self, key: str, seconds: float) -> CachedConversation:
        """The dialogue, from the service if what is known is older than that."""
        view = self.of(key)
        if not view.is_fresh(seconds):
            view.take(self._listed(key))
        return view

    async def aread(self, key: str, seconds: float) -> CachedConversation:
        """The same as `read`, with asyncio."""
        view = self.of(key)
        if not view.is_fresh(seconds):
            # In a thread: the sync methods of `Memory` run in an event loop of their own each,
            # which could not share the connections of an async client.
            view.take(await asyncio.to_thread(self._listed, key))
        return view

    def _listed(self, key: str) -> list[ChatMessage]:
        conversation_id = self.conversation_id(key)
        if conversation_id is None:  # a key is the caller's own: the service is not asked about it
            return []
        return remote_messages(self.client, conversation_id, key) or []
