"""Sending a request, with blocking I/O and with asyncio."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import httpx

from remote_agents.addresses import may_upload_to, origin_of
from remote_agents.errors import AgentError, ConfigurationError, StreamProtocolError
from remote_agents.flow import Send
from remote_agents.http import certificates, pools
from remote_agents.http._seams import reports_departure
from remote_agents.http.deadlines import Alarm, Deadline
from remote_agents.http.errors import (
    CONNECTING,
    Departure,
    is_departure,
    is_of_signal,
    sending_failed,
    strip_tracebacks,
)
from remote_agents.http.proxies import without_credentials
from remote_agents.http.requests import (
    OutgoingRequest,
    Timeouts,
    address_of,
    build_request,
    merged,
    outgoing_json,
    tell_no_more,
)
from remote_agents.http.responses import AsyncResponse, IncomingResponse, SyncResponse
from remote_agents.workers import workers

# Seconds by which the limit for the first event outlasts an equal one for the connection, so that
# an unreachable host is called that.
CONNECT_WINS = 0.05


class Transport:
    """Sends requests to one base address with one set of settings.

    Args:
        base_url: Root address of the service, without a trailing slash.
        key_header: The header in which the key goes.
        key_begins: What stands before it there.
        headers: Headers that go with every request.
        verify: True, False, or the path of a CA bundle, or an `ssl.SSLContext`.
        client: A client of the caller's own for sync calls; it is never closed here.
        async_client: The same for async calls.
    """

    def __init__(
        self,
        base_url: str,
        *,
        key_header: str,
        key_begins: str,
        headers: Mapping[str, str],
        verify: object,
        client: httpx.Client | None,
        async_client: httpx.AsyncClient | None,
    ) -> None:
        self.base_url = base_url
        self._key_header, self._key_begins = key_header, key_begins
        self._headers = headers
        self._verify = verify
        self._client = client
        self._async_client = async_client
        self._home: pools.Route | None = None

    def open_response(self, op: Send) -> SyncResponse:
        """Send with blocking I/O; the response's headers have arrived."""
        departure, incoming = Departure(), None
        try:
            head = None if op.first_event is None else Deadline(op.first_event, op.timeout.idle)
            if self._client is not None:
                incoming = self._send_by(self._client, op, head, departure)
            else:
                incoming = self._send(op, head, departure)
            departure.told.clear()
            if self._is_kept_out(incoming, op, self._client):
                incoming.close()
                raise httpx.ProxyError(KEPT_OUT)
            return SyncResponse(incoming, op.timeout)
        except AgentError:
            raise
        except BaseException as error:
            if isinstance(error, Exception) and not is_of_signal(error):
                raise self._sending_failed(error, op, departure, self._client) from error
            self._call_off(op, departure, self._client, incoming)
            raise strip_tracebacks(error)  # noqa: B904 - it is the same error
        finally:
            if departure.told:
                departure.end()

    async def aopen_response(self, op: Send) -> AsyncResponse:
        """Send with asyncio; the response's headers have arrived."""
        alarm, departure, incoming = Alarm(op.timeout.idle), Departure(), None
        try:
            if self._async_client is not None:
                sending = self._asend_by(self._async_client, op, departure, alarm)
            else:
                sending = self._asend(op, departure)
            incoming = await alarm.before(_deadline(op), sending)
            departure.told.clear()
            if self._is_kept_out(incoming, op, self._async_client):
                await incoming.close()
                raise httpx.ProxyError(KEPT_OUT)
            return AsyncResponse(incoming, alarm)
        except BaseException as error:
            alarm.stop()
            if isinstance(error, AgentError):
                raise
            if isinstance(error, Exception):
                raise self._sending_failed(error, op, departure, self._async_client) from error
            self._call_off(op, departure, self._async_client, incoming)
            raise strip_tracebacks(error)  # noqa: B904 - it is the same error
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

    # --- the shared clients ----------------------------------------------------------------------

    def _send(self, op: Send, head: Deadline | None, departure: Departure) -> IncomingResponse:
        outgoing, route = self._outgoing(op, head), self._route(op)
        if route.verify is not None and certificates.is_due(route.verify):
            certificates.reload_changed(route.verify)
        return pools.pools.client(self, route).send(outgoing, departure)

    async def _asend(self, op: Send, departure: Departure) -> IncomingResponse:
        outgoing, route = self._outgoing(op, None), self._route(op)
        if route.verify is not None and certificates.is_due(route.verify):
            await workers.acall(partial(certificates.reload_changed, route.verify), None)
        client = await pools.pools.async_client(self, route)
        return await client.send(outgoing, departure)

    def _outgoing(self, op: Send, head: Deadline | None) -> OutgoingRequest:
        request, limits = op.request, _limits(op, head)
        if request.json is None or request.foreign or request.params:
            return OutgoingRequest.of(self._built(build_request, op, limits))
        try:
            address = address_of(self.base_url + request.path)
            return outgoing_json(request, address, limits, *self._headers_of(op))
        except UNWRITABLE as error:
            raise _unwritable(error) from error

    # --- a client of the caller's own ------------------------------------------------------------

    def _send_by(
        self, client: httpx.Client, op: Send, head: Deadline | None, departure: Departure
    ) -> IncomingResponse:
        request = self._built(client.build_request, op, _limits(op, head))
        request.extensions["trace"] = departure.trace
        try:
            response = client.send(request, stream=True, follow_redirects=False, auth=_auth(op))
        except httpx.HTTPStatusError as error:
            response = _refusal_in(error, request)
        del request.extensions["trace"]
        return IncomingResponse.of(response, response.close)

    async def _asend_by(
        self, client: httpx.AsyncClient, op: Send, departure: Departure, alarm: Alarm
    ) -> IncomingResponse:
        request = self._built(client.build_request, op, _limits(op, None))
        request.extensions["trace"] = _held_to_connect(op, departure, alarm)
        sending = client.send(request, stream=True, follow_redirects=False, auth=_auth(op))
        try:
            response = await sending
        except httpx.HTTPStatusError as error:
            response = _refusal_in(error, request)
        del request.extensions["trace"]
        return IncomingResponse.of(response, response.aclose)

    # --- requests --------------------------------------------------------------------------------

    def _built(
        self, build: Callable[..., httpx.Request], op: Send, limits: Timeouts
    ) -> httpx.Request:
        """A request as httpx writes it."""
        request, params = op.request, op.request.params
        if request.foreign:
            _check_upload(request.path, self.base_url)
        try:
            built = build(
                request.method,
                address_of(request.path if request.foreign else self.base_url + request.path).url,
                params=params and {k: v for k, v in params.items() if v is not None},
                json=request.json,
                files=request.files,
                data=request.data,
                content=request.content,
                timeout=httpx.Timeout(**limits),
                headers={} if request.foreign else merged(*self._headers_of(op)),
            )
        except UNWRITABLE as error:
            raise _unwritable(error) from error
        if request.foreign:
            tell_no_more(built, request.headers)
        return built

    def _headers_of(self, op: Send) -> tuple[Mapping[str, str], ...]:
        """What a request says of itself; what comes later goes before."""
        request, token = op.request, op.token
        # A compressing proxy would hold events back; a body is unpacked here, within bounds.
        headers = {
            "Accept": "text/event-stream" if request.stream else "application/json",
            "Accept-Encoding": "identity" if request.stream else "gzip",
        }
        if token:
            headers[self._key_header] = self._key_begins + token.get_secret_value()
        return headers, self._headers, request.headers

    def _call_off(
        self, op: Send, departure: Departure, client: Any | None, incoming: object
    ) -> None:
        """Say that a request that was called off had not left, if that is known."""
        if incoming is None and self._has_left(op, departure, client) is False:
            op.unsent()

    def _has_left(self, op: Send, departure: Departure, client: Any | None) -> bool | None:
        """Whether a byte of a request has left; None if the client does not tell."""
        tells = client is None or reports_departure(client, self._place_of(op))
        return True if departure.left else False if tells else None

    def _place_of(self, op: Send) -> str:
        return origin_of(op.request.path) if op.request.foreign else self.base_url

    def _sending_failed(
        self, error: Exception, op: Send, departure: Departure, client: Any | None
    ) -> AgentError:
        foreign, where = op.request.foreign, self._place_of(op)
        left = self._has_left(op, departure, client)
        proxy = self._proxy_of(op) if client is None else None
        where += " (the storage that the service named)" if foreign else ""
        where += f" through the proxy {without_credentials(proxy)}" if proxy else ""
        return sending_failed(error, where, op, departure, left=left)

    def _is_kept_out(self, incoming: IncomingResponse, op: Send, client: object) -> bool:
        """Whether the proxy of an address without TLS answered in the service's place."""
        return incoming.status == 407 and client is None and self._proxy_of(op) is not None

    def _proxy_of(self, op: Send) -> str | None:
        """The proxy that a request went through, unless it is what could not be found."""
        with suppress(AgentError, OSError, ValueError):
            return self._route(op).proxy
        return None


