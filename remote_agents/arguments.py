"""Reading the arguments of a constructor: what is missing, unknown or unusable says what to do."""

from __future__ import annotations

import difflib
import inspect
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from remote_agents.errors import ConfigurationError
from remote_agents.memory.plan import MEMORY_MODES
from remote_agents.service import Endpoint
from remote_agents.settings import COMMON

LOOPBACK = ("localhost", "127.0.0.1", "::1")


def check_parameters(
    endpoint: Endpoint, parameters: Mapping[str, Any], also: Sequence[str] = ()
) -> dict[str, Any]:
    """The parameters that are set, if the endpoint knows them all, or they are among `also`.

    Raises:
        ConfigurationError: Names the unknown one, and the nearest that is valid.
    """
    accepted = endpoint.accepted.union(also, ("streaming",))
    for name in parameters:
        if name not in accepted and not (name == "suggest" and not parameters[name]):
            raise ConfigurationError(unknown_name(endpoint, name), endpoint=endpoint.name)
    return {name: value for name, value in parameters.items() if value is not None}


def unknown_name(endpoint: Endpoint, name: str, also: Sequence[str] = ()) -> str:
    """What to say of an argument that does not exist."""
    if name in endpoint.accepted:
        return f"{endpoint.title} takes {name!r}, but this class has no field for it."
    valid = sorted({*endpoint.accepted, *COMMON, *also} - {name})
    near = difflib.get_close_matches(name, valid, n=1)
    advice = f"did you mean {near[0]!r}?" if near else f"valid are {', '.join(valid)}."
    return f"{endpoint.title} has no parameter {name!r}; {advice}"


def warn_of_ignored(endpoint: Endpoint, parameters: Mapping[str, Any]) -> None:
    """Warn once of each standard parameter that the service cannot honour."""
    for name in ("temperature", "max_tokens"):
        if parameters.get(name) is not None and name not in endpoint.parameters:
            warnings.warn(
                f"{endpoint.title} has no {name}: the agent's own setting is used.", stacklevel=4
            )


def read_agent_id(endpoint: Endpoint, agent_id: str | None) -> str:
    """The agent's id: as given, from the environment, or the service's default."""
    found = agent_id or os.environ.get(f"{endpoint.env}_AGENT_ID") or endpoint.default_agent_id
    if not found:
        raise ConfigurationError(
            f"{endpoint.title} needs agent_id: pass it, or set {endpoint.env}_AGENT_ID.",
            endpoint=endpoint.name,
        )
    return _text("agent_id", found)


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} is a text, not {value!r}.")
    return value


def read_api_key(endpoint: Endpoint, api_key: Any) -> Any:
    """The key as a `SecretStr`, or the function that gives one."""
    found = api_key or os.environ.get(f"{endpoint.env}_API_KEY")
    if not found or (hasattr(found, "get_secret_value") and not found.get_secret_value()):
        raise ConfigurationError(
            f"{endpoint.title} needs a key: pass api_key, or set {endpoint.env}_API_KEY.",
            endpoint=endpoint.name,
        )
    if isinstance(found, str):
        from pydantic import SecretStr

        found = SecretStr(found)
    if not (callable(found) or hasattr(found, "get_secret_value")):
        raise ConfigurationError(
            f"api_key is a text, a SecretStr or a function, not {type(found).__name__}.",
            endpoint=endpoint.name,
        )
    if hasattr(found, "get_secret_value") and not _is_header_value(found.get_secret_value()):
        raise ConfigurationError(
            f"The key of {endpoint.title} has characters that no key has (line breaks or other "
            "than ASCII); check how it was copied.",
            endpoint=endpoint.name,
        )
    return found


def _is_header_value(text: str) -> bool:
    return text.isascii() and text.isprintable() and text == text.strip()


def read_base_url(
    endpoint: Endpoint, base_url: str | None, options: Mapping[str, Any], allow_http: bool
) -> str:
    """The root address: as given, from the options, from the environment, or the service's own."""
    from_env = os.environ.get(f"{endpoint.env}_BASE_URL")
    built = (
        None
        if base_url or endpoint.server_url is None
        else endpoint.server_url({"env_id": os.environ.get(f"{endpoint.env}_ENV_ID"), **options})
    )
    explicit = built if options.get("env_id") else None
    found = base_url or explicit or from_env or built or endpoint.base_url
    if not found:
        also = " or env_id" if endpoint.server_url else ""
        raise ConfigurationError(
            f"{endpoint.title} needs base_url{also}: pass it, or set {endpoint.env}_BASE_URL"
            f"{f' or {endpoint.env}_ENV_ID' if also else ''}.",
            endpoint=endpoint.name,
        )
    _check_url(endpoint, _text("base_url", found), allow_http)
    return found.rstrip("/")


