"""Memory: which messages are new, which conversation they belong to, and whose turn it is.

`plan_turn` is pure: messages, ids and the session in, what to send out. `docs/memory.md` draws it.
A `SessionStore` maps a session to a conversation and its last turn; it never holds message text.
"""

from __future__ import annotations

import hashlib
import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from remote_agents.errors import (
    ConfigurationError,
    ConversationForkedError,
    UnsupportedContentError,
)
from remote_agents.types import Attachment, Message, Origin, Reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from remote_agents.endpoints import Endpoint

Memory = Literal["auto", "server", "client"]
Fold = Callable[[Sequence[Message]], str]
MEMORY_MODES = ("auto", "server", "client")


@dataclass(slots=True)
class Session:
    """What is remembered of a session; never its text.

    Args:
        conversation_id: The service's id.
        last_reply: Id of the last reply, to notice an edited history.
        turns: Number of finished turns.
        seen: Digests of the system messages the conversation holds.
        created: Seconds since the epoch.
        last_used: Seconds since the epoch.
    """

    conversation_id: str | None = None
    last_reply: str | None = None
    turns: int = 0
    seen: tuple[str, ...] = ()
    created: float = field(default_factory=time.time)
    last_used: float = field(default_factory=time.time)

    def after(self, reply: Reply) -> Session:
        """The session after one more turn."""
        return replace(
            self,
            conversation_id=reply.conversation_id,
            last_reply=reply.reply_id,
            turns=reply.turn or 1,
            seen=reply.seen,
            last_used=time.time(),
        )


@dataclass(slots=True)
class Plan:
    """What one turn sends, and where.

    Args:
        messages: What is sent, in roles that the endpoint takes.
        conversation_id: The conversation it continues, if any.
        keep: Whether the service is asked to keep a new conversation.
        turn: The place of the coming reply in its conversation, if there is one.
        seen: Digests of the system messages that the conversation will hold.
        restart: The plan that starts anew with the whole history, if that loses nothing.
    """

    messages: list[Message]
    conversation_id: str | None = None
    keep: bool = False
    turn: int | None = None
    seen: tuple[str, ...] = ()
    restart: Plan | None = None


def plan_turn(
    messages: Sequence[Message],
    *,
    endpoint: Endpoint,
    agent: str,
    memory: Memory = "auto",
    conversation_id: str | None = None,
    session: Session | None = None,
    fold: Fold | None = None,
) -> Plan:
    """Decide what a turn sends.

    Args:
        messages: The whole prompt: system messages, history, the new message.
        endpoint: The facts of the service.
        agent: `provider:agent_id@host`; ids of other agents in the history are not ours.
        memory: `auto`, `server` or `client`.
        conversation_id: An id that the caller names; it is followed as it is.
        session: The caller's session, empty if it is new; None without one.
        fold: Turns messages into one text where the endpoint takes no roles or no history.

    Returns:
        The plan; with `restart` set when the whole history is at hand.

    Raises:
        UnsupportedContentError: There is nothing to send.
        ConversationForkedError: The history branches off its conversation and is not whole.

    Example:
        >>> from remote_agents.endpoints import ENDPOINTS
        >>> plan = plan_turn([Message("user", "Hi")], endpoint=ENDPOINTS["bluenexus"], agent="a")
        >>> plan.conversation_id, [m.content for m in plan.messages]
        (None, ['Hi'])
    """
    if not messages:
        raise UnsupportedContentError("There is no message to send; pass at least one.")
    fold = fold or fold_messages
    keeps = endpoint.keeps != "none" and memory != "client"
    new = _everything(messages, endpoint, fold, keep=keeps and _asked_for(memory, session))
    if not keeps:
        return replace(new, keep=False, turn=None, seen=())
    at, origin = newest_origin(messages, agent)
    known = session if session is not None and session.conversation_id else None
    target = (
        conversation_id or (known and known.conversation_id) or (origin and origin.conversation_id)
    )
    if not target:
        return new
    if not conversation_id and origin and known and _forked(origin, known):
        if not _whole(messages[: at + 1], origin.turn):
            raise ConversationForkedError(
                "The history branches off its conversation, and its earlier turns are not at hand "
                "to replay them into a new one. Pass the whole history, or forget the session.",
                conversation_id=target,
            )
        return replace(new, keep=True)
    return _continued(messages, target, at, origin, known, new, endpoint, fold)


def _asked_for(memory: Memory, session: Session | None) -> bool:
    return memory == "server" or session is not None


def _forked(origin: Origin, known: Session) -> bool:
    """Whether the history's last reply is not the conversation's last turn."""
    if origin.conversation_id != known.conversation_id:
        return True
    return known.last_reply is not None and origin.reply_id != known.last_reply