def _refusal_in(error: httpx.HTTPStatusError, request: httpx.Request) -> httpx.Response:
    """The answer for which a hook of the caller's client raised an error, which is ours to do."""
    if error.response.request is not request:
        raise error  # of a request of the hook's own
    return error.response


def _auth(op: Send) -> Any:
    """The auth of the caller's own client is for the service, not for another host."""
    return None if op.request.foreign else httpx.USE_CLIENT_DEFAULT


KEPT_OUT = "407 Proxy Authentication Required"
UNWRITABLE = (TypeError, ValueError, httpx.InvalidURL)


def _unwritable(error: Exception) -> ConfigurationError:
    return ConfigurationError(
        f"The request cannot be written ({type(error).__name__}: {error}); nothing was "
        "sent. Check the messages, the parameters and extra_body."
    )


def _check_upload(address: str, base_url: str) -> None:
    if not may_upload_to(address, base_url):
        raise StreamProtocolError(
            "The service named an address to upload to that is not https, or is an inner one: "
            f"{address.partition('?')[0][:200]!r}. The file was not sent."
        )


def _limits(op: Send, head: Deadline | None) -> Timeouts:
    """Each piece of a request is to be taken within `idle`, and all before the first event."""
    timeout, connect = op.timeout, op.timeout.connect
    if op.first_event is not None:
        connect = op.first_event if connect is None else min(connect, op.first_event)
    write = timeout.idle if head is None else head
    return {"connect": connect, "read": head, "write": write, "pool": timeout.first_event}


def _held_to_connect(
    op: Send, departure: Departure, alarm: Alarm
) -> Callable[[str, Mapping[str, Any]], Awaitable[None]]:
    """A trace that rings the alarm where no connection is there in time.

    httpcore holds the handshake with a proxy to other limits, or to none.
    """
    connect, end = op.timeout.connect, _deadline(op)

    async def trace(event: str, info: Mapping[str, Any]) -> None:
        await departure.atrace(event, info)
        if connect is not None and event.endswith(CONNECTING):
            late = time.monotonic() + connect + CONNECT_WINS
            alarm.move(late if end is None else min(late, end))
        elif is_departure(event, info):
            alarm.move(end)

    return trace


def _deadline(op: Send) -> float | None:
    """When the head must be there; a host that cannot be reached as late is called that."""
    if op.first_event is None:
        return None
    connects = op.timeout.connect is None or op.timeout.connect >= op.first_event
    return time.monotonic() + op.first_event + (CONNECT_WINS if connects else 0.0)
