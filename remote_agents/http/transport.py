"""Sending a request and reading its response, with blocking I/O and with asyncio.

Cuts a response off at its deadline, and a packed body into pieces of a bounded size.
"""

from __future__ import annotations

import asyncio
import math
import re
import socket
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, cast

import httpx

from remote_agents.addresses import may_upload_to
from remote_agents.errors import AgentError, ConfigurationError, StreamProtocolError
from remote_agents.flow import DeadlineReached, Limits, Request, Send
from remote_agents.http import certificates, pools
from remote_agents.http._seams import tells_of_departure
from remote_agents.http.charsets import Recoder, recoder_of
from remote_agents.http.deadlines import Alarm, Cut, Until
from remote_agents.http.errors import Departure, bare, reading_failed, sending_failed
from remote_agents.http.proxies import without_credentials
from remote_agents.http.requests import merged, plain_request, tell_no_more
from remote_agents.http.unpacking import Unpacker, unpacker_of
from remote_agents.json_types import JsonMapping, JsonObject
from remote_agents.workers import workers

if TYPE_CHECKING:
    from pydantic import SecretStr


# Seconds by which the limit for the first event outlasts an equal one for the connection, so that
# an unreachable host is called that.
CONNECT_WINS = 0.05


class Transport:
    """Sends requests to one base address with one set of settings.

    Args:
        base_url: Root address of the service, without a trailing slash.
        auth_scheme: `Bearer` or `Api-Key`.
        headers: Headers that go with every request.
        verify: True, False, or the path of a CA bundle, or an `ssl.SSLContext`.
        client: A client of the caller's own for sync calls; it is never closed here.
        async_client: The same for async calls.
    """

    def __init__(
        self,
        base_url: str,
        *,
        auth_scheme: str = "Bearer",
        headers: Mapping[str, str] | None = None,
        verify: object = True,
        client: httpx.Client | None = None,
        async_client: httpx.AsyncClient | None = None,
    ) -> None:
        self.base_url = base_url
        self._scheme = auth_scheme
        self._headers = headers or {}
        self._verify = True if verify is None else verify
        self._client = client
        self._async_client = async_client
        self._home: pools.Route | None = None

    def open_response(self, op: Send) -> SyncResponse:
        """Send with blocking I/O; the response's headers have arrived."""
        auth, route, departure = _auth(op), self._route(op), Departure()
        try:
            if route.verify is not None and certificates.is_due(route.verify):
                certificates.look(route.verify)
            client = self._client or pools.pools.client(self, route)
            head = None if op.first_event is None else Until(op.first_event, op.timeout.idle)
            request = self._build(client, op, head=head)
            request.extensions["trace"] = departure.trace
            response = client.send(request, stream=True, follow_redirects=False, auth=auth)
            del request.extensions["trace"]
            departure.told.clear()
            return SyncResponse(response, op.timeout)
        except AgentError:
            raise
        except Exception as error:
            raise self._sending_failed(error, op, departure, self._client) from error
        except BaseException as error:
            raise bare(error)  # noqa: B904 - it is the same error
        finally:
            if departure.told:
                departure.end()

    async def aopen_response(self, op: Send) -> AsyncResponse:
        """Send with asyncio; the response's headers have arrived."""
        auth, alarm, deadline, departure = _auth(op), Alarm(), None, Departure()
        try:
            if certificates.is_due(self._verify):
                await workers.acall(partial(certificates.look, self._verify), None)
            # The first client of a process imports aiohttp; the service's time starts after that.
            client = self._async_client or await pools.pools.async_client(self, self._route(op))
            if op.first_event is not None:
                deadline = time.monotonic() + op.first_event + CONNECT_WINS
            request = self._build(client, op, head=None)
            request.extensions["trace"] = departure.atrace
            sending = client.send(request, stream=True, follow_redirects=False, auth=auth)
            response = await alarm.before(deadline, sending)
            del request.extensions["trace"]
            departure.told.clear()
            return AsyncResponse(response, alarm)
        except AgentError:
            alarm.stop()
            raise
        except Exception as error:
            alarm.stop()
            raise self._sending_failed(error, op, departure, self._async_client) from error
        except BaseException as error:
            alarm.stop()
            raise bare(error)  # noqa: B904 - it is the same error
        finally:
            if departure.told:
                await departure.aend()

    def close(self) -> None:
        """Give up the shared sync connections; they close when no other agent uses them."""
        pools.pools.leave(self)

    async def aclose(self) -> None:
        """Give up the shared connections of this event loop as well."""
        await pools.pools.aleave(self)

    def _route(self, op: Send) -> pools.Route:
        if op.request.foreign:
            return pools.Route.to(op.request.path, self._verify)
        if self._home is None:
            self._home = pools.Route.to(self.base_url, self._verify)
        return self._home

    def _build(
        self, client: httpx.Client | httpx.AsyncClient, op: Send, head: Until | None
    ) -> httpx.Request:
        connect = op.timeout.connect
        if connect is not None and op.first_event is not None:
            connect = min(connect, op.first_event)
        try:
            return self._request(client, op, connect, head)
        except (TypeError, ValueError, httpx.InvalidURL) as error:
            raise ConfigurationError(
                f"The request cannot be written ({type(error).__name__}: {error}); nothing was "
                "sent. Check the messages, the parameters and extra_body."
            ) from error

    def _request(
        self,
        client: httpx.Client | httpx.AsyncClient,
        op: Send,
        connect: float | None,
        head: Until | None,
    ) -> httpx.Request:
        request = op.request
        if request.foreign:
            _check_upload(request.path, self.base_url)
        theirs = client is self._client or client is self._async_client
        build = client.build_request if theirs else partial(plain_request, client.headers)
        built = build(
            request.method,
            _url(request.path if request.foreign else self.base_url + request.path),
            params=_params(request.params),
            json=request.json,
            files=request.files,
            data=request.data,
            content=request.content,
            timeout=_limits(connect, head, op.timeout),
            headers={} if request.foreign else self._request_headers(request, op.token),
        )
        if request.foreign:
            tell_no_more(built, request.headers)
        return built

    def _request_headers(self, request: Request, token: SecretStr | None) -> dict[str, str]:
        # A compressing proxy would hold events back; a body is unpacked here, within bounds.
        headers = {
            "Accept": "text/event-stream" if request.stream else "application/json",
            "Accept-Encoding": "identity" if request.stream else "gzip",
        }
        if token:
            headers["Authorization"] = f"{self._scheme} {token.get_secret_value()}"
        return merged(headers, self._headers, request.headers)

    def _sending_failed(
        self, error: Exception, op: Send, departure: Departure, client: Any | None
    ) -> AgentError:
        tells = client is None or tells_of_departure(client, self.base_url)
        left = True if departure.left else False if tells else None
        proxy = self._home.proxy if self._home is not None and client is None else None
        through = f" through the proxy {without_credentials(proxy)}" if proxy else ""
        return sending_failed(error, self.base_url + through, op.timeout, left=left)


