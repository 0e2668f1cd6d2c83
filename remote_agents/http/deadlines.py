"""Deadlines that move: one timer for a response under asyncio, one thread for all blocking reads.

`asyncio.timeout` would set a timer for every read, and httpcore's read limit restarts at every
byte; these are looked at only when they ring, and are put off by events alone.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import math
import os
import socket
import threading
import time
from collections.abc import Awaitable
from typing import Any, TypeVar

from remote_agents.flow import DeadlineReached
from remote_agents.http import _seams

logger = logging.getLogger(__name__)
T = TypeVar("T")


class Deadline(float):
    """A time limit in seconds that also says when it ends, for whoever waits several times.

    httpcore passes a limit on as it is, to each read of a response's head. `each` is the limit of
    one wait among several, if there is one.
    """

    moment: float
    each: float | None

    def __new__(cls, seconds: float, each: float | None = None) -> Deadline:
        """The limit that begins now."""
        limit = super().__new__(cls, seconds)
        limit.moment = time.monotonic() + seconds
        limit.each = each
        return limit

    def left(self) -> float:
        """Seconds until it ends, or less than 0."""
        return self.moment - time.monotonic()


class Alarm:
    """Cancels a waiting task at a deadline that moves.

    One timer serves a whole response: it looks at the deadline only when it rings, so a read that
    is served in time costs nothing.

    Args:
        each: Seconds within which a later deadline may be; so it rings that early, and need not be
            set anew then.
    """

    def __init__(self, each: float | None = None) -> None:
        self._each = math.inf if each is None else each
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._waiting: asyncio.Task[Any] | None = None
        self._cancelled_before = 0
        self._rang = False
        self._waits = 0  # how often a deadline was set

    async def before(self, deadline: float | None, waiting_for: Awaitable[T]) -> T:
        """Await something; raise `DeadlineReached` if it takes longer than until `deadline`."""
        self.move(deadline)
        self._waiting = task = asyncio.current_task()
        self._cancelled_before = _cancellations(task)
        try:
            return await waiting_for
        except asyncio.CancelledError:
            if not self._rang or self._cancelled_from_outside(task):
                raise
            raise DeadlineReached from None
        finally:
            self._waiting = None

    def move(self, deadline: float | None) -> None:
        """Set the deadline, also while something is awaited."""
        self._deadline = deadline
        self._waits += 1
        if deadline is not None and deadline < self._rings_at - TOLERANCE:
            early = min(deadline, time.monotonic() + self._each)
            self._set(asyncio.get_running_loop(), early)

    def stop(self) -> None:
        """Never ring again."""
        self._deadline = None
        if self._timer is not None:
            self._timer.cancel()

    def _set(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        delay = max(deadline - time.monotonic(), 0.0)
        self._timer = loop.call_later(delay, self._ring, loop)
        self._rings_at = deadline

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer, self._rings_at = None, math.inf
        if self._deadline is None:
            return
        if time.monotonic() < self._deadline - TOLERANCE:
            self._set(loop, self._deadline)
        elif self._waiting is not None and not self._is_being_cancelled(self._waiting):
            loop.call_soon(self._ring_after, ROUNDS, self._waits, loop)

    def _ring_after(self, rounds: int, waits: int, loop: asyncio.AbstractEventLoop) -> None:
        """Let the loop read first: it may have been busy while the answer came."""
        task = self._waiting
        if task is None or waits != self._waits or self._is_being_cancelled(task):
            return
        if rounds:
            loop.call_soon(self._ring_after, rounds - 1, waits, loop)
        else:
            self._rang = True
            _seams.cancel(task, RANG)

    def _is_being_cancelled(self, task: asyncio.Task[Any]) -> bool:
        """Whether a cancellation is on its way to the task: then it ends it, not the deadline."""
        if COUNTED:
            return _cancellations(task) > self._cancelled_before
        return _seams.is_being_cancelled(task)

    def _cancelled_from_outside(self, task: asyncio.Task[Any] | None) -> bool:
        """Whether somebody else cancelled the task as well, after this alarm did."""
        if task is None:
            return False
        if COUNTED:  # ours is taken back
            return task.uncancel() > self._cancelled_before
        return _seams.cancel_message(task, RANG) != RANG


TOLERANCE = 0.001  # seconds
# Of the loop, before a late read is given up: one to look at the socket, one in which what it had
# reaches the reader, one in which that wakes the task.
ROUNDS = 3
RANG = "a deadline of remote_agents was reached"


# Since Python 3.11. Before, tasks of some runners count, but anyio takes nothing of its own back.
COUNTED = hasattr(asyncio.Task, "cancelling")


def _cancellations(task: Any) -> int:
    return int(task.cancelling()) if COUNTED and task is not None else 0


class SocketDeadline:
    """A socket that is shut down if its deadline passes while somebody reads from it.

    Attributes:
        deadline: When; None while nobody waits.
        looked_at: When the deadline is looked at next: one that is earlier has to be watched.
        fired: Whether it was shut down.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.deadline: float | None = None
        self.looked_at = math.inf
        self.fired = False

    def by(self, deadline: float | None) -> None:
        """Shut the socket down at this moment, unless another one is set before."""
        self.deadline = deadline
        if deadline is not None and deadline < self.looked_at:
            self.arm(deadline)

    def arm(self, deadline: float) -> None:
        """Look at the deadline at this moment."""
        _watchdog.watch(self, deadline)

    def fire(self) -> None:
        """Shut the socket down, which ends the read that waits on it."""
        self.fired = True
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError as error:
            logger.debug("the connection was closed already: %s", error)


