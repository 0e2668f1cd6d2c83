"""One configured remote agent: where it is, with which key, limits and memory.

Every class of this library, of either framework or none, holds one of these and nothing else that
knows about services. It has no state of a conversation.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Generator,
    Iterator,
    Mapping,
    Sequence,
)
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from remote_agents.drivers import arun, avalue_of, run, value_of
from remote_agents.errors import AgentError, ConfigurationError
from remote_agents.flow import Flow
from remote_agents.json_types import JsonObject
from remote_agents.memory.dialogue import FoundNames, without_absent
from remote_agents.memory.history_matching import Conversation
from remote_agents.memory.lease import ask_store
from remote_agents.memory.marks import sealer_for
from remote_agents.memory.sessions import Session
from remote_agents.memory.stored_conversations import marks_of
from remote_agents.observability import observed
from remote_agents.turns.clock import Exchange, account_of
from remote_agents.turns.learned import Learned
from remote_agents.turns.operations import expand
from remote_agents.turns.terms import Terms
from remote_agents.turns.turn import take_turn
from remote_agents.types import Event, Finish, Message, Reply
from remote_agents.unknown_names import unknown_in_call
from remote_agents.version import VERSION

if TYPE_CHECKING:
    from remote_agents.http.transport import Transport

T = TypeVar("T")


class Agent(Terms):
    """A remote agent, ready to be asked.

    Takes the arguments of `Terms`.

    Example:
        >>> from remote_agents.services import ENDPOINTS
        >>> agent = Agent(ENDPOINTS["bluenexus"], api_key="...")
        >>> agent.name
        'bluenexus:default@api.bluenexus.ai'
    """

    framework = f"python/{sys.version_info.major}.{sys.version_info.minor}"
    """Who asks, as the service is told in `User-Agent`; an adapter puts its framework here."""

    def __repr__(self) -> str:
        # Of one whose arguments were refused, there is no name, but an error that shows it.
        return f"Agent({self.name!r})" if hasattr(self, "base_url") else "Agent()"

    @cached_property
    def transport(self) -> Transport:
        """What sends its requests; the HTTP libraries are imported when there is one."""
        from remote_agents.http.transport import Transport

        return Transport(
            self.base_url,
            key_header=self.endpoint.key_header,
            key_begins=self.endpoint.key_begins,
            headers={
                "User-Agent": f"remote-agents/{VERSION} ({self.framework})",
                **self.default_headers,
            },
            verify=self.verify,
            client=self.http_client,
            async_client=self.http_async_client,
        )

    def for_pickle(self) -> Agent:
        """The same agent as another process has it: without connections, and as if never asked."""
        agent = copy.copy(self)
        agent.http_client = agent.http_async_client = None
        agent.learned = Learned()
        vars(agent).pop("transport", None)
        return agent

    # --- turns -------------------------------------------------------------------------------

    def stream(self, messages: Sequence[Message], **call: object) -> Generator[Event, None, None]:
        """Ask, and iterate the events of the answer; arguments as for `turn`."""
        return run(self._begin_turn(messages, call, stream=True), self.transport)

    def astream(self, messages: Sequence[Message], **call: object) -> AsyncGenerator[Event, None]:
        """The same as `stream`, with asyncio."""
        return arun(self._begin_turn(messages, call, stream=True), self.transport)

    def ask(self, messages: Sequence[Message], **call: object) -> Reply:
        """Ask, and wait for the whole answer; arguments as for `turn`."""
        try:
            finish: Finish = collect(
                run(self._begin_turn(messages, call, stream=False), self.transport)
            )
        except AgentError as error:
            # One traceback, from here: how a flow is driven says nothing of what went wrong.
            raise error.with_traceback(None) from None
        return finish.reply

    async def aask(self, messages: Sequence[Message], **call: object) -> Reply:
        """The same as `ask`, with asyncio."""
        events = arun(self._begin_turn(messages, call, stream=False), self.transport)
        try:
            finish: Finish = await acollect(events)
        except AgentError as error:
            raise error.with_traceback(None) from None
        return finish.reply

    def call(self, flow: Flow[T]) -> T:
        """Run a flow that gives one value."""
        return value_of(expand(flow, Exchange(self)), self.transport)

    async def acall(self, flow: Flow[T]) -> T:
        """The same as `call`, with asyncio."""
        return await avalue_of(expand(flow, Exchange(self)), self.transport)

    def iterate(self, flow: Flow[Any]) -> Generator[Any, None, None]:
        """Run a flow that emits items."""
        return run(expand(flow, Exchange(self)), self.transport)

    def aiterate(self, flow: Flow[Any]) -> AsyncGenerator[Any, None]:
        """The same as `iterate`, with asyncio."""
        return arun(expand(flow, Exchange(self)), self.transport)

    def turn(
        self,
        messages: Sequence[Message],
        *,
        stream: bool,
        **call: Any,
    ) -> Flow[None]:
        """One turn as a flow; arguments as for `remote_agents.turns.turn.take_turn`."""
        call = without_absent(call)
        observation = observed(self, messages, call, stream=stream)
        try:
            if not isinstance(call.get("dialogue"), FoundNames | None):  # a caller's own
                raise ConfigurationError(unknown_in_call(self.endpoint, "dialogue"))
            terms = self.for_call(call)
            if observation is not None:
                terms = terms.observed(observation.headers, observation.see_reply)
            flow = take_turn(terms, messages, stream=stream, **call)
        except Exception as error:
            if isinstance(error, AgentError):
                error.endpoint = error.endpoint or self.endpoint.name
            if observation is not None:
                observation.refused(error)
            raise
        return flow if observation is None else observation.watch(flow)

    def _begin_turn(
        self, messages: Sequence[Message], call: dict[str, object], *, stream: bool
    ) -> Flow[None]:
        call.pop("stream", None)  # what scripts for other models pass: here the method says it
        return self.turn(messages, stream=stream, **call)

    # --- sessions ----------------------------------------------------------------------------

    def session(self, session_id: str, /, **names: str) -> Session | None:
        """The conversations of a session or thread, the latest first; None if it is not known.

        Args:
            session_id: Its name.
            **names: What else is part of it, for example `user_id`.
        """
        return self.call(self.finding(session_id, names))

    async def asession(self, session_id: str, /, **names: str) -> Session | None:
        """The same as `session`, with asyncio."""
        return await self.acall(self.finding(session_id, names))

    def finding(self, session_id: str, names: Mapping[str, str]) -> Flow[Session | None]:
        """The conversations of a session or thread, as a flow; as for `session`."""
        known = []
        for key in (yield from self._dialogue_keys(session_id, names)):
            known += yield from self._known(key)
        return Session(sorted(known, key=lambda each: -each.last_used)) if known else None

    def forget(self, session_id: str, /, **names: str) -> list[str]:
        """Forget a session or thread, so that its next turn starts a new conversation.

        Args:
            session_id: Its name.
            **names: What else is part of it, for example `user_id`.

        Returns:
            The service's ids of the conversations that were forgotten.
        """
        return self.call(self.forgetting(session_id, names))

    async def aforget(self, session_id: str, /, **names: str) -> list[str]:
        """The same as `forget`, with asyncio."""
        return await self.acall(self.forgetting(session_id, names))

    def forgetting(
        self,
        session_id: str,
        names: Mapping[str, str],
        delete: Callable[[str], Flow[None]] | None = None,
    ) -> Flow[list[str]]:
        """Forget a session or thread, as a flow; arguments and result as for `forget`.

        Args:
            session_id: Its name.
            names: What else is part of it.
            delete: Deletes a conversation of this id at the service, and does so first: should that
                fail, the session still knows its conversations, and a repetition finishes it.
        """
        gone: list[str] = []
        for key in (yield from self._dialogue_keys(session_id, names)):
            deleted: set[str] = set()
            if delete is not None:
                for known in (yield from self._known(key)):
                    yield from delete(known.conversation_id)
                    deleted.add(known.conversation_id)
            forgotten = yield from ask_store(self.store, partial(self.store.delete, key))
            if delete is not None:
                for late in set(forgotten) - deleted:  # of a turn that ended meanwhile
                    yield from delete(late)
            gone += forgotten
        return gone

    def _dialogue_keys(self, session_id: str, names: Mapping[str, str]) -> Flow[list[str]]:
        return self.dialogue_keys_of(session_id, names, (yield from self.asking_account()))

    def _known(self, key: str) -> Flow[list[Conversation]]:
        known = yield from ask_store(self.store, partial(self.store.read, key))
        return [each for each in known if each.conversation_id]

    def asking_account(self) -> Flow[str]:
        """Whose conversations this call's are, as a flow."""
        return account_of(Exchange(self))

    def marking(
        self, conversation_id: str, messages: Sequence[Message], session_id: str | None = None
    ) -> Flow[list[JsonObject | None]]:
        """The marks of a conversation that was read back, as a flow; None for what is no answer.

        Args:
            conversation_id: The service's id.
            messages: All that it holds, oldest first.
            session_id: The session that is to go on in it; None if its own id names it.
        """
        account = yield from self.asking_account()
        seal_key = self.learned.seal_key or (yield from ask_store(self.store, self.seal_key))
        return marks_of(
            conversation_id,
            messages,
            session_id=session_id,
            askers=self.askers_in(self.options),
            account=account,
            agent=self.name,
            sealer=sealer_for(seal_key, account, self.name),
        )

    def close(self) -> None:
        """Give up the shared connections."""
        self.transport.close()

    async def aclose(self) -> None:
        """Give up the shared connections, those of this event loop too."""
        await self.transport.aclose()


def collect(items: Iterator[Any]) -> Any:
    """Exhaust an iterator and return its last item."""
    last = None
    for item in items:
        last = item
    return last


async def acollect(items: AsyncIterator[Any]) -> Any:
    """Exhaust an async iterator and return its last item."""
    last = None
    async for item in items:
        last = item
    return last
