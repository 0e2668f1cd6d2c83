"""Reading the arguments of a constructor: what is missing, unknown or unusable says what to do."""

from __future__ import annotations

import inspect
import os
import re
import ssl
import warnings
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from remote_agents.addresses import is_loopback
from remote_agents.errors import ConfigurationError
from remote_agents.json_types import JsonObject
from remote_agents.memory.plan import MEMORY_MODES
from remote_agents.service import Endpoint
from remote_agents.settings import refuse_bytes
from remote_agents.unknown_names import unknown_in_call, unknown_name


def check_parameters(endpoint: Endpoint, parameters: Mapping[str, Any]) -> JsonObject:
    """The parameters of a constructor that are set, if the endpoint knows them all.

    Raises:
        ConfigurationError: Names the unknown one, and the nearest that is valid; `stop` is no text.
    """
    accepted = endpoint.accepted
    for name in parameters:
        if name not in accepted and name != "streaming":
            raise ConfigurationError(unknown_name(endpoint, name), endpoint=endpoint.name)
    read_stops(parameters.get("stop"))
    return {name: value for name, value in parameters.items() if value is not None}


def check_call(endpoint: Endpoint, parameters: Mapping[str, Any]) -> JsonObject:
    """The parameters of a call that are set, without those that do no harm.

    Raises:
        ConfigurationError: Names the unknown one, and the nearest that is valid.
    """
    known = endpoint.accepted.union(endpoint.call_only, ("streaming",))
    told = {name: value for name, value in parameters.items() if value is not None}
    for name in [*told]:
        if name in known:
            continue
        if not _is_harmless(name, told.pop(name)):
            raise ConfigurationError(unknown_in_call(endpoint, name), endpoint=endpoint.name)
    return told


# What frameworks, and scripts written for other models, habitually pass, and what an agent that has
# no use for it need not be told.
_HARMLESS: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "stream": (True, False),
    "tool_choice": ("auto", "none"),
    "suggest": (False,),
    "tools": ([], ()),
    "logprobs": (False,),
    "echo": (False,),
    "strict": (False,),
    "best_of": (1,),
    "formatted": (True, False),
}
_MEANINGLESS = frozenset(
    {"stream_usage", "stream_options", "parallel_tool_calls", "ls_structured_output_format"}
    | {"callbacks", "tags", "metadata", "run_name", "run_id", "verbose", "use_cache"}
)


def _is_harmless(name: str, value: object) -> bool:
    return name in _MEANINGLESS or value in _HARMLESS.get(name, ())


def warn_of_ignored(endpoint: Endpoint, parameters: Mapping[str, Any]) -> None:
    """Warn of each standard parameter that the service cannot honour, at the caller's line."""
    for name in ("temperature", "max_tokens"):
        if parameters.get(name) is not None and name not in endpoint.parameters:
            warnings.warn(
                f"{endpoint.title} has no {name}: the agent's own setting is used.",
                stacklevel=_frames_to_caller(),
            )


_BETWEEN = frozenset(
    {"remote_agents", "langchain_agents", "llamaindex_agents"}
    | {"pydantic", "langchain_core", "llama_index", "functools", "contextlib"}
)


def _frames_to_caller() -> int:
    """The `stacklevel` of whoever called this library, for a warning of this module."""
    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_back is not None and _package(frame) in _BETWEEN:
        frame, level = frame.f_back, level + 1
    return level


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def read_model(endpoint: Endpoint, agent_id: str | None, model: str | None) -> str | None:
    """The agent's id by either of its names.

    Raises:
        ConfigurationError: Both are given, and differ.
    """
    if model is None or "model" in endpoint.accepted:
        return agent_id
    if agent_id not in (None, model):
        raise ConfigurationError(
            f"model is another name of agent_id at {endpoint.title}, which has no models of its "
            "own: pass agent_id alone.",
            endpoint=endpoint.name,
        )
    return model


def read_agent_id(endpoint: Endpoint, agent_id: str | None) -> str:
    """The agent's id: as given, from the environment, or the service's default."""
    found = agent_id or os.environ.get(f"{endpoint.env}_AGENT_ID") or endpoint.default_agent_id
    if not found:
        raise ConfigurationError(
            f"{endpoint.title} needs agent_id: pass it, or set {endpoint.env}_AGENT_ID.",
            endpoint=endpoint.name,
        )
    if not _text("agent_id", found).isascii() and _is_half(found):
        raise ConfigurationError(f"agent_id={found!r} is no id: it holds half a letter.")
    return found


def _is_half(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, which no address can."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _text(name: str, value: object) -> str:
    refuse_bytes(name, value)
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} is a text, not {value!r}.")
    return value


