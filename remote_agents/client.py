"""The plain client: an agent without any framework; each service has its class in its folder."""

from __future__ import annotations

import copy
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ConfigDict, PrivateAttr
from typing_extensions import Self, Unpack

from remote_agents._lazy import LazyModule
from remote_agents.checking import Check, StepChecker
from remote_agents.configured import for_pickle, shared_memo
from remote_agents.errors import (
    AgentError,
    AgentStatusError,
    ConfigurationError,
    NotFoundError,
)
from remote_agents.prompts import Prompt as Prompt, turn_of
from remote_agents.resources.items import Message as StoredMessage
from remote_agents.resources.methods import ResourceAttribute
from remote_agents.resources.recovery import conversation_of, stored_answer
from remote_agents.resources.searching import read_most
from remote_agents.service import Endpoint
from remote_agents.settings import (
    CallArguments,
    Settings,
    given,
    hide_secrets,
    require_service,
    signature,
)
from remote_agents.types import Citation, Event, Message, Reply, TextDelta
from remote_agents.unknown_names import unknown_name

if TYPE_CHECKING:
    from remote_agents import agent as asking
    from remote_agents.agent import Agent
    from remote_agents.flow import Flow
    from remote_agents.memory.sessions import Session
else:
    asking = LazyModule("remote_agents.agent")  # loaded with the first client


