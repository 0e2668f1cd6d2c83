"""A hosted agent as a query engine: it answers, and its citations are the source nodes."""

from __future__ import annotations

from contextlib import aclosing, closing

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.llms.types import ChatResponseAsyncGen, ChatResponseGen
from llama_index.core.base.response.schema import (
    RESPONSE_TYPE,
    AsyncStreamingResponse,
    Response,
    StreamingResponse,
)
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.types import TokenAsyncGen, TokenGen

from llamaindex_agents._convert import Sources
from llamaindex_agents.base import RemoteAgent


class AgentQueryEngine(BaseQueryEngine):
    """Query engine over a hosted agent that has its own knowledge.

    A query is a turn of the LLM's session, if the LLM is bound to one.

    Args:
        llm: The agent.
        streaming: Answer piece by piece; `source_nodes` and `metadata` are filled by the time the
            stream has ended.

    Example:
        >>> engine = AgentQueryEngine(llm=MaiAgent())  # doctest: +SKIP
        >>> response = engine.query("How many vacation days do I get?")  # doctest: +SKIP
        >>> [node.metadata["title"] for node in response.source_nodes]  # doctest: +SKIP
        ['vacation.md']
    """

    def __init__(self, llm: RemoteAgent, *, streaming: bool = False) -> None:
        super().__init__(callback_manager=llm.callback_manager)
        self._llm = llm
        self._streaming = streaming

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}

    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        messages = self._llm.as_messages(query_bundle.query_str)
        if self._streaming:
            sources = Sources()
            tokens = _tokens(self._llm.stream_chat(messages), sources)
            return StreamingResponse(tokens, sources.nodes, sources.metadata)
        response = self._llm.chat(messages)
        sources = Sources().read(response)
        return Response(response.message.content, sources.nodes, sources.metadata)

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        messages = self._llm.as_messages(query_bundle.query_str)
        if self._streaming:
            sources = Sources()
            tokens = _atokens(await self._llm.astream_chat(messages), sources)
            return AsyncStreamingResponse(tokens, sources.nodes, sources.metadata)
        response = await self._llm.achat(messages)
        sources = Sources().read(response)
        return Response(response.message.content, sources.nodes, sources.metadata)

    def retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """What the agent cites in its answer to a query."""
        from llamaindex_agents.retrievers import AgentRetriever

        return AgentRetriever(llm=self._llm).retrieve(query_bundle)


def _tokens(responses: ChatResponseGen, sources: Sources) -> TokenGen:
    with closing(responses):
        for response in responses:
            if response.delta:
                yield response.delta
        sources.read(response)


async def _atokens(responses: ChatResponseAsyncGen, sources: Sources) -> TokenAsyncGen:
    async with aclosing(responses):
        async for response in responses:
            if response.delta:
                yield response.delta
        sources.read(response)
