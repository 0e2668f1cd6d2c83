"""What chat models and LLMs share: the constructor's arguments and the agent behind them."""

from __future__ import annotations

import hashlib
import warnings
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache
from langchain_core.load.serializable import Serializable
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable
from langchain_core.utils.function_calling import convert_to_openai_tool
from langchain_core.version import VERSION
from pydantic import PrivateAttr, SecretStr, model_validator
from typing_extensions import Self

from langchain_agents._blocks import register as understand
from langchain_agents._cache import OwnAnswers
from langchain_agents._dialogue import with_context
from langchain_agents._errors import (
    ToolsNotSupportedError,
    as_model_error,
    model_errors,
    raise_model_error,
)
from langchain_agents._language_model import LanguageModel
from remote_agents import __version__
from remote_agents.agent import Agent
from remote_agents.client_tools import brings_its_own, forced_tool
from remote_agents.concealed import conceal
from remote_agents.drivers import arun, run
from remote_agents.errors import AgentError, ConfigurationError, safe_to_repeat
from remote_agents.flow import Flow
from remote_agents.json_types import Arguments, JsonObject
from remote_agents.memory.sessions import Session
from remote_agents.service import Endpoint
from remote_agents.settings import Settings, veiled
from remote_agents.types import Event
from remote_agents.unknown_names import unknown_name

if TYPE_CHECKING:
    from remote_agents.client import Client
    from remote_agents.http.transport import Transport