def read_api_key(endpoint: Endpoint, api_key: object) -> Any:
    """The key as a `SecretStr`, or the function that gives one."""
    found = api_key or os.environ.get(f"{endpoint.env}_API_KEY")
    if not found and endpoint.key_optional:
        return SecretStr("")
    if not found or (hasattr(found, "get_secret_value") and not found.get_secret_value()):
        raise ConfigurationError(
            f"{endpoint.title} needs a key: pass api_key, or set {endpoint.env}_API_KEY.",
            endpoint=endpoint.name,
        )
    refuse_bytes("api_key", found)
    if isinstance(found, str):
        found = SecretStr(found)
    if not (callable(found) or hasattr(found, "get_secret_value")):
        raise ConfigurationError(
            f"api_key is a text, a SecretStr or a function, not {type(found).__name__}.",
            endpoint=endpoint.name,
        )
    if hasattr(found, "get_secret_value") and (
        fault := key_fault(endpoint, found.get_secret_value())
    ):
        raise ConfigurationError(
            f"The key of {endpoint.title} {fault}.",
            endpoint=endpoint.name,
        )
    return found


def key_fault(endpoint: Endpoint, key: str) -> str | None:
    """What is wrong with a key; it is never quoted."""
    if not (key and key.isascii() and key.isprintable() and key == key.strip()):
        return (
            "has characters that no key has (spaces around it, line breaks, other than ASCII), or "
            "none at all; check how it was copied"
        )
    if scheme := _SCHEME.match(key):
        return (
            f"begins with {scheme[1]!r}: pass the key alone, {endpoint.auth_scheme!r} is put "
            "before it here"
        )
    return None


_SCHEME = re.compile(r"(Bearer|Api-Key|Basic|Token)\s", re.IGNORECASE)


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
    if parts.scheme not in ("http", "https") or not host or parts.query or _holds_more(url):
        raise ConfigurationError(
            f"base_url must be the service's root, like https://host, not {_redacted(url)!r}.",
            endpoint=endpoint.name,
        )
    if parts.scheme == "http" and not is_loopback(host) and not allow_http:
        raise ConfigurationError(
            f"base_url {url!r} would send the key unencrypted: use https://, or allow_http=True.",
            endpoint=endpoint.name,
        )


def check_head(endpoint: Endpoint, base_url: str, first_path: Callable[[], str]) -> None:
    """Refuse an address that holds what the paths begin with which follow it.

    Raises:
        ConfigurationError: It does; it says what to write.
    """
    if not urlsplit(base_url).path.strip("/"):
        return
    parts = first_path().strip("/").split("/")
    for size in range(len(parts), 0, -1):
        head = "/" + "/".join(parts[:size])
        at = base_url.find(f"{head}/") if size > 2 else -1
        at = len(base_url) - len(head) if base_url.endswith(head) else at
        if head != "/" and at > 0:
            raise ConfigurationError(
                f"base_url holds {head}, which is put behind it here: write the service's root, "
                f"{base_url[:at]!r}.",
                endpoint=endpoint.name,
            )


def _holds_more(url: str) -> bool:
    """Whether there is a user, a password or a fragment in it: a secret, or the end of the path."""
    return "@" in urlsplit(url).netloc or "#" in url or "?" in url


def _redacted(url: str) -> str:
    """The address without what may be a secret in it."""
    head, _, tail = url.rpartition("@")
    return (("...@" if head else "") + tail).split("?", 1)[0].split("#", 1)[0][:200]


_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def read_mapping(name: str, value: object) -> JsonObject:
    """What has to be a mapping; a value is never quoted, it may be a secret."""
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} is a mapping, not {type(value).__name__}.")
    return dict(value)


def read_headers(value: object, argument: str = "default_headers") -> dict[str, str]:
    """Headers as HTTP allows them; a value is never quoted, it may be a secret."""
    headers: dict[str, str] = read_mapping(argument, value)
    for name, text in headers.items():
        if not (_HEADER.fullmatch(str(name)) and _is_printable(text)):
            raise ConfigurationError(
                f"The header {name!r} of {argument} has characters that HTTP does not allow "
                "in a header, or is no text."
            )
    return headers


def read_call_headers(value: object) -> dict[str, str]:
    """The headers of one call, which changes nothing of who is asking."""
    headers = read_headers(value, "headers")
    if any(name.lower() == "authorization" for name in headers):
        raise ConfigurationError(
            "A call's headers have no Authorization: pass a function as api_key, which runs before "
            "each request, so that the conversations of two keys stay apart."
        )
    return headers


def read_verify(value: object) -> Any:
    """TLS settings: True, False, a path, or a context; None is True."""
    if isinstance(value, bytes) or (isinstance(value, str) and "-----BEGIN" in value):
        raise ConfigurationError(
            "verify is the path of a file of certificates, not their text: write it to a file, or "
            "pass ssl.create_default_context(cadata=text)."
        )
    if value is None or isinstance(value, (bool, str, os.PathLike, ssl.SSLContext)):
        return value
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
    if value not in MEMORY_MODES:
        raise ConfigurationError(f"memory must be one of {', '.join(MEMORY_MODES)}, not {value!r}.")
    return value


def read_stops(value: object) -> tuple[str, ...]:
    """Stop sequences, given as one or as several."""
    if not value:
        return ()
    stops = (value,) if isinstance(value, str) else value
    if not isinstance(stops, (list, tuple)) or not all(isinstance(stop, str) for stop in stops):
        raise ConfigurationError(f"stop is a text or a list of texts, not {value!r}.")
    return tuple(stops)