class Client(Settings):
    """A remote agent as a plain Python object, sync and async.

    Takes the arguments of `remote_agents.settings.Settings`, and those that its service documents.

    Raises:
        ConfigurationError: An argument is missing, unknown or unusable; it says what to do.

    Example:
        >>> agent = BlueNexus(api_key="...")  # doctest: +SKIP
        >>> agent.ask("What meetings do I have today?").text  # doctest: +SKIP
        'Here are your meetings for today: ...'
    """

    model_config = ConfigDict(ignored_types=(ResourceAttribute,))

    _agent: Agent = PrivateAttr()
    _kinds: ClassVar[dict[str, type[Client]]] = {}

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: object) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        endpoint = getattr(cls, "endpoint", None)
        if endpoint is None:
            return
        known = Client._kinds.get(endpoint.name)
        if known is None or known.endpoint is not endpoint:  # a subclass does not replace its base
            Client._kinds[endpoint.name] = cls

    if not TYPE_CHECKING:  # type checkers see the fields

        def __init__(self, *positional: object, **settings: object) -> None:
            require_service(type(self))
            settings = hide_secrets(settings)
            if positional:
                super().__init__(*positional)
            for name in settings:
                if name not in type(self).model_fields:
                    raise ConfigurationError(
                        unknown_name(self.endpoint, name), endpoint=self.endpoint.name
                    )
            settings = self._typed(settings)
            self._hold(asking.Agent(self.endpoint, **settings), settings)

    @classmethod
    def _typed(cls, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """The arguments as their types take them, as in the other faces."""
        arguments = next(kind for kind in cls.__mro__ if not issubclass(kind, Client))
        typed = vars(arguments(**settings))
        return {name: typed[name] for name in given(settings)}

    def _hold(self, agent: Agent, settings: Mapping[str, Any]) -> None:
        """Take an agent that is configured already, as a copy takes its state.

        `Agent` has checked the settings, and completed them from the environment: pydantic is not
        asked again, whose words would be others.
        """
        fields = {name: field.default for name, field in type(self).model_fields.items()}
        known = {
            "model": agent.options.get("model"),
            "agent_id": agent.agent_id,
            "base_url": agent.base_url,
            "api_key": agent.secret,
        }
        self.__setstate__(
            {
                "__dict__": {**fields, **agent.options, **settings, **known},
                "__pydantic_fields_set__": set(settings),
                "__pydantic_extra__": None,
                "__pydantic_private__": {"_agent": agent},
            }
        )

    def __setattr__(self, name: str, value: object) -> None:
        self._refuse_change([name])
        super().__setattr__(name, value)

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy with the same agent; arguments are those of another client."""
        self._refuse_change(update or ())
        source = copy.deepcopy(self) if deep else self
        return super(Client, source).model_copy(update=update)

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return super().__deepcopy__(shared_memo(self, memo))

    def __getstate__(self) -> dict[Any, Any]:
        fields = for_pickle(self.__dict__)
        private = {"_agent": self.agent.for_pickle()}
        return {**super().__getstate__(), "__dict__": fields, "__pydantic_private__": private}

    def _refuse_change(self, names: Iterable[str]) -> None:
        for name in names:
            if name in type(self).model_fields:
                kind = type(self).__name__
                raise ConfigurationError(
                    f"A client keeps its {name}: make another, {kind}({name}=...).",
                    endpoint=self.endpoint.name,
                )

    @classmethod
    def of(cls, agent: Agent) -> Client:
        """The plain client of an agent that is configured already, with all that its service has.

        Args:
            agent: The agent; connections, limits and sessions are shared with it.
        """
        kind = cls.kind_of(agent.endpoint)
        client = kind.__new__(kind)
        client._hold(agent, {})
        return client

    @classmethod
    def kind_of(cls, endpoint: Endpoint) -> type[Client]:
        """The class of a service's plain client; a generic one where it has none of its own."""
        if endpoint.name not in Client._kinds and endpoint.client is not None:
            import_module(endpoint.client)
        if endpoint.name not in Client._kinds:
            type(endpoint.title, (Client,), {"endpoint": endpoint, "__module__": __name__})
        return Client._kinds[endpoint.name]

    @property
    def agent(self) -> Agent:
        """The configured agent: its `name`, the facts of its `endpoint`."""
        return self._agent

    def __repr__(self) -> str:
        # Of one whose arguments were refused, there is no agent, but an error that shows it.
        name = repr(self.agent.name) if getattr(self, "_agent", None) is not None else ""
        return f"{type(self).__name__}({name})"

    __str__ = __repr__
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def ask(self, prompt: Prompt, **call: Unpack[CallArguments]) -> Reply:
        """Ask, and wait for the whole answer.

        Args:
            prompt: A text, a `Message`, a `{"role", "content"}` mapping, or a list of these and of
                earlier replies.
            **call: `conversation_id`, `session_id`, `memory`, `attachments`, and the service's own
                parameters for this turn.

        Returns:
            The reply.

        Raises:
            AgentError: See `remote_agents.errors`.
        """
        return self.agent.ask(**turn_of(prompt, call))

    async def aask(self, prompt: Prompt, **call: Unpack[CallArguments]) -> Reply:
        """The same as `ask`, with asyncio."""
        return await self.agent.aask(**turn_of(prompt, call))

    def stream(self, prompt: Prompt, **call: Unpack[CallArguments]) -> Generator[Event, None, None]:
        """Ask, and iterate the events of the answer as they arrive; arguments as for `ask`.

        Yields:
            `TextDelta`, `ReasoningDelta`, `Citation`, `File`, `ToolCall`, `ToolResult`, `Usage`,
            `Update`, `Alternative`, `ClientToolCall`, `Interrupt`, `Unknown`, and last `Finish`,
            whose `reply` holds everything.
        """
        return self.agent.stream(**turn_of(prompt, call))

    def astream(self, prompt: Prompt, **call: Unpack[CallArguments]) -> AsyncGenerator[Event, None]:
        """The same as `stream`, with asyncio."""
        return self.agent.astream(**turn_of(prompt, call))

    def check(self, question: str = "Hello") -> list[Check]:
        """Look whether the agent can be used as it is set up, with one short turn.

        Args:
            question: What it is asked.

        Returns:
            The steps `host`, `API`, `key`, `agent`, `answer` and `first token`, up to the first
            that does not hold, without those that could not be seen; each with `ok`, `detail`,
            and the `error` if there is one.

        Example:
            >>> all(step.ok for step in agent.check())  # doctest: +SKIP
            True
        """
        watch = StepChecker()
        try:
            for event in self.agent.stream([Message("user", question)], memory="client"):
                watch.see(event)
        except AgentError as error:
            return list(watch.steps(error))
        return list(watch.steps())

    async def acheck(self, question: str = "Hello") -> list[Check]:
        """The same as `check`, with asyncio."""
        watch = StepChecker()
        try:
            async for event in self.agent.astream([Message("user", question)], memory="client"):
                watch.see(event)
        except AgentError as error:
            return list(watch.steps(error))
        return list(watch.steps())

    def search(
        self, query: str, *, knowledge_base: str | None = None, top_k: int = 4, **options: object
    ) -> Sequence[Citation]:
        """Search what the service holds, without asking a model.

        Args:
            query: What to look for.
            knowledge_base: Id of the knowledge base, where the service has them.
            top_k: The most passages.
            **options: What else the service's search takes.

        Returns:
            The passages, the best first.

        Raises:
            ConfigurationError: The service has no search of its own, or needs to be told where.
        """
        most = read_most("top_k", top_k)
        return self.agent.call(self._search(query, knowledge_base, most, **options))

    async def asearch(
        self, query: str, *, knowledge_base: str | None = None, top_k: int = 4, **options: object
    ) -> Sequence[Citation]:
        """The same as `search`, with asyncio."""
        most = read_most("top_k", top_k)
        return await self.agent.acall(self._search(query, knowledge_base, most, **options))

    def _search(
        self, query: str, knowledge_base: str | None, top_k: int, **options: object
    ) -> Flow[list[Citation]]:
        raise ConfigurationError(
            f"{self.endpoint.title} has no search of its own.", endpoint=self.endpoint.name
        )

    def recover(self, error: AgentError) -> Reply | None:
        """Read the stored answer to a turn that broke off; nothing is asked again.

        Args:
            error: What the turn ended with, of this library or of its LangChain classes.

        Returns:
            The answer as the service stored it; None while it has stored none: look again later.

        Raises:
            ConfigurationError: The service stores no answers that can be read.
            ConversationNotFoundError: The error names no conversation, or it is gone.
            RemoteFailureError: The service says that the answer failed.
        """
        return self.agent.call(self._recover(error))

    async def arecover(self, error: AgentError) -> Reply | None:
        """The same as `recover`, with asyncio."""
        return await self.agent.acall(self._recover(error))

    def _recover(self, error: AgentError) -> Flow[Reply | None]:
        stored = getattr(self, "messages", None)
        if stored is None:
            raise ConfigurationError(
                f"{self.endpoint.title} stores no answers that can be read.",
                endpoint=self.endpoint.name,
            )
        conversation_id = conversation_of(error)
        answer = stored_answer((yield from stored._history(conversation_id)), error)
        if answer is None:
            return None
        reply = self.agent.new_reply()
        for event in self._stored(answer):
            reply.add(event)
        reply.conversation_id, reply.reply_id = conversation_id, answer.id or None
        reply.close()
        return reply

    def _stored(self, answer: StoredMessage) -> Sequence[Event]:
        """What a stored answer says, as the events of a reply."""
        return [TextDelta(answer.content)]

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
        return bool(self.agent.call(self._forget(session_id, names, everywhere=everywhere)))

    async def aforget(self, session_id: str, /, *, everywhere: bool = False, **names: str) -> bool:
        """The same as `forget`, with asyncio."""
        return bool(await self.agent.acall(self._forget(session_id, names, everywhere=everywhere)))

    def _forget(
        self, session_id: str, names: Mapping[str, str], *, everywhere: bool
    ) -> Flow[list[str]]:
        conversations: Any = getattr(self, "conversations", None) if everywhere else None
        if not hasattr(conversations, "delete"):
            return self.agent.forgetting(session_id, names)

        def delete(conversation_id: str) -> Flow[None]:
            try:
                yield from conversations._delete(conversation_id)
            except AgentStatusError as error:
                error.conversation_id = conversation_id
                if not (isinstance(error, NotFoundError) or self.endpoint.is_lost(error)):
                    raise  # else it is gone already

        return self.agent.forgetting(session_id, names, delete)

    def close(self) -> None:
        """Give up the shared connections."""
        self.agent.close()

    async def aclose(self) -> None:
        """Give up the shared connections, those of this event loop too."""
        await self.agent.aclose()


if not TYPE_CHECKING:  # for help(), notebooks and editors that run the program
    Client.__init__.__signature__ = signature("self")
