"""The dialogues of a chat store: what a service told of each, and what was added since."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any, TypeAlias

from llama_index.core.base.llms.types import ChatMessage, MessageRole

from llamaindex_agents._remote_messages import remote_messages
from remote_agents.agent import Agent
from remote_agents.errors import ConfigurationError
from remote_agents.flow import Flow
from remote_agents.resources.passages import check_plain

Name: TypeAlias = tuple[str, str]  # an account, and a key of its own
MOST = 1000  # dialogues


class CachedConversation:
    """One dialogue: what the service told, and what was added since."""

    def __init__(self) -> None:
        self.told: list[ChatMessage] = []
        self.added: list[ChatMessage] = []
        self.archived = 0
        self.read_at: float | None = None
        self.used_at = 0.0

    def is_fresh(self, seconds: float) -> bool:
        """Whether the service need not be asked again."""
        return self.read_at is not None and time.monotonic() - self.read_at < seconds

    @property
    def has_its_own(self) -> bool:
        """Whether it holds what the service may not tell."""
        return bool(self.added or self.archived)

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
    """The dialogues of one client, by whose they are and their keys.

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
        self._client = client
        self._agent: Agent = client.agent
        self._conversations = dict(conversations)
        self._left: set[Name] = set()  # those of `conversations` that were begun anew
        self._views: dict[Name, CachedConversation] = {}

    def read(self, key: str, seconds: float) -> Flow[CachedConversation]:
        """The dialogue, from the service if what is known is older than that."""
        name, view = yield from self._own(key)
        if not view.is_fresh(seconds):
            self._make_room(view, seconds)
            view.take((yield from self._listed(name)))
        return view

    def add(self, key: str, messages: Sequence[ChatMessage]) -> Flow[None]:
        """Keep messages that the service may not have told yet."""
        _, view = yield from self._own(key)
        view.added.extend(messages)

    def archive(self, key: str, most: int, seconds: float) -> Flow[list[ChatMessage]]:
        """Leave so many of the oldest messages out of what is active; gives them."""
        view = yield from self.read(key, seconds)
        oldest = view.messages[view.archived :][:most]
        view.archived += len(oldest)
        return oldest

    def start(self, key: str, messages: Sequence[ChatMessage]) -> Flow[list[ChatMessage]]:
        """Begin a dialogue anew, whose next turn starts a new conversation; gives the old one."""
        name, before = yield from self._own(key)
        yield from self._agent.forgetting(key, {})
        if key in self._conversations:
            self._left.add(name)
        view = self._views[name] = CachedConversation()
        view.added = list(messages)
        return before.messages

    def keys(self) -> Flow[list[str]]:
        """The dialogues that are at hand."""
        account = yield from self._agent.asking_account()
        return [key for whose, key in list(self._views) if whose == account]

    def _own(self, key: str) -> Flow[tuple[Name, CachedConversation]]:
        """The dialogue of whoever asks: under a key, each account has one of its own."""
        name = (yield from self._agent.asking_account()), key
        view = self._views.setdefault(name, CachedConversation())
        view.used_at = time.monotonic()
        return name, view

    def _listed(self, name: Name) -> Flow[list[ChatMessage]]:
        key = name[1]
        session = yield from self._agent.finding(key, {})
        known = None if name in self._left else self._conversations.get(key)
        conversation_id = session.conversation_id if session else known
        if conversation_id is None:  # a key is the caller's own: the service is not asked about it
            return []
        return (yield from remote_messages(self._client, conversation_id, key)) or []

    def _make_room(self, used: CachedConversation, seconds: float) -> None:
        """Drop what is to be read again in any case; of what else there is, the latest stays."""
        others = [(name, view) for name, view in list(self._views.items()) if view is not used]
        others.sort(key=lambda other: other[1].used_at)
        surplus = len(others) + 1 - MOST
        for at, (name, view) in enumerate(others):
            if at < surplus or not (view.is_fresh(seconds) or view.has_its_own):
                self._views.pop(name, None)
