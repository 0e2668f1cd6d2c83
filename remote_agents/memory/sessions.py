"""Sessions: what is remembered of a dialogue, whose turn it is, and for how long.

A `SessionStore` maps a session to a conversation and its last turn; it never holds message text.
"""

from __future__ import annotations

import logging
import os
import random
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from remote_agents.errors import ConfigurationError, ConversationError
from remote_agents.flow import Defer, Do, Flow, Sleep, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from remote_agents.types import Reply

logger = logging.getLogger(__name__)

SEEN_LIMIT = 64


@dataclass(frozen=True, slots=True)
class Session:
    """What is remembered of a session; never its text.

    Args:
        conversation_id: The service's id.
        last_reply: Id of the last reply, to notice an edited history.
        turns: Finished turns of the conversation; None where it had begun elsewhere.
        seen: Digests of the newest system messages that the conversation holds.
        created: Seconds since the epoch.
        last_used: Seconds since the epoch.
    """

    conversation_id: str | None = None
    last_reply: str | None = None
    turns: int | None = 0
    seen: tuple[str, ...] = ()
    created: float = field(default_factory=time.time)
    last_used: float = field(default_factory=time.time)

    def after(self, reply: Reply, seen: tuple[str, ...]) -> Session:
        """The session after one more turn, whose conversation holds these system messages."""
        return replace(
            self,
            conversation_id=reply.conversation_id,
            last_reply=reply.reply_id,
            turns=reply.turn,
            seen=seen[-SEEN_LIMIT:],
            last_used=time.time(),
        )


class Turnstile:
    """Lets one at a time through for each key, first come first served.

    Threads and asyncio tasks wait on the same futures, so both may share a model.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a garbage collection inside may end another turn
        self._queues: dict[str, deque[Future[None]]] = {}
        self._pid = os.getpid()

    def __reduce__(self) -> tuple[type[Turnstile], tuple[()]]:
        return Turnstile, ()

    def enter(self, key: str) -> Future[None]:
        """A place in the queue; it is done when it is your turn, which may be at once."""
        if self._pid != os.getpid():
            self.__init__()  # type: ignore[misc] # a fork: those who wait here are elsewhere
        place: Future[None] = Future()
        with self._lock:
            queue = self._queues.setdefault(key, deque())
            queue.append(place)
            if len(queue) == 1:
                place.set_result(None)
        return place

    def leave(self, key: str, place: Future[None]) -> None:
        """End your turn, or stop waiting for it."""
        with self._lock:
            queue = self._queues.get(key)
            if queue is None or place not in queue:
                return
            queue.remove(place)
            if not queue:
                del self._queues[key]
            elif not queue[0].done():
                queue[0].set_result(None)


class SessionStore(ABC):
    """Remembers, for a key, the session's conversation and last turn, and who holds it.

    A store that processes share must make `acquire` and `release` atomic, and free what a dead
    process held after a while. `blocks` says that its calls are to be kept off an event loop.
    """

    blocks = False

    def __init__(self) -> None:
        self.turnstile = Turnstile()

    def __deepcopy__(self, memo: Any) -> SessionStore:
        return self  # copies of a model share their sessions

    @abstractmethod
    def acquire(self, key: str, holder: str) -> Session | None:
        """Take the session, an empty one if it is new; None if another holder has it."""

    @abstractmethod
    def release(self, key: str, holder: str, session: Session | None) -> bool:
        """Give it back, saving `session` if given; False, saving nothing, if it is not held."""

    @abstractmethod
    def get(self, key: str) -> Session | None:
        """The session after its last turn, or None."""

    @abstractmethod
    def delete(self, key: str) -> bool:
        """Forget it; whether there was one. A turn that runs does not bring it back."""

    @abstractmethod
    def purge(self, older_than: float) -> int:
        """Forget every session not used for `older_than` seconds; how many there were."""


class InMemorySessionStore(SessionStore):
    """Sessions of this process.

    Args:
        max_size: How many are kept; the least recently used one goes first (default 100,000).
        ttl: Seconds after its last turn at which a session is forgotten (default never).

    Raises:
        ConfigurationError: `max_size` is less than 1.

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
        self._holders: dict[str, str] = {}
        self._lock = threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            sessions = self._sessions.copy()
        return {"max_size": self.max_size, "ttl": self.ttl, "sessions": sessions}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["max_size"], state["ttl"])  # type: ignore[misc]
        self._sessions = state["sessions"]

    def acquire(self, key: str, holder: str) -> Session | None:
        """The session; the turnstile has made sure that nobody else holds it."""
        with self._lock:
            self._holders[key] = holder
            return self.get(key) or Session()

    def release(self, key: str, holder: str, session: Session | None) -> bool:
        """Save the session, unless it was forgotten meanwhile."""
        with self._lock:
            if self._holders.get(key) != holder:
                return False
            del self._holders[key]
            if session is not None:
                self._sessions[key] = session
                self._sessions.move_to_end(key)
                if len(self._sessions) > self.max_size:
                    self._sessions.popitem(last=False)
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
            self._holders.pop(key, None)
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


