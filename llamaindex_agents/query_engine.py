"""A hosted agent as a query engine: it answers, and its citations are the source nodes."""

from __future__ import annotations

from contextlib import AbstractContextManager, aclosing, closing

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.llms.types import ChatMessage, ChatResponseAsyncGen, ChatResponseGen
from llama_index.core.base.response.schema import RESPONSE_TYPE, Response
from llama_index.core.callbacks import CBEventType, EventPayload
from llama_index.core.callbacks.base import EventContext
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.schema import NodeWithScore, QueryBundle
from llama_index.core.types import TokenAsyncGen, TokenGen

from llamaindex_agents._answers import text_of
from llamaindex_agents._llm import RemoteLLM, checked_llm
from llamaindex_agents._sources import Sources
from llamaindex_agents._streamed import RemoteAsyncStreamingResponse, RemoteStreamingResponse
from llamaindex_agents.retrievers import AgentRetriever
from remote_agents.json_types import JsonObject


class AgentQueryEngine(BaseQueryEngine):
    """Query engine over a hosted agent that has its own knowledge.

    A query is a turn of the LLM's session, if the LLM is bound to one. Where the agent waits for a
    person, it is an `AgentInterrupt`, in a stream at its end.

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

    def __init__(self, llm: RemoteLLM, *, streaming: bool = False) -> None:
        super().__init__(callback_manager=checked_llm("AgentQueryEngine", llm).callback_manager)
        self._llm = llm
        self._streaming = streaming

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}

    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        with self._event(query_bundle) as event:
            response = self._answer(self._llm.as_messages(query_bundle.query_str))
            event.on_end(payload={EventPayload.RESPONSE: response})
        return response

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        with self._event(query_bundle) as event:
            response = await self._aanswer(self._llm.as_messages(query_bundle.query_str))
            event.on_end(payload={EventPayload.RESPONSE: response})
        return response

    def _event(self, query_bundle: QueryBundle) -> AbstractContextManager[EventContext]:
        payload: JsonObject = {EventPayload.QUERY_STR: query_bundle.query_str}
        return self.callback_manager.event(CBEventType.QUERY, payload=payload)

    def _answer(self, messages: list[ChatMessage]) -> RESPONSE_TYPE:
        if self._streaming:
            sources = Sources(self._llm.agent)
            tokens = _tokens(self._llm.stream_chat(messages, latest=True), sources)
            return RemoteStreamingResponse(tokens, sources)
        response = self._llm.chat(messages, latest=True)
        sources = Sources(self._llm.agent).read(response)
        return Response(text_of(response), sources.nodes, sources.metadata)

    async def _aanswer(self, messages: list[ChatMessage]) -> RESPONSE_TYPE:
        if self._streaming:
            sources = Sources(self._llm.agent)
            tokens = _atokens(await self._llm.astream_chat(messages, latest=True), sources)
            return RemoteAsyncStreamingResponse(tokens, sources)
        response = await self._llm.achat(messages, latest=True)
        sources = Sources(self._llm.agent).read(response)
        return Response(text_of(response), sources.nodes, sources.metadata)

    def retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        """What the agent cites in its answer to a query."""
        return AgentRetriever(llm=self._llm).retrieve(query_bundle)


def _tokens(responses: ChatResponseGen, sources: Sources) -> TokenGen:
    with closing(responses):
        for response in responses:
            if response.delta:
                yield response.delta
        sources.read(response)
        text_of(response)


async def _atokens(responses: ChatResponseAsyncGen, sources: Sources) -> TokenAsyncGen:
    async with aclosing(responses):
        async for response in responses:
            if response.delta:
                yield response.delta
        sources.read(response)
        text_of(response)
