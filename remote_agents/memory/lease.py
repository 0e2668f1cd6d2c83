"""A conversation held for one turn; whatever ends the turn, it is given back."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import threading
import time
import uuid
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeAlias

from remote_agents.errors import ConversationError
from remote_agents.flow import Defer, Do, Emit, Flow, Sleep, Wait
from remote_agents.memory.law import Conversation
from remote_agents.memory.sessions import SessionStore

logger = logging.getLogger(__name__)

Caller: TypeAlias = "tuple[int, weakref.ref[asyncio.Task[Any]] | None]"

PATIENCE = 1.0  # seconds that one waits before it is said, and looked for abandoned streams
MOMENT = 0.1  # seconds for a stream that was just left to end
COLLECT_EVERY = 60.0  # seconds at most from one collection to the next that is wanted
EASE = 10.0  # or so many times as long as it took, if that is less

_not_before = 0.0


class Lease:
    """A turn of a dialogue, from what is known of it to how it stands afterwards.

    Args:
        store: Where the dialogue is remembered.
        dialogue: Its key there.
        wait: Seconds to wait at most for the turns before.
        title: What its caller calls it.
    """

    def __init__(
        self, store: SessionStore, dialogue: str, wait: float, title: str = "this session"
    ) -> None:
        self.began = time.time()
        self.caller = _caller()
        self.store = store
        self._dialogue = dialogue
        self._wait = wait
        self._title = title
        self._said = False
        self._looked = False
        self._shown = False
        self._holder = uuid.uuid4().hex
        self._place: Future[None] | None = None
        self._taken = False
        self._over = False
        self._saved: Conversation | None = None
        self.broken: Callable[[], Conversation | None] = _nothing
        # A cancelled task may end its turn while a thread still takes a conversation for it.
        self._guard = threading.RLock()

    def __del__(self) -> None:
        # The last resort, for an async generator that outlived its event loop.
        self._release()

    def open(self) -> Flow[None]:
        """Have all given back when the turn is over."""
        yield Defer(self._release, self.store.blocks)

    def read(self) -> Flow[list[Conversation]]:
        """What is known of the dialogue, the latest used first."""
        read = partial(self.store.read, self._dialogue)
        return (yield Do(read, self.store.blocks))  # type: ignore[no-any-return]

    def take(self, conversation: Conversation | None, *, alone: bool = False) -> Flow[bool]:
        """Take a conversation, or with None a new one; False if a turn of it is under way.

        `alone` says that no other new one may be under way.
        """
        take = partial(self._take, conversation, alone)
        return (yield Do(take, self.store.blocks))  # type: ignore[no-any-return]

    def _take(self, conversation: Conversation | None, alone: bool) -> bool:
        with self._guard:
            if not self._over and not self._taken:
                self._taken = self.store.begin(
                    self._dialogue, self._holder, conversation, alone=alone
                )
                if self._taken:
                    self.store.turnstile.hold(self._dialogue, self)
            return self._taken

    # --- in order ----------------------------------------------------------------------------

    def wait(self) -> Flow[list[Conversation]]:
        """Wait until no turn of the latest conversation is under way; gives what is known then.

        Raises:
            ConversationError: It took too long, or whoever waits is whom he waits for; nothing was
                sent.
        """
        turnstile = self.store.turnstile
        self._place = place = self._place or turnstile.enter(self._dialogue)
        began, since = time.monotonic(), None
        while True:
            if place.done():
                known = yield from self.read()
                if not known or known[0].busy_since is None:
                    return known
                since = known[0].busy_since
            self._check(time.monotonic() - began, since)
            patience = MOMENT if self._looked else PATIENCE
            left = min(patience, began + self._wait - time.monotonic())
            if place.done():
                yield Sleep(random.uniform(0.02, 0.05))
            else:
                yield Wait(place, max(left, 0))

    def _check(self, waited: float, since: float | None) -> None:
        """Say that one waits, and see whether anybody will come."""
        holder = self.store.turnstile.holder(self._dialogue)
        since = holder.began if holder is not None else since
        if holder is not None and holder.waits_for(self.caller):
            if not self._looked:  # an event loop ends what was left a little later
                self._looked = True
                _collect()
                return
            raise ConversationError(
                f"This turn of {self._title} was asked from within the stream of another one, "
                f"{_under_way(since)}, which cannot end meanwhile; nothing was sent. Read that "
                "stream to its end first, or close it, or ask in another session."
            )
        if waited >= self._wait:
            raise ConversationError(
                f"Another turn of {self._title} is {_under_way(since)}, for longer than "
                f"session_wait ({self._wait:g} s); nothing was sent. Wait for it, close its "
                "stream, or raise session_wait."
            )
        if waited >= PATIENCE:
            if not self._said:
                self._said = True
                logger.info("A turn waits for another of %s, %s.", self._title, _under_way(since))
            _collect()

    def watched(self, flow: Flow[None]) -> Flow[None]:
        """The steps of a turn, with a note of whether it is the caller's move."""
        step: Callable[[Any], Any] = flow.send
        value: Any = None
        while True:
            try:
                op = step(value)
            except StopIteration:
                return
            except BaseException:
                value = None  # an error that knows its frame, and the frame it: garbage
                raise
            self._shown = type(op) is Emit
            try:
                value = yield op
                step = flow.send
            except GeneratorExit:
                flow.close()
                raise
            except BaseException as error:
                step, value = flow.throw, error

    def waits_for(self, caller: Caller) -> bool:
        """Whether this turn goes on only when that caller reads on."""
        return self._shown and not self._over and self.caller == caller

    # --- the end -----------------------------------------------------------------------------

    def settle(self, conversation: Conversation | None) -> Flow[None]:
        """Note how the conversation stands, and give it back.

        The caller sees the end of the answer after that, so his next turn may follow at once.
        """
        self._saved, self.broken = conversation, _nothing
        yield Do(self._release, self.store.blocks)

    def _release(self) -> None:
        with self._guard:
            if self._over:
                return
            self._over = True
            try:
                if self._taken:
                    self._give_back(self._saved or self.broken())
            finally:
                if self._place is not None:
                    self.store.turnstile.leave(self._dialogue, self._place)

    def _give_back(self, conversation: Conversation | None) -> None:
        if not self.store.finish(self._dialogue, self._holder, conversation) and conversation:
            logger.warning(
                "A session was forgotten, or taken over after its lease, while its turn ran; "
                "the turn is not recorded."
            )


def _caller() -> Caller:
    """Who runs now: a thread, and its task if it has one."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.get_ident(), None if task is None else weakref.ref(task)


def _under_way(since: float | None) -> str:
    if since is None:
        return "under way"
    return f"under way since {time.strftime('%H:%M:%S', time.localtime(since))}"


def _nothing() -> None:
    return None


def _collect() -> None:
    """End streams that were abandoned in circles of references, now and then."""
    global _not_before
    began = time.monotonic()
    if began < _not_before:
        return
    _not_before = began + COLLECT_EVERY  # for other threads, while it runs
    gc.collect()
    ended = time.monotonic()
    _not_before = ended + min(COLLECT_EVERY, EASE * (ended - began))
    logger.info("Collected garbage in %.3f s, to end abandoned streams.", ended - began)
