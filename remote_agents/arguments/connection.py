"""Which agent, where, and with which key: as given, or from the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from remote_agents.addresses import is_loopback
from remote_agents.arguments.values import read_text
from remote_agents.errors import ConfigurationError
from remote_agents.service import Endpoint
from remote_agents.settings import refuse_bytes


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


def environment_of(endpoint: Endpoint) -> dict[str, str]:
    """What the environment says of a service's agent, and where it is; never the key."""
    kinds = ("AGENT_ID", "BASE_URL", "ENV_ID") if endpoint.server_url else ("AGENT_ID", "BASE_URL")
    names = [f"{endpoint.env}_{kind}" for kind in kinds]
    return {name: value for name in names if (value := os.environ.get(name))}


def read_agent_id(endpoint: Endpoint, agent_id: str | None, environment: Mapping[str, str]) -> str:
    """The agent's id: as given, from the environment, or the service's default.

    Of one that its address tells, the service's name will do.
    """
    found = agent_id or environment.get(f"{endpoint.env}_AGENT_ID") or endpoint.default_agent_id
    found = found or (endpoint.name if endpoint.agent_in_address else None)
    if not found:
        raise ConfigurationError(
            f"{endpoint.title} needs agent_id: pass it, or set {endpoint.env}_AGENT_ID.",
            endpoint=endpoint.name,
        )
    if not read_text("agent_id", found).isascii() and _is_half(found):
        raise ConfigurationError(f"agent_id={found!r} is no id: it holds half a letter.")
    return found


def _is_half(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, which no address can."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def read_api_key(endpoint: Endpoint, api_key: object) -> Any:
    """The key as a `SecretStr`, or the function that gives one; the environment's if none is given.

    Never for an empty one: the missing key of a user is not the server's own.
    """
    found = os.environ.get(f"{endpoint.env}_API_KEY") if api_key is None else api_key
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
    if endpoint.key_begins and (scheme := _SCHEME.match(key)):
        return (
            f"begins with {scheme[1]!r}: pass the key alone, {endpoint.auth_scheme!r} is put "
            "before it here"
        )
    return None


_SCHEME = re.compile(r"(Bearer|Api-Key|Basic|Token)\s", re.IGNORECASE)


def read_base_url(
    endpoint: Endpoint,
    base_url: str | None,
    options: Mapping[str, Any],
    allow_http: bool,
    environment: Mapping[str, str],
) -> str:
    """The root address: as given, from the options, from the environment, or the service's own."""
    from_env = environment.get(f"{endpoint.env}_BASE_URL")
    built = (
        None
        if base_url or endpoint.server_url is None
        else endpoint.server_url({"env_id": environment.get(f"{endpoint.env}_ENV_ID"), **options})
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
    _check_url(endpoint, read_text("base_url", found), allow_http)
    return found.rstrip("/")


def _check_url(endpoint: Endpoint, url: str, allow_http: bool) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not host or parts.query or _holds_more(url):
        query = "A query goes to a client of your own: http_client=httpx.Client(params=...)."
        raise ConfigurationError(
            f"base_url must be the service's root, like https://host, not {_redacted(url)!r}. "
            f"{query if '?' in url else ''}".rstrip(),
            endpoint=endpoint.name,
        )
    if parts.scheme == "http" and not is_loopback(host) and not allow_http:
        raise ConfigurationError(
            f"base_url {url!r} would send the key unencrypted: use https://, or allow_http=True.",
            endpoint=endpoint.name,
        )


def check_head(endpoint: Endpoint, base_url: str, first_path: str) -> None:
    """Refuse an address that holds what the paths begin with which follow it.

    Args:
        endpoint: The facts of the service.
        base_url: The address.
        first_path: The path of a turn's first request, below the address.

    Raises:
        ConfigurationError: It does; it says what to write.
    """
    below = endpoint.below_root(first_path)
    for path in [first_path] if below is None else [root + below for root in endpoint.roots]:
        _check_head(endpoint, base_url, path)


def _check_head(endpoint: Endpoint, base_url: str, path: str) -> None:
    parts = path.strip("/").split("/")
    if f"/{parts[0]}" not in base_url or not urlsplit(base_url).path.strip("/"):
        return
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
    return ("...@" if head else "") + _BEHIND_PATH.sub(r"\1...", tail)[:200]


_BEHIND_PATH = re.compile(r"([?#]).*", re.DOTALL)
