"""Session stores: what is remembered of a dialogue, and which turn of it is under way.

A store never holds message text.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from remote_agents import process
from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonObject
from remote_agents.memory.dialogue import is_absent
from remote_agents.memory.history_matching import LATEST, Conversation
from remote_agents.memory.store import SessionStore
from remote_agents.seconds import read_seconds

T = TypeVar("T")


class Session(Sequence[Conversation]):
    """What is remembered of a dialogue: its conversations, the latest used first.

    Example:
        >>> session = Session([Conversation("c2", turns=1), Conversation("c1", turns=3)])
        >>> session.conversation_id, [conversation.turns for conversation in session]
        ('c2', [1, 3])
    """

    def __init__(self, conversations: Sequence[Conversation]) -> None:
        self._conversations = list(conversations)

    def __len__(self) -> int:
        return len(self._conversations)

    def __getitem__(self, index: Any) -> Any:
        return self._conversations[index]

    def __repr__(self) -> str:
        return f"Session({[each.conversation_id for each in self]})"

    @property
    def conversation_id(self) -> str:
        """The service's id of the latest one."""
        return self._conversations[0].conversation_id

    @property
    def turns(self) -> int:
        """How many turns the latest one has had."""
        return self._conversations[0].turns

    @property
    def last_used(self) -> float:
        """When the latest one was used, in seconds since the epoch."""
        return self._conversations[0].last_used


@dataclass(slots=True)
class _Held:
    conversation: Conversation
    holder: str | None = None
    alone: bool = False
    begun: float | None = None

    def shown(self) -> Conversation:
        """The conversation as it stands, with the turn that is under way."""
        if self.begun is None:
            return self.conversation
        return replace(self.conversation, busy_since=self.begun, last_used=self.begun)


class InMemorySessionStore(SessionStore):
    """Sessions of this process.

    Args:
        max_size: How many are kept; the least recently used one goes first (default 100,000).
        ttl: Seconds after its last turn at which a session is forgotten (default never).

    Raises:
        ConfigurationError: `max_size` is no whole number above 0, or `ttl` no number of seconds.

    Example:
        >>> store = InMemorySessionStore(max_size=10_000, ttl=24 * 3600)
    """

    def __init__(self, max_size: int = 100_000, ttl: float | None = None) -> None:
        super().__init__()
        if isinstance(max_size, bool) or not isinstance(max_size, int) or max_size < 1:
            raise ConfigurationError("max_size must be a whole number, at least 1.")
        self.max_size = max_size
        self.ttl = None if ttl is None else read_seconds("ttl", ttl)
        self._dialogues: OrderedDict[str, list[_Held]] = OrderedDict()  # each the latest first
        self._lock = threading.RLock()
        self._pid = process.pid

    def __getstate__(self) -> JsonObject:
        with self._here():
            known = {dialogue: self.read(dialogue) for dialogue in list(self._dialogues)}
        return {"max_size": self.max_size, "ttl": self.ttl, "known": known}

    def __setstate__(self, state: JsonObject) -> None:
        InMemorySessionStore.__init__(self, state["max_size"], state["ttl"])
        self._settle(state["known"])

    def _settle(self, known: Mapping[str, Sequence[Conversation]]) -> None:
        """Keep what is known, of which no turn is under way in this process."""
        for dialogue, conversations in known.items():
            settled = [replace(e, busy_since=None) for e in conversations if e.conversation_id]
            if settled:
                self._dialogues[dialogue] = [_Held(each) for each in settled]
            else:
                self._dialogues.pop(dialogue, None)

    def _here(self) -> threading.RLock:
        """The lock of this process: after a fork, the parent's threads hold nothing here."""
        if self._pid != process.pid:
            lock = threading.RLock()
            with lock:
                self._lock, self._pid = lock, process.pid
                self._settle(self.__getstate__()["known"])
        return self._lock

    def read(self, dialogue: str) -> list[Conversation]:
        """What is known of a dialogue, unless it is too old."""
        with self._here():
            held = self._dialogues.get(dialogue, [])
            if held and self.ttl is not None:
                before = time.time() - self.ttl
                held[:] = [e for e in held if e.holder or e.conversation.last_used >= before]
                if not held:
                    del self._dialogues[dialogue]
            return [each.shown() for each in held]

    def begin(
        self,
        dialogue: str,
        holder: str,
        conversation: Conversation | None,
        *,
        alone: bool = False,
        known: Sequence[Conversation] | None = None,
    ) -> bool:
        """Take a conversation that nobody has, and that is as it was read."""
        now = time.time()
        with self._here():
            held = self._dialogues.setdefault(dialogue, [])
            name = conversation.conversation_id if conversation else ""
            for other in [e for e in held if e.conversation.conversation_id == name]:
                if conversation is None:
                    if alone and other.alone:
                        return False
                elif other.holder or other.conversation.count > conversation.count:
                    return False
                else:
                    held.remove(other)
            taken = conversation or Conversation("", created=now)
            held.insert(0, _Held(taken, holder, alone and conversation is None, now))
            self._dialogues.move_to_end(dialogue)
            self._make_room()
        return True

    def _make_room(self) -> None:
        while len(self._dialogues) > self.max_size:
            oldest = next(iter(self._dialogues))
            del self._dialogues[oldest]

    def finish(self, dialogue: str, holder: str, conversation: Conversation | None) -> bool:
        """Save how it stands, unless it was forgotten meanwhile."""
        with self._here():
            held = self._dialogues.get(dialogue, [])
            mine = next((each for each in held if each.holder == holder), None)
            if mine is None:
                return False
            held.remove(mine)
            if conversation is None and mine.conversation.conversation_id:
                conversation = replace(mine.shown(), busy_since=None)
            if conversation is not None:
                name = conversation.conversation_id
                held[:] = [e for e in held if e.conversation.conversation_id != name]
                held.insert(0, _Held(conversation))
                held[:] = kept(held, _Held.shown)
            if not held:
                del self._dialogues[dialogue]
        return True

    def delete(self, dialogue: str) -> list[str]:
        """Forget a dialogue."""
        with self._here():
            held = self._dialogues.pop(dialogue, [])
        return [e.conversation.conversation_id for e in held if e.conversation.conversation_id]

    def purge(self, older_than: float) -> int:
        """Forget every conversation not used for `older_than` seconds."""
        before, gone = time.time() - older_than, 0
        with self._here():
            for dialogue, held in list(self._dialogues.items()):
                left = [e for e in held if e.holder or e.conversation.last_used > before]
                gone += len(held) - len(left)
                self._dialogues[dialogue] = left
                if not left:
                    del self._dialogues[dialogue]
        return gone


def kept(held: Sequence[T], conversation_of: Callable[[T], Conversation]) -> list[T]:
    """Those that a dialogue keeps: the latest ones that were continued, and that were not.

    Args:
        held: All, the latest first.
        conversation_of: The conversation of one of them; one that is under way is always kept.
    """
    room = {True: LATEST, False: LATEST}
    left = []
    for each in held:
        conversation = conversation_of(each)
        continued = conversation.turns > 1
        room[continued] -= conversation.busy_since is None
        if room[continued] >= 0 or conversation.busy_since is not None:
            left.append(each)
    return left


DEFAULT_STORE = InMemorySessionStore()
"""The store of all agents that were given none."""


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


def leave_session() -> None:
    """Have no session in this context any more, whatever `with session(...)` is around."""
    _session.set(None)


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
    token = _session.set(None if is_absent(session_id) else session_id)
    try:
        yield
    finally:
        _session.reset(token)