class _Response:
    """What is known of a response when its headers have arrived."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._response = response

    @property
    def asked(self) -> tuple[str, list[tuple[str, str]], bytes]:
        """What was sent: the path and query, the headers, and the body unless it was streamed."""
        request = self._response.request
        try:
            body = request.content
        except httpx.RequestNotRead:
            body = b""
        return request.url.raw_path.decode("ascii"), _pairs(request.headers), body

    @property
    def answered(self) -> list[tuple[str, str]]:
        """The headers that came, each as it was written."""
        return _pairs(self.headers)


class SyncResponse(_Response):
    """A response being read with blocking I/O."""

    def __init__(self, response: httpx.Response, timeout: Limits) -> None:
        super().__init__(response)
        # httpcore reads the limit for the body when the body is begun; the watchdog knows better.
        limits = response.request.extensions["timeout"]
        limits["read"] = _longest(timeout.first_event, timeout.idle)
        self._chunks: Iterator[bytes] = _body(response)
        sock = _socket_of(response)
        self._cut = Cut(sock) if sock is not None else None
        self._idle = math.inf if timeout.idle is None else timeout.idle

    def read(self, deadline: float | None) -> bytes | None:
        """The next bytes, or None at the end, where the connection is freed.

        Raises:
            DeadlineReached: Nothing came in time.
            AgentError: The connection broke.
        """
        cut = self._cut
        if cut is not None:
            cut.deadline = deadline
            if deadline is not None and deadline < cut.looked_at:
                # Not after the limit of the next read, which then need not be watched for itself.
                cut.arm(min(deadline, time.monotonic() + self._idle))
        try:
            chunk = next(self._chunks, None)
        except AgentError:
            raise
        except Exception as error:
            if cut is not None and cut.fired:
                raise DeadlineReached from error
            raise reading_failed(error) from error
        finally:
            if cut is not None:
                cut.deadline = None  # the time that the caller takes is his
        if cut is not None and cut.fired and not chunk:
            raise DeadlineReached
        if chunk is None:
            self._response.close()
        return chunk  # what came in time, though nobody looked in time

    def release(self) -> None:
        """Free the connection."""
        self._response.close()


class AsyncResponse(_Response):
    """A response being read with asyncio."""

    def __init__(self, response: httpx.Response, alarm: Alarm) -> None:
        super().__init__(response)
        self._alarm = alarm
        self._chunks: AsyncIterator[bytes] = _abody(response)

    async def aread(self, deadline: float | None) -> bytes | None:
        """The next bytes, or None at the end, where the connection is freed.

        Raises:
            DeadlineReached: Nothing came in time.
            AgentError: The connection broke.
        """
        try:
            return await self._alarm.before(deadline, self._chunks.__anext__())
        except StopAsyncIteration:
            await self.arelease()
            return None
        except (AgentError, DeadlineReached, asyncio.CancelledError):
            raise
        except Exception as error:
            raise reading_failed(error) from error

    async def arelease(self) -> None:
        """Free the connection."""
        self._alarm.stop()
        await self._response.aclose()


def _pairs(headers: httpx.Headers) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw]


# --- bodies ------------------------------------------------------------------------------------
# Read from the transport, not through httpx's own decoding.


def _body(response: httpx.Response) -> Iterator[bytes]:
    chunks = iter(cast("Iterable[bytes]", response.stream))
    for stage in _stages(response.headers):
        chunks = _read_through(stage, chunks)
    return chunks


def _read_through(stage: Unpacker | Recoder, chunks: Iterator[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        yield from stage.take(chunk)
    stage.end()


def _abody(response: httpx.Response) -> AsyncIterator[bytes]:
    chunks = aiter(cast("AsyncIterable[bytes]", response.stream))
    for stage in _stages(response.headers):
        chunks = _aread_through(stage, chunks)
    return chunks


async def _aread_through(
    stage: Unpacker | Recoder, chunks: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        for piece in stage.take(chunk):
            yield piece
    stage.end()


def _stages(headers: httpx.Headers) -> list[Unpacker | Recoder]:
    encoding, kind = headers.get("content-encoding"), headers.get("content-type")
    stages = unpacker_of(encoding) if encoding else None, recoder_of(kind) if kind else None
    return [stage for stage in stages if stage is not None]


# --- requests ----------------------------------------------------------------------------------


def _auth(op: Send) -> Any:
    """The auth of the caller's own client is for the service, not for another host."""
    return None if op.request.foreign else httpx.USE_CLIENT_DEFAULT


