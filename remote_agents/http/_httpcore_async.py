"""The async client on httpcore, where aiohttp is missing or a proxy is in between.

Its connections are watched as the sync ones are: none that holds more than its answer serves
another request.
"""

from __future__ import annotations

import ssl
from typing import Any

import httpcore
import httpx

from remote_agents.http._connections import AsyncPool
from remote_agents.http._httpcore_sync import (
    core_proxy,
    core_request,
    incoming,
    is_for_service,
    joined,
)
from remote_agents.http.deadlines import Deadline
from remote_agents.http.errors import Departure
from remote_agents.http.framing import ChunkJoiner, is_request_head
from remote_agents.http.requests import OutgoingRequest
from remote_agents.http.responses import IncomingResponse


class AsyncHttpcoreClient:
    """A client whose connections serve one answer to each request.

    Args:
        context: For `https`.
        limits: Of the pool.
        proxy: Through which all requests go.
    """

    def __init__(
        self, context: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None
    ) -> None:
        self._pool = AsyncPool(
            limits,
            ssl_context=context,
            network_backend=_Backend(),
            proxy=core_proxy(proxy),
        )

    async def send(self, request: OutgoingRequest, departure: Departure) -> IncomingResponse:
        """Send a request; the response's head has arrived."""
        sent = core_request(request, departure.atrace)
        return incoming(await self._pool.handle_async_request(sent), sent, request)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._pool.aclose()


class _Backend(httpcore.AnyIOBackend):
    async def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **options: Any
    ) -> httpcore.AsyncNetworkStream:
        limit = None if timeout is None else Deadline(timeout)
        return _Stream(await super().connect_tcp(host, port, timeout, *args, **options), limit)


class _Stream(httpcore.AsyncNetworkStream):
    """A connection that joins chunks, and is held to `connecting` as the sync ones are."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, connecting: Deadline | None) -> None:
        self._stream = stream
        self._connecting = connecting
        self._joiner = ChunkJoiner()
        self._asking = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._asking = False
        while data := await self._stream.read(max_bytes, self._seconds_left(timeout)):
            if fewer := joined(self._joiner, data):
                return fewer
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._asking:
            self._asking = True
            is_http = is_request_head(buffer)
            self._joiner.begin(bodiless=buffer.startswith(b"HEAD "), is_http=is_http)
            if self._connecting is not None and is_for_service(buffer):
                self._connecting = None
        await self._stream.write(buffer, self._seconds_left(timeout))

    def _seconds_left(self, timeout: float | None) -> float | None:
        return timeout if self._connecting is None else self._connecting.left()

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        within = self._seconds_left(timeout)
        secure = await self._stream.start_tls(ssl_context, server_hostname, within)
        return _Stream(secure, self._connecting)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and not self._joiner.reusable:
            return True  # so httpcore does not use the connection again
        return self._stream.get_extra_info(info)
