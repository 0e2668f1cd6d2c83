"""From what httpx and aiohttp raise to our errors, and whether a request left the machine."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable, Mapping
from types import CodeType, FunctionType
from typing import Any, NamedTuple, TypeVar

import httpx

from remote_agents.errors import (
    AgentConnectionError,
    AgentError,
    AgentTimeoutError,
    ConfigurationError,
    StreamInterruptedError,
    StreamProtocolError,
)
from remote_agents.flow import DeadlineReached, Send
from remote_agents.raised_in import raised_in

E = TypeVar("E", bound=BaseException)
LEAVING = "send_request_headers.started"
CONNECTING = "connect_tcp.started"
CONNECTED = "connect_tcp.complete"
REFUSED = re.compile(r"ALERT_\w*(?:CERTIFICATE|UNKNOWN_CA)")  # what the client showed of itself
HANDSHAKES_FAILED = ("setup_socks5_connection.failed", "start_tls.failed")


class Departure:
    """Whether a request has left this machine, by what httpcore tells a `trace` of all it does.

    Attributes:
        told: What it told, by the names of its events. It holds the request, which holds the
            trace: it has to be cleared when the response is there.
    """

    def __init__(self) -> None:
        self.told: dict[str, Mapping[str, Any]] = {}
        # dict's own method: httpcore tells a dozen things of a request, and they are looked at only
        # when it fails.
        self.trace: Callable[[str, Mapping[str, Any]], None] = self.told.__setitem__

    @property
    def left(self) -> bool:
        """Whether the request's first byte was about to be written; a proxy's CONNECT is none."""
        return not self._was_kept_back and any(
            is_departure(name, info) for name, info in self.told.items()
        )

    @property
    def _was_kept_back(self) -> bool:
        """Whether our own connection kept the request, as the other side had closed or spoken."""
        failed = self.told.get("http11.send_request_headers.failed", {})
        return type(failed.get("exception")).__name__ == "ConnectError"

    @property
    def connecting(self) -> bool:
        """Whether a new connection was begun, be it to a proxy."""
        return any(name.endswith(CONNECTING) for name in self.told)

    async def atrace(self, event: str, info: Mapping[str, Any]) -> None:
        """The same as `trace`, with asyncio."""
        self.told[event] = info

    def end(self) -> None:
        """The response will not come: nothing is left open, and the request is let go."""
        for stream in self._broken_handshakes():
            stream.close()
        self.told.clear()

    async def aend(self) -> None:
        """The same as `end`, with asyncio."""
        for stream in self._broken_handshakes():
            await stream.aclose()
        self.told.clear()

    def _broken_handshakes(self) -> list[Any]:
        """What httpcore leaves open when a proxy does not let it through, or TLS is cancelled."""
        if not any(name.endswith(HANDSHAKES_FAILED) for name in self.told):
            return []
        return [
            info["return_value"] for name, info in self.told.items() if name.endswith(CONNECTED)
        ]


def is_departure(event: str, info: Mapping[str, Any]) -> bool:
    """Whether this event is the first byte of a request, which a proxy's CONNECT is not."""
    if not event.endswith(LEAVING):
        return False
    request = info.get("request")
    return request is None or request.method != b"CONNECT"


def sending_failed(
    error: Exception, where: str, op: Send, departure: Departure, *, left: bool | None
) -> AgentError:
    """Our error for what a client raised before a response was there.

    Args:
        error: What httpx, httpcore or aiohttp raised, or a hook of the caller's own client.
        where: What the request went to, for the message.
        op: What was sent, for the limits in the message.
        departure: How far it came, for the one that ran out.
        left: Whether a byte of the request has left; None if the client does not tell.
    """
    limit = _limit_of_connecting(error, op, departure)
    error, cause = _as_httpx(error), _aiohttp_cause(error)
    if REFUSED.search(str(error)):
        left = False  # TLS 1.3 tells it behind the request, which nobody has read
    if left or not (left is False or _is_early(error, cause)):
        return _answer_failed(error, where, op)
    if isinstance(cause or error, (httpx.TimeoutException, asyncio.TimeoutError, DeadlineReached)):
        return AgentTimeoutError(
            f"No connection to {where} within {limit.seconds} s; nothing was sent. "
            f"Check the network, or raise Timeout({limit.name}=...).",
            phase="connect",
        )
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return ConfigurationError(
            f"The request cannot be written as HTTP ({type(error).__name__}); nothing was sent. "
            "Check base_url and default_headers."
        )
    if isinstance(error, ImportError):
        return ConfigurationError(f"A module is missing ({error}); nothing was sent.")
    if isinstance(error, (httpx.TransportError, OSError)):
        on = " on" if isinstance(error, httpx.ProxyError) else ""  # the proxy may have had it
        return AgentConnectionError(
            f"Could not connect to {where} ({_described(error)}); nothing was "
            f"sent{on}. {_connection_hint(str(error), foreign=op.request.foreign)}"
        )
    return _not_sent(error)


class _Limit(NamedTuple):
    name: str
    seconds: float | None


