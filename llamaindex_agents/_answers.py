"""The events of an answer as LlamaIndex's streams of responses."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, closing
from typing import Any, cast

from llama_index.core.base.llms.types import (
    ChatMessage,
    ChatResponse,
    ChatResponseAsyncGen,
    ChatResponseGen,
    CompletionResponse,
    CompletionResponseAsyncGen,
    CompletionResponseGen,
    ContentBlock,
    MessageRole,
    TextBlock,
    ThinkingBlock,
)

from llamaindex_agents._convert import chat_response
from remote_agents.types import Event, Finish, ReasoningDelta, TextDelta


class _Responses:
    """Turns the events of one answer into responses that each hold the text so far."""

    __slots__ = ("_text", "_thinking")

    def __init__(self) -> None:
        self._text = ""
        self._thinking: ThinkingBlock | None = None

    def of(self, event: Event) -> ChatResponse | None:
        """The response for an event, if it is one that is shown."""
        if type(event) is TextDelta:
            self._text += event.text
            return self._response(event.text, {})
        if type(event) is ReasoningDelta:
            before = (self._thinking and self._thinking.content) or ""
            self._thinking = ThinkingBlock(content=before + event.text)
            return self._response("", {"thinking_delta": event.text})
        return chat_response(event.reply, delta="") if type(event) is Finish else None

    def _response(self, delta: str, extra: dict[str, Any]) -> ChatResponse:
        return partial_response(self._text, self._thinking, delta, extra)


def _constructed(
    text: str, thinking: ThinkingBlock | None, delta: str, extra: dict[str, Any]
) -> ChatResponse:
    """A response amid a stream."""
    said = TextBlock(text=text)
    blocks: list[ContentBlock] = [thinking, said] if thinking else [said]
    message = ChatMessage(role=MessageRole.ASSISTANT, blocks=blocks)
    return ChatResponse(message=message, delta=delta, additional_kwargs=extra)


_RESPONSE = _constructed("", None, "", {})
_MESSAGE, _TEXT = _RESPONSE.message, _RESPONSE.message.blocks[0]


def _cloned(
    text: str, thinking: ThinkingBlock | None, delta: str, extra: dict[str, Any]
) -> ChatResponse:
    """The same, at a fraction of what Pydantic's constructors cost."""
    said = _like(_TEXT, text=text)
    blocks = [thinking, said] if thinking else [said]
    message = _like(_MESSAGE, blocks=blocks, additional_kwargs={})
    response = _like(_RESPONSE, message=message, delta=delta, additional_kwargs=extra)
    return cast(ChatResponse, response)


def _like(template: Any, **fields: Any) -> Any:
    """A copy of a Pydantic object with other values in fields that were given to it."""
    model = object.__new__(type(template))
    object.__setattr__(model, "__dict__", {**template.__dict__, **fields})
    object.__setattr__(model, "__pydantic_fields_set__", template.__pydantic_fields_set__.copy())
    object.__setattr__(model, "__pydantic_extra__", None)
    object.__setattr__(model, "__pydantic_private__", None)
    return model


def _same(one: Any, other: Any) -> bool:
    """Whether nothing tells two responses apart, inside and out."""
    inside = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
    levels = [(one, other), (one.message, other.message)]
    levels += zip(one.message.blocks, other.message.blocks, strict=True)
    return all(
        type(a) is type(b) and all(getattr(a, name) == getattr(b, name) for name in inside)
        for a, b in levels
    )


# With a Pydantic or LlamaIndex whose objects are made otherwise, the constructors are used.
_SAMPLE: Any = ("text", ThinkingBlock(content="so"), "t", {"thinking_delta": "o"})
partial_response = _cloned if _same(_cloned(*_SAMPLE), _constructed(*_SAMPLE)) else _constructed


def chat_responses(events: Iterator[Event]) -> ChatResponseGen:
    """The events of an answer as a stream of responses; closing it closes the answer."""
    responses = _Responses()
    with closing(cast(Any, events)):
        for event in events:
            if (response := responses.of(event)) is not None:
                yield response


async def achat_responses(events: AsyncIterator[Event]) -> ChatResponseAsyncGen:
    """The same as `chat_responses`, with asyncio."""
    responses = _Responses()
    async with aclosing(cast(Any, events)):
        async for event in events:
            if (response := responses.of(event)) is not None:
                yield response


def completion(response: ChatResponse) -> CompletionResponse:
    """A chat response as a completion."""
    return CompletionResponse(
        text=response.message.content or "",
        delta=response.delta,
        raw=response.raw,
        additional_kwargs={**response.message.additional_kwargs, **response.additional_kwargs},
    )


def completions(responses: ChatResponseGen) -> CompletionResponseGen:
    """A stream of chat responses as completions."""
    with closing(responses):
        for response in responses:
            yield completion(response)


async def acompletions(responses: ChatResponseAsyncGen) -> CompletionResponseAsyncGen:
    """The same as `completions`, with asyncio."""
    async with aclosing(responses):
        async for response in responses:
            yield completion(response)
