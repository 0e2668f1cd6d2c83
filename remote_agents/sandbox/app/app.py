"""The whole server as one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remote_agents.sandbox.app import control, seeding
from remote_agents.sandbox.directory import endpoint_of
from remote_agents.sandbox.json_types import JsonObject
from remote_agents.sandbox.service import Service
from remote_agents.sandbox.services import modules_of, packages, whole
from remote_agents.sandbox.serving.faults import AffectedRequest, inject
from remote_agents.sandbox.serving.log import Entry
from remote_agents.sandbox.serving.server import Connection
from remote_agents.sandbox.serving.wire import Json, Refusal, new_id


class ServiceProtocol(Protocol):
    """The module of a service's protocol, which has the name of its agent in the directory."""

    routes: Sequence[Route]

    def error_body(self, refusal: Refusal, request_id: str) -> Any:
        """An error as the service words it."""

    def error_frames(self, message: str, state: JsonObject) -> list[str]:
        """A failure in the stream as the service words it."""


MODULES = whole({name: partial(modules_of, package) for name, package in packages().items()})
PROTOCOLS = {name: cast(ServiceProtocol, modules[0]) for name, modules in MODULES.items()}
LOOPBACK = ("localhost", "127.0.0.1", "::1")
LOGGED_BODY = 1 << 20


def create_app(service: Service, hosts: Iterable[str] = ()) -> ASGIApp:
    """Assemble the protocols and the sandbox's own pages.

    Args:
        service: what the handlers need.
        hosts: names that it answers to, beside those of this machine.
    """
    for package in packages().values():
        if hasattr(package, "prepare"):
            package.prepare(service.store)
    theirs = [module for modules in MODULES.values() for module in modules]
    app = Starlette(
        routes=[route for module in (*theirs, seeding, control) for route in module.routes],
        exception_handlers={
            Refusal: _refused,
            HTTPException: _not_routed,
            Exception: _failed,
        },
    )
    # Slashes matter: MaiAgent's framework is strict about them, and the others have none.
    app.router.redirect_slashes = False
    app.state.service = service
    return Guard(Recorder(app, service), hosts)


class Guard:
    """Refuses what was not sent to this machine: DNS rebinding, other sites' pages."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ()) -> None:
        self.app, self.hosts = app, frozenset((*LOOPBACK, *map(str.lower, hosts)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        headers = dict(scope["headers"])
        problem = self._foreign(scope["method"], headers)
        if problem:
            await Json({"error": problem}, status_code=403)(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    def _foreign(self, method: str, headers: dict[bytes, bytes]) -> str | None:
        host = headers.get(b"host", b"").decode("latin-1")
        if not self._is_ours(f"//{host}"):
            return (
                f"The sandbox does not answer to the host {host!r}: "
                "start it with --allow-host NAME."
            )
        origin = headers.get(b"origin")
        if method not in ("GET", "HEAD") and origin and not self._is_ours(origin.decode("latin-1")):
            return "The sandbox takes nothing from pages of other sites."
        return None

    def _is_ours(self, url: str) -> bool:
        try:
            return (urlsplit(url).hostname or "").removesuffix(".") in self.hosts
        except ValueError:
            return False


class Recorder:
    """Gives each request an id and an entry in the log, and lets faults befall it."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a service under observation; our own pages go straight through."""
        request_id = scope["state"]["request_id"] = new_id()
        endpoint = endpoint_of(scope["path"])
        if endpoint is None:
            await self.app(scope, receive, _stamped(send, request_id))
            return
        entry = Entry.of(endpoint, scope, self.service.keys)
        self.service.log.add(entry)
        state = scope["state"]
        state["error_frames"] = lambda text: PROTOCOLS[endpoint].error_frames(text, state)
        connection, answering = cast(Connection, state["connection"]), asyncio.current_task()

        def left() -> None:
            entry.end("disconnected")
            if answering is not None:  # it may be waiting for a model that nobody waits for
                answering.cancel()

        connection.on_lost = left
        send = _watched(_stamped(send, request_id), entry)
        try:
            await self._answer(endpoint, scope, self._recorded(receive, entry), send)
        except asyncio.CancelledError:
            if not connection.lost.is_set():
                raise

    async def _answer(self, endpoint: str, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self.service.faults.take(endpoint, scope["method"], scope["path"])
        if fault is None:
            await self.app(scope, receive, send)
            return
        protocol, state = PROTOCOLS[endpoint], scope["state"]
        affected = AffectedRequest(
            self.app,
            scope,
            receive,
            send,
            lambda status, text: protocol.error_body(Refusal(status, text), state["request_id"]),
            state["error_frames"],
            fault.options,
        )
        await inject(fault, affected)

    def _recorded(self, receive: Receive, entry: Entry) -> Receive:
        async def recorded() -> Message:
            message = await receive()
            if len(entry.raw) < LOGGED_BODY:
                self.service.log.add_body(entry, message.get("body", b""))
            return message

        return recorded


def _stamped(send: Send, request_id: str) -> Send:
    async def stamped(message: Message) -> None:
        if message["type"] == "http.response.start":
            stamp = (b"x-request-id", request_id.encode())
            message = {**message, "headers": [*message.get("headers", []), stamp]}
        await send(message)

    return stamped


def _watched(send: Send, entry: Entry) -> Send:
    async def watched(message: Message) -> None:
        if message["type"] == "http.response.start":
            entry.status = message["status"]
        elif not message.get("more_body"):
            entry.end("completed")
        await send(message)

    return watched


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return _error(request, error)


async def _not_routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    appends = getattr(PROTOCOLS.get(endpoint_of(path) or ""), "APPENDS_SLASH", False)
    if appends and request.method == "GET" and not path.endswith("/"):
        # As Django does; for a POST it would lose the body, so that stays a 404.
        location = str(request.url.replace(path=f"{path}/"))
        return Response(status_code=301, headers={"location": location})
    message = "Not found." if error.status_code == 404 else str(error.detail)
    return _error(request, Refusal(error.status_code, message, headers=error.headers))


async def _failed(request: Request, error: Exception) -> Response:
    return _error(request, Refusal(500, "Internal server error"))


def _error(request: Request, refusal: Refusal) -> Response:
    endpoint = endpoint_of(request.url.path)
    body: Any = {"error": refusal.message}
    if endpoint is not None:
        body = PROTOCOLS[endpoint].error_body(refusal, request.scope["state"]["request_id"])
    return Json(body, status_code=refusal.status, headers=refusal.headers)