def _continued(
    messages: Sequence[Message],
    target: str,
    at: int,
    origin: Origin | None,
    known: Session | None,
    new: Plan,
    endpoint: Endpoint,
    fold: Fold,
) -> Plan:
    if origin is not None and origin.conversation_id != target:
        origin = None  # its turn count and digests are another conversation's
    border = at if at >= 0 else _last_assistant(messages)
    seen = known.seen if known is not None else origin.seen if origin is not None else ()
    turns = known.turns if known is not None else origin.turn if origin is not None else None
    tail = [*_unseen(messages[: border + 1], seen), *messages[border + 1 :]]
    if not tail:
        raise UnsupportedContentError(
            "There is no new message: the history ends with the agent's own reply."
        )
    return Plan(
        messages=_shaped(tail, endpoint, fold, continuing=True),
        conversation_id=target,
        turn=None if turns is None else turns + 1,
        seen=_digests(tail, seen),
        restart=new if _whole(messages[: border + 1], turns) else None,
    )


def _everything(messages: Sequence[Message], endpoint: Endpoint, fold: Fold, *, keep: bool) -> Plan:
    return Plan(
        messages=_shaped(messages, endpoint, fold, continuing=keep),
        keep=keep,
        turn=1 + sum(1 for m in messages if m.role == "assistant"),
        seen=_digests(messages, ()),
    )


def newest_origin(messages: Sequence[Message], agent: str) -> tuple[int, Origin | None]:
    """Index and origin of the newest message that this agent wrote; -1 if there is none."""
    for index in range(len(messages) - 1, -1, -1):
        origin = messages[index].origin
        if origin is not None and origin.agent == agent:
            return index, origin
    return -1, None


def _last_assistant(messages: Sequence[Message]) -> int:
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role == "assistant":
            return index
    return -1


def _whole(history: Sequence[Message], turns: int | None) -> bool:
    """Whether the history holds every turn of the conversation."""
    replies = sum(1 for message in history if message.role == "assistant")
    return replies >= (turns if turns is not None else 1)


def digest(message: Message) -> str:
    """A short digest of a system message, to know it again without keeping its text."""
    return hashlib.blake2s(message.content.encode("utf-8", "replace"), digest_size=6).hexdigest()


SEEN_LIMIT = 64


def _unseen(messages: Sequence[Message], seen: tuple[str, ...]) -> list[Message]:
    systems = [message for message in messages if message.role == "system"]
    return [message for message in systems if digest(message) not in seen]


def _digests(messages: Sequence[Message], seen: tuple[str, ...]) -> tuple[str, ...]:
    new = [digest(message) for message in messages if message.role == "system"]
    return tuple(dict.fromkeys([*seen, *new]))[-SEEN_LIMIT:]


# --- folding -----------------------------------------------------------------------------------


def _shaped(
    messages: Sequence[Message], endpoint: Endpoint, fold: Fold, *, continuing: bool
) -> list[Message]:
    """The messages in the roles and number that the endpoint takes; nothing is dropped."""
    if not endpoint.history or (endpoint.one_message and continuing):
        return [_one(messages, fold)]
    shaped: list[Message] = []
    waiting: list[Message] = []
    for message in messages:
        if message.role not in endpoint.roles:
            waiting.append(message)
        elif message.role == "user" and waiting:
            shaped.append(_one([*waiting, message], fold))
            waiting = []
        else:
            shaped.append(message)
    if waiting or not shaped or (endpoint.one_message and shaped[-1].role != "user"):
        shaped.append(_one(waiting or [shaped.pop()], fold))
    return shaped


def _one(messages: Sequence[Message], fold: Fold) -> Message:
    files: list[Attachment] = [file for message in messages for file in message.attachments]
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0]
    return Message("user", fold(messages), files)


def fold_messages(messages: Sequence[Message]) -> str:
    """Messages as one text, for endpoints that take no system role or no history.

    System messages come first, then the earlier dialogue, then the last user message:

        {system messages}

        Conversation so far:
        User: ...
        Assistant: ...

        {last user message}

    Args:
        messages: What is to be sent, in order.

    Returns:
        One text. Pass your own function as `fold=` to word it differently.

    Example:
        >>> print(fold_messages([Message("system", "Be brief."), Message("user", "Hi")]))
        Be brief.
        <BLANKLINE>
        Hi
    """
    systems = [m.content for m in messages if m.role == "system" and m.content]
    dialogue = [m for m in messages if m.role != "system"]
    last = dialogue.pop().content if dialogue and dialogue[-1].role == "user" else ""
    parts = systems
    if dialogue:
        lines = [f"{_SPEAKERS[m.role]}: {m.content}" for m in dialogue]
        parts = [*systems, "\n".join(["Conversation so far:", *lines])]
    return "\n\n".join([*parts, last] if last else parts)


_SPEAKERS = {"user": "User", "assistant": "Assistant", "tool": "Tool result", "system": "System"}


# --- whose turn it is --------------------------------------------------------------------------


