"""What an agent was configured with: all that a turn reads, and nothing that acts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from remote_agents.errors import ConfigurationError
from remote_agents.http.timeouts import Timeout
from remote_agents.memory.plan import Fold, Memory, Plan
from remote_agents.memory.sessions import SessionStore, default_store, read_store
from remote_agents.service import Endpoint
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
    warn_of_ignored,
)
from remote_agents.turns.rate_limit import RateLimiter
from remote_agents.types import Reply

_NONE: dict[str, Any] = {}  # one for all agents, of which there may be many


class Terms:
    """The settings of one agent, checked and completed; `Agent` asks on them.

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
        self.root: str | None = None  # where a service has several, the one that was found
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
            RateLimiter(rate_limit, self.account, rate_limit_storage) if rate_limit else None
        )
        warn_of_ignored(endpoint, parameters)

    @cached_property
    def name(self) -> str:
        """Tells agents apart in histories and stores: `provider:agent_id@host`."""
        return f"{self.endpoint.name}:{self.agent_id}@{urlsplit(self.base_url).netloc}"

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
    def account(self) -> str:
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

    def key_of(self, session_id: str) -> str:
        """The store's key of a session: it names the agent, so that agents never share one.

        Raises:
            ConfigurationError: The name is empty, so that all who forgot theirs would share one.
        """
        if session_id == "":
            raise ConfigurationError("session_id is empty; pass None for no session.")
        return f"{self.namespace}{self.name}/{session_id}"

    @property
    def namespace(self) -> str:
        """What its keys in a store begin with."""
        # The default store serves every account of this process; a user's own store serves his.
        return "" if self.session_store is not None else f"{self.account}|"

    @property
    def store(self) -> SessionStore:
        """Where sessions are remembered."""
        return self.session_store or default_store()

    def new_reply(self, plan: Plan | None = None) -> Reply:
        """An empty reply of this agent."""
        reply = Reply(self.endpoint.name, self.name)
        if plan is not None:
            reply.conversation_id = plan.conversation_id
            reply.turn, reply.seen, reply.session = plan.turn, plan.sent, plan.owner
        return reply
