"""LangChain's `version="v3"` streams, with an end for the turn that nobody follows any more.

LangChain's own stream and what feeds it hold each other: left early, the sync one would keep its
connection until a garbage collection, and the async one would go on to the end of the answer. So
the caller gets a handle of it, and so do those who ask the handle for `text` or `output`. All
handles of a stream share one hold; the turn ends with it.

Less does not do. A handle of the stream alone, or a weak reference to it in what pulls it, would
end the turn of a caller who keeps only `stream.text`, as most do; and the text cannot hold the
stream, which holds the text, without being such a circle again. `close()` alone would leave a
stream that is dropped, or a loop that is broken off, as LangChain leaves it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models.chat_model_stream import (
    AsyncChatModelStream,
    AsyncProjection,
    AsyncTextProjection,
    ChatModelStream,
    SyncProjection,
    SyncTextProjection,
)
from langchain_core.outputs import LLMResult
from typing_extensions import Self

from langchain_agents._errors import as_model_error
from remote_agents.background import begin
from remote_agents.errors import AgentStreamError
from remote_agents.json_types import JsonMapping, JsonObject


def closable(stream: ChatModelStream) -> ClosableStream:
    """A handle of a sync stream.

    Args:
        stream: LangChain's own, which nobody else uses.
    """
    return ClosableStream(stream, Hold(lambda: _unwire(stream)))


async def aclosable(opening: Awaitable[AsyncChatModelStream]) -> AsyncClosableStream:
    """A handle of an async stream.

    Args:
        opening: Gives LangChain's own, which nobody else uses.
    """
    stream, loop = await opening, asyncio.get_running_loop()
    return AsyncClosableStream(stream, Hold(lambda: _cancel(stream, loop)))


def _unwire(stream: ChatModelStream) -> None:
    """Drop what pulls the stream; the generator of the turn goes with it, and closes."""
    stream.set_start(None)
    stream.set_request_more(lambda: False)
    if not stream.done:
        stream.fail(as_model_error(AgentStreamError(_LEFT)))


def _cancel(stream: AsyncChatModelStream, loop: asyncio.AbstractEventLoop) -> None:
    if stream.done or loop.is_closed():
        return
    stream.set_start(None)  # one that nobody read is not to start now
    loop.call_soon_threadsafe(lambda: begin(loop, stream.aclose()))


_LEFT = "The stream was closed before its answer was complete."


class Hold:
    """Whoever holds it wants the stream to go on."""

    def __init__(self, end: Callable[[], None]) -> None:
        self.end = end

    def __del__(self) -> None:
        self.end()


class _Handle:
    """Reads everything from what it is a handle of."""

    _source: Any
    _hold: Hold

    def __init__(self, source: Any, hold: Hold) -> None:
        self._source, self._hold = source, hold
        for name, value in getattr(source, "__dict__", {}).items():
            if handle := _HANDLES.get(type(value)):
                setattr(self, name, handle(value, hold))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)


class _SyncHandle(_Handle):
    def __iter__(self) -> Iterator[Any]:
        yield from self._source


class _AsyncHandle(_Handle):
    def __aiter__(self) -> Any:
        return _Following(self._source, self._hold)


class _Following:
    """An iterator that keeps the hold."""

    def __init__(self, source: Any, hold: Hold) -> None:
        self._next = aiter(source).__anext__
        self._hold = hold

    def __aiter__(self) -> Self:
        return self

    def __anext__(self) -> Any:
        return self._next()


class _Projection(_SyncHandle, SyncProjection):
    def get(self) -> Any:
        return self._source.get()


class _TextProjection(_Projection, SyncTextProjection):
    pass


class _AsyncProjection(_AsyncHandle, AsyncProjection):
    pass


class _AsyncTextProjection(_AsyncProjection, AsyncTextProjection):
    pass


_HANDLES: dict[type, Any] = {
    SyncProjection: _Projection,
    SyncTextProjection: _TextProjection,
    AsyncProjection: _AsyncProjection,
    AsyncTextProjection: _AsyncTextProjection,
}


class ClosableStream(_SyncHandle, ChatModelStream):
    """A `ChatModelStream` that can be left: dropped, closed, or as a `with` block.

    Example:
        >>> with model.stream_events("Hi", version="v3") as stream:  # doctest: +SKIP
        ...     print(next(iter(stream.text)))
    """

    @property
    def output(self) -> Any:
        """The whole message; waits for it."""
        return self._source.output

    def close(self) -> None:
        """End the turn and free its connection, if the answer is not complete."""
        self._hold.end()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class AsyncClosableStream(_AsyncHandle, AsyncChatModelStream):
    """An `AsyncChatModelStream` that can be left: dropped, closed, or as an `async with` block."""

    async def aclose(self) -> None:
        """End the turn and free its connection, if the answer is not complete."""
        await self._source.aclose()


def with_callbacks(
    pieces: Iterator[JsonObject], run_manager: CallbackManagerForLLMRun | None
) -> Iterator[JsonObject]:
    """The protocol's events of a turn, of which callbacks hear the tokens, and that it was left.

    Args:
        pieces: The events.
        run_manager: Knows the callbacks.
    """
    piece: JsonMapping = {}
    try:
        for piece in pieces:
            if run_manager and run_manager.handlers and (token := _token(piece)):
                run_manager.on_llm_new_token(token)
            yield piece
    except GeneratorExit as error:
        if run_manager and piece.get("event") != "message-finish":
            run_manager.on_llm_error(error, response=LLMResult(generations=[]))
        raise


async def awith_callbacks(
    pieces: AsyncGenerator[JsonObject, None],
    run_manager: AsyncCallbackManagerForLLMRun | None,
) -> AsyncIterator[JsonObject]:
    """The same with asyncio; LangChain says itself that the turn was cancelled."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def end(_: object) -> None:
        begin(loop, pieces.aclose())

    assert task is not None
    # The task that is cancelled ends the turn: its own traceback would keep it.
    task.add_done_callback(end)
    try:
        async with aclosing(pieces):
            async for piece in pieces:
                if run_manager and run_manager.handlers and (token := _token(piece)):
                    await run_manager.on_llm_new_token(token)
                yield piece
    finally:
        task.remove_done_callback(end)


def _token(event: JsonMapping) -> str | None:
    """The text in an event, for handlers that know only tokens (stdout, time to the first one)."""
    if event["event"] != "content-block-delta":
        return None
    text: str | None = event["delta"].get("text")
    return text
