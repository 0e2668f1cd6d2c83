"""Calls and streams as pure generators, and the two drivers that run them.

A *flow* is a generator that yields operations and receives their results, as httpx's `auth_flow`
does. Endpoints yield `Call` and `Stream`; `exchange.py` turns those into the primitive operations
below; `run` and `arun` perform them, the one with blocking I/O, the other with asyncio. They are
the only place in this library that exists twice.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from remote_agents.errors import ConfigurationError
from remote_agents.types import Event, Reply

if TYPE_CHECKING:
    from pydantic import SecretStr

T = TypeVar("T")
Flow = Generator[Any, Any, T]
Decode = Callable[[Any, Reply], list[Event]]


@dataclass(slots=True)
class Request:
    """One HTTP request, without host and credentials.

    Args:
        method: `GET`, `POST`, ...
        path: Path below the base address, or a whole URL with `foreign=True`.
        json: Body.
        params: Query parameters; None values are left out.
        files: Multipart files, as httpx takes them.
        data: Multipart fields.
        headers: Extra headers.
        safe: Repeating it does no harm (GET, creating a conversation).
        stream: The answer is asked for as server-sent events.
        foreign: `path` is a URL on another host: no key and no headers of ours go there.
    """

    method: str
    path: str
    json: Any = None
    params: Mapping[str, Any] | None = None
    files: Any = None
    data: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    safe: bool = False
    stream: bool = False
    foreign: bool = False


class Answer(NamedTuple):
    """What a `Call` gives back: the status, the headers and the decoded JSON (None if none)."""

    status: int
    headers: Mapping[str, str]
    data: Any


class Call(NamedTuple):
    """Send a request and give the whole answer back."""

    request: Request


class Stream(NamedTuple):
    """Send a request and emit the events of its answer; gives the folded `Reply` back.

    `conversation_id` is the conversation that the endpoint chose or created for it, if any.
    """

    request: Request
    decode: Decode
    conversation_id: str | None = None


class Download(NamedTuple):
    """Send a request and pass its body, piece by piece, to `write`; gives the headers back."""

    request: Request
    write: Callable[[bytes, Mapping[str, str]], None]


# --- primitive operations ----------------------------------------------------------------------


class Emit(NamedTuple):
    """Hand items to whoever iterates."""

    items: list[Any]


class Send(NamedTuple):
    """Send a request; gives back a response whose headers have arrived."""

    request: Request
    token: SecretStr | None
    first_event: float | None


class Read(NamedTuple):
    """The next bytes of a response, or None at its end; fails at `deadline` (monotonic time)."""

    response: Any
    deadline: float | None


class Sleep(NamedTuple):
    """Wait so many seconds."""

    seconds: float


class Wait(NamedTuple):
    """Wait for a future; gives back whether it was done in time."""

    future: concurrent.futures.Future[None]
    seconds: float


class Do(NamedTuple):
    """Call a function; under asyncio in a thread if it blocks. A coroutine function is awaited."""

    function: Callable[[], Any]
    blocks: bool = False


class Defer(NamedTuple):
    """Call this when the flow is over, however it ends."""

    function: Callable[[], Any]
    blocks: bool = False


class DeadlineReached(Exception):
    """A `Read` was not served before its deadline."""


class Client(Protocol):
    """What a driver needs of a transport."""

    def send(self, op: Send) -> Any:
        """Send with blocking I/O."""

    async def asend(self, op: Send) -> Any:
        """Send with asyncio."""


def run(flow: Flow[T], client: Client) -> Generator[Any, None, T]:
    """Drive a flow with blocking I/O.

    Args:
        flow: The generator to drive.
        client: Sends its requests.

    Yields:
        What the flow emits.

    Returns:
        The flow's own return value.

    Raises:
        AgentError: Whatever the flow raises.

    Example:
        >>> def hello():
        ...     yield Emit(["hello", "world"])
        >>> list(run(hello(), client=None))
        ['hello', 'world']
    """
    io = _BlockingIO(client)
    with closing(io), closing(flow):
        step, value = flow.send, None
        while True:
            try:
                op = step(value)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            except BaseException:
                value = None  # an error that knows its frame, and the frame it: garbage
                raise
            try:
                if type(op) is Emit:
                    yield from op.items
                    value = None
                else:
                    value = io.perform(op)
                step = flow.send
            except GeneratorExit:
                raise
            except BaseException as error:
                step, value = flow.throw, error


async def arun(flow: Flow[T], client: Client) -> AsyncIterator[Any]:
    """Drive a flow with asyncio; the same as `run`, but its return value is not available.

    Args:
        flow: The generator to drive.
        client: Sends its requests.

    Yields:
        What the flow emits.

    Raises:
        AgentError: Whatever the flow raises.

    Example:
        >>> async def main():
        ...     return [item async for item in arun(hello(), client=None)]
    """
    io = _AsyncIO(client)
    try:
        step, value = flow.send, None
        while True:
            try:
                op = step(value)
            except StopIteration:
                return
            except BaseException:
                value = None
                raise
            try:
                if type(op) is Emit:
                    for item in op.items:
                        yield item
                    value = None
                else:
                    value = await io.perform(op)
                step = flow.send
            except GeneratorExit:
                raise
            except BaseException as error:
                step, value = flow.throw, error
    finally:
        flow.close()
        await io.aclose()


def value_of(flow: Flow[T], client: Client) -> T:
    """Drive a flow that emits nothing with blocking I/O and return its value."""
    items = run(flow, client)
    while True:
        try:
            next(items)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


async def avalue_of(flow: Flow[T], client: Client) -> T:
    """The same as `value_of`, with asyncio."""

    def last() -> Flow[None]:
        yield Emit([(yield from flow)])

    value: Any = None
    async for item in arun(last(), client):
        value = item
    return value  # type: ignore[no-any-return]


class _BlockingIO:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._open: list[Any] = []
        self._deferred: list[Defer] = []

    def perform(self, op: Any) -> Any:
        return _BLOCKING[type(op)](self, op)

    def close(self) -> None:
        with ExitStack() as stack:
            for op in self._deferred:
                stack.callback(op.function)
            for response in self._open:
                stack.callback(response.close)

    def _send(self, op: Send) -> Any:
        response = self._client.send(op)
        self._open.append(response)
        return response

    def _read(self, op: Read) -> bytes | None:
        chunk: bytes | None = op.response.read(op.deadline)
        if chunk is None:
            self._open.remove(op.response)
            op.response.close()
        return chunk

    def _do(self, op: Do) -> Any:
        value = op.function()
        if inspect.iscoroutine(value):
            value.close()
            raise ConfigurationError(
                "api_key is an async function: it can only be used by the async methods."
            )
        return value

    def _sleep(self, op: Sleep) -> None:
        time.sleep(op.seconds)

    def _wait(self, op: Wait) -> bool:
        try:
            op.future.result(op.seconds)
        except concurrent.futures.TimeoutError:
            return False
        return True

    def _defer(self, op: Defer) -> None:
        self._deferred.append(op)


class _AsyncIO:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._open: list[Any] = []
        self._deferred: list[Defer] = []

    async def perform(self, op: Any) -> Any:
        return await _ASYNC[type(op)](self, op)

    async def aclose(self) -> None:
        async with AsyncExitStack() as stack:
            for op in self._deferred:
                stack.push_async_callback(_ado, Do(op.function, op.blocks))
            for response in self._open:
                stack.push_async_callback(response.aclose)

    async def _defer(self, op: Defer) -> None:
        self._deferred.append(op)

    async def _send(self, op: Send) -> Any:
        response = await self._client.asend(op)
        self._open.append(response)
        return response

    async def _read(self, op: Read) -> bytes | None:
        chunk: bytes | None = await op.response.aread(op.deadline)
        if chunk is None:
            self._open.remove(op.response)
            await op.response.aclose()
        return chunk

    async def _sleep(self, op: Sleep) -> None:
        await asyncio.sleep(op.seconds)

    async def _wait(self, op: Wait) -> bool:
        done, _ = await asyncio.wait([asyncio.wrap_future(op.future)], timeout=op.seconds)
        return bool(done)

    async def _do(self, op: Do) -> Any:
        return await _ado(op)


def _table(io: type) -> dict[type, Callable[..., Any]]:
    names = {Send: "_send", Read: "_read", Sleep: "_sleep", Wait: "_wait", Do: "_do"}
    return {op: getattr(io, name) for op, name in {**names, Defer: "_defer"}.items()}


_BLOCKING, _ASYNC = _table(_BlockingIO), _table(_AsyncIO)


async def _ado(op: Do) -> Any:
    if not op.blocks:
        value = op.function()
    else:
        value = await asyncio.to_thread(op.function)
    return await value if inspect.isawaitable(value) else value


def collect(items: Iterator[Any]) -> Any:
    """Exhaust an iterator and return its last item."""
    last = None
    for item in items:
        last = item
    return last


async def acollect(items: AsyncIterator[Any]) -> Any:
    """Exhaust an async iterator and return its last item."""
    last = None
    async for item in items:
        last = item
    return last
