"""Uvicorn, made to tell when a client leaves and able to hang up on it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
import sys
import threading
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:  # what it needs is installed only for `--tls`
    from remote_agents.sandbox.serving.certificates import Files

BACKLOG = 4096
LINGER = "hh" if sys.platform == "win32" else "ii"


class Connection:
    """One client's TCP connection, as the handlers see it in ``scope["state"]``."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.lost = asyncio.Event()
        self.on_lost: Callable[[], None] | None = None

    def lose(self) -> None:
        """Note that the connection is gone."""
        self.lost.set()
        if self.on_lost:
            self.on_lost()

    async def hang_up(self, *, reset: bool = False) -> None:
        """Close in the middle of a response; with a TCP reset if asked."""
        if reset:
            # What was sent must reach the client before the reset overtakes it.
            await asyncio.sleep(0.02)
            if not self.lost.is_set():  # the client may have left meanwhile
                self._linger(0)
                self.transport.abort()
        else:
            self.transport.close()
        await self.lost.wait()

    def _linger(self, seconds: int) -> None:
        sock = self.transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack(LINGER, 1, seconds))


class WatchedProtocol(H11Protocol):
    """Uvicorn's HTTP protocol that hands its connection to the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as asyncio calls it for TCP
        """Give the application a handle on the new connection."""
        self.connection = Connection(transport)
        self.app_state = {**self.app_state, "connection": self.connection}
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the application first: a handler that wakes finds the request disconnected."""
        self.connection.lose()
        super().connection_lost(exc)


class Server(uvicorn.Server):
    """A server that stops at once and lets its owner clean up afterwards."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop on SIGINT and SIGTERM, without raising them again as uvicorn does."""
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: self.stop())
        yield

    def stop(self) -> None:
        """Stop without waiting for open streams, whose end is not reported then."""
        self.should_exit = self.force_exit = True
        logging.getLogger("uvicorn.error").disabled = True


def listen(port: int, host: str = "127.0.0.1") -> socket.socket:
    """A listening socket; OSError when the port is taken or the address is not ours."""
    # asyncio turns Nagle's delay off only where the protocol is named.
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def serve(
    app: ASGIApp,
    sock: socket.socket,
    ready: Callable[[], None],
    until_eof: bool,
    tls: Files | None = None,
) -> None:
    """Serve until stopped by a signal, or by the end of standard input."""
    _allow_many_files()
    config = uvicorn.Config(
        app,
        http=WatchedProtocol,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_level="error",
        access_log=False,
        backlog=BACKLOG,
        timeout_keep_alive=75,
        server_header=False,
        date_header=False,
        ssl_certfile=tls and tls.certificate,
        ssl_keyfile=tls and tls.key,
    )
    server = Server(config)
    if until_eof:
        threading.Thread(target=_stop_at_eof, args=(server,), daemon=True).start()
    with server.capture_signals():  # who has read that it is ready may end it at once
        ready()
        server.run(sockets=[sock])


def _stop_at_eof(server: Server) -> None:
    while os.read(sys.stdin.fileno(), 4096):  # unlike `read`, it holds no lock when Python ends
        pass
    server.stop()


def _allow_many_files() -> None:
    resource: Any
    try:
        import resource
    except ImportError:  # Windows
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
