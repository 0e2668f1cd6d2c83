"""The other arguments: one that is unusable is refused with what to write instead."""

from __future__ import annotations

import inspect
import os
import ssl
from collections.abc import Collection, Mapping
from typing import Any, get_args

from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonObject
from remote_agents.service import HEADER
from remote_agents.settings import Memory, refuse_bytes, refuse_certificates


def read_text(name: str, value: object) -> str:
    """What has to be a text."""
    refuse_bytes(name, value)
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} is a text, not {value!r}.")
    return value


def read_mapping(name: str, value: object) -> JsonObject:
    """What has to be a mapping; a value is never quoted, it may be a secret."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} is a mapping, not {type(value).__name__}.")
    return dict(value)


def read_headers(value: object, argument: str = "default_headers") -> dict[str, str]:
    """Headers as HTTP allows them; a value is never quoted, it may be a secret."""
    headers: dict[str, str] = read_mapping(argument, value)
    for name, text in headers.items():
        if not (HEADER.fullmatch(str(name)) and _is_printable(text)):
            raise ConfigurationError(
                f"The header {name!r} of {argument} has characters that HTTP does not allow "
                "in a header, or is no text."
            )
        if str(name).lower() in _FRAMING:
            raise ConfigurationError(
                f"Leave {name} out of {argument}: it says where a request's body ends, which only "
                "whoever writes the body knows. Of the headers of a request that your own server "
                "received, pass those on that you mean."
            )
    return headers


_FRAMING = frozenset({"content-length", "transfer-encoding", "trailer", "upgrade"})


def read_call_headers(value: object, says_who: Collection[str]) -> dict[str, str]:
    """The headers of one call, which changes nothing of who is asking."""
    headers = read_headers(value, "headers")
    if found := next((name for name in headers if name.lower() in says_who), None):
        raise ConfigurationError(
            f"A call's headers have no {found}: pass a function as api_key, which runs before "
            "each request, so that the conversations of two keys stay apart."
        )
    return headers


def read_verify(value: object) -> bool | str | os.PathLike[str] | ssl.SSLContext:
    """TLS settings: True, False, a path, or a context; None is True."""
    refuse_certificates(value)
    if value is None or isinstance(value, (bool, str, os.PathLike, ssl.SSLContext)):
        return True if value is None else value
    raise ConfigurationError(
        "verify is True, False, the path of a file of certificates (PEM), or an ssl.SSLContext, "
        f"not {type(value).__name__}."
    )


def _is_printable(value: object) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def read_client(name: str, client: object, *, awaited: bool = False) -> Any:
    """An HTTP client of the caller's own, of the right kind."""
    send = getattr(client, "send", None)
    if client is not None and (send is None or inspect.iscoroutinefunction(send) is not awaited):
        kind = "httpx.AsyncClient" if awaited else "httpx.Client"
        raise ConfigurationError(f"{name} is an {kind}, not {type(client).__name__}.")
    return client


def read_function(name: str, value: object) -> Any:
    """A function of the caller's own."""
    if value is not None and not callable(value):
        raise ConfigurationError(f"{name} is a function, not {type(value).__name__}.")
    return value


def read_names(name: str, value: Any) -> tuple[str, ...]:
    """Several names; a single text would be read letter by letter."""
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise ConfigurationError(f"{name} is a list of texts, not {value!r}.")
    return tuple(value)


def read_secret(name: str, value: object) -> str | bytes | None:
    """A secret of the caller's own; it is never quoted."""
    found = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    if found is None or (isinstance(found, (str, bytes)) and found):
        return found
    raise ConfigurationError(f"{name} is a text that is not empty, or bytes.")


def read_bound(name: str, value: object) -> Any:
    """A number that bounds something."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e15:
        raise ConfigurationError(f"{name} must be a number above 0, not {value!r}.")
    return value


def read_retries(value: int) -> int:
    """A number of retries."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_RETRIES:
        raise ConfigurationError(f"max_retries must be 0 to {MOST_RETRIES}, not {value!r}.")
    return value


MOST_RETRIES = 1000


def read_unknown_frames(value: str) -> str:
    """What a frame of an unknown shape does that may hold text."""
    if value not in ("error", "count"):
        raise ConfigurationError(f"unknown_frames must be error or count, not {value!r}.")
    return value


def read_memory(value: str) -> Any:
    """A mode of memory."""
    if value not in get_args(Memory):
        modes = ", ".join(get_args(Memory))
        raise ConfigurationError(f"memory must be one of {modes}, not {value!r}.")
    return value
