"""A conversation held for one turn; whatever ends the turn, it is given back."""

from __future__ import annotations

import gc
import logging
import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

from remote_agents.errors import ConversationError
from remote_agents.flow import Defer, Do, Flow, Sleep, Wait
from remote_agents.memory.law import Conversation
from remote_agents.memory.sessions import SessionStore

logger = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds that one waits before it is said, and looked for abandoned streams
COLLECT_EVERY = 60.0  # seconds at most from one collection to the next that is wanted
EASE = 10.0  # or so many times as long as it took, if that is less

_not_before = 0.0


class Lease:
    """A turn of a dialogue, from what is known of it to how it stands afterwards.

    Args:
        store: Where the dialogue is remembered.
        dialogue: Its key there.
        wait: Seconds to wait at most for the turns before.
    """

    def __init__(self, store: SessionStore, dialogue: str, wait: float) -> None:
        self._store = store
        self._dialogue = dialogue
        self._wait = wait
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
        yield Defer(self._release, self._store.blocks)

    def read(self) -> Flow[list[Conversation]]:
        """What is known of the dialogue, the latest used first."""
        read = partial(self._store.read, self._dialogue)
        return (yield Do(read, self._store.blocks))  # type: ignore[no-any-return]

    def take(self, conversation: Conversation | None, *, alone: bool = False) -> Flow[bool]:
        """Take a conversation, or with None a new one; False if a turn of it is under way.

        `alone` says that no other new one may be under way.
        """
        take = partial(self._take, conversation, alone)
        return (yield Do(take, self._store.blocks))  # type: ignore[no-any-return]

    def _take(self, conversation: Conversation | None, alone: bool) -> bool:
        with self._guard:
            if not self._over and not self._taken:
                self._taken = self._store.begin(
                    self._dialogue, self._holder, conversation, alone=alone
                )
            return self._taken

    # --- in order ----------------------------------------------------------------------------

    def wait(self) -> Flow[list[Conversation]]:
        """Wait until no turn of the latest conversation is under way; gives what is known then.

        Raises:
            ConversationError: It took too long; nothing was sent.
        """
        began = time.monotonic()
        if self._place is None:
            self._place = self._store.turnstile.enter(self._dialogue)
        place = self._place
        yield from self._patiently(began, lambda seconds: Wait(place, seconds), place.done)
        while True:
            known = yield from self.read()
            if not known or known[0].busy_since is None:
                return known
            yield from self._patiently(began, lambda _: Sleep(random.uniform(0.02, 0.05)))

    def _patiently(
        self, began: float, op: Callable[[float], Any], done: Callable[[], bool] | None = None
    ) -> Flow[None]:
        """Wait by one operation, or until it is done; after a second, say so."""
        while not (done and done()):
            waited = time.monotonic() - began
            if waited >= self._wait:
                raise self._busy(waited)
            if waited >= PATIENCE:
                _collect()
            yield op(min(self._wait - waited, PATIENCE))
            if done is None:
                return

    def _busy(self, waited: float) -> ConversationError:
        return ConversationError(
            f"Another turn of this session has been under way for {waited:.3g} s; nothing was "
            "sent. Wait for it, close its stream, or raise session_wait."
        )

    # --- the end -----------------------------------------------------------------------------

    def settle(self, conversation: Conversation | None) -> Flow[None]:
        """Note how the conversation stands, and give it back.

        The caller sees the end of the answer after that, so his next turn may follow at once.
        """
        self._saved, self.broken = conversation, _nothing
        yield Do(self._release, self._store.blocks)

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
                    self._store.turnstile.leave(self._dialogue, self._place)

    def _give_back(self, conversation: Conversation | None) -> None:
        if not self._store.finish(self._dialogue, self._holder, conversation) and conversation:
            logger.warning(
                "A session was forgotten, or taken over after its lease, while its turn ran; "
                "the turn is not recorded."
            )


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
