"""httpx's async client on httpcore, where aiohttp is missing or a proxy is in between.

Its connections are watched as the sync ones are: none that holds more than its answer serves
another request.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any, cast

import httpcore
import httpx

from remote_agents.http.framing import ChunkJoiner
from remote_agents.http.joining import as_httpx, core_proxy, core_request
from remote_agents.http.requests import no_cookies


def async_client(
    context: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None
) -> httpx.AsyncClient:
    """A client whose connections serve one answer to each request.

    Args:
        context: For `https`.
        limits: Of the pool.
        proxy: Through which all requests go.
    """
    transport = _Transport(context, limits, proxy)
    return httpx.AsyncClient(transport=transport, cookies=no_cookies(), trust_env=False)


class _Transport(httpx.AsyncBaseTransport):
    def __init__(
        self, context: ssl.SSLContext, limits: httpx.Limits, proxy: httpx.Proxy | None
    ) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=_Backend(),
            proxy=core_proxy(proxy),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with as_httpx():
            response = await self._pool.handle_async_request(core_request(request))
        return httpx.Response(
            response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with as_httpx():
            async for chunk in cast(Any, self._response.stream):
                yield chunk

    async def aclose(self) -> None:
        with as_httpx():
            await self._response.aclose()


class _Backend(httpcore.AnyIOBackend):
    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _Stream(await super().connect_tcp(*args, **options))


class _Stream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._joiner = ChunkJoiner()
        self._asking = False

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        self._asking = False
        while data := await self._stream.read(max_bytes, timeout):
            if joined := self._joiner.join(data):
                return joined
        return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not self._asking:
            self._asking = True
            self._joiner.begin(bodiless=buffer.startswith(b"HEAD "))
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return _Stream(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and not self._joiner.reusable:
            return True  # so httpcore does not use the connection again
        return self._stream.get_extra_info(info)
