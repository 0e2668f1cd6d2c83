"""What needs no service: a hashed bag of words, passages of the handbook, a workflow's member."""

import hashlib
import math
import re
from pathlib import Path
from typing import Any

import bm25s
import pytest
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.memory import ChatMemoryBuffer
from llama_index.core.schema import Document, NodeWithScore, QueryBundle, TextNode

import remote_agents.sandbox
from llamaindex_agents import RemoteWorkflowAgent

# LlamaIndex reads every attribute of a workflow, deprecated ones of pydantic too, and warns when it
# cannot keep its own memory in a context.
WORKFLOW_WARNINGS = [
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince20:inspect"),
    pytest.mark.filterwarnings("ignore::pydantic.PydanticDeprecatedSince211:inspect"),
    pytest.mark.filterwarnings("ignore:Skipping serialization of known unserializable key"),
]

HANDBOOK = Path(remote_agents.sandbox.__file__).parent / "handbook"


class HashedWords(BaseEmbedding):
    """Texts that share words are near each other."""

    def _get_text_embedding(self, text: str) -> list[float]:
        vector = [0.0] * 512
        for word in re.findall(r"[a-z]{3,}", text.lower()):
            digest = hashlib.blake2s(word.rstrip("s").encode(), digest_size=4).digest()
            vector[int.from_bytes(digest, "big") % len(vector)] += 1.0
        length = math.sqrt(sum(x * x for x in vector)) or 1.0
        return [x / length for x in vector]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)


class ByWords(BaseRetriever):
    """The passages that share most with a question, by BM25."""

    def __init__(self, nodes: list[TextNode], k: int) -> None:
        super().__init__()
        self._k = k
        self._index = bm25s.BM25(corpus=nodes)
        self._index.index(self._words([node.text for node in nodes]), show_progress=False)

    def _words(self, texts: list[str]) -> Any:
        return bm25s.tokenize(texts, stopwords="en", return_ids=False, show_progress=False)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        words = self._words([query_bundle.query_str])
        found, scores = self._index.retrieve(words, k=self._k, show_progress=False)
        return [
            NodeWithScore(node=n, score=float(s)) for n, s in zip(found[0], scores[0], strict=True)
        ]


def passages() -> list[TextNode]:
    """The handbook's paragraphs as nodes."""
    return [
        TextNode(id_=f"{path.name}#{n}", text=text.strip(), metadata={"file": path.name})
        for path in sorted(HANDBOOK.glob("*.md"))
        for n, text in enumerate(path.read_text().split("\n\n"))
        if len(text) > 80
    ]


def documents() -> list[Document]:
    """The handbook's pages."""
    return [
        Document(id_=path.name, text=path.read_text(), metadata={"file": path.name})
        for path in sorted(HANDBOOK.glob("*.md"))
    ]


def memory() -> ChatMemoryBuffer:
    """A chat memory that opens no database, as LlamaIndex's default one does and leaves open."""
    return ChatMemoryBuffer.from_defaults(token_limit=20_000)


def member(llm: Any, name: str = "hr", **options: Any) -> RemoteWorkflowAgent:
    """A member of a workflow."""
    return RemoteWorkflowAgent(name=name, description=f"Knows {name}.", llm=llm, **options)


def conversation_of(result: Any) -> str:
    """The service's conversation in which a run was answered."""
    return str(result.response.additional_kwargs["conversation_id"])
