"""A turnstile: one at a time, first come first served."""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from concurrent.futures import Future
from typing import Any


class Turnstile:
    """Lets one at a time through for each key, first come first served.

    Threads and asyncio tasks wait on the same futures, so both may share a model.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a garbage collection inside may end another turn
        self._queues: dict[str, deque[Future[None]]] = {}
        self._holders: weakref.WeakValueDictionary[str, Any] = weakref.WeakValueDictionary()
        self._pid = os.getpid()

    def __reduce__(self) -> tuple[type[Turnstile], tuple[()]]:
        return Turnstile, ()

    def enter(self, key: str) -> Future[None]:
        """A place in the queue; it is done when it is your turn, which may be at once."""
        if self._pid != os.getpid():
            Turnstile.__init__(self)  # after a fork: those who wait here are elsewhere
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

    def hold(self, key: str, holder: object) -> None:
        """Remember who was the last to begin, for as long as he lives."""
        with self._lock:
            self._holders[key] = holder

    def holder(self, key: str) -> Any:
        """Who was the last to begin in this process; None if he is gone."""
        return self._holders.get(key)
