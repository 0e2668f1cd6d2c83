"""Accounts: whose conversations they are, told without holding a key."""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

from remote_agents.errors import ConfigurationError
from remote_agents.memory.dialogue import as_name, is_absent

_functions: dict[int, tuple[weakref.ref[Any], str]] = {}
_OF_THIS_PROCESS = secrets.token_bytes(32)


def account_of_key(key: str | None) -> str:
    """The account of a static key; without one, that of the address."""
    if not key:
        return "anybody"
    return f"key:{hashlib.blake2s(key.encode(), digest_size=16, person=b'account').hexdigest()}"


def account_of_function(function: Callable[[], Any]) -> str:
    """The account of a key function: one for each object, for no longer than it lives.

    Ids are used again, so an id counts only as long as the object behind it is the same.
    """
    found = _functions.get(id(function))
    if found is not None and found[0]() is function:
        return found[1]
    account = f"function:{secrets.token_hex(16)}"
    with contextlib.suppress(TypeError):  # it takes no weak reference: whoever asks remembers
        number = id(function)
        _functions[number] = weakref.ref(function, lambda _: _functions.pop(number, None)), account
    return account


def account_named(name: object) -> str:
    """The account that the caller names.

    Raises:
        ConfigurationError: It is empty, so that all without one would share it, or no name.
    """
    if is_absent(name):
        raise ConfigurationError("account is empty: it says whose conversations they are.")
    return f"account:{as_name('account', name)}"


class AwaitedAccount:
    """The account that an async function names; whoever cannot await it closes it.

    Args:
        name: What the function gave, to be awaited.
    """

    def __init__(self, name: Awaitable[object]) -> None:
        self._name = name

    def __await__(self) -> Generator[Any, Any, str]:
        return self._account().__await__()

    async def _account(self) -> str:
        return account_named(await self._name)

    def close(self) -> None:
        """Let go of what the function gave."""
        if isinstance(self._name, Coroutine):
            self._name.close()


def seal_key(secret: str | bytes | None, key: str | None) -> bytes:
    """What marks are sealed with.

    Args:
        secret: The caller's own (`account_secret=`), or the store's.
        key: A static API key, from which one is derived; else it is this process's own.
    """
    if secret:
        raw = secret.encode("utf-8", "surrogatepass") if isinstance(secret, str) else secret
        return hashlib.blake2s(raw, person=b"secret").digest()
    if key:
        return hashlib.blake2s(key.encode(), person=b"seal").digest()
    return _OF_THIS_PROCESS


def is_lasting(key: bytes) -> bool:
    """Whether another process, and this one after a restart, seals marks with the same."""
    return key is not _OF_THIS_PROCESS
