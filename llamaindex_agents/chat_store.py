"""Chat store over the conversations that a service keeps: read through, cached, never written.

The service has stored a turn by the time LlamaIndex adds its messages, so adding one only keeps
what the service may not have told yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Mapping
from typing import Any, NoReturn, TypeVar, overload

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.storage.chat_store.base import BaseChatStore
from llama_index.core.storage.chat_store.base_db import AsyncDBChatStore, MessageStatus
from pydantic import (
    Field,
    PrivateAttr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from llamaindex_agents._views import CachedConversations
from remote_agents.agent import Agent
from remote_agents.arguments.fields import CheckedFields
from remote_agents.flow import Flow

CACHE_SECONDS = 60.0
_NOT_GIVEN: Any = object()

T = TypeVar("T")


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

    A key is a session id of the client, which the service is never told. One store serves many
    users: each `account` of the client has dialogues of its own, whatever their keys. Nothing is
    ever written: the service has stored a turn by the time it is added here. What `Memory` archives
    is left out of what it is given back; the service keeps it.

    It is both of LlamaIndex's kinds of chat stores, whose methods have the same names. As long as
    nothing has to be read, a result can be used as it is or awaited; `get_messages` reads at once,
    or, as `Memory` calls it, with a status, when it is awaited. Where `account` is an async
    function all is to be awaited, as `Memory` does and `ChatMemoryBuffer` does not.

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

    @model_serializer(mode="wrap")
    def custom_model_dump(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        """Not possible in a memory: LlamaIndex would keep it in a context that it cannot read."""
        raise ValueError(
            "A RemoteChatStore is not kept with a memory: its messages are the service's. Make it "
            "again with its client, and pass its memory to each run."
        )

    def to_dict(self, **kwargs: Any) -> dict[str, Any]:
        """What it was made with, but for the client; `from_dict` takes it with one."""
        known = {"conversations": dict(self.conversations), "cache_seconds": self.cache_seconds}
        return {**known, "class_name": self.class_name()}

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
            view = self.client.agent.call(self._views.read(key, self.cache_seconds))
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
        view = await self._reading(self._views.read(key, self.cache_seconds))
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
        return self._done(self._views.add(key, messages))

    async def async_add_message(self, key: str, message: ChatMessage) -> None:
        """The same as `add_message`, with asyncio."""
        await self.client.agent.acall(self._views.add(key, [message]))

    def set_messages(
        self, key: str, messages: list[ChatMessage], status: MessageStatus = MessageStatus.ACTIVE
    ) -> Any:
        """Begin the dialogue anew with these messages; its next turn starts a new conversation."""
        return self._done(self._begun(key, messages))

    async def aset_messages(self, key: str, messages: list[ChatMessage]) -> None:
        """The same as `set_messages`, with asyncio."""
        await self.client.agent.acall(self._begun(key, messages))

    def _begun(self, key: str, messages: list[ChatMessage]) -> Flow[None]:
        yield from self._views.start(key, messages)

    def delete_messages(self, key: str, status: MessageStatus | None = None) -> Any:
        """Forget a dialogue; the service's conversation stays, and is not continued.

        Returns:
            The messages that were known here.
        """
        return self._done(self._views.start(key, []))

    async def adelete_messages(self, key: str) -> list[ChatMessage]:
        """The same as `delete_messages`, with asyncio."""
        known: list[ChatMessage] = await self.client.agent.acall(self._views.start(key, []))
        return known

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
        return await self._reading(self._views.archive(key, n, self.cache_seconds))

    def get_keys(self) -> Any:
        """The account's dialogues that are at hand: those that were used lately."""
        return self._done(self._views.keys())

    async def aget_keys(self) -> list[str]:
        """The same as `get_keys`, with asyncio."""
        keys: list[str] = await self.client.agent.acall(self._views.keys())
        return keys

    async def _reading(self, flow: Flow[T]) -> T:
        """The result of a flow that may ask the service."""
        agent: Agent = self.client.agent
        if agent.awaits_account or agent.awaits_key:
            return await agent.acall(flow)
        # In a thread: the sync methods of `Memory` run in an event loop of their own each, which
        # could not share the connections of an async client.
        return await asyncio.to_thread(agent.call, flow)

    def _done(self, flow: Flow[Any]) -> Any:
        """The result of a flow, to be used or awaited; awaited where the account has to be."""
        agent: Agent = self.client.agent
        if agent.awaits_account:
            return agent.acall(flow)
        result = agent.call(flow)
        return _Ready() if result is None else _ReadyList(result)
