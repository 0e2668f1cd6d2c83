"""The two drivers of flows: `run` with blocking I/O, `arun` with asyncio.

What touches a client exists twice: these drivers, the two sides of `http/`, and the thin methods of
the faces. No rule of a turn does.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import inspect
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, suppress
from functools import partial
from types import GeneratorType
from typing import Any, TypeVar, cast

from remote_agents.errors import AgentError, ConfigurationError
from remote_agents.flow import (
    DeadlineReached,
    Defer,
    Do,
    Emit,
    Flow,
    Parting,
    Read,
    Send,
    Sender,
    Sleep,
    StreamConsumer,
    Wait,
)
from remote_agents.partings import asend_apart, get_ready, send_apart
from remote_agents.workers import awaited, workers

T = TypeVar("T")


class Stack:
    """A flow, and those that it waits for, each yielded by the one before; steps like a generator.

    Args:
        flow: The outermost one.

    Example:
        >>> def inner():
        ...     return (yield Sleep(1.0))
        >>> def outer():
        ...     return (yield inner())
        >>> Stack(outer()).send(None)
        Sleep(seconds=1.0)
    """

    def __init__(self, flow: Flow[Any]) -> None:
        self._flows = [flow]

    def send(self, value: Any) -> Any:
        """Give the innermost flow the result of its operation; gives the next operation.

        Raises:
            StopIteration: The outermost flow has returned; with its value.
        """
        return self._step(value, None)

    def throw(self, error: BaseException) -> Any:
        """The same as `send`, for an operation that failed."""
        return self._step(None, error)

    def _step(self, value: Any, error: BaseException | None) -> Any:
        flows = self._flows
        while True:
            try:
                op = flows[-1].send(value) if error is None else flows[-1].throw(error)
            except StopIteration as stop:
                flows.pop()
                if not flows:
                    raise
                value, error = stop.value, None
            except BaseException as raised:
                flows.pop()
                error = None  # an error that knows this frame, and the frame it: garbage
                if not flows:
                    raise
                value, error = None, raised
            else:
                error = None
                if type(op) is not GeneratorType:
                    return op
                flows.append(op)
                value = None

    def close(self) -> None:
        """End the flows, the innermost first."""
        if self._flows:
            with ExitStack() as closing:
                for flow in self._flows:
                    closing.callback(flow.close)


def run(flow: Flow[T], client: Sender) -> Generator[Any, None, T]:
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
    io, steps = _BlockingIO(client), Stack(flow)
    try:
        step: Callable[[Any], Any] = steps.send
        value: Any = None
        while True:
            try:
                op = step(value)
            except StopIteration as stop:
                return cast("T", stop.value)
            except AgentError as error:
                op = value = None  # the request, and an error that knows its frame: garbage
                raise error.with_traceback(None) from None
            except BaseException:
                op = value = None
                raise
            try:
                if type(op) is Emit:
                    io.meet_consumer()
                    yield from _handed_out(op.items, io.consumer)
                    value = None
                else:
                    value = io.perform(op)
                step = steps.send
            except GeneratorExit:
                raise
            except BaseException as error:
                step, value = steps.throw, error
    finally:
        io.end_with(steps)


async def arun(flow: Flow[T], client: Sender) -> AsyncGenerator[Any, None]:
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
    io, steps = _AsyncIO(client), Stack(flow)
    try:
        step: Callable[[Any], Any] = steps.send
        value: Any = None
        while True:
            try:
                op = step(value)
            except StopIteration:
                return
            except AgentError as error:
                op = value = None
                raise error.with_traceback(None) from None
            except BaseException:
                op = value = None
                raise
            try:
                if type(op) is Emit:
                    io.meet_consumer()
                    for item in _handed_out(op.items, io.consumer):
                        yield item
                    value = None
                else:
                    value = await io.perform(op)
                step = steps.send
            except GeneratorExit:
                raise
            except BaseException as error:
                step, value = steps.throw, error
    finally:
        await io.aend_with(steps)


def value_of(flow: Flow[T], client: Sender) -> T:
    """Drive a flow that emits nothing with blocking I/O and return its value."""
    items = run(flow, client)
    while True:
        try:
            next(items)
        except StopIteration as stop:
            return cast("T", stop.value)


async def avalue_of(flow: Flow[T], client: Sender) -> T:
    """The same as `value_of`, with asyncio."""

    def last() -> Flow[None]:
        yield Emit([(yield from flow)])

    value: Any = None
    async for item in arun(last(), client):
        value = item
    return cast("T", value)


def _handed_out(items: Sequence[Any], consumer: StreamConsumer | None) -> Iterator[Any]:
    """The items one by one: each that is asked for is a sign of life."""
    if consumer is None:
        yield from items
        return
    for item in items:
        consumer.waits = time.monotonic()
        yield item
        consumer.waits = None
        if consumer.ended_by is not None:
            raise consumer.ended_by


class _IO:
    """What both drivers keep of one flow."""

    def __init__(self, client: Sender) -> None:
        self.consumer: StreamConsumer | None = None
        self._has_met = False
        self._client = client
        self._open: list[Any] = []
        self._deferred: list[Defer] = []

    def meet_consumer(self) -> None:
        """Before the first items are handed out; not from a loop of our own, which it would see."""
        if self.consumer is not None and not self._has_met:
            self._has_met = True
            self.consumer.begin()

    def _keep(self, response: Any, loop: asyncio.AbstractEventLoop | None) -> Any:
        self._open.append(response)
        if self.consumer is not None:
            self.consumer.response, self.consumer.loop = response, loop
        return response

    def _leaves_something(self) -> bool:
        return bool(self._open or [op for op in self._deferred if op.needed()])

    def _note(self, op: Defer) -> None:
        self._deferred.append(op)
        self.consumer = op.consumer or self.consumer


class _BlockingIO(_IO):
    def perform(self, op: object) -> Any:
        return _BLOCKING[type(op)](self, op)

    def end_with(self, steps: Stack) -> None:
        """End what is left, the last first; an answer that was read to its end leaves nothing."""
        if not self._leaves_something():
            steps.close()
            return
        with ExitStack() as stack:
            for op in self._deferred:
                stack.callback(_do_at_last, op)
            for response in self._open:
                stack.callback(response.release)
            stack.callback(steps.close)

    def _send(self, op: Send) -> Any:
        return self._keep(self._client.open_response(op), None)

    def _next_bytes(self, op: Read) -> bytes | None:
        chunk: bytes | None = op.response.read(op.deadline)
        if chunk is None:
            self._open.remove(op.response)
        return chunk

    def _do(self, op: Do) -> Any:
        value = _do(op)
        if inspect.isawaitable(value):
            getattr(value, "close", lambda: None)()  # of a coroutine, and of what holds one
            raise ConfigurationError(
                "api_key, or account, is an async function: only the async methods can use it."
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

    def _defer(self, op: Defer) -> bool:
        self._note(op)
        return True

    def _parting(self, op: Parting) -> None:
        self._note(Defer(Do(partial(send_apart, self._client, op.send)), op.needed))


class _AsyncIO(_IO):
    def perform(self, op: object) -> Awaitable[Any]:
        done: Awaitable[Any] = _ASYNC[type(op)](self, op)
        return done

    async def aend_with(self, steps: Stack) -> None:
        """The same as `end_with`, with asyncio."""
        if not self._leaves_something():
            steps.close()
            return
        async with AsyncExitStack() as stack:
            for op in self._deferred:
                stack.push_async_callback(_ado_at_last, op)
            for response in self._open:
                stack.push_async_callback(response.arelease)
            stack.callback(steps.close)

    async def _defer(self, op: Defer) -> bool:
        self._note(op)
        return False

    async def _parting(self, op: Parting) -> None:
        await get_ready()
        self._note(Defer(Do(partial(asend_apart, self._client, op.send)), op.needed))

    async def _send(self, op: Send) -> Any:
        response = await self._client.aopen_response(op)
        return self._keep(response, asyncio.get_running_loop())

    async def _next_bytes(self, op: Read) -> bytes | None:
        chunk: bytes | None = await op.response.aread(op.deadline)
        if chunk is None:
            self._open.remove(op.response)
        return chunk

    async def _sleep(self, op: Sleep) -> None:
        await asyncio.sleep(op.seconds)

    async def _wait(self, op: Wait) -> bool:
        done, _ = await asyncio.wait([asyncio.wrap_future(op.future)], timeout=op.seconds)
        return bool(done)

    async def _do(self, op: Do) -> Any:
        return await _ado(op)


def _table(io: type) -> dict[type, Callable[..., Any]]:
    names = {Send: "_send", Read: "_next_bytes", Sleep: "_sleep", Wait: "_wait", Do: "_do"}
    names = {**names, Defer: "_defer", Parting: "_parting"}
    return {op: getattr(io, name) for op, name in names.items()}


_BLOCKING, _ASYNC = _table(_BlockingIO), _table(_AsyncIO)


def _do(op: Do) -> Any:
    if op.blocks and op.within is not None and not op.timely:
        return workers.call(op.function, op.within)
    return op.function()


async def _ado(op: Do) -> Any:
    value = await workers.acall(op.function, op.within) if op.blocks else op.function()
    return await awaited(value, op.within) if inspect.isawaitable(value) else value


def _do_at_last(op: Defer) -> None:
    if op.needed():
        with suppress(DeadlineReached):
            _do(op.do)


async def _ado_at_last(op: Defer) -> None:
    if op.needed():
        with suppress(DeadlineReached):
            await _ado(op.do)
