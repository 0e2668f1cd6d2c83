"""One configured remote agent: where it is, with which key, limits and memory.

Every class of this library, of either framework or none, holds one of these and nothing else that
knows about services. It has no state of a conversation.
"""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from remote_agents.errors import (
    AgentError,
    ConfigurationError,
    ConversationNotFoundError,
)
from remote_agents.flow import Flow, acollect, arun, avalue_of, collect, run, value_of
from remote_agents.http.timeouts import Timeout
from remote_agents.memory.plan import (
    Fold,
    Memory,
    Plan,
    newest_origin,
    plan_turn,
    short_digest,
)
from remote_agents.memory.sessions import Lease, Session, SessionStore, default_store, read_store
from remote_agents.services import Endpoint
from remote_agents.settings import (
    MAX_BODY_BYTES,
    MAX_EVENT_BYTES,
    SESSION_WAIT,
    check_parameters,
    read_agent_id,
    read_api_key,
    read_base_url,
    read_bound,
    read_client,
    read_function,
    read_headers,
    read_mapping,
    read_memory,
    read_retries,
    read_stops,
    warn_of_ignored,
)
from remote_agents.turns.exchange import Exchange, expand
from remote_agents.turns.rate_limit import RateLimiter
from remote_agents.types import Event, Finish, Message, Reply, Turn

if TYPE_CHECKING:
    from remote_agents.http.transport import Transport

logger = logging.getLogger(__name__)

_OURS = frozenset({"stop", "streaming"})

_NONE: dict[str, Any] = {}  # one for all agents, of which there may be many


class ConversationRestartedWarning(UserWarning):
    """The service no longer had a conversation; it was started anew with the whole history."""


