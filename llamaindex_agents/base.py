"""The class that users subclass: a hosted agent as an LLM, and as what LlamaIndex makes of one.

`llms/` has one class a service.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llama_index.core.tools import QueryEngineTool

from llamaindex_agents._llm import RemoteLLM
from remote_agents._lazy import LazyModule

if TYPE_CHECKING:
    from llamaindex_agents import chat_engine, query_engine, retrievers
else:  # loaded when one is made
    chat_engine = LazyModule("llamaindex_agents.chat_engine")
    query_engine = LazyModule("llamaindex_agents.query_engine")
    retrievers = LazyModule("llamaindex_agents.retrievers")


class RemoteAgent(RemoteLLM):
    """A hosted agent as a LlamaIndex LLM; use one of its subclasses.

    Its tools, knowledge and memory are its own. Unbound, it is stateless as any LLM is; bound to a
    session by `for_session`, the service keeps the conversation.
    """

    def as_query_engine(self, *, streaming: bool = False) -> query_engine.AgentQueryEngine:
        """A query engine whose answers and source nodes are the agent's own."""
        return query_engine.AgentQueryEngine(self, streaming=streaming)

    def as_chat_engine(
        self, session_id: str | None = None, *, system_prompt: str | None = None
    ) -> chat_engine.AgentChatEngine:
        """A chat engine whose memory is on the server."""
        return chat_engine.AgentChatEngine(self, session_id, system_prompt=system_prompt)

    def as_retriever(
        self, similarity_top_k: int = 4, *, knowledge_base: str | None = None
    ) -> retrievers.AgentRetriever:
        """A retriever of what a knowledge base holds, or else of what the agent cites."""
        return retrievers.AgentRetriever(self, similarity_top_k, knowledge_base=knowledge_base)

    def as_tool(self, name: str | None = None, description: str | None = None) -> QueryEngineTool:
        """A tool for other agents and engines; its output keeps the response with its sources.

        Args:
            name: Name of the tool (default: of the agent).
            description: What it is useful for.
        """
        return QueryEngineTool.from_defaults(
            self.as_query_engine(),
            name=name or re.sub(r"\W+", "_", f"{self.endpoint.name}_{self.agent.agent_id}"),
            description=description or f"Asks an agent of {self.endpoint.title}.",
        )
