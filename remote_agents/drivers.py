"""The two drivers of flows: `run` with blocking I/O, `arun` with asyncio.

What touches a client exists twice: these drivers, the two sides of `http/`, and the thin methods of
the faces. No rule of a turn does.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterator,
)
from contextlib import AsyncExitStack, ExitStack, closing, suppress
from typing import Any, Protocol, TypeVar

from remote_agents.errors import AgentError, ConfigurationError
from remote_agents.flow import DeadlineReached, Defer, Do, Emit, Flow, Read, Send, Sleep, Wait
from remote_agents.workers import workers

T = TypeVar("T")


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
            except AgentError as error:
                value = None  # an error that knows its frame, and the frame it: garbage
                raise error.with_traceback(None) from None
            except BaseException:
                value = None
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


async def arun(flow: Flow[T], client: Client) -> AsyncGenerator[Any, None]:
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
            except AgentError as error:
                value = None
                raise error.with_traceback(None) from None
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

    def perform(self, op: object) -> Any:
        return _BLOCKING[type(op)](self, op)

    def close(self) -> None:
        with ExitStack() as stack:
            for op in self._deferred:
                stack.callback(_do_at_last, op)
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
        value = _do(op)
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

    async def perform(self, op: object) -> Any:
        return await _ASYNC[type(op)](self, op)

    async def aclose(self) -> None:
        async with AsyncExitStack() as stack:
            for op in self._deferred:
                stack.push_async_callback(_ado_at_last, op)
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


def _do(op: Do | Defer) -> Any:
    if op.blocks and op.within is not None:
        return workers.call(op.function, op.within)
    return op.function()


async def _ado(op: Do | Defer) -> Any:
    value = await workers.acall(op.function, op.within) if op.blocks else op.function()
    return await _awaited(value, op.within) if inspect.isawaitable(value) else value


async def _awaited(value: Awaitable[T], within: float | None) -> T:
    if within is None:
        return await value
    task = asyncio.ensure_future(value)
    try:
        await asyncio.wait([task], timeout=within)
        if task.done():
            return task.result()
    finally:
        task.cancel()
    raise DeadlineReached


def _do_at_last(op: Defer) -> None:
    with suppress(DeadlineReached):
        _do(op)


async def _ado_at_last(op: Defer) -> None:
    with suppress(DeadlineReached):
        await _ado(op)


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