class Lease:
    """A session held for one turn: first in this process, then in the store.

    Whatever ends the turn, the session is given back.

    Args:
        store: Where the session is remembered.
        key: Its key there.
        wait: Seconds to wait for it at most.
        owner: Digest of the session's name.
        follows: Where no session was named: the conversation that is continued.
    """

    def __init__(
        self,
        store: SessionStore,
        key: str,
        wait: float,
        *,
        owner: str | None = None,
        follows: str | None = None,
    ) -> None:
        self.owner = owner
        self._store = store
        self._key = key
        self._wait = wait
        self._follows = follows
        self._holder = uuid.uuid4().hex
        self._place: Future[None] | None = None
        self._asked = False
        self._session: Session | None = None
        self._saved: Session | None = None
        self._reply: Reply | None = None
        self._over = False
        # A cancelled task may end its turn while a thread still takes the session for it.
        self._guard = threading.RLock()

    def __del__(self) -> None:
        # The last resort, for an async generator that outlived its event loop.
        self._release()

    def acquire(self) -> Flow[Session]:
        """Wait for the session.

        Raises:
            ConversationError: It took too long.
        """
        deadline = time.monotonic() + self._wait
        yield Defer(self._release, self._store.blocks)
        self._place = self._store.turnstile.enter(self._key)
        if not self._place.done() and not (yield Wait(self._place, self._wait)):
            raise self._busy()
        while (session := (yield Do(self._take, self._store.blocks))) is None:
            if time.monotonic() > deadline:
                raise self._busy()
            yield Sleep(random.uniform(0.02, 0.05))
        return session  # type: ignore[no-any-return]

    def _take(self) -> Session | None:
        with self._guard:
            if not self._over:
                self._asked = True
                self._session = self._store.acquire(self._key, self._holder)
            return self._session

    def _busy(self) -> ConversationError:
        return ConversationError(
            f"Another turn of this session has been running for {self._wait:g} s; nothing was "
            "sent. Wait for it, or raise session_wait.",
            conversation_id=self._follows,
        )

    def settle(self, reply: Reply, seen: tuple[str, ...]) -> Flow[None]:
        """Note where the conversation stands, and give the session back.

        The caller sees the end of the answer after that, so its next turn may follow at once.
        """
        followed = self.owner is not None or reply.conversation_id == self._follows
        if self._session is not None and reply.conversation_id and followed:
            self._saved = self._session.after(reply, seen)
        yield Do(self._release, self._store.blocks)

    def began(self, reply: Reply) -> None:
        """An answer begins: should it break off, a new session still knows its conversation."""
        self._reply = reply

    def _release(self) -> None:
        with self._guard:
            if self._over:
                return
            self._over = True
            try:
                if self._asked:
                    self._give_back()
            finally:
                if self._place is not None:
                    self._store.turnstile.leave(self._key, self._place)

    def _give_back(self) -> None:
        if self._saved is None and self.owner is not None:
            self._saved = self._begun()
        if not self._store.release(self._key, self._holder, self._saved) and self._saved:
            logger.warning(
                "A session was forgotten, or taken over after its lease, while its turn ran; "
                "the turn is not recorded."
            )

    def _begun(self) -> Session | None:
        """A new session whose first turn broke off, with the conversation that it had begun."""
        session, reply = self._session, self._reply
        if session is None or session.conversation_id or reply is None:
            return None
        if not reply.conversation_id:
            return None
        return replace(session, conversation_id=reply.conversation_id, last_used=time.time())


def read_store(value: SessionStore | None) -> SessionStore | None:
    """A store of the caller's own.

    Raises:
        ConfigurationError: It is something else.
    """
    if value is not None and not isinstance(value, SessionStore):
        raise ConfigurationError(
            "session_store is a SessionStore (InMemorySessionStore, SQLSessionStore), "
            f"not {type(value).__name__}."
        )
    return value


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
