"""What a hosted agent cites, as a retriever."""

from __future__ import annotations

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.llms.types import CompletionResponse
from llama_index.core.schema import NodeWithScore, QueryBundle

from llamaindex_agents._convert import source_nodes
from llamaindex_agents._llm import RemoteLLM


class AgentRetriever(BaseRetriever):
    """Retriever over the knowledge of a hosted agent: asks it, and gives the passages it cites.

    It asks outside of any conversation. An agent that cites nothing retrieves nothing.

    Args:
        llm: The agent.
        similarity_top_k: How many passages at most, the best scored first.

    Example:
        >>> retriever = AgentRetriever(llm=MaiAgent(), similarity_top_k=2)  # doctest: +SKIP
        >>> retriever.retrieve("How many vacation days do I get?")[0].score  # doctest: +SKIP
        0.47
    """

    def __init__(self, llm: RemoteLLM, similarity_top_k: int = 4) -> None:
        super().__init__(callback_manager=llm.callback_manager)
        self._llm = llm
        self._similarity_top_k = similarity_top_k

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._best(self._llm.complete(query_bundle.query_str))

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self._best(await self._llm.acomplete(query_bundle.query_str))

    def _best(self, response: CompletionResponse) -> list[NodeWithScore]:
        nodes = source_nodes(response.additional_kwargs.get("citations", []))
        nodes.sort(key=lambda node: node.score or 0.0, reverse=True)
        return nodes[: self._similarity_top_k]
