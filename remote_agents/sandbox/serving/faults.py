"""Faults on demand: what a bad day of a service or of the network looks like to a client.

A fault waits in a queue for the next matching request. Most let the agent answer and spoil the
ASGI messages of the answer on their way out, so they need to know nothing of the protocols.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from remote_agents.sandbox.directory import is_chat
from remote_agents.sandbox.json_types import Arguments, JsonObject
from remote_agents.sandbox.serving.server import Connection
from remote_agents.sandbox.serving.wire import body, dumps

KEEPALIVE = b": keep-alive\n\n"
STREAMS = (b"text/event-stream", b"application/x-ndjson", b"application/jsonl")


class Cut(BaseException):
    """The response is over, whatever the handler still has to say."""


@dataclass
class Fault:
    """One ordered fault; `options` are the arguments of its kind."""

    kind: str
    endpoint: str | None = None
    times: int = 1
    match: str | None = None
    options: Arguments = field(default_factory=dict)

    def hits(self, endpoint: str, method: str, path: str) -> bool:
        """Whether it is meant for this request."""
        if self.endpoint not in (None, endpoint):
            return False
        return self.match in path if self.match else is_chat(method, path)


class Faults:
    """The faults still to come, in the order they were asked for."""

    def __init__(self) -> None:
        self.queue: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Queue a fault; ValueError for a kind or an argument that does not exist, or cannot be."""
        if fault.kind not in KINDS:
            raise ValueError(f"unknown fault {fault.kind!r}; there are: {', '.join(sorted(KINDS))}")
        _check(fault)
        self.queue.append(fault)

    def take(self, endpoint: str, method: str, path: str) -> Fault | None:
        """The fault for this request, used up once."""
        for fault in self.queue:
            if fault.hits(endpoint, method, path):
                fault.times -= 1
                if fault.times <= 0:
                    self.queue.remove(fault)
                return fault
        return None


ARGUMENTS: dict[str, tuple[str, ...]] = {
    "fail_next": ("status", "body", "retry_after"),
    "drop_after": ("events",),
    "truncate_after": ("events",),
    "stall_after": ("events", "keepalive"),
    "slow_first_byte": ("seconds",),
    "error_event": ("after",),
}
# What an argument must be, in words, and its test.
VALUES: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "times": ("a whole number from 1", lambda value: type(value) is int and value >= 1),
    "status": ("a whole number from 200 to 599", lambda v: type(v) is int and 200 <= v <= 599),
    "events": ("a whole number from 0", lambda value: type(value) is int and value >= 0),
    "after": ("a whole number from 0", lambda value: type(value) is int and value >= 0),
    "seconds": ("a number from 0", lambda value: type(value) in (int, float) and value >= 0),
    "keepalive": ("true or false", lambda value: type(value) is bool),
    "retry_after": ("seconds or a date", lambda value: type(value) in (int, float, str)),
}


def _check(fault: Fault) -> None:
    """A misspelt order is refused: a test that rests on it would pass for another reason."""
    known = ARGUMENTS.get(fault.kind, ())
    for name, value in {**fault.options, "times": fault.times}.items():
        if name not in (*known, "times"):
            takes = ", ".join((*known, "endpoint", "times", "match"))
            raise ValueError(f"{fault.kind} takes no {name!r}; it takes: {takes}")
        words, fits = VALUES.get(name, ("", lambda _: True))
        if not fits(value):
            raise ValueError(f"{name} must be {words}, not {value!r}")


