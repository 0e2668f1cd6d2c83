"""Streams that no callback hears.

LangChain keeps each chunk of a stream until its end, to hand the sum to callbacks; a model that
serves a thousand streams holds, and the garbage collector walks, what nobody asked for. Where there
is no callback, tracer or debug print, the chunks go to the caller alone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import aclosing, closing
from typing import Any

from langchain_core.callbacks import AsyncCallbackManager, CallbackManager
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    convert_to_messages,
)
from langchain_core.prompt_values import PromptValue
from langchain_core.runnables import RunnableConfig
from langchain_core.utils.uuid import uuid7

from langchain_agents._seams import normalizer
from remote_agents.json_types import Arguments


def stream_messages(
    model: BaseChatModel,
    value: LanguageModelInput,
    config: RunnableConfig,
    stop: list[str] | None,
    kwargs: Arguments,
    with_callbacks: Callable[..., Generator[AIMessageChunk, None, None]],
) -> Generator[AIMessageChunk, None, None]:
    """What LangChain's own `stream` of a model gives; nothing is done before it is iterated.

    Args:
        model: The model that streams.
        value: What it is asked.
        config: The call's configuration.
        stop: Where the answer ends.
        kwargs: The call's arguments; some switch streaming off.
        with_callbacks: LangChain's own, for a stream that a callback hears.
    """
    messages = _messages_without_callbacks(model, value, CallbackManager, config, kwargs)
    if messages is None:
        yield from with_callbacks(value, config, stop, kwargs)
        return
    message_id = _prepared(config, kwargs)
    if model.rate_limiter:
        model.rate_limiter.acquire(blocking=True)
    turn: Any = model._stream(messages, stop, **kwargs)
    with closing(turn) as chunks:
        for chunk in chunks:
            chunk.message.id = message_id
            yield chunk.message


async def astream_messages(
    model: BaseChatModel,
    value: LanguageModelInput,
    config: RunnableConfig,
    stop: list[str] | None,
    kwargs: Arguments,
    with_callbacks: Callable[..., AsyncGenerator[AIMessageChunk, None]],
) -> AsyncGenerator[AIMessageChunk, None]:
    """The same as `stream_messages`, with asyncio."""
    messages = _messages_without_callbacks(model, value, AsyncCallbackManager, config, kwargs)
    if messages is None:
        async with aclosing(with_callbacks(value, config, stop, kwargs)) as pieces:
            async for piece in pieces:
                yield piece
        return
    message_id = _prepared(config, kwargs)
    if model.rate_limiter:
        await model.rate_limiter.aacquire(blocking=True)
    turn: Any = model._astream(messages, stop, **kwargs)
    async with aclosing(turn) as chunks:
        async for chunk in chunks:
            chunk.message.id = message_id
            yield chunk.message


def _messages_without_callbacks(
    model: BaseChatModel,
    value: LanguageModelInput,
    manager: type[CallbackManager | AsyncCallbackManager],
    config: RunnableConfig,
    kwargs: Mapping[str, Any],
) -> list[BaseMessage] | None:
    """The messages of a stream that may go to its caller alone; None of one that may not.

    LangChain's manager of callbacks is asked who listens, by argument, environment variable or
    context.
    """
    normalize = None if model.output_version == "v1" else normalizer(model, kwargs)
    if normalize is None:
        return None
    listening = manager.configure(config.get("callbacks"), model.callbacks, model.verbose)
    return None if listening.handlers else normalize(as_messages(value))


def as_messages(value: LanguageModelInput) -> list[BaseMessage]:
    """The messages of what a model is asked."""
    if isinstance(value, PromptValue):
        return value.to_messages()
    if isinstance(value, str):
        return [HumanMessage(value)]
    return convert_to_messages(value)


def _prepared(config: RunnableConfig, kwargs: Arguments) -> str:
    """The id of the message that answers; what only tracers are told is taken out."""
    for name in _FOR_TRACERS:
        kwargs.pop(name, None)
    return f"lc_run--{config.pop('run_id', None) or uuid7()}"


_FOR_TRACERS = ("ls_structured_output_format", "structured_output_format")
