"""Past conversations of an agent as LlamaIndex documents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, closing
from datetime import date
from typing import Any

from llama_index.core.bridge.pydantic import Field
from llama_index.core.readers.base import BasePydanticReader, ResourcesReaderMixin
from llama_index.core.schema import Document

from remote_agents.arguments.fields import CheckedFields
from remote_agents.client import Client
from remote_agents.errors import ConfigurationError
from remote_agents.flow import Flow
from remote_agents.json_types import JsonObject
from remote_agents.resources.passages import Passage, conversation_passages, passages, resource_of

# Neither the model nor the embedding learns anything from these.
KEYS_FOR_PROGRAMS = ["source", "agent", "conversation_id", "record_id", "question"]


class AgentRecordsReader(CheckedFields, BasePydanticReader, ResourcesReaderMixin):
    """Reads what people asked an agent and what it answered, one document for each question.

    Ids are the same each time, so that an `IngestionPipeline` with a docstore, or
    `index.refresh_ref_docs`, updates what it has instead of holding it twice. Its resources are the
    agent's conversations.

    Args:
        client: A plain client: `remote_agents.MaiAgent`, `CloudBase` or `BlueNexus`. It holds a
            key, so it is left out when the reader is serialised; pass it again afterwards.

    Example:
        >>> reader = AgentRecordsReader(client=client)  # doctest: +SKIP
        >>> documents = reader.load_data(start="2025-01-01", end="2025-01-31")  # doctest: +SKIP
    """

    is_remote: bool = True
    client: Any = Field(default=None, exclude=True, description="A plain client.")

    @classmethod
    def class_name(cls) -> str:
        """The name under which the reader is serialised."""
        return "AgentRecordsReader"

    def lazy_load_data(
        self,
        start: str | date | None = None,
        end: str | date | None = None,
        *,
        user_message: str | None = None,
        bot_message: str | None = None,
    ) -> Iterable[Document]:
        """The documents of some days, one page of the service's list at a time.

        Args:
            start: First day, a date or `YYYY-MM-DD`; MaiAgent requires it.
            end: Last day; MaiAgent requires it.
            user_message: Only questions that contain this.
            bot_message: Only answers that contain this.
        """
        found = passages(
            self._client,
            start=start,
            end=end,
            user_message=user_message,
            bot_message=bot_message,
        )
        return self._documents(found)

    async def alazy_load_data(self, *args: object, **load_kwargs: object) -> Iterable[Document]:
        """The documents of some days; they are read before this returns."""
        return await self.aload_data(*args, **load_kwargs)

    async def aload_data(self, *args: Any, **load_kwargs: Any) -> list[Document]:
        """The documents of some days, with asyncio; arguments as for `lazy_load_data`."""
        return [document async for document in self.aiter_data(*args, **load_kwargs)]

    async def aiter_data(
        self, start: str | date | None = None, end: str | date | None = None, **filters: Any
    ) -> AsyncIterator[Document]:
        """The documents of some days as they arrive; arguments as for `lazy_load_data`."""
        found = passages(self._client, start=start, end=end, **filters)
        async with aclosing(self._client.agent.aiterate(found)) as read:
            async for passage in read:
                yield _document(passage)

    def list_resources(self, *args: object, **kwargs: object) -> list[str]:
        """The ids of the agent's conversations."""
        return [one.id for one in resource_of(self._client, "conversations").list()]

    async def alist_resources(self, *args: object, **kwargs: object) -> list[str]:
        """The same as `list_resources`, with asyncio."""
        return [one.id async for one in resource_of(self._client, "conversations").alist()]

    def get_resource_info(self, resource_id: str, *args: object, **kwargs: object) -> JsonObject:
        """What the service says of a conversation."""
        conversations = resource_of(self._client, "conversations")
        if hasattr(conversations, "get"):
            return dict(conversations.get(resource_id).to_dict())
        with closing(conversations.list()) as listed:
            found = (one for one in listed if one.id == resource_id)
            return _info(next(found, None), resource_id)

    async def aget_resource_info(
        self, resource_id: str, *args: object, **kwargs: object
    ) -> JsonObject:
        """The same as `get_resource_info`, with asyncio."""
        conversations = resource_of(self._client, "conversations")
        if hasattr(conversations, "aget"):
            return dict((await conversations.aget(resource_id)).to_dict())
        async with aclosing(conversations.alist()) as listed:
            async for one in listed:
                if one.id == resource_id:
                    return _info(one, resource_id)
        return _info(None, resource_id)

    def load_resource(self, resource_id: str, *args: object, **kwargs: object) -> list[Document]:
        """The documents of one conversation."""
        return list(self._documents(conversation_passages(self._client, resource_id)))

    async def aload_resource(
        self, resource_id: str, *args: object, **kwargs: object
    ) -> list[Document]:
        """The same as `load_resource`, with asyncio."""
        found = conversation_passages(self._client, resource_id)
        return [_document(passage) async for passage in self._client.agent.aiterate(found)]

    @property
    def _client(self) -> Client:
        if not isinstance(self.client, Client):
            raise ConfigurationError(
                "AgentRecordsReader needs client=, a plain client of remote_agents."
            )
        return self.client

    def _documents(self, found: Flow[Passage]) -> Iterable[Document]:
        with closing(self._client.agent.iterate(found)) as read:
            for passage in read:
                yield _document(passage)


def _info(conversation: Any, resource_id: str) -> JsonObject:
    if conversation is None:
        raise ValueError(f"There is no conversation {resource_id}.")
    return dict(conversation.to_dict())


def _document(passage: Passage) -> Document:
    return Document(
        id_=passage.id,
        text=passage.text,
        metadata=passage.metadata,
        excluded_llm_metadata_keys=KEYS_FOR_PROGRAMS,
        excluded_embed_metadata_keys=[*KEYS_FOR_PROGRAMS, "created_at"],
    )