def _limit_of_connecting(error: Exception, op: Send, departure: Departure) -> _Limit:
    """The limit that ended what had no connection yet: the first event's goes on meanwhile."""
    connect, first = op.timeout.connect, op.first_event
    # Of our own clients it is httpcore's, and held to `connect`.
    waited = isinstance(error, (httpx.ReadTimeout, httpx.PoolTimeout)) or (
        isinstance(error, DeadlineReached) and not departure.connecting
    )
    if first is None or (connect is not None and connect <= first and not waited):
        return _Limit("connect", connect)
    if first == op.timeout.first_event:
        return _Limit("first_event", first)
    return _Limit("total", round(first, 3))  # what it left


def _as_httpx(error: Exception) -> Exception:
    """One of httpcore's errors as httpx's of the same name, as httpx's own transport has it."""
    kind = getattr(httpx, type(error).__name__, None)
    if kind is None or not type(error).__module__.startswith("httpcore"):
        return error
    same: Exception = kind(str(error))
    return same


def _not_sent(error: Exception) -> AgentError:
    if isinstance(error, RuntimeError) and "closed" in str(error):
        return AgentConnectionError(f"The HTTP client is closed ({error}); nothing was sent.")
    if isinstance(error, RuntimeError) and "no running event loop" in str(error):
        return ConfigurationError(
            "The async methods need asyncio's event loop, which does not run here; nothing was "
            "sent. Use the blocking methods in a thread instead."
        )
    return AgentConnectionError(
        f"The request was given up before it was sent ({_described(error)}{raised_in(error)}); "
        "nothing was sent. Of an http_client of your own check the hooks, auth and transport."
    )


def _answer_failed(error: Exception, where: str, op: Send) -> AgentError:
    if isinstance(error, (httpx.ReadTimeout, DeadlineReached)):
        became = "The file may be there" if op.request.foreign else "The turn may be running"
        return AgentTimeoutError(
            f"No answer from {where} within {op.timeout.first_event} s. {became}; it was not "
            "repeated. Raise Timeout(first_event=...) for a slower agent.",
            phase="first_event",
        )
    return reading_failed(error)


def reading_failed(error: Exception) -> AgentError:
    """Our error for what a client raised after the request had left."""
    error = _as_httpx(error)
    if isinstance(error, httpx.WriteTimeout):
        return AgentTimeoutError("The request could not be written in time.", phase="idle")
    if isinstance(error, httpx.ReadTimeout):
        return AgentTimeoutError("The answer stalled. Raise Timeout(idle=...).", phase="idle")
    if isinstance(error, httpx.DecodingError) or _is_malformed(error):
        reason = getattr(_aiohttp_cause(error), "message", error)
        return StreamProtocolError(f"The answer is not valid HTTP: {reason}")
    return StreamInterruptedError(
        f"The connection broke before the answer was whole ({_described(error)}). "
        "The turn may have run; it was not repeated."
    )


# What says by its name that nothing was sent, in httpx and in aiohttp: httpx-aiohttp calls every
# broken connection a ConnectTimeout, one that was refused and one that broke after sending too.
EARLY = {"ConnectTimeout", "PoolTimeout", "ConnectError", "ProxyError"} | {
    "UnsupportedProtocol",
    "LocalProtocolError",
}
AIOHTTP_EARLY = {"ConnectionTimeoutError", "ClientConnectorError", "ClientHttpProxyError"}


def _aiohttp_cause(error: BaseException) -> BaseException | None:
    cause = error.__cause__
    return cause if cause and type(cause).__module__.startswith("aiohttp") else None


def _is_early(error: Exception, cause: BaseException | None) -> bool:
    if isinstance(error, RuntimeError) and "closed" in str(error):
        return True
    names = {cls.__name__ for cls in type(cause or error).__mro__}
    return bool(names & (EARLY if cause is None else AIOHTTP_EARLY))


def _is_malformed(error: Exception) -> bool:
    if isinstance(error, httpx.RemoteProtocolError):
        text = str(error)
        return "disconnected" not in text and "closed" not in text
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"ClientResponseError", "HttpProcessingError"})


def _connection_hint(reason: str, *, foreign: bool) -> str:
    if REFUSED.search(reason):
        return (
            "It wants a certificate of yours, or another one: load it into an ssl.SSLContext "
            "(load_cert_chain), and pass verify=context."
        )
    if "CERTIFICATE" in reason.upper():
        return "Pass verify='/path/to/ca.pem' if the service uses a private certificate authority."
    return f"Check {'' if foreign else 'base_url, '}the network and the proxy settings."


def _described(error: BaseException) -> str:
    error = _aiohttp_cause(error) or error
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def is_of_signal(error: Exception) -> bool:
    """Whether the handler of a signal raised an error, as job queues end a job (Celery, RQ).

    It is no failure of the connection, and the program waits for it.
    """
    handlers, traceback = _signal_handlers(), error.__traceback__
    while traceback is not None and traceback.tb_frame.f_code not in handlers:
        traceback = traceback.tb_next
    return traceback is not None


def _signal_handlers() -> set[CodeType]:
    handlers = [signal.getsignal(number) for number in signal.valid_signals()]
    functions = [getattr(handler, "__func__", handler) for handler in handlers]
    return {each.__code__ for each in functions if isinstance(each, FunctionType)}


def strip_tracebacks(error: E) -> E:
    """An interrupt without the frames of httpx and aiohttp, which hold the key."""
    links: list[BaseException | None] = [error]
    while links:
        if (link := links.pop()) is not None and link.__traceback__ is not None:
            link.__traceback__ = None
            links += [link.__cause__, link.__context__]
    return error