@dataclass
class AffectedRequest:
    """A request that a fault befalls."""

    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    error: Callable[[int, str], JsonObject]
    error_frames: Callable[[str], list[str]]
    options: Mapping[str, Any]
    streamed: bool = False
    frames: int = 0
    length: int = 0
    passed: int = 0

    @property
    def connection(self) -> Connection:
        """The client's connection."""
        connection: Connection = self.scope["state"]["connection"]
        return connection

    async def run(self, spoil: Callable[[Message], Awaitable[None]]) -> None:
        """Let the application answer, each message through `spoil`."""

        async def send(message: Message) -> None:
            self._note(message)
            await spoil(message)

        await self.app(self.scope, self.receive, send)

    def _note(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            self.streamed = headers.get(b"content-type", b"").startswith(STREAMS)
            self.length = int(headers.get(b"content-length", 0))
        elif message.get("body"):
            self.frames += 1
            self.passed += len(message["body"])

    async def start(self, status: int, headers: Mapping[str, str]) -> None:
        """Begin an answer of our own."""
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": status, "headers": raw})

    async def reply(self, status: int, content: Any, **headers: str) -> None:
        """Send a whole answer: a dict as JSON, text as a page."""
        page = isinstance(content, str)
        kind = "text/html; charset=utf-8" if page else "application/json"
        payload = (content if page else dumps(content)).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        size = str(len(payload))
        await self.start(status, {"content-type": kind, "content-length": size, **named})
        await self.send(body(payload, more=False))

    async def drain(self) -> None:
        """Read the request, as a server does before it fails."""
        while (await self.receive()).get("more_body"):
            pass

    async def feed(self, chunk: bytes, pause: float = 0.0) -> None:
        """Send one chunk over and over until the client leaves."""
        while not self.connection.lost.is_set():
            await self.send(body(chunk))
            await asyncio.sleep(pause)
        raise Cut


async def _fail_next(v: AffectedRequest) -> None:
    await v.drain()
    status = int(v.options.get("status", 500))
    content = v.options.get("body")
    if content is None:
        content = v.error(status, "The service failed.")
    after = v.options.get("retry_after")
    headers = {} if after is None else {"retry_after": str(after)}
    await v.reply(status, content, **headers)


async def _error_in_200(v: AffectedRequest) -> None:
    await v.drain()
    await v.reply(200, v.error(500, "The service failed."))


async def _wrong_content_type(v: AffectedRequest) -> None:
    await v.drain()
    await v.reply(200, "<!doctype html><title>Sign in</title><p>Please sign in to continue.</p>")


async def _reset_before_response(v: AffectedRequest) -> None:
    await v.drain()
    await v.connection.hang_up(reset=True)


async def _slow_first_byte(v: AffectedRequest) -> None:
    seconds = float(v.options.get("seconds", 1.0))

    async def spoil(message: Message) -> None:
        if message["type"] == "http.response.start":
            await _wait(v.connection.lost, seconds)
        await v.send(message)

    await v.run(spoil)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except asyncio.TimeoutError:
        return
    raise Cut


# Whether a fault, and not the client, ended this request's answer: then the agent writes on.
BROKEN_OFF: ContextVar[bool] = ContextVar("broken_off", default=False)


async def _after(v: AffectedRequest, end: Callable[[], Awaitable[None]]) -> None:
    """Let `events` frames through, or half of a plain body, then come to a bad end."""
    events = int(v.options.get("events", 1))

    async def spoil(message: Message) -> None:
        if v.streamed and v.frames > events:
            BROKEN_OFF.set(True)
            await end()
            raise Cut
        if not v.streamed and v.passed > v.length // 2:
            over = v.passed - v.length // 2
            await v.send(body(message["body"][:-over]))
            await end()
            raise Cut
        await v.send(message)

    await v.run(spoil)


async def _drop_after(v: AffectedRequest) -> None:
    await _after(v, lambda: v.connection.hang_up(reset=True))


async def _truncate_after(v: AffectedRequest) -> None:
    async def end() -> None:
        if v.streamed:
            await v.send(body(b"", more=False))
        else:
            await v.connection.hang_up()

    await _after(v, end)


async def _stall_after(v: AffectedRequest) -> None:
    async def end() -> None:
        if v.streamed and v.options.get("keepalive", True):
            await v.feed(KEEPALIVE, pause=0.1)
        await v.connection.lost.wait()

    await _after(v, end)


async def _error_event(v: AffectedRequest) -> None:
    async def spoil(message: Message) -> None:
        if message["type"] == "http.response.start" and not v.streamed:
            await v.reply(200, v.error(500, "The model failed."))
            raise Cut
        if v.frames > int(v.options.get("after", 1)):
            for frame in v.error_frames("The model failed."):
                await v.send(body(frame.encode()))
            await v.send(body(b"", more=False))
            raise Cut
        await v.send(message)

    await v.run(spoil)


async def _garbage(v: AffectedRequest) -> None:
    async def spoil(message: Message) -> None:
        if v.streamed and message.get("body"):
            await v.send(body(b'data: {"choices": [{{{ not json\n\n'))
        elif message.get("body"):
            message = {**message, "body": b"{" * v.length}
        await v.send(message)

    await v.run(spoil)


async def _duplicate_frames(v: AffectedRequest) -> None:
    async def spoil(message: Message) -> None:
        await v.send(message)
        if v.streamed and message.get("body"):
            await v.send(message)

    await v.run(spoil)


async def _endless(
    v: AffectedRequest, stream: tuple[bytes, bytes], plain: tuple[bytes, bytes]
) -> None:
    async def spoil(message: Message) -> None:
        kind = "text/event-stream" if v.streamed else "application/json"
        first, chunk = stream if v.streamed else plain
        await v.start(200, {"content-type": kind})
        await v.send(body(first))
        await v.feed(chunk, 0.0 if len(chunk) > 100 else 0.01)

    await v.run(spoil)


async def _endless_line(v: AffectedRequest) -> None:
    letters = b"a" * 65536
    await _endless(v, (b'data: {"content": "', letters), (b'{"content": "', letters))


async def _endless_keepalives(v: AffectedRequest) -> None:
    await _endless(v, (KEEPALIVE, KEEPALIVE), (b"\n", b"\n"))


async def _gzip_bomb(v: AffectedRequest) -> None:
    async def spoil(message: Message) -> None:
        kind = "text/event-stream" if v.streamed else "application/json"
        await v.start(200, {"content-type": kind, "content-encoding": "gzip"})
        async for chunk in _bomb(b'data: {"content": "' if v.streamed else b'{"content": "'):
            if v.connection.lost.is_set():
                raise Cut
            await v.send(body(chunk))
        await v.send(body(b"", more=False))
        raise Cut

    await v.run(spoil)


async def _bomb(first: bytes) -> AsyncIterator[bytes]:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield packer.compress(first)
    block = b"a" * (1 << 20)
    for _ in range(512):
        yield packer.compress(block)
        await asyncio.sleep(0)
    yield packer.flush()


async def _huge_headers(v: AffectedRequest) -> None:
    await v.drain()
    many = {f"x-filler-{number}": "a" * 65536 for number in range(160)}
    await v.start(200, {"content-type": "application/json", **many})
    await v.send(body(b"{}", more=False))


KINDS: dict[str, Callable[[AffectedRequest], Awaitable[None]]] = {
    "fail_next": _fail_next,
    "drop_after": _drop_after,
    "truncate_after": _truncate_after,
    "stall_after": _stall_after,
    "garbage": _garbage,
    "slow_first_byte": _slow_first_byte,
    "error_event": _error_event,
    "wrong_content_type": _wrong_content_type,
    "reset_before_response": _reset_before_response,
    "duplicate_frames": _duplicate_frames,
    "endless_line": _endless_line,
    "endless_keepalives": _endless_keepalives,
    "gzip_bomb": _gzip_bomb,
    "huge_headers": _huge_headers,
    "error_in_200": _error_in_200,
}


async def inject(fault: Fault, affected: AffectedRequest) -> None:
    """Answer a request the way the fault wants it."""
    try:
        await KINDS[fault.kind](affected)
    except Cut:
        return
