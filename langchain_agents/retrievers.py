"""What an agent or its service's own search finds, as LangChain documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.retrievers import BaseRetriever
from pydantic import Field, model_validator
from typing_extensions import Self

from langchain_agents._chat import ChatAgent
from langchain_agents._errors import model_errors
from remote_agents.interrupts import raise_if_interrupted
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.resources.searching import has_search


class AgentRetriever(BaseRetriever):
    """The passages that a service finds for a question.

    With a `knowledge_base` (MaiAgent, Private AI), and on BlueNexus, which searches what the agent
    remembers, the service's own search answers and no model is asked. Otherwise each query is a
    turn of the agent, outside of any conversation: the sources of its answer are the documents,
    and it costs and takes as long as any other answer.

    Args:
        model: The agent, as a chat model.
        k: The most documents.
        knowledge_base: Id of the knowledge base to search; on Private AI `ID/INDEX_ID` where it
            has more indexes than one.

    Raises:
        ConfigurationError: The service has no search of its own and names no sources.

    Example:
        >>> retriever = AgentRetriever(model=ChatMaiAgent(), knowledge_base="...")  # doctest: +SKIP
        >>> retriever.invoke("vacation days")[0].metadata["title"]  # doctest: +SKIP
        'vacation.md'
    """

    model: ChatAgent
    """The agent."""
    k: int = Field(default=4, ge=1)
    """The most documents."""
    knowledge_base: str | None = None
    """The knowledge base to search, instead of asking the agent."""

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        _ = self._searches
        return self

    @property
    def _searches(self) -> bool:
        with model_errors():
            return has_search(self.model.endpoint, self.knowledge_base)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        if self._searches:
            with model_errors():
                found = self.model.client.search(query, **self._search(k), **kwargs)
            return [_document(citation.to_dict()) for citation in found]
        config: Any = {"callbacks": run_manager.get_child()}
        answer = self.model.invoke(query, config, memory="client", **kwargs)
        return documents(answer, k or self.k)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        if self._searches:
            with model_errors():
                found = await self.model.client.asearch(query, **self._search(k), **kwargs)
            return [_document(citation.to_dict()) for citation in found]
        config: Any = {"callbacks": run_manager.get_child()}
        answer = await self.model.ainvoke(query, config, memory="client", **kwargs)
        return documents(answer, k or self.k)

    def _search(self, k: int | None) -> JsonObject:
        return {"knowledge_base": self.knowledge_base, "top_k": k or self.k}


def documents(answer: AIMessage, k: int) -> list[Document]:
    """The sources of an answer, passages before those of which only the name is known."""
    with model_errors():
        raise_if_interrupted(answer.response_metadata)
    citations: Sequence[JsonMapping] = answer.additional_kwargs.get("citations") or ()
    ordered = sorted(citations, key=lambda citation: not citation.get("text"))
    return [_document(citation) for citation in ordered[:k]]


def _document(citation: JsonMapping) -> Document:
    known = {name: citation.get(name) for name in ("title", "url", "score", "id", "marker")}
    known["source"] = citation.get("url") or citation.get("title")
    metadata = {name: value for name, value in known.items() if value is not None}
    return Document(
        page_content=citation.get("text") or citation.get("title") or "",
        metadata={**citation.get("extra", {}), **metadata},
        id=citation.get("id"),
    )
