"""Chat store over the conversations that a service keeps: read through, cached, never written.

The service has stored a turn by the time LlamaIndex adds its messages, so adding one only keeps
what the service may not have told yet.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Generator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NoReturn, TypeVar, overload

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.storage.chat_store.base import BaseChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore, MessageStatus
from pydantic import Field, PrivateAttr

from llamaindex_agents._listed import remote_messages
from remote_agents.arguments.fields import CheckedFields
from remote_agents.errors import ConfigurationError
from remote_agents.resources.passages import check_plain

CACHE_SECONDS = 60.0
_NOT_GIVEN: Any = object()

T = TypeVar("T")


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


def _refuse() -> NotImplementedError:
    return NotImplementedError(
        "The service keeps its conversations; one message cannot be deleted."
    )


class _Ready(Coroutine[Any, Any, Any]):
    """The result of a method that one kind of LlamaIndex's chat stores awaits and the other not."""

    def _result(self) -> Any:
        return None

    def send(self, value: object, /) -> NoReturn:
        raise StopIteration(self._result())

    def throw(self, *error: Any) -> NoReturn:
        raise error[-2] if len(error) == 3 and error[1] is not None else error[0]

    def close(self) -> None:
        """Nothing is under way."""

    def __await__(self) -> Generator[Any, Any, Any]:
        yield from ()
        return self._result()


class _ReadyList(list[T], _Ready):
    """A list that may be awaited, too."""

    def _result(self) -> Any:
        return list(self)


class RemoteChatStore(CheckedFields, BaseChatStore, AsyncDBChatStore):
    """Chat store over the conversations that a service keeps, for `Memory` and `ChatMemoryBuffer`.

    A key is a session id of the client, which the service is never told. Nothing is ever written:
    the service has stored a turn by the time it is added here. What `Memory` archives is left out
    of what it is given back; the service keeps it.

    It is both of LlamaIndex's kinds of chat stores, whose methods have the same names. As long as
    nothing has to be read, a result can be used as it is or awaited; `get_messages` reads at once,
    or, as `Memory` calls it, with a status, when it is awaited.

    Examples:
        ```python
        from llama_index.core.memory import Memory
        from llamaindex_agents import RemoteChatStore
        from remote_agents import MaiAgent

        store = RemoteChatStore(client=MaiAgent())
        memory = Memory.from_defaults(session_id="alice", chat_store=store)
        ```
    """

    client: Any = Field(
        description="The plain client of a service that keeps conversations.", exclude=True
    )
    conversations: Mapping[str, str] = Field(
        default_factory=dict,
        description="Keys of conversations that are no session, and the service's own ids of them.",
    )
    cache_seconds: float = Field(
        default=CACHE_SECONDS, description="How long what was read counts as current."
    )

    _views: CachedConversations = PrivateAttr()

    def model_post_init(self, context: object, /) -> None:
        """Check that the service can list messages."""
        self._views = CachedConversations(self.client, self.conversations)

    @classmethod
    def class_name(cls) -> str:
        """The name under which it is serialised."""
        return "RemoteChatStore"

    @overload
    def get_messages(self, key: str) -> _ReadyList[ChatMessage]: ...
    @overload
    def get_messages(
        self,
        key: str,
        status: MessageStatus | None = ...,
        limit: int | None = ...,
        offset: int | None = ...,
    ) -> Coroutine[Any, Any, list[ChatMessage]]: ...
    def get_messages(
        self,
        key: str,
        status: MessageStatus | None = _NOT_GIVEN,
        limit: int | None = None,
        offset: int | None = None,
    ) -> Coroutine[Any, Any, list[ChatMessage]]:
        """The messages of a dialogue, oldest first.

        Args:
            key: A session id, or one of `conversations`.
            status: Which messages: those not archived (default), those archived, or with None all.
                The result is then to be awaited.
            limit: How many at most.
            offset: How many to leave out before them.
        """
        if status is _NOT_GIVEN and limit is None and offset is None:
            view = self._views.read(key, self.cache_seconds)
            return _ReadyList(view.messages[view.archived :])
        return self._aget(
            key, MessageStatus.ACTIVE if status is _NOT_GIVEN else status, limit, offset
        )

    async def aget_messages(self, key: str) -> list[ChatMessage]:
        """The same as `get_messages`, with asyncio."""
        return await self._aget(key)

    async def _aget(
        self,
        key: str,
        status: MessageStatus | None = MessageStatus.ACTIVE,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[ChatMessage]:
        view = await self._views.aread(key, self.cache_seconds)
        messages = view.messages
        if status is MessageStatus.ACTIVE:
            messages = messages[view.archived :]
        elif status is MessageStatus.ARCHIVED:
            messages = messages[: view.archived]
        start = offset or 0
        return messages[start : None if limit is None else start + limit]

    async def count_messages(
        self, key: str, status: MessageStatus | None = MessageStatus.ACTIVE
    ) -> int:
        """How many messages a dialogue has."""
        return len(await self._aget(key, status))

    def add_message(
        self, key: str, message: ChatMessage, status: MessageStatus = MessageStatus.ACTIVE
    ) -> Any:
        """Keep a message that the service has stored, or will when it is sent."""
        return self.add_messages(key, [message])

    def add_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> Any:
        """Keep several messages."""
        self._views.of(key).added.extend(messages)
        return _Ready()

    def set_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> Any:
        """Begin the dialogue anew with these messages; its next turn starts a new conversation."""
        self._views.start(key, messages)
        return _Ready()

    def delete_messages(self, key: str, status: MessageStatus | None = None) -> Any:
        """Forget a dialogue; the service's conversation stays, and is not continued.

        Returns:
            The messages that were known here.
        """
        known = self._views.of(key).messages
        self._views.start(key, [])
        return _ReadyList(known)

    def delete_message(self, key: str, idx: int) -> NoReturn:
        """Not possible: the service keeps the conversation."""
        raise _refuse()

    def delete_last_message(self, key: str) -> NoReturn:
        """Not possible: the service keeps the conversation."""
        raise _refuse()

    async def delete_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        """Leave the oldest messages out from now on."""
        return await self.archive_oldest_messages(key, n)

    async def archive_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        """Leave the oldest messages out of what is active."""
        oldest = await self._aget(key, limit=n)
        self._views.of(key).archived += len(oldest)
        return oldest

    def get_keys(self) -> _ReadyList[str]:
        """The dialogues that were used."""
        return _ReadyList(self._views.keys())
