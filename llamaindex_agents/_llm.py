"""A hosted agent as a LlamaIndex LLM, below the engines that are built on it.

An LLM is stateless until it is bound to a session, and then only `chat` and `stream_chat` (and
their async twins) are turns of it: engines send prompts of their own through everything else.
"""

from __future__ import annotations

import copy
import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from llama_index import core
from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    LLMMetadata,
    MessageRole,
)
from llama_index.core.constants import DEFAULT_NUM_OUTPUTS
from llama_index.core.llms.callbacks import llm_chat_callback, llm_completion_callback
from llama_index.core.llms.function_calling import FunctionCallingLLM
from llama_index.core.llms.llm import LLM, ToolSelection
from llama_index.core.types import PydanticProgramMode
from pydantic import (
    Field,
    PrivateAttr,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    StrictStr,
    model_serializer,
    model_validator,
)

from llamaindex_agents._calls import (
    caller_of_llm,
    is_component,
    is_engine,
    is_program,
    observed,
    stateless,
    stateless_call,
)
from llamaindex_agents._lazy_turns import turns
from llamaindex_agents._structured import StructuredPrediction
from remote_agents.configured import Configured, for_pickle
from remote_agents.errors import ConfigurationError

if TYPE_CHECKING:
    from llama_index.core.tools import BaseTool

    from remote_agents.agent import Agent
    from remote_agents.client import Client
    from remote_agents.json_types import Arguments, JsonObject
    from remote_agents.types import Reply

Self = TypeVar("Self", bound="RemoteLLM")

_HIDDEN = "hidden_settings"


