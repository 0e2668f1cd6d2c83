"""What an agent or its service's own search finds, as LangChain documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langchain_core.retrievers import BaseRetriever
from pydantic import StrictInt, StrictStr

from langchain_agents._chat import ChatAgent, check_chat_model
from langchain_agents._errors import model_errors
from remote_agents.arguments.fields import CheckedFields
from remote_agents.interrupts import raise_if_interrupted
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.resources.searching import best_of, has_search, read_most


class AgentRetriever(CheckedFields, BaseRetriever):
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
        ConfigurationError: The service has no search of its own and names no sources, or an
            argument is unknown, or a value none that can be searched for.

    Example:
        >>> retriever = AgentRetriever(model=ChatMaiAgent(), knowledge_base="...")  # doctest: +SKIP
        >>> retriever.invoke("vacation days")[0].metadata["title"]  # doctest: +SKIP
        'vacation.md'
    """

    model: ChatAgent
    """The agent."""
    k: StrictInt = 4
    """The most documents."""
    knowledge_base: StrictStr | None = None
    """The knowledge base to search, instead of asking the agent."""

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, **arguments: object) -> None:
            with model_errors():
                if "model" in arguments:
                    check_chat_model("AgentRetriever", arguments["model"])
                super().__init__(**arguments)
                read_most("k", self.k)
            _ = self._searches

    @property
    def _searches(self) -> bool:
        with model_errors():
            return has_search(self.model.agent.endpoint, self.knowledge_base)

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        most = self._most(k)
        if self._searches:
            with model_errors():
                found = self.model.client.search(query, **self._search(most), **kwargs)
            return [_document(citation.to_dict()) for citation in found]
        config: Any = {"callbacks": run_manager.get_child()}
        answer = self.model.invoke(query, config, memory="client", **kwargs)
        return documents(answer, most)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,
        k: int | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        most = self._most(k)
        if self._searches:
            with model_errors():
                found = await self.model.client.asearch(query, **self._search(most), **kwargs)
            return [_document(citation.to_dict()) for citation in found]
        config: Any = {"callbacks": run_manager.get_child()}
        answer = await self.model.ainvoke(query, config, memory="client", **kwargs)
        return documents(answer, most)

    def _most(self, k: int | None) -> int:
        with model_errors():
            return read_most("k", self.k if k is None else k)

    def _search(self, most: int) -> JsonObject:
        return {"knowledge_base": self.knowledge_base, "top_k": most}


def documents(answer: AIMessage, k: int) -> list[Document]:
    """The sources of an answer, the best first."""
    with model_errors():
        raise_if_interrupted(answer.response_metadata)
    citations: Sequence[JsonMapping] = answer.additional_kwargs.get("citations") or ()
    return [_document(citation) for citation in best_of(citations, k)]


def _document(citation: JsonMapping) -> Document:
    known = {name: citation.get(name) for name in ("title", "url", "score", "id", "marker")}
    known["source"] = citation.get("url") or citation.get("title")
    metadata = {name: value for name, value in known.items() if value is not None}
    return Document(
        page_content=citation.get("text") or citation.get("title") or "",
        metadata={**citation.get("extra", {}), **metadata},
        id=citation.get("id"),
    )
