"""The private names of others that this package reaches for, each with its reason.

None is needed: without one of them a call is slower, or behaves as httpx and asyncio alone do.
`tests/test_seams.py` takes each away, and says at an upgrade which one is gone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    import httpcore
    from aiohttp import BaseConnector, StreamReader, TCPConnector
    from aiohttp.client_proto import ResponseHandler

# --- httpcore ----------------------------------------------------------------------------------

# A garbage collection inside the pool's lock may end another stream, which takes the same lock.
# Without: a thread waits for itself in that moment, as it may with httpx.
POOL_LOCK = "_optional_thread_lock"
LOCK_OF_LOCK = "_lock"


def make_lock_reentrant(pool: httpcore.ConnectionPool) -> None:
    """Make the lock of a pool one that its thread may take again."""
    lock = getattr(pool, POOL_LOCK, None)
    if hasattr(lock, LOCK_OF_LOCK):
        setattr(lock, LOCK_OF_LOCK, threading.RLock())


# --- httpx -------------------------------------------------------------------------------------

# Whether a caller's own client runs on httpcore, which says when a request leaves.
# Without: what fails in such a client is not known to have left nothing, and is not repeated.
TRANSPORT_FOR = "_transport_for_url"


def reports_departure(client: httpx.Client | httpx.AsyncClient, url: str) -> bool:
    """Whether this client reports when a request to an address leaves."""
    transport_for = getattr(client, TRANSPORT_FOR, None)
    kinds = (httpx.HTTPTransport, httpx.AsyncHTTPTransport)
    return transport_for is not None and isinstance(transport_for(httpx.URL(url)), kinds)


# --- asyncio of Python 3.10, which does not count cancellations --------------------------------

# Without: one that comes in the very moment of a deadline is taken for the deadline.
MESSAGE = "_cancel_message"
MUST_CANCEL = "_must_cancel"
WAITS_FOR = "_fut_waiter"


def is_being_cancelled(task: asyncio.Task[Any]) -> bool:
    """Whether a cancellation is on its way to a task of Python 3.10."""
    waits_for = getattr(task, WAITS_FOR, None)
    return bool(getattr(task, MUST_CANCEL, False)) or (
        waits_for is not None and waits_for.cancelled()
    )


def cancel(task: asyncio.Task[Any], message: str) -> None:
    """Cancel a task; Python 3.10 keeps an older message, if it was not passed on."""
    task.cancel(message)
    if hasattr(task, MESSAGE):
        setattr(task, MESSAGE, message)


def cancel_message(task: asyncio.Task[Any], default: str) -> object:
    """What the last who cancelled a task of Python 3.10 said."""
    return getattr(task, MESSAGE, default)


# --- aiohttp -----------------------------------------------------------------------------------

# aiohttp leaves the reader of a broken answer waiting, or takes the break for the end; the protocol
# of our own does not, and needs these. Without: async requests go through httpcore, at twice the
# cost.
FACTORY = "_factory"  # where a connector takes the protocol of a new connection from
BODY = "_payload"  # the body that a protocol fills, to which it says what went wrong
TAKE = "_read_nowait"  # reads what came before the fault, which the public methods raise first
# Closes connections whose loop is gone. Without: aiohttp warns that they were not closed.
CLOSE = "_close"
# A connection under TLS reserves 256 kB to read into. Without: it does.
TLS = "_ssl_protocol"
TLS_BUFFER = "_ssl_buffer"
TLS_VIEW = "_ssl_buffer_view"


def are_known(
    connector: type[TCPConnector], protocol: type[ResponseHandler], body: type[StreamReader]
) -> bool:
    """Whether aiohttp has all that a protocol of our own needs."""
    return (
        sets_attribute(connector, FACTORY)
        and sets_attribute(protocol, BODY)
        and hasattr(body, TAKE)
    )


def sets_attribute(kind: type, name: str) -> bool:
    """Whether the constructor of a class sets an attribute of this name."""
    makers = [vars(base).get("__init__") for base in kind.__mro__]
    return any(isinstance(make, FunctionType) and name in make.__code__.co_names for make in makers)


def use_protocol(
    connector: TCPConnector, protocol: Callable[[asyncio.AbstractEventLoop], ResponseHandler]
) -> None:
    """Make new connections speak through a protocol of our own."""
    setattr(connector, FACTORY, partial(protocol, asyncio.get_running_loop()))


def body_of(protocol: ResponseHandler) -> StreamReader | None:
    """The body that is being filled."""
    body: StreamReader | None = getattr(protocol, BODY)
    return body


def unread_bytes(body: StreamReader) -> bytes:
    """What has come of a broken body and was not read yet."""
    rest: bytes = getattr(body, TAKE)(-1)
    return rest


def close_connector(connector: BaseConnector) -> None:
    """Close the connections of a loop that will not run again."""
    if close := getattr(connector, CLOSE, None):
        close()


def limit_read_size(transport: asyncio.BaseTransport, size: int) -> None:
    """Take less from a socket at once, where the transport is asyncio's own.

    Args:
        transport: Of a connection.
        size: Bytes.
    """
    tls = getattr(transport, TLS, None)
    if tls is not None and hasattr(tls, TLS_VIEW) and hasattr(tls, TLS_BUFFER):
        tls.max_size = size
        buffer = bytearray(size)  # instead of the handshake's
        setattr(tls, TLS_BUFFER, buffer)
        setattr(tls, TLS_VIEW, memoryview(buffer))
    elif hasattr(transport, "max_size"):
        transport.max_size = size