class Agent:
    """A remote agent, ready to be asked.

    Args:
        endpoint: The facts of its service.
        agent_id: The agent; else `<PREFIX>_AGENT_ID`.
        api_key: A string, a `SecretStr`, or a function (sync or async) that returns a fresh token;
            else `<PREFIX>_API_KEY`.
        base_url: Root address of the service; else `<PREFIX>_BASE_URL`, else the service's own.
        timeout: Seconds for each phase, or a `Timeout`.
        max_retries: How often a request that certainly did not run is repeated (default 2).
        default_headers: Headers that go with every request.
        verify: True, False, or the path of a CA bundle.
        http_client: An `httpx.Client` of your own for sync calls; it is never closed here.
        http_async_client: An `httpx.AsyncClient` of your own for async calls.
        memory: `auto`, `server` or `client`; see `docs/memory.md`.
        session_store: Where sessions are remembered (default: in this process).
        rate_limit: For example `30/minute`, for all agents of the same account (default none).
        rate_limit_storage: A `redis://` address, when many processes share the account.
        extra_body: Fields added to the body of every turn.
        allow_http: Accept `http://` beyond loopback.
        retry_unsafe: Also repeat what may have run (default False).
        coalesce: Join deltas that arrived together (default True).
        fold: Turns messages into one text where the service takes no roles or no history.
        session_wait: Seconds a turn waits for its session (default 300).
        max_event_bytes: The largest event accepted (default 8 MiB).
        max_body_bytes: The largest body accepted (default 64 MiB).
        **parameters: The endpoint's own parameters and options.

    Raises:
        ConfigurationError: Something is missing, unknown or unusable; the message says what to do.

    Example:
        >>> from remote_agents.services import ENDPOINTS
        >>> agent = Agent(ENDPOINTS["bluenexus"], api_key="...")
        >>> agent.name
        'bluenexus:default@api.bluenexus.ai'
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        agent_id: str | None = None,
        api_key: Any = None,
        base_url: str | None = None,
        timeout: Any = None,
        max_retries: int = 2,
        default_headers: Mapping[str, str] | None = None,
        verify: Any = True,
        http_client: Any = None,
        http_async_client: Any = None,
        memory: Memory = "auto",
        session_store: SessionStore | None = None,
        rate_limit: str | None = None,
        rate_limit_storage: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        allow_http: bool = False,
        retry_unsafe: bool = False,
        coalesce: bool = True,
        fold: Fold | None = None,
        session_wait: float = SESSION_WAIT,
        max_event_bytes: int = MAX_EVENT_BYTES,
        max_body_bytes: int = MAX_BODY_BYTES,
        **parameters: Any,
    ) -> None:
        self.options = check_parameters(endpoint, parameters)
        self.agent_id = read_agent_id(endpoint, agent_id)
        self._api_key = read_api_key(endpoint, api_key)
        self.base_url = read_base_url(endpoint, base_url, self.options, allow_http)
        if endpoint.for_agent is not None:
            endpoint = endpoint.for_agent(endpoint, self.agent_id, self.options)
        self.endpoint = endpoint
        self.timeout = Timeout.of(timeout)
        self.max_retries = read_retries(max_retries)
        self.retry_unsafe = retry_unsafe
        self.memory = read_memory(memory)
        self.session_store = read_store(session_store)
        self.extra_body: Mapping[str, Any] = (
            read_mapping("extra_body", extra_body) if extra_body else _NONE
        )
        self.coalesce = coalesce
        self.fold = read_function("fold", fold)
        self.session_wait = session_wait
        self.max_event_bytes = read_bound("max_event_bytes", max_event_bytes)
        self.max_body_bytes = read_bound("max_body_bytes", max_body_bytes)
        self.default_headers = read_headers(default_headers) if default_headers else _NONE
        self.verify = verify
        self.http_client = read_client("http_client", http_client)
        self.http_async_client = read_client("http_async_client", http_async_client, awaited=True)
        self.limiter = (
            RateLimiter(rate_limit, self._account, rate_limit_storage) if rate_limit else None
        )
        warn_of_ignored(endpoint, parameters)

    def __repr__(self) -> str:
        return f"Agent({self.name!r})"

    @cached_property
    def name(self) -> str:
        """Tells agents apart in histories and stores: `provider:agent_id@host`."""
        return f"{self.endpoint.name}:{self.agent_id}@{urlsplit(self.base_url).netloc}"

    @cached_property
    def transport(self) -> Transport:
        """What sends its requests; the HTTP libraries are imported when there is one."""
        from remote_agents.http.transport import Transport

        return Transport(
            self.base_url,
            auth_scheme=self.endpoint.auth_scheme,
            headers=self.default_headers,
            timeout=self.timeout,
            verify=self.verify,
            client=self.http_client,
            async_client=self.http_async_client,
        )

    # --- keys --------------------------------------------------------------------------------

    @property
    def key_is_callable(self) -> bool:
        """Whether the key is a function that gives a fresh token."""
        return callable(self._api_key)

    @property
    def key(self) -> str:
        """The key itself, when it is not a function."""
        return str(self._api_key.get_secret_value())

    @property
    def secret(self) -> Any:
        """The key as a `SecretStr`, when it is not a function."""
        return self._api_key

    def fresh_key(self) -> Any:
        """Ask the function for a token."""
        return self._api_key()

    @cached_property
    def _account(self) -> str:
        """Tells accounts apart without holding the key."""
        secret = repr(id(self._api_key)) if self.key_is_callable else self.key
        digest = hashlib.blake2s(secret.encode(), digest_size=8).hexdigest()
        return f"{self.endpoint.name}@{urlsplit(self.base_url).netloc}/{digest}"

    @cached_property
    def context(self) -> dict[str, str]:
        """What error messages name."""
        return {
            "endpoint": self.endpoint.name,
            "title": self.endpoint.title,
            "agent_id": self.agent_id,
            "env": f" ({self.endpoint.env}_API_KEY)",
        }

    # --- turns -------------------------------------------------------------------------------

    def stream(self, messages: Sequence[Message], **call: Any) -> Iterator[Event]:
        """Ask, and iterate the events of the answer; arguments as for `turn`."""
        return run(self.turn(messages, stream=True, **call), self.transport)

    def astream(self, messages: Sequence[Message], **call: Any) -> AsyncIterator[Event]:
        """The same as `stream`, with asyncio."""
        return arun(self.turn(messages, stream=True, **call), self.transport)

    def ask(self, messages: Sequence[Message], **call: Any) -> Reply:
        """Ask, and wait for the whole answer; arguments as for `turn`."""
        finish: Finish = collect(run(self.turn(messages, stream=False, **call), self.transport))
        return finish.reply

    async def aask(self, messages: Sequence[Message], **call: Any) -> Reply:
        """The same as `ask`, with asyncio."""
        events = arun(self.turn(messages, stream=False, **call), self.transport)
        finish: Finish = await acollect(events)
        return finish.reply

    def call(self, flow: Flow[Any]) -> Any:
        """Run a flow that gives one value."""
        return value_of(expand(flow, Exchange(self)), self.transport)

    async def acall(self, flow: Flow[Any]) -> Any:
        """The same as `call`, with asyncio."""
        return await avalue_of(expand(flow, Exchange(self)), self.transport)

    def iterate(self, flow: Flow[Any]) -> Iterator[Any]:
        """Run a flow that emits items."""
        return run(expand(flow, Exchange(self)), self.transport)

    def aiterate(self, flow: Flow[Any]) -> AsyncIterator[Any]:
        """The same as `iterate`, with asyncio."""
        return arun(expand(flow, Exchange(self)), self.transport)

    def turn(
        self,
        messages: Sequence[Message],
        *,
        stream: bool,
        conversation_id: str | None = None,
        session_id: str | None = None,
        memory: Memory | None = None,
        **parameters: Any,
    ) -> Flow[None]:
        """One turn as a flow that emits its events, the last of them `Finish`.

        Args:
            messages: The whole prompt: system messages, history, the new message.
            stream: Whether the answer is asked for piece by piece.
            conversation_id: A conversation of the service to continue.
            session_id: Your own key for the dialogue; its conversation is remembered.
            memory: Overrides the agent's mode for this turn.
            **parameters: The endpoint's parameters, for this turn.

        Raises:
            AgentError: See `remote_agents.errors`.
        """
        options = {**self.options, **check_parameters(self.endpoint, parameters)}
        mode = read_memory(memory) if memory else self.memory
        conversation_id = conversation_id or None
        plan = partial(
            plan_turn,
            messages,
            endpoint=self.endpoint,
            agent=self.name,
            memory=mode,
            conversation_id=conversation_id,
            fold=self.fold,
        )
        kept = mode != "client" and self.endpoint.keeps != "none"
        lease = self._lease(messages, conversation_id, session_id) if kept else None
        if lease is None:
            return self._run(plan(), options, stream)
        return self._in_session(lease, plan, options, stream)

    def _lease(
        self, messages: Sequence[Message], conversation_id: str | None, session_id: str | None
    ) -> Lease | None:
        """What takes turns: the caller's session, else the conversation that is continued."""
        if session_id is not None and conversation_id is None:
            owner = short_digest(str(session_id))
            return Lease(self.store, self.key_of(session_id), self.session_wait, owner=owner)
        if conversation_id is None:
            origin = newest_origin(messages, self.name)[1]
            if origin is None:
                return None
            conversation_id = origin.conversation_id
        key = f"{self._namespace}{self.name}#{conversation_id}"
        return Lease(self.store, key, self.session_wait, follows=conversation_id)

    def key_of(self, session_id: str) -> str:
        """The store's key of a session: it names the agent, so that agents never share one.

        Raises:
            ConfigurationError: The name is empty, so that all who forgot theirs would share one.
        """
        if session_id == "":
            raise ConfigurationError("session_id is empty; pass None for no session.")
        return f"{self._namespace}{self.name}/{session_id}"

    @property
    def _namespace(self) -> str:
        # The default store serves every account of this process; a user's own store serves his.
        return "" if self.session_store is not None else f"{self._account}|"

    @property
    def store(self) -> SessionStore:
        """Where sessions are remembered."""
        return self.session_store or default_store()

    def _in_session(
        self,
        lease: Lease,
        plan: Callable[..., Plan],
        options: Mapping[str, Any],
        stream: bool,
    ) -> Flow[None]:
        """A turn that waits for its session, and leaves in it where the conversation stands."""
        session = yield from lease.acquire()
        known = session if lease.owner or session.conversation_id else None
        yield from self._run(plan(session=known, owner=lease.owner), options, stream, lease)

    def _run(
        self, plan: Plan, options: Mapping[str, Any], stream: bool, lease: Lease | None = None
    ) -> Flow[None]:
        """Send a plan; start anew where the service has lost the conversation."""
        try:
            yield from self._send(plan, options, stream, lease)
            return
        except AgentError as error:
            if plan.conversation_id is None or not self.endpoint.is_lost(error):
                raise
            error.conversation_id = lost = plan.conversation_id
            restart = plan.restart()
            if restart is None:
                raise self._not_found(error, lost) from error
        warnings.warn(
            f"{self.endpoint.title} no longer has conversation {lost}; a new one was started with "
            "the whole history.",
            ConversationRestartedWarning,
            stacklevel=2,
        )
        yield from self._send(restart, options, stream, lease)

    def _not_found(self, error: AgentError, conversation_id: str) -> ConversationNotFoundError:
        return ConversationNotFoundError(
            f"{self.endpoint.title} no longer has conversation {conversation_id}, and its "
            "earlier turns are not at hand to start it anew. Pass the whole history, or forget "
            "the session.",
            endpoint=self.endpoint.name,
            conversation_id=conversation_id,
            request_id=error.request_id,
        )

    def _send(
        self, plan: Plan, options: Mapping[str, Any], stream: bool, lease: Lease | None
    ) -> Flow[None]:
        stop = read_stops(options.get("stop"))
        native = "stop" in self.endpoint.parameters
        sent = {k: v for k, v in options.items() if v is not None and k not in _OURS}
        if stop and native:
            sent["stop"] = list(stop)
        turn = Turn(self.agent_id, plan.messages, stream, plan.conversation_id, plan.keep, sent)
        exchange = Exchange(self, stop=() if native else stop, plan=plan, lease=lease)
        reply = yield from expand(self.endpoint.turn(turn), exchange)
        if plan.keep and reply.conversation_id is None:
            logger.warning(
                "%s was asked to keep the conversation and did not; it knows only what is sent.",
                self.endpoint.title,
            )

    def new_reply(self, plan: Plan | None = None) -> Reply:
        """An empty reply of this agent."""
        reply = Reply(self.endpoint.name, self.name)
        if plan is not None:
            reply.conversation_id = plan.conversation_id
            reply.turn, reply.seen, reply.session = plan.turn, plan.sent, plan.owner
        return reply

    # --- sessions ----------------------------------------------------------------------------

    def session(self, session_id: str) -> Session | None:
        """Conversation id, turns and last use of a session; None if it is not known."""
        return self.store.get(self.key_of(session_id))

    def forget(self, session_id: str) -> bool:
        """Forget a session, so that its next turn starts a new conversation."""
        return self.store.delete(self.key_of(session_id))

    def close(self) -> None:
        """Give up the shared connections."""
        self.transport.close()

    async def aclose(self) -> None:
        """Give up the shared connections, those of this event loop too."""
        await self.transport.aclose()
