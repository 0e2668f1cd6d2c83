"""Any hosted agent as a LangChain chat model."""

from __future__ import annotations

import inspect
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from langchain_core.callbacks import (
    AsyncCallbackManagerForLLMRun,
    CallbackManagerForLLMRun,
)
from langchain_core.language_models import LanguageModelInput, ModelProfile
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import (
    ChatGenerationChunk,
    ChatResult,
)
from langchain_core.runnables import (
    Runnable,
    RunnableConfig,
    ensure_config,
)
from langchain_core.utils.function_calling import convert_to_openai_tool

from langchain_agents._lazy_turns import turns
from langchain_agents._runnable import RunnableMethods
from langchain_agents._seams import Overrides
from langchain_agents._settings import AgentSettings
from langchain_agents._usage import llm_output_of
from remote_agents.errors import ConfigurationError
from remote_agents.settings import Derived

if TYPE_CHECKING:
    from langchain_agents._structured import StructuredOutput
    from remote_agents.agent import Agent
    from remote_agents.flow import Flow
    from remote_agents.json_types import Arguments, JsonObject
    from remote_agents.service import Endpoint
    from remote_agents.settings import Memory
    from remote_agents.types import Event


F = TypeVar("F", bound=Callable[..., Any])


def _signed(method: F) -> F:
    """A method with its signature at hand: LangChain asks for it at each call."""
    signed: Any = method
    signed.__signature__ = inspect.signature(method)
    return method


