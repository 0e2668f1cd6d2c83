"""Past conversations of an agent as LangChain documents."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from datetime import date

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

from remote_agents.client import Client
from remote_agents.flow import Flow
from remote_agents.resources.passages import Passage, check_plain, conversation_passages, passages


class AgentRecordsLoader(BaseLoader):
    """Loads what people asked an agent and what it answered, one document for each question.

    Ids and `metadata["source"]` are the same each time, so that a vector store or LangChain's
    indexing API updates what it has instead of holding it twice.

    Args:
        client: A plain client: `remote_agents.MaiAgent`, `CloudBase` or `BlueNexus`.
        start: First day, a date or `YYYY-MM-DD`; MaiAgent requires it.
        end: Last day; MaiAgent requires it.
        user_message: Only questions that contain this.
        bot_message: Only answers that contain this.
        conversation_id: Only this conversation, whenever it was.

    Example:
        >>> days = {"start": "2025-01-01", "end": "2025-01-31"}
        >>> loader = AgentRecordsLoader(client, **days)  # doctest: +SKIP
        >>> store.add_documents(loader.load())  # doctest: +SKIP
    """

    def __init__(
        self,
        client: Client,
        start: str | date | None = None,
        end: str | date | None = None,
        *,
        user_message: str | None = None,
        bot_message: str | None = None,
        conversation_id: str | None = None,
    ) -> None:
        check_plain(client)
        self.client = client
        self.start = start
        self.end = end
        self.user_message = user_message
        self.bot_message = bot_message
        self.conversation_id = conversation_id

    def lazy_load(self) -> Iterator[Document]:
        """The documents, one page of the service's list at a time.

        Raises:
            ConfigurationError: The days cannot be, or the service lists no conversations.
        """
        with closing(self.client.agent.iterate(self._passages())) as found:
            for passage in found:
                yield _document(passage)

    async def alazy_load(self) -> AsyncIterator[Document]:
        """The same as `lazy_load`, with asyncio."""
        async with aclosing(self.client.agent.aiterate(self._passages())) as found:
            async for passage in found:
                yield _document(passage)

    def _passages(self) -> Flow[Passage]:
        texts = {"user_message": self.user_message, "bot_message": self.bot_message}
        if self.conversation_id is not None:
            return conversation_passages(self.client, self.conversation_id, **texts)
        return passages(self.client, start=self.start, end=self.end, **texts)


def _document(passage: Passage) -> Document:
    # Some vector stores take nothing but uuids.
    id_ = str(uuid.uuid5(uuid.NAMESPACE_URL, passage.metadata["source"]))
    return Document(passage.text, id=id_, metadata=passage.metadata)
