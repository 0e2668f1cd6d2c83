"""Chat stores over the conversations that a service keeps: read through, cached, never written.

The service has stored a turn by the time LlamaIndex adds its messages, so adding one only keeps
what the service may not have told yet.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.storage.chat_store.base import BaseChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore, MessageStatus
from pydantic import Field, PrivateAttr

from llamaindex_agents._convert import remote_messages
from remote_agents.errors import ConfigurationError, NotFoundError

CACHE_SECONDS = 60.0


class View:
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
        start, known = _overlap(_said(told), _said(ours))
        self.added = ours[max(known, len(self.told)) :]
        self.told = [*told[:start], *ours[:known], *told[start + known :]]
        self.read_at = time.monotonic()

    @property
    def messages(self) -> list[ChatMessage]:
        """The whole dialogue."""
        return [*self.told, *self.added]


def _said(messages: Sequence[ChatMessage]) -> list[tuple[str, str]]:
    return [(m.role.value, (m.content or "").strip()) for m in messages]


def _overlap(told: list[tuple[str, str]], ours: list[tuple[str, str]]) -> tuple[int, int]:
    """Where in `told` the longest beginning of `ours` stands, and how long that is."""
    for known in range(min(len(told), len(ours)), 0, -1):
        for start in range(len(told) - known, -1, -1):
            if told[start : start + known] == ours[:known]:
                return start, known
    return len(told), 0


class Views:
    """The dialogues of one client, by session or conversation id."""

    def __init__(self, client: Any) -> None:
        if not hasattr(type(client), "messages"):
            raise ConfigurationError(
                f"{type(client).__name__} cannot list messages; use one of LlamaIndex's own stores."
            )
        self.client = client
        self._views: dict[str, View] = {}

    def of(self, key: str) -> View:
        """The dialogue under a key."""
        return self._views.setdefault(key, View())

    def conversation_id(self, key: str) -> str:
        """The service's id: of the session with that key, else the key itself."""
        session = self.client.session(key)
        return str((session and session.conversation_id) or key)

    def start(self, key: str, messages: Sequence[ChatMessage]) -> None:
        """Begin a dialogue anew; its next turn starts a new conversation."""
        self.client.forget(key)
        view = self._views[key] = View()
        view.added = list(messages)

    def keys(self) -> list[str]:
        """The dialogues that were used."""
        return list(self._views)

    def read(self, key: str) -> list[ChatMessage]:
        """The dialogue, from the service where the cache is too old."""
        view = self.of(key)
        try:
            view.take(remote_messages(self.client.messages.history(self.conversation_id(key))))
        except NotFoundError:
            view.take([])
        return view.messages

    async def aread(self, key: str) -> list[ChatMessage]:
        """The same as `read`, with asyncio."""
        view = self.of(key)
        try:
            told = await self.client.messages.ahistory(self.conversation_id(key))
            view.take(remote_messages(told))
        except NotFoundError:
            view.take([])
        return view.messages


def _refuse() -> NotImplementedError:
    return NotImplementedError(
        "The service keeps its conversations; one message cannot be deleted."
    )


