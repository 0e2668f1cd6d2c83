"""What an agent was configured with: all that a turn reads, and nothing that acts."""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from typing_extensions import Self

from remote_agents.arguments.connection import (
    check_head,
    environment_of,
    read_agent_id,
    read_api_key,
    read_base_url,
    read_model,
)
from remote_agents.arguments.parameters import (
    check_parameters,
    warn_of_ignored,
)
from remote_agents.arguments.values import (
    read_bound,
    read_call_headers,
    read_client,
    read_function,
    read_headers,
    read_mapping,
    read_memory,
    read_names,
    read_retries,
    read_secret,
    read_unknown_frames,
    read_verify,
)
from remote_agents.callers import warn
from remote_agents.concealed import revealed
from remote_agents.errors import ConfigurationError
from remote_agents.flow import Flow, Request
from remote_agents.http.timeouts import Timeout
from remote_agents.json_types import Arguments, JsonMapping, JsonObject
from remote_agents.memory.accounts import (
    AwaitedAccount,
    account_named,
    account_of_function,
    account_of_key,
    seal_key,
)
from remote_agents.memory.dialogue import NAMES, dialogue_of, find_dialogue_name, required
from remote_agents.memory.sessions import DEFAULT_STORE, read_store
from remote_agents.memory.store import SessionStore
from remote_agents.seconds import read_seconds
from remote_agents.service import Endpoint
from remote_agents.settings import DEFAULTS, NAMES_SECRET, Memory, hide_secrets, signature
from remote_agents.turns.learned import Learned
from remote_agents.turns.rate_limit import RateLimiter
from remote_agents.types import Fold, Message, Reply, Turn
from remote_agents.wire.failures import Context
from remote_agents.wire.json import merge

if TYPE_CHECKING:
    from pydantic import SecretStr

_NONE: JsonObject = {}  # one for all agents, of which there may be many


