"""Hosted agents as LangChain chat models: one generic class, five of typed fields."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from typing import Any, ClassVar

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.globals import get_llm_cache
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models.base import LangSmithParams
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult, Generation
from langchain_core.runnables import Runnable, RunnableConfig, ensure_config

from langchain_agents._convert import (
    BlockChunks,
    Layout,
    ProtocolEvents,
    TextChunks,
    register,
    to_messages,
    to_result,
)
from langchain_agents._errors import ToolsNotSupportedError, model_errors
from langchain_agents._settings import AgentSettings
from remote_agents.conversation import newest_origin
from remote_agents.endpoints import ENDPOINTS, Endpoint
from remote_agents.flow import Flow, arun, run
from remote_agents.sessions import current_session
from remote_agents.types import Event, Finish

for _provider in ENDPOINTS:
    register(_provider)


class ChatAgent(AgentSettings, BaseChatModel):
    """Any hosted agent as a chat model; use the class of your service."""

    # --- config reaches the model ----------------------------------------------------------------
    # BaseChatModel hands callbacks and tags down, not `configurable`; so the ids of the
    # conversation are read here, where every entry point begins, and travel as arguments.

    def invoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """Ask, and wait for the whole answer.

        Args:
            input: A text, a prompt or messages.
            config: `config["configurable"]` may name `conversation_id`, `session_id` or
                `thread_id`.
            stop: Where the answer ends.
            **kwargs: `conversation_id`, `session_id`, `memory`, and the service's parameters.

        Returns:
            The reply.

        Raises:
            AgentError: Always a `ModelError` too.
        """
        config = ensure_config(config)
        return super().invoke(input, config, stop=stop, **with_ids(config, kwargs))

    async def ainvoke(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AIMessage:
        """The same as `invoke`, with asyncio."""
        config = ensure_config(config)
        return await super().ainvoke(input, config, stop=stop, **with_ids(config, kwargs))

    def stream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> Iterator[AIMessageChunk]:
        """Ask, and iterate the answer as it arrives; arguments as for `invoke`."""
        config = ensure_config(config)
        return super().stream(input, config, stop=stop, **with_ids(config, kwargs))

    def astream(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        stop: list[str] | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[AIMessageChunk]:
        """The same as `stream`, with asyncio."""
        config = ensure_config(config)
        return super().astream(input, config, stop=stop, **with_ids(config, kwargs))

    def stream_events(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        version: Any = "v2",
        **kwargs: Any,
    ) -> Any:
        """Ask, and iterate LangChain's events; `version="v3"` gives a `ChatModelStream`."""
        if version == "v3":
            config = ensure_config(config)
            kwargs = with_ids(config, kwargs)
        return super().stream_events(input, config, version=version, **kwargs)

    def astream_events(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        version: Any = "v2",
        **kwargs: Any,
    ) -> Any:
        """The same as `stream_events`, with asyncio."""
        if version == "v3":
            config = ensure_config(config)
            kwargs = with_ids(config, kwargs)
        return super().astream_events(input, config, version=version, **kwargs)

    # --- a turn ----------------------------------------------------------------------------------

    def _turn(
        self,
        messages: Sequence[BaseMessage],
        stop: list[str] | None,
        kwargs: dict[str, Any],
        *,
        stream: bool,
    ) -> Flow[None]:
        agent = self.agent
        call = _call_arguments(stop, kwargs)
        return agent.turn(to_messages(messages, agent.endpoint.title), stream=stream, **call)

    @contextmanager
    def _events(self, *turn: Any, stream: bool = True) -> Iterator[Iterator[Event]]:
        """The events of a turn; leaving the block ends the turn and frees its connection."""
        with (
            model_errors(),
            closing(run(self._turn(*turn, stream=stream), self.agent.transport)) as events,
        ):
            yield events

    @asynccontextmanager
    async def _aevents(
        self, *turn: Any, stream: bool = True
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """The same as `_events`, with asyncio."""
        with model_errors():
            events: Any = arun(self._turn(*turn, stream=stream), self.agent.transport)
            async with aclosing(events):
                yield events

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        layout = Layout()
        with self._events(messages, stop, kwargs, stream=False) as events:
            for event in events:
                layout.add(event)
        return self._result(event, layout)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        layout = Layout()
        async with self._aevents(messages, stop, kwargs, stream=False) as events:
            async for event in events:
                layout.add(event)
        return self._result(event, layout)

    def _result(self, last: Event, layout: Layout) -> ChatResult:
        assert isinstance(last, Finish)
        return to_result(last.reply, layout, blocks=self.output_version == "v1")

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        take = self._chunks().take
        with self._events(messages, stop, kwargs) as events:
            for event in events:
                if chunk := take(event):
                    yield chunk

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        take = self._chunks().take
        async with self._aevents(messages, stop, kwargs) as events:
            async for event in events:
                if chunk := take(event):
                    yield chunk

    def _chunks(self) -> TextChunks | BlockChunks:
        return BlockChunks() if self.output_version == "v1" else TextChunks()

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[Any]:
        take = ProtocolEvents(self.agent.endpoint.name, self.agent.agent_id).take
        with self._events(messages, stop, kwargs) as events:
            for event in events:
                yield from take(event)

    async def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[Any]:
        take = ProtocolEvents(self.agent.endpoint.name, self.agent.agent_id).take
        async with self._aevents(messages, stop, kwargs) as events:
            async for event in events:
                for piece in take(event):
                    yield piece

    # --- tools -----------------------------------------------------------------------------------

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Refuse tools: a hosted agent brings its own.

        Args:
            tools: Must be empty, as in `create_agent(model, tools=[])`.
            tool_choice: Not used.
            **kwargs: Bound to the model.

        Returns:
            The model.

        Raises:
            ToolsNotSupportedError: There are tools.
        """
        _refuse_tools(tools, self.endpoint)
        return self.bind(**kwargs) if kwargs else self

    # --- cache -----------------------------------------------------------------------------------

    def _generate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        model = self._uncached(messages, kwargs)
        return super(ChatAgent, model)._generate_with_cache(messages, stop, run_manager, **kwargs)

    async def _agenerate_with_cache(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        model = self._uncached(messages, kwargs)
        return await super(ChatAgent, model)._agenerate_with_cache(
            messages, stop, run_manager, **kwargs
        )

    def _uncached(self, messages: Sequence[BaseMessage], kwargs: Mapping[str, Any]) -> ChatAgent:
        """The model itself, or a copy without a cache for a turn of a conversation."""
        if self.cache is False or (self.cache is None and get_llm_cache() is None):
            return self
        if not self._has_conversation(messages, kwargs):
            return self
        return self.model_copy(update={"cache": False})

    def _has_conversation(self, messages: Sequence[BaseMessage], kwargs: Mapping[str, Any]) -> bool:
        memory = kwargs.get("memory") or self.memory
        if memory == "client":
            return False
        if memory == "server" or kwargs.get("session_id") or kwargs.get("conversation_id"):
            return True
        replies = [message for message in messages if isinstance(message, AIMessage)]
        return newest_origin(to_messages(replies, ""), self.agent.name)[1] is not None

    def _convert_cached_generations(self, cache_val: list[Generation]) -> list[ChatGeneration]:
        """A cached answer belongs to nobody's conversation: whoever gets it must not join one."""
        cached = super()._convert_cached_generations(cache_val)
        return [g.model_copy(update={"message": _without_conversation(g.message)}) for g in cached]

    # --- what others ask of a model --------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return f"{self.endpoint.name}-agent-chat"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop, **kwargs)
        params["ls_provider"] = self.endpoint.name
        params["ls_model_name"] = kwargs.get("model") or self.agent.agent_id
        return params


def with_ids(config: RunnableConfig, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call, with the conversation that the config names.

    Args:
        config: Its `configurable` may name `conversation_id`, `session_id` or `thread_id`.
        kwargs: The call's own arguments, which win.

    Returns:
        The arguments, with at most one id added.

    Example:
        >>> with_ids({"configurable": {"thread_id": "u1"}}, {})
        {'session_id': 'u1'}
    """
    if kwargs.get("session_id") is not None or kwargs.get("conversation_id") is not None:
        return kwargs
    configurable = config.get("configurable") or {}
    for key, argument in _CONFIG_KEYS:
        if (value := configurable.get(key)) not in (None, ""):
            return {**kwargs, argument: str(value)}
    session_id = current_session()
    return kwargs if session_id is None else {**kwargs, "session_id": session_id}


_CONFIG_KEYS = (
    ("conversation_id", "conversation_id"),
    ("session_id", "session_id"),
    ("thread_id", "session_id"),
)


def _call_arguments(stop: list[str] | None, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call that concern the agent."""
    call = {name: value for name, value in kwargs.items() if name not in _NOT_OURS}
    if stop is not None:
        call["stop"] = stop
    return call


# `stream` only says how LangChain calls us.
_NOT_OURS = frozenset({"stream", "tools", "tool_choice"})


def _refuse_tools(tools: Sequence[Any], endpoint: Endpoint) -> None:
    if tools:
        raise ToolsNotSupportedError(
            f"A {endpoint.title} agent brings its own tools and cannot be given others: configure "
            "them at the service, or let another model call this one with agent_tool(model, ...).",
            endpoint=endpoint.name,
        )


def _without_conversation(message: BaseMessage) -> BaseMessage:
    kept = {k: v for k, v in message.response_metadata.items() if k not in _CONVERSATION_KEYS}
    return message.model_copy(update={"response_metadata": kept})


_CONVERSATION_KEYS = frozenset({"conversation_id", "turn", "seen"})


class ChatCloudBase(ChatAgent):
    """A Tencent CloudBase agent as a chat model (native protocol)."""

    endpoint: ClassVar[Endpoint] = ENDPOINTS["cloudbase"]

    env_id: str | None = None
    """Id of the environment, from which the address follows; else `CLOUDBASE_ENV_ID`."""
    region: str | None = None
    """`cn` (default) or `intl`."""
    search_enable: bool | None = None
    """Whether the agent may search the web."""
    files: list[str] | None = None
    """Links or `cloud://` ids that go with every turn."""
    dialect: str | None = None
    """`auto` (default, by the agent id), `classic` or `ag-ui`: what requests look like."""


class ChatCloudBaseOpenAI(ChatAgent):
    """A Tencent CloudBase agent as a chat model (OpenAI protocol)."""

    endpoint: ClassVar[Endpoint] = ENDPOINTS["cloudbase_openai"]

    env_id: str | None = None
    """Id of the environment, from which the address follows; else `CLOUDBASE_ENV_ID`."""
    region: str | None = None
    """`cn` (default) or `intl`."""


class ChatPrivateAI(ChatAgent):
    """A VMware Private AI Service agent as a chat model."""

    endpoint: ClassVar[Endpoint] = ENDPOINTS["private_ai"]

    route: str | None = None
    """`assistants` (default) or `agents`."""
    model: str | None = None
    """The model that the agent is asked to use."""
    seed: int | None = None
    """For answers that can be repeated."""
    n: int | None = None
    """How many choices; more than one come as further generations."""
    max_completion_tokens: int | None = None
    """The most tokens of an answer."""
    top_p: float | None = None
    """Nucleus sampling."""
    top_k: int | None = None
    """Sampling from the k likeliest."""
    frequency_penalty: float | None = None
    """Penalty for frequent tokens."""
    presence_penalty: float | None = None
    """Penalty for tokens that are there already."""
    response_format: dict[str, Any] | None = None
    """The form of every answer, as OpenAI defines it."""


class ChatBlueNexus(ChatAgent):
    """A BlueNexus agent as a chat model."""

    endpoint: ClassVar[Endpoint] = ENDPOINTS["bluenexus"]


class ChatMaiAgent(ChatAgent):
    """A MaiAgent chatbot as a chat model."""

    endpoint: ClassVar[Endpoint] = ENDPOINTS["maiagent"]

    sender: Any = None
    """Who is asking, as the service wants it."""
    query_metadata: Any = None
    """Passed to the agent with every question."""
    content_payload: Any = None
    """Structured content that goes with every question."""
