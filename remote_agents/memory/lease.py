"""A conversation held for one turn; whatever ends the turn, it is given back."""

from __future__ import annotations

import gc
import logging
import math
import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast

from remote_agents.errors import AgentError, ConversationError
from remote_agents.flow import DeadlineReached, Defer, Do, Flow, Sleep, Wait
from remote_agents.json_types import JsonObject
from remote_agents.memory.history_matching import Conversation
from remote_agents.memory.store import SessionStore
from remote_agents.memory.turnstile import Place
from remote_agents.memory.unread_streams import SessionStreamConsumer
from remote_agents.raised_in import raised_in
from remote_agents.workers import workers

logger = logging.getLogger(__name__)

T = TypeVar("T")
Left: TypeAlias = "Callable[[float], float]"

PATIENCE = 1.0  # seconds that one waits before it is said, and that a stream waits for its reader
STORE_WAIT = 10.0  # seconds for each word with a store
LAST_WAIT = 1.0  # seconds for the last one, when the turn has ended otherwise than by its answer
COLLECT_EVERY = 60.0  # seconds at least from one collection to the next

_collected = float("-inf")


class Lease:
    """A turn of a dialogue, from what is known of it to how it stands afterwards.

    Args:
        store: Where the dialogue is remembered.
        dialogue: Its key there.
        wait: Seconds to wait at most for the turns before.
        left: Seconds that are left of the turn's whole time, at most so many; it raises when there
            are none.
        title: What its caller calls it.

    Attributes:
        broken: How the conversation stands if the turn breaks off; None if it leaves no trace.
        guess: What the store guessed of the dialogue; None once it was read.
    """

    def __init__(
        self,
        store: SessionStore,
        dialogue: str,
        wait: float,
        left: Left,
        title: str = "this session",
    ) -> None:
        self.began = time.time()
        self.store = store
        self._dialogue = dialogue
        self._wait = wait
        self._left = left
        self._title = title
        self._said = False
        self._consumer = SessionStreamConsumer(title)
        self._holder = os.urandom(16).hex()
        self._place: Place | None = None
        self._waits_since: float | None = None
        self.guess: Sequence[Conversation] | None = None
        self._may_guess = True
        self._taken = False
        self._inline = not store.blocks
        self._over = False
        self._ended = math.inf
        self._saved: Conversation | None = None
        self.broken: Callable[[], Conversation | None] = _nothing
        # A turn may end while a thread still takes a conversation for it.
        self._guard = threading.RLock()

    def __del__(self) -> None:
        # The last resort, for an async generator that outlived its event loop.
        if self._over or not self.store.blocks:
            self.give_back()
        else:
            with suppress(DeadlineReached, RuntimeError):  # no thread begins as Python ends
                workers.call(self.give_back, LAST_WAIT)

    def opening(self, *, streamed: bool = True) -> Flow[None]:
        """Begin the turn: all is given back when it is over.

        `streamed` says whether its caller reads the answer piece by piece.
        """
        ending = _store_call(self.store, self.give_back, LAST_WAIT)
        consumer = self._consumer if streamed else None
        may_wait = yield Defer(ending, lambda: not self._over, consumer)
        self._inline = not self.store.blocks or (may_wait and self.store.timely)

    def known(self) -> Flow[Sequence[Conversation]]:
        """What is known of the dialogue, the latest used first."""
        self._may_guess, self.guess = False, None
        return self._ask(partial(self.store.read, self._dialogue))

    def expected(self) -> Flow[Sequence[Conversation]]:
        """The same, or at first what the store guesses, which `taking` may find wrong."""
        if self._may_guess and self.store.blocks:  # another one is as quick to read
            self._may_guess = False
            self.guess = self.store.guess(self._dialogue)
            if self.guess:
                return self.guess
        return (yield from self.known())

    def taking(self, conversation: Conversation | None, *, alone: bool = False) -> Flow[bool]:
        """Take a conversation, or with None a new one; False if a turn of it is under way.

        `alone` says that no other new one may be under way. After a guess only what was guessed is
        taken, and False may mean that it was wrong.
        """
        if self.guess is not None and not any(each is conversation for each in self.guess):
            return False
        return (yield from self._ask(partial(self._take, conversation, alone)))

    def _ask(self, word: Callable[[], T]) -> Flow[T]:
        return ask_store(self.store, word, self._left, inline=self._inline)

    def _take(self, conversation: Conversation | None, alone: bool) -> bool:
        if self._over or self._taken:
            return self._taken
        guess: JsonObject = {} if self.guess is None else {"known": self.guess}
        taken = self.store.begin(self._dialogue, self._holder, conversation, alone=alone, **guess)
        with self._guard:
            self._taken = taken and not self._over
            if self._taken:
                self.store.turnstile.hold(self._dialogue, self)
        if taken and not self._taken:  # too late: nobody waits for it any more
            self._save(None)
        return self._taken

    # --- in order ----------------------------------------------------------------------------

    def wait(self, *, again: bool = False) -> Flow[Sequence[Conversation]]:
        """Wait until no turn of the latest conversation is under way; gives what is known then.

        Args:
            again: Whether what was known before could not be taken: another one has it.

        Raises:
            ConversationError: It took too long, or whoever waits is whom he waits for; nothing was
                sent.
        """
        turnstile = self.store.turnstile
        self._place = place = self._place or turnstile.enter(self._dialogue)
        if self._waits_since is None:
            self._waits_since, self._wait = time.monotonic(), self._left(self._wait)
        since: float | None = None
        while True:
            if place.coming is None or place.coming.done():
                known = yield from self.expected()
                if not again and (not known or known[0].busy_since is None):
                    return known
                since = max((each.busy_since or 0 for each in known), default=0) or None
                again = False
            holder = self._holder_now()
            if holder is not None and holder.is_left():
                yield from self._take_over(holder)
                continue
            patience = PATIENCE
            if holder is not None:
                since, patience = holder.began, holder.ripe()
            holder = None  # which may be garbage but for this
            waited = time.monotonic() - self._waits_since
            self._check(waited, since)
            if place.coming is None or place.coming.done():
                yield Sleep(random.uniform(0.02, 0.05))
            else:
                yield Wait(place.coming, max(0, min(self._wait - waited, patience)))

    def _holder_now(self) -> Lease | None:
        holder: Lease | None = self.store.turnstile.holder(self._dialogue)
        if holder is None or not holder._over:
            return holder
        if time.monotonic() > holder._ended + STORE_WAIT:
            holder._leave()  # the store hangs in its last word: whoever waits asks it himself
        return None

    def is_left(self) -> bool:
        """Whether nobody reads this turn's stream on, so that whoever asks may take its place.

        Raises:
            ConversationError: The loop that reads this stream asks.
        """
        if self._consumer.waits is None:
            return False
        around = self._consumer.around()
        if around:
            raise ConversationError(
                f"This turn of {self._title} was asked from within the stream of another one, "
                f"{_under_way(self.began)}, which cannot end meanwhile; nothing was sent. Read "
                "that stream to its end first, or close it, or ask in another session."
            )
        return around is False or self.ripe() <= 0

    def ripe(self) -> float:
        """Seconds until nobody is taken to read its stream on, if he does not."""
        waits = self._consumer.waits
        return PATIENCE if waits is None else waits + PATIENCE - time.monotonic()

    def _take_over(self, holder: Lease) -> Flow[None]:
        logger.info(
            "A turn takes over from a stream of %s that nobody reads on, %s.",
            self._title,
            _under_way(holder.began),
        )
        with suppress(DeadlineReached):
            yield _store_call(self.store, holder.end, self._left(STORE_WAIT))

    def _check(self, waited: float, since: float | None) -> None:
        """Say that one waits, and end what keeps him waiting for nothing."""
        if waited >= self._wait:
            raise ConversationError(
                f"Another turn of {self._title} is {_under_way(since)}, for longer than "
                f"session_wait or Timeout(total=...) let this one wait ({self._wait:.3g} s); "
                "nothing was sent. Wait for it, close its stream, or raise the limit."
            )
        if waited >= PATIENCE:
            if not self._said:
                self._said = True
                logger.info("A turn waits for another of %s, %s.", self._title, _under_way(since))
            _collect()

    # --- the end -----------------------------------------------------------------------------

    def settle(self, conversation: Conversation | None) -> Flow[None]:
        """Note how the conversation stands, and give it back.

        The caller sees the end of the answer after that, so his next turn may follow at once.
        """
        self._saved, self.broken = conversation, _nothing
        try:
            within = self._left(STORE_WAIT)
        except AgentError:  # the answer is whole: it came in time
            within = LAST_WAIT
        try:
            if not self.store.blocks:
                self.give_back()
            elif self._inline:
                self.store.call_within(within, self.give_back)
            else:
                yield _store_call(self.store, self.give_back, within)
        except DeadlineReached:
            logger.warning("The session store does not answer; the turn may not be recorded.")

    def end(self) -> None:
        """End the turn from outside: its reader, should he come back, is told."""
        self.give_back()
        self._consumer.end()

    def give_back(self) -> None:
        """Save how the conversation stands, and let the next turn of it begin."""
        with self._guard:
            if self._over:
                return
            self._over, taken = True, self._taken
            self._ended = time.monotonic()
        try:
            if taken:
                self._save(self._saved or self.broken())
        finally:
            self._leave()

    def _leave(self) -> None:
        turnstile = self.store.turnstile
        turnstile.let_go(self._dialogue, self)
        if self._place is not None:
            turnstile.leave(self._dialogue, self._place)

    def _save(self, conversation: Conversation | None) -> None:
        try:
            kept = self.store.finish(self._dialogue, self._holder, conversation)
        except DeadlineReached:
            raise
        except Exception as error:  # what came, and why the turn ended, matter more
            logger.warning("The session store failed; the turn may not be recorded: %s", error)
            return
        if not kept and conversation:
            logger.warning(
                "A session was forgotten, or taken over after its lease, while its turn ran; "
                "the turn is not recorded."
            )


