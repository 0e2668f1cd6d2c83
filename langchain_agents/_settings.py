"""What chat models and LLMs share: the constructor's arguments and the agent behind them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from langchain_core.load.serializable import Serializable
from langchain_core.messages.block_translators import register_translator
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable, RunnableSerializable
from langchain_core.version import VERSION
from pydantic import model_validator
from typing_extensions import Self

from langchain_agents._language_model import LanguageModel
from langchain_agents._lazy_turns import turns
from remote_agents import __version__
from remote_agents.configured import Configured, for_pickle
from remote_agents.errors import AgentError, ConfigurationError, safe_to_repeat
from remote_agents.services import BUILT_IN

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage
    from langchain_core.messages.content import ContentBlock

    from remote_agents.agent import Agent
    from remote_agents.client import Client
    from remote_agents.flow import Flow
    from remote_agents.json_types import Arguments, JsonObject
    from remote_agents.memory.sessions import Session


def _translate(message: AIMessage) -> list[ContentBlock]:
    return turns.translate(message)


# A checkpoint may hold messages of services whose classes are not loaded.
for _name in BUILT_IN:
    register_translator(_name, _translate, _translate)


class AgentSettings(Configured, Serializable, LanguageModel[Any, Any]):
    """The arguments that all services share, as LangChain's models have them.

    Those that may hold a secret, or are alive, are in no dump, no repr and no trace.
    """

    model_config = Configured.model_config

    _valid: ClassVar[frozenset[str]] = frozenset()
    _alive = ("rate_limiter",)

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if endpoint := getattr(cls, "endpoint", None):
            register_translator(endpoint.name, _translate, _translate)
            aliases = (field.alias for field in cls.model_fields.values())
            cls._valid = frozenset({*cls.model_fields, *filter(None, aliases)})

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, values: object) -> Any:
        if isinstance(values, dict):
            for name in values:
                if name not in cls._valid:
                    raise ConfigurationError(
                        turns.unknown_name(cls.endpoint, name, tuple(cls._valid)),
                        endpoint=cls.endpoint.name,
                    )
        return values

    @model_validator(mode="after")
    def _tell_version(self) -> Self:
        self._add_version("remote-agents", __version__)
        return self

    @staticmethod
    def _as_refusal(error: AgentError) -> AgentError:
        return turns.as_model_error(error)

    def _new_agent(self, environment: Mapping[str, str], arguments: Mapping[str, Any]) -> Agent:
        with turns.model_errors():
            agent = turns.Agent(self.endpoint, environment=environment, **arguments)
        agent.framework = _FRAMEWORK
        return agent

    def bind(self, **kwargs: object) -> Any:
        """Bind arguments of a call; what may be a secret among them shows in no trace."""
        return super().bind(**turns.conceal(kwargs))

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
    ) -> turns.TurnEvents:
        """The events of a turn, for a `with` or an `async with` block."""
        agent = self.agent
        with turns.model_errors():
            call = turns.call_arguments(agent.endpoint, stop, kwargs)
            flow = self._begin_turn(agent, prompt, call, stream=stream)
        return turns.TurnEvents(flow, agent.transport)

    # --- sessions ----------------------------------------------------------------------------

    def session(self, session_id: str, /, **names: str) -> Session | None:
        """The conversations of a session or thread, the latest first; None if it is not known.

        Args:
            session_id: Its name.
            **names: What else is part of it, for example `user_id`.
        """
        return self.agent.session(session_id, **names)

    async def asession(self, session_id: str, /, **names: str) -> Session | None:
        """The same as `session`, with asyncio."""
        return await self.agent.asession(session_id, **names)

    def forget(self, session_id: str, /, *, everywhere: bool = False, **names: str) -> bool:
        """Forget a session or thread, so that its next turn starts a new conversation.

        Args:
            session_id: Its name.
            everywhere: Whether the service deletes its conversations too, where it can; it does so
                first, and should that fail, nothing is forgotten yet: repeat it.
            **names: What else is part of it, for example `user_id`.

        Returns:
            Whether there was one.
        """
        return self.client.forget(session_id, everywhere=everywhere, **names)

    async def aforget(self, session_id: str, /, *, everywhere: bool = False, **names: str) -> bool:
        """The same as `forget`, with asyncio."""
        return await self.client.aforget(session_id, everywhere=everywhere, **names)

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

    def generate(self, *args: object, **kwargs: object) -> LLMResult:
        """LangChain's own way to ask, by which its classic chains come.

        No cache answers for a conversation.
        """
        agent, cache = self.agent, turns.cache_of(self._own_cache)
        kwargs = turns.with_context(agent, self.tags, kwargs)
        if cache is None:
            return super().generate(*args, **kwargs)
        with turns.model_errors():
            usable = agent.call(turns.usable_cache(agent, cache, self._asked_with(kwargs)))
        model = self.model_copy(update={"cache": usable})
        return super(AgentSettings, model).generate(*args, **kwargs)

    async def agenerate(self, *args: object, **kwargs: object) -> LLMResult:
        """The same as `generate`, with asyncio."""
        agent, cache = self.agent, turns.cache_of(self._own_cache)
        kwargs = turns.with_context(agent, self.tags, kwargs)
        if cache is None:
            return await super().agenerate(*args, **kwargs)
        with turns.model_errors():
            asking = turns.usable_cache(agent, cache, self._asked_with(kwargs))
            usable = await agent.acall(asking)
        model = self.model_copy(update={"cache": usable})
        return await super(AgentSettings, model).agenerate(*args, **kwargs)

    @property
    def _own_cache(self) -> Any:
        return getattr(self, "cache", None)

    def _asked_with(self, kwargs: Arguments) -> Arguments:
        return {"output_version": getattr(self, "output_version", None), **kwargs}

    # --- copies --------------------------------------------------------------------------------

    def _on_change(self) -> None:
        # What LangChain has kept of the fields, for its traces.
        for name in self.__dict__.keys() - type(self).model_fields.keys():
            del self.__dict__[name]

    def configurable_fields(self, **kwargs: Any) -> RunnableSerializable[Any, Any]:
        """Let a call's config say what some of the constructor's arguments are.

        Args:
            **kwargs: As LangChain has it: `agent_id=ConfigurableField(id="agent")`, or `model=`,
                which is another name of it where the service has no models of its own.

        Example:
            >>> from langchain_core.runnables import ConfigurableField
            >>> agent = ConfigurableField(id="agent")
            >>> switched = model.configurable_fields(agent_id=agent)  # doctest: +SKIP
            >>> switched.with_config(configurable={"agent": "other"}).invoke("Hi")  # doctest: +SKIP
        """
        if "model" in kwargs and "model" not in self.endpoint.accepted:
            if "agent_id" in kwargs:
                with turns.model_errors():
                    raise ConfigurationError(
                        "model is another name of agent_id: make one of them configurable.",
                        endpoint=self.endpoint.name,
                    )
            kwargs["agent_id"] = kwargs.pop("model")
        configurable: RunnableSerializable[Any, Any] = super().configurable_fields(**kwargs)
        return configurable

    def __getstate__(self) -> dict[Any, Any]:
        state = dict(super().__getstate__())
        own = {name: state["__dict__"][name] for name in type(self).model_fields}
        fields = for_pickle(own, self._alive)
        private = {**(state.get("__pydantic_private__") or {}), "_agent": None}
        return {**state, "__dict__": fields, "__pydantic_private__": private}


_FRAMEWORK = f"langchain-core/{VERSION}"
