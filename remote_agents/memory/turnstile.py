"""A turnstile: one at a time, first come first served."""

from __future__ import annotations

import threading
import weakref
from concurrent.futures import Future
from typing import Any

from remote_agents import process


class Place:
    """A place in a queue.

    Args:
        coming: Done when it is your turn; None where nobody stood before you.
    """

    __slots__ = ("coming",)

    def __init__(self, coming: Future[None] | None) -> None:
        self.coming = coming


class Turnstile:
    """Lets one at a time through for each key, first come first served.

    Threads and asyncio tasks wait on the same futures, so both may share a model.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a garbage collection inside may end another turn
        self._queues: dict[str, list[Place]] = {}
        self._holders: dict[str, weakref.ref[Any]] = {}
        self._pid = process.pid

    def __reduce__(self) -> tuple[type[Turnstile], tuple[()]]:
        return Turnstile, ()

    def enter(self, key: str) -> Place:
        """A place in the queue; it is done when it is your turn, which may be at once."""
        if self._pid != process.pid:
            Turnstile.__init__(self)  # after a fork: those who wait here are elsewhere
        with self._lock:
            queue = self._queues.get(key)
            if queue is None:
                self._queues[key] = [place := Place(None)]
            else:
                queue.append(place := Place(Future()))
        return place

    def leave(self, key: str, place: Place) -> None:
        """End your turn, or stop waiting for it."""
        with self._lock:
            queue = self._queues.get(key)
            if queue is None or place not in queue:
                return
            queue.remove(place)
            if not queue:
                del self._queues[key]
            elif (next_one := queue[0].coming) is not None and not next_one.done():
                next_one.set_result(None)

    def hold(self, key: str, holder: object) -> None:
        """Remember who was the last to begin, until he lets go."""
        self._holders[key] = weakref.ref(holder)

    def let_go(self, key: str, holder: object) -> None:
        """Forget that he was, unless somebody else is now."""
        with self._lock:
            if self.holder(key) in (holder, None):  # garbage is known no more
                self._holders.pop(key, None)

    def holder(self, key: str) -> Any:
        """Who was the last to begin in this process; None if he is gone."""
        held = self._holders.get(key)
        return None if held is None else held()
