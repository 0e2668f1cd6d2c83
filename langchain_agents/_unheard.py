"""Streams that no callback hears.

LangChain keeps each chunk of a stream until its end, to hand the sum to callbacks; a model that
serves a thousand streams holds, and the garbage collector walks, what nobody asked for. Where there
is no callback, tracer or debug print, the chunks go to the caller alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, closing
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.language_models._utils import _normalize_messages
from langchain_core.messages import AIMessageChunk, BaseMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.utils.uuid import uuid7


def is_unheard(
    model: BaseChatModel,
    manager: type[BaseCallbackManager],
    config: RunnableConfig,
    kwargs: Mapping[str, Any],
) -> bool:
    """Whether a stream may go to its caller alone.

    Args:
        model: The model that streams.
        manager: LangChain's manager of callbacks, sync or async; it is asked who listens, by
            argument, environment variable or context.
        config: The call's configuration.
        kwargs: The call's arguments; some switch streaming off.
    """
    if model.output_version == "v1" or not model._should_stream(
        async_api=False, **{**kwargs, "stream": True}
    ):
        return False
    listening = manager.configure(config.get("callbacks"), model.callbacks, model.verbose)  # type: ignore[attr-defined]
    return not listening.handlers


def stream_unheard(
    model: BaseChatModel,
    value: LanguageModelInput,
    config: RunnableConfig,
    stop: list[str] | None,
    kwargs: dict[str, Any],
) -> Iterator[AIMessageChunk]:
    """What the model's own `stream` gives; arguments as there."""
    messages, message_id = _prepared(model, value, config, kwargs)
    if model.rate_limiter:
        model.rate_limiter.acquire(blocking=True)
    turn: Any = model._stream(messages, stop, **kwargs)
    with closing(turn) as chunks:
        for chunk in chunks:
            chunk.message.id = message_id
            yield chunk.message


async def astream_unheard(
    model: BaseChatModel,
    value: LanguageModelInput,
    config: RunnableConfig,
    stop: list[str] | None,
    kwargs: dict[str, Any],
) -> AsyncIterator[AIMessageChunk]:
    """The same as `stream_unheard`, with asyncio."""
    messages, message_id = _prepared(model, value, config, kwargs)
    if model.rate_limiter:
        await model.rate_limiter.aacquire(blocking=True)
    turn: Any = model._astream(messages, stop, **kwargs)
    async with aclosing(turn) as chunks:
        async for chunk in chunks:
            chunk.message.id = message_id
            yield chunk.message


def _prepared(
    model: BaseChatModel, value: LanguageModelInput, config: RunnableConfig, kwargs: dict[str, Any]
) -> tuple[list[BaseMessage], str]:
    """The messages of a turn, and the id of the message that answers."""
    for name in _FOR_TRACERS:
        kwargs.pop(name, None)
    messages = _normalize_messages(model._convert_input(value).to_messages())
    return messages, f"lc_run--{config.pop('run_id', None) or uuid7()}"


_FOR_TRACERS = ("ls_structured_output_format", "structured_output_format")