class ChatAgent(AgentSettings, RunnableMethods[AIMessage, AIMessageChunk], Overrides):
    """Any hosted agent as a chat model; use the class of your service.

    Invoke:
        .. code-block:: python

            model.invoke("How many vacation days do I get?").text

    Stream:
        .. code-block:: python

            for chunk in model.stream("How many vacation days do I get?"):
                print(chunk.text, end="", flush=True)

    Async:
        .. code-block:: python

            await model.ainvoke("How many vacation days do I get?")
            async for chunk in model.astream("How many vacation days do I get?"):
                print(chunk.text, end="", flush=True)
    """

    def stream_events(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        version: Any = "v2",
        **kwargs: Any,
    ) -> Any:
        """Ask, and iterate LangChain's events.

        `version="v3"` gives a `ChatModelStream`; closed, left as a `with` block, or dropped before
        the answer is complete, it ends the turn.
        """
        if version == "v3":
            config = ensure_config(config)
            kwargs = turns.with_dialogue(self.agent, self.tags, config, kwargs)
            return turns.closable(super().stream_events(input, config, version="v3", **kwargs))
        return super().stream_events(input, config, version=version, **kwargs)

    def astream_events(
        self,
        input: LanguageModelInput,  # noqa: A002 - LangChain's own name
        config: RunnableConfig | None = None,
        *,
        version: Any = "v2",
        **kwargs: Any,
    ) -> Any:
        """The same as `stream_events`, with asyncio; awaited for `version="v3"`."""
        if version == "v3":
            config = ensure_config(config)
            kwargs = turns.with_dialogue(self.agent, self.tags, config, kwargs)
            return turns.aclosable(super().astream_events(input, config, version="v3", **kwargs))
        return super().astream_events(input, config, version=version, **kwargs)

    def _streamed(
        self,
        value: LanguageModelInput,
        config: RunnableConfig,
        stop: list[str] | None,
        kwargs: Arguments,
    ) -> Generator[AIMessageChunk, None, None]:
        return turns.stream_messages(self, value, config, stop, kwargs, super()._streamed)

    def _astreamed(
        self,
        value: LanguageModelInput,
        config: RunnableConfig,
        stop: list[str] | None,
        kwargs: Arguments,
    ) -> AsyncGenerator[AIMessageChunk, None]:
        return turns.astream_messages(self, value, config, stop, kwargs, super()._astreamed)

    # --- a turn ----------------------------------------------------------------------------------

    @classmethod
    def _begin_turn(cls, agent: Agent, prompt: Any, call: Arguments, *, stream: bool) -> Flow[None]:
        return agent.turn(turns.to_messages(prompt, agent.endpoint.title), stream=stream, **call)

    @_signed
    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        layout = turns.Layout()
        with self._events(messages, stop, kwargs, stream=False) as events:
            for event in events:
                layout.add(event)
        return self._result(event, layout)

    @_signed
    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> ChatResult:
        layout = turns.Layout()
        async with self._events(messages, stop, kwargs, stream=False) as events:
            async for event in events:
                layout.add(event)
        return self._result(event, layout)

    def _result(self, last: Event, layout: turns.Layout) -> ChatResult:
        assert isinstance(last, turns.Finish)
        return turns.to_result(last.reply, layout, blocks=self.output_version == "v1")

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
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
        **kwargs: object,
    ) -> AsyncIterator[ChatGenerationChunk]:
        take = self._chunks().take
        async with self._events(messages, stop, kwargs) as events:
            async for event in events:
                if chunk := take(event):
                    yield chunk

    def _chunks(self) -> turns.TextChunks | turns.BlockChunks:
        return turns.BlockChunks() if self.output_version == "v1" else turns.TextChunks()

    def _stream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> Iterator[Any]:
        return turns.with_callbacks(self._pieces(messages, stop, kwargs), run_manager)

    def _astream_chat_model_events(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: object,
    ) -> AsyncIterator[Any]:
        return turns.awith_callbacks(self._apieces(messages, stop, kwargs), run_manager)

    def _pieces(self, *turn: Any) -> Iterator[Any]:
        take = turns.ProtocolEvents(self.agent.endpoint.name, self.agent.agent_id).take
        with self._events(*turn) as events:
            for event in events:
                yield from take(event)

    async def _apieces(self, *turn: Any) -> AsyncGenerator[Any, None]:
        take = turns.ProtocolEvents(self.agent.endpoint.name, self.agent.agent_id).take
        async with self._events(*turn) as events:
            async for event in events:
                for piece in take(event):
                    yield piece

    # --- tools -----------------------------------------------------------------------------------

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: object
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Give the agent tools of yours, where it takes any; it asks for them in `tool_calls`.

        Args:
            tools: Functions, Pydantic classes, LangChain tools or their schemas.
            tool_choice: The tool that it has to call, or `any`; the agent is asked for it in words.
                `none` offers no tool.
            **kwargs: Bound to the model.

        Returns:
            The model, with the tools.

        Raises:
            ToolsNotSupportedError: There are tools, and the agent cannot be given any.

        Example:
            >>> model.bind_tools([get_weather]).invoke("Is it raining in Oslo?")  # doctest: +SKIP
            AIMessage(content='', tool_calls=[{'name': 'get_weather', ...}], ...)
        """
        turns.refuse_tools(tools, self.agent.endpoint)
        if tools:
            kwargs["tools"] = [convert_to_openai_tool(tool) for tool in tools]
            kwargs["tool_choice"] = tool_choice
        return self.bind(**kwargs) if kwargs else self

    def with_structured_output(
        self,
        schema: JsonObject | type,
        *,
        method: str = "json_schema",
        include_raw: bool = False,
        strict: bool | None = None,
        memory: Memory = "client",
        repair: bool | None = None,
        **kwargs: object,
    ) -> StructuredOutput:
        """A runnable whose answers have the form of a schema.

        Where the service has `response_format` it is used; elsewhere the form is described in the
        prompt. Answers are validated either way.

        Args:
            schema: A Pydantic class (v2 or v1), a TypedDict, or a JSON schema, also as OpenAI's
                `response_format` holds it.
            method: `json_schema`, or `json_mode` where your prompt describes the form itself.
            include_raw: Give `{"raw", "parsed", "parsing_error"}`, and raise nothing.
            strict: Also refuse fields that the schema does not name.
            memory: `client` (default): these turns belong to no conversation; `auto` and `server`
                as for the model.
            repair: Whether an invalid answer is sent back once with what is wrong (default: only
                outside of conversations).
            **kwargs: Parameters of the service for these turns.

        Returns:
            The runnable; streamed, it gives the object as it grows.

        Raises:
            ToolsNotSupportedError: When it is used, for `method="function_calling"`: a hosted agent
                cannot be given tools.

        Example:
            >>> model.with_structured_output(Answer).invoke("How many days?")  # doctest: +SKIP
            Answer(days=25)
        """
        return turns.StructuredOutput(
            self,
            schema,
            method=method,
            include_raw=include_raw,
            strict=strict,
            memory=memory,
            repair=repair,
            parameters=kwargs,
        )

    # --- what others ask of a model --------------------------------------------------------------

    @property
    def _llm_type(self) -> str:
        return f"{self.endpoint.name}-agent-chat"

    def _combine_llm_outputs(self, _llm_outputs: list[JsonObject | None], /) -> JsonObject:
        return llm_output_of(_llm_outputs)

    def _resolve_model_profile(self) -> ModelProfile:
        return _profile(self.endpoint).copy()

    def _settle(self, environment: Mapping[str, str] | None) -> None:
        super()._settle(environment)
        derived, given = DerivedProfile(_profile(self.agent.endpoint)), self.profile or {}
        # One that says how much the model reads says nothing of what the agent can do.
        own = given != _profile(self.endpoint)
        self.__dict__["profile"] = {**derived, **given} if own else derived

    def _on_change(self) -> None:
        super()._on_change()
        if isinstance(self.profile, DerivedProfile):
            self.__dict__["profile"] = DerivedProfile(_profile(self.agent.endpoint))

    def get_num_tokens_from_messages(
        self, messages: Sequence[BaseMessage], tools: Sequence[Any] | None = None
    ) -> int:
        """About how many tokens messages have, with three more for each."""
        turns.refuse_tools(tools or (), self.agent.endpoint)
        return sum(self.get_num_tokens(str(message.text)) + 3 for message in messages)


class DerivedProfile(Derived, dict[str, Any]):
    """What LangChain is told of an agent by whoever has not told it something else."""


def check_chat_model(asking: str, model: object) -> None:
    """Refuse what is no chat model of this library.

    Args:
        asking: What was given it.
        model: What was given.
    """
    if not isinstance(model, ChatAgent):
        with turns.model_errors():
            raise ConfigurationError(
                f"{asking} takes a chat model of this library, not {type(model).__name__}."
            )


@lru_cache(maxsize=64)  # agents of one service may have facts of their own
def _profile(endpoint: Endpoint) -> ModelProfile:
    """What LangChain is told of a service, or of an agent."""
    files = endpoint.attachments
    return ModelProfile(
        text_inputs=True,
        text_outputs=True,
        image_inputs="image" in files and endpoint.uploads,
        image_url_inputs="image" in files and endpoint.takes_links,
        pdf_inputs="file" in files and endpoint.uploads,
        audio_inputs="audio" in files and endpoint.uploads,
        video_inputs="video" in files and endpoint.uploads,
        attachment=bool(files),
        reasoning_output=endpoint.reasons,
        tool_calling=endpoint.tools,
        structured_output=endpoint.native_json,
        temperature="temperature" in endpoint.parameters,
    )
