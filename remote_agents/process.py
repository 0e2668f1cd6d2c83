"""Which process this is, asked of the system only as it begins, and after each fork."""

from __future__ import annotations

import os
import threading

pid = os.getpid()


def _ask_again() -> None:
    global pid
    pid = os.getpid()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ask_again)


class ProcessLock:
    """A lock in each process: a forked child's is free, whichever thread of its parent held it.

    Example:
        >>> lock = ProcessLock()
        >>> with lock.here():
        ...     print(lock.here().locked())
        True
    """

    def __init__(self) -> None:
        self._locks: dict[int, threading.Lock] = {}

    def here(self) -> threading.Lock:
        """The one of this process."""
        lock = self._locks.get(pid)
        return self._locks.setdefault(pid, threading.Lock()) if lock is None else lock
