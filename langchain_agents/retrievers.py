"""What an agent found, as LangChain documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from remote_agents.errors import ConfigurationError


class AgentRetriever(BaseRetriever):
    """The knowledge-base hits and search results that an agent names for a question.

    The question is asked outside of any conversation, and the answer's text is not used.

    Args:
        model: The agent, as a chat model.
        k: The most documents.

    Raises:
        ConfigurationError: The service names no sources.

    Example:
        >>> retriever = AgentRetriever(model=ChatMaiAgent(), k=3)  # doctest: +SKIP
        >>> retriever.invoke("vacation days")[0].metadata["title"]  # doctest: +SKIP
        'vacation.md'
    """

    model: ChatAgent
    """The agent."""
    k: int = Field(default=4, ge=1)
    """The most documents."""

    @model_validator(mode="after")
    def _check_sources(self) -> Self:
        endpoint = self.model.endpoint
        if not endpoint.cites:
            with model_errors():
                raise ConfigurationError(
                    f"{endpoint.title} does not say where its answers are from, so there is "
                    "nothing to retrieve; use an agent of a service that names its sources.",
                    endpoint=endpoint.name,
                )
        return self

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,
        k: int | None = None,
        **kwargs: Any,
    ) -> list[Document]:
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
        config: Any = {"callbacks": run_manager.get_child()}
        answer = await self.model.ainvoke(query, config, memory="client", **kwargs)
        return documents(answer, k or self.k)


def documents(answer: AIMessage, k: int) -> list[Document]:
    """The sources of an answer, passages before those of which only the name is known."""
    citations: Sequence[Mapping[str, Any]] = answer.additional_kwargs.get("citations") or ()
    ordered = sorted(citations, key=lambda citation: not citation.get("text"))
    return [_document(citation) for citation in ordered[:k]]


def _document(citation: Mapping[str, Any]) -> Document:
    known = {name: citation.get(name) for name in ("title", "url", "score", "id", "marker")}
    known["source"] = citation.get("url") or citation.get("title")
    metadata = {name: value for name, value in known.items() if value is not None}
    return Document(
        page_content=citation.get("text") or citation.get("title") or "",
        metadata={**citation.get("extra", {}), **metadata},
        id=citation.get("id"),
    )