class _Watchdog:
    """One thread that fires the cuts of all blocking reads of this process."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._heap: list[tuple[float, int, SocketDeadline]] = []
        self._full = 1024
        self._order = itertools.count()
        self._thread: threading.Thread | None = None

    def watch(self, cut: SocketDeadline, deadline: float) -> None:
        with self._wake:
            self._push(cut, deadline)
            if self._thread is None:
                thread = threading.Thread(
                    target=self._loop, name="remote-agents-deadlines", daemon=True
                )
                thread.start()
                self._thread = thread  # only now: where it cannot begin, the next read tries again
            elif self._heap[0][2] is cut:
                self._wake.notify()

    def _loop(self) -> None:
        while True:
            with self._wake:
                while not self._heap:
                    self._wake.wait()
                self._wake.wait(max(0.0, self._heap[0][0] - time.monotonic()))
                due = self._due(time.monotonic())
            for cut in due:
                cut.fire()

    def _due(self, now: float) -> list[SocketDeadline]:
        due = []
        while self._heap and self._heap[0][0] <= now:
            cut = heapq.heappop(self._heap)[2]
            cut.looked_at = math.inf  # before the deadline is read: a reader sets it, then looks
            deadline = cut.deadline
            if deadline is None:
                continue
            if deadline > now:
                self._push(cut, deadline)
            else:
                due.append(cut)
        return due

    def _push(self, cut: SocketDeadline, deadline: float) -> None:
        cut.looked_at = deadline
        heapq.heappush(self._heap, (deadline, next(self._order), cut))
        if len(self._heap) > self._full:  # closed responses leave their entries behind
            self._heap = [entry for entry in self._heap if _is_awaited(entry[2])]
            heapq.heapify(self._heap)
            self._full = 2 * len(self._heap) + 1024


def _is_awaited(cut: SocketDeadline) -> bool:
    """Whether somebody waits; whoever waits again has it pushed again, as its entry goes."""
    if cut.deadline is None:
        cut.looked_at = math.inf
    return cut.deadline is not None


_watchdog = _Watchdog()


def _forget_after_fork() -> None:
    """A forked child must not wait for its parent's thread."""
    global _watchdog
    _watchdog = _Watchdog()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