class AgentSettings(Settings, Serializable, LanguageModel[Any, Any]):
    """The arguments that all services share, as LangChain's models have them.

    Those that may hold a secret, or are alive, are in no dump, no repr and no trace.
    """

    model_config = Settings.model_config

    _agent: Agent | None = PrivateAttr(default=None)
    _names: ClassVar[tuple[str, ...]] = ()
    _valid: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if endpoint := getattr(cls, "endpoint", None):
            understand(endpoint.name)
            cls._names = cls.argument_names()
            aliases = (field.alias for field in cls.model_fields.values())
            cls._valid = frozenset({*cls.model_fields, *filter(None, aliases)})

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, *positional: object, **arguments: object) -> None:
            arguments = veiled(arguments)
            try:
                super().__init__(*positional, **arguments)
            except AgentError as error:
                raise as_model_error(error) from None

    def model_post_init(self, context: object, /) -> None:
        """Let LangChain do its own part, which the private attribute here would hide."""
        super().model_post_init(context)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, values: object) -> Any:
        if isinstance(values, dict):
            for name in values:
                if name not in cls._valid:
                    raise ConfigurationError(
                        unknown_name(cls.endpoint, name, tuple(cls._valid)),
                        endpoint=cls.endpoint.name,
                    )
        return values

    @model_validator(mode="after")
    def _set_up_agent(self) -> Self:
        agent = self.agent
        fields = self.__dict__
        fields["agent_id"], fields["base_url"] = agent.agent_id, agent.base_url
        if "model" not in self.endpoint.accepted:
            fields["model"] = None  # its other name has the value
        if fields["api_key"] is None:  # from the environment, which a worker process may not have
            fields["api_key"] = SecretStr(agent.key)
        self._add_version("remote-agents", __version__)
        return self

    @property
    def agent(self) -> Agent:
        """The agent itself: its `name`, the facts of its `endpoint`, its resources."""
        # Not `self._agent`, which pydantic takes microseconds to find.
        agent: Agent | None = (self.__pydantic_private__ or {}).get("_agent")
        if agent is None:
            settings = {name: getattr(self, name) for name in self._names}
            with model_errors():
                self._agent = agent = Agent(self.endpoint, **settings)
            agent.framework = f"langchain-core/{VERSION}"
        return agent

    def bind(self, **kwargs: object) -> Any:
        """Bind arguments of a call; what may be a secret among them shows in no trace."""
        return super().bind(**conceal(kwargs))

    @property
    def client(self) -> Client:
        """The plain client of the same agent, for the rest of the service's API."""
        from remote_agents.client import Client

        return Client.of(self.agent)

    # --- turns -----------------------------------------------------------------------------------

    @classmethod
    @abstractmethod
    def _begin_turn(cls, agent: Agent, prompt: Any, call: Arguments, *, stream: bool) -> Flow[None]:
        """One turn of an agent, with its own arguments."""

    def _events(
        self, prompt: object, stop: object, kwargs: Arguments, *, stream: bool = True
    ) -> TurnEvents:
        """The events of a turn, for a `with` or an `async with` block."""
        agent = self.agent

        def begin() -> Flow[None]:
            call = call_arguments(agent.endpoint, stop, kwargs)
            return self._begin_turn(agent, prompt, call, stream=stream)

        return TurnEvents(begin, agent.transport)

    # --- sessions ----------------------------------------------------------------------------

    def session(self, session_id: str, /, **names: str) -> Session | None:
        """The conversations of a session or thread, the latest first; None if it is not known.

        Args:
            session_id: Its name.
            **names: What else is part of it, for example `user_id`.
        """
        return self.agent.session(session_id, **names)

    def forget(self, session_id: str, /, *, everywhere: bool = False, **names: str) -> bool:
        """Forget a session or thread, so that its next turn starts a new conversation.

        Args:
            session_id: Its name.
            everywhere: Whether the service deletes its conversations too, where it can.
            **names: What else is part of it, for example `user_id`.

        Returns:
            Whether there was one.
        """
        return self.client.forget(session_id, everywhere=everywhere, **names)

    def close(self) -> None:
        """Give up the shared connections; the next call opens new ones."""
        self.agent.close()

    async def aclose(self) -> None:
        """The same as `close`, with those of this event loop."""
        await self.agent.aclose()

    def with_retry(
        self,
        *,
        retry_if_exception_type: object = safe_to_repeat,
        **how: object,
    ) -> Runnable[Any, Any]:
        """LangChain's runnable that repeats a call that failed.

        Args:
            retry_if_exception_type: Types of errors, or a predicate; by default only what cannot
                run a turn twice is repeated.
            **how: As LangChain has it: `stop_after_attempt`, `wait_exponential_jitter`, ...
        """
        retried: Runnable[Any, Any] = super().with_retry(
            retry_if_exception_type=retry_if_exception_type, **how
        )
        return retried

    # --- what others ask of a model --------------------------------------------------------------

    def get_num_tokens(self, text: str) -> int:
        """About how many tokens a text has; exact only with `custom_get_token_ids`.

        Nothing is downloaded: about four letters make a token, and each Chinese, Japanese or
        Korean character is one.
        """
        exact: Callable[[str], list[int]] | None = getattr(self, "custom_get_token_ids", None)
        if exact is not None:
            return len(exact(text))
        wide = sum(1 for letter in text if letter >= "\u2e80")
        return wide + (len(text) - wide + 3) // 4

    # --- what tells models apart ---------------------------------------------------------------

    @property
    def _identifying_params(self) -> JsonObject:
        """Who answers, with which parameters: for traces and the cache's key; no secrets."""
        agent = self.agent
        return {
            "endpoint": agent.endpoint.name,
            "base_url": agent.base_url,
            "agent_id": agent.agent_id,
            "memory": self.memory,
            **agent.options,
        }

    @property
    def _fingerprint(self) -> str:
        """Tells apart what the parameters above do not: account, headers, fields of the body."""
        agent = self.agent
        key = agent.account() if agent.key_is_callable else agent.key
        secret = repr((key, agent.default_headers, agent.extra_body)).encode()
        return hashlib.blake2s(secret, digest_size=12).hexdigest()

    def generate(self, *args: object, **kwargs: object) -> LLMResult:
        """LangChain's own way to ask, by which its classic chains come.

        No cache answers for a conversation.
        """
        kwargs = with_context(self.agent, kwargs)
        return super(AgentSettings, self._cached(kwargs)).generate(*args, **kwargs)

    async def agenerate(self, *args: object, **kwargs: object) -> LLMResult:
        """The same as `generate`, with asyncio."""
        kwargs = with_context(self.agent, kwargs)
        return await super(AgentSettings, self._cached(kwargs)).agenerate(*args, **kwargs)

    def _cached(self, kwargs: Mapping[str, Any]) -> Self:
        """The model itself, or a copy with the cache that this call may use."""
        own = getattr(self, "cache", None)
        cache = own if isinstance(own, BaseCache) else get_llm_cache()
        if own is False or cache is None:
            return self
        usable = not self._has_conversation(kwargs) and OwnAnswers(cache, self._fingerprint)
        return self.model_copy(update={"cache": usable})

    def _has_conversation(self, kwargs: Mapping[str, Any]) -> bool:
        memory = kwargs.get("memory") or self.memory
        if memory == "client":
            return False
        named = kwargs.get("session_id"), kwargs.get("conversation_id"), kwargs.get("dialogue")
        return memory == "server" or any(named)

    # --- copies --------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name in self._names:  # the agent is set up anew, with what was just assigned
            self._agent = None
            self._forget_derived()

    def _forget_derived(self) -> None:
        """Drop what LangChain has kept of the fields, for its traces."""
        for name in self.__dict__.keys() - type(self).model_fields.keys():
            del self.__dict__[name]

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy; what is updated takes effect in it."""
        model = super().model_copy(update=update, deep=deep)
        if update:
            model._forget_derived()
            if not set(self._names).isdisjoint(update):
                model._agent = None
        return model

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        memo = {} if memo is None else memo
        for name in _SHARED:
            value = getattr(self, name)
            memo[id(value)] = value
        return super().__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        state = dict(super().__getstate__())
        fields = {name: state["__dict__"][name] for name in type(self).model_fields}
        for name in ("http_client", "http_async_client"):
            if fields[name] is not None:
                warnings.warn(
                    f"{name} does not go into a pickle; the copy uses the shared connections.",
                    stacklevel=3,
                )
                fields[name] = None
        private = {**(state.get("__pydantic_private__") or {}), "_agent": None}
        return {**state, "__dict__": fields, "__pydantic_private__": private}


# Live things, which a deep copy uses too.
_SHARED = (
    "_agent",
    "account",
    "api_key",
    "http_client",
    "http_async_client",
    "session_store",
    "fold",
)


class TurnEvents:
    """A turn's events inside a block; leaving the block ends the turn and frees its connection.

    Errors of the core leave it as LangChain's `ModelError`s.
    """

    def __init__(self, begin: Callable[[], Flow[None]], transport: Transport) -> None:
        self._begin = begin
        self._transport = transport
        self._events: Any = None

    def __enter__(self) -> Iterator[Event]:
        self._events = events = run(self._flow(), self._transport)
        return events

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        self._events.close()
        if error is not None:
            raise_model_error(error)

    async def __aenter__(self) -> AsyncIterator[Event]:
        self._events = events = arun(self._flow(), self._transport)
        return events

    async def __aexit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        await self._events.aclose()
        if error is not None:
            raise_model_error(error)

    def _flow(self) -> Flow[None]:
        try:
            return self._begin()
        except AgentError as error:
            raise_model_error(error)
            raise


def call_arguments(endpoint: Endpoint, stop: object, kwargs: Mapping[str, Any]) -> Arguments:
    """The arguments of a call that concern the agent.

    Args:
        endpoint: The facts of the service.
        stop: Where the answer ends, if the call says so.
        kwargs: What LangChain hands down.

    Raises:
        ToolsNotSupportedError: There are tools among them, and the agent cannot be given any.
    """
    tools = kwargs.get("tools") or ()
    refuse_tools(tools, endpoint)
    call = {name: value for name, value in kwargs.items() if name not in _NOT_OURS}
    if tools:
        call["tools"] = [convert_to_openai_tool(tool) for tool in tools]
        call["tool_choice"] = forced_tool(kwargs.get("tool_choice"))
    if stop is not None:
        call["stop"] = stop
    return call


# `stream` only says how LangChain calls us, and `thread_id` what tracers are told.
_NOT_OURS = frozenset({"stream", "thread_id", "tools", "tool_choice"})


def refuse_tools(tools: Sequence[Any], endpoint: Endpoint) -> None:
    """Say that a hosted agent brings its own tools, if the caller brings some."""
    if tools and not endpoint.tools:
        raise ToolsNotSupportedError(
            f"{brings_its_own(endpoint, 'agent_tool(model, ...)')} "
            "For answers of a given form, use with_structured_output.",
            endpoint=endpoint.name,
        )
