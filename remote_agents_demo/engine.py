"""LlamaIndex: a query engine over the same documents."""

from __future__ import annotations

from typing import Any

from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.retrievers import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from llamaindex_agents import llms
from remote_agents_demo.documents import Index

LLMS: dict[str, Any] = {
    kind.endpoint.name: kind for kind in (getattr(llms, name) for name in llms.__all__)
}


class Retriever(BaseRetriever):
    """Passages of the folder by BM25."""

    def __init__(self, index: Index) -> None:
        super().__init__()
        self._index = index

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return [
            NodeWithScore(
                node=TextNode(
                    text=passage.text,
                    metadata={"source": passage.source},
                    excluded_llm_metadata_keys=["source"],
                ),
                score=score,
            )
            for passage, score in self._index.search(query_bundle.query_str)
        ]


def query(
    endpoint: str, connection: dict[str, Any], index: Index, question: str
) -> tuple[str, list[NodeWithScore]]:
    """The answer of a query engine, and its source nodes."""
    llm = LLMS[endpoint](**connection)
    engine = RetrieverQueryEngine.from_args(Retriever(index), llm=llm)
    response = engine.query(question)
    return str(response), list(response.source_nodes)
