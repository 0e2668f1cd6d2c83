"""What a service states about itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Literal, get_args

from remote_agents.errors import (
    AgentError,
    AgentStatusError,
    ConfigurationError,
)
from remote_agents.flow import Decode, Flow
from remote_agents.json_types import JsonMapping
from remote_agents.types import AttachmentKind, Info, Reply, Turn

Keeps = Literal["created", "asked", "handed", "chained", "none"]
PlainText = Literal["events", "body"]
AUTHORIZATION = "Authorization"
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
STANDARD = ("temperature", "max_tokens", "stop")
FOR_TOOLS = frozenset({"tools", "tool_choice"})


@dataclass(frozen=True, eq=False)  # each is a service of its own, and itself alone
class Endpoint:
    """The facts of one service; behaviour stays in its module's functions.

    Args:
        name: Our name of the endpoint, also `model_provider`.
        title: The service's name.
        document: The document that the module implements.
        env: Prefix of its environment variables.
        turn: One turn as a flow; returns the folded `Reply`.
        decode: One frame, or one whole JSON answer, into events.
        base_url: Default root address, if the service has one for all.
        default_agent_id: Used when none is given.
        agent_in_address: Whether the root address is that of one agent, and no id goes along.
        key_optional: Whether it may be asked without a key.
        auth_scheme: Word before the key in `Authorization`; with an empty one it stands alone.
        key_header: Another header in which the key goes, alone.
        keeps: How it keeps a conversation: `created` first by a call, `asked` for in the request,
            `handed` back with every reply, `chained`, where each reply has an id of its own by
            which all that was said up to it goes on, or `none`.
        roles: Roles that it takes; others are folded into user text.
        history: Whether it takes earlier messages; else they are folded into the user text.
        one_message: Whether a turn of a conversation is a single message (`history` or not).
        context: Whether it wants the history along in each turn of a conversation.
        tools: Whether it can be given tools of the caller's, and asks for them to be run.
        parameters: Names of the parameters that it honours.
        options: Names of further constructor arguments.
        addressing: Names of those of them that say where the agent is, or what it speaks; a call
            cannot.
        askers: Names of parameters that say who asks: their sessions and threads are his alone.
        call_only: Names of further arguments of a call, which no constructor takes, but for those
            of the caller's tools.
        attachments: Kinds of files that it takes.
        takes_links: Whether files given as links go as they are.
        uploads: Whether files given as bytes can be uploaded.
        textless: Types of frames that hold no text of the answer, whatever is in them.
        streams: Whether it can send an answer piece by piece.
        always_streams: Whether its answers are streams even where none was asked for.
        event_names: Whether the names of events say what their frames are: `decode` gets a frame
            that has one as `{"event": name, "data": ...}`.
        plain_text: Where the text of its streams is plain and no JSON, and `decode` gets pieces of
            it: in the data of `events`, or the whole `body` is it.
        eof_ends: Whether a stream may end without a terminal event if it never announced one.
        reasons, cites, counts: Whether answers carry reasoning, citations, token usage.
        counts_streams: Whether streamed answers carry token usage too, if others do.
        searches: What its own search, which asks no model, looks through: a `knowledge_base` that
            is named, the agent's `memories`, or nothing.
        native_json: Whether the service has `response_format`.
        throttle_wait: Seconds to wait first after a 429 that names no time.
        roots: What its paths begin with, where it has them twice; the first is tried first.
        root: The one of them that the caller chose.
        server_url: Works out the root address from the options, when it depends on them.
        for_agent: The facts for one agent, when they depend on its id or options.
        conversation_word: What its errors call a conversation.
        error_codes: Error codes of its own that say what is wrong whatever the status is, with the
            class of the error.
        refuses: Whether a whole body with HTTP 200 says that the request was not taken, before any
            work, in exactly the shape that the service's document has. Any other failure in a 200
            may be one of the agent's own tools, after others have acted.
        client: The module that defines its plain client, if it has one of its own.
        told_in_headers: What it tells of an answer in headers, if it tells anything there.
        request_id_headers: Headers of its own in which it tells the id of a request.
    """

    name: str
    title: str
    document: str
    env: str
    turn: Callable[[Turn], Flow[Reply]]
    decode: Decode
    base_url: str | None = None
    default_agent_id: str | None = None
    agent_in_address: bool = False
    key_optional: bool = False
    auth_scheme: str = "Bearer"
    key_header: str = AUTHORIZATION
    keeps: Keeps = "none"
    roles: frozenset[str] = frozenset({"system", "user", "assistant"})
    history: bool = True
    one_message: bool = False
    context: bool = False
    tools: bool = False
    parameters: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    addressing: tuple[str, ...] = ()
    askers: tuple[str, ...] = ()
    call_only: tuple[str, ...] = ()
    attachments: frozenset[AttachmentKind] = frozenset()
    takes_links: bool = True
    uploads: bool = False
    textless: frozenset[str] = frozenset()
    streams: bool = True
    always_streams: bool = False
    event_names: bool = False
    plain_text: PlainText | None = None
    eof_ends: bool = False
    reasons: bool = False
    cites: bool = False
    counts: bool = True
    counts_streams: bool = True
    searches: Literal["knowledge_base", "memories"] | None = None
    native_json: bool = False
    throttle_wait: float = 0.5
    roots: tuple[str, ...] = ()
    root: str | None = None
    server_url: Callable[[JsonMapping], str | None] | None = None
    for_agent: Callable[[Endpoint, str, JsonMapping], Endpoint] | None = None
    conversation_word: str = "conversation"
    error_codes: Mapping[str, type[AgentStatusError]] = field(default_factory=dict)
    refuses: Callable[[Any], bool] | None = None
    client: str | None = None
    told_in_headers: Callable[[Mapping[str, str]], Info] | None = None
    request_id_headers: tuple[str, ...] = ()

    @property
    def chains(self) -> bool:
        """Whether each answer has an id of its own, by which all up to it goes on."""
        return self.keeps == "chained"

    @property
    def key_begins(self) -> str:
        """What stands before the key in its header."""
        alone = not self.auth_scheme or self.key_header.lower() != AUTHORIZATION.lower()
        return "" if alone else f"{self.auth_scheme} "

    @cached_property
    def says_who(self) -> frozenset[str]:
        """The headers, in small letters, that say whose a request is."""
        return frozenset({AUTHORIZATION.lower(), self.key_header.lower()})

    def __post_init__(self) -> None:
        for name in _SEVERAL:
            if isinstance(value := getattr(self, name), str):
                raise ConfigurationError(
                    f"{self.title}: {name} has several, so write ({value!r},)."
                )
        strangers = {*self.askers} - {*self.parameters, *self.options, *self.call_only}
        if strangers:  # who asks would be told from nobody
            raise ConfigurationError(
                f"{self.title}: askers names {_listed(strangers)}, which is none of its parameters."
            )
        if self.keeps not in get_args(Keeps):
            raise ConfigurationError(
                f"{self.title}: keeps is {self.keeps!r}, and not {_listed(get_args(Keeps))}."
            )
        if not HEADER.fullmatch(self.key_header):
            raise ConfigurationError(
                f"{self.title}: key_header is {self.key_header!r}, which is no name of a header."
            )
        if self.plain_text not in (None, *get_args(PlainText)) or (
            self.plain_text == "body" and not self.eof_ends
        ):
            raise ConfigurationError(
                f"{self.title}: plain_text is 'events' or 'body', the latter with eof_ends=True."
            )
        if "user" not in self.roles:
            raise ConfigurationError(f"{self.title}: roles has no 'user', and so no question.")

    def refused(self, body: object) -> bool:
        """Whether a body with HTTP 200 says that the request was not taken."""
        return self.refuses is not None and self.refuses(body)

    def below_root(self, path: str) -> str | None:
        """What of a path stands below a root of the service; None if it is below none."""
        for root in sorted(self.roots, key=len, reverse=True):
            if path.startswith(f"{root}/"):
                return path[len(root) :]
        return None

    @cached_property
    def accepted(self) -> frozenset[str]:
        """Every parameter or option that a constructor may name."""
        return frozenset(self.parameters) | frozenset(self.options) | frozenset(STANDARD)

    @cached_property
    def taken_by_calls(self) -> frozenset[str]:
        """Every parameter or option that a call may name."""
        own = frozenset(self.call_only) | (FOR_TOOLS if self.tools else frozenset())
        return self.accepted.difference(self.addressing) | own

    def is_lost(self, error: AgentError) -> bool:
        """Whether a refusal says that the conversation is gone: it names it, and its absence.

        No service documents the status or the words, so both are read generously; but not what an
        accepted answer says ("Slack: conversation not found"): then the turn may have run.
        """
        if error.begun or not isinstance(error, AgentStatusError):
            return False
        word = self.conversation_word
        said = f"{error.code} {error.body}".lower()
        named = bool(error.conversation_id) and f"{error.conversation_id}".lower() in said
        if error.status_code in (404, 410):
            return named or word in said
        if error.status_code not in (400, 422):
            return False
        gone = _GONE.pattern
        near = re.search(f"{word}.{{0,40}}?(?:{gone})|(?:{gone}).{{0,8}}{word}", said)
        return near is not None or (named and _GONE.search(said) is not None)


_GONE = re.compile(
    r"n(?:o|')t[ _]?(?:be[ _])?(?:found|exist)|no (?:such|longer)|no_such"
    r"|invalid|expired|unknown|deleted|valid uuid"
)


_SEVERAL = [each.name for each in fields(Endpoint) if isinstance(each.default, (tuple, frozenset))]


def _listed(names: Iterable[str]) -> str:
    return " or ".join(map(repr, sorted(names)))


_registered: dict[str, Endpoint] = {}


def register(endpoint: Endpoint) -> None:
    """Make a service known by its name to whatever looks one up: commands, tables, histories."""
    _registered[endpoint.name] = endpoint


def registered() -> Mapping[str, Endpoint]:
    """The services for which a class was defined in this process."""
    return _registered
