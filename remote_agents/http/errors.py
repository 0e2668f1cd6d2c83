"""From what httpx and aiohttp raise to our errors, and whether a request left the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias, TypeVar

import httpx

from remote_agents.errors import (
    AgentConnectionError,
    AgentError,
    AgentTimeoutError,
    ConfigurationError,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.flow import DeadlineReached

if TYPE_CHECKING:
    from remote_agents.http.timeouts import Timeout

E = TypeVar("E", bound=BaseException)


def sending_failed(error: Exception, base_url: str, timeout: Timeout) -> AgentError:
    """Our error for what a client raised before a response was there.

    Args:
        error: What httpx or aiohttp raised.
        base_url: Where the request went, for the message.
        timeout: The limits, for the message.
    """
    if isinstance(error, AgentError):
        return error
    if isinstance(error, RuntimeError) and "closed" in str(error):
        return AgentConnectionError(f"The HTTP client is closed ({error}); nothing was sent.")
    cause = _aiohttp_cause(error)
    if isinstance(error, httpx.PoolTimeout) or _is(error, cause, _CONNECT_TIMEOUT):
        return AgentTimeoutError(
            f"No connection to {base_url} within {timeout.connect} s; nothing was sent. "
            "Check the network, or raise Timeout(connect=...).",
            phase="connect",
        )
    if _is(error, cause, _NOT_CONNECTED):
        return AgentConnectionError(
            f"Could not connect to {base_url} ({_said(error)}); nothing was "
            f"sent. {_connection_hint(str(error))}"
        )
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return ConfigurationError(
            f"The request cannot be written as HTTP ({type(error).__name__}); nothing was sent. "
            "Check base_url and default_headers."
        )
    if isinstance(error, (httpx.ReadTimeout, DeadlineReached)):
        return AgentTimeoutError(
            f"No answer from {base_url} within {timeout.first_event} s. The turn may be running; "
            "it was not repeated. Raise Timeout(first_event=...) for a slower agent.",
            phase="first_event",
        )
    return reading_failed(error)


def reading_failed(error: Exception) -> AgentError:
    """Our error for what a client raised after the request had left."""
    if isinstance(error, AgentError):
        return error
    if isinstance(error, httpx.WriteTimeout):
        return AgentTimeoutError("The request could not be written in time.", phase="idle")
    if isinstance(error, httpx.ReadTimeout):
        return AgentTimeoutError("The answer stalled. Raise Timeout(idle=...).", phase="idle")
    if isinstance(error, httpx.DecodingError) or _is_malformed(error):
        return StreamProtocolError(f"The answer is not valid HTTP: {error}")
    return StreamInterruptedError(
        f"The connection broke before the answer was whole ({_said(error)}). "
        "The turn may have run; it was not repeated."
    )


# httpx's names of an error before anything was sent, and aiohttp's: httpx-aiohttp calls every
# broken connection a ConnectTimeout, one that was refused and one that broke after sending too.
Names: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]
_CONNECT_TIMEOUT: Names = (("ConnectTimeout",), ("ConnectionTimeoutError",))
_NOT_CONNECTED: Names = (
    ("ConnectError", "ProxyError"),
    ("ClientConnectorError", "ClientHttpProxyError"),
)


def _aiohttp_cause(error: BaseException) -> BaseException | None:
    cause = error.__cause__
    return cause if cause and type(cause).__module__.startswith("aiohttp") else None


def _is(error: Exception, cause: BaseException | None, names: Names) -> bool:
    wanted = names[0] if cause is None else names[1]
    return any(cls.__name__ in wanted for cls in type(cause or error).__mro__)


def _is_malformed(error: Exception) -> bool:
    if isinstance(error, httpx.RemoteProtocolError):
        text = str(error)
        return "disconnected" not in text and "closed" not in text
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"ClientResponseError", "HttpProcessingError"})


def _connection_hint(reason: str) -> str:
    if "CERTIFICATE" in reason.upper():
        return "Pass verify='/path/to/ca.pem' if the service uses a private certificate authority."
    return "Check base_url, the network and the proxy settings."


def _said(error: BaseException) -> str:
    error = _aiohttp_cause(error) or error
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def bare(error: E) -> E:
    """An interrupt without the frames of httpx and aiohttp, which hold the key."""
    links: list[BaseException | None] = [error]
    while links:
        if (link := links.pop()) is not None and link.__traceback__ is not None:
            link.__traceback__ = None
            links += [link.__cause__, link.__context__]
    return error
