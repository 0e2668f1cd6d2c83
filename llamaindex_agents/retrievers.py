"""What a hosted agent or its service's own search finds, as a retriever."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle

from llamaindex_agents._llm import RemoteLLM, checked_llm
from llamaindex_agents._sources import source_nodes
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.resources.searching import best_of, has_search, read_most


class AgentRetriever(BaseRetriever):
    """Retriever over the knowledge of a hosted agent.

    With a `knowledge_base` (MaiAgent, Private AI), and on BlueNexus, which searches what the agent
    remembers, the service's own search answers and no model is asked. Otherwise each query is a
    turn of the agent, outside of any conversation: the passages that it cites are the nodes, and it
    costs and takes as long as any other answer.

    Args:
        llm: The agent.
        similarity_top_k: How many passages at most, the best scored first.
        knowledge_base: Id of the knowledge base to search; on Private AI `ID/INDEX_ID` where it
            has more indexes than one.

    Raises:
        ConfigurationError: The service has no search of its own and names no sources, or a value
            is none that can be searched for.

    Example:
        >>> retriever = AgentRetriever(llm=MaiAgent(), knowledge_base="...")  # doctest: +SKIP
        >>> retriever.retrieve("How many vacation days do I get?")[0].score  # doctest: +SKIP
        0.47
    """

    def __init__(
        self, llm: RemoteLLM, similarity_top_k: int = 4, *, knowledge_base: str | None = None
    ) -> None:
        super().__init__(callback_manager=checked_llm("AgentRetriever", llm).callback_manager)
        self._llm = llm
        self._similarity_top_k = read_most("similarity_top_k", similarity_top_k)
        self._knowledge_base = knowledge_base
        self._searches = has_search(llm.agent.endpoint, knowledge_base)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if self._searches:
            found = self._llm.client.search(query_bundle.query_str, **self._search)
            return self._best([citation.to_dict() for citation in found])
        response = self._llm.complete(query_bundle.query_str)
        return self._best(response.additional_kwargs.get("citations", []))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        if self._searches:
            found = await self._llm.client.asearch(query_bundle.query_str, **self._search)
            return self._best([citation.to_dict() for citation in found])
        response = await self._llm.acomplete(query_bundle.query_str)
        return self._best(response.additional_kwargs.get("citations", []))

    @property
    def _search(self) -> JsonObject:
        return {"knowledge_base": self._knowledge_base, "top_k": self._similarity_top_k}

    def _best(self, citations: Sequence[JsonMapping]) -> list[NodeWithScore]:
        return source_nodes(best_of(citations, self._similarity_top_k))