def ask_store(
    store: SessionStore,
    word: Callable[[], T],
    left: Left = float,  # all of them
    *,
    inline: bool = False,
) -> Flow[T]:
    """What a store says before anything is sent; `left` as for a `Lease`.

    It is no operation of a driver where the store does not block, or `inline`, where it is timely.

    Raises:
        ConversationError: It fails, or does not answer in time.
        AgentTimeoutError: The whole time of the turn is over.
    """
    within = left(STORE_WAIT)
    try:
        if not store.blocks:
            return word()
        if inline:
            return store.call_within(within, word)
        return cast("T", (yield _store_call(store, word, within)))
    except AgentError:
        raise
    except DeadlineReached:
        left(STORE_WAIT)  # the whole time may be over
        raise ConversationError(
            f"The session store did not answer within {within:.3g} s; nothing was sent. Check its "
            "database."
        ) from None
    except Exception as error:
        raise ConversationError(
            f"The session store failed ({type(error).__name__}{raised_in(error)}); nothing was "
            "sent."
        ) from error


def _store_call(store: SessionStore, word: Callable[[], Any], within: float) -> Do:
    """The operation that says a word with a store."""
    return Do(partial(store.call_within, within, word), store.blocks, within, store.timely)


def _under_way(since: float | None) -> str:
    if since is None:
        return "under way"
    return f"under way since {time.strftime('%H:%M:%S', time.localtime(since))}"


def _nothing() -> None:
    return None


def _collect() -> None:
    """End streams that were abandoned in circles of references, now and then."""
    global _collected
    began = time.monotonic()
    if began < _collected + COLLECT_EVERY:
        return
    _collected = began
    gc.collect()
    logger.info("Collected garbage in %.3f s, to end abandoned streams.", time.monotonic() - began)
