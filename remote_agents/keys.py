"""Key functions that cost something: the token is asked for once, and used while it is good."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from pydantic import SecretStr

from remote_agents.json_types import JsonObject
from remote_agents.process import ProcessLock

Token: TypeAlias = str | SecretStr
Fetched: TypeAlias = Token | tuple[Token, float]
MARGIN = 60.0  # seconds before its end at which a token is no longer begun with


def cached_key(fetch: Callable[[], Fetched | Awaitable[Fetched]]) -> CachedKey:
    """A key function that keeps its token: until its end, or until the service refuses it.

    For the tokens of one account. A function that reads who asks from its caller's context must not
    be wrapped: the first caller's token would be everybody's.

    Args:
        fetch: Gives the token, or `(token, seconds)` where it is known how long it is good. One
            that is async, or gives what is to be awaited, serves async calls. However many turns
            wait for a token, it is called once.

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
        self._fetch = fetch
        self._awaits = inspect.iscoroutinefunction(fetch)
        self._token: SecretStr | None = None
        self._until = 0.0
        self._refused: set[SecretStr | None] = set()
        self._fetching = ProcessLock()  # held as long as a blocking fetch takes: in no loop
        self._lock = ProcessLock()  # of the token: held for no longer than it takes to read it
        self._loops: WeakKeyDictionary[Any, asyncio.Lock] = WeakKeyDictionary()

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
        with self._lock.here():
            turn = self._loops.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        async with turn:
            token = self._good()
            if token is not None:
                return token
            fetched = self._fetch() if begun is None else begun.fetched
            return self._keep(await fetched if inspect.isawaitable(fetched) else fetched)

    def _good(self) -> SecretStr | None:
        """The token that is kept; None where one is to be fetched now."""
        with self._lock.here():
            if time.monotonic() < self._until:
                return self._token
            self._refused.clear()
            return None

    def _keep(self, fetched: Any) -> SecretStr:
        token, seconds = fetched if isinstance(fetched, tuple) else (fetched, None)
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


class _Begun:
    """What an async function gave before it was known as one; unless awaited, it never runs."""

    def __init__(self, fetched: Any) -> None:
        self.fetched = fetched

    def __del__(self) -> None:
        if inspect.iscoroutine(self.fetched):
            self.fetched.close()