class RemoteLLM(Configured, StructuredPrediction):
    """What engines know of a hosted agent; users subclass `RemoteAgent`."""

    model_config = Configured.model_config

    pydantic_program_mode: PydanticProgramMode = PydanticProgramMode.LLM
    """How structured prediction asks: in words, as agents are asked best."""
    session_id: StrictStr | None = None
    """Your own key of the dialogue that chat() continues."""
    context_window: int = Field(default=128_000, gt=0)
    """Tokens that prompts are packed into."""

    _alive = ("callback_manager", "rate_limiter")
    _face_fields = ("session_id", "context_window", "pydantic_program_mode")
    _bindable: bool = PrivateAttr(default=True)
    _wants_text: bool = PrivateAttr(default=False)

    @model_serializer(mode="wrap")
    def custom_model_dump(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        """The fields; for LlamaIndex's caches, a digest of what is hidden of them, but the key."""
        dumped: dict[str, Any] = super().custom_model_dump(handler, info)
        account = self.account if isinstance(self.account, str) else None
        if any(hidden := (self.agent.extra_body, self.agent.default_headers, account)):
            digest = hashlib.blake2s(repr(hidden).encode(errors="replace"), digest_size=12)
            dumped[_HIDDEN] = digest.hexdigest()
        return dumped

    @model_validator(mode="before")
    @classmethod
    def _check_names(cls, data: object) -> Any:
        if not isinstance(data, dict):
            return data
        data = {name: value for name, value in data.items() if name != _HIDDEN}
        for name in data:
            if name not in cls.model_fields:
                raise ConfigurationError(
                    turns.unknown_name(cls.endpoint, name, tuple(cls.model_fields)),
                    endpoint=cls.endpoint.name,
                )
        return data

    def __getstate__(self) -> dict[Any, Any]:
        fields = {k: v for k, v in self.__dict__.items() if k != "callback_manager"}
        return {"__dict__": for_pickle(fields, self._alive), "bindable": self._bindable}

    def __setstate__(self, state: dict[Any, Any]) -> None:
        self.__init__(**state["__dict__"])  # type: ignore[misc]  # a pydantic model is made of its fields
        self._bindable = state["bindable"]

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        for name in ("agent_id", "base_url", "session_id"):
            if (value := getattr(self, name, None)) is not None:
                yield name, value

    def _new_agent(self, environment: Mapping[str, str], arguments: Mapping[str, Any]) -> Agent:
        agent = turns.Agent(self.endpoint, environment=environment, **arguments)
        agent.framework = f"llama-index-core/{core.__version__}"
        return agent

    @classmethod
    def class_name(cls) -> str:
        """The name under which it is serialised."""
        return cls.__name__

    @property
    def metadata(self) -> LLMMetadata:
        """What engines need to know: a chat model, its window, and whether it takes tools."""
        tools = self.agent.endpoint.tools and not is_program(caller_of_llm())
        longest = getattr(self, "max_completion_tokens", None)  # where the service knows it
        return LLMMetadata(
            context_window=self.context_window,
            num_output=longest or self.max_tokens or DEFAULT_NUM_OUTPUTS,
            is_chat_model=True,
            is_function_calling_model=tools,
            model_name=self.agent.agent_id,
        )

    @property
    def client(self) -> Client:
        """The plain client of the same agent, for the rest of the service's API."""
        from remote_agents.client import Client

        return Client.of(self.agent)

    # --- sessions ----------------------------------------------------------------------------

    def for_session(self: Self, session_id: str) -> Self:
        """This LLM, bound to a dialogue whose conversation the service keeps.

        Args:
            session_id: Your own key, for example of a user or a thread.

        Returns:
            A copy that shares the connections; this LLM stays as it is.

        Example:
            >>> alice = llm.for_session("alice")  # doctest: +SKIP
            >>> alice.chat([ChatMessage("And what about part-time staff?")])  # doctest: +SKIP
        """
        bound = copy.copy(self)
        bound.__dict__["session_id"] = turns.required(session_id)  # which checks it
        return bound

    def new_session(self: Self) -> Self:
        """This LLM, bound to a new dialogue; its `session_id` is random."""
        return self.for_session(uuid.uuid4().hex)

    def without_session(self: Self) -> Self:
        """A copy that keeps no conversation, whatever it or its caller is bound to."""
        copied = copy.copy(self)
        copied._bindable = False
        return copied

    def _for_text(self: Self) -> Self:
        """A copy without a conversation, of whose answers LlamaIndex takes the text alone."""
        copied = self.without_session()
        copied._wants_text = True
        return copied

    def _call(self, kwargs: Arguments) -> Arguments:
        """Arguments of one turn. A `with session(...)` is read here, when the turn is called."""
        if not self._bindable:
            return stateless_call(kwargs)
        kwargs = turns.without_absent(kwargs)
        if kwargs.get("session_id") or kwargs.get("conversation_id"):
            return kwargs
        session_id = self.session_id or turns.current_session()
        caller = "" if session_id is None and self.memory == "auto" else caller_of_llm()
        if not caller or is_component(caller):
            return {"memory": "client", **kwargs}
        # Where an engine brings no history, its user has cleared it.
        return {"cleared": is_engine(caller), **kwargs, "session_id": session_id}

    def _answer(self, reply: Reply, *, delta: str | None = None) -> ChatResponse:
        """A whole answer; a run that waits is none for whoever takes its text alone."""
        response = turns.chat_response(reply, delta=delta)
        if reply.interrupts and (self._wants_text or is_engine(caller_of_llm())):
            turns.text_of(response)
        return response

    # --- chat --------------------------------------------------------------------------------

    @observed(llm_chat_callback())
    def chat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponse:
        """Chat with the agent.

        Args:
            messages: The prompt with its history. In a session only what is new is sent.
            **kwargs: `conversation_id`, `session_id`, and the service's parameters for this turn.

        Returns:
            The answer; `message.additional_kwargs` has its citations, ids and usage.

        Raises:
            AgentError: See `remote_agents.errors`.
        """
        sent = turns.to_messages(messages, self.agent.endpoint)
        return self._answer(self.agent.ask(sent, **self._call(kwargs)))

    @observed(llm_chat_callback())
    async def achat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponse:
        """The same as `chat`, with asyncio."""
        sent = turns.to_messages(messages, self.agent.endpoint)
        return self._answer(await self.agent.aask(sent, **self._call(kwargs)))

    @observed(llm_chat_callback())
    def stream_chat(self, messages: Sequence[ChatMessage], **kwargs: object) -> ChatResponseGen:
        """Chat with the agent, and iterate its answer as it arrives; arguments as for `chat`.

        Returns:
            Responses that each hold the text so far and what is new as `delta`. The last one has
            the citations, ids and usage.
        """
        sent = turns.to_messages(messages, self.agent.endpoint)
        return turns.chat_responses(self.agent.stream(sent, **self._call(kwargs)), self._answer)

    @observed(llm_chat_callback())
    async def astream_chat(
        self, messages: Sequence[ChatMessage], **kwargs: object
    ) -> ChatResponseAsyncGen:
        """The same as `stream_chat`, with asyncio."""
        sent = turns.to_messages(messages, self.agent.endpoint)
        return turns.achat_responses(self.agent.astream(sent, **self._call(kwargs)), self._answer)

    # --- completion: never a turn of a conversation --------------------------------------------

    @observed(llm_completion_callback())
    def complete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponse:
        """Answer a prompt, outside of any conversation.

        Args:
            prompt: The prompt.
            formatted: Ignored: an agent takes the prompt as it is.
            **kwargs: The service's parameters for this call.

        Returns:
            The answer; `additional_kwargs` has its citations and usage.
        """
        reply = self.agent.ask(turns.prompt(prompt), **stateless_call(kwargs))
        return turns.completion(turns.chat_response(reply))

    @observed(llm_completion_callback())
    async def acomplete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponse:
        """The same as `complete`, with asyncio."""
        reply = await self.agent.aask(turns.prompt(prompt), **stateless_call(kwargs))
        return turns.completion(turns.chat_response(reply))

    @observed(llm_completion_callback())
    def stream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponseGen:
        """Answer a prompt piece by piece, outside of any conversation; as `complete`."""
        events = self.agent.stream(turns.prompt(prompt), **stateless_call(kwargs))
        return turns.completions(turns.chat_responses(events))

    @observed(llm_completion_callback())
    async def astream_complete(
        self, prompt: str, formatted: bool = False, **kwargs: object
    ) -> CompletionResponseAsyncGen:
        """The same as `stream_complete`, with asyncio."""
        events = self.agent.astream(turns.prompt(prompt), **stateless_call(kwargs))
        return turns.acompletions(turns.achat_responses(events))

    # --- tools: of the caller's, for agents that take some -------------------------------------

    def _prepare_chat_with_tools(
        self,
        tools: Sequence[BaseTool],
        user_msg: str | ChatMessage | None = None,
        chat_history: list[ChatMessage] | None = None,
        verbose: bool = False,
        allow_parallel_tool_calls: bool = False,
        tool_required: bool = False,
        tool_choice: object = None,
        **kwargs: object,
    ) -> JsonObject:
        facts = self.agent.endpoint
        return {
            "messages": turns.asked(user_msg, chat_history),
            **turns.offered(facts, tools, required=tool_required, choice=tool_choice),
            **kwargs,
        }

    def _validate_chat_with_tools_response(
        self,
        response: ChatResponse,
        tools: Sequence[BaseTool],
        allow_parallel_tool_calls: bool = False,
        **kwargs: object,
    ) -> ChatResponse:  # of a dialogue each call has to be answered
        if not (self._bindable or allow_parallel_tool_calls):
            turns.keep_first_call(response)
        return response

    def get_tool_calls_from_response(
        self, response: ChatResponse, error_on_no_tool_call: bool = True, **kwargs: object
    ) -> list[ToolSelection]:
        """The calls of your tools that an answer asks for.

        Args:
            response: The answer.
            error_on_no_tool_call: Whether an answer without one is an error.
            **kwargs: Ignored.

        Raises:
            ValueError: There is none.
        """
        found = turns.selections(response)
        if not found and error_on_no_tool_call:
            raise ValueError("The agent called none of the tools that it was given.")
        return found

    predict = stateless(LLM.predict)
    apredict = stateless(LLM.apredict)
    stream = stateless(LLM.stream)
    astream = stateless(LLM.astream)
    structured_predict = stateless(StructuredPrediction.structured_predict)
    astructured_predict = stateless(StructuredPrediction.astructured_predict)
    stream_structured_predict = stateless(StructuredPrediction.stream_structured_predict)
    astream_structured_predict = stateless(StructuredPrediction.astream_structured_predict)
    predict_and_call = stateless(FunctionCallingLLM.predict_and_call)
    apredict_and_call = stateless(FunctionCallingLLM.apredict_and_call)

    def as_messages(self, text: str) -> list[ChatMessage]:
        """A user message, behind this LLM's system prompt if it has one.

        Raises:
            UnsupportedContentError: It is no text.
        """
        (said,) = turns.prompt(text, "An engine")
        asked = [ChatMessage(role=MessageRole.USER, content=said.content)]
        if self.system_prompt:
            asked.insert(0, ChatMessage(role=MessageRole.SYSTEM, content=self.system_prompt))
        return asked

    # --- the end -----------------------------------------------------------------------------

    def close(self) -> None:
        """Give up the shared connections."""
        self.agent.close()

    async def aclose(self) -> None:
        """Give up the shared connections, those of this event loop too."""
        await self.agent.aclose()


def checked_llm(asking: str, llm: object) -> RemoteLLM:
    """The LLM of a hosted agent, if it is one.

    Args:
        asking: What was given it.
        llm: What was given.

    Raises:
        ConfigurationError: It is another LLM, or a plain client.
    """
    if not isinstance(llm, RemoteLLM):
        raise ConfigurationError(
            f"{asking} takes an LLM of this library, not {type(llm).__name__}."
        )
    return llm