def _check_url(endpoint: Endpoint, url: str, allow_http: bool) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query:
        raise ConfigurationError(
            f"base_url must be the service's root, like https://host, not {_redacted(url)!r}.",
            endpoint=endpoint.name,
        )
    if parts.scheme == "http" and host not in LOOPBACK and not allow_http:
        raise ConfigurationError(
            f"base_url {url!r} would send the key unencrypted: use https://, or allow_http=True.",
            endpoint=endpoint.name,
        )


def _redacted(url: str) -> str:
    """The address without what may be a secret in it."""
    head, _, tail = url.rpartition("@")
    return (("...@" if head else "") + tail).split("?", 1)[0][:200]


_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def read_mapping(name: str, value: Any) -> dict[str, Any]:
    """What has to be a mapping; a value is never quoted, it may be a secret."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} is a mapping, not {type(value).__name__}.")
    return dict(value)


def read_headers(value: Any) -> dict[str, str]:
    """Headers as HTTP allows them; a value is never quoted, it may be a secret."""
    headers: dict[str, str] = read_mapping("default_headers", value)
    for name, text in headers.items():
        if not (_HEADER.fullmatch(str(name)) and _is_printable(text)):
            raise ConfigurationError(
                f"The header {name!r} of default_headers has characters that HTTP does not allow "
                "in a header, or is no text."
            )
    return headers


def _is_printable(value: Any) -> bool:
    return isinstance(value, str) and value.isascii() and value.isprintable()


def read_client(name: str, client: Any, *, awaited: bool = False) -> Any:
    """An HTTP client of the caller's own, of the right kind."""
    send = getattr(client, "send", None)
    if client is not None and (send is None or inspect.iscoroutinefunction(send) is not awaited):
        kind = "httpx.AsyncClient" if awaited else "httpx.Client"
        raise ConfigurationError(f"{name} is an {kind}, not {type(client).__name__}.")
    return client


def read_function(name: str, value: Any) -> Any:
    """A function of the caller's own."""
    if value is not None and not callable(value):
        raise ConfigurationError(f"{name} is a function, not {type(value).__name__}.")
    return value


def read_names(name: str, value: Any) -> tuple[str, ...]:
    """Several names; a single text would be read letter by letter."""
    if isinstance(value, str) or not all(isinstance(each, str) for each in value):
        raise ConfigurationError(f"{name} is a list of texts, not {value!r}.")
    return tuple(value)


def read_secret(name: str, value: Any) -> str | bytes | None:
    """A secret of the caller's own; it is never quoted."""
    found = value.get_secret_value() if hasattr(value, "get_secret_value") else value
    if found is None or (isinstance(found, (str, bytes)) and found):
        return found
    raise ConfigurationError(f"{name} is a text that is not empty, or bytes.")


def read_bound(name: str, value: Any) -> Any:
    """A number that bounds something."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value <= 0:
        raise ConfigurationError(f"{name} must be a number above 0, not {value!r}.")
    return value


def read_retries(value: int) -> int:
    """A number of retries."""
    if not isinstance(value, int) or value < 0:
        raise ConfigurationError(f"max_retries must be 0 or more, not {value!r}.")
    return value


def read_unknown_frames(value: str) -> str:
    """What a frame of an unknown shape does that may hold text."""
    if value not in ("error", "count"):
        raise ConfigurationError(f"unknown_frames must be error or count, not {value!r}.")
    return value


def read_memory(value: str) -> Any:
    """A mode of memory."""
    if value not in MEMORY_MODES:
        raise ConfigurationError(f"memory must be one of {', '.join(MEMORY_MODES)}, not {value!r}.")
    return value


def read_stops(value: Any) -> tuple[str, ...]:
    """Stop sequences, given as one or as several."""
    if not value:
        return ()
    stops = (value,) if isinstance(value, str) else value
    if not isinstance(stops, (list, tuple)) or not all(isinstance(stop, str) for stop in stops):
        raise ConfigurationError(f"stop is a text or a list of texts, not {value!r}.")
    return tuple(stops)
