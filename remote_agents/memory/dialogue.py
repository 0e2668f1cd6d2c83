"""Dialogues: whose conversation it is, by the names that the caller gives."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Literal

from remote_agents.errors import ConfigurationError
from remote_agents.json_types import Arguments, JsonMapping

Kind = Literal["conversation", "session", "thread", "nonce"]

ASKERS = (
    "user_id",
    "tenant_id",
    "org_id",
    "account_id",
    "customer_id",
    "workspace_id",
    "langgraph_auth_user_id",
)
NAMES = ("thread_id", "session_id", "conversation_id")
NONCE = 12  # bytes


class FoundNames(dict[str, str]):
    """The names that a framework's configuration holds: of the dialogue, and of whoever asks.

    A type of its own, as no argument of a caller's is one: he names a session or a conversation.
    """


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A dialogue by name.

    Args:
        kind: What names it: the service's `conversation`, the caller's `session` or `thread`, or
            nobody but a `nonce`.
        key: Its key in a store, which tells it apart from those of other agents and accounts.
        shown: What stands for it in a mark.
    """

    kind: Kind
    key: str
    shown: str


def find_dialogue_name(
    configured: JsonMapping | None,
    *,
    session_id: object = None,
    conversation_id: object = None,
) -> tuple[Kind, dict[str, str]] | None:
    """What names a dialogue, and its name; the first that is found counts.

    Args:
        configured: What a framework's configuration names: `thread_id`, `session_id`,
            `conversation_id`, and who asks.
        session_id: An argument of the call.
        conversation_id: An argument of the call: the service's own id.

    Returns:
        None if nothing names it.

    Example:
        >>> find_dialogue_name({"thread_id": "t", "user_id": "alice"})
        ('thread', {'thread_id': 't', 'user_id': 'alice'})
    """
    if not is_absent(conversation_id):
        return "conversation", {"conversation": as_name("conversation_id", conversation_id)}
    found = _filled(configured or {})
    askers = {name: value for name, value in found.items() if name not in NAMES}
    if not is_absent(session_id):
        return "session", {"session_id": as_name("session_id", session_id), **askers}
    if "thread_id" in found:
        return "thread", found
    if "session_id" in found or "conversation_id" in found:
        return "session", found
    return None


def is_absent(name: object) -> bool:
    """Whether it names nobody: None, an empty text, or what a table has where it has nothing.

    Example:
        >>> [is_absent(name) for name in (None, "", float("nan"), 0, "alice")]
        [True, True, True, False, False]
    """
    if name is None or isinstance(name, str):
        return not name
    with suppress(Exception):
        differs = name != name  # as NaN and NaT do
        with suppress(TypeError):
            return bool(differs)
        return differs is name  # pandas.NA
    return False


def without_absent(call: Mapping[str, Any]) -> Arguments:
    """The arguments of a call without a session or conversation that names nobody."""
    return {k: v for k, v in call.items() if not (k in _IN_CALLS and is_absent(v))}


_IN_CALLS = ("session_id", "conversation_id")


def _filled(names: JsonMapping) -> dict[str, str]:
    return {name: as_name(name, value) for name, value in names.items() if not is_absent(value)}


def as_name(argument: str, value: object) -> str:
    """What a caller gave as a name, as text: a text, a number, a UUID, a key of a database.

    Args:
        argument: What it was given as.
        value: What was given.

    Raises:
        ConfigurationError: It is no name: a function that was not called, a coroutine that was not
            awaited, True or an empty list reads the same for all users, who would share one
            conversation.
    """
    if isinstance(value, str):
        return str.__str__(value)  # of a subclass, such as an Enum's, its text alone
    text = str(value)
    no_name = callable(value) or hasattr(value, "__await__") or isinstance(value, Iterable)
    if no_name or text in _TRUTHS or _ADDRESS.search(text):
        raise ConfigurationError(
            f"{argument} is {type(value).__name__}, and no name: pass the text itself. A function "
            "has to be called, and a coroutine awaited."
        )
    return text


_TRUTHS = ("True", "False")  # of whatever type: numpy has its own
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def dialogue_of(kind: Kind, name: Mapping[str, str], account: str, agent: str) -> Dialogue:
    """The dialogue of this name, agent and account."""
    return _dialogue_of(kind, tuple(sorted(name.items())), account, agent)


@lru_cache(maxsize=1000)
def _dialogue_of(
    kind: Kind, name: tuple[tuple[str, str], ...], account: str, agent: str
) -> Dialogue:
    whole = repr([account, agent, kind, [*name]]).encode("utf-8", "surrogatepass")
    digest = hashlib.blake2s(whole, digest_size=24).digest()
    key = base64.urlsafe_b64encode(digest).decode()
    return Dialogue(kind, key, dict(name)["nonce"] if kind == "nonce" else key[:12])


def new_nonce() -> str:
    """A name for a dialogue that nobody named; it is told from others by its first letter."""
    return f"~{base64.urlsafe_b64encode(secrets.token_bytes(NONCE)).decode()}"


def is_nonce(shown: str) -> bool:
    """Whether this stands for such a dialogue in a mark."""
    return shown.startswith("~")


def names_in(source: object, also: Iterable[str] = (), *, ids: bool = True) -> FoundNames:
    """The names in a configuration: of the dialogue, and of whoever asks.

    Args:
        source: A mapping, or an object with attributes.
        also: Further names of an application's own (`dialogue_keys`).
        ids: Whether the dialogue's own names are read too.

    Example:
        >>> names_in({"user_id": 7, "run_id": "r", "thread_id": ""})
        {'user_id': '7'}
    """
    get: Callable[..., object] = partial(getattr, source)
    if isinstance(source, Mapping):
        if not source:
            return FoundNames()
        get = source.get
    wanted = (*(NAMES if ids else ()), *ASKERS, *also)
    return FoundNames(_filled({name: get(name, None) for name in wanted}))


def required(session_id: object) -> str:
    """A session's name, as text.

    Raises:
        ConfigurationError: It is empty, so that all who forgot theirs would share one, or no name.
    """
    if is_absent(session_id):
        raise ConfigurationError("session_id is empty; name the session.")
    return as_name("session_id", session_id)
