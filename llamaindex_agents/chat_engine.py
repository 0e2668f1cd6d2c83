"""A hosted agent as a chat engine whose memory is on the server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import aclosing, closing, contextmanager
from typing import Any

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    MessageRole,
)
from llama_index.core.chat_engine.types import (
    AgentChatResponse,
    BaseChatEngine,
)
from llama_index.core.instrumentation.events.chat_engine import (
    StreamChatDeltaReceivedEvent,
    StreamChatEndEvent,
    StreamChatErrorEvent,
    StreamChatStartEvent,
)
from llama_index_instrumentation import get_dispatcher

from llamaindex_agents._answers import text_of
from llamaindex_agents._llm import RemoteLLM, checked_llm
from llamaindex_agents._remote_messages import remote_messages
from llamaindex_agents._sources import Sources
from llamaindex_agents._streamed import RemoteStreamingChatResponse
from remote_agents.json_types import JsonObject
from remote_agents.memory.dialogue import is_absent

dispatcher = get_dispatcher(__name__)


class AgentChatEngine(BaseChatEngine):
    """Chat engine over a hosted agent: the service keeps the conversation.

    Only what is new is sent, where the service keeps conversations; elsewhere the whole dialogue.

    Args:
        llm: The agent.
        session_id: Your own key of the dialogue; else the LLM's, else a new one. An engine made
            with the same one later goes on where this one stopped.
        system_prompt: Said to the agent once, at the beginning; else the LLM's own.

    Example:
        >>> engine = AgentChatEngine(llm=BlueNexus(), session_id="alice")  # doctest: +SKIP
        >>> engine.chat("How many vacation days do I get?")  # doctest: +SKIP
        >>> engine.stream_chat("And part-time staff?").print_response_stream()  # doctest: +SKIP
    """

    def __init__(
        self,
        llm: RemoteLLM,
        session_id: str | None = None,
        *,
        system_prompt: str | None = None,
    ) -> None:
        checked_llm("AgentChatEngine", llm)
        own = None if is_absent(session_id) else session_id
        self._llm = llm.for_session(own or llm.session_id or uuid.uuid4().hex)
        if system_prompt is not None:
            self._llm.system_prompt = system_prompt
        self.callback_manager = llm.callback_manager
        self._history: list[ChatMessage] = []

    @property
    def session_id(self) -> str:
        """Your own key of the dialogue."""
        return str(self._llm.session_id)

    @property
    def chat_history(self) -> list[ChatMessage]:
        """The dialogue so far: as the service holds it, where it can list its messages."""
        client: Any = self._llm.client
        known = self._llm.agent.session(self.session_id)
        if known is None or not hasattr(type(client), "messages"):
            return self._history
        listed = self._llm.agent.call(
            remote_messages(client, known.conversation_id, self.session_id)
        )
        return self._history if listed is None else listed

    def reset(self) -> None:
        """Start anew: the next message begins a new conversation."""
        self._llm.agent.forget(self.session_id)
        self._history = []

    def chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> AgentChatResponse:
        """Say something, and wait for the answer.

        Args:
            message: What is said.
            chat_history: The dialogue so far, if it is another than this engine's; what the
                service does not hold of it is sent.

        Returns:
            The answer; its `source_nodes` are what the agent cites, its `sources` what its own
            tools gave.

        Raises:
            AgentError: See `remote_agents.errors`.
            AgentInterrupt: The agent waits for a person, whose answer goes to the same session:
                `llm.for_session(engine.session_id).chat([], resume=...)`.
        """
        with self.callback_manager.as_trace("chat"):
            response = self._llm.chat(**self._turn(message, chat_history))
        return self._answer(message, response)

    async def achat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> AgentChatResponse:
        """The same as `chat`, with asyncio."""
        with self.callback_manager.as_trace("chat"):
            response = await self._llm.achat(**self._turn(message, chat_history))
        return self._answer(message, response)

    def stream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> RemoteStreamingChatResponse:
        """Say something, and iterate the answer as it arrives; arguments as for `chat`.

        Nothing is sent before `response_gen` is iterated, and leaving it early stops the answer.

        Returns:
            The answer; its `sources`, `source_nodes` and `metadata` are filled by its end.
        """
        responses = self._llm.stream_chat(**self._turn(message, chat_history))
        sources = Sources(self._llm.agent)
        stream = self._follow(message, responses, sources)
        return RemoteStreamingChatResponse(sources, stream=stream)

    async def astream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> RemoteStreamingChatResponse:
        """The same as `stream_chat`, with asyncio: iterate `async_response_gen()`."""
        responses = await self._llm.astream_chat(**self._turn(message, chat_history))
        sources = Sources(self._llm.agent)
        stream = self._afollow(message, responses, sources)
        return RemoteStreamingChatResponse(sources, astream=stream)

    def _turn(self, message: str, chat_history: list[ChatMessage] | None) -> JsonObject:
        """The whole dialogue; the core sends what the service does not hold of it.

        Another engine may have led the same session on meanwhile: without a history of the
        caller's own, it is the session that knows where its conversation stands.
        """
        said = self._llm.as_messages(message)
        if chat_history is not None:
            self._history = list(chat_history)
        messages = [*said[:-1], *self._history, said[-1]]
        own = chat_history is None
        return {"messages": messages, "latest": own, "cleared": not own}

    def _answer(self, message: str, response: ChatResponse) -> AgentChatResponse:
        self._remember(message, response)
        sources = Sources(self._llm.agent).read(response)
        return AgentChatResponse(
            text_of(response),
            sources=sources.tools,
            source_nodes=sources.nodes,
            metadata=sources.metadata,
        )

    def _remember(self, message: str, response: ChatResponse) -> None:
        question = ChatMessage(role=MessageRole.USER, content=message)
        self._history = [*self._history, question, response.message]

    def _follow(
        self, message: str, responses: ChatResponseGen, sources: Sources
    ) -> ChatResponseGen:
        with _reported(), closing(responses):
            for response in responses:
                yield _received(response)
            self._remember(message, response)
            sources.read(response)
            text_of(response)

    async def _afollow(
        self, message: str, responses: ChatResponseAsyncGen, sources: Sources
    ) -> ChatResponseAsyncGen:
        with _reported():
            async with aclosing(responses):
                async for response in responses:
                    yield _received(response)
            self._remember(message, response)
            sources.read(response)
            text_of(response)


@contextmanager
def _reported() -> Iterator[None]:
    """Tell LlamaIndex's instrumentation of an answer from its begin to its end, whatever that is.

    For one that is left there is no event of its own: it has ended.
    """
    dispatcher.event(StreamChatStartEvent())
    try:
        yield
    except Exception as error:
        dispatcher.event(StreamChatErrorEvent(exception=error))
        raise
    except BaseException:
        dispatcher.event(StreamChatEndEvent())
        raise
    dispatcher.event(StreamChatEndEvent())


def _received(response: ChatResponse) -> ChatResponse:
    if response.delta:
        dispatcher.event(StreamChatDeltaReceivedEvent(delta=response.delta))
    return response