@lru_cache(maxsize=4096)
def _url(text: str) -> httpx.URL:
    if _DOT_SEGMENT.search(text):
        raise ConfigurationError(
            "An id must not be '.' or '..': it would lead to another path. Nothing was sent."
        )
    return httpx.URL(text)


_DOT_SEGMENT = re.compile(r"^[^?#]*/\.{1,2}(?:/|$)")  # what quoting leaves as it is


def _check_upload(address: str, base_url: str) -> None:
    if not may_upload_to(address, base_url):
        raise StreamProtocolError(
            "The service named an address to upload to that is not https, or is an inner one: "
            f"{address.partition('?')[0][:200]!r}. The file was not sent."
        )


def _params(params: JsonMapping | None) -> JsonObject | None:
    return None if params is None else {k: v for k, v in params.items() if v is not None}


def _limits(connect: float | None, head: Until | None, timeout: Limits) -> httpx.Timeout:
    """Each piece of a request is to be taken within `idle`, and all before the first event."""
    write = timeout.idle if head is None else head
    return httpx.Timeout(connect=connect, read=head, write=write, pool=timeout.first_event)


def _longest(*limits: float | None) -> float | None:
    known = [limit for limit in limits if limit is not None]
    return max(known) + 1.0 if len(known) == len(limits) else None


def _socket_of(response: httpx.Response) -> socket.socket | None:
    stream = response.extensions.get("network_stream")
    return stream.get_extra_info("socket") if stream is not None else None