class Turnstile:
    """Lets the turns of one key through one at a time, first come first served.

    Threads and asyncio tasks wait on the same futures, so both may share a model.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, deque[Future[None]]] = {}

    def __reduce__(self) -> tuple[type[Turnstile], tuple[()]]:
        return Turnstile, ()

    def enter(self, key: str) -> Future[None] | None:
        """None if it is your turn; else a future that is done when it is."""
        with self._lock:
            if key not in self._waiting:
                self._waiting[key] = deque()
                return None
            future: Future[None] = Future()
            self._waiting[key].append(future)
            return future

    def leave(self, key: str) -> None:
        """Your turn is over."""
        with self._lock:
            waiting = self._waiting.get(key)
            while waiting:
                future = waiting.popleft()
                if future.set_running_or_notify_cancel():
                    future.set_result(None)
                    return
            self._waiting.pop(key, None)

    def give_up(self, key: str, future: Future[None]) -> None:
        """Stop waiting; if the turn had come meanwhile, pass it on."""
        if not future.cancel():
            self.leave(key)


class SessionStore(ABC):
    """Remembers, for a key, the session's conversation and last turn, and who holds it.

    A store used by several processes must make `acquire` atomic. `blocks` says that calls take
    long enough to be kept off an event loop.
    """

    blocks = False
    lease = 180.0

    def __init__(self) -> None:
        self.turnstile = Turnstile()

    @abstractmethod
    def acquire(self, key: str, holder: str, lease: float) -> Session | None:
        """Take the session for `lease` seconds; None if another holder has it."""

    @abstractmethod
    def release(self, key: str, holder: str, session: Session | None) -> bool:
        """Give it back, saving `session` if given; False if the lease had been lost."""

    @abstractmethod
    def renew(self, key: str, holder: str, lease: float) -> bool:
        """Hold it for `lease` seconds from now; False if the lease had been lost."""

    @abstractmethod
    def get(self, key: str) -> Session | None:
        """The session as it is, or None."""

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Forget it; whether there was one."""

    @abstractmethod
    def purge(self, older_than: float) -> int:
        """Forget every session not used for `older_than` seconds; how many there were."""


class InMemorySessionStore(SessionStore):
    """Sessions of this process.

    Args:
        max_size: How many are kept; the least recently used one goes first (default 100,000).
        ttl: Seconds after its last turn at which a session is forgotten (default never).

    Example:
        >>> store = InMemorySessionStore(max_size=10_000, ttl=24 * 3600)
    """

    def __init__(self, max_size: int = 100_000, ttl: float | None = None) -> None:
        super().__init__()
        if max_size < 1:
            raise ConfigurationError("max_size must be at least 1.")
        self.max_size = max_size
        self.ttl = ttl
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, object]:
        return {"max_size": self.max_size, "ttl": self.ttl, "_sessions": self._sessions.copy()}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(state["max_size"], state["ttl"])  # type: ignore[misc]
        self._sessions = state["_sessions"]  # type: ignore[assignment]

    def acquire(self, key: str, holder: str, lease: float) -> Session | None:
        """The session; the turnstile has made sure that nobody else holds it."""
        return self.get(key) or Session()

    def release(self, key: str, holder: str, session: Session | None) -> bool:
        """Save the session."""
        if session is not None:
            with self._lock:
                self._sessions[key] = session
                self._sessions.move_to_end(key)
                while len(self._sessions) > self.max_size:
                    self._sessions.popitem(last=False)
        return True

    def renew(self, key: str, holder: str, lease: float) -> bool:
        """Nothing to do: a lease of this process does not run out."""
        return True

    def get(self, key: str) -> Session | None:
        """The session, unless it is too old."""
        with self._lock:
            session = self._sessions.get(key)
            if session and self.ttl is not None and time.time() - session.last_used > self.ttl:
                del self._sessions[key]
                return None
            return session

    def delete(self, key: str) -> bool:
        """Forget a session."""
        with self._lock:
            return self._sessions.pop(key, None) is not None

    def purge(self, older_than: float) -> int:
        """Forget every session not used for `older_than` seconds."""
        before = time.time() - older_than
        with self._lock:
            old = [key for key, s in self._sessions.items() if s.last_used <= before]
            for key in old:
                del self._sessions[key]
        return len(old)


_default_store = InMemorySessionStore()


def default_store() -> InMemorySessionStore:
    """The store of all agents that were given none."""
    return _default_store


_session: ContextVar[str | None] = ContextVar("remote_agents_session", default=None)


def current_session() -> str | None:
    """The session set by `with session(...)`, read when a turn is called."""
    return _session.get()


@contextmanager
def session(session_id: str) -> Iterator[None]:
    """Use one session for every turn called inside.

    Args:
        session_id: The caller's key for the dialogue.

    Example:
        >>> with session("u1"):
        ...     current_session()
        'u1'
    """
    token = _session.set(session_id)
    try:
        yield
    finally:
        _session.reset(token)