class RemoteChatStore(BaseChatStore):
    """Chat store over the conversations that a service keeps, for `ChatMemoryBuffer`.

    A key is a session id of the client, or the service's own id of a conversation. Nothing is ever
    written: the service has stored a turn by the time it is added here. For
    `Memory.from_defaults(chat_store=...)` there is `as_async()`.

    Examples:
        ```python
        from llama_index.core.memory import ChatMemoryBuffer
        from llamaindex_agents import RemoteChatStore
        from remote_agents import MaiAgent

        store = RemoteChatStore(client=MaiAgent())
        memory = ChatMemoryBuffer.from_defaults(chat_store=store, chat_store_key="alice")
        ```
    """

    client: Any = Field(description="A plain client, as `remote_agents.MaiAgent`.", exclude=True)
    cache_seconds: float = Field(
        default=CACHE_SECONDS, description="How long what was read counts as current."
    )

    _views: Views = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Check that the service can list messages."""
        self._views = Views(self.client)

    @classmethod
    def class_name(cls) -> str:
        """The name under which it is serialised."""
        return "RemoteChatStore"

    def as_async(self) -> AsyncRemoteChatStore:
        """The same for LlamaIndex's `Memory`."""
        return AsyncRemoteChatStore(client=self.client, cache_seconds=self.cache_seconds)

    def get_messages(self, key: str) -> list[ChatMessage]:
        """The messages of a dialogue, oldest first."""
        view = self._views.of(key)
        return view.messages if view.is_fresh(self.cache_seconds) else self._views.read(key)

    async def aget_messages(self, key: str) -> list[ChatMessage]:
        """The same as `get_messages`, with asyncio."""
        view = self._views.of(key)
        return view.messages if view.is_fresh(self.cache_seconds) else await self._views.aread(key)

    def add_message(self, key: str, message: ChatMessage) -> None:
        """Keep a message that the service has stored, or will when it is sent."""
        self._views.of(key).added.append(message)

    def set_messages(self, key: str, messages: list[ChatMessage]) -> None:
        """Begin the dialogue anew with these messages; its next turn starts a new conversation."""
        self._views.start(key, messages)

    def delete_messages(self, key: str) -> list[ChatMessage] | None:
        """Forget a dialogue; the service's conversation stays, and is not continued."""
        messages = self.get_messages(key)
        self._views.start(key, [])
        return messages

    def delete_message(self, key: str, idx: int) -> ChatMessage | None:
        """Not possible: the service keeps the conversation."""
        raise _refuse()

    def delete_last_message(self, key: str) -> ChatMessage | None:
        """Not possible: the service keeps the conversation."""
        raise _refuse()

    def get_keys(self) -> list[str]:
        """The dialogues that were used."""
        return self._views.keys()


class AsyncRemoteChatStore(AsyncDBChatStore):
    """Chat store over the conversations that a service keeps, for LlamaIndex's `Memory`.

    As `RemoteChatStore`. What `Memory` archives is left out of what it is given back; the service
    keeps it.

    Examples:
        ```python
        from llama_index.core.memory import Memory
        from llamaindex_agents import AsyncRemoteChatStore
        from remote_agents import BlueNexus

        store = AsyncRemoteChatStore(client=BlueNexus())
        memory = Memory.from_defaults(session_id="alice", chat_store=store)
        ```
    """

    client: Any = Field(description="A plain client, as `remote_agents.BlueNexus`.", exclude=True)
    cache_seconds: float = Field(
        default=CACHE_SECONDS, description="How long what was read counts as current."
    )

    _views: Views = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Check that the service can list messages."""
        self._views = Views(self.client)

    @classmethod
    def class_name(cls) -> str:
        """The name under which it is serialised."""
        return "AsyncRemoteChatStore"

    async def get_messages(
        self,
        key: str,
        status: MessageStatus | None = MessageStatus.ACTIVE,
        limit: int | None = None,
        offset: int | None = None,
    ) -> list[ChatMessage]:
        """The messages of a dialogue, oldest first."""
        view = self._views.of(key)
        fresh = view.is_fresh(self.cache_seconds)
        messages = view.messages if fresh else await self._views.aread(key)
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
        return len(await self.get_messages(key, status))

    async def add_message(
        self, key: str, message: ChatMessage, status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        """Keep a message that the service has stored, or will when it is sent."""
        self._views.of(key).added.append(message)

    async def add_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        """Keep several messages."""
        self._views.of(key).added.extend(messages)

    async def set_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> None:
        """Begin the dialogue anew with these messages; its next turn starts a new conversation."""
        self._views.start(key, messages)

    async def delete_message(self, key: str, idx: int) -> ChatMessage | None:
        """Not possible: the service keeps the conversation."""
        raise _refuse()

    async def delete_messages(self, key: str, status: MessageStatus | None = None) -> None:
        """Forget a dialogue; the service's conversation stays, and is not continued."""
        self._views.start(key, [])

    async def delete_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        """Leave the oldest messages out from now on."""
        return await self.archive_oldest_messages(key, n)

    async def archive_oldest_messages(self, key: str, n: int) -> list[ChatMessage]:
        """Leave the oldest messages out of what is active."""
        oldest = await self.get_messages(key, limit=n)
        self._views.of(key).archived += len(oldest)
        return oldest

    async def get_keys(self) -> list[str]:
        """The dialogues that were used."""
        return self._views.keys()
