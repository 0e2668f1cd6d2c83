"""Key functions that cost something: the token is asked for once, and used while it is good."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from math import isnan
from typing import Any, TypeAlias

from pydantic import SecretStr

from remote_agents import process
from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonObject
from remote_agents.process import ProcessLock

Token: TypeAlias = str | SecretStr
Fetched: TypeAlias = Token | tuple[Token, float]
MARGIN = 60.0  # seconds before its end at which a token is no longer begun with
# Seconds for which one event loop waits for what another one fetches. That one may stand still, and
# even wait for this one, as LlamaIndex's blocking calls have a running loop do.
PATIENCE = 5.0


def cached_key(fetch: Callable[[], Fetched | Awaitable[Fetched]]) -> CachedKey:
    """A key function that keeps its token: until its end, or until the service refuses it.

    For the tokens of one account. A function that reads who asks from its caller's context must not
    be wrapped: the first caller's token would be everybody's.

    Args:
        fetch: Gives the token, or `(token, seconds)` where it is known how long it is good. One
            that is async, or gives what is to be awaited, serves async calls. However many turns
            wait for a token, it is called once.

    Raises:
        ConfigurationError: It is no function; and from the key, where the seconds are no number.

    Example:
        >>> key = cached_key(lambda: ("token", 3600.0))
        >>> key().get_secret_value()
        'token'
    """
    return CachedKey(fetch)


class CachedKey:
    """What `cached_key` gives: called before each request, it fetches when it has to.

    Args:
        fetch: As for `cached_key`.
    """

    def __init__(self, fetch: Callable[[], Fetched | Awaitable[Fetched]]) -> None:
        if not callable(fetch):
            raise ConfigurationError(
                f"cached_key takes a function that gives the token, not {type(fetch).__name__}."
            )
        self._fetch = fetch
        self._awaits = inspect.iscoroutinefunction(fetch)
        self._token: SecretStr | None = None
        self._until = 0.0
        self._refused: set[SecretStr | None] = set()
        self._fetching = ProcessLock()  # held as long as a blocking fetch takes: in no loop
        self._lock = ProcessLock()  # of the token: held for no longer than it takes to read it
        self._under_way: _Fetch | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def __call__(self) -> SecretStr | Awaitable[SecretStr]:
        """The token, fetched if there is none that is good."""
        with self._fetching.here():
            if self._awaits:
                return self._acall()
            token = self._good()
            if token is not None:
                return token
            fetched = self._fetch()
            self._awaits = inspect.isawaitable(fetched)
            return self._acall(_Begun(fetched)) if self._awaits else self._keep(fetched)

    async def _acall(self, begun: _Begun | None = None) -> SecretStr:
        mine, hangs = _Fetch(), None
        while (found := self._good_or_fetch(mine, hangs)) is not mine:
            if not isinstance(found, _Fetch):
                return found
            hangs = None if await found.ends() else found
        try:
            fetched = self._fetch() if begun is None else begun.fetched
            return self._keep(await fetched if inspect.isawaitable(fetched) else fetched)
        finally:
            self._end(mine)

    def _good_or_fetch(self, mine: _Fetch, hangs: _Fetch | None) -> SecretStr | _Fetch:
        """The token that is kept; else the fetch under way, which is `mine` if there was none."""
        with self._lock.here():
            token, other = self._kept(), self._under_way
            if token is not None:
                return token
            if other is not None and other is not hangs and not other.is_lost:
                return other
            self._refused.clear()
            self._under_way = mine
            return mine

    def _end(self, fetch: _Fetch) -> None:
        with self._lock.here():
            if self._under_way is fetch:
                self._under_way = None
        fetch.end()

    def _good(self) -> SecretStr | None:
        """The token that is kept; None where one is to be fetched now."""
        with self._lock.here():
            token = self._kept()
            if token is None:
                self._refused.clear()
            return token

    def _kept(self) -> SecretStr | None:
        return self._token if time.monotonic() < self._until else None

    def _keep(self, fetched: Any) -> SecretStr:
        token, seconds = _token_and_seconds(fetched)
        if not isinstance(token, Token | None):
            no_text: SecretStr = token  # which the turn refuses by its type
            return no_text
        kept = token if isinstance(token, SecretStr) else SecretStr(token or "")
        # A short life is used to the last tenth: else each request would fetch.
        spare = 0.0 if seconds is None else min(MARGIN, seconds / 10)
        until = float("inf") if seconds is None else time.monotonic() + seconds - spare
        with self._lock.here():
            # Refused since it was asked for: the next one to ask may be given another.
            self._token, self._until = kept, 0.0 if kept in self._refused else until
        return kept

    def drop(self, refused: SecretStr | None) -> None:
        """Forget a token that the service refused; one fetched since then stays. Never waits."""
        with self._lock.here():
            self._refused.add(refused)
            if self._token == refused:
                self._until = 0.0

    def __getstate__(self) -> JsonObject:
        return {"_fetch": self._fetch}  # another process fetches its own

    def __setstate__(self, state: JsonObject) -> None:
        CachedKey.__init__(self, state["_fetch"])


def _token_and_seconds(fetched: Any) -> tuple[Any, float | None]:
    if not isinstance(fetched, tuple):
        return fetched, None
    if len(fetched) == 2 and (fetched[1] is None or _is_number(fetched[1])):
        return fetched[0], fetched[1]
    kinds = ", ".join(type(each).__name__ for each in fetched)
    raise ConfigurationError(
        "The function in cached_key gives the token, or (token, seconds) with the seconds as a "
        f"number, not ({kinds})."
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and not isnan(value)


class _Fetch:
    """One that may be under way in an event loop; whoever needs a token waits for its end."""

    def __init__(self) -> None:
        self._process, self._loop = process.pid, asyncio.get_running_loop()
        self._over: Future[None] = Future()
        self._over.set_running_or_notify_cancel()  # else a waiter that is cancelled would cancel it

    @property
    def is_lost(self) -> bool:
        """Whether it cannot end: its loop is closed, or is the parent's of a forked process."""
        return self._process != process.pid or self._loop.is_closed()

    def end(self) -> None:
        """Wake all who wait, whatever has come of it."""
        self._over.set_result(None)

    async def ends(self) -> bool:
        """Wait until it is over; false where it takes another loop too long."""
        here = asyncio.get_running_loop() is self._loop
        waiting = asyncio.wrap_future(self._over)
        try:
            await asyncio.wait([waiting], timeout=None if here else PATIENCE)
            return waiting.done()
        finally:
            waiting.cancel()


class _Begun:
    """What an async function gave before it was known as one; unless awaited, it never runs."""

    def __init__(self, fetched: Any) -> None:
        self.fetched = fetched

    def __del__(self) -> None:
        if inspect.iscoroutine(self.fetched):
            self.fetched.close()
