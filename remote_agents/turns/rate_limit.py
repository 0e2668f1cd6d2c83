"""Waiting for an account's rate limit, on the `limits` library, in memory or in Redis."""

from __future__ import annotations

import random
import time
from collections import deque
from functools import partial
from typing import Any

from remote_agents.errors import AgentConnectionError, ConfigurationError, RateLimitError
from remote_agents.extras import require
from remote_agents.flow import DeadlineReached, Do, Flow, Sleep, Wait
from remote_agents.json_types import Arguments
from remote_agents.memory.turnstile import Turnstile
from remote_agents.process import ProcessLock
from remote_agents.seconds import is_limit

MAX_WAIT = 300.0
STORAGE_WAIT = 10.0  # seconds for each word with a storage
MOST = 1_000_000


class RateLimiter:
    """Lets so many requests of one account through in a window, in the order they came.

    Args:
        limit: For example `30/minute`.
        storage: A storage address of `limits`, for example `redis://localhost:6379`; in memory
            by default.
        max_wait: Seconds after which waiting ends with an error (default 300).

    Raises:
        ConfigurationError: The limit cannot be read, or `limits` is not installed.

    Example:
        >>> limiter = RateLimiter("30/minute")
    """

    def __init__(self, limit: str, storage: str | None = None, max_wait: float = MAX_WAIT) -> None:
        self._arguments = (limit, storage, max_wait)
        self._item, self._window, self.blocks = _window(limit, storage)
        self._max_wait = max_wait

    def __reduce__(self) -> tuple[type[RateLimiter], tuple[Any, ...]]:
        # The counts are the process's or the server's: a copy shares them, and never carries them.
        return RateLimiter, self._arguments

    @property
    def shared(self) -> bool:
        """Whether other processes may count in the same storage."""
        return self._arguments[1] is not None

    def wait(self, account: str, left: float | None = None) -> Flow[None]:
        """Wait for a place.

        Args:
            account: Whose request it is; all limiters of this process, or of one storage, share
                the count of an account under the same limit.
            left: Seconds that are left to the whole turn, if it has a limit.

        Raises:
            RateLimitError: There is none within `max_wait` seconds, or in time for the turn.
        """
        limit = self._max_wait if left is None else min(left, self._max_wait)
        deadline = time.monotonic() + limit
        queue = f"{self._arguments[1]} {self._item} {account}"  # as what is counted is told apart
        place = _queue.enter(queue)
        try:
            if place.coming is not None and not (yield Wait(place.coming, limit)):
                raise self._too_long(limit)
            while delay := (yield from self._ask_storage(account, deadline)):
                if time.monotonic() + delay > deadline:
                    raise self._too_long(limit)
                yield Sleep(delay)
        finally:
            _queue.leave(queue, place)

    def _ask_storage(self, account: str, deadline: float) -> Flow[float]:
        within = max(min(STORAGE_WAIT, deadline - time.monotonic()), 0.0)
        try:
            delay: float = yield Do(partial(self._attempt, account), self.blocks, within)
            return delay
        except DeadlineReached:
            raise AgentConnectionError(
                f"rate_limit_storage did not answer within {within:.3g} s; nothing was sent."
            ) from None

    def _attempt(self, account: str) -> float:
        """0 if there was a place, else seconds until the next attempt."""
        from limits.errors import StorageError

        try:
            if not self.blocks:
                delay: float = self._window.delay(self._item, account)
                return delay
            if self._window.hit(self._item, account):
                return 0.0
            reset = self._window.get_window_stats(self._item, account).reset_time
            # Other processes wait for the same moment: a little chance keeps them apart.
            return max(float(reset) - time.time(), 0.0) + random.uniform(0.005, 0.05)
        except Exception as error:  # `limits` lets some of a storage's own through, unread
            said = error if isinstance(error, StorageError) else type(error).__name__
            raise AgentConnectionError(
                f"rate_limit_storage cannot be used ({said}); nothing was sent."
            ) from error

    def _too_long(self, limit: float) -> RateLimitError:
        return RateLimitError(
            f"No place under the rate limit {self._item} within {limit:.3g} s; nothing was sent. "
            "Lower the concurrency, or raise rate_limit.",
            status_code=429,
        )


class _Memory:
    """The counts of this process, by a clock that nobody sets."""

    def __init__(self) -> None:
        self._hits: dict[tuple[Any, str], deque[float]] = {}
        self._many = MANY
        self._lock = ProcessLock()

    def delay(self, item: Any, account: str) -> float:
        """0 if there was a place, which is taken now; else seconds until the next one."""
        now, window = time.monotonic(), float(item.get_expiry())
        with self._lock.here():
            if len(self._hits) > self._many:
                self._forget_before(now)
            hits = self._hits.setdefault((item, account), deque(maxlen=item.amount))
            if len(hits) == item.amount and now - hits[0] < window:
                return hits[0] + window - now + 0.001
            hits.append(now)
        return 0.0

    def _forget_before(self, now: float) -> None:
        """Let go of the accounts whose window is over, whenever there are twice as many as then."""
        kept = (each for each in self._hits.items() if now - each[1][-1] < each[0][0].get_expiry())
        self._hits = dict(kept)
        self._many = max(MANY, 2 * len(self._hits))


MANY = 1000  # accounts

_queue = Turnstile()
_windows: dict[str | None, Any] = {}
_windows_lock = ProcessLock()


def _window(limit: str, storage: str | None) -> tuple[Any, Any, bool]:
    require("rate_limit", "redis", "limits")
    if storage is not None and "redis" in storage.partition(":")[0]:
        require("rate_limit_storage", "redis", "redis")
    from limits import parse_many

    try:
        (item,) = parse_many(limit)
    except ValueError as error:
        raise ConfigurationError(
            f"rate_limit must be one like '30/minute' or '2 per second', not {limit!r}."
        ) from error
    if not (0 < item.amount <= MOST and is_limit(item.get_expiry())):
        raise ConfigurationError(
            f"rate_limit lets 1 to {MOST} requests through in at most a year, not {limit!r}."
        )
    with _windows_lock.here():
        if storage not in _windows:
            _windows[storage] = _Memory() if storage is None else _shared(storage)
    return item, _windows[storage], storage is not None


def _shared(storage: str) -> Any:
    """The counts of all processes that name this storage."""
    from limits.storage import storage_from_string
    from limits.strategies import MovingWindowRateLimiter

    options: Arguments = {}
    if "redis" in storage.partition(":")[0]:  # without, some versions wait for ever
        options = {"socket_timeout": STORAGE_WAIT, "socket_connect_timeout": STORAGE_WAIT}
    try:
        return MovingWindowRateLimiter(
            storage_from_string(storage, wrap_exceptions=True, **options)
        )
    except Exception as error:  # its own errors quote the address, with its password
        raise ConfigurationError(
            f"rate_limit_storage cannot be used ({type(error).__name__}): it is the address of a "
            "server that answers, like redis://host:6379."
        ) from None