class Terms:
    """The settings of one agent, checked and completed; `Agent` asks on them.

    Args:
        endpoint: The facts of its service.
        environment: What the environment's variables say; by default, what they say now.
        **settings: The arguments of `remote_agents.settings.Settings`, and the service's own.

    Raises:
        ConfigurationError: Something is missing, unknown or unusable; the message says what to do.
    """

    # Here, as the dictionary of an object with more than thirty names of its own takes three times
    # as much memory, and there may be many agents.
    call_headers: Mapping[str, str] = _NONE
    trace_headers: Mapping[str, str] = _NONE
    on_reply: Callable[[Reply], None] | None = None

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        environment: Mapping[str, str] | None = None,
        **settings: object,
    ) -> None:
        settings = hide_secrets(settings)
        self.learned = Learned()
        found = environment_of(endpoint) if environment is None else environment
        try:
            self._read(endpoint, settings, found)
        except ConfigurationError as error:
            error.endpoint = error.endpoint or endpoint.name
            raise error.with_traceback(None) from error.__cause__  # one short traceback, from here

    def _read(
        self, endpoint: Endpoint, settings: Arguments, environment: Mapping[str, str]
    ) -> None:
        accepted = endpoint.accepted
        own = [name for name in settings if name not in DEFAULTS or name in accepted]
        parameters = {name: settings.pop(name) for name in own}
        given = {**DEFAULTS, **settings}
        given["agent_id"] = read_model(endpoint, given["agent_id"], given["model"])
        self.options = check_parameters(endpoint, parameters)
        self.agent_id = read_agent_id(endpoint, given["agent_id"], environment)
        self.secret: Any = read_api_key(endpoint, given["api_key"])
        self.base_url = read_base_url(
            endpoint, given["base_url"], self.options, given["allow_http"], environment
        )
        if endpoint.for_agent is not None:
            endpoint = endpoint.for_agent(endpoint, self.agent_id, self.options)
        self.endpoint = endpoint
        check_head(endpoint, self.base_url, _first_path(endpoint.turn, self.agent_id))
        self._read_turn(given)
        self._read_memory(given)
        self._read_transport(given)
        self.limiter = self._limiter(given["rate_limit"], given["rate_limit_storage"])
        warn_of_ignored(endpoint, parameters)

    def _read_turn(self, given: JsonMapping) -> None:
        self.timeout = Timeout.of(given["timeout"])
        self.max_retries = read_retries(given["max_retries"])
        self.retry_unsafe: bool = given["retry_unsafe"]
        self.coalesce: bool = given["coalesce"]
        self.unknown_frames = read_unknown_frames(given["unknown_frames"])
        self.max_event_bytes = read_bound("max_event_bytes", given["max_event_bytes"])
        self.max_body_bytes = read_bound("max_body_bytes", given["max_body_bytes"])
        extra = given["extra_body"]
        self.extra_body: JsonMapping = read_mapping("extra_body", extra) if extra else _NONE

    def _read_memory(self, given: JsonMapping) -> None:
        self.memory: Memory = read_memory(given["memory"])
        self.session_store = read_store(given["session_store"])
        self.session_wait = read_seconds("session_wait", given["session_wait"])
        self.fold: Fold | None = read_function("fold", given["fold"])
        self.dialogue_keys = read_names("dialogue_keys", given["dialogue_keys"])
        self._account = given["account"]
        self._account_secret = read_secret("account_secret", given["account_secret"])

    def _read_transport(self, given: JsonMapping) -> None:
        headers = given["default_headers"]
        self.default_headers = read_headers(headers) if headers else _NONE
        self.verify = read_verify(given["verify"])
        self.http_client = read_client("http_client", given["http_client"])
        self.http_async_client = read_client(
            "http_async_client", given["http_async_client"], awaited=True
        )

    def _limiter(self, limit: str | None, storage: str | None) -> RateLimiter | None:
        if limit and storage and self.key_is_callable and not self.names_account:
            warn(
                "rate_limit_storage is shared and api_key a function: all that is asked there "
                "counts as one account. Pass account=, a text or a function, to count each apart.",
            )
        return RateLimiter(limit, storage) if limit else None

    def for_call(self, call: Arguments) -> Self:
        """These terms as one call changes them; what does so is taken out of its arguments.

        Raises:
            ConfigurationError: `headers`, `timeout` or `extra_body` cannot be used.
        """
        if _CHANGING.isdisjoint(call):
            return self
        headers = [call.pop(name, None) for name in ("extra_headers", "headers")]
        timeout, body = call.pop("timeout", None), call.pop("extra_body", None)
        terms = copy.copy(self)
        for each in filter(None, headers):
            read = read_call_headers(revealed(each), self.endpoint.says_who)
            terms.call_headers = {**terms.call_headers, **read}
        if timeout is not None:
            terms.timeout = Timeout.of(timeout)
        if body:
            terms.extra_body = merge(self.extra_body, read_mapping("extra_body", revealed(body)))
        return terms

    def observed(self, headers: Mapping[str, str], on_reply: Callable[[Reply], None]) -> Self:
        """These terms, for one turn that is observed.

        Args:
            headers: Will hold its place in a trace, for the service, once it has begun.
            on_reply: Is shown the reply while it is empty; what becomes known is found there.
        """
        terms = copy.copy(self)
        terms.trace_headers = headers
        terms.on_reply = on_reply
        return terms

    @cached_property
    def name(self) -> str:
        """Tells agents apart in histories and stores: `provider:agent_id@host/path`."""
        place = urlsplit(self.base_url)
        return f"{self.endpoint.name}:{self.agent_id}@{place.netloc}{place.path}"

    # --- keys --------------------------------------------------------------------------------

    @property
    def key_is_callable(self) -> bool:
        """Whether it is a function's."""
        return callable(self.secret)

    @property
    def awaits_key(self) -> bool:
        """Whether it is an async function's."""
        return self.key_is_callable and inspect.iscoroutinefunction(self.secret)

    @property
    def key(self) -> str:
        """The key itself, when it is not a function."""
        return str(self.secret.get_secret_value())

    def drop_key(self, refused: SecretStr | None) -> None:
        """Tell a function that keeps its token (see `cached_key`) that it was refused."""
        if drop := getattr(self.secret, "drop", None):
            drop(refused)

    def limited_as(self, account: str) -> str:
        """Tells apart the accounts that share a rate limit."""
        shared = self.limiter is not None and self.limiter.shared
        if shared and self.key_is_callable and not self.names_account:
            account = account_of_key(None)  # other processes cannot know a function's
        digest = hashlib.blake2s(account.encode(), digest_size=8).hexdigest()
        return f"{self.endpoint.name}@{urlsplit(self.base_url).netloc}/{digest}"

    @cached_property
    def context(self) -> Context:
        """What errors are made with."""
        known = self.endpoint
        return Context(known.name, known.title, self.agent_id, known.env, known.error_codes)

    # --- memory ------------------------------------------------------------------------------

    @property
    def store(self) -> SessionStore:
        """Where sessions are remembered."""
        return self.session_store or DEFAULT_STORE

    def account(self) -> Any:
        """Whose conversations this call's are; awaitable if `account` is an async function."""
        given = self._account
        if given is None:
            if self.learned.account is None:
                self.learned.account = self._account_of_key()
            return self.learned.account
        if not callable(given):
            return account_named(given)
        found = given()
        return AwaitedAccount(found) if inspect.isawaitable(found) else account_named(found)

    @property
    def awaits_account(self) -> bool:
        """Whether only async methods can tell whose turns they are."""
        with suppress(Exception):  # a function that fails does so again where it is asked
            account = self.account()
            if isinstance(account, AwaitedAccount):
                account.close()
                return True
        return False

    @property
    def names_account(self) -> bool:
        """Whether the caller says whose turns they are."""
        return self._account is not None

    def _account_of_key(self) -> str:
        if self._static_key or not self.key_is_callable:
            return account_of_key(self._static_key)
        if self.session_store is not None:
            warn(
                "session_store is your own and api_key a function: pass account=, a text or a "
                "function, so that the conversations of each user are found again, and only his.",
            )
        function = account_of_function(self.secret)
        beside = "\n".join(self._told.values())
        return f"{function} {account_of_key(beside)}" if beside else function

    @property
    def _told(self) -> dict[str, str]:
        """What headers of the caller's own tell of who he is."""
        own = {name.lower(): value for name, value in self.default_headers.items()}
        return {name: own[name] for name in own.keys() & self.endpoint.says_who}

    @property
    def own_secrets(self) -> list[str]:
        """Keys, tokens and cookies in the caller's own headers and body, without their scheme."""
        own = _texts({**self.default_headers, **self.call_headers, "": self.extra_body})
        held = [text for name, text in own if NAMES_SECRET.search(name)]
        found = [value for text in held for value in _PAIR.findall(text) or [_bare(text)]]
        return [text for text in found if len(text) >= 8]  # shorter is a word, as in X-Auth-Mode

    @property
    def _static_key(self) -> str | None:
        """What the service knows the caller by, unless a function gives it.

        A header of the caller's own goes before ours, and one beside it counts too.
        """
        told, place = self._told, self.endpoint.key_header.lower()
        if place not in told:
            if self.key_is_callable:
                return None
            told[place] = self.key if self.secret else ""
        return "\n".join(told[name] for name in sorted(told) if told[name]) or None

    def seal_key(self) -> bytes:
        """What the marks of its replies are sealed with."""
        if self.learned.seal_key is None:
            secret = self._account_secret or self.store.secret()
            self.learned.seal_key = seal_key(secret, self._static_key)
        return self.learned.seal_key

    def askers_in(self, options: Mapping[str, Any]) -> dict[str, str]:
        """Who asks by the service's own parameters, as parts of the name of a session or thread."""
        return {n: _as_text(value) for n in self.endpoint.askers if (value := options.get(n))}

    def dialogue_keys_of(
        self, session_id: str, names: Mapping[str, str], account: str
    ) -> list[str]:
        """The store's keys of a session or thread of this name.

        Args:
            session_id: Its name.
            names: What else is part of it, for example `user_id`.
            account: Whose it is.
        """
        session, keys = required(session_id), []
        names = {**self.askers_in(self.options), **names}
        for name in NAMES:
            if name in names:  # then it is no other word for this one
                continue
            found = find_dialogue_name({name: session, **names})
            if found is not None:
                keys.append(dialogue_of(*found, account, self.name).key)
        return keys

    def new_reply(self) -> Reply:
        """An empty reply of this agent."""
        return Reply(self.endpoint.name, self.name)


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


@lru_cache(maxsize=256)  # many agents differ in their address alone
def _first_path(turn: Callable[[Turn], Flow[Reply]], agent_id: str) -> str:
    """The path of a turn's first request, below the root address; empty if no "Hi" tells it."""
    with suppress(Exception), closing(turn(Turn(agent_id, [Message("user", "Hi")]))) as flow:
        while not isinstance(request := getattr(next(flow), "request", None), Request):
            pass
        return request.path
    return ""


def _texts(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """The texts in a value of JSON, each with the names of the fields that it stands in."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{path} {name}")
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner, path)


def _bare(text: str) -> str:
    """A secret without the scheme before it."""
    return text.partition(" ")[2] or text


_PAIR = re.compile(r'(?:^|[;,\s])[\w.-]+="?([^;,"]{8,})')  # of a cookie, or a scheme's parameters
_CHANGING = frozenset({"headers", "extra_headers", "timeout", "extra_body"})


Terms.__init__.__dict__["__signature__"] = signature("self", "endpoint")  # for help(), and editors
